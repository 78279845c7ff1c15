"""What `load_glb` needs of a glTF scene: its node tree and the sampled tracks of an animation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from nestmotion.core.rotations import quat_normalize, quat_slerp, quat_to_matrix
from nestmotion.io.glb import Glb

__all__ = ["NodeTree", "Track", "read_tracks"]

DEEPEST = 500
# What a node property is when neither the node nor a track gives it.
REST = {"translation": (0.0, 0.0, 0.0), "rotation": (0.0, 0.0, 0.0, 1.0), "scale": (1.0, 1.0, 1.0)}


@dataclass(frozen=True, eq=False)
class Track:
    """One animated property: key times in seconds, which do not decrease, and values.

    values: (K, w), or for CUBICSPLINE (K, 3, w) with incoming tangent, value and outgoing tangent.
    Rotations are unit quaternions xyzw.
    """

    times_s: Float[np.ndarray, " k"]
    values: np.ndarray
    interpolation: str
    is_rotation: bool

    def sample(self, at_s: Float[np.ndarray, " t"]) -> Float[np.ndarray, "t w"]:
        """Values at the given times; before the first and after the last key, that key's.

        Times nearer to a key than single precision can tell are taken to be the key's, so that a
        uniformly keyed file gives back exactly its keys.
        """
        times, count = self.times_s, len(self.times_s)
        high = np.minimum(np.searchsorted(times, at_s, side="right"), count - 1)
        low = np.maximum(high - 1, 0)
        span = times[high] - times[low]
        part = np.clip((at_s - times[low]) / np.where(span > 0, span, 1.0), 0.0, 1.0)
        tolerance_s = 1e-6 + 2 * np.finfo(np.float32).eps * np.abs(times).max()
        part = np.where(np.abs(at_s - times[low]) < tolerance_s, 0.0, part)
        part = np.where(np.abs(at_s - times[high]) < tolerance_s, 1.0, part)
        if self.interpolation == "STEP":
            return self.values[np.where(part == 1.0, high, low)]
        if self.interpolation == "CUBICSPLINE":
            value = self._hermite(low, high, span[:, None], part[:, None])
            return quat_normalize(value) if self.is_rotation else value
        a, b = self.values[low], self.values[high]
        return quat_slerp(a, b, part) if self.is_rotation else a + (b - a) * part[:, None]

    def _hermite(
        self, low: np.ndarray, high: np.ndarray, span: np.ndarray, t: np.ndarray
    ) -> np.ndarray:
        """Cubic Hermite spline, tangents per second. Source: glTF 2.0, appendix C.4."""
        a, out, into, b = (
            self.values[low, 1],
            self.values[low, 2],
            self.values[high, 0],
            self.values[high, 1],
        )
        t2, t3 = t**2, t**3
        start = (2 * t3 - 3 * t2 + 1) * a + span * (t3 - 2 * t2 + t) * out
        return start + (3 * t2 - 2 * t3) * b + span * (t3 - t2) * into


def read_tracks(glb: Glb, animation: dict) -> dict[tuple[int, str], Track]:
    """The tracks of an animation by node and property; those of other properties (morph weights) are
    left out. Raises FormatError."""
    tracks: dict[tuple[int, str], Track] = {}
    samplers = glb.objects(animation, "samplers")
    for channel in glb.objects(animation, "channels"):
        target = channel.get("target")
        if (
            not isinstance(target, dict)
            or target.get("path") not in tuple(REST)
            or "node" not in target
        ):
            continue
        glb.item("nodes", target["node"])
        index = channel.get("sampler")
        if type(index) is not int or not 0 <= index < len(samplers):
            raise glb.fail("an animation channel refers to a sampler that does not exist")
        tracks[target["node"], target["path"]] = _read_track(glb, samplers[index], target["path"])
    if not tracks:
        raise glb.fail("its animation moves no node")
    return tracks


def _read_track(glb: Glb, sampler: dict, path: str) -> Track:
    interpolation = sampler.get("interpolation", "LINEAR")
    if interpolation not in ("LINEAR", "STEP", "CUBICSPLINE"):
        raise glb.fail("an animation sampler has an unknown interpolation")
    times = glb.accessor(sampler.get("input"), ("SCALAR",))[:, 0]
    if (np.diff(times) < 0).any():
        raise glb.fail("the key times of an animation sampler do not increase")
    is_rotation = path == "rotation"
    values = glb.accessor(sampler.get("output"), ("VEC4",) if is_rotation else ("VEC3",))
    per_key = 3 if interpolation == "CUBICSPLINE" else 1
    if len(values) != per_key * len(times):
        raise glb.fail(f"an animation sampler has {len(times)} key times but {len(values)} values")
    if per_key == 3:
        values = values.reshape(len(times), 3, -1)
    if is_rotation:
        keys = values[:, 1] if per_key == 3 else values
        if (np.linalg.norm(keys, axis=1) < 1e-6).any():
            raise glb.fail("an animation sampler holds a rotation of length zero")
        values = values if per_key == 3 else quat_normalize(values)
    return Track(times, values, interpolation, is_rotation)


class NodeTree:
    """The nodes of a glTF document, with their parents. Raises FormatError when they are no forest."""

    def __init__(self, glb: Glb) -> None:
        self.glb = glb
        self.nodes = glb.items("nodes")
        self.parents = [-1] * len(self.nodes)
        for index, node in enumerate(self.nodes):
            children = node.get("children", [])
            if not isinstance(children, list):
                raise glb.fail("children of a node must be a list")
            for child in children:
                glb.item("nodes", child)
                if self.parents[child] != -1:
                    raise glb.fail(f"nodes[{child}] has two parents")
                self.parents[child] = index
        depth = {-1: 0}
        for index in self.order:
            depth[index] = depth[self.parents[index]] + 1
        if len(self.order) != len(self.nodes) or max(depth.values()) > DEEPEST:
            raise glb.fail("its node hierarchy goes in a circle or is absurdly deep")

    @cached_property
    def order(self) -> list[int]:
        """Nodes with every parent before its children; nodes on a circle are missing."""
        order = [j for j, parent in enumerate(self.parents) if parent == -1]
        for node in order:
            order.extend(self.nodes[node].get("children", []))
        return order

    def ancestors(self, node: int) -> list[int]:
        """The node itself, its parent, and so on up."""
        chain = [node]
        while self.parents[chain[-1]] != -1:
            chain.append(self.parents[chain[-1]])
        return chain

    def descendants(self, node: int) -> list[int]:
        """The node itself and all below it, parents first."""
        found = [node]
        for n in found:
            found.extend(self.nodes[n].get("children", []))
        return found

    def world(
        self, joints: Iterable[int], tracks: Mapping[tuple[int, str], Track], at_s: np.ndarray
    ) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """World transform of each joint: linear part (T, 3, 3) and position in metres (T, 3).

        The time axis has length 1 for joints that nothing moves.
        """
        joints = list(joints)
        needed = {n for joint in joints for n in self.ancestors(joint)}
        result = {-1: (np.eye(3)[None], np.zeros((1, 3)))}
        for node in self.order:
            if node in needed:
                up, origin = result[self.parents[node]]
                linear, shift = self._local(node, tracks, at_s)
                result[node] = (up @ linear, origin + (up @ shift[..., None])[..., 0])
        return {joint: result[joint] for joint in joints}

    def _local(
        self, node: int, tracks: Mapping[tuple[int, str], Track], at_s: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        fields = self.nodes[node]
        if "matrix" in fields:  # which the specification forbids on animated nodes
            matrix = self.glb.numbers(fields, "matrix", (0.0,) * 16).reshape(4, 4).T
            return matrix[None, :3, :3], matrix[None, :3, 3]
        shift, turn, size = (
            tracks[node, key].sample(at_s)
            if (node, key) in tracks
            else self.glb.numbers(fields, key, default)[None]
            for key, default in REST.items()
        )
        return quat_to_matrix(quat_normalize(turn)) * size[:, None, :], shift
