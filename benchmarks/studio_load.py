"""A studio under load and under the knife: many requests at once, a full queue, kill -9 and restart.

    .venv-test/bin/python benchmarks/studio_load.py

Starts `nestmotion studio` on a free port with a data folder of its own. Every motion that comes back is
compared with what the model makes in this process of the same request.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from nestmotion.generate import TextToMotion
from nestmotion.studio.files import from_npz

PROMPTS = (
    "a person walks forward",
    "a person walks forward, then sits down",
    "a man jumps twice",
    "a person waves with both hands",
    "someone runs in a circle",
    "a person kicks with the right foot",
    "a person turns around and walks back",
    "a woman crouches slowly",
)
SECONDS = (2.0, 4.0, 6.0)


@dataclass(frozen=True)
class Asked:
    """One request and what came of it."""

    request: dict
    status: int
    job: dict | None
    seconds: float
    retry_after: str | None


def start(folder: Path, threads: int) -> tuple[subprocess.Popen, str]:
    """A studio on a free port, and its address."""
    code = "import sys; from nestmotion.cli import main; sys.exit(main())"
    command = [
        sys.executable,
        "-c",
        code,
        "studio",
        "--port=0",
        f"--data={folder}",
        f"--threads={threads}",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    return process, process.stdout.readline().split()[1].rstrip("/")


def memory_mb(process: subprocess.Popen, field: str) -> float:
    """VmRSS (now) or VmHWM (the most so far) of a process, in MB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1000


def processor_s(process: subprocess.Popen) -> float:
    """Seconds of processor time that a process has taken; what others take is not in it."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def requests(count: int, first_seed: int) -> list[dict]:
    """Requests no two of which are the same."""
    return [
        {"prompt": PROMPTS[k % 8], "seconds": SECONDS[k % 3], "seed": first_seed + k}
        for k in range(count)
    ]


async def ask(client: httpx.AsyncClient, request: dict) -> Asked:
    """Post, and wait until the job has ended."""
    began = time.perf_counter()
    reply = await client.post("/v1/generate", json=request)
    job = reply.json() if reply.status_code in (200, 202) else None
    while job is not None and job["status"] in ("queued", "running"):
        job = (await client.get(f"/v1/jobs/{job['id']}?wait=30")).json()
    taken = time.perf_counter() - began
    return Asked(request, reply.status_code, job, taken, reply.headers.get("retry-after"))


async def ask_all(address: str, asked: list[dict]) -> list[Asked]:
    """All at once, each on a connection of its own."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=600, limits=limits) as client:
        return await asyncio.gather(*(ask(client, request) for request in asked))


def wrong(address: str, model: TextToMotion, answers: list[Asked]) -> int:
    """How many jobs are not done, or whose motion is not the one that this process makes."""
    count = 0
    with httpx.Client(base_url=address, timeout=60) as client:
        for answer in answers:
            if answer.job is None or answer.job["status"] != "done":
                count += 1
                continue
            found = from_npz(client.get(answer.job["motions"][0]["files"]["npz"]).content)
            request = answer.request
            (want,) = model.generate(request["prompt"], request["seconds"], request["seed"])
            same = found.metadata["seed"] == request["seed"] and len(found) == len(want)
            count += not (same and np.allclose(found.positions_m, want.positions_m, atol=1e-4))
    return count


def quantile(values: list[float], part: float) -> float:
    """The smallest value that at least this part of them does not exceed."""
    return sorted(values)[max(math.ceil(part * len(values)) - 1, 0)]


