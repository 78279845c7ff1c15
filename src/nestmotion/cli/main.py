"""Find the verb, run it, and turn a user's mistake into one line and exit code 2."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module

from nestmotion import __version__
from nestmotion.core.errors import NestmotionError, NestmotionWarning, SettingsError

__all__ = ["VERBS", "main"]

# Verb -> (module of nestmotion.cli, what it does). The module has a function `run` that tyro reads.
VERBS = {
    "generate": ("generate", "make motion from a sentence"),
    "edit": ("edit", "change a phrase, a stretch or the pace of a clip"),
    "parse": ("parse", "show how a sentence is read: its actions, phrases and words"),
    "convert": ("convert", "turn a motion file into another format"),
    "inspect": ("inspect", "say what is in a motion file, corpus, run or bundle"),
    "corpus prepare": ("corpus_prepare", "make a prepared corpus from motion and captions"),
    "corpus compose": ("corpus_compose", "join clips to longer ones with the times of their actions"),
    "corpus narrate": ("corpus_narrate", "caption motion by rules: sides, directions, times"),
    "train": ("train", "train a model on a prepared corpus"),
    "train-reader": ("train_reader", "teach the network that reads sentences"),
    "train-evaluator": ("train_evaluator", "train the independent judge of motions"),
    "export": ("export", "make a bundle from a training run"),
    "evaluate": ("evaluate", "measure a bundle or a folder of motions"),
    "experiment": ("experiment", "run the paper's experiments and write their report"),
    "experiment control": ("experiment_control", "measure how well a bundle is controlled"),
    "studio": ("studio", "serve the web page and the HTTP API"),
    "study create": ("study_create", "make a blind study that compares models"),
    "study serve": ("study_serve", "open a study to its raters"),
    "study report": ("study_report", "write what the raters of a study answered"),
}

# The extra that brings what a verb needs, where it is not train.
EXTRAS = {"studio": "studio", "study serve": "studio"}


def _help() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {text}" for verb, (_, text) in VERBS.items()]
    return "\n".join(
        [
            f"nestmotion {__version__}: text in, human motion out",
            "",
            "usage: nestmotion VERB [options]",
            "",
            *lines,
            "",
            "nestmotion VERB --help lists a verb's options; --debug shows the traceback of an error.",
        ]
    )


def _split(arguments: list[str]) -> tuple[str, list[str]]:
    for words in (2, 1):
        verb = " ".join(arguments[:words])
        if verb in VERBS:
            return verb, arguments[words:]
    raise SettingsError(
        f"no verb {arguments[0]!r}; it is one of: {', '.join(VERBS)} (see nestmotion --help)"
    )


def _show_warning(message: Warning | str, category: type[Warning], *rest: object) -> None:
    name = "warning" if issubclass(category, NestmotionWarning) else category.__name__
    print(f"nestmotion: {name}: {message}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 2 for a user's mistake, 130 when interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [word for word in given if word != "--debug"]
    if not given or given[0] in ("-h", "--help"):
        print(_help())
        return 0
    if given[0] == "--version":
        print(__version__)
        return 0
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        verb, rest = _split(given)
        _run(verb, rest)
        sys.stdout.flush()
    except NestmotionError as error:
        if debug:
            raise
        print(f"nestmotion: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read the output has enough, such as head; what is still to be written goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("nestmotion: interrupted", file=sys.stderr)
        return 130
    return 0


def _run(verb: str, rest: list[str]) -> None:
    module = VERBS[verb][0]
    try:
        run = import_module(f"nestmotion.cli.{module}").run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("nestmotion"):
            raise
        raise SettingsError(
            f"{verb} needs {error.name}, which is not installed; install the extra it belongs to: "
            f'pip install "nestmotion[{EXTRAS.get(verb, "train")}]"'
        ) from None
    import tyro

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            call = tyro.cli(_late(run), prog=f"nestmotion {verb}", args=rest)
    except SystemExit as stop:
        if stop.code != 2:
            raise
        raise SettingsError(f"{_unboxed(said.getvalue())}; see nestmotion {verb} --help") from None
    call()


def _late(run: Callable[..., None]) -> Callable[..., Callable[[], None]]:
    """`run`, but only bound to its arguments: what it prints itself must not be caught."""

    @functools.wraps(run)
    def bind(*args: object, **kwargs: object) -> Callable[[], None]:
        return functools.partial(run, *args, **kwargs)

    return bind


def _unboxed(text: str) -> str:
    """What tyro's framed message says first below its title, as one line.

    The frame is drawn with lines or, where the terminal knows no such letters, with hyphens.
    """
    paragraphs: list[list[str]] = [[]]
    for line in text.splitlines():
        content = line.strip(" │|")
        if not content.strip("-─╭╮╰╯+"):
            paragraphs.append([])
        elif not content.startswith(("╭", "+-")):
            paragraphs[-1].append(content)
    titled = "╭" in text
    found = [" ".join(p) for p in paragraphs if p]
    return found[0 if titled or len(found) == 1 else 1] if found else "the arguments cannot be read"
