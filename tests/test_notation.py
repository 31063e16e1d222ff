"""The engraved score: it is readable, shows what a musician needs, and its pages are whole and stand alone."""

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
from ritornello.notation.bars import UNITS, make_timeline
from ritornello.notation.staves import Part, readable_parts
from ritornello.score import Key, Meter, Score, Tempo, Text, Track, make_notes

pytest.importorskip("verovio")

from ritornello.rendering import notation
from ritornello.rendering.signs import with_plain_signs

TICKS = 480


def track_of(*rows: tuple[int, int, int, int], **fields: object) -> Track:
    return Track(make_notes(rows), **fields)  # type: ignore[arg-type]


def score_of(*tracks: Track, **fields: object) -> Score:
    return Score(TICKS, tracks=tracks, **fields)  # type: ignore[arg-type]


def line(*pitches: int, start: int = 0, **fields: object) -> Track:
    """Return a track of quarters."""
    return track_of(*((start + TICKS * k, TICKS, pitch, 90) for k, pitch in enumerate(pitches)), **fields)


def parts_of(*tracks: Track) -> list[Part]:
    score = score_of(*tracks)
    return readable_parts(score, make_timeline(score))[1]


def rows_of(part: Part, staff: int = 0) -> list[tuple[Fraction, Fraction, tuple[int, ...]]]:
    """Return (start, duration, pitches), in quarters, of the first voice of a staff."""
    voice = part.staves[staff].voices[0]
    return [(Fraction(c.start, UNITS), Fraction(c.end - c.start, UNITS), c.pitches) for c in voice]


# What is printed


def test_a_loose_performance_becomes_plain_rhythm() -> None:
    played = [(7, 201, 60, 90), (233, 190, 62, 90), (486, 430, 64, 90), (951, 470, 65, 90)]
    (part,) = parts_of(track_of(*played))
    half = Fraction(1, 2)
    assert rows_of(part) == [(0, half, (60,)), (half, half, (62,)), (1, 1, (64,)), (2, 1, (65,))]


def test_notes_struck_together_are_one_chord() -> None:
    (part,) = parts_of(track_of((0, 480, 60, 90), (3, 470, 64, 90), (5, 475, 67, 90)))
    assert rows_of(part) == [(0, 1, (60, 64, 67))]


def test_a_note_held_under_a_melody_gets_a_voice_of_its_own() -> None:
    (part,) = parts_of(track_of(*((480 * i, 480, 72 + i, 90) for i in range(4)), (0, 1920, 60, 90)))
    assert [len(voice) for voice in part.staves[0].voices] == [4, 1]
    assert part.staves[0].voices[1][0].pitches == (60,)


def test_a_slight_overlap_is_no_second_voice() -> None:
    (part,) = parts_of(track_of(*((480 * i, 540, 60 + i, 90) for i in range(4))))
    assert len(part.staves[0].voices) == 1


def test_two_voices_are_enough_for_a_crowd() -> None:
    (part,) = parts_of(track_of(*((120 * k, 1900 - 120 * k, 60 + 2 * k, 90) for k in range(6)), program=40))
    assert len(part.staves[0].voices) <= 2


def test_a_piano_track_is_split_in_two_hands() -> None:
    left, right = ([(480 * i, 480, pitch + i, 90) for i in range(4)] for pitch in (43, 72))
    (part,) = parts_of(track_of(*left, *right))
    assert [staff.clefs[0] for staff in part.staves] == ["treble", "bass"]
    assert [pitches for _, _, pitches in rows_of(part, 1)] == [(43,), (44,), (45,), (46,)]


def test_two_neighbouring_piano_tracks_are_the_hands() -> None:
    (part,) = parts_of(line(72, name="Piano RH"), line(43, name="Piano LH"))
    assert [staff.clefs[0] for staff in part.staves] == ["treble", "bass"]
    assert len(parts_of(line(72, name="Melody"), line(43, name="Chords"))) == 2


# What is shown


def page(*tracks: Track, **fields: object) -> str:
    pages, _ = notation.engrave(score_of(*tracks, **fields))
    return pages[0]


