"""The files of an experiment: its plan, one file of results a task, and the log of what ran.

experiment.json    format, name, settings, parts and their tasks
results/ID.jsonl   one task's results: rows of kinds task, measure, acceleration, clip, window
log.jsonl          when each task ran, on which machine, for how long
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nestmotion.core.errors import OutputError, SettingsError
from nestmotion.io._atomic import atomic_write

__all__ = [
    "FORMAT",
    "Finished",
    "Results",
    "append_log",
    "machine",
    "read_plan",
    "read_results",
    "result_path",
    "write_plan",
    "write_result",
]

# 2: rows of clips name the recordings they come from.
FORMAT = 2
PLAN, LOG, RESULTS = "experiment.json", "log.jsonl", "results"


@dataclass(frozen=True)
class Finished:
    """One finished task: what it was (`facts`), measures by name with value, low, high, real and unit,
    and its rows by kind."""

    facts: dict[str, Any]
    measures: dict[str, dict[str, Any]]
    rows: dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Results:
    """All that a report is made of: the plan, finished tasks by id, and the log's rows."""

    plan: dict[str, Any]
    finished: dict[str, Finished]
    log: list[dict[str, Any]]

    def part(self, name: str) -> list[Finished]:
        """Finished tasks of a part, in the plan's order; none for a part that is not in the plan."""
        ids = [i for part in self.plan["parts"] if part["name"] == name for i in part["tasks"]]
        return [self.finished[i] for i in ids if i in self.finished]

    def labelled(self, name: str) -> dict[str, Finished]:
        """Finished tasks of a part that names them, by name, in the plan's order."""
        parts = [part for part in self.plan["parts"] if part["name"] == name]
        named = [pair for p in parts for pair in zip(p["labels"], p["tasks"], strict=True)]
        return {label: self.finished[i] for label, i in named if i in self.finished}


def result_path(out: Path, task_id: str) -> Path:
    """Where a task's results are."""
    return out / RESULTS / f"{task_id}.jsonl"


def write_result(out: Path, task_id: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a task's rows, all or nothing; the first gets the format's number."""
    first, *rest = ({**row} for row in rows)
    lines = [{"format": FORMAT, **first}, *rest]
    with atomic_write(result_path(out, task_id)) as path:
        path.write_text("".join(json.dumps(row, allow_nan=False) + "\n" for row in lines), "utf-8")


def write_plan(out: Path, plan: Mapping[str, Any]) -> None:
    """Write experiment.json to a new folder, or in place of that of an earlier run.

    Raises OutputError when the folder holds something else, SettingsError when it is of another
    version.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; choose a folder")
    if (out / PLAN).exists():
        read_plan(out)
    elif out.is_dir() and any(out.iterdir()):
        raise OutputError(f"{out}: is not empty and holds no experiment; choose another folder")
    with atomic_write(out / PLAN) as path:
        path.write_text(json.dumps({"format": FORMAT, **plan}, indent=2) + "\n", "utf-8")


def read_plan(out: Path) -> dict[str, Any]:
    """What is in experiment.json. Raises SettingsError when it is missing or of another version."""
    path = out / PLAN
    if not path.is_file():
        raise SettingsError(f"{path}: missing; {out} holds no experiment")
    try:
        plan = json.loads(path.read_text("utf-8"))
        found = plan["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{path}: not an experiment's plan ({error})") from None
    _check_format(path, found)
    return plan


def _check_format(path: Path, found: object) -> None:
    if found != FORMAT:
        raise SettingsError(
            f"{path}: results of version {found}, this nestmotion reads {FORMAT}; choose another "
            "folder, or the nestmotion that made it"
        )


def read_results(out: Path) -> Results:
    """Everything of an experiment's folder. Raises SettingsError naming a file that cannot be used."""
    plan = read_plan(out)
    listed = {i for part in plan["parts"] for i in part["tasks"]}
    paths = {i: result_path(out, i) for i in sorted(listed)}
    finished = {i: _read(path) for i, path in paths.items() if path.is_file()}
    return Results(plan, finished, read_log(out))


def _read(path: Path) -> Finished:
    rows: dict[str, list[dict[str, Any]]] = {}
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        _check_format(path, lines[0].pop("format"))
        for line in lines:
            rows.setdefault(line.pop("kind"), []).append(line)
        measures = {row.pop("name"): row for row in rows.pop("measure", [])}
        (task,) = rows.pop("task")
        facts = dict(task["facts"])
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise SettingsError(
            f"{path}: not a file of results ({error}); delete it and run again"
        ) from None
    return Finished(facts, measures, rows)


def read_log(out: Path) -> list[dict[str, Any]]:
    """Rows of the log; none when nothing ran yet."""
    path = out / LOG
    return list(map(json.loads, path.read_text("utf-8").splitlines())) if path.is_file() else []


def append_log(out: Path, row: Mapping[str, Any]) -> None:
    """Add a row. The file is written anew, so that it never ends in half a row."""
    rows: Sequence[Mapping[str, Any]] = [*read_log(out), row]
    with atomic_write(out / LOG) as path:
        path.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")


def machine() -> str:
    """The processor's name and how many cores there are, for the log."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    processor = names[0] if names else platform.processor() or platform.machine()
    return f"{processor}, {os.cpu_count()} cores"