def print_load(process: subprocess.Popen, address: str, model: TextToMotion, count: int) -> None:
    rest = memory_mb(process, "VmRSS")
    began, used = time.perf_counter(), processor_s(process)
    answers = asyncio.run(ask_all(address, requests(count, 0)))
    wall, used = time.perf_counter() - began, processor_s(process) - used
    times = [answer.seconds for answer in answers]
    frames = sum(answer.job["motions"][0]["frames"] for answer in answers if answer.job)
    print(f"{count} at once      {wall:.1f} s in all, {wall / count:.2f} s each")
    print(f"  processor     {used:.1f} s of the server's, {used / count:.2f} s each")
    print(f"  statuses      {statuses(answers)}")
    print(f"  latency       p50 {statistics.median(times):.1f} s, p95 {quantile(times, 0.95):.1f} s")
    print(f"  motion        {frames / 20 / wall:.1f} s of motion a second")
    print(f"  wrong or lost {wrong(address, model, answers)}")
    print(f"  memory        {rest:.0f} MB before, {memory_mb(process, 'VmHWM'):.0f} MB at most")


def print_full(process: subprocess.Popen, address: str, model: TextToMotion, count: int) -> None:
    answers = asyncio.run(ask_all(address, requests(count, 1000)))
    taken = [answer for answer in answers if answer.status != 429]
    told = Counter(answer.retry_after for answer in answers if answer.status == 429)
    print(f"{count} at once     statuses {statuses(answers)}; Retry-After {dict(told)}")
    print(f"  wrong or lost {wrong(address, model, taken)} of {len(taken)} taken")
    print(f"  memory        {memory_mb(process, 'VmHWM'):.0f} MB at most")


def statuses(answers: list[Asked]) -> dict[int, int]:
    return dict(sorted(Counter(answer.status for answer in answers).items()))


def print_killed(folder: Path, threads: int, rounds: int) -> None:
    """Kill a server that works, and see what the next one knows of what was told to be done."""
    known: dict[str, bytes] = {}
    lost = changed = 0
    for k in range(rounds):
        process, address = start(folder, threads)
        with httpx.Client(base_url=address, timeout=60) as client:
            for job, data in known.items():
                reply = client.get(f"/v1/jobs/{job}/motions/0.npz")
                lost += reply.status_code != 200
                changed += reply.status_code == 200 and reply.content != data
            asked = [client.post("/v1/generate", json=r).json() for r in requests(12, 5000 + 100 * k)]
            client.get(f"/v1/jobs/{asked[k % 6]['id']}?wait=30")
            for job in asked:
                if client.get(f"/v1/jobs/{job['id']}").json()["status"] == "done":
                    known[job["id"]] = client.get(f"/v1/jobs/{job['id']}/motions/0.npz").content
            process.send_signal(signal.SIGKILL)
            process.wait()
    process, address = start(folder, threads)
    with httpx.Client(base_url=address, timeout=60) as client:
        jobs = client.get("/v1/jobs?limit=200").json()["jobs"]
        interrupted = sum(job["status"] == "interrupted" for job in jobs)
        unfinished = sum(job["status"] in ("queued", "running") for job in jobs)
        for job, data in known.items():
            reply = client.get(f"/v1/jobs/{job}/motions/0.npz")
            lost += reply.status_code != 200
            changed += reply.status_code == 200 and reply.content != data
    process.send_signal(signal.SIGINT)
    code = process.wait(60)
    with sqlite3.connect(folder / "studio.db") as database:
        (integrity,) = database.execute("PRAGMA integrity_check").fetchone()
    database.close()
    print(f"kill -9         {rounds} times; of {len(known)} known done {lost} lost, {changed} changed")
    print(f"  the others    {interrupted} interrupted, {unfinished} left unfinished")
    print(f"  database      integrity {integrity}")
    print(f"Ctrl+C          exit code {code}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the server")
    parser.add_argument("--kills", type=int, default=5)
    options = parser.parse_args()
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"machine         {os.cpu_count()} cores, load before {load}")
    print(f"server          {options.threads} threads for the network")
    model = TextToMotion.load()
    with tempfile.TemporaryDirectory() as scratch:
        process, address = start(Path(scratch) / "load", options.threads)
        try:
            httpx.get(f"{address}/v1/health", timeout=60)
            print_load(process, address, model, options.requests)
            print_full(process, address, model, 2 * options.requests)
        finally:
            process.kill()
            process.wait()
        print_killed(Path(scratch) / "killed", options.threads, options.kills)


if __name__ == "__main__":
    main()
