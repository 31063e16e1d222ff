"""The ways in to the verbs. Each takes a verb, its settings and its music, and returns what it answered in one form:
the notes of a piece, or those facts that every way tells.

A new way is one function and one row of `WAYS`; `test_ways` then asks it for everything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import mcp

import ritornello
from ritornello.analysis import analyse
from ritornello.expression.config import DEFAULT_AMOUNT
from ritornello.expression.perform import perform
from ritornello.formats.midi import parse_midi
from ritornello.formats.midi_writer import midi_to_bytes
from ritornello.notation.annotations import annotate
from ritornello.score import Score
from ritornello.service import Service
from ritornello.service.folder import Folder
from ritornello.service.mcp_server import make_server
from ritornello.service.music import Piece

COMPOSING = ("compose", "infill", "vary", "accompany")


@dataclass
class Place:
    """What a way may use: the file of the model, a service that has it and its address, the command line, a folder."""

    model_file: Path
    service: Service
    address: str
    run: Callable[..., tuple[int, str, str]]
    folder: Path


def notes_of(score: Score) -> Any:
    """Return instruments, tempos and notes, as they are after MIDI."""
    read = parse_midi(midi_to_bytes(score))
    return (
        [(track.program, track.is_drum, track.notes.tolist()) for track in read.tracks if len(track.notes)],
        [(tempo.tick, tempo.microseconds_per_quarter) for tempo in read.tempos],
    )


def told(verb: str, facts: Mapping[str, Any]) -> Any:
    """Return those facts of an answer that every way tells."""
    facts = json.loads(json.dumps(facts))  # tuples become lists
    if verb == "models":
        return [(model["name"], model["digest"]) for model in facts["models"]]
    if verb == "judge":
        return [facts[name] for name in ("notes", "tokens", "log_likelihood", "nats_per_note", "accuracy")]
    if verb == "originality":
        return [facts["any_key"], facts["same_pitches"], facts["compared_with_all"]]
    return {name: value for name, value in facts.items() if name not in ("remarks", "file")}


def by_python(verb: str, values: Mapping[str, Any], music: Score | None, place: Place) -> Any:
    """The functions of the library."""
    model = ritornello.load(place.model_file)
    if verb in COMPOSING:
        asked = {**values, **({"accompany": True} if verb == "accompany" else {})}
        made = model.compose(music, **asked)
        return notes_of(made.performance if {"perform", "swing"} & values.keys() else made.score)
    if verb == "models":
        return told(verb, {"models": [{"name": model.bundle.card.name, "digest": model.bundle.digest}]})
    assert music is not None
    if verb == "perform":
        return notes_of(perform(music, values.get("perform", DEFAULT_AMOUNT), swing=values.get("swing")))
    if verb == "analyse":
        return told(verb, annotate(music, analyse(music)))
    if verb == "judge":
        return told(verb, model.likelihood(music).facts())
    if verb == "originality":
        return told(verb, model.copies(music).facts())
    path = place.folder / f"python.{values['format']}"
    ritornello.write(music, path)
    return path.read_bytes()


def by_command_line(verb: str, values: Mapping[str, Any], music: Score | None, place: Place) -> Any:
    """The commands."""
    model, song, out = str(place.model_file), place.folder / "song.mid", place.folder / "out.mid"
    if music is not None:
        ritornello.write(music, song)
    settings = {name: value for name, value in values.items() if name != "format"}
    if verb in COMPOSING and not {"perform", "swing"} & values.keys():
        settings["perform"] = 0  # files have pieces as they are played, answers as they are written
    if verb == "perform":
        settings.setdefault("perform", DEFAULT_AMOUNT)
    flags = [each for name, value in settings.items() for each in (f"--{name.replace('_', '-')}", str(value))]
    commands = {
        "models": ["info", model, "--json"],
        "perform": ["render", str(song), "-o", str(out)],
        "analyse": ["analyse", str(song), "--json"],
        "judge": ["likelihood", model, str(song), "--json"],
        "originality": ["originality", model, str(song), "--json"],
        "render": ["render", str(song), "-o", str(out.with_suffix(f".{values.get('format')}"))],
    }
    composing = ["compose", model, "-o", str(out), *(["--primer", str(song)] if music else [])]
    composing += ["--accompany"] if verb == "accompany" else []
    code, printed, errors = place.run(*commands.get(verb, composing), *flags)
    assert code == 0, errors
    if verb in COMPOSING or verb == "perform":
        return notes_of(ritornello.read(out))
    if verb == "models":
        return told(verb, {"models": [{"name": "tiny", "digest": json.loads(printed)["digest"]}]})
    if verb == "render":
        return out.with_suffix(f".{values['format']}").read_bytes()
    return told(verb, json.loads(printed))


def from_result(verb: str, result: Any) -> Any:
    """Return the answer in a result of the service."""
    if verb == "render":
        return result.files[0].content()
    return notes_of(result.score) if hasattr(result, "score") else told(verb, result.model_dump())


def by_service(verb: str, values: Mapping[str, Any], music: Score | None, place: Place) -> Any:
    """`Service.call`, with the music as a MIDI file."""
    from base64 import b64encode

    given = {"midi": b64encode(midi_to_bytes(music)).decode()} if music else None
    name = "primer" if verb == "compose" else "music"
    result = place.service.call(verb, {**values, **({name: given} if given else {})})
    return from_result(verb, result)


def by_http(verb: str, values: Mapping[str, Any], music: Score | None, place: Place) -> Any:
    """`ritornello.Client`, with the music as JSON."""
    client = ritornello.Client(place.address)
    if verb == "models":
        return told(verb, {"models": [model.model_dump() for model in client.models()]})
    settings, own = dict(values), [] if music is None else [music]
    own += [
        settings.pop(name) for name in ("infill", "vary", "format") if name in settings and verb != "compose"
    ]
    result = getattr(client, verb)(*([None, *own] if verb == "compose" else own), **settings)
    return from_result(verb, result)


def by_assistant(verb: str, values: Mapping[str, Any], music: Score | None, place: Place) -> Any:
    """A tool of the MCP server, with the music as a file of its folder."""
    folder, asked = Folder(place.folder), dict(values)
    if music is not None:
        ritornello.write(music, folder.path / "song.mid")
        asked["primer" if verb == "compose" else "music"] = "song.mid"
    if verb == "render":
        asked["out"] = f"assistant.{asked.pop('format')}"

    async def call() -> Any:
        async with mcp.Client(make_server(place.service, folder)) as client:
            return await client.call_tool(verb, asked)

    facts = anyio.run(call).structured_content
    if verb == "render":
        return (folder.path / facts["written"][0]).read_bytes()
    return notes_of(Piece.model_validate(facts["piece"]).score()) if "piece" in facts else told(verb, facts)


WAYS: dict[str, Callable[[str, Mapping[str, Any], Score | None, Place], Any]] = {
    "python": by_python,
    "command line": by_command_line,
    "service": by_service,
    "http": by_http,
    "assistant": by_assistant,
}
