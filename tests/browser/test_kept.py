"""Nothing is lost: the server is killed, the page is loaded again, what is stored is spoiled."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser_stage import Stage

from ritornello.formats.midi import parse_midi

pytestmark = pytest.mark.browser

JAM = ("songs", "--no-open", "--seed", "1", "--call-seconds", "2", "--response-seconds", "1.5")


class Server:
    """`ritornello jam` in a process of its own, on one port each time."""

    def __init__(self) -> None:
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "ritornello", "jam", *JAM, "--mode", "call-and-response"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        found = re.match(r"http://[\d.]+:(\d+)/", self.process.stdout.readline())
        assert found, "the server did not say where it is"
        self.address, self.port = found[0], int(found[1])

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@contextmanager
def opened(browser: Any, server: Server) -> Iterator[Stage]:
    page = browser.new_context().new_page()
    stage = Stage(page, server.address).follow().open()
    stage.expected = "ERR_CONNECTION_REFUSED"
    yield stage
    stage.check()
    page.context.close()


def play(stage: Stage, keys: str) -> None:
    for key in keys:
        stage.key(key, 0.12)


def notes_of_file(stage: Stage) -> tuple[list[int], list[int]]:
    """Return the pitches of the player and of the model in the MIDI file, in order of time."""
    stage.page.click("#downloads-button")
    with stage.page.expect_download() as waiting:
        stage.page.click('[data-download="mid"]')
    score = parse_midi(Path(waiting.value.path()).read_bytes())
    sides: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    for track in score.tracks:
        side = sides[0] if track.name.startswith("You") else sides[1]
        side += [(int(note["start"]), int(note["pitch"])) for note in track.notes]
    return [pitch for _, pitch in sorted(sides[0])], [pitch for _, pitch in sorted(sides[1])]


def test_a_server_that_is_killed_loses_no_note(browser: Any, server: Server) -> None:
    with opened(browser, server) as stage:
        stage.page.keyboard.press("Space")
        stage.wait_for_turn("player")
        play(stage, "asdf")
        stage.wait_for_turn("model")
        stage.wait_for_turn("player")
        play(stage, "as")
        server.kill()
        play(stage, "gh")  # while there is no server
        before = notes_of_file(stage)
        assert before[0] == [60, 62, 64, 65, 60, 62, 67, 69]
        assert before[1]
        server.start()
        stage.wait_until(lambda: len(stage.said("welcome")) >= 3, 20)
        assert [welcome["resumed"] for welcome in stage.said("welcome")] == [False, True, True]
        recalled, given_back = (welcome["recalled"] for welcome in stage.said("welcome")[1:])
        assert given_back > recalled > 0, "the record of the page is fuller than that of the server"
        stage.wait_for_turn("player")
        play(stage, "jk")
        stage.wait_for_turn("model")
        stage.wait_for_turn("player")
        after = notes_of_file(stage)
        assert after[0] == [*before[0], 71, 72]
        assert after[1][: len(before[1])] == before[1]
        assert len(after[1]) > len(before[1]), "the model goes on"


def test_undo_is_taken_back_and_a_bookmark_keeps_what_is_left(browser: Any, server: Server) -> None:
    with opened(browser, server) as stage:
        stage.page.keyboard.press("Space")
        stage.wait_for_turn("player")
        stage.page.keyboard.press("b")
        play(stage, "as")
        stage.wait_for_turn("model")
        stage.page.keyboard.press("Space")
        stage.wait_for_turn("idle")
        whole = notes_of_file(stage)
        stage.page.keyboard.press("Backspace")
        stage.wait_until(lambda: len(stage.said("history")) == 1)
        assert stage.said("history")[-1]["notes"] == []
        stage.page.keyboard.press("Shift+Backspace")
        stage.wait_until(lambda: len(stage.said("history")) == 2)
        assert notes_of_file(stage) == whole
        for count, name, notes in ((3, "Bookmark 1", 0), (4, "Left at", len(whole[0]) + len(whole[1]))):
            stage.page.click("#bookmarks-button")
            stage.page.click(f'#bookmarks button:has-text("{name}")')
            stage.wait_until(lambda count=count: len(stage.said("history")) == count)
            assert len(stage.said("history")[-1]["notes"]) == notes
        stage.wait_until(lambda: stage.heard[-1]["type"] != "history")
        assert notes_of_file(stage) == whole


def test_an_earlier_session_is_gone_on_with_and_spoiled_ones_are_told(browser: Any, server: Server) -> None:
    with opened(browser, server) as stage:
        stage.page.keyboard.press("Space")
        stage.wait_for_turn("player")
        play(stage, "asd")
        stage.wait_for_turn("model")
        stage.page.keyboard.press("Space")
        stage.wait_for_turn("idle")
        whole = notes_of_file(stage)
        stage.wait(1)  # until it is stored
        stage.page.evaluate("() => sessionStorage.clear()")
        stage.page.reload()
        stage.page.wait_for_selector('#model-name:text-matches("[a-z]")')
        stage.page.click("#bookmarks-button")
        stage.page.click("#earlier button")
        stage.wait_until(lambda: stage.said("welcome")[-1]["resumed"])
        stage.wait_until(lambda: stage.heard[-1]["type"] != "welcome")
        assert notes_of_file(stage) == whole
        stage.wait(1)
        stage.page.evaluate(SPOIL)
        server.kill()
        stage.page.goto("about:blank")  # so that the page does not give back what it has in memory
        server.start()
        stage.page.goto(stage.address)
        stage.page.wait_for_selector('.toast.error:has-text("makes no sense")')
        assert len(stage.said("welcome")[-1]["notes"]) == len(whole[0]) + len(whole[1]), (
            "the server kept it too"
        )
        stage.key("a")  # and the page goes on
        stage.page.wait_for_selector("#model-name")


SPOIL = """() => new Promise((done) => {
  const opening = indexedDB.open("ritornello");
  opening.onsuccess = () => {
    const transaction = opening.result.transaction("entries", "readwrite");
    const store = transaction.objectStore("entries");
    store.openCursor().onsuccess = ({ target }) => {
      if (!target.result) return;
      target.result.update(["note", "what", null]);
      target.result.continue();
    };
    transaction.oncomplete = () => { opening.result.close(); done(); };
  };
})"""
