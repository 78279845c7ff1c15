"""nestmotion study create."""

from __future__ import annotations

from pathlib import Path

from nestmotion.studio.study import StudySettings, create_study
from nestmotion.studio.study.prompts import read_prompts

__all__ = ["run"]


def run(
    *,
    bundles: list[Path],
    prompts: Path,
    out: Path,
    raters: int = 12,
    pairs: int = 24,
    scores: int = 12,
    checks: int = 4,
    seconds: float | None = None,
    seed: int = 0,
    threads: int = 1,
) -> None:
    """Make a blind study in which people compare the motions of several models.

    Args:
        bundles: Folders of the bundles to compare, two or more; the report names them by their folders.
            "default" is the bundle in the package.
        prompts: Text file with a prompt a line; a line [name] begins a group of prompts.
        out: New folder for the study.
        raters: How many people may take part; each gets a link.
        pairs: Pairs that each rater compares, besides checks; at most all there are.
        scores: Clips that each rater scores, besides checks; at most all there are.
        checks: Attention checks of each kind in each rater's pairs: pairs with a broken clip, and pairs
            shown again with their sides swapped. Of the clips to score, half as many are broken ones.
        seconds: Length of all clips; judged from each prompt by the first bundle when not given.
        seed: Of the motions and of the plan of questions.
        threads: CPU threads.
    """
    settings = StudySettings(raters, pairs, scores, checks, seconds, seed)

    def watch(label: str, done: int, total: int) -> None:
        if done == total:
            print(f"{label}: {total} clips")

    store = create_study(bundles, read_prompts(prompts), out, settings, threads, watch)
    questions = max(progress.total for _, progress in store.links())
    print(f"{out}: {raters} raters, at most {questions} questions each")
    print(f"open it to them with: nestmotion study serve {out}")
