"""The parts of the control experiment: what each case generates, and the rows that come of it.

A row is of one motion: `group` and `variant` say which, further fields are measures; `caption` and
`vector`, the evaluator's of the motion, are there where its match with a text is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nestmotion.core import Motion
from nestmotion.core.edit import concatenate
from nestmotion.core.errors import SettingsError
from nestmotion.evaluation.chosen import caption_of
from nestmotion.evaluation.control_cases import (
    CONTROLS,
    Bench,
    Control,
    control_scene,
    overlap_texts,
    seed_of,
)
from nestmotion.evaluation.control_edits import edit_cases
from nestmotion.evaluation.control_facts import (
    drift_in_place_cm,
    heading_error_deg,
    joint_error_cm,
    outside_change_cm,
    path_error_cm,
    quality,
    seam,
    transition,
)
from nestmotion.evaluation.control_long import stream_rows, ten_minutes_rows
from nestmotion.evaluation.motion_facts import foot_lead_m, hand_lead_m, turned_rad
from nestmotion.evaluation.motion_inputs import FPS
from nestmotion.generate.editing import Edited, edit_phrase
from nestmotion.generate.scene import Prompt, Scene

__all__ = ["PARTS", "Part", "Row", "check_parts"]

Row = dict[str, Any]

ACTION_S = 4.0
OVERLAP_S = 6.0
LOOP_S = 4.0

# A fact of sides is told from noise when it is at least this: metres, or radians.
_CLEAR = {"hand": 0.05, "foot": 0.05, "turn": 0.5}


@dataclass(frozen=True)
class Part:
    """rows(bench, case): of one case. A run of N cases takes `share` of them, at most `most`."""

    name: str
    title: str
    rows: Callable[[Bench, int], Iterator[Row]]
    share: float = 1.0
    most: int | None = None

    def count(self, cases: int) -> int:
        """How many cases of this part a run of `cases` takes."""
        wanted = max(round(cases * self.share), 1)
        return wanted if self.most is None else min(wanted, self.most)


def check_parts(names: tuple[str, ...]) -> tuple[Part, ...]:
    """Parts by name in their order; all when none is named. Raises SettingsError for an unknown one."""
    known = [part.name for part in PARTS]
    for name in names:
        if name not in known:
            raise SettingsError(f"no part {name!r}; it is one of: {', '.join(known)}")
    return tuple(part for part in PARTS if not names or part.name in names)


def _row(
    bench: Bench,
    group: str,
    variant: str,
    motion: Motion,
    caption: str | None = None,
    reference: Motion | None = None,
    **more: Any,
) -> Row:
    row = {"group": group, "variant": variant, **quality(motion, bench.speed_limit_m_s, reference)}
    if caption is not None:
        row |= {"caption": caption, "vector": _vector(bench, motion)}
    return row | more


def _vector(bench: Bench, motion: Motion) -> list[float]:
    return [round(float(v), 5) for v in bench.judge.embed_motions([motion])[0]]


def _control_rows(bench: Bench, case: int) -> Iterator[Row]:
    """A test clip's caption with parts of its motion asked for, and without."""
    clip = bench.clip(case)
    text, reference, seed = caption_of(clip), bench.reference(clip), seed_of("control", case)
    yield _row(bench, "real", "real", reference, text, clip=clip.clip_id)
    plain = bench.model.scene(Scene((Prompt(text),), len(reference) / reference.fps), seed)
    free = {"free": plain.motion, "free raw": plain.raw}
    measured = {v: _row(bench, "", v, motion, text, reference) for v, motion in free.items()}
    for name, control in CONTROLS.items():
        scene, frames, joints = control_scene(control, reference, text, case)
        made = bench.model.scene(scene, seed)
        for variant, motion in {"exact": made.motion, "raw": made.raw, **free}.items():
            row = measured.get(variant) or _row(bench, name, variant, motion, text, reference)
            errors = _errors(control, motion, reference, frames, joints)
            yield row | errors | {"group": name, "clip": clip.clip_id}


def _errors(
    control: Control, motion: Motion, reference: Motion, frames: Sequence[int], joints: Sequence[str]
) -> Row:
    """How far a motion is from what a control asks for."""
    found: Row = {}
    if control.path:
        found["path_error"] = path_error_cm(motion, reference)
    else:
        rows = [reference.skeleton.index(joint) for joint in joints] or None
        found["joint_error"] = joint_error_cm(motion, reference, frames, rows)
    if control.heading:
        found["heading_error"] = heading_error_deg(motion, reference)
    return found


def _timeline_rows(bench: Bench, case: int) -> Iterator[Row]:
    """Two to five actions in sequence, against the same actions made one by one and strung together."""
    count = 2 + case % 4
    texts = [bench.plain_texts[(3 * case + k) % len(bench.plain_texts)] for k in range(count)]
    length = round(ACTION_S * FPS)
    prompts = tuple(Prompt(text, k * ACTION_S, (k + 1) * ACTION_S) for k, text in enumerate(texts))
    made = bench.model.scene(Scene(prompts, count * ACTION_S), seed_of("timeline", case))
    alone = [
        bench.model.generate(text, ACTION_S, seed_of(f"timeline {k}", case), by_turns=False)[0]
        for k, text in enumerate(texts)
    ]
    variants = {"exact": made.motion, "raw": made.raw, "concatenated": concatenate(alone)}
    for variant, motion in variants.items():
        for k, text in enumerate(texts):
            segment = motion.frames(k * length, (k + 1) * length)
            yield _row(bench, f"{count} actions", variant, segment, text)
        for k in range(1, count):
            about = transition(motion, k * length, bench.usual_jerk_m_s3)
            yield {"group": "transitions", "variant": variant, **about}
    yield {"group": "transitions", "variant": "real", **_real_transition(bench, case)}


