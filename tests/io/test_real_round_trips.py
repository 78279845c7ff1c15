"""Real motion capture through every file format and back."""

from __future__ import annotations

import numpy as np
import pytest

from nestmotion.corpus.sources.cmu20 import Cmu20
from nestmotion.io import load_motion, save_motion

TRIALS = ("07_01", "13_11", "49_06", "60_01", "85_02", "143_22")


@pytest.mark.corpus
@pytest.mark.parametrize("suffix", [".bvh", ".glb", ".npz", ".amass.npz"])
def test_every_joint_comes_back_within_a_millimetre(shared, tmp_path, suffix):
    source = Cmu20(shared / "corpus")
    for trial in TRIALS:
        motion = source.read(trial).motion.frames(0, 400)
        path = tmp_path / f"{trial}{suffix}"
        save_motion(motion, path)
        again = load_motion(path)
        order = [again.skeleton.index(name) for name in motion.skeleton.joint_names]
        assert again.fps == pytest.approx(motion.fps)
        difference = again.positions_m[:, order] - motion.positions_m
        assert np.linalg.norm(difference, axis=-1).max() < 1e-3
