"""`Notes`: the ids of a representation that bring a pitched note, as constraints need them.

Drums are no pitched notes, so constraints made with this table do not apply to them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Mask
from ritornello.representations.base import GrammarState, Representation
from ritornello.representations.tokens import Tokens

Pitches = NDArray[np.bool_]
"""A set of pitches: shape (128,)."""


def within(lowest: int = 0, highest: int = 127) -> Pitches:
    """Return the pitches from `lowest` to `highest`."""
    pitch = np.arange(128)
    return np.asarray((pitch >= lowest) & (pitch <= highest))


def of_classes(classes: Iterable[int]) -> Pitches:
    """Return the pitches of some pitch classes, 0-11."""
    return np.isin(np.arange(128) % 12, list(classes))


class Notes:
    """The ids that bring a pitched note: `ids`, and of each the `voices` and the `pitches` as they sound.

    is_complete: whether they are all ids that bring any but drums, and there are some.
    """

    def __init__(self, representation: Representation) -> None:
        tokens = representation.tokens
        self.ids, self.size = np.flatnonzero(tokens.is_pitched), tokens.size
        self.drum_voices = tokens.drum_voices
        self.voices, self.pitches = tokens.voice[self.ids], tokens.pitch[self.ids]
        unknown = (tokens.notes > 0) & ~tokens.is_pitched & ~(tokens.is_drum & (tokens.pitch >= 0))
        self.is_complete = bool(len(self.ids)) and not unknown.any()

    def outside(self, pitches: Pitches) -> NDArray[np.int64]:
        """Return the ids of the notes that are none of `pitches`."""
        return np.asarray(self.ids[~pitches[self.pitches]])

    def mask(self, ids: NDArray[np.int64]) -> Mask:
        """Return the mask of some ids, (vocabulary,)."""
        mask = np.zeros(self.size, dtype=bool)
        mask[ids] = True
        return mask


def note_ids_at(tokens: Tokens, grammar: GrammarState, voice: int, pitch: int) -> tuple[int, ...]:
    """Return all ids that bring a note if they come next: also those that bring an earlier one again."""
    recalled = (token for token in tokens.recalling if (voice, pitch) in grammar.notes_of(token))
    return (*tokens.note_ids(voice, pitch), *recalled)
