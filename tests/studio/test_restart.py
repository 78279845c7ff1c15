"""A server that is killed while it works."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

pytestmark = pytest.mark.slow


@contextmanager
def _process(folder) -> Iterator[tuple[subprocess.Popen, httpx.Client]]:
    command = [sys.executable, "-m", "nestmotion.cli", "studio", "--port", "0", "--data", str(folder)]
    code = "import sys; from nestmotion.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "studio", "--port", "0", "--data", str(folder)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    try:
        address = process.stdout.readline().split()[1]
        with httpx.Client(base_url=address, timeout=60) as client:
            yield process, client
    finally:
        process.kill()
        process.wait()


def test_killed_and_started_again(tmp_path):
    ask = {"prompt": "a person walks forward", "seconds": 2}
    with _process(tmp_path) as (process, client):
        done = [client.post("/v1/generate?wait=30", json={**ask, "seed": k}).json() for k in (0, 1)]
        kept = [client.get(job["motions"][0]["files"]["npz"]).content for job in done]
        waiting = [
            client.post("/v1/generate", json={**ask, "seconds": 10, "samples": 8, "seed": k}).json()
            for k in range(6)
        ]
        os.kill(process.pid, signal.SIGKILL)
    with _process(tmp_path) as (process, client):
        for job, data in zip(done, kept, strict=True):
            assert client.get(f"/v1/jobs/{job['id']}").json() == job
            assert client.get(job["motions"][0]["files"]["npz"]).content == data
        assert {client.get(f"/v1/jobs/{job['id']}").json()["status"] for job in waiting} == {
            "interrupted"
        }
        new = client.post("/v1/generate?wait=30", json={**ask, "seed": 0}).json()
        assert client.get(new["motions"][0]["files"]["npz"]).content == kept[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    with sqlite3.connect(tmp_path / "studio.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
