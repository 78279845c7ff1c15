"""page/viewer.js by itself, as other pages use it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

CANVAS = """
  async files => {
    const {create} = await import('/viewer.js');
    const canvas = document.createElement('canvas');
    canvas.style.cssText = 'position: fixed; inset: 0; width: 600px; height: 300px';
    document.body.append(canvas);
    window.viewer = create(canvas);
    await window.viewer.load(files);
  }
"""


@pytest.fixture
def clips(served) -> list[str]:
    """Addresses of two motions, of 40 and of 30 frames."""
    made = [
        served.client.post("/v1/generate?wait=30", json={"prompt": prompt, "seconds": seconds}).json()
        for prompt, seconds in (("a person walks forward", 2.0), ("a person jumps", 1.5))
    ]
    return [job["motions"][0]["files"]["glb"] for job in made]


def test_one_file(studio, clips) -> None:
    studio.page.evaluate(CANVAS, clips[0])
    found = studio.page.evaluate(
        "[viewer.frames, viewer.fps, viewer.duration, viewer.tiles, viewer.playing]"
    )
    assert found == [40, 20, 2, [{"x": 0, "y": 0, "width": 600, "height": 300}], False]
    assert studio.page.evaluate("viewer.metadata[0].prompt") == "a person walks forward"


def test_two_files_share_clock_and_canvas(studio, clips) -> None:
    studio.page.evaluate(CANVAS, clips)
    tiles = studio.page.evaluate("viewer.tiles")
    assert tiles == [{"x": x, "y": 0, "width": 300, "height": 300} for x in (0, 300)]
    assert studio.page.evaluate("viewer.frames") == 40  # the longer one's
    assert studio.page.evaluate("viewer.metadata.map(told => told.prompt)") == [
        "a person walks forward",
        "a person jumps",
    ]


def test_time(studio, clips) -> None:
    studio.page.evaluate(CANVAS, clips[0])
    seek = "seconds => { viewer.seek(seconds); return [viewer.frame, viewer.time]; }"
    assert studio.page.evaluate(seek, 1.0) == [20, 1.0]
    assert studio.page.evaluate(seek, 0.974) == [19, 0.974]
    assert studio.page.evaluate(seek, 99) == [39, 1.95]
    assert studio.page.evaluate(seek, -1) == [0, 0]
    assert studio.page.evaluate("viewer.step(3); viewer.step(-1); viewer.frame") == 2


def test_events(studio, clips) -> None:
    studio.page.evaluate(CANVAS, clips[0])
    told = studio.page.evaluate(
        """async file => {
      const told = [];
      for (const name of ['load', 'play', 'pause', 'frame', 'layout']) {
        viewer.addEventListener(name, () => told.push(name));
      }
      viewer.play(); viewer.play(); viewer.pause(); viewer.pause(); viewer.seek(1);
      await viewer.load([file, file]);
      return told;
    }""",
        clips[1],
    )
    assert told == ["play", "pause", "frame", "layout", "load"]


def test_what_cannot_be_loaded(studio, clips) -> None:
    studio.page.evaluate(CANVAS, clips[0])
    fail = "file => viewer.load(file).then(() => null, error => error.message)"
    assert studio.page.evaluate(fail, "/nothing.glb") == "/nothing.glb: 404 Not Found"
    assert studio.page.evaluate(fail, "/icon.svg")
    assert studio.page.evaluate("viewer.frames") == 40  # what was there stays
    studio.complaints.clear()


def test_a_later_load_overtakes_an_earlier_one(studio, clips) -> None:
    studio.page.evaluate(CANVAS, clips[0])
    prompts = studio.page.evaluate(
        """async ([slow, fast]) => {
      const real = window.fetch;
      let go;
      window.fetch = async file => {
        if (file === slow) await new Promise(done => { go = done; });
        return real(file);
      };
      const first = viewer.load(slow);
      await viewer.load(fast);
      go();
      await first;
      return viewer.metadata.map(told => told.prompt);
    }""",
        clips,
    )
    assert prompts == ["a person jumps"]
