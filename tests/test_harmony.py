"""Chord symbols: those of a score, and their form in MusicXML."""

from __future__ import annotations

import pytest

from ritornello.chord_symbols import chord_symbols, chord_texts
from ritornello.notation.harmony import KINDS, Harmony, harmony_of, written_harmony
from ritornello.score import Score, Text, Track, make_notes
from ritornello.theory import CHORDS, make_chord, parse_chord

# The intervals of each kind in semitones, as MusicXML 4.0 lists them; a dominant eleventh without its third and
# thirteenths without their eleventh, as lead sheets mean them.
KIND_TONES = {
    "major": {0, 4, 7}, "minor": {0, 3, 7}, "augmented": {0, 4, 8}, "diminished": {0, 3, 6},
    "dominant": {0, 4, 7, 10}, "major-seventh": {0, 4, 7, 11}, "minor-seventh": {0, 3, 7, 10},
    "diminished-seventh": {0, 3, 6, 9}, "augmented-seventh": {0, 4, 8, 10}, "half-diminished": {0, 3, 6, 10},
    "major-minor": {0, 3, 7, 11}, "major-sixth": {0, 4, 7, 9}, "minor-sixth": {0, 3, 7, 9},
    "dominant-ninth": {0, 2, 4, 7, 10}, "major-ninth": {0, 2, 4, 7, 11}, "minor-ninth": {0, 2, 3, 7, 10},
    "dominant-11th": {0, 2, 5, 7, 10}, "minor-11th": {0, 2, 3, 5, 7, 10}, "dominant-13th": {0, 2, 4, 7, 9, 10},
    "major-13th": {0, 2, 4, 7, 9, 11}, "minor-13th": {0, 2, 3, 7, 9, 10}, "suspended-second": {0, 2, 7},
    "suspended-fourth": {0, 5, 7}, "power": {0, 7},
}  # fmt: skip
DOMINANT = {3: 4, 5: 7, 6: 9, 7: 10, 9: 2, 11: 5, 13: 9}


@pytest.mark.parametrize("quality", CHORDS)
def test_kind_and_degrees_are_the_tones_of_the_quality(quality: str) -> None:
    kind, degrees = KINDS[quality]
    tones = set(KIND_TONES[kind])
    for degree, alter, way in degrees:
        if way != "add":
            tones.remove(DOMINANT[degree])
        if way != "subtract":
            tones.add((DOMINANT[degree] + alter) % 12)
    assert tones == set(CHORDS[quality])


def test_a_written_symbol_keeps_its_names_and_its_text() -> None:
    assert written_harmony("Bbmaj7/D") == Harmony(("B", -1), "major-seventh", "maj7", (), ("D", 0))
    assert written_harmony("F#-7") == Harmony(("F", 1), "minor-seventh", "-7")
    assert written_harmony("C♯m") == Harmony(("C", 1), "minor", "m")
    assert written_harmony("D6/9") == Harmony(("D", 0), "major-sixth", "6/9", ((9, 0, "add"),))
    assert written_harmony("Ebb") == Harmony(("E", -2), "major", "")
    assert written_harmony("G7(#9)") == Harmony(("G", 0), "dominant", "7(#9)", ((9, 1, "add"),))
    assert written_harmony("N.C.") == Harmony(("C", 0), "none", "N.C.")
    assert written_harmony("Cxyz/E") == Harmony(("C", 0), "other", "xyz", (), ("E", 0))
    assert written_harmony("Verse") is None
    assert written_harmony("H7/Dis") == Harmony(("B", 0), "dominant", "7", (), ("D", 1))
    assert written_harmony("Fism(b5)") == Harmony(("F", 1), "diminished", "m(b5)")


def test_a_found_chord_has_the_names_of_the_key() -> None:
    assert harmony_of(make_chord(10, "maj", 2), -1) == Harmony(("B", -1), "major", "", (), ("D", 0))
    assert harmony_of(make_chord(3, "m7"), 4) == Harmony(("D", 1), "minor-seventh", "m7")
    assert harmony_of(make_chord(7, "maj"), 5).root == ("G", 0)  # in B major, not F double sharp
    assert harmony_of(make_chord(9, "maj"), -6).root == ("A", 0)  # in G flat major, not B double flat
    assert harmony_of(parse_chord("Am"), 0).text == "m"


def score(*texts: Text, name: str = "", in_track: tuple[Text, ...] = ()) -> Score:
    return Score(480, (Track(make_notes([(0, 480, 60, 80)]), name=name, texts=in_track),), texts=texts)


def test_texts_of_the_kind_chord_go_before_all_others() -> None:
    texts = (Text(0, "marker", "C"), Text(480, "marker", "G7"), Text(960, "chord", "Dm"))
    assert chord_symbols(score(*texts)) == ((960, parse_chord("Dm")),)
    own = (Text(480, "chord", "Ab7/C"), Text(960, "chord", "nonsense"))
    assert chord_symbols(score(Text(960, "chord", "B"), in_track=own)) == (
        (480, parse_chord("Ab7/C")),
        (960, parse_chord("B")),
    )
    assert [text.text for text in chord_texts(score(in_track=own))] == ["Ab7/C", "nonsense"]


def test_markers_texts_cues_and_lyrics_may_be_chord_symbols() -> None:
    for kind in ("marker", "text", "cue", "lyric"):
        texts = (Text(0, kind, "Dm7/G"), Text(480, kind, "C"))
        assert [t.text for t in chord_texts(score(*texts))] == ["Dm7/G", "C"]
        assert [t.text for t in chord_texts(score(in_track=texts))] == ["Dm7/G", "C"]
    assert (
        chord_symbols(score(Text(0, "lyric", "A"), Text(480, "lyric", "ba-"), Text(960, "lyric", "by"))) == ()
    )
    assert chord_symbols(score(name="Chords", in_track=(Text(0, "text", "F"),))) == ((0, parse_chord("F")),)
