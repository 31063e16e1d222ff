"""Lead sheets from scores: which track sings, which chords are given or found, what is refused."""

from __future__ import annotations

import pytest
from build import TICKS, make_melody, make_song

from ritornello.chord_symbols import chord_symbols
from ritornello.errors import ConfigError, CorpusError
from ritornello.leadsheet import (
    check_leadsheet,
    melody_track,
    name_chord,
    read_leadsheet,
    top_line,
)
from ritornello.score import Meter, Score, Text, Track, make_notes
from ritornello.theory import parse_chord, parse_chord_bars

BAR = 4 * TICKS


def block(bar: float, pitches: tuple[int, ...], bars: float = 1) -> list[tuple[int, int, int, int]]:
    return [(int(bar * BAR), int(bars * BAR), pitch, 64) for pitch in pitches]


C, G7, AM = (48, 52, 55), (43, 47, 50, 53), (45, 48, 52)


def names(score: Score) -> list[tuple[int, str]]:
    return [(tick, chord.name) for tick, chord in read_leadsheet(score).chords]


def test_block_chords_are_found_where_they_are_struck():
    chords = Track(make_notes([*block(0, C, 0.75), *block(0.75, G7, 0.25), *block(1, AM), *block(2, AM)]))
    score = Score(TICKS, (make_melody(), chords))
    assert names(score) == [(0, "C"), (3 * TICKS, "G7"), (BAR, "Am")]  # the same once more is no change


def test_broken_chords_are_found_in_half_bars():
    rows = [
        (i * TICKS // 2, TICKS // 2, pitch, 64) for i, pitch in enumerate((48, 52, 55, 60, 43, 47, 50, 53))
    ]
    score = Score(TICKS, (make_melody(), Track(make_notes(rows))), meters=(Meter(0, 4, 4),))
    assert names(score) == [(0, "C"), (2 * TICKS, "G7")]


@pytest.mark.parametrize("symbol", ["C", "Am", "G7", "Fmaj7", "Dm7", "Bm7b5", "Gaug", "Ddim7", "Csus4"])
def test_chords_are_named_from_their_notes(symbol):
    chord = parse_chord(symbol)
    pitches = [36 + chord.root, *(60 + (tone - 60) % 12 for tone in chord.pitch_classes)]
    found = name_chord(make_notes([(0, 100, pitch, 64) for pitch in pitches]), 0, 100)
    assert found is not None
    assert found.name == symbol


def test_chord_symbols_go_before_what_is_played():
    texts = (Text(0, "marker", "Dm7"), Text(BAR, "marker", "G7"), Text(2 * BAR, "marker", "Coda"))
    score = Score(TICKS, (make_melody(), Track(make_notes(block(0, C)))), texts=texts)
    assert names(score) == [(0, "Dm7"), (BAR, "G7")]
    assert read_leadsheet(score).given


@pytest.mark.parametrize("marks", [("A", "B", "C"), ("B",), ("Verse", "Chorus"), ("do", "re", "mi")])
def test_rehearsal_marks_and_words_are_no_chords(marks):
    score = Score(
        TICKS, (make_melody(),), texts=tuple(Text(i * BAR, "marker", m) for i, m in enumerate(marks))
    )
    assert chord_symbols(score) == ()


def test_the_melody_is_the_track_that_is_called_so_or_is_most_like_one():
    song = make_song()
    tracks = [track for track in song.tracks if not track.is_drum]
    assert melody_track(tracks) == 0  # the flute: one note at a time, and high
    named = Track(tracks[2].notes, 32, name="Lead bass")
    assert melody_track([tracks[0], tracks[1], named]) == 2
    assert melody_track(tracks, "bass") == 2
    assert melody_track(tracks, "2") == 1


def test_an_unknown_melody_track_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="no melody track 'sax'; there are 1 'Flute'"):
        melody_track(make_song().tracks, "sax")


def test_the_top_line_has_one_note_at_a_time():
    notes = make_notes([(0, 480, 60, 80), (0, 480, 72, 80), (240, 120, 64, 80), (400, 480, 74, 80)])
    assert [tuple(n)[:3] for n in top_line(notes).tolist()] == [(0, 400, 72), (400, 480, 74)]


