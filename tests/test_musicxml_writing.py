"""What is written as MusicXML: the elements and values that other programs need to play and print the same music."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from build import make_song

from ritornello.errors import ConfigError
from ritornello.formats import read, write
from ritornello.formats.musicxml_writer import score_to_musicxml
from ritornello.notation import musicxml, voices
from ritornello.score import (
    CONTROL_CHANGE,
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

T = 480
Element = ElementTree.Element


def track(*rows: tuple[int, int, int], **fields: object) -> Track:
    return Track(make_notes((*row, 80) for row in rows), **fields)  # type: ignore[arg-type]


def line(*pitches: int, length: int = T, start: int = 0, **fields: object) -> Track:
    return track(*((start + length * k, length, pitch) for k, pitch in enumerate(pitches)), **fields)


def written(*tracks: Track, **fields: object) -> Element:
    content, _ = score_to_musicxml(Score(T, tracks, **fields))  # type: ignore[arg-type]
    return ElementTree.fromstring(content)


def texts(root: Element, path: str) -> list[str]:
    return [element.text or "" for element in root.iterfind(path)]


def sounding(root: Element) -> list[Element]:
    return [note for note in root.iter("note") if note.find("rest") is None]


def pitch_of(note: Element) -> int:
    step, alter, octave = (note.findtext(f"pitch/{name}", "0") for name in ("step", "alter", "octave"))
    return (
        12 * (int(octave) + 1) + {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[step] + int(alter)
    )


@pytest.mark.parametrize("fifths", [-7, -4, 0, 3, 7])
def test_all_128_pitches_in_every_key(fifths: int) -> None:
    root = written(line(*range(128), program=73), keys=(Key(0, fifths),))
    assert [pitch_of(note) for note in sounding(root)] == list(range(128))


def test_the_same_score_makes_the_same_bytes(tmp_path: Path) -> None:
    for suffix in ("musicxml", "mxl"):
        for name in "ab":
            write(make_song(), tmp_path / f"{name}.{suffix}")
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_drums_are_named_and_every_stroke_says_which_it_is() -> None:
    root = written(line(36, 42, 38, 54, 70, is_drum=True, program=8))
    drums = {i.get("id"): i.findtext("midi-unpitched") for i in root.iter("midi-instrument")}
    assert drums == {f"P1-I{pitch + 1}": str(pitch + 1) for pitch in (36, 38, 42, 54, 70)}
    assert set(texts(root, ".//midi-channel")) == {"10"}
    assert set(texts(root, ".//midi-program")) == {"9"}
    played = [note.find("instrument").get("id") for note in sounding(root)]  # type: ignore[union-attr]
    assert played == [f"P1-I{pitch + 1}" for pitch in (36, 42, 38, 54, 70)]
    heads = [note.findtext("notehead", "normal") for note in sounding(root)]
    assert heads == ["normal", "x", "normal", "x", "circle-x"]


def test_tuplets_have_their_ratio_and_bracket() -> None:
    root = written(track(*((T * 2 * k // 7, T * 2 * (k + 1) // 7 - T * 2 * k // 7, 60) for k in range(7))))
    seven = sounding(root)
    assert texts(root, ".//actual-notes") == ["7"] * 7
    assert texts(root, ".//normal-notes") == ["4"] * 7
    assert [note.findtext("type") for note in seven] == ["eighth"] * 7
    assert [note.find("notations/tuplet").get("type") for note in (seven[0], seven[-1])] == ["start", "stop"]  # type: ignore[union-attr]
    assert texts(root, ".//tuplet-actual/tuplet-number") == ["7"]


def test_six_voices_keep_every_length(tmp_path: Path) -> None:
    rows = [(120 * k, length, pitch) for k, (pitch, length) in enumerate(
        ((36, 1920), (48, 1440), (55, 960), (64, 720), (72, 480), (79, 240)))]  # fmt: skip
    score = Score(T, (track(*rows),))
    assert write(score, tmp_path / "a.musicxml") == ()
    (back,) = read(tmp_path / "a.musicxml").tracks
    assert sorted(back.notes[["start", "duration", "pitch"]].tolist()) == sorted(rows)
    voices = {note.findtext("voice") for note in ElementTree.parse(tmp_path / "a.musicxml").iter("note")}
    assert len(voices) >= 6


def test_more_than_four_voices_go_to_a_further_staff() -> None:
    root = written(track(*((60 * k, 1900 - 60 * k, 60 + 2 * k) for k in range(6)), program=40))
    assert root.findtext(".//staves") == "2"
    for note in root.iter("note"):
        assert (int(note.findtext("voice", "")) - 1) // 4 == int(note.findtext("staff", "")) - 1


def test_more_voices_than_there_are_are_shortened_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "MOST_VOICES", 3)
    crowd = track(*((120 * k, 1920 - 120 * k, 60 + 2 * k) for k in range(5)), program=40)
    _, remarks = score_to_musicxml(Score(T, (crowd,)))
    assert remarks == ("the full length of notes where too many sound at once (2)",)


def test_a_piano_has_two_staves_and_its_hands_are_one_part() -> None:
    root = written(track(*((T * k, T, 72 + k) for k in range(4)), *((T * k, T, 40 + k) for k in range(4))))
    assert texts(root, ".//staves") == ["2"]
    assert [(clef.get("number"), clef.findtext("sign")) for clef in root.iter("clef")] == [
        ("1", "G"),
        ("2", "F"),
    ]
    assert {note.findtext("staff") for note in sounding(root) if pitch_of(note) > 60} == {"1"}
    hands = written(line(72, 74, name="Piano right"), line(48, 50, name="Piano left"))
    assert texts(hands, ".//part-name") == ["Piano"]
    apart = written(line(72, 74, name="Melody"), line(48, 50, name="Pads"))
    assert texts(apart, ".//part-name") == ["Melody", "Pads"]


def test_a_clef_changes_where_the_music_moves() -> None:
    root = written(line(*[36, 38, 40, 41] * 4, *[79, 81, 83, 84] * 4, program=42))
    clefs = [
        (m.get("number"), m.findtext("attributes/clef/sign"))
        for m in root.iter("measure")
        if m.find(".//clef") is not None
    ]
    assert clefs == [("1", "F"), ("5", "G")]


def test_accidentals_stand_where_key_and_bar_need_them() -> None:
    root = written(line(62, 66, 66, 65, 65, 67, 66, 67, program=73), keys=(Key(0, 0),))
    found = [note.findtext("accidental", "") for note in sounding(root)]
    assert found == ["", "sharp", "", "natural", "", "", "sharp", ""]


def test_a_tie_needs_no_accidental_but_the_next_note_does() -> None:
    root = written(track((1440, 960, 66), (2400, 480, 66), program=73), keys=(Key(0, 0),))
    assert [note.findtext("accidental", "") for note in sounding(root)] == ["sharp", "", "sharp"]


def test_a_ritardando_keeps_its_length_and_only_steps_are_printed(tmp_path: Path) -> None:
    tempos = tuple(Tempo.from_quarters_per_minute(T * k, 120 * 0.995**k) for k in range(64))
    score = Score(T, (line(*[60] * 64),), tempos=tempos)
    assert write(score, tmp_path / "a.musicxml") == ()
    back = read(tmp_path / "a.musicxml")
    assert back.seconds == pytest.approx(score.seconds, rel=1e-4)
    marks = list(ElementTree.parse(tmp_path / "a.musicxml").iter("metronome"))
    assert len(marks) == 64
    assert sum(mark.get("print-object") != "no" for mark in marks) == 8


def test_a_compound_meter_counts_dotted_quarters() -> None:
    root = written(
        line(60, length=240), meters=(Meter(0, 6, 8),), tempos=(Tempo.from_quarters_per_minute(0, 90),)
    )
    assert root.findtext(".//beat-unit") == "quarter"
    assert root.find(".//beat-unit-dot") is not None
    assert root.findtext(".//per-minute") == "60"
    assert root.find(".//sound").get("tempo", "")[:5] in ("90", "89.99", "90.00")  # type: ignore[union-attr]


def bars(root: Element) -> list[tuple[str | None, str | None, Fraction]]:
    """Return number, `implicit`, and length in quarters of the first part's bars."""
    divisions, found = 1, []
    for measure in root.iterfind("part[1]/measure"):
        divisions = int(measure.findtext("attributes/divisions") or divisions)
        first = [n for n in measure.iter("note") if n.findtext("voice") == "1" and n.find("chord") is None]
        length = Fraction(sum(int(note.findtext("duration", "")) for note in first), divisions)
        found.append((measure.get("number"), measure.get("implicit"), length))
    return found


