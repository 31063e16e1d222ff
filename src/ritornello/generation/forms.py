"""The forms of the music that a model learned from, such as AABB, and one of them for a piece.

A section is 8 bars, or 4 in short pieces. It returns if at least RETURNS of its notes, by pitch and place in the bar,
are those of an earlier section, and of that section's those of this one. The index of a bundle holds what that needs
(`originality.Line`), so pieces have the forms that are usual in the music learned from, and none where hardly any of
it has one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritornello.originality import Index, Line

RETURNS = 0.5
"""The least share of the notes of a section that are those of another, if it is the same again."""

USUAL = 0.1
"""Pieces have a form if at least this share of the music has one."""

FEWEST_PIECES = 24
"""With fewer pieces of the length, nothing is said of their forms."""

SHORTEST = 16
"""Bars of the shortest pieces that have a form."""


def section_bars(bars: int) -> int | None:
    """Return the bars of a section in a piece of so many; None if it cannot be made of equal ones."""
    if bars < SHORTEST or bars % 4:
        return None
    return 8 if bars % 8 == 0 and bars >= 3 * 8 else 4


def draw_form(index: Index, bars: int, random: np.random.Generator) -> str:
    """Return a form for a piece of so many bars, of one of the pieces of `index` that have one; "" if it should have
    none. A form has at least two letters, one of which returns."""
    size = section_bars(bars)
    if size is None:
        return ""
    known = [form_of(lines, size, bars // size) for lines in index.beginnings(bars) if _lasts(lines, bars)]
    forms = [form for form in known if 1 < len(set(form)) < len(form)]
    if len(known) < FEWEST_PIECES or len(forms) < USUAL * len(known):
        return ""
    return forms[int(random.integers(len(forms)))]


def form_of(lines: Sequence[Line], size: int, count: int) -> str:
    """Return the form of the first `count` sections of `size` bars: a letter each, the same for one that returns."""
    sections: list[np.ndarray] = []
    number = np.repeat(np.arange(len(lines)), [len(line.bars) for line in lines])
    onsets, pitches, bars = (np.concatenate(each) for each in zip(*lines, strict=True))
    is_first = np.diff(bars, prepend=-1) != 0
    is_first |= np.diff(number, prepend=-1) != 0
    within = onsets - onsets[is_first][np.cumsum(is_first) - 1]
    notes = ((number * size + bars % size << 24) + np.minimum(within, (1 << 24) - 1) << 7) + pitches
    form = ""
    for section in range(count):
        own = notes[bars // size == section]
        same = [letter for letter, other in zip(form, sections, strict=True) if _is_same(own, other)]
        form += same[0] if same else chr(ord("A") + len(set(form)))
        sections.append(own)
    return form


def _is_same(own: np.ndarray, other: np.ndarray) -> bool:
    if not len(own) or not len(other):
        return False
    return min(np.isin(own, other).mean(), np.isin(other, own).mean()) >= RETURNS


def _lasts(lines: Sequence[Line], bars: int) -> bool:
    return max((int(line.bars[-1]) for line in lines), default=0) == bars - 1
