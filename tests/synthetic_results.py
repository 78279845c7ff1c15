"""Result files of an experiment that never ran, with contents that are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nestmotion.evaluation.groups import ACTIONS, LENGTHS, STRUCTURES
from nestmotion.evaluation.protocol import LABELS
from nestmotion.evaluation.result_files import append_log, write_plan, write_result

__all__ = ["CLIPS", "known_facts", "measure_rows", "write_known_results"]

CLIPS = 60
_PARTS = {
    "main": "Main comparison",
    "length": "By words in the caption",
    "structure": "By sentence structure",
    "depth": "Semantic depth by complexity",
    "few": "Few-sample training",
    "seeds": "Training seeds",
    "ablation": "What each piece brings",
}


def known_facts(model: str = "nested", **changes: Any) -> dict[str, Any]:
    """Facts of a measuring task on captions, fold 0, seed 0."""
    facts = {
        "kind": "measure",
        "model": model,
        "corpus": "captions",
        "trained_on": "captions",
        "composed": False,
        "train_folds": [1, 2, 3, 4],
        "seed": 0,
        "share": 1.0,
        "depth": 3,
        "epochs": 100,
    }
    return {**facts, **changes}


def measure_rows(facts: dict[str, Any], level: float, wobble: float = 0.02) -> list[dict[str, Any]]:
    """Rows of a task whose every measure is `level` on average, clip k off by a known wobble."""
    shares = {f"top{k}": [level, level - 0.1, level + 0.1] for k in (1, 2, 3)}
    sides = {"clips": CLIPS, "sided_captions": 9, "true_side_nearer": [0.9, 0.8, 1.0]}
    evaluator = {"folds": facts["train_folds"], "validation": None, "test": shares | sides}
    task = {**facts, "parameters": 12_345_678, "evaluator": evaluator}
    rows: list[dict[str, Any]] = [{"kind": "task", "facts": task}]
    spread = {"low": level - 0.05, "high": level + 0.05, "real": 0.5}
    rows += [{"kind": "measure", "name": n, "value": level, **spread, "unit": ""} for n in LABELS]
    edges = np.linspace(0, 40, 5).tolist()
    for of in ("generated", "real"):
        for frames in (None, [20, 40]):
            density = {"edges": edges, "density": [0.04, 0.03, 0.02, 0.01]}
            rows.append({"kind": "acceleration", "of": of, "frames": frames, **density})
        mean = [level] * 50
        rows.append({"kind": "acceleration_by_frame", "of": of, "first_frame": 1, "mean": mean})
    for k in range(CLIPS):
        groups = {
            "length": LENGTHS[k % len(LENGTHS)],
            "actions": ACTIONS[k % len(ACTIONS)],
            "structure": STRUCTURES[k % len(STRUCTURES)],
        }
        value = level + wobble * (-1) ** k
        row = {
            "kind": "clip",
            "clip": f"c{k}",
            "sources": [f"c{k}"],
            **groups,
            "caption": "walks",
            "words": 1,
            "seconds": 2.0,
        }
        rows.append(row | dict.fromkeys(LABELS, value))
    return rows


def write_known_results(out: Path) -> None:
    """Nested at 0.80 and two baselines at 0.50 and 0.60; depths 1 to 5 at 0.4, 0.6, 0.8, 0.8, 0.8; few
    samples in which nested is ahead at 5% and behind at 10%; seeds were not run."""
    tasks = {
        "nested": (known_facts("nested"), 0.8),
        "diffusion": (known_facts("diffusion"), 0.5),
        "transformer": (known_facts("transformer"), 0.6),
        **{
            f"depth{d}": (known_facts(depth=d), level)
            for d, level in ((1, 0.4), (2, 0.6), (4, 0.8), (5, 0.8))
        },
        "few5n": (known_facts(share=0.05), 0.5),
        "few5d": (known_facts("diffusion", share=0.05), 0.4),
        "few10n": (known_facts(share=0.1), 0.4),
        "few10d": (known_facts("diffusion", share=0.1), 0.5),
    }
    main = ["nested", "diffusion", "transformer"]
    members = {
        "main": main,
        "length": main,
        "structure": main,
        "depth": ["depth1", "depth2", "nested", "depth4", "depth5"],
        "few": ["few5n", "few5d", "few10n", "few10d", *main, "few50"],
        "ablation": ["nested", "depth2", "depth4"],
    }
    settings = {
        "base": {
            "optimizer": {"learning_rate": 1e-4, "muon_rate": 0.0},
            "batch_size": 64,
            "epochs": 100,
        },
        "sampling": {"steps": 12, "guidance": 4.0},
        "long_seconds": [10.0, 30.0],
    }
    listed = {key: {"title": f"measure {key}", **facts} for key, (facts, _) in tasks.items()}
    listed["few50"] = {"title": "measure few50", **known_facts(share=0.5)}
    plan = {
        "name": "paper",
        "nestmotion": "0",
        "settings": settings,
        "parts": [
            {
                "name": name,
                "title": title,
                "tasks": members.get(name, []),
                "note": "" if name in members else "one seed only; give --seeds 3",
                "labels": ["the whole method", "no this", "no that"] if name == "ablation" else [],
            }
            for name, title in _PARTS.items()
        ],
        "tasks": listed,
    }
    write_plan(out, plan)
    for key, (facts, level) in tasks.items():
        write_result(out, key, measure_rows(facts, level))
    for seconds, finished in ((60.0, False), (120.0, True)):
        row = {"task": "nested", "title": "measure nested", "finished": finished, "seconds": seconds}
        append_log(out, row | {"started": "2026-01-01T00:00:00", "machine": "a laptop, 2 cores"})
