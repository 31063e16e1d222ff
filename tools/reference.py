"""Write docs/reference.md: the help of every command, as it is. `tests/test_docs.py` holds it in step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ritornello.cli import COMMANDS, make_command

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference.md"

HEAD = """# The command line

Written by `python tools/reference.py` from the commands' own help. Every command ends with exit code 0, or with
one line on stderr and exit code 2 if something it was given cannot be; 130 after Ctrl-C.
"""


def help_of(*arguments: str) -> str:
    """Return the help of a command, in plain text of a fixed width."""
    environment = {**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"}
    call = [sys.executable, "-m", "ritornello", *arguments, "--help"]
    text = subprocess.run(call, capture_output=True, text=True, check=True, env=environment).stdout
    lines = (line.rstrip() for line in text.replace("python -m ritornello", "ritornello").splitlines())
    return "\n".join(lines).strip("\n")


def command_lines() -> list[str]:
    """Return what calls each command, in the order of the help: "train", or "bench nll" for one of a group."""
    groups = {name: getattr(make_command(name), "commands", {}) for name in COMMANDS}
    return [line for name, inner in groups.items() for line in ([f"{name} {sub}" for sub in inner] or [name])]


def reference() -> str:
    """Return the whole page."""
    parts = [HEAD, f"```text\n{help_of()}\n```\n"]
    parts += [f"## ritornello {name}\n\n```text\n{help_of(*name.split())}\n```\n" for name in command_lines()]
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
