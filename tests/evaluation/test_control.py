"""The control experiment: scenes from clips, goals from rows, and a run that may be broken off."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from nestmotion.cli import main
from nestmotion.core.edit import canonicalize
from nestmotion.core.errors import OutputError, SettingsError
from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.evaluation.control import ControlRunner, part_id, with_text_match
from nestmotion.evaluation.control_cases import CONTROLS, Bench, control_scene, seed_of
from nestmotion.evaluation.control_goals import goals, values_of
from nestmotion.evaluation.control_parts import PARTS, Part, check_parts
from nestmotion.evaluation.control_report import write_control_report
from nestmotion.evaluation.evaluator import Evaluator
from nestmotion.evaluation.result_files import FORMAT, read_log, read_results
from nestmotion.generate import TextToMotion
from synthetic_corpus import MemorySource, captioned_trial, moving

CAPTIONS = ("a person walks slowly", "a man waves the left hand", "someone turns around")


@pytest.fixture(scope="module")
def corpus_folder(tmp_path_factory):
    """Six captioned clips of fold 0, of 2 to 3 s."""
    folder = tmp_path_factory.mktemp("control") / "corpus"
    trials = [
        captioned_trial(f"t{k}", f"control {k}", 0, [CAPTIONS[k % 3]], 40 + 4 * k) for k in range(6)
    ]
    prepare(MemorySource(trials), folder)
    return folder


@pytest.fixture(scope="module")
def bench(corpus_folder):
    return Bench.of(PreparedCorpus.open(corpus_folder), TextToMotion.load(), Evaluator.load(), 2)


def test_parts_by_name():
    assert check_parts(()) == PARTS
    assert [p.name for p in check_parts(("edit", "control"))] == ["control", "edit"]
    with pytest.raises(SettingsError) as error:
        check_parts(("dance",))
    assert str(error.value) == (
        "no part 'dance'; it is one of: control, timeline, overlap, loop, in-place, edit, stream, "
        "minutes"
    )
    counts = {part.name: part.count(200) for part in PARTS}
    assert (counts["control"], counts["loop"], counts["edit"], counts["minutes"]) == (200, 50, 100, 4)
    assert all(part.count(1) == 1 for part in PARTS)


def test_seeds_follow_from_part_and_case():
    seeds = {seed_of(part, case) for part in ("a", "b") for case in range(50)}
    assert len(seeds) == 100


@pytest.mark.parametrize(("name", "frames"), [("keyframes-1", [20]), ("keyframes-2", [0, 40])])
def test_keyframes_are_poses_of_the_clip(name, frames):
    reference = canonicalize(moving(41))
    scene, chosen, joints = control_scene(CONTROLS[name], reference, "a person walks", 0)
    assert list(chosen) == frames
    assert joints == ()
    assert scene.seconds == pytest.approx(41 / 20)
    for keyframe, frame in zip(scene.keyframes, frames, strict=True):
        assert keyframe.time_s == pytest.approx(frame / 20)
        np.testing.assert_array_equal(keyframe.pose.positions_m[0], reference.positions_m[frame])


def test_targets_are_places_of_one_sides_joint():
    reference = canonicalize(moving(41))
    for case, joint in enumerate(("left_wrist", "right_wrist")):
        scene, chosen, joints = control_scene(CONTROLS["wrist"], reference, "a person walks", case)
        assert joints == (joint,)
        assert list(chosen) == [10, 20, 30]
        for target, frame in zip(scene.targets, chosen, strict=True):
            assert (target.joint, target.time_s) == (joint, frame / 20)
            np.testing.assert_allclose(target.position_m, reference.joint_m(joint)[frame])


def test_a_path_is_the_clips_own():
    reference = canonicalize(moving(43))
    scene, _, _ = control_scene(CONTROLS["path-heading"], reference, "a person walks", 0)
    assert scene.path is not None
    assert [w.time_s for w in scene.path.waypoints] == [f / 20 for f in (*range(0, 42, 5), 42)]
    last = scene.path.waypoints[-1]
    assert (last.x_m, last.z_m) == pytest.approx(tuple(reference.root_m[-1, [0, 2]]))
    assert last.heading_deg == pytest.approx(np.degrees(reference.heading_rad[-1]))
    scene, _, _ = control_scene(CONTROLS["path"], reference, "a person walks", 0)
    assert scene.path is not None
    assert {w.heading_deg for w in scene.path.waypoints} == {None}


def test_goals_are_read_from_the_rows():
    def rows(joint: float, slide: float) -> list[dict]:
        made = {"group": "keyframes-1", "variant": "exact", "joint_error": joint, "foot_slide": slide}
        free = {"group": "keyframes-1", "variant": "free", "joint_error": 30.0, "foot_slide": 1.0}
        return [{**row, "top3": 0.5, "case": case} for case in (0, 1) for row in (made, free)]

    found = {g.text: g for g in goals({"control": rows(1.9, 1.2)})}
    assert found["keyframes: joints within 2 cm on the mean"].met
    assert (
        found["foot slide at most 1.25 times free motion's"].measured
        == "1.200 (1.200 to 1.200; 1.200 against 1.000)"
    )
    assert all(goal.met for goal in found.values())
    worse = {g.text: g.met for g in goals({"control": rows(2.1, 1.3)})}
    assert not worse["keyframes: joints within 2 cm on the mean"]
    assert not worse["foot slide at most 1.25 times free motion's"]
    assert worse["text accuracy at least 95% of free motion's"]
    assert goals({"control": []}) == []


def test_minutes_are_compared_with_the_first():
    def minute(k: int, slide: float, memory: float) -> list[dict]:
        whole = {"seconds_made": 60.0, "clock_s": 6.0, "processor_s": 5.0, "memory": memory}
        part = {"top3": 0.5, "foot_slide": slide, "jump_rate": 0.0}
        group = {"group": f"minute {k}", "case": 0}
        return [group | {"variant": "whole"} | whole, group | {"variant": "stream"} | part]

    found = [g.met for g in goals({"minutes": minute(1, 1.0, 300.0) + minute(2, 1.05, 309.0)})]
    assert found == [True, True, True, True, True]
    found = [g.met for g in goals({"minutes": minute(1, 1.0, 300.0) + minute(2, 1.2, 311.0)})]
    assert found == [True, False, True, False, True]


def test_minutes_are_compared_stream_by_stream():
    def rows(case: int, minute: int, top3: float, slide: float) -> list[dict]:
        about = {"case": case, "group": f"minute {minute}"}
        text = {"variant": "stream", "top3": top3, "foot_slide": slide, "jump_rate": 0.0}
        spent = {"seconds_made": 60.0, "clock_s": 6.0, "processor_s": 6.0}
        return [about | text, about | {"variant": "whole"} | spent]

    streams = [*rows(0, 1, 0.8, 1.0), *rows(1, 1, 0.8, 2.0)]
    streams += [*rows(0, 2, 0.6, 1.05), *rows(1, 2, 0.6, 2.1)]
    found = {g.text: g for g in goals({"minutes": streams})}
    slide = found["foot slide of minute 2 at most 10% worse than of minute 1"]
    assert (slide.measured, slide.met) == ("1.575 against 1.5 (+5% worse, +5% to +5%)", True)
    match = found["text match of minute 2 at most 10% worse than of minute 1"]
    assert (match.measured, match.met) == ("0.6 against 0.8 (+25% worse, +25% to +25%)", False)
    jumps = found["jump rate of minute 2 at most 10% worse than of minute 1"]
    assert (jumps.measured, jumps.met) == ("0 against 0 (+0% worse)", True)


def test_a_goal_in_the_interval_is_not_sure():
    def edits(preferred: int, of: int) -> list[dict]:
        row = {"group": "action", "variant": "edited"}
        return [row | {"case": k, "preferred": float(k < preferred)} for k in range(of)]

    verdicts = [
        goals({"edit": edits(*shares)})[-1].verdict
        for shares in ((17, 20), (180, 200), (15, 20), (100, 200))
    ]
    assert verdicts == ["met, not sure", "met", "not met, not sure", "not met"]


def test_values_leave_out_what_was_not_measured():
    rows = [{"group": "a", "variant": "v", "x": x} for x in (1.0, None, 3.0)]
    rows += [{"group": "b", "variant": "v", "x": 5.0}, {"group": "a", "variant": "w", "x": 7.0}]
    assert values_of(rows, "x", "v").tolist() == [1, 3, 5]
    assert values_of(rows, "x", "v", "a").tolist() == [1, 3]
    assert values_of(rows, "y", "v").tolist() == []


def test_text_match_is_ranked_within_group_and_variant(known_evaluator):
    texts = [f"number {k}" for k in range(8)]
    motions = [moving(30, seed=k) for k in range(8)]
    known_evaluator.put(texts, motions)
    vectors = known_evaluator.embed_motions(motions)
    right = [{"group": "g", "variant": "right", "caption": t, "vector": v.tolist()}
             for t, v in zip(texts, vectors, strict=True)]  # fmt: skip
    wrong = [{**row, "variant": "wrong", "vector": vectors[(k + 4) % 8].tolist()}
             for k, row in enumerate(right)]  # fmt: skip
    alone = [{"group": "g", "variant": "alone", "caption": texts[0], "vector": vectors[0].tolist()}]
    rows = with_text_match(
        [*right, *wrong, *alone, {"group": "g", "variant": "plain"}], known_evaluator
    )
    assert all("vector" not in row for row in rows)
    assert [row["top3"] for row in rows[:8]] == [1.0] * 8
    assert all(row["mm_distance"] < 1e-3 < rows[8 + k]["mm_distance"] for k, row in enumerate(rows[:8]))
    assert "top3" not in rows[16]
    assert "top3" not in rows[17]


def _counting(calls: list[int]) -> Part:
    def rows(bench: Bench, case: int):
        calls.append(case)
        yield {"group": "g", "variant": "exact", "case_squared": case**2, "mean_jerk": float("nan")}

    return Part("in-place", "In place", rows)


def test_broken_off_it_goes_on_and_ends_in_the_same_bytes(bench, tmp_path):
    calls: list[int] = []
    kills = [3]

    def kill(part: str, done: int, total: int) -> None:
        if done in kills:
            kills.remove(done)
            raise KeyboardInterrupt

    part = _counting(calls)
    runner = ControlRunner(tmp_path / "out", bench, [part], 5, kill)
    with pytest.raises(KeyboardInterrupt):
        list(runner.run())
    path = tmp_path / "out" / "cases" / f"{part_id(part, bench)}.jsonl"
    with path.open("a") as file:
        file.write('{"case": 3, "rows": [{"gro')  # power went out while it was written
    assert list(runner.run()) == [part]
    assert calls == [0, 1, 2, 3, 4]
    results = tmp_path / "out" / "results"
    (first,) = results.iterdir()
    list(ControlRunner(tmp_path / "whole", bench, [_counting([])], 5).run())
    (other,) = (tmp_path / "whole" / "results").iterdir()
    assert first.read_bytes() == other.read_bytes()
    assert [row["finished"] for row in read_log(tmp_path / "out")] == [False, True]
    # More cases go on from there; fewer need none to be made.
    list(ControlRunner(tmp_path / "out", bench, [part], 7).run())
    assert calls == [0, 1, 2, 3, 4, 5, 6]
    list(ControlRunner(tmp_path / "out", bench, [part], 2).run())
    assert len(calls) == 7
    (one,) = read_results(tmp_path / "out").part("in-place")
    assert [row["case_squared"] for row in one.rows["row"]] == [0, 1]
    assert one.rows["row"][0]["mean_jerk"] is None


def test_a_folder_of_another_experiment_is_left_alone(bench, tmp_path):
    plan = {"format": FORMAT, "name": "paper", "parts": []}
    (tmp_path / "experiment.json").write_text(json.dumps(plan))
    with pytest.raises(OutputError) as error:
        list(ControlRunner(tmp_path, bench, [_counting([])], 1).run())
    assert str(error.value) == f"{tmp_path}: holds the experiment 'paper'; choose another folder"
    with pytest.raises(SettingsError, match=r"^cases must be at least 1, not 0$"):
        list(ControlRunner(tmp_path / "new", bench, [_counting([])], 0).run())
    with pytest.raises(SettingsError, match=r"^minutes must be at least 1, not 0$"):
        list(ControlRunner(tmp_path / "new", replace(bench, minutes=0), [_counting([])], 1).run())
    assert not (tmp_path / "new").exists()


def test_end_to_end(corpus_folder, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["experiment", "control", "--corpus", str(corpus_folder), "--out", str(out)]
    assert main([*command, "--cases", "2", "--only", "edit"]) == 0
    report = (out / "report.md").read_text("utf-8")
    assert (
        "| editing: the evaluator prefers the edited clip for the new text in 80% or more |" in report
    )
    assert "## Editing a phrase" in report
    results = read_results(out)
    assert [part["name"] for part in results.plan["parts"]] == ["edit"]
    (edits,) = results.part("edit")
    assert [row["variant"] for row in edits.rows["row"]] == ["edited", "before", "real"] * 2
    assert all(row["told"] in (0, 1) for row in edits.rows["row"] if row["variant"] == "real")
    assert "; real clips' own words in" in report
    assert all(row["gain"] is not None for row in edits.rows["row"] if row["variant"] == "edited")
    before = (out / "report.md").read_bytes()
    assert main([*command, "--report-only"]) == 0
    assert (out / "report.md").read_bytes() == before
    assert main([*command, "--only", "walk"]) == 2
    assert "no part 'walk'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["control", "timeline", "overlap", "loop", "in-place", "stream", "minutes"]
)
def test_every_part_makes_rows(bench, name, tmp_path):
    (part,) = check_parts((name,))
    list(ControlRunner(tmp_path / "out", bench, [part], 1).run())
    text = write_control_report(tmp_path / "out").read_text("utf-8")
    assert f"## {part.title}" in text
    (one,) = read_results(tmp_path / "out").part(name)
    variants = {row["variant"] for row in one.rows["row"]}
    expected = {
        "control": {"real", "exact", "raw", "free", "free raw"},
        "timeline": {"exact", "raw", "concatenated", "real"},
        "overlap": {"exact", "raw", "one text"},
        "loop": {"exact", "raw", "free"},
        "in-place": {"exact", "raw", "free"},
        "stream": {"stream", "alone"},
        "minutes": {"whole", "stream"},
    }
    assert variants == expected[name]
