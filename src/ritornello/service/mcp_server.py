"""The verbs as tools for assistants, by the Model Context Protocol (MCP) and its official SDK.

Every verb of the table is a tool with the same settings. Music is JSON, notes, or a file of one folder (`folder`); what
is composed can be written there. `files` lists what is in it. Read in order: `make_server`, `Tools`, `schema_of`.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ritornello import __version__
from ritornello.config import checked
from ritornello.errors import ConfigError, MissingExtraError, RitornelloError, unknown_name
from ritornello.formats.midi_writer import midi_to_bytes
from ritornello.rendering.sound import ENCODINGS, SoundConfig
from ritornello.service import Service
from ritornello.service.folder import MOST_BYTES, Folder
from ritornello.service.job import Event, Job, Progress
from ritornello.service.music import MOST_NOTES
from ritornello.service.rendered import rendered
from ritornello.service.verbs import VERBS, Verb
from ritornello.service.verbs.render import MEDIA_TYPES, MOST_SECONDS
from ritornello.service.verbs.render import MOST_BYTES as MOST_RENDERED

if TYPE_CHECKING:
    from mcp.server import Server
    from mcp.server.context import ServerRequestContext
    from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, Tool

log = logging.getLogger(__name__)

JOBS = 2
"""Calls that run at once; others wait."""

SECONDS = 300.0
"""That a call may take."""

MOST_CHARACTERS = 100_000
"""Of an answer; a longer piece is to be written into a file."""

MOST_PICTURE = 2 << 20
"""Characters of a picture that is shown, in base64."""

MOST_OUT = 8
"""Files that a call may write."""

TOLD_EVERY = 0.25
"""Seconds between two notifications of progress."""

PICTURE = "png"

SHORT: dict[str, dict[str, Any]] = {"judge": {"most": 20}}
"""Defaults of tools that keep an answer short."""

INSTRUCTIONS = f"""Ritornello composes music with small neural networks that run on this machine, and judges music by
them. Begin with `models`: each plays one kind of music. `compose` makes a new piece; `infill` and `vary` replace bars
of a given piece and keep the rest note by note; `accompany` adds parts to it. `judge` tells how probable a piece is and
which notes surprise; `originality` tells the longest run of notes that the training music has too; `analyse` tells
keys, chords and form. The same settings and seed give the same notes.

Music is given as the name of a file in this server's folder (song.mid; `files` lists them), as notes ("C4 E4 G4:2 R
C4+E4+G4": :2 is a length in quarters, R a rest, + joins a chord), or as a piece in JSON. With `out`, what is made is
written into that folder, as MIDI, MusicXML, sound, score or picture by the suffix. Paths outside the folder are
refused; files are replaced only with `overwrite`.

