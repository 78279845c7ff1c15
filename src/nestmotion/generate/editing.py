"""Editing a clip: other words for a phrase, another take of a stretch, an action longer or shorter.

What is not edited stays. The frames that change are those of the actions in which the words stand, as
the alignment map has them. Where the changed words
name nothing but arms or the head, only these change. A change of sides alone is the same movement on
the other side; everything else is made anew between the poses before and after the stretch. What
follows a changed action is carried along: it starts where the new stretch ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nestmotion.core import Motion
from nestmotion.core.edit import canonicalize, mirror, move
from nestmotion.core.errors import PromptError, SettingsError
from nestmotion.generate.alignment_map import AlignmentMap
from nestmotion.generate.edit_motion import carried, mirrored, retimed, set_in
from nestmotion.generate.edit_text import SHORTEST_S as ACTION_S
from nestmotion.generate.edit_text import (
    about_who,
    actions_of,
    changed_words,
    find_phrase,
    frames_of,
    joints_named,
    swaps_sides,
)
from nestmotion.generate.pipeline import TextToMotion
from nestmotion.generate.prompt import check_prompt
from nestmotion.generate.scene import Kept, Prompt, Scene
from nestmotion.generate.turns import text_of, turns_told
from nestmotion.text.tree import Node

__all__ = ["FACTORS", "SHORTEST_S", "Edited", "edit_phrase", "prompt_of", "regenerate", "stretch"]

# How many times as long an action may become.
FACTORS = (0.5, 2.0)

# A stretch that is made anew lasts at least so long.
SHORTEST_S = 0.4

# An action counts in a stretch when at least this part of one is in the other.
_MUCH = 0.3

# What a clip by turns tells of its turns (generate/turns.py).
_TURNS = ("turns_s", "opening_s", "prompts")

# At a border with a mirrored stretch so many of its frames are made anew.
_BORDER_FRAMES = 16


@dataclass(frozen=True)
class Edited:
    """A changed clip.

    prompt: what it shows now. start_s, end_s: the stretch that changed, in the new clip's time.
    joints: the joints that changed there, and with the pelvis the place of the body.
    """

    motion: Motion
    prompt: str
    start_s: float
    end_s: float
    joints: tuple[str, ...]


def prompt_of(motion: Motion) -> str:
    """The prompt that a generated clip carries. Raises PromptError when it carries none."""
    prompt = motion.metadata.get("prompt")
    if not isinstance(prompt, str):
        several = " in one text" if motion.metadata.get("prompts") else ""
        raise PromptError(f"the clip does not say{several} what it shows; give the text with --prompt")
    return prompt


def edit_phrase(
    model: TextToMotion,
    motion: Motion,
    prompt: str,
    phrase: str,
    to: str,
    *,
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
) -> Edited:
    """The clip with other words in the place of a phrase of its prompt, and only what they are about
    changed.

    phrase: words of the prompt, in any case, that stand there once. The stretch is that of the actions
    they stand in; words about who moves are about the whole clip.
    Raises PromptError when the phrase is not in the prompt or there more than once, when `to` is empty
    or the same, and as `TextToMotion.align` and `generate` do.
    """
    _check(model, motion)
    prompt, phrase, to = (" ".join(text.split()) for text in (prompt, phrase, to))
    start, end = find_phrase(prompt, phrase)
    if not to:
        raise PromptError(f"nothing to put in the place of {phrase!r}; give the new words")
    if to.casefold() == prompt[start:end].casefold():
        raise PromptError(f"the prompt says {to!r} already; regenerate the stretch for another take")
    text = check_prompt(prompt[:start] + to + prompt[end:], model.encoder)
    alignment = model.align(motion, prompt)
    new_tree = model.inputs_of(text).tree
    frames, said = range(len(motion)), text
    if not about_who(alignment.tree, (start, end)):
        frames = _frames(motion, alignment, actions_of(alignment.tree, (start, end)))
        said = text_of(new_tree, actions_of(new_tree, (start, start + len(to))))
    old, new = changed_words(prompt, text)
    joints = joints_named([(alignment.tree, old), (new_tree, new)], motion.skeleton)
    maker = _Maker(model, said, seed, steps, guidance, motion.metadata.get("by_turns") is True)
    kept = canonicalize(motion)
    if swaps_sides(prompt[slice(*old)], text[slice(*new)]):
        made = maker.other_side(kept, frames, joints)
    else:
        made = maker.anew(maker.ahead(kept, frames, joints), frames, joints)
    about = {"phrase": phrase, "to": to, "seed": seed}
    return _edited(made, motion, text, frames, joints, about)


def regenerate(
    model: TextToMotion,
    motion: Motion,
    prompt: str,
    start_s: float,
    end_s: float,
    *,
    seed: int = 0,
    joints: Sequence[str] | None = None,
    steps: int | None = None,
    guidance: float | None = None,
) -> Edited:
    """The clip with another take of a stretch of time; all else stays where it is.

    joints: change the rotations of these alone, which carry the joints below them; None for all.
    Raises PromptError when the stretch is not inside the clip or shorter than SHORTEST_S, SettingsError
    for an unknown joint, and as `TextToMotion.align` and `generate` do.
    """
    _check(model, motion)
    alignment = model.align(motion, prompt)
    total = motion.duration_s
    if not 0 <= start_s < end_s <= total + 1e-6:
        raise PromptError(
            f"the stretch must lie within the clip's 0 to {total:g} s, from earlier to later, not from "
            f"{start_s:g} to {end_s:g} s"
        )
    if end_s - start_s < SHORTEST_S - 1e-6:
        raise PromptError(f"the stretch must be {SHORTEST_S:g} s or longer, not {end_s - start_s:g} s")
    if joints is not None and not joints:
        raise SettingsError("no joints to change; name some, or leave them out for all")
    chosen = None if joints is None else frozenset(map(motion.skeleton.index, joints))
    frames = range(round(start_s * motion.fps), min(round(end_s * motion.fps), len(motion)))
    tree = alignment.tree
    said = text_of(tree, [a for a in tree.actions if _is_in(_frames(motion, alignment, [a]), frames)])
    maker = _Maker(model, said, seed, steps, guidance, motion.metadata.get("by_turns") is True)
    made = maker.anew(canonicalize(motion), frames, chosen)
    return _edited(made, motion, tree.prompt, frames, chosen, {"regenerated": True, "seed": seed})


def _is_in(action: range, frames: range) -> bool:
    """Whether an action is much of what some frames show, or much of it is there."""
    both = min(action.stop, frames.stop) - max(action.start, frames.start)
    return both >= _MUCH * min(len(action), len(frames))


def stretch(model: TextToMotion, motion: Motion, prompt: str, phrase: str, factor: float) -> Edited:
    """The clip with the actions that a phrase stands in made `factor` times as long, by retiming.

    All else stays as it is, only later or earlier. Raises PromptError as `edit_phrase` does, and for a
    factor out of FACTORS.
    """
    _check(model, motion)
    if not FACTORS[0] <= factor <= FACTORS[1]:
        raise PromptError(f"the factor must be from {FACTORS[0]:g} to {FACTORS[1]:g}, not {factor:g}")
    prompt, phrase = (" ".join(text.split()) for text in (prompt, phrase))
    span = find_phrase(prompt, phrase)
    alignment = model.align(motion, prompt)
    frames = _frames(motion, alignment, actions_of(alignment.tree, span))
    made = retimed(canonicalize(motion), frames, factor)
    made = _turns_retimed(made, frames, len(made) - len(motion))
    frames = range(frames.start, frames.stop + len(made) - len(motion))
    return _edited(made, motion, prompt, frames, None, {"phrase": phrase, "factor": factor})


def _turns_retimed(made: Motion, frames: range, more: int) -> Motion:
    """The clip with its turns' times as they are when some frames became so many more."""
    # Whole turns are retimed, so that each time is before the middle of the frames, or after all.
    middle_s, more_s = (frames.start + frames.stop) / 2 / made.fps, more / made.fps
    later = [[round(t + more_s * (t > middle_s), 6) for t in span] for span in turns_told(made)]
    return made.with_metadata(turns_s=later) if later else made


