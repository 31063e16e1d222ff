"""`max_copy`: the longest run of notes that a piece may share with the training music (see `ritornello.originality`).

The state follows the notes of each voice and looks up which notes would make its last run, and one more, a copy. It
needs representations with `tells_notes_in_order`. Only notes that the model chooses are judged, and drums are free. A
run goes on from a section that comes again in a form, and begins anew after other notes that are not chosen, such as
those of a primer.

So in a form one kind of run may be longer than allowed: one that leads from chosen notes into a section that comes
again, whose notes are given. Of several candidates the one with the least of that is taken.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from ritornello.errors import ConfigError
from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Settings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.constraints.base import Ids
    from ritornello.originality import Continuations, LastRun
    from ritornello.representations.base import GrammarState, Representation

SHORT_COPY = 15
"""Runs of so many notes are common turns; longer ones are banned by default."""

MOST_COPY = 512
"""The longest run that `originality` distinguishes."""

MIN_COPY = 4
"""Runs of fewer notes are in all music."""


class OriginalitySettings(Settings):
    max_copy: int | None = Field(
        None,
        ge=0,
        le=MOST_COPY,
        description="no longer run of notes, in any key, that the music learned from has too; 0: any"
        f" ({SHORT_COPY} if not given and the model knows that music)",
    )

    @field_validator("max_copy")
    @classmethod
    def _check_copy(cls, notes: int | None) -> int | None:
        if notes is not None and 0 < notes < MIN_COPY:
            raise ValueError(f"must be at least {MIN_COPY}, or 0 for any")
        return notes


def longest_copy(settings: object) -> int:
    """Return the longest copy that settings of a composition allow where its notes can be compared; 0 for any."""
    asked = getattr(settings, "max_copy", None)
    return asked if asked is not None else SHORT_COPY * (not getattr(settings, "faithful", False))


class Originality(Constraint):
    name = "max_copy"
    settings = OriginalitySettings

    def start(self, context: Context) -> NoCopy | None:
        from ritornello.generation.feasibility import cannot_ask

        asked = context.of(OriginalitySettings).max_copy
        can = context.representation.tells_notes_in_order
        if asked and not can:
            raise ConfigError(cannot_ask(f"max_copy {asked}", context.representation))
        if asked and context.index is None:
            raise ConfigError(
                f"max_copy {asked}: {context.model} cannot tell what is a copy: it holds no index of the music that it "
                "learned from"
            )
        longest = longest_copy(context.settings) if can else 0
        if not longest or context.index is None:
            return None
        return NoCopy(context.representation, context.index.continuations(longest), asked is not None)


class NoCopy(ConstraintState):
    """Bans the note that would make a voice's last run of notes one longer than may be copied."""

    name = "max_copy"

    def __init__(self, representation: Representation, continuations: Continuations, is_asked: bool) -> None:
        self.is_asked, self.rank = is_asked, 60 if is_asked else 95
        self._tokens, self._drums = representation.tokens, representation.tokens.drum_voices
        self._continuations = continuations
        self._now = 0.0  # in quarters
        self._is_chosen = False  # whether the next id is: then `banned` has been called
        self.runs: dict[int, LastRun] = {}  # by voice
        self._copying: list[int] = []  # the voices whose runs go on in the index

    def fork(self) -> NoCopy:
        other = copy(self)
        other.runs = {voice: run.fork() for voice, run in self.runs.items()}
        return other

    def advance(self, grammar: GrammarState) -> None:
        for voice, pitch in grammar.last_notes:
            if not self._is_chosen and not _returns(grammar):
                self.runs.pop(voice, None)
            elif voice in self.runs:
                self.runs[voice].add(self._now, pitch)
            elif voice not in self._drums:
                self.runs[voice] = self._continuations.begin(self._now, pitch)
        if grammar.last_notes:
            self._copying = [voice for voice, run in self.runs.items() if run.following]
        self._now, self._is_chosen = grammar.quarters, False

    def banned(self, grammar: GrammarState, allowed: Mask) -> Ids:
        self._is_chosen = True
        if not self._copying:
            return ()
        runs = [(voice, self.runs[voice]) for voice in self._copying]
        notes = [(voice, pitch) for voice, run in runs for pitch in run.copied_at(grammar.quarters)]
        return [token for note in notes for token in self._tokens.note_ids(*note)]


def _returns(grammar: GrammarState) -> bool:
    """Whether the last note is in a bar that comes again."""
    fixed = grammar.conditions.fixed_notes
    return fixed is not None and grammar.place[0] in fixed.returns
