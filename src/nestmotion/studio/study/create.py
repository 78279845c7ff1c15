"""Making a study: clips of every model, the plan of questions, and the database."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nestmotion import __version__
from nestmotion.core.errors import OutputError, SettingsError
from nestmotion.generate import Bundle, default_bundle_path
from nestmotion.studio.study.clips import check_alike, generate_clips, lengths_s, write_clip
from nestmotion.studio.study.design import check_prompts, plan
from nestmotion.studio.study.prompts import StudyPrompt
from nestmotion.studio.study.store import CLIPS, ModelFacts, StudyStore, new_name

__all__ = ["DEFAULT_BUNDLE", "StudySettings", "create_study"]

# Stands for the bundle in the package where bundles are named.
DEFAULT_BUNDLE = "default"
_MOST_RATERS = 1000


@dataclass(frozen=True)
class StudySettings:
    """How a study is set up; see `nestmotion study create --help`. Raises SettingsError."""

    raters: int = 12
    pairs: int = 24
    scores: int = 12
    checks: int = 4
    seconds: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.raters <= _MOST_RATERS:
            raise SettingsError(f"raters must be from 1 to {_MOST_RATERS}, not {self.raters}")
        for name in ("pairs", "scores", "checks"):
            if not 0 <= getattr(self, name) <= 1000:
                raise SettingsError(f"{name} must be from 0 to 1000, not {getattr(self, name)}")
        if self.pairs + self.scores == 0:
            raise SettingsError("there would be nothing to ask; give pairs, scores or both")


def create_study(
    folders: Sequence[Path],
    prompts: Sequence[StudyPrompt],
    out: Path,
    settings: StudySettings,
    threads: int = 1,
    watch: Callable[[str, int, int], None] = lambda label, done, total: None,
) -> StudyStore:
    """Generate the clips and write the folder of a study, all or nothing.

    folders: of the bundles to compare; the report names them by their folders. watch: told a bundle's
    label, how many of its clips are done, and how many there are.
    Raises OutputError when `out` is there already or cannot be written, SettingsError, BundleError,
    PromptError.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out}: exists already; a study needs a new folder")
    labels = _labels(folders)
    bundles = [Bundle.open(_path(folder)) for folder in folders]
    check_alike(bundles)
    rng = random.Random(settings.seed)
    broken = check_prompts(len(prompts), settings.checks, rng)
    asked = plan(
        len(bundles), len(prompts), settings.raters, settings.pairs, settings.scores, broken, rng
    )
    seconds = lengths_s(bundles, prompts, settings.seconds, threads)
    fresh = out.with_name(f".{out.name}.new")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        (fresh / CLIPS).mkdir(parents=True)
        fresh.chmod(0o700)  # the database says who the models are, and holds the raters' links
        names = {}
        for prompt, model, motion in generate_clips(
            bundles,
            prompts,
            seconds,
            settings.seed,
            broken,
            threads,
            lambda m, done: watch(labels[m], done, len(prompts)),
        ):
            names[prompt, model] = new_name()
            write_clip(motion, fresh / CLIPS / f"{names[prompt, model]}.glb")
        models = [
            ModelFacts(label, bundle.name, bundle.digest)
            for label, bundle in zip(labels, bundles, strict=True)
        ]
        facts = {"seed": str(settings.seed), "nestmotion": __version__}
        timed = list(zip(prompts, seconds, strict=True))
        StudyStore.create(fresh, models, timed, names, asked, facts)
        if out.is_dir():
            out.rmdir()
        fresh.rename(out)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"{out}: cannot be written: {reason}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return StudyStore(out)


def _path(folder: Path) -> Path:
    return default_bundle_path() if str(folder) == DEFAULT_BUNDLE else folder


def _labels(folders: Sequence[Path]) -> list[str]:
    if len(folders) < 2:
        raise SettingsError("a study compares two bundles or more; name their folders after --bundles")
    labels = [folder.resolve().name for folder in folders]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise SettingsError(
            f"two bundles are in folders called {twice!r}, and the report names them by their folders; "
            "rename one"
        )
    return labels
