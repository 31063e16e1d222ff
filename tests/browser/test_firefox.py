"""The page in Firefox: who plays is answered, and nothing is complained of.

Firefox is driven by WebDriver BiDi, which it speaks itself: the tests need no driver besides. They are skipped without
Firefox; `apt-get install firefox-esr` has it.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

websockets = pytest.importorskip("websockets.asyncio.client")

pytestmark = pytest.mark.browser

FIREFOXES = ("firefox-esr", "firefox")
STARTING, PATIENCE = 90.0, 30.0
"""Seconds for Firefox to start, and for what is waited for."""

PREFERENCES = {
    "media.autoplay.default": 0,
    "remote.active-protocols": 1,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


class Firefox:
    """A tab, by WebDriver BiDi. complaints: the errors that it logged."""

    def __init__(self, line: Any) -> None:
        self._line, self._number, self.tab = line, 0, ""
        self.complaints: list[str] = []

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        await self._line.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(await asyncio.wait_for(self._line.recv(), PATIENCE))
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.complaints.append(message["params"]["text"])
            if message.get("id") == self._number:
                assert message["type"] == "success", message
                return dict(message["result"])

    async def evaluate(self, expression: str) -> Any:
        target = {"context": self.tab}
        told = await self.ask("script.evaluate", expression=expression, target=target, awaitPromise=True)
        assert told["type"] == "success", told
        return told["result"].get("value")

    async def wait_for(self, expression: str) -> None:
        for _ in range(int(PATIENCE / 0.1)):
            if await self.evaluate(expression):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"it does not come to {expression}")

    async def key(self, letter: str, milliseconds: int) -> None:
        presses = [
            {"type": "keyDown", "value": letter},
            {"type": "pause", "duration": milliseconds},
            {"type": "keyUp", "value": letter},
        ]
        await self.ask(
            "input.performActions",
            context=self.tab,
            actions=[{"type": "key", "id": "keys", "actions": presses}],
        )


async def with_firefox(path: str, folder: Path, use: Callable[[Firefox], Awaitable[None]]) -> None:
    """Start Firefox with a new profile, and let `use` drive a tab."""
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (folder / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [path, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", str(folder)]
    process = await asyncio.create_subprocess_exec(
        *command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(STARTING):
            found = None
            assert process.stderr is not None
            while found is None:
                said = await process.stderr.readline()
                assert said, "Firefox has ended"
                found = re.search(r"WebDriver BiDi listening on (ws://\S+)", said.decode())
        async with websockets.connect(f"{found[1]}/session", max_size=None) as line:
            firefox = Firefox(line)
            await firefox.ask("session.new", capabilities={})
            await firefox.ask("session.subscribe", events=["log.entryAdded"])
            tabs = await firefox.ask("browsingContext.getTree")
            firefox.tab = tabs["contexts"][0]["context"]
            await use(firefox)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def test_who_only_plays_is_answered_in_firefox(address: str, tmp_path: Path) -> None:
    path = next(filter(None, map(shutil.which, FIREFOXES)), None)
    if path is None:
        pytest.skip("no Firefox: apt-get install firefox-esr")

    async def play(firefox: Firefox) -> None:
        await firefox.ask("browsingContext.navigate", context=firefox.tab, url=address, wait="complete")
        await firefox.wait_for("/[a-z]/.test(document.querySelector('#model-name').textContent)")
        for letter in "asdf":
            await firefox.key(letter, 200)
        await firefox.wait_for("document.body.dataset.turn === 'model'")
        await firefox.wait_for("document.querySelector('.key[data-by=model]') !== null")
        assert firefox.complaints == []

    with ThreadPoolExecutor(1) as thread:  # in this one, the loop of the other browser tests may run
        thread.submit(lambda: asyncio.run(with_firefox(path, tmp_path, play))).result()
