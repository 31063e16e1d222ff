"""What `benchmarks/folders.py` and `melody.py` measure: a beat, the halves of a folder, the moves of a melody."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from build import make_melody
from fakes import small_network

from ritornello import formats
from ritornello.bundle import Facts, save_bundle
from ritornello.corpus.pieces import key_of
from ritornello.corpus.scan import scan
from ritornello.evaluation.features import Piece
from ritornello.generation import load
from ritornello.representations import REPRESENTATIONS
from ritornello.representations.base import Representation
from ritornello.score import Meter, Score, Track, make_notes

ROOT = Path(__file__).resolve().parent.parent
FOLDERS, MELODY = (
    SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / f"{name}.py")))
    for name in ("folders", "melody")
)
TICKS = 480
TUNE = (60, 62, 64, 67, 67, 60)
"""Moves: two steps, a third, a repetition, a leap."""


def score_of(*tracks: Track) -> Score:
    return Score(TICKS, tracks, meters=(Meter(0, 4, 4),))


def fitted(*scores: Score) -> Representation:
    kind = REPRESENTATIONS["multitrack"]
    return kind.fit([kind.collect_statistics(score) for score in scores], {})


def test_a_metronome_has_a_beat_and_notes_at_random_have_none() -> None:
    ticking = score_of(make_melody((60, 62, 64, 65) * 32))
    assert FOLDERS.pulse(Piece(ticking)) > 0.95
    [scattered] = FOLDERS.scattered([ticking], 0)
    beginning = ticking.tracks[0].notes["start"] < 64 * TICKS
    assert scattered.note_count == int(beginning.sum()) == 64
    assert FOLDERS.pulse(Piece(scattered)) < 0.4
    assert np.unique(scattered.tracks[0].notes["pitch"] % 12).size == 12


def test_a_beat_is_found_in_any_subdivision() -> None:
    for length in (
        240,
        320,
        720,
        960,
        1920,
    ):  # eighths, triplets of quarters, dotted quarters, halves, whole notes
        notes = make_notes([(at * length, length, 60, 80) for at in range(40)])
        assert FOLDERS.pulse(Piece(score_of(Track(notes)))) > 0.85


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for number in range(8):
        tune = tuple(random.integers(50, 80, 40).tolist())
        formats.write(score_of(make_melody(tune)), tmp_path / f"{number}.mid")
    moved = tuple(pitch + 1 for pitch in tune[:39])  # a version of the last one: shorter, in another key
    formats.write(score_of(make_melody(moved)), tmp_path / "version.mid")
    return tmp_path


def test_a_folder_is_halved_with_versions_on_one_side(folder: Path) -> None:
    learned, judged = FOLDERS.pieces_in(folder, None, set())
    names = [{piece.path.name for piece in half} for half in (learned, judged)]
    assert len(names[0] | names[1]) == 9
    assert sorted(map(len, names)) in ([4, 5], [3, 6])
    assert any({"7.mid", "version.mid"} <= half for half in names)


def test_of_a_folder_that_was_learned_from_only_the_pieces_held_out_are_taken(folder: Path) -> None:
    reports = [report for report in scan([folder]).used if report.path.name in ("1.mid", "4.mid")]
    keys = {key_of(report.digest) for report in reports}
    halves = FOLDERS.pieces_in(folder, None, keys | {"0123456789"})
    assert {piece.path.name for half in halves for piece in half} == {"1.mid", "4.mid"}
    assert [len(half) for half in halves] == [1, 1]
    assert sum(map(len, FOLDERS.pieces_in(folder, 6, {"0123456789"}))) == 6


def test_moves_of_a_melody_above_chords() -> None:
    chords = make_notes([(at * TICKS, TICKS, pitch, 80) for at in range(6) for pitch in (40, 44, 47)])
    score = score_of(make_melody(TUNE), Track(chords))
    representation = fitted(score)
    melody = MELODY.melody_of(representation, score)
    assert melody.before.tolist() == list(TUNE[:-1])
    assert melody.pitches.tolist() == list(TUNE[1:])
    assert MELODY.moves([melody]).tolist() == [1 / 5, 2 / 5, 1 / 5, 1 / 5]
    drums = replace(make_melody(TUNE), is_drum=True)
    assert MELODY.melody_of(representation, score_of(drums)) is None


def test_notes_of_one_chord_are_no_move() -> None:
    notes = make_notes([(0, 480, 60, 80), (480, 480, 62, 80), (480, 480, 69, 80), (960, 480, 67, 80)])
    score = score_of(Track(notes))
    melody = MELODY.melody_of(fitted(score), score)
    assert melody.pitches.tolist() == [62, 67]
    assert melody.before.tolist() == [60, 69]


def test_expected_moves_are_those_of_single_steps(tmp_path: Path) -> None:
    tunes = [score_of(make_melody(tune)) for tune in (TUNE, (72, 71, 69), TUNE[::-1])]
    representation = fitted(*tunes)
    save_bundle(tmp_path / "tiny.rit", small_network(representation), representation, Facts(name="tiny"))
    model = load(tmp_path / "tiny.rit")
    melodies = [MELODY.melody_of(representation, tune) for tune in tunes]
    wanted = np.zeros(4)
    for melody in melodies:
        rows = representation.inputs(melody.ids)
        for place, before in zip(melody.places.tolist(), melody.before.tolist(), strict=True):
            logits, _ = model.stepper.read(rows[:place])
            chances = np.exp(logits[0, melody.notes].astype(float))
            for note, chance in zip(melody.notes.tolist(), (chances / chances.sum()).tolist(), strict=True):
                size = abs(int(representation.tokens.pitch[note]) - before)
                wanted[0 if size == 0 else 1 if size <= 2 else 2 if size <= 4 else 3] += chance
    assert MELODY.expected(model, melodies) == pytest.approx(wanted / wanted.sum(), abs=1e-6)
