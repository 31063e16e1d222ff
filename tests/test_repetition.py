"""Constraints: nothing is repeated for ever, and there is always a way on."""

from __future__ import annotations

import numpy as np
import pytest
from build import make_melody, make_song
from fakes import (
    END,
    FIRST_NOTE,
    SHIFT,
    STEPS_PER_BAR,
    StepRepresentation,
    allowed_ids,
    longest_bar_run,
    longest_pitch_run,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.generation.constraints.base import Never, taken_together
from ritornello.generation.constraints.length import NotesBeforeEnd
from ritornello.generation.constraints.repetition import SAME_BAR, SAME_CHORD, SAME_PITCH, RepetitionGuard
from ritornello.generation.notes import Notes, of_classes
from ritornello.representations import REPRESENTATIONS
from ritornello.representations.base import Conditions
from ritornello.score import Score

STEPS = StepRepresentation()
A, B, C, OTHER_VOICE = (
    *(token for pitch in (60, 61, 62) for token in STEPS.tokens.note_ids(0, pitch)),
    *STEPS.tokens.note_ids(1, 60),
)


def follow(ids, bars=20):
    """Return a grammar and a guard that have seen `ids`."""
    grammar, guard = STEPS.grammar(Conditions(bars=bars)), RepetitionGuard(STEPS)
    for token in ids:
        grammar.advance(token)
        guard.advance(grammar)
    return grammar, guard


def forbidden(ids) -> set[int]:
    grammar, guard = follow(ids)
    return set(guard.banned(grammar, grammar.allowed_mask()))


def test_a_pitch_is_forbidden_after_eight_in_a_row():
    assert forbidden([A, SHIFT] * (SAME_PITCH - 1)) == set()
    assert forbidden([A, SHIFT] * SAME_PITCH) == {A}
    assert forbidden([A, SHIFT] * SAME_PITCH + [B, SHIFT]) == set()


def test_voices_are_counted_apart():
    assert forbidden([A, OTHER_VOICE, SHIFT] * SAME_PITCH)  # both of them
    assert A in forbidden([A, SHIFT] * 4 + [A, OTHER_VOICE, SHIFT] * 4)
    assert OTHER_VOICE not in forbidden([A, SHIFT] * 4 + [A, OTHER_VOICE, SHIFT] * 4)


def test_chords_are_counted_from_the_lowest_note_up():
    assert forbidden([A, B, SHIFT] * 3) == set()  # 60 61 60 61: never the same twice
    assert forbidden([A, B, SHIFT] + [B, SHIFT] * (SAME_PITCH - 2)) == set()
    assert forbidden([A, B, SHIFT] + [B, SHIFT] * (SAME_PITCH - 1)) == {B}
    assert (
        forbidden([A, B, SHIFT] + [B, SHIFT] * (SAME_PITCH - 1) + [A]) == set()
    )  # a lower note breaks the run


def test_a_chord_is_broken_up_after_as_many_in_a_row():
    chords = [A, B, SHIFT] * SAME_CHORD
    assert forbidden(chords) == set()  # its first note may come
    assert forbidden([*chords, A]) == {B}
    assert forbidden([*chords, C, SHIFT, A]) == set()


RIFF = [A, SHIFT, C, SHIFT, B, SHIFT, SHIFT]  # a bar


def test_a_fifth_equal_bar_is_broken_at_its_last_note():
    start = RIFF * SAME_BAR
    assert forbidden([*start, A, SHIFT]) == set()
    assert forbidden([*start, A, SHIFT, C]) == set()  # B is still one step away
    assert forbidden([*start, A, SHIFT, C, SHIFT]) == {B}
    assert forbidden([*start, A, SHIFT, SHIFT]) == set()  # it differs already: C is missing
    assert forbidden([*start, A, SHIFT, B, SHIFT]) == set()  # it differs already: B is too early
    assert forbidden([*start[len(RIFF) :], A, SHIFT, C, SHIFT]) == set()  # only the fourth


def test_a_bar_of_one_note_is_broken_too():
    assert forbidden(([C] + [SHIFT] * STEPS_PER_BAR) * SAME_BAR) == {C}


def test_rests_do_not_count_as_repetitions():
    assert forbidden([A] + [SHIFT] * STEPS_PER_BAR * 9) == set()
    gap = ([C] + [SHIFT] * STEPS_PER_BAR) * 3 + [SHIFT] * STEPS_PER_BAR * 2
    assert forbidden(gap + [C] + [SHIFT] * STEPS_PER_BAR) == set()  # rests begin the count anew


def test_other_ids_than_notes_are_never_forbidden():
    assert not forbidden([A, SHIFT] * 30) & {END, SHIFT}


@st.composite
def preferences(draw):
    """Rankings of the ids, one for each step of a short period: the worst that a model could want."""
    size = STEPS.vocabulary_size
    return draw(st.lists(st.permutations(range(size)), min_size=1, max_size=9))


@given(preferences())
@settings(max_examples=150, deadline=None)
def test_whatever_is_wanted_nothing_repeats_for_ever_and_the_piece_ends(rankings):
    grammar, guard = follow([0], bars=24)
    ids = [0]
    while not grammar.ended:
        mask, dropped = allowed_ids(grammar, [guard])
        assert not dropped
        ranking = rankings[len(ids) % len(rankings)]
        ids.append(next(token for token in ranking if mask[token]))
        grammar.advance(ids[-1])
        guard.advance(grammar)
        assert len(ids) < 24 * STEPS_PER_BAR * STEPS.vocabulary_size
    score = STEPS.decode(np.array(ids))
    assert longest_pitch_run(score) <= SAME_PITCH
    assert longest_bar_run(score) <= SAME_BAR


def test_without_the_guard_it_would():
    score = STEPS.decode(np.array([0] + [A, SHIFT] * 40 + [END]))
    assert longest_pitch_run(score) == 40
    assert longest_bar_run(score) == 10


def test_the_guard_keeps_a_summary_not_the_history():
    _, short = follow(RIFF * 10)
    _, long = follow(RIFF * 100)
    sizes = [len(guard._bars.present) + len(guard._bars.last) for guard in (short, long)]
    assert max(sizes) <= 2 * STEPS_PER_BAR * STEPS.vocabulary_size
    assert len(long._runs) == 1


def test_what_leaves_nothing_gives_way_and_is_named():
    grammar, _ = follow([0])
    everything = Never("everything", 0, np.arange(STEPS.vocabulary_size))
    mask, relaxed_constraints = allowed_ids(grammar, [everything])
    assert relaxed_constraints == ["everything"]
    assert np.array_equal(mask, grammar.allowed_mask())


def test_what_stands_first_gives_way_last():
    grammar, _ = follow([0])
    all_but_a = Never("asked", 0, np.setdiff1d(np.arange(STEPS.vocabulary_size), [A]))
    not_a = Never("guard", 0, np.array([A]))
    for rules, names in (((all_but_a, not_a), ["guard"]), ((not_a, all_but_a), ["asked"])):
        mask, relaxed_constraints = allowed_ids(grammar, rules)
        assert relaxed_constraints == names
        assert mask[A] == (names == ["guard"])


@given(
    st.lists(st.sets(st.integers(0, STEPS.vocabulary_size - 1)), min_size=1, max_size=4),
    st.sampled_from([[0], [0, A], [0, SHIFT, B]]),
)
def test_what_is_taken_together_gives_way_one_by_one(bans, ids):
    grammar, _ = follow(ids)
    rules = [
        Never(f"rule {number}", number, np.array(sorted(banned), int)) for number, banned in enumerate(bans)
    ]
    mask, relaxed_constraints = allowed_ids(grammar, taken_together(rules))
    alone, relaxed_alone = allowed_ids(grammar, rules)
    assert np.array_equal(mask, alone)
    assert relaxed_constraints == relaxed_alone


@given(st.lists(st.sampled_from([A, A, A, B, OTHER_VOICE, SHIFT, SHIFT]), max_size=60), st.integers(0, 9))
@settings(deadline=None)
def test_the_guard_looks_where_something_may_be_exhausted(ids, times):
    """One that looks at every voice and bar at every step bans the same."""
    grammar, guard, all_seeing = (
        STEPS.grammar(Conditions(bars=20)),
        RepetitionGuard(STEPS),
        RepetitionGuard(STEPS),
    )
    for token in [*ids, *[A, SHIFT] * times]:
        grammar.advance(token)
        guard.advance(grammar)
        all_seeing.advance(grammar)
        for run in all_seeing._runs.values():
            run.is_near = True
        allowed = grammar.allowed_mask()
        assert list(guard.banned(grammar, allowed)) == list(all_seeing.banned(grammar, allowed))


def test_notes_before_the_end():
    early = NotesBeforeEnd(STEPS, 2)
    for ids, expected in (([0], [END]), ([0, A], [END]), ([0, A, B], [])):
        grammar, _ = follow(ids)
        assert list(early.banned(grammar, grammar.allowed_mask())) == expected
    grammar, _ = follow([0], bars=1)
    mask, dropped = allowed_ids(grammar, [early])
    assert not mask[END]
    assert mask[FIRST_NOTE:].all()
    assert not dropped


C_MAJOR = frozenset({0, 2, 4, 5, 7, 9, 11})


@pytest.mark.parametrize(
    "name", ["multitrack", "melody", "polyphony", "performance", "improv", "drums", "event_words"]
)
def test_in_scale_leaves_notes_of_the_scale_and_drums(name):
    kind, song = REPRESENTATIONS[name], make_song()
    representation = kind.fit([kind.collect_statistics(song)], {})
    outside = set(Notes(representation).outside(of_classes(C_MAJOR)).tolist())
    for token in np.flatnonzero(representation.tokens.notes).tolist():
        score = representation.decode(np.array([representation.start_id, token]))
        for track in (track for track in score.tracks if len(track.notes)):
            free = track.is_drum or set((track.notes["pitch"] % 12).tolist()) <= C_MAJOR
            assert (token not in outside) == free


def test_in_scale_goes_by_what_sounds():
    """A melody in D is written down in C; the scale of D is then that of C in ids."""
    kind = REPRESENTATIONS["melody"]
    song = Score(480, (make_melody((62, 64, 66, 67, 69, 71, 73, 74)),))
    melody = kind.fit([], {}).for_piece(song, Conditions())
    assert melody.placement.shift
    outside = Notes(melody).outside(of_classes({(pitch + 2) % 12 for pitch in C_MAJOR}))
    ids = np.setdiff1d(np.flatnonzero(melody.tokens.notes), outside)
    scores = [melody.decode(np.array([melody.start_id, token])) for token in ids.tolist()]
    assert {int(score.all_notes()["pitch"][0]) % 12 for score in scores} == {(p + 2) % 12 for p in C_MAJOR}
