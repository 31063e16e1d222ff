"""Our reader and writer of MIDI files, on files made by code: what a real file can do, and damage."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from build import TICKS, chunk, hexdump, make_melody, make_song, meta, midi_bytes, mtrk, note
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ritornello.errors import ConfigError, FileError, FormatError
from ritornello.formats.midi import midi_to_bytes, parse_midi, read_midi, write_midi
from ritornello.formats.midi_writer import MAX_TICK
from ritornello.score import (
    CHANNEL_PRESSURE,
    CONTROL_CHANGE,
    KEY_PRESSURE,
    PITCH_BEND,
    Key,
    Meter,
    Score,
    Tempo,
    Text,
    Track,
    make_controls,
    make_notes,
)

ONE_NOTE = """
    00 90 3C 50     # C4 on
    83 60 80 3C 40  # 480 ticks later, off
"""
TWO_NOTES = [(0, 480, 60, 80), (480, 480, 62, 80)]


def rows(track: Track) -> list[tuple[int, ...]]:
    return [tuple(note) for note in track.notes.tolist()]


def only_track(*tracks: str, **options: int) -> Track:
    score = parse_midi(midi_bytes(*tracks, **options))
    assert len(score.tracks) == 1
    return score.tracks[0]


def test_notes_with_a_status_each() -> None:
    track = only_track(ONE_NOTE + "00 90 3E 50 83 60 80 3E 40")
    assert rows(track) == TWO_NOTES


def test_running_status_and_velocity_0_as_note_off() -> None:
    assert rows(only_track("00 90 3C 50  83 60 3C 00  00 3E 50  83 60 3E 00")) == TWO_NOTES


def test_long_deltas() -> None:
    track = only_track("81 80 80 00 90 3C 50  81 80 00 3C 00")  # four bytes, then three
    assert rows(track) == [(1 << 21, 1 << 14, 60, 80)]


@pytest.mark.parametrize("event", ["FF 01 01 41", "F0 03 7E 09 F7", "FF 7F 00", "FF 60 01 00", "F1 05", "F8"])
def test_what_is_skipped_keeps_its_delta_and_the_running_status(event: str) -> None:
    score = parse_midi(midi_bytes(f"00 90 3C 50  83 60 3C 00  83 60 {event}  00 3E 50  83 60 3E 00"))
    assert rows(score.tracks[0]) == [(0, 480, 60, 80), (960, 480, 62, 80)]
    assert "resumed running status 1 time after a meta or SysEx event (track 1)" in score.repairs


def test_a_sysex_in_packets() -> None:
    assert rows(only_track("00 F0 03 43 12 00  81 48 F7 02 43 F7  00 90 3C 50 60 3C 00")) == [
        (200, 96, 60, 80)
    ]


def test_program_and_pressure_have_one_data_byte() -> None:
    score = parse_midi(midi_bytes("00 C0 28  00 D0 11  00 12  00 90 3C 50  60 D0 13  00 3C  00 90 3C 00"))
    (track,) = score.tracks
    assert (track.program, score.repairs) == (40, ())
    assert rows(track) == [(0, 96, 60, 80)]
    assert [tuple(c) for c in track.controls.tolist()] == [
        (tick, CHANNEL_PRESSURE, 0, value) for tick, value in [(0, 17), (0, 18), (96, 19), (96, 60)]
    ]


def test_every_kind_of_control() -> None:
    track = only_track("00 B0 40 7F  00 E0 00 00  00 E0 7F 7F  00 A0 3C 22" + ONE_NOTE)
    assert [tuple(c) for c in track.controls.tolist()] == [
        (0, CONTROL_CHANGE, 64, 127), (0, PITCH_BEND, 0, -8192), (0, PITCH_BEND, 0, 8191), (0, KEY_PRESSURE, 60, 34),
    ]  # fmt: skip


def test_overlapping_notes_end_first_in_first_out() -> None:
    track = only_track("00 90 3C 50  0A 3C 51  0A 3C 00  0A 3C 00")
    assert rows(track) == [(0, 20, 60, 80), (10, 20, 60, 81)]


def test_zero_length_notes_are_kept() -> None:
    assert rows(only_track("00 90 3C 50  00 3C 00")) == [(0, 0, 60, 80)]


def test_hanging_notes_are_closed_at_the_end_of_the_track_and_stray_note_offs_ignored() -> None:
    score = parse_midi(midi_bytes("00 80 3C 40  00 90 3C 50  0A 80 3E 40  0A 90 40 50  60 FF 2F 00"))
    assert rows(score.tracks[0]) == [(0, 116, 60, 80), (20, 96, 64, 80)]
    assert score.repairs == (
        "closed 2 notes that never ended (track 1)",
        "ignored 2 note-offs without a note (track 1)",
    )


def test_tracks_are_split_by_channel_and_program() -> None:
    score = parse_midi(
        midi_bytes("""
            00 FF 03 01 41          # name: A
            00 90 3C 50  60 3C 00   # before the first program change: what is set first
            00 C0 05                # program 5
            00 90 3E 50  60 3E 00
            00 C0 06                # program 6
            00 B0 07 64             # volume: belongs to the next note
            00 90 40 50  60 40 00
            00 99 24 50  60 24 00   # drums
        """)
    )
    assert [(t.program, t.is_drum, len(t.notes)) for t in score.tracks] == [
        (5, False, 2),
        (6, False, 1),
        (0, True, 1),
    ]
    assert [len(t.controls) for t in score.tracks] == [0, 1, 0]
    assert {t.name for t in score.tracks} == {"A"}


def test_a_program_set_in_another_track_counts_on_its_port_and_channel() -> None:
    setup = "00 C0 11  00 C1 12"
    notes = "00 91 3C 50  60 3C 00"
    other_port = "00 FF 21 01 01" + notes
    score = parse_midi(midi_bytes(setup, notes, other_port))
    assert [track.program for track in score.tracks] == [0x12, 0]


def test_controls_of_a_track_without_notes_go_to_all_on_their_channel() -> None:
    score = parse_midi(midi_bytes("00 B0 40 7F  00 B5 40 7F", ONE_NOTE, ONE_NOTE))
    assert [len(track.controls) for track in score.tracks] == [1, 1]


def test_global_events_and_texts() -> None:
    score = parse_midi(
        midi_bytes(
            """
            00 FF 03 05 53 6F 6E 61 74      # title: Sonat
            00 FF 51 03 07 A1 20  00 FF 51 03 06 1A 80  # two tempos at once: the last holds
            00 FF 58 04 06 03 18 08         # 6/8
            00 FF 59 02 FD 01               # three flats, minor
            00 FF 06 02 C3 A9               # marker in UTF-8
            83 60 FF 01 01 E9               # text in Latin-1
            """,
            "00 FF 03 03 41 6C 74  00 FF 05 02 4C 61" + ONE_NOTE,
            "00 FF 03 01 58  00 FF 05 01 79",  # no notes: its name is the score's, its lyric too where all have theirs
        )
    )
    assert score.title == "Sonat"
    assert score.tempos == (Tempo(0, 400_000),)
    assert score.meters == (Meter(0, 6, 8),)
    assert score.keys == (Key(0, -3, True),)
    assert score.texts == (
        Text(0, "marker", "é"), Text(0, "name", "X"), Text(0, "lyric", "y"), Text(480, "text", "é"),
    )  # fmt: skip
    assert score.tracks[0].name == "Alt"
    assert score.tracks[0].texts == (Text(0, "lyric", "La"),)
    assert score.repairs == ()


@pytest.mark.parametrize("late", [-30, -1, 1, 40])
def test_a_meter_that_misses_the_bar_line_is_moved_to_it(late: int) -> None:
    meters = [meta(0, 0x58, b"\4\2\x18\x08"), meta(1920 + late, 0x58, b"\3\2\x18\x08")]
    others = [meta(1920 + late, 0x51, b"\6\0\0"), meta(1920 + late, 0x59, b"\1\0")]
    score = parse_midi(midi_bytes(mtrk(*meters, *others, *note(0, 4800, 60))))
    assert score.meters == (Meter(0, 4, 4), Meter(1920, 3, 4))
    assert score.repairs == ("moved 1 time signature to the nearest bar line",)
    assert [event.tick for event in (*score.tempos, *score.keys)] == [1920 + late] * 2


@pytest.mark.parametrize("tick", [480, 240, 1440, 1860, 2000])
def test_a_pickup_and_a_short_bar_stay(tick: int) -> None:
    meters = [meta(0, 0x58, b"\4\2\x18\x08"), meta(tick, 0x58, b"\4\2\x18\x08")]
    score = parse_midi(midi_bytes(mtrk(*meters, *note(0, 4800, 60))))
    assert (score.meters, score.repairs) == ((Meter(0, 4, 4), Meter(tick, 4, 4)), ())


def test_format_0_has_a_title_and_no_track_names() -> None:
    score = parse_midi(midi_bytes("00 FF 03 01 41  00 FF 06 01 42" + ONE_NOTE, format=0))
    assert (score.title, score.tracks[0].name, score.texts) == ("A", "", (Text(0, "marker", "B"),))


def test_format_2_lays_patterns_one_after_another() -> None:
    score = parse_midi(midi_bytes(ONE_NOTE, ONE_NOTE, format=2))
    assert [rows(track)[0][0] for track in score.tracks] == [0, 480]
    assert "format 2" in score.repairs[0]


@pytest.mark.parametrize(
    ("division", "ticks_a_second"),
    [
        (0xE728, 25 * 40),
        (0xE804, 24 * 4),
        (0xE305, 5 * 30 / 1.001),
        (0xE250, 30 * 80),
        (0xE701, 25),
        (0x01E0, 960),
    ],
)
def test_smpte_divisions_give_the_right_seconds(division: int, ticks_a_second: float) -> None:
    tempo = "" if division < 0x8000 else "00 FF 51 03 0A 00 00"  # has no say in a file timed by frames
    score = parse_midi(midi_bytes(tempo + ONE_NOTE, division=division))
    assert score.seconds == pytest.approx(480 / ticks_a_second)


@pytest.mark.parametrize(
    ("events", "repair"),
    [
        ("00 FF 51 03 00 00 00", "ignored 1 tempo out of range (track 1)"),
        ("00 FF 51 02 07 A1", "ignored 1 tempo out of range (track 1)"),
        ("00 FF 58 04 04 FF 18 08", "ignored 1 time signature out of range (track 1)"),
        ("00 FF 58 04 00 02 18 08", "ignored 1 time signature out of range (track 1)"),
        ("00 FF 59 02 0A 05", "ignored 1 key signature out of range (track 1)"),
        ("00 F9", "skipped 1 system message with no place in a file (track 1)"),
        ("00 3C 50", "skipped 2 bytes without a status (track 1)"),
        ("00 B0 07 C8", "limited 1 data byte above 127 (track 1)"),
        ("81 80 80 80 80 00 B0 07 40", "shortened 1 pause beyond 268,435,455 ticks (track 1)"),
    ],
)
def test_what_makes_no_sense_is_left_out_and_said(events: str, repair: str) -> None:
    # The text in between ends a run of bytes without a status.
    score = parse_midi(midi_bytes(events + "FF 01 00" * (events == "00 3C 50") + ONE_NOTE))
    assert score.repairs == (repair,)
    assert [row[1:] for row in rows(score.tracks[0])] == [(480, 60, 80)]
    assert not score.tempos + score.meters + score.keys


HEADER = chunk("MThd", hexdump("0001 0001 01E0"))
BODY = hexdump(ONE_NOTE + "00 FF 2F 00")
WHOLE = HEADER + chunk("MTrk", BODY)


@pytest.mark.parametrize(
    ("data", "repair"),
    [
        (gzip.compress(WHOLE, mtime=0), "unpacked a gzip-compressed file"),
        (b"junk" + WHOLE, "skipped 4 bytes before the MIDI header"),
        (WHOLE + b"\0" * 9, "skipped 9 bytes between or after the tracks"),
        (WHOLE.replace(b"\0\0\0\6", b"\0\0\0\4"), "ignored a damaged name or length of the MIDI header"),
        (WHOLE.replace(b"MThd", b"MT\0d"), "ignored a damaged name or length of the MIDI header"),
        (WHOLE.replace(b"MTrk", b"MTr\0"), "read 1 track chunk whose name is damaged"),
        (WHOLE.replace(b"\0\1\0\1", b"\0\7\0\1"), "treated an unknown file format as format 1"),
        (WHOLE.replace(b"\0\1\0\1", b"\0\1\xff\xff"), "ignored the header's wrong number of tracks"),
        (WHOLE.replace(b"\x01\xe0", b"\0\0"), "set the division, which was 0, to 480 ticks a quarter"),
        (WHOLE.replace(b"\0\0\0\x0d", b"\xff\xff\xff\xff"), "ignored a wrong length of a track (track 1)"),
        (WHOLE.replace(b"\0\0\0\x0d", b"\0\0\0\0"), "ignored a wrong length of a track (track 1)"),
        (HEADER + chunk("XFIH", b"..") + chunk("MTrk", BODY), "skipped 1 chunk of unknown kind"),
        (HEADER + chunk("MTrk", BODY[:-4]), "added a missing end of track (track 1)"),
        (
            HEADER + chunk("MTrk", BODY + b"\0\x90\x3c\x50"),
            "ignored 4 bytes after the end of a track (track 1)",
        ),
        (HEADER + chunk("MTrk", BODY[:-2]), "kept what is whole of a track that is cut off (track 1)"),
    ],
)
def test_damage_is_repaired_and_said(data: bytes, repair: str) -> None:
    score = parse_midi(data)
    assert rows(score.tracks[0]) == TWO_NOTES[:1]
    assert score.repairs == (repair,)
    assert score.ticks_per_quarter == TICKS


def test_riff_needs_no_repair() -> None:
    score = parse_midi(b"RIFF" + bytes(4) + b"RMIDdata" + bytes(4) + WHOLE)
    assert (score.note_count, score.repairs) == (1, ())


def test_many_tracks_are_counted_in_one_sentence() -> None:
    score = parse_midi(midi_bytes(*["00 90 3C 50"] * 1000))
    assert score.repairs == ("closed 1,000 notes that never ended (1,000 tracks)",)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"MT", b"hello, this is text", b"\x1f\x8bnonsense", b"MThd\0\0\0\6\0\1",
        HEADER, HEADER + b"MTrk\xff\xff\xff\xff", b"SMF2CLIP" + bytes(40), WHOLE[:22],
    ],
)  # fmt: skip
def test_what_holds_no_music_is_refused_by_name(data: bytes, tmp_path: object) -> None:
    with pytest.raises(FormatError, match=r"^song\.mid: .*byte|^song\.mid: damaged gzip"):
        parse_midi(data, "song.mid")


def test_a_missing_and_an_empty_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "empty.mid").touch()
    for name in ("empty.mid", "missing.mid"):
        with pytest.raises(FileError, match=name):
            read_midi(tmp_path / name)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3))
def test_any_bytes_give_a_score_or_our_error(data: bytes, wrapped: int) -> None:
    if wrapped:
        data = HEADER + chunk("MTrk", data)
    try:
        score = parse_midi(data)
    except FormatError:
        return
    assert parse_midi(midi_to_bytes(score)) == score


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_gives_a_score_or_our_error(data: st.DataObject) -> None:
    whole = bytearray(midi_to_bytes(make_song()))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=8)):
        whole[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        score = parse_midi(bytes(whole[:cut]))
    except FormatError:
        return
    assert parse_midi(midi_to_bytes(score)) == score


ticks = st.one_of(st.integers(0, 4000), st.integers(0, MAX_TICK))
words = st.one_of(
    st.text(max_size=5),
    st.sampled_from([" la", "lu ", "/Oh", "\\My", "le-", "\r", "{#Title=A}", "@KMIDI", "@TA"]),
)
texts = st.builds(
    Text, ticks, st.sampled_from(["text", "name", "lyric", "marker", "composer", "chord"]), words
)
note_rows = st.tuples(
    st.integers(0, 2000), st.one_of(st.just(0), st.integers(0, 900)), st.integers(58, 62), st.integers(1, 127)
)
control_rows = st.one_of(
    st.tuples(
        ticks, st.sampled_from([KEY_PRESSURE, CONTROL_CHANGE]), st.integers(0, 127), st.integers(0, 127)
    ),
    st.tuples(
        ticks, st.just(CONTROL_CHANGE), st.sampled_from([0, 32, 64, 120, 121, 123]), st.integers(0, 127)
    ),
    st.tuples(ticks, st.just(CHANNEL_PRESSURE), st.just(0), st.integers(0, 127)),
    st.tuples(ticks, st.just(PITCH_BEND), st.just(0), st.integers(-8192, 8191)),
)
tracks = st.builds(
    Track,
    notes=st.lists(note_rows, max_size=12).map(make_notes),
    program=st.integers(0, 127),
    is_drum=st.booleans(),
    name=st.text(max_size=5),
    controls=st.lists(control_rows, max_size=5).map(make_controls),
    texts=st.lists(texts, max_size=3).map(tuple),
)
scores = st.builds(
    Score,
    st.integers(1, 0x7FFF),
    tracks=st.lists(tracks, max_size=20).map(tuple),
    tempos=st.lists(st.builds(Tempo, ticks, st.integers(1, 0xFFFFFF)), max_size=3).map(tuple),
    meters=st.lists(
        st.builds(Meter, ticks, st.integers(1, 255), st.sampled_from([1, 4, 128])), max_size=3
    ).map(tuple),
    keys=st.lists(st.builds(Key, ticks, st.integers(-7, 7), st.booleans()), max_size=3).map(tuple),
    texts=st.lists(texts, max_size=3).map(tuple),
    title=st.text(max_size=5),
)


@settings(max_examples=100, deadline=None)
@given(scores)
@example(Score(TICKS, title="\0 "))
@example(Score(TICKS, title=" \0 a\n\0 \0", texts=(Text(0, "name", " \0 "), Text(0, "lyric", " \0 "))))
@example(Score(TICKS, (make_melody(name="\0 \0 "),)))
def test_reading_what_was_written_is_a_fixed_point(score: Score) -> None:
    once = parse_midi(midi_to_bytes(score))
    assert [repair for repair in once.repairs if "time signature" not in repair] == []
    assert parse_midi(midi_to_bytes(once)) == once
    assert once.note_count == score.note_count
    assert np.array_equal(once.all_notes()[["start", "pitch", "velocity"]],
                          score.all_notes()[["start", "pitch", "velocity"]]) or once.note_count > 1  # fmt: skip


def test_a_whole_song_survives() -> None:
    song = make_song()
    assert parse_midi(midi_to_bytes(song)) == song


def test_the_bytes_written() -> None:
    score = Score(
        TICKS, (Track(make_notes([(0, 480, 60, 80)]), program=40, name="Vla"),), (Tempo(0, 500_000),)
    )
    assert midi_to_bytes(score) == midi_bytes(
        """
        00 FF 03 00              # the conductor has no name
        00 FF 51 03 07 A1 20     # 500,000 microseconds a quarter
        """,
        """
        00 FF 03 03 56 6C 61     # name
        00 C0 28                 # program 40
        00 90 3C 50
        83 60 80 3C 40
        """,
    )


def test_the_program_follows_its_bank_select() -> None:
    controls = make_controls([(5, CONTROL_CHANGE, 0, 1), (600, CONTROL_CHANGE, 0, 2)])
    data = midi_to_bytes(
        Score(TICKS, (Track(make_notes([(10, 480, 60, 80)]), program=7, controls=controls),))
    )
    assert hexdump("05 B0 00 01  00 C0 07  05 90 3C 50") in data
    assert hexdump("B0 00 02  00 C0 07") in data  # again after the second bank


def test_channels() -> None:
    def channels(*parts: tuple[int, bool]) -> list[tuple[int, int]]:
        melodies = tuple(make_melody(program=program, is_drum=is_drum) for program, is_drum in parts)
        data = midi_to_bytes(Score(TICKS, melodies))
        found = []
        for content in data.split(b"MTrk")[2:]:
            port = content[content.index(b"\xff\x21\x01") + 3] if b"\xff\x21\x01" in content else 0
            found.append((port, next(b & 15 for b in content[8:] if b & 0xF0 == 0xC0)))
        return found

    assert channels((0, False), (0, True), (0, False)) == [(0, 0), (0, 9), (0, 1)]
    assert [c for _, c in channels(*[(1, False)] * 12)] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]
    assert channels(*[(1, False)] * 20)[15:] == [(0, 0)] * 5  # no more channels: those of one program share
    assert channels(*[(p, False) for p in range(17)])[14:] == [(0, 15), (1, 0), (1, 1)]  # ... or another port
    assert channels((0, True), (8, True)) == [(0, 9), (1, 9)]


def bad_note(**values: int) -> Score:
    notes = make_notes([(0, 480, 60, 80)])
    for name, value in values.items():
        notes[name] = value
    return Score(TICKS, (Track(notes),))


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (bad_note(pitch=128), "pitch 128 in track 1: allowed is 0 to 127"),
        (bad_note(velocity=0), "velocity 0"),
        (bad_note(start=-1), "start -1"),
        (bad_note(duration=-1), "duration -1"),
        (bad_note(start=1 << 41), "start 2199023255552"),
        (Score(0), "ticks_per_quarter 0"),
        (Score(TICKS, (make_melody(program=200),)), "program 200"),
        (Score(TICKS, tempos=(Tempo(0, 1 << 24),)), "tempo 16777216"),
        (Score(TICKS, meters=(Meter(0, 4, 3),)), "meter 4/3"),
        (Score(TICKS, meters=(Meter(-1, 4, 4),)), "tick -1"),
        (Score(TICKS, keys=(Key(0, 9),)), "key 9"),
        (Score(TICKS, texts=(Text(0, "poem", "x"),)), "kind 'poem'"),
        (Score(TICKS, (make_melody(controls=make_controls([(0, PITCH_BEND, 0, 9000)])),)), "pitch bend 9000"),
    ],
)
def test_what_midi_cannot_say_is_refused(score: Score, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        midi_to_bytes(score)


def test_nothing_is_left_of_a_file_that_cannot_be_written(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError):
        write_midi(bad_note(pitch=200), tmp_path / "song.mid")
    assert list(tmp_path.iterdir()) == []


def test_times_far_out_cost_nothing() -> None:
    score = Score(1, (Track(make_notes([(MAX_TICK, MAX_TICK, 60, 80)])),))
    assert parse_midi(midi_to_bytes(score)) == score
