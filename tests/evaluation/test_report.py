"""Report, claims and figures from result files whose contents are known."""

from __future__ import annotations

import csv
import json

import pytest

from nestmotion.core.errors import OutputError, SettingsError
from nestmotion.evaluation.comparisons import against_best, by_model, claims, group_estimate
from nestmotion.evaluation.document import Heading, Image, Table, Text, to_html, to_markdown
from nestmotion.evaluation.figures import FIGURES
from nestmotion.evaluation.report import write_report
from nestmotion.evaluation.result_files import (
    FORMAT,
    append_log,
    read_log,
    read_results,
    result_path,
    write_plan,
    write_result,
)
from synthetic_results import CLIPS, known_facts, measure_rows, write_known_results


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Folder with known results and the report made of them."""
    folder = tmp_path_factory.mktemp("known") / "out"
    write_known_results(folder)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def results(out):
    return read_results(out)


def test_nested_against_the_best_baseline(results):
    models = by_model(results.part("main"), "captions")
    found = {v.measure: v for v in against_best(models)}
    # More is better: the transformer, at 0.6. Less is better: the diffusion model, at 0.5.
    assert (found["coverage"].baseline, found["drift"].baseline) == ("transformer", "diffusion")
    assert found["coverage"].difference.value == pytest.approx(0.2)
    assert found["coverage"].percent.value == pytest.approx(100 / 3)
    assert found["drift"].percent.value == pytest.approx(60)
    assert found["coverage"].better
    assert not found["drift"].better
    # The same difference in every clip.
    assert found["drift"].p_value < 1e-9


def test_only_the_clips_chosen_are_compared(results):
    models = by_model(results.part("main"), "captions")
    assert against_best(models, ["top3"], lambda row: row["length"] == ">20")[0].measure == "top3"
    count, value = group_estimate(models["nested"], "top3", "length", ">20")
    assert (count, value.value) == (CLIPS / 5, pytest.approx(0.8, abs=0.005))
    count, value = group_estimate(models["nested"], "top3", "length", "none such")
    assert count == 0


def test_the_papers_claims(results):
    found = {c.text: c for c in claims(results)}
    verdicts = [c.verdict for c in found.values()]
    assert verdicts == [
        "reproduced",  # coverage 33% up
        "not",  # smoothness error up
        "not",  # drift error up
        "reproduced",  # long captions
        "reproduced",  # 80% above 20 words
        "reproduced",  # depth 3 over 1, and 5 no better than 3
        "not",  # ahead at 5%, behind at 10%
    ]
    assert found["Motion coverage"].measured == "+33.3% (+33.0 to +33.6) against transformer, 60 clips"
    assert found["Few-sample training"].measured == (
        "top 3, 5%: +10.0 points (+10.0 to +10.0) against diffusion; "
        "10%: -10.0 points (-10.0 to -10.0) against diffusion"
    )


@pytest.mark.parametrize(
    ("level", "verdict"), [(0.70, "reproduced"), (0.66, "partly"), (0.60, "not"), (0.5, "not")]
)
def test_a_gain_smaller_than_the_papers_is_partly_reproduced(tmp_path, level, verdict):
    write_known_results(tmp_path / "out")
    write_result(tmp_path / "out", "nested", measure_rows(known_facts(), level))
    assert claims(read_results(tmp_path / "out"))[0].verdict == verdict


def test_what_was_not_measured_is_said_so(tmp_path):
    write_known_results(tmp_path / "out")
    for path in (tmp_path / "out" / "results").iterdir():
        path.unlink()
    write_report(tmp_path / "out")
    assert {c.verdict for c in claims(read_results(tmp_path / "out"))} == {"not measured"}
    text = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "## Main comparison\n\nNot run: no result yet." in text
    assert not (tmp_path / "out" / "figures").exists()


def test_the_report_says_what_is_in_the_files(out):
    text = (out / "report.md").read_text("utf-8")
    assert "AdamW with learning rate 0.0001, batches of 64, 100 epochs, 12 sampling steps" in text
    assert "| coverage ↑ | 0.800 (0.750 to 0.850) | 0.500 (0.450 to 0.550) |" in text
    assert "| parameters | 12.35 M | 12.35 M | 12.35 M | - |" in text
    assert "| coverage | transformer | +33.3% (+33.0 to +33.6) | < 0.0001 | better |" in text
    assert "| >20 | 12 | 0.800 (" in text
    assert "Not run: one seed only; give --seeds 3." in text
    assert "| the whole method | 0.800 (0.750 to 0.850) |" in text
    # Of five measures, one is the better the more there is of it.
    worse, better = "worse R-precision, top 3", "better MM distance, smoothness error"
    (row,) = (line for line in text.splitlines() if line.startswith("| no this |"))
    assert "-0.200 (-0.200 to -0.200)" in row
    assert f"Against the whole: {worse}; {better}" in row
    (row,) = (line for line in text.splitlines() if line.startswith("| no that |"))
    assert row.endswith("No difference is shown: at this budget the piece brings nothing. |")
    assert "| measure nested | 3.0 | a laptop, 2 cores |  |" in text
    assert "| measure few50 |" in text
    page = (out / "report.html").read_text("utf-8")
    assert page.count("data:image/png;base64,") == len(FIGURES)
    assert "<td>+33.3% (+33.0 to +33.6)</td>" in page
    assert "http" not in page


def test_without_the_whole_method_an_ablation_says_nothing(tmp_path):
    write_known_results(tmp_path / "out")
    result_path(tmp_path / "out", "nested").unlink()
    text = write_report(tmp_path / "out").read_text("utf-8")
    assert "## What each piece brings\n\nNot run: no result yet." in text


def test_every_figure_has_its_data_beside_it(out):
    names = {path.name for path in (out / "figures").iterdir()}
    assert names == {f"{stem}.{end}" for stem in FIGURES for end in ("png", "csv")}

    def table(stem):
        with (out / "figures" / f"{stem}.csv").open(newline="") as file:
            return list(csv.reader(file))

    assert ["nested", "coverage", "0.8", "1.0"] in table("1a-measures")
    assert ["diffusion", "drift", "0.5", "1.0"] in table("1a-measures")
    assert len(table("1b-drift")) == 1 + 3 * CLIPS
    length = table("2a-length")
    assert [row[:4] for row in length if row[:2] == ["nested", ">20"]] == [
        ["nested", ">20", "12", "0.8"]
    ]
    assert {row[1] for row in table("2b-structure")[1:]} == {
        "single",
        "modified",
        "sequence",
        "simultaneous",
    }
    assert ["real", "frame", "1", "0.8"] in table("3a-acceleration")
    depth = {row[0]: float(row[3]) for row in table("3b-depth")[1:] if row[1] == "1"}
    assert depth == pytest.approx({"1": 0.42, "2": 0.62, "3": 0.82, "4": 0.82, "5": 0.82})


def test_the_same_files_give_the_same_report(out, tmp_path):
    write_known_results(tmp_path / "again")
    write_report(tmp_path / "again")
    for name in ("report.md", "report.html", "figures/3b-depth.png", "figures/2a-length.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


def test_a_page(tmp_path):
    (tmp_path / "a.png").write_bytes(b"png")
    blocks = [Heading(2, "A & B"), Text("<x>"), Table(["a|b"], [["1"]]), Image("a.png", "it")]
    assert to_markdown(blocks) == "## A & B\n\n<x>\n\n| a/b |\n| --- |\n| 1 |\n\n![it](a.png)\n\nit\n"
    page = to_html(blocks, tmp_path, "t")
    assert "<h2>A &amp; B</h2>\n<p>&lt;x&gt;</p>\n<table><tr><th>a|b</th></tr>" in page
    assert '<img alt="it" src="data:image/png;base64,cG5n">' in page


# Errors


def test_files_of_another_version(tmp_path):
    out = tmp_path / "out"
    write_known_results(out)
    path = result_path(out, "nested")
    first, *rest = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(first), "format": 7}), *rest]), "utf-8")
    with pytest.raises(SettingsError) as caught:
        write_report(out)
    assert str(caught.value) == (
        f"{path}: results of version 7, this nestmotion reads {FORMAT}; choose another folder, or the "
        "nestmotion that made it"
    )
    path.write_text("no rows\n", "utf-8")
    with pytest.raises(SettingsError, match=r"nested\.jsonl: not a file of results .* run again"):
        write_report(out)
    plan = json.loads((out / "experiment.json").read_text("utf-8"))
    (out / "experiment.json").write_text(json.dumps({**plan, "format": 0}), "utf-8")
    for call in (lambda: write_report(out), lambda: write_plan(out, plan)):
        with pytest.raises(SettingsError, match=r"experiment\.json: results of version 0, this"):
            call()


def test_folders_that_are_no_experiment(tmp_path):
    with pytest.raises(SettingsError) as caught:
        write_report(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'experiment.json'}: missing; {tmp_path} holds no experiment"
    )
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(
        OutputError, match="is not empty and holds no experiment; choose another folder"
    ):
        write_plan(tmp_path, {})
    with pytest.raises(OutputError, match=r"mine\.txt: is a file; choose a folder"):
        write_plan(tmp_path / "mine.txt", {})


def test_the_log_grows_row_by_row(tmp_path):
    assert read_log(tmp_path) == []
    append_log(tmp_path, {"task": "a"})
    append_log(tmp_path, {"task": "b"})
    assert read_log(tmp_path) == [{"task": "a"}, {"task": "b"}]
