"""How much of a piece is copied: the longest run of notes that it shares with the music a model learned from.

Two runs are the same if their notes follow each other by the same intervals at the same distances in time: a copy in
another key, at another tempo or loudness is a copy. (An *exact* one is also at the same pitches.) A run lies within one
track; notes of a chord go from the lowest up. Drums do not count, nor how long notes are held.

An `Index` holds the tracks that were learned from: seven bytes a note, in a file one; at most MOST_NOTES
notes, beyond which it holds one piece of two, or of more, and says so. Searching takes hashes of all
runs of a length (`runs`) and halves the range of lengths: a run that is shared means that all shorter ones are.

Read in order: `Line`, `Index`, `build_index`, `copies`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Ints
from ritornello.errors import BundleError
from ritornello.runs import Hashes, hash_run, prefix_sums, run_hashes
from ritornello.score import Score

STEPS_PER_QUARTER = 48
"""Distances in time are rounded to this."""

MOST_NOTES = 2_000_000
LONGEST_WAIT = 16 * STEPS_PER_QUARTER
"""Longer distances are all the same."""

LONGEST_COPY = 512
"""Longer runs are not told apart."""
_PITCH = np.uint64(0xD6E8FEB86659FD93)
"""What the first pitch is multiplied with in the hash of an exact run: nothing that steps are multiplied with."""

_HIGH_BITS = np.uint64(48)
"""A hash shifted right by this leaves its first 16 bits."""

_NO_STEP = 0xFFFF_FFFF
"""Between two tracks: a step that no piece has."""


class Line(NamedTuple):
    """The notes of a track: onsets in steps of the grid, pitches and bars from 0, each (note,)."""

    onsets: Ints
    pitches: Ints
    bars: Ints


class Copy(NamedTuple):
    """A shared run: its notes, where it begins (piece and bar, from 1), and the bar of the piece searched, from 1."""

    notes: int
    piece: str
    bar: int
    own_bar: int

    def __str__(self) -> str:
        return f"{self.notes} notes of {self.piece}, bar {self.bar}"


class Copies(NamedTuple):
    """The longest run that a piece shares with the index in any key, and the longest at the same pitches."""

    moved: Copy | None
    exact: Copy | None
    is_whole: bool  # whether the index holds all that was learned from


def lines_of(score: Score, since: int = -1) -> list[Line]:
    """Return the lines of a score: its tracks with at least two notes after tick `since`, without the drums."""
    bars = score.bar_starts()
    found = []
    for track in score.tracks:
        notes = track.notes[track.notes["start"] > since]
        if len(notes) >= 2 and not track.is_drum:
            onsets = (2 * notes["start"] * STEPS_PER_QUARTER // score.ticks_per_quarter + 1) // 2
            at = np.searchsorted(bars, notes["start"], side="right") - 1
            found.append(Line(onsets, notes["pitch"].astype(np.int64), at))
    return found


def step_between(wait: Any, interval: Any) -> Any:
    """Return a number for what lies between a note and the next, or an array of them: the time and the interval."""
    return np.minimum(wait, LONGEST_WAIT) * 256 + interval + 128


@dataclass(frozen=True)
class Index:
    """The lines of the pieces learned from, one after another; each array (note,) but `first` and `piece`, (line,)."""

    pitches: NDArray[np.uint8]
    steps: NDArray[np.uint32]  # from each note to the next; _NO_STEP after the last of a line
    bars: NDArray[np.uint16]
    first: NDArray[np.int64]  # number of each line's first note
    piece: NDArray[np.int32]  # number of each line's piece
    names: tuple[str, ...]
    is_whole: bool = True

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def sums(self) -> Hashes:
        """The sums from which hashes are taken."""
        return prefix_sums(self.steps[:-1])

    def place(self, note: int) -> tuple[str, int]:
        """Return the piece of a note, and its bar, from 1."""
        line = int(np.searchsorted(self.first, note, side="right")) - 1
        return self.names[self.piece[line]], int(self.bars[note]) + 1

    def within_lines(self, steps: int) -> NDArray[np.bool_]:
        """Return which runs of so many steps lie within one line, by their first notes."""
        before = np.concatenate([[0], np.cumsum(self.steps == _NO_STEP)[:-1]])
        count = max(0, len(self.steps) - steps)
        return np.asarray(before[steps : steps + count] == before[:count])

    def pack(self) -> bytes:
        """Return the index as bytes that compress well; `unpack_index` reads them."""
        from safetensors.numpy import save

        about = json.dumps([list(self.names), self.is_whole]).encode()
        arrays = {
            "steps": self.steps,
            "bar_steps": np.diff(self.bars, prepend=np.uint16(0)),
            "first": self.first,
            "first_pitches": self.pitches[self.first],
            "piece": self.piece,
            "about": np.frombuffer(about, np.uint8),
        }
        return bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def unpack_index(data: bytes, where: str) -> Index:
    """Return the index from bytes; BundleError, which begins with `where`, if they are damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
        names, is_whole = json.loads(arrays["about"].tobytes())
        first, steps = arrays["first"].astype(np.int64), arrays["steps"].astype(np.uint32)
        index = Index(
            pitches=_pitches(steps, first, arrays["first_pitches"]),
            steps=steps,
            bars=np.cumsum(arrays["bar_steps"], dtype=np.uint16),
            first=first,
            piece=arrays["piece"].astype(np.int32),
            names=tuple(map(str, names)),
            is_whole=bool(is_whole),
        )
        _check_index(index)
    except (SafetensorError, KeyError, ValueError, TypeError, IndexError) as error:
        raise BundleError(f"{where}: the index of its music is damaged: {error}") from error
    return index


