"""BVH against an independent reader, against itself, and against everything that can be wrong."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nestmotion.core import Motion, NestmotionWarning, Skeleton, canonical_skeleton
from nestmotion.core.errors import FormatError, OutputError, SettingsError
from nestmotion.core.rotations import quat_from_euler
from nestmotion.io.bvh import guess_scale, load_bvh, save_bvh

SMALL = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Spine
  {
    OFFSET 0 20 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT Arm
    {
      OFFSET 80 30 0
      CHANNELS 3 Yrotation Zrotation Xrotation
      End Site
      {
        OFFSET 10 0 0
      }
    }
  }
  JOINT Leg
  {
    OFFSET 10 -90 5
    CHANNELS 1 Xrotation
    End Site
    {
      OFFSET 0 0 10
    }
  }
}
MOTION
Frames: 3
Frame Time: 0.0333333
0 90 0 10 20 30 1 2 3 40 50 60 70
1 91 2 11 21 31 4 5 6 41 51 61 71
2 92 4 12 22 32 7 8 9 42 52 62 72
"""


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


def write(folder: Path, text: str, name: str = "x.bvh") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


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


ERRORS = {
    "empty": ("", 1, "expected 'HIERARCHY', but the file ends here"),
    "other text": ("hello world\n", 1, "expected 'HIERARCHY', found 'hello world'"),
    "no hierarchy": (SMALL.replace("HIERARCHY\n", ""), 1, "expected 'HIERARCHY', found 'ROOT Hips'"),
    "no root": ("HIERARCHY\nMOTION\n", 2, "expected 'ROOT', found 'MOTION'"),
    "no name": (SMALL.replace("ROOT Hips", "ROOT"), 2, "expected a joint name"),
    "no brace": (SMALL.replace("Hips\n{", "Hips\n"), 4, "expected '{', found 'OFFSET 0 0 0'"),
    "twice the same name": (SMALL.replace("Arm", "Spine"), 10, "joint name 'Spine' stands twice"),
    "second root": (
        SMALL.replace("  JOINT Leg", "  ROOT Leg"),
        20,
        "expected the rest of joint 'Hips', found 'ROOT'",
    ),
    "joint in an End Site": (
        SMALL.replace("OFFSET 10 0 0", "JOINT x"),
        16,
        "expected the rest of End Site, found 'JOINT'",
    ),
    "offset of two": (SMALL.replace("0 20 0", "0 20"), 8, "expected 3 numbers after OFFSET, found 2"),
    "offset NaN": (
        SMALL.replace("0 20 0", "0 nan 0"),
        8,
        "expected a finite number below 1e+12, found 'nan'",
    ),
    "no offset": (SMALL.replace("    OFFSET 0 20 0\n", ""), 18, "joint 'Spine' has no OFFSET"),
    "no channels": (
        SMALL.replace("    CHANNELS 1 Xrotation\n", ""),
        27,
        "joint 'Leg' has no CHANNELS (a joint that never moves has 'CHANNELS 0')",
    ),
    "channel left out": (
        SMALL.replace("3 Yrotation Zrotation Xrotation", "3 Yrotation Zrotation"),
        13,
        "expected 3 channel names, found 2",
    ),
    "channel count": (
        SMALL.replace("CHANNELS 1", "CHANNELS one"),
        23,
        "expected a count from 0 to 6 after CHANNELS, found 'one'",
    ),
    "unknown channel": (
        SMALL.replace("CHANNELS 1 Xrotation", "CHANNELS 1 Xscale"),
        23,
        "expected a channel such as 'Xrotation', found 'Xscale'",
    ),
    "channel twice": (
        SMALL.replace("3 Yrotation Zrotation Xrotation", "3 Yrotation Yrotation Xrotation"),
        13,
        "channel Yrotation stands twice",
    ),
    "nothing moves": (
        "HIERARCHY\nROOT x\n{\nOFFSET 0 0 0\nCHANNELS 0\n}\nMOTION\nFrames: 1\nFrame Time: 1\n",
        6,
        "no joint has a channel, so nothing can move",
    ),
    "no motion": (SMALL.replace("MOTION\n", ""), 30, "expected 'MOTION', found 'Frames: 3'"),
    "no frame count": (
        SMALL.replace("Frames: 3\n", ""),
        31,
        "expected 'Frames: <a whole number above 0>', found 'Frame Time: 0.0333333'",
    ),
    "no frames": (
        SMALL.replace("Frames: 3", "Frames: 0"),
        31,
        "expected a whole number of frames above 0, found '0'",
    ),
    "negative frames": (
        SMALL.replace("Frames: 3", "Frames: -3"),
        31,
        "expected a whole number of frames above 0, found '-3'",
    ),
    "a billion frames": (
        SMALL.replace("Frames: 3", "Frames: 1000000000"),
        31,
        "expected 1000000000 rows of numbers, found 3",
    ),
    "digits without end": (
        SMALL.replace("Frames: 3", "Frames: " + 9999 * "9"),
        31,
        f"expected a whole number of frames above 0, found '{40 * '9'}...'",
    ),
    "too few frames claimed": (
        SMALL.replace("Frames: 3", "Frames: 2"),
        31,
        "expected 2 rows of numbers, found 3",
    ),
    "frame time 0": (
        SMALL.replace("0.0333333", "0"),
        32,
        "expected a frame time above 0 seconds, found 0",
    ),
    "frame time too near 0": (
        SMALL.replace("0.0333333", "1e-320"),
        32,
        "expected a frame time above 0 seconds, found 9.99989e-321",
    ),
    "frame time NaN": (
        SMALL.replace("0.0333333", "NaN"),
        32,
        "expected a finite number below 1e+12, found 'NaN'",
    ),
    "value missing": (
        SMALL.replace("41 51 61 71", "41 51 61"),
        34,
        "expected 13 numbers in a frame, found 12",
    ),
    "value too many": (
        SMALL.replace("41 51 61 71", "41 51 61 71 81"),
        34,
        "expected 13 numbers in a frame, found 14",
    ),
    "value moved to the next row": (
        SMALL.replace("61 71\n2 92", "61\n71 2 92"),
        34,
        "expected 13 numbers in a frame, found 12",
    ),
    "value NaN": (
        SMALL.replace("41 51", "41 nan"),
        34,
        "expected a finite number below 1e+12, found 'nan'",
    ),
    "value infinite": (
        SMALL.replace("41 51", "41 1e999"),
        34,
        "expected a finite number below 1e+12, found '1e999'",
    ),
    "decimal comma": (
        SMALL.replace("41 51", "41 5,1"),
        34,
        "expected a finite number below 1e+12, found '5,1'",
    ),
    "underscore": (
        SMALL.replace("41 51", "41 5_1"),
        34,
        "expected a finite number below 1e+12, found '5_1'",
    ),
    "digits of another script": (
        SMALL.replace("41 51", "41 \u0665"),
        34,
        "expected a finite number below 1e+12, found '\u0665'",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_file_line_and_what_was_expected(tmp_path, case):
    text, line, message = ERRORS[case]
    path = write(tmp_path, text)
    with pytest.raises(FormatError) as caught:
        load_bvh(path)
    assert str(caught.value) == f"{path}:{line}: {message}"


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0\x00\x10JFIF", bytes(range(256)) * 20])
def test_binary_files_are_refused(tmp_path, content):
    (tmp_path / "x.bvh").write_bytes(content)
    with pytest.raises(FormatError) as caught:
        load_bvh(tmp_path / "x.bvh")
    message = "expected a text file, found bytes that are not UTF-8"
    assert str(caught.value) == f"{tmp_path / 'x.bvh'}: {message}"


def test_a_file_cut_anywhere_is_refused_in_one_line(tmp_path, random_motion):
    save_bvh(random_motion(frames=20), tmp_path / "whole.bvh")
    for text in (SMALL, (tmp_path / "whole.bvh").read_text()):
        # Inside the last number a cut cannot be seen: another number is left.
        cuts = {len(text) * tenth // 10 for tenth in range(10)} | set(range(0, len(text) - 12, 97))
        for cut in sorted(cuts):
            with pytest.raises(FormatError) as caught:
                load_bvh(write(tmp_path, text[:cut]))
            assert "\n" not in str(caught.value)
            assert caught.value.line is not None


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_must_be_positive(tmp_path, random_motion, scale):
    message = f"the scale, metres in one unit, must be positive, not {scale}"
    with pytest.raises(SettingsError, match=message):
        save_bvh(random_motion(frames=2), tmp_path / "x.bvh", scale)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SettingsError, match=message):
        load_bvh(write(tmp_path, SMALL), scale)


@pytest.mark.parametrize("name", ["a{b", "a\nb", " a", ""])
def test_names_that_bvh_cannot_hold(tmp_path, name):
    skeleton = Skeleton((name,), (-1,), np.zeros((1, 3)))
    motion = Motion(skeleton, 20, np.zeros((1, 3)), np.array([[[0, 0, 0, 1.0]]]))
    with pytest.raises(OutputError) as caught:
        save_bvh(motion, tmp_path / "x.bvh")
    assert str(caught.value) == (
        f"{tmp_path / 'x.bvh'}: BVH cannot hold the joint name {name!r}; rename the joint"
    )
    assert list(tmp_path.iterdir()) == []
