"""Skeleton, motion, rotations, kinematics and the exception tree. Imports nothing else of ours."""

from nestmotion.core.errors import NestmotionError, NestmotionWarning
from nestmotion.core.motion import Motion
from nestmotion.core.skeleton import Skeleton, canonical_skeleton

__all__ = ["Motion", "NestmotionError", "NestmotionWarning", "Skeleton", "canonical_skeleton"]
