"""The driver of a session on MIDI ports.

Each `turn` of its loop passes received messages on, advances the session, steps the network, and sends what is
due. The ports and the clock are parameters, so that all of it can be tested without a device.

Read in order: `PortSettings`, `PortPlayer.turn`; then `schedule` and `pulse`, which it uses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ritornello.errors import RitornelloError
from ritornello.formats import messages
from ritornello.live import events
from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import LiveNote, Side, Turn
from ritornello.live.ports import Ports
from ritornello.live.ports.controls import KNOBS, PRESSED, Controls, default_controls, turned
from ritornello.live.ports.pulse import PULSES, Beat, ClockFollower, ClockMode
from ritornello.live.ports.schedule import LoopbackFilter, Schedule
from ritornello.live.session import Session
from ritornello.live.session.engine import Engine
from ritornello.live.session.turns import LOOK_AHEAD
from ritornello.score import CONTROL_CHANGE
from ritornello.theory import DRUMS

LONGEST_WAIT = 0.1
"""Seconds between two turns of the loop when nothing happens."""

RETEMPO, OTHER_TEMPO = 0.001, 0.03
"""The shares by which a clock's tempo must differ to be taken: at the model's turns, and during others."""

SLOWEST, FASTEST = 30, 300
"""The range of tempos that are taken from a clock, in quarters a minute."""

SIXTEENTH = PULSES // 4
"""Pulses of the unit of song positions."""

CLICK = {True: (76, 110), False: (77, 80)}
"""Pitch and velocity of the metronome's click, on the drum channel: of a bar line, and of another beat."""

FOR_CLOCK: dict[ClockMode, dict[str, object]] = {
    ClockMode.NONE: {},
    ClockMode.IN: {"metronome": True, "count_in": 0},
    ClockMode.OUT: {"metronome": True},
}
"""The settings that a session needs to follow, or to send, MIDI clock."""


@dataclass(frozen=True)
class PortSettings:
    """The settings of the driver.

    through: the player's messages go to the output too. click: the metronome sounds on the drum channel.
    """

    clock: ClockMode = ClockMode.NONE
    through: bool = False
    click: bool = True
    controls: Controls = field(default_factory=default_controls)


