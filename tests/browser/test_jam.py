"""Call and response in a browser: played in three ways, heard, seen, and downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_stage import Stage
from build import make_song

from ritornello.formats.midi import parse_midi, write_midi
from ritornello.live.events import Side
from ritornello.score import Score, ticks_to_seconds

pytestmark = pytest.mark.browser

MELODY = (60, 64, 67)
KEYS = ("a", "d", "g")
SILENT, AUDIBLE = 0.004, 0.02  # samples are -1 to 1
CLOSE = 0.05  # seconds
AUDIBLY_CLOSE = 0.25  # the attack of the sound included, on a busy machine

Hand = Callable[[Stage], None]


def play_by_mouse(stage: Stage) -> None:
    for pitch in MELODY:
        stage.page.locator(f'[data-pitch="{pitch}"]').hover(position={"x": 8, "y": 100})
        stage.page.mouse.down()
        stage.wait(0.2)
        stage.page.mouse.up()


def play_by_keys(stage: Stage) -> None:
    for key in KEYS:
        stage.key(key, 0.2)


def play_by_midi(stage: Stage) -> None:
    stage.page.evaluate("() => __plug()")
    for pitch in MELODY:
        stage.page.evaluate(f"() => __midi(0x90, {pitch}, 90)")
        stage.wait(0.2)
        stage.page.evaluate(f"() => __midi(0x90, {pitch}, 0)")  # a note-off, as many keyboards send it


@pytest.mark.parametrize("play", [play_by_mouse, play_by_keys, play_by_midi])
def test_call_and_response(make_stage: Callable[..., Stage], play: Hand) -> None:
    stage = make_stage("__device();").open()
    stage.page.click("#start")
    stage.wait_for_turn("player")
    stage.page.evaluate("() => { __pressed.length = 0; }")
    play(stage)
    pressed = np.array(stage.page.evaluate("() => __pressed")) / 1000
    stage.wait_for_turn("model")
    stage.wait_for_turn("player")
    stage.page.click("#start")
    stage.wait_for_turn("idle")
    score = parse_midi(download(stage, "mid"))
    check_call(stage, score, pressed)
    check_response(stage, score, pressed)


def download(stage: Stage, suffix: str) -> bytes:
    stage.page.click("#downloads-button")
    with stage.page.expect_download() as waiting:
        stage.page.click(f'[data-download="{suffix}"]')
    return Path(waiting.value.path()).read_bytes()


def onsets(score: Score, side: Side) -> tuple[Any, list[int]]:
    """Return the onsets, in seconds, of a side's notes, and their pitches."""
    tracks = [t.notes for t in score.tracks if t.name.startswith("You") == (side == Side.PLAYER)]
    notes = np.sort(np.concatenate(tracks))
    return ticks_to_seconds(score, notes["start"]), notes["pitch"].tolist()


def check_call(stage: Stage, score: Score, pressed: Any) -> None:
    """The file has what was pressed, when it was."""
    times, pitches = onsets(score, Side.PLAYER)
    assert pitches == list(MELODY)
    np.testing.assert_allclose(times - times[0], pressed - pressed[0], atol=CLOSE)


def check_response(stage: Stage, score: Score, pressed: Any) -> None:
    """The file has what was answered, in its place after the call; and call and answer were heard where they are."""
    answer = stage.notes("model")
    assert answer, "there is an answer"
    first_key = next(m["time"] for m in stage.sent if m["type"] == "midi")
    starts = np.array([note["start"] for note in answer]) - first_key
    times, pitches = onsets(score, Side.MODEL)
    assert sorted(pitches) == sorted(note["pitch"] for note in answer)
    np.testing.assert_allclose(times - onsets(score, Side.PLAYER)[0][0], starts, atol=CLOSE)
    stage.wait(0.3)  # the ear listens now and then
    heard = np.array(stage.page.evaluate("() => __sounds")) / 1000
    for moment in (pressed[0], pressed[0] + starts[0]):
        assert np.abs(heard - moment).min() < AUDIBLY_CLOSE, "its sound begins with it"


def test_a_midi_file_can_be_the_call(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "call.mid"
    write_midi(make_song(2), path)
    stage.page.set_input_files("#file", path)
    stage.wait_for_turn("model")
    stage.page.keyboard.press("Escape")
    stage.wait_for_turn("idle")
    assert len(stage.notes("player")) == make_song(2).note_count


def test_a_file_that_is_no_midi_file_is_refused_in_one_line(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "call.mid"
    path.write_bytes(b"nothing of the kind")
    stage.expected = "400"  # the browser itself tells of the answer
    stage.page.set_input_files("#file", path)
    stage.page.wait_for_selector(".toast.error")
    said = stage.page.inner_text(".toast.error")
    assert "\n" not in said
    assert "b'" not in said, "bytes as Python writes them"


def test_an_output_gets_what_the_model_plays(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage("__device();").open()
    stage.page.evaluate("() => __plug()")
    stage.page.click("#more")
    stage.page.select_option("#output", "out")
    stage.page.uncheck("#sound-here")
    stage.page.keyboard.press("Escape")
    stage.page.keyboard.press("Space")
    stage.wait_for_turn("player")
    stage.page.evaluate("() => __midi(0x90, 60, 90)")
    stage.page.evaluate("() => __midi(0x80, 60, 0)")
    stage.wait_for_turn("model")
    stage.wait_for_turn("player")
    played = sorted((moment, data) for data, moment in stage.page.evaluate("() => __played"))
    struck = np.array([(moment / 1000, data[1]) for moment, data in played if data[0] & 0xF0 == 0x90])
    notes = np.array([(note["start"], note["pitch"]) for note in stage.notes("model")])
    assert sorted(struck[:, 1]) == sorted(notes[:, 1])
    np.testing.assert_allclose(struck[:, 0] - struck[0, 0], notes[:, 0] - notes[0, 0], atol=CLOSE)
    assert stage.loudness() < SILENT, "and the page does not"


def test_replay_plays_both_sides_again(stage: Stage) -> None:
    stage.page.keyboard.press("Space")
    stage.wait_for_turn("player")
    stage.key("a", 1.0)  # long enough to be seen on a busy machine
    stage.wait_for_turn("model")
    stage.page.wait_for_selector('.key[data-by="model"]')  # the turn is told before its first note
    stage.wait(0.5)
    stage.page.keyboard.press("Space")
    stage.wait_for_turn("idle")
    stage.page.keyboard.press("r")
    stage.page.wait_for_selector('#replay[aria-pressed="true"]')
    assert stage.lit(5) == {"player", "model"}
    stage.page.wait_for_selector('#replay[aria-pressed="false"]')


def test_undo_takes_the_last_turn_back(stage: Stage) -> None:
    stage.page.keyboard.press("Space")
    stage.wait_for_turn("player")
    stage.key("a")
    stage.wait_for_turn("model")
    stage.page.keyboard.press("Backspace")
    stage.wait(0.4)
    assert stage.said("history")[-1]["notes"] == []


def test_a_metronome_counts_in_and_turns_are_told_in_beats(stage: Stage) -> None:
    stage.page.locator("#metronome").check(force=True)
    stage.page.wait_for_selector('body[data-beat="on"]')
    stage.page.fill("#tempo", "240")
    stage.page.press("#tempo", "Tab")
    stage.page.click("#start")
    stage.wait_for_turn("count-in")
    assert stage.listen(0.4) > SILENT, "it clicks"
    stage.wait_for_turn("player")
    assert stage.page.inner_text("#turn-left").endswith("beats")
