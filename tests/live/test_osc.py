"""OSC: the table is the documentation; what comes is played in time or refused in one line; what happens is told."""

from __future__ import annotations

import runpy
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osc_stage import HERE, Stage, tagged

from ritornello.errors import ConfigError, MissingExtraError
from ritornello.live import events
from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import Side, Turn
from ritornello.live.ports import osc_messages as osc
from ritornello.live.ports import osc_port
from ritornello.live.ports.osc_messages import ROOT, SETTING
from ritornello.live.ports.osc_port import OscPort
from ritornello.live.server.catalog import Catalog
from ritornello.live.server.messages import config_options

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def stage(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    made = Stage(catalog, monkeypatch)
    yield made
    made.close()


# --- playing --------------------------------------------------------------------------------------------------


def test_a_call_comes_in_and_the_answer_goes_out(stage: Stage) -> None:
    stage.send("subscribe")
    stage.player.turn()
    assert stage.hear()[0] == "subscribed"
    stage.send("note", 60, 90)
    stage.run(0.3)
    stage.send("note", 60.0, 0.0, 1.0)  # as Pure Data sends it
    stage.run(6)
    notes = [note for note in stage.player.session.notes if note.side is Side.MODEL]
    player = [note for note in stage.player.session.notes if note.side is Side.PLAYER]
    assert [(note.pitch, note.velocity, note.end) for note in player] == [(60, 90, pytest.approx(0.3))]
    assert len(notes) >= 2
    stage.send("ping", 7)
    stage.player.turn()
    heard = stage.hear_until("pong")
    begun = [values for path, values in heard if path == "note" and values[1]]
    ended = [values for path, values in heard if path == "note" and not values[1]]
    by_start = sorted(notes, key=lambda note: note.start)
    assert begun == [(note.pitch, note.velocity, note.channel + 1) for note in by_start]
    assert sorted((pitch, channel) for pitch, _, channel in ended) == sorted((p, c) for p, _, c in begun)
    planned = {values[0]: values for path, values in heard if path == "planned"}
    cancelled = {values[0] for path, values in heard if path == "cancelled"}
    assert planned.keys() - cancelled == {note.number for note in notes}
    for note in notes:
        _, pitch, velocity, channel, _, duration = planned[note.number]
        assert (pitch, velocity, channel - 1) == (note.pitch, note.velocity, note.channel)
        assert duration == pytest.approx((note.end or 0) - note.start, abs=1e-4)
    turns = [values[0] for path, values in heard if path == "turn"]
    assert turns[:3] == ["idle", "player", "model"]
    assert heard[-1][1] == (7,)


def test_a_time_tag_is_kept_and_a_late_one_too(stage: Stage) -> None:
    stage.send("note", 64, 80, at=stage.time + 0.25)
    stage.send("note", 60, 80, at=stage.time - 0.1)
    stage.send("note", 62, 80, at=stage.time - 1000)  # of another clock: now
    stage.run(1)
    notes = sorted(stage.player.session.notes, key=lambda note: note.start)
    player = [(note.pitch, round(note.start, 3)) for note in notes if note.side is Side.PLAYER]
    assert sorted(player) == [(60, 0.0), (62, 0.0), (64, 0.25)]
    assert "ahead" in stage.refused(tagged(osc.to_packet("note", (60, 1)), stage.time + 61))


def test_midi_messages_act_as_at_a_midi_port(stage: Stage) -> None:
    stage.send("midi", 0xB0, 20, 60)  # the knob of the tempo
    stage.send_packet(b"/ritornello/midi\0\0\0\0,m\0\0" + bytes((0, 0xC2, 5, 0)))
    stage.send_packet(b"/ritornello/midi\0\0\0\0,m\0\0" + bytes((0, 0x92, 60, 70)))
    stage.run(0.01)
    assert stage.player.session.config.tempo == 120
    (note,) = stage.player.session.notes
    assert (note.pitch, note.velocity, note.channel, note.program) == (60, 70, 2, 5)


# --- settings and commands ------------------------------------------------------------------------------------

VALUES: dict[str, tuple[Sequence[osc.Value], Any]] = {
    "mode": (["trade"], Mode.TRADE),
    "tempo": ([93.5], 93.5),
    "meter": (["3/4"], "3/4"),
    "call_bars": ([2.0], 2),
    "metronome": ([1], True),
    "swing_unit": ([16.0], "16"),
    "pause": (["none"], None),
    "temperature": ([0.3], 0.3),
    "key": (["D major"], "D major"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_setting_is_set_and_answered(name: str, stage: Stage) -> None:
    given_, expected = VALUES[name]
    path, values = stage.ask(SETTING + name, *given_)
    assert path == SETTING + name
    kept = getattr(stage.player.session.config, name)
    assert str(kept) == str(expected)
    assert stage.ask(SETTING + name) == (path, values)
    assert osc.setting_values(stage.player.session.config)[name] == values


def test_every_setting_can_be_asked_for_and_given_back(stage: Stage) -> None:
    stage.send("settings")
    stage.player.turn()
    told = dict(stage.hear() for _ in JamConfig.model_fields)
    assert told.keys() == {SETTING + name for name in JamConfig.model_fields}
    before = stage.player.session.config
    for path, values in told.items():
        assert stage.ask(path, *values) == (path, values)
    assert stage.player.session.config == before


def test_subscribers_are_told_what_another_changes(stage: Stage) -> None:
    stage.send("subscribe")
    stage.player.turn()
    state = stage.hear_until("loop")
    assert {path for path, _ in state} >= {"subscribed", "model", "turn", SETTING + "mode"}
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    before = stage.put
    other.sendto(osc.to_packet(SETTING + "tempo", (77,)), stage.port.address)
    while stage.put == before:
        time.sleep(0.0002)
    late = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    before = stage.put
    late.sendto(
        osc.to_packet("subscribe", ()), stage.port.address
    )  # is told the new value; we are all the same
    while stage.put == before:
        time.sleep(0.0002)
    stage.player.turn()
    other.close()
    late.close()
    assert [heard for heard in stage.hear_until(SETTING + "tempo") if heard[0].startswith(SETTING)] == [
        (SETTING + "tempo", (77.0,))
    ]


def test_commands_do_what_they_say(stage: Stage) -> None:
    for path, turn in (
        ("start", Turn.PLAYER),
        ("stop", Turn.IDLE),
        ("start", Turn.PLAYER),
        ("panic", Turn.IDLE),
    ):
        stage.send(path)
        stage.run(0.01)
        assert stage.player.session.turn.turn is turn
    stage.send("bookmark", "here")
    stage.run(0.01)
    assert [each.name for each in stage.player.session.bookmarks][-1] == "here"
    assert stage.ask("goto", 999)[0] == "error"
    stage.send("models")
    stage.player.turn()
    assert [stage.hear(), stage.hear()] == [("models", ("tiny",)), ("models", ("other",))]
    assert stage.ask("model") == ("model", ("tiny",))
    stage.send("subscribe")
    stage.player.turn()
    stage.hear_until("bookmark")
    stage.send("undo")
    stage.player.turn()
    assert stage.hear_until("remark")[-1][1] == ("there is nothing to take back",)
    stage.send("loop", 1)
    stage.send("again")
    stage.send("redo")
    stage.player.turn()
    assert len([stage.hear_until("remark") for _ in range(3)]) == 3


# --- what is refused ------------------------------------------------------------------------------------------

BAD: dict[str, tuple[bytes, str]] = {
    "an address that is none": (osc.to_packet("pnaic", ()), "nearest is '/ritornello/panic'"),
    "an address of others": (b"/live/tempo\0,\0\0\0", "unknown address '/live/tempo'"),
    "a setting that is none": (
        osc.to_packet("setting/tmepo", (1,)),
        "nearest is '/ritornello/setting/tempo'",
    ),
    "a pattern for nothing": (osc.to_packet("x*", ()), "no address matches"),
    "an address that is only sent": (osc.to_packet("turn", ("model",)), "/ritornello/turn is only sent"),
    "a text for a number": (osc.to_packet("note", ("c", 90)), "pitch: must be a whole number (received 'c')"),
    "a pitch too high": (osc.to_packet("note", (128, 90)), "pitch: must be at most 127"),
    "half a pitch": (osc.to_packet("note", (60.5, 90)), "pitch: must be a whole number"),
    "no number": (osc.to_packet("ping", (float("nan"),)), "number"),
    "too few": (osc.to_packet("note", (60,)), "velocity: must be given"),
    "too many": (osc.to_packet("start", (1,)), "1 arguments; allowed: none"),
    "a status that is none": (osc.to_packet("midi", (0xF8, 0, 0)), "status: must be at most 239"),
    "a type that is none": (b"/ritornello/start\0\0\0,b\0\0\0\0\0\1abcd", "types ',b'; allowed: i"),
    "no type tag": (b"/ritornello/start\0\0\0xy\0\0", "types 'xy'"),
    "an argument that is cut off": (b"/ritornello/ping\0\0\0\0,i\0\0\0", "not OSC"),
    "no packet": (b"hello", "not OSC: neither a message"),
    "nothing": (b"", "not OSC"),
    "a bundle cut short": (b"#bundle\0\0\0", "a bundle cut short"),
    "an element without end": (
        osc.BUNDLE + bytes(8) + struct.pack(">i", -8) + bytes(8),
        "element of 4294967288",
    ),
    "an element of nothing": (osc.BUNDLE + bytes(8) + bytes(8), "element of 0 bytes"),
    "bytes that are no text": (b"/\xff\xfe\0,\0\0\0", "not OSC: 'utf-8' codec"),
    "a huge packet": (b"/" + bytes(20_000), "at most 16,384 bytes"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_answered_in_one_line(case: str, stage: Stage) -> None:
    packet, expected = BAD[case]
    assert expected in stage.refused(packet)
    assert stage.ask("ping", 1) == ("pong", (1,)), "it goes on"


@pytest.mark.parametrize(
    ("path", "arguments", "expected"),
    [
        ("setting/tempo", (1000,), "tempo: must be at most 400"),
        ("setting/tempo", (60, 70), "2 arguments; allowed: one"),
        ("setting/mode", ("solo",), "mode: must be"),
        ("setting/tempo", ("none",), "tempo: must be a number"),
        ("model", ("sings",), "unknown model 'sings'"),
        ("subscribe", ("example.org", 9000), "a number such as"),
        ("subscribe", ("224.0.0.1", 9000), "not the address of one machine"),
        ("unsubscribe", (), "has not subscribed"),
    ],
)
def test_what_the_session_refuses_is_answered_too(
    path: str, arguments: tuple[Any, ...], expected: str, stage: Stage
) -> None:
    answer, (text,) = stage.ask(path, *arguments)
    assert answer == "error"
    assert expected in text


def nested(depth: int) -> bytes:
    packet = osc.to_packet("ping", (3,))
    for _ in range(depth):
        packet = osc.BUNDLE + struct.pack(">Qi", osc.NOW, len(packet)) + packet
    return packet


def test_bundles_are_taken_apart_in_order_and_not_without_end(stage: Stage) -> None:
    one, two = osc.to_packet("ping", (1,)), osc.to_packet("ping", (2,))
    bundle = osc.BUNDLE + struct.pack(">Q", osc.NOW)
    for part in (one, nested(2), two):
        bundle += struct.pack(">i", len(part)) + part
    assert [parsed.arguments for parsed in osc.parse_packet(bundle)] == [(1,), (3,), (2,)]
    assert osc.parse_packet(nested(osc.DEEPEST))[0].arguments == (3,)
    with pytest.raises(ConfigError, match="more than 8 in one another"):
        osc.parse_packet(nested(osc.DEEPEST + 1))


@given(st.binary(max_size=80), st.sampled_from([b"", osc.BUNDLE + bytes(8), b"/ritornello/note\0\0\0\0,"]))
def test_any_bytes_are_messages_or_one_error(data: bytes, before: bytes) -> None:
    with suppress(ConfigError):
        for parsed in osc.parse_packet(before + data):
            osc.matching_paths(parsed.address)


def test_an_error_is_never_answered(stage: Stage) -> None:
    stage.wire.sendto(osc.to_packet("error", ("what?",)), stage.port.address)
    assert stage.ask("ping", 1) == ("pong", (1,))


def test_a_flood_is_cut_and_the_answers_to_it_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still, so no allowance grows."""
    stage.port._bucket._level, stage.port._errors._level = 3, 2
    for bucket in (stage.port._bucket, stage.port._errors):
        monkeypatch.setattr(bucket, "_clock", lambda: bucket._seen)  # noqa: B023
    packet = osc.to_packet("ping", (1,))
    for _ in range(3):
        stage.send_packet(packet)
    for _ in range(2):
        assert "more than 2,000 messages a second" in stage.refused(packet)
    stage.wire.sendto(packet, stage.port.address)  # not answered
    stage.player.turn()
    assert [stage.hear()[0] for _ in range(3)] == ["pong"] * 3
    stage.wire.settimeout(0.05)
    with pytest.raises(TimeoutError):
        stage.hear()


def test_a_fault_of_ours_is_told_and_the_session_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(stage.player, "start", fail)
    assert "ZeroDivisionError: oh" in stage.ask("start")[1][0]
    assert "an OSC message failed" in caplog.text
    assert stage.ask("ping", 2) == ("pong", (2,))


# --- subscribers ----------------------------------------------------------------------------------------------


def test_who_does_not_subscribe_again_is_told_no_more(stage: Stage) -> None:
    stage.send("subscribe")
    stage.player.turn()
    stage.hear_until("loop")
    stage.time += osc_port.LEASE - 1
    assert stage.ask("subscribe")[0] == "subscribed"
    stage.time += osc_port.LEASE - 1
    stage.port.publish(events.Remark("still here"), 0.0)
    assert stage.hear() == ("remark", ("still here",))
    stage.time += 2
    stage.port.publish(events.Remark("gone"), 0.0)
    assert not stage.port.hears(stage.mine)


def test_a_program_may_subscribe_for_another_and_not_without_end(stage: Stage) -> None:
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind((HERE, 0))
    other.settimeout(20)
    stage.send("subscribe", "localhost", other.getsockname()[1])
    stage.player.turn()
    answer = osc.parse_packet(other.recv(65_536))[0]
    assert answer.address == ROOT + "subscribed"
    assert answer.arguments == (HERE, other.getsockname()[1], osc_port.LEASE)
    stage.send("unsubscribe", HERE, other.getsockname()[1])
    stage.player.turn()
    other.close()
    for port in range(osc_port.MOST_SUBSCRIBERS):
        stage.port.subscribe((HERE, 1), HERE, 20_000 + port)
    with pytest.raises(ConfigError, match="16 have subscribed already"):
        stage.port.subscribe((HERE, 1), HERE, 30_000)
    stage.time += osc_port.LEASE + 1
    assert stage.port.subscribe((HERE, 1), HERE, 30_000), "the time of the others is over"


@pytest.mark.parametrize(
    ("sender", "host", "expected"),
    [("192.168.0.9", "192.168.0.10", "can only subscribe for itself"), (HERE, HERE, "is this one")],
)
def test_nobody_is_made_to_receive_what_another_asked_for(
    sender: str, host: str, expected: str, stage: Stage
) -> None:
    with pytest.raises(ConfigError, match=expected):
        stage.port.subscribe((sender, 5000), host, stage.port.address[1])


def test_a_port_in_use_is_one_line(stage: Stage) -> None:
    with pytest.raises(
        ConfigError, match=rf"cannot listen to OSC on 127\.0\.0\.1, port {stage.port.address[1]}"
    ):
        OscPort(stage.group.put, port=stage.port.address[1])


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pythonosc", None)
    with pytest.raises(MissingExtraError, match=r"ritornello\[osc\]"):
        OscPort(lambda at, job: None, port=0)


# --- the address space ----------------------------------------------------------------------------------------


def test_every_message_has_an_act_and_a_description() -> None:
    assert set(osc.RECEIVED.values()) == osc_port._ACTS.keys()
    assert all(kind.__doc__ for kind in [*osc.RECEIVED.values(), *osc.SENT.values()])
    assert not [path for path in osc.received_paths() if len(ROOT + path) > 60]


NEWS: list[Callable[[], Any]] = [
    lambda: events.TurnBegan(Turn.MODEL, 3.0, 5.0, 2),
    lambda: events.NotesPlanned((events.LiveNote(1, Side.MODEL, 3.0, 4.0, 60, 80, 0, 0),)),
    lambda: events.NotesCancelled((1, 2), 3.5),
    lambda: events.TempoSet(2.0, 120.0, (3, 4), True),
    lambda: events.BookmarkSet(1, "x", 2.0),
    lambda: events.HistoryChanged(),
    lambda: events.Answered(0.2),
    lambda: events.LoopSet(True),
    lambda: events.Harmony(Turn.PLAYER, 1.0, 3.0, "D major", ((1.0, "D"), (2.0, "(A7)"))),
    lambda: events.Remark("hm"),
]


@pytest.mark.parametrize("make", NEWS)
def test_all_that_happens_has_words(make: Callable[[], Any]) -> None:
    found = osc.messages_of(make(), 2.5)
    assert found
    for message in found:
        (parsed,) = osc.parse_packet(osc.packet_of(message))
        assert osc.SENT[parsed.address.removeprefix(ROOT)] is type(message)
        assert parsed.arguments == message.arguments


def test_times_are_told_from_now() -> None:
    def told(news: Any) -> list[tuple[Any, ...]]:
        return [message.arguments for message in osc.messages_of(news, 2.5)]

    assert told(events.TurnBegan(Turn.MODEL, 3.0, 5.0, 2)) == [("model", 2, 0.5, 2.5)]
    assert told(events.TurnBegan(Turn.PLAYER, 2.0, None, 3)) == [("player", 3, 0.0, -1.0)]
    assert told(events.TempoSet(2.0, 120.0, (3, 4), True)) == [(120.0, 3, 4, 1.0, 1)]
    harmony = events.Harmony(Turn.PLAYER, 1.0, 3.0, "D major", ((1.0, "D"), (3.0, "A7")))
    assert told(harmony) == [("player", "D major"), ("player", "D", -1.5), ("player", "A7", 0.5)]


def test_patterns_name_what_they_match() -> None:
    assert osc.matching_paths(ROOT + "st*") == ["start", "stop", "state"]
    assert osc.matching_paths(ROOT + "setting/call_*") == ["setting/call_seconds", "setting/call_bars"]
    assert len(osc.matching_paths(ROOT + "*/*")) == len(config_options())


def test_the_page_has_the_tables_of_the_code() -> None:
    tool = runpy.run_path(str(PROJECT / "tools" / "osc.py"))
    page = tool["PAGE"].read_text(encoding="utf-8")
    assert tool["page"](page) == page, "run: python tools/osc.py"
