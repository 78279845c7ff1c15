"""Everything that can be wrong with a BVH file gives one line."""

from __future__ import annotations

import numpy as np
import pytest

from bvh_files import SMALL, write
from nestmotion.core import Motion, Skeleton
from nestmotion.core.errors import FormatError, OutputError, SettingsError
from nestmotion.io.bvh import load_bvh, save_bvh

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
