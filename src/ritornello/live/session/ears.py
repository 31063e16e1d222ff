"""What the model is given to hear: the notes that wait for it, in a window of time, with a tempo."""

from __future__ import annotations

from collections.abc import Sequence

from ritornello.live.config import JamConfig
from ritornello.live.events import LiveNote, TempoSet
from ritornello.live.session.hearing import Band, Window
from ritornello.live.session.improviser import Heard
from ritornello.live.session.performer import Performer
from ritornello.live.session.player import Player
from ritornello.live.session.tempo import estimate_tempo
from ritornello.live.session.turns import bar_seconds, line_at_or_before

SETTLED = 0.1
"""Seconds after which a note that is over will not change any more: events may come late."""


class Ears:
    """Listens to a player, and to the model itself where both play: `own` are the numbers of its notes."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.own: list[int] = []
        self.listened = 0.0  # when the model last listened
        self.given_tempo: float | None = None  # of a call that is a score
        self.origin = 0.0  # of the window where both play

    def forget(self, until: float) -> None:
        """Begin a new window; what begins after `until` is still to be heard."""
        self.own = []
        self.player.forget(until)

    def band(self, performer: Performer, config: JamConfig) -> Band:
        """Return who plays."""
        guests = (self.player.program, *(note.program for note in self.player.waiting()))
        return performer.band(config, tuple(dict.fromkeys(guests)))

    def tempo(self, config: JamConfig, beat: TempoSet | None) -> float:
        """Return the tempo of the call, as far as it can be told from what was played so far."""
        onsets = [note.start for note in self.player.waiting()]
        expected = config.tempo if beat is None else beat.quarters_per_minute
        return self.given_tempo or estimate_tempo(onsets, expected)

    def heard(self, beat: TempoSet, steady: float | None, now: float) -> Heard:
        """Return a call: the window begins at the bar line before its first note. `steady`: the model's own tempo."""
        notes = self._begun(self.player.waiting(), now)
        first = min((note.start for note in notes), default=now)
        origin = line_at_or_before(beat, first, bar_seconds(beat))
        return self._heard(notes, Window(origin, steady or beat.quarters_per_minute, beat.meter), now, now)

    def heard_both(self, beat: TempoSet, steady: float | None, now: float, front: float) -> Heard:
        """Return what both have played, and what the model has planned until `front`."""
        journal = self.player.record.journal
        own = [self.player.record.note(number) for number in self.own if number in journal]
        notes = self._begun(self.player.waiting(), now) + tuple(own)
        window = Window(self.origin, steady or beat.quarters_per_minute, beat.meter)
        return self._heard(notes, window, now, max(now, front))

    def _begun(self, notes: Sequence[LiveNote], now: float) -> tuple[LiveNote, ...]:
        return tuple(note for note in notes if note.start <= now)

    def _heard(self, notes: tuple[LiveNote, ...], window: Window, now: float, until: float) -> Heard:
        held = [note.start for note in notes if note.end is None]
        return Heard(window, notes, until, min([now - SETTLED, *held]), tuple(self.player.pedal))
