"""`density`: how many notes of a part may sound at once, and how many notes begin in a bar. Drums are free.

To know at one note that there will be a way on for the next, one has to know how ids move time and how long notes are.
So there is a state for each representation that can keep it, which looks ahead: `density_multitrack`,
`density_frames`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pydantic import Field, field_validator, model_validator

from ritornello.errors import ConfigError
from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Settings

if TYPE_CHECKING:
    from ritornello.representations.base import Representation

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
    def _check_counted(self) -> Self:
        """Refuse what would put notes into a bar, or take them out of it, that are not counted; these settings are of a
        configuration that has LengthSettings and FixedNotesSettings too."""
        given, notes = getattr(self, "asks_for_given", ""), getattr(self, "notes", None)
        if given and self.density_asked:
            name = self.density_asked[0]
            raise ValueError(
                f"{name} {getattr(self, name)} and {given} contradict each other: given notes are not counted out; "
                "leave one out"
            )
        if notes is not None and self.notes_per_bar is not None:
            raise ValueError(
                f"notes {notes} may end within a bar, which notes_per_bar {self.notes_per_bar} forbids; "
                "give the length in bars"
            )
        return self

    @property
    def notes_range(self) -> tuple[int, int]:
        """The fewest and the most notes in a bar."""
        return (0, NO_LIMIT) if self.notes_per_bar is None else _read_range(self.notes_per_bar)

    @property
    def density_asked(self) -> list[str]:
        """The names of the settings that are given."""
        return [name for name in ("polyphony", "notes_per_bar") if getattr(self, name) is not None]


def _read_range(text: str) -> tuple[int, int]:
    fewest, _, most = text.partition("-")
    return int(fewest), int(most or fewest)


@dataclass(frozen=True)
class Limits:
    """What is asked. polyphony: notes of one part that may sound at once, at least 1. fewest, most: notes of all parts
    together that begin in a bar; most is at least 1 and not below fewest. able: the voices that other constraints leave
    a note at any time, at least one but where only drums play."""

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
        fewest, most = asked.notes_range
        if fewest and not able:
            raise ConfigError(
                f"notes_per_bar {asked.notes_per_bar}: drums do not count; add another instrument"
            )
        limits = Limits(asked.polyphony or NO_LIMIT, fewest, most, able)
        meter = getattr(context.settings, "meter_pair", None)
        found = _start(context.representation, limits, meter)
        if found is None:
            raise ConfigError(cannot_ask(", ".join(asked.density_asked), context.representation))
        state, room = found
        if fewest > room:
            raise ConfigError(
                f"notes_per_bar {asked.notes_per_bar}: with what else is asked, a bar of this model has room for "
                f"{room} notes in any case; give at most {room} as the fewest"
            )
        return state


def _start(
    representation: Representation, limits: Limits, meter: tuple[int, int] | None
) -> tuple[ConstraintState, int] | None:
    """Return the state for a representation, and the largest `fewest` that can be kept whatever sounds at a bar line;
    None if the representation cannot keep limits."""
    from ritornello.representations.frames import Frames
    from ritornello.representations.multitrack import Multitrack

    if isinstance(representation, Multitrack):
        from ritornello.generation.constraints import density_multitrack as multitrack

        vocabulary = representation.vocabulary
        return multitrack.MultitrackDensity(vocabulary, limits), multitrack.most_onsets(
            vocabulary, limits, meter
        )
    if isinstance(representation, Frames):
        from ritornello.generation.constraints import density_frames as frames

        return frames.FramesDensity(representation, limits), frames.most_onsets(representation, limits, meter)
    return None
