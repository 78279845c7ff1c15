"""The procedural mannequin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nestmotion.core import Motion, Skeleton, canonical_skeleton
from nestmotion.core.kinematics import local_from_world
from nestmotion.core.rotations import quat_apply, quat_conjugate, quat_from_yaw, quat_multiply
from nestmotion.io.loft import SkinnedMesh
from nestmotion.io.mannequin import build_mannequin, facing_rad, joint_sides

# A Mixamo-like biped: other names, a ground root, a head end, fingers, and legs without toes.
BIPED = Skeleton(
    (
        *("Root", "Hips", "Spine", "Neck", "Head", "HeadTop_End"),
        *(f"{side}{part}" for side in ("Left", "Right") for part in ("UpLeg", "Leg", "Foot")),
        *(
            f"{side}{part}"
            for side in ("Left", "Right")
            for part in ("Shoulder", "Arm", "ForeArm", "Hand", "Thumb", "Index")
        ),
    ),
    (-1, 0, 1, 2, 3, 4, 1, 6, 7, 1, 9, 10, 2, 12, 13, 14, 15, 15, 2, 18, 19, 20, 21, 21),
    np.array(
        [[0, 0, 0], [0, 1, 0], [0, 0.25, 0], [0, 0.25, 0], [0, 0.1, 0], [0, 0.2, 0]]
        + [row for s in (1, -1) for row in ([0.1 * s, -0.05, 0], [0, -0.42, 0], [0, -0.43, 0])]
        + [
            row
            for s in (1, -1)
            for row in (
                [0.05 * s, 0.2, 0],
                [0.14 * s, 0, 0],
                [0.28 * s, 0, 0],
                [0.26 * s, 0, 0],
                [0.04 * s, 0, 0.04],
                [0.09 * s, 0, 0.02],
            )
        ]
    ),
)


def resting(skeleton: Skeleton) -> Motion:
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (1, len(skeleton), 1))
    return Motion(skeleton, 20.0, np.zeros((1, 3)), quat)


def signed_volume_m3(mesh: SkinnedMesh) -> float:
    """Volume inside a closed surface whose faces turn counter-clockwise seen from outside."""
    a, b, c = (mesh.vertices_m[mesh.triangles[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def check_sound(mesh: SkinnedMesh, joints: int) -> None:
    assert np.isfinite(mesh.vertices_m).all()
    assert np.isfinite(mesh.normals).all()
    assert mesh.joints.min() >= 0
    assert mesh.joints.max() < joints
    assert mesh.weights.min() >= 0
    np.testing.assert_allclose(mesh.weights.sum(axis=1), 1, atol=1e-12)
    # Closed and consistently turned: every edge is used once in each direction.
    edges = np.concatenate([mesh.triangles[:, pair] for pair in ((0, 1), (1, 2), (2, 0))])
    assert len(np.unique(edges, axis=0)) == len(edges)
    np.testing.assert_array_equal(np.unique(edges, axis=0), np.unique(edges[:, ::-1], axis=0))
    assert signed_volume_m3(mesh) > 0


def test_canonical_mannequin_has_the_size_of_a_person() -> None:
    skeleton = canonical_skeleton()
    mesh = build_mannequin(resting(skeleton))
    check_sound(mesh, len(skeleton))
    assert 1000 < len(mesh.vertices_m) < 4000
    assert 1.55 < np.ptp(mesh.vertices_m[:, 1]) < 1.80
    # The parts overlap a little, so their volumes add to somewhat more than a person's 65 litres.
    assert 0.04 < signed_volume_m3(mesh) < 0.09
    soles, rest = mesh.vertices_m[:, 1].min(), skeleton.rest_positions_m[:, 1].min()
    assert soles == pytest.approx(rest, abs=1e-9)


def test_mannequin_faces_forward_and_is_symmetric() -> None:
    skeleton = canonical_skeleton()
    vertices = build_mannequin(resting(skeleton)).vertices_m
    head = vertices[vertices[:, 1] > 0.62] - skeleton.rest_positions_m[skeleton.index("head")]
    nose = head[head[:, 2].argmax()]
    assert nose[2] > 0.01 - head[:, 2].min()
    assert abs(nose[0]) < 0.02
    feet = vertices[vertices[:, 1] < -0.8]
    assert feet[:, 2].max() > -2 * feet[:, 2].min()
    for axis, sign in ((0, -1), (1, 1), (2, 1)):
        mirrored = np.sort(vertices[:, axis] * sign)
        np.testing.assert_allclose(mirrored, np.sort(vertices[:, axis]), atol=1e-3)


def test_normals_point_outwards() -> None:
    mesh = build_mannequin(resting(canonical_skeleton()))
    corners = mesh.vertices_m[mesh.triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    face /= np.linalg.norm(face, axis=1, keepdims=True)
    along = np.einsum("ijk,ik->ij", mesh.normals[mesh.triangles], face)
    assert along.min() > 0
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-9)


def test_every_limb_follows_its_own_joint() -> None:
    skeleton = canonical_skeleton()
    mesh = build_mannequin(resting(skeleton))
    moved = {skeleton.joint_names[j] for j in np.unique(mesh.joints[mesh.weights > 0.5])}
    for side in ("left", "right"):
        assert {
            f"{side}_{part}" for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
        } < moved
        elbow = skeleton.rest_positions_m[skeleton.index(f"{side}_elbow"), 0]
        forearm = mesh.vertices_m[mesh.joints[:, 0] == skeleton.index(f"{side}_elbow"), 0]
        assert (np.sign(elbow) * forearm > abs(elbow) - 0.05).all()


@pytest.mark.parametrize("scale", [1.0, 0.01, 100.0])
def test_other_bipeds_get_a_body_of_their_size(scale: float) -> None:
    skeleton = Skeleton(BIPED.joint_names, BIPED.parents, BIPED.offsets_m * scale)
    mesh = build_mannequin(resting(skeleton))
    check_sound(mesh, len(skeleton))
    torso = mesh.joints[:, 0] == skeleton.index("Hips")
    assert np.ptp(mesh.vertices_m[torso, 0]) == pytest.approx(0.32 * scale, rel=0.3)
    # The soles are a little under the ankles, for want of toes, and the ground root has no bone.
    assert -0.09 * scale < mesh.vertices_m[:, 1].min() - skeleton.rest_positions_m[8, 1] < -0.04 * scale


@st.composite
def skeletons(draw: st.DrawFn) -> Skeleton:
    joints = draw(st.integers(1, 12))
    parents = (-1, *(draw(st.integers(0, j - 1)) for j in range(1, joints)))
    length = st.sampled_from([-0.5, -0.2, -0.03, 0.0, 0.03, 0.2, 0.5])
    offsets = np.array([[draw(length) for _ in range(3)] for _ in range(joints)])
    return Skeleton(tuple(f"j{j}" for j in range(joints)), parents, offsets)


@given(skeletons())
def test_any_skeleton_gets_a_closed_mesh(skeleton: Skeleton) -> None:
    check_sound(build_mannequin(resting(skeleton)), len(skeleton))


def skinned(mesh: SkinnedMesh, motion: Motion, frame: int) -> np.ndarray:
    """Vertices of a mesh in a frame, by linear blend skinning."""
    result = np.zeros_like(mesh.vertices_m)
    for k in range(2):
        joint = mesh.joints[:, k]
        arm = mesh.vertices_m - motion.skeleton.rest_positions_m[joint]
        moved = motion.positions_m[frame, joint] + quat_apply(motion.quat_world_xyzw[frame, joint], arm)
        result += mesh.weights[:, k : k + 1] * moved
    return result


def test_arbitrary_rest_pose_gets_the_same_body() -> None:
    """Some files have bones that all lie along one axis at rest: the body is then built around a frame
    in which the person stands, and must come out there as it does on a T-pose."""
    plain = resting(canonical_skeleton())
    spine = Rotation.from_euler("z", 90, degrees=True).as_quat()
    world = Rotation.random(len(plain.skeleton), np.random.default_rng(0)).as_quat()
    for j, name in enumerate(plain.skeleton.joint_names):
        if name.startswith(("pelvis", "spine", "neck", "head")):
            world[j] = spine
    parents = np.maximum(plain.skeleton.parents, 0)
    offsets = quat_apply(quat_conjugate(world[parents]), plain.skeleton.offsets_m)
    odd = Skeleton(plain.skeleton.joint_names, plain.skeleton.parents, offsets)
    turned = quat_multiply(quat_from_yaw(np.array(2.0)), world)
    motion = Motion(odd, 20.0, np.ones((1, 3)), local_from_world(odd.parents, turned)[None])
    mesh = build_mannequin(motion)
    shown = quat_apply(quat_from_yaw(np.array(-2.0)), skinned(mesh, motion, 0) - 1)
    assert np.abs(shown - build_mannequin(plain).vertices_m).max() < 1e-9
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-9)
    assert facing_rad(motion) == pytest.approx(2.0)


def test_sides() -> None:
    sides = dict(zip(BIPED.joint_names, joint_sides(BIPED), strict=True))
    assert {name for name, side in sides.items() if side == 1} == {
        *("LeftUpLeg", "LeftLeg", "LeftFoot", "LeftArm", "LeftForeArm", "LeftHand"),
        *("LeftThumb", "LeftIndex"),
    }
    assert sum(sides.values()) == 0
    assert joint_sides(Skeleton(("a", "b"), (-1, 0), np.ones((2, 3)))) == [0, 0]
