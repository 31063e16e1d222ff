"""What stands above and below the notes: tempo, chord symbols, marks and pedals, as MusicXML with their places.

Each is a function of the whole score that returns (bar, units from its start, XML); the XML has `OFFSET` where the
writer puts the distance from the note that it stands before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction

from ritornello.chord_symbols import chord_texts
from ritornello.notation.bars import Timeline
from ritornello.notation.beams import beat
from ritornello.notation.harmony import Degree, Harmony, Name, written_harmony
from ritornello.notation.text import element, printable, text_element
from ritornello.score import CONTROL_CHANGE, Meter, Score, Tempo, Track

Direction = tuple[int, int, str]

AUDIBLE = 0.04
"""A tempo is printed where it differs by so much from the one printed before; others are only played."""

OFFSET = "\0"  # no text has it
PEDAL = 64  # the controller
_LONGEST_MARK = 60  # characters
_BEATS = {
    Fraction(2): ("half", False), Fraction(3): ("half", True), Fraction(1): ("quarter", False),
    Fraction(3, 2): ("quarter", True), Fraction(4): ("whole", False),
}  # fmt: skip


def beat_of(meter: Meter) -> tuple[str, bool, Fraction]:
    """Return the note that a tempo counts in a meter: its name, whether it is dotted, and its quarters."""
    length = beat(meter.numerator, meter.denominator)
    if length not in _BEATS:  # eighths are counted in quarters, as in a MIDI file
        length = Fraction(1)
    return *_BEATS[length], length


def tempo_directions(score: Score, timeline: Timeline, is_printed: bool) -> Iterator[Direction]:
    """Yield the tempos; with `is_printed` only what a reader sees after the first one, which stands in the header."""
    tempos = list(score.tempos)
    if tempos and tempos[0].tick > 0:
        tempos.insert(0, Tempo.from_quarters_per_minute(0, 120))
    seen: float | None = None
    by_place = {timeline.place(tempo.tick): tempo for tempo in tempos if tempo.tick < timeline.edges[-1]}
    for (bar, at), tempo in by_place.items():
        speed = tempo.quarters_per_minute
        is_audible = seen is None or abs(speed / seen - 1) >= AUDIBLE
        if is_printed and (seen is None or not is_audible):
            seen = seen or speed
            continue
        name, is_dotted, quarters = beat_of(_meter_at(timeline, bar))
        digits = 0 if is_printed else 2
        mark = element("beat-unit", name) + element("beat-unit-dot") * is_dotted
        mark += element("per-minute", f"{round(speed / quarters, digits):g}")
        metronome = element("metronome", mark, print_object=None if is_audible else "no")
        yield bar, at, _direction(metronome, element("sound", tempo=f"{speed:.9g}"), placement="above")
        seen = speed if is_audible else seen


def _meter_at(timeline: Timeline, bar: int) -> Meter:
    shape = timeline.bars[bar].shape
    return Meter(0, shape.numerator, shape.denominator)


def harmony_directions(score: Score, timeline: Timeline, is_printed: bool) -> Iterator[Direction]:
    """Yield the chord symbols; of several at one place the last."""
    found = {}
    for text in chord_texts(score):
        harmony = written_harmony(text.text)
        if harmony is not None and text.tick < timeline.edges[-1]:
            found[timeline.place(text.tick)] = _harmony(harmony, is_printed)
    for (bar, at), xml in found.items():
        yield bar, at, xml


def _harmony(harmony: Harmony, is_printed: bool) -> str:
    words = printable(harmony.text)
    if is_printed:
        words = re.sub(r"[#b](?=\d)", lambda sign: "♯" if sign[0] == "#" else "♭", words)
    content = _named("root", harmony.root) + element("kind", harmony.kind, text=words)
    if harmony.bass:
        content += _named("bass", harmony.bass)
    degrees = () if is_printed else harmony.degrees  # printed by the text of the kind; verovio would add them
    return element("harmony", content + "".join(map(_degree, degrees)) + OFFSET)


def _named(tag: str, name: Name) -> str:
    step, alter = name
    return element(tag, element(f"{tag}-step", step) + (element(f"{tag}-alter", alter) if alter else ""))


def _degree(degree: Degree) -> str:
    value, alter, kind = degree
    parts = (("value", value), ("alter", alter), ("type", kind))
    content = "".join(element(f"degree-{tag}", content) for tag, content in parts)
    return element("degree", content, print_object="no")


def mark_directions(score: Score, timeline: Timeline) -> Iterator[Direction]:
    """Yield the markers that are no chord symbols; a letter or a number is a rehearsal mark."""
    chords = set(chord_texts(score))
    for text in score.texts:
        words = printable(text.text)
        is_mark = text.kind == "marker" and text not in chords and text.tick < timeline.edges[-1]
        if is_mark and 0 < len(words) <= _LONGEST_MARK:
            kind = "rehearsal" if len(words) <= 2 else "words"
            yield *timeline.place(text.tick), _direction(text_element(kind, words), placement="above")


def pedal_directions(tracks: Iterable[Track], timeline: Timeline) -> Iterator[Direction]:
    """Yield where the sustain pedal goes down and up; from the middle of its way it is down, as in MIDI."""
    for track in tracks:
        is_pedal = (track.controls["kind"] == CONTROL_CHANGE) & (track.controls["number"] == PEDAL)
        is_down = False
        for tick, _, _, value in track.controls[is_pedal].tolist():
            if (value >= 64) != is_down and (is_down or tick < timeline.edges[-1]):
                is_down = not is_down
                kind, sound = ("start", "yes") if is_down else ("stop", "no")
                pedal = element("pedal", type=kind, line="yes")
                yield (
                    *timeline.place(tick),
                    _direction(pedal, element("sound", damper_pedal=sound), placement="below"),
                )


def _direction(content: str, sound: str = "", **attributes: str) -> str:
    return element("direction", element("direction-type", content) + OFFSET + sound, **attributes)
