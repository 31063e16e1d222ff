"""The command line: one module a command; each parses, calls one library function, and prints.

Whatever the library refuses is one line on stderr and exit code 2. Ctrl-C ends with code 130. The commands'
modules import nothing heavy at the top, so that `--help` stays quick.
"""

from __future__ import annotations

import sys

import typer

from ritornello.cli.adapt import adapt
from ritornello.cli.bench import bench
from ritornello.cli.compose import compose
from ritornello.cli.convert import convert
from ritornello.cli.evaluate import evaluate
from ritornello.cli.info import info
from ritornello.cli.inspect import inspect
from ritornello.cli.jam import jam
from ritornello.cli.likelihood import likelihood
from ritornello.cli.play import play
from ritornello.cli.presets import presets
from ritornello.cli.render import render
from ritornello.cli.share import share
from ritornello.cli.train import train
from ritornello.errors import RitornelloError
from ritornello.paths import describe

app = typer.Typer(
    name="ritornello",
    help="Train a recurrent network on MIDI files, compose with it, hear and see the result.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


for command in (
    inspect,
    train,
    adapt,
    compose,
    jam,
    play,
    render,
    convert,
    share,
    info,
    presets,
    likelihood,
    evaluate,
):  # in the order of the help
    app.command()(command)
app.add_typer(bench)


def main() -> None:
    """Run the command line; the entry point of the `ritornello` script."""
    try:
        app()
    except RitornelloError as error:
        fail(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except OSError as error:  # a full disk, a closed pipe: whatever no station could name better
        fail(f"{error.filename or 'input or output'}: {describe(error)}")


def fail(message: str) -> None:
    """Print `message` as one line on stderr and exit with code 2."""
    print("ritornello: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(2)
