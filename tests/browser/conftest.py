"""The page in a real Chromium, against the real server.

Whatever a test does, at its end there must have been no error in the console, and no request to another host.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_stage import ARGUMENTS, Stage, find_chromium

MODELS = ("songs", "quartets")
SCRIPT = (Path(__file__).parent / "instruments.js").read_text(encoding="utf-8")
JAM = (
    *("--port", "0", "--no-open", "--seed", "1"),
    *("--mode", "call-and-response", "--call-seconds", "2", "--response-seconds", "1.5"),
)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The address of `ritornello jam`, as a user starts it."""
    command = [sys.executable, "-m", "ritornello", "jam", *MODELS, *JAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.match(r"http://\S+", server.stdout.readline())
        assert found, "the server did not say where it is"
        yield found[0]
        server.terminate()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = find_chromium()
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def make_stage(browser: Any, address: str) -> Iterator[Callable[..., Stage]]:
    """Makes stages; `script` runs before the page's own, the rest is for Playwright's `new_context`."""
    made: list[Stage] = []

    def make(script: str = "", **options: Any) -> Stage:
        page = browser.new_context(**options).new_page()
        page.add_init_script(SCRIPT + script)
        made.append(Stage(page, address).follow())
        return made[-1]

    yield make
    for stage in made:
        stage.check()
        stage.page.context.close()


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    return make_stage().open()
