"""The laws of `Tokens`: the table of a representation equals what its `encode`, `decode` and grammar do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ritornello.representations import Conditions, Representation
from ritornello.representations.tokens import CHORD, SPAN
from ritornello.testing.representations import sample
from ritornello.testing.samples import transposed_song
from ritornello.theory import DRUMS


def the_table_has_a_row_an_id(representation: Representation) -> None:
    """Every id has a name of its own, a kind, and a number in its block."""
    tokens = representation.tokens
    assert tokens.size == representation.vocabulary_size
    assert tokens.first["start"] == representation.start_id
    assert tokens.first["end"] == representation.end_id
    assert len({tokens.name(token) for token in range(tokens.size)}) == tokens.size
    for kind in tokens.blocks:
        ids = np.flatnonzero(tokens.mask(kind))
        assert tokens.is_kind(np.arange(tokens.size), kind)[ids].all()
        assert [(tokens.kind[i], tokens.value[i]) for i in ids] == [(kind, n) for n in range(len(ids))]


def ids_sound_as_the_table_says(representation: Representation) -> None:
    """Each id by itself, after the start, decodes to the notes of its row."""
    if representation.reads_prose:
        return
    tokens = representation.tokens
    for token in np.flatnonzero(~tokens.recalls).tolist():
        score = representation.decode(np.array([representation.start_id, token]))
        pitch = int(tokens.pitch[token])
        assert bool(score.note_count) == bool(tokens.notes[token])
        assert {track.is_drum for track in score.tracks if len(track.notes)} <= {bool(tokens.is_drum[token])}
        if pitch < CHORD:
            assert score.note_count == tokens.notes[token]
        if 0 <= pitch < CHORD:
            assert score.all_notes()["pitch"].tolist() == [pitch]
        if pitch >= 0:
            assert token in tokens.note_ids(max(0, int(tokens.voice[token])), pitch)


def a_transposed_song_has_the_transposed_ids(representation: Representation) -> None:
    """Encoding a song a semitone higher gives the ids moved by the table, but for the start: it tells of the move."""
    if not representation.tokens.is_pitched.any():
        return
    song, higher = transposed_song(0), transposed_song(1)
    keys = tuple(replace(key, fifths=(key.fifths + 7 + 5) % 12 - 5) for key in song.keys)
    ids, moved = representation.encode(song), representation.encode(replace(higher, keys=keys))
    assert (ids != moved).any()
    assert np.array_equal(representation.tokens.transposed(ids, 1)[1:], moved[1:])


def moves_are_there_and_back_and_add_up(representation: Representation) -> None:
    """Transpositions are invertible and add up, and drums are not transposed."""
    tokens = representation.tokens
    assert np.array_equal(tokens.moves[SPAN], np.arange(tokens.size))
    for one, other in ((1, -1), (5, 7), (-12, 9)):
        there = tokens.moves[SPAN + one]
        further = np.where(there < 0, -1, tokens.moves[SPAN + other][there])
        both = (there >= 0) & (further >= 0)
        assert np.array_equal(further[both], tokens.moves[SPAN + one + other][both])
        assert len(np.unique(there[there >= 0])) == (there >= 0).sum()
    assert (tokens.moves[:, tokens.is_drum] == np.flatnonzero(tokens.is_drum)).all()


def grammar_states_tell_the_notes_that_sound(representation: Representation) -> None:
    """`last_notes` are the decoded notes, except for tokens of whole chords; a transposed melody as it sounds."""
    tokens = representation.tokens
    if not tokens.is_pitched.any():
        return
    suited = representation.for_piece(transposed_song(3), Conditions())
    for seed in range(3):
        random, ids, reported = np.random.default_rng(seed), [], []
        grammar = suited.grammar(Conditions(bars=5))
        while not grammar.ended:
            ids.append(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
            expected = grammar.notes_of(ids[-1])
            grammar.advance(ids[-1])
            assert grammar.last_notes == expected
            reported += [pitch for _, pitch in expected]
        if (tokens.pitch >= CHORD).any():
            assert len(reported) == tokens.notes[ids].sum()
        else:
            assert sorted(reported) == sorted(suited.decode(np.array(ids)).all_notes()["pitch"].tolist())
            assert len(reported) == grammar.notes


def the_table_tells_when_notes_begin(representation: Representation) -> None:
    """In a timed table, notes begin at its onsets, and a grammar state knows the time to a quarter."""
    tokens = representation.tokens
    if not tokens.is_timed:
        return
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


def instruments_are_declared_by_their_ids(representation: Representation) -> None:
    """Each instrument has ids for its pitches, and each voice an instrument."""
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


LAWS: tuple[Callable[[Representation], None], ...] = (
    the_table_has_a_row_an_id,
    ids_sound_as_the_table_says,
    a_transposed_song_has_the_transposed_ids,
    moves_are_there_and_back_and_add_up,
    grammar_states_tell_the_notes_that_sound,
    the_table_tells_when_notes_begin,
    instruments_are_declared_by_their_ids,
)
