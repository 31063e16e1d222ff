"""Every constraint of the table holds in a session, with the names, limits and spellings that composing has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any

import pytest
from build import make_song
from live_fakes import Log, jam, live_model, network_for, tune
from test_session import config, of, planned

from ritornello.errors import ConfigError
from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints import CONSTRAINTS, make_constraints
from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import Configure, LiveNote, NotesPlanned, Remark, Start, Stop
from ritornello.live.session import Session
from ritornello.originality import build_index, copies

SONG = make_song(8)
MODEL = replace(live_model(), index=build_index([("song", SONG)]))
NETWORK, CHORDAL = network_for(MODEL), network_for(MODEL, hold=8.0)
LOG: Log = [(0.0, Start()), *tune(0.3), *tune(8.0), *tune(16.0), (24.0, Stop())]

DRUMS = 128


def onsets(notes: list[LiveNote]) -> list[list[int]]:
    """Return the pitches of notes that begin together, in order of time."""
    ordered = sorted(notes, key=lambda note: note.start)
    return [[n.pitch for n in group] for _, group in groupby(ordered, key=lambda note: round(note.start, 4))]


def by_program(notes: list[LiveNote]) -> dict[int, list[LiveNote]]:
    return {program: [n for n in notes if n.program == program] for program in {n.program for n in notes}}


def sounding_at_once(notes: list[LiveNote]) -> int:
    return max(
        sum(n.start < note.start + 1e-4 and (n.end or 1e9) > note.start + 1e-4 for n in notes)
        for note in notes
    )


def is_parallel(before: list[int], after: list[int]) -> bool:
    (low, high), (next_low, next_high) = (min(before), max(before)), (min(after), max(after))
    same = (high - low) % 12 == (next_high - next_low) % 12 in (0, 7)
    return same and (next_low - low) * (next_high - high) > 0


def answers(outputs: list[Any]) -> list[list[LiveNote]]:
    """Return the pitched notes of each answer: a second without a new note is between two of them."""
    notes = sorted((n for n in planned(outputs) if n.program != DRUMS), key=lambda note: note.start)
    found: list[list[LiveNote]] = []
    for note in notes:
        if not found or note.start > found[-1][-1].start + 1:
            found.append([])
        found[-1].append(note)
    return found


def leaps(notes: list[LiveNote], top: int) -> list[int]:
    """Return the leaps of the upper line of a program."""
    line = [max(pitches) for pitches in onsets([note for note in notes if note.program == top])]
    return [abs(b - a) for a, b in pairwise(line)]


KEPT: dict[str, tuple[dict[str, Any], Callable[[list[LiveNote]], bool]]] = {
    "scale": ({"scale": "C,D,E,G,A"}, lambda notes: {n.pitch % 12 for n in notes} <= {0, 2, 4, 7, 9}),
    "chords": (
        {"chords": "Am", "strict_chords": True},
        lambda notes: {n.pitch % 12 for n in notes} <= {9, 0, 4},
    ),
    "register": (
        {"lowest": "C4", "highest": "72"},
        lambda notes: {n.pitch for n in notes} <= {*range(60, 73)},
    ),
    "chord_size": (
        {"chord_size": 1},
        lambda notes: all(len(p) == 1 for each in by_program(notes).values() for p in onsets(each)),
    ),
    "density": (
        {"polyphony": 1},
        lambda notes: all(sounding_at_once(each) == 1 for each in by_program(notes).values()),
    ),
    "parallels": (
        {"parallels": False, "scale": "C,G", "instruments": "flute,piano"},
        lambda notes: (
            not any(is_parallel(a, b) for a, b in pairwise([p for p in onsets(notes) if len(p) > 1]))
        ),
    ),
    "step_limit": (
        {"step_limit": 3, "instruments": "flute"},
        lambda notes: all(leap <= 3 for leap in leaps(notes, 73)),
    ),
}
"""Settings of a constraint, and what they mean for the notes of one answer, drums left out."""


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("mode", [Mode.CALL_AND_RESPONSE, Mode.ANSWER])
def test_a_constraint_holds_in_every_answer(name: str, mode: Mode) -> None:
    asked, is_kept = KEPT[name]
    fields = {"response_seconds": 4.0, "temperature": 2.0, **asked}
    session = Session(MODEL, config(mode, **fields), seed=3)
    outputs = jam(session, CHORDAL, LOG, until=26.0)[0]
    played = answers(outputs)
    assert len(played) >= 2
    assert sum(map(len, played)) > 6
    assert all(is_kept(notes) for notes in played)
    assert not of(Remark, outputs), "nothing gave way"


@pytest.mark.parametrize("name", KEPT)
def test_without_it_some_answer_would_break_it(name: str) -> None:
    asked, is_kept = KEPT[name]
    own = CONSTRAINTS[name].settings.model_fields
    others = {field: value for field, value in asked.items() if field not in own}
    fields = {"response_seconds": 4.0, "temperature": 2.0, **others}
    sessions = [Session(MODEL, config(**fields), seed=seed) for seed in range(8)]
    outputs = jam(sessions, CHORDAL, [LOG] * len(sessions), until=26.0)
    assert not all(is_kept(notes) for each in outputs for notes in answers(each))


def test_a_progression_goes_on_with_the_bars_of_the_metronome() -> None:
    """A bar each of F, G, Am and C, from the first bar of the first call on; a bar lasts 1.2 s."""
    chords = {"chords": "F | G | Am | C |", "strict_chords": True}
    fields = {"metronome": True, "count_in": 1, "call_bars": 2, "response_bars": 4, "temperature": 2.0}
    session = Session(MODEL, config(Mode.TRADE, **chords, **fields), seed=1)
    outputs = jam(session, NETWORK, [(0.0, Start()), *tune(1.6, seconds=0.3)], until=14.0)[0]
    classes = [{5, 9, 0}, {7, 11, 2}, {9, 0, 4}, {0, 4, 7}]
    first_call = 0.15 + 1.2
    pitched = [note for note in planned(outputs) if note.program != DRUMS]
    assert len(pitched) > 4
    for note in pitched:
        bar = int((note.start - first_call + 1e-3) / 1.2)
        assert note.pitch % 12 in classes[bar % 4], (note, bar)


def test_no_long_run_of_the_training_music_is_copied() -> None:
    fields = {"response_seconds": 8.0, "temperature": 0.2, "max_copy": 4}
    session = Session(MODEL, config(**fields), seed=1)
    jam(session, NETWORK, [(0.0, Start()), *tune(0.3), (14.0, Stop())], until=16.0)
    tracks = [track for track in session.score().tracks if "model" in track.name.lower()] or list(
        session.score().tracks
    )
    assert MODEL.index is not None
    longest = copies(MODEL.index, replace(session.score(), tracks=tuple(tracks))).moved
    assert longest is None or longest.notes <= 4


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"scale": "C major", "chords": "D7"}, "which the scale C major has not"),
        ({"lowest": "C7", "instruments": ("bass",)}, "give that or lower"),
        ({"notes_per_bar": "97-99"}, "room for 91 notes"),
        ({"chords": "C | F#", "step_limit": 1}, "step_limit 1: from .*; give at least"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_a_note_and_nothing_changes(
    asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Session(MODEL, config(**asked))
    session = Session(MODEL, config())
    before = session.config
    with pytest.raises(ConfigError, match=message):
        session.receive(Configure(config(**asked)), 0.0)
    assert session.config == before


def test_a_model_that_cannot_keep_a_constraint_is_not_changed_to() -> None:
    session = Session(MODEL, config(polyphony=1))
    with pytest.raises(ConfigError, match="polyphony cannot be asked for it"):
        session.use(live_model("polyphony"), 0.0)
    assert session.model is MODEL


def test_what_has_to_give_way_is_reported_once() -> None:
    """A bar that the player has left all but empty has no room for the notes that it needs."""
    fields = {"notes_per_bar": "16", "response_seconds": 3.0, "temperature": 2.0, "polyphony": 1}
    outputs = jam(Session(MODEL, config(**fields), seed=1), NETWORK, LOG, until=26.0)[0]
    lines = [remark.text for remark in of(Remark, outputs)]
    assert len(lines) == 1
    assert all(line.startswith("density gave way at ") for line in lines)
    assert of(NotesPlanned, outputs)


# --- one name, one meaning ------------------------------------------------------------------------------------


def test_settings_of_one_name_are_the_same_in_compose_and_jam() -> None:
    shared = ComposeConfig.model_fields.keys() & JamConfig.model_fields.keys()
    assert {"temperature", "scale", "chords", "tempo", "meter", "instruments", "step_limit"} <= shared
    for name in shared:
        one, other = ComposeConfig.model_fields[name], JamConfig.model_fields[name]
        assert one.metadata == other.metadata, name
        assert one.description == other.description, name
        for value in ("C,D,E,G,A", "6/8", "3/4", 400, 401, 9, "violin,40", "C4", "Dm7 | G7", 5, -1, True):
            results = []
            for model in (ComposeConfig, JamConfig):
                try:
                    extra = {"chords": "C"} if name == "strict_chords" else {}
                    results.append(getattr(model.model_validate({**extra, name: value}), name))
                except ValueError as error:
                    results.append(str(error).splitlines()[-2:-1])
            assert results[0] == results[1], (name, value)


def test_a_session_has_the_settings_of_all_constraints_that_hold_in_it() -> None:
    live = {name for row in make_constraints(is_live=True) for name in type(row).settings.model_fields}
    assert live <= JamConfig.model_fields.keys()
    only_composed = {name for name in CONSTRAINTS if not CONSTRAINTS[name].is_live}
    preferences = {"roots", "pulse", "contrast", "voice_leading"}
    assert only_composed == {"length", "entrances", "cadence", "fixed_notes"} | preferences