def _real_transition(bench: Bench, case: int) -> Row:
    """As long a stretch of real motion, anywhere in a test clip that is long enough."""
    long = [c for c in bench.clips if len(c) >= 2 * FPS]
    clip = long[case % len(long)]
    rng = np.random.default_rng(seed_of("real transition", case))
    frame = int(rng.integers(round(FPS) - 5, len(clip) - round(FPS) + 6))
    return transition(bench.corpus.motion(clip), frame, bench.usual_jerk_m_s3)


def _overlap_rows(bench: Bench, case: int) -> Iterator[Row]:
    """One text for the legs and one for the arms at once, against one text that says both."""
    legs, arms = overlap_texts(bench)
    below, above = legs[case % len(legs)], arms[case % len(arms)]
    both = f"{below.rstrip('.')} and at the same time {above}"
    prompts = (
        Prompt(below, 0.0, OVERLAP_S, ("legs",)),
        Prompt(above, 0.0, OVERLAP_S, ("torso", "left arm", "right arm")),
    )
    seed = seed_of("overlap", case)
    made = bench.model.scene(Scene(prompts, OVERLAP_S), seed)
    one = bench.model.scene(Scene((Prompt(both),), OVERLAP_S), seed)
    variants = {"exact": made.motion, "raw": made.raw, "one text": one.motion}
    for variant, motion in variants.items():
        yield _row(bench, "two tracks", variant, motion, both)


def _loop_rows(bench: Bench, case: int) -> Iterator[Row]:
    """A short loop, against the same text without; the seam of each."""
    text = bench.plain_texts[case % len(bench.plain_texts)]
    seed = seed_of("loop", case)
    made = bench.model.scene(Scene((Prompt(text),), LOOP_S, loop=True), seed)
    free = bench.model.scene(Scene((Prompt(text),), LOOP_S), seed)
    for variant, motion in {"exact": made.motion, "raw": made.raw, "free": free.motion}.items():
        yield _row(bench, "loop", variant, motion, text) | seam(motion)


def _in_place_rows(bench: Bench, case: int) -> Iterator[Row]:
    """In place, against the same text without."""
    text = bench.plain_texts[case % len(bench.plain_texts)]
    seed = seed_of("in place", case)
    made = bench.model.scene(Scene((Prompt(text),), LOOP_S, in_place=True), seed)
    free = bench.model.scene(Scene((Prompt(text),), LOOP_S), seed)
    for variant, motion in {"exact": made.motion, "raw": made.raw, "free": free.motion}.items():
        drift = drift_in_place_cm(motion)
        yield _row(bench, "in place", variant, motion, text, place_drift=drift)


def _edit_rows(bench: Bench, case: int) -> Iterator[Row]:
    """A phrase of a caption changed in the motion that was made from it."""
    cases = edit_cases(bench.clips, case + 1)
    if len(cases) <= case:
        return
    chosen, seed = cases[case], seed_of("edit", case)
    seconds = len(chosen.clip) / bench.corpus.fps
    before = bench.model.generate(chosen.caption, seconds, seed)[0]
    edited = edit_phrase(bench.model, before, chosen.caption, chosen.phrase, chosen.to, seed=seed)
    first, past = round(edited.start_s * FPS), round(edited.end_s * FPS)
    real = bench.corpus.motion(chosen.clip)
    new, own = bench.judge.embed_texts([edited.prompt, chosen.caption])
    vectors = bench.judge.embed_motions([before, edited.motion, real])
    scores = vectors @ new
    about = outside_change_cm(before, edited.motion, first, past) | _side(chosen.kind, before, edited)
    row = _row(
        bench,
        chosen.kind,
        "edited",
        edited.motion,
        clip=chosen.clip.clip_id,
        prompt=chosen.caption,
        phrase=chosen.phrase,
        to=chosen.to,
        preferred=float(scores[1] > scores[0]),
        gain=float(scores[1] - scores[0]),
        stretch=(past - first) / len(before),
        joints=len(edited.joints),
    )
    yield row | about
    yield _row(bench, chosen.kind, "before", before)
    yield _row(bench, chosen.kind, "real", real, told=float(vectors[2] @ own > scores[2]))


def _side(kind: str, before: Motion, edited: Edited) -> Row:
    """Whether the side changed, by the clearest of three facts of the stretch; none when the motion
    before showed no side, or what was changed is none."""
    if kind != "side":
        return {}
    first, past = round(edited.start_s * FPS), round(edited.end_s * FPS)
    old, new = (m.frames(first, past) for m in (before, edited.motion))
    facts = {"hand": hand_lead_m, "foot": foot_lead_m, "turn": turned_rad}
    clear = {name: abs(fact(old)) / _CLEAR[name] for name, fact in facts.items()}
    name = max(clear, key=lambda k: clear[k])
    if clear[name] < 1:
        return {"side_changed": None}
    return {"side_changed": float(facts[name](old) * facts[name](new) < 0)}


PARTS = (
    Part("control", "Keyframes, joint targets, root path and heading", _control_rows),
    Part("timeline", "Two to five actions, and the transitions between them", _timeline_rows),
    Part("overlap", "Two tracks at once", _overlap_rows),
    Part("loop", "Loops", _loop_rows, 0.25),
    Part("in-place", "In place", _in_place_rows, 0.25),
    Part("edit", "Editing a phrase", _edit_rows, 1.0, 100),
    Part("stream", "Streams of 60 s", stream_rows, 0.1),
    Part("minutes", "Minutes of one stream", ten_minutes_rows, 0.02),
)
