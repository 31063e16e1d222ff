"""Theory: the tables agree with each other, and every way to write a thing is read, or refused in one line."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello import theory
from ritornello.errors import ConfigError
from ritornello.notelist import notes_to_score, parse_notes


def test_the_instruments_are_128_of_distinct_names_and_sane_ranges() -> None:
    assert len(set(theory.INSTRUMENTS)) == 128
    assert len(theory.FAMILIES) == 16
    for program in (*range(128), theory.DRUMS):
        low, high = theory.instrument_range(program)
        assert 0 <= low < high <= 127
        assert high - low >= 12


@pytest.mark.parametrize("program", [*range(128), theory.DRUMS])
def test_every_instrument_is_found_by_its_name_and_number(program: int) -> None:
    assert theory.parse_instrument(theory.instrument_name(program)) == program
    assert theory.parse_instrument(str(program)) == program


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("violin", 40),
        ("Honky Tonk PIANO", 3),
        ("piano", 0),
        ("acoustic guitar nylon", 24),
        ("strings", 48),
        ("sax", 65),
        ("drum kit", 128),
    ],
)
def test_instruments_are_found_by_everyday_names(text: str, program: int) -> None:
    assert theory.parse_instrument(text) == program


def test_instruments_of_note_have_their_known_compass() -> None:
    names = {"violin": (55, 103), "cello": (36, 81), "acoustic grand piano": (21, 108), "oboe": (58, 93)}
    assert {name: theory.instrument_range(theory.parse_instrument(name)) for name in names} == names
    assert [theory.family_name(p) for p in (0, 40, 73, 127, 128)] == [
        "piano",
        "strings",
        "pipe",
        "sound effects",
        "drums",
    ]
    assert theory.DRUM_NAMES[36] == "bass drum"
    assert set(range(27, 88)) <= set(theory.DRUM_NAMES)
    assert [theory.drum_name(pitch) for pitch in (22, 26, 27, 87)] == [
        "closed hi-hat edge", "open hi-hat edge", "high Q", "open surdo",
    ]  # fmt: skip
    assert theory.drum_name(12) == "drum C0"


@pytest.mark.parametrize(
    ("text", "message"), [("violn", "nearest is 'violin'"), ("129", "0-127"), ("", "unknown")]
)
def test_unknown_instruments_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        theory.parse_instrument(text)


@given(st.integers(0, 127), st.booleans())
def test_pitch_names_are_read_back(pitch: int, flats: bool) -> None:
    assert theory.parse_pitch(theory.pitch_name(pitch, flats)) == pitch


@pytest.mark.parametrize(
    ("text", "pitch"),
    [
        ("C4", 60),
        ("F#3", 54),
        ("Bb2", 46),
        ("B-2", 46),
        ("B-1", 11),
        ("B--1", 10),
        ("bb3", 58),
        ("b3", 59),
        ("Cb4", 59),
        ("B#3", 60),
        ("Fx4", 67),
        ("E♭4", 63),
        ("C-1", 0),
        ("G9", 127),
        (" 60 ", 60),
    ],
)
def test_pitches_are_read_as_people_write_them(text: str, pitch: int) -> None:
    assert theory.parse_pitch(text) == pitch


@pytest.mark.parametrize("text", ["", "H4", "C", "C#b4", "G#9", "Cb-1", "128", "-1", "4C"])
def test_what_is_no_pitch_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="allowed"):
        theory.parse_pitch(text)


def test_scales_are_read_with_their_tonic() -> None:
    white = frozenset({0, 2, 4, 5, 7, 9, 11})
    assert theory.parse_scale("C major") == (0, "major", white)
    assert theory.parse_scale("D  Dorian") == (2, "dorian", white)
    assert theory.parse_scale("Am") == (9, "minor", white)
    assert theory.parse_scale("Bb")[:2] == (10, "major")
    assert theory.parse_scale("F# M")[:2] == (6, "major")
    assert theory.parse_scale("bb minor")[:2] == (10, "minor")
    assert theory.parse_scale("C whole-tone")[2] == {0, 2, 4, 6, 8, 10}
    with pytest.raises(ConfigError, match="nearest is 'dorian'"):
        theory.parse_scale("D dorain")


def test_scales_ascend_within_an_octave() -> None:
    for steps in theory.SCALES.values():
        assert steps[0] == 0
        assert list(steps) == sorted(set(steps))
        assert steps[-1] < 12


@pytest.mark.parametrize(
    ("symbol", "name", "classes"),
    [
        ("C", "C", {0, 4, 7}),
        ("Am", "Am", {9, 0, 4}),
        ("C-", "Cm", {0, 3, 7}),
        ("C-7", "Cm7", {0, 3, 7, 10}),
        ("Bb-7", "A#m7", {10, 1, 5, 8}),
        ("F#m7b5/E", "F#m7b5/E", {6, 9, 0, 4}),
        ("BbΔ", "A#maj7", {10, 2, 5, 9}),
        ("CM7", "Cmaj7", {0, 4, 7, 11}),
        ("Cm(maj7)", "CmM7", {0, 3, 7, 11}),
        ("C°", "Cdim", {0, 3, 6}),
        ("Cø", "Cm7b5", {0, 3, 6, 10}),
        ("C+", "Caug", {0, 4, 8}),
        ("G7(b9)", "G7b9", {7, 8, 11, 2, 5}),
        ("D6/9", "D6/9", {2, 4, 6, 9, 11}),
        ("D6/9/A", "D6/9/A", {2, 4, 6, 9, 11}),
        ("G7alt", "G7alt", {7, 8, 10, 11, 3, 5}),
        ("C/D", "C/D", {0, 2, 4, 7}),
        ("B♭7♯9", "A#7#9", {10, 1, 2, 5, 8}),
    ],
)
def test_chords_are_read_as_lead_sheets_write_them(symbol: str, name: str, classes: set[int]) -> None:
    chord = theory.parse_chord(symbol)
    assert (chord.name, chord.pitch_classes) == (name, classes)
    assert theory.parse_chord(chord.name) == chord


# The tones are written by hand, in semitones above C.
TONES = """Cdim. 0 3 6; Csus. 0 5 7; C7/9 0 2 4 7 10; C7(9) 0 2 4 7 10; C7(b9,#11) 0 1 4 6 7 10; C(add9) 0 2 4 7
C(9) 0 2 4 7; Cm(9) 0 2 3 7; C(omit5) 0 4; Cno5 0 4; C(no3) 0 7; C5 0 7; C7(omit5) 0 4 10; C7(no3) 0 7 10
Cm7(no5) 0 3 10; Cmaj7omit3 0 7 11; C(b5) 0 4 6; C(#11) 0 4 6 7; C(#5) 0 4 8; Cm(b6) 0 3 7 8; Cmb6 0 3 7 8
Cm#5 0 3 8; Cm(b5) 0 3 6; C-5 0 4 6; Csus24 0 2 5 7; Csus4(add9) 0 2 5 7; Cadd9sus4 0 2 5 7; C7sus2 0 2 7 10
C6sus4 0 5 7 9; Cmaj7sus4 0 5 7 11; C7(sus4,b9) 0 1 5 7 10; C9#11 0 2 4 6 7 10; Cmaj9(#11) 0 2 4 6 7 11
C7(9,#11) 0 2 4 6 7 10; C7(9,13) 0 2 4 7 9 10; C7(b9,13) 0 1 4 7 9 10; C7(13) 0 4 7 9 10; C13#9 0 3 4 7 9 10
C13(b9,#11) 0 1 4 6 7 9 10; C7(#11,13) 0 4 6 7 9 10; C7(b9,#9) 0 1 3 4 7 10; Cm7(11) 0 3 5 7 10
Cm7/9 0 2 3 7 10; Cm7(b5,9) 0 2 3 6 10; Cm7b5b9 0 1 3 6 10; Cm/maj7 0 3 7 11; Cmin(maj7) 0 3 7 11
Cmaj7(13) 0 4 7 9 11; Cmaj7/9 0 2 4 7 11; CM7+5 0 4 8 11; C6/9 0 2 4 7 9; C6(#11) 0 4 6 7 9; Cm(add11) 0 3 5 7
CJ7 0 4 7 11; C7altered 0 1 3 4 8 10; C07; Cm6add9 0 2 3 7 9; C°maj7 0 3 6 11; Cø9 0 2 3 6 10
Cmaj11 0 2 4 5 7 11; Cdom7 0 4 7 10"""


@pytest.mark.parametrize("row", [row.strip() for row in TONES.replace("\n", ";").split(";")])
def test_any_spelling_has_the_right_tones(row: str) -> None:
    symbol, *tones = row.split()
    if not tones:
        with pytest.raises(ConfigError, match="unknown chord quality"):
            theory.parse_chord(symbol)
        return
    chord = theory.parse_chord(symbol)
    assert chord.pitch_classes == set(map(int, tones))
    assert theory.parse_chord(chord.name) == chord
    moved = theory.parse_chord(symbol.replace("C", "F#", 1) + "/E")
    assert moved.pitch_classes == {(int(tone) + 6) % 12 for tone in tones} | {4}


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        *(("H", "B"), ("H7", "B7"), ("hm", "Bm"), ("Hm7b5", "Bm7b5"), ("G/H", "G/B"), ("Hes", "A#")),
        *(("Cis", "C#"), ("Fism7", "F#m7"), ("Es", "D#"), ("As7", "G#7"), ("Des/F", "C#/F"), ("His", "C")),
        *(
            ("Esus4", "Esus4"),
            ("Asus", "Asus4"),
            ("B", "B"),
            ("Bb", "A#"),
            ("am", "Am"),
            ("C (b5)", "Cmajb5"),
        ),
    ],
)
def test_roots_have_english_and_german_names(symbol: str, name: str) -> None:
    assert theory.parse_chord(symbol).name == name


def test_spellings_that_can_be_read_tone_by_tone_have_the_tones_of_their_quality() -> None:
    from ritornello.theory.chords import _tones

    customary = {"+5", "2", "4", "dom", "sus9", "dom11"}  # not what they say
    for quality, steps in theory.CHORDS.items():
        for spelling in {quality, *theory.SPELLINGS.get(quality, ())} - customary:
            assert _tones(spelling) in (None, frozenset(steps)), spelling


def test_every_spelling_belongs_to_one_quality() -> None:
    assert theory.SPELLINGS.keys() <= theory.CHORDS.keys()
    spellings = [*theory.CHORDS, *(text for texts in theory.SPELLINGS.values() for text in texts)]
    assert len(spellings) == len(set(spellings))
    for quality, spelling in [(q, s) for q, texts in theory.SPELLINGS.items() for s in texts]:
        assert theory.parse_chord(f"Eb{spelling}") == theory.make_chord(3, quality), spelling


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("Cmin77", "nearest is 'min7'|nearest is 'm7'|nearest is 'min'"),
        ("", "allowed"),
        ("C/", "'/'"),
        ("Sol7", "write letters for do, re, mi: C D E F G A B"),
        ("Sib", "write letters for do, re, mi"),
        ("Fa", "write letters for do, re, mi"),
        ("V7", "write the chords of the key, such as C F G7"),
        ("bVII", "write the chords of the key"),
        ("vii°", "write the chords of the key"),
        ("C-Dur", "'-Dur'"),
    ],
)
def test_what_is_no_chord_is_refused(symbol: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        theory.parse_chord(symbol)


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("minor", [False, True])
def test_keys_are_estimated(tonic: int, minor: bool) -> None:
    scale = theory.SCALES["harmonic minor" if minor else "major"]
    weights = [0.0] * 12
    for degree, weight in zip(scale, (5, 1, 3, 2, 4, 1, 1), strict=True):
        weights[(tonic + degree) % 12] += weight
    assert theory.estimate_key(weights) == (tonic, minor, theory.key_fifths(tonic, minor))


def test_flat_weights_are_c_major() -> None:
    assert theory.estimate_key([0] * 12) == theory.estimate_key([3] * 12) == (0, False, 0)


def test_keys_have_their_names() -> None:
    assert [theory.key_name(f) for f in (-7, -3, 0, 6, 7)] == [
        "Cb major",
        "Eb major",
        "C major",
        "F# major",
        "C# major",
    ]
    assert [theory.key_name(f, True) for f in (-7, 0, 3, 7)] == [
        "Ab minor",
        "A minor",
        "F# minor",
        "A# minor",
    ]
    for fifths in range(-6, 6):
        tonic = theory.parse_scale(theory.key_name(fifths))[0]
        assert theory.key_fifths(tonic) == fifths


def test_the_nearest_pitch_of_a_chord_is_found() -> None:
    assert [theory.nearest_in(p, frozenset({0, 7})) for p in (60, 62, 66, 69, 71)] == [60, 60, 67, 67, 72]


def test_note_lists_become_scores() -> None:
    score = notes_to_score("C4 E4+G4:2 R Bb3:1/3 60:.5", program=40, quarters_per_minute=60)
    assert score.tracks[0].notes.tolist() == [
        (0, 480, 60, 80),
        (480, 960, 64, 80),
        (480, 960, 67, 80),
        (1920, 160, 58, 80),
        (2080, 240, 60, 80),
    ]
    assert score.tracks[0].program == 40
    assert score.tempos[0].quarters_per_minute == 60
    assert notes_to_score("36 R 38", program=theory.DRUMS).tracks[0].is_drum
    assert parse_notes("c4:1/3")[0].quarters == Fraction(1, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no notes"),
        ("R R:2", "no notes"),
        ("C4 H3", "note 2, 'H3'"),
        ("C4:0", "above 0"),
        ("C4:65", "at most 64"),
        ("C4:1e999999999", "no length"),
        ("C4:", "no length"),
        ("C4:1/0", "no length"),
        ("C4+", "note 1"),
    ],
)
def test_what_is_no_note_list_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        notes_to_score(text)


def test_theory_loads_without_numpy() -> None:
    code = "import sys, ritornello.theory; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
