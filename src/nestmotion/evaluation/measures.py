"""The measures of generated motion: pure functions on arrays, each with its formula and source.

Embeddings are those of the independent evaluator, unit vectors. Joint positions are in metres, y up,
the floor at 0. Functions whose name ends in a unit say what they return; those that give one number a
clip leave averaging, and intervals, to the caller (evaluation/intervals.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

__all__ = [
    "ACCELERATION_FRAMES",
    "acceleration_distance",
    "accelerations_m_s2",
    "area_under_jerk_m_s2",
    "covered",
    "diversity",
    "drift_cm",
    "frechet_distance",
    "joint_jerk_m_s3",
    "joint_speeds_m_s",
    "jump_rate",
    "matched_covered",
    "mm_distance",
    "multimodality",
    "peak_jerk_m_s3",
    "r_precision",
    "skating_ratio",
    "smoothness_error_m_s3",
    "split_halves",
    "wasserstein_1",
]

# The stretch of frames in which the paper's figure compares accelerations.
ACCELERATION_FRAMES = (20, 40)

_TOES = (10, 11)
_TOE_HEIGHT_M = 0.05
_SKATING_STEP_M = 0.025
_SKATING_WINDOW = 5


# Embeddings


def r_precision(
    texts: Float[np.ndarray, "n d"],
    motions: Float[np.ndarray, "n d"],
    caption: Int[np.ndarray, "n"],
    rng: np.random.Generator,
    pool: int = 32,
    repetitions: int = 20,
) -> Float[np.ndarray, "n 3"]:
    """R-precision: for each text, how often its motion is among the 1, 2, 3 nearest of a pool.

    The pairs are drawn into pools of 32; in each, motions are ranked by their distance to the text
    (Guo et al., CVPR 2022). caption: number of each pair's caption; a motion of the same caption is as
    right as the text's own. Every text is asked once a repetition: the last pool is filled up with
    pairs of the others. The mean over pairs is R-precision. With fewer pairs than `pool`, all are one
    pool.
    """
    n = len(texts)
    size = min(pool, n)
    hits = np.zeros((n, 3))
    for _ in range(repetitions):
        order = rng.permutation(n)
        for start in range(0, n, size):
            asked = order[start : start + size]
            # Shuffled, so that motions that are all alike are ranked by chance.
            drawn = rng.permutation(np.concatenate((asked, order[: size - len(asked)])))
            distance = _distances(texts[asked], motions[drawn])
            ranked = drawn[np.argsort(distance, axis=1, kind="stable")[:, :3]]
            right = np.cumsum(caption[ranked] == caption[asked][:, None], axis=1) > 0
            hits[asked] += right[:, np.minimum(np.arange(3), size - 1)]
    return hits / repetitions


def _distances(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "n m"]:
    """Euclidean distances, exact for equal rows."""
    return np.stack([np.linalg.norm(b - row, axis=1) for row in a])


def mm_distance(
    texts: Float[np.ndarray, "n d"], motions: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "n"]:
    """Multimodal distance |t_i - m_i| of each text to its own motion (Guo et al., CVPR 2022)."""
    return np.linalg.norm(texts - motions, axis=1)


def frechet_distance(real: Float[np.ndarray, "n d"], generated: Float[np.ndarray, "m d"]) -> float:
    """FID (Heusel et al., NeurIPS 2017): |mu_r - mu_g|^2 + tr(S_r + S_g - 2 (S_r S_g)^(1/2)), with mean
    and covariance of each set. The root's trace is that of (S_r^(1/2) S_g S_r^(1/2))^(1/2), which is
    symmetric."""
    cov_r, cov_g = (np.cov(x.astype(np.float64), rowvar=False) for x in (real, generated))
    value, vector = np.linalg.eigh(cov_r)
    root = (vector * np.sqrt(np.maximum(value, 0))) @ vector.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_g @ root), 0)).sum()
    shift = real.mean(axis=0, dtype=np.float64) - generated.mean(axis=0, dtype=np.float64)
    return float(max(shift @ shift + np.trace(cov_r) + np.trace(cov_g) - 2 * cross, 0.0))


def diversity(motions: Float[np.ndarray, "n d"], rng: np.random.Generator, pairs: int = 300) -> float:
    """Mean distance |m_i - m_j| of `pairs` random pairs of different clips (Guo et al., CVPR 2022)."""
    n = len(motions)
    first = rng.integers(n, size=pairs)
    second = (first + rng.integers(1, n, size=pairs)) % n
    return float(np.linalg.norm(motions[first] - motions[second], axis=1).mean())


def multimodality(samples: Float[np.ndarray, "n s d"]) -> Float[np.ndarray, "n"]:
    """For each text, the mean distance |m_a - m_b| of two of its samples (Guo et al., CVPR 2022), over
    all pairs of samples and not a random choice of them."""
    a, b = np.triu_indices(samples.shape[1], k=1)
    return np.linalg.norm(samples[:, a] - samples[:, b], axis=2).mean(axis=1)


def covered(
    real: Float[np.ndarray, "n d"], generated: Float[np.ndarray, "m d"], k: int = 5
) -> Bool[np.ndarray, "n"]:
    """Whether each real clip has a generated one within the ball that reaches to its k-th nearest real
    neighbour; the share is coverage (Naeem et al., ICML 2020)."""
    return _distances(real, generated).min(axis=1) <= _radii(real, k)


def matched_covered(
    real: Float[np.ndarray, "n d"], generated: Float[np.ndarray, "n d"], k: int = 5
) -> Bool[np.ndarray, "n"]:
    """As `covered`, but only the motion generated from the clip's own caption counts."""
    return np.linalg.norm(real - generated, axis=1) <= _radii(real, k)


