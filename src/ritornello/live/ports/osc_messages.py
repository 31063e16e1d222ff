"""The OSC address space of a session: every message that is understood or sent, below ROOT.

A message is a class: its fields are the arguments in their order, its docstring is its description. `RECEIVED` and
`SENT` are the tables of all of them, from which the tables of docs/osc.md are made. `parse_packet` and `to_packet` are
the wire format (OSC 1.0), with the types i, h, f, d, s, T, F, N and m. Channels are 1-16. What is sent has no booleans,
which not every program reads: they are 1 and 0, and a setting that is not given is the text "none".

Read in order: the messages, `parse_arguments`, `messages_of`, `parse_packet`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ritornello.config import checked
from ritornello.errors import ConfigError, MissingExtraError, unknown_name
from ritornello.formats import messages as midi
from ritornello.live import events
from ritornello.live.config import JamConfig
from ritornello.live.ports import BeatSounded, ModelChosen, News
from ritornello.live.server.messages import LONGEST_ERROR, config_options, field_options

ROOT = "/ritornello/"

SETTING = "setting/"
"""The addresses of settings: SETTING and the name of one."""

NOT_GIVEN = "none"
"""The value of a setting that is not given."""

Channel = Annotated[int, Field(ge=1, le=16)]
Pitch = Annotated[int, Field(ge=0, le=127)]
Value = int | float | str | None


class Message(BaseModel):
    """A message: its fields are its arguments."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @property
    def arguments(self) -> tuple[Value, ...]:
        return tuple(vars(self).values())


# --- received -------------------------------------------------------------------------------------------------


class Note(Message):
    """Play a note; a velocity of 0 ends it. Channel 10 is the drums."""

    pitch: Pitch
    velocity: Pitch
    channel: Channel = 1


class Midi(Message):
    """Any channel message as its bytes, or as one argument of the type m. Control changes act as at a MIDI port."""

    status: Annotated[int, Field(ge=0x80, le=0xEF)]
    first: Pitch
    second: Pitch | None = None


class Start(Message):
    """Begin to play."""


class Stop(Message):
    """Fall silent."""


class Undo(Message):
    """Undo the last turn."""


class Redo(Message):
    """Take the last undo back."""


class Again(Message):
    """Give another answer to the same call."""


class Loop(Message):
    """1: repeat the last answer; 0: go on with the turns."""

    on: bool


class Panic(Message):
    """Stop, and end every note."""


class SetBookmark(Message):
    """Keep this moment."""

    name: Annotated[str, Field(max_length=80)] = ""


class GoTo(Message):
    """Go back to a bookmark."""

    number: Annotated[int, Field(ge=0, le=1_000_000)]


class Model(Message):
    """Play with another model from the next turn on. Without a name: ask for the present one."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class Models(Message):
    """Ask for the names of all models."""


class Settings(Message):
    """Ask for all settings."""


class State(Message):
    """Ask for everything: settings, model, turn, tempo, loop, bookmarks."""


class Subscribe(Message):
    """Be sent all that happens, for a while: at a host and port, or else where this message comes from."""

    host: Annotated[str, Field(max_length=64)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None


class Unsubscribe(Message):
    """End that."""

    host: Annotated[str, Field(max_length=64)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None


class Ping(Message):
    """Ask for an answer, with the same number."""

    number: int | float = 0


RECEIVED: dict[str, type[Message]] = {
    "note": Note,
    "midi": Midi,
    "start": Start,
    "stop": Stop,
    "panic": Panic,
    "undo": Undo,
    "redo": Redo,
    "again": Again,
    "loop": Loop,
    "bookmark": SetBookmark,
    "goto": GoTo,
    "model": Model,
    "models": Models,
    "settings": Settings,
    "state": State,
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "ping": Ping,
}
"""The messages that are understood, by address; and SETTING with the name of each setting."""


# --- sent -----------------------------------------------------------------------------------------------------


class NoteSent(Message):
    """A note of the model, of the metronome, or (with `--through`) of yours begins now; velocity 0: it ends."""

    pitch: Pitch
    velocity: Pitch
    channel: Channel


class MidiSent(Message):
    """Any other MIDI channel message that is sent now."""

    status: Annotated[int, Field(ge=0x80, le=0xEF)]
    first: Pitch
    second: Pitch = 0


class ProgramSent(Message):
    """The notes of a channel have this General MIDI program, 0-127, from now on."""

    channel: Channel
    program: Pitch


class PlannedNote(Message):
    """A note of the model, as soon as it is decided: it begins in `delay` seconds."""

    number: int
    pitch: Pitch
    velocity: Pitch
    channel: Channel
    delay: float
    duration: float


class CancelledNote(Message):
    """A planned note is not played or, if it sounds, ends in `delay` seconds."""

    number: int
    delay: float


class TurnSent(Message):
    """A turn: idle, count-in, player, model or both. Seconds until it begins and ends; -1: nobody knows."""

    turn: str
    number: int
    begins: float
    ends: float


class TempoSent(Message):
    """The beat: that of the metronome if `steady` is 1, else as heard. `bar_line`: seconds until one."""

    quarters_per_minute: float
    numerator: int
    denominator: int
    bar_line: float
    steady: int


class BeatSent(Message):
    """The metronome's beat, now: which one of how many in the bar, from 1."""

    beat: int
    beats: int
    quarters_per_minute: float


