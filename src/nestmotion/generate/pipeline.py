"""Text in, motion out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nestmotion import __version__
from nestmotion.core import Motion
from nestmotion.core.edit import canonicalize
from nestmotion.features import FeatureLayout, decode
from nestmotion.generate.bundle import Bundle, default_bundle_path
from nestmotion.generate.prompt import check_prompt, check_request, warn_if_not_english
from nestmotion.generate.sampler import sample
from nestmotion.text import TextEncoder
from nestmotion.text.session import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["TextToMotion"]


class TextToMotion:
    """A loaded model. Make one with `TextToMotion.load()` and call `generate` as often as you like."""

    def __init__(self, bundle: Bundle, encoder: TextEncoder, network: InferenceSession) -> None:
        self.bundle = bundle
        self.encoder = encoder
        self._network = network
        self._layout = FeatureLayout.of(bundle.skeleton)

    @classmethod
    def load(cls, bundle: Path | str | None = None, threads: int = 1) -> TextToMotion:
        """Open a bundle folder, the one in the package by default, on so many CPU threads.

        Raises BundleError when the folder is no bundle or a file in it was changed.
        """
        opened = Bundle.open(Path(bundle) if bundle is not None else default_bundle_path())
        encoder = TextEncoder.load(opened.folder, threads)
        return cls(opened, encoder, open_session(opened.folder / "network.onnx", threads))

    def predict_seconds(self, text: str) -> float:
        """The length that clips described like this have on average, in seconds."""
        prompt = check_prompt(text, self.encoder)
        return self._seconds_of(self.encoder.encode([prompt]).sentence[0])

    def _seconds_of(self, sentence: np.ndarray) -> float:
        limits = self.bundle.manifest["seconds"]
        return self.bundle.length_model.predict(sentence, limits["shortest"], limits["longest"])

    def generate(
        self,
        text: str,
        seconds: float | None = None,
        seed: int = 0,
        samples: int = 1,
        steps: int | None = None,
        guidance: float | None = None,
    ) -> list[Motion]:
        """Motions of a person doing what the text says, on the bundle's skeleton.

        seconds: 1 to 10; predicted from the text when None.
        seed, samples: sample k of a seed is the same however many samples are asked for.
        steps, guidance: of the sampler; the bundle's own values, chosen on validation, when None.
        Frame 0 stands over the origin facing +Z; y = 0 is the floor.
        Raises PromptError when a value is out of range; warns (NestmotionWarning) when the prompt does
        not look like English.
        """
        sampling = self.bundle.manifest["sampling"]
        steps = sampling["steps"] if steps is None else steps
        guidance = sampling["guidance"] if guidance is None else guidance
        limits = self.bundle.manifest["seconds"]
        check_request(seconds, limits["shortest"], limits["longest"], seed, samples, steps, guidance)
        prompt = check_prompt(text, self.encoder)
        warn_if_not_english(prompt, self.bundle.vocabulary)
        sentence = self.encoder.encode([prompt]).sentence[0]
        seconds = self._seconds_of(sentence) if seconds is None else seconds
        frames = max(round(seconds * self.bundle.fps), 1)
        features = self._sample(sentence, frames, seed, samples, steps, guidance)
        recipe = {
            "prompt": prompt,
            "seed": seed,
            "seconds": seconds,
            "steps": steps,
            "guidance": guidance,
            "bundle": self.bundle.name,
            "bundle_digest": self.bundle.digest,
            "nestmotion": __version__,
        }
        return [
            canonicalize(decode(f, self.bundle.skeleton, self.bundle.fps)).with_metadata(
                **recipe, sample=k
            )
            for k, f in enumerate(features)
        ]

    def _sample(
        self,
        sentence: np.ndarray,
        frames: int,
        seed: int,
        samples: int,
        steps: int,
        guidance: float,
    ) -> np.ndarray:
        """Features (samples, frames, F), not normalised."""
        patch = self.bundle.manifest["patch_frames"]
        padded = -(-frames // patch) * patch
        size = self._layout.size
        noise = np.stack(
            [np.random.default_rng((seed, k)).standard_normal((padded, size)) for k in range(samples)]
        )

        def denoise(noisy: np.ndarray, time: np.ndarray, has_text: np.ndarray) -> np.ndarray:
            rows = len(noisy)
            valid = np.broadcast_to(np.arange(padded) < frames, (rows, padded))
            inputs = {
                "noisy": noisy,
                "time": time,
                "sentence": np.broadcast_to(sentence, (rows, len(sentence))),
                "has_text": has_text,
                "valid": valid,
            }
            (clean,) = self._network.run(None, inputs)
            return clean, clean

        clean = sample(denoise, noise, steps, guidance)[0][:, :frames]
        return self.bundle.normalizer.denormalize(clean)
