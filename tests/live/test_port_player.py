"""Playing on ports: fakes for the ports and the clock, the real session and network."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.bundle import load_bundle
from ritornello.config import checked
from ritornello.errors import ConfigError, FormatError
from ritornello.formats.messages import CLOCK, CONTINUE, SONG_POSITION, START, STOP
from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import Configure, LiveNote, Side, Start, Turn
from ritornello.live.ports import BeatSounded, ModelChosen, News
from ritornello.live.ports.controls import Controls, default_controls, read_controls
from ritornello.live.ports.port_player import PortPlayer, PortSettings
from ritornello.live.ports.pulse import PULSES, ClockFollower, ClockMode
from ritornello.live.ports.schedule import LOOPBACK_SECONDS, LoopbackFilter, Schedule
from ritornello.live.server.catalog import Catalog, ModelEntry
from ritornello.live.session import Session
from ritornello.live.session.engine import Engine
from ritornello.live.session.turns import LOOK_AHEAD

BEGAN = 500.0
NOTE_ON, NOTE_OFF = 0x90, 0x80


class Ports:
    """Ports whose input is written beforehand; what is sent is kept with its time."""

    def __init__(self) -> None:
        self.time = BEGAN
        self.coming: list[tuple[float, bytes]] = []
        self.sent: list[tuple[float, bytes]] = []
        self.news: list[tuple[float, News]] = []
        self.loops_back = False

    def clock(self) -> float:
        return self.time

    def play(self, time: float, *data: int) -> None:
        """Let a message come at a session's time."""
        self.coming.append((BEGAN + time, bytes(data)))
        self.coming.sort(key=lambda entry: entry[0])

    def receive(self) -> list[tuple[float, bytes]]:
        come = [entry for entry in self.coming if entry[0] <= self.time]
        self.coming = self.coming[len(come) :]
        return come

    def send(self, data: bytes) -> None:
        self.sent.append((self.time - BEGAN, data))
        if self.loops_back:
            self.coming.insert(0, (self.time + 0.001, data))

    def wait(self, seconds: float) -> None:
        """Let time pass, in no more than the wait, to the next message."""
        until = self.time + max(seconds, 0.0005)
        self.time = min([until, *(max(time, self.time) for time, _ in self.coming)])

    def put(self, time: float, item: Any) -> None:
        self.coming.append((time, item))

    def publish(self, news: News, now: float) -> None:
        self.news.append((now, news))

    def close(self) -> None:
        pass

    def of(self, kind: int) -> list[tuple[float, bytes]]:
        """Return what was sent of a kind."""
        return [entry for entry in self.sent if entry[1][0] == kind or entry[1][0] & 0xF0 == kind]


@pytest.fixture
def ports() -> Ports:
    return Ports()


def make_port_player(
    catalog: Catalog, ports: Ports, settings: PortSettings | None = None, **config: Any
) -> PortPlayer:
    entry = catalog.find(None)
    asked = {"mode": "answer", "pause": 0.3, "response_seconds": 2, **config}
    session = Session(entry.model, checked(JamConfig, asked), 4)
    return PortPlayer(session, catalog, ports, ports.clock, settings)


def run(port_player: PortPlayer, ports: Ports, seconds: float) -> None:
    """Play for so long."""
    until = ports.time + seconds
    while ports.time < until:
        ports.wait(min(port_player.turn(), until - ports.time))
    port_player.turn()


def check_balanced(sent: Iterable[tuple[float, bytes]]) -> None:
    """Every note-on is followed by its note-off, and none is struck while it sounds."""
    sounding: set[tuple[int, int]] = set()
    for _, data in sent:
        key = (data[0] & 15, data[1] if len(data) > 1 else 0)
        if data[0] & 0xF0 == NOTE_ON:
            assert key not in sounding
            sounding.add(key)
        elif data[0] & 0xF0 == NOTE_OFF:
            sounding.remove(key)
    assert not sounding


