"""The verb `analyse`: what a musician would write above a score."""

from __future__ import annotations

from ritornello.analysis import analyse
from ritornello.notation.annotations import annotate
from ritornello.service.job import Job
from ritornello.service.music import Music, to_score
from ritornello.service.verbs import Verb
from ritornello.service.verbs.request import Request, Result


class AnalyseRequest(Request):
    """A piece to be analysed."""

    music: Music


class Span(Result):
    """A part of the piece, in ticks, and its bars as they are printed: 1 is the first full one, 0 a pickup."""

    start: int
    end: int
    bar: int
    last_bar: int


class KeyFacts(Span):
    """A key, such as "G major"."""

    key: str


class ChordFacts(Span):
    """A chord, such as "Dm7/F"; None where none sounds."""

    chord: str | None


class SectionFacts(Span):
    """A section of the form; the same letter returns."""

    letter: str


class VoiceFacts(Result):
    """A voice: number of its track, from 1, and of its notes."""

    track: int
    notes: int


class MotifFacts(Result):
    """A motif: steps of the scale between its notes, quarters between their onsets; where it begins, in ticks and
    bars."""

    steps: list[int]
    quarters: list[float]
    places: list[int]
    bars: list[int]


class Analysed(Result):
    """What was found. Without pitched notes there are only sections."""

    bars: int
    notes: int
    ticks_per_quarter: int
    keys: list[KeyFacts]
    chords: list[ChordFacts]
    sections: list[SectionFacts]
    phrases: list[Span]
    melody: VoiceFacts | None
    bass: VoiceFacts | None
    motifs: list[MotifFacts]
    remarks: list[str]


def _run(request: AnalyseRequest, job: Job) -> Analysed:
    score, cut = to_score(request.music)
    job.check()
    return Analysed(**annotate(score, analyse(score)), remarks=list(cut))


ANALYSE = Verb(
    "analyse",
    "Find keys, chords, sections, phrases, melody, bass and motifs of a piece.",
    AnalyseRequest,
    Analysed,
    _run,
    {"music": "C4+E4+G4:2 F4+A4+C5:2 G4+B4+D5:2 C4+E4+G4:2"},
    "music",
)
