"""Encoding and decoding: exact both ways, blind to where and which way a motion started."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.edit import canonicalize, move
from nestmotion.core.errors import SettingsError
from nestmotion.core.rotations import quat_from_rotation_vector
from nestmotion.features import FeatureLayout, decode, encode
from nestmotion.features.codec import PATH_TRUST_S, reconcile, root_way
from synthetic_motion import glide

LAYOUT = FeatureLayout()


def _motion(seed: int, frames: int, turns: float, fps: float = 20.0, tumbling: bool = False) -> Motion:
    """Smooth random motion that makes `turns` full turns; tumbling also rolls over head and feet."""
    rng = np.random.default_rng(seed)
    skeleton = canonical_skeleton()
    time = np.arange(frames)[:, None, None] / fps
    shape = (1, len(skeleton), 3)
    wave = np.sin(2 * np.pi * rng.uniform(0.1, 1.0, shape) * time + rng.uniform(0, 6, shape))
    quat = quat_from_rotation_vector(rng.uniform(-0.8, 0.8, shape) + 0.6 * wave)
    yaw = rng.uniform(-3, 3) + 2 * np.pi * turns * np.linspace(0, 1, frames)
    roll = 2 * np.pi * np.linspace(0, 1, frames) if tumbling else 0.4 * wave[:, 0, 0]
    quat[:, 0] = Rotation.from_euler("YX", np.stack((yaw, roll * np.ones(frames)), axis=1)).as_quat()
    root = rng.uniform(-5, 5, 3) + np.cumsum(rng.normal(scale=0.5 / fps, size=(frames, 3)), axis=0)
    return Motion(skeleton, fps, root, quat)


seeds = st.integers(0, 2**32 - 1)
motions = st.builds(
    _motion,
    seed=seeds,
    frames=st.integers(30, 120),
    turns=st.floats(-6, 6),
    fps=st.sampled_from([12.5, 20.0, 30.0]),
    tumbling=st.booleans(),
)


@given(motions)
def test_what_is_encoded_is_what_is_decoded(motion):
    decoded = decode(encode(motion), motion.skeleton, motion.fps)
    expected = canonicalize(motion)
    assert np.abs(decoded.positions_m - expected.positions_m).max() < 1e-5
    assert np.abs(decoded.root_m - expected.root_m).max() < 1e-5
    error = Rotation.from_quat(decoded.quat_local_xyzw.reshape(-1, 4)).inv() * Rotation.from_quat(
        expected.quat_local_xyzw.reshape(-1, 4)
    )
    assert error.magnitude().max() < 1e-5


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_even_the_shortest_motions_return(frames, seed):
    motion = _motion(seed, frames, turns=0.1)
    features = encode(motion)
    assert features.shape == (frames, LAYOUT.size)
    assert features.dtype == np.float32
    decoded = decode(features, motion.skeleton, motion.fps)
    assert np.abs(decoded.positions_m - canonicalize(motion).positions_m).max() < 1e-5


@pytest.mark.parametrize("turns", [-5.0, -1.0, 0.5, 3.0])
def test_full_turns_are_counted(turns):
    motion = _motion(3, 100, turns)
    heading = decode(encode(motion), motion.skeleton, motion.fps).heading_rad
    assert heading[0] == pytest.approx(0, abs=1e-6)
    assert heading[-1] == pytest.approx(2 * np.pi * turns, abs=1e-4)


@pytest.mark.parametrize("start", [0.0, 3.1])
@pytest.mark.parametrize("share", [0.5, 1.6])
def test_a_heading_does_not_leap_where_velocity_and_direction_drift_apart(share, start):
    """A network that says more, or less, turning than its direction shows: 1.6 turns for one."""
    frames, fps = 120, 20.0
    features = encode(_motion(3, frames, 0.0))
    heading = start + np.linspace(0, 2 * np.pi, frames)
    features[:, LAYOUT["root_heading"]] = np.stack((np.cos(heading), np.sin(heading)), axis=1)
    features[:, LAYOUT["heading_velocity"]] = share * 2 * np.pi / (frames - 1) * fps
    found, _ = root_way(features, LAYOUT, fps)
    turned = np.diff(found) * (frames - 1) / (2 * np.pi)  # of what the direction shows
    assert turned.min() > min(share, 1) - 0.1
    assert turned.max() < max(share, 1) + 0.1
    middle = (frames - 1) // 2
    assert found[middle] == pytest.approx(heading[middle], abs=0.1)


def test_the_faster_one_turns_the_more_velocity_is_believed():
    """A direction that stops half way while the velocity goes on, slowly and quickly."""
    frames, fps = 120, 20.0
    features = encode(_motion(3, frames, 0.0))
    kept = []
    for turn in (np.pi / 12, 2 * np.pi):
        heading = np.linspace(0, turn, frames).clip(max=turn / 2)
        features[:, LAYOUT["root_heading"]] = np.stack((np.cos(heading), np.sin(heading)), axis=1)
        features[:, LAYOUT["heading_velocity"]] = turn / (frames - 1) * fps
        found, _ = root_way(features, LAYOUT, fps)
        kept.append((found[-1] - found[0]) / turn)
    assert 0.5 < kept[0] < kept[1] < 1.0
    assert kept[1] > kept[0] + 0.1


def test_the_faster_one_goes_the_more_velocity_is_believed():
    """A network's path stands still in the middle of 6 s in which its velocity goes on evenly."""
    gone = []
    for speed in (0.5, 2.0, 4.0):
        features = encode(glide(ahead_m_s=speed, frames=120))
        path = features[:, LAYOUT["root_path"]]
        path[40:80] = path[40]
        path[80:] -= path[80] - path[40]
        _, way = root_way(features, LAYOUT, 20.0)
        gone.append((way[80, 1] - way[40, 1]) / (2 * speed))
    assert gone == sorted(gone)
    assert gone[0] < 0.5
    assert gone[2] > 1.5 * gone[0]


