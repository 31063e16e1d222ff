"""The page without a server in a real Chromium, with no network: in all modes by the same notes as a server, with drums
that are performed, installed like an app.

Needs the packages of the page: fetched once, or in the folder that RITORNELLO_PACKAGES names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from browser_stage import ARGUMENTS, find_chromium

from ritornello.bundle import load_bundle
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
SEED = 1
STARTING = 240_000  # milliseconds that Python may take to start on a busy machine

Message = dict[str, Any]


def calls(seconds: float) -> list[tuple[float, Message]]:
    """Return a log: a phrase of six notes, again and again, with time for an answer after each."""
    log: list[tuple[float, Message]] = [(0.2, {"type": "start"})]
    for began in range(1, int(seconds) - 4, 8):
        for i, pitch in enumerate((60, 64, 67, 65, 64, 62)):
            at = began + 0.4 * i
            log.append((at, {"type": "midi", "time": at, "data": [0x90, pitch + began % 3, 80]}))
            log.append((at + 0.35, {"type": "midi", "time": at + 0.35, "data": [0x80, pitch + began % 3, 0]}))
    return log


@pytest.fixture(scope="module")
def packages() -> Path | None:
    folder = os.environ.get("RITORNELLO_PACKAGES")
    found = Path(folder) if folder else None
    try:
        package_files(found)
    except ConfigError as error:
        pytest.skip(f"the packages of the page cannot be had: {error}")
    return found


def opened(browser: Any, file: Path) -> Any:
    """Return the exported page, opened from the disk without a network."""
    context = browser.new_context()
    context.set_offline(True)
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda said: said.type in ("error", "warning") and page.complaints.append(said.text))
    page.goto(file.as_uri(), timeout=STARTING)
    wait_for_session(page)
    page.set_default_timeout(STARTING)
    return page


def wait_for_session(page: Any) -> None:
    page.wait_for_selector('#model-name:text-matches("[a-z]")', timeout=STARTING)


@pytest.fixture(scope="module")
def offline_page(
    browser: Any, packages: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    file = tmp_path_factory.mktemp("offline") / "jam.html"
    export_page(load_bundle(find_bundle("folk")), file, SETTINGS, SEED, packages)
    page = opened(browser, file)
    yield page
    assert page.complaints == []
    page.context.close()


def notes(sent: list[str]) -> list[Message]:
    """Return the notes that messages tell of."""
    told = [message for message in map(json.loads, sent) if message["type"] == "notes"]
    return [note for message in told for note in message["notes"]]


def check_log(page: Any, model: str, settings: Message, seconds: float) -> list[Message]:
    """Play a log in the page and by a server with steps in 32 bits; the notes are the same. Returns the model's."""
    bundle = load_bundle(find_bundle(model))
    entry = ModelEntry(model, bundle)
    assert entry.model  # with the facts that a server finds
    entry.engine = Engine(Stepper(bundle, precision="float32"))
    log = calls(seconds)
    expected = notes(play_log(entry, settings, SEED, log, seconds))
    given = json.dumps({"settings": settings, "seed": SEED, "log": log, "until": seconds})
    assert notes(page.evaluate("given => __offline.ask('log', given)", given)) == expected
    return [note for note in expected if note["side"] == "model"]


@pytest.mark.parametrize(
    ("mode", "seconds"), [("answer", 60.0), ("duet", 20.0), ("continue", 20.0), ("trade", 20.0)]
)
def test_a_log_has_the_notes_of_the_server(offline_page: Any, mode: str, seconds: float) -> None:
    assert len(check_log(offline_page, "folk", {"mode": mode}, seconds)) > 10


def test_drums_are_performed_as_by_the_server(browser: Any, packages: Path | None, tmp_path: Path) -> None:
    export_page(load_bundle(find_bundle("bands")), tmp_path / "jam.html", SETTINGS, SEED, packages)
    page = opened(browser, tmp_path / "jam.html")
    settings = {"mode": "continue", "instruments": ["electric bass", "drums"], "perform": 1.0}
    strokes = [note for note in check_log(page, "bands", settings, 20.0) if note["program"] == 128]
    assert len({note["velocity"] for note in strokes}) > 3
    assert page.complaints == []
    page.context.close()


def test_what_is_played_is_answered(offline_page: Any) -> None:
    page = offline_page
    page.keyboard.press("Space")
    page.wait_for_selector("body[data-turn=player]", timeout=STARTING)
    play(page)
    page.wait_for_selector("body[data-turn=model]", timeout=STARTING)
    assert page.evaluate("() => __offline.ask('steps')")
    page.keyboard.press("Space")


@pytest.mark.parametrize("mode", ["duet", "continue"])
def test_the_model_plays_with_what_is_played(offline_page: Any, mode: str) -> None:
    page = offline_page
    page.click(f"label:has(input[value={mode}])")
    page.keyboard.press("Space")
    play(page)
    page.wait_for_selector(".key[data-by=model]", state="attached", timeout=STARTING)
    page.keyboard.press("Space")


def play(page: Any) -> None:
    for letter in "adg":
        page.keyboard.down(letter)
        page.wait_for_timeout(250)
        page.keyboard.up(letter)


class Files(SimpleHTTPRequestHandler):
    """A static web server."""

    def log_message(self, *_: object) -> None:
        pass


def test_the_folder_can_be_installed_and_opens_without_its_server(
    browser: Any, packages: Path | None, tmp_path: Path
) -> None:
    folder = tmp_path / "jam"
    export_page(load_bundle(find_bundle("folk")), folder, SETTINGS, SEED, packages)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    # A profile of its own: Chromium installs nothing in the private contexts of the other tests.
    options = {"executable_path": find_chromium(), "args": ARGUMENTS}
    with browser.browser_type.launch_persistent_context(str(tmp_path / "profile"), **options) as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        wait_for_session(page)
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        developer = context.new_cdp_session(page)
        assert developer.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
        manifest = developer.send("Page.getAppManifest")
        assert manifest["errors"] == []
        assert (manifest["manifest"]["name"], manifest["manifest"]["display"]) == (
            "Ritornello: folk",
            "kStandalone",
        )
        server.shutdown()
        server.server_close()
        page.reload()
        wait_for_session(page)