def test_a_pickup_and_bars_of_other_lengths_are_themselves(tmp_path: Path) -> None:
    meters = (Meter(0, 4, 4), Meter(T, 4, 4), Meter(5 * T, 4, 4, 6 * T), Meter(11 * T, 4, 4))
    score = Score(T, (line(*range(60, 75)), line(62, start=5 * T, program=40)), meters=meters)
    root = written(*score.tracks, meters=meters)
    assert bars(root) == [("0", "yes", 1), ("1", None, 4), ("2", None, 6), ("3", None, 4)]
    assert texts(root, "part[1]/measure/attributes/time/beats") == ["4"]
    write(score, tmp_path / "a.musicxml")
    assert read(tmp_path / "a.musicxml").bars.edges.tolist() == [0, T, 5 * T, 11 * T, 15 * T]


def test_no_bar_is_added_at_the_end() -> None:
    squeezed = track((0, T, 60), (4 * T - 20, 20, 62), (4 * T - 20, 20, 64), program=40)
    late = track((0, 4 * T + 7, 60), program=40)
    silent = track((0, T, 60), (4 * T, 0, 62), program=40)
    for case in (squeezed, late, silent):
        root = written(case, meters=(Meter(0, 4, 4),))
        assert bars(root) == [("1", None, 4)]
        assert root.findtext(".//bar-style") == "light-heavy"