@dataclass(frozen=True)
class _Maker:
    """Makes frames of canonical motions anew by a text."""

    model: TextToMotion
    # What is done in the frames that are made anew: of other turns of the prompt nothing is said.
    text: str
    seed: int
    steps: int | None
    guidance: float | None
    # A whole clip that was made by turns is made anew by turns.
    by_turns: bool

    def anew(self, kept: Motion, frames: range, joints: frozenset[int] | None) -> Motion:
        """`kept` with some frames, of some joints or all, made anew between what is before and after.

        Whole poses are made and the joints taken from them: given all the rest of the body at the
        same frames, the network would guess the joints from that and heed the text little.
        """
        made = self._made(kept, frames)
        whole = joints is None and len(frames) == len(kept)
        return made if whole else set_in(kept, made, frames, joints)

    def ahead(self, kept: Motion, frames: range, joints: frozenset[int] | None) -> Motion:
        """`kept` with what follows the frames carried to where they would end if nothing followed; as
        it is where only some joints change or nothing follows."""
        if joints is not None or frames.stop == len(kept):
            return kept
        return carried(kept, frames.stop, self._made(kept, range(frames.start, len(kept))))

    def other_side(self, kept: Motion, frames: range, joints: frozenset[int] | None) -> Motion:
        """`kept` with what it does in some frames done on the other side."""
        if joints is not None:
            both = joints | {kept.skeleton.mirror_indices[j] for j in joints}
            return set_in(kept, mirror(kept), frames, both)
        turned = mirrored(kept, frames)
        border = min(_BORDER_FRAMES, len(frames) // 2)
        if frames.start > 0:
            turned = self.anew(turned, range(frames.start, frames.start + border), None)
        if frames.stop < len(kept):
            turned = self.anew(turned, range(frames.stop - border, frames.stop), None)
        return turned

    def _made(self, kept: Motion, frames: range) -> Motion:
        """All of `kept` but some frames, and these by the text."""
        fps, total = kept.fps, len(kept)
        if len(frames) == total:
            values = (self.seed, 1, self.steps, self.guidance)
            return self.model.generate(self.text, total / fps, *values, by_turns=self.by_turns)[0]
        around = [edges for edges in ((0, frames.start), (frames.stop, total)) if edges[0] < edges[1]]
        scene = Scene(
            (Prompt(self.text, strength=self.guidance),),
            total / fps,
            kept=tuple(Kept(kept.frames(*edges), edges[0] / fps) for edges in around),
        )
        return self.model.scene(scene, self.seed, steps=self.steps).motion


def _frames(motion: Motion, alignment: AlignmentMap, actions: Sequence[Node]) -> range:
    """The frames of some actions, where that leaves enough without those of what is only shown so that
    the first action has something to begin from (generate/turns.py): the text does not tell of them."""
    frames, opening_s = frames_of(alignment, actions), motion.metadata.get("opening_s")
    if not isinstance(opening_s, int | float):
        return frames
    first = max(frames.start, round(opening_s * motion.fps))
    return range(first, frames.stop) if frames.stop - first >= ACTION_S * motion.fps else frames


def _check(model: TextToMotion, motion: Motion) -> None:
    """Raises PromptError when the model cannot edit, or not a clip of this length."""
    model.bundle.check_controllable()
    limits = model.bundle.manifest["seconds"]
    if not limits["shortest"] <= motion.duration_s <= limits["longest"]:
        raise PromptError(
            f"a clip to edit must last {limits['shortest']:g} to {limits['longest']:g} s, not "
            f"{motion.duration_s:g} s; cut a part out of it (nestmotion convert --start --end)"
        )


def _edited(
    made: Motion,
    before: Motion,
    prompt: str,
    frames: range,
    joints: frozenset[int] | None,
    about: dict[str, object],
) -> Edited:
    """`made`, which is canonical, in the place of the clip it comes from, with what was done to it."""
    x, _, z = before.root_m[0]
    placed = replace(move(made, before.heading_rad[0], (x, 0.0, z)), metadata=before.metadata)
    placed = placed.without_metadata("loop")  # its ends may have changed
    placed = placed.with_metadata(**{k: made.metadata[k] for k in _TURNS if k in made.metadata})
    times = {"start_s": frames.start / before.fps, "end_s": frames.stop / before.fps}
    earlier = before.metadata.get("edits")
    edits = [*(earlier if isinstance(earlier, list) else []), about | times]
    motion = placed.with_metadata(prompt=prompt, seconds=placed.duration_s, edits=edits)
    names = before.skeleton.joint_names
    changed = names if joints is None else tuple(names[j] for j in sorted(joints))
    return Edited(motion, prompt, times["start_s"], times["end_s"], changed)
