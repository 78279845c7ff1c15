"""Contact sheets and films: stick figures that show at a glance what motions do."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from nestmotion.core import Motion

__all__ = ["contact_sheet", "film"]

# Of a film: frames a second, size in inches, dots an inch, colours.
FILM_FPS, FILM_SIZE, FILM_DPI, FILM_COLOURS = 10, (1.9, 2.6), 100, 32

# Seen from the front left and a little above: the person starts facing the lower left of the cell.
CAMERA_YAW_RAD = np.radians(-35.0)
CAMERA_PITCH_RAD = np.radians(18.0)

# Orange and blue, as in the player: told apart with every common colour blindness.
COLOURS = {"left": "#d55e00", "right": "#0072b2", "": "#404040"}


def _project(points_m: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 2"]:
    """Parallel projection of world points to the picture plane, in metres."""
    x, y, z = np.moveaxis(points_m, -1, 0)
    c, s = np.cos(CAMERA_YAW_RAD), np.sin(CAMERA_YAW_RAD)
    across, depth = c * x + s * z, -s * x + c * z
    up = np.cos(CAMERA_PITCH_RAD) * y - np.sin(CAMERA_PITCH_RAD) * depth
    return np.stack((across, up), axis=-1)


def contact_sheet(
    motions: Sequence[Motion], titles: Sequence[str], path: Path, columns: int = 10
) -> None:
    """Write a PNG with one row a motion: `columns` moments from first to last frame.

    Left limbs are orange, right limbs blue. The line on the floor is the root's whole path, the dot
    where the root stands; the short line shows the heading. All cells have one scale; each is centred
    on its figure. Seconds stand below.
    """
    figure = Figure(figsize=(1.15 * columns + 1.6, 1.75 * len(motions)), dpi=80)
    grid = figure.add_gridspec(
        len(motions),
        columns + 1,
        width_ratios=[1.5] + [1] * columns,
        wspace=0.02,
        hspace=0.08,
        left=0.005,
        right=0.995,
        top=0.995,
        bottom=0.01,
    )
    for row, (motion, title) in enumerate(zip(motions, titles, strict=True)):
        label = figure.add_subplot(grid[row, 0])
        label.axis("off")
        label.text(0.0, 0.5, textwrap.fill(title, 20), va="center", fontsize=9)
        for column, frame in enumerate(np.linspace(0, len(motion) - 1, columns).round().astype(int)):
            _draw(figure.add_subplot(grid[row, column + 1]), motion, int(frame))
    figure.savefig(path)


def film(motion: Motion, path: Path) -> None:
    """Write a GIF of the motion in real time, drawn as in a contact sheet, that plays without end."""
    frames = []
    for frame in np.arange(0, len(motion), motion.fps / FILM_FPS).round().astype(int):
        figure = Figure(figsize=FILM_SIZE, dpi=FILM_DPI)
        _draw(figure.add_axes((0.0, 0.0, 1.0, 1.0)), motion, int(frame))
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        frames.append(picture.quantize(FILM_COLOURS))
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=1000 // FILM_FPS, loop=0)


def _draw(axes: Axes, motion: Motion, frame: int) -> None:
    skeleton, position = motion.skeleton, motion.positions_m[frame]
    root = motion.root_m[frame] * (1, 0, 1)
    centre = _project(root + np.array([0, 0.85, 0]))
    path = _project(motion.root_m * (1, 0, 1)) - centre
    axes.plot(*path.T, color="#b0b0b0", linewidth=0.8)
    yaw = motion.heading_rad[frame]
    nose = _project(root + 0.35 * np.array([np.sin(yaw), 0, np.cos(yaw)])) - centre
    foot = _project(root) - centre
    axes.plot([foot[0], nose[0]], [foot[1], nose[1]], color="#009e73", linewidth=1.2)
    axes.plot(*foot, ".", color="#009e73", markersize=3)
    flat = _project(position) - centre
    for j in range(1, len(skeleton)):
        side = next((s for s in ("left", "right") if skeleton.joint_names[j].startswith(s)), "")
        pair = flat[[skeleton.parents[j], j]]
        axes.plot(*pair.T, color=COLOURS[side], linewidth=1.8, solid_capstyle="round")
    head = flat[skeleton.index("head")]
    axes.plot(head[0], head[1] + 0.06, "o", color=COLOURS[""], markersize=5)
    axes.text(0, -1.12, f"{frame / motion.fps:.1f}", ha="center", fontsize=6, color="#606060")
    axes.set(xlim=(-0.85, 0.85), ylim=(-1.2, 1.2), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
