"""A scene in frames: who moves which part of the body when, what is known, where joints have to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from nestmotion.core import Skeleton
from nestmotion.core.edit import canonicalize, move
from nestmotion.core.errors import SceneError
from nestmotion.features import FeatureLayout
from nestmotion.features.known import Known, frame_mask
from nestmotion.features.parts import PARTS, part_columns
from nestmotion.features.place import encode_in_place
from nestmotion.generate.path import FASTEST_M_S, path_frames, slowed
from nestmotion.generate.scene import Kept, Keyframe, Scene
from nestmotion.generate.timeline import NOBODY

__all__ = ["Plan", "Points", "make_plan"]

# So much of what the scene starts from is shown to the network.
LEAD_S = 1.0

# Who moves less than this in half a second goes nowhere in particular.
GOES_M = 0.1

# A placed keyframe may stand this far off the path: people sway.
OFF_PATH_M = 0.25


@dataclass(frozen=True)
class Points:
    """Joint `joint[k]` has to be at `position_m[k]` at frame `frame[k]`: in the world or, where it is
    `relative`, in the heading frame at the root's place on the floor, whatever that is."""

    frame: Int[np.ndarray, "k"]
    joint: Int[np.ndarray, "k"]
    position_m: Float[np.ndarray, "k 3"]
    relative: Bool[np.ndarray, "k"]

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def world_frames(self) -> Int[np.ndarray, "m"]:
        """Frames of the points that are in the world; some of them more than once."""
        return self.frame[~self.relative]


@dataclass(frozen=True)
class Plan:
    """A scene in frames of the bundle, in its world; the first `lead` are what it starts from.

    owners (P, T): index of the prompt that moves each of PARTS, NOBODY where none does.
    known: what the network is told. guess (T, 3): x, z and heading of the root, as far as one can tell.
    place (T, 2), heading (T): of the root, as near to the wish as anybody can be; NaN without a wish.
    facing (T): where the person looks along the path, as `guess` says.
    poses: whole poses by frame, placed or not, with that same place.
    points: single joints. kept: stretches that replace what was made, each with its first frame.
    """

    frames: int
    lead: int
    owners: Int[np.ndarray, "p t"]
    known: Known
    guess: Float[np.ndarray, "t 3"]
    place: Float[np.ndarray, "t 2"]
    heading: Float[np.ndarray, "t"]
    facing: Bool[np.ndarray, "t"]
    poses: dict[int, Keyframe]
    points: Points
    kept: tuple[tuple[int, Kept], ...]

    @property
    def leads(self) -> bool:
        """Whether anything but texts is asked for: a place, a pose, a path, something to keep."""
        return bool(self.known.mask.any()) or len(self.points) > 0


def make_plan(scene: Scene, skeleton: Skeleton, fps: float) -> Plan:
    """The plan of a complete scene (`complete_scene`). Raises SceneError when a keyframe stands off the
    path, or the path does not begin where the scene does."""
    if scene.seconds is None:
        raise SceneError("the scene has no length yet; complete it first (complete_scene)")
    start, layout = scene.start_from, FeatureLayout.of(skeleton)
    lead = min(round(LEAD_S * fps), len(start)) if start is not None else 0
    total = lead + max(round(scene.seconds * fps), 1)

    def frame_of(time_s: float) -> int:
        return min(lead + round(time_s * fps), total - 1)

    kept = [(frame_of(k.start_s), k) for k in scene.kept]
    if start is not None:
        kept.insert(0, (0, Kept(start.frames(len(start) - lead, len(start)))))
    poses = {frame_of(k.time_s): k for k in scene.keyframes if not k.joints}
    place, heading, firm = _places(scene, kept, poses, lead, total, fps)
    wanted, place = place, slowed(place, fps, firm)
    _check_pace(wanted, place, firm, lead, fps)
    poses = {t: _moved(k, place[t]) if k.placed else k for t, k in poses.items()}

    known = Known(np.zeros((total, layout.size), np.float32), np.zeros((total, layout.size), bool))
    for first, stretch in kept:
        known = known | _of_kept(stretch, first, total)
    for frame, keyframe in poses.items():
        known = known | _of_pose(keyframe, frame, total)
    known = known | _of_place(place, heading, layout)
    return Plan(
        frames=total,
        lead=lead,
        owners=_owners(scene, lead, total, fps),
        known=known,
        guess=_guess(place, heading, fps),
        place=place,
        heading=heading,
        facing=_facing(scene, place, heading, lead),
        poses=poses,
        points=_in_time(_points(scene, skeleton, frame_of), place, fps),
        kept=tuple(kept),
    )


