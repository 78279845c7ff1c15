"""Does motion do what its words say? Shares with 95% Wilson intervals, as a Markdown table.

    python benchmarks/prompt_checks.py [BUNDLE ...] [--corpus CORPUS] [--only WORD] [--samples N]

One column a bundle (the default one when none is named; with --real none at all), and one of real
clips of the training folds whose captions say the same. The second shows whether a fact measures what
it should, and what can be reached.
"""

import argparse
from pathlib import Path

from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.prompt_checks import CHECKS, real_share, run_check
from nestmotion.generate import TextToMotion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs="*", help="bundle folders; the default bundle when none")
    parser.add_argument("--corpus", type=Path, help="prepared corpus, for the share of real clips")
    parser.add_argument("--real", action="store_true", help="real clips only, no bundle")
    parser.add_argument("--only", default="", help="checks whose prompt holds this word")
    parser.add_argument("--samples", type=int, help="samples a check, instead of its own number")
    options = parser.parse_args()

    models = {} if options.real else {name or "default": None for name in options.bundles or [""]}
    for name in models:
        models[name] = TextToMotion.load(None if name == "default" else name)
    corpus = PreparedCorpus.open(options.corpus) if options.corpus else None
    columns = ["prompt", "fact", *(Path(name).name for name in models)]
    columns += ["real clips that say so"] if corpus else []
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for check in CHECKS:
        if options.only not in check.prompt:
            continue
        cells = [check.prompt, check.fact]
        cells += [run_check(model, check, options.samples).figures for model in models.values()]
        cells += [real_share(corpus, check).figures] if corpus else []
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
