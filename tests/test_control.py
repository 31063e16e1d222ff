"""What was asked of register, grip and originality holds, always; and of several candidates the best is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from build import make_melody, make_song
from fakes import allowed_ids, small_network
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.bundle import Facts, save_bundle
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation import Model, load
from ritornello.generation.compose import best
from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints import ConstraintState, Context
from ritornello.generation.constraints.base import Never
from ritornello.generation.constraints.chord_size import ChordSizeState
from ritornello.generation.constraints.originality import SHORT_COPY
from ritornello.generation.feasibility import check_harmony
from ritornello.generation.notes import Notes, within
from ritornello.originality import Copies, Copy, build_index
from ritornello.representations import REPRESENTATIONS, Representation, make_representation
from ritornello.representations.base import Conditions
from ritornello.score import Meter, Score
from ritornello.theory import parse_scale_classes

FRAMES = make_representation("frames", {"steps_per_quarter": 1, "lags": []})
MULTITRACK = REPRESENTATIONS["multitrack"].fit(
    [REPRESENTATIONS["multitrack"].collect_statistics(make_song())], {}
)
SCHEMES = {"frames": FRAMES, "multitrack": MULTITRACK}
NOTES = {name: Notes(scheme) for name, scheme in SCHEMES.items()}


def walk(scheme: Representation, rules: list[ConstraintState], seed: int, bars: int = 3) -> tuple[Score, int]:
    """Return a piece chosen at random within the rules, and how often they had to give way."""
    grammar = scheme.grammar(Conditions(bars=bars, instruments=(0, 128)))  # a piano can play in any register
    random, ids, relaxed = np.random.default_rng(seed), [], 0
    while not grammar.ended:
        mask, relaxed_constraints = allowed_ids(grammar, rules)
        relaxed += len(relaxed_constraints)
        ids.append(int(random.choice(np.flatnonzero(mask))))
        grammar.advance(ids[-1])
        for rule in rules:
            rule.advance(grammar)
    return scheme.decode(np.array(ids, dtype=np.int32)), relaxed


@pytest.mark.parametrize("name", SCHEMES)
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    middle=st.integers(45, 75),
    width=st.integers(0, 30),
    most=st.integers(1, 4),
    span=st.integers(0, 20),
)
def test_no_rule_is_broken(name: str, seed: int, middle: int, width: int, most: int, span: int) -> None:
    lowest, highest, notes = middle - width, middle + width, NOTES[name]
    rules = [
        Never("register", 10, notes.outside(within(lowest, highest))),
        ChordSizeState(notes, most, span),
    ]
    score, relaxed = walk(SCHEMES[name], rules, seed)
    assert relaxed == 0
    for track in score.tracks:
        if track.is_drum:
            continue
        pitches, starts = track.notes["pitch"].astype(int), track.notes["start"]
        assert pitches.min() >= lowest
        assert pitches.max() <= highest
        for start in np.unique(starts):
            together = pitches[starts == start]
            assert len(together) <= most
            assert np.ptp(together) <= span


def test_without_the_rules_they_would_be_broken() -> None:
    score, _ = walk(FRAMES, [], 1)
    pitches, starts = score.tracks[0].notes["pitch"].astype(int), score.tracks[0].notes["start"]
    assert np.ptp(pitches) > 40
    assert np.bincount(starts).max() > 4


def test_drums_have_no_register() -> None:
    drums = {voice for voice in range(len(MULTITRACK.vocabulary.low)) if MULTITRACK.vocabulary.is_drum[voice]}  # type: ignore[attr-defined]
    assert drums
    assert not drums & set(NOTES["multitrack"].voices.tolist())
    assert set(NOTES["frames"].pitches.tolist()) == set(range(128))


@pytest.fixture
def model(tmp_path: Path) -> Model:
    save_bundle(tmp_path / "m.rit", small_network(MULTITRACK), MULTITRACK, Facts(name="m"))
    return load(tmp_path / "m.rit")


def test_compose_keeps_what_is_asked(model: Model) -> None:
    made = model.compose(
        bars=4, seed=3, lowest="C4", highest="72", chord_size=1, instruments=("piano", "drums")
    )
    assert made.relaxed_steps == 0
    piano = made.score.tracks[0].notes
    assert piano["pitch"].min() >= 60
    assert piano["pitch"].max() <= 72
    assert len(np.unique(piano["start"])) == len(piano)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"lowest": "C5", "highest": "C4"}, "lowest C5 is above highest C4; exchange them"),
        ({"lowest": "H2"}, "no pitch 'H2'"),
        (
            {"lowest": "C7", "instruments": ("bass",)},
            "lowest C7: acoustic bass goes up to .* here; give that or lower",
        ),
        (
            {"highest": "C1", "instruments": ("flute",)},
            "highest C1: flute begins at .* here; give that or higher",
        ),
        ({"lowest": "G9"}, "lowest G9: flute goes up to .* here; give that or lower"),
        ({"highest": "C-1"}, "highest C-1: .* begins at .* here; give that or higher"),
        (
            {"scale": "D major", "chords": "Dm7"},
            "chord Dm7 has C, F, which the scale D major has not; give the scale D dorian, or the chord D5",
        ),
        (
            {"scale": "C major", "lowest": "C#4", "highest": "C#4", "instruments": ("flute",)},
            "highest C#4: the nearest note of the scale C major that flute can play is .*; give that or higher",
        ),
        (
            {"chords": "C", "lowest": "C#5", "highest": "D5", "instruments": ("piano",)},
            "lowest C#5: the nearest note of chord C that acoustic grand piano can play is C5; give that or lower",
        ),
        ({"scale": "H major"}, "no note name at the start of 'H major'"),
        ({"scale": "D dorain"}, "nearest is 'dorian'"),
        ({"scale": ","}, "a scale has at least one note"),
        ({"strict_chords": True}, "strict_chords: there are no chords to keep to; give chords too"),
        ({"notes_per_bar": "12-4"}, "the fewest, 12, are more than the most, 4; exchange them"),
        ({"notes_per_bar": "0"}, "the most is at least 1"),
        ({"notes_per_bar": "many"}, "such as 4-12, or one number"),
        ({"notes_per_bar": "97-99", "meter": "4/4"}, "room for 91 notes in any case; give at most 91"),
        (
            {"notes_per_bar": "17", "polyphony": 1, "meter": "4/4"},
            "room for 16 notes in any case; give at most 16",
        ),
        ({"notes_per_bar": "2", "instruments": ("drums",)}, "drums do not count; add another instrument"),
        ({"count": 100, "best_of": 100}, "at most 1000 in one run"),
        ({"chord_size": 0}, "chord_size"),
    ],
)
def test_contradictions_are_named(model: Model, asked: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ConfigError, match=message):
        model.compose_many(bars=2, **asked)


def test_a_length_in_notes_contradicts_notes_a_bar(model: Model) -> None:
    with pytest.raises(ConfigError, match=r"notes 9 may end within a bar, .*; give the length in bars"):
        model.compose(notes=9, notes_per_bar="2-4")


def test_pitch_classes_outside_the_scale_are_named() -> None:
    config = checked(ComposeConfig, {"scale": "C major", "pitch_classes": "C,F#"})
    with pytest.raises(ConfigError, match="pitch_classes ask for F#, which the scale C major has not"):
        check_harmony(Context(MULTITRACK, config), is_over_chords=False)


def test_an_instrument_that_cannot_always_play_is_not_chosen(model: Model) -> None:
    """The bass of the model goes up to C#3."""
    for piece in model.compose_many(bars=2, seed=1, count=8, lowest="E4"):
        assert not {track.name for track in piece.score.tracks} & {"acoustic bass"}
        assert piece.violated == ()


