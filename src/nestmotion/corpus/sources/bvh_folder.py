"""A folder of BVH files with a table of captions.

`captions.csv` (UTF-8, with a header) has one row a caption: `file` (relative to the folder), `caption`
and, if wanted, `group`, `start_s` and `end_s` (seconds; empty: from the file's start, to its end).
Several rows may name one file, and rows with the same stretch are captions of one clip. An empty
caption makes the file's motion part of the corpus without one. Files of one group (takes, copies,
mirrored versions of one another) never part in a split; a file without group is its own.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path, PurePosixPath

from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import CorpusError, FormatError, SettingsError
from nestmotion.core.retarget import retarget
from nestmotion.corpus.source import Caption, Dropped, Span, Trial
from nestmotion.corpus.sources._licence import licence_file, licence_text
from nestmotion.io.bvh import load_bvh

__all__ = ["BvhFolder"]

TABLE = "captions.csv"


@dataclass(frozen=True)
class _Row:
    line: int
    file: str
    caption: str
    group: str
    start_s: float | None
    end_s: float | None


class BvhFolder:
    """Source over a folder with captions.csv and the BVH files that it names.

    Raises CorpusError, naming the line, when the table is not usable or a file is missing.
    """

    name = "bvh_folder"
    acknowledgement = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.licence = licence_text(folder, "Not stated: the folder holds no LICENSE file.")
        if not (folder / TABLE).is_file():
            raise CorpusError(f"{folder / TABLE}: missing; it names the files and their captions")

    def input_checksums(self) -> Mapping[str, str]:
        licence = licence_file(self.folder)
        names = [TABLE, *self._rows, *([licence.name] if licence else [])]
        return {name: sha256_of(self.folder / name) for name in names}

    def trial_ids(self) -> Sequence[str]:
        return list(self._rows)

    def read(self, trial_id: str) -> Trial | Dropped:
        path = self.folder / trial_id
        try:
            motion = retarget(load_bvh(path))
        except FormatError as error:
            return Dropped(trial_id, str(error).removeprefix(f"{path}:").strip())
        except SettingsError as error:
            return Dropped(trial_id, str(error))
        rows = self._rows[trial_id]
        spans = tuple(_spans(trial_id, rows, motion.duration_s))
        return Trial(trial_id, rows[0].group or trial_id, motion, spans)

    @cached_property
    def _rows(self) -> dict[str, list[_Row]]:
        """Rows by file, files in the order of their first row."""
        by_file: dict[str, list[_Row]] = {}
        for row in self._read_table():
            rows = by_file.setdefault(row.file, [])
            if rows and row.group != rows[0].group:
                raise self._error(
                    row.line, f"{row.file} is in group {row.group!r} here and {rows[0].group!r} above"
                )
            rows.append(row)
        if not by_file:
            raise CorpusError(f"{self.folder / TABLE}: names no file")
        return by_file

    def _read_table(self) -> Iterator[_Row]:
        try:
            with (self.folder / TABLE).open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                columns = reader.fieldnames or []
                if not {"file", "caption"} <= set(columns):
                    found = ", ".join(columns) or "none"
                    raise self._error(1, f"needs the columns file and caption; found: {found}")
                for values in reader:
                    yield self._row(reader.line_num, values)
        except UnicodeDecodeError:
            raise CorpusError(f"{self.folder / TABLE}: not UTF-8 text") from None
        except csv.Error as error:
            raise self._error(reader.line_num, f"not a table ({error})") from None

    def _row(self, line: int, values: Mapping[str, str | None]) -> _Row:
        text = {key: (values.get(key) or "").strip() for key in ("file", "caption", "group")}
        path = PurePosixPath(text["file"])
        if not text["file"] or path.is_absolute() or ".." in path.parts:
            raise self._error(line, f"{text['file']!r} is not a file inside the folder")
        if not (self.folder / path).is_file():
            raise self._error(line, f"{self.folder / path} is missing")
        start, end = (self._seconds(line, key, values.get(key)) for key in ("start_s", "end_s"))
        if end is not None and end <= (start or 0.0):
            raise self._error(line, f"end_s {end:g} is not after start_s {start or 0.0:g}")
        return _Row(line, str(path), text["caption"], text["group"], start, end)

    def _seconds(self, line: int, column: str, value: str | None) -> float | None:
        if value is None or not value.strip():
            return None
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            raise self._error(line, f"{column} must be seconds from 0 up, not {value!r}")
        return seconds

    def _error(self, line: int, message: str) -> CorpusError:
        return CorpusError(f"{self.folder / TABLE}:{line}: {message}")


def _spans(trial_id: str, rows: Sequence[_Row], duration_s: float) -> Iterator[Span]:
    """One span a stretch, with the captions of all its rows."""

    def stretch(row: _Row) -> tuple[float, float]:
        start = row.start_s or 0.0
        return start, duration_s if row.end_s is None else row.end_s

    captioned = sorted((row for row in rows if row.caption), key=stretch)
    for (start, end), same in groupby(captioned, key=stretch):
        whole = (start, end) == (0.0, duration_s)
        clip_id = trial_id if whole else f"{trial_id}@{start:g}-{end:g}"
        yield Span(clip_id, start, end, tuple(Caption(row.caption) for row in same))
