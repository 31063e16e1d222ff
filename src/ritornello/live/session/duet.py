"""Both play: the model plans beat after beat, each from all that both have played until then.

The notes of both sides in a window of a few bars are encoded as one short piece. Then a new window begins, so a beat
costs no more after an hour than in the first minute.
"""

from __future__ import annotations

from ritornello.live.config import JamConfig
from ritornello.live.events import TempoSet
from ritornello.live.session import turns
from ritornello.live.session.input_buffer import InputBuffer
from ritornello.live.session.performer import LEAST_LEAD, Performer, Span

WINDOW_BARS = 4
"""Bars after which a new window begins."""

RESTS_AFTER_BARS = 2
"""Bars without a note of the player after which a model that follows rests."""


class DuetScheduler:
    """Plans the model's beats while both play, up to `planned_until` (seconds on the session's clock)."""

    def __init__(self, buffer: InputBuffer) -> None:
        self.buffer = buffer
        self.planned_until = 0.0

    def begin(self, beat: TempoSet, start: float, now: float) -> None:
        """Let the model play from the first beat at `start` or later; the first window has the pending notes."""
        first = min([start, *(note.start for note in self.buffer.player.pending_notes())])
        self.buffer.origin = turns.line_at_or_before(beat, first, turns.bar_seconds(beat))
        self.buffer.listened, self.buffer.own_notes = now, []
        self.planned_until = turns.line_at_or_after(beat, start, turns.beat_seconds(beat))

    def move_window(self, beat: TempoSet, now: float) -> bool:
        """Begin a new window a bar before `planned_until` if the present one is long; return whether it was.

        The notes that the model has not encoded yet move to the new window.
        """
        next_beat = turns.line_at_or_after(beat, now + LEAST_LEAD, turns.beat_seconds(beat))
        self.planned_until = max(self.planned_until, next_beat)
        bar = turns.bar_seconds(beat)
        if self.planned_until - self.buffer.origin < WINDOW_BARS * bar:
            return False
        self.buffer.origin = turns.line_at_or_before(beat, self.planned_until - bar, bar)
        self.buffer.forget(self.buffer.listened)
        return True

    def is_at_bar_line(self, beat: TempoSet) -> bool:
        """Whether all is planned up to a bar line."""
        bar = turns.bar_seconds(beat)
        return abs(turns.line_at_or_before(beat, self.planned_until, bar) - self.planned_until) < 1e-6

    def plan(
        self, performer: Performer, config: JamConfig, beat: TempoSet, now: float, first_bar_line: float
    ) -> None:
        """Let the model play the beat at `planned_until`, unless it follows a player who rests."""
        buffer, player, follows = self.buffer, self.buffer.player, turns.rules_of(config).follows
        stop, silence = self.planned_until + turns.beat_seconds(beat), now - player.last_onset
        is_resting = player.keys.are_silent and silence > RESTS_AFTER_BARS * turns.bar_seconds(beat)
        if not (follows and is_resting):
            avoid, tempo = player.program if follows else None, performer.model.tokens.quarters_per_minute
            inputs = buffer.snapshot(beat, tempo, now, self.planned_until)
            span = Span(self.planned_until, stop, at_once=False, avoid=avoid, first_bar_line=first_bar_line)
            performer.play(config, buffer.ensemble(performer, config), inputs, span)
        buffer.listened, self.planned_until = now, stop
