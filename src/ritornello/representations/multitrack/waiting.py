"""Who waits: of the instruments of a piece, the one that has not played for longest, and for how many bars.

A network that composes for many instruments forgets those that it announced and has not let play. So it is shown the
one whose turn it might be. A voice takes part from when the header names it or it plays; one that never played waits
longest. Of several the first in score order counts. `waits` does a whole piece at once, a `Waiting` one id at a time,
with the same result: two columns, 1 + the voice (0: there is none), and the bars since it last began a note.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Ints

MOST_BARS = 8
"""More bars of silence look alike."""

NEVER_PLAYED = MOST_BARS + 1

_UNHEARD, _ABSENT = -1, -2


def waits(
    voice: Ints, is_named: NDArray[np.bool_], is_played: NDArray[np.bool_], time: Ints, bar: Ints
) -> tuple[Ints, Ints]:
    """Return both columns for the voice that each step names or plays, its time, and the steps of a bar then."""
    taking_part = np.unique(voice[is_named | is_played])
    if not len(taking_part):
        return np.zeros_like(time), np.zeros_like(time)
    played = np.where(is_played, time, np.where(is_named, _UNHEARD, _ABSENT))
    heard = np.where(voice[:, None] == taking_part, played[:, None], _ABSENT)
    heard = np.maximum.accumulate(heard, axis=0)
    heard[heard == _ABSENT] = np.iinfo(np.int64).max
    number = heard.argmin(axis=1)
    since = heard[np.arange(len(time)), number]
    is_any = since <= time
    bars = np.minimum(np.where(is_any, time - since, 0) // bar, MOST_BARS)
    columns = taking_part[number] + 1, np.where(since == _UNHEARD, NEVER_PLAYED, bars)
    return np.where(is_any, columns[0], 0), np.where(is_any, columns[1], 0)


@dataclass
class Waiting:
    """When the voices that take part last began a note, in steps."""

    heard: dict[int, int] = field(default_factory=dict)

    def name(self, voice: int) -> None:
        """The header names a voice."""
        self.heard.setdefault(voice, _UNHEARD)

    def play(self, voice: int, time: int) -> None:
        """A voice begins a note."""
        self.heard[voice] = time

    def values(self, time: int, bar: int) -> tuple[int, int]:
        """Return both columns at a time, where a bar has so many steps."""
        if not self.heard:
            return 0, 0
        since, voice = min((since, voice) for voice, since in self.heard.items())
        return voice + 1, NEVER_PLAYED if since == _UNHEARD else min((time - since) // bar, MOST_BARS)

    def copy(self) -> Waiting:
        """Return an independent copy."""
        return Waiting(dict(self.heard))
