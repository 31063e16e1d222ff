"""The progress of reading a recording."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path


@contextmanager
def show_transcribing(path: Path, as_json: bool = False) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a callback for `formats.read` that shows how far a recording is transcribed; None for other files."""
    from ritornello.cli.counting_display import show_counting
    from ritornello.formats import AUDIO

    if path.suffix.lower() not in AUDIO.suffixes:
        yield None
        return
    with show_counting(as_json or not sys.stderr.isatty(), "seconds") as show:
        yield partial(show, "transcribing")
