"""The messages between page and server: JSON objects, one a text frame of the WebSocket `/live`.

`parse_message` parses a message of the page strictly: an unknown type, key or value is a ConfigError of one line, and
every length is bounded. `output_to_message` makes the server's message for an output of a session. Times are
seconds on the session's clock, rounded to a microsecond. The table of all messages is in docs/jam.md.

Read in order: the messages of the page, `parse_message`, `output_to_message`, `config_options`.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat
from pydantic_core import from_json

from ritornello.config import checked
from ritornello.errors import ConfigError, unknown_name
from ritornello.formats.messages import is_channel_message
from ritornello.generation.constraints import make_constraints
from ritornello.live import events
from ritornello.live.config import JamConfig
from ritornello.live.events import LiveNote
from ritornello.theory import INSTRUMENTS, SCALES, pitch_class_name

Json = dict[str, Any]

LATEST = 1e7
"""The latest time that is accepted, in seconds: four months."""

LONGEST_ERROR = 300
"""Characters of an error message at most: it quotes the value received, which may be long."""

TOKEN = r"[A-Za-z0-9_-]{16,64}"
"""The pattern of a session's token, made by `secrets.token_urlsafe`."""

INSTRUMENT_NAMES = (*INSTRUMENTS, "drum kit")
"""The instruments of General MIDI by number, the drum kit as number 128."""


def _check_midi(data: list[int]) -> list[int]:
    """Refuse bytes that are not a channel message."""
    if not is_channel_message(data):
        raise ValueError("not a MIDI channel message")
    return data


Time = Annotated[FiniteFloat, Field(ge=-LATEST, le=LATEST)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
MidiData = Annotated[
    list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=2, max_length=3), AfterValidator(_check_midi)
]


class Message(BaseModel):
    """A message of the page."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Hello(Message):
    """The first message: resume `session`, or begin a new one with a model (default: the first)."""

    session: Annotated[str, Field(pattern=f"^{TOKEN}$")] | None = None
    model: Name | None = None


class Ping(Message):
    """Request the session's time; `time` is returned with it."""

    time: Time


class PlayMidi(Message):
    """A channel message of the player."""

    time: Time
    data: MidiData


class StartMessage(Message):
    """Begin to play."""


class StopMessage(Message):
    """Fall silent."""


class UndoMessage(Message):
    """Undo the last turn."""


class RedoMessage(Message):
    """Take the last undo back."""


class AgainMessage(Message):
    """Give another answer to the same call."""


class LoopMessage(Message):
    """Repeat the last answer, or end that."""

    on: bool


class Panic(Message):
    """Release every key, and fall silent."""


class ConfigureMessage(Message):
    """Change settings: some fields of `JamConfig`."""

    config: Annotated[Json, Field(max_length=len(JamConfig.model_fields))]


class ChooseModel(Message):
    """Play with another model from the next turn on."""

    name: Name


class BookmarkMessage(Message):
    """Keep the present moment under a name."""

    name: Annotated[str, Field(max_length=80)]


class GoToMessage(Message):
    """Go back to a bookmark."""

    number: Annotated[int, Field(ge=0, le=1_000_000)]


class Latency(Message):
    """The latency from a key to its sound that the page measured, in seconds."""

    seconds: Annotated[FiniteFloat, Field(ge=0, le=3600)]


MESSAGES: dict[str, type[Message]] = {
    "hello": Hello,
    "ping": Ping,
    "midi": PlayMidi,
    "start": StartMessage,
    "stop": StopMessage,
    "undo": UndoMessage,
    "redo": RedoMessage,
    "again": AgainMessage,
    "loop": LoopMessage,
    "panic": Panic,
    "configure": ConfigureMessage,
    "model": ChooseModel,
    "bookmark": BookmarkMessage,
    "goto": GoToMessage,
    "latency": Latency,
}
"""The messages of the page, by type."""


