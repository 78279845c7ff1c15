"""The training loop: exact resuming, and learning at all."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nestmotion.core.errors import OutputError, TrainingError
from nestmotion.models import build_model
from nestmotion.training.config import OptimizerConfig, TrainConfig
from nestmotion.training.loop import learning_rate_share, train
from nestmotion.training.run_folder import (
    check_corpus,
    check_extra,
    claim_run,
    create_run,
    read_config,
    read_normalizer,
    training_record,
)

# Batches an epoch of the corpus and config of conftest.py.
PER_EPOCH = 7

MOTION = {"features", "position", "velocity", "acceleration", "contact", "ground", "total"}
ALIGNMENT = {"sentence", "phrase", "turns", "order"}

# What must resume exactly besides `straight`: the other kind of network, the other optimizer with the
# arithmetic that is used in earnest, a model without noise that draws from a generator all the same.
OTHERS = {
    "diffusion": {"model": "diffusion"},
    "muon": {
        "optimizer": OptimizerConfig(warmup_steps=4, learning_rate=1e-3, muon_rate=2e-3),
        "bfloat16": True,
    },
    "clip-aligned": {"model": "clip-aligned"},
}


class _Run:
    """A run folder, and the losses of every step taken in it."""

    def __init__(self, folder: Path, config: TrainConfig, corpus, composed, data) -> None:
        claim_run(folder)
        create_run(folder, config, corpus, {"composed": composed}, data.normalizer)
        self.folder, self.config, self.data = folder, config, data
        self.losses: dict[int, dict[str, float]] = {}

    def train(self, stop_at: int | None = None, **options):
        def progress(step: int, total: int, terms: dict[str, float]) -> None:
            self.losses[step] = terms
            if step == stop_at:
                raise KeyboardInterrupt

        return train(self.config, self.data, self.folder, progress=progress, **options)

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        return load_file(self.folder / "checkpoint.safetensors")

    @property
    def log(self) -> list[dict[str, float | str]]:
        rows = map(json.loads, (self.folder / "log.jsonl").read_text("utf-8").splitlines())
        return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def begin(corpus, composed, composed_data):
    """Function (folder, config): a run of these settings, not begun yet."""

    def make(folder: Path, config: TrainConfig) -> _Run:
        return _Run(folder, config, corpus, composed, composed_data)

    return make


@pytest.fixture(scope="module")
def straight(tmp_path_factory, begin, config) -> _Run:
    """A run of `nested` from the first step to the last."""
    run = begin(tmp_path_factory.mktemp("runs") / "straight", config)
    done = run.train()
    assert (done.step, done.epoch) == (4 * PER_EPOCH, 4)
    return run


def _equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return set(a) == set(b) and all(torch.equal(a[key], b[key]) for key in a)


def _assert_same(run: _Run, straight: _Run) -> None:
    assert run.losses == straight.losses
    assert run.log == straight.log
    assert _equal(run.tensors, straight.tensors)


@pytest.mark.parametrize("stop", [1, PER_EPOCH, PER_EPOCH + 2])
def test_a_resumed_run_ends_bit_by_bit_where_a_straight_one_does(straight, begin, tmp_path, stop):
    """Stopped at an epoch's start, end and middle, and two steps later once more."""
    run = begin(tmp_path / "run", straight.config)
    assert run.train(stop_after_steps=stop).step == stop
    assert not _equal(run.tensors, straight.tensors)
    assert run.train(resume=True, stop_after_steps=2).step == stop + 2
    assert run.train(resume=True).step == 4 * PER_EPOCH
    _assert_same(run, straight)


@pytest.mark.parametrize("kind", OTHERS)
def test_so_do_runs_of_other_kinds(config, begin, tmp_path, kind):
    config = replace(config, epochs=1, **OTHERS[kind])
    whole = begin(tmp_path / "whole", config)
    whole.train()
    run = begin(tmp_path / "run", config)
    run.train(stop_after_steps=3)
    run.train(resume=True)
    _assert_same(run, whole)
    moments = {key.split(".")[-1] for key in run.tensors if key.startswith("optimizer.")}
    adam = {"step", "exp_avg", "exp_avg_sq"}
    assert moments == (adam | {"momentum_buffer"} if kind == "muon" else adam)


def test_a_run_killed_between_checkpoints_repeats_what_it_lost(straight, begin, tmp_path):
    """Killed after the validation of the first epoch, when the last checkpoint is of step 3."""
    run = begin(tmp_path / "run", straight.config)
    run.train(stop_after_steps=3)
    with pytest.raises(KeyboardInterrupt):
        run.train(resume=True, stop_at=PER_EPOCH + 2)
    assert [row["step"] for row in run.log] == [PER_EPOCH]
    with (run.folder / "log.jsonl").open("a") as file:
        file.write('{"kind": "val')
    run.train(resume=True)
    _assert_same(run, straight)


def test_checkpoints_are_written_on_the_way(straight, begin, tmp_path):
    run = begin(tmp_path / "run", replace(straight.config, checkpoint_minutes=0.0))
    with pytest.raises(KeyboardInterrupt):
        run.train(stop_at=4)
    assert run.train(resume=True, stop_after_steps=1).step == 4  # the checkpoint was of step 3