def test_a_call_comes_in_and_the_response_goes_out_in_time(catalog: Catalog, ports: Ports) -> None:
    port_player = make_port_player(catalog, ports, response_seconds=4)
    port_player.receive(Start())
    ports.play(0.5, NOTE_ON, 60, 90)
    ports.play(0.8, NOTE_OFF, 60, 0)
    run(port_player, ports, 14)
    notes = [note for note in port_player.session.notes if note.side is Side.MODEL]
    ons = ports.of(NOTE_ON)
    assert len(ons) == len(notes) >= 2
    for (time, data), note in zip(ons, sorted(notes, key=lambda note: note.start), strict=True):
        assert note.start <= time < note.start + 0.002
        assert (data[0] & 15, data[2]) == (note.channel, note.velocity)
    assert ons[0][0] >= 1.1, "the player had paused"
    player = [note for note in port_player.session.notes if note.side is Side.PLAYER]
    assert [(note.start, note.end) for note in player] == [(0.5, pytest.approx(0.8))]
    check_balanced(ports.sent)
    programs = {data[0] & 15: data[1] for _, data in ports.of(0xC0)}
    assert programs == {note.channel: note.program for note in notes if note.program < 128}
    assert port_player.answered is not None


def test_panic_ends_every_note_here_and_there(catalog: Catalog, ports: Ports) -> None:
    port_player = make_port_player(catalog, ports, response_seconds=30)
    port_player.receive(Start())
    ports.play(0.1, NOTE_ON, 60, 90)
    ports.play(0.2, NOTE_OFF, 60, 0)
    run(port_player, ports, 4)
    ports.play(4.0, 0xB0, default_controls().panic, 127)  # type: ignore[arg-type]
    run(port_player, ports, 0.1)
    assert port_player.session.turn.turn is Turn.IDLE
    check_balanced(ports.sent)
    silenced = {data[0] & 15 for _, data in ports.of(0xB0) if data[1] == 123}
    assert silenced == set(range(16))
    count = len(ports.sent)
    run(port_player, ports, 5)
    assert len(ports.sent) == count


def test_the_end_ends_every_note(catalog: Catalog, ports: Ports) -> None:
    port_player = make_port_player(catalog, ports, response_seconds=30)
    port_player.receive(Start())
    ports.play(0.1, NOTE_ON, 60, 90)
    ports.play(0.2, NOTE_OFF, 60, 0)
    port_player.run(lambda: ports.time < BEGAN + 3)
    assert ports.of(NOTE_ON)
    check_balanced(ports.sent)


def test_what_is_played_goes_through_and_our_own_sound_is_filtered_out(
    catalog: Catalog, ports: Ports
) -> None:
    ports.loops_back = True
    port_player = make_port_player(catalog, ports, PortSettings(through=True))
    port_player.receive(Start())
    ports.play(0.1, NOTE_ON | 2, 60, 90)
    ports.play(0.2, NOTE_OFF | 2, 60, 0)
    ports.play(0.2, 0xE2, 1, 64)
    run(port_player, ports, 3)
    assert [data for _, data in ports.sent[:3]] == [b"\x92\x3c\x5a", b"\x82\x3c\x00", b"\xe2\x01\x40"]
    player = [note for note in port_player.session.notes if note.side is Side.PLAYER]
    assert len(player) == 1
    assert len(ports.of(NOTE_ON)) > 1, "the model has answered"


def test_without_through_what_is_played_stays_here(catalog: Catalog, ports: Ports) -> None:
    port_player = make_port_player(catalog, ports)
    ports.play(0.1, NOTE_ON, 60, 90)
    run(port_player, ports, 0.2)
    assert not ports.sent


# --- control changes ------------------------------------------------------------------------------------------


def turn_knob(port_player: PortPlayer, ports: Ports, number: object, value: int) -> JamConfig:
    ports.play(ports.time - BEGAN, 0xB3, number, value)  # type: ignore[arg-type]
    run(port_player, ports, 0.01)
    return port_player.session.config


