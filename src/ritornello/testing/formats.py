"""The laws of formats, each for one suffix. The sample is `samples.make_song`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ritornello.errors import FileError, FormatError
from ritornello.formats import FORMATS, read, write
from ritornello.score import Score
from ritornello.testing import refusal
from ritornello.testing.samples import make_song

DAMAGED = (b"", b"MThd", b"<score-partwise><part", b"PK\x03\x04 no zip", bytes(64))
"""Contents that are no file of any format."""


def it_is_registered(suffix: str) -> None:
    """`FORMATS` has it, in lower case and with its dot."""
    assert suffix == suffix.lower()
    assert suffix.startswith(".")
    assert suffix in FORMATS, f"no format is registered for {suffix}"
    assert suffix in FORMATS[suffix].suffixes


def what_is_only_read_is_refused_in_writing(suffix: str) -> None:
    """A format without a writer refuses with a FormatError that names the file and what is written."""
    if not FORMATS[suffix].writer:
        message = refusal(FormatError, partial(_written_and_read, make_song(), suffix))
        assert f"a{suffix}" in message
        assert "only read" in message


def read_write_read_gives_the_same_score(suffix: str) -> None:
    """What was read is written without loss, if the format is written."""
    if not FORMATS[suffix].writer:
        return
    once = _written_and_read(make_song(), suffix)
    assert _written_and_read(once, suffix) == once


def what_is_written_has_the_notes(suffix: str) -> None:
    """Onsets, pitches, programs and names of all parts but drums are kept; so are tempos, meters, keys and title."""
    if not FORMATS[suffix].writer:
        return
    song = make_song().resampled(24)
    pitched = [track for track in song.tracks if not track.is_drum]
    found = _written_and_read(song, suffix).resampled(24)
    assert [t.program for t in found.tracks if not t.is_drum] == [t.program for t in pitched]
    for track, other in zip(pitched, found.tracks, strict=False):
        assert np.array_equal(track.notes[["start", "pitch"]], other.notes[["start", "pitch"]])
        assert other.name == track.name
    assert (found.tempos, found.meters, found.keys) == (song.tempos, song.meters, song.keys)
    assert found.title == song.title


def a_damaged_or_missing_file_raises_file_error(suffix: str) -> None:
    """The error is a FileError of one line that names the file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"damaged{suffix}"
        for content in (None, *DAMAGED):
            if content is not None:
                path.write_bytes(content)
            message = refusal(FileError, partial(read, path))
            assert path.name in message
            assert "\n" not in message


LAWS: tuple[Callable[[str], None], ...] = (
    it_is_registered,
    what_is_only_read_is_refused_in_writing,
    read_write_read_gives_the_same_score,
    what_is_written_has_the_notes,
    a_damaged_or_missing_file_raises_file_error,
)


def _written_and_read(score: Score, suffix: str) -> Score:
    with TemporaryDirectory() as folder:
        write(score, Path(folder) / f"a{suffix}")
        return read(Path(folder) / f"a{suffix}")
