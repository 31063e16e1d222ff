"""Both play: on the beat, however long a step of the network takes, and nothing lost without a word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from live_fakes import Log, TinyNetwork, jam, live_model, tune

from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import LiveNote, NotesPlanned, Remark, Side, Start, Stop, TempoSet
from ritornello.live.session import Session
from ritornello.live.session.input_buffer import TRIPLET, grid_of
from ritornello.live.session.model import EIGHTH, SIXTEENTH

MODEL = live_model()
ELAPSED = MODEL.tokens.elapsed
NETWORK = TinyNetwork(len(ELAPSED), bias=np.where(ELAPSED > 0, 4 - 6 * ELAPSED, 0))  # likes short moves
TEMPO = 120.0
BEAT = 60 / TEMPO


def play(log: Log, model=MODEL, until: float = 8.0, step_seconds: float = 0.0, **fields: object) -> list:  # type: ignore[no-untyped-def]
    config = JamConfig.model_validate(
        {"mode": Mode.DUET, "tempo": TEMPO, "count_in": 0, "metronome": True, **fields}
    )
    return jam(Session(model, config, 1), NETWORK, log, until, step_seconds)[0]


def jittery(pitches: list[int], apart: float, start: float = 0.16) -> Log:
    """Return keys that are up to 12 ms late."""
    random = np.random.default_rng(3)
    late = random.uniform(0, 0.012, len(pitches))
    return [  # the beat begins at 0.15
        event
        for number, pitch in enumerate(pitches)
        for event in tune(start + number * apart + late[number], [pitch], apart)
    ]


def model_notes(outputs: list) -> list[tuple[float, LiveNote]]:
    """Return the model's notes, each with the time at which it was planned."""
    return [
        (time, note)
        for time, output in outputs
        if isinstance(output, NotesPlanned)
        for note in output.notes
        if note.side == Side.MODEL
    ]


def away(outputs: list, grid: float) -> np.ndarray:
    """Return how far the onsets of the model are from lines so many quarters apart, in quarters."""
    line = next(output.bar_line for _, output in outputs if isinstance(output, TempoSet))
    quarters = np.array([(note.start - line) / BEAT for _, note in model_notes(outputs)])
    return np.abs(quarters / grid - np.rint(quarters / grid)) * grid


def remarks(outputs: list) -> list[str]:
    return [output.text for _, output in outputs if isinstance(output, Remark)]


TUNE: Log = [(0.0, Start()), *jittery([60, 62, 64, 65, 67, 65, 64, 62] * 4, BEAT / 2)]


@pytest.mark.parametrize("mode", [Mode.DUET, Mode.CONTINUE])
@pytest.mark.parametrize("milliseconds", [0, 3, 30, 100])
def test_every_note_is_on_the_grid_and_ahead(mode: Mode, milliseconds: int) -> None:
    log = [event for event in TUNE if not 2.15 < event[0] < 4.4]  # a pause, which ends the call of `continue`
    outputs = play(log, mode=mode, step_seconds=milliseconds / 1000)
    notes = model_notes(outputs)
    assert len(notes) > 3
    assert away(outputs, SIXTEENTH).max() < 1e-6
    assert all(note.start > time for time, note in notes)


def test_a_model_of_eighths_plays_eighths() -> None:
    model = replace(MODEL, grid=EIGHTH)
    assert away(play(TUNE, model), EIGHTH).max() < 1e-6
    assert away(play(TUNE), EIGHTH).max() > 0.2


def test_a_player_of_triplets_gets_triplets() -> None:
    log: Log = [(0.0, Start()), *jittery([60, 62, 64] * 12, BEAT / 3)]
    outputs = play(log)
    after = [(time, output) for time, output in outputs if time > 3.0 or isinstance(output, TempoSet)]
    assert model_notes(after)
    assert away(after, TRIPLET).max() < 1e-6


def test_the_plan_reaches_two_beats_ahead() -> None:
    notes = [(time, note) for time, note in model_notes(play(TUNE)) if time > 1.0]
    assert min(note.start - time for time, note in notes) > 2 * BEAT - 1e-6
    slow = [note.start - time for time, note in model_notes(play(TUNE, step_seconds=0.004)) if time > 4.0]
    assert np.median(slow) > 1.5 * BEAT, "further by the time that planning takes"


def test_a_machine_that_is_too_slow_says_so_and_keeps_the_beat() -> None:
    outputs = play([*TUNE, (7.5, Stop())], step_seconds=0.1)
    told = remarks(outputs)
    assert any(
        line.startswith("this machine is too slow for multitrack at 120: a beat takes ") for line in told
    )
    assert any("beats left out" in line for line in told)
    assert not remarks(play(TUNE)), "and a fast one says nothing"


def test_a_late_note_waits_for_the_next_line_or_is_left_out_and_counted() -> None:
    session = Session(MODEL, JamConfig.model_validate({"mode": Mode.DUET, "tempo": TEMPO, "count_in": 0}))
    jam(session, NETWORK, TUNE[:20], 3.0)
    performer = session._turns.performer
    window = performer._window
    assert window is not None
    start = window.seconds(8.0)
    note = LiveNote(0, Side.MODEL, start, start + 1.0, 60, 80, 0, 0)
    assert performer._on_line(note, start - 0.5) == note
    moved = performer._on_line(note, start)
    assert moved is not None
    assert (moved.start, moved.end) == (pytest.approx(window.seconds(8.25)), note.end)
    assert performer._on_line(replace(note, end=start + 0.1), start) is None
    assert (performer.moved, performer.left_out) == (1, 1)


@pytest.mark.parametrize(
    ("places", "meter", "grid"),
    [
        ([0, 0.25, 0.5, 0.75, 1], (4, 4), SIXTEENTH),
        ([0, 0.35, 0.65, 1.02, 1.32], (4, 4), TRIPLET),
        ([0, 1.03, 1.98, 3.01], (3, 4), SIXTEENTH),
        ([0, 0.33, 0.67], (4, 4), SIXTEENTH),
        ([0.1, 0.62, 1.11, 1.6, 2.13], (4, 4), SIXTEENTH),
        ([0, 0.33, 0.67, 1, 1.33], (6, 8), SIXTEENTH),
    ],
)
def test_triplets_are_told_from_sixteenths(places: list[float], meter: tuple[int, int], grid: float) -> None:
    assert grid_of(places, meter) == grid


def test_a_duet_keeps_to_the_key_of_the_player() -> None:
    """A network that likes all pitches alike plays mostly in the key that it hears, and without closeness in none."""
    scale = {1, 3, 5, 6, 8, 10, 0}  # D flat major
    log: Log = [(0.0, Start()), *jittery([61, 65, 68, 66, 63, 60, 61, 65] * 4, BEAT / 2)]

    def share(closeness: float) -> float:
        notes = model_notes(play(log, closeness=closeness, until=9.0))
        late = [note.pitch % 12 in scale for _, note in notes if note.start > 2.0]
        assert len(late) > 10
        return float(np.mean(late))

    assert share(1.0) > 0.85
    assert share(0.0) < 0.75
