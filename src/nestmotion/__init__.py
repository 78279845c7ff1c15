"""nestmotion: text in, human motion out, on a CPU."""

__version__ = "0.1.0"
