"""Repeats in any key: what followed the same intervals, where the last ids have no earlier occurrence.

Sections return in other keys. So besides the ids their *moves* are searched: of a note its interval from the note
before it, of any other id the id itself. Where the ids have no repeat of an order, that of their moves is used,
transposed to the present note, unless it is above or below all notes so far: then repeats can be transposed as far as
the piece.

Notes are the last 128 ids of a vocabulary, from `first_note` on.
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
        self._same_place = first_note + PITCHES  # the move to the first note, or to one that repeats the last
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
        result = []
        for exact, move in zip(self._ids.values, self._moves.values, strict=True):
            token = move - 1
            if token >= self._first_note:
                moved = token - self._same_place + self._last
                token = moved if self._lowest <= moved <= self._highest else -1
            result.append(exact or token + 1)
        return tuple(result)

    def fork(self) -> TransposedRepeats:
        other = copy(self)
        other._ids, other._moves = self._ids.fork(), self._moves.fork()
        return other
