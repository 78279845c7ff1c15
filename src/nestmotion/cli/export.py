"""nestmotion export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from nestmotion.corpus import PreparedCorpus
from nestmotion.training.export import ExportSettings, export

__all__ = ["run"]


def run(
    training_run: tyro.conf.Positional[Path],
    /,
    *,
    corpus: Path,
    out: Path,
    settings: Annotated[ExportSettings, tyro.conf.arg(name="")] = ExportSettings(),  # noqa: B008 (frozen)
    force: bool = False,
) -> None:
    """Make a bundle from a training run: averaged weights as ONNX with all that generation needs.

    Its MODEL_CARD.md says what is known of it; write in what you measured and saw.

    Args:
        training_run: Run folder of nestmotion train.
        corpus: The prepared corpus it was trained on.
        out: Bundle folder to write.
        settings: Name and sampling of the bundle.
        force: Replace a bundle that is there.
    """
    manifest = export(training_run, PreparedCorpus.open(corpus), out, settings, force)
    print(f"{out}: bundle {manifest['name']}, {manifest['parameters'] / 1e6:.1f} M parameters")
