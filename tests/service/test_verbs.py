"""Music as JSON: a score comes back equal, and what a DAW sends of a selection is read."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from build import make_song
from fakes import small_network

import ritornello
from ritornello.bundle import Facts, save_bundle
from ritornello.errors import ConfigError, ServiceError
from ritornello.representations import REPRESENTATIONS
from ritornello.score import Key, Meter, Score, Tempo, Text, make_controls
from ritornello.service import Service
from ritornello.service.job import NewNotes
from ritornello.service.music import Piece, to_piece, to_score


def full_song() -> Score:
    """A song with everything that a score can have."""
    song = make_song(3)
    first = replace(
        song.tracks[0],
        name="Voice",
        controls=make_controls(
            [(0, 0xB0, 64, 127), (10, 0xE0, 0, -8192), (10, 0xA0, 60, 3), (12, 0xD0, 0, 5)]
        ),
        texts=(Text(0, "lyric", "la-"), Text(5, "lyric", "la", 2)),
    )
    return replace(
        song,
        tracks=(first, *song.tracks[1:]),
        tempos=(Tempo(0, 500_000), Tempo(700, 1), Tempo(900, 16_777_215)),
        meters=(Meter(0, 3, 4), Meter(960, 4, 4, length=2000)),
        keys=(Key(0, -3, True),),
        texts=(Text(0, "marker", "A"),),
        title="Ein Lied",
    )


def test_a_score_comes_back_equal() -> None:
    for score in (full_song(), Score(96), make_song(2)):
        text = to_piece(score).model_dump_json()
        assert Piece.model_validate_json(text).score() == score


def test_every_shipped_kind_of_piece_comes_back_equal() -> None:
    made = ritornello.compose("folk", bars=4, seed=1, best_of=1)
    for score in (made.score, made.performance):
        assert Piece.model_validate_json(to_piece(score).model_dump_json()).score() == score


HALF: dict[str, Any] = {
    "ticks_per_quarter": 480,
    "tracks": [
        {
            "program": 0,
            "notes": [
                {"start": -960, "duration": 480, "pitch": 55},  # over before the selection
                {"start": -240, "duration": 720, "pitch": 60},  # goes on in it
                {"start": 480, "duration": 480, "pitch": 64},
                {"start": 1920, "duration": 480, "pitch": 65},
                {"start": 3600, "duration": 4800, "pitch": 67},  # goes on after it
            ],
        }
    ],
}


def test_half_a_selection_is_read_and_told() -> None:
    """Notes that begin before it are cut there; there is no meter and no tempo."""
    score, remarks = to_score(Piece.model_validate(HALF), "the selection")
    assert score.tracks[0].notes.tolist() == [
        (0, 480, 60, 80),
        (480, 480, 64, 80),
        (1920, 480, 65, 80),
        (3600, 4800, 67, 80),
    ]
    assert (score.meters, score.tempos) == ((), ())
    assert remarks == (
        "1 note that began before the selection: cut at its beginning",
        "1 note that ended before the selection: left out",
    )


def test_half_a_selection_is_infilled(service: Service) -> None:
    result = service.call("infill", {"music": HALF, "infill": "2", "seed": 1})
    notes = [note for track in result.score.tracks for note in track.notes.tolist()]
    kept = [note for note in notes if note[0] < 1920 or note[0] >= 3840]
    assert (0, 480, 60, 80) in kept
    assert (480, 480, 64, 80) in kept
    assert (1920, 480, 65, 80) not in notes or len(notes) > 3
    assert result.remarks[0] == "1 note that began before the music: cut at its beginning"


def test_notes_outside_the_range_of_a_model_stay(service: Service) -> None:
    """The model hears them in another octave; they are as they were given."""
    rows = [
        {"start": 480 * at, "duration": 480, "pitch": pitch} for at, pitch in enumerate([0, 127, 1, 126] * 3)
    ]
    music = {"tracks": [{"program": 0, "notes": rows}]}
    result = service.call("infill", {"music": music, "infill": "2", "seed": 1})
    expected = [(row["start"], 480, row["pitch"], 80) for row in rows if not 1920 <= row["start"] < 3840]
    given = {tuple(note) for note in result.score.tracks[0].notes.tolist()}
    assert set(expected) <= given
    assert service.call("judge", {"music": music}).notes == len(rows)


@pytest.mark.parametrize("name", [name for name in REPRESENTATIONS if name != "words"])
def test_what_is_told_early_is_in_the_result(name: str, tmp_path: Path) -> None:
    """By models of every representation: each note once, by instrument; early only where it cannot change."""
    kind, path = REPRESENTATIONS[name], tmp_path / f"{name}.rit"
    options = {"keep": "notes"} if name == "event_words" else {}
    representation = kind.fit([kind.collect_statistics(make_song(8))], options)
    save_bundle(path, small_network(representation), representation, Facts(name=name))
    told: list[Any] = []
    result = Service([path]).call("compose", {"bars": 6, "seed": 1, "best_of": 1}, told.append)
    heard = [each for each in told if isinstance(each, NewNotes)]
    parts = Counter((e.program, e.drums, *note.model_dump().values()) for e in heard for note in e.notes)
    tracks = result.piece.tracks
    assert parts == Counter((t.program, t.drums, *n.model_dump().values()) for t in tracks for n in t.notes)
    assert (len(heard) > len(tracks)) == representation.decodes_by_bar


@pytest.mark.parametrize(
    ("verb", "values"),
    [
        ("compose", {"bars": 1000, "seed": 1}),
        ("compose", {"bars": 1000, "seed": 1, "beam_size": 2}),
        ("compose", {"primer": "C4 " * 200, "seed": 1}),
        ("judge", {"music": "C4 " * 200}),
    ],
    ids=["steps", "beam search", "primer", "judge"],
)
def test_a_call_ends_between_two_steps(verb: str, values: dict[str, Any], service: Service) -> None:
    asked = itertools.count()
    with pytest.raises(ServiceError, match="cancelled"):
        service.call(verb, values, cancelled=lambda: next(asked) > 20)
    assert next(asked) < 30


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"pitch": 128}, "music.piece.tracks.0.notes.0.pitch: must be at most 127 (received 128)"),
        ({"pitch": 60.5}, "music.piece.tracks.0.notes.0.pitch: must be a whole number (received 60.5)"),
        ({"duration": -1}, "music.piece.tracks.0.notes.0.duration: must be at least 0 (received -1)"),
        ({"velocity": 0}, "music.piece.tracks.0.notes.0.velocity: must be at least 1 (received 0)"),
        ({"channel": 1}, "music.piece.tracks.0.notes.0.channel: there is no such setting (received 1)"),
    ],
)
def test_a_wrong_note_is_told_with_its_place(change: dict[str, Any], line: str, service: Service) -> None:
    note = {"start": 0, "duration": 1, "pitch": 60} | change
    with pytest.raises(ConfigError) as error:
        service.call("analyse", {"music": {"tracks": [{"notes": [note]}]}})
    assert str(error.value) == line


def test_events_may_come_in_any_order() -> None:
    text = json.dumps({"tempos": [{"tick": 480, "bpm": 60}, {"tick": 0, "bpm": 90}], "tracks": []})
    assert [tempo.tick for tempo in Piece.model_validate_json(text).score().tempos] == [0, 480]
