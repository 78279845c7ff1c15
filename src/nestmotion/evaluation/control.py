"""Runs the control experiment: case by case, each once; killed at any moment, it goes on where it was.

OUT/cases/ID.jsonl      one line a finished case, kept so that a run of more cases goes on from it
OUT/results/ID.jsonl, OUT/experiment.json, OUT/log.jsonl    see result_files.py
OUT/report.md, OUT/report.html
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from nestmotion import __version__
from nestmotion.core.errors import OutputError, SettingsError
from nestmotion.evaluation import measures
from nestmotion.evaluation.control_cases import Bench
from nestmotion.evaluation.control_parts import PARTS, Part, Row
from nestmotion.evaluation.evaluator import Evaluator, normal_text
from nestmotion.evaluation.result_files import (
    append_log,
    machine,
    read_plan,
    write_plan,
    write_result,
)

__all__ = ["NAME", "ControlRunner", "part_id", "with_text_match"]

NAME = "control"

Watch = Callable[[str, int, int], None]


def part_id(part: Part, bench: Bench) -> str:
    """Twelve hex digits that follow from the part and from what it is measured on and with."""
    inputs = [
        part.name,
        bench.model.bundle.digest,
        bench.judge.record["files"],
        bench.corpus.manifest["files"],
        bench.minutes,
        __version__,
    ]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class ControlRunner:
    """Runs parts of the experiment in `out`, with so many cases.

    watch(part, done, total) is told of every case. Raises OutputError when `out` holds something else.
    """

    out: Path
    bench: Bench
    parts: Sequence[Part]
    cases: int
    watch: Watch = lambda part, done, total: None

    def run(self) -> Iterator[Part]:
        """Run what is not finished; gives each part when it is."""
        self._claim()
        for part in self.parts:
            self._write(part, self._rows(part))
            yield part

    def _claim(self) -> None:
        for name, value in (("cases", self.cases), ("minutes", self.bench.minutes)):
            if value < 1:
                raise SettingsError(f"{name} must be at least 1, not {value}")
        known: list[dict[str, Any]] = []
        if (self.out / "experiment.json").is_file():
            plan = read_plan(self.out)
            if plan.get("name") != NAME:
                raise OutputError(
                    f"{self.out}: holds the experiment {plan.get('name')!r}; choose another folder"
                )
            known = plan["parts"]
        mine = [
            {"name": p.name, "title": p.title, "tasks": [part_id(p, self.bench)], "note": ""}
            for p in self.parts
        ]
        names = {part.name for part in self.parts}
        settings = {"bundle": self.bench.model.bundle.name, "minutes": self.bench.minutes}
        settings |= {"bundle_digest": self.bench.model.bundle.digest, "clips": len(self.bench.clips)}
        settings |= {"evaluator": {k: self.bench.judge.record.get(k) for k in ("folds", "test")}}
        order = [part.name for part in PARTS]
        parts = [*(p for p in known if p["name"] not in names), *mine]
        parts.sort(key=lambda p: order.index(p["name"]))
        write_plan(
            self.out, {"name": NAME, "nestmotion": __version__, "settings": settings, "parts": parts}
        )

    def _rows(self, part: Part) -> list[Row]:
        """All rows of a part, each case's as they are read back from its file."""
        path = self.out / "cases" / f"{part_id(part, self.bench)}.jsonl"
        done, total = _read(path), part.count(self.cases)
        started, begun, made = datetime.now(UTC), time.monotonic(), 0
        try:
            for case in range(total):
                if case not in done:
                    rows = [_plain(row) for row in part.rows(self.bench, case)]
                    done[case] = _append(path, case, rows)
                    made += 1
                self.watch(part.title, case + 1, total)
        finally:
            if made:
                row = {"task": part_id(part, self.bench), "title": part.title, "cases": made}
                row |= {"finished": all(case in done for case in range(total))}
                row |= {"started": started.isoformat(timespec="seconds")}
                row |= {"seconds": round(time.monotonic() - begun, 1), "machine": machine()}
                append_log(self.out, row | {"nestmotion": __version__, "device": "cpu"})
        return [{"case": case, **row} for case in range(total) for row in done[case]]

    def _write(self, part: Part, rows: Sequence[Row]) -> None:
        rows = with_text_match(rows, self.bench.judge)
        facts: dict[str, Any] = {"id": part_id(part, self.bench), "kind": NAME, "part": part.name}
        facts |= {"cases": part.count(self.cases)}
        own = [{"kind": "task", "facts": facts}, *({"kind": "row", **row} for row in rows)]
        write_result(self.out, facts["id"], own)


def with_text_match(rows: Sequence[Row], judge: Evaluator) -> list[Row]:
    """The rows with `top3` and `mm_distance` in the place of `vector`: R-precision among the rows of a
    group and variant (measures.r_precision), the same draws for each."""
    result = [{k: v for k, v in row.items() if k != "vector"} for row in rows]
    keys = {(r["group"], r["variant"]): None for r in rows if "vector" in r}
    for key in keys:
        own = [k for k, r in enumerate(rows) if (r["group"], r["variant"]) == key and "vector" in r]
        if len(own) < 2:
            continue
        captions = [rows[k]["caption"] for k in own]
        known = sorted({normal_text(text) for text in captions})
        number = np.array([known.index(normal_text(text)) for text in captions])
        motions = np.array([rows[k]["vector"] for k in own])
        texts = judge.embed_texts(captions)
        hits = measures.r_precision(texts, motions, number, np.random.default_rng(0))
        distance = measures.mm_distance(texts, motions)
        for k, hit, away in zip(own, hits, distance, strict=True):
            result[k] |= {"top3": round(float(hit[2]), 6), "mm_distance": round(float(away), 6)}
    return result


def _plain(row: Row) -> Row:
    """For JSON, which knows no NaN; floats to six digits."""
    plain = {}
    for key, value in row.items():
        number = isinstance(value, float | np.floating)
        plain[key] = (None if np.isnan(value) else round(float(value), 6)) if number else value
    return plain


def _append(path: Path, case: int, rows: list[Row]) -> list[Row]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"case": case, "rows": rows}, allow_nan=False) + "\n")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"{path}: cannot be written: {reason}") from error
    return rows


def _read(path: Path) -> dict[int, list[Row]]:
    """The finished cases. A last line that was broken off is taken away."""
    if not path.is_file():
        return {}
    text = path.read_text("utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, "utf-8")
    try:
        lines = [json.loads(line) for line in whole.splitlines()]
        return {line["case"]: line["rows"] for line in lines}
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{path}: not a file of cases ({error}); delete it and run again") from None
