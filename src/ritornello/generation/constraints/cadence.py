"""`cadence`: on by default, a piece ends with its tonic chord on a strong beat, the tonic in the bass.

The key is the one asked for, or else that of the piece so far. The bass is the part with the lowest mean pitch. In the
last bar all parts but drums keep to the tonic triad, and at each onset the first note of the bass is the tonic.

Strong beats are the first of the bar and, in bars of an even number of beats, the one in the middle. Nothing begins
after the last of them. The piece ends on one, and notes that begin there last until the next one, or to the bar line.
The network chooses what leads there, on which of them the piece ends, the octaves and longer durations.

It needs the key and the bars left that the grammar state of `multitrack` follows, and its order of notes at an onset;
for other representations it does nothing. With a form it holds if the last bar is composed anew; other fixed notes have
an end of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.generation.constraints.base import Constraint, Context, Settings
from ritornello.generation.constraints.fixed_notes import FixedNotesSettings
from ritornello.generation.constraints.scale import ScaleSettings

if TYPE_CHECKING:
    from ritornello.generation.constraints.cadence_multitrack import CadenceState


class CadenceSettings(Settings):
    cadence: bool = Field(True, description="end with the tonic chord of the key, on a strong beat and held")


class Cadence(Constraint):
    name = "cadence"
    settings = CadenceSettings
    is_live = False

    def start(self, context: Context) -> CadenceState | None:
        from ritornello.representations.multitrack import Multitrack

        if not (context.of(CadenceSettings).cadence and context.of(FixedNotesSettings).is_composed):
            return None
        from ritornello.generation.constraints.cadence_multitrack import CadenceState

        found = context.representation
        key = context.of(ScaleSettings).key_signature
        return CadenceState(found.vocabulary, key) if isinstance(found, Multitrack) else None
