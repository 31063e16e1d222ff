"""`performance`: the ids of the source, the sustain pedal, velocity bins, controls asked for, no hanging notes."""

from __future__ import annotations

import numpy as np
import pytest
from build import TICKS, make_melody, make_song

from ritornello.errors import ConfigError
from ritornello.representations import Conditions
from ritornello.representations.performance import Performance, PerformanceConfig
from ritornello.representations.performance.vocabulary import density_bin, share_levels
from ritornello.score import CONTROL_CHANGE, Score, Tempo, Track, make_controls, make_notes
from ritornello.sustain import sustained_ends

PLAIN = Performance(PerformanceConfig())
BOTH = Performance(PerformanceConfig(density=True, pitch_classes=True))


def names(representation: Performance, score: Score) -> list[str]:
    return [representation.tokens.name(token) for token in representation.encode(score)]


def piece(*rows: tuple[int, int, int, int], **fields: object) -> Score:
    """Return a piece of rows (start and duration in ms, pitch, velocity), at 120 quarters a minute."""
    return Score(500, (Track(make_notes(rows), **fields),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("note_on 60", 60),
        ("note_off 60", 188),
        ("time_shift 1", 256),
        ("time_shift 100", 355),
        ("velocity 1", 356),
        ("velocity 32", 387),
    ],
)
def test_ids_are_those_of_the_source(name: str, token: int) -> None:
    assert PLAIN.tokens.name(token) == name


def test_there_are_388_classes_with_loudness_and_356_without_and_two_of_our_protocol() -> None:
    assert PLAIN.vocabulary_size == 388 + 2
    assert Performance(PerformanceConfig(velocity_bins=0)).vocabulary_size == 356 + 2
    assert (PLAIN.start_id, PLAIN.end_id) == (388, 389)


@pytest.mark.parametrize(("velocity", "number"), [(1, 1), (4, 1), (5, 2), (64, 16), (127, 32)])
def test_velocity_bins(velocity: int, number: int) -> None:
    config = PLAIN.settings
    assert config.velocity_bin(velocity) == number
    assert config.bin_velocity(number) == 1 + 4 * (number - 1)


def test_events_are_in_the_order_of_time_then_note_and_velocity_only_where_it_changes() -> None:
    score = piece((0, 500, 64, 80), (0, 500, 60, 80), (500, 1230, 60, 90))
    assert names(PLAIN, score) == [
        "start",
        "velocity 20", "note_on 60", "note_on 64",
        "time_shift 50", "note_off 60", "note_off 64", "velocity 23", "note_on 60",
        "time_shift 100", "time_shift 23", "note_off 60",
        "end",
    ]  # fmt: skip


def test_time_is_real_whatever_the_tempo() -> None:
    slow = Score(TICKS, (make_melody((60, 62)),), (Tempo(0, 1_000_000),))
    assert names(PLAIN, slow).count("time_shift 100") == 2


def test_the_pedal_holds_a_released_note_until_it_is_up() -> None:
    controls = make_controls([(400, CONTROL_CHANGE, 64, 64), (2000, CONTROL_CHANGE, 64, 63)])
    rows = [(0, 300, 60, 80), (0, 500, 64, 80), (1000, 500, 64, 80), (1800, 900, 67, 80), (2100, 9, 72, 80)]
    score = piece(*rows, controls=controls)
    assert sustained_ends(score.tracks[0], score.end).tolist() == [300, 2000, 2000, 2700, 2109]
    notes = PLAIN.decode(PLAIN.encode(score)).tracks[0].notes
    ends = [(int(n["pitch"]), int(n["start"] + n["duration"])) for n in notes]
    assert ends == [(60, 300), (64, 1000), (64, 2000), (67, 2700), (72, 2110)]  # struck again: it ends there


def test_a_pedal_never_lifted_holds_to_the_end_of_the_piece() -> None:
    track = piece(
        (0, 100, 60, 80), (900, 100, 62, 80), controls=make_controls([(50, CONTROL_CHANGE, 64, 127)])
    )
    assert sustained_ends(track.tracks[0], track.end).tolist() == [1000, 1000]


