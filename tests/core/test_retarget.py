"""Motion of other skeletons on the canonical one."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from nestmotion.core import Motion, NestmotionError, Skeleton, canonical_skeleton
from nestmotion.core.fitting import LIMBS
from nestmotion.core.joint_names import match_joints
from nestmotion.core.kinematics import local_from_world
from nestmotion.core.retarget import retarget
from nestmotion.core.rotations import (
    canonical_sign,
    quat_apply,
    quat_conjugate,
    quat_from_rotation_vector,
    quat_from_yaw,
    quat_multiply,
    quat_normalize,
)
from nestmotion.io.bvh import load_bvh

SKELETON = canonical_skeleton()
BONES = [(a, b) for upper, lower, end, _ in LIMBS for a, b in ((upper, lower), (lower, end))]
CMU_FILES = ("cmu_02_01", "cmu_06_09", "cmu_07_01", "cmu_08_01", "cmu_09_01")
BANDAI_FILES = (
    "bandai_dataset-1_walk-back_normal_001",
    "bandai_dataset-1_walk_normal_002",
    "bandai_dataset-2_wave-left-hand_active_011",
)


def angle_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(2 * np.arccos(np.clip(np.abs((a * b).sum(axis=-1)), 0, 1)))


def rescaled(motion: Motion, scale: float) -> Motion:
    """The same rotations on a body of another size and with other names."""
    names = tuple("x:" + name for name in SKELETON.joint_names)
    skeleton = Skeleton(names, SKELETON.parents, SKELETON.offsets_m * scale)
    return Motion(skeleton, motion.fps, motion.root_m * scale, motion.quat_local_xyzw)


def with_other_axes(motion: Motion, seed: int) -> Motion:
    """The same movement in a file whose joints have arbitrary axes, hence a meaningless zero pose."""
    rng = np.random.default_rng(seed)
    axes = quat_normalize(rng.normal(size=(len(SKELETON), 4)))
    world = quat_multiply(motion.quat_world_xyzw, axes)
    parents = [max(p, 0) for p in SKELETON.parents]
    offsets = quat_apply(quat_conjugate(axes[parents]), SKELETON.offsets_m)
    names = tuple("x:" + name for name in SKELETON.joint_names)
    skeleton = Skeleton(names, SKELETON.parents, offsets)
    return Motion(skeleton, motion.fps, motion.root_m, local_from_world(SKELETON.parents, world))


def bone_angles_deg(source: Motion, ours: Motion, bones: Sequence[tuple[str, str]]) -> np.ndarray:
    """Angle between source and our bone directions, (T, bones)."""
    match = match_joints(source.skeleton)
    angles = []
    for start, end in bones:
        theirs = source.positions_m[:, match[end]] - source.positions_m[:, match[start]]
        bone = ours.joint_m(end) - ours.joint_m(start)
        lengths = np.linalg.norm(theirs, axis=-1) * np.linalg.norm(bone, axis=-1)
        angles.append(np.degrees(np.arccos(np.clip((theirs * bone).sum(axis=-1) / lengths, -1, 1))))
    return np.stack(angles, axis=-1)


def in_heading(motion: Motion, vectors: np.ndarray) -> np.ndarray:
    return quat_apply(quat_conjugate(quat_from_yaw(motion.heading_rad)), vectors)


def hinge_angle_deg(motion: Motion, lower: str, axis: Sequence[float]) -> np.ndarray:
    q = canonical_sign(motion.quat_local_xyzw[:, SKELETON.index(lower)])
    return 2 * np.degrees(np.arctan2(q[:, :3] @ np.array(axis), q[:, 3]))


def test_the_canonical_skeleton_is_left_alone(synthetic_walk: Callable[..., Motion]) -> None:
    motion = synthetic_walk()
    assert retarget(motion) is motion


@pytest.mark.parametrize("scale", [0.6, 1.0, 100.0])
def test_size_and_unit_do_not_matter(random_motion: Callable[..., Motion], scale: float) -> None:
    motion = random_motion()
    result = retarget(rescaled(motion, scale).with_metadata(prompt="a person waves"))
    assert result.skeleton == SKELETON
    assert result.metadata == {"prompt": "a person waves"}
    assert angle_deg(result.quat_local_xyzw, motion.quat_local_xyzw).max() < 1e-3
    np.testing.assert_allclose(result.root_m, motion.root_m, atol=1e-9)


def test_the_way_the_rest_pose_faces_does_not_matter(random_motion: Callable[..., Motion]) -> None:
    """A skeleton drawn facing -X has every offset, and every local rotation, turned."""
    motion = random_motion()
    turn = quat_from_yaw(np.array(-np.pi / 2))
    names = tuple("x:" + name for name in SKELETON.joint_names)
    skeleton = Skeleton(names, SKELETON.parents, quat_apply(turn, SKELETON.offsets_m))
    world = quat_multiply(motion.quat_world_xyzw, quat_conjugate(turn))
    source = Motion(skeleton, 20.0, motion.root_m, local_from_world(SKELETON.parents, world))
    np.testing.assert_allclose(source.positions_m, motion.positions_m, atol=1e-9)
    assert angle_deg(retarget(source).quat_world_xyzw, motion.quat_world_xyzw).max() < 1e-3


def test_the_path_keeps_its_size_when_asked(synthetic_walk: Callable[..., Motion]) -> None:
    motion = synthetic_walk()
    kept = retarget(rescaled(motion, 1.2), match_leg_length=False)
    travelled = kept.root_m[-1] - kept.root_m[0]
    np.testing.assert_allclose(travelled, 1.2 * (motion.root_m[-1] - motion.root_m[0]), atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_arbitrary_axes_give_the_same_bones(synthetic_walk: Callable[..., Motion], seed: int) -> None:
    motion = synthetic_walk()
    result = retarget(with_other_axes(motion, seed))
    np.testing.assert_allclose(result.positions_m, motion.positions_m, atol=1e-6)
    assert np.abs(result.heading_rad - motion.heading_rad).max() < 1e-6


def test_arbitrary_axes_keep_how_head_and_hands_turn(synthetic_walk: Callable[..., Motion]) -> None:
    """Turns of joints at the end of a chain move no joint, and still come through about their mean."""
    walk = synthetic_walk(frames=80)
    quat = walk.quat_local_xyzw.copy()
    shake = 0.7 * np.sin(np.linspace(0, 8 * np.pi, 80, endpoint=False))[:, None]
    quat[:, SKELETON.index("head")] = quat_from_rotation_vector(shake * np.array([0, 1.0, 0]))
    quat[:, SKELETON.index("left_wrist")] = quat_from_rotation_vector(shake * np.array([1.0, 0, 0]))
    motion = Motion(SKELETON, walk.fps, walk.root_m, quat)
    result = retarget(with_other_axes(motion, 7))
    for name in ("head", "left_wrist"):
        j = SKELETON.index(name)
        assert angle_deg(result.quat_local_xyzw[:, j], quat[:, j]).max() < 3


def test_joints_that_are_missing_follow_their_parent(random_motion: Callable[..., Motion]) -> None:
    """Without collars, toes and neck the rest comes through."""
    motion = random_motion()
    drop = ("left_collar", "right_collar", "left_foot", "right_foot", "neck")
    quat = motion.quat_local_xyzw.copy()
    for name in drop:
        quat[:, SKELETON.index(name)] = (0, 0, 0, 1)
    motion = Motion(SKELETON, motion.fps, motion.root_m, quat)
    keep = [j for j, name in enumerate(SKELETON.joint_names) if name not in drop]
    rest = SKELETON.rest_positions_m
    parents, offsets = [], []
    for j in keep:
        parent = SKELETON.parents[j]
        while parent >= 0 and parent not in keep:
            parent = SKELETON.parents[parent]
        parents.append(keep.index(parent) if parent >= 0 else -1)
        offsets.append(rest[j] - (rest[parent] if parent >= 0 else 0))
    names = tuple(SKELETON.joint_names[j] for j in keep)
    skeleton = Skeleton(names, tuple(parents), np.array(offsets))
    result = retarget(Motion(skeleton, motion.fps, motion.root_m, quat[:, keep]))
    np.testing.assert_allclose(result.positions_m, motion.positions_m, atol=1e-6)


def test_a_skeleton_that_is_no_person_is_refused() -> None:
    skeleton = Skeleton(("cube", "lid"), (-1, 0), np.array([[0, 0, 0], [0, 1.0, 0]]))
    motion = Motion(skeleton, 20.0, np.zeros((1, 3)), np.tile([0, 0, 0, 1.0], (1, 2, 1)))
    with pytest.raises(NestmotionError, match=r"^cannot tell which joints are pelvis, left_hip"):
        retarget(motion)


@pytest.mark.corpus
@pytest.mark.parametrize("name", CMU_FILES + BANDAI_FILES)
def test_limbs_of_real_files_point_where_they_did(shared: Path, name: str) -> None:
    source = load_bvh(shared / "samples" / "bvh" / f"{name}.bvh")
    ours = retarget(source)
    assert bone_angles_deg(source, ours, BONES).max() < 0.01
    spine = [("spine1", "spine2")] if name in BANDAI_FILES else [("spine2", "spine3")]
    assert bone_angles_deg(source, ours, spine).mean() < 10


@pytest.mark.corpus
@pytest.mark.parametrize("name", CMU_FILES + BANDAI_FILES[:2])
def test_real_bodies_are_the_right_way_round(shared: Path, name: str) -> None:
    motion = retarget(load_bvh(shared / "samples" / "bvh" / f"{name}.bvh"))
    motion = motion.frames(1, len(motion))  # CMU's first frame is a T-pose
    for part in ("hip", "shoulder"):
        across = motion.joint_m(f"left_{part}") - motion.joint_m(f"right_{part}")
        assert in_heading(motion, across)[:, 0].min() > 0.1
    ankles = motion.joint_m("left_ankle") - motion.joint_m("right_ankle")
    assert in_heading(motion, ankles)[:, 0].mean() > 0.05
    for side in ("left", "right"):
        toes = motion.joint_m(f"{side}_foot") - motion.joint_m(f"{side}_ankle")
        assert np.percentile(in_heading(motion, toes)[:, 2], 75) > 0.1  # a runner's hang behind
        flexion = hinge_angle_deg(motion, f"{side}_knee", (1, 0, 0))
        assert flexion.min() > -12
        assert flexion.max() > 30
    gaze = quat_apply(motion.quat_world_xyzw[:, SKELETON.index("head")], np.array([0, 0, 1.0]))
    assert in_heading(motion, gaze)[:, 2].mean() > 0.7


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "forward"),
    [
        ("cmu_02_01", True),
        ("cmu_07_01", True),
        ("cmu_08_01", True),
        ("cmu_09_01", True),
        ("bandai_dataset-1_walk_normal_002", True),
        ("bandai_dataset-1_walk-back_normal_001", False),
    ],
)
def test_real_walks_go_the_way_they_face(shared: Path, name: str, forward: bool) -> None:
    motion = retarget(load_bvh(shared / "samples" / "bvh" / f"{name}.bvh"))
    steps = np.diff(motion.root_m[1:], axis=0)
    ahead = in_heading(motion.frames(2, len(motion)), steps)[:, 2].sum()
    assert ahead > 1 if forward else ahead < -1


@pytest.mark.corpus
@pytest.mark.parametrize("trial", ["02_01", "07_01", "08_01", "09_01"])
def test_another_conversion_of_the_same_trial_agrees(shared: Path, trial: str) -> None:
    """The corpus holds the same trials by way of another program's conversion to another skeleton."""
    ours = retarget(load_bvh(shared / "samples" / "bvh" / f"cmu_{trial}.bvh"))
    with np.load(shared / "corpus" / "cmu20.npz", allow_pickle=False) as corpus:
        row = list(corpus["trials"]).index(trial)
        rows = slice(int(corpus["start"][row]), int(corpus["start"][row] + corpus["length"][row]))
        names = [str(name) for name in corpus["joint_names"]]
        quat = np.tile([0.0, 0.0, 0.0, 1.0], (rows.stop - rows.start, len(names), 1))
        animated = [names.index(str(name)) for name in corpus["animated"]]
        quat[:, animated] = corpus["quat_xyzw"][rows] / 32767
        parents = tuple(int(p) for p in corpus["parents"])
        skeleton = Skeleton(tuple(names), parents, corpus["offsets_m"].astype(float))
        other = retarget(Motion(skeleton, 20.0, corpus["root_m"][rows].astype(float), quat))
    ours = ours.frames(1, len(ours))
    pairs = [(6 * k, k) for k in range(len(other)) if 6 * k < len(ours)]  # 120 fps against 20
    a, b = (np.array(column) for column in zip(*pairs, strict=True))
    error = angle_deg(ours.quat_world_xyzw[a], other.quat_world_xyzw[b]).mean(axis=0)
    limits = {"pelvis": 1, "spine1": 8, "spine2": 10, "spine3": 6, "head": 20}
    limits |= {f"{s}_{part}": 12 for s in ("left", "right") for part in ("hip", "knee", "ankle")}
    limits |= {f"{s}_shoulder": 12 for s in ("left", "right")}
    # The corpus' forearm is bent 17 degrees in its rest pose, which CMU's own files draw straight.
    limits |= {f"{s}_elbow": 24 for s in ("left", "right")}
    assert {
        n: error[SKELETON.index(n)] for n, most in limits.items() if error[SKELETON.index(n)] > most
    } == {}
