"""The verb `perform`: music as it is written -> as it is played."""

from __future__ import annotations

from pydantic import Field

from ritornello.expression.config import DEFAULT_AMOUNT, ExpressionConfig, performed
from ritornello.formats.midi_writer import midi_to_bytes
from ritornello.score import Score
from ritornello.service.job import Job
from ritornello.service.music import Music, Piece, to_piece, to_score
from ritornello.service.verbs import Verb
from ritornello.service.verbs.request import Result


class PerformRequest(ExpressionConfig):
    """A piece to be played."""

    music: Music
    perform: float | None = Field(
        DEFAULT_AMOUNT,
        ge=0,
        le=1,
        description="how expressively to play what has no velocities of its own; 0 as written",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="of the small deviations of players")


class Performed(Result):
    """A piece as it is played."""

    piece: Piece
    notes: int
    seconds: float
    remarks: list[str]

    @property
    def score(self) -> Score:
        """The piece as a score."""
        return self.piece.score()

    def midi(self) -> bytes:
        """Return the piece as a MIDI file."""
        return midi_to_bytes(self.score)


def _run(request: PerformRequest, job: Job) -> Performed:
    score, cut = to_score(request.music)
    job.check()
    played = performed(score, request, 0, request.seed)
    return Performed(
        piece=to_piece(played), notes=played.note_count, seconds=round(played.seconds, 2), remarks=list(cut)
    )


PERFORM = Verb(
    "perform",
    "Play a piece expressively: give it velocities, timing, tempo and pedal.",
    PerformRequest,
    Performed,
    _run,
    {"music": "C4 E4 G4 C5 G4 E4 C4:2", "perform": 0.5},
    "music",
)
