"""The main comparison on made-up clips: killed anywhere it goes on, and ends in the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nestmotion.cli import main
from nestmotion.core.errors import OutputError
from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.experiments import paper
from nestmotion.evaluation.report import write_report
from nestmotion.evaluation.result_files import read_log, read_results
from nestmotion.evaluation.runner import Runner, remaining
from nestmotion.evaluation.tasks import Corpora
from nestmotion.io.humanml3d import save_humanml3d
from synthetic_corpus import moving
from synthetic_experiment import CAPTIONS, tiny_settings, write_text_files

SETTINGS = tiny_settings(models=("diffusion",))

# Where it is killed: in training the evaluator before and after its first checkpoint, while clips are
# read, in training the model, and among the clips that are generated.
KILLS = {
    ("member 0", 1),
    ("member 0", 3),
    ("reading clips", 5),
    ("training", 1),
    ("training", 2),
    ("generating", 1),
    ("generating", 3),
}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> Corpora:
    """Prepared from a folder in HumanML3D's official layout (T2M-Gen's is the same)."""
    base = tmp_path_factory.mktemp("experiment")
    source = base / "humanml3d"
    (source / "texts").mkdir(parents=True)
    names = [f"{k:06d}" for k in range(40)]
    for k, name in enumerate(names):
        save_humanml3d(moving(24 + k % 9, seed=k), source / "new_joint_vecs" / f"{name}.npy")
        line = f"{CAPTIONS[k % 4]}#a/DET#0.0#0.0\n"
        (source / "texts" / f"{name}.txt").write_text(line, "utf-8")
    for split, part in (("train", names[:28]), ("val", names[28:31]), ("test", names[31:])):
        (source / f"{split}.txt").write_text("\n".join(part) + "\n", "utf-8")
    assert main(["corpus", "prepare", "--source", str(source), "--out", str(base / "corpus")]) == 0
    return Corpora(PreparedCorpus.open(base / "corpus"), None, write_text_files(base / "text"))


@pytest.fixture(scope="module")
def whole(corpora, tmp_path_factory) -> Path:
    """The folder of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    experiment = paper(corpora, SETTINGS)
    finished: list[str] = []
    Runner(out, experiment, corpora).run(["main"], finished.append)
    assert finished == ["main"]
    assert remaining(experiment, out, ["main"]) == 0
    return out


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.slow
def test_killed_at_any_point_it_ends_in_the_same_bytes(corpora, whole, tmp_path):
    left, out = set(KILLS), tmp_path / "out"

    def kill(title: str, stage: str, done: int, total: int) -> None:
        if (stage, done) in left:
            left.remove((stage, done))
            raise KeyboardInterrupt

    while True:
        try:
            Runner(out, paper(corpora, SETTINGS), corpora, watch=kill).run(["main"])
            break
        except KeyboardInterrupt:
            continue
    assert not left
    assert files(out / "results") == files(whole / "results")
    assert sum(not row["finished"] for row in read_log(out)) == len(KILLS)


@pytest.mark.slow
def test_what_is_finished_is_not_done_again(corpora, whole):
    before = files(whole / "results"), read_log(whole)

    def never(title: str, stage: str, done: int, total: int) -> None:
        raise AssertionError(f"{title}: {stage}")

    Runner(whole, paper(corpora, SETTINGS), corpora, watch=never).run(["main", "length", "structure"])
    assert (files(whole / "results"), read_log(whole)) == before
    assert list((whole / "motions").iterdir()) == []
    assert list((whole / "runs").rglob("*.safetensors")) == []


@pytest.mark.slow
def test_what_the_results_hold(corpora, whole):
    (done,) = read_results(whole).part("main")
    assert (done.facts["model"], done.facts["corpus"], done.facts["seed"]) == (
        "diffusion",
        "captions",
        0,
    )
    assert done.facts["train_folds"] == [1, 2, 3, 4]
    tested = [c.clip_id for c in corpora.captions.clips if c.fold == 0]
    assert [row["clip"] for row in done.rows["clip"]] == tested
    for row in done.rows["clip"]:
        assert row["words"] == len(row["caption"].replace(",", "").split())
        assert np.isfinite(row["drift"])
    assert {row["of"] for row in done.rows["acceleration"]} == {"generated", "real"}
    text = write_report(whole).read_text("utf-8")
    assert f"### HumanML3D captions, {len(tested)} test clips" in text
    assert "Not run: no result yet." in text  # depth and few


def test_a_folder_that_holds_something_else_is_left_alone(corpora, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(
        OutputError, match="is not empty and holds no experiment; choose another folder"
    ):
        Runner(tmp_path, paper(corpora, SETTINGS), corpora)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_training_first_and_measuring_later_is_the_same(corpora, whole, tmp_path):
    experiment, out = paper(corpora, SETTINGS), tmp_path / "out"
    Runner(out, experiment, corpora).train(["main"])
    assert not list((out / "results").glob("*"))
    assert remaining(experiment, out, ["main"]) == 1
    Runner(out, experiment, corpora).run(["main"])
    assert files(out / "results") == files(whole / "results")
