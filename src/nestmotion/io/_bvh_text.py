"""The text of a BVH file as plain numbers, or the line that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import Float

from nestmotion.core.errors import FormatError

__all__ = ["BvhJoint", "BvhText", "parse_bvh"]

_CHANNELS = ("Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation")
_HUGE = 1e12


@dataclass(frozen=True)
class BvhJoint:
    """One joint as the file states it: parent -1 for the root, offset in the file's own unit,
    channels such as "Xrotation" in the order they stand."""

    name: str
    parent: int
    offset: tuple[float, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True)
class BvhText:
    """A parsed file: joints in the order of the file (End Sites left out), seconds a frame, and one
    row of channel values a frame, in the file's unit and degrees."""

    joints: tuple[BvhJoint, ...]
    frame_time_s: float
    values: Float[np.ndarray, "t c"]


def parse_bvh(path: str | Path) -> BvhText:
    """Read and check a BVH file.

    Keywords and channel names are read in any case; blank lines, tabs, CRLF and a byte order mark are
    allowed. Everything else is strict. Raises FormatError with the line and what was expected there.
    """
    source = _Source(Path(path))
    joints = _parse_hierarchy(source)
    frame_time, values = _parse_motion(source, sum(len(joint.channels) for joint in joints))
    return BvhText(joints, frame_time, values)


