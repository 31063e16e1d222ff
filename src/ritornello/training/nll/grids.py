"""The chorales of Bach in sixteenths, four voices apart, read from `Jsb16thSeparated.json`.

The file comes with github.com/czhuang/JSB-Chorales-dataset; the splits are those of the piano rolls. It has the lists
"train", "valid" and "test"; a piece is a list of steps, a step the MIDI pitches of soprano, alto, tenor and bass, -1
for a rest. It does not tell whether a note goes on or is struck again.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ritornello.arrays import Ints
from ritornello.errors import FormatError
from ritornello.paths import read_bytes
from ritornello.training.nll.matrices import KEYS, LOWEST_PITCH
from ritornello.training.nll.splits import Splits

VOICES = 4
REST = -1

_MOST_BYTES = 1 << 28


def read_grids(path: Path) -> Splits[Ints]:
    """Return the pieces, (step, voice), each a pitch of a piano or REST; FormatError if the file is another one."""
    try:
        lists = json.loads(read_bytes(path, limit=_MOST_BYTES))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not JSON ({error})") from error
    named = lists if isinstance(lists, dict) else {}
    missing = [name for name in Splits._fields if not isinstance(named.get(name), list) or not named[name]]
    if missing:
        raise FormatError(f'{path}: no list "{missing[0]}" of pieces')
    return Splits(*([_grid(path, piece) for piece in lists[name]] for name in Splits._fields))


def _grid(path: Path, piece: object) -> Ints:
    try:
        grid = np.array(piece)
    except ValueError:  # lists of different lengths
        grid = np.empty(0)
    if grid.ndim != 2 or grid.shape[1] != VOICES or grid.dtype.kind != "i":
        raise FormatError(f"{path}: a piece is not steps x {VOICES} whole numbers")
    high = LOWEST_PITCH + KEYS - 1
    wrong = grid[(grid != REST) & ((grid < LOWEST_PITCH) | (grid > high))]
    if len(wrong):
        raise FormatError(
            f"{path}: pitch {wrong[0]}; pitches are {LOWEST_PITCH} to {high}, or {REST} for a rest"
        )
    return grid.astype(np.int64)
