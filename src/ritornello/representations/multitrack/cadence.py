"""Cadence: the last bar is a piece's home, the tonic chord of its key so far, over the tonic in the bass.

The bass is the part that has been lowest on the average. In the last bar all parts but drums keep to the tonic triad,
and at each onset the first note of the bass is the tonic. When they play, how long, in which octave and when the piece
ends, the network chooses; it knows that the end is near (`bars_left`) and how to come there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ritornello.representations.limits import CADENCE
from ritornello.representations.multitrack.grammar import MultitrackGrammarState
from ritornello.representations.multitrack.vocabulary import Vocabulary
from ritornello.representations.tonality import degree, is_minor

TRIADS = {False: (0, 4, 7), True: (0, 3, 7)}
"""Degrees of the tonic chord, in semitones, in minor or not."""


@dataclass
class Cadence:
    """The rule for one piece; see `generation.constraints.Constraint`."""

    vocabulary: Vocabulary
    pitches: dict[int, tuple[int, int]] = field(default_factory=dict)  # their sum and number, by voice
    wish = CADENCE

    def __deepcopy__(self, memo: Any) -> Self:
        return type(self)(self.vocabulary, dict(self.pitches))

    def observe(self, grammar: MultitrackGrammarState) -> None:
        for voice, pitch in grammar.last_notes:
            if self.vocabulary.is_drum[voice]:
                continue
            total, count = self.pitches.get(voice, (0, 0))
            self.pitches[voice] = total + pitch, count + 1

    def forbidden(self, grammar: MultitrackGrammarState) -> NDArray[np.int64]:
        reader, vocabulary = grammar.reader, self.vocabulary
        if reader.bars_left or not reader.length or not self.pitches:
            return np.empty(0, dtype=np.int64)
        degrees = degree(vocabulary.pitch, reader.key.value)
        strange = ~np.isin(degrees, TRIADS[is_minor(reader.key.value)])
        bass = min(self.pitches, key=lambda voice: self.pitches[voice][0] / self.pitches[voice][1])
        if grammar.onset < reader.time or vocabulary.voice[grammar.last_id] < bass:
            strange |= (vocabulary.voice == bass) & (degrees > 0)
        return np.flatnonzero(vocabulary.is_melodic & strange)
