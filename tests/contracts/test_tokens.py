"""The laws of `Tokens`, for every representation: the table equals what `encode`, `decode` and the grammar do."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
from test_representations import FITTED, NAMES, UNMOVED

from ritornello.representations import Representation
from ritornello.representations.tokens import SPAN, block, build_tokens
from ritornello.testing.representations import sample
from ritornello.testing.tokens import (
    LAWS,
    a_transposed_song_has_the_transposed_ids,
    ids_sound_as_the_table_says,
)

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


NOT_FOR = {ids_sound_as_the_table_says: UNTOLD, a_transposed_song_has_the_transposed_ids: OWN_KEY}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_table_keeps_the_laws(name: str, law: Callable[[Representation], None]) -> None:
    if name not in NOT_FOR.get(law, {}):
        law(FITTED[name])


@pytest.mark.parametrize("name", [name for name in NAMES if FITTED[name].name in TIMED])
def test_pieces_have_the_notes_that_the_table_counts(name: str) -> None:
    representation, tokens = FITTED[name], FITTED[name].tokens
    ids = representation.encode(sample(representation))
    counted, notes = int(tokens.notes[ids].sum()), representation.decode(ids).note_count
    assert 0 < counted <= notes
    assert counted == notes or tokens.recalls.any()


def test_who_tells_time() -> None:
    assert {FITTED[name].name for name in NAMES if FITTED[name].tokens.is_timed} == TIMED


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
