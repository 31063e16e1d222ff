"""The verb `originality`: the longest run of notes that a piece shares with the training music of a model."""

from __future__ import annotations

from ritornello.service.job import Job
from ritornello.service.music import Music, to_score
from ritornello.service.verbs import Verb
from ritornello.service.verbs.compose import CopiesFacts
from ritornello.service.verbs.request import MODEL, ModelName, Request


class OriginalityRequest(Request):
    """A piece to be compared with the training music of a model."""

    music: Music
    model: ModelName | None = MODEL


class Originality(CopiesFacts):
    """The longest runs of notes of one part that the training music has too, whatever their tempo and loudness; drums
    and durations do not count. None where not even two notes are shared."""

    model: str
    digest: str
    remarks: list[str]


def _run(request: OriginalityRequest, job: Job) -> Originality:
    model = job.model(request.model)
    score, cut = to_score(request.music)
    found = model.copies(score)
    bundle = model.bundle
    return Originality(**found.facts(), model=bundle.card.name, digest=bundle.digest, remarks=list(cut))


ORIGINALITY = Verb(
    "originality",
    "Tell the longest run of notes that a piece shares with the training music of a model.",
    OriginalityRequest,
    Originality,
    _run,
    {"music": "E4 D4 C4 D4 E4 E4 E4:2 D4 D4 D4:2 E4 G4 G4:2"},
    "music",
)
