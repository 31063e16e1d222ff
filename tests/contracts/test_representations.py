"""The laws of representations, for every one in the table; hypothesis draws what they are tried with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import ConfigError
from ritornello.representations import REPRESENTATIONS, Ids, Representation, make_representation
from ritornello.score import Meter, Score, Tempo, Text, Track, make_notes
from ritornello.testing import representation_laws
from ritornello.testing.representations import (
    IDS_LAWS,
    LAWS,
    PIECE_LAWS,
    WALK_LAWS,
    fit,
    sample,
    transposing_moves_every_melodic_note,
)

WITH_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {  # members that the laws try in other forms too
    "event_words, notes of one track": ("event_words", {"keep": "notes", "track": 2, "most": 40}),
    "multitrack, plan": ("multitrack", {"chords": True, "returns": True}),
    "melody, mono": ("melody", {"encoding": "mono"}),
    "melody, lookback": ("melody", {"encoding": "lookback"}),
    "melody, key": ("melody", {"encoding": "key"}),
    "performance, plain": ("performance", {"velocity_bins": 0}),
    "performance, density": ("performance", {"density": True, "velocity_bins": 8}),
    "performance, both": ("performance", {"density": True, "pitch_classes": True}),
    "drums, one": ("drums", {"one_drum": True}),
    "frames, coarse": ("frames", {"steps_per_quarter": 1, "cycles": [3, 12], "lags": []}),
    "frames, intervals": ("frames", {"intervals": True}),
    "polyphony, position": ("polyphony", {"position": True}),
    "note_names, durations": ("note_names", {"durations": True}),
    "note_names, instruments": ("note_names", {"durations": True, "instruments": True}),
    "note_names, first part": ("note_names", {"parts": "first"}),
}
CASES = {name: (name, {}) for name in REPRESENTATIONS} | WITH_OPTIONS
FITTED: dict[str, Representation] = {
    case: fit(REPRESENTATIONS[name], options) for case, (name, options) in CASES.items()
}
NAMES = sorted(FITTED)

OCTAVES_LOST = {"note_names": "its chords are pitch classes"}
"""Members that keep only the class of some pitches: transposed, these may come back in another octave."""

UNMOVED = {
    "drums": "has no pitches",
    "drums, one": "has no pitches",
    "words": "has no pitches",
}
"""Members that are never transposed, and why."""

EACH = pytest.mark.parametrize("name", NAMES)


def laws(functions: tuple[Callable[..., None], ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("law", functions, ids=lambda law: law.__name__)


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


@EACH
@laws(LAWS)
def test_a_representation_keeps_the_laws(name: str, law: Callable[..., None]) -> None:
    if law is transposing_moves_every_melodic_note:
        law(FITTED[name], octaves=FITTED[name].name not in OCTAVES_LOST)
    else:
        law(FITTED[name])


@EACH
@laws(PIECE_LAWS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_with_any_piece(name: str, law: Callable[[Representation, Score], None], data: st.DataObject) -> None:
    law(FITTED[name], data.draw(pieces(name)))


@EACH
@laws(IDS_LAWS)
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 200))
def test_with_any_ids(name: str, law: Callable[[Representation, Ids], None], seed: int, length: int) -> None:
    ids = np.random.default_rng(seed).integers(0, FITTED[name].vocabulary_size, length)
    law(FITTED[name], ids.astype(np.int32))


@EACH
@laws(WALK_LAWS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_with_random_pieces_of_the_grammar(
    name: str, law: Callable[[Representation, int], None], seed: int
) -> None:
    law(FITTED[name], seed)


@EACH
def test_pieces_can_be_transposed_unless_there_is_a_reason(name: str) -> None:
    low, high = FITTED[name].tokens.transposable(FITTED[name].encode(sample(FITTED[name])))
    assert (low < high) == (name not in UNMOVED)


@EACH
def test_no_ids_are_an_empty_score(name: str) -> None:
    assert not FITTED[name].decode(np.empty(0, dtype=np.int32)).note_count


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ConfigError, match="nearest is 'melody'"):
        make_representation("melodyx", {})


@pytest.mark.parametrize("name", ["drums", "words"])
def test_the_laws_as_other_packages_use_them(name: str) -> None:
    representation_laws(REPRESENTATIONS[name], tries=5)


def test_a_broken_law_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = REPRESENTATIONS["drums"]
    monkeypatch.setattr(kind, "config", lambda self: {"one_drum": True})
    with pytest.raises(AssertionError):
        representation_laws(kind, tries=0)
    representation_laws(kind, tries=0, leave_out=("the_configuration_rebuilds_an_equal_one",))
