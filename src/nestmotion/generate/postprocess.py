"""Standing feet stand and others clear the floor: foot locking with two-bone inverse kinematics, on a
floor at y = 0."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from numpy.lib.stride_tricks import sliding_window_view

from nestmotion.core import Motion
from nestmotion.core.banded import smooth_correction
from nestmotion.core.edit import move
from nestmotion.core.errors import SettingsError
from nestmotion.core.rotations import (
    quat_apply,
    quat_between,
    quat_conjugate,
    quat_multiply,
    unroll_signs,
)
from nestmotion.core.runs import runs_of
from nestmotion.core.smoothing import gaussian_smooth, share_beside
from nestmotion.core.two_bone_ik import two_bone_ik
from nestmotion.features.contacts import foot_contacts
from nestmotion.features.layout import CONTACT_JOINTS

__all__ = ["PostProcess", "contact_stretches", "postprocess"]

# Weights of the least squares (core/banded.py), relative to that of the correction itself.
LOCK = 1e4
LOCK_HEIGHT = 4.0
FLOOR = 30.0
HOLD = 1e7

# A standing toe joint is this far above the floor at most; more is floating.
TOE_HEIGHT_M = 0.03

# A foot in the air is all of `clear_m` over the floor when it goes at this speed, less when slower.
SWING_M_S = 1.0

# A foot whose joints are so low and go at so little of the body's pace is meant to stand: who runs has
# feet that rest for too short a time to look slow by themselves. The pace is that of the root, smoothed
# over this standard deviation.
LOW_TOE_M, LOW_ANKLE_M, SLOW_SHARE, PACE_S = 0.04, 0.1, 0.6, 0.2

# A body under the floor is lifted so much earlier and later: with more it hovers where it goes down.
LIFT_S = 0.05

# A leg may be stretched by the lock to this share of its length, and is slowed down from the first on.
REACH = (0.985, 0.998)

# Beside where a foot is held a lock may move it less, growing to `most_m` over this time: a lock that
# went on to the frame before would leap there.
HELD_S = 0.4

KNEE_AXIS = np.array([1.0, 0.0, 0.0])


@dataclass(frozen=True)
class PostProcess:
    """Settings of `postprocess`.

    start, stop: contact probability at which a contact begins, and below which it ends.
    shortest, gap: contacts of fewer frames are dropped, after gaps of so many frames are closed.
    passes: how often feet are locked; what the first pass slows down, the next ones see standing.
    blend_s: time over which corrections fade in and out around a contact.
    most_m: no foot is moved farther in one pass; where it would need more, the foot slides.
    most_turn: likewise for its direction, as the sine of the angle about.
    clear_m: how far over the floor the lower joint of a foot in the air is, beside one that stands,
        when it goes fast.
    below_m: how far below the floor foot joints may go.
    smoothing: standard deviation in frames of a Gaussian over all joint rotations, before feet are
        locked; 0 for none.
    """

    start: float = 0.6
    stop: float = 0.4
    shortest: int = 3
    gap: int = 2
    passes: int = 2
    blend_s: float = 0.15
    most_m: float = 0.15
    most_turn: float = 0.5
    clear_m: float = 0.06
    below_m: float = 0.01
    smoothing: float = 0.0


def postprocess(
    motion: Motion,
    contact_probability: Float[np.ndarray, "t 4"] | None = None,
    settings: PostProcess = PostProcess(),
    held: Bool[np.ndarray, "t 2"] | None = None,
) -> Motion:
    """The motion with feet that do not slide while they stand, clear the floor while the other one
    does, and never sink into it.

    contact_probability: of CONTACT_JOINTS, as the network predicts it. What stands by heights and
        speeds (features/contacts.py), or is low and far slower than the body, counts as well, and alone
        when None.
    held: where the left and the right foot have to stay where they are; there the body is not lifted,
        and nowhere the whole motion.

    The body is first lifted for as long as knees, hands or trunk are under the floor, or feet deeper
    than a lock may move them, but not when it is there where a foot is held; then the whole motion if
    its standing feet are. After that the legs alone are changed. For each foot, first its direction and
    then its place are corrected by the smallest smooth curve that brings the standing joints to rest
    (core/banded.py); the foot pivots about the toe while only the toe stands. Hip and knee follow by
    two-bone inverse kinematics. A motion without contacts, of which nothing is under the floor, comes
    back unchanged. docs/adr/0032.
    Raises SettingsError when the probabilities do not fit the motion.
    """
    shape = (len(motion), len(CONTACT_JOINTS))
    meant = np.zeros(shape) if contact_probability is None else contact_probability
    if meant.shape != shape:
        raise SettingsError(
            f"a motion of {len(motion)} frames needs contact probabilities of shape {shape}, not "
            f"{meant.shape}"
        )
    motion = _smoothed(motion, settings.smoothing)
    for _ in range(settings.passes):
        told = np.where(_travels(motion, meant, settings), 0.0, meant)
        seen = foot_contacts(motion) | _left_behind(motion)
        contact = contact_stretches(np.maximum(told, seen), settings)
        motion = _standing(motion, contact, settings, held)
    return motion


def _standing(
    motion: Motion,
    contact: Bool[np.ndarray, "t 4"],
    settings: PostProcess,
    held: Bool[np.ndarray, "t 2"] | None,
) -> Motion:
    """One pass of `postprocess`."""
    hold = np.zeros((len(motion), 2), dtype=bool) if held is None else held
    share = np.stack([share_beside(foot, HELD_S * motion.fps) for foot in hold.T], axis=1)
    motion = _out_of_the_floor(motion, hold[:, 0] | hold[:, 1], settings)
    motion = _on_the_floor(motion, contact, settings) if held is None else motion
    ankle, toe = _feet(motion)
    if not contact.any() and min(ankle[..., 1].min(), toe[..., 1].min()) >= -settings.below_m:
        return motion
    ankles, toes = contact[:, 0::2], contact[:, 1::2]
    least = _clearance(toe, ankles | toes, motion.fps, settings)
    foot = _locked_direction(toe - ankle, ankles & toes, hold, share, motion.fps, settings)
    shift = _locked_place(ankle, foot, contact, least, hold, share, motion.fps, settings)
    return _move_feet(motion, ankle + shift, foot)


def _travels(
    motion: Motion, contact: Float[np.ndarray, "t 4"], settings: PostProcess
) -> Bool[np.ndarray, "t 4"]:
    """Contacts by the network in which a joint goes farther than a lock could hold it from both sides:
    along a path it calls feet standing that are carried along, and locks would snap at their ends."""
    state = contact_stretches(contact, settings)
    floor = motion.positions_m[:, [motion.skeleton.index(name) for name in CONTACT_JOINTS]][..., [0, 2]]
    travels = np.zeros_like(state)
    for column, (stands, place) in enumerate(zip(state.T, floor.transpose(1, 0, 2), strict=True)):
        for start, stop in runs_of(stands):
            far = np.linalg.norm(np.ptp(place[start:stop], axis=0)) > 2 * settings.most_m
            travels[start:stop, column] = far
    return travels


def _velocity(place: Float[np.ndarray, "t *k 3"], fps: float) -> Float[np.ndarray, "t *k 2"]:
    """Over the floor, metres a second."""
    if len(place) < 2:
        return np.zeros_like(place[..., [0, 2]])
    return np.gradient(place[..., [0, 2]], axis=0) * fps


def _left_behind(motion: Motion) -> Bool[np.ndarray, "t 4"]:
    """Joints of feet on the floor that are far slower than the body."""
    ankle, toe = _feet(motion)
    pace = gaussian_smooth(_velocity(motion.root_m, motion.fps), PACE_S * motion.fps)
    least = SLOW_SHARE * np.linalg.norm(pace, axis=-1)[:, None]
    slow = [np.linalg.norm(_velocity(joint, motion.fps), axis=-1) < least for joint in (ankle, toe)]
    toes = slow[1] & (toe[..., 1] < LOW_TOE_M)
    ankles = slow[0] & (ankle[..., 1] < LOW_ANKLE_M) & toes
    return np.stack((ankles, toes), axis=-1).reshape(len(motion), -1)


def _clearance(
    toe: Float[np.ndarray, "t 2 3"], stands: Bool[np.ndarray, "t 2"], fps: float, settings: PostProcess
) -> Float[np.ndarray, "t 2"]:
    """How far over the floor each foot's lower joint has to be while the other one stands: nothing
    while it stands itself, more the faster it goes. Where neither stands, both would hover."""
    speed = np.linalg.norm(_velocity(toe, fps), axis=-1)
    swings = ~stands & stands[:, ::-1]
    return np.where(swings, settings.clear_m * np.minimum(speed / SWING_M_S, 1.0), 0.0)


def contact_stretches(
    probability: Float[np.ndarray, "t k"], settings: PostProcess = PostProcess()
) -> Bool[np.ndarray, "t k"]:
    """Contacts from probabilities: hysteresis, short gaps closed, short contacts dropped."""
    state = np.zeros(probability.shape, dtype=bool)
    now = probability[0] >= settings.stop
    for t, p in enumerate(probability):
        now = np.where(now, p >= settings.stop, p >= settings.start)
        state[t] = now
    closed = ~_without_short_runs(~state, settings.gap + 1)
    return _without_short_runs(closed, settings.shortest)


def _without_short_runs(state: Bool[np.ndarray, "t k"], shortest: int) -> Bool[np.ndarray, "t k"]:
    """`state` with runs of True shorter than `shortest` removed, except at the ends of the clip."""
    result = state.copy()
    for column in result.T:
        for start, stop in runs_of(column):
            if stop - start < shortest and start > 0 and stop < len(column):
                column[start:stop] = False
    return result


def _smoothed(motion: Motion, sigma: float) -> Motion:
    if sigma <= 0:
        return motion
    return replace(
        motion,
        root_m=gaussian_smooth(motion.root_m, sigma),
        quat_local_xyzw=gaussian_smooth(unroll_signs(motion.quat_local_xyzw), sigma),
    )


def _feet(motion: Motion) -> tuple[Float[np.ndarray, "t 2 3"], Float[np.ndarray, "t 2 3"]]:
    """World places of the ankles and of the toes, left and right."""
    joints = [motion.skeleton.index(name) for name in CONTACT_JOINTS]
    return motion.positions_m[:, joints[0::2]], motion.positions_m[:, joints[1::2]]


def _on_the_floor(motion: Motion, contact: Bool[np.ndarray, "t 4"], settings: PostProcess) -> Motion:
    """The whole motion lifted when its standing feet are, in the median, under the floor."""
    ankle, toe = _feet(motion)
    lowest = np.minimum(ankle, toe)[..., 1]
    standing = lowest[contact[:, 0::2] | contact[:, 1::2]]
    if not len(standing):
        return motion
    lift = -settings.below_m - float(np.median(standing))
    return move(motion, 0.0, (0.0, lift, 0.0)) if lift > 0 else motion


def _out_of_the_floor(motion: Motion, held: Bool[np.ndarray, "t"], settings: PostProcess) -> Motion:
    """The root lifted where the body is so far under the floor that legs cannot mend it; nowhere when
    it was asked to be there."""
    height = motion.positions_m[..., 1].copy()
    height[:, [motion.skeleton.index(name) for name in CONTACT_JOINTS]] += settings.most_m
    depth = np.maximum(-settings.below_m - height.min(axis=1), 0.0)
    if not depth.any() or depth[held].any():
        return motion
    # The mean of the deepest in reach of every frame is nowhere less than the frame's own depth.
    reach = max(round(LIFT_S * motion.fps), 1)
    deepest = sliding_window_view(np.pad(depth, 2 * reach, mode="edge"), 2 * reach + 1).max(axis=1)
    kernel = np.hanning(2 * reach + 3)[1:-1]
    lift = np.where(held, 0.0, np.convolve(deepest, kernel / kernel.sum(), mode="valid"))
    return replace(motion, root_m=motion.root_m + lift[:, None] * (0.0, 1.0, 0.0))


def _steps(standing: Bool[np.ndarray, "t 2"]) -> Float[np.ndarray, "t 2 1"]:
    """1 where a frame and the next both stand, 0 elsewhere; the last row is 0."""
    both = standing.copy()
    both[:-1] &= standing[1:]
    both[-1] = False
    return both[..., None].astype(float)


def _limited(
    vector: Float[np.ndarray, "t 2 c"], most: Float[np.ndarray, "t 2"]
) -> Float[np.ndarray, "t 2 c"]:
    """Vectors shortened smoothly to at most `most`; up to two thirds of it nothing changes."""
    free = most[..., None] * 2 / 3
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    over = np.maximum(length - free, 0.0) / np.maximum(free / 2, 1e-12)
    limited = np.minimum(length, free) + free / 2 * np.tanh(over)
    return vector * (limited / np.maximum(length, 1e-12))


def _forward(values: Float[np.ndarray, "t *d"]) -> Float[np.ndarray, "t *d"]:
    """Difference to the next frame; 0 in the last."""
    return np.diff(values, axis=0, append=values[-1:])


def _locked_direction(
    foot: Float[np.ndarray, "t 2 3"],
    flat: Bool[np.ndarray, "t 2"],
    hold: Bool[np.ndarray, "t 2"],
    share: Float[np.ndarray, "t 2"],
    fps: float,
    settings: PostProcess,
) -> Float[np.ndarray, "t 2 3"]:
    """Ankle-to-toe vectors that do not turn while ankle and toe stand both; of unchanged length."""
    length = np.linalg.norm(foot, axis=-1, keepdims=True)
    unit = foot / length
    weight = LOCK * np.broadcast_to(_steps(flat), unit.shape)
    kept = HOLD * np.broadcast_to(hold[..., None], unit.shape)
    steps, blend = [(weight, _forward(unit))], settings.blend_s * fps
    turn = smooth_correction((kept, np.zeros_like(unit)), blend, steps)
    unit = unit + _limited(turn, share * settings.most_turn)
    return unit * (length / np.linalg.norm(unit, axis=-1, keepdims=True))


def _locked_place(
    ankle: Float[np.ndarray, "t 2 3"],
    foot: Float[np.ndarray, "t 2 3"],
    contact: Bool[np.ndarray, "t 4"],
    least: Float[np.ndarray, "t 2"],
    hold: Bool[np.ndarray, "t 2"],
    share: Float[np.ndarray, "t 2"],
    fps: float,
    settings: PostProcess,
) -> Float[np.ndarray, "t 2 3"]:
    """How far each foot is to be moved so that its standing joints rest, none is lower than `least`
    over the floor, and not at all where it is held."""
    toe, ankles, toes = ankle + foot, contact[:, 0::2], contact[:, 1::2]
    lock = np.array([LOCK, LOCK_HEIGHT, LOCK])
    steps = [(lock * _steps(s), _forward(p)) for s, p in ((ankles, ankle), (toes, toe))]
    lowest = np.minimum(ankle[..., 1], toe[..., 1])
    most = np.where(toes, TOE_HEIGHT_M, np.inf)
    weight, wanted = np.zeros_like(ankle), np.zeros_like(ankle)
    weight[..., 1] = FLOOR * (toes | (lowest < least))
    wanted[..., 1] = np.clip(lowest, least, most) - lowest
    weight[hold], wanted[hold] = HOLD, 0.0
    shift = smooth_correction((weight, wanted), settings.blend_s * fps, steps)
    shift = _limited(shift, share * settings.most_m)
    shift[..., 1] = np.maximum(shift[..., 1], -settings.below_m - lowest)
    return np.where(hold[..., None], 0.0, shift)


def _move_feet(
    motion: Motion, ankle: Float[np.ndarray, "t 2 3"], foot: Float[np.ndarray, "t 2 3"]
) -> Motion:
    """Bring ankles to their places and feet into their directions; hips and root stay."""
    skeleton, quat = motion.skeleton, motion.quat_local_xyzw.copy()
    end = [skeleton.index(name) for name in CONTACT_JOINTS[0::2]]
    toe = [skeleton.index(name) for name in CONTACT_JOINTS[1::2]]
    middle = [skeleton.parents[j] for j in end]
    start = [skeleton.parents[j] for j in middle]
    position, world = motion.positions_m, motion.quat_world_xyzw
    target = _reachable(position[:, start], position[:, middle], position[:, end], ankle)
    axis = quat_apply(world[:, start], KNEE_AXIS)
    turns = two_bone_ik(position[:, start], position[:, middle], position[:, end], target, axis)
    foot_turn = quat_between(position[:, toe] - position[:, end], foot)
    above = world[:, [skeleton.parents[j] for j in start]]
    for joints, turn in zip((start, middle, end), (*turns, foot_turn), strict=True):
        turned = quat_multiply(turn, world[:, joints])
        quat[:, joints] = quat_multiply(quat_conjugate(above), turned)
        above = turned
    return replace(motion, quat_local_xyzw=quat)


def _reachable(
    hip: Float[np.ndarray, "t 2 3"],
    knee: Float[np.ndarray, "t 2 3"],
    ankle: Float[np.ndarray, "t 2 3"],
    target: Float[np.ndarray, "t 2 3"],
) -> Float[np.ndarray, "t 2 3"]:
    """Targets drawn towards the hip, smoothly, where they would stretch the leg farther than REACH
    and farther than it is."""
    lengths = [np.linalg.norm(v, axis=-1, keepdims=True) for v in (knee - hip, ankle - knee)]
    free, full = (share * (lengths[0] + lengths[1]) for share in REACH)
    now, wanted = (np.linalg.norm(v - hip, axis=-1, keepdims=True) for v in (ankle, target))
    over = np.maximum(wanted - free, 0.0)
    soft = np.minimum(wanted, free) + (full - free) * np.tanh(over / (full - free))
    return hip + (target - hip) * (np.minimum(wanted, np.maximum(soft, now)) / wanted)
