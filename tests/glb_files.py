"""GLB files for tests: put together by hand, taken apart and changed."""

from __future__ import annotations

import copy
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from nestmotion.io.glb import BinaryChunk, Glb, write_glb

__all__ = ["LIMB", "foreign_glb", "put_together", "take_apart"]

LIMB = [{"name": "a", "children": [1]}, {"name": "b", "translation": [0, 1, 0]}]


def foreign_glb(
    path: Path,
    nodes: list[dict[str, Any]],
    tracks: dict[tuple[int, str], tuple[np.ndarray, np.ndarray, str]],
    joints: list[int] | None,
    **document: Any,
) -> None:
    """A GLB of these nodes and one animation; tracks: (node, path) to times, values, interpolation."""
    chunk = BinaryChunk()
    samplers, channels = [], []
    for (node, target), (times, values, interpolation) in tracks.items():
        times_at = chunk.add(np.asarray(times, np.float32)[:, None], "SCALAR", bounds=True)
        values_at = chunk.add(np.asarray(values, np.float32), f"VEC{np.shape(values)[-1]}")
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": target}})
        samplers.append({"input": times_at, "output": values_at, "interpolation": interpolation})
    children = {c for node in nodes for c in node.get("children", [])}
    roots = [i for i in range(len(nodes)) if i not in children]
    base = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": roots}],
        "nodes": nodes,
        "animations": [{"channels": channels, "samplers": samplers}],
    }
    skins = {} if joints is None else {"skins": [{"joints": joints}]}
    write_glb(path, base | skins | document, chunk)


def take_apart(path: Path) -> tuple[dict[str, Any], bytes]:
    glb = Glb.read(path)
    return copy.deepcopy(glb.document), glb.binary


def put_together(path: Path, document: object, binary: bytes) -> None:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0")
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks) + len(binary)) + chunks + binary)
