"""Actions found in 60 captions read by hand, by the rules and by the tree reader.

    .venv-test/bin/python benchmarks/judge_reader.py [--bundle FOLDER]

`judged_captions.jsonl` names, for each caption, one word of every action that a person reads in it.
An action of a tree finds the first such word inside it; one without any is spurious. Then come, to be
read, the captions in which the two trees differ.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from nestmotion.generate import default_bundle_path
from nestmotion.text import SemanticTree, TextEncoder, parse
from nestmotion.text.reader import TreeReader

JUDGED = Path(__file__).with_name("judged_captions.jsonl")


def places(caption: str, words: list[str]) -> list[int]:
    """Where each word stands, each looked for after the one before."""
    found: list[int] = []
    for word in words:
        match = re.compile(rf"\b{re.escape(word)}\b").search(caption, found[-1] + 1 if found else 0)
        assert match is not None, f"{caption!r} does not hold {word!r}"
        found.append(match.start())
    return found


def count(tree: SemanticTree, read: list[int]) -> tuple[int, int]:
    """(found, spurious) actions."""
    found = [any(node.start <= place < node.end for place in read) for node in tree.actions]
    return sum(found), len(found) - sum(found)


def described(tree: SemanticTree) -> str:
    return " / ".join(f"{node.text} [{node.order + 1}, {node.relation}]" for node in tree.actions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=default_bundle_path(), help="with the encoder")
    parser.add_argument("--reader", type=Path, help="folder with the reader; the bundle if not given")
    options = parser.parse_args()
    rows = [json.loads(line) for line in JUDGED.read_text("utf-8").splitlines()]
    captions = [row["captions"][0] for row in rows]
    reader = TreeReader.load(options.reader or options.bundle)
    encoded = TextEncoder.load(options.bundle).encode(captions)
    trees = {
        "rules": [parse(caption) for caption in captions],
        "reader": [reader.read(caption, encoded, k) for k, caption in enumerate(captions)],
    }
    read = [places(caption, row["actions"]) for caption, row in zip(captions, rows, strict=True)]
    total = sum(map(len, read))
    for name, found in trees.items():
        counts = [count(tree, words) for tree, words in zip(found, read, strict=True)]
        hits, spurious = (sum(column) for column in zip(*counts, strict=True))
        print(f"{name:<7} {hits} of {total} actions found ({hits / total:.1%}), {spurious} spurious")
    for k, (rules, ours) in enumerate(zip(*trees.values(), strict=True), 1):
        if described(rules) != described(ours):
            print(f"{k:>3} as read  {', '.join(rows[k - 1]['actions'])}")
            print(f"    rules    {described(rules)}\n    reader   {described(ours)}")


if __name__ == "__main__":
    main()
