"""nestmotion study serve."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import tyro

from nestmotion.studio.limits import Limits
from nestmotion.studio.security import is_unspecified
from nestmotion.studio.server import listen, server_of
from nestmotion.studio.study import StudyStore
from nestmotion.studio.study.app import study_app

__all__ = ["run"]


def run(
    study: tyro.conf.Positional[Path],
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 8766,
    url: str | None = None,
) -> None:
    """Open a study to its raters and print everybody's link. Ctrl+C closes it; answers are kept.

    Args:
        study: Folder made by nestmotion study create.
        host: Address to listen on; 0.0.0.0 lets other machines in, and only those with a link see
            anything.
        port: Port to listen on; 0 takes a free one.
        url: Address under which raters reach the server, for the links; where a proxy in front of it
            speaks HTTPS, the proxy's.
    """
    store = StudyStore(study)
    with listen(host, port) as listening:
        shown = socket.gethostname() if is_unspecified(host) else f"[{host}]" if ":" in host else host
        base = (url or f"http://{shown}:{listening.getsockname()[1]}").rstrip("/")
        for number, (token, progress) in enumerate(store.links(), start=1):
            print(f"r{number:02d}  {progress.answered:>3} of {progress.total}  {base}/r/{token}")
        print("Give each rater one of these links. Ctrl+C closes the study.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):  # the way to close it
            server_of(study_app(store), Limits()).run(sockets=[listening])
