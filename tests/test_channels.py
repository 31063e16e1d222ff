"""What is set on a MIDI channel holds for all that plays on it; which parts are drums; banks and ports."""

from __future__ import annotations

import random

import numpy as np
import pytest
from build import meta, midi_bytes, mtrk, note
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.formats.midi import midi_to_bytes, parse_midi
from ritornello.score import (
    CONTROL_CHANGE,
    KEY_PRESSURE,
    PITCH_BEND,
    Track,
    channel_state,
    make_controls,
)

GM, GM2 = "F0 05 7E 7F 09 01 F7", "F0 05 7E 7F 09 03 F7"
GS, XG = "F0 0A 41 10 42 12 40 00 7F 00 41 F7", "F0 08 43 10 4C 00 00 7E 00 F7"


def gs_part(block: int, value: int, checksum: int = 0) -> str:
    return f"F0 0A 41 10 42 12 40 {0x10 | block:02X} 15 {value:02X} {checksum:02X} F7"


def xg_part(part: int, value: int) -> str:
    return f"F0 08 43 10 4C 08 {part:02X} 07 {value:02X} F7"


def numbered(track: Track, *numbers: int) -> list[tuple[int, int, int]]:
    rows = [(tick, number, value) for tick, _, number, value in track.controls.tolist()]
    return [row for row in rows if row[1] in numbers]


def kinds(*events: tuple[int, str | bytes]) -> list[tuple[int, bool]]:
    score = parse_midi(midi_bytes(mtrk(*events)))
    assert parse_midi(midi_to_bytes(score)) == score
    return [(track.program, track.is_drum) for track in score.tracks]


# --- the state of a channel ---


@pytest.mark.parametrize("pedalled", [0, 1, 2])
def test_the_pedal_holds_both_hands_whatever_track_it_is_in(pedalled: int) -> None:
    contents: list[list[tuple[int, str | bytes]]] = [[], [*note(0, 120, 84)], [*note(0, 240, 48)]]
    contents[pedalled] += [(0, "B0 40 7F"), (1900, "B0 40 00")]
    score = parse_midi(midi_bytes(*(mtrk(*events) for events in contents)))
    assert [numbered(t, 64) for t in score.tracks] == [[(0, 64, 127), (1900, 64, 0)]] * 2
    assert parse_midi(midi_to_bytes(score)) == score


def test_another_channel_and_another_port_do_not_hear_it() -> None:
    pedal = [(0, "B0 40 7F"), *note(0, 480, 60)]
    other_port = mtrk(meta(0, 0x21, b"\1"), *note(0, 480, 60))
    score = parse_midi(midi_bytes(mtrk(*pedal), mtrk(*note(0, 480, 60, 1)), other_port))
    assert [len(track.controls) for track in score.tracks] == [1, 0, 0]
    devices = [mtrk(meta(0, 9, name), *events) for name, events in (("A", pedal), ("B", note(0, 480, 60)))]
    assert [len(track.controls) for track in parse_midi(midi_bytes(*devices)).tracks] == [1, 0]


def test_a_port_within_a_track_holds_from_there_on() -> None:
    events = [meta(0, 0x21, b"\0"), (0, "C0 05"), *note(0, 480, 60), meta(480, 0x21, b"\1"), (480, "C0 06")]
    score = parse_midi(midi_bytes(mtrk(*events, *note(480, 480, 62)), format=0))
    assert [(t.program, t.notes["pitch"].tolist()) for t in score.tracks] == [(5, [60]), (6, [62])]


def test_the_tracks_of_format_2_are_independent() -> None:
    score = parse_midi(
        midi_bytes(mtrk((0, "B0 40 7F"), (0, "C0 05"), *note(0, 480, 60)), mtrk(*note(0, 480, 60)), format=2)
    )
    assert [(track.program, len(track.controls)) for track in score.tracks] == [(5, 1), (0, 0)]


def test_a_program_change_keeps_volume_and_bend_range() -> None:
    setup = [
        (0, "C0 49"),
        (0, "B0 07 14"),
        (0, "B0 65 00"),
        (0, "B0 64 00"),
        (0, "B0 06 0C"),
        (0, "B0 65 7F"),
        (0, "B0 64 7F"),
    ]
    first, second = parse_midi(
        midi_bytes(
            mtrk(*setup, *note(0, 480, 60), (480, "C0 47"), (490, "B0 07 28"), *note(480, 480, 60)), format=0
        )
    ).tracks[::-1]  # by program
    assert numbered(first, 7) == [(0, 7, 20)]
    assert numbered(second, 7) == [(480, 7, 20), (490, 7, 40)]
    assert numbered(second, 101, 100, 6)[:3] == [(480, 101, 0), (480, 100, 0), (480, 6, 12)]


