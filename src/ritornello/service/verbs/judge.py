"""The verb `judge`: how probable a model finds a piece, and which notes surprise it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ritornello.service.job import Job
from ritornello.service.music import Music, to_score
from ritornello.service.verbs import Verb
from ritornello.service.verbs.request import MODEL, ModelName, Request, Result


class JudgeRequest(Request):
    """A piece to be judged by a model."""

    music: Music
    model: ModelName | None = MODEL
    most: int | None = Field(
        None, ge=0, description="tell only of so many notes, the most surprising ones first (default: of all)"
    )


class ExpectedNote(Result):
    """A pitch that was probable where a note begins, if its instrument plays there; its number is None for chords."""

    probability: float
    name: str
    pitch: int | None


class SurprisingNote(Result):
    """A note and its surprise in nats: the sum of that of its time, of its pitch, and of its length and velocity.

    bar: as printed, from 1, 0 for a pickup. beat: from 1. track, index: of the note in the piece, from 0; -1 where it
    has no place there. instead: what was more probable.
    """

    bar: int
    beat: float
    instrument: str
    pitch: int | None
    name: str
    nats: float
    time_nats: float
    pitch_nats: float
    length_nats: float
    instead: list[ExpectedNote]
    track: int
    index: int


class SurprisingBar(Result):
    """A bar as printed, the notes that begin in it, and their surprise in nats."""

    bar: int
    notes: int
    nats: float


class Passage(Result):
    """Bars, first and last, and their mean surprise in nats a note."""

    first: int
    last: int
    nats_per_note: float


class Judged(Result):
    """The surprise of a model, in nats (-ln p; lower is better).

    nats_per_note: of all tokens by the number of notes; 0.7 is a choice between two notes as likely, 2.3 between ten.
    accuracy: share of the tokens that were the most probable. nats_before, nats_after: of what stands before the first
    note and after the last.
    """

    model: str
    digest: str
    log_likelihood: float
    tokens: int
    notes: int
    nats_per_note: float
    nats_per_token: float
    perplexity: float
    accuracy: float
    nats_before: float
    nats_after: float
    note_surprises: list[SurprisingNote]
    bar_surprises: list[SurprisingBar]
    most_surprising: list[Passage]
    least_surprising: list[Passage]
    remarks: list[str]


def _run(request: JudgeRequest, job: Job) -> Judged:
    model = job.model(request.model)
    score, cut = to_score(request.music, prose=model.bundle.representation.reads_prose)
    found = model.surprise(score, lambda done, of: job.progress(done, of, "examples"))
    facts: dict[str, Any] = found.facts(request.most) | {"digest": model.bundle.digest}
    facts["remarks"] = [*cut, *facts["remarks"]]
    return Judged.model_validate({name: facts[name] for name in Judged.model_fields})


JUDGE = Verb(
    "judge",
    "Tell how probable a model finds a piece, and which notes and bars surprise it.",
    JudgeRequest,
    Judged,
    _run,
    {"music": "C4 E4 G4 E4 C4 E4 G4 E4 F#4 A#2 C4:2", "most": 3},
    "music",
)
