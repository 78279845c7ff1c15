"""Teach the tree reader: a small network that labels words as `nestmotion.text.parse` does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import OutputError, TrainingError
from nestmotion.generate.bundle import default_bundle_path
from nestmotion.text import TextEncoder, parse
from nestmotion.text.encoder import MODEL_FILE as ENCODER_FILE
from nestmotion.text.labels import RELATIONS, WordLabel, labels_of, words_of
from nestmotion.text.lexicon import ROLES
from nestmotion.text.reader import (
    MODEL_FILE,
    SETTINGS_FILE,
    SURFACE_SIZE,
    TreeReader,
    reader_settings,
    surface,
    word_states,
)
from nestmotion.text.session import open_session
from nestmotion.training.onnx_files import save_onnx
from nestmotion.training.reader_agreement import agreement
from nestmotion.training.reader_texts import Labelled, caption_key, is_held_out, read_captions, varied

__all__ = [
    "Material",
    "ReaderConfig",
    "ReaderNetwork",
    "encode_words",
    "read_all",
    "save_network",
    "teach",
    "teaching_texts",
    "train_reader",
]

_TEXTS_AT_ONCE = 64


@dataclass(frozen=True)
class ReaderConfig:
    """Size of the network and its training."""

    width: int = 96
    dilations: tuple[int, ...] = (1, 2, 4)
    dropout: float = 0.1
    learning_rate: float = 2e-3
    epochs: int = 4
    batch_size: int = 64
    seed: int = 0


class _Block(nn.Module):
    """A residual convolution over five words, `dilation` apart."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "b w c"], valid: Float[Tensor, "b w 1"]) -> Tensor:
        inside = (self.norm(x) * valid).transpose(1, 2)
        return x + self.dropout(nn.functional.gelu(self.conv(inside).transpose(1, 2)))


class ReaderNetwork(nn.Module):
    """Words to logits: first of the action that begins there (none, then RELATIONS), then of the phrase
    (none, then ROLES)."""

    def __init__(self, state_size: int, config: ReaderConfig) -> None:
        super().__init__()
        self.states = nn.Linear(state_size, config.width)
        self.surface = nn.Linear(SURFACE_SIZE, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            _Block(config.width, dilation, config.dropout) for dilation in config.dilations
        )
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, 2 + len(RELATIONS) + len(ROLES))

    def forward(
        self,
        states: Float[Tensor, "b w s"],
        surface: Float[Tensor, "b w f"],
        valid: Bool[Tensor, "b w"],
    ) -> Float[Tensor, "b w k"]:
        mask = valid[..., None].to(states.dtype)
        x = self.dropout(self.states(states) + self.surface(surface))
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.norm(x))


