"""From a request of the Motion Model Context Protocol to a scene.

The protocol's world is ours: metres, Y up, quaternions xyzw, heading 0 facing +Z and growing to the
left. Its times are frames at the request's rate; the scene's are seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from motionmcp import GenerateRequest, ProtocolError
from motionmcp.schemas import (
    EffectorTargetConstraint,
    PoseKeyframeConstraint,
    RootPathConstraint,
    TextSegment,
)

from nestmotion.core import Motion, Skeleton
from nestmotion.core.edit import place_on_ground
from nestmotion.generate.scene import Keyframe, Path, Prompt, Scene, Target, Waypoint

__all__ = ["scene_of"]

SHORTEST_S = 1.0


def scene_of(
    request: GenerateRequest, skeleton: Skeleton, native_fps: float
) -> tuple[Scene, list[str]]:
    """The scene, at least as long as the request, and what of the request it leaves out, in words.

    Raises ProtocolError for what cannot be done, SceneError for what contradicts itself.
    """
    fps = request.fps(native_fps)
    # A frame of ours at or after the last one that is asked for.
    frames = math.ceil((request.total_frames - 1) / fps * native_fps - 1e-6) + 1
    seconds = max(frames / native_fps, SHORTEST_S)
    paths = [c for c in request.constraints if isinstance(c, RootPathConstraint)]
    targets = [c for c in request.constraints if isinstance(c, EffectorTargetConstraint)]
    poses = [c for c in request.constraints if isinstance(c, PoseKeyframeConstraint)]
    left_out = []
    if any(target.rotations is not None for target in targets):
        left_out.append("rotations of effector targets are not heeded, only their positions")
    scene = Scene(
        prompts=_prompts(request, fps, seconds),
        seconds=seconds,
        path=_path(paths, fps) if paths else None,
        keyframes=tuple(_keyframe(c, skeleton, native_fps, fps) for c in poses),
        targets=tuple(
            Target(c.joint, frame / fps, position)
            for c in targets
            for frame, position in zip(c.frames, c.positions, strict=True)
        ),
        loop=request.options is not None and request.options.loop,
    )
    return scene, left_out


def _prompts(request: GenerateRequest, fps: float, seconds: float) -> tuple[Prompt, ...]:
    guidance = request.options.guidance if request.options is not None else None
    strength = None
    if guidance is not None:
        strength = guidance.weight[0] if guidance.weight else 1.0
    prompts, start = [], 0
    for segment in request.segments:
        end = start + segment.duration_frames
        if isinstance(segment, TextSegment):
            until = seconds if segment is request.segments[-1] else min(end / fps, seconds)
            prompts.append(Prompt(segment.prompt, start / fps, until, strength=strength))
        start = end
    return tuple(prompts)


def _path(constraints: Sequence[RootPathConstraint], fps: float) -> Path:
    """All paths in one, in the order of their frames."""
    points: dict[int, Waypoint] = {}
    for constraint in constraints:
        headings = constraint.heading_radians or [None] * len(constraint.frames)
        rows = zip(constraint.frames, constraint.positions_xz, headings, strict=True)
        for frame, (x, z), heading in rows:
            degrees = None if heading is None else math.degrees(heading)
            points[frame] = Waypoint(x, z, frame / fps, degrees)
    if len(points) < 2:
        raise ProtocolError("invalid_options", "a root path needs two or more frames")
    return Path(tuple(points[frame] for frame in sorted(points)))


def _keyframe(
    constraint: PoseKeyframeConstraint, skeleton: Skeleton, native_fps: float, fps: float
) -> Keyframe:
    """A whole pose. Joints at the ends of limbs may be left out, others only where the rest pose is
    asked for in their place."""
    given = constraint.joint_rotations
    if constraint.fill_mode != "rest":
        lacking = [
            name
            for name, children in zip(skeleton.joint_names, skeleton.children, strict=True)
            if children and name not in given
        ]
        if lacking:
            raise ProtocolError(
                "invalid_options",
                f"a pose keyframe needs the rotations of all joints (here {', '.join(lacking)}) or "
                "fill_mode 'rest'",
            )
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (1, len(skeleton), 1))
    for name, rotation in given.items():
        quat[0, skeleton.index(name)] = rotation
    placed = constraint.root_position is not None
    root = np.array([constraint.root_position if placed else (0.0, 0.0, 0.0)], dtype=float)
    pose = Motion(skeleton, native_fps, root, quat)
    return Keyframe(constraint.frame / fps, pose if placed else place_on_ground(pose), placed=placed)
