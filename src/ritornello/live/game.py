"""The course of a jam: whose turn it is, when it ends, and what the model does then. No input, no output, no clock.

A turn has a time at which it must be thought about (`_due`) and what is to be done then (`_then`). The model listens
now and then while the player plays, so that at the end of a call only the last notes are left; see `improviser`.

Read in order: `turns`, then here `begin_call`, `_end_call`, `_respond`, `_end_response`; `_play_on` where both play.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ritornello.live.config import JamConfig
from ritornello.live.events import (
    Answered,
    HistoryChanged,
    LiveNote,
    NotesCancelled,
    NotesPlanned,
    Output,
    Side,
    TempoSet,
    Turn,
    TurnBegan,
)
from ritornello.live.hearing import Band, Window
from ritornello.live.improviser import Heard, Memory
from ritornello.live.model import LiveModel
from ritornello.live.performer import LEAD, LEAST_LEAD, SHORTEST, Performer, Span
from ritornello.live.player import Player
from ritornello.live.record import Path, Record
from ritornello.live.tempo import estimate_tempo
from ritornello.live.turns import (
    LOOK_AHEAD,
    CallEnd,
    bar_seconds,
    beat_seconds,
    call_seconds,
    line_at_or_after,
    line_at_or_before,
    response_seconds,
    rules_of,
)
from ritornello.score import Score, ticks_to_seconds
from ritornello.theory import DRUMS, parse_instrument

LISTEN_EVERY = 0.5
"""Seconds after which the model listens again while the player plays."""

SETTLED = 0.1
"""Seconds after which a note that is over will not change any more: events may come late."""

LONGEST_CALL = 60.0
"""Seconds after which a call ends even if the player does not pause."""

WINDOW_BARS = 8
"""Bars after which the model begins a new window when both play."""

RESTS_AFTER_BARS = 2
"""Bars without a note of the player after which a model that follows rests, too."""

PATIENCE = 5.0
"""Seconds after which an answer that does not come is given up."""

UNDOS = 8


@dataclass(frozen=True)
class Moment:
    """All that is needed to go back: what counted, what the model remembered, how many answers, turns, the beat."""

    path: Path
    memory: Memory
    model: LiveModel
    answers: int
    turns: int
    beat: TempoSet | None


class Game:
    """One player and one model on one clock; what becomes known is added to `out`."""

    def __init__(self, model: LiveModel, config: JamConfig, seed: int) -> None:
        self.asked, self.asked_model, self._seed = config, model, seed
        self.config = config  # what holds in the present turn
        self.performer = Performer(model, seed)
        self.record = Record()
        self.player = Player(self.record, model.programs[0])
        self.now = 0.0
        self.turn = TurnBegan(Turn.IDLE, 0.0, None, 0)
        self.beat: TempoSet | None = None
        self.history: deque[Moment] = deque(maxlen=UNDOS)
        self.out: list[Output] = []
        self._due: float | None = None
        self._then: Callable[[float], None] = self.begin_call
        self._turns = 0
        self._given_tempo: float | None = None  # of a call that is a score
        self._called: float | None = None  # when the call ended, until the answer's first note is decided
        self._heard_at = 0.0  # when the model last listened
        self._own: list[int] = []  # the model's notes in the present window, while both play
        self._origin = self._front = 0.0  # of that window; and until when the model has planned
        self.take_wishes()

    # --- the clock --------------------------------------------------------------------------------------------

    def run_until(self, now: float) -> None:
        """Do all that is due."""
        while (due := self._due_time()) is not None and due <= now:
            self.now, self._due = max(self.now, now), None
            self._then(self.now)
        self.now = max(self.now, now)

    @property
    def next_time(self) -> float | None:
        """When `advance` should be called next, at the latest; None if nothing is planned."""
        times = [self._due_time(), self.performer.wake]
        if self.turn.turn == Turn.PLAYER and self.player.unheard:
            times.append(self._heard_at + LISTEN_EVERY)
        known = [time for time in times if time is not None]
        return max(self.now, min(known)) if known else None

    def _due_time(self) -> float | None:
        """Return when something must be done: that of a call that ends with a pause moves with the player."""
        if self._then == self._play_on and self.performer.improviser.wants is not None:
            return (
                self._front if self._due is not None else None
            )  # one beat after the other, if there is time
        waits_for_pause = rules_of(self.config).call_end == CallEnd.PAUSE and self._then == self._end_call
        if self._due is None or not waits_for_pause:
            return self._due
        if not self.player.unheard or not self.player.keys.are_silent:
            return self._due
        return min(self._due, self.player.last_sound + self.config.pause)

    # --- turns ------------------------------------------------------------------------------------------------

    def _set_turn(self, turn: Turn, start: float, end: float | None = None, number: int = 0) -> None:
        self.turn = TurnBegan(turn, start, end, number)
        if turn not in (Turn.IDLE, Turn.COUNT_IN):
            self.record.add(self.turn)
        self.out.append(self.turn)

    def _set_beat(self, bar_line: float, quarters_per_minute: float, steady: bool) -> None:
        self.beat = TempoSet(bar_line, quarters_per_minute, self.config.meter, steady)
        self.record.add(self.beat)
        self.out.append(self.beat)

    def _wait(self, until: float | None, then: Callable[[float], None]) -> None:
        self._due, self._then = until, then

    def take_wishes(self) -> None:
        """Let what is asked for hold from now on."""
        self.config = self.asked
        self.player.program = self._program()
        if self.asked_model is not self.model:
            self.performer = Performer(self.asked_model, self._seed, None, self.performer.answers)

    def _program(self) -> int:
        name = self.asked.instrument
        return self.asked_model.programs[0] if name is None else parse_instrument(name)

    def start(self, now: float) -> None:
        """Begin to play: after a count-in, if a beat is kept."""
        self.take_wishes()
        self.player.unheard = []
        if not self.config.keeps_beat:
            self.begin_call(now)
            return
        line, bars = now + LOOK_AHEAD, self.config.count_in
        start = line + bars * self.config.bar_seconds
        self._set_beat(line, self.config.tempo, steady=True)
        if bars:
            self._set_turn(Turn.COUNT_IN, line, start)
        self._wait(start - LOOK_AHEAD, lambda _: self.begin_call(start))

    def next_start(self, now: float) -> float:
        """Return when a turn can begin: on a bar line, if there are any."""
        if not self.config.keeps_beat:
            return now
        if self.beat is None or not self._keeps_beat():
            return now + LOOK_AHEAD
        return line_at_or_after(self.beat, now, bar_seconds(self.beat))

    def _keeps_beat(self) -> bool:
        """Whether the present beat is the one that is asked for."""
        config, beat = self.config, self.beat
        asked = (config.tempo, config.meter, True)
        return beat is not None and (beat.quarters_per_minute, beat.meter, beat.steady) == asked

    def begin_call(self, start: float) -> None:
        """Begin a player's turn, or one of both if the mode has no calls (any more)."""
        self.take_wishes()
        if self.config.keeps_beat and not self._keeps_beat():
            self._set_beat(start, self.config.tempo, steady=True)
        self.history.append(self.moment(start))
        self._turns += 1
        rules = rules_of(self.config)
        if rules.call_end == CallEnd.NONE or (rules.is_joint and self.performer.improviser.memory.row):
            self._begin_joint(start)
            return
        length = call_seconds(self.config) if rules.call_end == CallEnd.LENGTH else None
        self._heard_at = start
        self._expect_call(start, length)

    def _expect_call(self, start: float, length: float | None) -> None:
        end = None if length is None else start + length
        self._set_turn(Turn.PLAYER, start, end, self._turns)
        look_ahead = LOOK_AHEAD if self.config.keeps_beat else 0.0
        self._wait(start + LONGEST_CALL if end is None else end - look_ahead, self._end_call)

    def _end_call(self, now: float) -> None:
        """The player's turn is over: the model answers, or, if there is nothing to answer, it goes on."""
        turn = self.turn
        if not any(note.start <= now for note in self.player.waiting()):
            start = now if turn.end is None else turn.end
            self._expect_call(
                max(start, now - LONGEST_CALL), None if turn.end is None else turn.end - turn.start
            )
            return
        self.take_wishes()
        self._called = now
        if not self.config.keeps_beat:
            self._follow_tempo()
        start = self._answer_start(now, turn.end)
        if rules_of(self.config).is_joint:
            self._begin_joint(start)
            return
        self.turn = TurnBegan(Turn.MODEL, start, start + response_seconds(self.config), self._turns)
        self._respond(now, start)

    def _answer_start(self, now: float, planned: float | None) -> float:
        """Return when the answer begins: at the end of the call, on a beat, or as soon as it can."""
        if not self.config.keeps_beat:
            return now + LEAD
        assert self.beat is not None
        line = line_at_or_after(self.beat, now + LEAST_LEAD, beat_seconds(self.beat))
        return line if planned is None else max(planned, line)

    def _respond(self, now: float, start: float) -> None:
        """Let the model play its turn."""
        stop = start + response_seconds(self.config)
        self.turn = TurnBegan(Turn.MODEL, start, stop, self._turns)  # announced with its first note
        unit = beat_seconds(self.beat) if self.config.keeps_beat and self.beat else None
        band = self._band()
        heard = self._heard(now, self._window())
        self.player.unheard = [n for n in self.player.unheard if self.record.note(n).start > now]
        self.performer.play(self.config, band, heard, Span(start, stop, True, unit))
        self._wait(stop, self._end_response)
        self.tell_decided()

    def _end_response(self, now: float) -> None:
        """The model's turn is over, unless it came late."""
        stop = self.performer.stop
        if self.performer.improviser.wants is not None and now < stop + PATIENCE:
            stop = max(stop, now + LOOK_AHEAD)
        if stop > now:
            self._wait(stop, self._end_response)
            return
        self._announce()
        self.performer.silence()
        self.begin_call(self.next_start(stop))

    def tell_decided(self) -> None:
        """Put the notes that the model has decided into the record, and tell of them."""
        notes = tuple(self.record.add_note(note) for note in self.performer.take_decided(self.now))
        if notes:
            self._announce()
            self._own += [note.number for note in notes]
            self.out.append(NotesPlanned(notes))

    def _announce(self) -> None:
        """Tell, with the first note of an answer, that the model's turn begins."""
        if self._called is None:
            return
        self.out.append(Answered(self.now - self._called))
        self._called = None
        if self.turn.turn == Turn.MODEL:
            start = self.turn.start + self.performer.delay
            self._set_turn(Turn.MODEL, start, self.performer.stop, self._turns)

    # --- both play --------------------------------------------------------------------------------------------

    def _begin_joint(self, start: float) -> None:
        """Let both play from `start` on, for ever."""
        if self.beat is None:
            self._set_beat(start, self.config.tempo, steady=False)
        assert self.beat is not None
        self._set_turn(Turn.BOTH, start, None, self._turns)
        first = min([start, *(note.start for note in self.player.waiting())])
        self._origin = line_at_or_before(self.beat, first, bar_seconds(self.beat))
        self._front = line_at_or_after(self.beat, start, beat_seconds(self.beat))
        self._heard_at, self._own = self.now, []
        self._wait(self._front - rules_of(self.config).ahead, self._play_on)

    def _play_on(self, now: float) -> None:
        """Plan the next beat of the model, after all that both have played."""
        assert self.beat is not None
        rules, unit = rules_of(self.config), beat_seconds(self.beat)
        front = max(self._front, line_at_or_after(self.beat, now + LEAST_LEAD, unit))
        self._move_window(front)
        if not (rules.follows and self._is_player_resting(now)):
            window = replace(self._window(), origin=self._origin)
            avoid = self.player.program if rules.follows else None
            heard = self._heard(now, window)
            self.performer.play(
                self.config, self._band(), heard, Span(front, front + unit, False, None, avoid)
            )
        self._heard_at, self._front = now, front + unit
        self._wait(self._front - rules.ahead, self._play_on)

    def _is_player_resting(self, now: float) -> bool:
        assert self.beat is not None
        silent = now - self.player.last_onset
        return self.player.keys.are_silent and silent > RESTS_AFTER_BARS * bar_seconds(self.beat)

    def _move_window(self, front: float) -> None:
        """Begin a new window at the bar line before `front` if the present one is long."""
        assert self.beat is not None
        bar = bar_seconds(self.beat)
        if front - self._origin < WINDOW_BARS * bar:
            return
        self.performer.silence()
        self._origin = line_at_or_before(self.beat, front - bar, bar)
        fresh = [n for n in self.player.unheard if self.record.note(n).start >= self._heard_at]
        self.player.unheard, self._own = fresh, []
        self.history.append(self.moment(self.now))

    # --- hearing ----------------------------------------------------------------------------------------------

    def _band(self) -> Band:
        guests = (self.player.program, *(note.program for note in self.player.waiting()))
        return self.performer.band(self.config, tuple(dict.fromkeys(guests)))

    def _window(self) -> Window:
        """Return the window of what has not been heard: from the bar line before its first note on."""
        notes = self.player.waiting()
        first = min((note.start for note in notes), default=self.now)
        pace = self.model.pace
        if self.beat is None or not (self.beat.steady or self._called is not None):
            tempo = self._estimated(notes)
            return Window(first, pace.quarters_per_minute or tempo, self.config.meter)
        origin = line_at_or_before(self.beat, first, bar_seconds(self.beat))
        return Window(origin, pace.quarters_per_minute or self.beat.quarters_per_minute, self.beat.meter)

    def _heard(self, now: float, window: Window) -> Heard:
        """Return what there is to be heard in a window by now."""
        own = [self.record.note(n) for n in self._own if n in self.record.journal]
        notes = tuple(
            note for note in (*self.player.waiting(), *own) if note.start <= now or note.side == Side.MODEL
        )
        held = [note.start for note in notes if note.end is None]
        return Heard(window, notes, max(now, self._front), min([now - SETTLED, *held]))

    def listen(self) -> None:
        """Listen from time to time while the player plays."""
        if (
            self.turn.turn == Turn.PLAYER
            and self.player.unheard
            and self.now >= self._heard_at + LISTEN_EVERY
        ):
            self._heard_at = self.now
            self.performer.listen(self._band(), self._heard(self.now, self._window()))

    def _follow_tempo(self) -> None:
        """Set the beat to that of the call."""
        notes = self.player.waiting()
        self._set_beat(notes[0].start, self._estimated(notes), steady=False)

    def _estimated(self, notes: Sequence[LiveNote]) -> float:
        expected = self.config.tempo if self.beat is None else self.beat.quarters_per_minute
        return self._given_tempo or estimate_tempo([note.start for note in notes], expected)

    # --- from outside -----------------------------------------------------------------------------------------

    def be_silent(self, now: float) -> None:
        """Stop thinking, take back what was planned, and end what sounds without a key."""
        self._called = None
        numbers = self.record.silence(Side.MODEL, now) + self.record.silence(Side.PLAYER, now)
        self.player.unheard = [n for n in self.player.unheard if n in self.record.journal]
        self.performer.silence()
        if numbers:
            self.out.append(NotesCancelled(numbers, now))

    def stop(self, now: float) -> None:
        """Go to rest."""
        self.be_silent(now)
        self.player.unheard, self._own = [], []
        self._wait(None, self.begin_call)
        self._set_turn(Turn.IDLE, now)

    def begin_anew(self, now: float) -> None:
        """Begin a turn as soon as it can be, instead of the present one."""
        self.be_silent(now)
        self.take_wishes()
        self.begin_call(self.next_start(now))

    def give_call(self, score: Score, now: float) -> None:
        """Let `score` be played as the call from the next bar line, or now, on."""
        if self.turn.turn != Turn.BOTH:
            self.be_silent(now)
            self.take_wishes()
        start = self.next_start(now + LEAD)
        if self.turn.turn != Turn.BOTH:
            self.begin_call(start)
        notes = self._given_notes(score, start)
        self.out.append(NotesPlanned(notes))
        end = max(note.end or start for note in notes)
        if self.turn.turn == Turn.PLAYER:
            if self.config.keeps_beat and self.beat:
                end = line_at_or_after(self.beat, end, bar_seconds(self.beat))
            elif score.tempos:
                self._given_tempo = score.tempos[0].quarters_per_minute
            self._expect_call(start, end - start)

    def _given_notes(self, score: Score, start: float) -> tuple[LiveNote, ...]:
        """Add the notes of a score to those of the player; with a metronome, they keep its tempo."""
        added = []
        for number, track in enumerate(score.tracks):
            program, channel = (DRUMS, 9) if track.is_drum else (track.program, min(number, 8))
            begins, ends = (
                start
                + (
                    ticks / score.ticks_per_quarter * 60 / self.config.tempo
                    if self.config.keeps_beat
                    else ticks_to_seconds(score, ticks)
                )
                for ticks in (track.notes["start"], track.notes["start"] + track.notes["duration"])
            )
            for note, begin, end in zip(track.notes, begins.tolist(), ends.tolist(), strict=True):
                pitch, velocity = int(note["pitch"]), int(note["velocity"])
                end = max(end, begin + SHORTEST)
                added.append(self.player.add(channel, begin, end, pitch, velocity, program))
        return tuple(self.record.note(number) for number in added)

    # --- going back -------------------------------------------------------------------------------------------

    def moment(self, at: float) -> Moment:
        """Return what is needed to go back to `at`, which is now or soon."""
        performer = self.performer
        memory = performer.improviser.memory
        return Moment(self.record.path(at), memory, self.model, performer.answers, self._turns, self.beat)

    def go_back(self, moment: Moment, now: float) -> None:
        """Let all be as it was at `moment`; if somebody plays, a turn begins."""
        self.be_silent(now)
        self.record.go_back(moment.path, now)
        self.asked_model = moment.model
        self.performer = Performer(moment.model, self._seed, moment.memory, self.performer.answers)
        self.player.unheard, self._own = [], []
        self._turns, self.beat = moment.turns, moment.beat
        self.out.append(HistoryChanged())
        if self.turn.turn != Turn.IDLE:
            start = self.next_start(now)
            self.beat = None if self.config.keeps_beat else self.beat  # its line is to be in the new segment
            self.begin_call(start)

    def has_notes_since(self, moment: Moment) -> bool:
        """Whether anybody has played since."""
        first = moment.path[-1].stop
        return any(
            isinstance(self.record.journal.get(n), LiveNote) for n in range(first, self.record.next_number)
        )

    @property
    def model(self) -> LiveModel:
        return self.performer.model