def test_one_track_that_plays_both_is_parted():
    rows = [(i * TICKS, TICKS, pitch, 80) for i, pitch in enumerate((76, 77, 79, 76))]
    sheet = read_leadsheet(Score(TICKS, (Track(make_notes([*rows, *block(0, C)])),)))
    assert sheet.melody["pitch"].tolist() == [76, 77, 79, 76]
    assert [chord.name for _, chord in sheet.chords] == ["C"]


def test_files_without_melody_or_chords_are_refused_in_one_line():
    drums = Track(make_notes(block(0, (36, 38))), is_drum=True)
    with pytest.raises(CorpusError, match="no melody: only drums"):
        check_leadsheet(Score(TICKS, (drums,)))
    with pytest.raises(CorpusError, match="no chords: one melody alone"):
        check_leadsheet(Score(TICKS, (make_melody(),)))


def test_chord_lists():
    def shown(text: str) -> list[list[str]]:
        return [[chord.name if chord else "none" for chord in bar] for bar in parse_chord_bars(text)]

    assert shown("Dm7 G7 Cmaj7 %") == [["Dm7"], ["G7"], ["Cmaj7"], ["Cmaj7"]]
    for sign in ("N.C.", "NC", "n.c.", "N/C", "-", "\N{EN DASH}"):
        assert shown(f"| Dm7 G7 | C6 | {sign} | {sign} F |") == [
            ["Dm7", "G7"],
            ["C6"],
            ["none"],
            ["none", "F"],
        ]
    assert shown("N.C. | C | %") == [["none"], ["C"], ["C"]]
    assert shown("N.C. C %") == [["none"], ["C"], ["C"]]
    assert shown("C / / G | % | G % /") == [["C", "C", "C", "G"], ["C", "C", "C", "G"], ["G", "G", "G"]]
    assert shown("Hm7 E7 | Fis | Es/G") == [["Bm7", "E7"], ["F#"], ["D#/G"]]
    with pytest.raises(
        ConfigError, match="B beside the German H: write Bb for the German B, or B instead of H"
    ):
        parse_chord_bars("H7 | E | B")
    with pytest.raises(ConfigError, match=r"'Gm7x': 'm7x', nearest is 'm7"):
        parse_chord_bars("Dm7 Gm7x")
    with pytest.raises(ConfigError, match="needs a chord before it"):
        parse_chord_bars("% C")
    with pytest.raises(ConfigError, match="no chords in"):
        parse_chord_bars(" | ")


SYMBOLS = """C Cm C- Cmi CM Cmaj CMaj Cma C+ Caug C° Co Cdim C°7 Co7 Cdim7 C7 Cmaj7 CM7 CMaj7 CMA7 CΔ CΔ7 C^7 Cm7 C-7
CMI7 Cø Cø7 Cm7b5 Cm7(b5) C7b5 C7#5 C+7 C7(b9) C7(#9) C7(b9,#11) C7b9b13 C7(#9,b13) C7#5b9 C7b5#9 C7alt Calt C7sus4
Csus Csus2 C7sus C7susb9 C9 Cmaj9 Cm9 C9#5 C+9 C9sus C11 Cm11 C13 C13(#11) C13b9 C13sus Cmaj13 C6 Cm6 C6/9 C69 C6(9)
Cadd9 C(add9) Cm(add9) CmMaj7 Cm(maj7) C-Δ7 CmM9 Cmaj7#11 CΔ#11 Cmaj7#5 Cdim(maj7) C5 C(no3) C2 C4 Cadd11 C7add13
C/E C7/Bb F#m7b5/E Bbmaj7 E♭7 D6/9/F# B7 Bb5 Abm7 C\u20137 C\u22127"""


@pytest.mark.parametrize("symbol", SYMBOLS.split())
def test_the_chord_names_of_lead_sheets_are_understood(symbol):
    chord = parse_chord(symbol)
    assert parse_chord(chord.name) == chord


def test_after_a_sign_of_no_chord_none_is_in_force():
    texts = tuple(Text(TICKS * n, "marker", sign) for n, sign in enumerate(("Dm7", "N.C.", "G7", "nc", "C")))
    sheet = read_leadsheet(Score(TICKS, (make_melody(),), texts=texts))
    assert [chord.name if chord else None for _, chord in sheet.chords] == ["Dm7", None, "G7", None, "C"]
