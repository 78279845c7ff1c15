"""Motion without end."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nestmotion.core.edit import concatenate
from nestmotion.core.errors import PromptError, SceneError
from nestmotion.generate import TextToMotion
from nestmotion.generate.scene import Prompt


@pytest.fixture(scope="module")
def model():
    return TextToMotion.load()


def test_chunks_go_on_and_the_text_may_change(model):
    stream = model.stream("a person walks forward", seed=1)
    chunks = list(itertools.islice(stream, 2))
    assert [len(chunk) for chunk in chunks] == [40, 40]
    assert stream.seconds == 4
    stream.say("a person stands still")
    chunks.append(next(stream))
    whole = concatenate(chunks, align=False)
    step = np.linalg.norm(np.diff(whole.positions_m, axis=0), axis=-1).max(axis=1)
    assert step[[39, 79]].max() < 1.2 * step[:39].max()
    again = next(model.stream("a person walks forward", seed=1))
    np.testing.assert_array_equal(again.root_m, chunks[0].root_m)


def test_prompts_are_read_as_they_come_and_end(model):
    read = []

    def prompts():
        for prompt in (Prompt("a person walks", 0, 2), Prompt("a person sits down", 2, 2.5)):
            read.append(prompt.text)
            yield prompt
        yield Prompt("a person waves", 60, 62)
        read.append("beyond")
        raise AssertionError("read too far ahead")

    stream = model.stream(prompts(), steps=2)
    assert read == ["a person walks"]
    next(stream)
    assert "beyond" not in read
    ended = list(model.stream([Prompt("a person walks", 0, 2.5)], steps=2))
    assert [len(chunk) for chunk in ended] == [40, 10]


def test_it_goes_on_from_a_motion(model):
    walk = model.generate("a person walks forward", seconds=2, seed=3)[0]
    chunk = next(model.stream("a person walks forward", start_from=walk))
    step = np.linalg.norm(chunk.positions_m[0] - walk.positions_m[-1], axis=-1).max()
    assert step < 0.3


def test_a_prompt_goes_on_while_others_move_other_parts(model):
    legs = Prompt("a person walks forward", 0, None, ("legs",))
    arm = Prompt("a person waves the right hand", 2, 4, ("right arm",))
    whole = concatenate(list(itertools.islice(model.stream([legs, arm], seed=1), 3)), align=False)
    assert whole.root_m[-1, 2] - whole.root_m[40, 2] > 1.0


def test_mistakes_are_named(model):
    with pytest.raises(PromptError, match=r"^the prompt is empty"):
        model.stream("")
    backwards = [Prompt("a person walks", 1, 2), Prompt("a person sits", 0, 1)]
    with pytest.raises(SceneError) as error:
        next(model.stream(backwards, steps=2))
    assert str(error.value) == (
        "prompt 'a person sits' begins at 0 s, before the one that stands before it"
    )
