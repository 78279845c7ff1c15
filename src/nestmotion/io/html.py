"""One self-contained HTML page that plays a motion in a browser, offline, without other files."""

from __future__ import annotations

import base64
import html
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from nestmotion.core.edit import closed
from nestmotion.core.motion import Motion
from nestmotion.core.rotations import unroll_signs
from nestmotion.io._atomic import atomic_write
from nestmotion.io.mannequin import build_mannequin, facing_rad, joint_sides

__all__ = ["save_html"]


def save_html(motion: Motion, path: str | Path) -> None:
    """Write a page that plays the motion on a mannequin. Raises OutputError when it cannot be written.

    Rotations are rounded to 16 bits (joints move by well under a millimetre). The prompt, from the
    metadata, is shown as text whatever it holds; without one the file's name is the title.
    """
    prompt = motion.metadata.get("prompt")
    title = prompt if isinstance(prompt, str) and prompt.strip() else Path(path).stem
    # "<" must not occur inside the script element, or "</script>" in a prompt would end it.
    clip = json.dumps(_clip(motion), separators=(",", ":")).replace("<", "\\u003c")
    values = {"TITLE": html.escape(title), "DETAILS": html.escape(_details(motion)), "CLIP": clip}
    template = resources.files("nestmotion.io").joinpath("player.html").read_text("utf-8")
    # One pass, so that a prompt that holds a marker is left alone.
    page = re.sub(r"\{\{(TITLE|DETAILS|CLIP)\}\}", lambda match: values[match[1]], template)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace", newline="\n")


def _details(motion: Motion) -> str:
    """The line under the title."""
    parts = [f"{motion.duration_s:.2f} s", f"{len(motion)} frames at {motion.fps:g} fps"]
    parts.append(f"{len(motion.skeleton)} joints")
    if isinstance(motion.metadata.get("seed"), int):
        parts.append(f"seed {motion.metadata['seed']}")
    return " · ".join(parts)


def _clip(motion: Motion) -> dict[str, Any]:
    """What the player needs, arrays packed."""
    skeleton, mesh = motion.skeleton, build_mannequin(motion)
    poses = closed(motion) if motion.is_loop else motion
    return {
        "fps": motion.fps,
        "frames": len(motion),
        "parents": list(skeleton.parents),
        "rest": np.round(skeleton.rest_positions_m, 5).tolist(),
        "sides": joint_sides(skeleton),
        "facing": round(facing_rad(motion), 4),
        "standing": round(float(np.median(motion.root_m[:, 1])), 4),
        "root": _pack(poses.root_m),
        "quats": _pack(unroll_signs(poses.quat_local_xyzw), bits=16),
        "vertices": _pack(mesh.vertices_m, bits=16),
        "normals": _pack(mesh.normals, bits=8),
        "carriers": _pack(mesh.joints),
        "shares": _pack(mesh.weights[:, 0], bits=8),
        "triangles": _pack(mesh.triangles),
    }


def _pack(values: np.ndarray, bits: int = 32) -> dict[str, Any]:
    """An array as base64 of little-endian numbers, the name of its JavaScript type and its unit.

    Whole numbers stay; others become single precision or, of 8 or 16 bits, multiples of the unit.
    """
    unit = 1.0
    if values.dtype.kind == "i":
        kinds = {"u1": "Uint8Array", "<u2": "Uint16Array", "<u4": "Uint32Array"}
        dtype = next(kind for kind in kinds if values.max(initial=0) <= np.iinfo(kind).max)
    elif bits == 32:
        kinds, dtype = {"<f4": "Float32Array"}, "<f4"
    else:
        kinds = {"i1": "Int8Array", "<i2": "Int16Array"}
        dtype = f"<i{bits // 8}" if bits > 8 else "i1"
        unit = float(np.abs(values).max(initial=1e-9)) / np.iinfo(dtype).max
        values = np.round(values / unit)
    data = base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")
    return {"type": kinds[dtype], "unit": unit, "data": data}
