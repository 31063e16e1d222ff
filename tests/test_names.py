"""Names of parts: what a musician would print."""

from __future__ import annotations

import pytest

from ritornello.notation.names import LONGEST, abbreviation, printed_name, printed_names
from ritornello.score import Track, make_notes
from ritornello.theory import INSTRUMENTS, instrument_name


def part(name: str = "", program: int = 0, is_drum: bool = False, pitch: int = 60) -> Track:
    return Track(make_notes([(0, 480, pitch, 80)]), program, is_drum, name)


@pytest.mark.parametrize(
    ("program", "name", "short"),
    [(0, "Piano", "Pno."), (52, "Voice", "V."), (40, "Violin", "Vln."), (33, "Electric Bass", "E. Bass"),
     (27, "Electric Guitar", "E. Gtr."), (48, "Strings", "Str."), (60, "Horn", "Hn."), (43, "Double Bass", "Db."),
     (80, "Synth Lead", "Lead"), (127, "Sound Effects", "SFX"), (19, "Organ", "Org.")],
)  # fmt: skip
def test_a_part_without_a_name_has_that_of_its_instrument(program: int, name: str, short: str) -> None:
    assert (printed_name(part(program=program)), abbreviation(part(program=program))) == (name, short)


def test_names_of_general_midi_are_not_printed() -> None:
    for program, name in enumerate(INSTRUMENTS):
        assert printed_name(part(name, program)) == printed_name(part("", program))
        assert printed_name(part(name.title(), program)) == printed_name(part("", program))
    assert printed_name(part("drums", is_drum=True)) == printed_name(part("", 24, is_drum=True)) == "Drums"
    assert instrument_name(52) == "choir aahs"  # elsewhere they stay


@pytest.mark.parametrize(
    "name",
    ["Track 1", "MIDI 01", "Staff-2", "untitled", "12", "Channel 5", "MIDI Channel 5", "Instr. 3", "Inst 4", "  ",
     "\x00", "Sequenced by A. Nonymous", "http://example.org", "© 1999", "x" * (LONGEST + 1), "song.mid", "Part 3",
     "c2005 A. Nonymous",
     "Track 1 Ch 2"],
)  # fmt: skip
def test_what_is_no_name_is_not_printed(name: str) -> None:
    assert printed_name(part(name, 73)) == "Flute"


@pytest.mark.parametrize(
    ("name", "program", "printed"),
    [
        ("Melody", 73, "Melody"),
        ("Violin 2", 40, "Violin 2"),
        ("violino primo", 40, "Violino Primo"),
        ("CLARINETTO", 71, "Clarinetto"),
        ("Oboe d'amore", 68, "Oboe d'amore"),
        ("Right hand", 0, "Piano"),
        ("Piano (left hand)", 0, "Piano"),
        ("Harpsichord LH", 6, "Harpsichord"),
        ("up:", 0, "Piano"),
        ("Bass", 33, "Bass"),
        ("violin", 48, "Violin"),  # the name is more exact than the program
        ("Voice", 0, "Voice"),  # sung, played by a piano
        ("T", 52, "Tenor"),
        ("尺八", 77, "尺八"),
    ],
)
def test_a_name_of_a_player_is_kept(name: str, program: int, printed: str) -> None:
    assert printed_name(part(name, program)) == printed


def test_several_of_a_kind_are_numbered() -> None:
    quartet = [part("violin", 40), part("violin", 40), part("", 41), part("cello", 42)]
    assert printed_names(quartet) == [
        ("Violin I", "Vln. I"),
        ("Violin II", "Vln. II"),
        ("Viola", "Vla."),
        ("Cello", "Vc."),
    ]
    many = printed_names([part(program=56)] * 14)
    assert (many[3], many[13]) == (("Trumpet IV", "Tpt. IV"), ("Trumpet 14", "Tpt. 14"))
    assert printed_names([part(is_drum=True)] * 2) == [("Drums", "Dr.")] * 2


def test_a_part_named_after_the_piece_has_the_name_of_its_instrument() -> None:
    assert printed_names([part("Ode", 73), part("Ode to Joy", 40)], "Ode") == [
        ("Flute", "Fl."),
        ("Ode to Joy", "Ode"),
    ]


def test_four_singers_from_high_to_low_are_soprano_alto_tenor_and_bass() -> None:
    choir = [part("choir aahs", 52, pitch=pitch) for pitch in (72, 65, 60, 48)]
    assert [name for name, _ in printed_names(choir)] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert [short for _, short in printed_names(choir)] == ["S.", "A.", "T.", "B."]
    assert [name for name, _ in printed_names([*choir, part(program=19)])][-1] == "Organ"
    assert printed_names(choir[::-1])[0] == ("Voice I", "V. I")


@pytest.mark.parametrize(
    ("name", "short"),
    [("Lead Guitar", "L. Gtr."), ("Harmonium", "Harm."), ("Koto", "Koto"), ("Violin 1", "Vln. 1"),
     ("Flute II", "Fl. II")],
)  # fmt: skip
def test_abbreviations_of_own_names(name: str, short: str) -> None:
    assert abbreviation(part(name, 73)) == short
