"""The report of an experiment, from its result files alone: report.md, report.html and figures/."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nestmotion.evaluation.ablations import WHOLE
from nestmotion.evaluation.comparisons import (
    ACCURACY,
    OURS,
    against_best,
    against_whole,
    by_model,
    claims,
    group_estimate,
    percent_text,
)
from nestmotion.evaluation.document import Block, Heading, Image, Table, Text, to_html, to_markdown
from nestmotion.evaluation.figures import write_figures
from nestmotion.evaluation.groups import ACTIONS, LENGTHS, STRUCTURES
from nestmotion.evaluation.intervals import Estimate, estimate_mean
from nestmotion.evaluation.long_sequences import LONG_MEASURES
from nestmotion.evaluation.protocol import LABELS
from nestmotion.evaluation.result_files import Finished, Results, read_results
from nestmotion.io._atomic import atomic_write

__all__ = ["report_blocks", "write_report"]

CORPORA = {
    "captions": "HumanML3D captions",
    "compose": "T2M-Compose",
    "official": "HumanML3D's official split",
}
_SHORT = ("coverage", "top1", "top3", "fid", "smoothness_error", "drift", "foot_slide")


def write_report(out: Path) -> Path:
    """Write the report of the experiment in `out` and return the path of report.md.

    Raises SettingsError when the folder holds no experiment or a file of another version.
    """
    results = read_results(out)
    figures = write_figures(results, out / "figures")
    blocks = report_blocks(results, figures)
    for name, text in (
        ("report.md", to_markdown(blocks)),
        ("report.html", to_html(blocks, out, "nestmotion: the paper's experiments")),
    ):
        with atomic_write(out / name) as path:
            path.write_text(text, "utf-8")
    return out / "report.md"


def report_blocks(results: Results, figures: Mapping[str, str]) -> list[Block]:
    """The report. figures: titles of what lies in the folder figures, by stem."""
    blocks: list[Block] = [Heading(1, f"Experiment: {results.plan['name']}"), *_settings(results)]
    blocks += [Heading(2, "The paper's claims"), *_claims(results)]
    notes = {part["name"]: part for part in results.plan["parts"]}
    for name, make in _PARTS.items():
        if name not in notes:
            continue
        blocks.append(Heading(2, notes[name]["title"]))
        found = list(make(results)) if results.part(name) else []
        blocks += found or [Text(f"Not run: {notes[name]['note'] or 'no result yet'}.")]
    if figures:
        blocks.append(Heading(2, "Figures"))
        blocks += [Image(f"figures/{stem}.png", f"{stem}. {text}.") for stem, text in figures.items()]
    return [*blocks, Heading(2, "What ran"), *_ran(results)]


def _settings(results: Results) -> Iterator[Block]:
    s = results.plan["settings"]
    base, optimizer = s["base"], s["base"]["optimizer"]
    yield Text(
        f"All models: {_optimizer(optimizer)}, batches of "
        f"{base['batch_size']}, {base['epochs']} epochs, {s['sampling']['steps']} sampling steps, "
        f"guidance {s['sampling']['guidance']:g}. Values stand with 95% intervals over test clips, "
        "which count clips of one recording as dependent. "
        "Measures and evaluator: docs/evaluation.md."
    )
    rows = {}
    for one in results.finished.values():
        test = (one.facts["evaluator"] or {}).get("test")
        if test and one.facts["trained_on"] in CORPORA:
            folds = ", ".join(map(str, one.facts["evaluator"]["folds"]))
            name = f"{CORPORA[one.facts['trained_on']]}, trained on folds {folds}"
            sides = _listed(test["true_side_nearer"])
            rows[name] = [name, str(test["clips"]), *(_listed(test[f"top{k}"]) for k in (1, 3)), sides]
    if rows:
        yield Text("The evaluator's own retrieval on real test motion:")
        header = ["evaluator", "clips", "top 1", "top 3", "true side nearer than swapped"]
        yield Table(header, [rows[name] for name in sorted(rows)])


def _optimizer(settings: Mapping[str, Any]) -> str:
    adam = f"AdamW with learning rate {settings['learning_rate']:g}"
    if not settings["muon_rate"]:
        return adam
    muon = f"Muon with learning rate {settings['muon_rate']:g}"
    return f"{muon} for the matrices inside blocks, {adam} for the rest"


def _claims(results: Results) -> Iterator[Block]:
    yield Table(
        ["claim", "paper", "measured (95% interval)", "verdict"],
        [[c.text, c.paper, c.measured, c.verdict] for c in claims(results)],
    )
    yield Text(
        "Reproduced: the interval lies on the claimed side and reaches the claimed size. Partly: on "
        "the claimed side, but smaller. Depth: reproduced where accuracy rises up to 3 and neither "
        "rises nor falls beyond. Few samples: reproduced where nested is ahead at every share up to a "
        "quarter, partly where at some and behind at none. The best baseline is picked on the test "
        "clips themselves, which favours the baseline."
    )


# Tables of measures


def _main(results: Results) -> Iterator[Block]:
    for corpus in ("captions", "compose"):
        models = by_model(results.part("main"), corpus)
        if models:
            clips = len(next(iter(models.values())).rows["clip"])
            yield Heading(3, f"{CORPORA[corpus]}, {clips} test clips")
            yield _measures_table(models)
            yield from _versus(models)


def _measures_table(models: Mapping[str, Finished]) -> Table:
    rows = []
    for name, (label, unit, more) in LABELS.items():
        own = [one.measures[name] for one in models.values()]
        if all(row["value"] is None for row in own):
            continue
        arrow = {True: " ↑", False: " ↓", None: ""}[more]
        about = f"{label}{arrow}" + ("" if unit in ("", "share") else f", {unit}")
        rows.append([about, *map(_cell, own), _number(own[0]["real"])])
    sizes = [f"{one.facts['parameters'] / 1e6:.2f} M" for one in models.values()]
    return Table(["measure", *models, "real"], [*rows, ["parameters", *sizes, "-"]])


def _versus(models: Mapping[str, Finished]) -> Iterator[Block]:
    found = against_best(models)
    if not found:
        return
    yield Text(
        f"{OURS} against the best baseline by each measure, over the same clips, p with Holm's "
        "correction."
    )
    rows = [
        [
            LABELS[v.measure][0],
            v.baseline,
            percent_text(v.percent),
            f"{v.p_value:.4f}" if v.p_value >= 0.0001 else "< 0.0001",
            "better" if v.better else "worse" if v.p_value < 0.05 else "no difference",
        ]
        for v in found
    ]
    yield Table(["measure", "best baseline", "difference", "p", "nested is"], rows)


def _groups(part: str, *keys: tuple[str, str, Sequence[str]]) -> Callable[[Results], Iterator[Block]]:
    def make(results: Results) -> Iterator[Block]:
        yield Text("R-precision, top 3, in pools of all test clips.")
        for corpus in ("captions", "compose"):
            models = by_model(results.part(part), corpus)
            for key, label, groups in keys if models else ():
                rows = []
                for group in groups:
                    found = [group_estimate(one, ACCURACY, key, group) for one in models.values()]
                    rows.append([group, str(found[0][0]), *(_estimate(e) for _, e in found)])
                yield Text(f"{CORPORA[corpus]}:")
                yield Table([label, "clips", *models], rows)

    return make


def _depth(results: Results) -> Iterator[Block]:
    yield Text(f"R-precision, top 3, of {OURS} by number of actions in the caption.")
    for corpus in ("captions", "compose"):
        done = [one for one in results.part("depth") if one.facts["corpus"] == corpus]
        rows = []
        for one in sorted(done, key=lambda one: one.facts["depth"]):
            found = [group_estimate(one, ACCURACY, "actions", a) for a in ACTIONS]
            whole = _cell(one.measures[ACCURACY])
            cells = [f"{_estimate(e)}, n = {n}" if n else "-" for n, e in found]
            rows.append([str(one.facts["depth"]), whole, *cells])
        if rows:
            yield Text(f"{CORPORA[corpus]}:")
            yield Table(["depth", "all", *(f"{a} actions" for a in ACTIONS)], rows)


def _listed_tasks(part: str, label: str, of: Callable[[Finished], str]) -> Callable:
    """One row a task: what sets it apart, then the main measures. Nothing while all tasks that have
    run are alike in that, such as those that the main comparison shares with the official split."""

    def make(results: Results) -> Iterator[Block]:
        done = [one for one in results.part(part) if one.facts["kind"] == "measure"]
        if len({of(one) for one in done}) < 2:
            return
        rows = [
            [of(one), one.facts["model"], *(_cell(one.measures[name]) for name in _SHORT)]
            for one in done
        ]
        yield Table([label, "model", *(LABELS[name][0] for name in _SHORT)], rows)
        if part in ("seeds", "folds"):
            yield from _spread(done)

    return make


def _spread(done: Sequence[Finished]) -> Iterator[Block]:
    rows = []
    for model in dict.fromkeys(one.facts["model"] for one in done):
        cells = []
        for name in _SHORT:
            values = [one.measures[name]["value"] for one in done if one.facts["model"] == model]
            kept = [v for v in values if v is not None]
            spread = np.std(kept, ddof=1) if len(kept) > 1 else np.nan
            cells.append(f"{_number(np.mean(kept))} ± {_number(spread)}" if kept else "-")
        rows.append([model, *cells])
    yield Text("Mean and standard deviation:")
    yield Table(["model", *(LABELS[name][0] for name in _SHORT)], rows)


def _share(one: Finished) -> str:
    return f"{100 * one.facts['share']:g}% ({one.facts['epochs']} epochs)"


def _test_fold(one: Finished) -> str:
    """The fold left out, from those trained on."""
    trained = one.facts["train_folds"]
    return str(next(f for f in range(len(trained) + 1) if f not in trained))


def _split(one: Finished) -> str:
    return "official" if one.facts["trained_on"] == "official" else "leak-free (fold 0)"


def _long(results: Results) -> Iterator[Block]:
    done = [one for one in results.part("long") if one.facts["kind"] == "long"]
    ends = results.plan["settings"]["long_seconds"]
    spans = list(zip([0.0, *ends[:-1]], ends, strict=True))
    rows = []
    for name, (label, unit) in LONG_MEASURES.items():
        about = label + ("" if unit == "share" else f", {unit}")
        for one in done:
            cells = []
            for start, end in spans:
                own = [w[name] for w in one.rows["window"] if start <= w["start_s"] < end]
                values = np.array([np.nan if v is None else v for v in own], dtype=float)
                cells.append(_estimate(estimate_mean(values)))
            rows.append([about, one.facts["model"], *cells])
    yield Text("By the time in the sequence at which a window begins:")
    yield Table(["measure", "model", *(f"{a:g} to {b:g} s" for a, b in spans)], rows)
    yield Text(
        f"{OURS} is given the end of one window as the beginning of the next; the baselines heed no "
        "given motion, so that their windows are set one behind the other. Intervals count windows as "
        "independent."
    )


_ABLATED = ("top3", "mm_distance", "smoothness_error", "drift", "foot_slide")


def _ablation(results: Results) -> Iterator[Block]:
    done = results.labelled("ablation")
    whole = done.pop(WHOLE, None)
    if whole is None:
        return
    rows = [[WHOLE, *(_cell(whole.measures[name]) for name in _ABLATED), "what the others lack"]]
    for label, one in done.items():
        found = against_whole(one, whole, _ABLATED)
        cells = [_signed(found[name][0]) for name in _ABLATED]
        rows.append([label, *cells, _said({name: better for name, (_, better) in found.items()})])
    yield Text(
        "One seed. The first row holds values, the others differences from it over the same test "
        "clips; Holm's correction over the measures of a row. Intervals do not hold "
        "what another training seed would change."
    )
    yield Table(["trained with", *(LABELS[name][0] for name in _ABLATED), "what it says"], rows)


def _said(better: Mapping[str, bool | None]) -> str:
    """One sentence on what a row of the ablation shows."""
    worse, gained = ([LABELS[n][0] for n, b in better.items() if b is way] for way in (False, True))
    found = [f"worse {', '.join(worse)}"] * bool(worse) + [f"better {', '.join(gained)}"] * bool(gained)
    if not found:
        return "No difference is shown: at this budget the piece brings nothing."
    return "Against the whole: " + "; ".join(found) + "."


_PARTS: dict[str, Callable[[Results], Iterator[Block]]] = {
    "main": _main,
    "length": _groups("length", ("length", "words", LENGTHS)),
    "structure": _groups(
        "structure", ("structure", "sentence", STRUCTURES), ("actions", "actions", ACTIONS)
    ),
    "depth": _depth,
    "few": _listed_tasks("few", "share of groups", _share),
    "long": _long,
    "seeds": _listed_tasks("seeds", "seed", lambda one: str(one.facts["seed"])),
    "folds": _listed_tasks("folds", "test fold", _test_fold),
    "official": _listed_tasks("official", "split", _split),
    "ablation": _ablation,
}


# What ran


def _ran(results: Results) -> Iterator[Block]:
    rows: dict[str, dict[str, Any]] = {}
    # The plan names all tasks as this version does; older ones only those that measure.
    titles = {line["task"]: line["title"] for line in results.log} | results.plan.get("titles", {})
    for line in results.log:
        title = titles[line["task"]]
        row = rows.setdefault(line["task"], {"title": title, "seconds": 0.0, "machines": {}})
        row["seconds"] += line["seconds"]
        row["machines"][line["machine"]] = None
        row["finished"] = line["finished"]
    if rows:
        hours = sum(row["seconds"] for row in rows.values()) / 3600
        yield Text(f"{hours:.1f} hours in all, interrupted tries counted.")
        yield Table(
            ["task", "minutes", "machine", ""],
            [
                [
                    row["title"],
                    f"{row['seconds'] / 60:.1f}",
                    "; ".join(row["machines"]),
                    "" if row["finished"] else "not finished",
                ]
                for row in rows.values()
            ],
        )
    missing = [t["title"] for key, t in results.plan["tasks"].items() if key not in results.finished]
    notes = [f"{p['title']}: {p['note']}" for p in results.plan["parts"] if p["note"]]
    if missing or notes:
        yield Text("Did not run:")
        yield Table(["task"], [[text] for text in (*missing, *notes)])


# Cells


def _cell(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "-"
    return f"{_number(row['value'])} ({_number(row['low'])} to {_number(row['high'])})"


def _estimate(e: Estimate) -> str:
    return "-" if np.isnan(e.value) else f"{_number(e.value)} ({_number(e.low)} to {_number(e.high)})"


def _signed(e: Estimate) -> str:
    return "-" if np.isnan(e.value) else f"{e.value:+.3f} ({e.low:+.3f} to {e.high:+.3f})"


def _listed(values: Sequence[float | None]) -> str:
    value, low, high = values
    return "-" if value is None else f"{_number(value)} ({_number(low)} to {_number(high)})"


def _number(value: float | None) -> str:
    if value is None or np.isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