def test_a_short_last_bar_keeps_its_length() -> None:
    root = written(line(60, 62, 64, 65, 67), meters=(Meter(0, 4, 4), Meter(5 * T, 4, 4)))
    assert bars(root) == [("1", None, 4), ("2", None, 1)]


def test_title_names_and_rights_are_those_of_the_score() -> None:
    notes = (Text(0, "composer", "A. Bee"), Text(0, "lyricist", "C. Dee"), Text(0, "copyright", "(c) 1899"))
    root = written(line(60), title="Waltz & <more>", texts=notes)
    assert root.findtext("work/work-title") == "Waltz & <more>"
    assert {c.get("type"): c.text for c in root.iter("creator")} == {
        "composer": "A. Bee",
        "lyricist": "C. Dee",
    }
    assert root.findtext(".//rights") == "(c) 1899"
    bare = written(line(60))
    assert not list(bare.iter("creator"))
    assert bare.find("work") is None


def test_lyrics_have_syllables_and_verses() -> None:
    words = [Text(T * k, "lyric", word) for k, word in enumerate(("Hal-", "le-", "lu-", "jah", "sing"))]
    words += [Text(T * k, "lyric", word, verse=2) for k, word in enumerate(("Se-", "cond"))]
    root = written(line(60, 62, 64, 65, 67, texts=tuple(words)))
    first = [lyric for lyric in root.iter("lyric") if lyric.get("number") == "1"]
    assert [lyric.findtext("syllabic") for lyric in first] == ["begin", "middle", "middle", "end", "single"]
    assert [lyric.findtext("text") for lyric in first] == ["Hal", "le", "lu", "jah", "sing"]
    second = [lyric.findtext("text") for lyric in root.iter("lyric") if lyric.get("number") == "2"]
    assert second == ["Se", "cond"]


def test_lyrics_outside_of_tracks_belong_to_the_track_that_sings_them() -> None:
    words = tuple(Text(T * k, "lyric", "la") for k in range(3))
    root = written(track((0, 5 * T, 40), program=33), line(60, 62, 64, program=52), texts=words)
    assert [len(list(part.iter("lyric"))) for part in root.iterfind("part")] == [0, 3]


def test_chord_symbols_are_harmonies() -> None:
    chords = (Text(0, "chord", "Bbmaj7/D"), Text(T, "chord", "F#m7b5"), Text(2 * T + 240, "chord", "C7#9"))
    root = written(line(60, 62, 64, 65), texts=chords)
    harmonies = list(root.iter("harmony"))
    assert [h.findtext("root/root-step") for h in harmonies] == ["B", "F", "C"]
    assert [h.findtext("root/root-alter") for h in harmonies] == ["-1", "1", None]
    assert [h.findtext("kind") for h in harmonies] == ["major-seventh", "half-diminished", "dominant"]
    assert harmonies[0].findtext("bass/bass-step") == "D"
    assert harmonies[2].findtext("degree/degree-value") == "9"
    assert harmonies[2].findtext("offset") == "1"  # half a quarter into the third note, of 2 divisions