class _Source:
    """The lines of a file, handed out as statements: a brace, or the text between two braces."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise FormatError(path, "expected a text file, found bytes that are not UTF-8") from None
        self.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.line = 1
        self._statements = self._split()

    def _split(self) -> Iterator[str]:
        for number, line in enumerate(self.lines, start=1):
            for part in re.split("([{}])", line):
                if statement := part.strip():
                    self.line = number
                    yield statement

    def next(self, expected: str) -> str:
        statement = next(self._statements, None)
        if statement is None:
            self.line = max(len(self.lines) - (not self.lines[-1]), 1)
            self.fail(f"expected {expected}, but the file ends here")
        return statement

    def expect(self, word: str) -> None:
        found = self.next(f"'{word}'")
        if found.upper() != word:
            self.fail(f"expected '{word}', found {_shown(found)}")

    def fail(self, message: str, line: int | None = None) -> NoReturn:
        raise FormatError(self.path, message, self.line if line is None else line)

    def number(self, cell: str, line: int | None = None) -> float:
        try:
            value = float(cell)
        except ValueError:
            value = np.nan
        # float() also takes "1_000" and digits of other scripts, which other programs do not.
        if not abs(value) < _HUGE or "_" in cell or not cell.isascii():
            self.fail(f"expected a finite number below {_HUGE:g}, found {_shown(cell)}", line)
        return value


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")


@dataclass
class _Block:
    """A ROOT, JOINT or End Site whose closing brace has not come yet."""

    name: str
    parent: int
    index: int  # -1 for an End Site
    offset: tuple[float, ...] | None = None
    channels: tuple[str, ...] | None = None

    @property
    def title(self) -> str:
        return f"joint {_shown(self.name)}" if self.index >= 0 else "End Site"


def _parse_hierarchy(source: _Source) -> tuple[BvhJoint, ...]:
    source.expect("HIERARCHY")
    joints: dict[str, _Block] = {}
    opened: list[_Block] = []
    while True:
        where = f"the rest of {opened[-1].title}" if opened else "'ROOT'"
        keyword, *rest = source.next(where).split(None, 1)
        argument = rest[0] if rest else ""
        match keyword.upper():
            case "ROOT" if not joints:
                opened.append(_open_joint(source, argument, joints, -1))
            case "JOINT" if opened and opened[-1].index >= 0:
                opened.append(_open_joint(source, argument, joints, opened[-1].index))
            case "END" if opened and opened[-1].index >= 0:
                source.expect("{")
                opened.append(_Block("", opened[-1].index, -1))
            case "OFFSET" if opened and opened[-1].offset is None:
                opened[-1].offset = _parse_offset(source, argument)
            case "CHANNELS" if opened and opened[-1].index >= 0 and opened[-1].channels is None:
                opened[-1].channels = _parse_channels(source, argument)
            case "}" if opened:
                _check_complete(source, opened.pop())
                if not opened:
                    break
            case _:
                source.fail(f"expected {where}, found {_shown(keyword)}")
    if not any(joint.channels for joint in joints.values()):
        source.fail("no joint has a channel, so nothing can move")
    return tuple(BvhJoint(j.name, j.parent, j.offset or (), j.channels or ()) for j in joints.values())


def _open_joint(source: _Source, name: str, joints: dict[str, _Block], parent: int) -> _Block:
    if not name:
        source.fail("expected a joint name")
    if name in joints:
        source.fail(f"joint name {_shown(name)} stands twice")
    source.expect("{")
    joints[name] = _Block(name, parent, len(joints))
    return joints[name]


def _check_complete(source: _Source, block: _Block) -> None:
    if block.offset is None:
        source.fail(f"{block.title} has no OFFSET")
    if block.channels is None and block.index >= 0:
        source.fail(f"{block.title} has no CHANNELS (a joint that never moves has 'CHANNELS 0')")


def _parse_offset(source: _Source, argument: str) -> tuple[float, ...]:
    cells = argument.split()
    if len(cells) != 3:
        source.fail(f"expected 3 numbers after OFFSET, found {len(cells)}")
    return tuple(source.number(cell) for cell in cells)


def _parse_channels(source: _Source, argument: str) -> tuple[str, ...]:
    count, *names = argument.split() or [""]
    if not re.fullmatch("[0-6]", count):
        source.fail(f"expected a count from 0 to 6 after CHANNELS, found {_shown(count)}")
    if len(names) != int(count):
        source.fail(f"expected {count} channel names, found {len(names)}")
    channels = tuple(name.capitalize() for name in names)
    for i, channel in enumerate(channels):
        if channel not in _CHANNELS:
            source.fail(f"expected a channel such as 'Xrotation', found {_shown(names[i])}")
        if channel in channels[:i]:
            source.fail(f"channel {channel} stands twice")
    return channels


def _parse_motion(source: _Source, channels: int) -> tuple[float, np.ndarray]:
    source.expect("MOTION")
    count = _parse_header(source, "Frames:", "a whole number above 0")
    if not re.fullmatch("0*[1-9][0-9]{0,17}", count):
        source.fail(f"expected a whole number of frames above 0, found {_shown(count)}")
    count_line = source.line
    frame_time = source.number(_parse_header(source, "Frame Time:", "seconds"))
    if not (frame_time > 0 and np.isfinite(1 / frame_time)):
        source.fail(f"expected a frame time above 0 seconds, found {frame_time:g}")
    rows = [
        (number, line)
        for number, line in enumerate(source.lines[source.line :], start=source.line + 1)
        if line and not line.isspace()
    ]
    # The claimed count is compared with the rows there are and never used to allocate.
    if len(rows) != int(count):
        source.fail(f"expected {int(count)} rows of numbers, found {len(rows)}", count_line)
    return frame_time, _parse_rows(source, rows, channels)


def _parse_header(source: _Source, label: str, value: str) -> str:
    expected = f"'{label} <{value}>'"
    statement = source.next(expected)
    pattern = label.replace(" ", r"\s+").replace(":", r"\s*:\s*(\S+)")
    if not (found := re.fullmatch(pattern, statement, re.IGNORECASE)):
        source.fail(f"expected {expected}, found {_shown(statement)}")
    return found[1]


def _parse_rows(source: _Source, rows: Sequence[tuple[int, str]], channels: int) -> np.ndarray:
    values = np.empty((len(rows), channels))
    for frame, (number, line) in enumerate(rows):
        cells = line.split()
        if len(cells) != channels:
            source.fail(f"expected {channels} numbers in a frame, found {len(cells)}", number)
        try:
            values[frame] = cells
        except ValueError:
            values[frame] = np.nan
        if "_" in line or not line.isascii() or not (np.abs(values[frame]) < _HUGE).all():
            for cell in cells:
                source.number(cell, number)
    return values
