"""Clefs: for each bar of a staff the clef that an instrument's player expects and that needs few ledger lines.

Clefs are names: "treble", "bass", "alto", "tenor", "treble8vb" (guitar, tenor voice), "bass8vb" (double bass, bass
guitar), "treble8va", "percussion". Staves are at sounding pitch, so the octave is in the clef.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ritornello.theory import DRUMS

BOTTOM_LINES = {
    "treble": 30, "bass": 18, "alto": 24, "tenor": 22, "treble8vb": 23, "bass8vb": 11, "treble8va": 37,
}  # fmt: skip
"""The lowest line of each clef as a diatonic step: C0 is 0, middle C is 28, E4 is 30."""

_ANY = ("treble", "bass")
_VOICES = (52, 53, 54)
# The clefs of each instrument: the first is the usual one, the others are used where the music stays there.
_CONVENTIONS: dict[int, tuple[str, ...]] = {
    8: ("treble", "treble8va"), 9: ("treble8va", "treble"), 10: ("treble", "treble8va"), 13: ("treble", "treble8va"),
    22: ("treble",), 40: ("treble",), 41: ("alto", "treble"), 42: ("bass", "tenor", "treble"), 43: ("bass8vb",),
    47: ("bass",), 56: ("treble",), 57: ("bass", "tenor"), 58: ("bass",), 59: ("treble",),
    60: ("treble", "bass"), 67: ("bass", "treble"), 70: ("bass", "tenor"), 72: ("treble8va", "treble"),
    78: ("treble8va", "treble"), 105: ("treble8vb", "treble"), 104: ("treble8vb", "treble"),
    **dict.fromkeys(range(24, 32), ("treble8vb", "treble")),
    **dict.fromkeys(range(32, 40), ("bass8vb",)),
    **dict.fromkeys((11, 64, 65, 66, 68, 69, 71, 73, 74, 75, 77, 79, 106, 108, 109, 110, 111), ("treble",)),
}  # fmt: skip

_SINGERS = (
    (
        "treble",
        r"sopran|alto\b|altus|\balt\b|mezzo|contralto|descant|treble|cantus|discant|child|women|^[sa] ?\d?$",
    ),
    ("treble8vb", r"tenor|^t ?\d?$"),
    ("bass", r"bass\b|basso|bassus|bariton|\bmen\b|^b ?\d?$"),
)
_LOWEST_ALTO, _LOWEST_TENOR = 61, 54  # the median pitch of a singer without such a name

# A bar in a clef that is not the first one costs: the second, the third, a foreign one, and one with an octave.
_SECOND, _THIRD, _FOREIGN, _OCTAVE = 0.75, 1.5, 25.0, 5.0
_HIGH_OR_LOW = 10.0  # a bar in a clef with an octave, for instruments of any register
_CHANGE = 6.0
_MOST = 100.0  # the highest cost of a bar
_FEW = 3  # notes; a bar of fewer weighs less


def choose_clefs(
    pitches_by_bar: Sequence[Sequence[int]],
    program: int,
    is_drum: bool = False,
    name: str = "",
    is_lower: bool = False,
) -> list[str]:
    """Return a clef for each bar: the same as in the bar before, unless the music moves and stays there.

    pitches_by_bar: the MIDI pitches of each bar, perhaps none. program: a General MIDI program, or `DRUMS`. name: of
    the part; "Tenor" and "Bass" determine the clef of a singer, who keeps one clef. is_lower: for the lower of two
    staves with a brace, where the bass clef is the usual one.

    A bar costs the mean square of its ledger lines, a clef that is not the usual one a little more, a change of clef as
    much as a bar of notes with two to three ledger lines. The sum is the least possible (dynamic programming). A change
    is as late as possible: at the bar whose notes need it.
    """
    if is_drum or program == DRUMS:
        return ["percussion"] * len(pitches_by_bar)
    if program in _VOICES and not is_lower:
        return [_singers_clef(pitches_by_bar, name)] * len(pitches_by_bar)
    usual = _CONVENTIONS.get(program, _ANY)
    if is_lower:
        usual = ("bass", "treble")
    clefs = [*usual, *(clef for clef in (*_ANY, "treble8va", "bass8vb") if clef not in usual)]
    extra = [0.0, _SECOND, _THIRD][: len(usual)]
    extra += [_FOREIGN + _OCTAVE * ("8v" in clef) for clef in clefs[len(usual) :]]
    if usual is _ANY:
        extra = [0.0, 0.0, _HIGH_OR_LOW, _HIGH_OR_LOW]  # no clef is more usual
    if not pitches_by_bar:
        return []
    costs = np.array([[_cost(bar, clef) for clef in clefs] for bar in pitches_by_bar]) + np.array(extra)
    costs[[not len(bar) for bar in pitches_by_bar]] = 0.0
    return [clefs[place] for place in _cheapest(costs)]


def _singers_clef(pitches_by_bar: Sequence[Sequence[int]], name: str) -> str:
    for clef, words in _SINGERS:
        if re.search(words, name.strip(), re.IGNORECASE):
            return clef
    pitches = [pitch for bar in pitches_by_bar for pitch in bar]
    middle = float(np.median(pitches)) if pitches else 127.0
    return "treble" if middle >= _LOWEST_ALTO else "treble8vb" if middle >= _LOWEST_TENOR else "bass"


def _cost(pitches: Sequence[int], clef: str) -> float:
    """Return the mean square of the ledger lines of the notes of a bar; less for a bar of few notes."""
    if not len(pitches):
        return 0.0
    lines = ledger_lines(np.asarray(pitches), clef).astype(np.float64)
    return min(_MOST, float(np.mean(lines**2))) * min(1.0, len(pitches) / _FEW)


def ledger_lines(pitches: NDArray[np.int64], clef: str) -> NDArray[np.int64]:
    """Return the number of ledger lines that each MIDI pitch needs in a clef, with C and F sharp, E, A and B flat."""
    steps = 7 * (pitches // 12 - 1) + np.array([0, 0, 1, 2, 2, 3, 3, 4, 5, 5, 6, 6])[pitches % 12]
    bottom = BOTTOM_LINES[clef]
    return np.asarray(np.maximum(np.maximum((bottom - steps) // 2, (steps - bottom - 8) // 2), 0))


def _cheapest(costs: NDArray[np.float64]) -> list[int]:
    """Return the column of each row of least total cost, with changes, each `_CHANGE`, as late as possible."""
    rest = costs.copy()  # the cost of this row and all after it
    for row in range(len(costs) - 2, -1, -1):
        rest[row] += np.minimum(rest[row + 1], rest[row + 1].min() + _CHANGE)
    path = [int(np.argmin(rest[0]))]
    for row in rest[1:]:
        best = int(np.argmin(row))
        path.append(best if row[best] + _CHANGE < row[path[-1]] - 1e-9 else path[-1])
    return path
