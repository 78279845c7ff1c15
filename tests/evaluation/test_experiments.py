"""What an experiment is made of: parts, tasks and their ids; few samples; long sequences."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from nestmotion.cli import main
from nestmotion.core.errors import CorpusError, SettingsError
from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.corpus.splits import groups_of, is_validation_clip
from nestmotion.evaluation.ablations import ABLATIONS, WHOLE, Ablation, changed
from nestmotion.evaluation.experiments import (
    PARTS,
    PaperSettings,
    check_parts,
    paper,
    plan_experiment,
    tasks_by_id,
    titles_by_id,
)
from nestmotion.evaluation.long_sequences import continue_motion, window_count
from nestmotion.evaluation.tasks import (
    Corpora,
    EvaluatorTask,
    GivenEvaluator,
    LongTask,
    facts,
    official_view,
    task_id,
    title,
)
from nestmotion.generate import TextToMotion
from nestmotion.training.config import DataConfig, TrainConfig
from nestmotion.training.data import training_clips
from synthetic_corpus import MemorySource, captioned_trial
from synthetic_experiment import tiny_corpora, tiny_corpus, tiny_settings


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> Corpora:
    return tiny_corpora(tmp_path_factory.mktemp("experiments"))


def measured(experiment, part):
    return next(p for p in experiment.parts if p.name == part).tasks


# Parts and tasks


def test_all_models_are_trained_alike(corpora):
    trained = [t.training.config for t in measured(paper(corpora, PaperSettings()), "main")]
    assert [c.model for c in trained] == ["nested", "diffusion", "clip-aligned", "transformer"]
    assert [c.network.layers for c in trained] == [6, 13, 13, 13]
    for config in trained:
        assert (config.epochs, config.batch_size, config.optimizer.learning_rate) == (100, 64, 1e-4)
        assert config.data == trained[0].data
        assert config.data.train_folds == (1, 2)


def test_parts_share_their_tasks(corpora):
    experiment = paper(corpora, PaperSettings(seeds=3, folds=2))
    assert [p.name for p in experiment.parts] == list(PARTS)
    main_ids = [task_id(t) for t in measured(experiment, "main")]
    assert [task_id(t) for t in measured(experiment, "length")] == main_ids
    depths = {
        t.training.config.network.semantic_depth: task_id(t) for t in measured(experiment, "depth")
    }
    assert list(depths) == [1, 2, 3, 4, 5]
    assert depths[3] == main_ids[0]
    shares = [t.training.config.data.group_share for t in measured(experiment, "few")]
    assert shares == [s for s in (0.05, 0.1, 0.25, 0.5, 1.0) for _ in range(4)]
    assert [t.training.config.seed for t in measured(experiment, "seeds")][::4] == [0, 1, 2]
    folds = [t.training.config.data.train_folds for t in measured(experiment, "folds")][::4]
    assert folds == [(1, 2), (0, 2), (0, 1)]
    judges = [t.evaluator for t in measured(experiment, "folds")][::4]
    assert [j.config.folds for j in judges if isinstance(j, EvaluatorTask)] == folds
    # 4 main, 4 other depths, 16 with few samples, 4 long, 8 other seeds, 8 other folds, no official;
    # of the ablations, the whole, depths and, without compositions, nothing else were there before.
    assert len(tasks_by_id(experiment)) == 44 + len(ABLATIONS) - 6


def test_ids_follow_from_what_changes_the_results(corpora):
    task = measured(paper(corpora, tiny_settings()), "main")[0]
    config = task.training.config

    def other(**changes):
        return replace(task, training=replace(task.training, config=replace(config, **changes)))

    assert task_id(measured(paper(corpora, tiny_settings()), "main")[0]) == task_id(task)
    assert task_id(other(threads=7, device="cuda", checkpoint_minutes=9.0)) == task_id(task)
    for different in (
        other(epochs=3),
        other(seed=1),
        replace(task, samples=2),
        replace(task, inputs="x"),
    ):
        assert task_id(different) != task_id(task)
    assert len(task_id(task)) == 12


def test_titles():
    found = {"kind": "measure", "model": "nested", "corpus": "captions", "seed": 1, "depth": 3}
    found |= {"train_folds": [1, 2], "share": 0.05}
    assert title(found) == "measure nested on captions (seed 1; depth 3; folds 1, 2; 5% of groups)"
    assert title(facts(GivenEvaluator("f", "d"))) == "given evaluator"


def test_titles_tell_trainings_of_an_ablation_apart(corpora):
    experiment = paper(corpora, PaperSettings())
    titles = titles_by_id(experiment)
    ablation = measured(experiment, "ablation")
    of_each = [(titles[task_id(t)], titles[task_id(t.training)]) for t in ablation]
    assert len(set(of_each)) == len(ablation)
    assert all(len({measure, train}) == 2 for measure, train in of_each)
    (contrast,) = (names for names in of_each if "no phrase contrast" in names[0])
    assert contrast[1] == "train nested on captions (seed 0; depth 3; folds 1, 2; no phrase contrast)"
    assert set(titles) > set(tasks_by_id(experiment))


def test_an_ablation_leaves_out_what_it_names_and_nothing_else(corpora):
    experiment = paper(corpora, PaperSettings())
    part = next(p for p in experiment.parts if p.name == "ablation")
    configs = {label: t.training.config for label, t in zip(part.labels, part.tasks, strict=True)}
    whole = configs[WHOLE]
    assert task_id(part.tasks[0]) == task_id(measured(experiment, "main")[0])
    for one in ABLATIONS[1:]:
        if one.composed:
            config = configs[one.name]
            assert config != whole, one.name
            groups = {name.split(".")[0] for name in one.changes} | {"epochs"}
            assert all(getattr(config, g) == getattr(whole, g) for g in vars(whole) if g not in groups)
    assert configs["no mirror images"].epochs == 2 * whole.epochs
    assert configs["no phrase contrast"].loss.phrase == 0.0
    assert configs["no kinematic losses"].loss.features == whole.loss.features
    # There is no composed corpus here to leave out.
    assert "no compositions" not in configs


def test_an_ablation_of_a_setting_that_is_none_is_an_error():
    with pytest.raises(TypeError):
        changed(TrainConfig(), Ablation("x", {"loss.none": 0.0}), composed=True)


def test_without_some_of_the_data_there_are_epochs_enough_for_as_many_steps():
    data = DataConfig(uncaptioned_share=0.2, composed_share=0.3)
    bare = Ablation("x", {"data.uncaptioned_share": 0.0})
    for epochs, without_bare, without_composed in ((100, 116, 125), (2, 3, 3)):
        config = TrainConfig(data=data, epochs=epochs)
        assert changed(config, bare, composed=True).epochs == without_bare
        assert changed(config, Ablation("y", composed=False), composed=True).epochs == without_composed
        assert changed(config, Ablation("y", composed=False), composed=False).epochs == epochs
        assert changed(config, Ablation(WHOLE), composed=True).epochs == epochs


def test_few_samples_may_be_given_more_epochs(corpora):
    few = measured(paper(corpora, PaperSettings(few_stretch=4)), "few")[::4]
    assert [t.training.config.epochs for t in few] == [400, 400, 400, 200, 100]


def test_the_official_split_where_the_corpus_names_one(tmp_path, corpora):
    assert next(p for p in paper(corpora, tiny_settings()).parts if p.name == "official").note == (
        "the corpus names no official split"
    )
    clips = corpora.captions.clips
    named = tuple(
        replace(c, official_split=("test", "train", "val")[k % 3]) for k, c in enumerate(clips)
    )
    official = official_view(replace(corpora.captions, clips=named))
    assert [c.fold for c in official.clips[:3]] == [0, 1, 1]
    with_split = replace(corpora, captions=replace(corpora.captions, clips=named))
    tasks = measured(paper(with_split, tiny_settings()), "official")
    assert [t.training.corpus for t in tasks] == ["captions", "captions", "official", "official"]
    assert tasks[-1].training.config.data.train_folds == (1,)
    with pytest.raises(CorpusError, match="needs a composed corpus; give --composed"):
        corpora.get("compose")


# Few samples


def test_a_share_of_groups_is_part_of_a_larger_one(tmp_path):
    trials = [captioned_trial(f"t{k}", f"g{k // 2}", 1, ["walks"], 24) for k in range(160)]
    trials += [captioned_trial(f"b{k}", f"g{k}", 1, [], 24) for k in range(40)]
    trials += [captioned_trial(f"c{k}", f"g{k}+g{k + 1}", 1, ["walks"], 24) for k in range(60)]
    prepare(MemorySource(trials), tmp_path / "corpus")
    corpus = PreparedCorpus.open(tmp_path / "corpus")

    def groups(share):
        found = training_clips(corpus, DataConfig(validation_share=0.2, group_share=share), 4)
        held_out = [c.clip_id for c in found.validation]
        return {g for c in found.captioned + found.bare for g in groups_of(c)}, held_out, found

    shares = (0.1, 0.25, 0.5, 1.0)
    for small, large in itertools.pairwise(shares):
        assert groups(small)[0] < groups(large)[0]
        assert groups(small)[1] == groups(large)[1]
    everything = groups(1.0)[0]
    assert 0.35 < len(groups(0.5)[0]) / len(everything) < 0.65
    assert not any(is_validation_clip(g, 0.2) for g in everything)
    whole, half = groups(1.0)[2], groups(0.5)
    # A clip stays when its group does; a composition when all of its groups do.
    kept = [c.clip_id for c in whole.captioned if half[0].issuperset(groups_of(c))]
    assert [c.clip_id for c in half[2].captioned] == kept


# Long sequences


@pytest.mark.slow
def test_a_window_goes_on_from_the_one_before():
    model = TextToMotion.load()
    task = LongTask(None, None, "", (3.0, 8.0), 1, window_s=3.0, overlap_s=1.0)
    assert window_count(task) == 4
    first = continue_motion(model, None, "a person walks forward", 0, task)
    both = continue_motion(model, first, "a person walks forward", 1, task)
    assert (len(first), len(both)) == (60, 100)
    assert np.array_equal(both.root_m[:60], first.root_m)
    step = np.linalg.norm(np.diff(both.root_m, axis=0), axis=-1)
    # The new frames are set down where and facing as the old ones end.
    assert step[59] < 0.1
    assert abs(both.heading_rad[60] - both.heading_rad[59]) < 0.3


def test_windows_of_the_usual_length():
    assert window_count(LongTask(None, None, "")) == 14
    assert window_count(LongTask(None, None, "", (10.0,))) == 1


# Errors


def test_missing_fold_and_empty_test_group(corpora, tmp_path):
    folder = corpora.captions.folder
    with pytest.raises(SettingsError) as caught:
        paper(corpora, tiny_settings(folds=3))
    assert str(caught.value) == (
        f"{folder}: no captioned clip in fold 3 to test on, it takes at least two; captions are in "
        "folds 0, 1, 2"
    )
    no_test = tiny_corpus(tmp_path / "no_test", folds=(1, 2))
    with pytest.raises(
        SettingsError, match="no captioned clip in fold 0 to test on, it takes at least"
    ):
        paper(replace(corpora, captions=no_test), tiny_settings())
    no_training = tiny_corpus(tmp_path / "no_training", folds=(0,))
    with pytest.raises(SettingsError, match="no captioned clips outside fold 0 to train on"):
        paper(replace(corpora, captions=no_training), tiny_settings())


def test_names_that_are_none(corpora):
    with pytest.raises(SettingsError, match="no experiment 'thesis'; it is one of: paper"):
        plan_experiment("thesis", corpora, tiny_settings())
    with pytest.raises(
        SettingsError, match="no part 'appendix'; it is one of: main, length, structure"
    ):
        check_parts(("main", "appendix"))
    with pytest.raises(SettingsError, match="no model 'gan'; it is one of: transformer, diffusion"):
        paper(corpora, tiny_settings(models=("gan",)))
    with pytest.raises(SettingsError, match="seeds must be at least 1 and folds at least 0"):
        paper(corpora, tiny_settings(seeds=0))
    assert check_parts(("few", "main")) == ("main", "few")
    assert check_parts(()) == PARTS


def test_an_evaluator_that_is_none(corpora, tmp_path):
    with pytest.raises(SettingsError, match=r"evaluator\.json: missing; .* is not an evaluator"):
        paper(corpora, tiny_settings(), tmp_path)


def test_the_command_says_what_is_wrong_in_one_line(corpora, tmp_path, capsys):
    def said(*arguments):
        command = ["--corpus", str(corpora.captions.folder), "--out", str(tmp_path / "out")]
        assert main(["experiment", *arguments, *command]) == 2
        assert not (tmp_path / "out").exists()
        return capsys.readouterr().err

    assert said("thesis") == "nestmotion: no experiment 'thesis'; it is one of: paper\n"
    assert said("paper", "--only", "appendix").startswith(
        "nestmotion: no part 'appendix'; it is one of"
    )
    assert said("paper", "--report-only").endswith(f"{tmp_path / 'out'} holds no experiment\n")
    texts = ["--text-encoder", str(corpora.text_encoder)]
    assert "no captioned clip in fold 3 to test on" in said("paper", "--folds", "4", *texts)