def test_knobs_and_buttons_do_what_the_table_says(catalog: Catalog, ports: Ports) -> None:
    port_player, table = make_port_player(catalog, ports), default_controls()
    assert turn_knob(port_player, ports, table.tempo, 60).tempo == 120
    assert turn_knob(port_player, ports, table.temperature, 0).temperature == pytest.approx(0.1)
    assert turn_knob(port_player, ports, table.temperature, 127).temperature == pytest.approx(2.0)
    assert turn_knob(port_player, ports, table.surprise, 127).surprise == 0.5
    for value, mode in ((0, Mode.CALL_AND_RESPONSE), (127, Mode.CONTINUE), (64, Mode.TRADE)):
        assert turn_knob(port_player, ports, table.mode, value).mode is mode
    assert turn_knob(port_player, ports, table.loop, 64).mode is Mode.CONTINUE
    assert turn_knob(port_player, ports, table.loop, 127).mode is Mode.CONTINUE
    assert turn_knob(port_player, ports, table.loop, 0).mode is Mode.TRADE
    turn_knob(port_player, ports, table.start, 0)
    assert port_player.session.turn.turn is Turn.IDLE, "letting a button go does nothing"
    turn_knob(port_player, ports, table.start, 127)
    assert port_player.session.turn.turn is not Turn.IDLE
    turn_knob(port_player, ports, table.stop, 127)
    assert port_player.session.turn.turn is Turn.IDLE
    turn_knob(port_player, ports, table.undo, 127)
    assert "nothing to take back" in port_player.remark


def test_a_control_that_is_not_in_the_table_is_played(catalog: Catalog, ports: Ports) -> None:
    port_player = make_port_player(catalog, ports)
    before = port_player.session.config
    ports.play(0.1, NOTE_ON, 60, 90)
    ports.play(0.2, 0xB0, 64, 127)
    ports.play(0.3, NOTE_OFF, 60, 0)
    run(port_player, ports, 0.5)
    assert port_player.session.config == before
    controls = port_player.session.score().tracks[0].controls
    assert controls["number"].tolist() == [64]


