"""Skinned meshes made of rings of vertices around chains of joints."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from nestmotion.core.rotations import quat_to_matrix

__all__ = ["FRONT", "UP", "Sculptor", "SkinnedMesh", "subdivide"]

UP, FRONT = np.array((0.0, 1.0, 0.0)), np.array((0.0, 0.0, 1.0))
NOMINAL_HEIGHT_M = 1.46


@dataclass(frozen=True, eq=False)
class SkinnedMesh:
    """A skinned mesh in the rest pose, root at the origin; metres, Y up, facing +Z.

    joints, weights: the two joints that carry a vertex and their shares, which sum to 1.
    quads: corners counter-clockwise seen from outside; a triangle repeats its last corner.
    """

    vertices_m: Float[np.ndarray, "v 3"]
    normals: Float[np.ndarray, "v 3"]
    joints: Int[np.ndarray, "v 2"]
    weights: Float[np.ndarray, "v 2"]
    quads: Int[np.ndarray, "f 4"]

    @property
    def triangles(self) -> Int[np.ndarray, "n 3"]:
        """The faces as triangles."""
        whole = self.quads[self.quads[:, 2] != self.quads[:, 3]]
        return np.concatenate((self.quads[:, :3], whole[:, (0, 2, 3)]))

    def at_rest(
        self,
        rest_m: Float[np.ndarray, "j 3"],
        positions_m: Float[np.ndarray, "j 3"],
        quats_xyzw: Float[np.ndarray, "j 4"],
    ) -> SkinnedMesh:
        """The mesh that, skinned to joints at `positions_m` turned by `quats_xyzw` from their rest, is
        this one: the inverse of linear blend skinning,

            v = sum_k w_k (R_k (x - rest_k) + p_k)   solved for x.
        """
        turns = quat_to_matrix(quats_xyzw)
        shifts = positions_m - (turns @ rest_m[..., None])[..., 0]
        blend = np.einsum("vk,vkab->vab", self.weights, turns[self.joints])
        shift = np.einsum("vk,vka->va", self.weights, shifts[self.joints])
        inverse = np.linalg.pinv(blend)  # joints turned by half a turn between them have no inverse
        normals = (inverse @ self.normals[..., None])[..., 0]
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        vertices = (inverse @ (self.vertices_m - shift)[..., None])[..., 0]
        return replace(self, vertices_m=vertices, normals=normals)


class Sculptor:
    """Collects lofted parts around joints at `places_m` (J, 3). Lengths are given for a person whose
    head joint is 1.46 m above the soles, and scaled."""

    def __init__(self, places_m: Float[np.ndarray, "j 3"]) -> None:
        self.places_m = places_m
        extent = np.ptp(places_m, axis=0)
        self.fit_height(max(float(extent[1]), float(extent.max()) / 2))
        self.vertices: list[np.ndarray] = []
        self.joints: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.quads: list[np.ndarray] = []

    def fit_height(self, height_m: float) -> None:
        """Scale what follows to a person whose head joint is so high above the soles."""
        self.scale = max(height_m, 1e-3) / NOMINAL_HEIGHT_M

    def loft(
        self,
        joints: list[int],
        rows: np.ndarray | tuple[tuple[float, ...], ...],
        points: np.ndarray,
        starts: np.ndarray | None = None,
        sides: int = 12,
        front: np.ndarray = FRONT,
        boxy: float = 1.0,
    ) -> None:
        """Rings around the line through `points` (P, 3), on which 0 is the first and 1 the last.

        rows (R, 4): place on the line, half width, half depth, shift to `front`; the first and the last
            are the closing poles.
        joints, starts: the joints that move the part, and the place where the bone of each begins;
            without `starts` bones reach from point to point.
        boxy: 1 gives ellipses, less gives rounded boxes.
        """
        profile = np.asarray(rows)
        span = float(np.linalg.norm(points[-1] - points[0]))
        if span < 1e-6:
            return
        along = (points[-1] - points[0]) / span
        if abs(along @ front) > 0.9:
            front = FRONT if abs(along @ UP) > 0.9 else UP
        side = np.cross(along, front)
        side /= np.linalg.norm(side)
        front = np.cross(side, along)
        place, half = profile[:, 0], profile[:, 1:] * self.scale
        lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
        knots = np.concatenate(([0.0], np.cumsum(lengths))) / lengths.sum()
        centre = np.stack([_extrapolate(place, knots, points[:, k]) for k in range(3)], axis=1)
        angle = np.arange(sides) * (2 * np.pi / sides)
        c, s = (np.sign(x) * np.abs(x) ** boxy for x in (np.cos(angle), np.sin(angle)))
        rings = (
            (centre + half[:, 2:3] * front)[1:-1, None]
            + (half[1:-1, 0, None] * c)[..., None] * side
            + (half[1:-1, 1, None] * s)[..., None] * front
        )
        ends = (centre + half[:, 2:3] * front)[[0, -1]]
        at = np.concatenate((np.repeat(place[1:-1], sides), place[[0, -1]]))
        carriers, weights = _carriers(np.asarray(joints), knots[:-1] if starts is None else starts, at)
        self.quads.append(_ring_quads(len(profile) - 2, sides) + sum(len(v) for v in self.vertices))
        self.vertices.append(np.concatenate((rings.reshape(-1, 3), ends)))
        self.joints.append(carriers)
        self.weights.append(weights)

    def capsule(
        self,
        joint: int,
        a: np.ndarray,
        b: np.ndarray,
        radii: tuple[float, float, float],
        sides: int = 12,
    ) -> None:
        """A spindle with round ends from a to b, moved by `joint`; radii at a, a third on, at b."""
        length = float(np.linalg.norm(b - a))
        if length < 1e-6:
            return
        first, thick, last = (np.asarray(radii) * self.scale / length).tolist()
        cap = np.sin(np.radians((90, 60, 25))), np.cos(np.radians((90, 60, 25)))
        start = [(-first * x, first * y) for x, y in zip(*cap, strict=True)]
        middle = [(0.12, (first + thick) / 2), (0.33, thick), (0.6, (thick + last) / 2), (0.85, last)]
        end = [(1 + last * x, last * y) for x, y in zip(*cap, strict=True)][::-1]
        rows = np.array(start + middle + end)
        radius = rows[:, 1] * length / self.scale
        profile = np.stack((rows[:, 0], radius, radius, np.zeros_like(radius)), axis=1)
        self.loft([joint], profile, np.stack((a, b)), sides=sides)

    def finish(self) -> SkinnedMesh:
        """The mesh of all parts, with smooth normals."""
        vertices = np.concatenate(self.vertices)
        quads = np.concatenate(self.quads)
        a, b, c, d = (vertices[quads[:, k]] for k in range(4))
        # The cross product of the diagonals is normal to a face, and longer for larger faces.
        face = np.cross(c - a, d - b)
        normals = np.zeros_like(vertices)
        for k in range(4):
            np.add.at(normals, quads[:, k], face)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        joints, weights = np.concatenate(self.joints), np.concatenate(self.weights)
        return SkinnedMesh(vertices, normals, joints, weights, quads)


def _carriers(joints: np.ndarray, starts: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two joints that move a vertex at a place along a part, and their shares: those of the bones
    whose middles it lies between. The last bone ends at place 1."""
    middles = (starts + np.append(starts[1:], 1.0)) / 2
    # Bones of no length have one middle, between which nothing can lie.
    middles = np.maximum.accumulate(middles) + 1e-9 * np.arange(len(middles))
    bone = np.interp(at, middles, np.arange(len(middles)))
    low = bone.astype(int)
    high = np.minimum(low + 1, len(middles) - 1)
    return joints[np.stack((low, high), axis=1)], np.stack((1 - (bone - low), bone - low), axis=1)


