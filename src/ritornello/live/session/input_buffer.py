"""The input buffer: the notes that the model has not encoded yet, in a window of time, with a tempo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ritornello.live.config import JamConfig
from ritornello.live.events import LiveNote, Side, TempoSet
from ritornello.live.session.encoding_window import Ensemble, Window
from ritornello.live.session.improviser import InputSnapshot
from ritornello.live.session.model import SIXTEENTH
from ritornello.live.session.performer import Performer
from ritornello.live.session.player import Player
from ritornello.live.session.tempo import Heard, hear_beat
from ritornello.live.session.turns import bar_seconds, line_at_or_before

SETTLED = 0.1
"""Seconds after which a note that is over will not change any more: events may come late."""

ASKED, HEARD = 1 - 1e-4, 0.4
"""The trust, as in `hear_beat`: in a tempo that was tapped or set in a session, so that another is heard only if this
one fits badly, and not its half or double; and in that of the last call, or of the settings."""

NO_OTHER = 0.15
"""The share by which a call may differ from a tempo that was asked for, and is still trusted to be near it."""


class ExpectedTempo(NamedTuple):
    """The tempo that the next call is expected to have, in quarters a minute, and the trust in it."""

    quarters_per_minute: float
    trust: float

    def after(self, heard: float) -> ExpectedTempo:
        """Return what is expected after a call of tempo `heard`."""
        is_near = abs(heard / self.quarters_per_minute - 1) < NO_OTHER
        return ExpectedTempo(heard, self.trust if is_near and self.trust else HEARD)


TRIPLET = 1 / 3
"""Quarters from one line to the next of the grid of a player who plays triplets; of others it is SIXTEENTH."""

FEWEST_ONSETS = 4
"""Onsets of the player from which triplets are told from sixteenths."""


def grid_of(quarters: Sequence[float], meter: tuple[int, int], before: float = SIXTEENTH) -> float:
    """Return the grid, SIXTEENTH or TRIPLET, that fits onsets in quarters twice as well as the other, else sixteenths.

    The measure is the length of their mean on a circle (see `tempo`), so a player may be a little late throughout. Too
    few onsets leave it as it was `before`. Triplets only where a beat is a quarter or longer.
    """
    if meter[1] > 4:
        return SIXTEENTH
    if len(quarters) < FEWEST_ONSETS:
        return before
    circles = np.exp(2j * np.pi * np.asarray(quarters)[:, None] / (SIXTEENTH, TRIPLET))
    sixteenth, triplet = np.abs(circles.mean(axis=0))
    return TRIPLET if triplet > 2 * sixteenth else SIXTEENTH


class InputBuffer:
    """The pending notes of a player, and of the model itself where both play: `own_notes`, as written, by number."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.own_notes: dict[int, LiveNote] = {}
        self._grid = SIXTEENTH  # of the player
        self.listened = 0.0  # when the model last listened
        self.given_tempo: float | None = None  # of a call that is a score
        self.expected = ExpectedTempo(100.0, 0.0)
        self.origin = 0.0  # of the window where both play

    def forget(self, until: float) -> None:
        """Begin a new window; notes that begin after `until` stay pending."""
        self.own_notes = {}
        self.player.forget(until)

    def ensemble(self, performer: Performer, config: JamConfig) -> Ensemble:
        """Return the parts of both sides."""
        programs = (self.player.program, *(note.program for note in self.player.pending_notes()))
        return performer.ensemble(config, tuple(dict.fromkeys(programs)))

    def hear(self, onsets: Sequence[float]) -> Heard:
        """Return the beat of a call that has notes at `onsets`; a score has its own tempo."""
        if self.given_tempo is not None:
            return Heard(self.given_tempo, min(onsets))
        return hear_beat(onsets, *self.expected)

    def snapshot(
        self, beat: TempoSet, tempo: float | None, now: float, planned_until: float | None = None
    ) -> InputSnapshot:
        """Return the call so far, or, with `planned_until`, the notes of both sides, the model's as far as planned.

        The window begins at `origin` where both play, else at the bar line before the first note. Its notes are on a
        grid if a metronome keeps the beat, or both play. tempo: that of the model's ids, in quarters a minute; None if
        it can be any: its notes are nowhere near a grid otherwise. Where it is fixed and no metronome keeps another,
        the window begins with the first note, so that the player can be listened to before the beat is known.
        """
        notes = [note for note in self.player.pending_notes() if note.start <= now]
        if planned_until is None:
            first = min((note.start for note in notes), default=now)
            is_fixed = tempo is not None and not beat.steady
            origin, until = first if is_fixed else line_at_or_before(beat, first, bar_seconds(beat)), now
        else:
            record = self.player.record
            notes += [note for number, note in self.own_notes.items() if number in record.journal]
            origin, until = self.origin, max(now, planned_until)
        settled = min([now - SETTLED, *(note.start for note in notes if note.end is None)])
        window = Window(origin, tempo or beat.quarters_per_minute, beat.meter)
        if tempo is None and (beat.steady or planned_until is not None):
            onsets = [window.quarters(note.start) for note in notes if note.side is Side.PLAYER]
            self._grid = grid_of(onsets, beat.meter, self._grid)
            window = replace(window, grid=self._grid)
        return InputSnapshot(window, tuple(notes), until, settled, tuple(self.player.pedal))
