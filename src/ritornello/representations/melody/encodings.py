"""The four encodings of melodies in Magenta's models (systems.md, D1).

An encoding has *labels*, the ids of the tokens, and a *row* of input columns for the network at each step.

| encoding | labels | inputs | |
|---|---|---|---|
| basic | 38 | 38 | no event, note-off, then the pitches 48 to 83 |
| mono | 130 | 130 | the same with all pitches 0 to 127; nothing is transposed |
| lookback | 40 | 121 | two more labels: as 1 bar ago, as 2 bars ago; both are inputs, and the position |
| key | 40 | 74 | the pitches first, then no event and note-off; the key so far is an input |

In a row, n one-hot numbers are one column of n + 1 values, the last for none; a number that is 0 or 1 is a column of
2, one that is -1, 0 or +1 a column of 3. `Past` holds the events so far, from which labels and rows follow.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ritornello.representations.base import Column
from ritornello.representations.melody.extraction import MAJOR_SCALE, NO_EVENT, NOTE_OFF, shifted
from ritornello.representations.tokens import LAST, InstrumentRange, Tokens, block, build_tokens
from ritornello.theory import pitch_name

BAR = 16
"""Steps of the bar that the lookbacks and counters go by, whatever the meter; as in Magenta."""

DISTANCES = (BAR, 2 * BAR)

KEYS = tuple(tuple(int((pitch - key) % 12 in MAJOR_SCALE) for key in range(12)) for pitch in range(12))
"""Whether a pitch class (first index) belongs to a major key (second)."""


@dataclass
class Past:
    """The events so far, and their features."""

    events: list[int] = field(default_factory=list)
    sounding: int | None = None  # pitch
    direction: int = 0  # of the last change of pitch
    recent: tuple[int, ...] = ()  # the last three distinct pitches, the latest last
    keys: tuple[int, ...] = (0,) * 12  # notes that belong to each major key

    def advance(self, event: int) -> None:
        """Take the next event: NO_EVENT, NOTE_OFF or a pitch."""
        self.events.append(event)
        if event == NOTE_OFF:
            self.sounding = None
        elif event != NO_EVENT:
            if self.recent and event != self.recent[-1]:
                self.direction = 1 if event > self.recent[-1] else -1
            self.sounding = event
            self.recent = (*(other for other in self.recent if other != event), event)[-3:]
            self.keys = _counted(self.keys, event)

    def fork(self) -> Past:
        return replace(self, events=list(self.events))

    def ago(self, steps: int) -> int:
        """Return the event so many steps before the next one; NO_EVENT before the beginning."""
        return self.events[-steps] if steps <= len(self.events) else NO_EVENT

    def repeats(self, steps: int) -> int:
        """Return 1 if the last event equals that of so many steps before it, else 0."""
        return int(len(self.events) > steps and self.events[-1] == self.events[-1 - steps])

    def bits(self, count: int) -> tuple[int, ...]:
        """Return the number of the next step in binary, the lowest bit first; each as a column of -1, 0, +1."""
        return tuple(2 * (len(self.events) >> bit & 1) for bit in range(count))


def _counted(keys: tuple[int, ...], pitch: int) -> tuple[int, ...]:
    return tuple(count + belongs for count, belongs in zip(keys, KEYS[pitch % 12], strict=True))


@dataclass(frozen=True)
class Encoding:
    """Labels and rows. `basic` and `mono` are this one: 0 is no event, 1 note-off, then the pitches.

    low, high: the pitches go from `low` up to, not including, `high`. squashes: whether melodies are moved into one key
    and the range.
    """

    low: int
    high: int
    squashes: bool = True

    @property
    def plain(self) -> int:
        """How many labels name an event by themselves."""
        return 2 + self.high - self.low

    @property
    def labels(self) -> int:
        return self.plain

    def class_of(self, event: int) -> int:
        """Return the label that names an event by itself."""
        return event + 2 if event < 0 else event - self.low + 2

    def named(self, label: int) -> int:
        """Return the event that a label names by itself."""
        return label - 2 if label < 2 else label - 2 + self.low

    def label(self, event: int, past: Past) -> int:
        """Return the label of an event that follows `past`."""
        return self.class_of(event)

    def event(self, label: int, past: Past) -> int:
        """Return the event of a label that follows `past`."""
        return self.named(label)

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column("event", self.plain + 1),)

    def row(self, past: Past) -> tuple[int, ...]:
        """Return the row after the last event; before the first one, that of the step before the beginning."""
        return (self.class_of(past.events[-1]) if past.events else self.plain,)

    def make_tokens(self, step: float, shift: int) -> Tokens:
        """Return the table of the labels, start and end. Each label lasts a `step`, in quarters; notes sound `shift`
        semitones lower."""
        pitches = np.arange(self.low, self.high, dtype=np.int16)
        sounding = shifted(pitches, -shift, 0, 128)
        quiet = (
            block("no_event", names=["no event"], duration=step),
            block("note_off", names=["note off"], duration=step, tells_of=LAST),
        )
        notes = block(
            "note",
            len(pitches),
            lambda value: f"note {pitch_name(self.low + value)}",
            voice=0,
            pitch=sounding,
            notes=1,
            duration=step,
            series=0,
            step=pitches,
        )
        repeats = ("as 1 bar ago", "as 2 bars ago")
        return build_tokens(
            *((*quiet, notes) if self.class_of(NO_EVENT) == 0 else (notes, *quiet)),
            block("repeat", self.labels - self.plain, repeats, duration=step, recalls=True),
            block("start"),
            block("end"),
            instruments=[InstrumentRange("this model", -1, 0, tuple(np.unique(sounding).tolist()))],
            is_timed=True,
        )


class Lookback(Encoding):
    """`lookback`: the labels and the row of basic; the events a bar and two bars before the next one; its number."""

    @property
    def labels(self) -> int:
        return self.plain + len(DISTANCES)

    def label(self, event: int, past: Past) -> int:
        """Return the label: that of two bars ago, which include no event before the beginning, wins over a bar ago."""
        if event == past.ago(2 * BAR):
            return self.plain + 1
        return self.plain if event == past.ago(BAR) else self.class_of(event)

    def event(self, label: int, past: Past) -> int:
        return self.named(label) if label < self.plain else past.ago(DISTANCES[label - self.plain])

    @property
    def columns(self) -> tuple[Column, ...]:
        return (
            *super().columns,
            *(Column(f"event {distance} steps before the next", self.plain + 1) for distance in DISTANCES),
            *(Column(f"counter bit {bit}", 3) for bit in range(5)),
            *(Column(f"repeats {distance} steps ago", 2) for distance in DISTANCES),
        )

    def row(self, past: Past) -> tuple[int, ...]:
        return (
            *super().row(past),
            *(self.class_of(past.ago(distance)) for distance in DISTANCES),
            *past.bits(5),
            *(past.repeats(distance) for distance in DISTANCES),
        )


class Keyed(Lookback):
    """`key`: pitches, no event, note-off, the two repetitions; the row has sounding pitch, position and key."""

    def class_of(self, event: int) -> int:
        return self.plain + event if event < 0 else event - self.low

    def named(self, label: int) -> int:
        return label + self.low if label < self.plain - 2 else label - self.plain

    @property
    def columns(self) -> tuple[Column, ...]:
        return (
            Column("sounding pitch", self.high - self.low + 1),
            *(Column(name, 2) for name in ("sounds", "is silent", "begins")),
            Column("direction", 3),
            *(Column(f"repeats {distance} steps ago", 2) for distance in DISTANCES),
            *(Column(f"counter bit {bit}", 3) for bit in range(7)),
            Column("bar line next", 2),
            *(Column(f"key {key}", 2) for key in range(12)),
            *(Column(f"key {key} of the last three", 2) for key in range(12)),
        )

    def row(self, past: Past) -> tuple[int, ...]:
        sounding, events = past.sounding, past.events
        recent: tuple[int, ...] = (0,) * 12
        for pitch in past.recent:
            recent = _counted(recent, pitch)
        return (
            self.high - self.low if sounding is None else sounding - self.low,
            int(sounding is not None),
            int(sounding is None),
            int(bool(events) and events[-1] >= 0),
            past.direction + 1,
            *(past.repeats(distance) for distance in DISTANCES),
            *past.bits(7),
            int(len(events) % BAR == 0),
            *(int(score == max(past.keys)) for score in past.keys),
            *(int(score == max(recent)) for score in recent),
        )


LOW, HIGH = 48, 84
"""The range of Magenta's melodies, the upper end not included."""

ENCODINGS: dict[str, Encoding] = {
    "basic": Encoding(LOW, HIGH),
    "mono": Encoding(0, 128, squashes=False),
    "lookback": Lookback(LOW, HIGH),
    "key": Keyed(LOW, HIGH),
}
