"""The four ways in which Magenta's models see and name a melody's events (systems.md, D1).

An encoding has *labels*, the ids of the tokens, and a *row* of numbers that the network reads at each step.

| encoding | labels | inputs | |
|---|---|---|---|
| basic | 38 | 38 | no event, note-off, then the pitches 48 to 83 |
| mono | 130 | 130 | the same with all pitches 0 to 127; nothing is transposed |
| lookback | 40 | 121 | two more labels: as 1 bar ago, as 2 bars ago; it sees both, and the place |
| key | 40 | 74 | the pitches first, then no event and note-off; it sees also the key so far |

A row is told in columns: a one-hot piece of n numbers is one column of n + 1 values, the last for none; a
number that is 0 or 1 is a column of 2, one that is -1, 0 or +1 a column of 3.

`Past` is what of a melody is over: it takes one event at a time, and everything else is read off it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from ritornello.representations.base import Column
from ritornello.representations.melody.extraction import MAJOR_SCALE, NO_EVENT, NOTE_OFF

BAR = 16
"""Steps of the bar that the lookbacks and counters go by, whatever the meter; as in Magenta."""

DISTANCES = (BAR, 2 * BAR)

KEYS = tuple(tuple(int((pitch - key) % 12 in MAJOR_SCALE) for key in range(12)) for pitch in range(12))
"""Whether a pitch class (first index) belongs to a major key (second)."""


@dataclass
class Past:
    """The events so far, and what they amount to."""

    events: list[int] = field(default_factory=list)
    sounding: int | None = None  # pitch
    direction: int = 0  # of the last change of pitch
    last_note: int = 0  # step
    recent: tuple[int, ...] = ()  # the last three distinct pitches, the latest last
    keys: tuple[int, ...] = (0,) * 12  # notes that belong to each major key

    def advance(self, event: int) -> None:
        """Take the next event: NO_EVENT, NOTE_OFF or a pitch."""
        self.events.append(event)
        if event == NOTE_OFF:
            self.sounding = None
        elif event != NO_EVENT:
            self._strike(event)

    def _strike(self, pitch: int) -> None:
        if self.recent and pitch != self.recent[-1]:
            self.direction = 1 if pitch > self.recent[-1] else -1
        self.sounding, self.last_note = pitch, len(self.events) - 1
        self.recent = (*(other for other in self.recent if other != pitch), pitch)[-3:]
        self.keys = _counted(self.keys, pitch)

    def fork(self) -> Past:
        """Return an independent copy."""
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


class Encoding(Protocol):
    """Labels and rows. `label` and `event` say the same of the step after `past`, back and forth."""

    @property
    def low(self) -> int: ...

    @property
    def high(self) -> int:
        """The pitches go from `low` up to, not including, `high`."""

    @property
    def squashes(self) -> bool:
        """Whether melodies are moved into one key and the range."""

    @property
    def labels(self) -> int: ...

    @property
    def columns(self) -> tuple[Column, ...]: ...

    def class_of(self, event: int) -> int:
        """Return the label that names an event by itself."""

    def label(self, event: int, past: Past) -> int: ...

    def event(self, label: int, past: Past) -> int: ...

    def row(self, past: Past) -> tuple[int, ...]:
        """Return the row after the last event; before the first one, that of the step before the beginning."""


class OneHot(NamedTuple):
    """`basic` and `mono`: 0 is no event, 1 note-off, then the pitches."""

    low: int
    high: int
    squashes: bool

    @property
    def plain(self) -> int:
        """How many labels name an event by themselves."""
        return 2 + self.high - self.low

    @property
    def labels(self) -> int:
        return self.plain

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column("event", self.plain + 1),)

    def class_of(self, event: int) -> int:
        return event + 2 if event < 0 else event - self.low + 2

    def label(self, event: int, past: Past) -> int:
        return self.class_of(event)

    def event(self, label: int, past: Past) -> int:
        return label - 2 if label < 2 else label - 2 + self.low

    def row(self, past: Past) -> tuple[int, ...]:
        return (self.class_of(past.events[-1]) if past.events else self.plain,)


def repeat_label(event: int, past: Past, first: int) -> int | None:
    """Return `first` if the next event is that of a bar ago, `first` + 1 if it is that of two bars ago, or none.

    Two bars win over one. In the first two bars, nothing that happens counts as a repetition of nothing.
    """
    p = len(past.events)
    if (p < 2 * BAR and event == NO_EVENT) or (p >= 2 * BAR and event == past.ago(2 * BAR)):
        return first + 1
    return first if p >= BAR and event == past.ago(BAR) else None


class Lookback(OneHot):
    """`lookback`: the labels and the row of basic; the events a bar and two bars before the next one; its number."""

    @property
    def labels(self) -> int:
        return self.plain + len(DISTANCES)

    @property
    def columns(self) -> tuple[Column, ...]:
        return (
            *super().columns,
            *(Column(f"event {distance} steps before the next", self.plain + 1) for distance in DISTANCES),
            *(Column(f"counter bit {bit}", 3) for bit in range(5)),
            *(Column(f"repeats {distance} steps ago", 2) for distance in DISTANCES),
        )

    def label(self, event: int, past: Past) -> int:
        repeat = repeat_label(event, past, self.plain)
        return self.class_of(event) if repeat is None else repeat

    def event(self, label: int, past: Past) -> int:
        return super().event(label, past) if label < self.plain else past.ago(DISTANCES[label - self.plain])

    def row(self, past: Past) -> tuple[int, ...]:
        return (
            *super().row(past),
            *(self.class_of(past.ago(distance)) for distance in DISTANCES),
            *past.bits(5),
            *(past.repeats(distance) for distance in DISTANCES),
        )


class Keyed(NamedTuple):
    """`key`: pitches, no event, note-off, the two repetitions; the row tells what sounds, the place and the key."""

    low: int
    high: int
    squashes: bool = True

    @property
    def labels(self) -> int:
        return self.high - self.low + 4

    @property
    def columns(self) -> tuple[Column, ...]:
        flags = ("sounds", "is silent", "begins")
        return (
            Column("sounding pitch", self.high - self.low + 1),
            *(Column(name, 2) for name in flags),
            Column("direction", 3),
            *(Column(f"repeats {distance} steps ago", 2) for distance in DISTANCES),
            *(Column(f"counter bit {bit}", 3) for bit in range(7)),
            Column("bar line next", 2),
            *(Column(f"key {key}", 2) for key in range(12)),
            *(Column(f"key {key} of the last three", 2) for key in range(12)),
        )

    def class_of(self, event: int) -> int:
        return self.high - self.low + event + 2 if event < 0 else event - self.low

    def label(self, event: int, past: Past) -> int:
        repeat = repeat_label(event, past, self.labels - 2)
        return self.class_of(event) if repeat is None else repeat

    def event(self, label: int, past: Past) -> int:
        pitches = self.high - self.low
        if label >= pitches + 2:
            return past.ago(DISTANCES[label - pitches - 2])
        return label + self.low if label < pitches else label - pitches - 2

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
            *_best(past.keys),
            *_best(recent),
        )


def _best(scores: tuple[int, ...]) -> tuple[int, ...]:
    """Return 1 for each of the highest scores, else 0."""
    top = max(scores)
    return tuple(int(score == top) for score in scores)


LOW, HIGH = 48, 84
"""The range of Magenta's melodies, the upper end not included."""

ENCODINGS: dict[str, Encoding] = {
    "basic": OneHot(LOW, HIGH, True),
    "mono": OneHot(0, 128, False),
    "lookback": Lookback(LOW, HIGH, True),
    "key": Keyed(LOW, HIGH),
}
