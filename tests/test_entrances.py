"""Every instrument of a piece plays, and the piece comes home, however little a network cares for it."""

from __future__ import annotations

import numpy as np
import pytest
from build import make_song
from fakes import allowed_ids, small_network

from ritornello.bundle import Facts, save_bundle
from ritornello.generation import load
from ritornello.generation.constraints import ConstraintState
from ritornello.generation.constraints.cadence_multitrack import CadenceState
from ritornello.generation.constraints.entrances import REST, EntrancesState
from ritornello.representations import make_representation
from ritornello.representations.base import Conditions
from ritornello.score import Score
from ritornello.theory import key_profiles

PROGRAMS = (73, 0, 33, 128)
SCHEME = make_representation(
    "multitrack",
    {
        "voices": [
            {"family": family, "number": 0, "low": 30, "high": 90, "programs": [program]}
            for family, program in ((9, 73), (0, 0), (4, 33), (16, 0))
        ],
        "meters": [[4, 4]],
    },
)


def lazy_piece(rules: list[ConstraintState], bars: int) -> tuple[Score, int]:
    """Return a piece that goes on where it may, else lets the drums play, and how often rules gave way."""
    grammar = SCHEME.grammar(
        Conditions(bars=bars, instruments=PROGRAMS, meter=(4, 4), quarters_per_minute=120)
    )
    kind, ids, relaxed = SCHEME.tokens.kind, [], 0
    while not grammar.ended:
        mask, relaxed_constraints = allowed_ids(grammar, rules)
        relaxed += len(relaxed_constraints)
        ids.append(max(np.flatnonzero(mask).tolist(), key=lambda token: (kind[token] == "shift", token)))
        grammar.advance(ids[-1])
    return SCHEME.decode(np.array(ids, dtype=np.int32)), relaxed


def random_piece(rules: list[ConstraintState], seed: int) -> Score:
    """Return a piece of four bars, chosen at random within the rules."""
    grammar = SCHEME.grammar(Conditions(bars=4, instruments=PROGRAMS, meter=(4, 4), quarters_per_minute=120))
    random, ids = np.random.default_rng(seed), []
    while not grammar.ended:
        mask, relaxed_constraints = allowed_ids(grammar, rules)
        assert not relaxed_constraints
        ids.append(int(random.choice(np.flatnonzero(mask))))
        grammar.advance(ids[-1])
        for rule in rules:
            rule.advance(grammar)
    return SCHEME.decode(np.array(ids, dtype=np.int32))


def strangers(score: Score) -> list[int]:
    """Return the pitches of the last bar that are foreign to the tonic chord of all before it."""
    notes = np.concatenate([track.notes for track in score.tracks if not track.is_drum])
    last = score.bar_starts()[-1]
    before = notes[notes["start"] < last]["pitch"].astype(int)
    fits = key_profiles() @ np.bincount(before % 12, minlength=12)
    tonic, is_minor = int(fits.argmax()) % 12, int(fits.argmax()) >= 12
    degrees = (notes[notes["start"] >= last]["pitch"].astype(int) - tonic) % 12
    return [degree for degree in degrees.tolist() if degree not in ((0, 3, 7) if is_minor else (0, 4, 7))]


def bars_of(score: Score, program: int) -> list[int]:
    starts = score.bar_starts()
    tracks = [track for track in score.tracks if (128 if track.is_drum else track.program) == program]
    return sorted(
        {int(np.searchsorted(starts, tick, "right")) - 1 for track in tracks for tick in track.notes["start"]}
    )


@pytest.mark.parametrize("bars", [4, 8, 40])
def test_all_enter_in_the_first_half_and_nobody_rests_too_long(bars: int) -> None:
    score, relaxed = lazy_piece([EntrancesState(SCHEME.vocabulary)], bars)
    assert relaxed == 0
    late = 2  # where a bar is skipped, the next onset
    for program in PROGRAMS:
        played = bars_of(score, program)
        assert played[0] <= bars / 2 + late
        assert np.diff([*played, bars - 1]).max() <= REST + late


def test_without_the_rule_most_would_be_silent() -> None:
    score, _ = lazy_piece([], 16)
    assert [program for program in PROGRAMS if bars_of(score, program)] == [128]


@pytest.mark.parametrize("seed", range(6))
def test_the_last_bar_is_the_tonic_chord(seed: int) -> None:
    # The last bar's own notes count for the key as well: three of one chord do not outweigh three bars.
    assert not strangers(random_piece([CadenceState(SCHEME.vocabulary)], seed))
    assert strangers(random_piece([], seed))


def test_a_fork_of_the_rule_is_independent() -> None:
    rule = CadenceState(SCHEME.vocabulary)
    random_piece([rule], 1)
    other, before = rule.fork(), dict(rule.pitches)
    assert other.vocabulary is rule.vocabulary
    assert other.pitches == before
    random_piece([other], 2)
    assert rule.pitches == before != other.pitches


def test_compose_lets_all_play_unless_it_is_told_not_to(tmp_path) -> None:
    path = tmp_path / "model.rit"
    scheme = type(SCHEME).fit([SCHEME.collect_statistics(make_song())])
    save_bundle(path, small_network(scheme), scheme, Facts(name="small"))
    model = load(path)
    asked = {"bars": 8, "seed": 3, "guard": False, "temperature": 0}
    everyone = len([track for track in make_song().tracks if len(track.notes)])
    programs = [128 if track.is_drum else track.program for track in make_song().tracks]
    made = [model.compose(**asked, instruments=programs, entrances=entrances) for entrances in (True, False)]
    heard = [sum(len(track.notes) > 0 for track in each.score.tracks) for each in made]
    assert heard[0] == everyone > heard[1]
