"""`Score` -> MusicXML files, by `notation.musicxml`; and -> music21, which reads that MusicXML.

Controls other than the sustain pedal, and volume and pan at the start, are left out, and said so; times finer than the
grid of a beat are rounded (`notation.quantise`).
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ritornello.errors import MissingExtraError
from ritornello.notation.musicxml import exact_musicxml
from ritornello.notation.percussion import drum_sign
from ritornello.paths import write_bytes
from ritornello.score import Score

__all__ = ["drum_sign", "quiet_music21", "score_to_music21", "score_to_musicxml", "write_musicxml"]

_CONTAINER = (
    '<?xml version="1.0" encoding="UTF-8"?><container><rootfiles>'
    '<rootfile full-path="score.musicxml" media-type="application/vnd.recordare.musicxml+xml"/>'
    "</rootfiles></container>"
)
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the same score makes the same bytes


def write_musicxml(score: Score, path: Path | str) -> tuple[str, ...]:
    """Write `score` to `path`, compressed if its suffix is `.mxl`; return descriptions of what was left out."""
    path = Path(path)
    content, remarks = score_to_musicxml(score)
    write_bytes(path, _compressed(content) if path.suffix.lower() == ".mxl" else content)
    return remarks


def _compressed(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (("META-INF/container.xml", _CONTAINER.encode()), ("score.musicxml", content)):
            archive.writestr(zipfile.ZipInfo(name, _NO_TIME), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def score_to_musicxml(score: Score) -> tuple[bytes, tuple[str, ...]]:
    """Return the MusicXML of `score`, and descriptions of what was left out.

    Raise ConfigError for a score without notes, or too large.
    """
    return exact_musicxml(score)


def score_to_music21(score: Score) -> Any:
    """Return `score` as a music21.stream.Score: what music21 reads of its MusicXML.

    Raise ConfigError as `score_to_musicxml` does, MissingExtraError without music21.
    """
    with quiet_music21() as music21:
        importer = music21.musicxml.xmlToM21.MusicXMLImporter()
        importer.xmlText = score_to_musicxml(score)[0]
        importer.parseXMLText()
        return importer.stream


@contextmanager
def quiet_music21() -> Iterator[Any]:
    """Provide the module music21 with its warnings ignored; raise MissingExtraError without it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import music21
        except ImportError as error:
            raise MissingExtraError("music21", "score") from error
        yield music21
