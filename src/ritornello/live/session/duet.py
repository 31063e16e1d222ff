"""Both play: the model plans beat after beat, each from all that both have played until then.

The notes of both sides in a window of a few bars are encoded as one short piece. Then a new window begins, so a beat
costs no more after an hour than in the first minute.

The plan reaches two beats ahead, and further by the time that planning a beat takes here. A beat that cannot be planned
in time is left out, so the others are; the player is told.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from ritornello.errors import counted
from ritornello.live.config import JamConfig
from ritornello.live.events import TempoSet
from ritornello.live.session import turns
from ritornello.live.session.input_buffer import InputBuffer
from ritornello.live.session.performer import LEAST_LEAD, Performer, Span

WINDOW_BARS = 4
"""Bars after which a new window begins."""

RESTS_AFTER_BARS = 2
"""Bars without a note of the player after which a model that follows rests."""

AHEAD_BEATS = 2
"""Beats by which the plan reaches ahead, besides the time that planning one takes."""

RECENT = 16
"""Plans whose durations are known."""

TELL_EVERY = 10.0
"""Seconds after which the player is told again of what came late."""


class DuetScheduler:
    """Plans the model's beats while both play, up to `planned_until` (seconds on the session's clock)."""

    def __init__(self, buffer: InputBuffer) -> None:
        self.buffer = buffer
        self.planned_until = 0.0
        self._ahead = 0.0
        self._began: float | None = None  # the present plan
        self._took: deque[float] = deque(maxlen=RECENT)  # seconds
        self._beats_left_out = 0
        self._told = float("-inf")

    def begin(self, beat: TempoSet, start: float, now: float) -> None:
        """Let the model play from the first beat at `start` or later; the first window has the pending notes."""
        first = min([start, *(note.start for note in self.buffer.player.pending_notes())])
        self.buffer.origin = turns.line_at_or_before(beat, first, turns.bar_seconds(beat))
        self.buffer.listened, self.buffer.own_notes = now, {}
        self.planned_until = turns.line_at_or_after(beat, start, turns.beat_seconds(beat))
        self._ahead, self._began = AHEAD_BEATS * turns.beat_seconds(beat), None

    def due(self, performer: Performer) -> float:
        """Return when the next beat is to be planned: while one is being planned, when that is over."""
        if performer.improviser.wants is not None:
            return self.planned_until
        return self.planned_until - self._ahead - max(self._took, default=0.0)

    def move_window(self, beat: TempoSet, now: float) -> bool:
        """Begin a new window a bar before `planned_until` if the present one is long; return whether it was.

        The notes that the model has not encoded yet move to the new window. Beats that cannot be planned in time are
        left out.
        """
        seconds, bar = turns.beat_seconds(beat), turns.bar_seconds(beat)
        usual = median(self._took) if self._took else 0.0
        next_beat = turns.line_at_or_after(beat, now + max(usual, LEAST_LEAD), seconds)
        if next_beat > self.planned_until:
            self._beats_left_out += round((next_beat - self.planned_until) / seconds)
            self.planned_until = next_beat
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
            span = Span(
                self.planned_until, stop, False, in_time=True, avoid=avoid, first_bar_line=first_bar_line
            )
            performer.play(config, buffer.ensemble(performer, config), inputs, span)
            self._began = now
        buffer.listened, self.planned_until = now, stop

    def watch(self, performer: Performer, now: float) -> None:
        """Note how long the present plan took, once it is complete."""
        if self._began is not None and performer.improviser.wants is None:
            self._took.append(now - self._began)
            self._began = None

    def give_up(self, performer: Performer, now: float) -> None:
        """End the present plan, if there is one; what of its beat is decided stays."""
        if self._began is not None:
            performer.finish()
            self._beats_left_out += 1
            self.watch(performer, now)

    def remark(self, performer: Performer, beat: TempoSet, now: float, last: bool = False) -> str | None:
        """Return a line about what came late since the last one; None if nothing did, or the last one is recent."""
        late = {
            f"{counted(performer.moved, 'note')} moved to the next line of the grid": performer.moved,
            f"{counted(performer.left_out, 'note')} left out": performer.left_out,
            f"{counted(self._beats_left_out, 'beat')} left out": self._beats_left_out,
        }
        if not any(late.values()) or (now < self._told + TELL_EVERY and not last):
            return None
        performer.moved = performer.left_out = self._beats_left_out = 0
        self._told, usual = now, median(self._took) if self._took else 0.0
        name, tempo = performer.model.name, beat.quarters_per_minute
        reason = f"{name} came late"
        if usual > turns.beat_seconds(beat):
            reason = f"this machine is too slow for {name} at {tempo:.0f}: a beat takes {usual:.1f} s to plan"
        return f"{reason}; {', '.join(line for line, count in late.items() if count)}"
