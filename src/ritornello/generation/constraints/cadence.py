"""`cadence`: on by default, the last bar is a piece's home: the tonic chord of its key so far, over the tonic in
the bass.

The bass is the part that has been lowest on the average. In the last bar all parts but drums keep to the tonic triad,
and at each onset the first note of the bass is the tonic. When they play, how long, in which octave and when the piece
ends, the network chooses; it knows that the end is near (`bars_left`) and how to come there.

It needs the key that the grammar state of `multitrack` follows. Given notes have an end of their own.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Settings
from ritornello.generation.constraints.fixed_notes import FixedNotesSettings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.constraints.base import Ids
    from ritornello.representations.multitrack.grammar import MultitrackGrammarState
    from ritornello.representations.multitrack.vocabulary import Vocabulary

TRIADS = {False: (0, 4, 7), True: (0, 3, 7)}
"""Degrees of the tonic chord, in semitones, in minor or not."""


class CadenceSettings(Settings):
    cadence: bool = Field(True, description="let the last bar be the tonic chord of the key so far")


class Cadence(Constraint):
    name = "cadence"
    settings = CadenceSettings
    is_live = False

    def start(self, context: Context) -> CadenceState | None:
        is_free = not context.of(FixedNotesSettings).asks_for_given
        is_known = context.representation.name == "multitrack"
        return (
            CadenceState(context.representation.vocabulary)  # type: ignore[attr-defined]
            if context.of(CadenceSettings).cadence and is_free and is_known
            else None
        )


class CadenceState(ConstraintState):
    """Bans what is foreign to the tonic chord in the last bar."""

    name, rank, is_asked = "cadence", 90, False

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.pitches: dict[int, tuple[int, int]] = {}  # their sum and number, by voice

    def fork(self) -> CadenceState:
        other = copy(self)
        other.pitches = dict(self.pitches)
        return other

    def advance(self, grammar: MultitrackGrammarState) -> None:  # type: ignore[override]
        for voice, pitch in grammar.last_notes:
            if not self.vocabulary.is_drum[voice]:
                total, count = self.pitches.get(voice, (0, 0))
                self.pitches[voice] = total + pitch, count + 1

    def banned(self, grammar: MultitrackGrammarState, allowed: Mask) -> Ids:  # type: ignore[override]
        import numpy as np

        from ritornello.representations.columns.key import degree, is_minor

        reader, tokens = grammar.reader, grammar.tokens
        if reader.bars_left or not reader.length or not self.pitches:
            return ()
        degrees = degree(tokens.pitch, reader.key_so_far.key)
        strange = ~np.isin(degrees, TRIADS[is_minor(reader.key_so_far.key)])
        bass = min(self.pitches, key=lambda voice: self.pitches[voice][0] / self.pitches[voice][1])
        if grammar.onset < reader.time or tokens.voice[grammar.last_id] < bass:
            strange |= (tokens.voice == bass) & (degrees > 0)
        return np.flatnonzero(tokens.is_pitched & strange)
