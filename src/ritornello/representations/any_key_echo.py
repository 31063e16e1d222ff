"""Echoes in any key: where the last ids were not heard before, what followed the same intervals.

Music comes back in other keys. So besides the ids their *moves* are searched: of a note its interval from the note
before it, of anything else the id itself. Where the ids have no echo of an order, that of their moves stands in, moved
to where the music is now. It is left out above or below all notes so far: then echoes can be moved as far as the piece.

Notes are the last 128 ids of a vocabulary, `first_note` and above.

`any_key_echoes` does it for a whole piece at once; an `AnyKeyEcho` one id at a time, with the same result.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Ints, Mask
from ritornello.representations.echo import Echo, echoes
from ritornello.representations.tokenizer import latest

PITCHES = 128


def any_key_echoes(ids: NDArray[np.signedinteger[Any]], orders: tuple[int, ...], first_note: int) -> Ints:
    """Return 1 + the echo of each order after each id, or 0, (order, time)."""
    ids = ids.astype(np.int64)
    is_note = ids >= first_note
    last = latest(is_note, ids, 0)  # the note at each id, or before it; 0 if there is none
    found = echoes(_moves(ids, is_note, last, first_note + PITCHES), orders) - 1
    moved = np.where(found >= first_note, found - first_note - PITCHES + last, found)
    lowest = np.minimum.accumulate(np.where(is_note, ids, first_note + PITCHES))
    highest = np.maximum.accumulate(np.where(is_note, ids, 0))
    in_range = (found < first_note) | ((moved >= lowest) & (moved <= highest))
    exact = echoes(ids, orders)
    return np.where(exact > 0, exact, np.where(in_range, moved + 1, 0))


def _moves(ids: Ints, is_note: Mask, last: Ints, same_place: int) -> Ints:
    """Return the move to each id, where a note that repeats the one before it, or is the first, is `same_place`."""
    before = np.concatenate([[0], last])[: len(ids)]
    return np.where(is_note, ids - np.where(before > 0, before, ids) + same_place, ids)


class AnyKeyEcho:
    """The ids of a piece so far; `values` are 1 + the echo of each order after the last of them, or 0."""

    def __init__(self, orders: tuple[int, ...], first_note: int) -> None:
        self._first_note, self._last = first_note, 0  # the last note, or 0
        self._lowest, self._highest = first_note + PITCHES, 0  # of the notes so far
        self._ids, self._moves = Echo(orders), Echo(orders)

    def advance(self, token: int) -> None:
        """Take the next id."""
        self._ids.advance(token)
        if token < self._first_note:
            self._moves.advance(token)
            return
        self._moves.advance(token - (self._last or token) + self._first_note + PITCHES)
        self._last, self._lowest, self._highest = token, min(self._lowest, token), max(self._highest, token)

    @property
    def values(self) -> tuple[int, ...]:
        pairs = zip(self._ids.values, self._moves.values, strict=True)
        return tuple(exact or self._moved(move) for exact, move in pairs)

    def _moved(self, found: int) -> int:
        """Return 1 + the id that a move, 1 + its number, leads to, or 0."""
        if found <= self._first_note:
            return found
        token = found - 1 - self._first_note - PITCHES + self._last
        return token + 1 if self._lowest <= token <= self._highest else 0

    def copy(self) -> AnyKeyEcho:
        """Return an independent copy."""
        other = copy(self)
        other._ids, other._moves = self._ids.copy(), self._moves.copy()
        return other