def test_the_table_can_be_changed_by_a_file(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text('tempo = 14\nundo = "off"\n')
    table = read_controls(path)
    assert (table.tempo, table.undo, table.panic) == (14, "off", default_controls().panic)
    assert (table.action(14), table.action(20), table.action(104)) == ("tempo", None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tempo = ", "not TOML"),
        ("tempo = 120", "tempo"),
        ('tempo = "on"', "tempo"),
        ("tepmo = 3", "known: tempo"),
        ("tempo = 21", "same control"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "not TOML"),
    ],
)
def test_a_table_that_cannot_be_is_one_line(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(text, encoding="utf-8")
    with pytest.raises((ConfigError, FormatError), match=expected) as refused:
        read_controls(tmp_path / "map.toml")
    assert "map.toml" in str(refused.value)


def test_no_two_actions_share_a_number_by_default() -> None:
    numbers = Counter(Controls.model_fields[name].default for name in Controls.model_fields)
    assert max(numbers.values()) == 1


# --- clock ----------------------------------------------------------------------------------------------------


def test_a_clock_is_sent_with_start_and_stop(catalog: Catalog, ports: Ports) -> None:
    port_player = make_port_player(
        catalog, ports, PortSettings(ClockMode.OUT, click=False), mode="trade", tempo=120, count_in=1
    )
    port_player.receive(Start())
    run(port_player, ports, 4)
    assert port_player.session.beat is not None
    first = port_player.session.beat.bar_line
    assert [round(time - first, 2) for time, _ in ports.of(START)] == [0]
    pulses = [time for time, data in ports.sent if data[0] == CLOCK]
    assert len(pulses) == 1 + int((4 - first) * 2 * PULSES)
    for number, time in enumerate(pulses):
        assert 0 <= time - (first + number * 0.5 / PULSES) < 0.002
    ports.play(4.1, 0xB0, default_controls().stop, 127)  # type: ignore[arg-type]
    run(port_player, ports, 1)
    assert len(ports.of(STOP)) == 1
    assert ports.sent[-1][1][0] == STOP
    pulses_of_bar, stopped = 4 * PULSES, len(ports.of(CLOCK))
    begun = ports.time - BEGAN
    port_player.receive(Start())
    run(port_player, ports, 0.3)
    where = ports.of(SONG_POSITION)
    assert [data[1] | data[2] << 7 for _, data in where] == [-(-stopped // pulses_of_bar) * 16]
    assert where[0][0] == pytest.approx(begun, abs=0.01), "before the song goes on"
    assert [round(time - begun, 2) for time, _ in ports.of(CONTINUE)] == [LOOK_AHEAD], "on the bar line"
    assert len(ports.of(START)) == 1, "the song goes on, and does not begin anew"


def test_the_metronome_clicks_on_the_beats(catalog: Catalog, ports: Ports) -> None:
    port_player = make_port_player(catalog, ports, mode="trade", tempo=60, meter=[3, 4])
    port_player.receive(Start())
    run(port_player, ports, 4.5)
    clicks = [(time, data[1]) for time, data in ports.sent if data[0] == NOTE_ON | 9 and data[1] in (76, 77)]
    assert [pitch for _, pitch in clicks] == [76, 77, 77, 76, 77]
    assert [round(time - clicks[0][0], 1) for time, _ in clicks] == [0, 1, 2, 3, 4]
    beats = [(time, news) for time, news in ports.news if isinstance(news, BeatSounded)]
    assert [time for time, _ in beats] == [time for time, _ in clicks]
    assert [(news.beat, news.beats) for _, news in beats] == [(1, 3), (2, 3), (3, 3), (1, 3), (2, 3)]


def test_while_the_model_computes_the_clock_goes_on(
    catalog: Catalog, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step takes 10 ms here; an answer has many."""
    step = Engine.step

    def slow(engine: Engine, sessions: Any, now: Any) -> Any:
        found = step(engine, sessions, now)
        ports.time += 0.01 * bool(found)
        return found

    monkeypatch.setattr(Engine, "step", slow)
    port_player = make_port_player(
        catalog, ports, PortSettings(ClockMode.OUT), mode="trade", tempo=120, call_bars=1, count_in=0
    )
    port_player.receive(Start())
    ports.play(0.5, NOTE_ON, 60, 90)
    ports.play(0.8, NOTE_OFF, 60, 0)
    run(port_player, ports, 5)
    assert any(note.side is Side.MODEL for note in port_player.session.notes)
    times = [time for time, _ in ports.of(CLOCK)]
    first, pulse = port_player.session.turn, 0.5 / PULSES
    assert first.number > 1
    late = [time - (times[0] + number * pulse) for number, time in enumerate(times)]
    assert max(late) < 0.015, "a step at the most, not a whole answer"


def test_another_model_is_loaded_aside_and_told(bundle_file: Path, ports: Ports) -> None:
    bundle = load_bundle(bundle_file)
    catalog = Catalog([ModelEntry("tiny", bundle), ModelEntry("other", bundle)])
    catalog.find(None).load()
    port_player = make_port_player(catalog, ports)
    failures: list[object] = []
    with pytest.raises(ConfigError, match="unknown model 'none'"):
        port_player.use("none", failures.append)
    port_player.use("other", failures.append)
    with pytest.raises(ConfigError, match="another is being loaded"):
        port_player.use("tiny", failures.append)
    for thread in threading.enumerate():
        if thread.name == "model":
            thread.join(20)
    run(port_player, ports, 0.1)
    assert port_player.entry.name == "other"
    assert [news for _, news in ports.news if isinstance(news, ModelChosen)] == [ModelChosen("other")]
    assert not failures


@pytest.mark.parametrize("tempo", [93.7, 171.3])
def test_a_clock_is_followed_from_its_start_for_minutes(catalog: Catalog, ports: Ports, tempo: float) -> None:
    settings = PortSettings(ClockMode.IN, click=False)
    port_player = make_port_player(
        catalog, ports, settings, mode="trade", call_bars=2, response_bars=2, tempo=100
    )
    ports.play(1.0, START)
    pulse = 60 / tempo / PULSES
    for number in range(round(40 / pulse)):
        ports.play(1.0 + number * pulse + 0.001 * (number % 3), CLOCK)  # it is not quite steady
    for bar in range(0, 200, 2):
        ports.play(1.2 + bar * 4 * 60 / tempo, NOTE_ON, 60, 90)
        ports.play(1.3 + bar * 4 * 60 / tempo, NOTE_OFF, 60, 90)
    run(port_player, ports, 35)
    beat = port_player.session.beat
    assert beat is not None
    assert beat.quarters_per_minute == pytest.approx(tempo, rel=0.01)
    bars = (beat.bar_line - 1.0) * tempo / 60 / 4
    assert abs(bars - round(bars)) < 0.02, "bar lines are where the clock has them"
    assert port_player.session.turn.number > 3


def test_a_clock_that_stops_and_goes_on_is_followed(catalog: Catalog, ports: Ports) -> None:
    port_player = make_port_player(catalog, ports, PortSettings(ClockMode.IN), mode="trade")
    for number in range(PULSES):
        ports.play(number / 48, CLOCK)
    ports.play(0.5, CONTINUE)
    for number in range(5 * PULSES):
        ports.play(0.51 + number / 48, CLOCK)
    run(port_player, ports, 2.3)
    assert port_player.session.turn.turn is Turn.IDLE, "it waits for a bar line of the clock"
    run(port_player, ports, 0.3)
    assert port_player.session.turn.turn is Turn.PLAYER
    assert port_player.session.turn.start == pytest.approx(2.51, abs=0.005)
    ports.play(2.61, STOP)
    run(port_player, ports, 0.2)
    assert port_player.session.turn.turn is Turn.IDLE


TEMPO = 120.0
QUARTER = 60 / TEMPO


class Daw:
    """A program that sends MIDI clock all the time, at one tempo or at several, and knows where its bar lines are."""

    def __init__(self, ports: Ports, bar: float = 4.0) -> None:
        self.ports, self.bar = ports, bar
        self.time, self.position, self.runs = 0.2, 0.0, False  # of the next pulse
        self.lines: list[float] = []  # times of the bar lines since it last began or jumped

    def run(self, quarters: float, tempo: float = TEMPO) -> None:
        for _ in range(round(quarters * PULSES)):
            self.ports.play(self.time, CLOCK)
            if self.runs:
                if abs(self.position / self.bar - round(self.position / self.bar)) < 1e-6:
                    self.lines.append(self.time)
                self.position += 1 / PULSES
            self.time += 60 / tempo / PULSES

    def start(self) -> None:
        self.ports.play(self.time - 0.001, START)
        self.position, self.runs, self.lines = 0.0, True, []

    def stop(self) -> None:
        self.ports.play(self.time - 0.002, STOP)
        self.runs, self.lines = False, []

    def locate(self, sixteenths: int) -> None:
        self.ports.play(self.time - 0.0015, SONG_POSITION, sixteenths & 127, sixteenths >> 7)
        self.position, self.lines = sixteenths / 4, []

    def go_on(self) -> None:
        self.ports.play(self.time - 0.001, CONTINUE)
        self.runs = True


def check_on_its_lines(port_player: PortPlayer, daw: Daw, first: float) -> None:
    """The session has begun on the first bar line at or after a time (seconds); its bar lines are those of the DAW."""
    beat, turn = port_player.session.beat, port_player.session.turn
    assert turn.turn is not Turn.IDLE
    assert beat is not None
    assert beat.quarters_per_minute == pytest.approx(TEMPO, rel=0.01)
    assert beat.bar_line == pytest.approx(min(line for line in daw.lines if line >= first - 0.001), abs=0.005)


@pytest.fixture
def follower(catalog: Catalog, ports: Ports) -> PortPlayer:
    return make_port_player(catalog, ports, PortSettings(ClockMode.IN), mode="trade")


@pytest.mark.parametrize(
    ("sixteenths", "bar", "meter"),
    [(8, 4.0, [4, 4]), (1, 4.0, [4, 4]), (14, 4.0, [4, 4]), (4000, 3.0, [3, 4]), (2, 3.0, [3, 4])],
)
def test_a_song_that_goes_on_within_a_bar_is_met_on_its_bar_line(
    catalog: Catalog, ports: Ports, sixteenths: int, bar: float, meter: list[int]
) -> None:
    port_player = make_port_player(catalog, ports, PortSettings(ClockMode.IN), mode="trade", meter=meter)
    daw = Daw(ports, bar)
    daw.run(2)  # pulses before the start are no song
    daw.locate(sixteenths)
    daw.go_on()
    begun = daw.time
    daw.run(2 * bar)
    run(port_player, ports, daw.time - 0.1)
    check_on_its_lines(port_player, daw, begun + LOOK_AHEAD)


def test_two_quarters_before_a_bar_line_the_session_begins_after_two(
    follower: PortPlayer, ports: Ports
) -> None:
    daw = Daw(ports)
    daw.run(3)
    daw.locate(8)
    daw.go_on()
    begun = daw.time
    daw.run(3)
    run(follower, ports, daw.time - 0.05)
    assert follower.session.beat is not None
    assert follower.session.beat.bar_line == pytest.approx(begun + 2 * QUARTER, abs=0.005)


def test_a_song_that_was_stopped_within_a_bar_goes_on_there(follower: PortPlayer, ports: Ports) -> None:
    daw = Daw(ports)
    daw.start()
    daw.run(5.5)
    daw.stop()
    daw.run(3.3)  # it goes on ticking
    daw.go_on()
    begun = daw.time
    daw.run(9)
    run(follower, ports, daw.time - 0.05)
    check_on_its_lines(follower, daw, begun)
    assert follower.session.beat is not None
    assert follower.session.beat.bar_line == pytest.approx(begun + 2.5 * QUARTER, abs=0.005)


def test_a_clock_that_is_silent_while_it_is_stopped_too(follower: PortPlayer, ports: Ports) -> None:
    daw = Daw(ports)
    daw.start()
    daw.run(5)
    daw.stop()
    daw.time += 3
    daw.locate(6)
    daw.go_on()
    begun = daw.time
    daw.run(12)
    run(follower, ports, daw.time - 0.05)
    check_on_its_lines(follower, daw, begun + 12 / PULSES * QUARTER + LOOK_AHEAD)  # once its tempo is known


def test_a_new_start_begins_the_song_anew(follower: PortPlayer, ports: Ports) -> None:
    daw = Daw(ports)
    daw.start()
    daw.run(6.25)
    daw.start()
    begun = daw.time
    daw.run(6)
    run(follower, ports, daw.time - 0.05)
    check_on_its_lines(follower, daw, begun + LOOK_AHEAD)


def test_a_jump_while_the_song_runs_is_followed_and_a_loop_of_bars_disturbs_nothing(
    follower: PortPlayer, ports: Ports
) -> None:
    daw = Daw(ports)
    daw.start()
    daw.run(6)
    run(follower, ports, daw.time)
    first = follower.session.beat
    daw.locate(8)  # from quarter 6 to 2: a bar back
    daw.run(1)
    daw.locate(12)  # where it is
    daw.run(1)
    run(follower, ports, daw.time - ports.time + BEGAN)
    assert follower.session.beat == first
    daw.locate(1)
    jumped = daw.time
    daw.run(6)
    run(follower, ports, daw.time - ports.time + BEGAN - 0.05)
    check_on_its_lines(follower, daw, jumped + LOOK_AHEAD)


def test_after_changes_of_tempo_the_bar_lines_are_still_its_own(catalog: Catalog, ports: Ports) -> None:
    settings = PortSettings(ClockMode.IN, click=False)
    port_player = make_port_player(catalog, ports, settings, mode="trade", call_bars=1, response_bars=1)
    daw = Daw(ports)
    daw.locate(8)
    daw.go_on()
    for tempo in (120, 96, 140, 120):
        daw.run(40, tempo)
    for second in range(int(daw.time)):
        ports.play(second + 0.1, NOTE_ON, 60, 90)
        ports.play(second + 0.2, NOTE_OFF, 60, 90)
    run(port_player, ports, daw.time - 0.05)
    beat = port_player.session.beat
    assert beat is not None
    assert beat.quarters_per_minute == pytest.approx(120, rel=0.02)
    bars = (beat.bar_line - daw.lines[-1]) / (4 * 60 / beat.quarters_per_minute)
    assert abs(bars - round(bars)) < 0.03


def test_a_clock_without_a_start_tells_the_tempo_only(follower: PortPlayer, ports: Ports) -> None:
    daw = Daw(ports)
    daw.run(3)
    ports.play(daw.time + 0.013, 0xB0, default_controls().start, 127)  # type: ignore[arg-type]
    pressed = daw.time + 0.013
    daw.run(8)
    run(follower, ports, daw.time - 0.05)
    assert follower.session.beat is not None
    assert follower.session.beat.bar_line == pytest.approx(pressed + LOOK_AHEAD, abs=0.01)
    assert follower.session.beat.quarters_per_minute == pytest.approx(TEMPO, rel=0.01)


def test_the_button_waits_for_the_bar_line_of_a_song_that_runs(follower: PortPlayer, ports: Ports) -> None:
    daw = Daw(ports)
    daw.start()
    daw.run(6)
    ports.play(daw.time, 0xB0, default_controls().stop, 127)  # type: ignore[arg-type]
    daw.run(3.5)
    pressed = daw.time
    ports.play(daw.time, 0xB0, default_controls().start, 127)  # type: ignore[arg-type]
    daw.run(6)
    run(follower, ports, daw.time - 0.05)
    check_on_its_lines(follower, daw, pressed + LOOK_AHEAD)


def test_the_metronome_does_not_make_up_for_what_was_before(catalog: Catalog, ports: Ports) -> None:
    port_player = make_port_player(catalog, ports, PortSettings(ClockMode.IN), mode="trade")
    daw = Daw(ports)
    daw.run(1)
    daw.locate(400)
    daw.go_on()
    daw.run(10)
    run(port_player, ports, daw.time - 0.05)
    clicks = [(time, data[1]) for time, data in ports.sent if data[0] == NOTE_ON | 9 and data[1] in (76, 77)]
    assert [time for time, _ in clicks] == pytest.approx(
        [daw.lines[1] + n * QUARTER for n in range(6)], abs=0.01
    )
    assert [pitch for _, pitch in clicks[:5]] == [76, 77, 77, 77, 76]


def test_a_clock_that_is_not_followed_is_ignored(catalog: Catalog, ports: Ports) -> None:
    port_player = make_port_player(catalog, ports)
    for data in (START, CLOCK, STOP):
        ports.play(0.1, data)
    run(port_player, ports, 0.2)
    assert port_player.session.turn.turn is Turn.IDLE


def test_a_tempo_is_taken_from_unsteady_pulses() -> None:
    follower = ClockFollower()
    for number in range(48):
        follower.pulse(10 + number * 0.02 + 0.002 * ((number * 7) % 3))
        assert (follower.tempo is None) == (number < 11)
    assert follower.tempo == pytest.approx(125, rel=0.01)
    follower.pulse(20)
    assert follower.tempo is None, "after a gap it is another clock"


# --- what is due ----------------------------------------------------------------------------------------------

TIMES = st.integers(0, 20).map(float)
NOTES = st.lists(st.tuples(TIMES, st.integers(0, 8).map(float), st.integers(60, 62)), max_size=12)


@given(NOTES, st.lists(st.tuples(TIMES, st.integers(0, 12)), max_size=4))
def test_whatever_is_planned_and_cancelled_every_note_that_begins_ends_once(
    notes: list[tuple[float, float, int]], cancels: list[tuple[float, int]]
) -> None:
    schedule = Schedule()
    schedule.add(
        LiveNote(number, Side.MODEL, start, start + length, pitch, 90, 0, 0)
        for number, (start, length, pitch) in enumerate(notes)
    )
    done: list[tuple[float, bytes]] = []
    for now in range(31):
        for at, number in cancels:
            if at == now:
                schedule.cancel([number], at)
        done += [
            (now, bytes((NOTE_ON if begins else NOTE_OFF, note.pitch, 1)))
            for begins, note in schedule.due(now)
        ]
    check_balanced(done)
    cancelled = {number for _, number in cancels}
    assert len([data for _, data in done if data[0] == NOTE_ON]) >= len(set(range(len(notes))) - cancelled)
    assert schedule.next_time is None


@given(NOTES, TIMES)
def test_whatever_sounds_a_clear_ends_it(notes: list[tuple[float, float, int]], at: float) -> None:
    schedule = Schedule()
    note = LiveNote(0, Side.MODEL, 0, None, 0, 90, 0, 0)
    schedule.add(
        replace(note, number=number, start=start, end=start + length, pitch=pitch)
        for number, (start, length, pitch) in enumerate(notes)
    )
    done = [*schedule.due(at), *schedule.clear()]
    check_balanced((0.0, bytes((NOTE_ON if begins else NOTE_OFF, note.pitch))) for begins, note in done)
    assert not schedule.due(1e9)


def test_each_message_comes_back_once_and_soon() -> None:
    echoes = LoopbackFilter()
    echoes.sent(b"abc", 0.0)
    echoes.sent(b"abc", 0.1)
    assert [echoes.blocks(b"abc", 0.2) for _ in range(3)] == [True, True, False]
    echoes.sent(b"abc", 1.0)
    assert not echoes.blocks(b"abd", 1.0)
    assert not echoes.blocks(b"abc", 1.0 + LOOPBACK_SECONDS + 0.01)


def test_a_refusal_is_shown_and_playing_goes_on(catalog: Catalog, ports: Ports) -> None:
    port_player = make_port_player(catalog, ports)
    ports.play(0.1, NOTE_ON, 60)
    run(port_player, ports, 0.2)
    assert "no channel message" in port_player.remark
    port_player.receive(Configure(port_player.session.config))