def _radii(real: Float[np.ndarray, "n d"], k: int) -> Float[np.ndarray, "n"]:
    """Distance to the k-th nearest neighbour (the farthest, where there are fewer), itself left out."""
    distance = np.sort(_distances(real, real), axis=1)
    return distance[:, min(k, len(real) - 1)]


# Smoothness


def joint_jerk_m_s3(positions_m: Float[np.ndarray, "t j 3"], fps: float) -> Float[np.ndarray, "s j"]:
    """Length of the third difference of positions times fps^3; three frames fewer."""
    return np.linalg.norm(np.diff(positions_m, n=3, axis=0), axis=-1) * fps**3


def smoothness_error_m_s3(
    generated_m: Float[np.ndarray, "t j 3"], reference_m: Float[np.ndarray, "s j 3"], fps: float
) -> float:
    """Inter-frame smoothness error of a clip: mean over joints of |jerk_g - jerk_r|, where jerk is a
    joint's `joint_jerk_m_s3`, mean over frames. Clips of under four frames have no jerk: NaN."""
    if min(len(generated_m), len(reference_m)) < 4:
        return float("nan")
    g, r = (joint_jerk_m_s3(p, fps).mean(axis=0) for p in (generated_m, reference_m))
    return float(np.abs(g - r).mean())


def peak_jerk_m_s3(positions_m: Float[np.ndarray, "t j 3"], fps: float) -> float:
    """Largest jerk of any joint at any frame (FlowMDM: Barquero et al., CVPR 2024; there of a
    transition, here of a clip). NaN for under four frames."""
    jerk = joint_jerk_m_s3(positions_m, fps)
    return float(jerk.max()) if len(jerk) else float("nan")


def area_under_jerk_m_s2(
    positions_m: Float[np.ndarray, "t j 3"], fps: float, usual_m_s3: float
) -> float:
    """AUJ: sum over frames of |largest joint's jerk - usual| / fps, `usual` being its mean over frames
    of real motion (FlowMDM: Barquero et al., CVPR 2024; there of a transition, here of a clip)."""
    jerk = joint_jerk_m_s3(positions_m, fps)
    return float(np.abs(jerk.max(axis=1) - usual_m_s3).sum() / fps) if len(jerk) else float("nan")


def joint_speeds_m_s(positions_m: Float[np.ndarray, "t j 3"], fps: float) -> Float[np.ndarray, "s j"]:
    """How fast each joint moves from frame to frame."""
    return np.linalg.norm(np.diff(positions_m, axis=0), axis=-1) * fps


