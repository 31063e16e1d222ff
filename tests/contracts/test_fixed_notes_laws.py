"""The laws of representations that keep what is given: it sounds, nothing else sounds where it is given, pieces end."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from build import TICKS
from hypothesis import given, settings
from hypothesis import strategies as st
from test_representations import CASES, FITTED, scores

from ritornello.errors import ConfigError
from ritornello.representations import Conditions, Representation
from ritornello.representations.base import FixedNotes
from ritornello.score import Score, Track, make_notes, ticks_to_seconds

KEEPING = [name for name in sorted(FITTED) if FITTED[name].keeps_fixed_notes]
FREEING = [name for name in KEEPING if "infill" not in FITTED[name].unsupported_settings]
"""Those in which bars can be free, or return."""


def walk(representation: Representation, conditions: Conditions, seed: int) -> Score:
    """Return a piece of random ids that the grammar allows, the due one among them at every step."""
    random, grammar = np.random.default_rng(seed), representation.grammar(conditions)
    ids: list[int] = []
    while not grammar.ended:
        allowed, due = np.flatnonzero(grammar.allowed_mask()), grammar.forced_token
        assert len(allowed), "a dead end"
        is_free = conditions.fixed_notes and (
            conditions.fixed_notes.is_accompanied
            or grammar.place[0] <= max(conditions.fixed_notes.free, default=-1)
        )
        assert is_free or not ids or len(allowed) == 1, "a choice where all is given"
        assert due is None or due in allowed
        hasty = due is None or random.random() < 0.5
        ids.append(int(random.choice(allowed)) if hasty else int(due or 0))
        grammar.advance(ids[-1])
        assert len(ids) < 100_000, "no end in sight"
    return representation.decode(np.array(ids, dtype=np.int32))


def sounds(score: Score, bars: Score, free: frozenset[int] = frozenset()) -> Counter[tuple[int, ...]]:
    """Return the notes of all tracks that do not begin in `free` bars of `bars`. Drums have no length of their own."""
    rows = [
        (track.program, track.is_drum, start, 0 if track.is_drum else duration, *rest)
        for track in score.tracks
        for start, duration, *rest in track.notes.tolist()
    ]
    end = max((row[2] for row in rows), default=0)
    edges = bars.bar_starts(end + 1)
    bar = np.searchsorted(edges, [row[2] for row in rows], side="right") - 1
    return Counter(row for row, at in zip(rows, bar.tolist(), strict=True) if at not in free)


def bars_of(representation: Representation, score: Score) -> int:
    grammar = representation.grammar()
    for token in representation.primer(score).tolist():
        grammar.advance(token)
    return grammar.place[0] + 1


def test_who_keeps_what_is_given() -> None:
    assert {CASES[name][0] for name in KEEPING} == {"multitrack", "polyphony"}


@pytest.mark.parametrize("name", FREEING)
@settings(max_examples=80, deadline=None)
@given(score=scores(), data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_where_a_piece_is_not_free_exactly_the_given_notes_sound(
    name: str, score: Score, data: st.DataObject, seed: int
) -> None:
    representation = FITTED[name]
    known = representation.decode(representation.encode(score))
    if not known.note_count:
        return
    bars = bars_of(representation, known)
    free = data.draw(st.frozensets(st.integers(0, min(bars, 40) - 1)))
    after = data.draw(st.integers(0, 3))
    free |= frozenset(range(bars, bars + after))
    conditions = Conditions(bars=bars + after, fixed_notes=FixedNotes(known, free))
    if bars + after > 1023:
        with pytest.raises(ConfigError, match="at most 1023"):
            representation.grammar(conditions)
        return
    made = walk(representation, conditions, seed)
    assert sounds(made, made, free) == sounds(known, known, free)
    assert made.meters == known.meters
    kept = [note[2] for note in sounds(known, known, free)]
    assert _tempo_at(made, kept) == _tempo_at(known, kept)


def _tempo_at(score: Score, ticks: list[int]) -> list[float]:
    return [
        round(float(ticks_to_seconds(score, tick + 1) - ticks_to_seconds(score, tick)), 9) for tick in ticks
    ]


@pytest.mark.parametrize("name", FREEING)
@pytest.mark.parametrize("seed", range(8))
def test_a_note_that_sounds_on_into_a_free_bar_is_not_struck_there(name: str, seed: int) -> None:
    held = [(0, 8 * TICKS, pitch, 80) for pitch in (60, 62, 64)]
    score = Score(TICKS, (Track(make_notes([*held, (8 * TICKS, TICKS, 61, 80)])),))
    representation = type(FITTED[name]).fit([type(FITTED[name]).collect_statistics(score)], {})  # type: ignore[attr-defined]
    known = representation.decode(representation.encode(score))
    free = frozenset([1])
    made = walk(representation, Conditions(bars=3, fixed_notes=FixedNotes(known, free)), seed)
    assert sounds(made, made, free) == sounds(known, known)


@pytest.mark.parametrize("name", FREEING)
@pytest.mark.parametrize("last", [6, 9])
def test_bars_after_a_long_silence_that_is_given_can_be_filled(name: str, last: int) -> None:
    bar = 4 * TICKS
    score = Score(TICKS, (Track(make_notes([(0, TICKS, 60, 80), (9 * bar, TICKS, 62, 80)])),))
    representation = type(FITTED[name]).fit([type(FITTED[name]).collect_statistics(score)], {})  # type: ignore[attr-defined]
    known = representation.decode(representation.encode(score))
    free = frozenset([6, last])
    conditions = Conditions(bars=10, fixed_notes=FixedNotes(known, free))
    made = [walk(representation, conditions, seed) for seed in range(8)]
    begun = [set((piece.tracks[0].notes["start"] // bar).tolist()) for piece in made]
    assert any(6 in bars for bars in begun)
    assert all(9 in bars for bars in begun)
    assert all(bars <= {0, 6, 9} for bars in begun)


@pytest.mark.parametrize("name", KEEPING)
@settings(max_examples=40, deadline=None)
@given(score=scores(), after=st.integers(0, 3), seed=st.integers(0, 2**32 - 1), asked=st.booleans())
def test_given_parts_are_accompanied(name: str, score: Score, after: int, seed: int, asked: bool) -> None:
    representation = FITTED[name]
    score = Score(score.ticks_per_quarter, score.tracks[:1], score.tempos, score.meters)
    known = representation.decode(representation.encode(score))
    if not known.note_count or bars_of(representation, known) > 100:
        return
    bars = bars_of(representation, known)
    free = frozenset(range(bars, bars + after))
    program = 32 if known.tracks[0].program < 32 else 0
    conditions = Conditions(bars=bars + after, instruments=(program,) if asked else None)
    made = walk(
        representation,
        Conditions(**{**vars(conditions), "fixed_notes": FixedNotes(known, free, {}, True)}),
        seed,
    )
    assert sounds(known, known) <= sounds(made, made)
    assert made.note_count > known.note_count


@pytest.mark.parametrize("name", FREEING)
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), bars=st.integers(2, 12), data=st.data())
def test_bars_return_as_they_were_composed(name: str, seed: int, bars: int, data: st.DataObject) -> None:
    representation = FITTED[name]
    later = data.draw(st.sets(st.integers(1, bars - 1)))
    returns = {bar: data.draw(st.integers(0, bar - 1)) for bar in sorted(later)}
    conditions = Conditions(bars=bars, fixed_notes=FixedNotes(None, frozenset(range(bars)) - later, returns))
    made = walk(representation, conditions, seed)
    edges = made.bar_starts(max((int(t.notes["start"].max()) for t in made.tracks), default=0) + 1)
    contents: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(bars)]
    for program, is_drum, start, _, pitch, velocity in sounds(made, made).elements():
        bar = int(np.searchsorted(edges, start, side="right")) - 1
        contents[bar][program, is_drum, start - int(edges[bar]), pitch, velocity] += 1
    for bar, source in returns.items():
        assert contents[bar] == contents[source]
