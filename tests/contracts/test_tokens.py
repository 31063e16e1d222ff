"""The law of `Tokens`: the table of every representation equals what its `encode`, `decode` and grammar do."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from test_representations import FITTED, NAMES, UNMOVED, sample, transposed_song

from ritornello.representations import Conditions, Representation
from ritornello.representations.tokens import CHORD, SPAN, block, build_tokens
from ritornello.score import Score
from ritornello.theory import DRUMS

TIMED = {"multitrack", "melody", "performance", "drums", "polyphony", "improv", "event_words"}
"""Those whose ids tell when notes begin; in frames, a note held sounds anew in each."""

UNTOLD = {"jazz": "what a word sounds is settled when the whole piece is played, and its chords sound too"}

OWN_KEY = {
    "melody": "it moves melodies into one key",
    "melody, lookback": "likewise",
    "melody, key": "likewise",
    "performance, both": "its shares of pitch classes stand in rising order in every key",
} | UNMOVED
"""Members that do not encode a song that is moved as the ids moved, and why."""


@pytest.fixture(params=NAMES)
def representation(request: pytest.FixtureRequest) -> Representation:
    return FITTED[request.param]


def play(representation: Representation, token: int) -> Score:
    """Return what an id sounds by itself."""
    return representation.decode(np.array([representation.start_id, token]))


def test_the_table_has_a_row_an_id(representation: Representation) -> None:
    tokens = representation.tokens
    assert tokens.size == representation.vocabulary_size
    assert tokens.first["start"] == representation.start_id
    assert tokens.first["end"] == representation.end_id
    assert len({tokens.name(token) for token in range(tokens.size)}) == tokens.size
    for kind in tokens.blocks:
        ids = np.flatnonzero(tokens.mask(kind))
        assert tokens.is_kind(np.arange(tokens.size), kind)[ids].all()
        assert [(tokens.kind[i], tokens.value[i]) for i in ids] == [(kind, n) for n in range(len(ids))]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {*UNTOLD, "words"}])
def test_ids_sound_as_the_table_says(name: str) -> None:
    representation, tokens = FITTED[name], FITTED[name].tokens
    for token in np.flatnonzero(~tokens.recalls).tolist():
        score, pitch = play(representation, token), int(tokens.pitch[token])
        assert bool(score.note_count) == bool(tokens.notes[token])
        assert {track.is_drum for track in score.tracks if len(track.notes)} <= {bool(tokens.is_drum[token])}
        if pitch < CHORD:
            assert score.note_count == tokens.notes[token]
        if 0 <= pitch < CHORD:
            assert score.all_notes()["pitch"].tolist() == [pitch]
        if pitch >= 0:
            assert token in tokens.note_ids(max(0, int(tokens.voice[token])), pitch)


@pytest.mark.parametrize("name", [name for name in NAMES if FITTED[name].name in TIMED])
def test_pieces_have_the_notes_that_the_table_counts(name: str) -> None:
    representation, tokens = FITTED[name], FITTED[name].tokens
    ids = representation.encode(sample(representation))
    counted, notes = int(tokens.notes[ids].sum()), representation.decode(ids).note_count
    assert 0 < counted <= notes
    assert counted == notes or tokens.recalls.any()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OWN_KEY])
def test_a_song_that_is_moved_has_the_ids_that_the_table_moves(name: str) -> None:
    representation = FITTED[name]
    song, higher = transposed_song(0), transposed_song(1)
    keys = tuple(replace(key, fifths=(key.fifths + 7 + 5) % 12 - 5) for key in song.keys)
    ids, moved = representation.encode(song), representation.encode(replace(higher, keys=keys))
    assert (ids != moved).any()
    assert np.array_equal(representation.tokens.transposed(ids, 1), moved)


def test_moves_are_there_and_back_and_add_up(representation: Representation) -> None:
    tokens = representation.tokens
    assert np.array_equal(tokens.moves[SPAN], np.arange(tokens.size))
    for one, other in ((1, -1), (5, 7), (-12, 9)):
        there = tokens.moves[SPAN + one]
        further = np.where(there < 0, -1, tokens.moves[SPAN + other][there])
        both = (there >= 0) & (further >= 0)
        assert np.array_equal(further[both], tokens.moves[SPAN + one + other][both])
        assert len(np.unique(there[there >= 0])) == (there >= 0).sum()
    assert (tokens.moves[:, tokens.is_drum] == np.flatnonzero(tokens.is_drum)).all()


@pytest.mark.parametrize("name", [name for name in NAMES if FITTED[name].tokens.is_pitched.any()])
@pytest.mark.parametrize("seed", range(3))
def test_grammar_states_tell_the_notes_that_sound(name: str, seed: int) -> None:
    """Whatever brings them, a chord by its number aside; a melody that was moved to be encoded, where it sounds."""
    representation, random = (
        FITTED[name].for_piece(transposed_song(3), Conditions()),
        np.random.default_rng(seed),
    )
    grammar, ids, told = representation.grammar(Conditions(bars=5)), [], []
    while not grammar.ended:
        ids.append(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
        expected = grammar.notes_of(ids[-1])
        grammar.advance(ids[-1])
        assert grammar.last_notes == expected
        told += [pitch for _, pitch in expected]
    if FITTED[name].name != "note_names":
        assert sorted(told) == sorted(representation.decode(np.array(ids)).all_notes()["pitch"].tolist())
        assert len(told) == grammar.notes
    else:
        assert len(told) == FITTED[name].tokens.notes[ids].sum()


def test_who_tells_time() -> None:
    assert {FITTED[name].name for name in NAMES if FITTED[name].tokens.is_timed} == TIMED


@pytest.mark.parametrize("name", [name for name in NAMES if FITTED[name].tokens.is_timed])
def test_the_table_tells_when_notes_begin(name: str) -> None:
    representation, tokens = FITTED[name], FITTED[name].tokens
    song = representation.decode(representation.encode(sample(representation)))
    ids = representation.encode(song)
    after = np.cumsum(tokens.elapsed[ids])
    onsets = (after - tokens.duration[ids])[tokens.notes[ids] > 0].round(6)
    begins = (np.unique(song.all_notes()["start"]) / song.ticks_per_quarter).round(6)
    assert len(onsets)
    assert np.isin(onsets, begins).all()
    if not tokens.recalls.any():  # there, a repetition brings notes that do not count
        assert np.isin(begins, onsets).all()
    grammar = representation.grammar()
    for token, time in zip(ids.tolist(), after.tolist(), strict=True):
        grammar.advance(token)
        assert time - 1 < grammar.quarters < time + 1e-6


def test_instruments_are_declared_by_their_ids(representation: Representation) -> None:
    tokens = representation.tokens
    for each in tokens.instruments:
        assert list(each.pitches) == sorted(set(each.pitches))
        assert all(tokens.note_ids(each.voice, pitch) for pitch in each.pitches)
        assert (each.program == DRUMS) == (each.voice in tokens.drum_voices)
        if each.token is not None:
            assert (tokens.program[each.token], tokens.voice[each.token]) == (each.program, each.voice)
    if tokens.has_voices:
        assert len(tokens.programs) > 1
        assert {each.voice for each in tokens.instruments} >= {v for v in tokens.voice.tolist() if v >= 0}


def test_copies_are_the_table_itself() -> None:
    tokens = build_tokens(
        block("start"), block("none", 0), block("note", 2, pitch=(60, 61), notes=1, series=0)
    )
    assert deepcopy(tokens) is tokens
    assert tokens.transposed(np.array([0, 1, 2]), 1).tolist() == [0, 2, 2]  # what has no place stays
    assert tokens.transposable(np.array([0, 1])) == (0, 1)
    assert tokens.transposable(np.array([0])) == (0, 0)
    with pytest.raises(ValueError, match="at most 24"):
        tokens.transposed(np.array([0]), SPAN + 1)


def test_a_series_with_a_period_goes_round() -> None:
    tokens = build_tokens(block("key", 12, series=0, step=range(12), period=12))
    ids = np.arange(12)
    assert tokens.transposable(ids) == (-SPAN, SPAN)
    assert np.array_equal(tokens.transposed(ids, 7), (ids + 7) % 12)
    assert np.array_equal(tokens.transposed(ids, -13), (ids - 13) % 12)
