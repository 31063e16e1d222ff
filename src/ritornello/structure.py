"""The structure of the music that a model learned from: its forms, and figures by which a piece is like it.

Both are those of lines (`originality.Line`), which the index in a bundle holds, so that they are known of every model
that has one. A whole piece has a form of that music, if it has forms, and the candidates for it are ranked by `Worth`.
A piece that loops has bars too like those before them; one that wanders has too many pitch classes and nothing that
returns. Both lie far from real pieces, on opposite sides, so neither the most probable nor the boldest candidate wins.
No figure tells which notes a piece has in common with another, so a copy gains nothing.

Real pieces are taken as normally distributed: worth is the squared distance from their mean in their own spread
(Mahalanobis 1936), which but for a constant is the logarithm of their density.

Read in order: `Structure`, `form_of`, `figures`.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Floats, Ints, Mask
from ritornello.originality import LONGEST_WAIT, Index, Line, lines_of
from ritornello.score import Score
from ritornello.theory import SCALES

MOST_PIECES = 160
"""Pieces of an index that are looked at: they tell mean and spread, and take 40 ms."""

FEWEST_PIECES = 24
"""With fewer pieces, neither their forms nor their spread are known."""

SHORTEST_FORM = 16
"""Bars of the shortest piece that has a form."""

RETURNS = 0.5
"""The least share of the notes of a section that are those of another, if it is the same again."""

USUAL = 0.4
"""If at least this share of the music has a form, every piece has one; else as many as in the music."""

LAGS = (1, 2, 4, 8)
"""Distances in bars at which bars are compared."""

SHRINKAGE = 0.2
"""The share of each covariance that is left out, since so many are estimated from few pieces."""

LEAST_SPREAD = 0.01
"""Of a figure that is nearly the same in all real pieces."""

SCALE_CLASSES = np.array(
    [
        np.isin(np.arange(12), [(tonic + step) % 12 for step in SCALES[name]])
        for name in ("major", "minor")
        for tonic in range(12)
    ]
)
"""The pitch classes of each major and natural minor scale, (scale, class)."""


_LOOKING = Lock()
"""For what is known of the length looked at last: pieces may be composed in several threads."""


class Structure:
    """What is known of the music of an index, by the length of the pieces asked for; that asked for last is kept."""

    def __init__(self, index: Index) -> None:
        self._index, self._bars = index, 0

    def _look_at(self, bars: int) -> None:
        if bars == self._bars:
            return
        every = max(1, len(self._index.names) // MOST_PIECES)
        numbers = range(0, len(self._index.names), every)
        pieces = [lines for number in numbers if (lines := self._index.lines(number, bars))]
        self._bars, self._pieces = bars, pieces
        self._forms: list[str] | None = None
        self._worth: Worth | None = None

    def draw_form(self, bars: int, random: np.random.Generator) -> str:
        """Return a form for a piece of so many bars, that of one of the pieces at random; "" for none. A form has at
        least two letters, one of which returns. Where forms are USUAL, pieces without one are passed over."""
        size = section_bars(bars)
        if size is None:
            return ""
        with _LOOKING:
            self._look_at(bars)
            if self._forms is None:
                lasting = [lines for lines in self._pieces if _bars_of(lines) == bars]
                known = [form_of(lines, size, bars // size) for lines in lasting]
                forms = [form if 1 < len(set(form)) < len(form) else "" for form in known]
                usual = [form for form in forms if form]
                forms = usual if len(usual) >= USUAL * len(known) else forms
                self._forms = forms if len(known) >= FEWEST_PIECES else []
            return self._forms[int(random.integers(len(self._forms)))] if self._forms else ""

    def worth(self, bars: int) -> Worth | None:
        """Return the worth of pieces of so many bars; None if too few pieces are known."""
        with _LOOKING:
            self._look_at(bars)
            if self._worth is None:
                table = np.array(
                    [figures(lines) for lines in self._pieces if _bars_of(lines) >= min(bars, LAGS[-1])]
                )
                if len(table) >= FEWEST_PIECES:
                    self._worth = Worth(table, bars)
            return self._worth


class Worth:
    """How much a piece of so many bars is like real ones: at most 0, which is that of a mean piece."""

    def __init__(self, table: Floats, bars: int) -> None:
        """`table`: the figures of real pieces, (piece, figure)."""
        self.bars = bars
        self._mean, self._spread = table.mean(axis=0), table.std(axis=0)
        scaled = self._scaled(table)
        covariance = (1 - SHRINKAGE) * scaled.T @ scaled / len(scaled)
        self._precision = np.linalg.inv(covariance + SHRINKAGE * np.eye(table.shape[1]))

    def _scaled(self, rows: Floats) -> Floats:
        return np.asarray((rows - self._mean) / np.maximum(self._spread, LEAST_SPREAD))

    def __call__(self, score: Score) -> float:
        cut = [Line(*(each[line.bars < self.bars] for each in line)) for line in lines_of(score)]
        lines = [line for line in cut if len(line.bars)]
        if not lines:
            return -np.inf
        row = self._scaled(figures(lines))
        return float(-row @ self._precision @ row / 2)


# --- forms ------------------------------------------------------------------------------------------------------


def section_bars(bars: int) -> int | None:
    """Return the bars of a section in a piece of so many: 8, or 4 in short pieces; None if it has no equal ones."""
    if bars < SHORTEST_FORM or bars % 4:
        return None
    return 8 if bars % 8 == 0 and bars >= 3 * 8 else 4


def form_of(lines: Sequence[Line], size: int, count: int) -> str:
    """Return the form of the first `count` sections of `size` bars: a letter each, the same for one that returns.

    A section is the same as another if RETURNS of its notes, by pitch and place in their bar, are that one's too, and
    the other way round.
    """
    numbers, onsets, pitches, bars = _joined(lines)
    notes = ((numbers * size + bars % size << 24) + _within_bars(numbers, onsets, bars) << 7) + pitches
    _, number = np.unique(notes, return_inverse=True)
    has = np.zeros((int(number.max()) + 1, count))
    inside = bars < size * count
    has[number[inside], bars[inside] // size] = 1
    shared = has.T @ has
    least = RETURNS * np.maximum(shared.diagonal()[:, None], shared.diagonal())
    form = ""
    for section in range(count):
        same = [
            form[other] for other in range(section) if shared[section, other] >= least[section, other] > 0
        ]
        form += same[0] if same else chr(ord("A") + len(set(form)))
    return form


# --- figures ----------------------------------------------------------------------------------------------------


def figures(lines: Sequence[Line]) -> Floats:
    """Return the figures of a piece with at least one note: the entropies, in bits, of its pitch classes, pitches and
    waits; the share of its notes in the scale that fits best; the shares of its melodic steps that repeat a pitch, are
    seconds, and are wider than a fifth, and of its notes that begin with another; its notes a bar, as a logarithm; the
    share of the bars that a line plays; the shares of its notes that were there LAGS bars before, or at any of these,
    and of those whose rhythm was there a bar before.
    """
    numbers, onsets, pitches, bars = _joined(lines)
    played, within = int(bars.max()) + 1, _within_bars(numbers, onsets, bars)
    follows = np.diff(numbers) == 0
    waits, steps = np.minimum(np.diff(onsets), LONGEST_WAIT)[follows], np.abs(np.diff(pitches))[follows]
    melodic = steps[waits > 0]
    classes = np.bincount(pitches % 12, minlength=12)
    bar = bars + (played + LAGS[-1]) * numbers  # lines are so far apart that none is heard in another
    notes = (bar << 31) + (within << 7) + pitches
    rhythm = (bar << 24) + within
    known = np.unique(notes)
    found = [_among(known, notes - (lag << 31)) for lag in LAGS]
    return np.array(
        [
            _entropy(classes),
            _entropy(np.bincount(pitches)),
            _entropy(np.bincount(waits[waits > 0])),
            (SCALE_CLASSES @ classes).max() / len(pitches),
            _mean(melodic == 0),
            _mean((melodic > 0) & (melodic < 3)),
            _mean(melodic > 7),
            _mean(waits == 0),
            np.log(len(pitches) / played),
            len(np.unique(bar)) / (played * len(lines)),
            *(_mean(each[bars >= lag]) for lag, each in zip(LAGS, found, strict=True)),
            _mean(np.any(found, axis=0)),
            _mean(_among(np.unique(rhythm), rhythm - (1 << 24))[bars >= 1]),
        ]
    )


def _joined(lines: Sequence[Line]) -> tuple[Ints, Ints, Ints, Ints]:
    """Return the number of the line, the onset, the pitch and the bar of each note of all lines."""
    numbers = np.repeat(np.arange(len(lines)), [len(line.bars) for line in lines])
    onsets, pitches, bars = (np.concatenate(each) for each in zip(*lines, strict=True))
    return numbers, onsets, pitches, bars


def _within_bars(numbers: Ints, onsets: Ints, bars: Ints) -> Ints:
    """Return for each note its distance from the first one of its line in its bar, below 2 ** 24."""
    is_first = (np.diff(numbers, prepend=-1) != 0) | (np.diff(bars, prepend=-1) != 0)
    within = onsets - onsets[is_first][np.cumsum(is_first) - 1]
    return np.asarray(np.minimum(within, (1 << 24) - 1))


def _bars_of(lines: Sequence[Line]) -> int:
    return 1 + max(int(line.bars[-1]) for line in lines)


def _among(known: Ints, values: Ints) -> Mask:
    """Return which of `values` are among those `known`, which are sorted."""
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.asarray(known[at] == values)


def _entropy(counts: NDArray[Any]) -> float:
    shares = counts[counts > 0] / max(1, counts.sum())
    return float(-(shares * np.log2(shares)).sum())


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else 0.0
