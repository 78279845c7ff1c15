"""The independent evaluator: motions and texts as vectors of one space, on ONNX Runtime and NumPy.

A folder holds motion.onnx, text.onnx and evaluator.json. The frozen text encoder that text.onnx
builds on is taken from a bundle; its checksum must be the one the evaluator was trained with.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.checksums import check_folder, sha256_of
from nestmotion.core.errors import SettingsError
from nestmotion.corpus import Clip
from nestmotion.corpus.splits import groups_of
from nestmotion.evaluation.motion_inputs import padded_inputs, resample_positions
from nestmotion.generate import default_bundle_path
from nestmotion.text import TextEncoder
from nestmotion.text.session import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = [
    "FILES",
    "FORMAT",
    "MANIFEST",
    "Evaluator",
    "TextStates",
    "default_evaluator_path",
    "group_hash",
    "normal_text",
    "padded_texts",
    "text_states",
    "word_numbers",
]

MANIFEST = "evaluator.json"
FORMAT = 2
FILES = ("motion.onnx", "text.onnx")

_AT_ONCE = 32


def default_evaluator_path(fold: int = 0) -> Path:
    """Folder of the evaluator in the package that never saw this fold."""
    return Path(str(resources.files("nestmotion"))) / "evaluators" / f"fold{fold}"


def group_hash(group: str) -> str:
    """Name of a group in evaluator.json: the recordings themselves are not listed."""
    return hashlib.sha256(f"group {group}".encode()).hexdigest()[:16]


def normal_text(text: str) -> str:
    """The words alone, in lower case: captions of the same words are the same caption."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def word_numbers(words: Sequence[str]) -> dict[str, int]:
    """From 1 on, in the order of evaluator.json; 0 is for every other word."""
    return {word: k for k, word in enumerate(words, start=1)}


class Evaluator:
    """A loaded evaluator. Make one with `Evaluator.load`."""

    def __init__(
        self,
        record: dict[str, Any],
        encoder: TextEncoder,
        motion: InferenceSession,
        text: InferenceSession,
    ) -> None:
        self.record = record
        self._encoder, self._motion, self._text = encoder, motion, text
        self._numbers = word_numbers(record["words"])

    @classmethod
    def load(
        cls, folder: Path | None = None, text_encoder: Path | None = None, threads: int = 1
    ) -> Evaluator:
        """From a folder, that in the package by default, with the text encoder of a bundle's folder,
        the default bundle's when not given.

        Raises SettingsError when the folder is no evaluator, a file in it was changed, or the text
        encoder is not the one it was trained with.
        """
        folder = default_evaluator_path() if folder is None else folder
        bundle = default_bundle_path() if text_encoder is None else text_encoder
        record = _read_record(folder)
        encoder_file = bundle / "text_encoder.onnx"
        if not encoder_file.is_file():
            raise SettingsError(f"{encoder_file}: missing; name the folder of a bundle")
        if sha256_of(encoder_file) != record["text_encoder"]:
            raise SettingsError(
                f"{encoder_file}: not the text encoder that the evaluator {folder} was trained with; "
                "use a bundle that holds that one"
            )
        motion, text = (open_session(folder / name, threads) for name in FILES)
        return cls(record, TextEncoder.load(bundle, threads), motion, text)

    def embed_motions(self, motions: Sequence[Motion]) -> Float[np.ndarray, "n d"]:
        """Unit vectors of motions on the canonical skeleton's joints, at any frame rate.

        Raises SettingsError when a motion has other joints.
        """
        names = canonical_skeleton().joint_names
        for k, motion in enumerate(motions):
            if motion.skeleton.joint_names != names:
                raise SettingsError(
                    f"motion {k} has {len(motion.skeleton)} joints, not the {len(names)} canonical "
                    "ones the evaluator reads; convert it with nestmotion convert --retarget"
                )
        return self.embed_positions([resample_positions(m.positions_m, m.fps) for m in motions])

    def embed_positions(
        self, positions_m: Sequence[Float[np.ndarray, "_ 22 3"]]
    ) -> Float[np.ndarray, "n d"]:
        """Unit vectors of joint positions in SMPL's order, at 20 fps, y up, the floor at 0."""
        order = np.argsort([len(p) for p in positions_m], kind="stable")
        rows: dict[int, np.ndarray] = {}
        for a in range(0, len(order), _AT_ONCE):
            part = order[a : a + _AT_ONCE]
            inputs, valid = padded_inputs([positions_m[k] for k in part])
            (vectors,) = self._motion.run(None, {"values": inputs, "valid": valid})
            rows.update(zip(part.tolist(), vectors, strict=True))
        return np.stack([rows[k] for k in range(len(order))])

    def embed_texts(self, texts: Sequence[str]) -> Float[np.ndarray, "n d"]:
        """Unit vectors of texts."""
        states = text_states(sorted(set(texts)), self._encoder)
        vectors: dict[str, np.ndarray] = {}
        ordered = sorted(states, key=lambda text: len(states[text].pieces))
        for a in range(0, len(ordered), _AT_ONCE):
            part = ordered[a : a + _AT_ONCE]
            values, words, valid = padded_texts([states[text] for text in part], self._numbers)
            (rows,) = self._text.run(None, {"values": values, "words": words, "valid": valid})
            vectors.update(zip(part, rows, strict=True))
        return np.stack([vectors[text] for text in texts])

    def seen_of(self, clips: Sequence[Clip]) -> list[Clip]:
        """Those of the clips whose group the evaluator was trained on."""
        seen = set(self.record["groups_seen"])
        return [clip for clip in clips if any(group_hash(g) in seen for g in groups_of(clip))]

    def check_unseen(self, clips: Sequence[Clip]) -> None:
        """Raises SettingsError when the evaluator was trained on the group of one of the clips; a
        group holds a recording's copies too."""
        known = self.seen_of(clips)
        if known:
            raise SettingsError(
                f"the evaluator was trained on {len(known)} of these {len(clips)} clips (the first is "
                f"{known[0].clip_id}); use one trained without their fold"
            )


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise SettingsError(f"{path}: missing; {folder} is not an evaluator")
    try:
        record = json.loads(path.read_text("utf-8"))
        found, sums = record["format"], dict(record["files"])
        record["groups_seen"], record["text_encoder"], record["words"]
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{path}: not an evaluator's record ({error})") from None
    if found != FORMAT:
        raise SettingsError(
            f"{path}: format {found}, this nestmotion reads {FORMAT}; train it again or upgrade"
        )
    lacking = sorted(set(FILES) - set(sums))
    if lacking:
        raise SettingsError(f"{path}: lists no {', '.join(lacking)}; train the evaluator again")
    check_folder(folder, sums, SettingsError)
    return record


