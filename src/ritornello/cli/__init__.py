"""The command line: one module a command; each parses, calls one library function, and prints.

An error, of the library or of the command line, is one line on stderr and exit code 2. Ctrl-C ends with code 130. A
command's module is imported when the command is called, and imports nothing heavy at the top, so that `--help` is fast.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ritornello import __version__
from ritornello.cli.config_file import config_option
from ritornello.cli.usage import UsageError, usage_message
from ritornello.errors import RitornelloError
from ritornello.paths import describe
from ritornello.registry import Registry

COMMANDS = {
    "inspect": "Examine music files: a verdict and a reason for each, what is in them, and how long learning will "
    "take.",
    "analyse": "Say what a musician would write above pieces: keys, sections, phrases, melody, motifs, chords.",
    "train": "Learn from MIDI files, for a given time, and write a model. Ctrl-C leaves the best so far; --resume "
    "goes on.",
    "adapt": "Give a model the style of a few files, in less than a minute. What is written is small, and needs "
    "the model.",
    "compose": "Compose new music with a model, and write it as MIDI, sound, picture or score.",
    "jam": "Play with a model, live, in the browser: it listens, and answers.",
    "export": "Write the jam page with a model, to be played offline, without a server.",
    "play": "Play with a model, live, on real or virtual MIDI ports, or by OSC.",
    "serve": "Offer composing, infilling, judging and the rest to other programs, by HTTP on this machine.",
    "mcp": "Offer composing, infilling, judging and the rest to an assistant as tools (MCP), on stdin and stdout.",
    "render": "Hear and see pieces: write them as sound, engraved score, piano roll or another format.",
    "convert": "Convert a file (MIDI, MusicXML, ABC, MEI, Humdrum, charts, text, recordings) to another format, "
    "sound or score.",
    "share": "Make a folder to share a piece from: MP3, WAV, a cover, MIDI, score, and a text that says how it was "
    "made.",
    "push": "Publish a model or a style on the Hugging Face Hub, with its card.",
    "info": "Show what a model plays, from what music it learned, under which licence, and how good it is.",
    "presets": "List the presets of `ritornello train`: what each is for, and the settings that it changes.",
    "likelihood": "Measure how probable pieces are under a model, and how often it predicts the next token.",
    "originality": "Tell the longest run of notes that pieces share with the training music of a model.",
    "surprise": "Show how unexpected each note of a piece is to a model, and what it expected instead.",
    "evaluate": "Measure how probable real pieces are under a model, and how alike its own pieces are to them; or "
    "compare two.",
    "listen": "Make a page to compare real and composed pieces blindly by ear; or say what the ratings tell that it "
    "saved.",
    "bench": "Measure on public collections, beside published figures.",
}
"""The commands in the order of the help, each with the first line of its own help."""


class _Commands(TyperGroup):
    """A group that imports only the command that is called, and none for the help of all."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] in COMMANDS:
            self.commands[args[0]] = make_command(args[0])
        return super().resolve_command(ctx, args)


def make_command(name: str) -> Any:
    """Return the command of that name from the module of that name, which has a function or a group."""
    made = getattr(import_module(f"ritornello.cli.{name}"), name)
    if not isinstance(made, typer.Typer):
        alone = typer.Typer(add_completion=False)
        alone.command(name)(made)
        made = alone
    command = typer.main.get_command(made)
    for each in getattr(command, "commands", {name: command}).values():
        each.params.append(config_option())
    return command


app = typer.Typer(
    name="ritornello",
    cls=_Commands,
    help="Train a recurrent network on MIDI files, compose with it, hear and see the result.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ritornello {__version__}")
        raise typer.Exit


@app.callback()
def _ritornello(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Train a recurrent network on MIDI files, compose with it, hear and see the result."""


for _name, _help in COMMANDS.items():
    app.command(_name, help=_help)(lambda: None)  # a placeholder until the command is called


def main() -> None:
    """Run the command line; the entry point of the `ritornello` script."""
    # Searches for cycles in modules take 6 % of the time of a short command with the usual threshold, 2 % with this.
    gc.set_threshold(50_000)
    # On Windows a pipe has an old code page: what it lacks (a sharp sign, a name in Japanese) is no reason to fail.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return _run()
    code: object = 0
    try:
        _run()
    except SystemExit as end:
        code = end.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    # One of several processes exits at once: torch's communication threads may abort an ordinary exit.
    os._exit(code if isinstance(code, int) else 1)


def _run() -> None:
    code: object = None
    try:
        code = app(prog_name="ritornello", standalone_mode=False)  # errors are printed here
    except RitornelloError as error:
        fail(str(error))
    except UsageError as error:
        fail(usage_message(error))
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        code = 130
    except OSError as error:  # a full disk, a closed pipe
        fail(f"{error.filename or 'input or output'}: {describe(error)}")
    sys.exit(code if isinstance(code, int) else 0)


def warn_of(registry: Registry[Any]) -> None:
    """Print a line on stderr for each member of another package that is not usable."""
    for problem in registry.problems():
        print(f"ritornello: {problem}", file=sys.stderr)


def fail(message: str) -> None:
    """Print `message` as one line on stderr and exit with code 2."""
    print("ritornello: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(2)
