"""nestmotion inspect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from nestmotion.core import Motion
from nestmotion.core.edit import ground_height_m
from nestmotion.core.errors import SettingsError
from nestmotion.corpus import PreparedCorpus
from nestmotion.generate import Bundle
from nestmotion.io import load_motion

__all__ = ["run"]


def run(
    path: tyro.conf.Positional[Path],
    /,
    *,
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Say what is in a motion file, a prepared corpus, a training run or a bundle.

    Args:
        path: File or folder.
        as_json: Print the facts as JSON.
    """
    facts = _folder(path) if path.is_dir() else _motion(load_motion(path))
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k}: {v}" for k, v in value.items()) or "none"
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        print(f"{name:<{width}}  {value}")


def _motion(motion: Motion) -> dict[str, Any]:
    path = motion.root_m[:, [0, 2]]
    return {
        "frames": len(motion),
        "fps": round(motion.fps, 4),
        "seconds": round(motion.duration_s, 3),
        "joints": list(motion.skeleton.joint_names),
        "travelled_m": round(float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum()), 3),
        "displacement_m": round(float(np.linalg.norm(path[-1] - path[0])), 3),
        "turned_deg": round(float(np.degrees(motion.heading_rad[-1] - motion.heading_rad[0])), 1),
        "lowest_joint_m": round(ground_height_m(motion), 3),
        "metadata": dict(motion.metadata),
    }


def _folder(path: Path) -> dict[str, Any]:
    if (path / "bundle.json").exists():
        return _bundle(path)
    if (path / "corpus.json").exists() and not (path / "config.json").exists():
        return _corpus(path)
    if (path / "config.json").exists():
        return _run_folder(path)
    raise SettingsError(f"{path}: holds no corpus, training run or bundle that nestmotion knows")


def _bundle(path: Path) -> dict[str, Any]:
    bundle = Bundle.open(path)
    training = bundle.manifest["training"]
    return {
        "bundle": bundle.name,
        "digest": bundle.digest,
        "parameters": bundle.manifest["parameters"],
        "megabytes": round(sum(f.stat().st_size for f in path.iterdir()) / 1e6, 1),
        "fps": bundle.fps,
        "sampling": bundle.manifest["sampling"],
        "trained": training["progress"],
        "corpus": {k: training["corpus"][k] for k in ("source", "captioned_clips", "hours")},
        "validation": training["validation"][-1] if training["validation"] else {},
    }


def _corpus(path: Path) -> dict[str, Any]:
    corpus = PreparedCorpus.open(path)
    kept = ("source", "clips", "captioned_clips", "hours", "dropped", "licence", "acknowledgement")
    folds = {str(k): len(corpus.select([k], captioned=True)) for k in range(5)}
    return {k: corpus.manifest[k] for k in kept} | {"captioned_clips_by_fold": folds}


def _run_folder(path: Path) -> dict[str, Any]:
    config = json.loads((path / "config.json").read_text("utf-8"))
    log = path / "log.jsonl"
    rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
    return {
        "model": config["model"],
        "epochs": config["epochs"],
        "environment": json.loads((path / "environment.json").read_text("utf-8")),
        "last": rows[-1] if rows else {},
    }