@given(motions, st.floats(-np.pi, np.pi), st.floats(-20, 20), st.floats(-20, 20))
def test_features_do_not_depend_on_where_and_which_way_it_began(motion, yaw, x, z):
    again = encode(move(motion, yaw, (x, 0.0, z)))
    difference = np.abs(again - encode(motion))
    difference[:, LAYOUT["contacts"]] = 0  # a threshold: the last digit may tip it
    assert difference.max() < 1e-4


def test_features_do_depend_on_height():
    sk = canonical_skeleton()
    rest = np.tile([0.0, 0.0, 0.0, 1.0], (10, len(sk), 1))
    motion = Motion(sk, 20.0, np.tile([0.0, 0.85, 0.0], (10, 1)), rest)
    raised = encode(move(motion, 0.0, (0, 0.5, 0))) - encode(motion)
    changed = {name for name, block in LAYOUT.blocks.items() if np.abs(raised[:, block]).max() > 1e-5}
    assert changed == {"root_height", "contacts"}


def test_blocks_hold_what_they_say():
    """Every block of a turning walk against a computation that shares no code with the codec."""
    motion = canonicalize(_motion(8, 50, turns=1.3))
    features, p, fps = encode(motion), motion.positions_m, motion.fps
    heading = motion.heading_rad
    to_heading = Rotation.from_euler("Y", -heading[:, None])

    def seen(vectors: np.ndarray) -> np.ndarray:
        return np.einsum("tab,t...b->t...a", to_heading.as_matrix(), vectors)

    # The last frame has the velocity of the frame before, seen in its own axes.
    velocity = seen(np.concatenate((p[1:] - p[:-1], p[-1:] - p[-2:-1])) * fps)
    turn_rate = np.diff(heading) * fps
    rotations = (
        Rotation.from_quat(motion.quat_local_xyzw.reshape(-1, 4)).as_matrix().reshape(50, 22, 3, 3)
    )
    rotations[:, 0] = to_heading.as_matrix() @ rotations[:, 0]
    expected = {
        "root_path": motion.root_m[:, [0, 2]],
        "root_heading": np.stack((np.cos(heading), np.sin(heading)), axis=1),
        "root_height": motion.root_m[:, 1:2],
        "root_velocity": velocity[:, 0, [0, 2]],
        "heading_velocity": np.append(turn_rate, turn_rate[-1])[:, None],
        "rotations": np.concatenate((rotations[..., 0], rotations[..., 1]), axis=-1).reshape(50, -1),
        "joint_positions": seen(p[:, 1:] - p[:, :1]).reshape(50, -1),
        "joint_velocities": velocity.reshape(50, -1),
    }
    for name, values in expected.items():
        assert np.abs(features[:, LAYOUT[name]] - values).max() < 2e-5, name


def test_walking_ahead_is_velocity_ahead(synthetic_walk):
    walk = synthetic_walk(speed_m_s=1.2)
    for yaw in (0.0, 1.0, np.pi):
        velocity = encode(move(walk, yaw, (3, 0, 1)))[:, LAYOUT["root_velocity"]]
        assert np.abs(velocity - (0.0, 1.2)).max() < 1e-5


