"""The verb `models`: what there is to compose with."""

from __future__ import annotations

from ritornello.generation import Model
from ritornello.service.job import Job
from ritornello.service.verbs import Verb
from ritornello.service.verbs.request import Request, Result


class ModelsRequest(Request):
    """Nothing is asked."""


class ModelFacts(Result):
    """A model. instruments: General MIDI programs that it plays, 128 the drums; empty if any. meters: those that it
    knows; empty if it has none of its own. knows_its_music: whether it can tell copies of its training music."""

    name: str
    description: str
    digest: str
    representation: str
    licence: str
    learned_from: str
    instruments: list[int]
    meters: list[str]
    knows_its_music: bool
    is_prose: bool


class ModelsResult(Result):
    """The models; the first is the default."""

    models: list[ModelFacts]


def _facts(name: str, model: Model) -> ModelFacts:
    bundle, card = model.bundle, model.bundle.card
    representation = bundle.representation
    return ModelFacts(
        name=name,
        description=card.description,
        digest=bundle.digest,
        representation=card.representation.name,
        licence=card.corpus.licence,
        learned_from=card.corpus.provenance,
        instruments=[int(program) for program in representation.tokens.programs],
        meters=[f"{numerator}/{denominator}" for numerator, denominator in representation.meters],
        knows_its_music=bundle.index is not None,
        is_prose=representation.reads_prose,
    )


def _run(request: ModelsRequest, job: Job) -> ModelsResult:
    return ModelsResult(models=[_facts(name, job.model(name)) for name in job.models])


MODELS = Verb("models", "List the models, and what each plays.", ModelsRequest, ModelsResult, _run, {})
