"""What this machine can do, measured: how fast it reads memory, on one thread (`products`: how fast it multiplies).

Times are the thread's own, so that other work on the machine counts less. Floors are computed from these: a step
cannot be faster than reading its weights, a batch not faster than its products. Sizes matter for reading, since
small weights stay in a cache.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def usual_seconds(work: Callable[[], object], seconds: float = 0.3) -> float:
    """Return the median time that `work` took, of as many runs as fit. Times are those of this thread."""
    work()
    times, end = [], time.thread_time() + seconds
    while time.thread_time() < end:
        started = time.thread_time()
        work()
        times.append(time.thread_time() - started)
    return statistics.median(times)


def read_rate(size: int) -> float:
    """Return the bytes a second at which `size` bytes that lie in the nearest memory they fit in are read."""
    values = np.ones(max(1, size // 4), dtype=np.float32)
    return size / usual_seconds(lambda: values @ values)


def describe() -> str:
    """Return the machine in a line."""
    return f"{_processor()}, {os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}"


def load() -> str:
    """Return how busy the machine is, so that a table can say it."""
    return f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def least_seconds(work: Callable[[], object], runs: int = 5) -> float:
    """Return the least time of this thread that `work` took."""
    times = []
    for _ in range(runs):
        started = time.thread_time()
        work()
        times.append(time.thread_time() - started)
    return min(times)


def in_turn(
    script: str, arguments: list[str], against: Path | None, rounds: int = 3
) -> list[tuple[Any, ...]]:
    """Return (label, least value) of what `script` prints as JSON with `--json`; with `against`, the `src` folder of
    another version of the program, that of its code between the two, both run in turn."""
    sources = [against, None] if against else [None]
    found: list[dict[str, float]] = [{} for _ in sources]
    for _ in range(rounds):
        for least, source in zip(found, sources, strict=True):
            environment = os.environ | ({"PYTHONPATH": str(source.resolve())} if source else {})
            command = [sys.executable, script, *arguments, "--json"]
            answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            for label, value in json.loads(answer.stdout.splitlines()[-1]).items():
                least[label] = min(value, least.get(label, value))
    return [(label, *(least[label] for least in found if label in least)) for label in found[-1]]
