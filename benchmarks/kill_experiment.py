"""Is an experiment that was killed again and again the same as one that was not?

    python benchmarks/kill_experiment.py CORPUS OUT [--kills 10] [--seed 0]

On 24 captioned clips of each fold: runs `nestmotion experiment paper --small --only main` once without
interruption, and once killed (SIGKILL) so many times at random moments and then given again until it
ends. Compares results, plan and report byte by byte. Exit code 1 when any differs.
"""

import argparse
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from nestmotion.corpus import PreparedCorpus
from nestmotion.corpus.writing import claim_folder, corpus_manifest, derived_recipe, finish, write_clips

CLIPS_A_FOLD = 24


def small_corpus(corpus: PreparedCorpus, out: Path) -> None:
    """The first captioned clips of each fold as a prepared corpus of their own."""
    captioned = [c for c in corpus.clips if c.captions]
    folds = sorted({c.fold for c in captioned})
    chosen = [c for f in folds for c in [c for c in captioned if c.fold == f][:CLIPS_A_FOLD]]
    recipe = derived_recipe(corpus, out, {"clips_a_fold": CLIPS_A_FOLD})
    claim_folder(out, recipe, force=False)
    parts = write_clips(out, ((corpus.motion(c), replace(c, start=0, stop=len(c))) for c in chosen))
    about = {key: corpus.manifest[key] for key in ("licence", "acknowledgement", "source")}
    finish(out, corpus_manifest(out, parts, recipe, about))


def command(corpus: Path, out: Path) -> list[str]:
    program = str(Path(sys.executable).with_name("nestmotion"))
    run = [program, "experiment", "paper", "--corpus", str(corpus), "--out", str(out)]
    return [*run, "--small", "--only", "main"]


def contents(out: Path) -> dict[str, bytes]:
    """What follows from the settings alone; the log says when things ran and the report repeats it."""
    files = [*sorted((out / "results").glob("*.jsonl")), out / "experiment.json"]
    found = {path.name: path.read_bytes() for path in files}
    report = (out / "report.md").read_text("utf-8").split("## What ran")[0]
    return found | {"report.md": report.encode()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path, help="folder of both experiments; a new one")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    options.out.mkdir(parents=True)
    corpus, whole, killed = (options.out / name for name in ("corpus", "whole", "killed"))
    small_corpus(PreparedCorpus.open(options.corpus), corpus)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    start = time.monotonic()
    subprocess.run(command(corpus, whole), check=True, **quiet)
    seconds = time.monotonic() - start
    print(f"without interruption: {seconds:.0f} s, {len(contents(whole))} files", flush=True)
    rng = random.Random(options.seed)
    moments = sorted(rng.uniform(0.05, 0.95) for _ in range(options.kills))
    for k, moment in enumerate(moments):
        # So far into the whole, if nothing were lost; a start takes some seconds each time.
        wait = seconds * (moment - (moments[k - 1] if k else 0.0)) + rng.uniform(4, 12)
        process = subprocess.Popen(command(corpus, killed), **quiet)
        try:
            process.wait(timeout=wait)
            print(f"kill {k + 1}: too late, it had ended", flush=True)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            done = len(list((killed / "results").glob("*.jsonl")))
            print(f"kill {k + 1} after {wait:.0f} s, {done} results so far", flush=True)
    subprocess.run(command(corpus, killed), check=True, **quiet)
    one, other = contents(whole), contents(killed)
    differ = sorted(n for n in one.keys() | other.keys() if one.get(n) != other.get(n))
    print("the same" if not differ else "differ: " + ", ".join(differ))
    sys.exit(bool(differ))


if __name__ == "__main__":
    main()