def test_pedal_volume_pan_and_velocity_come_back(tmp_path: Path) -> None:
    controls = make_controls(
        [(0, CONTROL_CHANGE, 7, 90), (0, CONTROL_CHANGE, 10, 32), (240, CONTROL_CHANGE, 64, 127),
         (960, CONTROL_CHANGE, 64, 0)]
    )  # fmt: skip
    notes = make_notes([(T * k, T, 60, velocity) for k, velocity in enumerate(range(1, 128))])
    score = Score(T, (Track(notes, 40, controls=controls),))
    assert write(score, tmp_path / "a.musicxml") == ()
    (back,) = read(tmp_path / "a.musicxml").tracks
    assert back.notes["velocity"].tolist() == list(range(1, 128))
    root = ElementTree.parse(tmp_path / "a.musicxml").getroot()
    assert [pedal.get("type") for pedal in root.iter("pedal")] == ["start", "stop"]
    assert back.controls[back.controls["number"] == 64][["tick", "value"]].tolist() == [(240, 127), (960, 0)]
    assert root.findtext(".//volume") == "70.87"
    assert root.findtext(".//pan") == "-45"


def test_what_has_no_place_is_said() -> None:
    controls = make_controls(
        [(0, CONTROL_CHANGE, 11, 90), (0, PITCH_BEND, 0, 90), (0, CONTROL_CHANGE, 64, 127), (9, CONTROL_CHANGE, 7, 1),
         (99, CONTROL_CHANGE, 7, 2)]
    )  # fmt: skip
    twice = (0, T, 60, 80)
    _, remarks = score_to_musicxml(Score(T, (Track(make_notes([twice, twice]), controls=controls),)))
    assert remarks == ("doubled notes (1)", "expression, pitch bends, changes of volume")


def test_names_have_no_control_characters_and_no_surrogates() -> None:
    words = "a\0\x01b\x1f\uffff\ud800"
    marks = (Text(0, "marker", words), Text(0, "copyright", words), Text(0, "composer", words))
    root = written(line(60, name=words, texts=(Text(0, "lyric", words),)), title=words, texts=marks)
    for path in (
        "work/work-title",
        ".//part-name",
        ".//lyric/text",
        ".//rights",
        ".//creator",
        ".//rehearsal",
    ):
        assert root.findtext(path) == "ab", path


def test_twenty_parts_have_channels_and_ports(capfd: pytest.CaptureFixture[str]) -> None:
    root = written(*(line(60, program=40, name=f"V{k}") for k in range(20)))
    channels = [int(text) for text in texts(root, ".//midi-channel")]
    assert channels == [*range(1, 10), *range(11, 17), 1, 2, 3, 4, 5]
    assert len(list(root.iter("midi-device"))) == 5
    assert capfd.readouterr() == ("", "")


def test_whole_bars_of_rest() -> None:
    root = written(track((0, T, 60), (8 * T, T, 60), program=40))
    second = root.find(".//measure[@number='2']/note")
    assert second is not None
    assert second.find("rest").get("measure") == "yes"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (Score(T), "no notes"),
        (
            Score(T, (line(60), line(60, start=T * 4 * 150_000, program=40))),
            "300002 bars|too many for notation",
        ),
        (
            Score(T, (line(60, start=T * 4 * 900_000),), meters=(Meter(0, 1_000, 1),)),
            "measures|too many|beats",
        ),
    ],
)
def test_what_is_too_large_is_refused_at_once(score: Score, message: str, tmp_path: Path) -> None:
    began = time.process_time()
    with pytest.raises(ConfigError, match=message):
        write(score, tmp_path / "a.musicxml")
    assert time.process_time() - began < 2
    assert list(tmp_path.iterdir()) == []


def test_too_many_notes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(musicxml, "MOST_NOTES", 3)
    with pytest.raises(ConfigError, match="4 notes: MusicXML is written up to 3"):
        written(line(60, 62, 64, 65))


def test_other_programs_read_the_same_music() -> None:
    music21 = pytest.importorskip("music21")
    third, fifth = T // 3, T // 5
    rhythm = [(T * 4 + third * k, third, 60 + k) for k in range(3)] + [
        (T * 5 + fifth * k, fifth, 70) for k in range(5)
    ]
    score = Score(T, (track((0, T * 3, 48), (T, T, 62), (T * 2, T * 2, 67), *rhythm, program=40),))
    whole = score.to_music21()
    found = {
        (Fraction(note.getOffsetInHierarchy(whole)), Fraction(note.quarterLength), pitch.midi)
        for note in whole.recurse().notes
        if not note.tie
        for pitch in note.pitches
    }
    own = {
        (Fraction(a, T), Fraction(b, T), p)
        for a, b, p in score.tracks[0].notes[["start", "duration", "pitch"]].tolist()
    }
    assert found == own
    assert isinstance(whole, music21.stream.Score)
    assert np.all([m.offset for m in whole.parts[0].getElementsByClass("Measure")] + [8] == [0, 4, 8])
