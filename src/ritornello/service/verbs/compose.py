"""The verbs that compose: `compose`, and `infill`, `vary` and `accompany`, which keep what is given.

They have the settings of `ritornello.compose`, but `count`: a call makes one piece, and `index` another one of a seed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr
from pydantic.json_schema import SkipJsonSchema

from ritornello.formats.midi_writer import midi_to_bytes
from ritornello.formats.text import is_prose, prose_of
from ritornello.generation.compose import Composition, Draft
from ritornello.generation.config import ComposeConfig
from ritornello.score import Score, Track
from ritornello.service.job import Job, NewNotes
from ritornello.service.music import Music, Piece, PieceNote, new_notes, to_piece, to_score
from ritornello.service.verbs import Verb
from ritornello.service.verbs.request import MODEL, ModelName, Result


class _Composing(ComposeConfig):
    implied: ClassVar[frozenset[str]] = frozenset()
    """Settings that a verb asks for by itself."""

    model: ModelName | None = MODEL
    count: SkipJsonSchema[Literal[1]] = 1

    def settings(self) -> dict[str, Any]:
        """Return the settings that are asked for, for `Model.compose`."""
        asked = self.model_fields_set | self.implied
        return {name: getattr(self, name) for name in ComposeConfig.model_fields if name in asked}


class ComposeRequest(_Composing):
    """A new piece, which may begin with a primer."""

    primer: Music | None = Field(None, description="begin with this")


class InfillRequest(_Composing):
    """Bars composed anew; all else stays as it is."""

    music: Music
    infill: str = Field(description="the bars to compose anew, from 1, such as 5-8 or 5-8,13")


class VaryRequest(_Composing):
    """A share of the bars composed anew, drawn by the seed; all else stays as it is."""

    implied = frozenset({"vary"})

    music: Music
    vary: float = Field(0.25, gt=0, le=1, description="share of the bars to compose anew")


class AccompanyRequest(_Composing):
    """Parts added to a piece, which sounds from beginning to end."""

    implied = frozenset({"accompany"})

    music: Music
    accompany: SkipJsonSchema[Literal[True]] = True


class CopyFacts(Result):
    """A run of notes that is in the training music too; bars are counted from 1."""

    notes: int
    piece: str
    bar: int
    own_bar: int


class CopiesFacts(Result):
    """The longest runs that are in the training music too: in any key, and at the same pitches."""

    any_key: CopyFacts | None
    same_pitches: CopyFacts | None
    compared_with_all: bool


class ConstraintFacts(Result):
    """What was asked for: constraints; at how many steps some gave way; settings that the model was only told; and what
    the piece does not keep."""

    asked: list[str]
    relaxed: dict[str, int]
    told: list[str]
    missed: dict[str, str]


class Composed(Result):
    """A piece that was composed, and how.

    piece: as it is written, or as it is played if `perform` or `swing` is asked for. nats_per_note: the surprise of the
    model at each new note; nats_per_given_note: at the given notes that follow new ones. copies: None if the model
    knows nothing of its training music. text: what a model of prose wrote.
    """

    piece: Piece
    model: str
    digest: str
    seed: int
    index: int
    bars: int
    notes: int
    seconds: float
    instruments: list[str]
    nats_per_note: float
    nats_per_given_note: float | None
    constraints: ConstraintFacts
    copies: CopiesFacts | None
    max_copy: int
    remarks: list[str]
    text: str | None = None

    _played: Callable[[], Score] | None = PrivateAttr(None)

    @property
    def score(self) -> Score:
        """The piece as a score."""
        return self.piece.score()

    @property
    def played(self) -> Score:
        """The piece as it is played, if it was composed in this process, else as `piece` is."""
        return self._played() if self._played else self.score

    def midi(self) -> bytes:
        """Return the piece as a MIDI file, as it is played."""
        return midi_to_bytes(self.played)


def _composing(request: _Composing, music: Any, job: Job) -> Composed:
    """Compose, and tell the new notes of each bar when it is done."""
    model = job.model(request.model)
    given, cut = (
        (None, ()) if music is None else to_score(music, prose=model.bundle.representation.reads_prose)
    )
    tell = _Teller(given, job)

    def listen(draft: Draft) -> None:
        job.progress(draft.done, draft.of, "bars")
        if draft.score is not None:
            score = draft.score()
            line = score.bar_starts(max(score.end, 1) + (draft.done + 2) * 32 * score.ticks_per_quarter)
            tell.notes(score, int(line[draft.done]))

    [made] = model.compose_many(given, listen=listen, **request.settings())
    tell.notes(made.score)
    return _result(request, made, cut)


class _Teller:
    """Tells each new note of a piece once, while the piece grows."""

    def __init__(self, given: Score | None, job: Job) -> None:
        self._given, self._job = given, job
        self._first_new = len(given.tracks) if given else 0
        self._numbers: dict[Hashable, int] = {}  # of new parts, in the order in which they are heard
        self._told: defaultdict[Hashable, Counter[tuple[int, ...]]] = defaultdict(Counter)

    def notes(self, score: Score, until: int | None = None) -> None:
        """Tell the notes that end by tick `until`, or all."""
        seen: defaultdict[Hashable, Counter[tuple[int, ...]]] = defaultdict(Counter)
        parts = Counter[Hashable]()
        for number, (track, new) in enumerate(zip(score.tracks, new_notes(score, self._given), strict=True)):
            # The next track of a new instrument may enter before it: notes are told by instrument.
            of = number if number < self._first_new else (track.program, track.is_drum)
            parts[of] += 1
            ready = []
            for note in sorted(new):
                if until is None or note[0] + note[1] <= until:
                    seen[of][note] += 1
                    if seen[of][note] > self._told[of][note]:
                        self._told[of][note] += 1
                        ready.append(note)
            if ready:
                new_number = self._first_new + self._numbers.setdefault((of, parts[of]), len(self._numbers))
                self._tell(track, number if number < self._first_new else new_number, ready, score)

    def _tell(self, track: Track, number: int, notes: list[tuple[int, ...]], score: Score) -> None:
        told = NewNotes(
            track=number,
            program=track.program,
            drums=track.is_drum,
            ticks_per_quarter=score.ticks_per_quarter,
            notes=[PieceNote(start=s, duration=d, pitch=p, velocity=v) for s, d, p, v in notes],
        )
        self._job.tell(told)


def _result(request: _Composing, made: Composition, cut: tuple[str, ...]) -> Composed:
    is_played = {"perform", "swing"} & request.model_fields_set
    score, facts = made.performance if is_played else made.score, made.facts()
    facts["remarks"] = [*cut, *facts["remarks"]]
    facts["text"] = prose_of(score) if is_prose(score) else None
    result = Composed(piece=to_piece(score), seconds=round(score.seconds, 2), **facts)
    result._played = lambda: made.performance
    return result


def _compose(request: ComposeRequest, job: Job) -> Composed:
    return _composing(request, request.primer, job)


def _keep(request: Any, job: Job) -> Composed:
    return _composing(request, request.music, job)


_TUNE = "E4 D4 C4 D4 E4 E4 E4:2 D4 D4 D4:2 E4 G4 G4:2 E4 D4 C4 D4 E4 E4 E4 E4 D4 D4 E4 D4 C4:4"

COMPOSE = Verb(
    "compose",
    "Compose a new piece, which may begin with a primer.",
    ComposeRequest,
    Composed,
    _compose,
    {"bars": 8, "key": "C major", "seed": 1},
    "primer",
    tells_notes=True,
)
INFILL = Verb(
    "infill",
    "Compose some bars of a piece anew, and keep the others.",
    InfillRequest,
    Composed,
    _keep,
    {"music": _TUNE, "infill": "3-4", "seed": 1},
    "music",
    tells_notes=True,
)
VARY = Verb(
    "vary",
    "Compose a share of the bars of a piece anew, drawn by the seed.",
    VaryRequest,
    Composed,
    _keep,
    {"music": _TUNE, "vary": 0.25, "seed": 1},
    "music",
    tells_notes=True,
)
ACCOMPANY = Verb(
    "accompany",
    "Add parts to a piece, which stays as it is.",
    AccompanyRequest,
    Composed,
    _keep,
    {"music": _TUNE, "seed": 1},
    "music",
    tells_notes=True,
)
