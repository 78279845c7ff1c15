"""Rotations at the hard places: about every axis, by nothing, nearly nothing, nearly pi and pi."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.spatial.transform import Rotation

__all__ = ["AXES", "HARD", "IDENTITY", "ORDERS", "QUATS", "TINY", "VECTORS"]

AXES = np.concatenate([np.eye(3), -np.eye(3), np.random.default_rng(1).normal(size=(6, 3))])
AXES /= np.linalg.norm(AXES, axis=-1, keepdims=True)
TINY = 10.0 ** -np.arange(3, 10)
ANGLES = [0.0, *TINY, 0.5, np.pi / 2, 3.0, *(np.pi - TINY), np.pi]
HARD = Rotation.from_rotvec([a * x for a, x in itertools.product(ANGLES, AXES)])
QUATS = np.concatenate([Rotation.random(200, rng=7).as_quat(), HARD.as_quat(), -HARD.as_quat()])
VECTORS = np.random.default_rng(2).normal(size=(len(QUATS), 3))
ORDERS = ["".join(p) for p in itertools.permutations("XYZ")]
IDENTITY = np.array([0.0, 0.0, 0.0, 1.0])
