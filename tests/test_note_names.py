"""`note_names`: the words of system E, and the options that its author asked for."""

from __future__ import annotations

import random

import numpy as np
import pytest
from build import TICKS, make_melody, make_song
from fakes import allowed_ids

from ritornello.errors import ConfigError
from ritornello.generation.constraints.repetition import SAME_PITCH, RepetitionGuard
from ritornello.representations import Conditions, make_representation
from ritornello.representations.note_names import NoteNames
from ritornello.representations.note_names.words import code_of, normal_order, pitches_of, word_of
from ritornello.representations.tokens import CHORD
from ritornello.score import Score, Track, make_notes


def make_piece(*onsets: tuple[int, ...], step: int = TICKS) -> Score:
    """Return a piece of one piano: at each step the pitches given."""
    rows = [(i * step, step, pitch, 80) for i, pitches in enumerate(onsets) for pitch in pitches]
    return Score(TICKS, (Track(make_notes(rows)),))


def fit(*scores: Score, **options: object) -> NoteNames:
    return NoteNames.fit([NoteNames.collect_statistics(score) for score in scores], options)


def words(representation: NoteNames, score: Score) -> list[str]:
    return [representation.tokens.name(token) for token in representation.encode(score).tolist()]


# --- the words ------------------------------------------------------------------------------------------------


def test_the_worked_example_of_the_source() -> None:
    piece = make_piece((76,), (57, 52), (72,))  # E5, the chord A3 E3, C5
    representation = fit(piece, all_keys=False)
    assert words(representation, piece) == ["start", "E5", "4.9", "C5", "end"]
    assert representation.settings.words == ("4.9", "C5", "E5")  # sorted: the source's indices
    assert representation.encode(piece).tolist()[1:-1] == [2, 0, 1]


SPELLINGS = {
    (76,): "E5",
    (58,): "B-3",
    (66,): "F#4",
    (21,): "A0",
    (127,): "G9",
    (4,): "E0",  # an octave higher: `E-1` is E flat 1
    (52, 57): "4.9",
    (52, 64): "4",
    (52, 52): "E3",
    (60, 64, 67): "0.4.7",
    (70, 62, 65): "10.2.5",
}


@pytest.mark.parametrize(("pitches", "word"), SPELLINGS.items())
def test_the_spelling_of_notes_and_chords(pitches: tuple[int, ...], word: str) -> None:
    piece = make_piece(pitches)
    assert words(fit(piece, all_keys=False), piece)[1:-1] == [word]
    assert word_of(code_of(word)) == word


def test_every_note_and_chord_has_a_word_of_its_own() -> None:
    codes = [*range(12, 128), *range(CHORD + 1, CHORD + 4096)]
    assert len({word_of(code) for code in codes}) == len(codes)
    assert [code_of(word_of(code)) for code in codes] == codes


@pytest.mark.parametrize("word", ["H4", "E", "9.4", "4.4", "12", "", "4.", "Db4", "E-"])
def test_no_such_word(word: str) -> None:
    with pytest.raises(ConfigError, match="words"):
        make_representation("note_names", {"words": [word]})


def test_names_and_normal_order_are_those_of_music21() -> None:
    music21 = pytest.importorskip("music21")
    for pitch in range(12, 128):
        assert word_of(pitch) == str(music21.pitch.Pitch(pitch))
    masks = random.Random(0).sample(range(1, 4096), 150)
    for mask in [*masks, 0b000100010001, 0b001001001001, 0b111111111111]:
        classes = [c for c in range(12) if mask >> c & 1]
        assert list(normal_order(mask)) == music21.chord.Chord(classes).normalOrder


def test_a_word_comes_back_when_decoded() -> None:
    assert pitches_of(code_of("E5")) == (76,)
    assert pitches_of(code_of("4.9")) == (64, 69)  # in octave 4, as music21 puts it
    assert pitches_of(code_of("4")) == (64, 76)  # an octave, since it was a chord
    assert pitches_of(code_of("10.2.5")) == (62, 65, 70)


def test_decoded_words_stand_half_a_quarter_apart_on_a_piano() -> None:
    piece = make_piece((76,), (57, 52), (72,), step=3 * TICKS)
    representation = fit(piece)
    (track,) = representation.decode(representation.encode(piece)).tracks
    assert (track.program, track.is_drum) == (0, False)
    assert track.notes["start"].tolist() == [0, 240, 240, 480]
    assert track.notes["duration"].tolist() == [480] * 4


# --- what is read ---------------------------------------------------------------------------------------------


def test_all_parts_merged_or_the_first_only() -> None:
    right, left = make_melody((72, 74)), make_melody((48, 50))
    piece = Score(TICKS, (Track(make_notes(), is_drum=True), right, left))
    assert words(fit(piece), piece)[1:-1] == ["0", "2"]
    assert words(fit(piece, parts="first"), piece)[1:-1] == ["C5", "D5"]


def test_drums_have_no_words() -> None:
    piece = Score(TICKS, (make_melody(is_drum=True),))
    assert words(fit(piece, make_song()), piece) == ["start", "end"]
    assert fit(piece).settings.words  # still something to play


