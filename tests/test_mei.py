"""MEI, and Humdrum by way of it."""

from __future__ import annotations

import pytest

from ritornello.errors import FormatError
from ritornello.formats import humdrum, read
from ritornello.score import Key, Meter, Score

Q = 480


def mei(
    measures: str, staves: str = '<staffDef n="1" label="Flute"/>', definition: str = "", head: str = ""
) -> Score:
    text = (
        f'<mei xmlns="http://www.music-encoding.org/ns/mei"><meiHead><fileDesc><titleStmt><title>A piece</title>{head}'
        "</titleStmt></fileDesc></meiHead><music><body><mdiv><score>"
        f'<scoreDef meter.count="4" meter.unit="4" {definition}><staffGrp>{staves}</staffGrp></scoreDef>'
        f"<section>{measures}</section></score></mdiv></body></music></mei>"
    )
    return read(text.encode(), "mei").resampled(Q)


def measure(content: str, attributes: str = "", beside: str = "", n: int = 1) -> str:
    return f'<measure {attributes}><staff n="{n}"><layer n="1">{content}</layer></staff>{beside}</measure>'


def note(name: str, dur: str = "4", more: str = "", inside: str = "") -> str:
    return f'<note pname="{name[0]}" oct="{name[1]}" dur="{dur}" {more}>{inside}</note>'


def notes(score: Score, track: int = 0) -> list[tuple[float, float, int]]:
    return [(start / Q, length / Q, pitch) for start, length, pitch, _ in score.tracks[track].notes.tolist()]


def pitches(score: Score) -> list[int]:
    return [pitch for _, _, pitch in notes(score)]


REPEATED = {name: measure(note(name, "1"), 'right="rptend"') for name in ("c4", "d4")}
WHOLE = {name: measure(note(name, "1")) for name in ("c4", "d4", "e4")}


def test_notes_chords_rests_and_tuplets() -> None:
    tuplet = f'<tuplet num="3" numbase="2">{note("d4", "8") * 3}</tuplet>'
    chord = '<chord dur="4" dots="1"><note pname="c" oct="4"/><note pname="e" oct="4"/></chord>'
    score = mei(measure(note("c4") + chord + '<rest dur="8"/>' + tuplet))
    assert notes(score)[:3] == [(0, 1, 60), (1, 1.5, 60), (1, 1.5, 64)]
    assert [start for start, _, _ in notes(score)[3:]] == pytest.approx([3, 3 + 1 / 3, 3 + 2 / 3])
    assert (score.title, score.tracks[0].name, score.tracks[0].program) == ("A piece", "Flute", 73)


def test_a_tuplet_may_be_a_span() -> None:
    three = "".join(note("d4", "4", f'xml:id="n{number}"') for number in range(3))
    span = '<tupletSpan num="3" numbase="2" startid="#n0" endid="#n2"/>'
    score = mei(measure(three + note("e4", "2"), beside=span))
    assert [start for start, _, _ in notes(score)] == pytest.approx([0, 2 / 3, 4 / 3, 2])


def test_accidentals_that_sound_and_those_of_the_key() -> None:
    score = mei(
        measure(note("f4") + note("f4", more='accid.ges="s"') + note("f4", inside='<accid accid="n"/>'))
    )
    assert pitches(score) == [65, 66, 65]
    bare = measure(note("f4") + note("c4", more='accid="s"') + note("c4")) + measure(note("c4", "1"))
    assert pitches(mei(bare, definition='key.sig="1s"')) == [66, 61, 61, 60]
    assert mei(bare, definition='key.sig="3f" key.mode="minor"').keys == (Key(0, -3, True),)


def test_transposing_staves_sound() -> None:
    staff = '<staffDef n="1" trans.semi="-2" trans.diat="-1"><keySig sig="2s"/></staffDef>'
    score = mei(measure(note("d4", "1", 'accid.ges="n"')), staff)
    assert (pitches(score), score.keys) == ([60], (Key(0, 0),))


def test_ties_join_over_the_bar_line() -> None:
    by_element = measure(note("c4", "1", 'xml:id="a"'), beside='<tie startid="#a" endid="#b"/>')
    assert notes(mei(by_element + measure(note("c4", "1", 'xml:id="b"')))) == [(0, 8, 60)]
    assert notes(mei(measure(note("c4", "1", 'tie="i"')) + measure(note("c4", "1", 'tie="t"')))) == [
        (0, 8, 60)
    ]


def test_a_pickup_keeps_its_bar_line() -> None:
    score = mei(measure(note("c4"), 'metcon="false"') + WHOLE["d4"] * 2)
    assert score.bar_starts().tolist() == [0, Q, 5 * Q]


@pytest.mark.parametrize(
    ("measures", "order"),
    [
        (REPEATED["c4"] + WHOLE["d4"], [60, 60, 62]),
        (
            WHOLE["c4"] + f'<ending n="1">{REPEATED["d4"]}</ending>'
            f'<ending n="2">{WHOLE["e4"]}</ending>',
            [60, 62, 60, 64],
        ),
        (
            f'<expansion plist="#x #y #x"/><section xml:id="x">{WHOLE["c4"]}</section>'
            f'<section xml:id="y">{WHOLE["d4"]}</section>{WHOLE["e4"]}',
            [60, 62, 60, 64],
        ),
        (
            measure(note("c4", "1"), beside='<dir tstamp="4">Fine</dir>')
            + measure(note("d4", "1"), beside='<dir tstamp="4">D.C. al Fine</dir>'),
            [60, 62, 60],
        ),
    ],
)  # fmt: skip
def test_repeats_are_played_out(measures: str, order: list[int]) -> None:
    assert pitches(mei(measures)) == order


