"""Repeats in any key: what followed the same intervals, where the last ids have no earlier occurrence.

Sections return in other keys. So besides the ids their *moves* are searched: of a note its interval from the note
before it in its voice, of a chord its quality, of any other id the id itself. Where the ids have no repeat of an order,
that of their moves is used, transposed to the last note of the voice, unless it is above or below all notes so far of
that voice: then repeats can be transposed as far as the piece. A chord that followed is no repeat of moves.
"""

from __future__ import annotations

from copy import copy
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Ints, stable_order
from ritornello.representations.columns.repeats import Repeats
from ritornello.representations.tokens import Tokens

_SERIES = 256
"""Numbers of moves of a series of notes: more than twice its steps."""


class _Line(NamedTuple):
    """The last step of a series, and the lowest and highest so far."""

    last: int
    lowest: int
    highest: int


class TransposedRepeats:
    """Columns: 1 + the repeat of each order after the last id, of the ids or else of their moves, or 0 for none.

    Notes are the ids of a series without a period (see `Tokens`). A move of a note is a number from the size of the
    vocabulary up: _SERIES * its series + _SERIES / 2 + the steps from the note before in its series, 0 for the first.
    """

    def __init__(self, orders: tuple[int, ...], tokens: Tokens) -> None:
        self._tokens = tokens
        self._ids, self._moves = Repeats(orders), Repeats(orders)
        self._lines: dict[int, _Line] = {}

    def at_once(self, ids: NDArray[np.signedinteger[Any]]) -> Ints:
        moves, count = self._tokens.at_any_key[ids].astype(np.int64), len(ids)
        series = self._tokens.line[ids]
        notes = np.flatnonzero(series >= 0)
        notes = notes[stable_order(series[notes])]
        series, step = series[notes], self._tokens.step[ids[notes]]
        begins = np.flatnonzero(np.diff(series, prepend=-1))
        interval = np.diff(step, prepend=0)
        interval[begins] = 0
        moves[notes] = self._tokens.size + _SERIES * series + _SERIES // 2 + interval
        result, found = self._ids.at_once(ids), self._moves.at_once(moves) - 1
        row, at = np.nonzero((result == 0) & (found >= 0))
        value = found[row, at]
        turns = value < self._tokens.size
        turns[turns] = self._tokens.period[value[turns]] > 0
        value[turns] = -1
        is_note = np.flatnonzero(value >= self._tokens.size)
        of, interval = np.divmod(value[is_note] - self._tokens.size, _SERIES)
        latest = np.searchsorted(series * count + notes, of * count + at[is_note], side="right") - 1
        lowest, highest = _extremes(step, begins)
        wanted = step[latest] + interval - _SERIES // 2
        fits = (wanted >= lowest[latest]) & (wanted <= highest[latest])
        value[is_note] = np.where(fits, self._tokens.id_of[of, np.where(fits, wanted, 0)], -1)
        result[row, at] = value + 1
        return result

    def advance(self, token: int) -> None:
        self._ids.advance(token)
        tokens = self._tokens
        series, step = tokens.lines[token]
        if series < 0:
            self._moves.advance(int(tokens.at_any_key[token]))
            return
        last, lowest, highest = self._lines.get(series) or (step, step, step)
        self._moves.advance(tokens.size + _SERIES * series + _SERIES // 2 + step - last)
        self._lines[series] = _Line(step, min(step, lowest), max(step, highest))

    @property
    def values(self) -> tuple[int, ...]:
        pairs = zip(self._ids.values, self._moves.values, strict=True)
        return tuple(exact or (self._moved(move - 1) + 1 if move else 0) for exact, move in pairs)

    def _moved(self, move: int) -> int:
        """Return the id of a move at the present time, or -1."""
        tokens = self._tokens
        if move < tokens.size:
            return -1 if tokens.period[move] else move
        series, interval = divmod(move - tokens.size, _SERIES)
        line = self._lines[series]  # the move has been read, so the series has notes
        step = line.last + interval - _SERIES // 2
        return int(tokens.id_of[series, step]) if line.lowest <= step <= line.highest else -1

    def fork(self) -> TransposedRepeats:
        other = copy(self)
        other._ids, other._moves, other._lines = self._ids.fork(), self._moves.fork(), dict(self._lines)
        return other


def _extremes(step: Ints, begins: Ints) -> tuple[Ints, Ints]:
    """Return the lowest and the highest step up to each, in the part that begins at one of `begins`."""
    lowest, highest = step.copy(), step.copy()
    for first, stop in pairwise([*begins, len(step)]):
        np.minimum.accumulate(step[first:stop], out=lowest[first:stop])
        np.maximum.accumulate(step[first:stop], out=highest[first:stop])
    return lowest, highest
