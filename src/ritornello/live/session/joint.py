"""Both play: the model plans beat after beat, each time after all that both have played until then.

What both play in a window of a few bars is one small piece; the model's own notes are heard again in it, in their
place among the player's. Then a new window begins, so that an hour costs no more a beat than the first minute.
"""

from __future__ import annotations

from ritornello.live.config import JamConfig
from ritornello.live.events import TempoSet
from ritornello.live.session.ears import Ears
from ritornello.live.session.performer import LEAST_LEAD, Performer, Span
from ritornello.live.session.turns import (
    bar_seconds,
    beat_seconds,
    line_at_or_after,
    line_at_or_before,
    rules_of,
)

WINDOW_BARS = 4
"""Bars after which the model begins a new window."""

RESTS_AFTER_BARS = 2
"""Bars without a note of the player after which a model that follows rests, too."""


class Joint:
    """What both play. `front` is until when the model has planned, on the session's clock."""

    def __init__(self, ears: Ears) -> None:
        self.ears = ears
        self.front = 0.0

    def begin(self, beat: TempoSet, start: float, now: float) -> None:
        """Let the model play from the first beat at `start` or later; the first window has what waits to be heard."""
        first = min([start, *(note.start for note in self.ears.player.waiting())])
        self.ears.origin = line_at_or_before(beat, first, bar_seconds(beat))
        self.ears.listened, self.ears.own = now, []
        self.front = line_at_or_after(beat, start, beat_seconds(beat))

    def move_window(self, beat: TempoSet, now: float) -> bool:
        """Begin a new window a bar before the front if the present one is long; return whether it was.

        What the player has played since the model last listened goes with it.
        """
        self.front = max(self.front, line_at_or_after(beat, now + LEAST_LEAD, beat_seconds(beat)))
        bar = bar_seconds(beat)
        if self.front - self.ears.origin < WINDOW_BARS * bar:
            return False
        self.ears.origin = line_at_or_before(beat, self.front - bar, bar)
        self.ears.forget(self.ears.listened)
        return True

    def plan(self, performer: Performer, config: JamConfig, beat: TempoSet, now: float) -> None:
        """Let the model play the beat at the front, unless it follows a player who rests."""
        ears, follows = self.ears, rules_of(config).follows
        stop = self.front + beat_seconds(beat)
        if not (follows and self._is_player_resting(beat, now)):
            avoid = ears.player.program if follows else None
            heard = ears.heard_both(beat, performer.model.tokens.quarters_per_minute, now, self.front)
            span = Span(self.front, stop, at_once=False, avoid=avoid)
            performer.play(config, ears.band(performer, config), heard, span)
        ears.listened, self.front = now, stop

    def _is_player_resting(self, beat: TempoSet, now: float) -> bool:
        player = self.ears.player
        silent = now - player.last_onset
        return player.keys.are_silent and silent > RESTS_AFTER_BARS * bar_seconds(beat)