def _extrapolate(x: np.ndarray, xp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """np.interp that goes on straight beyond both ends."""
    before = np.minimum(x - xp[0], 0) * ((fp[1] - fp[0]) / max(xp[1] - xp[0], 1e-9))
    after = np.maximum(x - xp[-1], 0) * ((fp[-1] - fp[-2]) / max(xp[-1] - xp[-2], 1e-9))
    return np.interp(x, xp, fp) + before + after


def _ring_quads(rings: int, sides: int) -> np.ndarray:
    """Faces between rings of vertices and the two poles that follow them."""
    low = np.arange(rings - 1)[:, None] * sides
    k, after = np.arange(sides), (np.arange(sides) + 1) % sides
    walls = np.stack((low + k, low + sides + k, low + sides + after, low + after), axis=-1)
    count, top = rings * sides, (rings - 1) * sides
    bottom = np.stack((0 * k + count, k, after, after), axis=-1)
    lid = np.stack((0 * k + count + 1, top + after, top + k, top + k), axis=-1)
    return np.concatenate((walls.reshape(-1, 4), bottom, lid))


def subdivide(rows: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """A row between every two but the poles, on a smooth curve.

    Source: the four-point scheme of Dyn, Levin and Gregory (1987).
    """
    old = np.asarray(rows)
    between = (9 * (old[1:-2] + old[2:-1]) - (old[:-3] + old[3:])) / 16
    new = np.zeros((2 * len(old) - 3, old.shape[1]))
    new[0], new[-1], new[1:-1:2], new[2:-2:2] = old[0], old[-1], old[1:-1], between
    return new
