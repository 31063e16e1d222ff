"""`cadence`: on by default, the last bar is the tonic chord, with the tonic in the bass.

The key is the one asked for, or else that of the piece so far.

The bass is the part with the lowest mean pitch. In the last bar all parts but drums keep to the tonic triad, and at
each onset the first note of the bass is the tonic. The network chooses when they play, how long, in which octave and
when the piece ends; it knows that the end is near (`bars_left`).

It needs the key and the bars left that the grammar state of `multitrack` follows, and its order of notes at an onset;
for other representations it does nothing. Fixed notes have an end of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Settings
from ritornello.generation.constraints.fixed_notes import FixedNotesSettings
from ritornello.generation.constraints.scale import ScaleSettings
from ritornello.theory import key_tonic

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.representations.multitrack.grammar import MultitrackGrammarState
    from ritornello.representations.multitrack.vocabulary import Vocabulary
    from ritornello.representations.tokens import Tokens

TRIADS = {False: (0, 4, 7), True: (0, 3, 7)}
"""Degrees of the tonic chord, in semitones, in minor or not."""


class CadenceSettings(Settings):
    cadence: bool = Field(True, description="let the last bar be the tonic chord of the key")


class Cadence(Constraint):
    name = "cadence"
    settings = CadenceSettings
    is_live = False

    def start(self, context: Context) -> CadenceState | None:
        from ritornello.representations.multitrack import Multitrack

        is_free = not context.of(FixedNotesSettings).fixed_notes_asked
        if not (context.of(CadenceSettings).cadence and is_free):
            return None
        found = context.representation
        key = context.of(ScaleSettings).key_signature
        return CadenceState(found.vocabulary, key) if isinstance(found, Multitrack) else None


class CadenceState(ConstraintState):
    """Bans the notes outside the tonic chord in the last bar."""

    name, rank, is_asked = "cadence", 90, False

    def __init__(self, vocabulary: Vocabulary, key: tuple[int, bool] | None = None) -> None:
        """`key`: (fifths, minor), None for that of the notes so far."""
        self.vocabulary = vocabulary
        self.key = None if key is None else 1 + key_tonic(*key) + 12 * key[1]  # as in `KeySoFar`
        self.pitches: dict[int, tuple[int, int]] = {}  # their sum and number, by voice
        self._strange: dict[tuple[int, int], Mask] = {}  # by key and bass, or -1

    def advance(self, grammar: MultitrackGrammarState) -> None:  # type: ignore[override]
        for voice, pitch in grammar.last_notes:
            if not self.vocabulary.is_drum[voice]:
                total, count = self.pitches.get(voice, (0, 0))
                self.pitches = self.pitches | {voice: (total + pitch, count + 1)}

    def banned_mask(self, grammar: MultitrackGrammarState, allowed: Mask) -> Mask | None:  # type: ignore[override]
        reader = grammar.reader
        if reader.bars_left or not reader.length or not self.pitches:
            return None
        key = reader.key_so_far.key if self.key is None else self.key
        bass = min(self.pitches, key=lambda voice: self.pitches[voice][0] / self.pitches[voice][1])
        is_next = grammar.onset < reader.time or grammar.tokens.voice[grammar.last_id] < bass
        wanted = key, bass if is_next else -1
        if wanted not in self._strange:
            self._strange[wanted] = _strange(grammar.tokens, *wanted)
        return self._strange[wanted]


def _strange(tokens: Tokens, key: int, bass: int) -> Mask:
    """Return the mask of the notes outside the tonic chord, and of those of the `bass` but the tonic; -1: no bass."""
    import numpy as np

    from ritornello.representations.columns.key import degree, is_minor

    degrees = degree(tokens.pitch, key)
    strange = ~np.isin(degrees, TRIADS[is_minor(key)])
    if bass >= 0:
        strange |= (tokens.voice == bass) & (degrees > 0)
    return np.asarray(tokens.is_pitched & strange)