def test_the_guard_gives_way_to_what_was_asked(model: Model) -> None:
    made = model.compose(
        bars=8, seed=1, lowest="C4", highest="C4", instruments=("piano",), notes_per_bar="16"
    )
    assert made.violated == ()
    assert made.relaxed_constraints.keys() == {"repetition"}
    assert set(made.score.all_notes()["pitch"].tolist()) == {60}


def test_chords_that_a_model_heeds_itself_are_left_to_it(tmp_path: Path) -> None:
    improv = make_representation("improv", {})
    save_bundle(tmp_path / "i.rit", small_network(improv), improv, Facts(name="i"))
    model = load(tmp_path / "i.rit")
    assert model.compose(bars=2, seed=1, chords="C | F").ids.tolist() != (
        model.compose(bars=2, seed=1, chords="D | E").ids.tolist()
    )
    told, strict = (
        model.compose(chords="C | F", strict_chords=only, bars=4, seed=1) for only in (False, True)
    )
    assert (told.constraints, told.told, strict.constraints, strict.told) == (
        (),
        ("chords",),
        ("chords",),
        (),
    )
    notes, bar = strict.score.all_notes(), 4 * strict.score.ticks_per_quarter
    tones = ({0, 4, 7}, {5, 9, 0})
    assert all(pitch % 12 in tones[start // bar % 2] for start, _, pitch, _ in notes.tolist())


def test_a_scheme_that_cannot_be_asked_says_so(tmp_path: Path) -> None:
    polyphony = make_representation("polyphony", {})
    save_bundle(tmp_path / "p.rit", small_network(polyphony), polyphony, Facts(name="p"))
    model = load(tmp_path / "p.rit")
    for asked in ({"chord_size": 2}, {"polyphony": 2}, {"notes_per_bar": "1-2"}):
        with pytest.raises(ConfigError, match="polyphony cannot be asked for it"):
            model.compose(**asked)
    assert model.compose(lowest="C4", bars=2).score.all_notes()["pitch"].min() >= 60
    performance = make_representation("performance", {})
    save_bundle(tmp_path / "q.rit", small_network(performance), performance, Facts(name="q"))
    with pytest.raises(ConfigError, match="performance cannot play over given chords"):
        load(tmp_path / "q.rit").compose(chords="C")
    with pytest.raises(ConfigError, match="scale: a model of representation performance cannot be asked"):
        load(tmp_path / "q.rit").compose(scale="C major")


def test_the_best_of_several_is_one_of_them_and_can_be_made_again(model: Model) -> None:
    candidates = model.compose_many(bars=2, seed=5, count=6)
    kept = model.compose_many(bars=2, seed=5, count=2, best_of=3)
    for index, piece in enumerate(kept):
        group = candidates[3 * index : 3 * index + 3]
        assert piece.log_likelihood == max(each.log_likelihood for each in group)
        assert piece.index == index
        again = model.compose(bars=2, seed=5, index=index, best_of=3)
        assert again.ids.tolist() == piece.ids.tolist()


def test_a_long_copy_is_worse_than_an_improbable_piece(model: Model) -> None:
    piece = model.compose(bars=2, seed=5)

    def with_copy(notes: int, likelihood: float, relaxed: int = 0) -> object:
        copies = Copies(Copy(notes, "x", 1, 1), None, True)
        relaxed_constraints = {"scale": relaxed} if relaxed else {}
        return replace(
            piece,
            find_copies=lambda: copies,
            log_likelihood=likelihood,
            constraints=("scale",),
            relaxed_constraints=relaxed_constraints,
        )

    ordered = [
        with_copy(SHORT_COPY, -1.0),
        with_copy(3, -2.0),
        with_copy(SHORT_COPY + 1, -0.1),
        with_copy(2, -0.1, 1),
    ]
    while len(ordered) > 1:
        assert best(ordered[::-1]) is ordered[0]  # type: ignore[arg-type]
        del ordered[0]


def test_an_index_of_this_song_is_used(model: Model) -> None:
    index = build_index([("song", make_song())])
    knowing = Model(replace(model.bundle, music=index.pack()))
    made = knowing.compose(bars=3, seed=2, max_copy=4, best_of=2, primer=None)
    assert made.copies is not None
    assert made.copies.moved is None or made.copies.moved.notes <= 4


def test_a_note_of_the_primer_is_not_repeated_if_it_is_not_allowed(tmp_path: Path) -> None:
    """A lookback melody has ids for "as a bar ago"; they must not bring back what was asked not to come."""
    melody = make_representation("melody", {"encoding": "lookback"})
    save_bundle(tmp_path / "m.rit", small_network(melody), melody, Facts(name="m"))
    primer = Score(480, (make_melody((61, 66, 61, 66, 61, 66, 61, 66)),))
    repeated = 0
    for seed in range(6):
        for asked in ({}, {"scale": "C,"}):
            made = load(tmp_path / "m.rit").compose(primer, bars=8, seed=seed, temperature=3, **asked)
            [track] = made.score.tracks
            new = track.notes["pitch"][track.notes["start"] >= primer.end]
            repeated += int(np.isin(new, (61, 66)).sum()) if not asked else 0
            assert not asked or set((new % 12).tolist()) <= {0}
    assert repeated


@pytest.mark.parametrize(
    ("numerator", "denominator", "beats"), [(4, 4, 4), (3, 8, 3), (6, 8, 2), (12, 8, 4), (6, 4, 6), (2, 2, 2)]
)
def test_compound_meters_are_counted_in_threes(numerator: int, denominator: int, beats: int) -> None:
    assert Meter(0, numerator, denominator).beats == beats


def test_scales_are_read_by_name_and_by_their_notes() -> None:
    assert parse_scale_classes("A minor") == parse_scale_classes("C major") == {0, 2, 4, 5, 7, 9, 11}
    assert parse_scale_classes("C, Eb, F#") == {0, 3, 6}
    assert parse_scale_classes("C,") == {0}
    with pytest.raises(ConfigError, match="no note name"):
        parse_scale_classes("C,H")


def test_under_no_chord_notes_are_free(tmp_path: Path) -> None:
    save_bundle(tmp_path / "m.rit", small_network(MULTITRACK), MULTITRACK, Facts(name="m"))
    asked = {"instruments": "piano", "bars": 6, "meter": "4/4", "strict_chords": True, "cadence": False}
    free = set()
    for seed in range(4):
        score = load(tmp_path / "m.rit").compose(chords="C | N.C. | F# -", seed=seed, **asked).score
        for start, _, pitch, _ in score.all_notes().tolist():
            bar, beat = start // 1920 % 3, start % 1920 // 480
            if bar == 1 or (bar == 2 and beat >= 2):
                free.add(pitch % 12)
            else:
                assert pitch % 12 in ((0, 4, 7) if bar == 0 else (6, 10, 1))
    assert len(free) > 6
