"""What a piece copies is found, told, and kept from being copied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from build import TICKS, make_melody
from fakes import small_network
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello import formats, train
from ritornello.bundle import Facts, add_index, save_bundle
from ritornello.config import checked
from ritornello.errors import BundleError, ConfigError
from ritornello.generation import Model, load
from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints.originality import MIN_COPY, MOST_COPY, SHORT_COPY, NoCopy
from ritornello.originality import (
    LONGEST_COPY,
    MOST_NOTES,
    Continuations,
    Copy,
    Index,
    build_index,
    copies,
    lines_of,
    one_of,
    unpack_index,
)
from ritornello.representations import make_representation
from ritornello.representations.base import Conditions, FixedNotes, GrammarState
from ritornello.representations.multitrack import Multitrack
from ritornello.score import Score, Track

TUNE = (60, 62, 64, 65, 67, 65, 64, 62, 71, 60, 72, 61, 70, 69, 68, 55)


def melody_score(pitches: tuple[int, ...]) -> Score:
    return Score(TICKS, (make_melody(pitches),))


def index_of(*melodies: tuple[int, ...]) -> Index:
    pieces = [(f"piece {n}", melody_score(pitches)) for n, pitches in enumerate(melodies)]
    return build_index(pieces)


def test_a_copy_in_another_key_is_found_with_its_place() -> None:
    index = index_of((50, 52, 50, 53), TUNE)
    own = (40, 80, *(pitch + 3 for pitch in TUNE[4:12]), 30)
    found = copies(index, melody_score(own))
    assert found.moved == Copy(8, "piece 1", 2, 1)
    assert found.exact is not None
    assert found.exact.notes == 2  # by chance
    assert copies(index, melody_score(TUNE)).exact == Copy(len(TUNE), "piece 1", 1, 1)


def test_another_rhythm_is_no_copy_but_another_loudness_and_instrument_are() -> None:
    index = index_of(TUNE)
    notes = make_melody(TUNE).notes
    slow, loud = notes.copy(), notes.copy()
    slow["start"][1::2] += TICKS // 2
    loud["velocity"] = 1
    loud["duration"] //= 2
    moved = copies(index, Score(TICKS, (Track(slow),))).moved
    assert moved is None or moved.notes < 4
    assert copies(index, Score(TICKS, (Track(loud, 40),))).exact == Copy(len(TUNE), "piece 0", 1, 1)


def test_runs_do_not_cross_tracks_and_drums_do_not_count() -> None:
    index = build_index([("a", Score(TICKS, (make_melody(TUNE[:8]), make_melody(TUNE[8:]))))])
    found = copies(index, melody_score(TUNE)).moved
    assert found is not None
    assert found.notes == 8
    drums = Score(TICKS, (replace(make_melody(TUNE), is_drum=True),))
    assert lines_of(drums) == []
    assert copies(index, drums).moved is None
    assert copies(build_index([("a", drums)]), melody_score(TUNE)).moved is None


def longest_by_hand(one: tuple[int, ...], other: tuple[int, ...], moved: bool) -> int:
    """Return the longest shared run, by trying all."""
    best = 0
    for i in range(len(one)):
        for j in range(len(other)):
            shift, count = other[j] - one[i] if moved else 0, 0
            while (
                i + count < len(one) and j + count < len(other) and one[i + count] + shift == other[j + count]
            ):
                count += 1
            best = max(best, count)
    return best


pitches = st.lists(st.integers(58, 62), min_size=2, max_size=14).map(tuple)


@settings(max_examples=150, deadline=None)
@given(own=pitches, first=pitches, second=pitches, common=st.integers(0, 20), shift=st.integers(0, 1))
def test_the_longest_runs_are_those_found_by_trying_all(
    own: tuple[int, ...], first: tuple[int, ...], second: tuple[int, ...], common: int, shift: int
) -> None:
    own = (*own, *TUNE[:common], *own)
    second = (*second, *(pitch + shift for pitch in TUNE[:common]))
    found = copies(index_of(first, second), melody_score(own))
    for copy, moved in ((found.moved, True), (found.exact, False)):
        longest = max(longest_by_hand(own, first, moved), longest_by_hand(own, second, moved))
        assert (copy.notes if copy else 1) == max(1, longest)


def test_of_too_many_pieces_one_of_several_is_kept_and_that_is_said() -> None:
    assert [one_of(notes) for notes in (0, MOST_NOTES, MOST_NOTES + 1, 3 * MOST_NOTES)] == [1, 1, 2, 3]
    index = build_index([("a", melody_score(TUNE))], is_whole=False)
    assert not copies(index, melody_score(TUNE)).is_whole
    assert not unpack_index(index.pack(), "here").is_whole


def test_an_index_is_packed_and_refused_when_damaged() -> None:
    index = index_of(TUNE, TUNE[::-1])
    again = unpack_index(index.pack(), "here")
    assert again.names == index.names
    assert copies(again, melody_score(TUNE)) == copies(index, melody_score(TUNE))
    with pytest.raises(BundleError, match="here"):
        unpack_index(index.pack()[:-9], "here")
    with pytest.raises(BundleError, match="do not fit"):
        unpack_index(replace(index, bars=index.bars[:-1]).pack(), "here")
    with pytest.raises(BundleError, match="do not fit"):
        unpack_index(replace(index, names=("one",)).pack(), "here")


# --- while composing ------------------------------------------------------------------------------------------


def random_walk(grammar: GrammarState, seed: int, rules: list[NoCopy]) -> list[int]:
    """Return the ids of a piece chosen at random among those that the grammar and the rules allow."""
    random, ids = np.random.default_rng(seed), []
    while not grammar.ended:
        allowed = grammar.allowed_mask()
        for rule in rules:
            forbidden = list(rule.banned(grammar, grammar.allowed_mask()))
            allowed[forbidden] = False
        ids.append(int(random.choice(np.flatnonzero(allowed))))
        grammar.advance(ids[-1])
        for rule in rules:
            rule.advance(grammar)
    return ids


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["melody", "frames"])
def test_no_run_is_longer_than_allowed(name: str, seed: int) -> None:
    """The index is that of very piece that would come about without the rule."""
    representation = make_representation(
        name, {"steps_per_quarter": 1, "lags": []} if name == "frames" else {}
    )
    assert representation.tells_notes_in_order
    free = representation.decode(np.array(random_walk(representation.grammar(), seed, [])))
    index = build_index([("itself", free)])
    continuations = Continuations(index, 4)
    for again in range(3):
        rule = NoCopy(representation, continuations, is_asked=True)
        ids = random_walk(representation.grammar(), seed + again, [rule])
        found = copies(index, representation.decode(np.array(ids))).moved
        assert found is not None
        assert found.notes <= 4


@pytest.mark.parametrize("filter_after", [0, 1 << 30])
def test_a_run_that_goes_on_is_looked_up_in_the_index(
    filter_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ritornello.originality.FILTER_AFTER", filter_after)
    known, played = (np.random.default_rng(n).integers(60, 63, 300).tolist() for n in (1, 2))
    continuations = Continuations(index_of(tuple(known)), 4)
    runs = {tuple(np.diff(known[at : at + 5]).tolist()) for at in range(len(known) - 4)}
    last = continuations.begin(0.0, played[0])
    for at in range(1, len(played)):
        fork = last.fork()
        fork.add(at, 99)
        last.add(at, played[at])
        steps = np.diff(played[max(0, at - 3) : at + 1]).tolist()
        following = [step for step in range(-3, 4) if (*steps, step) in runs]
        assert sorted(last.copied_at(at + 1)) == [played[at] + step for step in following]
        assert last.copied_at(at + 2) == []


def save_model(path: Path, index: Index | None = None) -> Model:
    representation = make_representation("frames", {"steps_per_quarter": 1, "lags": []})
    save_bundle(path, small_network(representation), representation, Facts(name="small"), index=index)
    return load(path)


def test_compose_tells_what_is_copied_and_keeps_from_copying(tmp_path: Path) -> None:
    path = tmp_path / "small.rit"
    model = save_model(path)
    plain = model.compose(bars=6, seed=1)
    assert plain.copies is None
    with pytest.raises(ConfigError, match="no index"):
        model.compose(bars=6, max_copy=6)
    add_index(path, build_index([("plain", plain.score)]))
    again = load(path).compose(bars=6, seed=1, max_copy=0)
    assert again.ids.tolist() == plain.ids.tolist()
    assert again.copies is not None
    assert again.copies.exact == Copy(plain.score.note_count, "plain", 1, 1)
    assert plain.score.note_count > SHORT_COPY
    for asked, longest in (({"max_copy": 4}, 4), ({}, SHORT_COPY)):
        kept = load(path).compose(bars=6, seed=1, **asked)
        assert kept.relaxed_steps == 0
        assert kept.copies is not None
        assert kept.copies.moved is not None
        assert kept.copies.moved.notes <= longest


def test_as_long_runs_may_be_asked_for_as_are_told_apart() -> None:
    assert MOST_COPY == LONGEST_COPY


@pytest.mark.parametrize("notes", [1, MIN_COPY - 1])
def test_too_short_copies_are_refused(notes: int) -> None:
    with pytest.raises(ConfigError, match=f"must be at least {MIN_COPY}, or 0 for any"):
        checked(ComposeConfig, {"max_copy": notes})


def test_the_notes_of_a_primer_are_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "small.rit"
    primer = save_model(path).compose(bars=6, seed=1).score
    add_index(path, build_index([("primer", primer)]))
    with_primer = load(path).compose(primer, bars=8, seed=3, max_copy=4)
    assert with_primer.copies is not None
    assert with_primer.copies.moved is None or with_primer.copies.moved.notes <= 4


@pytest.mark.parametrize("returns", [{1: 0}, {}])
def test_a_run_goes_on_from_a_section_that_comes_again(returns: dict[int, int]) -> None:
    """Of three bars of four notes the middle one is given; it is the first one again, or of another piece."""
    known = (60, 62, 64, 65) * 2 + (71, 69, 67, 65)
    score = melody_score(known)
    representation = Multitrack.fit([Multitrack.collect_statistics(score)])
    rule = NoCopy(representation, Continuations(index_of(known), 6), is_asked=True)
    fixed = FixedNotes(None, frozenset({0, 2}), returns)
    grammar = representation.grammar(Conditions(3, 120, (4, 4), (0,), fixed_notes=fixed))
    for token in representation.encode(score).tolist():
        bar = grammar.place[0]
        if bar != 1:
            banned = set(rule.banned(grammar, grammar.allowed_mask()))
            if bar == 2:
                break
        grammar.advance(token)
        rule.advance(grammar)
    assert banned == (set(representation.tokens.note_ids(0, 71)) if returns else set())


def test_drums_may_play_what_another_part_has_played() -> None:
    beats = make_melody((60,) * 12)
    kit = replace(beats, is_drum=True)
    score = Score(TICKS, (beats, kit))
    representation = Multitrack.fit([Multitrack.collect_statistics(score)])
    (drums,) = representation.tokens.drum_voices
    rule = NoCopy(representation, Continuations(index_of((60,) * 12), 4), is_asked=True)
    grammar, forbidden = representation.grammar(), set[int]()
    for token in representation.encode(score).tolist():
        forbidden |= set(rule.banned(grammar, grammar.allowed_mask()))
        grammar.advance(token)
        rule.advance(grammar)
    assert forbidden == set(representation.tokens.note_ids(1 - drums, 60))


def test_a_scheme_whose_notes_come_otherwise_is_refused(tmp_path: Path) -> None:
    representation = make_representation("polyphony", {})
    save_bundle(tmp_path / "p.rit", small_network(representation), representation, Facts(name="p"))
    with pytest.raises(ConfigError, match="polyphony cannot be asked for it"):
        load(tmp_path / "p.rit").compose(max_copy=8)


def test_training_leaves_an_index_of_what_was_learned(tmp_path: Path) -> None:
    for number, pitches in enumerate((TUNE, TUNE[::-1], TUNE[4:] + TUNE[:4])):
        formats.write(melody_score(pitches), tmp_path / "midi" / f"tune-{number}.mid")
    for _ in train(
        tmp_path / "midi",
        tmp_path / "m.rit",
        held_out=0.3,
        steps=2,
        hidden=8,
        layers=1,
        embedding=8,
        samples=0,
        batch=2,
    ):
        pass
    index = load(tmp_path / "m.rit").bundle.index
    assert index is not None
    assert len(index.names) == 2  # one is held out
    name = index.names[0]
    found = copies(index, formats.read(tmp_path / "midi" / f"{name}.mid")).exact
    assert found == Copy(len(TUNE), name, 1, 1)
