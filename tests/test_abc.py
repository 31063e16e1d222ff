"""ABC: tunes and books of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ritornello.cli import app
from ritornello.corpus.scan import scan
from ritornello.errors import FormatError
from ritornello.formats import piece_paths, read
from ritornello.score import Key, Meter, Score

Q = 480


def tune(body: str, *, key: str = "C", meter: str = "4/4", unit: str = "1/4", more: str = "") -> Score:
    text = f"X:1\nT:A tune\n{more}M:{meter}\nL:{unit}\nK:{key}\n{body}\n"
    return read(text.encode(), "abc").resampled(Q)


def notes(score: Score, track: int = 0) -> list[tuple[float, float, int]]:
    """Return (start, length, pitch) of the notes of a track, times in quarters."""
    return [(start / Q, length / Q, pitch) for start, length, pitch, _ in score.tracks[track].notes.tolist()]


def pitches(score: Score, track: int = 0) -> list[int]:
    return [pitch for _, _, pitch in notes(score, track)]


def lengths(score: Score) -> list[float]:
    return [length for _, length, _ in notes(score)]


def starts(score: Score) -> list[float]:
    return [start for start, _, _ in notes(score)]


def test_letters_octaves_and_lengths() -> None:
    score = tune("C, C c c' | C2 C/2 C/ C3/4 C// |")
    assert pitches(score)[:4] == [48, 60, 72, 84]
    assert lengths(score)[4:] == [2, 0.5, 0.5, 0.75, 0.25]


@pytest.mark.parametrize(
    ("key", "fifths", "minor", "f"),
    [
        ("G", 1, False, 66), ("F#m", 3, True, 66), ("Dmix", 1, False, 66), ("A dor", 1, False, 66), ("Em", 1, True, 66),
        ("B phrygian", 1, False, 66), ("Bb", -2, False, 65), ("Clyd", 1, False, 66), ("HP", 2, False, 66),
        ("G clef=bass", 1, False, 66), ("C exp ^f", 1, False, 66), ("A =f", 3, False, 65),
    ],
)  # fmt: skip
def test_keys_and_modes(key: str, fifths: int, minor: bool, f: int) -> None:
    score = tune("F", key=key)
    assert score.keys == (Key(0, fifths, minor),)
    assert pitches(score) == [f]


def test_an_accidental_holds_through_the_bar_and_over_a_tie() -> None:
    assert pitches(tune("^F F f =f | F4")) == [66, 66, 78, 77, 65]
    assert pitches(tune("^F f", more="%%propagate-accidentals octave\n")) == [66, 77]
    assert pitches(tune("^F F", more="%%MIDI nobarlines\n")) == [66, 65]
    assert notes(tune("z3 ^F- | F2 F2")) == [(3, 3, 66), (6, 2, 65)]


def test_broken_rhythm_and_tuplets() -> None:
    assert lengths(tune("A>B A<B A>>B")) == [1.5, 0.5, 0.5, 1.5, 1.75, 0.25]
    assert starts(tune("(3ABc A2")) == pytest.approx([0, 2 / 3, 4 / 3, 2], abs=0.01)
    assert lengths(tune("(3:2:2A2B A", unit="1/8")) == pytest.approx([2 / 3, 1 / 3, 0.5], abs=0.01)


def test_chords_of_notes_ties_and_rests() -> None:
    assert notes(tune("[CEG]2 z [C-E]|C")) == [
        (0, 2, 60), (0, 2, 64), (0, 2, 67), (3, 2, 60), (3, 1, 64),
    ]  # fmt: skip
    assert starts(tune("A4 | Z2 | A4")) == [0, 12]


def test_grace_notes_come_before_their_note() -> None:
    assert notes(tune("A {cd}B")) == [(0, 1, 69), (0.75, 0.125, 72), (0.875, 0.125, 74), (1, 1, 71)]


def test_chord_symbols_are_texts_and_annotations_are_not() -> None:
    score = tune('"Am7"A2 "^loud"B2 | "G/b"A2 "(E7)"B2 | "slow"A4')
    assert [(text.tick / Q, text.text) for text in score.texts] == [(0, "Am7"), (4, "G/B"), (6, "E7")]
    assert pitches(score) == [69, 71, 69, 71, 69]


def test_a_pickup_and_the_bar_around_a_repeat() -> None:
    score = tune("|: A | ABcd | ABc :| d | ABcd |]")
    assert starts(score)[:9] == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert score.bar_starts().tolist() == [Q * bar for bar in (0, 1, 5, 9, 13, 17)]


@pytest.mark.parametrize(
    ("body", "order"),
    [
        ("|: A4 | B4 :| c4 |]", "ABABc"),
        ("A4 | B4 :| c4 :|", "ABABcc"),
        ("A4 |1 B4 :|2 c4 |]", "ABAc"),
        ("A4 |[1,3 B4 :|[2 c4 :|[4 d4 |]", "ABAcABAd"),
        ("A4 :: B4 :|", "AABB"),
        ("|:: A4 ::|", "AAA"),
        ('A4 "Fine" | B4 "D.C." |', "ABA"),
        ('A4 | B4 "End" | c4 "D.C." |', "ABcAB"),
        ("|: A4 |1 B4 :|2 c4 | d4 | A4 :|", "ABAcdAdA"),
        ("A4 | !segno! B4 !fine! | c4 !D.S.! |]", "ABcB"),
    ],
)
def test_repeats_are_played_out(body: str, order: str) -> None:
    names = {"A": 69, "B": 71, "c": 72, "d": 74}
    assert pitches(tune(body)) == [names[each] for each in order]


def test_without_repeats_the_bars_stand_as_written() -> None:
    text = b"X:1\nK:C\nL:1/1\n|: A | B :| c |]\n"
    assert pitches(read(text, "abc", repeats=False)) == [69, 71, 72]


def test_parts_are_played_in_their_order() -> None:
    score = tune("P:A\nA4 |\nP:B\n|: B4 :|\n", more="P:A(BA)2\n")
    assert pitches(score) == [69, 71, 71, 69, 71, 71, 69]


def test_voices_are_parts_with_instruments() -> None:
    score = tune(
        "V:2\nC2 G,2 |\n[V:1] e4 |\nV:2\nC4 |\n[V:1] f4 |",
        more='V:1 name="Flute"\nV:2 name="Cello" clef=bass octave=-1\n',
    )
    assert [(track.name, track.program) for track in score.tracks] == [("Flute", 73), ("Cello", 42)]
    assert notes(score, 0) == [(0, 4, 76), (4, 4, 77)]
    assert notes(score, 1) == [(0, 2, 48), (2, 2, 43), (4, 4, 48)]


def test_transposing_voices_sound() -> None:
    score = tune('"C"C', more="V:1 transpose=-2\n")
    assert pitches(score) == [58]
    assert score.keys == (Key(0, -2),)
    assert [text.text for text in score.texts] == ["Bb"]
    assert pitches(tune("C", key="C treble-8")) == [48]
    assert pitches(tune("C", key="C -8va")) == [60]  # only printed
    assert pitches(tune("C", more="%%MIDI program 40\n%%MIDI transpose 12\n")) == [72]


def test_overlaid_voices_sound_together() -> None:
    assert notes(tune("c4 & C2 E2 | G4")) == [(0, 2, 60), (0, 4, 72), (2, 2, 64), (4, 4, 67)]


def test_words_are_syllables_of_their_verses() -> None:
    score = tune("C D E z | F G A2 |\nw: Hal-le-lu * jah~my_ Lord\nw: one two three")
    found = [(text.tick / Q, text.text, text.verse) for text in score.tracks[0].texts]
    assert found == [
        (0, "Hal-", 1), (0, "one", 2), (1, "le-", 1), (1, "two", 2), (2, "lu", 1), (2, "three", 2), (5, "jah my", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "speed"),
    [("1/4=90", 90), ("3/8=60", 90), ('"Allegro" 1/2=60', 120), ("120", 60), ("1/4 1/8=80", 120)],
)
def test_tempos(field: str, speed: float) -> None:
    score = tune("A", unit="1/8", more=f"L:1/8\nQ:{field}\n")
    assert score.tempos[0].quarters_per_minute == pytest.approx(speed)


def test_meters_change_and_the_unit_stays() -> None:
    score = read(b"X:1\nM:6/8\nK:C\nABc def|[M:3/4] A2 B2 c2|", "abc").resampled(Q)
    assert score.meters == (Meter(0, 6, 8), Meter(3 * Q, 3, 4))
    assert lengths(score) == [0.5] * 6 + [1, 1, 1]


def test_dynamics_and_accents() -> None:
    velocities = tune("!p! A LB !f! c").tracks[0].notes["velocity"].tolist()
    assert velocities == [49, 65, 96]


def test_title_and_composer_are_text() -> None:
    score = tune("A", more="C:Jos\\'e &Eacute;tienne\n")
    assert score.title == "A tune"
    assert [(text.kind, text.text) for text in score.texts] == [("composer", "José Étienne")]


BOOK = b"""M:3/4
L:1/4

