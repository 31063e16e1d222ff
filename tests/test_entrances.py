"""Every instrument of a piece plays, and the piece comes home, however little a network cares for it."""

from __future__ import annotations

import numpy as np
import pytest
from build import TICKS, make_song
from fakes import allowed_ids, small_network

from ritornello.bundle import Facts, save_bundle
from ritornello.generation import load
from ritornello.generation.constraints import ConstraintState
from ritornello.generation.constraints.cadence_multitrack import CadenceState
from ritornello.generation.constraints.entrances import REST, EntrancesState
from ritornello.representations import make_representation
from ritornello.representations.base import Conditions, FixedNotes
from ritornello.representations.grammar import MOST_SILENT_BARS
from ritornello.representations.grids import SHIFTS
from ritornello.representations.multitrack.grammar import MultitrackGrammarState
from ritornello.score import Score, Track, make_notes
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


# --- announced entrances ---------------------------------------------------------------------------------------

TOLD = make_representation("multitrack", {**SCHEME.config(), "entrances": True})


def announced(bars: int, *entrances: int) -> MultitrackGrammarState:
    """Return the grammar of a piece of PROGRAMS, in score order, after a header with these bars of entrance."""
    grammar = TOLD.grammar(Conditions(bars=bars, instruments=PROGRAMS, meter=(4, 4), quarters_per_minute=120))
    while len(grammar.programs) < len(PROGRAMS):
        grammar.advance(int(np.flatnonzero(grammar.allowed_mask())[0]))
    for bar in entrances:
        grammar.advance(int(TOLD.vocabulary.entrance_ids(bar)))
    return grammar


def told_in(ids: np.ndarray) -> list[str]:
    return [name for name in map(TOLD.tokens.name, ids.tolist()) if name.startswith("entrance")]


def test_the_header_tells_in_which_bar_each_instrument_enters() -> None:
    tracks = tuple(
        Track(make_notes([(4 * TICKS * bar, TICKS, 60, 80)]), program)
        for program, bar in ((73, 11), (0, 2), (33, 0))
    )
    ids = TOLD.encode(Score(TICKS, tracks))
    # In the order of the vocabulary: piano, bass and flute have voices 1, 2 and 0.
    assert told_in(ids) == ["entrance in bar 11", "entrance in bar 3", "entrance in bar 1"]
    rows = TOLD.inputs(ids)
    names = [column.name for column in TOLD.columns]
    entering = rows[:, [names.index("entering_voice"), names.index("bars_until_entrance")]].tolist()
    header = ids.tolist().index(int(TOLD.vocabulary.entrance_ids(0))) + 1
    assert entering[header - 1] == [3, 1]  # the bass, now
    assert entering[header] == [2, 3]  # it has played; the piano, in two bars
    assert [2, 1] in entering  # now
    assert [1, 9] in entering  # the flute, in eight bars or more
    assert entering[-1] == [0, 0]


def test_the_grammar_asks_for_one_entrance_an_instrument_within_the_piece() -> None:
    entrances = TOLD.tokens.slice["entrance"]
    grammar = announced(12)
    for number, bar in enumerate((11, 4, 10)):
        mask = grammar.allowed_mask()
        assert mask.sum() == mask[entrances].sum() == 10, "the last bin begins in bar 11"
        grammar.advance(int(TOLD.vocabulary.entrance_ids(bar)))
        assert len(grammar.entrances) == number + 1
    assert told_in(np.flatnonzero(grammar.allowed_mask())) == ["entrance in bar 1", "entrance in bar 2"]
    grammar.advance(int(TOLD.vocabulary.entrance_ids(1)))
    assert not grammar.allowed_mask()[entrances].any()


@pytest.mark.parametrize("seed", range(4))
def test_instruments_play_from_their_entrance_on_not_before(seed: int) -> None:
    wanted = dict(zip(PROGRAMS, (3, 0, 6, 2), strict=True))
    grammar, rule = announced(10, *wanted.values()), EntrancesState(TOLD.vocabulary)
    random, ids = np.random.default_rng(seed), []
    while not grammar.ended:
        mask, relaxed = allowed_ids(grammar, [rule])
        assert not relaxed
        ids.append(int(random.choice(np.flatnonzero(mask))))
        grammar.advance(ids[-1])
    score = TOLD.decode(np.array(ids, dtype=np.int32))
    for program, bar in wanted.items():
        # A random piece may rest for two bars.
        assert bar <= bars_of(score, program)[0] <= bar + 1 + MOST_SILENT_BARS


def test_an_instrument_that_has_been_silent_in_the_bar_of_its_entrance_is_next() -> None:
    grammar, rule = announced(10, 0, 0, 1, 0), EntrancesState(TOLD.vocabulary)
    tokens, first = TOLD.tokens, TOLD.tokens.first["shift"]
    for voice in (0, 1, 3):
        grammar.advance(tokens.note_ids(voice, 60)[0])
    is_bass = tokens.voice == 2
    assert not allowed_ids(grammar, [rule])[0][is_bass].any()
    for steps, may_wait in ((96, True), (96, False)):
        grammar.advance(first + SHIFTS.tolist().index(steps))
        grammar.advance(tokens.note_ids(1, 60)[0])
        mask, _ = allowed_ids(grammar, [rule])
        assert mask[is_bass].any()
        assert mask[tokens.slice["shift"]].any() == may_wait


def test_the_earliest_plays_at_once() -> None:
    grammar, rule = announced(10, 1, 4, 4, 4), EntrancesState(TOLD.vocabulary)
    mask, relaxed = allowed_ids(grammar, [rule])
    assert set(TOLD.tokens.voice[np.flatnonzero(mask & TOLD.tokens.mask("note"))].tolist()) == {0}
    assert not relaxed


def test_what_is_added_to_a_primer_enters_after_it() -> None:
    primer = Score(TICKS, (Track(make_notes([(0, TICKS, 60, 80), (8 * TICKS, TICKS, 60, 80)]), 0),))
    ids = TOLD.primer(primer, Conditions(bars=8, instruments=(73, 0)))
    assert told_in(ids) == ["entrance in bar 4", "entrance in bar 1"]


def test_fixed_parts_enter_where_they_do() -> None:
    fixed = FixedNotes(
        Score(TICKS, (Track(make_notes([(4 * TICKS, TICKS, 60, 80)]), 0),)), is_accompanied=True
    )
    grammar = TOLD.grammar(Conditions(bars=4, instruments=(73,), fixed_notes=fixed))
    while not (mask := grammar.allowed_mask())[TOLD.tokens.slice["entrance"]].any():
        grammar.advance(int(np.flatnonzero(mask)[0]))
    assert mask.sum() == 4, "the flute, in any of the bars"
    grammar.advance(int(np.flatnonzero(mask)[0]))
    assert told_in(np.flatnonzero(grammar.allowed_mask())) == ["entrance in bar 2"]


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
