"""A page that is open in a browser, with what it said and heard: what the tests here play on.

The server's policy forbids `eval` in the page, so waiting is done by selectors.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str:
    """Return the path of a Chromium; without one the test is skipped, but never in continuous integration."""
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("no Chromium: .ci/run installs it")
    return found or pytest.skip("no Chromium: apt-get install chromium")


@dataclass
class Stage:
    """A page that is open, and what it said and heard."""

    page: Any
    address: str
    sent: list[dict[str, Any]] = field(default_factory=list)  # messages to the server
    heard: list[dict[str, Any]] = field(default_factory=list)  # messages of the server
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: str = "nothing is"  # what may be complained of

    def follow(self) -> Stage:
        """Listen to all that the page does."""
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        self.page.on("websocket", self._follow_socket)
        return self

    def _follow_socket(self, socket: Any) -> None:
        self.requests.append(socket.url)
        socket.on("framesent", lambda frame: self.sent.append(json.loads(frame)))
        socket.on("framereceived", lambda frame: self.heard.append(json.loads(frame)))

    def open(self) -> Stage:
        self.page.goto(self.address)
        self.page.wait_for_selector('#model-name:text-matches("[a-z]")')  # the session has said welcome
        return self

    def said(self, kind: str) -> list[dict[str, Any]]:
        """The server's messages of a type."""
        return [message for message in self.heard if message["type"] == kind]

    def notes(self, side: str) -> list[dict[str, Any]]:
        """The notes that the server told of a side, by their start."""
        told = [note for message in self.said("notes") for note in message["notes"] if note["side"] == side]
        return sorted(told, key=lambda note: (note["start"], note["pitch"]))

    def wait_for_turn(self, turn: str, seconds: float = 12) -> None:
        self.page.wait_for_selector(f"body[data-turn={turn}]", timeout=1000 * seconds)

    def wait(self, seconds: float) -> None:
        self.page.wait_for_timeout(1000 * seconds)

    def wait_until(self, condition: Callable[[], bool], seconds: float = 8) -> None:
        for _ in range(int(seconds / 0.05)):
            if condition():
                return
            self.wait(0.05)
        raise AssertionError("it does not come to that")

    def loudness(self) -> float:
        """The highest sample of the sound at this moment, 0 to 1."""
        return float(self.page.evaluate("() => __loudness()"))

    def listen(self, seconds: float) -> float:
        """The highest sample in a while."""
        highest = 0.0
        for _ in range(int(seconds / 0.03)):
            highest = max(highest, self.loudness())
            self.wait(0.03)
        return highest

    def lit(self, seconds: float) -> set[str]:
        """Who lights keys of the piano in a while."""
        found: set[str] = set()
        for _ in range(int(seconds / 0.05)):
            found |= set(
                self.page.evaluate("() => [...document.querySelectorAll('.key')].map(k => k.dataset.by)")
            )
            self.wait(0.05)
        return found & {"player", "model"}

    def key(self, letter: str, seconds: float = 0.25) -> None:
        self.page.keyboard.down(letter)
        self.wait(seconds)
        self.page.keyboard.up(letter)

    def check(self) -> None:
        """No errors, and nobody else was asked for anything."""
        assert [text for text in self.complaints if self.expected not in text] == []
        assert {urlsplit(url).netloc for url in self.requests} <= {urlsplit(self.address).netloc, ""}
