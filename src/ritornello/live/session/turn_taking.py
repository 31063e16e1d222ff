"""The turns of a jam: whose turn it is, when it ends, and what happens then.

A turn has a time (`_due`) and the callback of that time (`_then`). The model listens every second while the player
plays, so that at the end of a call only the last notes are left to encode; see `improviser`.

Read in order: `turns`, then here `begin_call`, `_end_call`, `_respond`, `_end_response`; `_play_on` where both play.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ritornello.generation.samplers import with_sampling
from ritornello.live import events
from ritornello.live.config import JamConfig
from ritornello.live.events import LiveNote, Output, Remark, Side, TempoSet, Turn, TurnBegan
from ritornello.live.session import turns
from ritornello.live.session.answers import LastAnswer, Loop, loop_of
from ritornello.live.session.calls import LONGEST_TURN, call_controls, call_notes, left_out, opening
from ritornello.live.session.candidates import ModelState
from ritornello.live.session.duet import DuetScheduler
from ritornello.live.session.encoding_window import Ensemble, remarks_on
from ritornello.live.session.harmony import harmony_of
from ritornello.live.session.history import History, Snapshot
from ritornello.live.session.input_buffer import ASKED, HEARD, ExpectedTempo, InputBuffer
from ritornello.live.session.memory import memory_of
from ritornello.live.session.model import LiveModel
from ritornello.live.session.performer import LEAD, LEAST_LEAD, Performer, Span
from ritornello.live.session.player import Player
from ritornello.live.session.record import ModelBegan, Record, TimedControl
from ritornello.score import Score
from ritornello.theory import parse_instrument

LISTEN_EVERY = 1.0
"""Seconds after which the model listens again while the player plays."""

SILENT = 0.3
"""Seconds of silence after which it is considered whether the call is over."""

PATIENCE = 5.0
"""Seconds from its planned end after which a late answer is given up."""


class Call(NamedTuple):
    """A call that ended: its first onset, the end of its last note, and the notes and the pedal that were pending."""

    start: float
    end: float
    pending: list[int]
    pedal: list[TimedControl]


class Pause(NamedTuple):
    """The silence after a call so far: its begin, and when the call ends unless another note comes."""

    begin: float
    end: float


class TurnTaking:
    """One player and one model on one clock; outputs are appended to `out`.

    asked, asked_model: the settings and the model of the next turn; config, model: those of the present one.
    """

    def __init__(
        self, model: LiveModel, config: JamConfig, seed: int, record: Record | None = None, now: float = 0.0
    ) -> None:
        self._seed = seed
        self.ask(config, model)
        self.config = self.asked
        self.performer = Performer(model, seed)
        self.record = record or Record()
        self.player = Player(self.record, model.programs[0])
        self._buffer = InputBuffer(self.player)
        self._buffer.expected = ExpectedTempo(
            config.tempo, HEARD if "tempo" in config.model_fields_set else 0.0
        )
        self.now = now
        self.turn = TurnBegan(Turn.IDLE, now, None, 0)
        self.beat: TempoSet | None = None
        self.history = History(self.record)
        self.out: list[Output] = []
        self._due: float | None = None
        self._then: Callable[[float], None] = self.begin_call
        self._turns = 0
        self._first_bar_line = 0.0  # where bar 0 of a chord progression begins
        self._called: float | None = None  # when the call ended, until the answer's first note is decided
        self._call_since = 0.0  # a note that begins earlier is not part of the call
        self._call: Call | None = None  # the last one
        self._answer: LastAnswer | None = None
        self._loop: Loop | None = None
        self._will_loop = False  # once the present answer is over
        self._pause: Pause | None = None
        self._duet = DuetScheduler(self._buffer)
        self.apply_settings()
        if record is None:
            self.record.add(ModelBegan(model.name))
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Go on from a record that was kept: it can be undone, and the model hears its end."""
        self.history.load(self.model)
        present = self.history.snapshot_at(self.record.moment(math.inf), self.model)
        self._turns, self.beat, self.performer.answers = present.turns, present.beat, present.answers
        self._play_with(self.model, None)

    def _play_with(self, model: LiveModel, model_state: ModelState | None) -> None:
        """Play with a model from its state on; if that is not known, it hears the end of the record."""
        self.performer = Performer(model, self._seed, model_state, self.performer.answers)
        if model_state is None:
            self.record.add(ModelBegan(model.name))
            beat = self.beat or TempoSet(0.0, self.config.tempo, self.config.meter_pair, steady=False)
            if memory := memory_of(self.record, beat, self._token_tempo, set(self.player.pending)):
                programs = dict.fromkeys(note.program for note in memory.notes if note.side == Side.PLAYER)
                self.performer.recall(self.performer.ensemble(self.config, tuple(programs)), memory)

    # --- the clock --------------------------------------------------------------------------------------------

    def run_until(self, now: float) -> None:
        """Advance the clock to `now`, with all that is due until then."""
        self.now = max(self.now, now)
        while (due := self._due_time()) is not None and due <= now:
            self._due = None
            self._then(self.now)

    @property
    def next_time(self) -> float | None:
        """When `advance` should be called next, at the latest; None if nothing is planned."""
        times = [self._due_time(), self.performer.wake]
        if self._is_listening:
            times.append(self._buffer.listened + LISTEN_EVERY)
        known = [time for time in times if time is not None]
        return max(self.now, min(known)) if known else None

    def _due_time(self) -> float | None:
        """Return the time of the next callback; where a pause ends the call, it moves with the player's notes."""
        if self._then == self._play_on and self._due is not None:
            return self._duet.due(self.performer)
        call_end = turns.rules_of(self.config).call_end
        waits_for_pause = call_end == turns.CallEnd.PAUSE and self._then == self._end_call
        if self._due is None or not waits_for_pause:
            return self._due
        if self.player.last_onset < self._call_since or not self.player.keys.are_silent:
            return self._due
        return min(self._due, self._pause_end())

    def _pause_end(self) -> float:
        """Return when the call ends; until it has been silent for SILENT, when that is."""
        begin = self.player.last_sound
        if self._pause is not None and self._pause.begin == begin:
            return self._pause.end
        if self.now < begin + SILENT:
            return begin + (SILENT if self.config.pause is None else min(SILENT, self.config.pause))
        self._pause = Pause(begin, self._consider_silence(begin))
        return self._pause.end

    def _consider_silence(self, begin: float) -> float:
        """Return when the call ends in a silence since `begin`: somewhat before the beat on which the answer begins."""
        notes = self._call_notes()
        if not notes:
            return math.inf
        if self.config.pause is not None:
            return begin + self.config.pause
        beat = self._beat_of_call()
        end = begin + turns.pause_seconds(beat, notes, begin)
        return turns.line_at_or_after(beat, end, turns.beat_seconds(beat)) - turns.ANSWER_AHEAD

    # --- turns ------------------------------------------------------------------------------------------------

    def _set_turn(self, turn: Turn, start: float, end: float | None = None, number: int = 0) -> None:
        self.turn = TurnBegan(turn, start, end, number)
        if turn not in (Turn.IDLE, Turn.COUNT_IN):
            self.record.add(self.turn)
        self.out.append(self.turn)

    def _set_beat(self, bar_line: float, quarters_per_minute: float, steady: bool) -> None:
        self.beat = TempoSet(bar_line, quarters_per_minute, self.config.meter_pair, steady)
        self._first_bar_line = bar_line
        self.record.add(self.beat)
        self.out.append(self.beat)

    def _wait(self, until: float | None, then: Callable[[float], None]) -> None:
        self._due, self._then = until, then

    def ask(self, config: JamConfig, model: LiveModel) -> None:
        """Set the settings and the model of the next turn; sampling that is not given follows the model's card.

        ConfigError for a meter and instruments that the model lacks, and for constraints that it does not support or
        that contradict each other.
        """
        model.check_asked(config)
        model.start_constraints(config)
        self.asked, self.asked_model = with_sampling(config, model.sampling), model

    def apply_settings(self) -> None:
        """Apply the requested settings and model from now on."""
        self.config, name = self.asked, self.asked.instrument
        self.player.program = self.asked_model.programs[0] if name is None else parse_instrument(name)
        if self.asked_model is not self.model:
            self._play_with(self.asked_model, None)

    def key_pressed(self, at: float) -> None:
        """Begin, or interrupt an answer that follows a pause, since the player presses a key; nothing otherwise."""
        if self.turn.turn == Turn.IDLE:
            self._prepare()
            if self.config.keeps_beat:
                self._set_beat(at, self.config.tempo, steady=True)
            self.begin_call(at)
        elif self.turn.turn == Turn.MODEL and turns.rules_of(self.config).call_end == turns.CallEnd.PAUSE:
            self._interrupt(at)

    def _interrupt(self, at: float) -> None:
        """Give the turn to the player: within a beat the answer came too early, and the call before it goes on."""
        assert self.beat is not None
        assert self._call is not None
        if at >= self.turn.start + turns.beat_seconds(self.beat):
            self.be_silent(self.now)
            return self.begin_call(at)
        self._called = None
        self.performer.withdraw()
        self._cancel(self.record.silence(Side.MODEL, self.now), self.now)
        self.player.pending = [*self._call.pending, *self.player.pending]
        self.player.pedal = [*self._call.pedal, *self.player.pedal]
        self._expect_call(self.now, None)

    def _prepare(self) -> None:
        self.apply_settings()
        self.out += [Remark(text) for text in remarks_on(self.config, self._ensemble())]
        self._buffer.forget(math.inf)

    def start(self, now: float) -> None:
        """Begin to play, after a count-in if a beat is kept."""
        self._prepare()
        if not self.config.keeps_beat:
            return self.begin_call(now)
        line, bars = now + turns.LOOK_AHEAD, self.config.count_in
        start = line + bars * self.config.bar_seconds
        self._set_beat(line, self.config.tempo, steady=True)
        self._first_bar_line = start
        if bars:
            self._set_turn(Turn.COUNT_IN, line, start)
        self._wait(start - turns.LOOK_AHEAD, lambda _: self.begin_call(start))

    def begin_call(self, start: float) -> None:
        """Begin a player's turn, or that of both if the mode has no calls (any more)."""
        self._end_answer()
        self.apply_settings()
        if self.config.keeps_beat and not turns.is_beat_of(self.config, self.beat):
            self._set_beat(start, self.config.tempo, steady=True)
        self._remember(start)
        self._turns += 1
        rules = turns.rules_of(self.config)
        has_listened = self.performer.improviser.model_state.row is not None
        if rules.call_end == turns.CallEnd.NONE or (rules.is_joint and has_listened):
            return self._begin_duet(start)
        length = turns.call_seconds(self.config) if rules.call_end == turns.CallEnd.LENGTH else None
        self._buffer.listened, self._buffer.given_tempo = start, None
        self._call_since = start - turns.LOOK_AHEAD
        self._expect_call(start, length)

    def _expect_call(self, start: float, length: float | None) -> None:
        end = None if length is None else start + length
        self._set_turn(Turn.PLAYER, start, end, self._turns)
        look_ahead = turns.LOOK_AHEAD if self.config.keeps_beat else 0.0
        self._wait(start + LONGEST_TURN if end is None else end - look_ahead, self._end_call)

    def _end_call(self, now: float) -> None:
        """End the player's turn: the model answers, or, if nothing was played, the turn goes on."""
        turn, notes = self.turn, self._call_notes()
        if not notes:
            start, length = (now, None) if turn.end is None else (turn.end, turn.end - turn.start)
            return self._expect_call(max(start, now - LONGEST_TURN), length)
        self.apply_settings()
        self._called = now
        beat = self._beat_of_call()
        if not self.config.keeps_beat:
            self._buffer.expected = self._buffer.expected.after(beat.quarters_per_minute)
            self._set_beat(beat.bar_line, beat.quarters_per_minute, steady=False)
        start = turns.line_at_or_after(beat, now + LEAST_LEAD, turns.beat_seconds(beat))
        if self.config.keeps_beat:
            start = max(start, turn.end or start)
        if turns.rules_of(self.config).is_joint:
            return self._begin_duet(start)
        end = min(now, self.player.last_sound)
        self._call = Call(notes[0].start, end, self.player.pending, self.player.pedal)
        self._tell_harmony(notes, Turn.PLAYER, notes[0].start, end)
        self._respond(self._call, now, start)

    def _respond(self, call: Call, now: float, start: float) -> None:
        """Begin the model's turn."""
        assert self.beat is not None
        stop = start + turns.response_seconds(self.config, self.beat, call.start, call.end)
        self.turn = TurnBegan(Turn.MODEL, start, stop, self._turns)  # announced with its first note
        unit = turns.beat_seconds(self.beat)
        ensemble, inputs = self._ensemble(), self._buffer.snapshot(self.beat, self._token_tempo, now)
        self._buffer.forget(now)
        first_bar_line = self._first_bar_line if self.config.keeps_beat else None
        span = Span(start, stop, True, unit, first_bar_line=first_bar_line)
        before, first = self.performer.improviser.before_window, self.record.next_number
        self._give(LastAnswer(ensemble, inputs, span, self.model, before, first))

    def _give(self, answer: LastAnswer) -> None:
        """Let the model play an answer."""
        self._answer = answer
        self.performer.play(self.config, answer.ensemble, answer.inputs, answer.span, is_answer=True)
        self._wait(answer.span.stop, self._end_response)
        self.publish_decided()

    def _end_response(self, now: float) -> None:
        """End the model's turn, unless its answer is late."""
        stop = self.performer.stop
        if self.performer.improviser.wants is not None and now < stop + PATIENCE:
            stop = max(stop, now + turns.LOOK_AHEAD)
        if stop > now:
            return self._wait(stop, self._end_response)
        self._announce()
        self.performer.silence()
        if self._will_loop:
            return self._begin_loop(stop)
        self.begin_call(turns.next_start(self.config, self.beat, stop))

    def again(self, now: float) -> None:
        """Give another answer to the last call, from the next beat on, or bar line if a metronome runs."""
        last, beat = self._answer, self.beat
        if last is None or beat is None or self.turn.turn == Turn.IDLE:
            return self.out.append(Remark("there is no answer to give again"))
        self.be_silent(now)
        self._remember(now)
        self.apply_settings()
        self._play_with(self.model, last.before if self.model is last.model else None)
        unit = turns.bar_seconds(beat) if self.config.keeps_beat else turns.beat_seconds(beat)
        start = turns.line_at_or_after(beat, now + turns.ANSWER_AHEAD, unit)
        answer = last.moved(start, self.record.next_number)
        self._turns, self._called = self._turns + 1, now
        self.turn = TurnBegan(
            Turn.MODEL, start, answer.span.stop, self._turns
        )  # announced with its first note
        self._give(replace(answer, ensemble=self._ensemble(), model=self.model))

    # --- an answer that is repeated -----------------------------------------------------------------------------

    def loop_answer(self, is_on: bool, now: float) -> None:
        """Repeat the last answer, as soon as it is over, for the player to play over it; or go on with the turns."""
        if not is_on:
            if self._loop is not None:
                return self.begin_anew(now)
            if self._will_loop:
                self._set_loop(None)
        elif self.turn.turn == Turn.MODEL:
            self._will_loop = True
            self.out.append(events.LoopSet(True))
        elif self._answer is None or self.turn.turn != Turn.PLAYER or not self._answer.notes(self.record):
            self.out.append(Remark("there is no answer to repeat"))
        else:
            self._begin_loop(now + LEAD)

    def _begin_loop(self, since: float) -> None:
        """Repeat the last answer from the first beat or bar line at `since` on."""
        assert self._answer is not None
        assert self.beat is not None
        unit = turns.bar_seconds(self.beat) if self.config.keeps_beat else turns.beat_seconds(self.beat)
        begin = turns.line_at_or_after(self.beat, since, unit)
        self._end_answer()
        span, notes = self._answer.span, self._answer.notes(self.record)
        self._remember(self.now)
        self._turns += 1
        self._set_turn(Turn.BOTH, begin, None, self._turns)
        self._set_loop(loop_of(notes, span.start, span.stop, unit, begin))
        self._play_round(self.now)

    def _end_answer(self) -> None:
        """Keep which notes the last answer has, and when it was played."""
        if self._answer is not None and self._answer.stop is None:
            span, delay = self._answer.span, self.performer.delay
            span = span._replace(start=span.start + delay, stop=span.stop + delay)
            self._answer = replace(self._answer, span=span, stop=self.record.next_number)

    @property
    def is_looping(self) -> bool:
        """Whether the last answer is repeated, or will be."""
        return self._loop is not None or self._will_loop

    def _set_loop(self, loop: Loop | None) -> None:
        was_on, self._loop, self._will_loop = self.is_looping, loop, False
        if was_on != (loop is not None):
            self.out.append(events.LoopSet(loop is not None))

    def _play_round(self, now: float) -> None:
        """Plan the next round of the loop, and wait for the one after it."""
        assert self._loop is not None
        notes = tuple(self.record.add_note(note) for note in self._loop.notes)
        self.out.append(events.NotesPlanned(notes))
        self._tell_harmony(notes, Turn.BOTH, self._loop.start, self._loop.start + self._loop.length)
        self._buffer.forget(now)
        self._loop = self._loop.next_round()
        self._wait(self._loop.start - turns.ANSWER_AHEAD, self._play_round)

    def publish_decided(self) -> None:
        """Add the decided notes of the model to the record and the outputs."""
        found = [(self.record.add_note(n), velocity) for n, velocity in self.performer.take_decided(self.now)]
        if found:
            self._announce()
            self._buffer.own_notes |= {n.number: replace(n, velocity=velocity) for n, velocity in found}
            self.out.append(events.NotesPlanned(tuple(note for note, _ in found)))
            if self.turn.turn == Turn.MODEL and self._answer is not None:
                planned = self._answer.notes(self.record)
                self._tell_harmony(
                    planned, Turn.MODEL, self.turn.start, max(self.performer.stop, self.turn.start)
                )
        self.out += [Remark(line) for line in self.performer.take_relaxed()]
        if self.turn.turn == Turn.BOTH:
            self._duet.watch(self.performer, self.now)
            self._tell_late()

    def _tell_harmony(self, notes: Sequence[LiveNote], turn: Turn, start: float, end: float) -> None:
        """Output key and chords of notes, if there are any."""
        assert self.beat is not None
        if (found := harmony_of(notes, turn, self.beat, start, end)) is not None:
            self.out.append(found)

    def _announce(self) -> None:
        """Output, with the first note of an answer, that the model's turn begins."""
        if self._called is None:
            return
        self.out.append(events.Answered(self.now - self._called))
        self._called = None
        if self.turn.turn == Turn.MODEL:
            start = self.turn.start + self.performer.delay
            self._set_turn(Turn.MODEL, start, self.performer.stop, self._turns)

    # --- both play --------------------------------------------------------------------------------------------

    def _begin_duet(self, start: float) -> None:
        """Begin the turn of both at `start`; it has no end."""
        if self.beat is None:
            self._set_beat(start, self.config.tempo, steady=False)
        assert self.beat is not None
        self._set_turn(Turn.BOTH, start, None, self._turns)
        self._duet.begin(self.beat, start, self.now)
        self._wait(self._duet.planned_until, self._play_on)

    def _play_on(self, now: float) -> None:
        """Plan the next beat of the model."""
        assert self.beat is not None
        self._duet.give_up(self.performer, now)
        self.publish_decided()
        if self._duet.move_window(self.beat, now):
            self.performer.silence()
            self._remember(self.now)
        self._duet.plan(self.performer, self.config, self.beat, now, self._first_bar_line)
        if self._duet.is_at_bar_line(self.beat):
            inputs = self._buffer.snapshot(self.beat, None, now, self._duet.planned_until)
            self._tell_harmony(inputs.notes, Turn.BOTH, self._buffer.origin, self._duet.planned_until)
        self._wait(self._duet.planned_until, self._play_on)

    def _tell_late(self, last: bool = False) -> None:
        """Output a line about what came late."""
        if self.beat and (line := self._duet.remark(self.performer, self.beat, self.now, last)):
            self.out.append(Remark(line))

    # --- the input --------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Encode the call so far, every LISTEN_EVERY seconds while the player plays."""
        buffer = self._buffer
        if self._is_listening and self.now >= buffer.listened + LISTEN_EVERY:
            if self.player.last_onset > buffer.listened - LISTEN_EVERY:
                beat = self.beat if self.config.keeps_beat else None
                beat = beat or TempoSet(
                    self.now, self._token_tempo or 0.0, self.config.meter_pair, steady=False
                )
                self.performer.listen(self._ensemble(), buffer.snapshot(beat, self._token_tempo, self.now))
            buffer.listened = self.now

    @property
    def _is_listening(self) -> bool:
        """Whether there is a call to encode whose grid is known already."""
        is_call = self.turn.turn == Turn.PLAYER and bool(self.player.pending)
        return is_call and (self.config.keeps_beat or self._token_tempo is not None)

    def _ensemble(self) -> Ensemble:
        return self._buffer.ensemble(self.performer, self.config)

    @property
    def _token_tempo(self) -> float | None:
        """The tempo of the model's ids, in quarters a minute, if it is fixed."""
        return self.model.tokens.quarters_per_minute

    def _beat_of_call(self) -> TempoSet:
        """Return the beat of the call: the metronome's, or the one that is heard."""
        if self.config.keeps_beat and self.beat is not None:
            return self.beat
        heard = self._buffer.hear([note.start for note in self._call_notes()])
        return TempoSet(heard.first_beat, heard.quarters_per_minute, self.config.meter_pair, steady=False)

    def _call_notes(self) -> list[LiveNote]:
        """Return the notes of the call so far, without those that were played over the answer before."""
        notes = sorted(self.player.pending_notes(), key=lambda note: note.start)
        return [note for note in notes if self._call_since <= note.start <= self.now]

    def expect_tempo(self, quarters_per_minute: float) -> None:
        """Expect a tempo, which the player tapped or set, of this call and the next ones."""
        self._buffer.expected, self._pause = ExpectedTempo(quarters_per_minute, ASKED), None
        if not self.asked.keeps_beat:
            self.out.append(TempoSet(self.now, quarters_per_minute, self.asked.meter_pair, steady=False))

    # --- commands ---------------------------------------------------------------------------------------------

    def be_silent(self, now: float) -> None:
        """Stop decoding, cancel planned notes, and end those that sound without a key."""
        self._called = None
        self._set_loop(None)
        if self.turn.turn == Turn.BOTH:
            self._tell_late(last=True)
        self._cancel(self.record.silence(Side.MODEL, now) + self.player.silence(now), now)
        self.performer.silence()

    def _cancel(self, numbers: tuple[int, ...], now: float) -> None:
        if numbers:
            self.out.append(events.NotesCancelled(numbers, now))

    def stop(self, now: float) -> None:
        """Go to idle."""
        self.be_silent(now)
        self._buffer.forget(math.inf)
        self._wait(None, self.begin_call)
        self._set_turn(Turn.IDLE, now)

    def begin_anew(self, now: float) -> None:
        """Replace the present turn by one that begins as soon as possible."""
        self.be_silent(now)
        self.apply_settings()
        self.begin_call(turns.next_start(self.config, self.beat, now))

    def play_call(self, score: Score, now: float) -> None:
        """Play `score`, or its opening, as the call, from the next bar line, or from now on."""
        if self.turn.turn != Turn.BOTH:
            self.be_silent(now)
            self.apply_settings()
        start = turns.next_start(self.config, self.beat, now + LEAD)
        if self.turn.turn != Turn.BOTH:
            self.begin_call(start)
        tempo = self.config.tempo if self.config.keeps_beat else None
        score, trimmed = opening(score, tempo)
        found = call_notes(score, start, tempo)
        notes = tuple(self.player.add(note) for note, _ in found)
        is_held = any(until > (note.end or until) for note, until in found)
        self.out.append(events.NotesPlanned(notes, tuple(until for _, until in found) if is_held else ()))
        for control in call_controls(score, start, tempo):
            self.record.add(control)
        self.out += [Remark(line) for line in (trimmed, left_out(score)) if line]
        end = max(note.end or start for note in notes)
        if self.turn.turn == Turn.PLAYER:
            if self.config.keeps_beat and self.beat:
                end = turns.line_at_or_after(self.beat, end, turns.bar_seconds(self.beat))
            elif score.tempos:
                self._buffer.given_tempo = score.tempos[0].quarters_per_minute
            self._expect_call(start, end - start)

    # --- snapshots --------------------------------------------------------------------------------------------

    def snapshot(self, at: float) -> Snapshot:
        """Return the state at `at`, which is now or soon."""
        moment, performer = self.record.moment(at), self.performer
        state = None if performer.improviser.memory else performer.improviser.model_state
        expected = self._buffer.expected
        return Snapshot(moment, state, self.model, performer.answers, self._turns, self.beat, expected)

    def _remember(self, start: float) -> None:
        """Let the turn that begins at `start` be undone."""
        self.history.add_turn(self.snapshot(start))
        self.publish_bookmarks()

    def publish_bookmarks(self) -> None:
        """Output the bookmarks that were set."""
        self.out, self.history.new = [*self.out, *self.history.new], []

    def go_back(self, snapshot: Snapshot, now: float) -> None:
        """Restore `snapshot`; unless idle, begin a turn."""
        self.be_silent(now)
        self.record.go_back(snapshot.moment, now)
        self.history.went_back()
        self.publish_bookmarks()
        self.ask(self.asked, snapshot.model)
        self._buffer.forget(math.inf)
        self._turns, self.beat = snapshot.turns, snapshot.beat
        self._buffer.expected = snapshot.expected or self._buffer.expected
        self._play_with(snapshot.model, snapshot.model_state)
        self.out.append(events.HistoryChanged())
        if self.turn.turn != Turn.IDLE:
            start = turns.next_start(self.config, self.beat, now)
            self.beat = None if self.config.keeps_beat else self.beat  # its line is to be in the new segment
            self.begin_call(start)

    def undo(self, now: float) -> None:
        """Go back to the last snapshot since which either side has played."""
        if snapshot := self.history.undo(self.snapshot(now)):
            return self.go_back(snapshot, now)
        self.out.append(Remark("there is nothing to take back"))

    def redo(self, now: float) -> None:
        """Take the last undo back."""
        if snapshot := self.history.redo():
            return self.go_back(snapshot, now)
        self.out.append(
            Remark("there is nothing to bring back: it is in the bookmarks if you have played since")
        )

    def go_to(self, number: int, now: float) -> None:
        """Go to a bookmark, from where the same seed gives the same answers; what is left gets a bookmark."""
        snapshot = self.history.find(number, self.model)
        self.history.leave(self.snapshot(now))
        self.go_back(snapshot, now)
        self.performer.answers = snapshot.answers

    @property
    def model(self) -> LiveModel:
        return self.performer.model
