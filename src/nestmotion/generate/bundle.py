"""A bundle: one folder with everything generation needs, and what it was made from.

bundle.json         format, settings, licence, training record, SHA-256 of every other file
text_encoder.onnx   frozen BERT           tokenizer.json   its word pieces
reader.onnx         semantic tree         reader.json      its labels
network.onnx        denoiser              normalizer.json  mean and std of the features
length.json         seconds from text     vocabulary.txt   words of the training captions
skeleton.json       joints                LICENCES.md      terms and acknowledgements
                                          MODEL_CARD.md    what people should know of it
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from nestmotion.core import Skeleton
from nestmotion.core.checksums import check_folder, sha256_of
from nestmotion.core.errors import BundleError, PromptError
from nestmotion.features import Normalizer
from nestmotion.generate.amplitude import Amplitude
from nestmotion.generate.length import LengthModel
from nestmotion.generate.sides import WeakSide

__all__ = [
    "CARD",
    "FILES",
    "FORMAT",
    "MANIFEST",
    "TEXT_FILES",
    "Bundle",
    "default_bundle_path",
    "is_bundle",
]

MANIFEST = "bundle.json"
# For people: not read, and free to be changed.
CARD = "MODEL_CARD.md"
FORMAT = 3

# What is read of a prompt before the network; the same in every bundle with one text encoder.
TEXT_FILES = ("text_encoder.onnx", "tokenizer.json", "reader.onnx", "reader.json")

FILES = (
    *TEXT_FILES,
    "LICENCES.md",
    "length.json",
    "network.onnx",
    "normalizer.json",
    "skeleton.json",
    "vocabulary.txt",
)


def default_bundle_path() -> Path:
    """Folder of the bundle that ships in the package."""
    return Path(str(resources.files("nestmotion"))) / "bundles" / "default"


def is_bundle(folder: Path) -> bool:
    """Whether a folder looks like a bundle; `Bundle.open` tells whether it is a sound one."""
    return (folder / MANIFEST).is_file()


@dataclass(frozen=True)
class Bundle:
    """An opened bundle. Its files have been checked against their sums."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Read and check. Raises BundleError naming the file that is missing, changed or unknown."""
        path = folder / MANIFEST
        if not path.is_file():
            raise BundleError(f"{path}: missing; {folder} is not a bundle")
        try:
            manifest = json.loads(path.read_text("utf-8"))
            found, sums = manifest["format"], dict(manifest["files"])
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{path}: not a bundle's manifest ({error})") from None
        if found != FORMAT:
            raise BundleError(
                f"{path}: format {found}, this nestmotion reads {FORMAT}; export it again or upgrade"
            )
        lacking = sorted(set(FILES) - set(sums))
        if lacking:
            raise BundleError(f"{path}: lists no {', '.join(lacking)}; export the bundle again")
        check_folder(folder, sums, BundleError)
        return cls(folder, manifest)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the manifest, which holds the sums of all else: the bundle's identity."""
        return sha256_of(self.folder / MANIFEST)

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def fps(self) -> float:
        return float(self.manifest["fps"])

    def check_controllable(self) -> None:
        """Raises PromptError when the model cannot be told more than text."""
        if not self.manifest["controllable"]:
            raise PromptError(
                f"the model of bundle {self.name!r} heeds nothing but text; use a nested one"
            )

    def text_weight(self, guidance: float) -> float:
        """The weight, in `sample`, of the network's prediction with text against that without: 1 for
        the guidance that the network has learned (training/distil.py), where one reading is enough."""
        return guidance / float(self.manifest["sampling"]["learned_guidance"])

    @cached_property
    def amplitude(self) -> Amplitude:
        """How far joints turn for what the network says; as far, where the manifest does not say."""
        return Amplitude(**self.manifest["sampling"].get("amplitude", {}))

    @cached_property
    def weak_side(self) -> WeakSide:
        """Which side the network does less well; neither, where the manifest does not say."""
        return WeakSide(**self.manifest["sampling"].get("weak_side", {}))

    def _json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text("utf-8"))

    @cached_property
    def skeleton(self) -> Skeleton:
        return Skeleton.from_dict(self._json("skeleton.json"))

    @cached_property
    def normalizer(self) -> Normalizer:
        return Normalizer.from_arrays(self._json("normalizer.json"))

    @cached_property
    def length_model(self) -> LengthModel:
        return LengthModel.from_dict(self._json("length.json"))

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        return frozenset((self.folder / "vocabulary.txt").read_text("utf-8").split())
