"""BVH against an independent reader and against itself."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from bvh_files import SMALL, write
from nestmotion.core import Motion, NestmotionWarning, Skeleton, canonical_skeleton
from nestmotion.core.rotations import quat_from_euler
from nestmotion.io.bvh import guess_scale, load_bvh, save_bvh


def independent_positions(text: str) -> dict[str, np.ndarray]:
    """World positions (T, 3) by joint name, in the file's unit: another parser (by tokens) and another
    kinematics (4x4 matrices, one for each channel) than those under test."""
    head, tail = text.split("MOTION")
    words = iter(head.split())
    tail_words = tail.split()
    frames = int(tail_words[1])
    data = np.array(tail_words[5:], dtype=float).reshape(frames, -1)
    column = 0
    open_joints: list[np.ndarray | None] = []
    positions: dict[str, np.ndarray] = {}
    for word in words:
        if word in ("ROOT", "JOINT", "End"):
            name = next(words)
        elif word == "{":
            base = open_joints[-1] if open_joints else np.eye(4)
            open_joints.append(None if name == "Site" else base)
        elif word == "OFFSET":
            offset = [float(next(words)) for _ in range(3)]
        elif word == "CHANNELS":
            names = [next(words) for _ in range(int(next(words)))]
            shift = np.tile(offset, (frames, 1))
            turn = np.tile(np.eye(4), (frames, 1, 1))
            for channel in names:
                axis = "XYZ".index(channel[0])
                if channel.endswith("position"):
                    shift[:, axis] = data[:, column]
                else:
                    one = np.tile(np.eye(4), (frames, 1, 1))
                    vector = np.radians(data[:, [column]]) * np.eye(3)[axis]
                    one[:, :3, :3] = Rotation.from_rotvec(vector).as_matrix()
                    turn = turn @ one
                column += 1
            local = turn.copy()
            local[:, :3, 3] = shift
            open_joints[-1] = open_joints[-1] @ local
            positions[name] = open_joints[-1][:, :3, 3]
        elif word == "}":
            open_joints.pop()
    return positions


def largest_difference_m(motion: Motion, expected: dict[str, np.ndarray], scale: float) -> float:
    assert len(motion.skeleton) > 0
    return max(
        float(np.linalg.norm(motion.joint_m(name) - expected[name] * scale, axis=-1).max())
        for name in motion.skeleton.joint_names
    )


SAMPLES = [
    ("bandai_dataset-1_walk-back_normal_001", 0.01, 21, 30),
    ("bandai_dataset-1_walk_normal_002", 0.01, 21, 30),
    ("bandai_dataset-2_wave-left-hand_active_011", 0.01, 21, 30),
    ("cmu_02_01", 0.056444, 31, 120),
    ("cmu_06_09", 0.056444, 31, 120),
    ("cmu_07_01", 0.056444, 31, 120),
    ("cmu_08_01", 0.056444, 31, 120),
    ("cmu_09_01", 0.056444, 31, 120),
]


@pytest.mark.corpus
@pytest.mark.parametrize(("name", "scale", "joints", "fps"), SAMPLES)
def test_real_files_agree_with_an_independent_reader(shared, name, scale, joints, fps):
    path = shared / "samples" / "bvh" / f"{name}.bvh"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # their bones are rigid: nothing to warn of
        motion = load_bvh(path)
    assert (len(motion.skeleton), motion.fps) == (joints, fps)
    assert motion.skeleton.joint_names[0] == "Hips"
    # The file's numbers have six digits or fewer: 1e-5 m leaves room for bones taken as rigid.
    assert largest_difference_m(motion, independent_positions(path.read_text()), scale) < 1e-5


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["bandai_dataset-1_walk_normal_002", "cmu_07_01"])
def test_real_files_survive_writing(shared, tmp_path, name):
    motion = load_bvh(shared / "samples" / "bvh" / f"{name}.bvh")
    save_bvh(motion, tmp_path / "x.bvh")
    again = load_bvh(tmp_path / "x.bvh")
    assert again.skeleton == motion.skeleton
    assert np.abs(again.positions_m - motion.positions_m).max() < 1e-6


def random_tree_motion(joints: int, frames: int, fps: float, seed: int) -> Motion:
    """A tree of any shape whose angles are anything, gimbal lock and half turns included."""
    rng = np.random.default_rng(seed)
    parents = [-1] + [int(rng.integers(j)) for j in range(1, joints)]
    right_angles = rng.integers(-4, 5, (frames, joints, 3)) * np.pi / 2
    wild = rng.uniform(-7, 7, (frames, joints, 3))
    angles = np.where(rng.random((frames, joints, 1)) < 0.5, right_angles, wild)
    names = tuple(f"joint {j}" for j in range(joints))
    skeleton = Skeleton(names, tuple(parents), rng.normal(scale=0.3, size=(joints, 3)))
    root = rng.normal(scale=10, size=(frames, 3))
    return Motion(skeleton, fps, root, quat_from_euler("XYZ", angles))


@pytest.mark.filterwarnings("ignore::nestmotion.core.NestmotionWarning")
@given(
    joints=st.integers(1, 8),
    frames=st.integers(1, 4),
    fps=st.floats(0.5, 240),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([0.01, 1.0]),
)
def test_positions_survive_writing(tmp_path_factory, joints, frames, fps, seed, scale):
    motion = random_tree_motion(joints, frames, fps, seed)
    path = tmp_path_factory.mktemp("bvh") / "x.bvh"
    save_bvh(motion, path, scale)
    again = load_bvh(path, scale)
    assert set(again.skeleton.joint_names) == set(motion.skeleton.joint_names)
    assert again.fps == pytest.approx(motion.fps, rel=2e-4)
    for name in motion.skeleton.joint_names:
        np.testing.assert_allclose(again.joint_m(name), motion.joint_m(name), rtol=0, atol=1e-4)


def test_the_canonical_skeleton_comes_back_in_its_own_order_and_size(tmp_path, random_motion):
    motion = random_motion(frames=30)
    save_bvh(motion, tmp_path / "x.bvh")
    again = load_bvh(tmp_path / "x.bvh")
    assert again.skeleton == canonical_skeleton()
    assert again.fps == 20.0
    assert np.abs(again.positions_m - motion.positions_m).max() < 1e-6
    turn = Rotation.from_quat(again.quat_world_xyzw.reshape(-1, 4))
    expected = Rotation.from_quat(motion.quat_world_xyzw.reshape(-1, 4))
    assert (turn.inv() * expected).magnitude().max() < 1e-6


def test_what_is_written_agrees_with_the_independent_reader(tmp_path, random_motion):
    motion = random_motion(frames=10)
    save_bvh(motion, tmp_path / "x.bvh")
    expected = independent_positions((tmp_path / "x.bvh").read_text())
    assert largest_difference_m(motion, expected, 0.01) < 1e-6


def test_the_text_that_is_written(tmp_path):
    offsets = np.array([[0, 0, 0], [0, 1, 0], [0.1, -1, 0]])
    skeleton = Skeleton(("hips", "chest", "left leg"), (-1, 0, 0), offsets)
    quat = np.zeros((2, 3, 4))
    quat[..., 3] = 1
    quat[1, 1] = np.sin(np.pi / 8), 0, 0, np.cos(np.pi / 8)
    save_bvh(Motion(skeleton, 25, np.array([[0, 1, 0], [0, 1, 0.5]]), quat), tmp_path / "x.bvh")
    assert (tmp_path / "x.bvh").read_text() == (
        "HIERARCHY\nROOT hips\n{\n\tOFFSET 0.000000 0.000000 0.000000\n"
        "\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n"
        "\tJOINT chest\n\t{\n\t\tOFFSET 0.000000 100.000000 0.000000\n"
        "\t\tCHANNELS 3 Zrotation Xrotation Yrotation\n"
        "\t\tEnd Site\n\t\t{\n\t\t\tOFFSET 0.000000 5.000000 0.000000\n\t\t}\n\t}\n"
        "\tJOINT left leg\n\t{\n\t\tOFFSET 10.000000 -100.000000 0.000000\n"
        "\t\tCHANNELS 3 Zrotation Xrotation Yrotation\n"
        "\t\tEnd Site\n\t\t{\n\t\t\tOFFSET 0.497519 -4.975186 0.000000\n\t\t}\n\t}\n}\n"
        "MOTION\nFrames: 2\nFrame Time: 0.04\n"
        "0.000000 100.000000 0.000000" + 9 * " 0.000000" + "\n"
        "0.000000 100.000000 50.000000" + 4 * " 0.000000" + " 45.000000" + 4 * " 0.000000" + "\n"
    )


def test_angles_run_on_past_half_a_turn(tmp_path):
    yaw = np.radians(np.arange(0, 1080, 30))
    zero = np.zeros_like(yaw)
    quat = np.stack([zero, np.sin(yaw / 2), zero, np.cos(yaw / 2)], axis=-1)[:, None]
    motion = Motion(Skeleton(("root",), (-1,), np.zeros((1, 3))), 30, np.zeros((36, 3)), quat)
    with pytest.warns(NestmotionWarning, match=r"to read this file back, give its scale, 0\.01"):
        save_bvh(motion, tmp_path / "x.bvh")
    rows = np.loadtxt(tmp_path / "x.bvh", skiprows=13)
    np.testing.assert_allclose(rows[:, 5], np.arange(0, 1080, 30), atol=1e-5)


CHANNEL_ORDERS = [
    " ".join(order)
    for order in itertools.chain(
        itertools.permutations(("Xrotation", "Yrotation", "Zrotation")),
        itertools.permutations(("Xrotation", "Yrotation", "Zrotation"), 2),
        [
            ("Zrotation", "Xposition", "Xrotation", "Zposition", "Yrotation", "Yposition"),
            ("Yrotation",),
        ],
    )
]


@pytest.mark.parametrize("order", CHANNEL_ORDERS)
def test_channels_in_any_order_and_number(tmp_path, order):
    count = len(order.split())
    text = SMALL.replace(
        "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation",
        f"CHANNELS {count} {order}",
    ).split("\n")
    rng = np.random.default_rng(count)
    for row in (-4, -3, -2):
        text[row] = " ".join(f"{x:.4f}" for x in rng.uniform(-200, 200, count + 7))
    motion = load_bvh(write(tmp_path, "\n".join(text)))
    assert largest_difference_m(motion, independent_positions("\n".join(text)), 0.01) < 1e-9


VARIANTS = {
    "CRLF": SMALL.replace("\n", "\r\n"),
    "old Macintosh line ends": SMALL.replace("\n", "\r"),
    "tabs": SMALL.replace("  ", "\t").replace(" ", "\t").replace("End\tSite", "End Site"),
    "blank lines": SMALL.replace("\n", "\n\n \t \n"),
    "no newline at the end": SMALL.rstrip("\n"),
    "spaces at line ends": SMALL.replace("\n", "  \n"),
    "braces on the same line": SMALL.replace("\n{", " {").replace("}\n}", "} }"),
    "byte order mark": "\ufeff" + SMALL,
    "lower case": SMALL.lower().replace("hips", "Hips").replace("spine", "Spine")
    .replace("arm", "Arm").replace("leg", "Leg"),
    "space before the colon": SMALL.replace("Frames:", "Frames :"),
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_ways_to_write_the_same_file(tmp_path, variant):
    motion = load_bvh(write(tmp_path, VARIANTS[variant].replace("Frame\tTime", "Frame Time")))
    assert motion.skeleton.joint_names == ("Hips", "Spine", "Arm", "Leg")
    assert largest_difference_m(motion, independent_positions(SMALL), 0.01) < 1e-9


@pytest.mark.parametrize("name", ["mixamorig:Hips", "Character1_Hips", "left upper arm", "Hüfte"])
def test_names_with_colons_and_spaces(tmp_path, name):
    motion = load_bvh(write(tmp_path, SMALL.replace("Spine", name)))
    assert motion.skeleton.joint_names == ("Hips", name, "Arm", "Leg")
    save_bvh(motion, tmp_path / "y.bvh")
    assert load_bvh(tmp_path / "y.bvh").skeleton.joint_names == ("Hips", name, "Arm", "Leg")


@pytest.mark.parametrize(
    ("frame_time", "fps"),
    [(".0083333", 120), ("0.0333333", 30), ("0.05", 20), ("0.041708", 23.97621), ("2", 0.5)],
)
def test_frame_rates(tmp_path, frame_time, fps):
    motion = load_bvh(write(tmp_path, SMALL.replace("0.0333333", frame_time)))
    assert motion.fps == pytest.approx(fps, rel=1e-6)


@pytest.mark.parametrize("unit_m", [0.01, 1.0, 0.056444, 0.0254])
@pytest.mark.parametrize("height", [1.2 / 1.7, 1.0, 2.2 / 1.7])
def test_the_unit_is_guessed_from_the_size_of_the_body(unit_m, height):
    sk = canonical_skeleton()
    assert guess_scale(sk.parents, sk.offsets_m * height / unit_m) == unit_m


def test_the_pose_does_not_change_the_guess(tmp_path, random_motion):
    motion = random_motion(frames=5)
    crouching = Motion(motion.skeleton, 20, motion.root_m * (1, 0.2, 1), motion.quat_local_xyzw)
    save_bvh(crouching, tmp_path / "x.bvh")
    np.testing.assert_allclose(load_bvh(tmp_path / "x.bvh").root_m, crouching.root_m, atol=1e-7)


def test_an_unknown_size_is_taken_as_centimetres_with_a_warning(tmp_path):
    path = write(tmp_path, SMALL.replace("80 30 0", "8000 30 0"))
    with pytest.warns(NestmotionWarning, match="centimetres are assumed"):
        motion = load_bvh(path)
    np.testing.assert_allclose(motion.root_m[0], (0, 0.9, 0))
    assert load_bvh(path, scale=1).root_m[0, 1] == 90


HOLDER = """HIERARCHY
ROOT Holder
{
OFFSET 0 0 0
CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
JOINT Hips
{
OFFSET 1 2 3
CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
JOINT Leg
{
OFFSET 10 -90 5
CHANNELS 3 Zrotation Xrotation Yrotation
}
JOINT Arm
{
OFFSET 80 50 0
CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
}
}
}
MOTION
Frames: 2
Frame Time: 0.05
"""


@pytest.mark.parametrize(
    ("holder", "hips", "root"),
    [
        (["5 6 7 30 40 50"] * 2, ["0 90 0 1 2 3", "10 91 5 4 5 6"], "Hips"),
        (["5 6 7 30 40 50"] * 2, ["0 90 0 1 2 3"] * 2, "Hips"),
        (["5 6 7 30 40 50", "8 9 10 60 70 80"], ["0 90 0 1 2 3", "10 91 5 4 5 6"], "Hips"),
        (["5 6 7 30 40 50", "8 9 10 60 70 80"], ["0 90 0 1 2 3", "0 90 0 4 5 6"], "Holder"),
    ],
)
def test_a_root_that_only_holds_the_body_is_folded_away(tmp_path, holder, hips, root):
    rows = [f"{a} {b} 1 2 3 80 50 0 4 5 6" for a, b in zip(holder, hips, strict=True)]
    text = HOLDER + "\n".join(rows) + "\n"
    motion = load_bvh(write(tmp_path, text))
    assert motion.skeleton.joint_names[0] == root
    assert largest_difference_m(motion, independent_positions(text), 0.01) < 1e-9


def test_a_bone_that_stretches_gives_a_warning_and_its_mean(tmp_path):
    rows = [
        "0 0 0 0 0 0 0 90 0 0 0 0 0 0 0 80 50 0 0 0 0",
        "0 0 0 0 0 0 9 90 0 0 0 0 0 0 0 82 50 0 0 0 0",
    ]
    path = write(tmp_path, HOLDER + "\n".join(rows))
    with pytest.warns(NestmotionWarning) as caught:
        motion = load_bvh(path)
    assert [str(w.message) for w in caught] == [
        f"{path}: joint 'Arm' moves up to 10.0 mm against its parent; bones are rigid here, so its "
        "mean offset is used"
    ]
    np.testing.assert_allclose(motion.skeleton.offsets_m[motion.skeleton.index("Arm")], (0.81, 0.5, 0))
