"""The driver of a session on ports, of MIDI, OSC or both.

Each `turn` of its loop passes received messages on, advances the session, steps the network, and sends what is
due. The ports and the clock are parameters, so that all of it can be tested without a device.

Read in order: `PortSettings`, `PortPlayer.turn`; then `schedule` and `pulse`, which it uses.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ritornello.errors import ConfigError, RitornelloError
from ritornello.formats import messages
from ritornello.live import events
from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import LiveNote, Side, Turn
from ritornello.live.ports import BeatSounded, Job, ModelChosen, Ports
from ritornello.live.ports.controls import KNOBS, PRESSED, Controls, default_controls, turned
from ritornello.live.ports.pulse import PULSES, Beat, ClockFollower, ClockMode
from ritornello.live.ports.schedule import LoopbackFilter, Schedule
from ritornello.live.server.catalog import Catalog, ModelEntry
from ritornello.live.server.limits import ServerLimits
from ritornello.live.session import Session
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

LAST_SIXTEENTH = 2**14 - 1
"""The last song position that MIDI can name: bar 1,024 of a song in 4/4."""

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
    """A session on ports, with the models of a catalog. `clock` is that of the ports' times."""

    def __init__(
        self,
        session: Session,
        catalog: Catalog,
        ports: Ports,
        clock: Callable[[], float],
        settings: PortSettings | None = None,
    ) -> None:
        self.session, self.settings = session, settings or PortSettings()
        self.catalog, self._ports, self._clock = catalog, ports, clock
        self._began = clock()
        self._schedule, self._loopback, self._beat = Schedule(), LoopbackFilter(), Beat()
        self._follower, self._is_awaited = ClockFollower(), False
        self._next_pulse: int | None = None  # of the clock that is sent
        self._song = 0  # the pulse at which the song that is sent begins or goes on
        self._next_beat: float | None = None  # the position of the metronome's next beat
        self._programs: dict[int, int] = {}
        self._mode_before_loop = session.config.mode
        self.played = dict.fromkeys(Side, 0)  # how many notes
        self.answered: float | None = None  # seconds that the last answer took
        self.remark = ""
        self._published: tuple[JamConfig, ModelEntry] = session.config, self.entry
        self._is_loading = False
        ports.publish(events.Configure(session.config), 0.0)
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
        for time, item in self._ports.receive():
            self._guard(lambda time=time, item=item: self._take(item, time - self._began))  # type: ignore[misc]
        self._advance()
        self._send_due(self.now())
        if self.entry.engine.step([self.session], self.now):
            self._advance()
            self._send_due(self.now())
            return 0.0  # one step a turn: what is due meanwhile is not late by a whole answer
        times = (self.session.next_time, self._schedule.next_time, self._pulse_time(), self._beat_time())
        next_time = min((time for time in times if time is not None), default=math.inf)
        return min(max(next_time - self.now(), 0.0), LONGEST_WAIT)

    @property
    def entry(self) -> ModelEntry:
        """The model of the present turn; the one chosen last plays from the next turn on."""
        return self.catalog.entry_of(self.session.model)

    def receive(self, event: events.Input) -> None:
        """Pass an event to the session."""
        self.session.receive(event, self.now())

    def play(self, data: bytes, time: float) -> None:
        """Play a channel message at a time, now at the latest; a control change of a knob or button does its action."""
        if self._control(data):
            return
        if len(self.session.record.journal) >= ServerLimits.entries and data[0] & 0xF0 != messages.NOTE_OFF:
            raise ConfigError(f"a session has at most {ServerLimits.entries:,} entries: begin another")
        self.session.receive(events.Midi(data), min(time, self.now()))
        self.played[Side.PLAYER] += data[0] & 0xF0 == messages.NOTE_ON and data[2] > 0
        if self.settings.through:
            self._send(data)

    def use(self, name: str, failed: Callable[[RitornelloError], None]) -> None:
        """Play with another model of the catalog from the next turn on, once it is loaded, which takes a moment.

        ConfigError for an unknown name, or while another is loaded; `failed` is called if it cannot be played live.
        """
        entry = self.catalog.find(name)
        if self._is_loading:
            raise ConfigError(f"model {name}: another is being loaded, ask again")
        self._is_loading = True

        def load() -> None:
            try:
                entry.load()
                self._ports.put(self._clock(), PortPlayer._loaded(entry))
            except RitornelloError as error:
                failed(error)
            finally:
                self._is_loading = False

        threading.Thread(target=load, name="model", daemon=True).start()

    @staticmethod
    def _loaded(entry: ModelEntry) -> Job:
        return lambda player, time: player.session.use(entry.model, player.now())

    def panic(self) -> None:
        """Stop the session, and end every note on every channel."""
        self._guard(lambda: self.receive(events.Stop()))
        self._advance()
        self._send_notes(self._schedule.clear())
        for channel in range(16):
            for control in (messages.SUSTAIN, messages.ALL_SOUND_OFF, messages.ALL_NOTES_OFF):
                self._send(bytes((CONTROL_CHANGE | channel, control, 0)))

    # --- input ------------------------------------------------------------------------------------------------

    def _take(self, item: bytes | Job, time: float) -> None:
        """Do a job, or handle a MIDI message."""
        if not isinstance(item, bytes):
            item(self, time)
        elif item[0] >= 0xF0:
            if self.settings.clock is ClockMode.IN:
                self._handle_clock(item, time)
        elif not self._loopback.blocks(item, time):
            self.play(item, time)

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
            self._next_beat = None if self._next_beat is None else self._next_beat + jump / PULSES

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
            self._ports.publish(output, self.now())
            if isinstance(output, events.NotesPlanned):
                self._schedule.add(output.sounding)
                self.played[Side.MODEL] += len(output.notes)
            elif isinstance(output, events.NotesCancelled):
                self._schedule.cancel(output.numbers, output.at)
            elif isinstance(output, events.TempoSet):
                self._set_beat(output)
            elif isinstance(output, events.TurnBegan) and output.turn is Turn.IDLE:
                self._stop_song()
            elif isinstance(output, events.Answered):
                self.answered = output.seconds
            elif isinstance(output, events.Remark):
                self.remark = output.text
        self._publish_changes()

    def _publish_changes(self) -> None:
        """Publish the settings and the model, if they are others than before."""
        config, entry = self.session.config, self.entry
        if config != self._published[0]:
            self._ports.publish(events.Configure(config), self.now())
        if entry is not self._published[1]:
            self._ports.publish(ModelChosen(entry.name), self.now())
        self._published = config, entry

    def _stop_song(self) -> None:
        """Stop the clock that is sent; the song goes on from its next bar line when the session begins again."""
        if self._next_pulse is not None and self._next_pulse > self._song:
            self._send_clock(messages.STOP)
            bar = round(self._bar_quarters * PULSES)
            self._song = math.ceil(self._next_pulse / bar) * bar
        self._next_pulse = self._next_beat = None

    def _begin_song(self) -> None:
        """Put the receivers of the clock where the song goes on, a moment before it does."""
        sixteenths, rest = divmod(self._song, SIXTEENTH)
        if rest or sixteenths > LAST_SIXTEENTH:  # MIDI has no number for it
            self._song = 0
        if self._song:
            self._send_clock(messages.SONG_POSITION, sixteenths & 127, sixteenths >> 7)
        self._next_pulse = self._song

    def _send_clock(self, *data: int) -> None:
        if self.settings.clock is ClockMode.OUT:
            self._send(bytes(data))

    def _set_beat(self, tempo: events.TempoSet) -> None:
        """Send clock and clicks by this beat from now on."""
        if not self._beat.is_set or self._next_pulse is None:
            if not self._follower.is_running:  # else it begins at a bar line of the clock
                self._begin_song()
                self._beat = Beat(self._song / PULSES)
            self._next_pulse, self._next_beat = self._song, self._beat.first
        self._beat.update(tempo)
        self._next_beat = self._next_beat if tempo.steady else None

    def _send_due(self, now: float) -> None:
        """Send the pulses of the clock, the clicks and the notes whose time has come."""
        while (time := self._pulse_time()) is not None and time <= now:
            assert self._next_pulse is not None
            if self._next_pulse == self._song:
                self._send_clock(messages.CONTINUE if self._song else messages.START)
            self._send_clock(messages.CLOCK)
            self._next_pulse += 1
        while (time := self._beat_time()) is not None and time <= now:
            assert self._next_beat is not None
            number, beats = self._beat.in_bar(self._next_beat)
            self._ports.publish(BeatSounded(number, beats, self._beat.tempo or 0.0), now)
            if self.settings.click:
                pitch, velocity = CLICK[number == 1]
                self._send(bytes((messages.NOTE_ON | messages.DRUM_CHANNEL, pitch, velocity)))
                self._send(bytes((messages.NOTE_OFF | messages.DRUM_CHANNEL, pitch, 0)))
            self._next_beat += self._beat.beat_quarters
        self._send_notes(self._schedule.due(now))

    def _pulse_time(self) -> float | None:
        if self.settings.clock is not ClockMode.OUT or self._next_pulse is None:
            return None
        return self._beat.time(self._next_pulse / PULSES)

    def _beat_time(self) -> float | None:
        return None if self._next_beat is None else self._beat.time(self._next_beat)

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
