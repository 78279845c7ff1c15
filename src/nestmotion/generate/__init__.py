"""Generation: NumPy and ONNX Runtime only."""

from nestmotion.generate.bundle import Bundle, default_bundle_path
from nestmotion.generate.pipeline import TextToMotion

__all__ = ["Bundle", "TextToMotion", "default_bundle_path"]
