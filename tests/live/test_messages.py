"""Messages: what the page says is read strictly, what the server says is plain JSON."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation.constraints import Constraint, Settings, make_constraints
from ritornello.live import events
from ritornello.live.config import JamConfig, Mode
from ritornello.live.server import messages
from ritornello.live.server.messages import (
    MESSAGES,
    Hello,
    PlayMidi,
    changed_config,
    config_options,
    error_message,
    field_options,
    output_to_message,
    parse_message,
    refused_config,
)

GOOD = {
    '{"type":"hello","session":null,"model":null}': Hello(),
    '{"type":"hello"}': Hello(),
    '{"type":"midi","time":1,"data":[144,60,100]}': PlayMidi(time=1.0, data=[144, 60, 100]),
    '{"type":"midi","time":1.5,"data":[192,5]}': PlayMidi(time=1.5, data=[192, 5]),
    '{"type":"goto","number":3}': messages.GoToMessage(number=3),
    '{"type":"panic"}': messages.Panic(),
}

BAD = {
    "": "not JSON",
    "{": "not JSON",
    "[" * 100_000: "not JSON",
    "[1]": "JSON object, received list",
    "{}": "type of message",
    '{"type":7}': "type of message",
    '{"type":"helo"}': "nearest is 'hello'",
    '{"type":"start","now":1}': "start: now",
    '{"type":"ping"}': "ping: time",
    '{"type":"ping","time":NaN}': "not JSON",
    '{"type":"ping","time":1e300}': "ping: time",
    '{"type":"ping","time":"1"}': "ping: time",
    '{"type":"midi","time":1,"data":[144,60]}': "no",
    '{"type":"midi","time":1,"data":[144,60,128]}': "not a MIDI channel message",
    '{"type":"midi","time":1,"data":[240,1,2]}': "not a MIDI channel message",
    '{"type":"midi","time":1,"data":[60,60,60]}': "not a MIDI channel message",
    '{"type":"midi","time":1,"data":[192,60,60]}': "not a MIDI channel message",
    '{"type":"midi","time":1,"data":[144,60,true]}': "midi: data",
    '{"type":"midi","time":1,"data":"abc"}': "midi: data",
    '{"type":"hello","session":"../../etc/passwd-and-more"}': "hello: session",
    '{"type":"bookmark","name":"' + "x" * 81 + '"}': "bookmark: name",
    '{"type":"goto","number":-1}': "goto: number",
    '{"type":"goto","number":1.5}': "goto: number",
}


@pytest.mark.parametrize("text", GOOD, ids=lambda text: text[:40])
def test_good_messages(text: str) -> None:
    assert parse_message(text) == GOOD[text]


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:40])
def test_bad_messages_are_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match=BAD[text]) as refused:
        parse_message(text)
    line = error_message(refused.value)["text"]
    assert len(line) <= messages.LONGEST_ERROR
    assert "\n" not in line


LEAVES = st.sampled_from(
    (None, True, 0, -1, 60, 1e9, 0.5, float("nan"), "", "a", "☕\n", [144, 60, 1], [[]], {"tempo": 90})
)


@given(
    st.sampled_from(sorted(MESSAGES)),
    st.dictionaries(st.sampled_from(("time", "data", "name", "config")), LEAVES),
)
def test_whatever_comes_is_a_message_or_refused(kind: str, fields: dict[str, object]) -> None:
    try:
        message = parse_message(json.dumps({"type": kind, **fields}))
    except ConfigError as error:
        line = error_message(error)["text"]
        assert "\n" not in line
    else:
        assert type(message) is MESSAGES[kind]


@given(st.binary(max_size=40))
def test_whatever_bytes_come_are_refused(data: bytes) -> None:
    with pytest.raises(ConfigError):
        parse_message(data)


def test_a_part_of_the_configuration_changes_that_part() -> None:
    config = checked(JamConfig, {"tempo": 90.0})
    changed = changed_config(config, {"mode": "trade", "meter": [3, 4], "instruments": ["flute"]})
    assert (changed.mode, changed.meter, changed.tempo) == (Mode.TRADE, "3/4", 90.0)
    for bad, expected in (({"temp": 1}, "temp"), ({"tempo": 1e9}, "tempo"), ({"scale": "H major"}, "H")):
        with pytest.raises(ConfigError, match=expected):
            changed_config(config, bad)


NOTE = events.LiveNote(3, events.Side.MODEL, 1.23456789, None, 60, 100, 0, 128)

EXPECTED = [
    (
        events.TurnBegan(events.Turn.MODEL, 1, 2.0000004, 4),
        {"type": "turn", "turn": "model", "start": 1, "end": 2.0, "number": 4},
    ),
    (
        events.TurnBegan(events.Turn.IDLE, 1, None, 0),
        {"type": "turn", "turn": "idle", "start": 1, "end": None, "number": 0},
    ),
    (
        events.NotesPlanned((NOTE,)),
        {
            "type": "notes",
            "notes": [
                {
                    "number": 3,
                    "side": "model",
                    "start": 1.234568,
                    "end": None,
                    "pitch": 60,
                    "velocity": 100,
                    "channel": 0,
                    "program": 128,
                }
            ],
        },
    ),
    (events.NotesCancelled((1, 2), 3.0), {"type": "cancel", "numbers": [1, 2], "at": 3.0}),
    (
        events.TempoSet(1.0, 120.5, (3, 4), True),
        {"type": "tempo", "bar_line": 1.0, "quarters_per_minute": 120.5, "meter": [3, 4], "steady": True},
    ),
    (events.BookmarkSet(1, "A", 2.0), {"type": "bookmark", "number": 1, "name": "A", "at": 2.0}),
    (events.Remark("so"), {"type": "remark", "text": "so"}),
    (events.HistoryChanged(), None),
    (events.Answered(0.1), None),
]


@pytest.mark.parametrize(("output", "expected"), EXPECTED, ids=lambda value: type(value).__name__)
def test_what_a_session_puts_out_is_plain_json(output: events.Output, expected: object) -> None:
    assert json.loads(json.dumps(output_to_message(output))) == expected


def test_the_options_name_every_field_and_its_choices_are_allowed() -> None:
    options = config_options()
    assert set(options) == set(JamConfig.model_fields)
    assert options["tempo"] == {
        "type": "number",
        "default": 100.0,
        "description": "quarter notes a minute",
        "minimum": 10,
        "maximum": 400,
        "choices": None,
        "constraint": None,
    }
    assert options["mode"]["choices"] == [str(mode) for mode in Mode]
    for name, option in options.items():
        for choice in option["choices"] or ():
            changed_config(checked(JamConfig, {}), {name: choice})


@pytest.mark.parametrize("constraint", make_constraints(is_live=True), ids=lambda constraint: constraint.name)
def test_the_options_tell_which_fields_are_settings_of_constraints(constraint: Constraint) -> None:
    options = config_options()
    for name, field in constraint.settings.model_fields.items():
        assert options[name]["constraint"] == constraint.name
        assert options[name]["description"] == field.description
        assert options[name]["default"] == field.default


def test_the_settings_of_constraints_come_first_and_in_order() -> None:
    constraints = [option["constraint"] for option in config_options().values()]
    order = [each.name for each in make_constraints(is_live=True)]
    first = [name for name in constraints if name is not None]
    assert constraints[: len(first)] == first
    assert first == sorted(first, key=order.index)


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Asked(Settings):
    """Settings of every type that a constraint of another package may have."""

    loud: bool = False
    swing: bool | None = None
    size: Size | None = Field(None, description="how large")
    beats: Literal[2, 4] = 4
    share: float | None = Field(None, ge=0, lt=1)
    parts: tuple[str, ...] | None = None
    key: str | int | None = None


def test_options_of_every_type() -> None:
    options = field_options(Asked)
    assert {name: option["type"] for name, option in options.items()} == {
        "loud": "boolean",
        "swing": "boolean",
        "size": "text",
        "beats": "integer",
        "share": "number",
        "parts": "list",
        "key": "text",
    }
    assert options["size"]["description"] == "how large"
    assert [options[name]["choices"] for name in ("size", "beats", "key")] == [
        ["small", "large"],
        [2, 4],
        None,
    ]
    assert [options["share"][limit] for limit in ("minimum", "maximum")] == [0, 1]
    assert [options[name]["default"] for name in ("loud", "swing", "beats")] == [False, None, 4]


def test_a_refused_change_names_the_fields_that_stay() -> None:
    message = refused_config("so", {"lowest": "H9", "nonsense": 1})
    assert message == {"type": "error", "text": "so", "fields": ["lowest"]}