def _owners(scene: Scene, lead: int, total: int, fps: float) -> Int[np.ndarray, "p t"]:
    """Prompts that name parts come before those that take the rest."""
    owners = np.full((len(PARTS), total), NOBODY)
    for k, prompt in sorted(enumerate(scene.prompts), key=lambda pair: bool(pair[1].parts)):
        start = lead + round(prompt.start_s * fps)
        stop = total if prompt.end_s is None else lead + round(prompt.end_s * fps)
        rows = [row for row, part in enumerate(PARTS) if not prompt.parts or part in prompt.parts]
        owners[rows, start:stop] = k
    owners[:, :lead] = owners[:, lead : lead + 1]
    return owners


def _places(
    scene: Scene,
    kept: list[tuple[int, Kept]],
    poses: dict[int, Keyframe],
    lead: int,
    total: int,
    fps: float,
) -> tuple[Float[np.ndarray, "t 2"], Float[np.ndarray, "t"], Bool[np.ndarray, "t"]]:
    """Place and heading of the root wherever the scene says, and which of them may not move."""
    place, heading = np.full((total, 2), np.nan), np.full(total, np.nan)
    firm = np.zeros(total, dtype=bool)
    if scene.path is not None:
        place[lead:], heading[lead:] = path_frames(scene.path, total - lead, fps)
    for frame, keyframe in poses.items():
        if keyframe.placed:
            off = np.linalg.norm(keyframe.pose.root_m[0, [0, 2]] - place[frame])
            if off > OFF_PATH_M:
                raise SceneError(
                    f"keyframe at {keyframe.time_s:g} s: the pose stands {off:.2f} m off the path"
                )
            place[frame] = keyframe.pose.root_m[0, [0, 2]]
            heading[frame] = keyframe.pose.heading_rad[0]
    for first, stretch in kept:
        if not stretch.parts or "legs" in stretch.parts:
            there = slice(first, min(first + len(stretch.motion), total))
            count = there.stop - there.start
            place[there] = stretch.motion.root_m[:count, [0, 2]]
            heading[there] = stretch.motion.heading_rad[:count]
            firm[there] = True
    _begin(scene, place, heading, fps)
    firm[0] |= np.isfinite(place[0]).all()  # a scene begins where it says
    if lead and lead < total:
        off = np.linalg.norm(place[lead] - place[lead - 1])
        if off > OFF_PATH_M:
            raise SceneError(f"the path begins {off:.2f} m from where the scene starts")
    return place, heading, firm


def _check_pace(
    wanted: Float[np.ndarray, "t 2"],
    place: Float[np.ndarray, "t 2"],
    firm: Bool[np.ndarray, "t"],
    lead: int,
    fps: float,
) -> None:
    """Raises SceneError where what may not move is farther away than anybody gets in time."""
    off = np.where(firm, np.linalg.norm(np.nan_to_num(place - wanted), axis=1), 0.0)
    if off.max() > 0.01:
        frame = int(np.flatnonzero(off > 0.01)[0])
        raise SceneError(
            f"what is kept at {(frame - lead) / fps:g} s is {off[frame]:.1f} m farther away than one "
            f"gets by then at {FASTEST_M_S:g} m/s; give it another start or place"
        )


def _begin(
    scene: Scene, place: Float[np.ndarray, "t 2"], heading: Float[np.ndarray, "t"], fps: float
) -> None:
    """Unless it says otherwise, a scene that asks for more than texts begins over the origin, if one
    can get from there to its first place in time, and with heading 0."""
    given = np.flatnonzero(np.isfinite(place).all(axis=1))
    if not len(given):
        if scene.targets or scene.keyframes or scene.kept:
            place[0], heading[0] = 0.0, np.nan_to_num(heading[0])
        return
    if given[0] and np.linalg.norm(place[given[0]]) <= given[0] / fps * FASTEST_M_S:
        place[0] = 0.0
    ahead = scene.path is not None and scene.path.facing == "ahead" and not given[0]
    if np.isfinite(place[0]).all() and not ahead:
        heading[0] = np.nan_to_num(heading[0])


def _facing(
    scene: Scene, place: Float[np.ndarray, "t 2"], heading: Float[np.ndarray, "t"], lead: int
) -> Bool[np.ndarray, "t"]:
    ahead = scene.path is not None and scene.path.facing == "ahead"
    given = np.isfinite(place).all(axis=1) & ~np.isfinite(heading)
    given[:lead] = False
    return given if ahead else np.zeros_like(given)


def _moved(keyframe: Keyframe, place: Float[np.ndarray, "2"]) -> Keyframe:
    x, z = place - keyframe.pose.root_m[0, [0, 2]]
    return replace(keyframe, pose=move(keyframe.pose, 0.0, (float(x), 0.0, float(z))))


