"""Repeats in any key: where the last ids have no earlier occurrence, what followed the same intervals.

Music comes back in other keys. So besides the ids their *moves* are searched: of a note its interval from the note
before it, of anything else the id itself. Where the ids have no repeat of an order, that of their moves stands in,
moved to where the music is now. It is left out above or below all notes so far: then repeats can be moved as far as
the piece.

Notes are the last 128 ids of a vocabulary, `first_note` and above.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Ints
from ritornello.representations.columns.repeats import Repeats
from ritornello.representations.tokenizer import latest

PITCHES = 128


class TransposedRepeats:
    """Columns: 1 + the repeat of each order after the last id, of the ids or else of their moves, or 0 for none."""

    def __init__(self, orders: tuple[int, ...], first_note: int) -> None:
        self._first_note, self._last = first_note, 0  # the last note, or 0
        self._same_place = (
            first_note + PITCHES
        )  # the move to a note that repeats the one before it, or is the first
        self._lowest, self._highest = first_note + PITCHES, 0  # of the notes so far
        self._ids, self._moves = Repeats(orders), Repeats(orders)

    def at_once(self, ids: NDArray[np.signedinteger[Any]]) -> Ints:
        ids = ids.astype(np.int64)
        is_note = ids >= self._first_note
        last = latest(is_note, ids, 0)
        before = np.concatenate([[0], last])[: len(ids)]
        moves = np.where(is_note, ids - np.where(before > 0, before, ids) + self._same_place, ids)
        found = self._moves.at_once(moves) - 1
        moved = np.where(found >= self._first_note, found - self._same_place + last, found)
        lowest = np.minimum.accumulate(np.where(is_note, ids, self._first_note + PITCHES))
        highest = np.maximum.accumulate(np.where(is_note, ids, 0))
        in_range = (found < self._first_note) | ((moved >= lowest) & (moved <= highest))
        exact = self._ids.at_once(ids)
        return np.where(exact > 0, exact, np.where(in_range, moved + 1, 0))

    def advance(self, token: int) -> None:
        self._ids.advance(token)
        if token < self._first_note:
            self._moves.advance(token)
            return
        self._moves.advance(token - (self._last or token) + self._same_place)
        self._last, self._lowest, self._highest = token, min(self._lowest, token), max(self._highest, token)

    @property
    def values(self) -> tuple[int, ...]:
        pairs = zip(self._ids.values, self._moves.values, strict=True)
        return tuple(exact or self._moved(move) for exact, move in pairs)

    def _moved(self, found: int) -> int:
        """Return 1 + the id that a move, 1 + its number, leads to, or 0."""
        if found <= self._first_note:
            return found
        token = found - 1 - self._same_place + self._last
        return token + 1 if self._lowest <= token <= self._highest else 0

    def fork(self) -> TransposedRepeats:
        other = copy(self)
        other._ids, other._moves = self._ids.fork(), self._moves.fork()
        return other
