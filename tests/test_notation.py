"""Notation: what is printed is right in rhythm, pitch and staff; pages are whole and stand alone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from build import make_song
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import ConfigError
from ritornello.rendering.engraving import UNITS, Chord, Staff, make_staves, quantised, spell
from ritornello.score import Key, Meter, Score, Text, Track, make_notes

music21 = pytest.importorskip("music21")
pytest.importorskip("verovio")

from ritornello.rendering import notation  # noqa: E402
from ritornello.rendering.musicxml_staves import staves_to_musicxml  # noqa: E402

TICKS = 480


def track_of(*rows: tuple[int, int, int, int], **fields: object) -> Track:
    return Track(make_notes(rows), **fields)  # type: ignore[arg-type]


def score_of(*tracks: Track, **fields: object) -> Score:
    return Score(TICKS, tracks=tracks, **fields)  # type: ignore[arg-type]


def rows_of(staff: Staff) -> list[tuple[int, int, tuple[int, ...]]]:
    """Return (start, duration, pitches) of the first voice of a staff."""
    return [(chord.start, chord.duration, chord.pitches) for chord in staff.voices[0]]


def musicxml(score: Score) -> ElementTree.Element:
    return ElementTree.fromstring(staves_to_musicxml(score, make_staves(score)))


# Rhythm


def test_a_loose_performance_becomes_plain_rhythm() -> None:
    played = [(7, 201, 60, 90), (233, 190, 62, 90), (486, 430, 64, 90), (951, 470, 65, 90)]
    (staff,) = make_staves(score_of(track_of(*played)))
    assert rows_of(staff) == [(0, 12, (60,)), (12, 12, (62,)), (24, 24, (64,)), (48, 24, (65,))]


def test_triplets_are_found_quarter_by_quarter() -> None:
    played = [
        (0, 160, 60, 90),
        (158, 160, 62, 90),
        (322, 150, 64, 90),
        (480, 120, 60, 90),
        (600, 120, 62, 90),
    ]
    rows = quantised(make_notes(played), TICKS)
    assert rows[:, 0].tolist() == [0, 8, 16, 24, 30]


def test_notes_struck_together_are_one_chord() -> None:
    (staff,) = make_staves(score_of(track_of((0, 480, 60, 90), (3, 470, 64, 90), (5, 475, 67, 90))))
    assert rows_of(staff) == [(0, 24, (60, 64, 67))]


def test_a_note_held_under_a_melody_gets_a_voice_of_its_own() -> None:
    melody = [(480 * i, 480, 72 + i, 90) for i in range(4)]
    (staff,) = make_staves(score_of(track_of(*melody, (0, 1920, 60, 90))))
    assert [len(voice) for voice in staff.voices] == [4, 1]
    assert staff.voices[1] == (Chord(0, 96, (60,)),)


def test_a_slight_overlap_is_no_second_voice() -> None:
    (staff,) = make_staves(score_of(track_of(*((480 * i, 540, 60 + i, 90) for i in range(4)))))
    assert len(staff.voices) == 1


@pytest.mark.parametrize(
    ("start", "duration", "values"),
    [
        (0, 96, [96]), (0, 24, [24]), (12, 24, [24]), (12, 36, [12, 24]), (36, 24, [12, 12]), (18, 12, [6, 6]),
        (0, 36, [36]), (0, 60, [48, 12]), (8, 16, [16]), (16, 32, [8, 24]), (0, 42, [24, 18]), (24, 72, [72]),
    ],
)  # fmt: skip
def test_note_values(start: int, duration: int, values: list[int]) -> None:
    assert spell(start, duration, UNITS) == values


def test_note_values_of_a_compound_meter() -> None:
    assert spell(0, 72, 36) == [72]
    assert spell(0, 36, 36) == [36]
    assert spell(24, 24, 36) == [12, 12]
    assert spell(12, 24, 36) == [24]


@given(st.integers(0, 200), st.integers(1, 400), st.sampled_from([12, 24, 36, 6]), st.booleans())
def test_note_values_always_add_up_and_can_be_written(
    start: int, duration: int, beat: int, is_rest: bool
) -> None:
    values = spell(start, duration, beat, is_rest)
    assert sum(values) == duration
    written = {music21.duration.Duration(Fraction(value, UNITS)).type for value in values}
    assert not written & {"complex", "inexpressible"}


# Staves


def test_a_piano_track_is_split_in_two_hands_with_a_brace() -> None:
    left, right = ([(480 * i, 480, pitch + i, 90) for i in range(4)] for pitch in (43, 72))
    staves = make_staves(score_of(track_of(*left, *right)))
    assert [(staff.clef, staff.braced) for staff in staves] == [("treble", False), ("bass", True)]
    assert [pitches for _, _, pitches in rows_of(staves[1])] == [(43,), (44,), (45,), (46,)]


def test_two_neighbouring_piano_tracks_are_the_hands() -> None:
    staves = make_staves(score_of(track_of((0, 480, 72, 90)), track_of((0, 480, 43, 90))))
    assert [(staff.clef, staff.braced) for staff in staves] == [("treble", False), ("bass", True)]


@pytest.mark.parametrize(
    ("program", "pitch", "clef"),
    [(40, 72, "treble"), (42, 43, "bass"), (41, 60, "alto"), (33, 36, "bass8vb"), (25, 57, "treble8vb"),
     (72, 96, "treble8va")],
)  # fmt: skip
def test_clefs(program: int, pitch: int, clef: str) -> None:
    (staff,) = make_staves(score_of(track_of((0, 480, pitch, 90), program=program)))
    assert staff.clef == clef


# MusicXML


def test_every_bar_is_full_in_every_meter() -> None:
    meters = (Meter(0, 4, 4), Meter(1920, 6, 8), Meter(1920 + 1440, 5, 8), Meter(1920 + 1440 + 1200, 3, 4))
    rows = [(170 * i, 150 + 37 * (i % 5), 60 + i % 7, 90) for i in range(40)]
    root = musicxml(score_of(track_of(*rows, program=40), meters=meters))
    divisions = int(root.findtext(".//divisions") or 0)
    lengths = []
    for measure in root.iter("measure"):
        notes = [note for note in measure.iter("note") if note.find("chord") is None]
        first = [note for note in notes if note.findtext("voice") == notes[0].findtext("voice")]
        lengths.append(Fraction(sum(int(note.findtext("duration") or 0) for note in first), divisions))
    assert lengths[:4] == [4, 3, Fraction(5, 2), 3]
    assert set(lengths[4:]) == {3}


def test_pitches_are_spelled_in_the_key() -> None:
    def names(fifths: int) -> list[str]:
        score = score_of(track_of((0, 480, 61, 90), (480, 480, 70, 90), program=40), keys=(Key(0, fifths),))
        pitches = musicxml(score).iter("pitch")
        return [f"{pitch.findtext('step')}{pitch.findtext('alter')}" for pitch in pitches]

    assert names(-3) == ["D-1", "B-1"]
    assert names(4) == ["C1", "A1"]


def test_notes_over_a_bar_line_are_tied() -> None:
    root = musicxml(score_of(track_of((1440, 960, 60, 90), program=40)))
    ties = [
        (tie.get("type"), number)
        for number, measure in enumerate(root.iter("measure"))
        for tie in measure.iter("tie")
    ]
    assert ties == [("start", 0), ("stop", 1)]


def test_lyrics_stand_under_their_notes() -> None:
    texts = (Text(0, "lyric", "Free-"), Text(480, "lyric", "de"))
    root = musicxml(score_of(track_of((0, 480, 60, 90), (480, 480, 62, 90), program=52, texts=texts)))
    assert [lyric.findtext("text") for lyric in root.iter("lyric")] == ["Free", "de"]


def test_eighths_are_beamed() -> None:
    root = musicxml(score_of(track_of(*((240 * i, 240, 60 + i, 90) for i in range(16)), program=40)))
    beams = [[note.findtext("beam") for note in measure.iter("note")] for measure in root.iter("measure")]
    assert all(None not in bar for bar in beams)


def test_drums_are_unpitched_notes_on_a_percussion_clef() -> None:
    kit = [(240 * i, 20, pitch, 90) for i in range(8) for pitch in (36, 42, 99)]
    root = musicxml(score_of(track_of(*kit, is_drum=True)))
    assert root.findtext(".//clef/sign") == "percussion"
    assert len(list(root.iter("unpitched"))) == 24
    assert not list(root.iter("pitch"))


# Pages


def test_svg_holds_all_notes_and_stands_alone(tmp_path: Path) -> None:
    assert notation.write_notation(make_song(), tmp_path / "song.svg") == ()
    svg = (tmp_path / "song.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert "A small song" in svg
    assert len(re.findall(r'class="note"', svg)) >= make_song().note_count - 2
    assert "@font-face" not in svg
    assert not re.findall(r'(?:href|src)="(?!#)[^"]+"', svg)
    used = set(re.findall(r'href="#([^"]+)"', svg))
    assert used <= set(re.findall(r'id="([^"]+)"', svg))
    assert [file.name for file in tmp_path.iterdir()] == ["song.svg"]


def test_pages_are_stacked_and_further_ones_go_to_further_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notation, "PAGES_PER_SVG", 2)
    notation.write_notation(make_song(200), tmp_path / "long.svg")
    files = sorted(file.name for file in tmp_path.iterdir())
    assert {"long.svg", "long-2.svg"} <= set(files)
    root = ElementTree.fromstring((tmp_path / "long.svg").read_text(encoding="utf-8"))
    assert root.get("viewBox") == f"0 0 {notation.PAGE[0]} {2 * notation.PAGE[1]}"
    assert [child.get("y") for child in root] == ["0", str(notation.PAGE[1])]


def test_pdf(tmp_path: Path) -> None:
    pytest.importorskip("typst")
    notation.write_notation(replace(make_song(), title='Ein "Lied" <für> \\ & #1'), tmp_path / "song.pdf")
    data = (tmp_path / "song.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert b"%%EOF" in data[-32:]


def test_a_page_has_ink_where_music_should_be() -> None:
    pytest.importorskip("typst")
    image_module = pytest.importorskip("PIL.Image")
    import io

    pages, _ = notation.engrave(make_song())
    image = image_module.open(io.BytesIO(notation.typeset(pages[:1], "", "png"))).convert("L")
    ink = [sum(value < 128 for value in image.crop(box).tobytes()) for box in _bands(image.size)]
    assert ink[0] > 100  # the title
    assert ink[1] > 2000  # the first system
    assert ink[2] == 0  # the left margin


def _bands(size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    width, height = size
    return [(0, 0, width, height // 14), (0, height // 11, width, height // 4), (0, 0, width // 40, height)]


def test_the_same_score_gives_the_same_page() -> None:
    assert notation.engrave(make_song()) == notation.engrave(make_song())


def test_too_many_staves_are_left_out_and_said(capfd: pytest.CaptureFixture[str]) -> None:
    tracks = [track_of(*((480 * k, 480, 60, 90) for k in range(1 + (i > 2))), program=40) for i in range(35)]
    pages, remarks = notation.engrave(score_of(*tracks))
    assert len(pages) >= 1
    assert remarks == ("3 of 35 staves, those with the fewest notes",)
    assert capfd.readouterr() == ("", "")


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4000), st.integers(0, 3000), st.integers(0, 127), st.integers(1, 127)),
        min_size=1,
        max_size=40,
    ),
    st.integers(0, 127),
    st.booleans(),
    st.sampled_from([(4, 4), (3, 4), (6, 8), (5, 8), (7, 16), (2, 2), (1, 64)]),
)
def test_any_score_is_engraved(
    rows: list[tuple[int, int, int, int]], program: int, is_drum: bool, meter: tuple[int, int]
) -> None:
    score = score_of(track_of(*rows, program=program, is_drum=is_drum), meters=(Meter(0, *meter),))
    pages, remarks = notation.engrave(score)
    assert pages
    assert remarks == ()
    for page in pages:
        ElementTree.fromstring(page)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (score_of(), "no notes"),
        (score_of(track_of((10**9, 480, 60, 90))), "bars; at most 20000 are engraved"),
        (score_of(*(track_of((480_000, 480, 60, 90), program=i) for i in range(100))), "measures; at most"),
    ],
)
def test_what_cannot_be_engraved_is_refused_and_leaves_no_file(
    score: Score, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "measures" in message:
        monkeypatch.setattr(notation, "MOST_MEASURES", 1000)
    with pytest.raises(ConfigError, match=message):
        notation.write_notation(score, tmp_path / "x.svg")
    assert not list(tmp_path.iterdir())
