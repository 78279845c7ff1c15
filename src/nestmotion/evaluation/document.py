"""A page of headings, paragraphs, tables and figures, as Markdown and as one HTML file."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "Heading", "Image", "Table", "Text", "to_html", "to_markdown"]


@dataclass(frozen=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Table:
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Image:
    """A PNG, its place told from the page's folder."""

    path: str
    title: str


Block = Heading | Text | Table | Image

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1b; background: #fff; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0;
  font-size: 0.9rem; }
th, td { padding: 0.25rem 0.75rem; border-bottom: 1px solid #ddd; text-align: left;
  white-space: nowrap; }
img { max-width: 100%; }
figcaption { color: #555; }
"""


def to_markdown(blocks: Sequence[Block]) -> str:
    """GitHub's Markdown; pictures are linked."""
    return "\n\n".join(map(_markdown, blocks)) + "\n"


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {block.text}"
    if isinstance(block, Table):
        rows = [block.header, ["---"] * len(block.header), *block.rows]
        return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
    if isinstance(block, Image):
        return f"![{block.title}]({block.path})\n\n{block.title}"
    return block.text


def to_html(blocks: Sequence[Block], folder: Path, title: str) -> str:
    """One page that needs no other file: the pictures of `folder` are inside it."""
    body = "\n".join(_html(block, folder) for block in blocks)
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n{body}\n</html>\n"
    )


def _html(block: Block, folder: Path) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{html.escape(block.text)}</h{block.level}>"
    if isinstance(block, Table):
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in block.header)
        rows = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in block.rows]
        return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"
    if isinstance(block, Image):
        data = base64.b64encode((folder / block.path).read_bytes()).decode()
        text = html.escape(block.title)
        picture = f'<img alt="{text}" src="data:image/png;base64,{data}">'
        return f"<figure>{picture}<figcaption>{text}</figcaption></figure>"
    return f"<p>{html.escape(block.text)}</p>"
