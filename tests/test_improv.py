"""`improv`: triads numbered as in the source, melody and chords found, chords asked for."""

from __future__ import annotations

import numpy as np
import pytest
from build import TICKS, make_melody

from ritornello.errors import CorpusError
from ritornello.representations import Conditions
from ritornello.representations.improv import Improv, triad_chord, triad_of
from ritornello.representations.tokenizer import TokenizerConfig
from ritornello.score import Score, Text, Track, make_notes
from ritornello.theory import parse_chord, parse_chord_bars

IMPROV = Improv(TokenizerConfig())
STEP = TICKS // 4


def lead_sheet(chords: list[tuple[int, str]], rows: list[tuple[int, int, int]]) -> Score:
    """Return a lead sheet of chords (step, symbol) and notes (start and duration in steps, pitch)."""
    notes = make_notes((start * STEP, length * STEP, pitch, 80) for start, length, pitch in rows)
    texts = tuple(Text(step * STEP, "text", symbol) for step, symbol in chords)
    return Score(TICKS, (Track(notes, 73, name="Melody"), Track(make_notes(), name="Chords", texts=texts)))


def names(score: Score) -> list[str]:
    return [IMPROV.tokens.name(token) for token in IMPROV.encode(score)]


@pytest.mark.parametrize(
    ("symbol", "number"), [("C", 1), ("B", 12), ("Cm", 13), ("Caug", 25), ("Cdim", 37), ("Bdim", 48)]
)
def test_triads_have_the_numbers_of_the_source(symbol: str, number: int) -> None:
    chord = parse_chord(symbol)
    assert triad_of(chord) == number
    assert triad_chord(number) == chord
    assert IMPROV.tokens.name(38 + number) == f"chord {chord.name}"


def test_no_chord_is_triad_0() -> None:
    assert triad_of(None) == 0
    assert triad_chord(0) is None


@pytest.mark.parametrize(
    ("symbol", "triad"),
    [
        ("Dm7", "Dm"),
        ("G7", "G"),
        ("Bbmaj7", "A#"),
        ("F#m7b5", "F#dim"),
        ("Csus4", "C"),
        ("C7#5", "Caug"),
        ("E13", "E"),
    ],
)
def test_richer_chords_count_as_the_nearest_triad(symbol: str, triad: str) -> None:
    assert triad_of(parse_chord(symbol)) == triad_of(parse_chord(triad))


@pytest.mark.parametrize(("pitch", "token"), [(48, 2), (60, 14), (83, 37)])
def test_events_are_numbered_as_in_the_basic_melody_encoding(pitch: int, token: int) -> None:
    assert IMPROV.tokens.note_ids(0, pitch) == (token,)
    assert IMPROV.tokens.note_ids(0, 84) == ()
    assert (IMPROV.tokens.name(0), IMPROV.tokens.name(1)) == ("no event", "note off")
    assert IMPROV.vocabulary_size == 38 + 49 + 2


def test_a_chord_stands_before_the_step_at_which_it_begins() -> None:
    score = lead_sheet([(0, "C"), (4, "C7"), (8, "Am")], [(0, 2, 72), (4, 6, 100), (8, 8, 40)])
    assert names(score) == [
        "start", "chord C", "note 72", "no event", "note off", "no event",
        "note 76", "no event", "no event", "no event",  # moved by octaves; the same triad again is not said
        "chord Am", "note 52", *["no event"] * 7, "end",
    ]  # fmt: skip
    columns = IMPROV.inputs(IMPROV.encode(score))
    assert columns[:, 1].tolist() == [0, *[1] * 9, *[22] * 10]


def test_chords_come_back_as_symbols() -> None:
    score = IMPROV.decode(IMPROV.encode(lead_sheet([(0, "Cmaj7"), (8, "F#m")], [(0, 16, 60)])))
    assert [(text.tick, text.text) for text in score.tracks[1].texts] == [(0, "C"), (8 * STEP, "F#m")]


def test_chords_asked_for_are_there_from_their_step_on() -> None:
    bars = ((parse_chord("Dm7"), parse_chord("G7")), (parse_chord("C"),))
    random, grammar, ids = np.random.default_rng(1), IMPROV.grammar(Conditions(bars=4, chords=bars)), []
    while not grammar.ended:
        ids.append(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
        grammar.advance(ids[-1])
    [_, chords] = IMPROV.decode(np.array(ids)).tracks
    told = [(text.tick // STEP, text.text) for text in chords.texts]
    assert told == [(0, "Dm"), (8, "G"), (16, "C"), (32, "Dm"), (40, "G"), (48, "C")]


def test_a_melody_alone_teaches_nothing() -> None:
    with pytest.raises(CorpusError, match="no chords"):
        Improv.collect_statistics(Score(TICKS, (make_melody(),)))


def test_transposing_turns_the_chords_too() -> None:
    ids = IMPROV.encode(lead_sheet([(0, "Am"), (8, "B")], [(0, 16, 60)]))
    moved = [IMPROV.tokens.name(token) for token in IMPROV.tokens.transposed(ids, 3)]
    assert moved[1:3] == ["chord Cm", "note 63"]
    assert "chord D" in moved


def test_under_no_chord_the_melody_has_none() -> None:
    random, grammar = (
        np.random.default_rng(1),
        IMPROV.grammar(Conditions(bars=3, chords=parse_chord_bars("C | N.C. | G"))),
    )
    ids: list[int] = []
    while not grammar.ended:
        ids.append(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
        grammar.advance(ids[-1])
    [_, chords] = IMPROV.decode(np.array(ids)).tracks
    assert [(text.tick // STEP, text.text) for text in chords.texts] == [(0, "C"), (16, "N.C."), (32, "G")]
