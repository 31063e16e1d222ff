"""The verb `render`: a piece as sound, engraved score, piano roll, MIDI or MusicXML.

It is made in a process of its own (`rendered`), so that it can be ended, and no failure reaches the service.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Annotated, Literal, get_args

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.expression.config import ExpressionConfig, performed
from ritornello.rendering.sound import ENCODINGS, SoundConfig
from ritornello.service.job import Job
from ritornello.service.music import Music, to_score
from ritornello.service.rendered import rendered
from ritornello.service.verbs import Verb
from ritornello.service.verbs.request import Result

Kind = Literal["wav", "mp3", "flac", "ogg", "svg", "pdf", "png", "mid", "musicxml"]

MEDIA_TYPES: dict[str, str] = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "png": "image/png",
    "mid": "audio/midi",
    "musicxml": "application/vnd.recordare.musicxml+xml",
}

MOST_SECONDS = 1800
"""Of sound."""

MOST_BYTES = 64 << 20
"""Of the files of one call."""


class RenderRequest(SoundConfig, ExpressionConfig):
    """A piece to hear or see."""

    music: Music
    format: Kind = Field(
        description="sound: wav, mp3, flac, ogg; engraved score: svg, pdf; piano roll: png; mid; musicxml"
    )
    soundfont: SkipJsonSchema[None] = None
    stems: SkipJsonSchema[Literal[False]] = False


class RenderedFile(Result):
    """A file; data: its bytes in base64."""

    name: str
    media_type: str
    data: Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]

    def content(self) -> bytes:
        """Return its bytes."""
        return b64decode(self.data)


class Rendered(Result):
    """The files: one, but of an svg one for each page. left_out: what the format cannot hold."""

    files: list[RenderedFile] = Field(min_length=1)
    left_out: list[str]
    remarks: list[str]


def _run(request: RenderRequest, job: Job) -> Rendered:
    score, cut = to_score(request.music)
    played = performed(score, request, 0)
    sound = {
        name: getattr(request, name) for name in SoundConfig.model_fields if name in request.model_fields_set
    }
    if f".{request.format}" in ENCODINGS and played.seconds > MOST_SECONDS:
        raise ConfigError(f"the piece lasts {played.seconds:.0f} s; of sound, {MOST_SECONDS} are allowed")
    job.check()
    files, left_out = rendered(
        score, played, request.format, checked(SoundConfig, sound), MOST_BYTES, job.check
    )
    kind = MEDIA_TYPES[request.format]
    return Rendered(
        files=[
            RenderedFile(name=name, media_type=kind, data=b64encode(data).decode("ascii"))
            for name, data in files
        ],
        left_out=list(left_out),
        remarks=list(cut),
    )


assert set(get_args(Kind)) == MEDIA_TYPES.keys()

RENDER = Verb(
    "render",
    "Make sound, an engraved score or a piano roll of a piece.",
    RenderRequest,
    Rendered,
    _run,
    {"music": "C4 E4 G4 C5:2", "format": "png"},
    "music",
)
