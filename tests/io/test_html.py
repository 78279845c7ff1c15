"""The web page that plays a motion: what it holds, and what a real browser makes of it."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nestmotion.core import Motion, Skeleton
from nestmotion.core.errors import OutputError
from nestmotion.core.rotations import quat_apply
from nestmotion.io.html import save_html
from nestmotion.io.mannequin import build_mannequin

NASTY = "<script>alert(\"x\")</script> </script><!-- {{CLIP}} & 'quotes' \u2028 走"
TYPES = {"Uint8Array": "u1", "Uint16Array": "<u2", "Uint32Array": "<u4", "Float32Array": "<f4"} | {
    "Int8Array": "i1",
    "Int16Array": "<i2",
}


class Page(HTMLParser):
    """The text of every element, and all attributes, as a browser would read them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.tags: list[str] = []
        self.open = ""
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open = tag
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        self.texts[self.open] = self.texts.get(self.open, "") + data


def clip_of(path: Path) -> dict[str, Any]:
    found = re.search(
        r'<script id="clip" type="application/json">(.*?)</script>', path.read_text("utf-8")
    )
    assert found
    return json.loads(found[1])


def unpack(packed: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["data"]), TYPES[packed["type"]]) * packed["unit"]


def test_ten_seconds_are_small_and_self_contained(
    tmp_path: Path, random_motion: Callable[..., Motion]
) -> None:
    path = tmp_path / "a.html"
    save_html(random_motion(frames=200).with_metadata(prompt="a person waves", seed=7), path)
    assert path.stat().st_size < 200_000
    page = Page(path)
    assert not {"link", "img", "iframe", "object"} & set(page.tags)
    assert not {"src", "href", "srcset"} & {name for name, _ in page.attributes}
    assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttp|WebSocket|import\(", path.read_text())
    assert page.texts["title"] == page.texts["h1"] == "a person waves"
    assert "10.00 s · 200 frames at 20 fps · 22 joints · seed 7" in page.texts["p"]


def test_every_control_has_a_name(tmp_path: Path, random_motion: Callable[..., Motion]) -> None:
    save_html(random_motion(), tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text()
    for control in re.findall(r"<(?:button|input|select|canvas)[^>]*>", text):
        inside_label = re.search(r"<label>[^<]*" + re.escape(control), text)
        is_reset = 'id="reset"' in control  # named by its own words
        assert "aria-label=" in control or inside_label or is_reset, control


def test_prompt_is_text_whatever_it_holds(tmp_path: Path, random_motion: Callable[..., Motion]) -> None:
    path = tmp_path / "a.html"
    save_html(random_motion().with_metadata(prompt=NASTY), path)
    page = Page(path)
    assert page.texts["title"] == page.texts["h1"] == NASTY
    assert page.tags.count("script") == 2
    assert ("aria-label", f"A mannequin moving: {NASTY}") in page.attributes
    assert clip_of(path)["frames"] == 40


@pytest.mark.parametrize("prompt", [None, "  ", 5])
def test_without_a_prompt_the_file_is_the_title(
    prompt: object, tmp_path: Path, random_motion: Callable[..., Motion]
) -> None:
    motion = random_motion() if prompt is None else random_motion().with_metadata(prompt=prompt)
    save_html(motion, tmp_path / "my <walk>.html")
    assert Page(tmp_path / "my <walk>.html").texts["title"] == "my <walk>"


def test_packed_motion_is_the_motion(tmp_path: Path, random_motion: Callable[..., Motion]) -> None:
    motion = random_motion(frames=30)
    save_html(motion, tmp_path / "a.html")
    clip = clip_of(tmp_path / "a.html")
    quat = unpack(clip["quats"]).reshape(30, 22, 4)
    back = Motion(motion.skeleton, clip["fps"], unpack(clip["root"]).reshape(30, 3), quat)
    assert np.abs(back.positions_m - motion.positions_m).max() < 1e-3
    vertices = build_mannequin(motion).vertices_m
    assert np.abs(unpack(clip["vertices"]).reshape(-1, 3) - vertices).max() < 1e-4


def test_same_motion_gives_the_same_bytes(tmp_path: Path, random_motion: Callable[..., Motion]) -> None:
    for folder in ("one", "two"):
        save_html(random_motion(), tmp_path / folder / "a.html")
    assert (tmp_path / "one" / "a.html").read_bytes() == (tmp_path / "two" / "a.html").read_bytes()


def test_unwritable_place(tmp_path: Path, random_motion: Callable[..., Motion]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        save_html(random_motion(), tmp_path / "file" / "a.html")


# ---- In a browser -----------------------------------------------------------------------------------

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Open a page in headless Chromium, run a script after its first picture, and give the data
    attributes of its body."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("needs Chromium on the PATH")

    def open_page(path: Path, script: str = "", fragment: str = "") -> dict[str, str]:
        page = path.read_text("utf-8")
        # A browser without a screen may give no animation frame at all: the script makes its own.
        added = f"<script>tick(1000); {script}</script></body>"
        path.write_text(page.replace("</body>", added), "utf-8")
        flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-sync --dump-dom"
        quiet = "--disable-background-networking --disable-component-update --virtual-time-budget=1500"
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = [browser, *flags.split(), *quiet.split(), profile, path.as_uri() + fragment]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        body = re.search(r"<body[^>]*>", done.stdout)
        assert body, done.stderr[-2000:]
        return dict(re.findall(r'data-([a-z]+)="([^"]*)"', body[0]))

    return open_page


def test_browser_plays_the_motion(tmp_path: Path, browse: Callable, synthetic_walk: Callable) -> None:
    path = tmp_path / "a.html"
    save_html(synthetic_walk(frames=200).with_metadata(prompt=NASTY), path)
    halfway = """
      flags.first = playing;
      time = 0; last = 1000; flags.drawn = 0;
      for (let now = 1050; now <= 1550; now += 50) tick(now);
      flags.then = [playing, flags.frame, flags.drawn, $('clock').value].join();
      $('speed').value = '0.5'; time = 198; tick(1650);
      flags.slow = time.toFixed(2);
      $('speed').value = '1'; tick(1700); tick(1750);
      flags.looped = time.toFixed(2);
      $('loop').checked = false; time = 198.5; tick(1850);
      flags.ended = [playing, flags.frame].join();
    """
    flags = browse(path, halfway)
    assert "error" not in flags
    assert flags["first"] == "true"
    assert flags["then"] == "true,11,11,0.55 s · frame 12 of 200"
    assert (flags["slow"], flags["looped"], flags["ended"]) == ("199.00", "1.00", "false,199")


def test_browser_goes_on_from_the_end_of_a_loop(
    tmp_path: Path, browse: Callable, synthetic_walk: Callable
) -> None:
    """Between the last frame and the first it is neither the one nor the other."""
    path = tmp_path / "a.html"
    walk = synthetic_walk(frames=40, speed_m_s=0.0).with_metadata(loop=True)
    save_html(walk, path)
    root = unpack(clip_of(path)["root"]).reshape(-1, 3)
    assert (clip_of(path)["frames"], len(root)) == (40, 41)
    np.testing.assert_allclose(root[40], root[0], atol=1e-6)
    ankle = walk.skeleton.index("left_ankle")
    script = f"""
      setPlaying(true); time = 39; last = 1000; tick(1020);
      flags.then = [time.toFixed(2), $('clock').value].join();
      const height = t => {{ setPose(t); return pose[12 * {ankle} + 7].toFixed(4); }};
      flags.between = [39, 39.5, 40, 0].map(height).join();
    """
    flags = browse(path, script)
    assert "error" not in flags
    assert flags["then"] == "39.40,1.97 s · frame 40 of 40"
    last, between, closing, first = map(float, flags["between"].split(","))
    assert closing == first
    assert min(last, first) < between < max(last, first)


def test_browser_shows_a_body(tmp_path: Path, browse: Callable, synthetic_walk: Callable) -> None:
    """The picture holds pixels of the body's three colours, in the middle and not at the rim."""
    save_html(synthetic_walk(), tmp_path / "a.html")
    count = """
      draw(3);
      const found = {wood: 0, left: 0, right: 0};
      const pixels = new Uint8Array(4 * canvas.width * canvas.height);
      gl.readPixels(0, 0, canvas.width, canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
      let rim = 0;
      for (let i = 0; i < pixels.length; i += 4) {
        const [r, g, b, a] = pixels.subarray(i, i + 4);
        if (a < 255) continue;
        const x = i / 4 % canvas.width / canvas.width;
        if (x < 0.2 || x > 0.8) rim++;
        found[b > r ? 'right' : g > 0.65 * r ? 'wood' : 'left']++;
      }
      Object.assign(flags, found, {rim, all: pixels.length / 4});
    """
    flags = browse(tmp_path / "a.html", count, "#frame=3")
    assert "error" not in flags
    total = int(flags["all"])
    assert total > 100_000
    for colour in ("wood", "left", "right"):
        assert int(flags[colour]) > total / 300, flags
    assert int(flags["rim"]) == 0


def test_browser_poses_the_mannequin_as_we_do(
    tmp_path: Path, browse: Callable, random_motion: Callable[..., Motion]
) -> None:
    motion = random_motion(frames=20)
    save_html(motion, tmp_path / "a.html")
    script = "setPose(7); flags.world = Array.from(world, v => v.toFixed(4)).join(' ');"
    flags = browse(tmp_path / "a.html", script, "#frame=0")
    shown = np.array(flags["world"].split(), float).reshape(-1, 6)
    mesh = build_mannequin(motion)
    expected = np.zeros_like(mesh.vertices_m)
    for k in range(2):
        joint = mesh.joints[:, k]
        turn = motion.quat_world_xyzw[7, joint]
        arm = mesh.vertices_m - motion.skeleton.rest_positions_m[joint]
        expected += mesh.weights[:, k : k + 1] * (motion.positions_m[7, joint] + quat_apply(turn, arm))
    # Shares of two joints are rounded to 1/127.
    assert np.abs(shown[:, :3] - expected).max() < 3e-3
    assert np.median(np.abs(shown[:, :3] - expected)) < 2e-4
    assert (np.linalg.norm(shown[:, 3:], axis=1) > 0.5).all()


def test_browser_controls(
    tmp_path: Path, browse: Callable, random_motion: Callable[..., Motion]
) -> None:
    save_html(random_motion(frames=50), tmp_path / "a.html")
    script = """
      const log = [], press = key => {
        document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
        log.push([Math.round(time), playing].join());
      };
      ['ArrowRight', 'ArrowRight', 'ArrowLeft', 'End', 'ArrowRight'].forEach(press);
      ['Home', 'ArrowLeft', ' ', ' '].forEach(press);
      $('scrub').value = 33; $('scrub').dispatchEvent(new Event('input'));
      log.push([time, playing].join());
      const before = camera.distance, yaw = camera.yaw;
      canvas.dispatchEvent(new WheelEvent('wheel', {deltaY: 60, cancelable: true}));
      log.push(camera.distance > before);
      canvas.setPointerCapture = () => {};
      canvas.dispatchEvent(new PointerEvent('pointerdown', {pointerId: 1, clientX: 10, clientY: 10}));
      canvas.dispatchEvent(new PointerEvent('pointermove', {pointerId: 1, clientX: 60, clientY: 10}));
      log.push(camera.yaw < yaw);
      $('reset').click();
      log.push(camera.yaw === yaw && camera.distance === before);
      tick(1100);
      flags.log = log.join(' ');
    """
    flags = browse(tmp_path / "a.html", script, "#frame=10")
    assert "error" not in flags
    keys = "11,false 12,false 11,false 49,false 49,false 0,false 0,false 0,true 0,false"
    assert flags["log"] == f"{keys} 33,false true true true"
    assert flags["frame"] == "33"


def test_browser_copes_with_one_frame_of_one_joint(tmp_path: Path, browse: Callable) -> None:
    skeleton = Skeleton(("only",), (-1,), np.zeros((1, 3)))
    save_html(Motion(skeleton, 20.0, np.zeros((1, 3)), np.ones((1, 1, 4))), tmp_path / "a.html")
    flags = browse(tmp_path / "a.html")
    assert "error" not in flags
    assert (flags["playing"], flags["frame"]) == ("false", "0")
    assert int(flags["drawn"]) > 0