About the book

X:1
T:First
K:C
A B c | A B c | A B c |

X:2
T:No key
A B c

X:3
T:Third
K:G
A B c | G F E | D E G |
"""


def test_each_tune_of_a_book_is_a_piece(tmp_path: Path) -> None:
    path = tmp_path / "book.abc"
    path.write_bytes(BOOK)
    assert [each.name for each in piece_paths(path)] == ["book.abc#1", "book.abc#2", "book.abc#3"]
    assert read(f"{path}#3").title == "Third"
    assert read(f"{path}#3").meters == (Meter(0, 3, 4),)
    assert read(BOOK, "abc", piece=1).title == "First"
    for source in (path, f"{path}#4"):
        with pytest.raises(FormatError, match="it has 3 pieces"):
            read(source)


def test_a_broken_tune_is_one_line_and_the_rest_is_done(tmp_path: Path) -> None:
    (tmp_path / "book.abc").write_bytes(BOOK)
    reports = scan([tmp_path]).reports
    assert [report.verdict for report in reports] == ["used", "skipped", "used"]
    assert reports[1].reasons == ("not a tune of ABC: it has no key (a line K:)",)


def test_convert_writes_each_piece(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "book.abc").write_bytes(BOOK)
    with pytest.raises(SystemExit) as stopped:
        app(["convert", str(tmp_path / "book.abc"), str(tmp_path / "out.mid")])
    assert stopped.value.code == 2
    assert "book.abc#2" in capsys.readouterr().err
    assert read(tmp_path / "out-3.mid").title == "Third"
    assert not (tmp_path / "out-2.mid").exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("z4 |", "without notes"),
        ("A0", "line 6 of the tune: a note of length '0'"),
        ("A/9999", "length '/9999'"),
    ],
)
def test_what_cannot_be_read_is_one_line(body: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        tune(body)


def test_sizes_are_bounded() -> None:
    with pytest.raises(FormatError, match="more than 20000 bars"):
        tune("Z9999|" * 3 + "A")
    with pytest.raises(FormatError, match="more than 128 voices"):
        tune("".join(f"[V:{n}]A" for n in range(200)))
    with pytest.raises(FormatError, match=r"more than 1000000 notes|more than 100000 bars"):
        tune("P:A\n" + "ABcd" * 400 + "|\n", more="P:" + "(((A99)99)99)99\n")
