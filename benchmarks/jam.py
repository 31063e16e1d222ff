"""The live server with many pages: how late are its answers by the time they have come through the WebSocket?

    python benchmarks/jam.py [--pages 1,50,200] [--seconds 30] [--model songs]

Starts `ritornello jam` as a process of its own, and plays call and response on so many pages at once, eighths at
110, from this process. Printed for each number of pages, in one run: the round trip of a ping (p50, p95, p99); from
the end of a call to its first note decided, as the server tells it; how long before its time a note of the model
arrives (p1, p5, p50: below 0 it is late), and the share that is late; the server's processor time, as a share of one
core, and its memory a session. Results: `jam.txt`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

EIGHTH = 60 / 110 / 2
TICKS = os.sysconf("SC_CLK_TCK")


class Page:
    """A page on which somebody plays without end."""

    def __init__(self, socket: ClientConnection, seed: int) -> None:
        self.socket, self.random = socket, random.Random(seed)
        self.offset = 0.0
        self.pings: list[float] = []
        self.answers: list[float] = []
        self.leads: list[float] = []

    async def run(self, until: float) -> None:
        """Play and listen up to a time."""
        await self._say(type="hello")
        hearing = asyncio.create_task(self._hear())
        await asyncio.sleep(self.random.uniform(0, 6))
        await self._say(type="start")
        while time.perf_counter() < until:
            pitch = self.random.randint(55, 79)
            await self._say(type="midi", time=self._now(), data=[0x90, pitch, 80])
            await asyncio.sleep(0.9 * EIGHTH)
            await self._say(type="midi", time=self._now(), data=[0x80, pitch, 0])
            await self._say(type="ping", time=time.perf_counter())
            await asyncio.sleep(0.1 * EIGHTH)
        hearing.cancel()

    def _now(self) -> float:
        return time.perf_counter() + self.offset

    async def _say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def _hear(self) -> None:
        async for frame in self.socket:
            self._take(json.loads(frame))

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "welcome":
            self.offset = message["now"] - time.perf_counter()
        elif message["type"] == "pong":
            self.pings.append(time.perf_counter() - message["time"])
        elif message["type"] == "latency":
            self.answers.append(message["answered"]["last"])
        elif message["type"] == "notes":
            self.leads += [note["start"] - self._now() for note in message["notes"]]
        elif message["type"] == "error":
            raise SystemExit(message["text"])


async def play(address: str, count: int, seconds: float) -> list[Page]:
    """Let `count` pages play for so long."""
    until = time.perf_counter() + seconds
    sockets = [await connect(address, compression=None, proxy=None) for _ in range(count)]
    pages = [Page(socket, number) for number, socket in enumerate(sockets)]
    await asyncio.gather(*(page.run(until) for page in pages))
    await asyncio.gather(*(socket.close() for socket in sockets))
    return pages


def usage(process: int) -> tuple[float, float]:
    """Return processor seconds and resident kilobytes of a process (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    resident = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    assert resident is not None
    return (int(fields[11]) + int(fields[12])) / TICKS, float(resident[1])


def milliseconds(values: list[float], *which: float) -> str:
    return "/".join(f"{1000 * np.percentile(values, p):.1f}" for p in which) if values else "none"


def measure(model: str, count: int, seconds: float) -> None:
    """Serve `count` pages, and print a row."""
    command = [
        sys.executable,
        "-m",
        "ritornello",
        "jam",
        model,
        "--port",
        "0",
        "--no-open",
        "--sessions",
        "1000",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[0].replace("http", "ws") + "live"
            cpu, resident = usage(server.pid)
            pages = asyncio.run(play(address, count, seconds))
            after, grown = usage(server.pid)
        finally:
            server.terminate()
    leads = [lead for page in pages for lead in page.leads]
    late = np.mean(np.array(leads) < 0) if leads else 0.0
    print(
        f"{count:6} {milliseconds([p for page in pages for p in page.pings], 50, 95, 99):>18} "
        f"{milliseconds([a for page in pages for a in page.answers], 50, 95):>14} "
        f"{milliseconds(leads, 1, 5, 50):>20} {100 * late:6.2f} % "
        f"{100 * (after - cpu) / seconds:5.0f} % {(grown - resident) / count:7.0f} kB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", default="1,50,200")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--model", default="songs")
    arguments = parser.parse_args()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load before: {load}"
    )
    print(" pages    ping ms 50/95/99  answer 50/95        lead ms 1/5/50    late    cpu   memory")
    for count in arguments.pages.split(","):
        measure(arguments.model, int(count), arguments.seconds)


if __name__ == "__main__":
    main()
