"""Batches of features and texts from a prepared corpus.

Everything random is a function of (seed, epoch), so that a resumed run sees what an uninterrupted one
would have seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from nestmotion.core import canonical_skeleton
from nestmotion.core.errors import TrainingError
from nestmotion.corpus import Clip, PreparedCorpus
from nestmotion.corpus.captions import mirror_caption
from nestmotion.corpus.source import ActionSpan, Caption
from nestmotion.corpus.splits import groups_of, is_drawn, is_validation_clip
from nestmotion.features import FeatureLayout, Normalizer, encode, mirror_features
from nestmotion.models import Condition, ModelConfig, Targets
from nestmotion.text import TextEncoder
from nestmotion.text.nodes import MOST_TURNS, TextNodes, stack_nodes
from nestmotion.text.reader import TreeReader
from nestmotion.training.config import DataConfig
from nestmotion.training.masks import random_known
from nestmotion.training.texts import TextLibrary, read_texts

__all__ = ["TrainingClips", "TrainingData", "training_clips"]

# Batches are formed of clips of like length within this many batches, so that little is padded.
_LENGTH_POOL = 8

# A number that hardly differs between captions must not blow up in a prompt where it does.
_FLOOR_SHARE = 0.2

_NO_TEXT = "."

# How much more often narrated clips are drawn that name a side: it is for these that there are any.
_SIDED_WEIGHT = 2.0
# A narrated clip's rarest action, found in so many of them, has it drawn (so many)^-this as often.
_RARE_STRENGTH = 0.7


@dataclass(frozen=True)
class _Item:
    """One clip's features and its captions, as they are and mirrored."""

    features: np.ndarray
    captions: tuple[tuple[Caption, ...], tuple[Caption, ...]]


@dataclass(frozen=True)
class TrainingClips:
    """Clips to train on with and without captions, and captioned ones of held-out groups."""

    captioned: list[Clip]
    validation: list[Clip]
    bare: list[Clip]


def training_clips(corpus: PreparedCorpus, config: DataConfig, patch_frames: int) -> TrainingClips:
    """Divide the training folds' clips. Raises TrainingError when a part that is needed is empty."""
    clips = [c for c in corpus.select(config.train_folds) if len(c) >= 2 * patch_frames]
    held_out = {c.group for c in clips if is_validation_clip(c.group, config.validation_share)}
    used = {g for c in clips for g in groups_of(c) if is_drawn(g, config.group_share, "few")}
    seen = [c for c in clips if c.group not in held_out and used.issuperset(groups_of(c))]
    captioned = [c for c in seen if c.captions]
    validation = [c for c in clips if c.captions and c.group in held_out]
    bare = [c for c in seen if not c.captions]
    if not captioned or not validation:
        raise TrainingError(
            f"{corpus.folder}: folds {config.train_folds} hold {len(captioned)} captioned clips to "
            f"train on and {len(validation)} to validate with; at least one of each is needed"
        )
    return TrainingClips(captioned, validation, bare)


