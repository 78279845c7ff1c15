"""How long a motion should be, judged from its sentence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

__all__ = ["LengthModel"]


@dataclass(frozen=True)
class LengthModel:
    """Ridge regression of a clip's seconds on its sentence vector: weight . sentence + bias."""

    weight: Float[np.ndarray, "s"]
    bias: float

    @classmethod
    def fit(
        cls,
        sentences: Float[np.ndarray, "n s"],
        seconds: Float[np.ndarray, "n"],
        penalty: float = 10.0,
    ) -> LengthModel:
        """Least squares with `penalty` on the squared weights; the mean is not penalised."""
        mean = sentences.mean(axis=0)
        x, y = sentences - mean, seconds - seconds.mean()
        weight = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
        return cls(weight, float(seconds.mean() - mean @ weight))

    def predict(self, sentence: Float[np.ndarray, "s"], shortest_s: float, longest_s: float) -> float:
        """Seconds, rounded to tenths, within the limits."""
        seconds = float(np.clip(sentence @ self.weight + self.bias, shortest_s, longest_s))
        return round(seconds, 1)

    def to_dict(self) -> dict[str, object]:
        return {"weight": [round(float(w), 6) for w in self.weight], "bias": self.bias}

    @classmethod
    def from_dict(cls, data: dict) -> LengthModel:
        return cls(np.array(data["weight"]), float(data["bias"]))
