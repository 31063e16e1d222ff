"""`density`: how many notes of a part may sound at once, and how many notes begin in a bar. Drums are free.

To know at one note that the next is possible, a state must know how ids move time and how long notes are. So each
representation that supports it has a state of its own that looks ahead: `density_multitrack`, `density_frames`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from pydantic import Field, field_validator, model_validator

from ritornello.errors import ConfigError
from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Settings

NOTES_PER_BAR = re.compile(r"[0-9]{1,3}(-[0-9]{1,3})?")

NO_LIMIT = 1 << 30


class DensitySettings(Settings):
    polyphony: int | None = Field(
        None, ge=1, le=128, description="most notes of one part that sound at once; 1 is a single line"
    )
    notes_per_bar: str | None = Field(
        None, description="fewest and most notes that begin in a bar, in all parts but drums, such as 4-12"
    )

    @field_validator("notes_per_bar")
    @classmethod
    def _check_notes_per_bar(cls, text: str | None) -> str | None:
        if text is None:
            return None
        if not NOTES_PER_BAR.fullmatch(text):
            raise ValueError("give the fewest and the most, up to 999, such as 4-12, or one number")
        fewest, most = _read_range(text)
        if fewest > most:
            raise ValueError(f"the fewest, {fewest}, are more than the most, {most}; exchange them")
        if not most:
            raise ValueError("the most is at least 1")
        return text

    @model_validator(mode="after")
    def _check_density(self) -> Self:
        """Refuse LengthSettings and FixedNotesSettings of the same configuration whose notes are not counted."""
        fixed, notes = getattr(self, "fixed_notes_asked", ""), getattr(self, "notes", None)
        if fixed and self.density_asked:
            name = self.density_asked[0]
            raise ValueError(
                f"{name} {getattr(self, name)} and {fixed} contradict each other: fixed notes are not counted; "
                "leave one out"
            )
        if notes is not None and self.notes_per_bar is not None:
            raise ValueError(
                f"notes {notes} may end within a bar, which notes_per_bar {self.notes_per_bar} forbids; "
                "give the length in bars"
            )
        return self

    @property
    def density_asked(self) -> list[str]:
        """The names of the settings that are given."""
        return [name for name in ("polyphony", "notes_per_bar") if getattr(self, name) is not None]


def _read_range(text: str) -> tuple[int, int]:
    """Return the fewest and the most notes in a bar."""
    fewest, _, most = text.partition("-")
    return int(fewest), int(most or fewest)


@dataclass(frozen=True)
class Limits:
    """The limits in force. polyphony: notes of one part that may sound at once, at least 1. fewest, most: notes of all
    parts together that begin in a bar; most is at least 1 and not below fewest. able: the voices that other constraints
    leave a note at any time; at least one, unless only drums play."""

    polyphony: int = NO_LIMIT
    fewest: int = 0
    most: int = NO_LIMIT
    able: frozenset[int] = frozenset()


class Density(Constraint):
    name = "density"
    settings = DensitySettings
    bounds_pitches = True

    def start(self, context: Context) -> ConstraintState | None:
        from ritornello.generation.feasibility import cannot_ask

        asked = context.of(DensitySettings)
        if not asked.density_asked:
            return None
        able = context.feasible.able
        fewest, most = _read_range(asked.notes_per_bar) if asked.notes_per_bar else (0, NO_LIMIT)
        if fewest and not able:
            raise ConfigError(
                f"notes_per_bar {asked.notes_per_bar}: drums do not count; add another instrument"
            )
        limits = Limits(asked.polyphony or NO_LIMIT, fewest, most, able)
        meter = getattr(context.settings, "meter_pair", None)

        from ritornello.generation.constraints import density_frames, density_multitrack
        from ritornello.representations.frames import Frames
        from ritornello.representations.multitrack import Multitrack

        state: ConstraintState
        found = context.representation
        if isinstance(found, Multitrack):
            state = density_multitrack.MultitrackDensity(found.vocabulary, limits)
            possible = density_multitrack.most_onsets(found.vocabulary, limits, meter)
        elif isinstance(found, Frames):
            state = density_frames.FramesDensity(found, limits)
            possible = density_frames.most_onsets(found)
        else:
            raise ConfigError(cannot_ask(", ".join(asked.density_asked), found))
        if fewest > possible:
            raise ConfigError(
                f"notes_per_bar {asked.notes_per_bar}: with what else is asked, a bar of this model has room for "
                f"{possible} notes in any case; give at most {possible} as the fewest"
            )
        return state