class TrainingData:
    """Training and validation clips in memory, with their texts and normalizer.

    composed: compositions of clips (nestmotion corpus compose), where there are any.
    narrated: stretches with captions by rules (nestmotion corpus narrate), where there are any.
    cache: folder for what was read of the texts.
    normalizer: of weights that are trained on; fit to the captioned clips when None.
    `progress(done, total)` is told of clips encoded. Raises TrainingError when a fold holds no
    captioned clips.
    """

    def __init__(
        self,
        corpus: PreparedCorpus,
        encoder: TextEncoder,
        reader: TreeReader,
        config: DataConfig,
        network: ModelConfig,
        composed: PreparedCorpus | None = None,
        narrated: PreparedCorpus | None = None,
        cache: Path | None = None,
        normalizer: Normalizer | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self.config, self.network, self.fps = config, network, corpus.fps
        self.layout = FeatureLayout.of(canonical_skeleton())
        clips = training_clips(corpus, config, network.patch_frames)
        bare = clips.bare if config.uncaptioned_share else []
        total = len(clips.captioned) + len(clips.validation) + len(bare)
        more, told = None, []
        if composed is not None and config.composed_share:
            more = training_clips(composed, config, network.patch_frames)
            total += len(more.captioned) + len(more.validation)
        if narrated is not None and config.narrated_share:
            told = training_clips(narrated, config, network.patch_frames).captioned
            total += len(told)
        done = 0

        def items(
            source: PreparedCorpus, chosen: Sequence[Clip], described: bool = False
        ) -> list[_Item]:
            nonlocal done
            found = []
            for clip in chosen:
                found.append(_item(source, clip, described))
                done += 1
                progress(done, total)
            return found

        self.captioned = items(corpus, clips.captioned)
        self.validation = items(corpus, clips.validation)
        self.bare = items(corpus, bare, described=config.described)
        self.composed = items(composed, more.captioned) if composed and more else []
        self.composed_validation = items(composed, more.validation) if composed and more else []
        self.narrated = items(narrated, told) if narrated and told else []
        self.texts = self._read_texts(encoder, reader, cache)
        self.normalizer = normalizer or self._fit_normalizer()
        self.weights = _balance(self.captioned, self.texts, config.balance)
        self.narrated_weights = _prefer_rare(self.narrated)

    def _fit_normalizer(self) -> Normalizer:
        seen = (x for item in self.captioned for x in (item.features, mirror_features(item.features)))
        return Normalizer.fit(seen, self.layout)

    def _read_texts(self, encoder: TextEncoder, reader: TreeReader, cache: Path | None) -> TextLibrary:
        every = (self.captioned, self.validation, self.composed, self.composed_validation)
        depth = self.network.semantic_depth
        texts = {_NO_TEXT}.union(*map(_texts_of, every))
        library = read_texts(sorted(texts), encoder, reader, depth, cache)
        # Kept apart on disk, so that what is there need not be read again when one of them changes.
        for items in (self.narrated, self.bare):
            more = _texts_of(items) - texts
            if more:
                library = library.joined(read_texts(sorted(more), encoder, reader, depth, cache))
                texts |= more
        return library

    def text_statistics(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """(mean, deviation) of the training captions' sentence vectors, and of the nodes' vectors of
        all texts that were read, validation's too: a scale, from which nothing is learned."""
        own = {c.text for item in self.captioned for side in item.captions for c in side}
        rows = sorted(self.texts.rows[text] for text in own)
        sentences = self.texts.sentences[rows]
        sentence = sentences.mean(axis=0), _floored(sentences.std(axis=0))
        mean, std = self.texts.node_statistics()
        return sentence, (mean, _floored(std))

    def _extra(self, share: float, items: Sequence[_Item]) -> int:
        return min(round(share * len(self.captioned)), len(items))

    @property
    def items_per_epoch(self) -> int:
        """Clips an epoch: captioned ones, and shares of bare, composed and narrated ones."""
        c = self.config
        bare = self._extra(c.uncaptioned_share, self.bare)
        composed = self._extra(c.composed_share, self.composed)
        return len(self.captioned) + bare + composed + self._extra(c.narrated_share, self.narrated)

    def batches_per_epoch(self, batch_size: int) -> int:
        """Batches an epoch; the last, smaller one is left out unless it is the only one."""
        return max(self.items_per_epoch // self._clips_a_batch(batch_size), 1)

    def _clips_a_batch(self, batch_size: int) -> int:
        return max(batch_size // 2, 1) if self.config.twins else batch_size

    def epoch(self, seed: int, epoch: int, batch_size: int) -> Iterator[Targets]:
        """The batches of one epoch; always the same for the same seed and epoch."""
        rng = np.random.default_rng((seed, epoch))
        items = [self.captioned[k] for k in _systematic(self.weights, rng)]
        for share, source, weights in (
            (self.config.uncaptioned_share, self.bare, None),
            (self.config.composed_share, self.composed, None),
            (self.config.narrated_share, self.narrated, self.narrated_weights),
        ):
            if source:
                chosen = rng.choice(len(source), self._extra(share, source), replace=False, p=weights)
                items += [source[k] for k in chosen]
        order = rng.permutation(len(items))
        batch_size = self._clips_a_batch(batch_size)
        # Every pool but the last is a whole number of batches, so that one batch at most is not full.
        pool_size = batch_size * _LENGTH_POOL
        batches = []
        for start in range(0, len(order), pool_size):
            pool = order[start : start + pool_size]
            by_length = sorted(pool, key=lambda k: len(items[k].features))
            batches += [by_length[a : a + batch_size] for a in range(0, len(by_length), batch_size)]
        full = [b for b in batches if len(b) == batch_size] or batches
        for k in rng.permutation(len(full)):
            yield self.collate([items[i] for i in full[k]], rng)

    def validation_batches(self, batch_size: int, composed: bool = False) -> Iterator[Targets]:
        """All validation clips with their first captions, unmirrored, with text, nothing known."""
        chosen = self.composed_validation if composed else self.validation
        items = sorted(chosen, key=lambda item: len(item.features))
        for a in range(0, len(items), batch_size):
            yield self.collate(items[a : a + batch_size], None)

    def collate(self, items: Sequence[_Item], rng: np.random.Generator | None) -> Targets:
        """A batch of some clips; without `rng` unmirrored, with their first captions, nothing known."""
        config, multiple = self.config, self.network.frame_multiple
        rows = self._rows(items, rng)
        longest = max(len(item.features) for item in items)
        frames = -(-longest // multiple) * multiple
        shape = (len(rows), frames, self.layout.size)
        features, known = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=bool)
        valid = np.zeros(shape[:2], dtype=bool)
        turns = np.zeros((len(rows), frames // self.network.patch_frames, MOST_TURNS), dtype=bool)
        texts: list[str] = []
        for row, (item, flip, own) in enumerate(rows):
            drop = own is not None and own.random() < config.no_text_share
            clip = mirror_features(item.features) if flip else item.features
            count = len(clip)
            features[row, :count] = self.normalizer.normalize(clip)
            valid[row, :count] = True
            captions = item.captions[int(flip)]
            caption = None
            if captions and not drop:
                caption = captions[int(own.integers(len(captions))) if own is not None else 0]
                turns[row] = self._turns(caption, turns.shape[1], count)
            texts.append(_NO_TEXT if caption is None else caption.text)
            if own is not None and config.known_values:
                known[row, :count] = random_known(self.layout, count, _JOINTS, own)
        has_text = np.array([text != _NO_TEXT for text in texts])
        return Targets(
            torch.from_numpy(features),
            torch.from_numpy(valid),
            torch.from_numpy(known),
            condition_of(
                np.stack([self.texts.sentence(text) for text in texts]),
                has_text,
                stack_nodes([self.texts.nodes_of(text) for text in texts]),
            ),
            torch.from_numpy(turns),
        )

    def _rows(
        self, items: Sequence[_Item], rng: np.random.Generator | None
    ) -> list[tuple[_Item, bool, np.random.Generator | None]]:
        """(clip, whether mirrored, its random numbers) for each row of a batch; twins share theirs."""
        if rng is None:
            return [(item, False, None) for item in items]
        seeds = rng.integers(2**63, size=len(items))
        own = [np.random.default_rng(seed) for seed in seeds]
        if not self.config.twins:
            share = self.config.mirror_share
            return [(item, g.random() < share, g) for item, g in zip(items, own, strict=True)]
        again = [np.random.default_rng(seed) for seed in seeds]
        return [
            (item, flip, g)
            for flip, generators in ((False, own), (True, again))
            for item, g in zip(items, generators, strict=True)
        ]

    def _turns(self, caption: Caption, tokens: int, frames: int) -> Bool[np.ndarray, "p g"]:
        """Which turns each fine token may belong to, by the caption's spans; none where unknown."""
        turns = np.zeros((tokens, MOST_TURNS), dtype=bool)
        patch = self.network.patch_frames
        centre_s = (np.arange(tokens) + 0.5) * patch / self.fps
        inside = np.arange(tokens) * patch < frames
        begins = self.texts.action_turns(caption.text) if caption.actions else []
        for span in caption.actions:
            during = inside & (centre_s >= span.start_s) & (centre_s < span.end_s)
            for start, turn in begins:
                if span.start_char <= start < span.end_char:
                    turns[during, turn] = True
        return turns


_JOINTS = {name: k for k, name in enumerate(canonical_skeleton().joint_names)}


def condition_of(
    sentence: Float[np.ndarray, "b s"], has_text: Bool[np.ndarray, "b"], nodes: TextNodes
) -> Condition:
    """Texts as tensors."""
    return Condition(
        torch.from_numpy(sentence),
        torch.from_numpy(has_text),
        torch.from_numpy(nodes.vectors),
        torch.from_numpy(nodes.kind),
        torch.from_numpy(nodes.level),
        torch.from_numpy(nodes.parent),
        torch.from_numpy(nodes.order),
        torch.from_numpy(nodes.cues),
        torch.from_numpy(nodes.valid),
    )


def _item(corpus: PreparedCorpus, clip: Clip, described: bool) -> _Item:
    captions = clip.captions
    if described and clip.description:
        captions = (Caption(clip.description.lower()),)
    return _Item(encode(corpus.motion(clip)), (captions, tuple(mirror_caption(c) for c in captions)))


def _texts_of(items: Sequence[_Item]) -> set[str]:
    return {c.text for item in items for side in item.captions for c in side}


def _floored(std: Float[np.ndarray, "s"]) -> Float[np.ndarray, "s"]:
    return np.maximum(std, max(_FLOOR_SHARE * std.mean(), 1e-6)).astype(np.float32)


def _balance(items: Sequence[_Item], texts: TextLibrary, strength: float) -> np.ndarray:
    """How often each clip is drawn an epoch, on average: (clips with its verb)^-strength, scaled to a
    mean of one. With strength 0 every clip once; with 1 every verb alike."""
    verbs = [texts.lead_verb(item.captions[0][0].text) for item in items]
    count = Counter(verbs)
    weight = np.array([count[verb] ** -strength for verb in verbs])
    return weight / weight.mean()


def _prefer_rare(items: Sequence[_Item]) -> np.ndarray | None:
    """Probability of each narrated clip: higher where it holds an action that few do, and where the
    caption names a side, and so is another one when mirrored."""
    if not items:
        return None
    sided = [plain[0].text != mirrored[0].text for plain, mirrored in (i.captions for i in items)]
    acts = [
        {_opening(a, item.captions[0][0].text) for a in item.captions[0][0].actions} for item in items
    ]
    count = Counter(act for some in acts for act in some)
    rare = [max((count[act] ** -_RARE_STRENGTH for act in some), default=1.0) for some in acts]
    weight = np.where(sided, _SIDED_WEIGHT, 1.0) * np.array(rare)
    return weight / weight.sum()


def _opening(action: ActionSpan, text: str) -> str:
    """The verb, with "up" or "down" behind it, without subject and connective: in the rules' captions
    the verb is the first word that ends like one."""
    words = text[action.start_char : action.end_char].rstrip(".").split()
    verb = next((k for k, word in enumerate(words) if word.endswith("s")), 0)
    behind = words[verb + 1 : verb + 2]
    return " ".join(words[verb : verb + 1] + [word for word in behind if word in ("up", "down")])


def _systematic(weights: Float[np.ndarray, "n"], rng: np.random.Generator) -> np.ndarray:
    """n draws, item k about weights[k] times: systematic resampling of a shuffled row, which leaves
    nobody out whose weight is at least one."""
    order = rng.permutation(len(weights))
    edges = np.cumsum(weights[order])
    marks = rng.random() + np.arange(len(weights))
    return order[np.minimum(np.searchsorted(edges, marks), len(weights) - 1)]