def test_a_pedal_that_is_lifted_after_the_program_change_is_lifted_for_what_still_sounds() -> None:
    events = [
        (0, "C0 00"),
        (0, "B0 40 7F"),
        *note(0, 480, 60),
        (480, "C0 05"),
        *note(480, 480, 62),
        (700, "B0 40 00"),
    ]
    score = parse_midi(midi_bytes(mtrk(*events)))
    assert numbered(score.tracks[0], 64) == [(0, 64, 127), (700, 64, 0)]


def test_a_program_set_in_another_track_holds_from_then_on() -> None:
    score = parse_midi(
        midi_bytes(mtrk(*note(0, 480, 60), *note(960, 480, 62)), mtrk((0, "C0 05"), (960, "C0 06")))
    )
    assert [(t.program, t.notes["pitch"].tolist()) for t in score.tracks] == [(5, [60]), (6, [62])]


def test_at_one_tick_a_track_has_its_own_program() -> None:
    score = parse_midi(
        midi_bytes(mtrk((0, "C0 05"), *note(0, 480, 60)), mtrk((0, "C0 28"), *note(0, 480, 62)))
    )
    assert [track.program for track in score.tracks] == [5, 40]


def test_a_program_after_the_note_at_its_tick_is_for_the_next() -> None:
    score = parse_midi(
        midi_bytes(
            mtrk((0, "C0 05"), (480, "90 3C 50"), (480, "C0 06"), (960, "80 3C 40"), *note(960, 10, 62))
        )
    )
    assert [(t.program, t.notes["pitch"].tolist()) for t in score.tracks] == [(5, [60]), (6, [62])]


def test_tracks_that_share_a_written_channel_share_its_controls() -> None:
    def track(volume: int) -> Track:
        return Track(parse_midi(midi_bytes(mtrk(*note(0, 480, 60)))).tracks[0].notes, 1,
                     controls=make_controls([(0, CONTROL_CHANGE, 7, volume)]))  # fmt: skip

    from ritornello.score import Score

    score = Score(480, tuple(track(volume) for volume in (*range(20), 0, 0, 1)))
    assert parse_midi(midi_to_bytes(score)) == score


# --- banks ---


def test_a_bank_select_with_the_same_program_is_written_with_a_program_change() -> None:
    events = [
        (0, "B0 00 00"),
        (0, "C0 05"),
        *note(0, 480, 60),
        (480, "B0 00 08"),
        (480, "B0 20 01"),
        (480, "C0 05"),
    ]
    score = parse_midi(midi_bytes(mtrk(*events, *note(480, 480, 62))))
    assert numbered(score.tracks[0], 0, 32) == [(0, 0, 0), (480, 0, 8), (480, 32, 1)]
    assert bytes.fromhex("B00008 00B02001 00C005") in midi_to_bytes(score)


def test_a_bank_select_counts_from_its_program_change_on() -> None:
    events = [
        (0, "C0 05"),
        (100, "B0 00 08"),
        *note(200, 100, 60),
        (480, "C0 05"),
        *note(480, 480, 62),
        (900, "B0 00 09"),
    ]
    assert numbered(parse_midi(midi_bytes(mtrk(*events))).tracks[0], 0) == [(480, 0, 8)]


# --- drums ---


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], (0, False)),
        ([(0, "B3 00 78"), (0, "C3 08")], (8, True)),  # General MIDI 2
        ([(0, "B3 00 7F"), (0, "C3 00")], (0, True)),  # XG
        ([(0, XG), (0, "B3 00 7E"), (0, "C3 01")], (1, True)),  # XG effects
        ([(0, "B3 00 79"), (0, "C3 08")], (8, False)),
        ([(0, GS), (0, "B3 00 7F"), (0, "C3 08")], (8, False)),  # in GS the sounds of an older synthesiser
        ([(0, GS), (5, gs_part(4, 1)), (10, "C3 10")], (16, True)),
        ([(5, gs_part(4, 2, checksum=0x55)), (10, "C3 10")], (16, True)),  # a wrong checksum
        ([(5, gs_part(4, 1)), (7, gs_part(4, 0)), (10, "C3 10")], (16, False)),
        ([(5, gs_part(5, 1)), (10, "C3 10")], (16, False)),  # of another channel
        ([(0, XG), (5, xg_part(3, 2)), (10, "C3 10")], (16, True)),
        ([(5, gs_part(4, 1)), (7, GM), (10, "C3 10")], (16, False)),  # a reset
        ([(0, "B3 00 78"), (0, "C3 08"), (5, "B3 00 00"), (6, "C3 08")], (8, False)),
        ([(0, "F0 06 41 10 42 12 40 14"), (1, "F7 04 15 01 00 F7"), (5, "C3 10")], (16, True)),  # in two packets
    ],
)  # fmt: skip
def test_drums_on_channel_4(events: list[tuple[int, str]], expected: tuple[int, bool]) -> None:
    assert kinds(*events, *note(100, 480, 38, 3)) == [expected]