def test_drums_are_left_out_and_the_program_is_the_most_frequent() -> None:
    fitted = Performance.fit([Performance.collect_statistics(make_song())])
    decoded = fitted.decode(fitted.encode(make_song()))
    assert [track.program for track in decoded.tracks] == [73]
    assert decoded.note_count == sum(len(t.notes) for t in make_song().tracks if not t.is_drum)


def test_a_long_silence_is_shortened() -> None:
    decoded = PLAIN.decode(PLAIN.encode(piece((0, 500, 60, 80), (90_000, 500, 62, 80))))
    assert decoded.tracks[0].notes["start"].tolist() == [0, 10_500]


def test_a_note_without_end_sounds_five_seconds_and_an_end_without_note_is_nothing() -> None:
    ids = np.array([188, 60, 60, 188, 256, 61, 190], dtype=np.int32)
    notes = PLAIN.decode(ids).tracks[0].notes
    assert notes["start"].tolist() == [0, 10]
    assert notes["duration"].tolist() == [5000, 5000]


def test_density_bins() -> None:
    assert density_bin(np.array([0, 0.9, 1, 2, 31, 32, 63.9, 64])).tolist() == [0, 0, 1, 2, 5, 6, 6, 7]


def test_levels_of_pitch_classes() -> None:
    assert share_levels(np.zeros(12)).tolist() == [2] * 12  # silence is even
    one = share_levels(np.eye(12)[0])
    assert one[0] == 4
    assert set(one[1:]) == {0}


def test_controls_tell_of_the_notes_to_come() -> None:
    score = piece(*((i * 100, 100, 60, 80) for i in range(30)), (8000, 500, 67, 80))
    told = names(BOTH, score)
    assert told[1] == "density 4"  # 30 notes in 3 seconds
    assert "share of C 4" in told[2:14]
    assert told.index("share of G 4") > told.index("time_shift 100")
    columns = BOTH.inputs(BOTH.encode(score))
    assert columns[1:, 1].min() == 1  # from the density on, it is known
    assert columns[0].tolist() == [BOTH.start_id, 0, *[2] * 12]
    assert columns[14, 2] == 4


def compose(conditions: Conditions, seed: int = 1) -> list[int]:
    random, grammar, ids = np.random.default_rng(seed), BOTH.grammar(conditions), []
    while not grammar.ended:
        ids.append(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
        grammar.advance(ids[-1])
    return ids


def test_density_asked_for_is_spread_over_the_piece_and_the_model_cannot_change_it() -> None:
    conditions = Conditions(bars=8, density=(1.0, 40.0), pitch_classes=(1.0,) + (0.0,) * 11)
    ids = np.array(compose(conditions))
    assert [BOTH.tokens.name(i) for i in ids if BOTH.tokens.kind[i] == "density"] == [
        "density 1",
        "density 6",
    ]
    shares = [BOTH.tokens.name(i) for i in ids if BOTH.tokens.kind[i] == "pitch_class"]
    assert len(shares) == 12  # all others fall from the middle to nothing
    assert {share for share in shares if not share.endswith(" 0")} == {"share of C 4"}


def test_no_note_hangs() -> None:
    for seed in range(5):
        grammar = BOTH.grammar(Conditions(bars=4))
        for token in compose(Conditions(bars=4), seed):
            grammar.advance(token)
        assert not grammar.sounding
        assert (
            BOTH.decode(np.array(compose(Conditions(bars=4), seed))).tracks[0].notes["duration"].max() <= 5000
        )


def test_a_bar_is_two_seconds_or_what_tempo_and_meter_say() -> None:
    assert PLAIN.grammar().bar_steps == 200
    assert PLAIN.grammar(Conditions(quarters_per_minute=60, meter=(3, 4))).bar_steps == 300


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="representation performance: option surprise"):
        Performance.fit([], {"surprise": 1})