Limits: {MOST_NOTES:,} notes and {MOST_BYTES >> 20} MB a piece, {MOST_SECONDS // 60} minutes of sound, {SECONDS:.0f}
seconds a call, {JOBS} calls at once. An error is one line that says what is allowed."""

MUSIC = {
    "type": ["string", "object"],
    "description": 'a file in the folder, such as "song.mid"; or notes, such as "C4 E4 G4:2"; or a piece: '
    "{ticks_per_quarter, tempos: [{tick, bpm}], meters: [{tick, numerator, denominator}], keys: [{tick, fifths, "
    "minor}], tracks: [{name, program, drums, notes: [{start, duration, pitch, velocity}]}]}, times in ticks",
}

OUT = {
    "type": ["string", "array"],
    "items": {"type": "string"},
    "maxItems": MOST_OUT,
    "description": "files to write, such as song.mid, song.mp3 or song.pdf; the suffix is one of "
    f"{', '.join(MEDIA_TYPES)}. MIDI and scores have the piece as it is written (with perform or swing: as it is "
    "played), sound as it is played. Without out the piece is answered as JSON",
}

RENDER_OUT = {
    "type": "string",
    "description": f"file to write, such as song.mp3; the suffix is one of {', '.join(MEDIA_TYPES)}; without it, a "
    "picture is shown",
}

OVERWRITE = {"type": "boolean", "default": False, "description": "replace files that are there"}


def make_server(service: Service, folder: Folder) -> Server[Any]:
    """Return the MCP server; MissingExtraError without the SDK."""
    try:
        from mcp.server import Server
    except ImportError as error:
        raise MissingExtraError("mcp", "mcp") from error
    tools = Tools(service, folder)
    return Server(
        "ritornello",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=tools.list_tools,
        on_call_tool=tools.call_tool,
    )


def run(service: Service, folder: Folder) -> None:
    """Serve on stdin and stdout, until stdin ends."""
    server = make_server(service, folder)
    import anyio
    from mcp.server.stdio import stdio_server

    async def serve() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    anyio.run(serve)


@dataclass
class _Call:
    """A call while it runs in a thread: how far it is, whether it is cancelled, and what it made."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    done: Progress | None = None

    def tell(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.done = event


class Tools:
    """The tools, and the answers to their calls."""

    def __init__(self, service: Service, folder: Folder) -> None:
        import anyio

        self.service, self.folder = service, folder
        self._limiter = anyio.CapacityLimiter(JOBS)

    async def list_tools(self, context: ServerRequestContext[Any], params: Any) -> ListToolsResult:
        """Return all tools."""
        from mcp_types import ListToolsResult

        return ListToolsResult(tools=[*map(tool_of, VERBS.usable().values()), _files_tool()])

    async def call_tool(
        self, context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult:
        """Answer a call. It ends early if it is cancelled; an error of the library is an answer of one line."""
        import anyio

        call, answers = _Call(), []

        async def tell_progress() -> None:
            told = -1
            try:
                while True:
                    await anyio.sleep(TOLD_EVERY)
                    if call.done and call.done.done > told:
                        told = call.done.done
                        total = max(call.done.of, told)
                        await context.session.report_progress(
                            told, total, f"{told} of {total} {call.done.unit}"
                        )
            finally:
                call.cancelled.set()

        async with anyio.create_task_group() as group:
            group.start_soon(tell_progress)
            work = partial(self._answer, params.name, params.arguments or {}, call)
            answers.append(await anyio.to_thread.run_sync(work, limiter=self._limiter))
            await anyio.lowlevel.checkpoint()  # ends here if the call itself is cancelled
            group.cancel_scope.cancel()
        return answers[0]

    def _answer(self, name: str, arguments: Mapping[str, Any], call: _Call) -> CallToolResult:
        from mcp_types import CallToolResult, TextContent

        try:
            if name == "files":
                return self._files(arguments)
            if name not in VERBS:
                raise unknown_name("tool", name[:80], [*VERBS, "files"])
            return self._verb(VERBS[name], dict(arguments), call)
        except RitornelloError as error:
            text = " ".join(str(error).split())
        except Exception as error:
            log.exception("a call failed")
            text = f"a fault of ours, sorry ({type(error).__name__})"
        return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)

    def _files(self, arguments: Mapping[str, Any]) -> CallToolResult:
        if arguments:
            raise ConfigError(f"files takes no settings, but {min(arguments)[:80]!r} is given")
        found, more = self.folder.files()
        return _result({"files": found, "more": more})

    def _verb(self, verb: Verb, values: dict[str, Any], call: _Call) -> CallToolResult:
        overwrite, out = _overwrite(values), _names(values.pop("out", None))
        values = SHORT.get(verb.name, {}) | values
        if verb is VERBS["render"]:
            values.setdefault("format", _suffix(out[0]) if out else PICTURE)
            _check_rendered(values["format"], out)
        elif out and not hasattr(verb.result, "midi"):
            raise ConfigError(f"out: {verb.name} makes no music to write")
        if verb.music and isinstance(given := values.get(verb.music), str) and self.folder.is_music(given):
            values[verb.music] = self.folder.music(given)
        for each in out:
            _suffix(each)
            self.folder.check_new(each, overwrite)
        job = Job(self.service.models, call.tell, call.cancelled.is_set, SECONDS)
        asked = verb.checked(values)
        if verb is VERBS["render"]:
            return self._rendered(verb(asked, job), out, overwrite)
        result: Any = verb(asked, job)
        if out and getattr(result, "text", None) is not None:
            raise ConfigError(f"out: {result.model} writes prose, which is answered as text")
        if not out:
            return _result(result.model_dump(mode="json"))
        written = [name for each in out for name in self._write(each, result, job, overwrite)]
        facts = result.model_dump(mode="json", exclude={"piece"})
        return _result({**facts, "written": written})

    def _write(self, name: str, result: Any, job: Job, overwrite: bool) -> list[str]:
        """Write a piece in the format of the suffix; return the names of the files. MIDI has the piece of the answer:
        as it is played it would be read with rhythms that nobody wrote."""
        kind, score = _suffix(name), result.score
        if kind == "mid":
            self.folder.write(name, midi_to_bytes(score), overwrite)
            return [name]
        played = getattr(result, "played", score)
        if f".{kind}" in ENCODINGS and played.seconds > MOST_SECONDS:
            raise ConfigError(f"{name}: the piece lasts {played.seconds:.0f} s, allowed are {MOST_SECONDS} s")
        files, _ = rendered(score, played, kind, checked(SoundConfig, {}), MOST_RENDERED, job.check)
        return self._save(name, files, overwrite)

    def _rendered(self, result: Any, out: list[str], overwrite: bool) -> CallToolResult:
        """Write what was rendered; a picture without a file is shown."""
        from mcp_types import CallToolResult, ImageContent

        if out:
            files = [(each.name, each.content()) for each in result.files]
            return _result({"written": self._save(out[0], files, overwrite), "left_out": result.left_out})
        [file] = result.files
        if len(file.data) > MOST_PICTURE:
            raise ConfigError("the picture is too large to be shown: give a file to write it to, out")
        return CallToolResult(content=[ImageContent(type="image", data=file.data, mime_type=file.media_type)])

    def _save(self, name: str, files: list[tuple[str, bytes]], overwrite: bool) -> list[str]:
        """Write the files of one piece under `name`; those of further pages have numbers, as in `files`."""
        stem = name.removesuffix(PurePosixPath(name).suffix)
        names = [stem + made.removeprefix("piece") for made, _ in files]
        for each in names:
            self.folder.check_new(each, overwrite)
        for each, (_, data) in zip(names, files, strict=True):
            self.folder.write(each, data, overwrite)
        return names


def _overwrite(values: dict[str, Any]) -> bool:
    overwrite = values.pop("overwrite", False)
    if not isinstance(overwrite, bool):
        raise ConfigError(f"overwrite: {overwrite!r:.80} is not true or false")
    return overwrite


def _names(out: Any) -> list[str]:
    """Return the files to write."""
    names = [out] if isinstance(out, str) else [] if out is None else out
    if (
        not isinstance(names, list)
        or not all(isinstance(name, str) for name in names)
        or len(names) > MOST_OUT
    ):
        raise ConfigError(f"out: {out!r:.80}: a file such as song.mid, or a list of at most {MOST_OUT}")
    if len(set(names)) < len(names):
        raise ConfigError(f"out: {', '.join(names)[:200]}: a file is named twice")
    return names


def _suffix(name: str) -> str:
    """Return the format of a file to write; ConfigError for an unknown one."""
    suffix = PurePosixPath(name).suffix.lower().removeprefix(".")
    if suffix not in MEDIA_TYPES:
        raise ConfigError(f"out: {name[:80]!r}: the suffix must be one of {', '.join(MEDIA_TYPES)}")
    return suffix


def _check_rendered(kind: Any, out: list[str]) -> None:
    """Raise ConfigError for what `render` cannot answer."""
    if len(out) > 1:
        raise ConfigError("out: render writes one file; call it once for each")
    if out and kind != _suffix(out[0]):
        raise ConfigError(f"out: {out[0]} is not {kind!r:.80}; leave out format, the suffix says it")
    if not out and kind != PICTURE:
        raise ConfigError(
            f"format: {kind!r:.80}: give a file to write it to, out; only {PICTURE} pictures are shown"
        )


def _result(facts: dict[str, Any]) -> CallToolResult:
    """Return an answer, as JSON and as text; ConfigError if it is too long for an assistant."""
    from mcp_types import CallToolResult, TextContent

    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(
            f"the answer has {len(text):,} characters, allowed are {MOST_CHARACTERS:,}: "
            + ("write the piece into a file, with out" if "piece" in facts else "give a shorter piece")
        )
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=facts)


# --- descriptions -------------------------------------------------------------------------------------------------


def tool_of(verb: Verb) -> Tool:
    """Return the tool of a verb."""
    from mcp_types import Tool, ToolAnnotations

    makes_files = hasattr(verb.result, "midi") or verb is VERBS["render"]
    answer = " ".join((verb.result.__doc__ or "").split())
    shown = f" Without out, a piano roll is shown ({PICTURE})." if verb is VERBS["render"] else ""
    return Tool(
        name=verb.name,
        description=f"{verb.help}{shown} The answer: {answer}",
        input_schema=schema_of(verb),
        annotations=ToolAnnotations(
            read_only_hint=not makes_files,
            destructive_hint=makes_files,
            idempotent_hint=True,
            open_world_hint=False,
        ),
    )


def _files_tool() -> Tool:
    from mcp_types import Tool, ToolAnnotations

    return Tool(
        name="files",
        description="List the files of music in the folder of this server, which the other tools read and write.",
        input_schema={"type": "object", "properties": {}, "additionalProperties": False},
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
    )


def schema_of(verb: Verb) -> dict[str, Any]:
    """Return the JSON schema of what a tool takes: that of the verb, in short, with files for its music."""
    schema = verb.request.model_json_schema()
    properties = {name: _short(each) for name, each in schema.get("properties", {}).items()}
    for name, value in SHORT.get(verb.name, {}).items():
        properties[name] = properties[name] | {"default": value}
    if verb.music:
        what = properties[verb.music].get("description", "")
        properties[verb.music] = MUSIC | {"description": f"{what}: {MUSIC['description']}".removeprefix(": ")}
    if verb is VERBS["render"]:
        properties["out"] = RENDER_OUT
        del properties["format"]
    elif hasattr(verb.result, "midi"):
        properties["out"] = OUT
    if "out" in properties:
        properties["overwrite"] = OVERWRITE
    required = [name for name in schema.get("required", ()) if name in properties]
    first = [name for name in (verb.music, *required, "out", "overwrite", "model") if name in properties]
    properties = {name: properties[name] for name in dict.fromkeys([*first, *properties])}
    made = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": required} if required else {})


def _short(field: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a setting without its title, without null, which stands for "not given", and without numbers
    that JavaScript cannot hold."""
    kinds = [each for each in field.get("anyOf", ()) if each != {"type": "null"}]
    both = field | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {})
    dropped = {"title"} if len(kinds) != 1 else {"title", "anyOf"}
    return {
        name: value
        for name, value in both.items()
        if name not in dropped and value is not None and not (isinstance(value, int) and value > 2**53)
    }
