"""A studio on a free port of this machine, for tests to talk to over HTTP."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from nestmotion.generate import TextToMotion
from nestmotion.studio.app import create_app
from nestmotion.studio.limits import Limits
from nestmotion.studio.security import Hosts
from nestmotion.studio.server import listen, server_of
from nestmotion.studio.store import Store
from nestmotion.studio.studio import Studio

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Served:
    """A running studio."""

    studio: Studio
    url: str
    port: int
    client: httpx.Client

    @contextmanager
    def busy(self) -> Iterator[None]:
        """The worker has something to do as long as the body runs."""
        began, done = threading.Event(), threading.Event()

        def work(_: TextToMotion) -> None:
            began.set()
            done.wait(60)

        task = self.studio.errand(work)
        assert began.wait(60)
        try:
            yield
        finally:
            done.set()
            task.ended.result(60)


@contextmanager
def serving(
    model: TextToMotion, folder: Path, limits: Limits | None = None, token: str | None = None
) -> Iterator[Served]:
    """Start a studio, and stop it after the body."""
    limits = limits if limits is not None else Limits()
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        studio = Studio(model, Store(folder), limits)
        server = server_of(create_app(studio, Hosts.of("127.0.0.1"), token), limits)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=60) as client:
            try:
                assert client.get("/v1/health").status_code == 200
                yield Served(studio, url, port, client)
            finally:
                server.should_exit = True
                thread.join(30)


@pytest.fixture(scope="session")
def model() -> TextToMotion:
    """The shipped model."""
    return TextToMotion.load()


@pytest.fixture(scope="module")
def served(model, tmp_path_factory) -> Iterator[Served]:
    """A studio that the tests of a module share."""
    with serving(model, tmp_path_factory.mktemp("studio")) as running:
        yield running


@pytest.fixture
def serve(model, tmp_path) -> Callable[..., object]:
    """`serving` of the shipped model in a folder of the test's own."""

    def start(limits: Limits | None = None, token: str | None = None, folder: Path = tmp_path):
        return serving(model, folder, limits, token)

    return start


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests: of its synchronous interface there is one in a process."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("needs Chromium on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()
