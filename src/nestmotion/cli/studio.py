"""nestmotion studio."""

from __future__ import annotations

import contextlib
import os
import socket
import webbrowser
from pathlib import Path
from typing import Annotated

import tyro
from platformdirs import user_data_path

from nestmotion.generate import TextToMotion
from nestmotion.studio.app import create_app
from nestmotion.studio.limits import Limits
from nestmotion.studio.security import Hosts, is_unspecified, token_for
from nestmotion.studio.server import listen, server_of
from nestmotion.studio.store import Store
from nestmotion.studio.studio import Studio

__all__ = ["run"]


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    bundle: Path | None = None,
    data: Path | None = None,
    token: str | None = None,
    allow_host: tuple[str, ...] = (),
    open_: Annotated[bool, tyro.conf.arg(name="open")] = False,
    threads: int = 1,
) -> None:
    """Serve the studio: a web page, and an HTTP API for tools (docs/studio-api.md).

    Args:
        host: Address to listen on. Anything but this machine's own needs a token.
        port: Port to listen on; 0 takes a free one.
        bundle: Folder of a bundle; the one in the package when not given.
        data: Folder that keeps jobs and motions; your data folder when not given.
        token: What clients must send; also from NESTMOTION_TOKEN. Made up when one is needed and none
            is given.
        allow_host: More names under which the server is asked, such as a proxy's.
        open_: Open the page in a browser.
        threads: CPU threads.
    """
    token = token_for(host, token if token is not None else os.environ.get("NESTMOTION_TOKEN"))
    limits = Limits()
    with listen(host, port) as listening:
        model = TextToMotion.load(bundle, threads)
        folder = data if data is not None else user_data_path("nestmotion", appauthor=False) / "studio"
        studio = Studio(model, Store(folder), limits)
        shown = socket.gethostname() if is_unspecified(host) else f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}/"
        address += "" if token is None else f"#token={token}"
        print(f"studio: {address} (stop with Ctrl+C)", flush=True)
        if open_:
            webbrowser.open(address)  # the socket listens already; the page comes in a moment
        app = create_app(studio, Hosts.of(host, allow_host), token)
        with contextlib.suppress(KeyboardInterrupt):  # the way to stop it
            server_of(app, limits).run(sockets=[listening])