@pytest.mark.parametrize(
    ("events", "is_drum"),
    [
        ([], True),
        ([(0, "B9 00 00"), (0, "C9 00")], True),
        ([(0, GM2), (0, "B9 00 79"), (0, "C9 00")], False),
        ([(0, GS), (1, gs_part(0, 0)), (2, "C9 00")], False),
        ([(0, XG), (1, "B9 00 00"), (2, "C9 00")], False),
        ([(0, XG), (1, xg_part(9, 0)), (2, "C9 00")], False),
        ([(0, XG), (2, "C9 00")], True),
    ],
)  # fmt: skip
def test_channel_10(events: list[tuple[int, str]], is_drum: bool) -> None:
    assert kinds(*events, *note(100, 480, 38, 9)) == [(0, is_drum)]


def test_channel_10_of_every_port_has_drums_and_several_kits_stay_drums() -> None:
    tracks = [
        mtrk(meta(0, 0x21, bytes((port,))), (0, f"C9 {8 * port:02X}"), *note(0, 480, 38, 9))
        for port in range(3)
    ]
    on_4 = mtrk((0, "B3 00 78"), (0, "C3 28"), *note(0, 480, 38, 3))
    score = parse_midi(midi_bytes(*tracks, on_4))
    assert [(track.program, track.is_drum) for track in score.tracks] == [
        (0, True),
        (8, True),
        (16, True),
        (40, True),
    ]
    assert parse_midi(midi_to_bytes(score)) == score


# --- what lasts ---


def test_the_state_keeps_parameters_and_knows_resets() -> None:
    rows = [
        (0, 101, 0),
        (0, 100, 0),
        (0, 6, 12),
        (1, 101, 127),
        (1, 100, 127),
        (1, 7, 20),
        (2, 64, 127),
        (3, 121, 0),
    ]
    state = channel_state(
        make_controls((tick, CONTROL_CHANGE, number, value) for tick, number, value in rows), 9
    )
    found = [(number, value) for _, kind, number, value in state.tolist() if kind == CONTROL_CHANGE]
    assert dict(found)[64] == 0
    assert dict(found)[7] == 20
    assert found[-5:-2] == [(101, 0), (100, 0), (6, 12)]
    assert set(state["tick"].tolist()) == {9}


controls_in_time = st.lists(
    st.tuples(
        st.just(0),
        st.sampled_from([CONTROL_CHANGE, CONTROL_CHANGE, CONTROL_CHANGE, KEY_PRESSURE, PITCH_BEND]),
        st.sampled_from([0, 6, 7, 38, 64, 96, 97, 98, 99, 100, 101, 120, 121]),
        st.sampled_from([0, 1, 64, 127]),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(controls_in_time, controls_in_time)
def test_the_state_can_be_followed(one: list[tuple[int, ...]], other: list[tuple[int, ...]]) -> None:
    before = channel_state(make_controls(one), 0)
    followed = channel_state(np.concatenate([before, make_controls(other)]), 0)
    assert followed.tolist() == channel_state(make_controls(one + other), 0).tolist()


def test_many_tracks_on_a_channel_hear_it_up_to_the_next_program() -> None:
    volumes = [(10 * i, bytes((0xB0, 7, i))) for i in range(100)]
    parts = [mtrk((100 * i, bytes((0xC0, i))), *note(100 * i, 40, 60)) for i in range(10)]
    score = parse_midi(midi_bytes(mtrk(*volumes), *parts))
    assert [track.program for track in score.tracks] == list(range(10))
    for i, track in enumerate(score.tracks):
        heard = range(10 * i, 100 if i == 9 else 10 * i + 10)
        assert track.controls["value"].tolist() == list(heard)
        assert track.controls["tick"].tolist() == [10 * value for value in heard]


def test_any_use_of_shared_channels_is_a_fixed_point() -> None:
    sysex = [GS, XG, GM, gs_part(1, 1), gs_part(0, 0), xg_part(0, 1)]
    for seed in range(150):
        draw = random.Random(seed)
        contents = []
        for _ in range(draw.choice([1, 2, 4])):
            events: list[tuple[int, str | bytes]] = []
            for _ in range(30):
                tick, channel = draw.choice([0, draw.randrange(2000)]), draw.choice([0, 0, 9, 1])
                number = draw.choice([0, 0, 32, 7, 64, 64, 120, 121, 123, 101, 100, 6])
                value = draw.choice([0, 2, 64, 120, 121, 127])
                events += draw.choice([
                    note(tick, draw.choice([0, 60, 480]), draw.randrange(58, 61), channel),
                    note(tick, draw.choice([0, 60, 480]), draw.randrange(58, 61), channel)[:1],
                    [(tick, bytes((0xC0 | channel, draw.choice([0, 5]))))],
                    [(tick, bytes((0xB0 | channel, number, value)))],
                    [(tick, draw.choice(sysex))],
                    [meta(tick, draw.choice([1, 5]), draw.choice(["la ", "/Oh", "le", "\r", "@KMIDI", "@TA"]))],
                ])  # fmt: skip
            contents.append(mtrk(*events))
        score = parse_midi(midi_bytes(*contents))
        assert parse_midi(midi_to_bytes(score)) == score, seed