def parse_message(text: str | bytes) -> Message:
    """Return the message in a frame; ConfigError, in one line, if it is not valid."""
    try:
        content = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ConfigError(f"not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"a message is a JSON object, received {type(content).__name__}")
    kind = content.pop("type", None)
    if not isinstance(kind, str) or kind not in MESSAGES:
        raise unknown_name("type of message", str(kind)[:40], MESSAGES)
    return checked(MESSAGES[kind], content, f"{kind}: ")


def changed_config(config: JamConfig, changes: Json) -> JamConfig:
    """Return `config` with some fields changed; ConfigError for an unknown field or a value that is not allowed."""
    return checked(JamConfig, config.model_dump(exclude_unset=True) | changes)


# --- messages of the server -----------------------------------------------------------------------------------


def rounded(seconds: float) -> float:
    """Return a time rounded to a microsecond, which is shorter, and exact enough."""
    return round(seconds, 6)


def to_json(value: events.Output | LiveNote) -> Json:
    """Return the fields of an output or a note, times rounded."""
    return {name: rounded(each) if isinstance(each, float) else each for name, each in vars(value).items()}


def error_message(text: object) -> Json:
    """Return the message for an error, in one line."""
    line = " ".join(str(text).split())
    return {"type": "error", "text": line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 1] + "…"}


def remark(text: str) -> Json:
    """Return the message for a line that is no error."""
    return {"type": "remark", "text": text[:LONGEST_ERROR]}


def refused_config(text: object, changes: Json) -> Json:
    """Return the error message for changes of the configuration, with the names of the fields that stay as they are."""
    return error_message(text) | {"fields": [name for name in changes if name in JamConfig.model_fields]}


KINDS: dict[type, str] = {
    events.TurnBegan: "turn",
    events.NotesCancelled: "cancel",
    events.TempoSet: "tempo",
    events.BookmarkSet: "bookmark",
    events.LoopSet: "loop",
    events.Harmony: "harmony",
    events.Remark: "remark",
}
"""The types of the messages that have the fields of an output."""


def output_to_message(output: events.Output) -> Json | None:
    """Return the message for an output; None if it needs the hosted session."""
    if isinstance(output, events.NotesPlanned):
        message: Json = {"type": "notes", "notes": [to_json(note) for note in output.notes]}
        if output.held:
            message["held"] = {note.number: note.end for note in output.sounding}
        return message
    kind = KINDS.get(type(output))
    return None if kind is None else {"type": kind, **to_json(output)}


@cache
def config_options() -> dict[str, Json]:
    """Return the options of each field of `JamConfig` for the page, those of constraints first, in their order.

    The keys are those of `field_options`, and `constraint`: the name of the constraint that the field is a setting
    of, or None.
    """
    constraints: dict[str, str] = {}
    for each in make_constraints(is_live=True):
        for name in each.settings.model_fields:
            constraints.setdefault(name, each.name)
    options = field_options(JamConfig)
    options["scale"]["choices"] = [
        f"{pitch_class_name(tonic)} {scale}" for tonic in range(12) for scale in SCALES
    ]
    options["instrument"]["choices"] = list(INSTRUMENT_NAMES)
    names = dict.fromkeys([*constraints, *options])
    return {name: options[name] | {"constraint": constraints.get(name)} for name in names}


def field_options(model: type[BaseModel]) -> dict[str, Json]:
    """Return the type, the default, the description, the limits and the choices of each field of a model.

    The type is boolean, integer, number, list or text. Limits and choices that a field does not have are None; a
    default of None means that the field may be None too.
    """
    types = {"boolean": "boolean", "integer": "integer", "number": "number", "array": "list"}  # else text
    schema, options = model.model_json_schema(), {}
    for name, field in schema["properties"].items():
        alternatives = [rules for rules in field.get("anyOf", [field]) if rules.get("type") != "null"]
        rules = alternatives[0] if len(alternatives) == 1 else {}
        if "$ref" in rules:
            rules = schema["$defs"][rules["$ref"].rpartition("/")[2]]
        options[name] = {
            "type": types.get(rules.get("type", ""), "text"),
            "default": field.get("default"),
            "description": field.get("description", ""),
            "minimum": rules.get("minimum", rules.get("exclusiveMinimum")),
            "maximum": rules.get("maximum", rules.get("exclusiveMaximum")),
            "choices": rules.get("enum"),
        }
    return options
