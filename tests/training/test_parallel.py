"""Several processes that train one model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from nestmotion.core.errors import TrainingError
from nestmotion.training.config import OptimizerConfig, TrainConfig
from nestmotion.training.loop import train
from nestmotion.training.parallel import Crew, check_processes, run_together
from nestmotion.training.run_folder import claim_run, create_run, read_config
from synthetic_batches import targets


@pytest.fixture
def begin(corpus, composed, composed_data, tmp_path):
    """Function (config, name): the folder of a run of these settings, not begun yet."""

    def make(config: TrainConfig, name: str = "run") -> Path:
        claim_run(tmp_path / name)
        create_run(tmp_path / name, config, corpus, {"composed": composed}, composed_data.normalizer)
        return tmp_path / name

    return make


def test_shares_are_the_batch_and_twins_stay_together():
    batch = targets()
    batch = batch.rows(torch.arange(len(batch)).repeat(4)[:8])
    marked = replace(batch, features=torch.arange(8.0)[:, None, None].expand_as(batch.features))
    rows = [Crew(rank, 2).share(marked).features[:, 0, 0].tolist() for rank in range(2)]
    assert rows == [[0, 2, 4, 6], [1, 3, 5, 7]]  # k and k + 4 are a clip and its mirror image
    assert Crew().share(marked) is marked


def test_every_process_gets_the_mean_gradient():
    def work(crew: Crew) -> list[torch.Tensor | None]:
        model = nn.Linear(2, 1)
        if crew.leads:  # the bias of the other has no gradient, which counts as zero
            model.bias.grad = torch.tensor([6.0])
        model.weight.grad = torch.tensor([[1.0, 3.0]]) * (crew.rank + 1)
        crew.average_gradients(model)
        return [model.weight.grad, model.bias.grad]

    weight, bias = run_together(2, work)
    assert torch.equal(weight, torch.tensor([[1.5, 4.5]]))
    assert torch.equal(bias, torch.tensor([3.0]))


def test_one_process_that_ends_ends_the_training():
    def work(crew: Crew) -> None:
        if crew.leads:
            crew.average_gradients(nn.Linear(1, 1))

    with pytest.raises(TrainingError, match="another process of this training has ended"):
        run_together(2, work)


def test_a_loss_that_is_no_number_ends_all_alike(composed_data, config, begin, capfd):
    """One line, from the process that leads, whichever of them had the loss."""
    run = begin(replace(config, processes=2, optimizer=OptimizerConfig(learning_rate=1e30)))
    with pytest.raises(TrainingError, match=r"^step \d+: the loss or its gradient is not a finite"):
        train(read_config(run), composed_data, run)
    assert "Traceback" not in capfd.readouterr().err


def test_what_cannot_be_shared_is_refused(composed_data, config, tmp_path):
    with pytest.raises(TrainingError) as error:
        Crew(1, 2).share(targets().rows(torch.tensor([0, 1, 2])))
    assert str(error.value) == (
        "a batch of 3 is too small for 2 processes; use fewer processes or larger batches"
    )
    with pytest.raises(TrainingError, match="processes must be at least 1, not 0"):
        check_processes(0)
    with pytest.raises(TrainingError) as error:
        train(replace(config, processes=2, device="cuda"), composed_data, tmp_path)
    assert str(error.value) == "several processes share the cores of a CPU; on cuda train with one"


def test_a_run_of_two_processes_resumes_bit_by_bit(composed_data, config, begin):
    config = replace(config, processes=2, epochs=1)
    whole, parts = begin(config, "whole"), begin(config, "parts")
    train(config, composed_data, whole)
    train(config, composed_data, parts, stop_after_steps=3)
    train(config, composed_data, parts, resume=True)
    straight, resumed = (load_file(run / "checkpoint.safetensors") for run in (whole, parts))
    assert set(straight) == set(resumed)
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)
