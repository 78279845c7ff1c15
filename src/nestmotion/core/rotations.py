"""Rotations, written once against the Python array API.

Every function takes NumPy arrays or torch tensors and returns the same kind; on torch all of them are
differentiable. Quaternions are unit, in xyzw order (as in glTF and SciPy) and rotate vectors from the
child (body) frame to the parent (world) frame: `v_parent = q * v_child * conj(q)`. Matrices act on
column vectors. Angles are radians. Leading dimensions broadcast.
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace
from jaxtyping import Float

__all__ = [
    "canonical_sign",
    "quat_apply",
    "quat_between",
    "quat_conjugate",
    "quat_from_axis_angle",
    "quat_from_euler",
    "quat_from_matrix",
    "quat_from_rotation_vector",
    "quat_from_yaw",
    "quat_multiply",
    "quat_normalize",
    "quat_slerp",
    "quat_to_euler",
    "quat_to_matrix",
    "quat_to_rotation_vector",
    "quat_yaw",
    "rotation_6d_from_matrix",
    "rotation_6d_to_matrix",
    "unroll_signs",
]

# Below this angle (or sine), sin(x)/x and its inverse are taken from their series: the quotient loses
# digits there and its derivative is 0/0.
_SMALL = 1e-4


def _normalize(v: Any, eps: float = 1e-12) -> Any:
    xp = array_namespace(v)
    square = xp.sum(v * v, axis=-1, keepdims=True)
    # The choice comes before the root: the root's derivative at 0 is infinite.
    return v / xp.sqrt(xp.where(square > eps**2, square, xp.full_like(square, eps**2)))


def _cross(a: Any, b: Any) -> Any:
    xp = array_namespace(a)
    a0, a1, a2 = a[..., 0], a[..., 1], a[..., 2]
    b0, b1, b2 = b[..., 0], b[..., 1], b[..., 2]
    return xp.stack((a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0), axis=-1)


def quat_normalize(q: Float[Any, "*b 4"]) -> Float[Any, "*b 4"]:
    """Scale to unit length. A zero quaternion stays zero."""
    return _normalize(q)


def canonical_sign(q: Float[Any, "*b 4"]) -> Float[Any, "*b 4"]:
    """The one of q and -q (the same rotation) whose w is not negative."""
    xp = array_namespace(q)
    return xp.where(q[..., 3:4] < 0, -q, q)


def unroll_signs(q: Float[Any, "t *b 4"]) -> Float[Any, "t *b 4"]:
    """Flip signs along the first axis so that neighbours lie on the same half of the sphere."""
    xp = array_namespace(q)
    if q.shape[0] < 2:
        return q
    dot = xp.sum(q[1:] * q[:-1], axis=-1)
    step = xp.where(dot < 0, -xp.ones_like(dot), xp.ones_like(dot))
    sign = xp.concat((xp.ones_like(step[:1]), xp.cumulative_prod(step, axis=0)), axis=0)
    return q * sign[..., None]


def quat_conjugate(q: Float[Any, "*b 4"]) -> Float[Any, "*b 4"]:
    """The inverse rotation of a unit quaternion."""
    xp = array_namespace(q)
    return xp.concat((-q[..., :3], q[..., 3:4]), axis=-1)


def quat_multiply(a: Float[Any, "*#b 4"], b: Float[Any, "*#b 4"]) -> Float[Any, "*b 4"]:
    """Hamilton product: rotate by b, then by a."""
    xp = array_namespace(a, b)
    ax, ay, az, aw = (a[..., i] for i in range(4))
    bx, by, bz, bw = (b[..., i] for i in range(4))
    return xp.stack(
        (
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ),
        axis=-1,
    )


def quat_apply(q: Float[Any, "*#b 4"], v: Float[Any, "*#b 3"]) -> Float[Any, "*b 3"]:
    """Rotate vectors: v + 2 w (u x v) + 2 u x (u x v) with q = (u, w)."""
    xp = array_namespace(q, v)
    u, v = xp.broadcast_arrays(q[..., :3], v)
    t = 2 * _cross(u, v)
    return v + q[..., 3:4] * t + _cross(u, t)


def quat_to_matrix(q: Float[Any, "*b 4"]) -> Float[Any, "*b 3 3"]:
    """Rotation matrix of a unit quaternion."""
    xp = array_namespace(q)
    x, y, z, w = (q[..., i] for i in range(4))
    rows = (
        xp.stack((1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)), axis=-1),
        xp.stack((2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)), axis=-1),
        xp.stack((2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)), axis=-1),
    )
    return xp.stack(rows, axis=-2)


def quat_from_matrix(m: Float[Any, "*b 3 3"]) -> Float[Any, "*b 4"]:
    """Unit quaternion (w >= 0) of a rotation matrix.

    All four of Shepperd's candidate formulas are computed and the best conditioned is selected, so the
    result is accurate for every rotation, half turns included.
    Source: S. W. Shepperd, "Quaternion from rotation matrix", J. Guidance and Control 1 (1978).
    """
    xp = array_namespace(m)
    xx, xy, xz = m[..., 0, 0], m[..., 0, 1], m[..., 0, 2]
    yx, yy, yz = m[..., 1, 0], m[..., 1, 1], m[..., 1, 2]
    zx, zy, zz = m[..., 2, 0], m[..., 2, 1], m[..., 2, 2]
    # Row k is 4 q_k q, so its largest component is 4 q_k^2.
    candidates = xp.stack(
        (
            xp.stack((1 + xx - yy - zz, xy + yx, xz + zx, zy - yz), axis=-1),
            xp.stack((xy + yx, 1 - xx + yy - zz, yz + zy, xz - zx), axis=-1),
            xp.stack((xz + zx, yz + zy, 1 - xx - yy + zz, yx - xy), axis=-1),
            xp.stack((zy - yz, xz - zx, yx - xy, 1 + xx + yy + zz), axis=-1),
        ),
        axis=-2,
    )
    size = xp.stack(
        (
            candidates[..., 0, 0],
            candidates[..., 1, 1],
            candidates[..., 2, 2],
            candidates[..., 3, 3],
        ),
        axis=-1,
    )
    best = xp.argmax(size, axis=-1)
    chosen = candidates[..., 0, :]
    for k in range(1, 4):
        chosen = xp.where((best == k)[..., None], candidates[..., k, :], chosen)
    return canonical_sign(_normalize(chosen))


def rotation_6d_from_matrix(m: Float[Any, "*b 3 3"]) -> Float[Any, "*b 6"]:
    """First two columns of the matrix, one after the other (Zhou et al., CVPR 2019)."""
    xp = array_namespace(m)
    return xp.concat((m[..., :, 0], m[..., :, 1]), axis=-1)


def rotation_6d_to_matrix(d6: Float[Any, "*b 6"]) -> Float[Any, "*b 3 3"]:
    """Gram-Schmidt on the two columns; the third is their cross product (Zhou et al., CVPR 2019)."""
    xp = array_namespace(d6)
    a, b = d6[..., :3], d6[..., 3:]
    x = _normalize(a)
    y = _normalize(b - xp.sum(x * b, axis=-1, keepdims=True) * x)
    return xp.stack((x, y, _cross(x, y)), axis=-1)


def quat_from_rotation_vector(v: Float[Any, "*b 3"]) -> Float[Any, "*b 4"]:
    """Exponential map: direction is the axis, length the angle in radians."""
    xp = array_namespace(v)
    square = xp.sum(v * v, axis=-1, keepdims=True)
    small = square < _SMALL**2
    angle = xp.sqrt(xp.where(small, xp.ones_like(square), square))
    half_sinc = xp.where(small, 0.5 - square / 48, xp.sin(angle / 2) / angle)
    w = xp.where(small, 1 - square / 8, xp.cos(angle / 2))
    return xp.concat((v * half_sinc, w), axis=-1)


def quat_to_rotation_vector(q: Float[Any, "*b 4"]) -> Float[Any, "*b 3"]:
    """Logarithm: the shortest rotation vector, of length at most pi."""
    xp = array_namespace(q)
    q = canonical_sign(q)
    u, w = q[..., :3], q[..., 3:4]
    square = xp.sum(u * u, axis=-1, keepdims=True)
    small = square < _SMALL**2
    sine = xp.sqrt(xp.where(small, xp.ones_like(square), square))
    scale = xp.where(small, 2 + square / 3, 2 * xp.atan2(sine, w) / sine)
    return u * scale


def quat_from_axis_angle(axis: Float[Any, "*#b 3"], angle: Float[Any, "*#b"]) -> Float[Any, "*b 4"]:
    """Rotation by `angle` radians about a unit `axis`."""
    xp = array_namespace(axis, angle)
    half = angle[..., None] / 2
    s, c = xp.sin(half), xp.cos(half)
    u = axis * s
    return xp.concat((u, xp.broadcast_to(c, (*u.shape[:-1], 1))), axis=-1)


def quat_from_yaw(yaw_rad: Float[Any, "*b"]) -> Float[Any, "*b 4"]:
    """Rotation about +Y; yaw pi/2 turns +Z to +X (to the left of a person facing +Z)."""
    xp = array_namespace(yaw_rad)
    zero = xp.zeros_like(yaw_rad)
    return xp.stack((zero, xp.sin(yaw_rad / 2), zero, xp.cos(yaw_rad / 2)), axis=-1)


def quat_yaw(q: Float[Any, "*b 4"]) -> Float[Any, "*b"]:
    """Heading in radians, from -pi to pi: the twist of q about +Y in its swing-twist decomposition.

    Undefined only for half turns about a horizontal axis (hanging upside down), where 0 is returned.
    """
    xp = array_namespace(q)
    q = canonical_sign(q)
    y, w = q[..., 1], q[..., 3]
    flat = (xp.abs(y) < 1e-9) & (xp.abs(w) < 1e-9)
    return 2 * xp.atan2(xp.where(flat, xp.zeros_like(y), y), xp.where(flat, xp.ones_like(w), w))


def quat_between(a: Float[Any, "*#b 3"], b: Float[Any, "*#b 3"]) -> Float[Any, "*b 4"]:
    """Smallest rotation that turns direction a into direction b; for opposite ones, some half turn."""
    xp = array_namespace(a, b)
    a, b = xp.broadcast_arrays(_normalize(a), _normalize(b))
    w = 1 + xp.sum(a * b, axis=-1, keepdims=True)
    opposite = w < 1e-7
    # Any axis at right angles to a serves for a half turn; take the better of a x X and a x Y.
    zero = xp.zeros_like(a[..., 0])
    by_x = xp.stack((zero, a[..., 2], -a[..., 1]), axis=-1)
    by_y = xp.stack((-a[..., 2], zero, a[..., 0]), axis=-1)
    other = xp.where(xp.abs(a[..., :1]) < 0.8, by_x, by_y)
    q = xp.concat((_cross(a, b), w), axis=-1)
    half_turn = xp.concat((other, xp.zeros_like(w)), axis=-1)
    return _normalize(xp.where(opposite, half_turn, q))


def quat_slerp(
    a: Float[Any, "*#b 4"], b: Float[Any, "*#b 4"], t: Float[Any, "*#b"]
) -> Float[Any, "*b 4"]:
    """Constant-speed rotation from a (t = 0) to b (t = 1) by the shorter way."""
    step = quat_to_rotation_vector(quat_multiply(quat_conjugate(a), b))
    return quat_normalize(quat_multiply(a, quat_from_rotation_vector(step * t[..., None])))


def quat_from_euler(order: str, angles_rad: Float[Any, "*b n"]) -> Float[Any, "*b 4"]:
    """Intrinsic Euler angles, applied left to right: order "ZXY" means Rz @ Rx @ Ry (as BVH does).

    `order` has one letter of X, Y, Z for each angle; any number of angles is allowed.
    """
    xp = array_namespace(angles_rad)
    zero = xp.zeros_like(angles_rad[..., 0])
    result = xp.stack((zero, zero, zero, xp.ones_like(zero)), axis=-1)
    for i, letter in enumerate(order):
        half = angles_rad[..., i] / 2
        parts = [zero, zero, zero, xp.cos(half)]
        parts["XYZ".index(letter)] = xp.sin(half)
        result = quat_multiply(result, xp.stack(parts, axis=-1))
    return result


def quat_to_euler(order: str, q: Float[Any, "*b 4"]) -> Float[Any, "*b 3"]:
    """Intrinsic Euler angles in radians for an order of three different letters, e.g. "ZXY".

    The middle angle is in [-pi/2, pi/2]. At gimbal lock the third angle is 0.
    """
    xp = array_namespace(q)
    i, j, k = ("XYZ".index(letter) for letter in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    m = quat_to_matrix(q)
    square = m[..., i, i] ** 2 + m[..., i, j] ** 2
    locked = square < 1e-12
    zero, one = xp.zeros_like(square), xp.ones_like(square)
    # At the lock, arguments are replaced before roots and angles of 0 are taken: these have no slope.
    cos_mid = xp.where(locked, zero, xp.sqrt(xp.where(locked, one, square)))
    middle = xp.atan2(xp.clip(sign * m[..., i, k], -1.0, 1.0), cos_mid)
    first = xp.atan2(
        xp.where(locked, sign * m[..., k, j], -sign * m[..., j, k]),
        xp.where(locked, m[..., j, j], m[..., k, k]),
    )
    third = xp.atan2(xp.where(locked, zero, -sign * m[..., i, j]), xp.where(locked, one, m[..., i, i]))
    return xp.stack((first, middle, third), axis=-1)