def _of_kept(kept: Kept, first: int, total: int) -> Known:
    motion = kept.motion.frames(0, total - first)
    layout, count = FeatureLayout.of(motion.skeleton), len(motion)
    held = np.zeros(total, dtype=bool)
    held[first : first + count] = True
    features = np.zeros((total, layout.size), dtype=np.float32)
    features[held] = encode_in_place(motion)
    columns = part_columns(motion.skeleton, kept.parts or PARTS)
    return Known(features, frame_mask(layout, held) & columns)


def _of_pose(keyframe: Keyframe, frame: int, total: int) -> Known:
    """All of a pose but its movement: one frame says nothing of velocities and contacts."""
    layout = FeatureLayout.of(keyframe.pose.skeleton)
    held = np.zeros(total, dtype=bool)
    held[frame] = True
    features = np.zeros((total, layout.size), dtype=np.float32)
    features[frame] = encode_in_place(keyframe.pose)[0]
    mask = frame_mask(layout, held)
    for block in ("contacts",) if keyframe.placed else ("contacts", "root_path", "root_heading"):
        mask[:, layout[block]] = False
    return Known(features, mask)


def _of_place(
    place: Float[np.ndarray, "t 2"], heading: Float[np.ndarray, "t"], layout: FeatureLayout
) -> Known:
    features = np.zeros((len(place), layout.size), dtype=np.float32)
    mask = np.zeros(features.shape, dtype=bool)
    features[:, layout["root_path"]] = np.nan_to_num(place)
    mask[:, layout["root_path"]] = np.isfinite(place)
    features[:, layout["root_heading"]] = np.nan_to_num(
        np.stack((np.cos(heading), np.sin(heading)), axis=1)
    )
    mask[:, layout["root_heading"]] = np.isfinite(heading)[:, None]
    return Known(features, mask)


def _guess(
    place: Float[np.ndarray, "t 2"], heading: Float[np.ndarray, "t"], fps: float
) -> Float[np.ndarray, "t 3"]:
    """The given places joined by straight lines, and the given headings likewise; without any, people
    face where they go."""
    frames = np.arange(len(place))
    guess = np.zeros((len(place), 3))
    given = np.isfinite(place).all(axis=1)
    if given.any():
        for c in (0, 1):
            guess[:, c] = np.interp(frames, frames[given], place[given, c])
    faced, yaw = np.isfinite(heading), heading.copy()
    ahead = np.minimum(frames + round(fps / 2), len(frames) - 1)
    step = guess[ahead, :2] - guess[:, :2]
    goes = (np.linalg.norm(step, axis=1) > GOES_M) & ~faced & given & given[ahead]
    yaw[goes] = np.arctan2(step[goes, 0], step[goes, 1])
    known = np.isfinite(yaw)
    if known.any():
        guess[:, 2] = np.interp(frames, frames[known], np.unwrap(yaw[known]))
    return guess


def _points(scene: Scene, skeleton: Skeleton, frame_of: Callable[[float], int]) -> Points:
    """Targets, and the joints of keyframes that name some."""
    rows: list[tuple[int, int, np.ndarray, bool]] = []
    for target in scene.targets:
        last = target.time_s if target.end_s is None else target.end_s
        for frame in range(frame_of(target.time_s), frame_of(last) + 1):
            rows.append((frame, skeleton.index(target.joint), np.array(target.position_m), False))
    for keyframe in scene.keyframes:
        pose = keyframe.pose if keyframe.placed else canonicalize(keyframe.pose)
        for name in keyframe.joints:
            joint = skeleton.index(name)
            place = pose.positions_m[0, joint]
            rows.append((frame_of(keyframe.time_s), joint, place, not keyframe.placed))
    return Points(
        np.array([row[0] for row in rows], dtype=int),
        np.array([row[1] for row in rows], dtype=int),
        np.array([row[2] for row in rows], dtype=float).reshape(-1, 3),
        np.array([row[3] for row in rows], dtype=bool),
    )


def _in_time(points: Points, place: Float[np.ndarray, "t 2"], fps: float) -> Points:
    """Points in the world no farther over the floor than the root gets in time, from the beginning and
    from one another, where nothing else says where the root is."""
    there = ~points.relative & np.isnan(place[points.frame, 0])
    if not there.any():
        return points
    frames = points.frame[there]
    way, count = np.zeros_like(place), np.bincount(frames, minlength=len(place))
    np.add.at(way, frames, points.position_m[there][:, [0, 2]])
    way[count == 0], firm = np.nan, np.isfinite(place).all(axis=1)
    way[count > 0] /= count[count > 0, None]
    way[firm] = place[firm]
    change = slowed(way, fps, firm) - way
    position = points.position_m.copy()
    position[np.ix_(there, [0, 2])] += change[frames]
    return replace(points, position_m=position)
