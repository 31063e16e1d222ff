"""Music as it is written: the bars of a part, with notes at their sounding pitch, signs, and the order of playing.

Readers of notation make these; `assembly` makes a `Score` of them. Times are in quarters from the start of the bar
(Fraction).

Read in order: `Note`, `Sign`, `Bar`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ritornello.formats.notated.instruments import Instrument
from ritornello.formats.notated.order import Navigation

MAX_QUARTERS = 10_000  # of a bar


@dataclass(slots=True)
class Note:
    """A note of a bar from `start` to `stop`; a grace note has no length.

    pitch: MIDI pitch, or key of the kit. tied: whether from the note before and to the one after. velocity: what the
    note itself says; accent: how much louder its articulations make it. times: when it is played, if not every time.
    lyrics: (verse, syllable). grace: the number of a grace note in its bar; those of a chord share it.
    """

    start: Fraction
    stop: Fraction
    pitch: int
    is_drum: bool
    instrument: Instrument
    voice: str
    staff: int
    tied: tuple[bool, bool] = (False, False)
    is_grace: bool = False
    grace: int = 0
    velocity: int | None = None
    accent: int = 0
    times: frozenset[int] = frozenset()
    lyrics: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Sign:
    """What begins at a place of a bar: its kind, with value.

    tempo: Pace. key: (Key, sounding, of tick 0; whether written without signs by a transposing part). chord, marker:
    str. dynamic: Dynamic. control: (number, value).
    """

    start: Fraction
    kind: str
    value: Any
    staff: int = 1


@dataclass
class Bar:
    """What a <measure> has.

    filled: how far its notes, rests and gaps reach; sounding: how far its notes do. is_implicit: not counted, such as a
    pickup. meter: a signature
    that begins here; is_free: none holds from here on (senza misura).
    """

    notes: list[Note] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    filled: Fraction = Fraction(0)
    sounding: Fraction = Fraction(0)
    is_implicit: bool = False
    meter: tuple[int, int] | None = None
    is_free: bool = False
    navigation: Navigation = field(default_factory=Navigation)
