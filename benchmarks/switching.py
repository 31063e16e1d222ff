"""Switching to another model while playing, live: what is heard of what is played, and how soon the new model answers.

    python benchmarks/switching.py [--model quartets] [--from songs]

Starts `ritornello jam` as a process of its own in mode `answer`, chooses another model as soon as the page is welcome,
so that it is not loaded yet, and again later, when it is, and plays eight notes a third of a second apart meanwhile.
Printed: from the choice to the model's being there; the largest distance of a note in the record from the time at which
it was played; and from the end of the last note to the first note of the answer, of which the pause is 0.8 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

NOTES, APART = 8, 1 / 3


class Page:
    """A page, with all that it has heard, each with the session's time."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self.offset = socket, 0.0
        self.heard: list[tuple[float, dict[str, Any]]] = []

    def now(self) -> float:
        return time.perf_counter() + self.offset

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self) -> None:
        async for frame in self.socket:
            message = json.loads(frame)
            if message["type"] == "welcome":
                self.offset = message["now"] - time.perf_counter()
            self.heard.append((self.now(), message))

    async def wait(
        self, kind: str, since: float = float("-inf"), **fields: Any
    ) -> tuple[float, dict[str, Any]]:
        """Return the first message of a kind since a time, and when it came."""
        while True:
            for at, message in self.heard:
                if at >= since and message["type"] == kind and fields.items() <= message.items():
                    return at, message
            await asyncio.sleep(0.002)


async def switch(page: Page, model: str) -> tuple[str, list[float]]:
    """Choose a model, play, and wait for its answer; return a row, and when the notes were played."""
    began = page.now()
    await page.say(type="start")
    await page.say(type="model", name=model)
    played = []
    for number in range(NOTES):
        await asyncio.sleep(max(0.0, began + 0.05 + number * APART - page.now()))
        played.append(page.now())
        await page.say(type="midi", time=played[-1], data=[0x90, 60 + (0, 2, 4, 5, 7, 9, 11, 12)[number], 80])
        await asyncio.sleep(0.6 * APART)
        last = page.now()
        await page.say(type="midi", time=last, data=[0x80, 60 + (0, 2, 4, 5, 7, 9, 11, 12)[number], 0])
    there, _ = await page.wait("model", began, name=model)
    _, turn = await page.wait("turn", last, turn="model")
    await page.wait("notes", last)
    await page.say(type="stop")
    await page.wait("turn", last, turn="idle")
    await page.say(type="hello")  # refused; after its answer all before is heard
    await page.wait("error", last)
    return (
        f"model there after {there - began:5.2f} s; answer {turn['start'] - last:5.2f} s after the last note",
        played,
    )


async def record(address: str, token: str) -> list[float]:
    """Return the onsets of the player's notes, in the session's record."""
    async with connect(address, compression=None, proxy=None) as socket:
        await socket.send(json.dumps({"type": "hello", "session": token}))
        welcome = json.loads(await socket.recv())
    return [note["start"] for note in welcome["notes"] if note["side"] == "player"]


async def play(address: str, first: str, model: str) -> None:
    async with connect(address, compression=None, proxy=None) as socket:
        page = Page(socket)
        hearing = asyncio.create_task(page.hear())
        await page.say(type="hello", model=first)
        _, welcome = await page.wait("welcome")
        await page.say(type="configure", config={"mode": "answer"})
        rows, played = [], []
        for each in (model, first, model):
            row, times = await switch(page, each)
            rows.append(row)
            played += times
        kept = await record(address, welcome["session"])
        hearing.cancel()
    errors = np.array(kept) - played
    errors = (
        np.abs(errors - np.median(errors)).reshape(-1, NOTES).max(axis=1)
    )  # the page's clock is a little off
    for row, error in zip(rows, errors, strict=True):
        print(f"{row}; notes kept within {1000 * error:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="quartets")
    parser.add_argument("--from", dest="first", default="songs")
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "ritornello", "jam", "--port", "0", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[0].replace("http", "ws") + "live"
            asyncio.run(play(address, arguments.first, arguments.model))
            status = Path(f"/proc/{server.pid}/status").read_text()
            print(next(line for line in status.splitlines() if line.startswith("VmRSS")))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