def words(svg: str) -> list[str]:
    """Return the texts of a page, each without its tags."""
    found = re.findall(r"<text[^>]*>(.*?)</text>", svg, flags=re.DOTALL)
    return ["".join(re.sub(r"<[^>]*>|\s", "", text)) for text in found]


def count(svg: str, kind: str) -> int:
    return len(re.findall(f'class="{kind}"', svg))


def test_the_header_has_the_first_tempo_and_the_score_the_changes() -> None:
    tempos = (Tempo(0, 500_000), Tempo(4 * TICKS, 1_000_000), Tempo(6 * TICKS, 1_010_000))
    svg = page(line(*[60, 62, 64, 65] * 4), tempos=tempos)
    assert re.findall(r">= (\d+)<", svg) == ["120", "60"]


def test_a_compound_meter_counts_dotted_quarters() -> None:
    svg = page(line(*[60] * 6), tempos=(Tempo(0, 500_000),), meters=(Meter(0, 6, 8),))
    assert re.findall(r">= (\d+)<", svg) == ["80"]


def test_chord_symbols_have_signs_that_fonts_have() -> None:
    chords = (Text(0, "chord", "Bbmaj7"), Text(TICKS, "chord", "F#m7b5"))
    svg = page(line(60, 62, 64, 65), texts=chords)
    assert {"B♭maj7", "F♯m7♭5"} <= set(words(svg))
    assert not re.findall("[\ue000-\uf8ff]", "".join(words(svg)))


def test_names_of_people_stand_in_the_header() -> None:
    people = (Text(0, "composer", "A. Bee"), Text(0, "lyricist", "C. Dee"), Text(0, "copyright", "(c) E"))
    assert {"A.Bee", "Words:C.Dee", "(c)E"} <= set(words(page(line(60), texts=people)))


def test_lyrics_have_hyphens() -> None:
    sung = tuple(Text(TICKS * k, "lyric", word) for k, word in enumerate(("Hal-", "le-", "lu-", "jah")))
    svg = page(line(60, 62, 64, 65, program=52, texts=sung))
    assert {"Hal", "le", "lu", "jah"} <= set(words(svg))
    assert count(svg, "syl") == 4


def test_a_clef_changes_where_the_music_moves() -> None:
    svg = page(line(*[36, 38, 40, 41] * 4, *[79, 81, 83, 84] * 4, program=42))
    assert count(svg, "clef") >= 2
    assert len(set(re.findall(r'xlink:href="#(E0[56]\w+)|href="#(E0[56]\w+)', svg))) == 2


def test_players_that_rest_are_hidden_but_for_the_first_system() -> None:
    bars = 60
    busy, rare = line(*[60, 62, 64, 65] * bars, program=73), line(60, start=TICKS * 4 * 10, program=56)
    pages, _ = notation.engrave(score_of(busy, rare))
    systems = [s for p in pages for s in re.split(r'class="system"', p)[1:]]
    staves = [count(system, "staff") // max(1, count(system, "measure")) for system in systems]
    assert staves[0] == 2
    assert staves[-1] == 1


def test_a_new_key_is_not_that_of_the_drums() -> None:
    drums = track_of(*((TICKS * k, 60, 36, 90) for k in range(16)), is_drum=True)
    keys = (Key(0, 0), Key(8 * TICKS, -3))
    both, alone = (page(*tracks, keys=keys) for tracks in ((line(*[60] * 16), drums), (line(*[60] * 16),)))
    assert count(both, "keyAccid") == count(alone, "keyAccid") > 0


def test_a_pickup_and_the_last_bar_are_no_more_bars_than_there_are() -> None:
    meters = (Meter(0, 4, 4), Meter(TICKS, 4, 4))
    svg = page(
        track_of(*((TICKS * k, TICKS, 60, 90) for k in range(5)), (5 * TICKS - 20, 20, 62, 90)), meters=meters
    )
    assert count(svg, "measure") == 2
    assert count(svg, "meterSig") == 1


def test_a_note_that_verovio_draws_otherwise_is_left_alone() -> None:
    assert (
        with_plain_signs('<g id="a" class="tempo"><text x="1" y="2">allegro</text></g>').count("allegro") == 1
    )


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
        (score_of(*(track_of((480_000, 480, 60, 90), program=i) for i in range(100))), "8032 measures"),
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