class KeySent(Message):
    """The key, such as "D major", "" if there is no telling: heard (player), planned (model), or of both."""

    turn: str
    key: str


class ChordSent(Message):
    """A chord, likewise, that begins in `delay` seconds (negative: before now); in parentheses where it is a guess."""

    turn: str
    chord: str
    delay: float


class AnsweredSent(Message):
    """Seconds that the last answer took."""

    seconds: float


class LoopSent(Message):
    """Whether the last answer is repeated."""

    on: int


class BookmarkSent(Message):
    """A bookmark that `goto` accepts."""

    number: int
    name: str


class HistorySent(Message):
    """The record was replaced, by undo, redo or a bookmark."""


class ModelSent(Message):
    """The model."""

    name: str


class ModelsSent(Message):
    """The name of a model, one message for each."""

    name: str


class RemarkSent(Message):
    """A line for the player."""

    text: str


class SubscribedSent(Message):
    """You are sent what happens for so many seconds; subscribe again before they are over."""

    host: str
    port: int
    seconds: float


class UnsubscribedSent(Message):
    """You are sent no more."""

    host: str
    port: int


class Pong(Message):
    """The answer to `ping`."""

    number: int | float


class ErrorSent(Message):
    """What is wrong with a message of yours, in one line."""

    text: str


SENT: dict[str, type[Message]] = {
    "note": NoteSent,
    "program": ProgramSent,
    "midi": MidiSent,
    "planned": PlannedNote,
    "cancelled": CancelledNote,
    "turn": TurnSent,
    "tempo": TempoSent,
    "beat": BeatSent,
    "key": KeySent,
    "chord": ChordSent,
    "answered": AnsweredSent,
    "loop": LoopSent,
    "bookmark": BookmarkSent,
    "history": HistorySent,
    "model": ModelSent,
    "models": ModelsSent,
    "remark": RemarkSent,
    "subscribed": SubscribedSent,
    "unsubscribed": UnsubscribedSent,
    "pong": Pong,
    "error": ErrorSent,
}
"""The messages that are sent, by address; and SETTING with the name of each setting, with its values."""

_ADDRESSES = {kind: path for path, kind in SENT.items()}


# --- understanding --------------------------------------------------------------------------------------------


@cache
def received_paths() -> tuple[str, ...]:
    """Return all addresses that are understood, below ROOT."""
    return (*RECEIVED, *(SETTING + name for name in config_options()))


def matching_paths(address: str) -> list[str]:
    """Return the paths that an address names, a pattern with `?`, `*` or `[...]` any number; ConfigError for none."""
    path, known = address.removeprefix(ROOT), received_paths()
    if not address.startswith(ROOT) or not any(sign in path for sign in "?*["):
        if address.startswith(ROOT) and path in known:
            return [path]
        if address.startswith(ROOT) and path in SENT:
            raise ConfigError(f"{address} is only sent, and not understood")
        raise unknown_name("address", address[:80], [ROOT + each for each in known])
    parts = path.split("/")
    found = [each for each in known if _matches(each.split("/"), parts)]
    if not found:
        raise ConfigError(f"no address matches {address[:80]}")
    return found