def _pitches(steps: NDArray[np.uint32], first: Ints, first_pitches: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the pitch of each note, from the intervals of its line."""
    intervals = (steps % 256).astype(np.int64) - 128
    risen = np.cumsum(intervals) - intervals
    offsets = first_pitches - risen[first]
    return np.asarray(risen + np.repeat(offsets, np.diff(first, append=len(steps))), dtype=np.uint8)


def _check_index(index: Index) -> None:
    notes, lines = len(index.pitches), len(index.first)
    same = len(index.steps) == len(index.bars) == notes and len(index.piece) == lines
    inside = not lines or (
        index.first[0] == 0
        and index.first.max() < notes
        and index.piece.min() >= 0
        and index.piece.max() < len(index.names)
    )
    if not same or not inside or (notes and not lines):
        raise ValueError("its parts do not fit each other")


def one_of(notes: int) -> int:
    """Return n: of pieces with so many notes together, one of n fits into an index."""
    return max(1, -(-notes // MOST_NOTES))


def build_index(pieces: Iterable[tuple[str, Score]], is_whole: bool = True) -> Index:
    """Return the index of named pieces; `is_whole`: whether they are all that was learned from."""
    lines: list[Line] = []
    numbers: list[int] = []
    names: list[str] = []
    for name, score in pieces:
        found = lines_of(score)
        lines += found
        numbers += [len(names)] * len(found)
        names.append(name)
    return _index_of(lines, numbers, tuple(names), is_whole)


def _index_of(lines: list[Line], numbers: list[int], names: tuple[str, ...], is_whole: bool = True) -> Index:
    """Return the index of lines, and of the number of the piece of each."""
    lengths = [len(line.onsets) for line in lines]
    steps = [np.append(step_between(np.diff(line.onsets), np.diff(line.pitches)), _NO_STEP) for line in lines]
    return Index(
        pitches=_joined([line.pitches for line in lines], np.uint8),
        steps=_joined(steps, np.uint32),
        bars=_joined([np.minimum(line.bars, 0xFFFF) for line in lines], np.uint16),
        first=np.cumsum([0, *lengths[:-1]]).astype(np.int64)[: len(lines)],
        piece=np.array(numbers, dtype=np.int32),
        names=names,
        is_whole=is_whole,
    )


def _joined(arrays: list[Any], kind: Any) -> Any:
    return np.concatenate([np.zeros(0, dtype=np.int64), *arrays]).astype(kind)


# --- searching ------------------------------------------------------------------------------------------------


def copies(index: Index, score: Score, since: int = -1) -> Copies:
    """Return the longest runs that `score` shares with the index, of notes that begin after tick `since`."""
    lines = lines_of(score, since)
    if not lines or not len(index.steps):
        return Copies(None, None, index.is_whole)
    searched = _index_of(lines, [0] * len(lines), ("",))
    moved = _longest(index, searched, LONGEST_COPY, exact=False)
    exact = _longest(index, searched, moved.notes, exact=True) if moved else None
    return Copies(moved, exact, index.is_whole)


def _longest(index: Index, searched: Index, most: int, exact: bool) -> Copy | None:
    """Return the longest run of at most so many notes that is in both, by halving the range of lengths."""
    low, high = 1, min(most, len(searched.steps))
    theirs, own = np.arange(len(index.steps)), -1
    while low < high:
        notes = (low + high + 1) // 2
        shared, at = _shared(index, searched, theirs, notes - 1, exact)
        if len(shared):
            low, theirs, own = notes, shared, at
        else:
            high = notes - 1
    return Copy(low, *index.place(int(theirs[0])), searched.place(own)[1]) if own >= 0 else None


def _shared(index: Index, searched: Index, theirs: Ints, steps: int, exact: bool) -> tuple[Ints, int]:
    """Return which of the notes `theirs` of the index begin a run of so many steps that `searched` has too, and the
    note where the first of them begins there, or -1."""
    own = _run_hashes(searched, steps, exact)
    order = np.flatnonzero(searched.within_lines(steps))
    order = order[np.argsort(own[order])]
    theirs = theirs[theirs < len(index.steps) - steps]
    if not len(order) or not len(theirs):
        return theirs[:0], -1
    keys, wanted = own[order], _run_hashes(index, steps, exact)[theirs]
    begins = np.zeros(
        1 << 16, dtype=bool
    )  # with which 16 bits a key begins: most of the index begins otherwise
    begins[keys >> _HIGH_BITS] = True
    likely = np.flatnonzero(begins[wanted >> _HIGH_BITS])
    theirs, wanted = theirs[likely], wanted[likely]
    at = np.minimum(np.searchsorted(keys, wanted), len(order) - 1)
    same = keys[at] == wanted
    return theirs[same], int(order[at[same.argmax()]]) if same.any() else -1


def _run_hashes(index: Index, steps: int, exact: bool) -> Hashes:
    """Return a hash of each run of so many steps, also of those that cross lines, which no line has."""
    hashes = run_hashes(index.sums, steps)
    first = index.pitches[: len(hashes)].astype(np.uint64)
    return hashes + first * _PITCH if exact else hashes


class Continuations:
    """How each run of so many notes of the index goes on."""

    def __init__(self, index: Index, notes: int) -> None:
        self.steps_before = notes - 1
        whole = index.within_lines(notes)  # runs of that many notes and one more
        self._hashes: Hashes = run_hashes(index.sums, self.steps_before)[: len(whole)][whole]
        self._next = index.steps[self.steps_before :][: len(whole)][whole]
        # In order of their first 16 bits only: a fifth of the time of sorting them, which every call would wait for.
        first_bits = (self._hashes >> _HIGH_BITS).astype(np.uint16)
        self._order = np.argsort(first_bits, kind="stable")
        self._ends = np.cumsum(np.bincount(first_bits, minlength=1 << 16))

    def after(self, steps: list[int]) -> set[int]:
        """Return the steps that follow this run of `steps_before` steps, somewhere in the index."""
        wanted = np.uint64(hash_run(steps))
        bits = int(wanted >> _HIGH_BITS)
        runs = self._order[self._ends[bits - 1] if bits else 0 : self._ends[bits]]
        return set(self._next[runs[self._hashes[runs] == wanted]].tolist())
