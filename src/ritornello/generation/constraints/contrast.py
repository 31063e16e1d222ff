"""`contrast`: on by default, in a form a section with a new letter prefers other notes than the sections before it.

A network that has heard a section, perhaps twice, likes to go on with it, so that the B of AABA is another A. In the
bars of a new section a note is less probable if it was played at the same place of an earlier section by the same
voice: the less, the more of the section's notes so far were.

It needs the ids of `multitrack`; for other representations it does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.generation.constraints.base import Constraint, Context, Preference, Settings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.stepper import Logits
    from ritornello.representations.base import GrammarState

STRENGTH = 3.0
"""By how many nats a note is less probable, times the share of the section's notes that were played before; see
docs/experiments.md."""

EXPECTED = 1, 4
"""Notes that were played before, and all, that are added to those of a section: so its first ones say little."""


class ContrastSettings(Settings):
    contrast: bool = Field(
        True, description="in a form: let a new section prefer other notes than those before it"
    )


class Contrast(Constraint):
    name = "contrast"
    settings = ContrastSettings
    is_live = False

    def start(self, context: Context) -> ContrastState | None:
        from ritornello.representations.multitrack import Multitrack

        is_on = context.of(ContrastSettings).contrast and isinstance(context.representation, Multitrack)
        return ContrastState() if is_on else None


class ContrastState(Preference):
    """Makes the notes less probable that were played at the same place of an earlier section."""

    name = "contrast"

    def __init__(self) -> None:
        self.played: dict[tuple[int, int], tuple[int, ...]] = {}  # the ids of notes by bar and position
        self.section, self.known, self.notes = 0, 0, 0  # and its notes, those played before and all

    def fork(self) -> ContrastState:
        other = super().fork()
        other.played = dict(self.played)
        return other

    def advance(self, grammar: GrammarState) -> None:
        fixed = grammar.conditions.fixed_notes
        if fixed is None or not fixed.section_bars or not grammar.last_notes:
            return
        place, token = grammar.place, grammar.token
        if (section := place[0] // fixed.section_bars) != self.section:
            self.section, self.known, self.notes = section, 0, 0
        self.notes += 1
        self.known += token in self._before(place, fixed.section_bars)
        self.played[place] = (*self.played.get(place, ()), token)

    def _before(self, place: tuple[int, int], size: int) -> list[int]:
        """Return the ids of the notes at the same place of earlier sections."""
        earlier = range(place[0] - size, -1, -size)
        return [note for bar in earlier for note in self.played.get((bar, place[1]), ())]

    def preferred(self, grammar: GrammarState, allowed: Mask, logits: Logits) -> Logits | None:
        import numpy as np

        fixed, place = grammar.conditions.fixed_notes, grammar.place
        size = fixed.section_bars if fixed else None
        if fixed is None or not size or not _is_new(place[0] // size, size, fixed.returns):
            return None
        before = self._before(place, size)
        if not before:
            return None
        is_begun = self.section == place[0] // size
        known, notes = (self.known, self.notes) if is_begun else (0, 0)
        added = np.zeros(len(allowed), dtype=np.float32)
        added[before] = -STRENGTH * (known + EXPECTED[0]) / (notes + EXPECTED[1])
        return added


def _is_new(section: int, size: int, returns: object) -> bool:
    return not any(bar in returns for bar in range(section * size, (section + 1) * size))  # type: ignore[operator]
