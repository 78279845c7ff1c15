"""A training run's folder: config, environment, log, TensorBoard events, checkpoint."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from nestmotion import __version__
from nestmotion.core.errors import OutputError, TrainingError
from nestmotion.corpus import PreparedCorpus
from nestmotion.features import Normalizer
from nestmotion.generate.bundle import Bundle, is_bundle
from nestmotion.training.checkpoint import read_progress
from nestmotion.training.config import TrainConfig

__all__ = [
    "EXTRA",
    "RunLog",
    "check_corpus",
    "check_extra",
    "claim_run",
    "create_run",
    "read_config",
    "read_normalizer",
    "training_record",
]

# Corpora that may be learned from beside the captioned one: options of nestmotion train.
EXTRA = ("composed", "narrated")

_LOG_EVERY = 20
_PACKAGES = ("torch", "numpy", "onnxruntime", "tokenizers")


class RunLog:
    """Losses as JSON lines (`log.jsonl`) and as TensorBoard events (`tensorboard/`).

    Goes on after `step`: later rows, which a killed run wrote after its last checkpoint, are dropped.
    """

    def __init__(self, run: Path, step: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        path = run / "log.jsonl"
        rows = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
        kept = [row for row in rows if row.endswith("\n") and json.loads(row)["step"] <= step]
        path.write_text("".join(kept), "utf-8")
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)

    def training(self, step: int, epoch: int, seconds: float, terms: dict[str, float]) -> None:
        if step % _LOG_EVERY == 0:
            self._write("train", step, epoch, seconds, terms)

    def validation(self, step: int, epoch: int, seconds: float, terms: dict[str, float]) -> None:
        self._write("validation", step, epoch, seconds, terms)

    def _write(self, kind: str, step: int, epoch: int, seconds: float, terms: dict[str, float]) -> None:
        rounded = {name: round(value, 6) for name, value in terms.items()}
        row = {"kind": kind, "step": step, "epoch": epoch, "seconds": round(seconds, 1), **rounded}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        for name, value in terms.items():
            self._board.add_scalar(f"{kind}/{name}", value, step)

    def close(self) -> None:
        self._file.close()
        self._board.close()


def _git_commit() -> str:
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()


def _environment() -> dict[str, object]:
    return {
        "nestmotion": __version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "machine": platform.machine(),
        "processor": _processor(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "unknown")


def claim_run(run: Path) -> None:
    """Make an empty folder for a run. Raises OutputError when there is something in it already."""
    if run.is_dir() and any(run.iterdir()):
        raise OutputError(f"{run}: is not empty; use --resume to continue it, or another folder")
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{run}: cannot be made ({error.strerror})") from None


def create_run(
    run: Path,
    config: TrainConfig,
    corpus: PreparedCorpus,
    extra: Mapping[str, PreparedCorpus | None],
    normalizer: Normalizer,
) -> None:
    """Write what will not change into the run's folder. extra: the corpora named in EXTRA."""
    for name, data in (
        ("config.json", asdict(config)),
        ("environment.json", _environment()),
        ("corpus.json", corpus.manifest),
        *((f"{name}.json", _manifest(extra.get(name))) for name in EXTRA),
        ("normalizer.json", {k: v.tolist() for k, v in normalizer.to_arrays().items()}),
    ):
        (run / name).write_text(json.dumps(data, indent=2) + "\n", "utf-8")


def read_config(run: Path) -> TrainConfig:
    """The run's settings. Raises TrainingError when the folder is no run."""
    path = run / "config.json"
    try:
        return TypeAdapter(TrainConfig).validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise TrainingError(f"{path}: missing; {run} is not a training run") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TrainingError(f"{path}: not the settings of a run ({where}: {first['msg']})") from None


def check_corpus(run: Path, corpus: PreparedCorpus) -> None:
    """Raises TrainingError unless the run was trained on this very corpus."""
    if _read_json(run / "corpus.json")["files"] != corpus.manifest["files"]:
        raise TrainingError(f"{corpus.folder}: not the corpus that {run} was trained on")


def check_extra(run: Path, extra: Mapping[str, PreparedCorpus | None]) -> None:
    """Raises TrainingError unless the run was trained on these very corpora beside its own, or none."""
    for name in EXTRA:
        trained, given = _read_json(run / f"{name}.json"), extra.get(name)
        if (trained and trained["files"]) != (given and given.manifest["files"]):
            what = given.folder if given is not None else f"no --{name}"
            raise TrainingError(f"{what}: not the {name} corpus that {run} was trained on")


def _manifest(corpus: PreparedCorpus | None) -> dict | None:
    return corpus.manifest if corpus is not None else None


# Settings that are folders: where they lie on somebody's machine is nobody's business.
_FOLDERS = ("start_from", "teacher", "text_encoder")


def training_record(run: Path) -> dict[str, Any]:
    """What a run's weights come from: settings, environment, corpus, validation losses; and the same
    of the run it started from and of its teacher, where there are any."""
    config = read_config(run)
    corpus = _read_json(run / "corpus.json")
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    kept = ("source", "licence", "acknowledgement", "inputs", "clips", "captioned_clips", "hours")
    extra = {name: _read_json(run / f"{name}.json") for name in EXTRA}
    return {
        "config": asdict(config) | {key: Path(getattr(config, key)).name for key in _FOLDERS},
        "environment": _read_json(run / "environment.json"),
        "corpus": {key: corpus[key] for key in kept},
        **{f"{name}_clips": found["clips"] if found else 0 for name, found in extra.items()},
        "validation": [row for row in rows if row["kind"] == "validation"],
        "progress": asdict(read_progress(run)),
        "started_from": _record_of(config.start_from),
        "teacher": _record_of(config.teacher),
    }


def _record_of(model: str) -> dict[str, Any] | None:
    """Of a run or a bundle; None where there is none."""
    if not model:
        return None
    folder = Path(model)
    return Bundle.open(folder).manifest["training"] if is_bundle(folder) else training_record(folder)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: missing or not readable, so this is no whole run") from error


def read_normalizer(run: Path) -> Normalizer:
    """The run's normalizer."""
    return Normalizer.from_arrays(_read_json(run / "normalizer.json"))
