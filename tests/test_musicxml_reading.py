"""MusicXML in: every kind of notation is read as it sounds. The right values are worked out by hand."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.cli import make_command
from ritornello.errors import FormatError
from ritornello.formats import read
from ritornello.formats.musicxml import parse_musicxml
from ritornello.notation.harmony import KINDS
from ritornello.score import CONTROL_CHANGE, Key, Meter, Score, Text
from ritornello.theory import parse_chord


def xml(*parts: str, listed: Sequence[str] = (), head: str = "", root: str = "score-partwise") -> str:
    """Return a MusicXML text; `parts` are the measures of each part, `listed` the contents of their <score-part>."""
    rows = [
        listed[i] if i < len(listed) else f"<part-name>Part {i + 1}</part-name>" for i in range(len(parts))
    ]
    part_list = "".join(f'<score-part id="P{i}">{row}</score-part>' for i, row in enumerate(rows, 1))
    body = "".join(f'<part id="P{i}">{part}</part>' for i, part in enumerate(parts, 1))
    return f'<{root} version="4.0">{head}<part-list>{part_list}</part-list>{body}</{root}>'


def bar(*content: str, number: str = "1", implicit: bool = False) -> str:
    mark = " implicit='yes'" * implicit
    return f"<measure number='{number}'{mark}>{''.join(content)}</measure>"


def attributes(content: str = "", divisions: int = 2, meter: str = "4/4", fifths: int | None = 0) -> str:
    beats, kind = meter.split("/")
    key = "" if fifths is None else f"<key><fifths>{fifths}</fifths></key>"
    time = f"<time><beats>{beats}</beats><beat-type>{kind}</beat-type></time>"
    return f"<attributes><divisions>{divisions}</divisions>{key}{time}{content}</attributes>"


def note(name: str, length: int | None, *, voice: int = 1, staff: int = 0, tie: str = "", extra: str = "",
         before: str = "", attribute: str = "") -> str:  # fmt: skip
    """Return a <note> of `length` divisions; "C#4", "R" for a rest; a grace note has the length None."""
    if name == "R":
        what = "<rest/>"
    else:
        step, signs, octave = re.fullmatch(r"([A-G])([#b]*)(-?\d+)", name).groups()  # type: ignore[union-attr]
        alter = signs.count("#") - signs.count("b")
        what = f"<pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave></pitch>"
    duration = "" if length is None else f"<duration>{length}</duration>"
    ties = "".join(f'<tie type="{kind}"/>' for kind in tie.split())
    place = f"<staff>{staff}</staff>" if staff else ""
    return f"<note{attribute}>{before}{what}{duration}{ties}<voice>{voice}</voice>{place}{extra}</note>"


def line(names: str, length: int = 2, **more: str) -> str:
    return "".join(note(name, length, **more) for name in names.split())  # type: ignore[arg-type]


def back(length: int) -> str:
    return f"<backup><duration>{length}</duration></backup>"


def direction(content: str, sound: str = "", more: str = "") -> str:
    return f"<direction><direction-type>{content}</direction-type>{more}{sound}</direction>"


GRACE, CHORD, CUE = "<grace/>", "<chord/>", "<cue/>"


def parsed(*parts: str, repeats: bool = True, listed: Sequence[str] = (), head: str = "") -> Score:
    return parse_musicxml(xml(*parts, listed=listed, head=head).encode(), repeats=repeats)


def notes(score: Score, track: int = 0) -> list[tuple[float, float, int]]:
    """Return (start, length, pitch), times in quarters."""
    ticks = score.ticks_per_quarter
    return [(s / ticks, d / ticks, p) for s, d, p, _ in score.tracks[track].notes.tolist()]


def pitches(score: Score, track: int = 0) -> list[int]:
    return [pitch for _, _, pitch in notes(score, track)]


def velocities(score: Score, track: int = 0) -> list[int]:
    return score.tracks[track].notes["velocity"].tolist()  # type: ignore[no-any-return]


def lines(score: Score) -> list[float]:
    """Return the bar lines in quarters, with that at the end."""
    return [edge / score.ticks_per_quarter for edge in score.bars.edges.tolist()]


# --- bars -----------------------------------------------------------------------------------------------------


def test_a_pickup_and_a_short_bar_keep_their_bar_lines() -> None:
    first = bar(attributes(), line("G4"), number="0", implicit=True)
    score = parsed(first + bar(line("C5", 8)) + bar(line("D5", 4)) + bar(line("E5", 8)))
    assert lines(score) == [0, 1, 5, 7, 11]
    assert score.meters == (Meter(0, 4, 4), Meter(480, 4, 4), Meter(3360, 4, 4))
    assert notes(score) == [(0, 1, 67), (1, 4, 72), (5, 2, 74), (7, 4, 76)]


def test_a_rest_for_a_whole_bar_does_not_lengthen_a_pickup() -> None:
    high = bar(attributes(), line("G4"), number="0", implicit=True) + bar(line("C5", 8))
    low = bar(attributes(), note("R", 8), number="0", implicit=True) + bar(line("C3", 8))
    assert lines(parsed(high, low)) == [0, 1, 5]


def test_a_short_last_bar_ends_with_a_meter() -> None:
    score = parsed(bar(attributes(meter="3/4"), line("C4 C4 C4")) + bar(line("C4 C4")))
    assert score.meters == (Meter(0, 3, 4), Meter(2400, 3, 4))
    assert lines(score) == [0, 3, 5]


def test_a_long_bar_has_its_length() -> None:
    score = parsed(bar(attributes(), line("C4", 12)) + bar(line("D4", 8)) + bar(line("E4", 8)))
    assert score.meters == (Meter(0, 4, 4, 2880), Meter(2880, 4, 4))
    assert lines(score) == [0, 6, 10, 14]


def test_senza_misura_is_as_long_as_its_notes() -> None:
    free = "<attributes><divisions>1</divisions><time><senza-misura/></time></attributes>"
    score = parsed(bar(free, line("C4", 9)) + bar(line("D4", 3)))
    assert lines(score) == [0, 9, 12]


def test_bars_begin_together_whatever_one_part_overfills() -> None:
    high = bar(attributes(), line("C5", 9)) + bar(line("D5", 8)) + bar(line("E5", 8))
    low = bar(attributes(), line("C3", 8)) + bar(line("D3", 8)) + bar(line("E3", 6))
    score = parsed(high, low)
    assert (
        [start for start, _, _ in notes(score, 0)]
        == [start for start, _, _ in notes(score, 1)]
        == [0, 4.5, 8.5]
    )


def test_what_one_part_exceeds_by_rests_alone_is_no_longer_bar() -> None:
    high = bar(attributes(), line("C5", 8), note("R", 2)) + bar(line("D5", 8))
    low = bar(attributes(), line("C3", 8)) + bar(line("D3", 8))
    assert lines(parsed(high, low)) == [0, 4, 8]


def test_missing_rests_of_one_part_shorten_no_bar() -> None:
    high = bar(attributes(), line("C5", 2)) + bar(line("D5", 8))
    low = bar(attributes(), line("C3", 8)) + bar(line("D3", 8))
    assert lines(parsed(high, low)) == [0, 4, 8]
    assert notes(parsed(high, low))[1] == (4, 4, 74)


def test_a_part_with_fewer_bars_and_bars_without_anything() -> None:
    score = parsed(
        bar(attributes(), line("C4", 8)) + bar() + bar(line("E4", 8)), bar(attributes(), line("C3", 8))
    )
    assert notes(score, 0) == [(0, 4, 60), (8, 4, 64)]
    assert len(score.tracks) == 2


def test_a_rest_for_a_whole_bar_is_no_longer_than_the_bar() -> None:
    rest = '<note><rest measure="yes"/><duration>8</duration></note>'
    score = parsed(bar(attributes(meter="3/4"), rest) + bar(line("C4 C4 C4")))
    assert notes(score)[0] == (3, 1, 60)


@pytest.mark.parametrize(
    ("time", "meter"),
    [
        ("<beats>3+2</beats><beat-type>8</beat-type>", (5, 8)),
        ("<beats>3</beats><beat-type>8</beat-type><beats>2</beats><beat-type>4</beat-type>", (7, 8)),
        ("<beats> 7 </beats><beat-type>16</beat-type>", (7, 16)),
    ],
)
def test_meters(time: str, meter: tuple[int, int]) -> None:
    quarters = Fraction(4 * meter[0], meter[1])
    start = f"<attributes><divisions>4</divisions><time>{time}</time></attributes>"
    score = parsed(bar(start, line("C4", int(4 * quarters))) + bar(line("C4", int(4 * quarters))))
    assert score.meters == (Meter(0, *meter),)
    assert lines(score) == [0, float(quarters), float(2 * quarters)]


def test_a_signature_in_the_middle_of_a_bar_is_that_of_the_next() -> None:
    change = "<attributes><time><beats>3</beats><beat-type>4</beat-type></time></attributes>"
    score = parsed(bar(attributes(), line("C4", 8), change) + bar(line("D4", 6)))
    assert score.meters == (Meter(0, 4, 4), Meter(1920, 3, 4))


@pytest.mark.parametrize(
    ("beats", "kind"), [("1000000", 4), ("0", 4), ("-3", 4), ("4", 3), ("x", 4), ("4", 0)]
)
def test_an_absurd_signature_is_ignored_and_told(beats: str, kind: int) -> None:
    score = parsed(bar(attributes(meter=f"{beats}/{kind}"), line("C4", 8)))
    assert score.meters == (Meter(0, 4, 4),)
    assert score.repairs == ("ignored 1 time signature out of range",)


def test_divisions_may_change_and_odd_tuplets_are_exact() -> None:
    fine = "<attributes><divisions>77</divisions></attributes>"
    score = parsed(
        bar(attributes(divisions=1), line("C4", 2), fine, line("D4 " * 7, 11), line("E4 " * 11, 7))
    )
    ticks = score.ticks_per_quarter  # 480 * 77 would be over the 32767 of MIDI
    starts = score.tracks[0].notes["start"]
    assert ticks == 539
    assert starts[1:8].tolist() == [2 * ticks + ticks * i // 7 for i in range(7)]
    assert starts[8:].tolist() == [3 * ticks + ticks * i // 11 for i in range(11)]


def test_ticks_are_480_where_these_are_exact() -> None:
    triplets = attributes(divisions=10_080)
    assert parsed(bar(triplets, line("C4 D4 E4", 3360), line("F4", 3 * 10_080))).ticks_per_quarter == 480


def test_backup_forward_and_voices() -> None:
    upper, lower = line("C5", 8), note("E4", 2, voice=2)
    score = parsed(bar(attributes(), upper, back(8), "<forward><duration>4</duration></forward>", lower))
    assert notes(score) == [(0, 4, 72), (2, 1, 64)]
    assert notes(parsed(bar(attributes(), line("C5"), back(100), lower)))[0][0] == 0  # not before the bar


def test_a_note_without_duration_has_that_of_its_type() -> None:
    eighth = "<type>eighth</type><dot/>"
    score = parsed(bar(attributes(), note("C4", None, extra=eighth), line("D4")))
    assert notes(score) == [(0, 0.75, 60), (0.75, 1, 62)]
    ratio = "<actual-notes>3</actual-notes><normal-notes>2</normal-notes>"
    triplet = f"<type>quarter</type><time-modification>{ratio}</time-modification>"
    score = parsed(bar(attributes(), note("C4", None, extra=triplet), line("D4")))
    assert score.tracks[0].notes["start"].tolist() == [0, 320]


def test_a_direction_between_the_notes_of_a_chord() -> None:
    segno = direction("<segno/>")
    score = parsed(bar(attributes(), line("A4"), segno, note("F4", 2, before=CHORD), line("G4")))
    assert notes(score) == [(0, 1, 65), (0, 1, 69), (1, 1, 67)]


def test_bars_written_as_signs_of_repetition_are_played() -> None:
    def sign(kind: str) -> str:
        count = "1" if kind == "start" else ""
        style = f'<measure-repeat type="{kind}">{count}</measure-repeat>'
        return f"<attributes><measure-style>{style}</measure-style></attributes>"

    rest = note("R", 8)
    score = parsed(
        bar(attributes(), line("C4 D4 E4 F4"))
        + bar(sign("start"), rest)
        + bar(rest)
        + bar(sign("stop"), line("G4", 8))
    )
    assert pitches(score) == [60, 62, 64, 65] * 3 + [67]
    assert notes(score)[4:6] == [(4, 1, 60), (5, 1, 62)]


# --- pitch ----------------------------------------------------------------------------------------------------


def transpose(
    chromatic: int, diatonic: int | None = None, octaves: int = 0, more: str = "", staff: str = ""
) -> str:
    steps = "" if diatonic is None else f"<diatonic>{diatonic}</diatonic>"
    shift = f"<octave-change>{octaves}</octave-change>" if octaves else ""
    number = f' number="{staff}"' if staff else ""
    return f"<transpose{number}>{steps}<chromatic>{chromatic}</chromatic>{shift}{more}</transpose>"


@pytest.mark.parametrize(
    ("shift", "fifths", "pitch", "key"),
    [
        (transpose(-2, -1), 2, 58, 0),  # clarinet in B flat
        (transpose(-3, -2), 0, 57, 3),  # clarinet in A
        (transpose(-7, -4), 1, 53, 0),  # horn in F
        (transpose(-9, -5), 3, 51, 0),  # alto saxophone
        (transpose(3, 2), 0, 63, -3),  # clarinet in E flat
        (transpose(-2, -1, -1), 2, 46, 0),  # tenor saxophone
        (transpose(0, 0, -1), -3, 48, -3),  # double bass
        (transpose(0, 0, 1), 4, 72, 4),  # piccolo
        (transpose(-2), 2, 58, 0),  # without steps
        (transpose(-1, -1), 6, 59, 1),  # F sharp major written, F sharp down a semitone by a step: E sharp
    ],
)
def test_transposing_parts_sound(shift: str, fifths: int, pitch: int, key: int) -> None:
    score = parsed(bar(attributes(shift, fifths=fifths), line("C4", 8)))
    assert pitches(score) == [pitch]
    if shift != transpose(-1, -1):
        assert score.keys == (Key(0, key),)


def test_transposition_that_changes_or_is_that_of_a_staff() -> None:
    change = f"<attributes>{transpose(-3, -2)}</attributes>"
    score = parsed(bar(attributes(transpose(-2, -1), fifths=2), line("C4", 8)) + bar(change, line("C4", 8)))
    assert pitches(score) == [58, 57]
    assert [(key.tick, key.fifths) for key in score.keys] == [(0, 0), (1920, 5)]
    staves = attributes("<staves>2</staves>" + transpose(0, 0, -1, staff="2"))
    two = parsed(bar(staves, note("C4", 8, staff=1), back(8), note("C4", 8, voice=2, staff=2)))
    assert pitches(two) == [48, 60]


def test_a_doubled_octave_sounds_too() -> None:
    assert pitches(parsed(bar(attributes(transpose(0, more="<double/>")), line("C4", 8)))) == [48, 60]
    above = transpose(0, more='<double above="yes"/>')
    assert pitches(parsed(bar(attributes(above), line("C4", 8)))) == [60, 72]


def test_an_octave_line_is_written_as_it_sounds() -> None:
    shift = '<octave-shift type="down" size="8"/>'
    assert pitches(parsed(bar(attributes(), direction(shift), line("C6", 8)))) == [84]


def test_the_key_is_that_in_which_most_parts_sound() -> None:
    flute = bar(attributes(fifths=-3), line("C5", 8))
    clarinet = bar(attributes(transpose(-2, -1), fifths=-1), line("D5", 8))
    horn = bar(attributes(transpose(-7, -4), fifths=0), line("G4", 8))  # without signs, as horns are
    for parts in ((flute, clarinet, horn), (horn, clarinet, flute), (horn, flute)):
        assert parsed(*parts).keys == (Key(0, -3),)


def test_modes_and_unusual_keys() -> None:
    minor = "<key><fifths>-3</fifths><mode>minor</mode></key>"
    change = "<attributes><key><fifths>8</fifths></key></attributes>"
    by_name = (
        "<attributes><key><key-step>F</key-step><key-alter>1</key-alter><key-step>C</key-step>"
        "<key-alter>1</key-alter></key></attributes>"
    )
    score = parsed(
        bar(attributes(minor, fifths=None), line("C4", 8))
        + bar(change, line("C4", 4), by_name, line("D4", 4))
    )
    assert score.keys == (Key(0, -3, True), Key(1920, -4), Key(2880, 2))


def test_notes_out_of_range_are_left_out_and_told() -> None:
    score = parsed(bar(attributes(), line("C-1 G9 A9 C99")))
    assert pitches(score) == [0, 127]
    assert score.repairs == ("left out 2 notes above or below the range of MIDI",)


# --- ties -----------------------------------------------------------------------------------------------------


def test_ties_join_across_voices_staves_and_bars() -> None:
    first = note("G4", 8, staff=1, tie="start") + back(8) + note("C3", 8, voice=5, staff=2)
    second = note("C5", 8, staff=1) + back(8) + note("G4", 8, voice=5, staff=2, tie="stop")
    score = parsed(bar(attributes("<staves>2</staves>"), first) + bar(second))
    assert notes(score) == [(0, 4, 48), (0, 8, 67), (4, 4, 72)]


def test_all_ties_of_a_chord_and_an_arpeggio_tied_into_one() -> None:
    def chord(tie: str) -> str:
        return note("C4", 8, tie=tie) + note("E4", 8, tie=tie, before=CHORD)

    three = parsed(bar(attributes(), chord("start")) + bar(chord("stop start")) + bar(chord("stop")))
    assert notes(three) == [(0, 12, 60), (0, 12, 64)]
    arpeggio = "".join(note(name, 2, tie="start") for name in ("C4", "E4", "G4", "C5"))
    names = ("C4", "E4", "G4", "C5")
    target = "".join(note(name, 8, tie="stop", before=CHORD if i else "") for i, name in enumerate(names))
    score = parsed(bar(attributes(), arpeggio) + bar(target))
    assert notes(score) == [(0, 8, 60), (1, 7, 64), (2, 6, 67), (3, 5, 72)]


def test_ties_that_are_only_printed_and_ties_without_an_end() -> None:
    printed = [f'<notations><tied type="{kind}"/></notations>' for kind in ("start", "stop")]
    score = parsed(bar(attributes(), note("C4", 4, extra=printed[0]), note("C4", 4, extra=printed[1])))
    assert notes(score) == [(0, 4, 60)]
    score = parsed(
        bar(attributes(), note("C4", 4, tie="start"), note("C4", 4)) + bar(note("C4", 8, tie="stop"))
    )
    assert notes(score) == [(0, 2, 60), (2, 2, 60), (4, 4, 60)]


def test_ties_over_a_repeat() -> None:
    score = parsed(
        bar(attributes(), note("C4", 8, tie="start"))
        + bar(ending("1", "start"), note("C4", 8, tie="stop"), ending("1", "stop", repeat("backward")))
        + bar(ending("2", "start"), note("C4", 4, tie="stop"), line("D4", 4), ending("2", "stop"))
    )
    assert notes(score) == [(0, 8, 60), (8, 6, 60), (14, 2, 62)]


# --- grace, cue and hidden notes ------------------------------------------------------------------------------


def test_grace_notes_come_one_after_another_before_the_beat() -> None:
    graces = (
        note("D4", None, before=GRACE)
        + note("E4", None, before=GRACE)
        + note("G4", None, before=GRACE + CHORD)
    )
    score = parsed(bar(attributes(), line("C4", 4), graces, line("F4", 4)))
    assert notes(score) == [(0, 2, 60), (1.75, 0.125, 62), (1.875, 0.125, 64), (1.875, 0.125, 67), (2, 2, 65)]


def test_grace_notes_at_the_start_take_their_time_from_the_note() -> None:
    graces = note("D4", None, before=GRACE) + note("E4", None, before=GRACE)
    other = back(8) + note("C3", 8, voice=2)
    score = parsed(bar(attributes(), graces, line("F4", 8), other))
    assert notes(score) == [(0, 4, 48), (0, 0.125, 62), (0.125, 0.125, 64), (0.25, 3.75, 65)]


def test_many_grace_notes_leave_half_of_the_note_before() -> None:
    graces = "".join(note("D4", None, before=GRACE) for _ in range(8))
    found = notes(parsed(bar(attributes(), line("C4", 1), graces, line("F4", 7))))
    assert [start for start, _, pitch in found if pitch == 62] == [0.25 + i * 15 / 480 for i in range(8)]


def test_grace_notes_at_the_end_of_a_bar_and_a_grace_note_tied_to_its_note() -> None:
    after = note("D4", None, before=GRACE)
    assert notes(parsed(bar(attributes(), line("C4", 8), after)))[1] == (3.875, 0.125, 62)
    tied = note("F4", None, before=GRACE, tie="start") + note("F4", 4, tie="stop")
    assert notes(parsed(bar(attributes(), line("C4", 4), tied))) == [(0, 2, 60), (2, 2, 65)]


def test_cue_notes_are_silent_hidden_and_headless_ones_are_not() -> None:
    cue = note("C5", 2, before=CUE) + note("D5", None, before=GRACE + CUE)
    hidden = note("E5", 2, attribute=' print-object="no"')
    headless = note("F5", 2, extra="<notehead>none</notehead>")
    small = note("G5", 2, extra='<type size="cue">quarter</type>')
    assert notes(parsed(bar(attributes(), cue, hidden, headless, small))) == [
        (1, 1, 76),
        (2, 1, 77),
        (3, 1, 79),
    ]


# --- the order of playing -------------------------------------------------------------------------------------


def repeat(direction: str, more: str = "") -> str:
    return f'<repeat direction="{direction}"{more}/>'


def at_bar_line(content: str, location: str = "right") -> str:
    return f'<barline location="{location}">{content}</barline>'


def ending(numbers: str, kind: str, more: str = "") -> str:
    return at_bar_line(
        f'<ending number="{numbers}" type="{kind}"/>{more}', "left" if kind == "start" else "right"
    )


FORWARD = at_bar_line(repeat("forward"), "left")
BACKWARD = at_bar_line(repeat("backward"))


def played(text: str, repeats: bool = True) -> str:
    """Return the bars that are played, as letters; each bar of `text` (between spaces) has its letter and its marks.

    |: and :| repeats, :|3 one played three times, 1. an ending, ] the end of one, and marks by name, in <sound> with a
    "!" and else in words.
    """
    bars = []
    for place, word in enumerate(text.split()):
        marks = word.split(",")[1:]
        left, right = "", ""
        for mark in marks:
            if mark == "|:":
                left += FORWARD
            elif mark.startswith(":|"):
                times = (
                    f' times="{mark[2:]}"'
                    if mark[2:].isdecimal()
                    else ' after-jump="yes"'
                    if mark[2:]
                    else ""
                )
                right += at_bar_line(repeat("backward", times))
            elif re.fullmatch(r"[\d-]+(\.[\d-]+)*\.", mark):
                left += ending(mark[:-1].replace(".", ", "), "start")
            elif mark == "]":
                right = ending("1", "stop") + right
            elif mark.endswith("!"):
                kind, _, label = mark[:-1].partition("=")
                sound = direction("<words>x</words>", f'<sound {kind}="{label or "yes"}"/>')
                right, left = (right, left + sound) if kind in ("segno", "coda") else (sound + right, left)
            elif mark in ("segno", "coda"):
                left += direction(f"<{mark}/>")
            else:
                right = direction(f"<words>{mark.replace('_', ' ')}</words>") + right
        start = attributes() if not place else ""
        bars.append(bar(start, left, note(f"{'CDEFGAB'[place % 7]}{place // 7 + 1}", 8), right))
    names = [f"{'CDEFGAB'[place % 7]}{place // 7 + 1}" for place in range(len(bars))]
    of_pitch = {parse_pitch(name): word[0] for name, word in zip(names, text.split(), strict=True)}
    return "".join(of_pitch[pitch] for pitch in pitches(parsed("".join(bars), repeats=repeats)))


def parse_pitch(name: str) -> int:
    return {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[name[0]] + 12 * (int(name[1:]) + 1)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("A,|: B,:| C", "ABABC"),
        ("A B,:| C", "ABABC"),  # without a start: from the beginning
        ("A B,:| C D,:| E", "ABABCDCDE"),  # and behind the last repeat
        ("A,|: B,:|3 C", "ABABABC"),
        ("A,|: B,:|1 C", "ABC"),
        ("A B,|: C", "ABC"),  # without an end
        ("A,|: B,1.,],:| C,2.,] D", "ABACD"),
        ("A,|: B,1.,],:| C D", "ABACD"),  # the second time without a bracket
        ("A,|: B,1.2.,],:| C,3.,] D", "ABABACD"),
        ("A,|: B,1-3.,],:| C,4.,] D", "ABABABACD"),
        ("A,|: B,1.,],:| C,2.,],:| D,3.,] E", "ABACADE"),
        ("A,|: B,1. C,],:| D,2. E,] F", "ABCADEF"),  # endings of two bars
        ("A,|: B,|: C,:| D,:| E", "ABCBCDABCBCDE"),
        ("A,|: B,|: C,1.,],:| D,2.,],:| E", "ABCBDABCBDE"),
        ("A B C,D.C.", "ABCABC"),
        ("A B,fine! C,dacapo!", "ABCAB"),
        ("A B,Fine C,D.C._al_Fine", "ABCAB"),
        ("A B,segno C D,D.S.", "ABCDBCD"),
        ("A B,segno=s! C D,dalsegno=s!", "ABCDBCD"),
        ("A,segno=s! B,segno=t! C,dalsegno=t! D,dalsegno=s!", "ABCBCDABCD"),
        ("A B,segno C,To_Coda D,D.S._al_Coda E,coda F", "ABCDBCEF"),
        ("A B,segno! C,tocoda! D,dalsegno! E,coda! F", "ABCDBCEF"),
        ("A B,segno C,coda D,D.S._al_Coda E,coda F", "ABCDBCEF"),  # two signs: leave at the first
        ("A,|: B,:| C,Fine D,D.C.", "ABABCDABC"),  # no repeats after the jump
        ("A,|: B,:|yes C,Fine D,D.C.", "ABABCDABABC"),  # unless the file says so
        ("A,|: B,1.,],:| C,2.,Fine,] D,D.C.", "ABACDAC"),  # the last ending
        ("A,|: B C,D.C.,:| D,Fine", "ABCABCABCD"),
        ("A B C,Trio D,Menuetto_da_capo", "ABCDAB"),  # a minuet ends before its trio
        ("A B,D.S. C", "ABC"),  # without a sign
        ("A B,To_Coda C,fine D", "ABCD"),  # without a jump
        ("A,dalsegno! B", "AB"),
    ],
)
def test_the_order_of_playing(text: str, order: str) -> None:
    assert played(text) == order
    assert played(text, repeats=False) == "".join(word[0] for word in text.split())


def test_convert_plays_repeats_out_or_not(tmp_path: Path) -> None:
    text = xml(bar(attributes(), line("C4", 8)) + bar(line("D4", 8), BACKWARD))
    (tmp_path / "a.musicxml").write_text(text)
    for options, expected in (([], [60, 62, 60, 62]), (["--no-repeats"], [60, 62])):
        command = make_command("convert")
        command.main([*options, str(tmp_path / "a.musicxml"), str(tmp_path / "a.mid")], standalone_mode=False)
        assert pitches(read(tmp_path / "a.mid")) == expected
    assert read(text.encode(), repeats=False) == read(tmp_path / "a.musicxml", repeats=False)


def test_marks_in_any_part_count() -> None:
    high = bar(attributes(), line("C5", 8)) + bar(line("D5", 8), BACKWARD)
    low = bar(attributes(), line("C3", 8)) + bar(line("D3", 8))
    assert pitches(parsed(low, high)) == [48, 50, 48, 50]


def test_a_half_bar_before_a_repeat_and_its_complement() -> None:
    score = parsed(
        bar(attributes(), line("G4", 2), number="0", implicit=True)
        + bar(line("C5", 8))
        + bar(line("D5", 6), BACKWARD)
        + bar(FORWARD, line("E5", 2), number="X1", implicit=True)
        + bar(line("F5", 6), BACKWARD)
    )
    assert lines(score) == [0, 1, 5, 8, 9, 13, 16, 17, 20, 21, 24]


def test_what_holds_at_a_place_holds_again_when_it_is_repeated() -> None:
    slow = '<sound tempo="60"/>'
    key = "<attributes><key><fifths>1</fifths></key></attributes>"
    pedals = [direction(f'<pedal type="{kind}"/>') for kind in ("start", "stop")]
    score = parsed(
        bar(attributes(), '<sound tempo="120"/>', line("C4", 8))
        + bar(FORWARD, pedals[0], line("D4", 4), pedals[1], line("D4", 4))
        + bar(slow, key, line("E4", 8), BACKWARD)
    )
    assert [(t.tick // 480, t.quarters_per_minute) for t in score.tempos] == [
        (0, 120),
        (8, 60),
        (12, 120),
        (16, 60),
    ]
    assert [(key.tick // 480, key.fifths) for key in score.keys] == [(0, 0), (8, 1), (12, 0), (16, 1)]
    pedal = [(tick // 480, value) for tick, _, _, value in score.tracks[0].controls.tolist()]
    assert pedal == [(4, 127), (6, 0), (12, 127), (14, 0)]


def test_notes_for_one_time_only() -> None:
    second = note("D4", 8, attribute=' time-only="2"')
    both = parsed(bar(attributes(), line("C4", 8), back(8), second, BACKWARD))
    assert notes(both) == [(0, 4, 60), (4, 4, 60), (4, 4, 62)]


@pytest.mark.parametrize("times", ["1000000", "99999999999"])
def test_repeats_without_end_are_refused(times: str) -> None:
    text = bar(attributes(), line("C4", 8), at_bar_line(repeat("backward", f' times="{times}"')))
    with pytest.raises(FormatError, match=r"with its repeats played out .* read it without repeats"):
        parsed(text)
    assert notes(parsed(text, repeats=False)) == [(0, 4, 60)]


def test_nested_repeats_without_end_are_refused() -> None:
    opening = bar(attributes(), line("C4", 8)) + bar(FORWARD, line("C4", 8)) * 60
    with pytest.raises(FormatError, match="read it without repeats"):
        parsed(opening + bar(line("D4", 8), BACKWARD) * 60)


# --- instruments ----------------------------------------------------------------------------------------------


def instrument(name: str, content: str = "", id: str = "I1", sound: str = "") -> str:
    sound = sound and f"<instrument-sound>{sound}</instrument-sound>"
    listed = (
        f'<score-instrument id="{id}"><instrument-name>{name}</instrument-name>{sound}</score-instrument>'
    )
    return listed + (f'<midi-instrument id="{id}">{content}</midi-instrument>' if content else "")


@pytest.mark.parametrize(
    ("listed", "program"),
    [
        ("<part-name>Violin</part-name>", 40),
        ("<part-name>Violin</part-name>" + instrument("x", "<midi-program>74</midi-program>"), 73),
        ("<part-name>Melody</part-name>" + instrument("Trumpet"), 56),
        ("<part-name>Melody</part-name>" + instrument("x", sound="wind.reed.clarinet.b-flat"), 71),
        ("<part-name>Bratsche</part-name>", 41),
        ("<part-name></part-name><part-abbreviation>Vc.</part-abbreviation>", 42),
        ("<part-name>Viola</part-name>" + instrument("SmartMusic SoftSynth 1"), 41),
        ("<part-name>Nobody knows</part-name>", 0),
    ],
)
def test_programs(listed: str, program: int) -> None:
    score = parsed(bar(attributes(), line("C5", 8)), listed=[listed])
    assert (score.tracks[0].program, score.tracks[0].is_drum) == (program, False)


def test_a_bass_is_what_it_is_among_the_other_parts() -> None:
    def programs(*names: str) -> list[int]:
        parts = [bar(attributes(), line("C4", 8))] * len(names)
        score = parsed(*parts, listed=[f"<part-name>{name}</part-name>" for name in names])
        return [track.program for track in score.tracks]

    assert programs("Soprano", "Alto", "Tenor", "Bass") == [52] * 4
    assert programs("Violino I", "Violino II", "Viola", "Basso") == [40, 40, 41, 43]
    assert programs("Guitar", "Bass", "Drums") == [24, 33, 0]
    assert programs("Violon", "Alto", "Violoncelle") == [40, 41, 42]


def test_volume_and_pan_are_controllers() -> None:
    content = "<midi-program>1</midi-program><volume>50</volume><pan>-90</pan>"
    listed = "<part-name>P</part-name>" + instrument("x", content)
    score = parsed(bar(attributes(), line("C5", 8)), listed=[listed])
    assert score.tracks[0].controls.tolist() == [(0, CONTROL_CHANGE, 7, 64), (0, CONTROL_CHANGE, 10, 0)]
    usual = "<volume>78.7402</volume><pan>0</pan>"  # those of General MIDI
    score = parsed(
        bar(attributes(), line("C5", 8)), listed=["<part-name>P</part-name>" + instrument("x", usual)]
    )
    assert not len(score.tracks[0].controls)


def test_a_part_of_several_instruments_is_a_track_for_each_program() -> None:
    listed = (
        "<part-name>Winds</part-name>"
        + instrument("Flute", "<midi-program>74</midi-program>", "F")
        + instrument("Piccolo", "<midi-program>73</midi-program>", "P")
    )
    sung = [note("C5", 4, extra=f'<instrument id="{id}"/>') for id in "FP"]
    score = parsed(bar(attributes(), *sung), listed=[listed])
    assert [(t.name, t.program, notes(score, i)) for i, t in enumerate(score.tracks)] == [
        ("Flute", 73, [(0, 2, 72)]),
        ("Piccolo", 72, [(2, 2, 72)]),
    ]


def test_an_instrument_may_change_within_the_music() -> None:
    change = '<sound><midi-instrument id="I1"><midi-program>57</midi-program></midi-instrument></sound>'
    listed = "<part-name>P</part-name>" + instrument("x", "<midi-program>1</midi-program>")
    score = parsed(bar(attributes(), line("C5", 4), change, line("D5", 4)), listed=[listed])
    assert [(track.program, track.notes["pitch"].tolist()) for track in score.tracks] == [
        (0, [72]),
        (56, [74]),
    ]


def unpitched(place: str = "E4", length: int = 2, id: str = "", head: str = "") -> str:
    where = f"<display-step>{place[:1]}</display-step><display-octave>{place[1:]}</display-octave>"
    of = f'<instrument id="{id}"/>' if id else ""
    head = f"<notehead>{head}</notehead>" if head else ""
    what = f"<unpitched>{where if place else ''}</unpitched><duration>{length}</duration>"
    return f"<note>{what}{of}<voice>1</voice>{head}</note>"


@pytest.mark.parametrize("key", [55, 39, 61, 82])
def test_a_drum_is_its_midi_key(key: int) -> None:
    content = f"<midi-channel>10</midi-channel><midi-unpitched>{key}</midi-unpitched>"
    listed = "<part-name>P</part-name>" + instrument("x", content)
    score = parsed(bar(attributes(), unpitched(id="I1"), unpitched()), listed=[listed])
    assert (pitches(score), score.tracks[0].is_drum) == ([key - 1] * 2, True)


def test_drums_of_one_part_by_instrument_sound_name_and_place() -> None:
    listed = (
        "<part-name>Drumset</part-name>"
        + instrument("Kick Drum", id="A")
        + instrument("x", id="B", sound="metal.cymbal.ride")
        + instrument("Große Trommel", id="C")
        + instrument("y", id="D")
    )
    hits = [unpitched("C5", 1, id) for id in "ABC"] + [unpitched("C5", 1, "D"), unpitched("G5", 1, "D", "x")]
    score = parsed(bar(attributes(), *hits), listed=[listed])
    assert pitches(score) == [36, 51, 36, 38, 42]
    assert len(score.tracks) == 1


def test_pitched_notes_on_channel_10_are_keys_of_the_kit() -> None:
    listed = "<part-name>P</part-name>" + instrument("x", "<midi-channel>10</midi-channel>")
    score = parsed(bar(attributes(transpose(-2)), line("C2 F#2")), listed=[listed])
    assert (pitches(score), score.tracks[0].is_drum) == ([36, 42], True)


def test_pitched_and_unpitched_notes_of_a_part_are_two_tracks() -> None:
    listed = (
        "<part-name>Flute and triangle</part-name>"
        + instrument("Flute", id="F")
        + instrument("Triangle", id="T")
    )
    flute = note("C5", 4, extra='<instrument id="F"/>')
    score = parsed(bar(attributes(), flute, unpitched("", 4, "T")), listed=[listed])
    assert [(t.is_drum, t.program, t.notes["pitch"].tolist()) for t in score.tracks] == [
        (False, 73, [72]),
        (True, 0, [81]),
    ]


# --- tempo and dynamics ---------------------------------------------------------------------------------------


def tempos(*content: str) -> list[tuple[float, float]]:
    score = parsed(bar(attributes(), *content))
    return [
        (tempo.tick / score.ticks_per_quarter, round(tempo.quarters_per_minute, 2)) for tempo in score.tempos
    ]


def metronome(speed: str, unit: str = "quarter", dots: int = 0) -> str:
    dotted = "<beat-unit-dot/>" * dots
    return direction(
        f"<metronome><beat-unit>{unit}</beat-unit>{dotted}<per-minute>{speed}</per-minute></metronome>"
    )


@pytest.mark.parametrize(
    ("mark", "speed"),
    [
        (metronome("100"), 100),
        (metronome("ca. 108"), 108),
        (metronome("72,5"), 72.5),
        (metronome("100-112"), 106),
        (metronome("60 – 66"), 63),
        (metronome("60", "half"), 120),
        (metronome("60", "quarter", 1), 90),
        (metronome("80", "half", 2), 280),
        (metronome("120", "eighth"), 60),
        (direction("<words>Allegro</words>", '<sound tempo="132"/>'), 132),
        (direction("<words>Lento ♩ = 52</words>"), 52),
        ('<sound tempo="97.5"/>', 97.5),
    ],
)
def test_tempos(mark: str, speed: float) -> None:
    assert tempos(mark, line("C4", 8)) == [(0, speed)]


def test_a_sound_precedes_what_is_printed_and_offsets_count() -> None:
    mark = metronome("60").replace("</direction>", '<sound tempo="61"/></direction>')
    later = direction("<words>x</words>", '<sound tempo="80"/>', "<offset>4</offset>")
    assert tempos(mark, later, line("C4", 8)) == [(0, 61), (2, 80)]


def test_a_metric_modulation() -> None:
    units = "<beat-unit>quarter</beat-unit><beat-unit>eighth</beat-unit><beat-unit-dot/>"
    change = direction(
        f"<metronome>{units}</metronome>"
    )  # the new dotted eighth is as long as the old quarter
    assert tempos(metronome("120"), line("C4", 4), change, line("C4", 4)) == [(0, 120), (2, 90)]


def test_a_tempo_in_several_parts_is_one_and_an_absurd_one_none() -> None:
    part = bar(attributes(), metronome("90"), line("C4", 8))
    score = parsed(part, part)
    assert [round(tempo.quarters_per_minute) for tempo in score.tempos] == [90]
    score = parsed(bar(attributes(), '<sound tempo="-5"/>', line("C4", 4), metronome("1"), line("C4", 4)))
    assert (score.tempos, score.repairs) == ((), ("ignored 2 tempos out of range",))
    assert (
        parsed(
            bar(attributes(), '<sound tempo="0"/>', metronome("as fast as possible"), line("C4", 8))
        ).tempos
        == ()
    )


def mark(name: str, sound: str = "", staff: int = 0) -> str:
    return direction(f"<dynamics><{name}/></dynamics>", sound, f"<staff>{staff}</staff>" if staff else "")


def wedge(kind: str) -> str:
    return direction(f'<wedge type="{kind}"/>')


def test_dynamics() -> None:
    assert velocities(parsed(bar(attributes(), line("C4 D4 E4 F4")))) == [80] * 4
    found = velocities(parsed(bar(attributes(), mark("p"), line("C4 D4"), mark("ff"), line("E4 F4"))))
    assert found == [49, 49, 112, 112]
    assert velocities(parsed(bar(attributes(), mark("sfz"), line("C4 D4")))) == [112, 80]
    assert velocities(parsed(bar(attributes(), mark("fp"), line("C4 D4")))) == [96, 49]
    sound = '<sound dynamics="100"/>'
    assert velocities(parsed(bar(attributes(), mark("p", sound), line("C4 D4")))) == [90, 90]
    own = note("C4", 2, attribute=' dynamics="50"')
    assert velocities(parsed(bar(attributes(), mark("ff"), own, line("D4")))) == [45, 112]
    nothing = '<sound dynamics="-1.11"/>'  # what Finale writes at "cresc."
    assert velocities(
        parsed(bar(attributes(), mark("p"), direction("<words>x</words>", nothing), line("C4")))
    ) == [49]


def test_accents_are_louder() -> None:
    accents = [
        f"<notations><articulations><{kind}/></articulations></notations>"
        for kind in ("accent", "strong-accent", "staccato")
    ]
    marked = "".join(note("C4", 2, extra=accent) for accent in accents)
    assert velocities(parsed(bar(attributes(), marked))) == [96, 104, 80]


def test_hairpins() -> None:
    to_forte = bar(attributes(), mark("p"), wedge("crescendo"), line("C4 D4 E4 F4"))
    assert velocities(parsed(to_forte + bar(wedge("stop"), mark("f"), line("G4", 8)))) == [49, 61, 72, 84, 96]
    alone = bar(attributes(), mark("mf"), wedge("diminuendo"), line("C4 D4"), wedge("stop"), line("E4 F4"))
    assert velocities(parsed(alone)) == [80, 72, 64, 64]
    against = to_forte + bar(wedge("stop"), mark("pp"), line("G4", 8))
    assert velocities(parsed(against)) == [49, 53, 57, 61, 33]
    words = bar(attributes(), mark("p"), direction("<words>cresc.</words>"), line("C4 D4 E4 F4"), mark("f"))
    assert velocities(parsed(words + bar(line("G4", 8)))) == [49, 61, 72, 84, 96]


def test_dynamics_hold_for_all_staves_unless_each_has_its_own() -> None:
    staves = attributes("<staves>2</staves>")
    high, low = note("C5", 8, staff=1), note("C3", 8, voice=2, staff=2)
    assert velocities(parsed(bar(staves, mark("p", staff=1), high, back(8), low))) == [49, 49]
    own = bar(staves, mark("p", staff=1), mark("f", staff=2), high, back(8), low)
    assert velocities(parsed(own)) == [96, 49]  # the lower first


def test_dynamics_are_those_of_the_place_when_it_is_repeated() -> None:
    score = parsed(bar(attributes(), line("C4", 8)) + bar(mark("f"), line("D4", 8), BACKWARD))
    assert velocities(score) == [80, 96, 80, 96]


def test_pedals() -> None:
    marks = [direction(f'<pedal type="{kind}"/>') for kind in ("start", "change", "stop")]
    score = parsed(bar(attributes(), marks[0], line("C4"), marks[1], line("D4"), marks[2], line("E4 F4")))
    rows = [(tick, number, value) for tick, _, number, value in score.tracks[0].controls.tolist()]
    assert rows == [(0, 64, 127), (480, 64, 0), (480, 64, 127), (960, 64, 0)]
    half = parsed(
        bar(attributes(), '<sound damper-pedal="50"/>', line("C4"), '<sound damper-pedal="no"/>', line("D4"))
    )
    assert [row[3] for row in half.tracks[0].controls.tolist()] == [64, 0]


# --- words ----------------------------------------------------------------------------------------------------


def lyric(text: str, syllabic: str = "single", number: str = "1") -> str:
    return f'<lyric number="{number}"><syllabic>{syllabic}</syllabic><text>{text}</text></lyric>'


def sung(score: Score) -> list[tuple[float, str, int]]:
    texts = score.tracks[0].texts
    return [(t.tick / score.ticks_per_quarter, t.text, t.verse) for t in texts if t.kind == "lyric"]


def test_syllables_and_verses() -> None:
    words = [("Hal", "begin"), ("le", "middle"), ("lu", "middle"), ("jah", "end")]
    first = "".join(
        note("C4", 2, extra=lyric(*word) + lyric(f"v{i}", number="2")) for i, word in enumerate(words)
    )
    found = sung(parsed(bar(attributes(), first)))
    assert [(text, verse) for _, text, verse in found if verse == 1] == [
        ("Hal-", 1),
        ("le-", 1),
        ("lu-", 1),
        ("jah", 1),
    ]
    assert [text for _, text, verse in found if verse == 2] == ["v0", "v1", "v2", "v3"]
    assert found[0][0] == 0
    assert found[2][0] == 1


def test_lyrics_of_one_number_are_further_verses() -> None:
    verse, chorus, second = lyric("verse"), lyric("chorus"), lyric("second", number="part1verse2")
    found = sung(parsed(bar(attributes(), note("C4", 8, extra=verse + chorus + second))))
    assert found == [(0, "verse", 1), (0, "second", 2), (0, "chorus", 3)]


def test_elisions_and_extensions() -> None:
    syllables = (
        "<syllabic>end</syllabic><text>a</text><elision>‿</elision><syllabic>begin</syllabic><text>b</text>"
    )
    joined = f'<lyric number="1">{syllables}</lyric>'
    extended = '<lyric number="1"><extend/></lyric>'
    assert sung(parsed(bar(attributes(), note("C4", 2, extra=joined), note("D4", 2, extra=extended)))) == [
        (0, "a‿b-", 1)
    ]


def test_each_time_sings_its_verse() -> None:
    both = note(
        "C4", 8, extra=lyric("one", number="1") + lyric("two", number="2") + lyric("three", number="3")
    )
    chorus = note("D4", 8, extra=lyric("all"))
    score = parsed(bar(attributes(), both) + bar(chorus, BACKWARD))
    assert sung(score) == [(0, "one", 1), (0, "three", 2), (4, "all", 1), (8, "two", 1), (12, "all", 1)]
    written = parsed(bar(attributes(), both) + bar(chorus, BACKWARD), repeats=False)
    assert sung(written) == [(0, "one", 1), (0, "two", 2), (0, "three", 3), (4, "all", 1)]


def test_the_second_ending_sings_the_second_verse() -> None:
    score = parsed(
        bar(attributes(), note("C4", 8, extra=lyric("a1") + lyric("a2", number="2")))
        + bar(ending("1", "start"), note("D4", 8, extra=lyric("b1")), ending("1", "stop", repeat("backward")))
        + bar(ending("2", "start"), note("E4", 8, extra=lyric("b2", number="2")), ending("2", "stop"))
    )
    assert sung(score) == [(0, "a1", 1), (4, "b1", 1), (8, "a2", 1), (12, "b2", 1)]


def test_title_and_people() -> None:
    creators = '<creator type="composer">Ann</creator><creator type="poet">Bob</creator><rights>© Cy</rights>'
    people = f"<identification>{creators}</identification>"
    work = "<work><work-title>Cycle</work-title></work><movement-title>Song</movement-title>"
    part = bar(attributes(), line("C4", 8))
    score = parsed(part, head=work + people)
    assert score.title == "Cycle"
    assert score.texts == (
        Text(0, "composer", "Ann"),
        Text(0, "lyricist", "Bob"),
        Text(0, "copyright", "© Cy"),
    )
    assert parsed(part, head="<movement-title>Song</movement-title>").title == "Song"
    words = '<credit page="1"><credit-words font-size="{}">{}</credit-words></credit>'
    credits = words.format(10, "by Ann") + words.format(24, "A\nSong")
    assert parsed(part, head=credits).title == "A Song"
    fragment = "<movement-title>Music21 Fragment</movement-title>"
    music21 = '<identification><creator type="composer">Music21</creator></identification>'
    assert parsed(part, head=fragment + music21) == parsed(part)


# --- chord symbols --------------------------------------------------------------------------------------------


def harmony(
    root: str, kind: str, text: str | None = None, degrees: str = "", bass: str = "", more: str = ""
) -> str:
    def pitch(name: str, of: str) -> str:
        alter = {"": "", "#": "<{}-alter>1</{}-alter>", "b": "<{}-alter>-1</{}-alter>"}[name[1:]].format(
            of, of
        )
        return f"<{of}><{of}-step>{name[0]}</{of}-step>{alter}</{of}>"

    printed = "" if text is None else f' text="{text}"'
    found = "".join(
        f"<degree><degree-value>{value}</degree-value><degree-alter>{alter}</degree-alter>"
        f"<degree-type>{change}</degree-type></degree>"
        for value, alter, change in (each.split() for each in degrees.split(",") if each)
    )
    low = pitch(bass, "bass") if bass else ""
    return f"<harmony>{pitch(root, 'root') if root else ''}<kind{printed}>{kind}</kind>{low}{found}{more}</harmony>"


def chords(score: Score) -> list[tuple[float, str]]:
    return [(t.tick / score.ticks_per_quarter, t.text) for t in score.texts if t.kind == "chord"]


@pytest.mark.parametrize(
    ("written", "symbol"),
    [
        (harmony("C", "major"), "C"),
        (harmony("D", "minor-seventh", bass="G"), "Dm7/G"),
        (harmony("F#", "dominant", "7b9", "9 -1 add"), "F#7b9"),
        (harmony("B", "half-diminished"), "Bm7b5"),
        (harmony("Bb", "major-seventh", "maj7", "11 1 add"), "Bbmaj7#11"),
        (harmony("C", "major", None, "9 0 add"), "Cadd9"),
        (harmony("C", "major-sixth", None, "9 0 add"), "C6/9"),
        (harmony("G", "suspended-fourth", None, "7 0 add"), "G7sus4"),
        (harmony("G", "suspended-fourth", "7sus4"), "G7sus4"),
        (harmony("G", "dominant", None, "5 -1 alter"), "G7b5"),
        (harmony("G", "dominant-ninth", None, "9 -1 alter"), "G7b9"),
        (harmony("A", "major", None, "3 0 subtract"), "A5"),
        (harmony("C", "diminished-seventh"), "Cdim7"),
        (harmony("E", "augmented"), "Eaug"),
        (harmony("C", "minor-13th"), "Cm13"),
        (harmony("C", "other", "m7"), "Cm7"),
        (harmony("C", "other", "nonsense"), "C"),
        (harmony("", "none", "N.C."), "N.C."),
        ("<harmony><numeral><numeral-root>5</numeral-root></numeral><kind>dominant</kind></harmony>", "G7"),
        ("<harmony><function>ii</function><kind>minor</kind></harmony>", "Dm"),
    ],
)
def test_chord_symbols(written: str, symbol: str) -> None:
    score = parsed(bar(attributes(), written, line("C4", 8)))
    assert chords(score) == [(0, symbol)]
    assert pitches(score) == [60]
    if symbol != "N.C.":
        assert parse_chord(symbol).name


@pytest.mark.parametrize("quality", KINDS)
def test_every_quality_is_read_from_its_kind_and_degrees(quality: str) -> None:
    kind, degrees = KINDS[quality]
    rows = ",".join(f"{value} {alter} {change}" for value, alter, change in degrees)
    ((_, symbol),) = chords(parsed(bar(attributes(), harmony("Eb", kind, None, rows), line("C4", 8))))
    assert parse_chord(symbol) == parse_chord(f"Eb{quality}")


def test_chord_symbols_have_their_place_and_sound_where_the_part_is_transposed() -> None:
    late = harmony("G", "dominant", more="<offset>2</offset>")
    assert chords(parsed(bar(attributes(), harmony("C", "major"), late, line("C4", 8)))) == [
        (0, "C"),
        (1, "G7"),
    ]
    shared = harmony("C", "major") + harmony("G", "dominant")  # two over one note, without offsets
    assert chords(parsed(bar(attributes(), shared, line("C4", 8)))) == [(0, "C"), (2, "G7")]
    trumpet = bar(attributes(transpose(-2, -1), fifths=2), harmony("D", "minor", bass="A"), line("D5", 8))
    assert chords(parsed(trumpet)) == [(0, "Cm/G")]
    assert chords(parsed(trumpet, bar(attributes(), harmony("C", "minor"), line("C4", 8)))) == [(0, "Cm/G")]


def test_rehearsal_marks_are_markers() -> None:
    score = parsed(bar(attributes(), direction("<rehearsal>A</rehearsal>"), line("C4", 8)))
    assert score.texts == (Text(0, "marker", "A"),)


# --- files ----------------------------------------------------------------------------------------------------

SMALL = xml(bar(attributes(), line("C4", 8)), listed=["<part-name>Größe</part-name>"])


@pytest.mark.parametrize(
    "data",
    [
        SMALL.encode(),
        b"\xef\xbb\xbf" + SMALL.encode(),
        b"\xff\xfe" + ('<?xml version="1.0" encoding="UTF-16"?>' + SMALL).encode("utf-16-le"),
        b"\xfe\xff" + ('<?xml version="1.0" encoding="utf-8"?>' + SMALL).encode("utf-16-be"),
        SMALL.encode("utf-16-le"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>' + SMALL).encode("latin-1"),
        ("<?xml version='1.0' encoding='windows-1252'?>" + SMALL).encode("cp1252"),
        ('<?xml version="1.1" encoding="macintosh"?>' + SMALL).encode("mac_roman"),
        ('<?xml version="1.0" encoding="UTF-16"?>' + SMALL).encode(),  # it is not
        ('\n<?xml version="1.0" encoding="UTF-8"?>' + SMALL).encode("latin-1"),  # nor is this UTF-8
    ],
)
def test_encodings(data: bytes) -> None:
    score = parse_musicxml(data)
    assert (score.tracks[0].name, notes(score)) == ("Größe", [(0, 4, 60)])
    assert read(data, "musicxml") == score


def test_asian_encodings() -> None:
    for encoding, word in (
        ("Shift_JIS", "さくら"),
        ("GB2312", "茉莉花"),
        ("Big5", "茉莉花"),
        ("EUC-KR", "아리랑"),
    ):
        text = f'<?xml version="1.0" encoding="{encoding}"?>' + xml(
            bar(attributes(), line("C4", 8)), head=f"<movement-title>{word}</movement-title>"
        )
        assert parse_musicxml(text.encode(encoding)).title == word


def zipped(*files: tuple[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def container(*paths: str) -> tuple[str, str]:
    files = "".join(f"<rootfile full-path={path}/>" for path in paths)
    return "META-INF/container.xml", f"<container><rootfiles>{files}</rootfiles></container>"


@pytest.mark.parametrize(
    "data",
    [
        zipped(container("'a.xml'"), ("a.xml", SMALL)),
        zipped(container('"a &amp; b.xml"'), ("a & b.xml", SMALL)),
        zipped(("a.xml", SMALL)),
        zipped(("other.xml", "<x/>"), ("b.musicxml", SMALL)),
        zipped(
            container('"a.pdf" media-type="application/pdf"', '"b.xml"'), ("a.pdf", b"%PDF"), ("b.xml", SMALL)
        ),
        zipped(container('"missing.xml"'), ("b.xml", SMALL)),
        zipped(container('"scores\\a.xml"'), ("scores/a.xml", SMALL)),
        zipped(("META-INF/container.xml", "<container"), ("b.xml", SMALL.encode("utf-16"))),
        zipped(
            ("mimetype", "application/vnd.recordare.musicxml"),
            (
                "META-INF/container.xml",
                '<c:container xmlns:c="urn:x"><c:rootfile full-path="a.xml"/></c:container>',
            ),
            ("a.xml", SMALL),
        ),
    ],
)
def test_containers(data: bytes) -> None:
    assert notes(parse_musicxml(data)) == [(0, 4, 60)]


def test_what_is_no_score_is_refused_in_one_line() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + SMALL
    outside = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + SMALL
    cases = {
        bomb.encode(): "entities",
        outside.encode(): "entities",
        b"<opus><score/></opus>": "its root is <opus>.*read these",
        b"<museScore/>": "its root is <museScore>",
        SMALL.encode()[:-20]: "damaged",
        b'<?xml version="1.0" encoding="klingon"?><x/>': "encoding 'klingon' is unknown",
        zipped(("a.txt", "x")): "without a MusicXML score",
        zipped(("a.xml", SMALL))[:-30]: "damaged compressed",
        zipped(("a.xml", b" " * ((64 << 20) + 1))): "larger than",
        b"": "damaged",
        ("<a>" * 9_000_000).encode(): "tags",
    }
    for data, reason in cases.items():
        with pytest.raises(FormatError, match=f"^the file: .*{reason}") as caught:
            parse_musicxml(data, "the file")
        assert "\n" not in str(caught.value)


def test_parts_within_measures() -> None:
    measures = [
        f'<measure number="{n}"><part id="P1">{high}</part><part id="P2">{low}</part></measure>'
        for n, (high, low) in enumerate(
            [(attributes() + line("C5", 8), attributes() + line("C3", 8)), (line("D5", 8), line("D3", 8))]
        )
    ]
    listed = "".join(f'<score-part id="P{i}"><part-name>{i}</part-name></score-part>' for i in (1, 2))
    text = f"<score-timewise><part-list>{listed}</part-list>{''.join(measures)}</score-timewise>"
    score = parse_musicxml(text.encode())
    assert [notes(score, i) for i in range(2)] == [[(0, 4, 72), (4, 4, 74)], [(0, 4, 48), (4, 4, 50)]]


def test_namespaces_and_missing_part_lists() -> None:
    spaced = SMALL.replace("<score-partwise", '<score-partwise xmlns="http://www.musicxml.org/x"')
    assert notes(parse_musicxml(spaced.encode())) == [(0, 4, 60)]
    prefixed = re.sub(r"<(/?)(\w)", r"<\1m:\2", SMALL).replace(
        "<m:score-partwise", '<m:score-partwise xmlns:m="urn:x"'
    )
    assert notes(parse_musicxml(prefixed.encode())) == [(0, 4, 60)]
    bare = f"<score-partwise><part>{bar(line('C4', 1))}</part></score-partwise>"
    assert notes(parse_musicxml(bare.encode())) == [(0, 1, 60)]
    assert parse_musicxml(b"<score-partwise/>").tracks == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (line("C4", 10**9), "bar 1 of Part 1 lasts 500000000 quarters"),
        ("<attributes><divisions>0.0001</divisions></attributes>" + line("C4", 8), "lasts 80000 quarters"),
        (line("C4") + note("E4", 10**9, before=CHORD), "lasts 500000000 quarters"),
    ],
)
def test_absurd_lengths_are_refused(content: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parsed(bar(attributes(), content))


def test_a_piece_longer_than_midi_allows_is_refused() -> None:
    with pytest.raises(FormatError, match="more than MIDI allows"):
        parsed(bar(attributes(), line("C4", 16_000)) * 100)


@pytest.mark.parametrize("divisions", ["0", "-4", "x", ""])
def test_absurd_divisions_are_ignored_and_told(divisions: str) -> None:
    score = parsed(bar(f"<attributes><divisions>{divisions}</divisions></attributes>", line("C4 D4", 1)))
    assert notes(score) == [(0, 1, 60), (1, 1, 62)]
    assert score.repairs == ("ignored 1 division of the quarter note that is not positive",)


@pytest.mark.parametrize("duration", ["-2", "x", "", "1e9"])
def test_absurd_durations_are_ignored_and_told(duration: str) -> None:
    broken = line("C4").replace("<duration>2<", f"<duration>{duration}<")
    score = parsed(bar(attributes(), broken, line("D4 E4 F4")))
    assert pitches(score) == [60, 62, 64, 65]
    assert score.repairs == ("ignored 1 duration that is no positive number",)


# --- any scores, any damage -----------------------------------------------------------------------------------

rows = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 12), st.integers(1, 9), st.integers(36, 84), st.booleans()),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4), st.integers(1, 12), st.integers(-3, 3))
def test_any_notes_are_read_as_written(bars: list[list[tuple[int, ...]]], divisions: int, shift: int) -> None:
    """Voices are written one after another with backup; each note begins after a gap, some are in chords."""
    expected, written, start = [], [], Fraction(0)
    for number, content in enumerate(bars):
        text, filled = "", Fraction(0)
        for voice in {row[0] for row in content}:
            at = 0
            for _, gap, length, pitch, in_chord in (row for row in content if row[0] == voice):
                text += f"<forward><duration>{gap}</duration></forward>"
                at += gap
                step, signs = "CCDDEFFGGAAB"[pitch % 12], (pitch % 12 in (1, 3, 6, 8, 10)) * "#"
                for name in (
                    f"{step}{signs}{pitch // 12 - 1}",
                    *([f"{step}{signs}{pitch // 12}"] * in_chord),
                ):
                    again = name[-1] != str(pitch // 12 - 1)
                    text += note(name, length, voice=voice, before=CHORD if again else "")
                    sounding = pitch + 12 * again + shift
                    expected.append((start + Fraction(at, divisions), Fraction(length, divisions), sounding))
                at += length
            filled = max(filled, Fraction(at, divisions))
            text += back(at)
        first = attributes(transpose(shift), divisions) if not number else ""
        written.append(bar(first, text))
        start += filled or 4
    score = parsed("".join(written))
    found = [note for track in range(len(score.tracks)) for note in notes(score, track)]
    assert sorted(found) == sorted((float(s), float(d), p) for s, d, p in expected)


WHOLE = xml(
    bar(attributes(transpose(-2, -1)), mark("p"), wedge("crescendo"), harmony("C", "major"), line("C4 D4"),
        note("E4", None, before=GRACE), note("E4", 4, tie="start", extra=lyric("Hal", "begin")))
    + bar(FORWARD, metronome("100"), note("E4", 8, tie="stop", extra=lyric("lo", "end")), back(8),
          note("C4", 8, voice=2))
    + bar(ending("1", "start"), unpitched(), ending("1", "stop", repeat("backward")))
    + bar(ending("2", "start"), line("C4", 8), direction("<words>D.C. al Fine</words>"), ending("2", "stop")),
    listed=["<part-name>Violin</part-name>" + instrument("x", "<midi-program>41</midi-program><volume>80</volume>")],
    head="<work><work-title>Song</work-title></work>",
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_files_raise_nothing_but_format_errors(data: st.DataObject) -> None:
    pieces = re.split(r"(?<=>)|(?=<)", WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(pieces) - 1))
        other = pieces[data.draw(st.integers(0, len(pieces) - 1))]
        odd = data.draw(
            st.sampled_from(["", "-1", "0", "99999999999", "1e400", "\0", "½", "yes", other, other * 3])
        )
        pieces[place] = odd if data.draw(st.booleans()) else pieces[place] + odd
    score = parsed_or_refused("".join(pieces).encode("utf-8"))
    for track in score.tracks:
        assert (track.notes["start"] >= 0).all()
        assert (track.notes["duration"] > 0).all()
        assert ((track.notes["pitch"] >= 0) & (track.notes["pitch"] <= 127)).all()
        assert ((track.notes["velocity"] >= 1) & (track.notes["velocity"] <= 127)).all()


def parsed_or_refused(data: bytes) -> Score:
    """Return the score of `data`; an empty one if it is refused, in one line."""
    try:
        return parse_musicxml(data)
    except FormatError as error:
        if "\n" in str(error):
            raise
        return Score(480)