class PortPlayer:
    """A session on ports. `clock` is that of the ports' times."""

    def __init__(
        self,
        session: Session,
        engine: Engine,
        ports: Ports,
        clock: Callable[[], float],
        settings: PortSettings | None = None,
    ) -> None:
        self.session, self.settings = session, settings or PortSettings()
        self._engine, self._ports, self._clock = engine, ports, clock
        self._began = clock()
        self._schedule, self._loopback, self._beat = Schedule(), LoopbackFilter(), Beat()
        self._follower, self._is_awaited = ClockFollower(), False
        self._next_pulse: int | None = None  # of the clock that is sent
        self._next_click: float | None = None
        self._programs: dict[int, int] = {}
        self._mode_before_loop = session.config.mode
        self.played = dict.fromkeys(Side, 0)  # how many notes
        self.answered: float | None = None  # seconds that the last answer took
        self.remark = ""
        session.waits_for_start = self.settings.clock is ClockMode.IN
        if changes := FOR_CLOCK[self.settings.clock]:
            self._configure(session.config.model_copy(update=changes))

    def now(self) -> float:
        """Return the time on the session's clock."""
        return self._clock() - self._began

    @property
    def tempo(self) -> float | None:
        """Quarters a minute; None before the first beat."""
        return self._beat.tempo

    def run(self, goes_on: Callable[[], bool]) -> None:
        """Play as long as `goes_on()`; then end every note."""
        try:
            while goes_on():
                self._ports.wait(self.turn())
        finally:
            self.panic()

    def turn(self) -> float:
        """Do all that is due now; return the seconds until the next turn."""
        for time, data in self._ports.receive():
            self._guard(lambda time=time, data=data: self._handle(data, time - self._began))  # type: ignore[misc]
        self._advance()
        while self._engine.step([self.session], self.now):
            self._advance()
        self._send_due(self.now())
        times = (self.session.next_time, self._schedule.next_time, self._pulse_time(), self._click_time())
        next_time = min((time for time in times if time is not None), default=math.inf)
        return min(max(next_time - self.now(), 0.0), LONGEST_WAIT)

    def receive(self, event: events.Input) -> None:
        """Pass an event to the session."""
        self.session.receive(event, self.now())

    def panic(self) -> None:
        """Stop the session, and end every note on every channel."""
        self._guard(lambda: self.receive(events.Stop()))
        self._advance()
        self._send_notes(self._schedule.clear())
        for channel in range(16):
            for control in (messages.SUSTAIN, messages.ALL_SOUND_OFF, messages.ALL_NOTES_OFF):
                self._send(bytes((CONTROL_CHANGE | channel, control, 0)))

    # --- input ------------------------------------------------------------------------------------------------

    def _handle(self, data: bytes, time: float) -> None:
        status = data[0]
        if status < 0xF0:
            if not self._loopback.blocks(data, time) and not self._control(data):
                self.session.receive(events.Midi(data), min(time, self.now()))
                self.played[Side.PLAYER] += status & 0xF0 == messages.NOTE_ON and data[2] > 0
                if self.settings.through:
                    self._send(data)
        elif self.settings.clock is ClockMode.IN:
            self._handle_clock(data, time)

    def _handle_clock(self, data: bytes, time: float) -> None:
        """Follow a message of the clock. A song that begins, goes on or jumps is met on its next bar line."""
        follower, status = self._follower, data[0]
        if status == messages.CLOCK:
            follower.pulse(time)
            self._follow()
        elif status == messages.SONG_POSITION:
            self._locate(SIXTEENTH * (data[1] | data[2] << 7))
        elif status == messages.START:
            follower.locate(0)
            self._meet(True)
        elif status == messages.CONTINUE and not follower.is_running:
            self._meet(True)
        elif status == messages.STOP:
            self._meet(False)

    def _meet(self, is_running: bool) -> None:
        """Stop the session; if the clock's song is running, it begins again on the next bar line of that."""
        self._follower.is_running = self._is_awaited = is_running
        self.receive(events.Stop())

    def _locate(self, pulses: int) -> None:
        """Go to a place in the song. While it runs, a jump of whole bars, as of a loop, leaves the session as it is."""
        follower, jump = self._follower, pulses - self._follower.pulses
        if follower.is_running and abs(jump) < SIXTEENTH:
            return  # it only says where the song is
        follower.locate(pulses)
        if not follower.is_running:
            return
        if jump % round(self._bar_quarters * PULSES):
            self._meet(True)
        else:
            self._beat.shift(jump / PULSES)
            self._next_click = None if self._next_click is None else self._next_click + jump / PULSES

    def start(self) -> None:
        """Begin to play: on the next bar line of an external clock, if its song is running."""
        if self.settings.clock is ClockMode.IN and self._follower.is_running:
            self._is_awaited = self._is_awaited or self.session.turn.turn is Turn.IDLE
        else:
            self.receive(events.Start())

    def _follow(self) -> None:
        """Start on a bar line of the clock once its tempo is known; then follow its tempo at the model's turns.

        A change during the player's turn would be noticed: there only quite another tempo is taken, on a bar line.
        """
        turn = self.session.turn.turn
        if self._is_awaited:
            self._meet_on_bar_line(events.Start())
        elif turn in (Turn.MODEL, Turn.IDLE):
            self._configure_tempo(RETEMPO)
        elif self._follower.tempo and abs(self._follower.tempo / self.session.config.tempo - 1) > OTHER_TEMPO:
            self._meet_on_bar_line(None)

    def _meet_on_bar_line(self, event: events.Input | None) -> None:
        """Take the clock's tempo, and send `event`, just before its next bar line."""
        if self._follower.tempo is None:
            return
        bar = self._bar_quarters
        line = math.floor(self._follower.position / bar + 1) * bar
        if self._follower.time(line) - LOOK_AHEAD < self._follower.last:  # too late for this one
            line += bar
        if self._follower.comes(when := self._follower.time(line) - LOOK_AHEAD):
            self._is_awaited, self._beat = False, Beat(line)
            self._configure_tempo(0.0, when)
            if event is not None:
                self.session.receive(event, when)

    def stop(self) -> None:
        """Stop playing, also what waits for a bar line."""
        self._is_awaited = False
        self.receive(events.Stop())

    @property
    def _bar_quarters(self) -> float:
        numerator, denominator = self.session.config.meter_pair
        return 4 * numerator / denominator

    def _configure_tempo(self, share: float, time: float | None = None) -> None:
        """Take the clock's tempo if it differs by more than `share`."""
        config = self.session.config
        cycle = (
            (config.call_bars + (config.response_bars or config.call_bars))
            * config.bar_seconds
            * config.tempo
            / 60
        )
        tempo = self._follower.tempo_for(self._beat, cycle)
        if tempo is not None and abs(tempo / config.tempo - 1) > share and SLOWEST <= tempo <= FASTEST:
            changed = config.model_copy(update={"tempo": tempo})
            self.session.receive(events.Configure(changed), self.now() if time is None else time)

    def _control(self, data: bytes) -> bool:
        """Perform the action of a control change; return whether there is one."""
        action = self.settings.controls.action(data[1]) if data[0] & 0xF0 == CONTROL_CHANGE else None
        if action in KNOBS:
            self._configure(turned(self.session.config, action, data[2]))
        elif action == "loop":
            config, is_on = self.session.config, data[2] >= PRESSED
            if is_on and config.mode is not Mode.CONTINUE:
                self._mode_before_loop = config.mode
            mode = Mode.CONTINUE if is_on else self._mode_before_loop
            self._configure(config.model_copy(update={"mode": mode}))
        elif action is not None and data[2] >= PRESSED:
            BUTTONS[action](self)
        return action is not None

    def _configure(self, config: JamConfig) -> None:
        self.receive(events.Configure(config))

    def _guard(self, job: Callable[[], None]) -> None:
        """Do a job; an error becomes the remark that is shown."""
        try:
            job()
        except RitornelloError as error:
            self.remark = str(error)

    # --- output -----------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        for output in self.session.advance(self.now()):
            if isinstance(output, events.NotesPlanned):
                self._schedule.add(output.sounding)
                self.played[Side.MODEL] += len(output.notes)
            elif isinstance(output, events.NotesCancelled):
                self._schedule.cancel(output.numbers, output.at)
            elif isinstance(output, events.TempoSet):
                self._set_beat(output)
            elif isinstance(output, events.TurnBegan) and output.turn is Turn.IDLE:
                if self._next_pulse and self.settings.clock is ClockMode.OUT:
                    self._send(bytes((messages.STOP,)))
                self._next_pulse = self._next_click = None
            elif isinstance(output, events.Answered):
                self.answered = output.seconds
            elif isinstance(output, events.Remark):
                self.remark = output.text

    def _set_beat(self, tempo: events.TempoSet) -> None:
        """Send clock and clicks by this beat from now on."""
        if not self._beat.is_set or self._next_pulse is None:
            if not self._follower.is_running:  # else it begins at a bar line of the clock
                self._beat = Beat()
            self._next_pulse, self._next_click = 0, self._beat.first
        self._beat.update(tempo)
        self._next_click = self._next_click if tempo.steady else None

    def _send_due(self, now: float) -> None:
        """Send the pulses of the clock, the clicks and the notes whose time has come."""
        while (time := self._pulse_time()) is not None and time <= now:
            if self._next_pulse == 0:
                self._send(bytes((messages.START,)))
            self._send(bytes((messages.CLOCK,)))
            self._next_pulse = (self._next_pulse or 0) + 1
        while (time := self._click_time()) is not None and time <= now:
            assert self._next_click is not None
            pitch, velocity = CLICK[self._beat.is_bar_line(self._next_click)]
            self._send(bytes((messages.NOTE_ON | messages.DRUM_CHANNEL, pitch, velocity)))
            self._send(bytes((messages.NOTE_OFF | messages.DRUM_CHANNEL, pitch, 0)))
            self._next_click += self._beat.beat_quarters
        self._send_notes(self._schedule.due(now))

    def _pulse_time(self) -> float | None:
        if self.settings.clock is not ClockMode.OUT or self._next_pulse is None:
            return None
        return self._beat.time(self._next_pulse / PULSES)

    def _click_time(self) -> float | None:
        if not self.settings.click or self._next_click is None:
            return None
        return self._beat.time(self._next_click)

    def _send_notes(self, due: Iterable[tuple[bool, LiveNote]]) -> None:
        for begins, note in due:
            if begins and note.program not in (DRUMS, self._programs.get(note.channel)):
                self._programs[note.channel] = note.program
                self._send(bytes((messages.PROGRAM_CHANGE | note.channel, note.program)))
            status = messages.NOTE_ON if begins else messages.NOTE_OFF
            self._send(bytes((status | note.channel, note.pitch, note.velocity if begins else 0)))

    def _send(self, data: bytes) -> None:
        self._loopback.sent(data, self.now())
        self._ports.send(data)


BUTTONS: dict[str, Callable[[PortPlayer], None]] = {
    "start": PortPlayer.start,
    "stop": PortPlayer.stop,
    "undo": lambda player: player.receive(events.Undo()),
    "panic": PortPlayer.panic,
}
"""The actions of buttons, by their names in `Controls`."""
