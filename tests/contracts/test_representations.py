"""The laws of representations, for every one in the table."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from build import make_song
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import ConfigError
from ritornello.formats.text import is_prose, paragraphs, prose_to_score
from ritornello.representations import REPRESENTATIONS, Conditions, Representation, make_representation
from ritornello.representations.base import transpose_rows
from ritornello.score import Meter, Score, Tempo, Text, Track, make_notes

PROSE = prose_to_score("“Who is he ?” I asked . He laughed .\n\n( Nobody , he said . ) And so it was !")


def sample(of: Any) -> Score:
    """Return a small piece of what a representation, or a kind of them, is about: music or prose."""
    return PROSE if of.reads_prose else make_song()


def transposed_song(semitones: int) -> Score:
    """Return the sample song moved: a vocabulary of whole words knows the keys it has seen, and no others."""
    song = make_song()
    tracks = []
    for track in song.tracks:
        notes = track.notes.copy()
        notes["pitch"] += 0 if track.is_drum else semitones
        tracks.append(replace(track, notes=notes))
    return replace(song, tracks=tuple(tracks))


def fit(name: str, options: dict[str, Any]) -> Representation:
    kind = REPRESENTATIONS[name]
    learned = [PROSE] if kind.reads_prose else [make_song(), transposed_song(1)]
    return kind.fit([kind.collect_statistics(piece) for piece in learned], options)


def size(score: Score) -> int:
    """Return how many notes a score has, or how many words."""
    if not is_prose(score):
        return score.note_count
    return sum(len(re.split("[ \u200b]", text)) for text in paragraphs(score))


WITH_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {  # members that the laws try in other forms too
    "event_words, notes of one track": ("event_words", {"keep": "notes", "track": 2, "most": 40}),
    "melody, mono": ("melody", {"encoding": "mono"}),
    "melody, lookback": ("melody", {"encoding": "lookback"}),
    "melody, key": ("melody", {"encoding": "key"}),
    "performance, plain": ("performance", {"velocity_bins": 0}),
    "performance, density": ("performance", {"density": True, "velocity_bins": 8}),
    "performance, both": ("performance", {"density": True, "pitch_classes": True}),
    "drums, one": ("drums", {"one_drum": True}),
    "frames, coarse": ("frames", {"steps_per_quarter": 1, "cycles": [3, 12], "lags": []}),
    "polyphony, position": ("polyphony", {"position": True}),
    "note_names, durations": ("note_names", {"durations": True}),
    "note_names, instruments": ("note_names", {"durations": True, "instruments": True}),
    "note_names, first part": ("note_names", {"parts": "first"}),
}
CASES = {name: (name, {}) for name in REPRESENTATIONS} | WITH_OPTIONS
FITTED: dict[str, Representation] = {case: fit(name, options) for case, (name, options) in CASES.items()}
NAMES = sorted(FITTED)

OCTAVES_LOST = {"note_names": "its chords are pitch classes"}
"""Members that keep only the class of some pitches: transposed, these may come back in another octave."""

UNMOVED = {
    "drums": "has no pitches",
    "drums, one": "has no pitches",
    "words": "has no pitches",
}
"""Members that are never transposed, and why."""


@pytest.fixture(params=NAMES)
def representation(request: pytest.FixtureRequest) -> Representation:
    return FITTED[request.param]


@pytest.mark.parametrize("name", NAMES)
def test_pieces_can_be_transposed_unless_there_is_a_reason(name: str) -> None:
    low, high = FITTED[name].tokens.transposable(FITTED[name].encode(sample(FITTED[name])))
    assert (low < high) == (name not in UNMOVED)


@st.composite
def scores(draw: st.DrawFn) -> Score:
    """Any score: notes that overlap, repeat and stray off the grid, odd meters, wild tempos, many parts."""

    def notes(size: int) -> list[tuple[int, int, int, int]]:
        note = st.tuples(st.integers(0, 9000), st.integers(0, 3000), st.integers(0, 127), st.integers(1, 127))
        return draw(st.lists(note, max_size=size))

    tracks = [
        Track(make_notes(notes(24)), draw(st.integers(0, 127)), draw(st.booleans()))
        for _ in range(draw(st.integers(0, 4)))
    ]
    ticks = sorted(draw(st.lists(st.integers(0, 8000), max_size=4, unique=True)))
    tempos = tuple(Tempo(tick, draw(st.integers(1, 16_000_000))) for tick in ticks)
    meters = tuple(Meter(tick, draw(st.integers(1, 13)), 2 ** draw(st.integers(0, 5))) for tick in ticks)
    return Score(draw(st.sampled_from([1, 96, 480, 1000])), tuple(tracks), tempos, meters)


@st.composite
def pieces(draw: st.DrawFn, name: str) -> Score:
    """Any score, or any prose: known and unknown words, signs anywhere, empty paragraphs."""
    if not FITTED[name].reads_prose:
        return draw(scores())
    words = st.sampled_from([*"“”().!?,〓¶", "He", "laughed", "unheard-of", "said", "。", "\u200b"])
    texts = draw(st.lists(st.lists(words, max_size=8), max_size=5))
    joined = (draw(st.sampled_from([" ", "  ", "\u200b"])).join(text) for text in texts)
    return Score(1, texts=tuple(Text(n, "text", text) for n, text in enumerate(joined)))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_encode_decode_encode_gives_the_same_ids(name: str, data: st.DataObject) -> None:
    representation, score = FITTED[name], data.draw(pieces(name))
    ids = representation.encode(score)
    assert ids.dtype == np.int32
    assert ids[0] == representation.start_id
    assert ids[-1] == representation.end_id
    assert ids.min() >= 0
    assert ids.max() < representation.vocabulary_size
    again = representation.encode(representation.decode(ids))
    name_of = representation.tokens.name
    assert [name_of(i) for i in again] == [name_of(i) for i in ids]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(0, 200))
def test_any_ids_decode_to_a_playable_score(name: str, seed: int, length: int) -> None:
    representation = FITTED[name]
    ids = np.random.default_rng(seed).integers(0, representation.vocabulary_size, length).astype(np.int32)
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


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 150))
def test_columns_one_step_at_a_time_equal_all_at_once(name: str, seed: int, length: int) -> None:
    representation = FITTED[name]
    ids = np.random.default_rng(seed).integers(0, representation.vocabulary_size, length).astype(np.int32)
    grammar = representation.grammar()
    rows = []
    for token in ids.tolist():
        grammar.advance(token)
        rows.append(grammar.columns)
    whole = representation.inputs(ids)
    assert np.array_equal(np.array(rows), whole)
    assert np.array_equal(representation.inputs(ids[: length // 2 + 1]), whole[: length // 2 + 1])  # causal
    sizes = np.array([column.size for column in representation.columns])
    assert (whole >= 0).all()
    assert (whole < sizes).all()


@settings(max_examples=40, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_columns_of_encoded_pieces_too(name: str, data: st.DataObject) -> None:
    representation, score = FITTED[name], data.draw(pieces(name))
    ids = representation.encode(score)
    grammar = representation.grammar()
    rows = [(grammar.advance(token), grammar.columns)[1] for token in ids.tolist()]
    assert np.array_equal(np.array(rows), representation.inputs(ids))
    assert grammar.ended


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    bars=st.integers(1, 12),
    instruments=st.sampled_from([None, (0,), (40, 128)]),
)
def test_the_grammar_never_stops_and_always_ends(
    name: str, seed: int, bars: int, instruments: tuple[int, ...] | None
) -> None:
    representation = FITTED[name]
    random = np.random.default_rng(seed)
    grammar = representation.grammar(Conditions(bars=bars, instruments=instruments))
    ids = []
    while not grammar.ended:
        allowed = np.flatnonzero(grammar.allowed_mask())
        assert len(allowed), "a dead end"
        ids.append(int(random.choice(allowed)))
        grammar.advance(ids[-1])
        assert len(ids) < 200_000, "no end in sight"
    score = representation.decode(np.array(ids, dtype=np.int32))
    assert size(score) == grammar.notes
    assert grammar.place[0] < bars
    if score.note_count:
        assert len(score.bar_starts(int(score.all_notes()["start"].max()) + 1)) <= bars


def test_closing_ends_within_the_bar(representation: Representation) -> None:
    random = np.random.default_rng(1)
    grammar = representation.grammar(Conditions(bars=500))
    closed_in = None
    while not grammar.ended:
        if grammar.notes > 40 and closed_in is None:
            closed_in = grammar.place[0]
            grammar.finish_bar()
        grammar.advance(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
    assert grammar.place[0] == closed_in


def test_a_fork_goes_its_own_way(representation: Representation) -> None:
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


def _classes_by_onset(track: Track, step: int = 0) -> list[tuple[int, int]]:
    return sorted((int(note["start"]), (int(note["pitch"]) + step) % 12) for note in track.notes)


def test_transposing_moves_every_melodic_note(representation: Representation) -> None:
    ids = representation.encode(sample(representation))
    low, high = representation.tokens.transposable(ids)
    assert low <= 0 <= high
    higher = representation.tokens.transposed(ids, high)
    original, moved = representation.decode(ids), representation.decode(higher)
    for before, after in zip(original.tracks, moved.tracks, strict=True):
        step = 0 if before.is_drum else high
        if representation.name in OCTAVES_LOST:
            assert _classes_by_onset(after) == _classes_by_onset(before, step)
        else:
            assert np.array_equal(after.notes["pitch"], before.notes["pitch"] + step)
    assert np.array_equal(representation.tokens.transposed(higher, -high), ids)


@pytest.mark.parametrize("semitones", [-5, 1])
def test_columns_move_with_the_notes(representation: Representation, semitones: int) -> None:
    if not representation.learns_whole_pieces:
        return  # its examples are in the key it teaches, and never moved
    ids = representation.encode(sample(representation))
    rows, transposed = representation.inputs(ids), representation.tokens.transposed(ids, semitones)
    moved = transpose_rows(representation, rows, semitones)
    assert np.array_equal(moved[:, 0], transposed)
    assert np.array_equal(moved, representation.inputs(transposed))
    assert np.array_equal(transpose_rows(representation, rows[20:40], semitones), moved[20:40])


def test_a_primer_is_the_beginning_of_a_longer_piece(representation: Representation) -> None:
    song = sample(representation)
    primer = representation.primer(song, Conditions(bars=64))
    grammar = representation.grammar()
    for token in primer.tolist():
        grammar.advance(token)
    assert not grammar.ended
    assert grammar.allowed_mask().any()
    assert grammar.notes == size(representation.decode(representation.encode(song)))


def test_the_configuration_rebuilds_an_equal_one(representation: Representation) -> None:
    again = make_representation(representation.name, representation.config())
    ids = representation.encode(sample(representation))
    assert np.array_equal(again.encode(sample(representation)), ids)
    assert again.columns == representation.columns


def test_unknown_names_and_keys_are_refused(representation: Representation) -> None:
    with pytest.raises(ConfigError, match="nearest is"):
        make_representation(representation.name + "x", {})
    with pytest.raises(ConfigError, match="surprise"):
        make_representation(representation.name, {**representation.config(), "surprise": 1})


@pytest.mark.parametrize("name", [name for name in NAMES if FITTED[name].tells_notes_in_order])
@pytest.mark.parametrize("seed", range(4))
def test_cursors_tell_the_notes_of_a_track_in_order(name: str, seed: int) -> None:
    representation, random = FITTED[name], np.random.default_rng(seed)
    grammar, now, ids = representation.grammar(Conditions(bars=5)), 0.0, []
    told: dict[int, list[tuple[float, int]]] = {}
    while not grammar.ended:
        ids.append(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
        grammar.advance(ids[-1])
        for voice, pitch in grammar.last_notes:
            told.setdefault(voice, []).append((now, pitch))
        now = grammar.quarters
    score = representation.decode(np.array(ids, dtype=np.int32))
    tracks = [
        [(note["start"] / score.ticks_per_quarter, note["pitch"]) for note in track.notes]
        for track in score.tracks
    ]
    assert sorted(tracks) == sorted(told.values())
