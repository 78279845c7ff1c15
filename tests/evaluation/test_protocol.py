"""The whole evaluation on sets of motion whose answers are known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core.edit import move
from nestmotion.core.errors import SettingsError
from nestmotion.core.skeleton import Skeleton
from nestmotion.evaluation.motion_facts import mean_jerk_m_s3
from nestmotion.evaluation.protocol import LABELS, evaluate_motions, results_table
from synthetic_corpus import moving, still

CLIPS = 40


@pytest.fixture(scope="module")
def real():
    return [moving(45 + k % 7, seed=k) for k in range(CLIPS)]


@pytest.fixture(scope="module")
def captions():
    return [f"caption {k}" for k in range(CLIPS)]


def measured(results, key="value"):
    return {name: row[key] for name, row in results["measures"].items()}


def test_a_copy_of_the_data_scores_perfectly(real, captions, known_evaluator):
    known_evaluator.put(captions, real)
    results = evaluate_motions(real, real, captions, known_evaluator, np.random.default_rng(0))
    found = measured(results)
    for name in ("coverage", "matched_coverage", "top1", "top2", "top3"):
        assert found[name] == 1
    for name in ("mm_distance", "fid", "smoothness_error", "drift", "acceleration"):
        assert found[name] == pytest.approx(0, abs=1e-5)
    assert found["multimodality"] is None
    own = measured(results, "real")
    for name in ("top1", "diversity", "mean_jerk", "peak_jerk", "area_under_jerk", "foot_slide"):
        assert own[name] == found[name]
    assert own["smoothness_error"] is None
    assert own["drift"] is None
    assert own["fid"] > 0.001  # of one half against the other
    assert results["clips"] == CLIPS
    json.dumps(results, allow_nan=False)


def test_another_place_and_direction_change_nothing(real, captions, known_evaluator):
    known_evaluator.put(captions, real)
    elsewhere = [move(m, 0.1 * k, (k, 0, -k)) for k, m in enumerate(real)]
    found = measured(
        evaluate_motions(elsewhere, real, captions, known_evaluator, np.random.default_rng(0))
    )
    assert found["top1"] == 1
    assert found["drift"] == pytest.approx(0, abs=1e-6)
    assert found["smoothness_error"] == pytest.approx(0, abs=1e-6)


def test_motions_of_other_captions_are_found_by_chance(real, captions, known_evaluator):
    known_evaluator.put(captions, real)
    shuffled = real[1:] + real[:1]
    found = measured(
        evaluate_motions(shuffled, real, captions, known_evaluator, np.random.default_rng(0))
    )
    assert found["top3"] < 0.35
    assert found["coverage"] == 1  # all that is real is there, only not where it belongs
    assert found["matched_coverage"] < 0.5
    assert found["fid"] == pytest.approx(0, abs=1e-6)
    assert found["drift"] > 1


def test_jitter_and_a_slide_are_measured_as_they_are(captions, known_evaluator):
    real = [still(40 + k) for k in range(CLIPS)]
    known_evaluator.put(captions, real)
    noise = np.random.default_rng(1)
    jitters = [0.002 * noise.normal(size=m.root_m.shape) for m in real]
    jerks = []
    for scale in (1, 3):
        made = [replace(m, root_m=m.root_m + scale * j) for m, j in zip(real, jitters, strict=True)]
        results = evaluate_motions(made, real, captions, known_evaluator, np.random.default_rng(0))
        jerks.append(measured(results)["smoothness_error"])
        # All joints shake alike and the reference does not move at all.
        assert jerks[-1] == pytest.approx(np.mean([mean_jerk_m_s3(m) for m in made]), rel=1e-4)
    assert jerks[1] == pytest.approx(3 * jerks[0], rel=1e-4)
    glide = [
        replace(m, root_m=m.root_m + 0.01 * np.arange(len(m))[:, None] * [0.6, 0, 0.8]) for m in real
    ]
    found = measured(evaluate_motions(glide, real, captions, known_evaluator, np.random.default_rng(0)))
    assert found["drift"] == pytest.approx(1.0, abs=1e-5)  # cm a frame
    assert found["foot_slide"] == pytest.approx(10.0, abs=1e-4)  # mm a frame
    assert found["smoothness_error"] == pytest.approx(0, abs=1e-5)


def test_several_samples_give_multimodality_and_nothing_else(real, captions, known_evaluator):
    known_evaluator.put(captions, real)
    several = [[m, real[k - 1]] for k, m in enumerate(real)]
    args = (real, real, captions, known_evaluator)
    one = measured(evaluate_motions(*args, np.random.default_rng(0)))
    more = measured(evaluate_motions(*args, np.random.default_rng(0), samples=several))
    assert more.pop("multimodality") > 0.01
    one.pop("multimodality")
    assert more == one
    same = measured(evaluate_motions(*args, np.random.default_rng(0), samples=[[m, m] for m in real]))
    assert same["multimodality"] == 0


def test_every_clip_has_its_row(real, captions, known_evaluator):
    known_evaluator.put(captions, real)
    results = evaluate_motions(real, real, captions, known_evaluator, np.random.default_rng(0))
    assert [row["caption"] for row in results["per_clip"]] == captions
    assert results["per_clip"][3]["words"] == 2
    assert results["per_clip"][3]["seconds"] == 48 / 20
    for name in ("top3", "drift", "smoothness_error", "matched_coverage"):
        mean = np.mean([row[name] for row in results["per_clip"]])
        assert mean == pytest.approx(results["measures"][name]["value"], abs=1e-5)


def test_the_table_shows_what_was_measured(real, captions, known_evaluator):
    known_evaluator.put(captions, real)
    results = evaluate_motions(real, real, captions, known_evaluator, np.random.default_rng(0))
    lines = results_table(results).splitlines()
    known = [row for row in results["measures"].values() if row["value"] is not None]
    assert len(LABELS) - 2 <= len(known) < len(LABELS)  # nobody stands; one sample a caption
    assert len(lines) == 1 + len(known)
    top3 = next(line for line in lines if line.startswith("R-precision, top 3"))
    assert top3.split() == ["R-precision,", "top", "3", "↑", "1.000", "1.000", "to", "1.000", "1.000"]


def test_what_does_not_belong_together(real, captions, known_evaluator):
    rng = np.random.default_rng(0)
    with pytest.raises(SettingsError) as error:
        evaluate_motions(real[:3], real[:2], captions[:2], known_evaluator, rng)
    assert str(error.value) == (
        "3 motions, 2 references and 2 captions do not belong together; give one of each a clip"
    )
    with pytest.raises(SettingsError) as error:
        evaluate_motions(real[:1], real[:1], captions[:1], known_evaluator, rng)
    assert str(error.value) == "1 clips cannot be ranked; give at least two"
    other = Skeleton(("hip", "toe"), (-1, 0), np.zeros((2, 3)))
    odd = replace(real[0], skeleton=other, quat_local_xyzw=real[0].quat_local_xyzw[:, :2])
    with pytest.raises(SettingsError) as error:
        evaluate_motions([odd, real[1]], real[:2], captions[:2], known_evaluator, rng)
    assert str(error.value) == (
        "a motion has 2 joints that are not the 22 canonical ones; convert it with nestmotion convert "
        "--retarget"
    )
