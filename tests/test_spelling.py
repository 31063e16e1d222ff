"""Pitch spelling: the names a musician would write, and the pitch that they stand for."""

from __future__ import annotations

import pytest

from ritornello.notation.spelling import LETTERS, spell_class, spell_notes
from ritornello.score import Key
from ritornello.theory.pitches import LETTERS as CLASSES

SIGNS = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}


def names(*chords: tuple[int, ...] | int, fifths: int = 0, minor: bool = False) -> str:
    """Return the names of chords one after another, without octaves: "C-E-G C#"."""
    rows = [
        (i, p) for i, chord in enumerate(chords) for p in (chord if isinstance(chord, tuple) else (chord,))
    ]
    spelled = spell_notes([p for _, p in rows], [240 * i for i, _ in rows], [Key(0, fifths, minor)])
    words: dict[int, list[str]] = {}
    for (i, _), (step, alter, _) in zip(rows, spelled, strict=True):
        words.setdefault(i, []).append(step + SIGNS[alter])
    return " ".join("-".join(chord) for chord in words.values())


@pytest.mark.parametrize("fifths", range(-7, 8))
def test_a_scale_has_the_names_of_its_key_signature(fifths: int) -> None:
    tonic = 60 + 7 * fifths % 12
    scale = [tonic + step for step in (0, 2, 4, 5, 7, 9, 11, 12)]
    spelled = spell_notes(scale, range(8), [Key(0, fifths)])
    places = sorted({LETTERS.index(step) - 1 + 7 * alter for step, alter, _ in spelled})
    assert places == list(range(fifths - 1, fifths + 6))


def test_every_pitch_is_the_one_that_its_name_says() -> None:
    for fifths in range(-7, 8):
        for pitch, (step, alter, octave) in enumerate(spell_notes(range(128), range(128), [Key(0, fifths)])):
            assert 12 * (octave + 1) + CLASSES[step] + alter == pitch
            assert -2 <= octave <= 10


def test_names_across_the_octave_count_from_their_letter() -> None:
    assert spell_notes([59], [0], [Key(0, -7)]) == [("C", -1, 4)]
    assert spell_notes([60], [0], [Key(0, 7)]) == [("B", 1, 3)]
    assert spell_notes([0], [0], [Key(0, 7)]) == [("B", 1, -2)]
    assert spell_notes([], [], []) == []


def test_minor_keys_have_their_leading_note() -> None:
    assert (
        names(69, 68, 69, (57, 64, 72), (56, 64, 71), (57, 60, 69), minor=True) == "A G# A A-E-C G#-E-B A-C-A"
    )
    assert names((60, 63, 67), 59, 60, 56, 55, fifths=-3, minor=True) == "C-Eb-G B C Ab G"


def test_chromatic_notes_rise_with_sharps_and_fall_with_flats() -> None:
    c, g = (48, 52, 55, 60), (43, 47, 50, 55)
    assert names(c, 60, 61, 62, 63, 64, c) == "C-E-G-C C C# D D# E C-E-G-C"
    assert names(c, g, 67, 66, 65, 64, c).split()[2:6] == ["G", "F#", "F", "E"]
    assert names(c, 64, 63, 62, 61, 60, c).split()[1:6] == ["E", "Eb", "D", "Db", "C"]


def test_a_harmony_outside_the_key_is_spelled_in_its_own() -> None:
    tonic = (48, 52, 55, 60)
    assert names(tonic, (57, 61, 64, 67), (50, 57, 62, 65), tonic).split()[1] == "A-C#-E-G"
    assert names(tonic, (52, 56, 59, 62), (45, 57, 60, 64), tonic).split()[1] == "E-G#-B-D"
    assert names(tonic, (53, 56, 60, 65), tonic).split()[1] == "F-Ab-C-F"
    assert names(tonic, (46, 50, 53, 58), (53, 57, 60), tonic).split()[1] == "Bb-D-F-Bb"
    # A passage in E flat major within C major has no D sharp beside its B flat.
    passage = [(51, 55, 58, 63), (56, 60, 63), (46, 53, 62, 68), (51, 58, 63, 67)]
    spelled = names(tonic, *passage, *passage, tonic)
    assert "#" not in spelled
    assert spelled.split()[1] == "Eb-G-Bb-Eb"


def test_a_wrong_key_signature_does_little_harm() -> None:
    e_major = [(52, 56, 59, 64), (57, 61, 64), (59, 63, 66, 69), (52, 56, 59, 64)] * 3
    assert names(*e_major, fifths=0).split()[-2:] == ["B-D#-F#-A", "E-G#-B-E"]
    a_flat = [(56, 60, 63), (61, 65, 68), (58, 61, 63, 67), (56, 60, 63)] * 3
    assert names(*a_flat, fifths=0).split()[-2:] == ["Bb-Db-Eb-G", "Ab-C-Eb"]


def test_the_key_signature_decides_between_enharmonic_keys_also_after_a_change() -> None:
    chords = [(54, 58, 61), (59, 63, 66), (61, 65, 68), (54, 58, 61)]
    assert names(*chords, fifths=6) == "F#-A#-C# B-D#-F# C#-E#-G# F#-A#-C#"
    assert names(*chords, fifths=-6) == "Gb-Bb-Db Cb-Eb-Gb Db-F-Ab Gb-Bb-Db"
    rows = [(p, 480 * i) for i, chord in enumerate(chords * 4) for p in chord]
    keys = [Key(0, 6), Key(480 * 8, -6)]
    spelled = [step for step, _, _ in spell_notes([p for p, _ in rows], [t for _, t in rows], keys)]
    assert (spelled[0], spelled[-1]) == ("F", "D")


def test_there_are_no_double_accidentals_without_need() -> None:
    noise = [(31 * i * i + 17 * i) % 61 + 36 for i in range(400)]
    spelled = spell_notes(noise, range(400), [Key(0, 0)])
    assert sum(abs(alter) > 1 for _, alter, _ in spelled) == 0
    assert (
        names(67, 68, (56, 63, 71), (55, 58, 61, 63), 68, fifths=5, minor=True)
        == "F## G# G#-D#-B F##-A#-C#-D# G#"
    )


def test_order_and_parts_do_not_matter() -> None:
    pitches, starts = [60, 64, 67, 61, 62, 66, 69], [0, 0, 0, 480, 960, 960, 960]
    forward = spell_notes(pitches, starts)
    assert spell_notes(pitches[::-1], starts[::-1]) == forward[::-1]


@pytest.mark.parametrize(
    ("pitch_class", "fifths", "name"),
    [
        (10, 0, ("B", -1)),
        (6, 0, ("F", 1)),
        (8, 0, ("G", 1)),
        (8, -1, ("A", -1)),
        (3, 4, ("D", 1)),
        (11, -6, ("C", -1)),
    ],
)
def test_a_class_alone_is_named_near_the_key(pitch_class: int, fifths: int, name: tuple[str, int]) -> None:
    assert spell_class(pitch_class, fifths) == name