def test_the_log_of_a_straight_run(straight):
    steps = [PER_EPOCH * k for k in (1, 2, 3, 4)]
    rows = [("validation", step, epoch + 1) for epoch, step in enumerate(steps)]
    rows.insert(2, ("train", 20, 2))
    assert [(row["kind"], row["step"], row["epoch"]) for row in straight.log] == rows
    terms = MOTION | ALIGNMENT
    assert set(straight.log[0]) == {"kind", "step", "epoch", *terms}
    assert set(straight.log[2]) == {"kind", "step", "epoch", "gradient_norm", *terms}
    assert all(row["turns"] > 0 for row in straight.log)  # told by compositions, held-out ones too
    assert any((straight.folder / "tensorboard").iterdir())


def test_progress_is_told_of_every_step(straight):
    assert list(straight.losses) == list(range(1, 4 * PER_EPOCH + 1))
    assert all(
        set(terms) == MOTION | ALIGNMENT | {"gradient_norm"} for terms in straight.losses.values()
    )


def test_a_run_may_start_from_the_average_of_another(straight, begin, tmp_path):
    run = begin(tmp_path / "run", replace(straight.config, start_from=str(straight.folder)))
    with pytest.raises(KeyboardInterrupt):
        run.train(stop_at=1)
    begun, average = run.tensors, straight.tensors
    names = [name for name in average if name.startswith("ema.")]
    assert names
    for name in names:
        assert torch.equal(begun[name], average[name])
        assert torch.equal(begun[name.replace("ema.", "model.", 1)], average[name])
    assert run.losses[1]["total"] < straight.losses[1]["total"]


def test_the_record_tells_what_a_run_started_from(straight, begin, tmp_path):
    first = begin(tmp_path / "a", replace(straight.config, epochs=1))
    first.train()
    second = begin(tmp_path / "b", replace(first.config, start_from=str(first.folder), epochs=2))
    second.train(stop_after_steps=PER_EPOCH)
    record = training_record(second.folder)
    assert record["progress"]["epoch"] == 1
    assert record["composed_clips"] == 18
    assert record["started_from"] == training_record(first.folder)
    assert record["config"]["start_from"] == first.folder.name
    assert record["started_from"]["progress"]["epoch"] == 1
    assert record["started_from"]["started_from"] is None


def test_only_its_own_corpus_belongs_to_a_run(straight, begin, corpus, tmp_path):
    run = begin(tmp_path / "run", straight.config)
    check_corpus(run.folder, corpus)
    other = replace(corpus, manifest={**corpus.manifest, "files": {}})
    with pytest.raises(TrainingError) as error:
        check_corpus(run.folder, other)
    assert str(error.value) == f"{corpus.folder}: not the corpus that {run.folder} was trained on"
    (run.folder / "corpus.json").unlink()
    with pytest.raises(TrainingError) as error:
        check_corpus(run.folder, corpus)
    assert str(error.value) == (
        f"{run.folder / 'corpus.json'}: missing or not readable, so this is no whole run"
    )


def test_only_its_own_compositions_belong_to_a_run(corpus, composed, composed_data, config, tmp_path):
    with_them = _Run(tmp_path / "with", config, corpus, composed, composed_data).folder
    without = _Run(tmp_path / "without", config, corpus, None, composed_data).folder
    check_extra(with_them, {"composed": composed})
    check_extra(without, {})
    for run, given, name in (
        (with_them, None, "no --composed"),
        (with_them, corpus, corpus.folder),
        (without, composed, composed.folder),
    ):
        with pytest.raises(TrainingError) as error:
            check_extra(run, {"composed": given})
        assert str(error.value) == f"{name}: not the composed corpus that {run} was trained on"


def test_a_finished_run_has_nothing_left_to_do(straight):
    before = straight.tensors
    assert straight.train(resume=True).step == 4 * PER_EPOCH
    after = straight.tensors
    assert _equal(before, after)


def test_another_seed_is_another_run(straight, begin, tmp_path):
    run = begin(tmp_path / "run", replace(straight.config, seed=4))
    run.train(stop_after_steps=1)
    assert run.losses[1]["total"] != straight.losses[1]["total"]


def test_training_leaves_the_global_generators_alone(straight, begin, tmp_path):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    begin(tmp_path / "run", straight.config).train(stop_after_steps=2)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_the_average_follows_the_weights(straight, begin, tmp_path):
    """After one step: a tenth of the fresh weights and nine tenths of the new ones."""
    run = begin(tmp_path / "run", straight.config)
    run.train(stop_after_steps=1)
    with torch.random.fork_rng():
        torch.manual_seed(straight.config.seed)
        fresh = dict(build_model("nested", straight.config.network).named_parameters())
    found = run.tensors
    moved = 0
    for name, value in fresh.items():
        expected = 0.1 * value + 0.9 * found[f"model.{name}"]
        assert torch.allclose(found[f"ema.{name}"], expected, atol=1e-7), name
        moved += not torch.equal(value, found[f"model.{name}"])
    assert moved > 3


