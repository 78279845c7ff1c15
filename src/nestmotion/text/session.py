"""How every ONNX file of a bundle is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nestmotion.core.errors import SettingsError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["open_session"]


def open_session(path: Path, threads: int = 1) -> InferenceSession:
    """An ONNX Runtime session on the CPU.

    One thread by default: at these sizes a second thread gains little and, when another process is
    busy, waiting for it costs many times that. Raises SettingsError for less than one.
    """
    if threads < 1:
        raise SettingsError(f"threads must be at least 1, not {threads}")
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
