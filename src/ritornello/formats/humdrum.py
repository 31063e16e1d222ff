"""Humdrum **kern -> `Score`, by way of MEI, which verovio makes of it.

verovio can end the process on a damaged file, so each file is converted in a process of its own, with limits on its
time and its memory.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

from ritornello.errors import FormatError, MissingExtraError
from ritornello.formats.mei import parse_mei
from ritornello.score import Score

SECONDS, MEMORY = 60, 4 << 30
MAX_MEI = 256 << 20  # bytes

_PROGRAM = f"""
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, ValueError, OSError):
    pass  # there are no such limits on Windows
import verovio
verovio.enableLog(verovio.LOG_OFF)
toolkit = verovio.toolkit()
toolkit.setOptions({{"inputFrom": "humdrum"}})
if not toolkit.loadData(sys.stdin.buffer.read().decode("utf-8", errors="replace")):
    sys.exit(3)
mei = toolkit.getMEI({{"removeIds": True}}).encode()
sys.stdout.buffer.write(mei if len(mei) <= {MAX_MEI} else b"")
"""


def parse_humdrum(data: bytes, name: str = "Humdrum data", *, repeats: bool = True) -> Score:
    """Return the score of the bytes of a Humdrum file with **kern in it.

    repeats: whether repeats and the expansion lists of its sections are played out. Raise FormatError, with `name` for
    the file, if it cannot be read, and MissingExtraError without verovio.
    """
    if not any(line.lstrip().startswith(b"**") for line in data.splitlines()):
        raise FormatError(f"{name}: not a Humdrum file: no spine begins in it (a line such as **kern)")
    if b"**kern" not in data:
        raise FormatError(f"{name}: a Humdrum file without **kern, the only music that is read from it")
    if find_spec("verovio") is None:
        raise MissingExtraError("verovio", "score")
    return parse_mei(_converted(data, name), name, repeats=repeats)


def _converted(data: bytes, name: str) -> bytes:
    """Return the MEI that verovio makes of a file."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM], input=data, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise FormatError(
            f"{name}: damaged Humdrum file: verovio took longer than {SECONDS} seconds"
        ) from None
    if done.returncode or not done.stdout:
        raise FormatError(
            f"{name}: damaged Humdrum file: verovio could not read it (exit code {done.returncode})"
        )
    return done.stdout
