"""What generation costs here: installed size, time and memory of the command, time of a second clip.

Run it with the environment to be measured, one with what generation needs and no more:

    make demo
    .venv-demo/bin/python benchmarks/measure.py
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

MB = 1e6


def size_bytes(folders: Iterable[Path]) -> int:
    """Disk space of folders and all that is in them, hard links counted once, as `du` counts it."""
    seen = {}
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            status = path.lstat()
            seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def run_and_measure(command: list[str]) -> tuple[float, float]:
    """Wall time in seconds and peak resident memory in bytes of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024  # Linux counts kilobytes
    return wall, usage.ru_maxrss * unit


def spread(seconds: list[float]) -> str:
    """Median and range in words."""
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"{middle:.2f} s (median of {len(seconds)}, from {low:.2f} to {high:.2f})"


def print_machine() -> None:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"machine          {os.cpu_count()} cores, {model}, Python {platform.python_version()}")
    print(f"load before      {load} (means of 1, 5 and 15 minutes)")


def print_size() -> None:
    import nestmotion

    package = Path(nestmotion.__file__).parent
    libraries = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    inside = any(folder in package.parents for folder in libraries)
    folders = list(libraries) if inside else [*libraries, package]
    installers = [p for f in libraries for n in ("pip", "setuptools") if (p := f / n).is_dir()]
    print(f"installed size   {size_bytes(folders) / MB:.0f} MB (goal: under 450)")
    print(f"  of it          {size_bytes([package]) / MB:.0f} MB nestmotion with its bundle")
    print(f"                 {size_bytes(installers) / MB:.0f} MB pip and setuptools")
    if any((folder / "torch").is_dir() for folder in libraries):
        print("                 torch is here: not an environment with only what generation needs")


def print_command(prompt: str, seconds: float, runs: int) -> None:
    script = Path(sysconfig.get_path("scripts")) / "nestmotion"
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "x.glb")
        command = [str(script), "generate", prompt, "--seconds", str(seconds), "--seed", "0"]
        command += ["--out", out, "--force"]
        first, _ = run_and_measure(command)
        measured = [run_and_measure(command) for _ in range(runs)]
    peak = max(memory for _, memory in measured)
    print(f"whole command    {spread([wall for wall, _ in measured])} (goal: under 2.5)")
    print(f"  run before     {first:.2f} s, with files not yet in memory")
    print(f"  peak memory    {peak / MB:.0f} MB")


def print_second_clip(prompt: str, seconds: float, runs: int) -> None:
    from nestmotion.generate import TextToMotion

    times = []
    start = time.perf_counter()
    model = TextToMotion.load()
    loaded = time.perf_counter() - start
    for _ in range(runs + 1):
        model.inputs_of.cache_clear()  # as if the text were another one
        start = time.perf_counter()
        model.generate(prompt, seconds=seconds, seed=0)
        times.append(time.perf_counter() - start)
    print(f"second clip      {spread(times[1:])} (goal: under 0.4)")
    print(f"  before it      {loaded:.2f} s to load, {times[0]:.2f} s for the first clip")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompt", default="a person walks forward and waves")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of the clip")
    parser.add_argument("--runs", type=int, default=5, help="repetitions; the median is printed")
    options = parser.parse_args()
    print_machine()
    print_size()
    print_command(options.prompt, options.seconds, options.runs)
    print_second_clip(options.prompt, options.seconds, options.runs)
    print(f"load after       {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
