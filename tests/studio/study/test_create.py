"""Making a study: what is in its folder, and what a user is told who asks for something impossible."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nestmotion.cli import main
from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import OutputError, PromptError, SettingsError
from nestmotion.generate import TextToMotion, default_bundle_path
from nestmotion.io import load_motion
from nestmotion.studio.study import StudySettings, StudyStore, create_study
from nestmotion.studio.study.clips import break_motion
from nestmotion.studio.study.prompts import StudyPrompt
from simulated_raters import BROKEN, key
from synthetic_study import MODELS, make_bundle

SMALL = StudySettings(raters=1, pairs=1, scores=0, checks=0, seconds=1.0)
WAVE = [StudyPrompt("a person waves", "all")]


def _clip(store, prompt, label):
    with store.connection() as db:
        (name,) = db.execute(
            "SELECT clip FROM clips JOIN prompts USING (prompt) LEFT JOIN models USING (model)"
            " WHERE text = ? AND label IS ?",
            (prompt, label),
        ).fetchone()
    return load_motion(store.folder / "clips" / f"{name}.glb")


def test_every_model_has_its_own_clip_of_every_prompt_with_the_same_seed(made, bundles):
    prompt = "a person waves with the right hand"  # the third, so that its seed is 2
    for folder in bundles:
        (expected,) = TextToMotion.load(folder).generate(prompt, 1.0, seed=2)
        found = _clip(made, prompt, folder.name)
        np.testing.assert_allclose(found.positions_m, expected.positions_m, atol=1e-5)
    assert len(list((made.folder / "clips").iterdir())) == 4 * len(MODELS) + 4


def test_each_rater_is_asked_what_the_plan_says(made):
    asked = list(key(made).values())
    assert {m for one in asked for m in one.shown} == {*MODELS, BROKEN}
    for _, progress in made.links():
        assert 12 + 4 + 12 + 2 <= progress.total <= 12 + 4 + 4 + 12 + 2
        assert progress.answered == 0
    assert len({token for token, _ in made.links()}) == 16


def test_broken_clips_look_broken(random_motion, synthetic_walk):
    for motion in (random_motion(frames=30), synthetic_walk(frames=30)):
        broken = break_motion(motion, np.random.default_rng(0))
        assert len(broken) == len(motion)
        head, feet = broken.joint_m("head")[:, 1], broken.joint_m("left_foot")[:, 1]
        assert np.median(head - feet) < 0.3, "does not stand"
        jump = np.linalg.norm(np.diff(broken.root_m, axis=0), axis=1)
        assert np.median(jump) > 0.2, "metres from frame to frame"


def test_length_is_the_same_for_all_models_and_judged_from_the_text(tmp_path, bundles):
    settings = StudySettings(raters=1, pairs=3, scores=0, checks=0)
    store = create_study(bundles[:2], WAVE, tmp_path / "s", settings)
    expected = TextToMotion.load(bundles[0]).predict_seconds(WAVE[0].text)
    lengths = {_clip(store, WAVE[0].text, b.name).duration_s for b in bundles[:2]}
    assert len(lengths) == 1
    assert lengths.pop() == pytest.approx(expected, abs=0.05)


def test_command_line(tmp_path, bundles, capsys):
    names, prompts_file = [str(bundles[0]), "default"], tmp_path / "prompts.txt"
    prompts_file.write_text("a person waves\n")
    options = ["--raters", "2", "--pairs", "2", "--scores", "1", "--checks", "0", "--seconds", "1"]
    command = ["study", "create", "--bundles", *names, "--prompts", str(prompts_file)]
    assert main([*command, "--out", str(tmp_path / "s"), *options]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "quokkamodel: 1 clips",
        "default: 1 clips",
        f"{tmp_path / 's'}: 2 raters, at most 2 questions each",
        f"open it to them with: nestmotion study serve {tmp_path / 's'}",
    ]
    assert len(StudyStore(tmp_path / "s").links()) == 2
    assert main([*command, "--out", str(tmp_path / "s")]) == 2
    assert capsys.readouterr().err == (
        f"nestmotion: {tmp_path / 's'}: exists already; a study needs a new folder\n"
    )
    assert main(["study", "report", str(tmp_path / "s")]) == 2
    assert capsys.readouterr().err == (
        "nestmotion: nobody has answered yet; the raters' links: nestmotion study serve\n"
    )
    assert not (tmp_path / "s" / "report").exists()


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"raters": 0}, "raters must be from 1 to 1000, not 0"),
        ({"pairs": -1}, "pairs must be from 0 to 1000, not -1"),
        ({"checks": 2000}, "checks must be from 0 to 1000, not 2000"),
        ({"pairs": 0, "scores": 0}, "there would be nothing to ask; give pairs, scores or both"),
    ],
)
def test_settings_out_of_range(settings, line):
    with pytest.raises(SettingsError) as caught:
        StudySettings(**settings)
    assert str(caught.value) == line


@pytest.fixture
def refused(tmp_path):
    """What is said about bundles that cannot be compared; nothing may be left behind."""

    def make(error, folders, prompts=WAVE, settings=SMALL):
        with pytest.raises(error) as caught:
            create_study(folders, prompts, tmp_path / "out" / "s", settings)
        assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
        return str(caught.value).replace(f"{tmp_path}/", "").replace(f"{default_bundle_path()}", "B")

    return make


def test_bundles_that_cannot_be_compared(refused, tmp_path, bundles):
    default = default_bundle_path()
    assert refused(SettingsError, [default]) == (
        "a study compares two bundles or more; name their folders after --bundles"
    )
    assert refused(
        SettingsError, [bundles[0], make_bundle(tmp_path / "other" / bundles[0].name, "x")]
    ) == (
        f"two bundles are in folders called {bundles[0].name!r}, and the report names them by their "
        "folders; rename one"
    )
    fast = make_bundle(tmp_path / "fast", "fast", fps=30.0)
    assert refused(SettingsError, [default, fast]) == (
        "fast: makes 30 frames a second, B 20, which would tell their clips apart; compare bundles of "
        "one frame rate"
    )
    tall = make_bundle(tmp_path / "tall", "tall")
    manifest = json.loads((tall / "bundle.json").read_text("utf-8"))
    skeleton = json.loads((tall / "skeleton.json").read_text("utf-8"))
    skeleton["offsets_m"][1][0] += 0.01
    (tall / "skeleton.json").unlink()
    (tall / "skeleton.json").write_text(json.dumps(skeleton), "utf-8")
    manifest["files"]["skeleton.json"] = sha256_of(tall / "skeleton.json")
    (tall / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    assert refused(SettingsError, [default, tall]) == (
        "tall: its skeleton is not that of B, which would tell their clips apart; compare bundles of "
        "one skeleton"
    )


def test_prompts_and_lengths_that_cannot_be_made(refused, bundles):
    long = StudySettings(raters=1, pairs=1, scores=0, checks=0, seconds=60.0)
    assert refused(PromptError, bundles, settings=long) == "seconds must be from 1 to 10, not 60"
    endless = [*WAVE, StudyPrompt("walk " * 500, "all")]
    assert refused(PromptError, bundles, prompts=endless).startswith("the prompt has 500 words")


def test_folder_that_is_in_use(tmp_path, bundles):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "mine").write_text("x")
    with pytest.raises(OutputError, match="exists already; a study needs a new folder"):
        create_study(bundles, WAVE, tmp_path / "s", SMALL)
    assert (tmp_path / "s" / "mine").read_text() == "x"
    with pytest.raises(OutputError, match="cannot be written: not a directory"):
        create_study(bundles, WAVE, tmp_path / "s" / "mine" / "t", SMALL)
