"""Streams: motion that goes on, its text changing along the way."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nestmotion.core import Motion
from nestmotion.core.edit import concatenate
from nestmotion.evaluation.control_cases import Bench, seed_of
from nestmotion.evaluation.control_facts import posture, quality
from nestmotion.evaluation.motion_inputs import FPS
from nestmotion.generate.scene import Prompt

__all__ = ["PROMPT_S", "memory_mb", "minutes_of", "stream_rows", "ten_minutes_rows"]

# Each text of a stream lasts so long.
PROMPT_S = 5.0
_IN_A_MINUTE = 12


def stream_rows(bench: Bench, case: int) -> Iterator[dict[str, Any]]:
    """A minute of twelve texts, text by text, and each text made alone."""
    texts = _texts(bench, case)
    whole = concatenate(list(bench.model.stream(_prompts(texts), seed_of("stream", case))), align=False)
    alone = [
        bench.model.generate(text, PROMPT_S, seed_of(f"stream {k}", case), by_turns=False)[0]
        for k, text in enumerate(texts)
    ]
    for variant, parts in (("stream", _parts(whole)), ("alone", alone)):
        for text, part in zip(texts, parts, strict=False):
            yield _row(bench, "60 s", variant, part, text)


def ten_minutes_rows(bench: Bench, case: int) -> Iterator[dict[str, Any]]:
    """One stream of minutes that all have the same twelve texts, so that they can be compared.

    Rows: of each text of each minute; and of each minute, how long it took by the clock and in
    processor time, and the memory of the process after it.
    """
    texts = _texts(bench, case)
    stream = bench.model.stream(_prompts(texts * bench.minutes), seed_of("minutes", case))
    clock, processor = time.perf_counter(), time.process_time()
    for minute, whole in enumerate(minutes_of(stream)):
        spent = {
            "seconds_made": whole.duration_s,
            "clock_s": time.perf_counter() - clock,
            "processor_s": time.process_time() - processor,
            "memory": memory_mb(),
        }
        group = f"minute {minute + 1}"
        yield {"group": group, "variant": "whole", **spent, **posture(whole)}
        for text, part in zip(texts, _parts(whole), strict=False):
            yield _row(bench, group, "stream", part, text)
        clock, processor = time.perf_counter(), time.process_time()


def memory_mb() -> float | None:
    """Memory that the process holds now, in MB; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _texts(bench: Bench, case: int) -> list[str]:
    texts = bench.plain_texts
    return [texts[(_IN_A_MINUTE * case + k) % len(texts)] for k in range(_IN_A_MINUTE)]


def _prompts(texts: list[str]) -> list[Prompt]:
    return [Prompt(text, k * PROMPT_S, (k + 1) * PROMPT_S) for k, text in enumerate(texts)]


def minutes_of(stream: Iterator[Motion]) -> Iterator[Motion]:
    """The stream, cut into minutes, each made when it is asked for; a rest at the end is left."""
    length, rest = round(60 * FPS), None
    for chunk in stream:
        rest = chunk if rest is None else concatenate([rest, chunk], align=False)
        while rest is not None and len(rest) >= length:
            yield rest.frames(0, length)
            rest = rest.frames(length, len(rest)) if len(rest) > length else None


def _parts(whole: Motion) -> list[Motion]:
    """What each text has of a minute that begins with the first."""
    length = round(PROMPT_S * FPS)
    return [whole.frames(a, a + length) for a in range(0, len(whole) - length + 1, length)]


def _row(bench: Bench, group: str, variant: str, part: Motion, text: str) -> dict[str, Any]:
    vector = [round(float(v), 5) for v in bench.judge.embed_motions([part])[0]]
    about = quality(part, bench.speed_limit_m_s)
    return {"group": group, "variant": variant, **about, "caption": text, "vector": vector}
