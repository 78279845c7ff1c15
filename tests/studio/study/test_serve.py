"""nestmotion study serve, as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import numpy as np
import pytest

from nestmotion.cli import main
from nestmotion.studio.study import StudyStore
from nestmotion.studio.study.results import read_answers
from simulated_raters import Rater, key
from synthetic_study import MODELS


@contextmanager
def _served(*arguments: str) -> Iterator[tuple[subprocess.Popen, list[str]]]:
    """The process, and the lines it prints before it waits for raters."""
    command = [sys.executable, "-c", "from nestmotion.cli import main; raise SystemExit(main())"]
    process = subprocess.Popen(
        [*command, "study", "serve", *arguments, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith("Give each rater"):
            break
    try:
        yield process, lines
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _link(lines: list[str], number: int = 0) -> tuple[str, str]:
    base, token = re.fullmatch(r"r\d\d +\d+ of \d+  (http\S+)/r/(\w+)", lines[number]).groups()
    return base, token


def test_killed_while_raters_answer(study):
    """What was answered is there after a restart, and the rater goes on."""
    secrets, liking = key(study), dict.fromkeys(MODELS, 0.0)
    study.close()
    rng = np.random.default_rng(0)
    with _served(str(study.folder)) as (process, lines):
        base, token = _link(lines)
        with httpx.Client(base_url=base) as client:
            assert client.get(f"/r/{token}").status_code == 200
            assert Rater(client, token, secrets, liking, rng).answer_all(most=7) == 7
            process.send_signal(signal.SIGKILL)
    with _served(str(study.folder)) as (process, lines):
        assert lines[0].startswith("r01    7 of ")
        base, again = _link(lines)
        assert again == token
        with httpx.Client(base_url=base) as client:
            rest = Rater(client, token, secrets, liking, rng).answer_all()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert "Traceback" not in process.stdout.read()
    store = StudyStore(study.folder)
    with store.connection() as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert store.links()[0][1].answered == rest + 7 == store.links()[0][1].total
    assert len(read_answers(store).raters) == 16


def test_links_of_a_server_behind_a_proxy(study):
    with _served(str(study.folder), "--url", "https://study.example/") as (_, lines):
        assert len(lines) == 17
        assert _link(lines, 15)[0] == "https://study.example"
        assert lines[-1] == "Give each rater one of these links. Ctrl+C closes the study."


def test_a_port_that_is_taken(study, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["study", "serve", str(study.folder), "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"nestmotion: cannot listen on 127.0.0.1 port {port}: address already in use; give "
        "another --host or --port\n"
    )


@pytest.mark.parametrize("verb", ["serve", "report"])
def test_a_folder_without_a_study(tmp_path, capsys, verb):
    assert main(["study", verb, str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"nestmotion: {tmp_path / 'study.sqlite'}: missing; make a study with: nestmotion study "
        "create\n"
    )
