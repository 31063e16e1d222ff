"""Echoes in any key: where the last ids were not heard before, what followed the same intervals.

Music comes back in other keys. So besides the ids their *moves* are searched: of a note its interval from the note
before it, of anything else the id itself. Where the ids have no echo of an order, that of their moves stands in, moved
to where the music is now.

Notes are the last 128 ids of a vocabulary, `first_note` and above.

`any_key_echoes` does it for a whole piece at once; an `AnyKeyEcho` one id at a time, with the same result.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.representations.echo import Echo, Ints, echoes
from ritornello.representations.scheme import latest

PITCHES = 128


def any_key_echoes(ids: NDArray[np.signedinteger[Any]], orders: tuple[int, ...], first_note: int) -> Ints:
    """Return 1 + the echo of each order after each id, or 0, (order, time)."""
    ids, same_place = (
        ids.astype(np.int64),
        first_note + PITCHES,
    )  # the move of a note that repeats the one before
    is_note = ids >= first_note
    last = latest(is_note, ids, first_note)  # the note at each id, or before it
    before = np.concatenate([[first_note], last])[: len(ids)]
    found = echoes(np.where(is_note, ids - before + same_place, ids), orders) - 1
    moved = np.where(found >= first_note, found - same_place + last, found)
    in_range = (found < first_note) | ((moved >= first_note) & (moved < first_note + PITCHES))
    exact = echoes(ids, orders)
    return np.where(exact > 0, exact, np.where(in_range, moved + 1, 0))


class AnyKeyEcho:
    """The ids of a piece so far; `values` are 1 + the echo of each order after the last of them, or 0."""

    def __init__(self, orders: tuple[int, ...], first_note: int) -> None:
        self._first_note = self._last = first_note
        self._ids, self._moves = Echo(orders), Echo(orders)

    def push(self, token: int) -> None:
        """Take the next id."""
        is_note = token >= self._first_note
        self._ids.push(token)
        self._moves.push(token - self._last + self._first_note + PITCHES if is_note else token)
        self._last = token if is_note else self._last

    @property
    def values(self) -> tuple[int, ...]:
        pairs = zip(self._ids.values, self._moves.values, strict=True)
        return tuple(exact or self._moved(move) for exact, move in pairs)

    def _moved(self, found: int) -> int:
        """Return 1 + the id that a move, 1 + its number, leads to, or 0."""
        if found <= self._first_note:
            return found
        token = found - 1 - self._first_note - PITCHES + self._last
        return token + 1 if 0 <= token - self._first_note < PITCHES else 0

    def copy(self) -> AnyKeyEcho:
        """Return an independent copy."""
        other = copy(self)
        other._ids, other._moves = self._ids.copy(), self._moves.copy()
        return other
