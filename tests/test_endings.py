"""Pieces end: what would go on past the last bar line is the end, and the last chord is held from a strong beat."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ritornello.generation.constraints.base import ConstraintState
from ritornello.generation.constraints.cadence_multitrack import CadenceState
from ritornello.generation.constraints.length import NotesBeforeEnd
from ritornello.generation.decoder import Decoder
from ritornello.representations import make_representation
from ritornello.representations.base import Conditions, FixedNotes
from ritornello.representations.grids import DURATIONS, SHIFTS
from ritornello.score import Score

SCHEME = make_representation(
    "multitrack",
    {
        "voices": [
            {"family": 0, "number": 0, "low": 40, "high": 80, "programs": [0]},
            {"family": 16, "number": 0, "low": 35, "high": 50, "programs": [0]},
        ],
        "meters": [[4, 4], [3, 4], [6, 8], [5, 4], [2, 2]],
    },
)
TOKENS = SCHEME.tokens
END = TOKENS.first["end"]


def shift(steps: int) -> int:
    return TOKENS.first["shift"] + SHIFTS.tolist().index(steps)


def duration(steps: int) -> int:
    return TOKENS.first["duration"] + DURATIONS.tolist().index(steps)


def note(pitch: int) -> int:
    return TOKENS.note_ids(0, pitch)[0]


def conditions(bars: int, meter: tuple[int, int] = (4, 4), fixed: FixedNotes | None = None) -> Conditions:
    return Conditions(bars, 120, meter, (0, 128), fixed_notes=fixed)


def decoded(*ids: int, bars: int = 1, rules: tuple[ConstraintState, ...] = ()) -> Decoder:
    """Return the decoder of a piece of so many bars, after its header and `ids`."""
    decoder = Decoder(SCHEME, conditions(bars), rules)
    while TOKENS.kind[(header := int(np.flatnonzero(decoder.mask())[0]))] != "shift":
        decoder.accept(header)
    for token in ids:
        decoder.accept(token)
    return decoder


def probabilities(decoder: Decoder, given: dict[int, float]) -> dict[int, float]:
    """Return what the ids of `given`, with these probabilities, have in the end, beside those that are not allowed."""
    logits = np.full(TOKENS.size, -30, dtype=np.float32)
    logits[[*given]] = np.log([*given.values()])
    mask = decoder.mask()
    chosen = np.exp(np.where(mask, decoder.process(logits), -np.inf))
    return {token: round(float(chosen[token]), 3) for token in given if mask[token]}


def test_the_end_takes_the_probability_of_shifts_past_the_last_bar_line() -> None:
    decoder = decoded(shift(48), note(60), duration(12))
    given = {shift(12): 0.1, shift(42): 0.1, shift(43): 0.1, shift(48): 0.3, shift(96): 0.3, END: 0.1}
    assert probabilities(decoder, given) == {shift(12): 0.1, shift(42): 0.1, END: 0.8}


def test_a_note_that_is_held_takes_the_probability_of_longer_ones() -> None:
    given = {
        duration(12): 0.2,
        duration(48): 0.1,
        duration(54): 0.2,
        duration(192): 0.4,
        shift(60): 0.1,
        END: 0.0001,
    }
    found = probabilities(decoded(shift(48), note(60)), given)
    assert found == {duration(12): 0.2, duration(48): 0.7, END: 0.1}


def test_nothing_is_reassigned_before_the_last_bar() -> None:
    given = {duration(12): 0.2, duration(96): 0.3, duration(192): 0.2, shift(384): 0.3}
    assert probabilities(decoded(note(60), bars=2), given) == {
        duration(12): 0.2,
        duration(96): 0.3,
        duration(192): 0.2,
    }


def random_piece(bars: int, meter: tuple[int, int], seed: int, *rules: ConstraintState) -> tuple[Score, int]:
    """Return a piece chosen at random within the rules, and how often they gave way."""
    decoder, random = Decoder(SCHEME, conditions(bars, meter), rules), np.random.default_rng(seed)
    while not decoder.grammar.ended:
        decoder.accept(int(random.choice(np.flatnonzero(decoder.mask()))))
    return SCHEME.decode(np.array(decoder.ids)), sum(decoder.relaxed.values())


STRONG = {(4, 4): (0, 2), (3, 4): (0,), (6, 8): (0, 1.5), (5, 4): (0,), (2, 2): (0, 2)}
"""The strong beats of meters, in quarters."""


@pytest.mark.parametrize("meter", STRONG)
@pytest.mark.parametrize("bars", [1, 3])
def test_the_last_chord_begins_on_a_strong_beat_and_is_held(meter: tuple[int, int], bars: int) -> None:
    quarters = meter[0] * 4 / meter[1]
    ends = set()
    for seed in range(8):
        score, relaxed = random_piece(bars, meter, seed, CadenceState(SCHEME.vocabulary))
        assert not relaxed
        notes, ticks = score.all_notes(), score.ticks_per_quarter
        last = notes[notes["start"] == notes["start"].max()]
        place = last["start"][0] / ticks - (bars - 1) * quarters
        until = dict(pairwise((*STRONG[meter], quarters)))
        assert place in until
        drums = [track.notes["pitch"] for track in score.tracks if track.is_drum]
        pitched = last[~np.isin(last["pitch"], drums[0])] if drums else last
        assert (pitched["duration"] >= (until[place] - place) * ticks).all()
        assert ((pitched["start"] + pitched["duration"]) <= bars * quarters * ticks).all()
        ends.add(place)
    assert STRONG[meter][-1] in ends


def test_a_rule_that_wants_more_notes_is_not_stopped_by_the_cadence() -> None:
    rules = NotesBeforeEnd(SCHEME, 60), CadenceState(SCHEME.vocabulary)
    for seed in range(4):
        score, _ = random_piece(2, (4, 4), seed, *rules)
        last = score.all_notes()["start"].max()
        assert np.count_nonzero(score.all_notes()["start"] == last) < 20, "no pile of notes"


@pytest.mark.parametrize(("free", "is_kept"), [({0, 1}, True), ({0}, False)])
def test_a_form_whose_last_bar_is_composed_ends_so_too(free: set[int], is_kept: bool) -> None:
    returns = {} if is_kept else {1: 0}
    fixed = FixedNotes(None, frozenset(free), returns)
    grammar = SCHEME.grammar(conditions(2, fixed=fixed))
    rule = CadenceState(SCHEME.vocabulary)
    while not (mask := grammar.allowed_mask())[note(60)]:
        grammar.advance(int(np.flatnonzero(mask)[0]))
    for token in (note(60), shift(96), note(60)):
        grammar.advance(token)
        rule.advance(grammar)
    assert (rule.banned_mask(grammar, grammar.allowed_mask()) is not None) == is_kept
