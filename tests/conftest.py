"""Settings and fixtures that all tests share."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch read it

import jaxtyping

# Types and array shapes are checked in tests only: of what is imported after this, in these packages.
CHECKED = ("core", "features", "generate", "io", "models", "text")
jaxtyping.install_import_hook([f"nestmotion.{name}" for name in CHECKED], "typecheck.check")

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.rotations import quat_from_axis_angle, quat_from_rotation_vector

settings.register_profile("local", deadline=None, max_examples=50)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with corpus and sample files beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "corpus").is_dir():
        pytest.skip("needs the corpus in ../shared")
    return folder


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder in which `make test` puts the Khronos gltf-validator."""
    folder = Path(sys.prefix) / "node_modules"
    if shutil.which("node") is None or not (folder / "gltf-validator").is_dir():
        pytest.skip("needs node and gltf-validator; make test installs it where npm exists")
    return folder


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Switch the type checks off, to see what our own checks say to wrong input."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def _random_motion(frames: int = 40, fps: float = 20.0, seed: int = 0) -> Motion:
    rng = np.random.default_rng(seed)
    skeleton = canonical_skeleton()
    time = np.arange(frames)[:, None, None] / fps
    shape = (1, len(skeleton), 3)
    frequency, phase = rng.uniform(0.1, 1.0, shape), rng.uniform(0, 2 * np.pi, shape)
    vectors = rng.uniform(-0.8, 0.8, shape) + 0.6 * np.sin(2 * np.pi * frequency * time + phase)
    step = rng.normal(scale=0.5 / fps, size=(frames, 3))
    root = np.array([0.3, 0.95, -0.2]) + np.cumsum(step, axis=0) * (1, 0.1, 1)
    return Motion(skeleton, fps, root, quat_from_rotation_vector(vectors))


@pytest.fixture(scope="session")
def random_motion() -> Callable[..., Motion]:
    """Factory (frames=40, fps=20.0, seed=0): smooth random motion of all joints, about upright."""
    return _random_motion


def _synthetic_walk(frames: int = 60, fps: float = 20.0, speed_m_s: float = 1.2) -> Motion:
    skeleton = canonical_skeleton()
    time = np.arange(frames) / fps
    stride = np.sin(2 * np.pi * 0.9 * time)
    x = np.array([1.0, 0.0, 0.0])
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (frames, len(skeleton), 1))
    swings = {
        "left_hip": 0.5 * stride,
        "right_hip": -0.5 * stride,
        "left_knee": 0.4 * (1 + np.cos(2 * np.pi * 0.9 * time)),
        "right_knee": 0.4 * (1 - np.cos(2 * np.pi * 0.9 * time)),
        "left_shoulder": -0.4 * stride,
        "right_shoulder": 0.4 * stride,
    }
    for name, angle in swings.items():
        quat[:, skeleton.index(name)] = quat_from_axis_angle(x, angle)
    root = np.stack([0 * time, 0 * time + 0.9, speed_m_s * time], axis=-1)
    return Motion(skeleton, fps, root, quat)


@pytest.fixture(scope="session")
def synthetic_walk() -> Callable[..., Motion]:
    """Factory (frames=60, fps=20.0, speed_m_s=1.2): a stiff walk along +Z, facing +Z."""
    return _synthetic_walk
