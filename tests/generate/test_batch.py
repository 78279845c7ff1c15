"""Several prompts in one run of the network."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from nestmotion.core.errors import PromptError, SettingsError
from nestmotion.generate import TextToMotion
from nestmotion.generate.batch import Order, alike, explain_together, settled


@pytest.fixture(scope="module")
def model():
    return TextToMotion.load()


def test_as_if_each_were_made_alone(model):
    orders = [
        Order("a person walks forward", seconds=2, seed=3),
        Order("a person jumps, then waves", seconds=1.3, samples=2, by_turns=False),
        Order("a man kicks", seed=9, postprocess=False),
        Order("a person steps to the left", seconds=1.5, seed=2),  # in the mirror
    ]
    told = []
    together = explain_together(model, orders, told.append)
    steps = model.bundle.manifest["sampling"]["steps"]
    assert told == [k / steps for k in range(steps)]
    for order, made in zip(orders, together, strict=True):
        alone = model.explain(**asdict(order))
        assert len(made) == order.samples
        for one, other in zip(made, alone, strict=True):
            assert one.motion.metadata == other.motion.metadata
            np.testing.assert_allclose(one.motion.positions_m, other.motion.positions_m, atol=1e-4)
            np.testing.assert_allclose(one.alignment.weight, other.alignment.weight, atol=1e-4)
            assert one.alignment.tree == other.alignment.tree


def test_settling_fills_in_what_the_model_decides(model):
    order = settled(model, Order("  a person \n walks "))
    sampling = model.bundle.manifest["sampling"]
    assert order.text == "a person walks"
    assert order.seconds == model.predict_seconds("a person walks")
    assert (order.steps, order.guidance) == (sampling["steps"], sampling["guidance"])
    assert settled(model, order) == order
    with pytest.raises(PromptError, match="seconds must be from 1 to 10, not 11"):
        settled(model, Order("a person walks", seconds=11))


def test_alike_are_those_that_need_no_padding(model):
    def key(**values):
        return alike(model, settled(model, Order("a person walks", **values)))

    assert key(seconds=3) == key(seconds=3.1, seed=7)
    assert key(seconds=3) != key(seconds=6)
    assert key(seconds=3) != key(seconds=3, steps=5)


def test_with_turns_among_them_all_are_made_alone(model):
    turns = settled(model, Order("a person walks, then sits down", samples=2, steps=2))
    plain = Order("a person walks", seconds=2, steps=3)
    assert turns.seconds is None
    assert alike(model, turns) is None
    told = []
    made, others = explain_together(model, [turns, plain], told.append)
    assert told == [0.0, 0.0]
    assert [one.motion.metadata["by_turns"] for one in made] == [True, True]
    assert others[0].motion.metadata == model.generate(plain.text, 2.0, steps=3)[0].metadata


def test_one_run_has_one_number_of_steps(model):
    with pytest.raises(SettingsError, match="must have the same steps and guidance"):
        explain_together(model, [Order("a person walks"), Order("a person walks", steps=3)])


def test_what_on_step_raises_ends_the_work(model):
    calls = []

    def stop(done):
        calls.append(done)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        explain_together(model, [Order("a person walks", seconds=1)], stop)
    assert calls == [0.0]