def jump_rate(
    positions_m: Float[np.ndarray, "t j 3"], fps: float, limit_m_s: Float[np.ndarray, "j"]
) -> float:
    """Share of the frame steps in which some joint moves faster than its limit, the 99.9th percentile
    of its speed in the training corpus. NaN for a single frame."""
    if len(positions_m) < 2:
        return float("nan")
    return float((joint_speeds_m_s(positions_m, fps) > limit_m_s).any(axis=1).mean())


# Place and feet


def drift_cm(generated_m: Float[np.ndarray, "t 2"], reference_m: Float[np.ndarray, "s 2"]) -> float:
    """Average frame drift error of a clip: mean over frames of |d_g(t) - d_r(t)| in cm a frame, d being
    the root's displacement over the floor from a frame to the next. Both paths must be given in the
    heading of their first frame; of unequal lengths the common beginning counts. NaN under two frames.
    """
    n = min(len(generated_m), len(reference_m))
    difference = np.diff(generated_m[:n], axis=0) - np.diff(reference_m[:n], axis=0)
    return float(np.linalg.norm(difference, axis=1).mean() * 100) if n > 1 else float("nan")


def skating_ratio(positions_m: Float[np.ndarray, "t 22 3"]) -> float:
    """Share of the frames in which a toe joint below 5 cm, before and after, slides over 2.5 cm, in
    that frame and averaged over the five about it (OmniControl: Xie et al., ICLR 2024). At 20 fps."""
    toes = positions_m[:, _TOES]
    if len(toes) < 2:
        return float("nan")
    step = np.linalg.norm(np.diff(toes[..., [0, 2]], axis=0), axis=-1)
    window = np.ones(_SKATING_WINDOW) / _SKATING_WINDOW
    around = np.stack([np.convolve(s, window)[2:-2] for s in step.T], axis=1)
    low = toes[..., 1] < _TOE_HEIGHT_M
    slides = (step > _SKATING_STEP_M) & (around > _SKATING_STEP_M)
    return float((slides & low[1:] & low[:-1]).any(axis=1).sum() / len(toes))


# Acceleration


def accelerations_m_s2(
    positions_m: Float[np.ndarray, "t j 3"], fps: float, frames: tuple[int, int] | None = None
) -> Float[np.ndarray, "s j"]:
    """Length of the second difference of positions times fps^2, about the frames from the first of
    `frames` to before the second, or all."""
    a = np.linalg.norm(np.diff(positions_m, n=2, axis=0), axis=-1) * fps**2
    # Row t is the acceleration about frame t + 1.
    return a if frames is None else a[max(frames[0] - 1, 0) : max(frames[1] - 1, 0)]


def wasserstein_1(a: Float[np.ndarray, "n"], b: Float[np.ndarray, "m"]) -> float:
    """Wasserstein-1 distance of two samples on a line: the area between their distribution functions,
    exact and without a histogram."""
    a, b = np.sort(a), np.sort(b)
    values = np.sort(np.concatenate((a, b)))
    below = [np.searchsorted(x, values[:-1], side="right") / len(x) for x in (a, b)]
    return float((np.abs(below[0] - below[1]) * np.diff(values)).sum())


def acceleration_distance(
    a: Sequence[Float[np.ndarray, "_ j"]], b: Sequence[Float[np.ndarray, "_ j"]]
) -> float:
    """Wasserstein-1 in m/s^2 between the accelerations of all frames of two sets of clips, joint by
    joint, mean over joints. NaN when a set has no frame."""
    first, second = np.concatenate(list(a)), np.concatenate(list(b))
    if not (len(first) and len(second)):
        return float("nan")
    return float(np.mean([wasserstein_1(x, y) for x, y in zip(first.T, second.T, strict=True)]))


def split_halves(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Indices of two random halves of a set: what differs between halves of real motion is the floor
    of a distance between sets."""
    order = rng.permutation(count)
    return order[: count // 2], order[count // 2 : 2 * (count // 2)]