def test_models_hear_texts_at_the_scale_of_the_training_captions(straight):
    (mean, std), (node_mean, node_std) = straight.data.text_statistics()
    for part in ("model", "ema"):
        found = straight.tensors
        assert np.array_equal(found[f"{part}.sentence_mean"], mean)
        assert np.array_equal(found[f"{part}.sentence_std"], std)
        assert np.array_equal(found[f"{part}.node_mean"], node_mean)
        assert np.array_equal(found[f"{part}.node_std"], node_std)


def test_a_loss_that_is_no_number_stops_the_run(straight, begin, tmp_path):
    optimizer = replace(straight.config.optimizer, learning_rate=1e30)
    run = begin(tmp_path / "run", replace(straight.config, optimizer=optimizer))
    with pytest.raises(TrainingError, match="the loss or its gradient is not a finite number; lower"):
        run.train()


@pytest.mark.parametrize("muon_rate", [0.0, 3e-3])
def test_the_loss_falls_when_there_is_little_to_learn(straight, begin, tmp_path, muon_rate):
    config = replace(
        straight.config,
        network=replace(straight.config.network, width=32, dropout=0.0),
        optimizer=OptimizerConfig(
            warmup_steps=5, learning_rate=3e-3, ema_decay=0.9, muon_rate=muon_rate
        ),
        epochs=15,
        validate_epochs=1,
    )
    run = begin(tmp_path / "run", config)
    run.train()
    # Steps cannot be compared: some batches are under more noise than others. In validation there are
    # averaged weights, held-out groups and the same noise each time: what is new is what was learnt.
    first, *_, last = (row for row in run.log if row["kind"] == "validation")
    for name in ("total", "features", "position"):
        assert last[name] < 0.85 * first[name], name


def test_the_gradient_is_clipped_to_the_norm_asked_for(straight, begin, tmp_path):
    """What is reported is the norm before clipping; with a tiny limit AdamW still learns."""
    config = replace(straight.config, optimizer=OptimizerConfig(clip_norm=1e-3, warmup_steps=1))
    run = begin(tmp_path / "run", config)
    run.train(stop_after_steps=1)
    first_moment = {k: v for k, v in run.tensors.items() if k.endswith("exp_avg")}
    norm = torch.cat([v.flatten() for v in first_moment.values()]).norm() / (1 - 0.9)
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)
    assert run.losses[1]["gradient_norm"] > 0.01


def test_the_learning_rate_rises_stays_and_falls_to_nothing():
    config = OptimizerConfig(warmup_steps=10, cooldown_share=0.2)
    shares = [learning_rate_share(step, 100, config) for step in range(101)]
    assert shares[:10] == pytest.approx([0.1 * (k + 1) for k in range(10)])
    assert shares[10:81] == [1.0] * 71
    assert shares[90] == pytest.approx(0.5)
    assert shares[100] == 0
    assert all(a > b for a, b in pairwise(shares[80:]))


def test_no_warm_up_and_no_cool_down():
    config = OptimizerConfig(warmup_steps=0, cooldown_share=0.0)
    assert [learning_rate_share(step, 4, config) for step in range(4)] == [1.0] * 4


# The run's folder


def test_what_a_run_writes_down(straight):
    folder = straight.folder
    assert read_config(folder) == straight.config
    normalizer = read_normalizer(folder)
    assert np.array_equal(normalizer.mean, straight.data.normalizer.mean)
    assert np.array_equal(normalizer.std, straight.data.normalizer.std)
    environment = json.loads((folder / "environment.json").read_text("utf-8"))
    assert environment["packages"]["torch"] == torch.__version__
    assert set(environment) >= {"git_commit", "machine", "nestmotion", "processor", "python"}


def test_a_folder_with_something_in_it_is_not_taken(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError) as error:
        claim_run(tmp_path)
    message = f"{tmp_path}: is not empty; use --resume to continue it, or another folder"
    assert str(error.value) == message


@pytest.mark.parametrize("inside", [False, True])
def test_a_file_in_the_way(tmp_path, inside):
    file = tmp_path / "file"
    file.write_text("x")
    run = file / "run" if inside else file
    with pytest.raises(OutputError) as error:
        claim_run(run)
    reason = "Not a directory" if inside else "File exists"
    assert str(error.value) == f"{run}: cannot be made ({reason})"
    with pytest.raises(TrainingError) as missing:
        read_config(run)
    assert str(missing.value) == f"{run / 'config.json'}: missing; {run} is not a training run"


def test_settings_that_are_none(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"optimizer": {"learning_rate": "fast"}}')
    with pytest.raises(TrainingError) as error:
        read_config(tmp_path)
    assert str(error.value) == (
        f"{path}: not the settings of a run (optimizer.learning_rate: Input should be a valid number, "
        "unable to parse string as a number)"
    )


def test_resuming_before_the_first_checkpoint(straight, begin, tmp_path):
    run = begin(tmp_path / "run", straight.config)
    with pytest.raises(TrainingError) as error:
        run.train(resume=True)
    path = run.folder / "checkpoint.safetensors"
    assert str(error.value) == f"{path}: no checkpoint there; train first"
