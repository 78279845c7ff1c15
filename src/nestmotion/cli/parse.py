"""nestmotion parse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import tyro

from nestmotion.core.errors import PromptError
from nestmotion.generate import default_bundle_path
from nestmotion.text import Node, SemanticTree, TextEncoder, parse
from nestmotion.text.pieces import piece_spans
from nestmotion.text.reader import TreeReader
from nestmotion.text.tree import LEVELS

__all__ = ["run"]


def run(
    text: tyro.conf.Positional[str],
    /,
    *,
    depth: int = 4,
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False,
    bundle: Path | None = None,
    parser: Literal["network", "rules"] = "network",
) -> None:
    """Show the semantic tree of a sentence, e.g. nestmotion parse "a person walks, then sits"

    Args:
        text: What the person does, in English.
        depth: Levels shown: 1 the sentence, 2 actions, 3 phrases, 4 words, 5 word pieces.
        as_json: Print {"nodes": [...]} with id, parent, level, role, text, start and end of each
            node (characters of the text), and relation and order of each action.
        bundle: Folder of the bundle that reads and whose word pieces level 5 shows; the one in the
            package when not given.
        parser: The bundle's network, as generation reads, or the rules it was taught by, which need
            spaCy (extra parse).
    """
    if not any(character.isalpha() for character in text):
        raise PromptError("the prompt is empty; say what the person does, e.g. 'a person waves'")
    folder = bundle if bundle is not None else default_bundle_path()
    tree = _read(text, folder, parser, depth == len(LEVELS)).cut(depth)
    if as_json:
        print(json.dumps(tree.to_dict(), indent=2, ensure_ascii=False))
        return
    print("\n".join(_line(tree, node) for node in tree.nodes))


def _read(text: str, folder: Path, parser: Literal["network", "rules"], pieces: bool) -> SemanticTree:
    if parser == "rules":
        return parse(text, piece_spans(folder, text) if pieces else None)
    reader = TreeReader.load(folder)
    return reader.read(text, TextEncoder.load(folder).encode([text]), pieces=pieces)


def _line(tree: SemanticTree, node: Node) -> str:
    order = f" {node.order + 1}, {node.relation}" if node.order is not None else ""
    text = " ".join(node.text.split())
    return f"{'  ' * (node.level - 1)}{node.role}{order}: {text}"
