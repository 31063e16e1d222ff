"""MusicXML in and out: what notation says survives, and every note is written once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from build import TICKS, make_melody, make_song, shared_archive

from ritornello.errors import ConfigError, FormatError
from ritornello.formats import read, write
from ritornello.formats.midi import parse_midi
from ritornello.formats.musicxml_writer import drum_sign
from ritornello.score import Key, Meter, Score, Tempo, Text, Track, make_notes

music21 = pytest.importorskip("music21")
from ritornello.formats.musicxml import score_to_music21  # noqa: E402


def test_every_drum_has_its_own_sign() -> None:
    assert len({drum_sign(pitch) for pitch in range(128)}) == 128


def test_what_notation_says_survives(tmp_path: Path) -> None:
    song = make_song()
    assert write(song, tmp_path / "song.musicxml") == ()
    found = read(tmp_path / "song.musicxml")
    assert found.title == "A small song"
    assert [(t.name, t.program, t.is_drum) for t in found.tracks] == [
        (t.name, t.program, t.is_drum) for t in song.tracks
    ]
    assert found.tracks[0].texts == song.tracks[0].texts
    for track, other in zip(song.tracks, found.tracks, strict=True):
        assert np.array_equal(track.notes[["start", "pitch"]], other.notes[["start", "pitch"]])
    assert np.array_equal(found.tracks[1].notes, song.tracks[1].notes)  # durations and velocities too


def test_compressed_and_plain_say_the_same(tmp_path: Path) -> None:
    for suffix in ("mxl", "xml"):
        write(make_song(), tmp_path / f"a.{suffix}")
    assert (tmp_path / "a.mxl").read_bytes().startswith(b"PK")
    assert read(tmp_path / "a.mxl") == read(tmp_path / "a.xml")


def test_meters_keys_and_tempos(tmp_path: Path) -> None:
    score = Score(
        TICKS,
        (make_melody((60,) * 12, name="Alto"),),
        tempos=(Tempo(0, 500_000), Tempo(960, 510_000), Tempo(1920, 400_000)),  # the second is a nuance
        meters=(Meter(0, 1, 4), Meter(480, 6, 8), Meter(1920, 5, 4)),  # a pickup
        keys=(Key(0, -2, True), Key(1920, 3)),
    )
    write(score, tmp_path / "a.musicxml")
    found = read(tmp_path / "a.musicxml")
    assert (found.meters, found.keys, found.tempos) == (score.meters, score.keys, score.tempos)
    assert np.array_equal(found.tracks[0].notes, score.tracks[0].notes)


def test_a_key_is_estimated_where_none_is_given() -> None:
    score = Score(TICKS, (make_melody((62, 64, 66, 67, 69, 71, 73, 74, 69, 62)),))
    signatures = list(score_to_music21(score).recurse().getElementsByClass("KeySignature"))
    assert [signature.sharps for signature in signatures] == [2]


def test_the_staves_of_a_piano_are_one_track(tmp_path: Path) -> None:
    hands = [music21.stream.PartStaff(id=f"Piano-{i}") for i in range(2)]
    for hand, pitch in zip(hands, ("C5", "C3"), strict=True):
        hand.append(
            music21.stream.Measure(
                [music21.meter.TimeSignature("4/4"), music21.note.Note(pitch, type="whole")]
            )
        )
    group = music21.layout.StaffGroup(hands, symbol="brace")
    music21.stream.Score([*hands, group]).write("musicxml", tmp_path / "piano.musicxml")
    found = read(tmp_path / "piano.musicxml")
    assert [sorted(track.notes["pitch"].tolist()) for track in found.tracks] == [[48, 72]]


def test_ties_and_grace_notes(tmp_path: Path) -> None:
    notes = [music21.note.Note("C4", quarterLength=1), music21.note.Note("C4", quarterLength=2)]
    notes[0].tie, notes[1].tie = music21.tie.Tie("start"), music21.tie.Tie("stop")
    part = music21.stream.Part([*notes, music21.note.Note("D4").getGrace(), music21.note.Note("E4")])
    music21.stream.Score([part]).write("musicxml", tmp_path / "ties.musicxml")
    found = read(tmp_path / "ties.musicxml").tracks[0].notes
    assert found[["start", "duration", "pitch"]].tolist() == [(0, 1440, 60), (1380, 60, 62), (1440, 480, 64)]


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (Score(TICKS), "no notes"),
        (Score(1, (Track(make_notes([(1 << 40, 1, 60, 80)])),)), "274877906945 bars"),
    ],
)
def test_what_notation_cannot_hold_is_refused(score: Score, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        write(score, tmp_path / "a.musicxml")
    assert list(tmp_path.iterdir()) == []


def test_another_xml_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<svg/>")
    with pytest.raises(FormatError, match=r"a\.xml: not a MusicXML file: its root is <svg>"):
        read(tmp_path / "a.xml")


def test_characters_that_xml_cannot_hold_are_left_out(tmp_path: Path) -> None:
    words = "a\0\x01b\x1f\uffff\ud800"
    melody = make_melody(name=words, texts=(Text(0, "lyric", words),))
    write(Score(TICKS, (melody,), title=words), tmp_path / "song.musicxml")
    score = read(tmp_path / "song.musicxml")
    assert (score.title, score.tracks[0].name, score.tracks[0].texts[0].text) == ("ab", "ab", "ab")
    write(Score(TICKS, (make_melody(name="\0 "),)), tmp_path / "song.musicxml")
    assert read(tmp_path / "song.musicxml").tracks[0].name == "Piano"


def test_lyrics_that_share_a_note_are_joined(tmp_path: Path) -> None:
    words = (Text(0, "lyric", "La"), Text(3, "lyric", "di"), Text(480, "lyric", "da"))
    write(Score(TICKS, (make_melody(texts=words),)), tmp_path / "a.musicxml")
    assert [t.text for t in read(tmp_path / "a.musicxml").tracks[0].texts] == ["La di", "da"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "archive",
    ["lieder-openscore", "chorales-bach370", "freedoom-debian", "multi-avgvst", "leadsheets", "drums-groove"],
)
def test_real_files_keep_their_notes(archive: str, tmp_path: Path) -> None:
    files = shared_archive(archive)
    names = sorted(name for name in files.namelist() if name.endswith(".mid"))
    for name in names[:: len(names) // 4]:
        score = parse_midi(files.read(name), name)
        if score.note_count > 2000:
            continue
        assert write(score, tmp_path / "a.musicxml") == ()
        once = read(tmp_path / "a.musicxml")
        assert [len(t.notes) for t in once.tracks] == [len(t.notes) for t in score.tracks], name
        write(once, tmp_path / "b.musicxml")
        assert replace(read(tmp_path / "b.musicxml"), title=once.title) == once, name