def test_bone_lengths_hold_whatever_the_features():
    rng = np.random.default_rng(0)
    sk = canonical_skeleton()
    p = decode(rng.normal(size=(40, LAYOUT.size)), sk, 20.0).positions_m
    lengths = np.linalg.norm(p[:, 1:] - p[:, list(sk.parents[1:])], axis=-1)
    assert np.abs(lengths - np.linalg.norm(sk.offsets_m[1:], axis=-1)).max() < 1e-9


def test_nan_is_refused():
    features = np.full((5, LAYOUT.size), np.nan)
    with pytest.raises(SettingsError) as error:
        decode(features, canonical_skeleton(), 20.0)
    assert str(error.value) == "the motion holds NaN or infinity"


def _dense_solution(value: np.ndarray, velocity: np.ndarray, fps: float) -> np.ndarray:
    """The least squares problem of `reconcile`, stacked and given to LAPACK."""
    frames = len(value)
    differences = np.diff(np.eye(frames), axis=0)
    root_weight = 1.0 / (PATH_TRUST_S * fps)
    system = np.concatenate((differences, root_weight * np.eye(frames)))
    right = np.concatenate((velocity[:-1] / fps, root_weight * value))
    return np.linalg.lstsq(system, right, rcond=None)[0]


@given(
    st.integers(1, 200),
    st.integers(1, 3),
    st.sampled_from([5.0, 20.0, 60.0]),
    st.integers(0, 2**32 - 1),
)
def test_reconcile_solves_its_least_squares_problem(frames, columns, fps, seed):
    rng = np.random.default_rng(seed)
    value, velocity = rng.normal(size=(2, frames, columns))
    before = value.copy(), velocity.copy()
    assert np.abs(reconcile(value, velocity, fps) - _dense_solution(value, velocity, fps)).max() < 1e-8
    assert np.array_equal(value, before[0])
    assert np.array_equal(velocity, before[1])


@given(st.integers(1, 200), seeds)
def test_reconcile_leaves_what_agrees(frames, seed):
    value = np.cumsum(np.random.default_rng(seed).normal(size=(frames, 2)), axis=0)
    velocity = np.diff(value, axis=0, append=value[-1:]) * 20.0
    assert np.abs(reconcile(value, velocity, 20.0) - value).max() < 1e-9


def test_reconcile_follows_the_velocity_from_frame_to_frame():
    rng = np.random.default_rng(0)
    true = np.cumsum(rng.normal(scale=0.05, size=(200, 1)), axis=0)
    velocity = np.diff(true, axis=0, append=true[-1:]) * 20.0
    noisy = true + rng.normal(scale=0.05, size=true.shape)
    found = reconcile(noisy, velocity, 20.0)
    step_error = np.abs(np.diff(found - true, axis=0))
    assert step_error.mean() < 0.05 * np.abs(np.diff(noisy - true, axis=0)).mean()
    assert np.abs(found - true).mean() < 0.5 * np.abs(noisy - true).mean()


def test_reconcile_does_not_drift_with_a_velocity_that_is_always_off():
    """10 s of standing with velocities 0.1 m/s too high: integrated alone they end 1 m away."""
    value = np.zeros((200, 1))
    found = reconcile(value, np.full((200, 1), 0.1), 20.0)
    assert np.cumsum(np.full(199, 0.1))[-1] / 20.0 > 0.99
    assert np.abs(found).max() < 0.1 * PATH_TRUST_S
    assert np.abs(found[80:120]).max() < 0.002


@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_given_of_path_and_heading_is_kept(random_motion, seed):
    """Whatever the velocities say, which here are those of another motion."""
    features, other = (encode(random_motion(30, seed=seed + k)) for k in (0, 1))
    for name in ("root_velocity", "heading_velocity"):
        features[:, LAYOUT[name]] = np.clip(other[:, LAYOUT[name]], -2, 2)
    mask = np.zeros(features.shape, dtype=bool)
    for name in ("root_path", "root_heading"):
        mask[5:15, LAYOUT[name]] = True
    motion = decode(features, canonical_skeleton(), 20.0, mask)
    path = features[5:15, LAYOUT["root_path"]]
    assert np.abs(motion.root_m[5:15, [0, 2]] - path).max() < 2e-3
    free = decode(features, canonical_skeleton(), 20.0)
    assert np.abs(free.root_m[5:15, [0, 2]] - path).max() > 2e-3
