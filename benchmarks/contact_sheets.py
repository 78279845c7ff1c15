"""Contact sheets of the prompts in nestmotion.evaluation.prompts: what a bundle makes of each.

    python benchmarks/contact_sheets.py OUT [BUNDLE ...] [--seconds 6] [--seed 0]
        [--raw | --both] [--one-go | --turns] [--references CORPUS]

Writes OUT/NAME-1.png, OUT/NAME-2.png and so on for each bundle (the default one when none is named),
twelve rows a page. --raw: without post-processing; --both: every motion without and, below, with it;
--one-go: the actions of a prompt not one after another. --turns: other texts, in one go and by turns
(OUT/NAME-turns-1.png). Nothing is chosen: the first sample of the seed.
--references: OUT/reference-1.png and so on as well, for each prompt the clip of the corpus whose
caption is nearest by sentence vectors among those that name the same sides.
"""

import argparse
import textwrap
from pathlib import Path

import numpy as np

from nestmotion.core import Motion
from nestmotion.core.edit import canonicalize
from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.contact_sheet import contact_sheet
from nestmotion.evaluation.prompts import PROMPTS
from nestmotion.generate import TextToMotion
from nestmotion.text.mirror import mirror_text

ROWS = 12

TURNS = (
    "a person sits down on a chair",
    "a person stands up and walks away",
    "a person walks forward, sits down, then stands up again",
    "a person walks forward, then turns around and walks back",
    "a person bends down to pick something up, then throws it",
    "a person walks forward, jumps up, then waves with the right hand",
)


def rows(model: TextToMotion, seconds: float, seed: int, ways: tuple[str, ...], by_turns: bool):
    """Motion and title of every row."""
    for prompt in PROMPTS:
        for way in ways:
            stands = way != "raw"
            motion = model.generate(prompt, seconds, seed, postprocess=stands, by_turns=by_turns)[0]
            yield motion, f"{prompt} ({way})" if len(ways) > 1 else prompt


def turns(model: TextToMotion, seconds: float, seed: int):
    """Motion and title of every row: each text in one go and, below, by turns."""
    for text in TURNS:
        yield model.generate(text, seconds, seed, by_turns=False)[0], text
        yield model.generate(text, seconds, seed)[0], f"{text} (by turns)"


def references(model: TextToMotion, corpus: PreparedCorpus) -> list[tuple[Motion, str]]:
    """Motion and title of the real clip nearest to each prompt."""
    pairs = [(clip, c.text) for clip in corpus.clips for c in clip.captions]
    texts = [text for _, text in pairs]
    known = np.concatenate(
        [model.encoder.encode(texts[a : a + 64]).sentence for a in range(0, len(texts), 64)]
    )
    asked = model.encoder.encode(list(PROMPTS)).sentence
    sided = np.array([mirror_text(text) != text for text in texts])
    found = []
    for prompt, vector in zip(PROMPTS, asked, strict=True):
        score = known @ vector
        sides = {word for word in prompt.split() if mirror_text(word) != word}
        fits = np.array([sides <= set(text.split()) for text in texts]) if sides else ~sided
        clip, text = pairs[int(np.where(fits, score, -np.inf).argmax())]
        title = f"{prompt}\n[{textwrap.shorten(text, 60)}]"
        found.append((canonicalize(corpus.motion(clip)), title))
    return found


def draw(rows: list[tuple[Motion, str]], out: Path, name: str) -> None:
    for page, start in enumerate(range(0, len(rows), ROWS), 1):
        motions, titles = zip(*rows[start : start + ROWS], strict=True)
        path = out / f"{name}-{page}.png"
        contact_sheet(motions, titles, path)
        print(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder of the pictures")
    parser.add_argument("bundles", nargs="*", help="bundle folders; the default bundle when none")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--references", type=Path, metavar="CORPUS", help="draw real clips as well")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--raw", dest="ways", action="store_const", const=("raw",))
    which.add_argument("--both", dest="ways", action="store_const", const=("raw", "processed"))
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--one-go", action="store_true")
    how.add_argument("--turns", action="store_true", help="other texts, in one go and by turns")
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    for folder in options.bundles or [None]:
        model = TextToMotion.load(folder)
        name = Path(folder).name if folder else "default"
        ways = options.ways or ("processed",)
        if options.turns:
            drawn, name = turns(model, options.seconds, options.seed), f"{name}-turns"
        else:
            drawn = rows(model, options.seconds, options.seed, ways, not options.one_go)
        draw(list(drawn), options.out, name)
    if options.references:
        real = references(model, PreparedCorpus.open(options.references))
        draw(real, options.out, "reference")


if __name__ == "__main__":
    main()
