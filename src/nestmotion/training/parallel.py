"""Several processes that train one model, each on its rows of every batch."""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

from nestmotion.core.errors import TrainingError
from nestmotion.models import Targets

__all__ = ["Crew", "check_processes", "run_together"]

T = TypeVar("T")


@dataclass(frozen=True)
class Crew:
    """One of `size` processes, told apart by `rank`; that of rank 0 keeps log and checkpoints."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def share(self, batch: Targets) -> Targets:
        """This process's rows of a batch; a clip and its mirror image stay together.

        Raises TrainingError, in every process, when there are not two rows for each.
        """
        if self.size == 1:
            return batch
        half = len(batch) // 2
        if half < self.size:
            raise TrainingError(
                f"a batch of {len(batch)} is too small for {self.size} processes; use fewer processes "
                "or larger batches"
            )
        rows = [k for k in range(len(batch)) if k % half % self.size == self.rank]
        return batch.rows(torch.tensor(rows))

    def average_gradients(self, model: nn.Module) -> None:
        """Give every process the mean of all processes' gradients.

        Raises TrainingError when another process of the crew has ended.
        """
        if self.size == 1:
            return
        parameters = [p for p in model.parameters() if p.requires_grad]
        own = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        for parameter, total in zip(parameters, self.sums(own), strict=True):
            parameter.grad = total / self.size

    def sums(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        """The sum over all processes of each of their tensors; raises as `average_gradients`."""
        if self.size == 1:
            return tensors
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        try:
            distributed.all_reduce(flat)
        except RuntimeError:
            raise TrainingError("another process of this training has ended") from None
        parts = flat.split([tensor.numel() for tensor in tensors])
        return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]


def check_processes(size: int, device: str = "cpu") -> None:
    """Raises TrainingError when so many processes cannot train together on the device."""
    if size < 1:
        raise TrainingError(f"processes must be at least 1, not {size}")
    if size > 1 and device != "cpu":
        raise TrainingError(f"several processes share the cores of a CPU; on {device} train with one")
    if size > 1 and "fork" not in multiprocessing.get_all_start_methods():
        raise TrainingError("several processes need a system that can fork; train with --processes 1")


def run_together(size: int, work: Callable[[Crew], T]) -> T:
    """What `work` gives in this process, while size - 1 forks of it do the same with their ranks.

    What ends all processes alike is raised here alone.
    """
    if size == 1:
        return work(Crew())
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"file://{Path(folder) / 'meeting'}"

        def join(rank: int) -> T:
            distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size)
            try:
                distributed.barrier()  # nobody leaves before all have met
                return work(Crew(rank, size))
            finally:
                distributed.destroy_process_group()

        def follow(rank: int) -> None:
            try:
                join(rank)
            except (KeyboardInterrupt, TrainingError):
                sys.exit(1)

        others = [fork.Process(target=follow, args=(rank,), daemon=True) for rank in range(1, size)]
        for other in others:
            other.start()
        try:
            return join(0)
        finally:
            for other in others:
                other.join(timeout=10)
                other.terminate()