@dataclass(frozen=True)
class Material:
    """Encoded words of N texts in a row: states (K, S) float16, surface (K, F), labels (K, 2) whole
    numbers as the network's logits count them; text n has words starts[n] to starts[n + 1]."""

    states: np.ndarray
    surface: np.ndarray
    labels: np.ndarray
    starts: np.ndarray

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[tuple[Tensor, ...]]:
        """(states, surface, valid, labels) of all texts in random order, like lengths together;
        labels are -100 where not valid."""
        lengths = np.diff(self.starts)
        order = np.argsort(lengths + rng.uniform(-1, 1, len(lengths)), kind="stable")
        groups = np.array_split(order, max(len(order) // size, 1))
        for k in rng.permutation(len(groups)):
            yield self.batch(groups[k])

    def batch(self, texts: np.ndarray) -> tuple[Tensor, ...]:
        spans = [(self.starts[n], self.starts[n + 1]) for n in texts]
        longest = max(b - a for a, b in spans)
        rows = np.zeros((len(spans), longest), np.int64)
        valid = np.zeros((len(spans), longest), bool)
        for n, (a, b) in enumerate(spans):
            rows[n, : b - a] = np.arange(a, b)
            valid[n, : b - a] = True
        states = torch.from_numpy(self.states[rows]).float()
        labels = torch.from_numpy(np.where(valid[..., None], self.labels[rows], -100))
        return states, torch.from_numpy(self.surface[rows]), torch.from_numpy(valid), labels


def teaching_texts(
    captions: Sequence[str], left_out: Sequence[str], seed: int, progress: Callable[[int, int], None]
) -> tuple[list[Labelled], list[Labelled]]:
    """Captions read by the rules: those to teach with, with variants, and those to measure with.

    Captions that differ only in case, marks or sides count once. left_out: captions never used.
    """
    unwanted = set(map(caption_key, left_out))
    unique = {caption_key(text): text for text in reversed(captions) if words_of(text)}
    unique = {key: text for key, text in unique.items() if key not in unwanted}
    taught: list[Labelled] = []
    held_out: list[Labelled] = []
    for k, (key, text) in enumerate(sorted(unique.items())):
        progress(k, len(unique))
        labelled = Labelled(text, tuple(labels_of(parse(text))))
        (held_out if is_held_out(key) else taught).append(labelled)
    return taught + varied(taught, Random(seed)), held_out


def encode_words(
    texts: Sequence[Labelled], encoder: TextEncoder, progress: Callable[[int, int], None]
) -> Material:
    """Run the encoder over texts, like lengths together."""
    by_length = sorted(texts, key=lambda labelled: len(labelled.text))
    states, features, labels, starts = [], [], [], [0]
    for at in range(0, len(by_length), _TEXTS_AT_ONCE):
        progress(at, len(by_length))
        chunk = by_length[at : at + _TEXTS_AT_ONCE]
        encoded = encoder.encode([labelled.text for labelled in chunk])
        for row, labelled in enumerate(chunk):
            words = words_of(labelled.text)
            states.append(word_states(words, encoded, row).astype(np.float16))
            features.append(surface(labelled.text, words))
            labels.append([_numbers(label) for label in labelled.labels])
            starts.append(starts[-1] + len(words))
    return Material(
        np.concatenate(states), np.concatenate(features), np.concatenate(labels), np.array(starts)
    )


def _numbers(label: WordLabel) -> tuple[int, int]:
    action = 0 if label.relation is None else 1 + RELATIONS.index(label.relation)
    return action, 0 if label.role is None else 1 + ROLES.index(label.role)


def teach(
    material: Material, config: ReaderConfig, progress: Callable[[int, int], None]
) -> ReaderNetwork:
    """Train a network with AdamW, its rate rising over the first 5% of the steps and then falling to
    zero as a cosine. Deterministic for a seed and a number of threads."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    network = ReaderNetwork(material.states.shape[1], config)
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=0.01)
    total = config.epochs * max((len(material.starts) - 1) // config.batch_size, 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total, pct_start=0.05, cycle_momentum=False
    )
    done = 0
    for _ in range(config.epochs):
        for states, features, valid, labels in material.batches(config.batch_size, rng):
            loss = _loss(network(states, features, valid), labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            done += 1
            progress(done, total)
    return network.eval()


def _loss(logits: Float[Tensor, "b w k"], labels: Tensor) -> Tensor:
    actions, phrases = logits.split([1 + len(RELATIONS), 1 + len(ROLES)], dim=-1)
    return nn.functional.cross_entropy(
        actions.flatten(0, 1), labels[..., 0].flatten()
    ) + nn.functional.cross_entropy(phrases.flatten(0, 1), labels[..., 1].flatten())


def save_network(network: ReaderNetwork, path: Path) -> None:
    """Write the network for `TreeReader`, weights in float16."""
    words = 16
    inputs = {
        "states": torch.zeros(1, words, network.states.in_features),
        "surface": torch.zeros(1, words, SURFACE_SIZE),
        "valid": torch.ones(1, words, dtype=torch.bool),
    }
    length = torch.export.Dim("words", min=1, max=4096)
    save_onnx(network, inputs, "logits", {name: {1: length} for name in inputs}, "float16", path)


def read_all(
    reader: TreeReader, encoder: TextEncoder, texts: Sequence[Labelled]
) -> list[tuple[Sequence[WordLabel], Sequence[WordLabel]]]:
    """(labels found by the reader, labels of the text) of each text."""
    found: list[tuple[Sequence[WordLabel], Sequence[WordLabel]]] = []
    for at in range(0, len(texts), _TEXTS_AT_ONCE):
        chunk = texts[at : at + _TEXTS_AT_ONCE]
        encoded = encoder.encode([labelled.text for labelled in chunk])
        for row, labelled in enumerate(chunk):
            tree = reader.read(labelled.text, encoded, row)
            found.append((labels_of(tree), labelled.labels))
    return found


def train_reader(
    captions: Sequence[Path],
    leave_out: Sequence[Path],
    encoder_folder: Path | None,
    out: Path,
    config: ReaderConfig,
    force: bool = False,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Teach a reader with captions and write it to `out`; what reader.json records of it.

    captions, leave_out: see `read_captions`; encoder_folder: None for the bundle in the package.
    progress: told of each stage how much of it is done.
    Raises OutputError when `out` holds a reader and `force` is off.
    """
    if (out / MODEL_FILE).exists() and not force:
        raise OutputError(f"{out / MODEL_FILE}: exists; use --force to replace it")
    folder = encoder_folder if encoder_folder is not None else default_bundle_path()
    torch.set_num_threads(1)
    texts = read_captions(captions)
    taught, held_out = teaching_texts(
        texts, read_captions(leave_out), config.seed, partial(progress, "reading by the rules")
    )
    if not taught or not held_out:
        raise TrainingError(f"{len(texts)} captions are too few to teach and to measure with")
    encoder = TextEncoder.load(folder)
    material = encode_words(taught, encoder, partial(progress, "encoding"))
    network = teach(material, config, partial(progress, "teaching"))
    out.mkdir(parents=True, exist_ok=True)
    save_network(network, out / MODEL_FILE)
    reader = TreeReader(open_session(out / MODEL_FILE), out)
    record = {
        "texts": len(taught),
        "words": len(material.labels),
        "parameters": sum(p.numel() for p in network.parameters()),
        "config": asdict(config),
        "text_encoder": sha256_of(folder / ENCODER_FILE),
        "agreement": agreement(read_all(reader, encoder, held_out)),
    }
    settings = json.dumps(reader_settings() | record, indent=1)
    (out / SETTINGS_FILE).write_text(settings + "\n", "utf-8")
    return record