def _matches(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    """Return whether each part matches its pattern: a `*` does not reach over a slash."""
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def parse_arguments(path: str, values: Sequence[Any]) -> Message:
    """Return the message of an address of RECEIVED; ConfigError if its arguments are not allowed."""
    kind = RECEIVED[path]
    names = list(kind.model_fields)
    if (
        kind is Midi and len(values) == 1 and isinstance(values[0], tuple)
    ):  # of the type m: port, status, data
        values = values[0][1 : 1 + midi.LENGTHS.get(values[0][1] & 0xF0, 3)]
    if len(values) > len(names):
        allowed = f"at most {len(names)}: {', '.join(names)}" if names else "none"
        raise ConfigError(f"{ROOT}{path}: {len(values)} arguments; allowed: {allowed}")
    return checked(kind, dict(zip(names, values, strict=False)), f"{ROOT}{path}: ")


def parse_setting(name: str, values: Sequence[Any]) -> Any:
    """Return the value of a setting in the arguments of its message, of which there is at least one."""
    kind = config_options()[name]["type"]
    if len(values) == 1 and values[0] in (None, NOT_GIVEN):
        return None
    if kind == "list":
        return list(values) if len(values) > 1 else values[0]
    if len(values) > 1:
        raise ConfigError(f"{ROOT}{SETTING}{name}: {len(values)} arguments; allowed: one")
    return f"{values[0]:g}" if kind == "text" and isinstance(values[0], float) else values[0]


# --- telling --------------------------------------------------------------------------------------------------


def setting_values(config: JamConfig) -> dict[str, tuple[Value, ...]]:
    """Return the arguments of the message of each setting."""
    return {name: _values(value) for name, value in config.model_dump(mode="json").items()}


def _values(value: Any) -> tuple[Value, ...]:
    if isinstance(value, list):
        return tuple(each for part in value for each in _values(part)) or (NOT_GIVEN,)
    if value is None:
        return (NOT_GIVEN,)
    if isinstance(value, bool):
        return (int(value),)
    return (value,) if isinstance(value, int | float) else (str(value),)


def messages_of_midi(data: bytes) -> list[Message]:
    """Return the message for a MIDI message that is sent; none for the clock's, which `beat` and `tempo` tell."""
    kind, channel = data[0] & 0xF0, (data[0] & 15) + 1
    if kind == 0xF0:
        return []
    if kind in (midi.NOTE_ON, midi.NOTE_OFF):
        velocity = data[2] if kind == midi.NOTE_ON else 0
        return [NoteSent(pitch=data[1], velocity=velocity, channel=channel)]
    if kind == midi.PROGRAM_CHANGE:
        return [ProgramSent(channel=channel, program=data[1])]
    return [MidiSent(status=data[0], first=data[1], second=data[2] if len(data) > 2 else 0)]


def messages_of(news: News, now: float) -> list[Message]:
    """Return the messages for what happens at `now`, on the session's clock; for settings see `setting_values`."""
    match news:
        case events.NotesPlanned(notes):
            return [_planned(note, now) for note in notes]
        case events.NotesCancelled(numbers, at):
            return [CancelledNote(number=number, delay=max(at - now, 0.0)) for number in numbers]
        case events.TurnBegan(turn, start, end, number):
            ends = -1.0 if end is None else max(end - now, 0.0)
            return [TurnSent(turn=turn, number=number, begins=max(start - now, 0.0), ends=ends)]
        case events.TempoSet(line, tempo, (numerator, denominator), steady):
            beat = TempoSent(
                quarters_per_minute=tempo,
                numerator=numerator,
                denominator=denominator,
                bar_line=(line - now) % (240 / tempo * numerator / denominator),
                steady=int(steady),
            )
            return [beat]
        case events.Harmony(turn, _, _, key, chords):
            told = [ChordSent(turn=turn, chord=chord, delay=start - now) for start, chord in chords]
            return [KeySent(turn=turn, key=key), *told]
        case _:
            return _short_news(news)


def _short_news(news: News) -> list[Message]:
    """Return the messages of news that are taken over as they are."""
    match news:
        case BeatSounded(beat, beats, tempo):
            return [BeatSent(beat=beat, beats=beats, quarters_per_minute=tempo)]
        case ModelChosen(name):
            return [ModelSent(name=name)]
        case events.BookmarkSet(number, name):
            return [BookmarkSent(number=number, name=name)]
        case events.HistoryChanged():
            return [HistorySent()]
        case events.Answered(seconds):
            return [AnsweredSent(seconds=seconds)]
        case events.LoopSet(is_on):
            return [LoopSent(on=int(is_on))]
        case events.Remark(text):
            return [RemarkSent(text=text[:LONGEST_ERROR])]
    return []


def _planned(note: events.LiveNote, now: float) -> PlannedNote:
    end = note.start if note.end is None else note.end
    return PlannedNote(
        number=note.number,
        pitch=note.pitch,
        velocity=note.velocity,
        channel=note.channel + 1,
        delay=max(note.start - now, 0.0),
        duration=end - note.start,
    )


# --- the wire -------------------------------------------------------------------------------------------------

TYPES = "ifhdsTFNm"
"""The types of arguments that are understood."""

DEEPEST = 8
"""Bundles within bundles."""

BUNDLE, HEAD, NOW = b"#bundle\0", 16, 1
"""The beginning of a bundle; the bytes before its elements; the time tag of what is to be done at once."""


class Parsed(NamedTuple):
    """A message of a packet: its NTP time tag, its address, its arguments."""

    tag: int
    address: str
    arguments: tuple[Any, ...]


def check_installed() -> None:
    """Refuse with MissingExtraError if there is no python-osc."""
    try:
        importlib.import_module("pythonosc")
    except ImportError as error:
        raise MissingExtraError("python-osc", "osc") from error


def parse_packet(data: bytes) -> list[Parsed]:
    """Return the messages of a packet, in order; ConfigError, with nothing of it done, if it is not OSC."""
    from pythonosc.osc_message import OscMessage
    from pythonosc.parsing import osc_types

    parsed = []
    for tag, content in _elements(data, NOW, 0):
        try:
            address, end = osc_types.get_string(content, 0)
            types = osc_types.get_string(content, end)[0] if content[end:] else ","
            if types[:1] != "," or set(types[1:]) - set(TYPES):
                raise ConfigError(f"{address[:80]}: types {types[:40]!r}; allowed: {', '.join(TYPES)}")
            parsed.append(Parsed(tag, address, tuple(map(_as_written, OscMessage(content).params))))
        except ConfigError:
            raise
        except Exception as error:  # the library has several of its own, and those of struct and of UTF-8
            raise ConfigError(f"not OSC: {error}") from error
    return parsed


def _as_written(value: Any) -> Any:
    """Return a number of 32 bits as the decimal that was meant: 0.3 arrives as 0.30000001192092896."""
    return float(str(np.float32(value))) if isinstance(value, float) and value == np.float32(value) else value


def _elements(data: bytes, tag: int, depth: int) -> Iterator[tuple[int, bytes]]:
    """Yield the messages of a packet, as bytes, with the tags of their bundles."""
    if not data.startswith(BUNDLE):
        if not data.startswith(b"/"):
            raise ConfigError("not OSC: neither a message, which begins with /, nor a bundle")
        yield tag, data
        return
    if depth == DEEPEST or len(data) < HEAD:
        raise ConfigError(f"not OSC: a bundle cut short, or more than {DEEPEST} in one another")
    tag, position = int.from_bytes(data[len(BUNDLE) : HEAD], "big"), HEAD
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        element = data[position + 4 : position + 4 + size]
        if not size or size % 4 or len(element) < size:
            raise ConfigError(f"not OSC: a bundle has an element of {size} bytes")
        yield from _elements(element, tag, depth + 1)
        position += 4 + size


def to_packet(path: str, arguments: Sequence[Value]) -> bytes:
    """Return the packet of a message: its address below ROOT, and its arguments."""
    from pythonosc.osc_message_builder import OscMessageBuilder

    builder = OscMessageBuilder(ROOT + path)
    for argument in arguments:
        builder.add_arg(argument)
    return bytes(builder.build().dgram)


def packet_of(message: Message) -> bytes:
    """Return the packet of a message of SENT."""
    return to_packet(_ADDRESSES[type(message)], message.arguments)


NTP_EPOCH = 2_208_988_800
"""Seconds from 1900, where time tags begin, to 1970."""


def wall_time_of(tag: int) -> float:
    """Return the time of a tag in seconds since 1970."""
    return tag / 2**32 - NTP_EPOCH


# --- the documented tables ------------------------------------------------------------------------------------


def table(messages: Mapping[str, type[Message]]) -> str:
    """Return the rows of a table of docs/osc.md: address, arguments, description."""
    rows = [f"| `{ROOT}{path}` | {_arguments(kind)} | {kind.__doc__} |" for path, kind in messages.items()]
    return "\n".join(["| address | arguments | |", "|---|---|---|", *rows]) + "\n"


def _arguments(kind: type[Message]) -> str:
    """Return the arguments with their limits; those that may be left out in brackets."""
    shown = []
    for name, option in field_options(kind).items():
        limits = "" if option["minimum"] is None else f" ({option['minimum']}-{option['maximum']})"
        is_needed = kind.model_fields[name].is_required()
        shown.append(f"`{name}`{limits}" if is_needed else f"[`{name}`{limits}]")
    return ", ".join(shown)


def settings_table() -> str:
    """Return the rows of the table of settings of docs/osc.md."""
    rows = []
    for name, option in config_options().items():
        limits = [option["minimum"], option["maximum"]]
        allowed = " to ".join(f"{limit:g}" for limit in limits if limit is not None)
        if option["choices"] and len(option["choices"]) < 10:
            allowed = ", ".join(map(str, option["choices"]))
        kind = option["type"] + (f" ({allowed})" if allowed else "")
        rows.append(f"| `{ROOT}{SETTING}{name}` | {kind} | {option['description']} |")
    return "\n".join(["| address | argument | |", "|---|---|---|", *rows]) + "\n"
