"""Contact sheets of the prompts in nestmotion.evaluation.prompts: what a bundle makes of each.

    python benchmarks/contact_sheets.py OUT [BUNDLE ...] [--seconds 6] [--seed 0] [--raw | --both]

Writes OUT/NAME-1.png, OUT/NAME-2.png and so on for each bundle (the default one when none is named),
twelve rows a page. --raw: without post-processing; --both: every motion without and, below, with it.
Nothing is chosen: the first sample of the seed.
"""

import argparse
from pathlib import Path

from nestmotion.evaluation.contact_sheet import contact_sheet
from nestmotion.evaluation.prompts import PROMPTS
from nestmotion.generate import TextToMotion
from nestmotion.generate.postprocess import postprocess

ROWS = 12


def rows(model: TextToMotion, seconds: float, seed: int, ways: tuple[str, ...]):
    """Motion and title of every row."""
    for prompt in PROMPTS:
        raw = model.generate(prompt, seconds, seed, postprocess=False)[0]
        for way in ways:
            motion = raw if way == "raw" else postprocess(raw)
            yield motion, f"{prompt} ({way})" if len(ways) > 1 else prompt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder of the pictures")
    parser.add_argument("bundles", nargs="*", help="bundle folders; the default bundle when none")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=0)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--raw", dest="ways", action="store_const", const=("raw",))
    which.add_argument("--both", dest="ways", action="store_const", const=("raw", "processed"))
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    for folder in options.bundles or [None]:
        model = TextToMotion.load(folder)
        name = Path(folder).name if folder else "default"
        drawn = list(rows(model, options.seconds, options.seed, options.ways or ("processed",)))
        for page, start in enumerate(range(0, len(drawn), ROWS), 1):
            motions, titles = zip(*drawn[start : start + ROWS], strict=True)
            path = options.out / f"{name}-{page}.png"
            contact_sheet(motions, titles, path)
            print(path)


if __name__ == "__main__":
    main()