@dataclass(frozen=True)
class TextStates:
    """What the evaluator reads of one text of L word pieces.

    states (L, D), float16: of the frozen text encoder. pieces (L): the pieces' own characters in lower
    case, "" for the marks at both ends. sentence (D): of unit length, mean of the states.
    """

    states: Float[np.ndarray, "l d"]
    pieces: tuple[str, ...]
    sentence: Float[np.ndarray, "d"]


def text_states(texts: Sequence[str], encoder: TextEncoder) -> dict[str, TextStates]:
    """What the evaluator reads of every text."""
    result = {}
    ordered = sorted(texts, key=len)
    for a in range(0, len(ordered), _AT_ONCE):
        part = ordered[a : a + _AT_ONCE]
        encoded = encoder.encode(part)
        for k, text in enumerate(part):
            valid = encoded.valid[k]
            pieces = tuple(text[i:j].lower() for i, j in encoded.spans[k][valid])
            states = encoded.tokens[k][valid].astype(np.float16)
            result[text] = TextStates(states, pieces, encoded.sentence[k])
    return result


def padded_texts(
    texts: Sequence[TextStates], numbers: Mapping[str, int]
) -> tuple[Float[np.ndarray, "b l d"], Int[np.ndarray, "b l"], Bool[np.ndarray, "b l"]]:
    """States of several texts, filled up with zeros; the number of each word piece, 0 for one that has
    none; and which are real."""
    longest, size = max(len(t.pieces) for t in texts), texts[0].states.shape[1]
    states = np.zeros((len(texts), longest, size), dtype=np.float32)
    words = np.zeros(states.shape[:2], dtype=np.int64)
    valid = np.zeros(states.shape[:2], dtype=bool)
    for row, text in enumerate(texts):
        length = len(text.pieces)
        states[row, :length], valid[row, :length] = text.states, True
        words[row, :length] = [numbers.get(piece, 0) for piece in text.pieces]
    return states, words, valid
