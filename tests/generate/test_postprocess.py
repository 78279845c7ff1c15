"""Post-processing on motions whose faults are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core import Motion, NestmotionError, canonical_skeleton
from nestmotion.core.edit import mirror, move, place_on_ground
from nestmotion.core.rotations import quat_from_axis_angle, quat_multiply
from nestmotion.evaluation.motion_facts import foot_slide_mm, mean_jerk_m_s3
from nestmotion.features import foot_contacts
from nestmotion.features.layout import CONTACT_JOINTS
from nestmotion.generate.postprocess import PostProcess, contact_stretches, postprocess

SKELETON = canonical_skeleton()
FEET = [SKELETON.index(name) for name in CONTACT_JOINTS]
X = np.array([1.0, 0.0, 0.0])


def standing(frames: int = 60, squat: float = 0.3, tremble: float = 0.0) -> Motion:
    """A figure on bent knees, feet flat on the floor; thighs and shins tremble so many radians."""
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (frames, len(SKELETON), 1))
    wave = squat + tremble * np.sin(2 * np.pi * 0.5 * np.arange(frames) / 20)
    for side in ("left", "right"):
        for name, share in (("hip", -1), ("knee", 2), ("ankle", -1)):
            quat[:, SKELETON.index(f"{side}_{name}")] = quat_from_axis_angle(X, share * wave)
    return place_on_ground(Motion(SKELETON, 20.0, np.zeros((frames, 3)), quat), 0.01)


def sliding(motion: Motion, step_m: tuple[float, float]) -> Motion:
    """The whole figure glides a constant step a frame over the floor."""
    glide = np.arange(len(motion))[:, None] * np.array([step_m[0], 0.0, step_m[1]])
    return replace(motion, root_m=motion.root_m + glide)


def walking(slip_m: float = 0.004, frames: int = 90) -> Motion:
    """Steps in place; each foot stands half a second while it slips `slip_m` a frame."""
    time = np.arange(frames) / 20
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (frames, len(SKELETON), 1))
    for side, phase in (("left", 0.0), ("right", np.pi)):
        lift = np.maximum(np.sin(2 * np.pi * time + phase), 0) ** 2
        for name, share in (("hip", -1), ("knee", 2), ("ankle", -1)):
            angle = share * (0.2 + 0.6 * lift)
            quat[:, SKELETON.index(f"{side}_{name}")] = quat_from_axis_angle(X, angle)
    motion = place_on_ground(Motion(SKELETON, 20.0, np.zeros((frames, 3)), quat), 0.01)
    return sliding(motion, (0.0, slip_m))


def moved_m(a: Motion, b: Motion) -> np.ndarray:
    return np.linalg.norm(a.positions_m - b.positions_m, axis=-1)


def largest_step_m(motion: Motion) -> float:
    return float(np.linalg.norm(np.diff(motion.positions_m, axis=0), axis=-1).max())


def test_a_motion_in_the_air_comes_back_unchanged(random_motion: Callable[..., Motion]) -> None:
    motion = move(random_motion(), 0.0, (0, 2, 0))
    result = postprocess(motion)
    np.testing.assert_array_equal(result.quat_local_xyzw, motion.quat_local_xyzw)
    np.testing.assert_array_equal(result.root_m, motion.root_m)


def test_a_figure_that_stands_well_is_left_as_it_is() -> None:
    motion = standing()
    np.testing.assert_allclose(postprocess(motion).positions_m, motion.positions_m, atol=1e-9)


@given(angle=st.floats(0, 6.3), step=st.floats(0.0005, 0.0025))
def test_a_constant_slide_of_a_standing_figure_is_removed(angle: float, step: float) -> None:
    motion = sliding(standing(40), (step * np.sin(angle), step * np.cos(angle)))
    assert foot_slide_mm(motion) == pytest.approx(1000 * step)
    result = postprocess(motion)
    assert foot_slide_mm(result) < 0.05
    np.testing.assert_array_equal(result.root_m, motion.root_m)
    # The feet stand where they were in the middle of the slide.
    assert moved_m(motion, result)[:, FEET].max() < 0.6 * 40 * step


def test_a_slide_too_long_to_be_taken_up_is_slowed_down_without_a_jump() -> None:
    motion = sliding(standing(100), (0.0, 0.01))
    result = postprocess(motion)
    assert moved_m(motion, result)[:, FEET].max() < 0.3001  # 0.15 a pass
    assert largest_step_m(result) < 1.6 * 0.01
    assert foot_slide_mm(result) < foot_slide_mm(motion)


@pytest.mark.parametrize("slip_m", [0.001, 0.004, 0.008])
def test_stepping_feet_stand_and_nothing_jumps(slip_m: float) -> None:
    motion = walking(slip_m)
    result = postprocess(motion)
    assert foot_slide_mm(motion) > 900 * slip_m
    assert foot_slide_mm(result) < 0.25 * foot_slide_mm(motion)
    assert largest_step_m(result) < largest_step_m(motion) + 2 * slip_m
    assert mean_jerk_m_s3(result) < 1.05 * mean_jerk_m_s3(motion)
    assert moved_m(motion, result).mean() < 0.01


def test_what_is_above_the_hips_is_not_touched() -> None:
    motion = walking()
    result = postprocess(motion)
    legs = [
        j for j, name in enumerate(SKELETON.joint_names) if name.endswith(("knee", "ankle", "foot"))
    ]
    others = [j for j in range(len(SKELETON)) if j not in legs]
    assert moved_m(motion, result)[:, others].max() < 1e-12
    assert moved_m(motion, result)[:, legs].max() > 0.01


def test_knees_bend_forward() -> None:
    result = postprocess(sliding(standing(60, squat=0.02, tremble=0.02), (0.0, 0.004)))
    for side in ("left", "right"):
        hip, knee, ankle = (result.joint_m(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        assert (np.cross(knee - hip, ankle - knee)[:, 0] > 0).all()


def test_the_foot_keeps_its_direction() -> None:
    motion = sliding(standing(60, tremble=0.05), (0.0, 0.002))
    result = postprocess(motion)
    for side in ("left", "right"):
        before, after = (
            m.joint_m(f"{side}_foot") - m.joint_m(f"{side}_ankle") for m in (motion, result)
        )
        np.testing.assert_allclose(after, before, atol=1e-3)


def test_mirrored_motion_is_processed_to_the_mirror_image() -> None:
    motion = sliding(standing(50, tremble=0.1), (0.001, 0.002))
    np.testing.assert_allclose(
        mirror(postprocess(motion)).positions_m, postprocess(mirror(motion)).positions_m, atol=1e-8
    )


def test_where_it_stands_in_the_world_does_not_matter() -> None:
    motion = walking()
    np.testing.assert_allclose(
        move(postprocess(motion), 1.0, (3, 0, -2)).positions_m,
        postprocess(move(motion, 1.0, (3, 0, -2))).positions_m,
        atol=1e-8,
    )


def test_a_second_time_changes_little() -> None:
    once = postprocess(walking())
    assert moved_m(once, postprocess(once)).max() < 0.005


def test_a_sunken_figure_is_lifted_whole_and_a_sunken_foot_alone() -> None:
    motion = standing()
    sunken = move(motion, 0.0, (0, -0.2, 0))
    lifted = postprocess(sunken)
    assert lifted.positions_m[:, FEET, 1].min() >= -0.0101
    shift = lifted.root_m - sunken.root_m
    np.testing.assert_allclose(shift, np.tile(shift[0], (len(shift), 1)), atol=1e-12)

    dip = np.where(np.arange(60) == 30, 0.06, 0.0)
    dipped = replace(motion, root_m=motion.root_m - dip[:, None] * (0, 1, 0))
    result = postprocess(dipped)
    assert result.positions_m[:, FEET, 1].min() >= -0.0101
    np.testing.assert_array_equal(result.root_m, dipped.root_m)


def diving(depth_m: float = 0.5) -> Motion:
    """A figure that lies on its back in the air, goes under the floor and comes up again."""
    motion = standing()
    quat = motion.quat_local_xyzw.copy()
    quat[:, 0] = quat_from_axis_angle(X, np.full(60, -np.pi / 2))
    lying = place_on_ground(replace(motion, quat_local_xyzw=quat))
    path = 0.1 - (0.1 + depth_m) * np.sin(np.pi * np.arange(60) / 59) ** 2
    return replace(lying, root_m=lying.root_m + path[:, None] * (0.0, 1.0, 0.0))


def test_a_body_under_the_floor_is_lifted_onto_it_for_so_long() -> None:
    motion = diving()
    result = postprocess(motion)
    lift = result.root_m - motion.root_m
    np.testing.assert_array_equal(lift[:, [0, 2]], 0.0)
    assert result.positions_m[..., 1].min() >= -0.0101
    under = motion.positions_m[..., 1].min(axis=1) < -0.01
    assert result.positions_m[under, :, 1].min(axis=1).max() < 0.05
    np.testing.assert_array_equal(lift[[0, -1]], 0.0)
    assert largest_step_m(result) <= largest_step_m(motion)


def test_a_body_that_is_held_under_the_floor_stays_there() -> None:
    motion = diving()
    held = np.zeros((60, 2), dtype=bool)
    held[30] = True
    np.testing.assert_array_equal(postprocess(motion, held=held).root_m, motion.root_m)

    held[:] = False
    held[0] = True  # above the floor
    lifted = postprocess(motion, held=held)
    np.testing.assert_array_equal(lifted.root_m[0], motion.root_m[0])
    assert lifted.positions_m[..., 1].min() >= -0.0101


def test_predicted_contacts_count_where_speed_tells_nothing() -> None:
    motion, settings = sliding(standing(12), (0.0, 0.02)), PostProcess(clear_m=0.0)
    nothing = postprocess(motion, np.zeros((12, 4)), settings)
    np.testing.assert_array_equal(nothing.quat_local_xyzw, motion.quat_local_xyzw)
    left = postprocess(motion, np.tile([1.0, 1.0, 0.0, 0.0], (12, 1)), settings)
    step = np.linalg.norm(np.diff(left.positions_m[:, FEET], axis=0), axis=-1)
    assert step[:, :2].max() < 1e-3
    assert step[:, 2:].min() > 0.0199


def test_a_predicted_contact_that_travels_does_not_count() -> None:
    motion = sliding(standing(40), (0.0, 0.02))  # 0.78 m
    result = postprocess(motion, np.ones((40, 4)), PostProcess(clear_m=0.0))
    np.testing.assert_array_equal(result.quat_local_xyzw, motion.quat_local_xyzw)


def swinging(hertz: float) -> Motion:
    """A figure on its right foot, whose left one goes to and fro just above the floor."""
    motion = standing(80)
    quat = motion.quat_local_xyzw.copy()
    angle = 0.3 * np.sin(2 * np.pi * hertz * np.arange(80) / 20)
    for name, share in (("hip", 1), ("ankle", -1)):
        joint = SKELETON.index(f"left_{name}")
        quat[:, joint] = quat_multiply(quat_from_axis_angle(X, share * angle), quat[:, joint])
    return replace(motion, quat_local_xyzw=quat)


@pytest.mark.parametrize(("hertz", "clear_m"), [(0.4, 0.036), (1.0, 0.06)])
def test_a_foot_in_the_air_clears_the_floor_the_more_the_faster_it_goes(hertz, clear_m) -> None:
    motion = swinging(hertz)
    result = postprocess(motion)
    before, after = (m.positions_m[:, FEET, 1] for m in (motion, result))
    lowest = int(before[20:60, :2].min(axis=1).argmin()) + 20
    assert before[lowest, :2].min() < 0.02
    assert after[lowest, :2].min() == pytest.approx(clear_m, abs=0.01)
    np.testing.assert_allclose(after[:, 2:], before[:, 2:], atol=1e-3)
    np.testing.assert_array_equal(result.root_m, motion.root_m)


def test_where_no_foot_stands_none_is_lifted() -> None:
    motion = sliding(standing(40), (0.0, 0.1))
    np.testing.assert_array_equal(postprocess(motion).quat_local_xyzw, motion.quat_local_xyzw)


def test_who_runs_stands_on_feet_that_are_far_slower_than_the_body() -> None:
    """Thighs swing back at most of the pace, so that the feet go 1 m/s where the body goes 2."""
    motion = sliding(standing(12), (0.0, 0.1))
    quat = motion.quat_local_xyzw.copy()
    angle = np.linspace(-0.35, 0.35, 12)
    for side in ("left", "right"):
        for name, share in (("hip", 1), ("ankle", -1)):
            joint = SKELETON.index(f"{side}_{name}")
            quat[:, joint] = quat_multiply(quat_from_axis_angle(X, share * angle), quat[:, joint])
    motion = place_on_ground(replace(motion, quat_local_xyzw=quat), 0.01)
    step = [
        np.linalg.norm(np.diff(m.positions_m[3:9, FEET][..., [0, 2]], axis=0), axis=-1)
        for m in (motion, postprocess(motion))
    ]
    assert 0.035 < step[0].mean() < 0.06
    assert step[1].mean() < 0.25 * step[0].mean()


def test_contacts_have_hysteresis_and_no_short_stretches_or_gaps() -> None:
    def marks(text: str, high: float = 0.9) -> np.ndarray:
        values = {"#": high, "+": 0.5, ".": 0.0}
        return np.array([[values[c]] for c in text])

    def shown(text: str) -> str:
        return "".join("#" if c else "." for c in contact_stretches(marks(text))[:, 0])

    assert shown("..###++..++..") == "..#####......"
    assert shown("...###.###..###...###...") == "...############...###..."
    assert shown("...##....#...") == "............."
    assert shown("##.....##") == "##.....##"
    assert shown("++++...") == "####..."
    assert shown(".") == "."


def test_clips_of_few_frames_work() -> None:
    for frames in (1, 2, 3):
        motion = sliding(standing(frames), (0.0, 0.002))
        assert len(postprocess(motion)) == frames


def test_smoothing_is_off_unless_asked_for_and_keeps_the_contacts() -> None:
    motion = walking()
    noise = np.random.default_rng(0).normal(scale=0.003, size=motion.quat_local_xyzw.shape)
    shaky = replace(motion, quat_local_xyzw=motion.quat_local_xyzw + noise)
    smooth = postprocess(shaky, settings=PostProcess(smoothing=0.7))
    assert mean_jerk_m_s3(smooth) < 0.6 * mean_jerk_m_s3(postprocess(shaky))
    assert foot_slide_mm(smooth) < 0.35 * foot_slide_mm(shaky)


def test_metadata_travel_with_it() -> None:
    assert postprocess(walking().with_metadata(prompt="x")).metadata == {"prompt": "x"}


def test_probabilities_of_another_length_are_refused() -> None:
    motion = standing(10)
    with pytest.raises(NestmotionError) as error:
        postprocess(motion, foot_contacts(standing(9)).astype(float))
    assert str(error.value) == (
        "a motion of 10 frames needs contact probabilities of shape (10, 4), not (9, 4)"
    )


def test_beside_where_a_foot_is_held_it_does_not_leap() -> None:
    """Feet slide far over a contact that ends shortly before the frame at which they are held."""
    motion = sliding(standing(), (0.0, 0.02))
    contact = np.zeros((60, 4))
    contact[14:28] = 1.0
    held = np.zeros((60, 2), dtype=bool)
    held[30] = True
    found = postprocess(motion, contact, held=held)
    moved = found.positions_m[:, FEET] - motion.positions_m[:, FEET]
    assert np.abs(moved[30]).max() < 1e-6
    assert np.linalg.norm(moved, axis=-1).max() > 0.05
    assert np.linalg.norm(np.diff(moved, axis=0), axis=-1)[26:34].max() < 0.04  # two passes