def test_notes_never_seen_go_to_the_nearest() -> None:
    representation = fit(make_piece((60,), (72,), (60, 64, 67), (62, 65)), all_keys=False)
    unknown = make_piece((61,), (90,), (60, 64, 67, 70), (65, 74))
    assert words(representation, unknown)[1:-1] == ["C4", "C5", "0.4.7", "2.5"]
    assert representation.unknown_words(unknown) == ("C#4", "F#6", "4.7.10.0")
    only_notes = fit(make_piece((60,), (62,)), all_keys=False)
    assert words(only_notes, make_piece((62, 65)))[1:-1] == ["D4"]
    only_chords = fit(make_piece((60, 64)), all_keys=False)
    assert words(only_chords, make_piece((64,)))[1:-1] == ["0.4"]


def test_a_vocabulary_in_all_keys_can_be_transposed() -> None:
    piece = make_piece((60,), (60, 64, 67))
    assert len(fit(piece, all_keys=False).settings.words) == 2
    closed = fit(piece)
    assert len(closed.settings.words) == 24
    ids = closed.encode(piece)
    low, high = closed.tokens.transposable(ids)
    assert low <= -5
    assert high >= 6
    assert [closed.tokens.name(i) for i in closed.tokens.transposed(ids, -5)[1:-1]] == ["G3", "7.11.2"]
    assert fit(piece, all_keys=False).tokens.transposable(ids[:0]) == (0, 0)


def test_durations_keep_lengths_and_rests() -> None:
    rows = [(0, 240, 60, 80), (480, 960, 62, 80), (480, 480, 65, 80), (2400, 240, 60, 80)]
    piece = Score(TICKS, (Track(make_notes(rows)),))
    representation = fit(piece, durations=True)
    assert words(representation, piece) == [
        "start", "C4", "length 12", "wait 24", "2.5", "length 48", "wait 96", "C4", "length 12", "end"
    ]  # fmt: skip
    (track,) = representation.decode(representation.encode(piece)).tracks
    assert track.notes[["start", "duration", "pitch"]].tolist() == [
        (0, 240, 60), (480, 960, 62), (480, 960, 65), (2400, 240, 60)
    ]  # fmt: skip


def test_instruments_play_together() -> None:
    song = make_song()
    representation = fit(song, durations=True, instruments=True)
    assert representation.programs == (0, 32, 73)
    assert words(representation, song)[:7] == [
        "start", "instrument 0", "0.4.7", "length 72", "instrument 32", "C2", "instrument 73"
    ]  # fmt: skip
    decoded = representation.decode(representation.encode(song))
    assert [track.program for track in decoded.tracks] == [0, 32, 73]
    grammar = representation.grammar(Conditions(bars=4, instruments=(33, 128)))
    for token in (representation.start_id,):
        grammar.advance(token)
    allowed = [representation.tokens.name(i) for i in np.flatnonzero(grammar.allowed_mask())]
    assert allowed == ["instrument 32", "instrument 73"]  # the nearest known


def test_what_is_not_allowed_is_said_in_one_line() -> None:
    with pytest.raises(ConfigError, match="instruments need durations"):
        fit(make_song(), instruments=True)
    with pytest.raises(ConfigError, match=r"note_names: option parts"):
        fit(make_song(), parts="left")
    with pytest.raises(ConfigError, match="surprise"):
        fit(make_song(), surprise=1)
    with pytest.raises(ConfigError, match="sorted"):
        make_representation("note_names", {"words": ["E5", "C5"]})
    with pytest.raises(ConfigError, match="programs"):
        make_representation("note_names", {"words": ["E5"], "programs": [200], "durations": True})


# --- playing --------------------------------------------------------------------------------------------------


def test_a_piece_may_end_by_itself_in_the_last_quarter_of_its_bars() -> None:
    representation = fit(make_song())
    grammar = representation.grammar(Conditions(bars=8))
    grammar.advance(representation.start_id)
    may_end = []
    while len(may_end) < 64:
        grammar.advance(0)
        may_end.append(bool(grammar.allowed_mask()[representation.end_id]))
    assert may_end.index(True) == 47  # after 48 words of half a quarter: 6 of 8 bars
    assert np.flatnonzero(grammar.allowed_mask()).tolist() == [representation.end_id]


def test_the_guard_breaks_a_chord_that_repeats() -> None:
    representation = fit(make_song())
    chord = representation.settings.words.index("0.4.7")
    grammar, guard = representation.grammar(Conditions(bars=32)), RepetitionGuard(representation)
    grammar.advance(representation.start_id)
    for _ in range(SAME_PITCH):
        assert allowed_ids(grammar, [guard])[0][chord]
        grammar.advance(chord)
        guard.advance(grammar)
    assert not allowed_ids(grammar, [guard])[0][chord]


def test_what_a_primer_has_and_the_model_has_not_is_said():
    known = NoteNames.fit([NoteNames.collect_statistics(make_song())], {"all_keys": False})
    strange = Score(480, (Track(make_notes([(0, 480, 13, 80), (480, 480, 72, 80)])),))
    said = known.substitutions(strange)
    assert any(line.startswith("C#0 is not known") for line in said)
    assert known.substitutions(make_song()) == ()
