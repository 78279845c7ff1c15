"""A path's waypoints as one place, and a heading where given, for every frame."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.generate.scene import Path

__all__ = ["FASTEST_M_S", "path_frames", "path_length_m", "slowed"]

# Points of the curve between two waypoints.
FINE = 16

# Nobody runs faster.
FASTEST_M_S = 10.0

# Passes of `slowed`; a chain of 200 frames that is far too fast has settled by then.
PASSES = 2000


def path_length_m(path: Path) -> float:
    """Length of the curve."""
    return float(_curve(path)[1][-1])


def path_frames(
    path: Path, frames: int, fps: float
) -> tuple[Float[np.ndarray, "t 2"], Float[np.ndarray, "t"]]:
    """Where the root is (x, z) at every frame, and its heading in radians; NaN before the first
    waypoint's time, after the last one's, and where no heading is given.

    The first and the last waypoint have times. Between waypoints with times the pace is even; between
    two neighbours with headings the heading turns evenly and the shorter way.
    """
    points = path.waypoints
    fine, length = _curve(path)
    at = length[::FINE] if path.smooth else length
    timed = [k for k, point in enumerate(points) if point.time_s is not None]
    knots = np.array([points[k].time_s for k in timed])
    times = np.arange(frames) / fps
    reached = np.interp(times, knots, at[timed])
    place = np.stack([np.interp(reached, length, fine[:, c]) for c in (0, 1)], axis=1)
    # Half a frame of grace: the scene's end is the end of its last frame.
    outside = (times < knots[0] - 0.5 / fps) | (times > knots[-1] + 0.5 / fps)
    place[outside] = np.nan
    return place, _headings(path, np.interp(at, at[timed], knots), times, fps)


def _headings(
    path: Path, when: Float[np.ndarray, "w"], times: Float[np.ndarray, "t"], fps: float
) -> Float[np.ndarray, "t"]:
    """Heading at every frame; `when` each waypoint is reached."""
    heading = np.full(len(times), np.nan)
    before: tuple[float, float] | None = None
    for point, time in zip(path.waypoints, when, strict=True):
        if point.heading_deg is None:
            before = None
            continue
        yaw = float(np.radians(point.heading_deg))
        if before is not None:
            yaw = before[1] + (yaw - before[1] + np.pi) % (2 * np.pi) - np.pi
            inside = (times >= before[0]) & (times <= time)
            heading[inside] = np.interp(times[inside], (before[0], time), (before[1], yaw))
        heading[min(round(time * fps), len(times) - 1)] = yaw
        before = (float(time), yaw)
    return heading


def _curve(path: Path) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n"]]:
    """Points of the path, FINE to each waypoint of a smooth one, and how far along each is.

    A cubic Hermite curve whose slope at a waypoint is that from the one before to the one after
    (Catmull and Rom 1974), in terms of the distance between waypoints.
    """
    points = np.array([(w.x_m, w.z_m) for w in path.waypoints], dtype=float)
    if path.smooth:
        u = np.append(0.0, np.cumsum(np.maximum(np.linalg.norm(np.diff(points, axis=0), axis=1), 1e-6)))
        padded, wide = np.pad(points, ((1, 1), (0, 0)), "edge"), np.pad(u, 1, "edge")
        slope = (padded[2:] - padded[:-2]) / (wide[2:] - wide[:-2])[:, None]
        span = np.diff(u)[:, None, None]
        s = np.linspace(0, 1, FINE, endpoint=False)[None, :, None]
        p0, p1, m0, m1 = (v[:, None] for v in (points[:-1], points[1:], slope[:-1], slope[1:]))
        curve = (
            (1 + 2 * s) * (1 - s) ** 2 * p0
            + s * (1 - s) ** 2 * span * m0
            + s**2 * (3 - 2 * s) * p1
            + s**2 * (s - 1) * span * m1
        )
        points = np.concatenate((curve.reshape(-1, 2), points[-1:]))
    step = np.linalg.norm(np.diff(points, axis=0), axis=1)
    # Points in one place must still have an order.
    return points, np.append(0.0, np.cumsum(step + 1e-9))


def slowed(
    place: Float[np.ndarray, "t 2"],
    fps: float,
    firm: Bool[np.ndarray, "t"] | None = None,
    fastest_m_s: float = FASTEST_M_S,
) -> Float[np.ndarray, "t 2"]:
    """The places nearest to the given ones that can be reached from one another in time; NaN stays.

    firm: places that may not move. Neighbours too far apart are drawn together from both sides until
    none are, every other pair at a time (position-based dynamics; Mueller et al. 2007). Where that
    comes to no end, because the way is many times too fast, it is gone as fast as can be from its first
    place on, and what is firm later may then be out of reach.
    """
    given = np.flatnonzero(np.isfinite(place).all(axis=1))
    result, p = place.copy(), place[given].copy()
    most = np.diff(given)[:, None] / fps * fastest_m_s
    free = np.ones((len(given), 1)) if firm is None else 1.0 - firm[given, None]
    for _ in range(PASSES):
        gap = np.diff(p, axis=0)
        if not len(gap) or (np.linalg.norm(gap, axis=1) <= 1.001 * most[:, 0]).all():
            break
        for first in (0, 1):
            gap = np.diff(p, axis=0)[first::2]
            length = np.linalg.norm(gap, axis=1, keepdims=True)
            over = np.maximum(length - most[first::2], 0.0) / np.maximum(length, 1e-12)
            a, b = free[:-1][first::2], free[1:][first::2]
            share = over * gap / np.maximum(a + b, 1.0)
            p[:-1][first::2] += a * share
            p[1:][first::2] -= b * share
    else:
        p = _hurried(place[given], most)
    result[given] = p
    return result


def _hurried(
    place: Float[np.ndarray, "n 2"], most: Float[np.ndarray, "m 1"]
) -> Float[np.ndarray, "n 2"]:
    """From each place towards the next given one, no farther than `most`."""
    result = place.copy()
    for k, far in enumerate(most[:, 0]):
        step = place[k + 1] - result[k]
        result[k + 1] = result[k] + step * min(1.0, far / max(float(np.linalg.norm(step)), 1e-12))
    return result
