"""MusicXML in and out: what notation says survives, and every note is written once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from build import TICKS, make_melody, make_song, shared_archive
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import ConfigError, FormatError
from ritornello.formats import read, write
from ritornello.formats.midi import parse_midi
from ritornello.formats.musicxml_writer import drum_sign, spell
from ritornello.formats.staves import COMPOUND_BEAT, UNITS, VOICES, snap, write_bars
from ritornello.score import Key, Meter, Score, Tempo, Text, Track, make_notes

music21 = pytest.importorskip("music21")
from ritornello.formats import musicxml_writer  # noqa: E402
from ritornello.formats.musicxml import score_to_music21, score_to_musicxml  # noqa: E402

BARS = np.arange(0, 96 * 5, 96)

note_rows = st.tuples(st.integers(0, 4 * 480), st.integers(0, 900), st.integers(58, 66), st.integers(1, 127))


@settings(max_examples=150, deadline=None)
@given(st.lists(note_rows, max_size=30).map(make_notes), st.sampled_from([480, 96, 100]))
def test_every_note_is_written_once_and_bars_are_full(notes: np.ndarray, ticks_per_quarter: int) -> None:  # type: ignore[type-arg]
    snapped = snap(notes, ticks_per_quarter)
    assert len(snapped) == len(notes)
    assert np.array_equal(snap(snapped, UNITS), snapped)
    bars = np.arange(0, int((snapped["start"] + snapped["duration"]).max(initial=0)) + 97, 96)
    written = write_bars(snapped, bars, [UNITS, COMPOUND_BEAT] * len(bars))
    begun = 0
    for voices in written:
        assert 1 <= len(voices) <= VOICES
        for voice in voices:
            assert sum(part.duration for part in voice) == 96
            assert all(part.start == sum(p.duration for p in voice[:i]) for i, part in enumerate(voice))
            begun += sum(len(part.pitches) for part in voice if not part.tied_before)
    crowded = max(
        np.bincount(np.concatenate([np.arange(s, s + d) for s, d, _, _ in snapped.tolist()] or [[0]]))
    )
    assert begun == len(notes) or crowded > VOICES


def test_performed_notes_go_to_a_readable_grid() -> None:
    played = make_notes(
        [(5, 230, 60, 80), (236, 240, 62, 80), (485, 150, 64, 80), (635, 170, 65, 80), (803, 150, 67, 80)]
    )
    assert snap(played, 480)[["start", "duration"]].tolist() == [(0, 12), (12, 12), (24, 8), (32, 8), (40, 8)]


def values(*notes: tuple[int, int], beat: int = UNITS) -> list[list[tuple[int, bool]]]:
    """Return the note values, with whether each is tied on, of the first voice in each bar of 4/4; rests negative."""
    rows = make_notes([(start, length, 60, 80) for start, length in notes])
    found = write_bars(rows, BARS, [beat] * 4)
    return [[(p.duration if p.pitches else -p.duration, p.tied_after) for p in voices[0]] for voices in found]


def test_note_values() -> None:
    assert values((0, 96))[0] == [(96, False)]
    assert values((72, 48))[:2] == [
        [(-72, False), (24, True)],
        [(24, False), (-72, False)],
    ]  # over the bar line
    assert values((0, 12), (12, 24), (36, 12))[0][:3] == [
        (12, False),
        (24, False),
        (12, False),
    ]  # syncopation
    assert values((0, 60))[0][:2] == [(48, True), (12, False)]
    assert values((18, 30))[0][1:3] == [(6, True), (24, False)]
    assert values((8, 16), (24, 8))[0][:3] == [(-8, False), (16, False), (8, False)]
    assert values((0, 48), (48, 24), beat=COMPOUND_BEAT)[0][:2] == [(36, True), (12, False)]
    assert values((48, 48), beat=COMPOUND_BEAT)[0][-2:] == [(24, True), (24, False)]
    assert values()[3] == [(-96, False)]


@pytest.mark.parametrize(
    ("pitch", "key", "name"),
    [
        (60, Key(0, 0), "C4"), (66, Key(0, 0), "F#4"), (70, Key(0, 0), "B-4"), (61, Key(0, 0), "D-4"),
        (68, Key(0, 0, True), "G#4"), (59, Key(0, -7), "C-4"), (60, Key(0, 7), "B#3"), (71, Key(0, 2), "B4"),
        (61, Key(0, 2), "C#4"), (70, Key(0, -3, True), "B-4"), (71, Key(0, -3, True), "B4"),
    ],
)  # fmt: skip
def test_spelling(pitch: int, key: Key, name: str) -> None:
    assert spell(pitch, key) == name
    assert music21.pitch.Pitch(name).midi == pitch


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
    assert (found.meters, found.keys) == (score.meters, score.keys)
    assert found.tempos == (score.tempos[0], score.tempos[2])
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


def test_a_part_that_fails_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    exported = musicxml_writer._exported

    def fail_on_bass(music21: object, whole: music21.stream.Score) -> bytes:
        if any(part.partName == "Bass" for part in whole.parts):
            raise music21.musicxml.xmlObjects.MusicXMLExportException("no")  # type: ignore[attr-defined]
        return exported(music21, whole)

    monkeypatch.setattr(musicxml_writer, "_exported", fail_on_bass)
    content, failing = score_to_musicxml(make_song())
    assert failing == ("Bass",)
    assert content.count(b"<score-part ") == 3


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (Score(TICKS), "no notes"),
        (Score(1, (Track(make_notes([(1 << 40, 1, 60, 80)])),)), "too many bars"),
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
    assert read(tmp_path / "song.musicxml").tracks[0].name == "acoustic grand piano"


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
