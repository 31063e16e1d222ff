"""The verb `judge`: how probable a model finds a piece, and where it is surprised."""

from __future__ import annotations

from pydantic import Field

from ritornello.likelihood import most_surprising
from ritornello.service.job import Job
from ritornello.service.music import Music, to_score
from ritornello.service.verbs import Verb
from ritornello.service.verbs.request import MODEL, ModelName, Request, Result


class JudgeRequest(Request):
    """A piece to be judged by a model."""

    music: Music
    model: ModelName | None = MODEL


class Judged(Result):
    """The surprise of a model, in nats (-ln p; lower is better).

    nats_per_note: of all tokens by the number of notes; 0.7 is a choice between two notes as likely, 2.3 between ten.
    accuracy: share of the tokens that were the most probable. nats_by_bar: of each bar; None for models that do not
    read whole pieces. most_surprising_bar: the bar with the most nats a note, from 1.
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
    nats_by_bar: list[float] | None
    notes_by_bar: list[int] | None
    most_surprising_bar: int | None = Field(None, ge=1)
    remarks: list[str]


def _run(request: JudgeRequest, job: Job) -> Judged:
    model = job.model(request.model)
    representation, card = model.bundle.representation, model.bundle.card
    score, cut = to_score(request.music, prose=representation.reads_prose)
    header, bars = model.likelihood_by_bar(score)
    judged, knows_bars = sum(bars, header), representation.learns_whole_pieces
    facts = judged.facts()
    return Judged(
        model=card.name,
        digest=model.bundle.digest,
        nats_by_bar=[round(-bar.log_likelihood, 3) for bar in bars] if knows_bars else None,
        notes_by_bar=[bar.notes for bar in bars] if knows_bars else None,
        most_surprising_bar=most_surprising(bars) if knows_bars else None,
        remarks=list(cut),
        **{name: facts[name] for name in Judged.model_fields if name in facts},
    )


JUDGE = Verb(
    "judge",
    "Tell how probable a model finds a piece, and which bars surprise it.",
    JudgeRequest,
    Judged,
    _run,
    {"music": "C4 E4 G4 E4 C4 E4 G4 E4 F#4 A#2 C4:2"},
    "music",
)
