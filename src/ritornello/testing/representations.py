"""The laws of representations, in four groups by what each is tried with: nothing else, a piece, any ids, or a seed.

`fit` makes a representation that has seen the samples; `random_piece` and `random_ids` give something to try it with,
and hypothesis may draw better.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ritornello.errors import ConfigError
from ritornello.formats.text import is_prose, paragraphs
from ritornello.representations import (
    REPRESENTATIONS,
    Conditions,
    Ids,
    Kind,
    Representation,
    make_representation,
)
from ritornello.representations.attribution import attribute
from ritornello.representations.columns import transposition
from ritornello.representations.mapping import analogous_values
from ritornello.representations.tokens import CHORD
from ritornello.score import Score, Track
from ritornello.testing import refusal
from ritornello.testing.samples import make_prose, make_song, random_prose, random_score, transposed_song


def fit(kind: Kind, options: Mapping[str, Any]) -> Representation:
    """Return a representation fitted to the sample song in two keys, or to the sample of prose."""
    learned = [make_prose()] if kind.reads_prose else [make_song(), transposed_song(1)]
    return kind.fit([kind.collect_statistics(piece) for piece in learned], options)


def sample(of: Representation | Kind) -> Score:
    """Return a small piece of music, or of prose for a representation of prose."""
    return make_prose() if of.reads_prose else make_song()


def random_piece(representation: Representation, random: np.random.Generator) -> Score:
    """Return any score, or any prose."""
    return random_prose(random) if representation.reads_prose else random_score(random)


def random_ids(representation: Representation, random: np.random.Generator) -> Ids:
    """Return 1 to 200 random ids."""
    length = int(random.integers(1, 201))
    return random.integers(0, representation.vocabulary_size, length).astype(np.int32)


# --- a representation alone ----------------------------------------------------------------------------------


def it_is_registered(representation: Representation) -> None:
    """`REPRESENTATIONS` has it under its name."""
    found: object = REPRESENTATIONS.get(representation.name)
    assert found is type(representation), f"{representation.name!r} is not registered"


def closing_ends_within_the_bar(representation: Representation) -> None:
    """After `finish_bar` no id leads into another bar."""
    random = np.random.default_rng(1)
    grammar = representation.grammar(Conditions(bars=500))
    closed_in = None
    while not grammar.ended:
        if grammar.notes > 40 and closed_in is None:
            closed_in = grammar.place[0]
            grammar.finish_bar()
        grammar.advance(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
    assert grammar.place[0] == closed_in


def a_fork_goes_its_own_way(representation: Representation) -> None:
    """Advancing a fork does not change the original."""
    ids = representation.encode(sample(representation))
    grammar = representation.grammar()
    for token in ids[: len(ids) // 2].tolist():
        grammar.advance(token)
    before = grammar.columns, grammar.notes
    fork = grammar.fork()
    for token in ids[len(ids) // 2 :].tolist():
        fork.advance(token)
    assert (grammar.columns, grammar.notes) == before
    assert fork.ended
    assert not grammar.ended


def transposing_moves_every_melodic_note(representation: Representation, octaves: bool = True) -> None:
    """`Tokens` transposes all notes but drums, within `transposable`, and back again.

    octaves: whether the representation keeps them; else only pitch classes are compared.
    """
    ids = representation.encode(sample(representation))
    low, high = representation.tokens.transposable(ids)
    assert low <= 0 <= high
    higher = representation.tokens.transposed(ids, high)
    original, moved = representation.decode(ids), representation.decode(higher)
    for before, after in zip(original.tracks, moved.tracks, strict=True):
        step = 0 if before.is_drum else high
        if octaves:
            assert np.array_equal(after.notes["pitch"], before.notes["pitch"] + step)
        else:
            assert _classes_by_onset(after) == _classes_by_onset(before, step)
    assert np.array_equal(representation.tokens.transposed(higher, -high), ids)


def columns_move_with_the_notes(representation: Representation) -> None:
    """Transposed input rows equal the rows of the transposed ids, from any position on."""
    if not representation.learns_whole_pieces:
        return  # its examples keep their key
    ids = representation.encode(sample(representation))
    rows = representation.inputs(ids)
    for semitones in (-5, 1):
        transposed = representation.tokens.transposed(ids, semitones)
        moved = transposition(representation, semitones)(rows)
        assert np.array_equal(moved[:, 0], transposed)
        assert np.array_equal(moved, representation.inputs(transposed))
        assert np.array_equal(transposition(representation, semitones)(rows[20:40]), moved[20:40])


def a_primer_is_the_beginning_of_a_longer_piece(representation: Representation) -> None:
    """After the ids of `primer` the piece has all notes, has not ended, and can go on."""
    song = sample(representation)
    primer = representation.primer(song, Conditions(bars=64))
    grammar = representation.grammar()
    for token in primer.tolist():
        grammar.advance(token)
    assert not grammar.ended
    assert grammar.allowed_mask().any()
    assert grammar.notes == size(representation.decode(representation.encode(song)))


def parts_are_told(representation: Representation) -> None:
    """Each track of a decoded score has a part of its own, and the tracks of the piece are read as no others."""
    song = sample(representation)
    ids = representation.encode(song)
    parts, read = representation.parts(ids), representation.parts_read(song)
    assert len(parts) == len(set(parts)) == len(representation.decode(ids).tracks)
    assert len(read) == len(song.tracks)
    assert {part for part in read if part is not None} <= {*parts}


def the_configuration_rebuilds_an_equal_one(representation: Representation) -> None:
    """`config` determines ids and columns."""
    again = make_representation(representation.name, representation.config())
    ids = representation.encode(sample(representation))
    assert np.array_equal(again.encode(sample(representation)), ids)
    assert again.columns == representation.columns


def unknown_settings_are_refused(representation: Representation) -> None:
    """The error names the setting."""
    settings = {**representation.config(), "surprise": 1}
    assert "surprise" in refusal(ConfigError, lambda: make_representation(representation.name, settings))


def its_options_fit_it_again(representation: Representation) -> None:
    """`fit` with its `options` gives, for other pieces, one with the same columns; and `analogues` maps its ids there
    and, where these are the same, to themselves."""
    kind, piece = REPRESENTATIONS[representation.name], sample(representation)
    other = kind.fit([kind.collect_statistics(piece)], representation.options())
    for own, old in ((representation, representation), (other, representation), (representation, other)):
        for column, known, values in zip(own.columns, old.columns, analogous_values(own, old), strict=True):
            assert column.name == known.name
            assert len(values) == column.size
            assert values.min() >= -1
            assert values.max() < known.size
            assert own is not old or np.array_equal(values, np.arange(column.size)), column.name


LAWS: tuple[Callable[[Representation], None], ...] = (
    it_is_registered,
    closing_ends_within_the_bar,
    a_fork_goes_its_own_way,
    transposing_moves_every_melodic_note,
    columns_move_with_the_notes,
    a_primer_is_the_beginning_of_a_longer_piece,
    parts_are_told,
    the_configuration_rebuilds_an_equal_one,
    unknown_settings_are_refused,
    its_options_fit_it_again,
)


# --- any piece -----------------------------------------------------------------------------------------------


def encode_decode_encode_gives_the_same_ids(representation: Representation, score: Score) -> None:
    """Ids are int32, within the vocabulary, from `start_id` to `end_id`; decoding and encoding keeps them."""
    ids = representation.encode(score)
    assert ids.dtype == np.int32
    assert ids[0] == representation.start_id
    assert ids[-1] == representation.end_id
    assert ids.min() >= 0
    assert ids.max() < representation.vocabulary_size
    again = representation.encode(representation.decode(ids))
    name_of = representation.tokens.name
    assert [name_of(i) for i in again] == [name_of(i) for i in ids]


def columns_of_pieces_one_step_at_a_time_equal_all_at_once(
    representation: Representation, score: Score
) -> None:
    """A grammar gives the columns of `inputs`, and ends with the piece."""
    ids = representation.encode(score)
    grammar = representation.grammar()
    rows = []
    for token in ids.tolist():
        grammar.advance(token)
        rows.append(grammar.columns)
    assert np.array_equal(np.array(rows), representation.inputs(ids))
    assert grammar.ended


def columns_of_pieces_move_as_far_as_the_pieces_can(representation: Representation, score: Score) -> None:
    """Transposed input rows equal the rows of the transposed ids, up to the ends of the range."""
    if not representation.learns_whole_pieces:
        return  # its examples keep their key
    ids = representation.encode(score)
    rows = representation.inputs(ids)
    for semitones in representation.tokens.transposable(ids):
        moved = transposition(representation, semitones)(rows)
        assert np.array_equal(moved, representation.inputs(representation.tokens.transposed(ids, semitones)))


def ids_belong_to_the_notes_that_they_make(representation: Representation, score: Score) -> None:
    """Every note has the id that begins it, of its pitch where that is told; every id stands with a note, before the
    first or after the last."""
    for ids in (representation.encode(score), *representation.extract_examples(score).ids):
        found, grammar = attribute(representation, ids), representation.grammar()
        told: list[tuple[int, tuple[int, ...]]] = []
        for token in ids.tolist():
            before = grammar.notes
            grammar.advance(token)
            told += [(grammar.notes - before, tuple(pitch for _, pitch in grammar.last_notes))] * (
                grammar.notes > before
            )
        assert found.event_of_id[found.begins].tolist() == list(range(len(told)))
        assert (found.event_of_id >= -1).all()
        assert (found.event_of_id <= len(told)).all()
        if representation.reads_prose:
            continue
        assert np.bincount(found.event, minlength=len(told)).tolist() == [notes for notes, _ in told]
        places = list(zip(found.track.tolist(), found.index.tolist(), strict=True))
        assert len(set(places)) == len(places) == found.score.note_count
        for (track, index), event in zip(places, found.event.tolist(), strict=True):
            pitches = told[event][1]
            known = len(pitches) and max(pitches) < CHORD
            assert not known or found.score.tracks[track].notes["pitch"][index] in pitches


PIECE_LAWS: tuple[Callable[[Representation, Score], None], ...] = (
    ids_belong_to_the_notes_that_they_make,
    encode_decode_encode_gives_the_same_ids,
    columns_of_pieces_one_step_at_a_time_equal_all_at_once,
    columns_of_pieces_move_as_far_as_the_pieces_can,
)


# --- any ids -------------------------------------------------------------------------------------------------


def any_ids_decode_to_a_playable_score(representation: Representation, ids: Ids) -> None:
    """Notes have a length, allowed numbers, and end before their pitch is struck again; the score can be encoded."""
    score = representation.decode(ids)
    for track in score.tracks:
        assert (track.notes["duration"] > 0).all()
        assert (track.notes["start"] >= 0).all()
        assert set(np.unique(track.notes["pitch"])) <= set(range(128))
        assert set(np.unique(track.notes["velocity"])) <= set(range(1, 128))
        for pitch in np.unique(track.notes["pitch"]):
            same = track.notes[track.notes["pitch"] == pitch]
            assert (same["start"][1:] >= same["start"][:-1] + same["duration"][:-1]).all()
    representation.encode(score)


def columns_one_step_at_a_time_equal_all_at_once(representation: Representation, ids: Ids) -> None:
    """Columns depend on earlier ids only, are within their sizes, and are the same by `inputs` and by a grammar."""
    grammar = representation.grammar()
    rows = []
    for token in ids.tolist():
        grammar.advance(token)
        rows.append(grammar.columns)
    whole, half = representation.inputs(ids), len(ids) // 2 + 1
    assert np.array_equal(np.array(rows), whole)
    assert np.array_equal(representation.inputs(ids[:half]), whole[:half])
    sizes = np.array([column.size for column in representation.columns])
    assert (whole >= 0).all()
    assert (whole < sizes).all()


def bars_and_notes_are_those_of_the_grammar(representation: Representation, ids: Ids) -> None:
    """After each id the bar and the number of notes are the same by `bars_and_notes` and by a grammar."""
    grammar = representation.grammar()
    for token, (bar, notes) in zip(ids.tolist(), representation.bars_and_notes(ids).T.tolist(), strict=True):
        grammar.advance(token)
        assert (grammar.place[0], grammar.notes) == (bar, notes)


def named_ids_do_the_same(representation: Representation, ids: Ids) -> None:
    """In place of an id, an id and its `named` one bring as many notes and lead to the same columns but column 0."""
    others = np.roll(ids, 7)[1:]
    grammar = representation.grammar()
    for token, other, named in zip(ids, others, representation.named(ids, others), strict=False):
        grammar.advance(int(token))
        forks = grammar.fork(), grammar.fork()
        for fork, each in zip(forks, (other, named), strict=True):
            fork.advance(int(each))
        assert forks[0].notes == forks[1].notes
        assert forks[0].columns[1:] == forks[1].columns[1:]
        assert representation.tokens.no_event < 0 or not representation.tokens.recalls[named]


IDS_LAWS: tuple[Callable[[Representation, Ids], None], ...] = (
    any_ids_decode_to_a_playable_score,
    columns_one_step_at_a_time_equal_all_at_once,
    bars_and_notes_are_those_of_the_grammar,
    named_ids_do_the_same,
)


# --- random pieces of the grammar ----------------------------------------------------------------------------


def the_grammar_never_stops_and_always_ends(representation: Representation, seed: int) -> None:
    """Random ids that the grammar allows are a piece of the length asked for, with as many notes as it counts."""
    random = np.random.default_rng(seed)
    bars, instruments = int(random.integers(1, 13)), (None, (0,), (40, 128))[random.integers(3)]
    grammar = representation.grammar(Conditions(bars=bars, instruments=instruments))
    ids: list[int] = []
    given = np.ones(representation.vocabulary_size, dtype=bool)
    while not grammar.ended:
        mask = grammar.allowed_mask(given)
        assert mask is given
        assert np.array_equal(mask, grammar.allowed_mask())
        allowed = np.flatnonzero(mask)
        assert len(allowed), "a dead end"
        ids.append(int(random.choice(allowed)))
        grammar.advance(ids[-1])
        assert len(ids) < 200_000, "no end in sight"
    score = representation.decode(np.array(ids, dtype=np.int32))
    assert size(score) == grammar.notes
    assert grammar.place[0] < bars
    if score.note_count:
        assert len(score.bar_starts(int(score.all_notes()["start"].max()) + 1)) <= bars


def grammars_tell_the_notes_of_a_track_in_order(representation: Representation, seed: int) -> None:
    """`last_notes` gives the notes of each track in their order, where `tells_notes_in_order` says so."""
    if not representation.tells_notes_in_order:
        return
    random, ids = np.random.default_rng(seed), []
    grammar, now = representation.grammar(Conditions(bars=5)), 0.0
    reported: dict[int, list[tuple[float, int]]] = {}
    while not grammar.ended:
        ids.append(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
        grammar.advance(ids[-1])
        for voice, pitch in grammar.last_notes:
            reported.setdefault(voice, []).append((now, pitch))
        now = grammar.quarters
    score = representation.decode(np.array(ids, dtype=np.int32))
    tracks = [
        [(note["start"] / score.ticks_per_quarter, note["pitch"]) for note in track.notes]
        for track in score.tracks
    ]
    assert sorted(tracks) == sorted(reported.values())


WALK_LAWS: tuple[Callable[[Representation, int], None], ...] = (
    the_grammar_never_stops_and_always_ends,
    grammars_tell_the_notes_of_a_track_in_order,
)


# --- helpers -------------------------------------------------------------------------------------------------


def size(score: Score) -> int:
    """Return how many notes a score has, or how many words."""
    if not is_prose(score):
        return score.note_count
    return sum(len(re.split("[ \u200b]", text)) for text in paragraphs(score))


def _classes_by_onset(track: Track, step: int = 0) -> list[tuple[int, int]]:
    return sorted((int(note["start"]), (int(note["pitch"]) + step) % 12) for note in track.notes)
