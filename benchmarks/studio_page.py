"""Seconds from Enter in the studio's prompt to the first moving frame, and what the page weighs.

    python benchmarks/studio_page.py

Starts a studio of its own and opens its page in Chromium, which draws without a graphics card here: the
slowest case. The first motion of a fresh page and those after it are told apart.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile

from playwright.sync_api import Page, sync_playwright

PROMPTS = [
    "a person walks forward and waves",
    "a person jumps up and down",
    "a person kicks with the right leg",
    "a person sits down",
    "a person walks backwards",
]
SECONDS, ROUNDS = 6, 3

# The clock under the stage counts frames from 1; a figure moves when it says another one.
WATCH = """() => {
  window.watched = {};
  addEventListener('keydown', event => {
    if (event.key === 'Enter') window.watched = {enter: performance.now()};
  }, true);
  const clock = document.getElementById('clock');
  const look = now => {
    const {enter, moving} = window.watched, text = document.getElementById('title').textContent;
    const frame = Number(/frame (\\d+)/.exec(clock.value)?.[1] ?? 0);
    const asked = document.getElementById('prompt').value;
    if (enter && !moving && text === asked && frame > 1) window.watched.moving = now;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
WEIGHT = """() => ['resource', 'navigation'].flatMap(kind => performance.getEntriesByType(kind))
  .filter(entry => !entry.name.includes('/v1/')).reduce((sum, entry) => sum + entry.transferSize, 0)"""


def main() -> None:
    browser = shutil.which("chromium") or sys.exit("needs Chromium on the PATH")
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-c",
            "import nestmotion.cli as c; c.main()",
            "studio",
            "--port",
            "0",
        ]
        server = subprocess.Popen([*command, "--data", folder], stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        try:
            url = server.stdout.readline().split()[1]
            with sync_playwright() as playwright:
                flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
                chromium = playwright.chromium.launch(executable_path=browser, args=flags)
                first, later = [], []
                for _ in range(ROUNDS):
                    page = chromium.new_page(viewport={"width": 1280, "height": 800})
                    page.goto(url)
                    page.wait_for_load_state("networkidle")
                    weight = page.evaluate(WEIGHT)
                    page.evaluate(WATCH)
                    page.fill("#seconds", str(SECONDS))
                    times = [_seconds(page, prompt) for prompt in PROMPTS]
                    first.append(times[0])
                    later += times[1:]
                    page.close()
                chromium.close()
        finally:
            server.terminate()
            server.wait(30)
    print(f"page, scripts and styles: {weight / 1e6:.2f} MB transferred")
    for name, times in (("first motion of a page", first), ("later ones", later)):
        print(
            f"{name}: {statistics.median(times):.2f} s from Enter to the first moving frame of "
            f"{SECONDS} s of motion (median of {len(times)}; {min(times):.2f} to {max(times):.2f})"
        )


def _seconds(page: Page, prompt: str) -> float:
    page.fill("#prompt", prompt)
    page.press("#prompt", "Enter")
    while not page.evaluate("window.watched.moving ?? 0"):
        page.wait_for_timeout(50)
    return page.evaluate("(window.watched.moving - window.watched.enter) / 1000")


if __name__ == "__main__":
    main()
