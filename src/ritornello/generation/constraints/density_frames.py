"""The state of `density` in `frames`, with look-ahead.

A frame can always end, unless its bar would then lack notes. Some note can always begin after a silent frame; right
after another one perhaps none can, if all pitches that may be played sound already. So a bar of n frames has room for
n // 2 notes in any case, and for one more if the frame before it was silent and n is odd.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.generation.constraints.base import ConstraintState
from ritornello.generation.constraints.density import Limits
from ritornello.representations.frames import Frames, FramesGrammarState


def most_onsets(frames: Frames) -> int:
    """Return the largest `fewest` that can be kept with any other limits; all bars are of 4/4."""
    return frames.steps_per_bar // 2


@dataclass
class FramesDensity(ConstraintState):
    tokenizer: Frames
    limits: Limits
    bar: int = 0  # of the last note that began
    begun: int = 0  # notes that began in it

    name, rank = "density", 40

    def advance(self, grammar: FramesGrammarState) -> None:  # type: ignore[override]
        if grammar.last_notes:
            bar = grammar.place[0]
            self.begun, self.bar = self._begun_in(bar) + 1, bar

    def _begun_in(self, bar: int) -> int:
        return self.begun if bar == self.bar else 0

    def banned(self, grammar: FramesGrammarState, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:  # type: ignore[override]
        tokenizer, limits = self.tokenizer, self.limits
        bar, position = grammar.place
        missing = limits.fewest - self._begun_in(bar)
        after = tokenizer.steps_per_bar - 1 - position  # frames of the bar after this one
        barred = np.zeros(tokenizer.vocabulary_size, dtype=bool)
        notes, held = barred[tokenizer.first_note :], grammar.held
        if missing <= limits.fewest - limits.most:
            notes[:] = True
            notes[held] = False
        if missing > after // 2:
            notes[held] = True  # a note that begins is needed instead
        if len(grammar.present) >= limits.polyphony:
            notes[:] = True
        barred[tokenizer.frame_end_id] = missing > (after if grammar.present else after + 1) // 2
        barred[tokenizer.end_id] = missing > 0 and position > 0
        return np.flatnonzero(barred)
