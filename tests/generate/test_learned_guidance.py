"""A bundle's network may have learned guidance: what is asked for is weighed against that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nestmotion.generate import TextToMotion
from nestmotion.generate.batch import Order, explain_together
from nestmotion.generate.scene import Prompt, Scene
from synthetic_study import make_bundle

ORDER = Order("a person waves", seconds=1.5, seed=3, steps=3, postprocess=False)


def _alone(model: TextToMotion, guidance: float) -> np.ndarray:
    o = ORDER
    return model.generate(o.text, o.seconds, o.seed, 1, o.steps, guidance)[0].positions_m


def _together(model: TextToMotion, guidance: float) -> np.ndarray:
    order = replace(ORDER, guidance=guidance)
    return explain_together(model, [order, order])[1][0].motion.positions_m


def _scene(model: TextToMotion, guidance: float) -> np.ndarray:
    scene = Scene((Prompt(ORDER.text, 0, 1.5, strength=guidance),), 1.5)
    return model.scene(scene, seed=3, steps=3).motion.positions_m


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[TextToMotion, TextToMotion]:
    """One network: a bundle says that it learned guidance 5, another that it learned none."""
    folder = tmp_path_factory.mktemp("bundles")
    sampling = {"steps": 3, "guidance": 5.0}
    paths = [
        make_bundle(folder / str(learned), "x", sampling={**sampling, "learned_guidance": learned})
        for learned in (5.0, 1.0)
    ]
    learned, plain = (TextToMotion.load(path) for path in paths)
    return learned, plain


@pytest.mark.parametrize("make", [_alone, _together, _scene])
@pytest.mark.parametrize(("guidance", "weight"), [(5.0, 1.0), (10.0, 2.0), (0.0, 0.0)])
def test_guidance_is_a_share_of_what_was_learned(pair, make, guidance, weight):
    learned, plain = pair
    assert learned.bundle.text_weight(guidance) == weight
    assert np.array_equal(make(learned, guidance), make(plain, weight))


@pytest.mark.parametrize("make", [_alone, _together, _scene])
def test_more_guidance_is_another_motion(pair, make):
    learned, _ = pair
    assert np.abs(make(learned, 10.0) - make(learned, 5.0)).max() > 1e-3
