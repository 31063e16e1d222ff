"""Notes of a MIDI file end where a synthesiser would end them."""

from __future__ import annotations

import pytest
from build import meta, midi_bytes, mtrk, note

from ritornello.formats.midi import parse_midi
from ritornello.score import Score

LATER = note(9600, 480, 90)


def notes(*tracks: bytes, format: int = 1) -> list[tuple[int, int, int]]:
    score = parse_midi(midi_bytes(*tracks, format=format))
    return [tuple(row)[:3] for row in score.all_notes().tolist() if row[2] != 90]


def test_a_key_struck_again_ends_the_older_note_and_one_note_off_ends_both() -> None:
    struck = [(0, "90 3C 50"), (480, "90 3C 50"), (960, "80 3C 40")]
    assert notes(mtrk(*struck, *LATER)) == [(0, 480, 60), (480, 480, 60)]
    again = [(tick + 1920, event) for tick, event in struck]
    assert notes(mtrk(*struck, *again, *LATER)) == [
        (0, 480, 60),
        (480, 480, 60),
        (1920, 480, 60),
        (2400, 480, 60),
    ]


def test_a_key_struck_twice_at_once_ends_with_its_only_note_off() -> None:
    assert notes(mtrk((0, "90 3C 50"), (0, "90 3C 40"), (480, "80 3C 40"), *LATER)) == [(0, 480, 60)] * 2


def test_overlapping_notes_with_their_own_ends_keep_them() -> None:
    events = [(0, "90 3C 50"), (240, "90 3C 50"), (480, "80 3C 40"), (960, "80 3C 40")]
    assert notes(mtrk(*events, *LATER)) == [(0, 480, 60), (240, 720, 60)]


@pytest.mark.parametrize("number", [120, 123, 124, 125, 126, 127])
def test_mode_messages_end_the_notes_of_their_channel(number: int) -> None:
    both = [(0, "90 3C 50"), (0, "91 3E 50")]
    mode = (480, bytes((0xB0, number, 0)))
    assert notes(mtrk(*both, mode, (960, "81 3E 40"), *LATER)) == [(0, 480, 60), (0, 960, 62)]
    assert notes(mtrk(*both, (960, "81 3E 40"), *LATER), mtrk(mode)) == [
        (0, 480, 60),
        (0, 960, 62),
    ]  # another track


def test_a_note_off_after_all_notes_off_is_no_repair() -> None:
    score = parse_midi(midi_bytes(mtrk((0, "90 3C 50"), (480, "B0 7B 00"), (960, "80 3C 40"))))
    assert (score.end, score.repairs) == (480, ())


@pytest.mark.parametrize("number", [64, 121, 122])
def test_other_controls_end_nothing(number: int) -> None:
    assert notes(mtrk((480, bytes((0xB0, number, 0))), *note(0, 960, 60), *LATER)) == [(0, 960, 60)]


def test_a_note_off_in_another_track_ends_the_note_on_its_channel_only() -> None:
    score = parse_midi(midi_bytes(mtrk((0, "90 3C 50"), *LATER), mtrk((480, "80 3C 40"))))
    assert ((0, 480, 60, 80) in score.tracks[0].notes.tolist(), score.repairs) == (True, ())
    score = parse_midi(midi_bytes(mtrk((0, "90 3C 50"), *LATER), mtrk((480, "81 3C 40"))))
    assert score.tracks[0].notes.tolist()[0][1] == 9600
    assert score.repairs[0] == "closed 1 note that never ended (track 1)"


def test_two_hands_on_one_key_keep_their_own_ends() -> None:
    hands = mtrk(*note(0, 960, 60), *LATER), mtrk(*note(240, 240, 60))
    assert notes(*hands) == [(0, 960, 60), (240, 240, 60)]


@pytest.mark.parametrize("micros", [500_000, 1_000_000])
def test_a_note_without_end_lasts_ten_seconds_at_most(micros: int) -> None:
    tempo = meta(0, 0x51, micros.to_bytes(3, "big"))
    far = mtrk(tempo, (480, "90 3C 50"), *note(0, 480, 62), end=1 << 27)
    score: Score = parse_midi(midi_bytes(far))
    assert score.seconds == pytest.approx(10 + micros / 1e6)
    assert notes(mtrk((0, "90 3C 50"), end=960)) == [(0, 960, 60)]  # or to the end of the track
