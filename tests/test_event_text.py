"""MIDI events as words, and MIDI files as text and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from build import hexdump, make_song, midi_bytes

from ritornello.errors import ConfigError, FormatError
from ritornello.formats import read, write
from ritornello.formats.conversion import convert
from ritornello.formats.event_text import is_event_text, midi_to_text, text_to_midi
from ritornello.formats.event_words import Event, parse_event, spell, spelling_of
from ritornello.formats.midi import midi_to_bytes, parse_midi
from ritornello.formats.smf import read_smf

RUNNING = "00 90 4F 64   00 43 64   78 80 4F 00"  # the second event has running status


def words_of(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()[1:]]


def events_of(data: bytes) -> list[tuple[int, ...]]:
    """Return the channel events of a MIDI file: (track, tick, status, first, second)."""
    events = read_smf(data, "test").events
    rows = (events.status >= 0x80) & (events.status < 0xF0)
    columns = (events.track, events.tick, events.status, events.first, events.second)
    return list(zip(*(column[rows].tolist() for column in columns), strict=True))


def test_the_worked_example_of_system_b() -> None:
    text, left_out = midi_to_text(midi_bytes(RUNNING))
    assert words_of(text) == [["0_90_4f_64", "0_90_43_64", "120_80_4f_00"]]
    assert left_out == ()


def test_the_writer_vector_of_system_b() -> None:
    data = text_to_midi("0_90_4f_64 120_80_4f_00")
    assert data == hexdump(
        """
        4D546864 00000006 0000 0001 01E0  # MThd, format 0, one track, 480 ticks a quarter
        4D54726B 0000000C                 # MTrk, 12 bytes
        00 90 4F 64  78 80 4F 00  00 FF 2F 00
        """
    )


@pytest.mark.parametrize(
    ("delta", "digits"), [(0, "00"), (127, "7f"), (128, "8100"), (480, "8360"), (16383, "ff7f")]
)
def test_deltas_as_variable_length_quantities(delta: int, digits: str) -> None:
    word = spell(Event(delta, 0x90, 0x40, 0x50), "hex")
    assert word == f"{digits}_90_4050"
    assert parse_event(word, "hex").delta == delta
    assert hexdump(digits + "90 40 50") in text_to_midi(spell(Event(delta, 0x90, 0x40, 0x50)))


@pytest.mark.parametrize(
    ("event", "decimal", "hex_word"),
    [
        (Event(480, 0x80, 0x51, 0), "480_80_51_00", "8360_80_5100"),
        (Event(0, 0xC0, 0x28), "0_c0_28", "00_c0_28"),
        (Event(0, 0x90, 0, 0), "0_90_00_00", "00_90_0000"),
    ],
)
def test_both_spellings_read_what_they_write(event: Event, decimal: str, hex_word: str) -> None:
    assert (spell(event), spell(event, "hex")) == (decimal, hex_word)
    assert parse_event(decimal) == parse_event(hex_word, "hex") == event


def test_the_spelling_of_system_a_is_known_by_its_glued_data() -> None:
    assert spelling_of("00_90_4050") == "hex"
    assert spelling_of("0_90_40_50") == "decimal"
    assert events_of(text_to_midi("00_90_4050 8360_80_4000")) == [(0, 0, 0x90, 64, 80), (0, 480, 0x80, 64, 0)]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("0_90_4f", "two data bytes"),
        ("0_c0_28_00", "one data byte"),
        ("0_70_40_40", "status 70"),
        ("0_ff_51", "status ff"),
        ("0_90_80_40", "above 7f"),
        ("00_90_4080", "no event"),  # system A's own illustration is no legal MIDI either
        ("x", "no event"),
        ("9999999999999_90_40_40", "delta"),
    ],
)
def test_what_is_no_event_is_named_with_its_place(word: str, told: str) -> None:
    with pytest.raises(FormatError, match=f"song: line 2, word 2: .*{told}"):
        text_to_midi(f"#ritornello-events {{}}\n0_90_40_40 {word}", "song")


def test_words_of_every_length_survive() -> None:
    data = midi_bytes(
        "00 C0 28  00 D1 33  0A 90 3C 40  83 60 80 3C 40  00 E0 00 40  00 A0 3C 11  00 B0 07 64"
    )
    text, _ = midi_to_text(data)
    assert words_of(text)[0][:4] == ["0_c0_28", "0_d1_33", "10_90_3c_40", "480_80_3c_40"]
    assert text_to_midi(text) == data


def test_what_is_skipped_keeps_its_delta() -> None:
    data = midi_bytes("0A FF 01 02 68 69  0A F0 02 01 F7  0A 90 3C 40  0A F7 01 00  0A 80 3C 00")
    text, left_out = midi_to_text(data)
    assert words_of(text) == [["30_90_3c_40", "20_80_3c_00"]]
    assert left_out == ("1 text (lyrics, markers and the like)",)
    assert events_of(text_to_midi(text)) == events_of(data)


def test_a_pause_before_the_end_is_kept() -> None:
    data = midi_bytes("00 90 3C 40  83 60 FF 2F 00")  # a note that never ends, in a track of 480 ticks
    text, _ = midi_to_text(data)
    assert words_of(text) == [["0_90_3c_40", "480_ff_2f"]]
    assert parse_midi(text_to_midi(text)).tracks[0].notes["duration"].tolist() == [480]


def test_all_that_a_score_has_comes_back_but_texts() -> None:
    data = midi_to_bytes(make_song())
    text, left_out = midi_to_text(data)
    again = text_to_midi(text)
    song, same = parse_midi(data), parse_midi(again)
    assert events_of(again) == events_of(data)
    assert (same.tempos, same.meters, same.keys, same.title) == (
        song.tempos,
        song.meters,
        song.keys,
        song.title,
    )
    assert [track.name for track in same.tracks] == [track.name for track in song.tracks]
    assert same.ticks_per_quarter == song.ticks_per_quarter
    assert left_out == ("5 texts (lyrics, markers and the like)",)
    assert midi_to_text(again)[0] == text


def test_several_tracks_are_a_valid_file_of_format_1() -> None:
    data = text_to_midi("0_90_40_40 96_80_40_00\n0_91_43_40 96_81_43_00")
    assert data[8:14] == bytes.fromhex("0001 0002 01E0")


def test_one_track_of_several(tmp_path: Path) -> None:
    write(make_song(), tmp_path / "song.mid")
    convert(tmp_path / "song.mid", tmp_path / "bass.txt", track=4)
    score = read(tmp_path / "bass.txt")
    assert [track.name for track in score.tracks] == ["Bass"]
    assert score.tempos == make_song().tempos
    with pytest.raises(ConfigError, match="no track 6; it has 5, counted from 1"):
        convert(tmp_path / "song.mid", tmp_path / "x.txt", track=6)
    with pytest.raises(ConfigError, match="from MIDI to text only"):
        convert(tmp_path / "bass.txt", tmp_path / "x.mid", track=1)


@pytest.mark.parametrize("name", ["x.mid", "x.musicxml"])
def test_prose_is_not_written_as_music(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").write_text("Once upon a time there was a note.")
    with pytest.raises(ConfigError, match="prose"):
        convert(tmp_path / "a.txt", tmp_path / name)
    assert not (tmp_path / name).exists()


def test_files_go_there_and_back(tmp_path: Path) -> None:
    write(make_song(), tmp_path / "song.mid")
    convert(tmp_path / "song.mid", tmp_path / "song.txt")
    done = convert(tmp_path / "song.txt", tmp_path / "again.mid")
    assert done.score.note_count == make_song().note_count
    before, after = ((tmp_path / name).read_bytes() for name in ("song.mid", "again.mid"))
    assert events_of(before) == events_of(after)


def test_ports_and_long_pauses_come_back() -> None:
    port_1 = "00 FF 21 01 01"
    data = midi_bytes(
        f"{port_1} FF FF FF 7F FF 7F 00  FF FF FF 7F 90 3C 40  01 80 3C 00", "00 90 3C 40  01 80 3C 00"
    )
    text, _ = midi_to_text(data)
    assert '"ports": [1, 0]' in text
    assert words_of(text)[0][0] == f"{2 * 0x0FFFFFFF}_90_3c_40"
    assert events_of(text_to_midi(text)) == events_of(data)
    assert midi_to_text(text_to_midi(text))[0] == text


def test_a_damaged_header_is_refused() -> None:
    with pytest.raises(FormatError, match="song: line 1: ppq"):
        text_to_midi('#ritornello-events {"ppq": 0}\n0_90_40_40', "song")
    with pytest.raises(FormatError, match="meter 4/5"):
        text_to_midi('#ritornello-events {"meters": [[0, 4, 5]]}\n0_90_40_40', "song")
    with pytest.raises(FormatError, match="song: no events"):
        text_to_midi("\n\n", "song")


def test_prose_is_not_taken_for_events() -> None:
    assert not is_event_text("An 8_90 is no event")
    assert is_event_text("0_90_40_40 and what is no event is named later")


def test_numbers_stay_plain() -> None:
    text, _ = midi_to_text(midi_bytes(RUNNING))
    assert "int64" not in text
    assert np.all([word.islower() or word.isascii() for word in text.split()])
