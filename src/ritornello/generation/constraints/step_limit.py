"""`step_limit`: the largest melodic leap of the top voice.

The top voice is the first part in score order that has played, without drums, and of its notes at an onset the highest.
From onset to onset it moves by at most so many semitones.

Where the notes of an onset come from the lowest up, lower ones may come first, as long as one within reach can follow;
the onset is not left before it has come. If another constraint may forbid a further note at an onset (LIMITS_CHORDS),
each onset of the top voice begins within reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pydantic import Field, model_validator

from ritornello.errors import ConfigError
from ritornello.generation.constraints.base import Constraint, Context, OnsetState, Settings
from ritornello.generation.constraints.chords import keeps_chords
from ritornello.generation.constraints.register import RegisterSettings
from ritornello.theory import pitch_name
from ritornello.theory.instruments import SCORE_ORDER

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray

    from ritornello.arrays import Mask
    from ritornello.generation.constraints.base import Ids
    from ritornello.generation.notes import Notes
    from ritornello.representations.base import GrammarState
    from ritornello.representations.tokens import Tokens

LIMITS_CHORDS = ("chord_size", "density", "max_copy", "parallels")
"""Constraints that may forbid a further note at an onset."""

LEAST_WITH_MAX_COPY = 5
"""Semitones; within fewer, every note might be a copy."""

MODIFIERS = ("velocity", "duration")
"""Kinds of ids that shape the last note, and so do not leave its onset."""


class StepLimitSettings(Settings):
    step_limit: int | None = Field(
        None, ge=1, le=127, description="largest melodic leap of the top voice, in semitones"
    )

    @model_validator(mode="after")
    def _check_step_limit(self) -> Self:
        fixed = getattr(self, "fixed_notes_asked", "")  # of a configuration that has FixedNotesSettings too
        if fixed and self.step_limit is not None:
            raise ValueError(
                f"step_limit {self.step_limit} and {fixed} contradict each other: fixed notes stay as they are"
            )
        if self.step_limit and self.step_limit < LEAST_WITH_MAX_COPY and getattr(self, "max_copy", None):
            raise ValueError(
                f"step_limit {self.step_limit} leaves no way around a copy; with max_copy give at least "
                f"{LEAST_WITH_MAX_COPY}"
            )
        return self


class StepLimit(Constraint):
    name = "step_limit"
    settings = StepLimitSettings
    bounds_pitches = True

    def start(self, context: Context) -> StepLimitState | None:
        from ritornello.generation.constraints import make_constraints

        limit = context.of(StepLimitSettings).step_limit
        if limit is None:
            return None
        if keeps_chords(context):  # else a note can be repeated
            check_reach(context, limit)
        rows = [row for row in make_constraints(context.is_live) if row.name in LIMITS_CHORDS]
        representation, tokens = context.representation, context.representation.tokens
        goes_upwards = representation.tells_notes_in_order and not tokens.elapsed[context.notes.ids].any()
        may_begin_lower = goes_upwards and not any(row.asked(context) for row in rows)
        declared = [each for each in tokens.instruments if each.program >= 0]
        order = {each.voice: (SCORE_ORDER.index(each.program // 8), each.voice) for each in declared}
        return StepLimitState(tokens, context.notes, order, limit, may_begin_lower)


def check_reach(context: Context, limit: int) -> None:
    """Raise ConfigError if an instrument may have to leap farther than `limit` from a note to the next chord."""
    from ritornello.generation.feasibility import make_demands

    lowest, highest = context.of(RegisterSettings).register_pitches
    gaps = []
    for instrument in context.representation.instrument_ranges(getattr(context.settings, "programs", None)):
        mine = [pitch for pitch in instrument.pitches if lowest <= pitch <= highest]
        for demand in make_demands(context, is_over_chords=True):
            goals = [pitch for pitch in mine if demand.pitches[pitch]]
            for pitch in mine if goals else ():
                gap = min(abs(pitch - goal) for goal in goals)
                gaps.append((gap, pitch_name(pitch), demand.whose, instrument.name))
    gap, name, whose, player = max(gaps, default=(0, "", "", ""))
    if gap > limit:
        raise ConfigError(
            f"step_limit {limit}: from {name} the nearest note of {whose} that {player} can play is {gap} semitones "
            f"away; give at least {gap}"
        )


class _Line(NamedTuple):
    """The highest pitches of a voice at its last onset before the present one, and at the present one; -1 for none."""

    before: int = -1
    present: int = -1


class StepLimitState(OnsetState):
    """Bans the notes of the top voice that are out of reach, and, once lower notes have come, all that leaves the onset
    before one within reach has come."""

    name, rank = "step_limit", 45

    def __init__(
        self, tokens: Tokens, notes: Notes, order: Mapping[int, Any], limit: int, may_begin_lower: bool
    ) -> None:
        """`order` has the voices as keys, and values that sort them from the top of the score down."""
        super().__init__(notes)
        self._order = order
        self._tokens, self._limit, self._may_begin_lower = tokens, limit, may_begin_lower
        self._shaping = tokens.mask(*(kind for kind in MODIFIERS if kind in tokens.slice))
        self._lines: dict[int, _Line] = {}
        self._is_chosen = False  # whether the next id is: then `banned` has been called
        self._given_at = -1.0  # the last onset with notes that were not chosen, such as those of a primer

    def advance(self, grammar: GrammarState) -> None:
        super().advance(grammar)
        self._is_chosen = False

    def leave(self) -> None:
        self._lines = {
            voice: _Line(line.before if line.present < 0 else line.present)
            for voice, line in self._lines.items()
        }

    def begin(self, voice: int, pitch: int) -> None:
        if not self._is_chosen:
            self._given_at = self.onset
        line = self._lines.get(voice, _Line())
        self._lines = self._lines | {voice: line._replace(present=max(line.present, pitch))}

    def banned(self, grammar: GrammarState, allowed: Mask) -> Ids:
        import numpy as np

        self._is_chosen = True
        if not self._lines:
            return ()
        self.move_to(grammar.quarters)
        top = min(self._lines, key=lambda voice: self._order.get(voice, (0, voice)))
        line = self._lines[top]
        if line.before < 0:
            return ()
        ids, pitches = self.notes.ids, self.notes.pitches
        mine = self.notes.voices == top
        low, high = line.before - self._limit, line.before + self._limit
        out = mine & (pitches > high)
        recalled = [
            token
            for token in self._tokens.recalling
            if any(voice == top and not low <= pitch <= high for voice, pitch in grammar.notes_of(token))
        ]
        if recalled:
            return [*ids[mine & ((pitches < low) | (pitches > high))].tolist(), *recalled]
        if line.present >= low or self._given_at == self.onset:  # within reach already, or not chosen
            return self._new(grammar, ids[out])
        within = ids[mine & (pitches >= low) & (pitches <= high) & allowed[ids]]
        reachable = self._new(grammar, within)
        if line.present >= 0:  # lower notes have come: only what leads to one within reach
            last = self._tokens.pitch[reachable].max(initial=low)
            keeps = self._shaping.copy()
            keeps[ids[mine & (pitches <= last)]] = True
            return np.flatnonzero(~keeps)
        if not (self._may_begin_lower and len(reachable)):
            out |= mine & (pitches < low)
        return self._new(grammar, ids[out])

    @staticmethod
    def _new(grammar: GrammarState, ids: NDArray[int64]) -> NDArray[int64]:
        """Return those of `ids` that would begin a note, instead of letting one go on."""
        import numpy as np

        return np.array([token for token in ids.tolist() if grammar.notes_of(token)], dtype=np.int64)
