"""Music as JSON, and as the MIDI files that a request may have instead.

`Piece` holds everything that a `Score` does, so a score that goes through JSON comes back equal. Times are ticks,
`ticks_per_quarter` of them to a quarter note. Read in order: `Piece`, `to_score`, `to_piece`.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, FiniteFloat, Tag

from ritornello.errors import ConfigError, counted
from ritornello.formats.midi import parse_midi
from ritornello.formats.text import primer_of
from ritornello.score import (
    MAX_TICKS_PER_QUARTER,
    Key,
    Meter,
    Score,
    Tempo,
    Text,
    Track,
    make_controls,
    make_notes,
    sort_notes,
)

LATEST = 2**31
MOST_TRACKS = 128
MOST_NOTES = 50_000
"""Of a piece in a request; of a track and of all of them."""

MOST_QUARTERS = 20_000
"""Its length in quarters, and its bars: four hours of an opera."""

MOST_EVENTS = 100_000
"""Of controls of a track, and of each kind of global event."""

MOST_CHARACTERS = 20_000
"""Of a list of notes."""

MOST_MIDI = 4 << 20
"""Bytes of a MIDI file."""

VELOCITY = 80
"""Of notes that come without."""

Tick = Annotated[int, Field(ge=0, le=LATEST)]
Name = Annotated[str, Field(max_length=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PieceNote(_Part):
    """A note. One that begins before the piece (a negative start) is cut at its beginning."""

    start: int = Field(ge=-LATEST, le=LATEST, description="in ticks")
    duration: Tick = Field(description="in ticks")
    pitch: int = Field(ge=0, le=127, description="MIDI pitch; 60 is middle C")
    velocity: int = Field(VELOCITY, ge=1, le=127)


class PieceTempo(_Part):
    """A tempo from `tick` on."""

    tick: Tick
    bpm: FiniteFloat = Field(gt=0, le=60e6, description="quarter notes a minute")


class PieceMeter(_Part):
    """A time signature from `tick` on, which begins a bar there."""

    tick: Tick
    numerator: int = Field(ge=1, le=255)
    denominator: Literal[1, 2, 4, 8, 16, 32, 64, 128]
    length: int | None = Field(
        None, ge=1, le=LATEST, description="of its bars in ticks, where it is not that of the signature"
    )


class PieceKey(_Part):
    """A key signature from `tick` on."""

    tick: Tick
    fifths: int = Field(ge=-7, le=7, description="sharps, or flats below 0")
    minor: bool = False


class PieceText(_Part):
    """A text at `tick`: a lyric, a marker, a chord symbol."""

    tick: Tick
    kind: Name
    text: str = Field(max_length=100_000)
    verse: int = Field(1, ge=1, le=1000)


class PieceControl(_Part):
    """A controller, pressure or bend, as in MIDI."""

    tick: Tick
    kind: Literal[160, 176, 208, 224] = Field(
        description="key pressure, controller, channel pressure, pitch bend"
    )
    number: int = Field(0, ge=0, le=127, description="of the controller or the key")
    value: int = Field(ge=-8192, le=8191, description="0 to 127, of a bend -8192 to 8191")


class PieceTrack(_Part):
    """The part of one instrument."""

    name: Name = ""
    program: int = Field(0, ge=0, le=127, description="General MIDI program from 0; of drums the kit")
    drums: bool = False
    notes: list[PieceNote] = Field([], max_length=MOST_NOTES)
    controls: list[PieceControl] = Field([], max_length=MOST_EVENTS)
    texts: list[PieceText] = Field([], max_length=MOST_EVENTS)


class Piece(_Part):
    """A piece of music. Without meters it is in 4/4, without tempos at 120."""

    ticks_per_quarter: int = Field(480, ge=1, le=MAX_TICKS_PER_QUARTER)
    tempos: list[PieceTempo] = Field([], max_length=MOST_EVENTS)
    meters: list[PieceMeter] = Field([], max_length=MOST_EVENTS)
    keys: list[PieceKey] = Field([], max_length=MOST_EVENTS)
    texts: list[PieceText] = Field([], max_length=MOST_EVENTS)
    tracks: list[PieceTrack] = Field([], max_length=MOST_TRACKS)
    title: Name = ""

    def score(self) -> Score:
        """Return the score."""
        return to_score(self)[0]


class MidiFile(_Part):
    """A MIDI file."""

    midi: str = Field(
        min_length=1,
        max_length=MOST_MIDI * 4 // 3 + 4,
        description="its bytes in base64",
        json_schema_extra={"contentEncoding": "base64", "contentMediaType": "audio/midi"},
    )


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "notes"
    return "midi" if isinstance(value, MidiFile) or (isinstance(value, dict) and "midi" in value) else "piece"


Music: TypeAlias = Annotated[
    Annotated[Piece, Tag("piece")]
    | Annotated[MidiFile, Tag("midi")]
    | Annotated[
        str, Field(min_length=1, max_length=MOST_CHARACTERS, description="notes: C4 E4 G4:2"), Tag("notes")
    ],
    Discriminator(_kind),
]
"""A piece as JSON, a MIDI file, or a list of notes as text (`notelist`)."""


def to_score(
    music: Piece | MidiFile | str, what: str = "the music", prose: bool = False
) -> tuple[Score, tuple[str, ...]]:
    """Return the score, and remarks on what was changed in it; a text is notes, or with `prose` prose. Raises
    ConfigError or FormatError, with `what`."""
    remarks: tuple[str, ...] = ()
    if isinstance(music, Piece):
        score, remarks = _score_of(music, what)
    elif isinstance(music, str):
        score = primer_of(music, prose)
    else:
        try:
            data = b64decode(music.midi, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ConfigError(f"{what}: its MIDI file is not in base64: {error}") from None
        score = parse_midi(data, what, MOST_MIDI)
    _check(score, what)
    return score, remarks


def _check(score: Score, what: str) -> None:
    """Raise ConfigError for a score that is larger than those that a service takes."""
    if score.note_count > MOST_NOTES:
        raise ConfigError(f"{what}: {counted(score.note_count, 'note')}, allowed are {MOST_NOTES:,}")
    if len(score.tracks) > MOST_TRACKS:
        raise ConfigError(f"{what}: {counted(len(score.tracks), 'track')}, allowed are {MOST_TRACKS}")
    if (quarters := score.end // score.ticks_per_quarter) > MOST_QUARTERS:
        raise ConfigError(f"{what}: {counted(quarters, 'quarter note')} long, allowed are {MOST_QUARTERS:,}")
    if (bars := len(score.bar_starts())) > MOST_QUARTERS:
        raise ConfigError(f"{what}: {counted(bars, 'bar')}, allowed are {MOST_QUARTERS:,}")


def _score_of(piece: Piece, what: str) -> tuple[Score, tuple[str, ...]]:
    cut = left_out = 0
    tracks = []
    for track in piece.tracks:
        notes = make_notes((n.start, n.duration, n.pitch, n.velocity) for n in track.notes)
        early = notes["start"] < 0
        if early.any():
            ends = notes["start"] + notes["duration"]
            before = early & (ends <= 0)
            left_out, cut = left_out + int(before.sum()), cut + int((early & ~before).sum())
            notes["duration"][early], notes["start"][early] = ends[early], 0
            notes = sort_notes(notes[~before])
        rows = ((c.tick, c.kind, c.number, c.value) for c in track.controls)
        texts = tuple(Text(*_values(text)) for text in track.texts)
        tracks.append(Track(notes, track.program, track.drums, track.name, make_controls(rows), texts))
    score = Score(
        piece.ticks_per_quarter,
        tuple(tracks),
        tuple(Tempo.from_quarters_per_minute(each.tick, each.bpm) for each in _in_order(piece.tempos)),
        tuple(Meter(*_values(each)) for each in _in_order(piece.meters)),
        tuple(Key(*_values(each)) for each in _in_order(piece.keys)),
        tuple(Text(*_values(each)) for each in _in_order(piece.texts)),
        piece.title,
    )
    remarks = []
    if cut:
        remarks.append(f"{counted(cut, 'note')} that began before {what}: cut at its beginning")
    if left_out:
        remarks.append(f"{counted(left_out, 'note')} that ended before {what}: left out")
    return score, tuple(remarks)


def _values(part: BaseModel) -> list[Any]:
    return [value for _, value in part]


def _in_order(events: Any) -> list[Any]:
    return sorted(events, key=lambda each: each.tick)


def to_piece(score: Score) -> Piece:
    """Return a score as JSON."""
    return Piece.model_construct(
        ticks_per_quarter=score.ticks_per_quarter,
        tempos=[
            PieceTempo.model_construct(tick=each.tick, bpm=each.quarters_per_minute) for each in score.tempos
        ],
        meters=[PieceMeter.model_construct(**vars(each)) for each in score.meters],
        keys=[PieceKey.model_construct(**vars(each)) for each in score.keys],
        texts=[PieceText.model_construct(**vars(each)) for each in score.texts],
        tracks=[to_piece_track(track) for track in score.tracks],
        title=score.title,
    )


def to_piece_track(track: Track) -> PieceTrack:
    """Return a track as JSON."""
    return PieceTrack.model_construct(
        name=track.name,
        program=track.program,
        drums=track.is_drum,
        notes=to_piece_notes(track),
        controls=[
            PieceControl.model_construct(tick=tick, kind=kind, number=number, value=value)
            for tick, kind, number, value in track.controls.tolist()
        ],
        texts=[PieceText.model_construct(**vars(each)) for each in track.texts],
    )


def to_piece_notes(track: Track) -> list[PieceNote]:
    """Return the notes of a track as JSON."""
    return [
        PieceNote.model_construct(start=start, duration=duration, pitch=pitch, velocity=velocity)
        for start, duration, pitch, velocity in track.notes.tolist()
    ]


def new_notes(score: Score, given: Score | None) -> list[set[tuple[int, ...]]]:
    """Return the notes of each track of `score`, as rows, that are not in `given`, of which it has the first tracks."""
    known = given.resampled(score.ticks_per_quarter).tracks if given else ()
    new: list[set[tuple[int, ...]]] = [set(track.notes.tolist()) for track in score.tracks]
    for notes, track in zip(new, known, strict=False):
        notes -= set(track.notes.tolist())
    return new
