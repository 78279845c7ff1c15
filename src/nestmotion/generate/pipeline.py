"""Text in, motion out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from nestmotion import __version__
from nestmotion.core import Motion
from nestmotion.core.edit import canonicalize
from nestmotion.core.errors import PromptError
from nestmotion.core.smoothing import share_beside
from nestmotion.features import FeatureLayout, decode
from nestmotion.features.known import Known
from nestmotion.generate.alignment_map import AlignmentMap, Explained
from nestmotion.generate.amplitude import amplified
from nestmotion.generate.beginning import facing_ahead, first_heading
from nestmotion.generate.bundle import Bundle, default_bundle_path
from nestmotion.generate.postprocess import postprocess as make_feet_stand
from nestmotion.generate.prompt import check_prompt, check_request, check_seconds, warn_if_not_english
from nestmotion.generate.sampler import FADE_FRAMES, Fixed, sample
from nestmotion.generate.scene import Prompt, Scene, SceneResult
from nestmotion.generate.sides import from_the_mirror, into_the_mirror, says_weak_side
from nestmotion.generate.text_inputs import TextInputs
from nestmotion.text import EncodedText, SemanticTree, TextEncoder
from nestmotion.text.mirror import mirror_text
from nestmotion.text.reader import TreeReader
from nestmotion.text.session import open_session
from nestmotion.text.tree import LEVELS

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from nestmotion.generate.stream import MotionStream

__all__ = ["TextToMotion"]

# So many texts that were read are remembered.
TEXTS_KEPT = 32


class TextToMotion:
    """A loaded model. Make one with `TextToMotion.load()` and call `generate` as often as you like."""

    def __init__(
        self,
        bundle: Bundle,
        encoder: TextEncoder,
        reader: TreeReader,
        network: InferenceSession,
    ) -> None:
        self.bundle = bundle
        self.encoder = encoder
        self._reader = reader
        self._network = network
        self._input_names = [value.name for value in network.get_inputs()]
        self._layout = FeatureLayout.of(bundle.skeleton)
        # A stream tells the network of the same text every two seconds.
        self.inputs_of = lru_cache(TEXTS_KEPT)(self._read)

    @classmethod
    def load(cls, bundle: Path | str | None = None, threads: int = 1) -> TextToMotion:
        """Open a bundle folder, the one in the package by default, on so many CPU threads.

        Raises BundleError when the folder is no bundle or a file in it was changed.
        """
        opened = Bundle.open(Path(bundle) if bundle is not None else default_bundle_path())
        encoder = TextEncoder.load(opened.folder, threads)
        reader = TreeReader.load(opened.folder, threads)
        return cls(opened, encoder, reader, open_session(opened.folder / "network.onnx", threads))

    def predict_seconds(self, text: str) -> float:
        """The length that clips described like this have on average, in seconds."""
        inputs = self.inputs_of(check_prompt(text, self.encoder))
        return self._seconds_of(inputs.encoded.sentence[0])

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
        known: Known | None = None,
        postprocess: bool = True,
        by_turns: bool = True,
    ) -> list[Motion]:
        """Motions of a person doing what the text says, on the bundle's skeleton.

        seconds: 1 to 10; predicted from the text when None, or the length of what is known.
        seed, samples: sample k of a seed is the same however many samples are asked for.
        steps, guidance: of the sampler; the bundle's own values, chosen on validation, when None.
        known: what the motion has to keep to (features/known.py): a start, keyframes, a path.
        postprocess: make standing feet stand (generate/postprocess.py); False leaves that out.
        by_turns: the actions of a text one after another, each in a stretch of time of its own, and
            what a first one begins from before it (generate/turns.py); False: all in one go, as is done
            where something is known.
        Frame 0 stands over the origin facing +Z, as what is known says if it does; y = 0 is the floor.
        Raises PromptError when a value is out of range; warns (NestmotionWarning) when the prompt does
        not look like English.
        """
        found = self.explain(
            *(text, seconds, seed, samples, steps, guidance, known, postprocess, by_turns)
        )
        return [explained.motion for explained in found]

    def explain(
        self,
        text: str,
        seconds: float | None = None,
        seed: int = 0,
        samples: int = 1,
        steps: int | None = None,
        guidance: float | None = None,
        known: Known | None = None,
        postprocess: bool = True,
        by_turns: bool = True,
    ) -> list[Explained]:
        """As `generate`, and with each motion the map of which words are about which moment; of a
        text by turns it is read from the finished motion (`align`)."""
        steps, guidance = self.sampling(steps, guidance)
        limits = self.bundle.manifest["seconds"]
        if known is not None:
            self._check_known(known, seconds)
            seconds = len(known.mask) / self.bundle.fps
        check_seconds(seconds, limits["shortest"], limits["longest"])
        check_request(seed, samples, steps, guidance)
        prompt = check_prompt(text, self.encoder)
        by_turns = by_turns and known is None
        if by_turns:
            from nestmotion.generate.turns import explain_turns

            found = explain_turns(self, prompt, seconds, seed, samples, steps, guidance, postprocess)
            if found is not None:
                return found
        inputs = self.read(prompt)
        seconds = self._seconds_of(inputs.encoded.sentence[0]) if seconds is None else seconds
        frames = max(round(seconds * self.bundle.fps), 1)
        features, weight = self._sample(inputs, frames, seed, samples, steps, guidance, known)
        recipe = self.recipe(
            prompt=prompt,
            by_turns=by_turns,
            seed=seed,
            seconds=seconds,
            steps=steps,
            guidance=guidance,
            postprocess=postprocess,
        )
        return [
            Explained(
                self.to_motion(f, known, postprocess).with_metadata(**recipe, sample=k),
                partial(AlignmentMap, inputs.tree, w, self.bundle.fps),
            )
            for k, (f, w) in enumerate(zip(features, weight, strict=True))
        ]

    def sampling(self, steps: int | None, guidance: float | None) -> tuple[int, float]:
        """Sampler steps and guidance; the bundle's own, chosen on validation, where None."""
        usual = self.bundle.manifest["sampling"]
        return (
            usual["steps"] if steps is None else steps,
            usual["guidance"] if guidance is None else guidance,
        )

    def recipe(self, **asked: Any) -> dict[str, Any]:
        """What a motion follows from: what was asked, and the bundle; kept as its metadata."""
        bundle = {"bundle": self.bundle.name, "bundle_digest": self.bundle.digest}
        return {**asked, **bundle, "nestmotion": __version__}

    def align(self, motion: Motion, text: str) -> AlignmentMap:
        """Which words of a text are about which moment of a given motion, by the same network.

        The mean of two readings, of the motion and of its mirror image with the sides in the text
        swapped, where both texts have trees of one form. When each action is done is taken from the
        motion where that tells, as one by turns does.
        Raises PromptError when the motion is not on the bundle's skeleton, at its frame rate and of a
        length that it can generate.
        """
        from nestmotion.generate.aligning import align

        return align(self, motion, text)

    def read_tree(self, prompt: str, encoded: EncodedText) -> SemanticTree:
        """The semantic tree of a prompt, as deep as the bundle's network reads it."""
        depth = self.bundle.manifest["semantic_depth"]
        return self._reader.read(prompt, encoded, pieces=depth == len(LEVELS)).cut(depth)

    def read(self, text: str) -> TextInputs:
        """What the network is told of a text. Raises PromptError as `generate` does, and warns."""
        prompt = check_prompt(text, self.encoder)
        warn_if_not_english(prompt, self.bundle.vocabulary)
        return self.inputs_of(prompt)

    def _read(self, prompt: str) -> TextInputs:
        text, other = self.encode_text(prompt), None
        if says_weak_side(prompt, self.bundle.weak_side):
            other = self.encode_text(mirror_text(prompt))
        return TextInputs(*text, other if other and other[1].form == text[1].form else None)

    def encode_text(self, prompt: str) -> tuple[EncodedText, SemanticTree]:
        """A prompt's token states, and its tree."""
        encoded = self.encoder.encode([prompt])
        return encoded, self.read_tree(prompt, encoded)

    def predict_clean(
        self,
        noisy: Float[np.ndarray, "t f"],
        time: float,
        known: Bool[np.ndarray, "t f"],
        text: TextInputs,
        text_weight: float,
    ) -> Float[np.ndarray, "t f"]:
        """The clean motion that the network sees in a noisy one at a time of the schedule, both
        normalised; of any length that it was taught. text_weight: as in `sample`; 0 leaves the text
        out."""
        frames = len(noisy)
        alone = {0.0: [False], 1.0: [True]}
        has_text = np.array(alone.get(text_weight, [True, False]))
        shape = (len(has_text), self.padded(frames), noisy.shape[1])
        x, mask = np.zeros(shape, dtype=np.float32), np.zeros(shape[1:], dtype=bool)
        x[:, :frames], mask[:frames] = noisy, known
        now = np.full(len(has_text), time, dtype=np.float32)
        clean, _ = self.denoise(x, now, has_text, text, frames, Fixed(x[0], mask))
        if len(clean) == 2:
            clean = clean[1:] + np.float32(text_weight) * (clean[:1] - clean[1:])
        return clean[0, :frames]

    def scene(
        self,
        scene: Scene,
        seed: int = 0,
        sample: int = 0,
        steps: int | None = None,
        exact: bool = True,
        postprocess: bool = True,
    ) -> SceneResult:
        """The motion of a scene (generate/scene.py) and what is left of each wish.

        exact: bring the motion to its wishes after sampling (generate/exactness.py). The rest as in
        `generate`, whose sample a scene of one prompt and nothing else is. Frame k is at k / fps; a
        scene begins over the origin facing +Z unless it says otherwise.
        Raises SceneError when the scene contradicts itself, PromptError when a value is out of range.
        """
        from nestmotion.generate.direct import direct

        return direct(self, scene, seed, sample, steps, exact, postprocess)

    def stream(
        self,
        text: str | Iterable[Prompt],
        seed: int = 0,
        steps: int | None = None,
        guidance: float | None = None,
        postprocess: bool = True,
        start_from: Motion | None = None,
    ) -> MotionStream:
        """Motion without end, a chunk at a time, made when it is asked for (generate/stream.py).

        text: what the person does until told otherwise (`MotionStream.say`), or prompts in order of
        their start, read as they come. start_from: go on where this motion ends. Raises SceneError and
        PromptError as `scene` does, some of them only when the chunk is asked for.
        """
        from nestmotion.generate.stream import MotionStream

        return MotionStream(self, text, seed, steps, guidance, postprocess, start_from)

    def _check_known(self, known: Known, seconds: float | None) -> None:
        self.bundle.check_controllable()
        if seconds is not None and round(seconds * self.bundle.fps) != len(known.mask):
            raise PromptError(
                f"what is known has {len(known.mask)} frames, not the {seconds:g} seconds asked for; "
                "leave the length out"
            )

    def to_motion(self, features: np.ndarray, known: Known | None, postprocess: bool) -> Motion:
        """The motion of sampled features (T, F), not normalised, as `generate` returns it."""
        given = first_heading(self._layout, len(features))
        given |= known.mask if known is not None else False
        motion = decode(features, self.bundle.skeleton, self.bundle.fps, given)
        motion = amplified(motion, self.bundle.amplitude, self._share(known))
        # What is known may have its place in the world; turning the motion would move it from there.
        where = [self._layout[block] for block in ("root_path", "root_heading")]
        placed = known is not None and any(known.mask[:, columns].any() for columns in where)
        motion = motion if placed else canonicalize(motion)
        if not postprocess:
            return motion
        held = self._held(known)
        feet = np.repeat(held[:, None], 2, axis=1) if held is not None and held.any() else None
        contact = np.clip(features[:, self._layout["contacts"]], 0.0, 1.0)
        return make_feet_stand(motion, contact, held=feet)

    def _share(self, known: Known | None) -> Float[np.ndarray, "t"] | None:
        """Of the bundle's amplitude, frame by frame: none where rotations are known."""
        held = self._held(known)
        return None if held is None else share_beside(held, FADE_FRAMES)

    def _held(self, known: Known | None) -> Bool[np.ndarray, "t"] | None:
        """Frames of which rotations are known."""
        if known is None:
            return None
        held: Bool[np.ndarray, "t"] = np.any(known.mask[:, self._layout["rotations"]], axis=1)
        return held

    def _sample(
        self,
        text: TextInputs,
        frames: int,
        seed: int,
        samples: int,
        steps: int,
        guidance: float,
        known: Known | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (samples, frames, F), not normalised, and the alignment (samples, N, frames)."""
        padded = self.padded(frames)
        shape = (padded, self._layout.size)
        if self.bundle.manifest["generative"]:
            generators = [np.random.default_rng((seed, k)) for k in range(samples)]
            noise = np.stack([generator.standard_normal(shape) for generator in generators])
            weight = self.bundle.text_weight(guidance)
        else:
            noise, steps, weight = np.zeros((samples, *shape)), 1, 1.0
        fixed = None
        if known is not None:
            mask, values = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=np.float32)
            mask[:frames] = known.mask
            normalizer, turns = self.bundle.normalizer, self._layout["rotations"]
            values[:frames] = normalizer.normalize(known.features)
            fixed = Fixed(values, mask, turns, (normalizer.mean[turns], normalizer.std[turns]))

        def denoise(
            noisy: np.ndarray, time: np.ndarray, has_text: np.ndarray
        ) -> tuple[np.ndarray, np.ndarray]:
            return self.denoise(noisy, time, has_text, text, frames, fixed)

        clean, alignment = sample(denoise, noise, steps, weight, fixed)
        return self.bundle.normalizer.denormalize(clean[:, :frames]), self.by_frame(alignment, frames)

    def padded(self, frames: int) -> int:
        """Frames as the network takes them: a multiple of the bundle's own, not fewer than asked."""
        multiple = self.bundle.manifest["frame_multiple"]
        return -(-frames // multiple) * multiple

    def by_frame(self, alignment: np.ndarray, frames: int) -> np.ndarray:
        """An alignment (..., P) of the network's patches, frame by frame (..., frames)."""
        return np.repeat(alignment, self.bundle.manifest["patch_frames"], axis=-1)[..., :frames]

    def denoise(
        self,
        noisy: np.ndarray,
        time: np.ndarray,
        has_text: np.ndarray,
        text: TextInputs,
        frames: int,
        fixed: Fixed | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """What `run` says of noisy motions (B, T, F), normalised, with `frames` before the padding, at
        times (B,); has_text (B,): rows that are told the text."""
        rows, padded, _ = noisy.shape
        known = fixed.mask if fixed is not None else np.zeros(noisy.shape[1:], dtype=bool)
        inputs = {
            "noisy": noisy,
            "time": time,
            "known": np.broadcast_to(known, noisy.shape),
            "valid": np.broadcast_to(np.arange(padded) < frames, (rows, padded)),
            "has_text": has_text,
            **text.rows(rows),
        }
        return self.run(inputs)

    def run(self, inputs: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Clean features (B, T, F), normalised, and alignment (B, N, P) by the network.

        inputs: by name, as the bundle's network takes them; those that it does not take are left out.
        mirrored (B,): rows that the network is to see as their mirror image.
        """
        seen = into_the_mirror(inputs)
        clean, alignment = self._network.run(None, {name: seen[name] for name in self._input_names})
        clean = from_the_mirror(clean, inputs["mirrored"])
        return facing_ahead(clean, self.bundle.normalizer, self._layout), alignment
