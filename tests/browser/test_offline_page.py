"""The page without a server in a real Chromium, with no network: it answers, and by the same notes as a server.

Needs the packages of the page: fetched once, or in the folder that RITORNELLO_PACKAGES names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ritornello.bundle import Bundle, load_bundle
from ritornello.errors import ConfigError
from ritornello.generation import find_bundle
from ritornello.generation.stepper import Stepper
from ritornello.live.offline.export import export_page
from ritornello.live.offline.host import play_log
from ritornello.live.offline.packages import package_files
from ritornello.live.server.catalog import ModelEntry
from ritornello.live.session.engine import Engine

pytestmark = pytest.mark.browser

SETTINGS = {"mode": "answer"}
SEED, SECONDS = 1, 60.0
STARTING = 240_000  # milliseconds that Python may take to start on a busy machine

Message = dict[str, Any]


def calls() -> list[tuple[float, Message]]:
    """Return a log: a phrase of six notes, again and again, with time for an answer after each."""
    log: list[tuple[float, Message]] = [(0.2, {"type": "start"})]
    for began in range(1, int(SECONDS) - 4, 8):
        for i, pitch in enumerate((60, 64, 67, 65, 64, 62)):
            at = began + 0.4 * i
            log.append((at, {"type": "midi", "time": at, "data": [0x90, pitch + began % 3, 80]}))
            log.append((at + 0.35, {"type": "midi", "time": at + 0.35, "data": [0x80, pitch + began % 3, 0]}))
    return log


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(find_bundle("folk"))


@pytest.fixture(scope="module")
def offline_page(browser: Any, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The exported page, opened from the disk without a network."""
    folder = os.environ.get("RITORNELLO_PACKAGES")
    packages = Path(folder) if folder else None
    try:
        package_files(packages)
    except ConfigError as error:
        pytest.skip(f"the packages of the page cannot be had: {error}")
    file = tmp_path_factory.mktemp("offline") / "jam.html"
    export_page(bundle, file, SETTINGS, SEED, packages)
    context = browser.new_context()
    context.set_offline(True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    page.goto(file.as_uri(), timeout=STARTING)
    page.wait_for_selector('#model-name:text-matches("[a-z]")', timeout=STARTING)
    yield page
    assert complaints == []
    context.close()


def notes(sent: list[str]) -> list[Message]:
    """Return the notes that messages tell of."""
    told = [message for message in map(json.loads, sent) if message["type"] == "notes"]
    return [note for message in told for note in message["notes"]]


def test_a_minute_of_answers_has_the_notes_of_the_server(offline_page: Any, bundle: Bundle) -> None:
    entry = ModelEntry(bundle.card.name, bundle)
    assert entry.model  # with the facts that a server finds
    entry.engine = Engine(Stepper(bundle, precision="float32"))
    log = calls()
    expected = notes(play_log(entry, SETTINGS, SEED, log, SECONDS))
    given = json.dumps({"settings": SETTINGS, "seed": SEED, "log": log, "until": SECONDS})
    offline_page.set_default_timeout(STARTING)
    sent = offline_page.evaluate("given => __offline.ask('log', given)", given)
    assert len([note for note in expected if note["side"] == "model"]) > 20
    assert notes(sent) == expected


def test_what_is_played_is_answered(offline_page: Any) -> None:
    page = offline_page
    page.keyboard.press("Space")
    page.wait_for_selector("body[data-turn=player]", timeout=STARTING)
    for letter in "adg":
        page.keyboard.down(letter)
        page.wait_for_timeout(250)
        page.keyboard.up(letter)
    page.wait_for_selector("body[data-turn=model]", timeout=STARTING)
    assert page.evaluate("() => __offline.ask('steps')")