def test_what_stands_beside_the_notes() -> None:
    beside = (
        '<tempo tstamp="1" midi.bpm="90"/><dynam tstamp="1" staff="1">p</dynam><dynam tstamp="3" staff="1">f</dynam>'
        '<harm tstamp="1">Am7</harm><harm tstamp="3">V7</harm><reh tstamp="1">B</reh>'
    )
    syllable = '<verse n="1"><syl wordpos="i">Hal</syl></verse>'
    score = mei(measure(note("c4", "2", inside=syllable) + note("d4", "2", 'artic="acc"'), beside=beside))
    assert score.tempos[0].quarters_per_minute == pytest.approx(90)
    assert score.tracks[0].notes["velocity"].tolist() == [49, 112]
    assert [(text.kind, text.text) for text in score.texts] == [("chord", "Am7"), ("marker", "B")]
    assert [text.text for text in score.tracks[0].texts] == ["Hal-"]


def test_grace_notes_multirests_and_percussion() -> None:
    score = mei(measure(note("c4", "2") + note("e4", "8", 'grace="acc"') + note("d4", "2")))
    assert notes(score) == [(0, 2, 60), (1.875, 0.125, 64), (2, 2, 62)]
    rests = mei(measure('<multiRest num="3"/>') + WHOLE["c4"])
    assert notes(rests) == [(12, 4, 60)]
    drums = mei(measure('<note loc="4" dur="1"/>'), '<staffDef n="1" clef.shape="perc"/>')
    assert drums.tracks[0].is_drum


def test_staves_of_a_named_group_are_one_part() -> None:
    group = '<staffGrp symbol="brace"><label>Piano</label><staffDef n="1"/><staffDef n="2"/></staffGrp>'
    both = '<measure><staff n="1"><layer>{}</layer></staff><staff n="2"><layer>{}</layer></staff></measure>'
    score = mei(both.format(note("c5", "1"), note("c3", "1")), group)
    assert [(track.name, notes(score)) for track in score.tracks] == [("Piano", [(0, 4, 48), (0, 4, 72)])]


def test_meters_change() -> None:
    change = '<scoreDef meter.count="3" meter.unit="4"/>'
    score = mei(WHOLE["c4"] + change + measure(note("d4", "2", 'dots="1"')))
    assert score.meters == (Meter(0, 4, 4), Meter(4 * Q, 3, 4))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<mei><music/></mei>", "no measures"),
        ("<html/>", "its root is <html>"),
        ("<mei>", "not an MEI file, or a damaged one"),
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><mei/>", "entities"),
    ],
)
def test_what_cannot_be_read_is_one_line(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(text.encode(), "mei")
    with pytest.raises(FormatError, match="a duration 'minima'"):
        mei(measure(note("c4", "minima")))


KERN = """!!!OTL: A study
**kern\t**text\t**kern
*Iclars\t*\t*Iflt
*I"Clarinet\t*\t*I"Flute
*ITrd1c2\t*\t*
*clefG2\t*\t*clefG2
*k[]\t*\t*k[b-e-]
*M2/4\t*\t*M2/4
*MM90\t*\t*MM90
=1\t=1\t=1
4d\tHal-\t8qc
.\t.\t4f
[4e\t-lo\t4g
=2:|!\t=2:|!\t=2:|!
2e]\t.\t6a
.\t.\t6b-
.\t.\t6cc
.\t.\t4r
==\t==\t==
*-\t*-\t*-
"""


def test_humdrum_sounds_with_its_repeats() -> None:
    pytest.importorskip("verovio")
    score = read(KERN.encode(), "krn").resampled(Q)
    tracks = {track.name: number for number, track in enumerate(score.tracks)}
    assert score.title == "A study"
    assert [pitch for _, _, pitch in notes(score, tracks["Clarinet"])] == [62, 64, 62, 64]
    assert score.tracks[tracks["Clarinet"]].program == 71
    assert notes(score, tracks["Clarinet"])[-1] == (3, 3, 64)
    assert [pitch for _, _, pitch in notes(score, tracks["Flute"])] == [60, 65, 67, 60, 65, 67, 69, 70, 72]
    assert score.keys[0] == Key(0, -2)
    assert score.tempos[0].quarters_per_minute == pytest.approx(90)
    assert score.bar_starts().tolist() == [0, 2 * Q, 4 * Q]


def test_a_file_that_ends_verovio_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("verovio")
    with pytest.raises(FormatError, match="damaged Humdrum file"):
        read(b"**kern\t**kern\n4c\n*\t*^\t*\n4d\t4e\n", "krn")
    monkeypatch.setattr(humdrum, "_PROGRAM", "import os; os.abort()")
    with pytest.raises(FormatError, match="verovio could not read it"):
        read(KERN.encode(), "krn")
    monkeypatch.setattr(humdrum, "_PROGRAM", "while True: pass")
    monkeypatch.setattr(humdrum, "SECONDS", 0.2)
    with pytest.raises(FormatError, match="longer than"):
        read(KERN.encode(), "krn")


@pytest.mark.parametrize(
    ("data", "message"), [(b"4c\n", "no spine"), (b"**harm\nI\n*-\n", r"without \*\*kern")]
)
def test_what_is_no_kern_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(data, "krn")
