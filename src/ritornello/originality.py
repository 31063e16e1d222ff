"""Memorisation: the longest run of notes that a piece shares with the training music of a model (a copy).

Two runs are the same if their notes follow each other by the same intervals at the same distances in time, so a copy
may be in another key, tempo or loudness. (An *exact* copy is also at the same pitches.) A run lies within one track;
notes of a chord are ordered from the lowest up. Drums and durations do not count.

An `Index` holds the tracks of the training music: seven bytes a note in memory, one in a file. Beyond MOST_NOTES notes
it holds every second piece, or fewer (`is_whole` is then false). The search is binary, over lengths, since the parts of
a shared run are shared too: it compares hashes of runs (`runs`). Of short runs, up to FIRST_LENGTH, the index keeps the
first bits of all hashes, two bytes a note and length; longer ones are hashed only where a short one is shared.

Read in order: `Line`, `Index`, `build_index`, `copies`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Ints
from ritornello.errors import BundleError
from ritornello.runs import Hashes, RollingHash, prefix_sums, run_hashes, run_hashes_at
from ritornello.score import Score

STEPS_PER_QUARTER = 48
"""The grid of distances in time."""

MOST_NOTES = 2_000_000
LONGEST_WAIT = 16 * STEPS_PER_QUARTER
"""Longer distances are treated as equal."""

LONGEST_COPY = 512
"""The longest length of a run that is searched."""
FIRST_LENGTH = 8
"""The length that is searched first, in notes: most pieces of a model share so many with its music."""

MOST_KEPT = 2
"""Lengths of runs whose continuations an index keeps: they take 16 bytes a note and length, and 20 ms to make."""

_PITCH = np.uint64(0xD6E8FEB86659FD93)
"""The factor of the first pitch in the hash of an exact run; it differs from those of steps."""

_HIGH_BITS = np.uint64(48)
"""Shifted right by this, a hash becomes its first 16 bits."""

_BLOCK = 1 << 15
"""Runs that are hashed at once, few enough for the cache of a processor."""

FILTER_BITS = 22
"""First bits of a hash by which most runs are told to be in no index: 4 MB, and 10 ms to make."""

FILTER_AFTER = 4000
"""Runs that are looked up before that pays."""

_KEEPING = Lock()
"""For the continuations that are kept: pieces may be composed in several threads."""

_NO_STEP = 0xFFFF_FFFF
"""The step between two tracks, which occurs in no piece."""


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
    is_whole: bool  # whether the index holds all the training music

    def facts(self) -> dict[str, Any]:
        """Return them as plain JSON."""
        return {
            "any_key": self.moved and self.moved._asdict(),
            "same_pitches": self.exact and self.exact._asdict(),
            "compared_with_all": self.is_whole,
        }


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
    """Return the step between two notes, the distance in time and the interval, as one number; also of arrays."""
    return np.minimum(wait, LONGEST_WAIT) * 256 + interval + 128


@dataclass(frozen=True)
class Index:
    """The concatenated lines of the training pieces; arrays are (note,), but `first` and `piece` are (line,)."""

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
        """The prefix sums for hashes of runs."""
        return prefix_sums(self.steps[:-1])

    def continuations(self, notes: int) -> Continuations:
        """Return the continuations of all runs of so many notes; those asked for last are kept."""
        kept = self._continuations
        with _KEEPING:
            found = kept.pop(notes, None) or Continuations(self, notes)
            while len(kept) >= MOST_KEPT:
                del kept[next(iter(kept))]
            kept[notes] = found
        return found

    @cached_property
    def _continuations(self) -> dict[int, Continuations]:
        return {}

    def first_bits(self, steps: int, exact: bool) -> NDArray[np.uint16]:
        """Return the first 16 bits of the hash of each run of so many steps, at most FIRST_LENGTH; they are kept."""
        if (steps, exact) not in self._first_bits:
            found = np.zeros(max(0, len(self.sums) - steps), dtype=np.uint16)
            for first in range(0, len(found), _BLOCK):
                hashes = run_hashes(self.sums, steps, first, first + _BLOCK)
                if exact:
                    hashes += self.pitches[first : first + len(hashes)] * _PITCH
                found[first : first + _BLOCK] = hashes >> _HIGH_BITS
            self._first_bits[steps, exact] = found
        return self._first_bits[steps, exact]

    @cached_property
    def _first_bits(self) -> dict[tuple[int, bool], NDArray[np.uint16]]:
        return {}

    def place(self, note: int) -> tuple[str, int]:
        """Return the piece of a note, and its bar, from 1."""
        line = int(np.searchsorted(self.first, note, side="right")) - 1
        return self.names[self.piece[line]], int(self.bars[note]) + 1

    def lines(self, piece: int, bars: int) -> list[Line]:
        """Return the first bars of the lines of a piece; the onsets of each begin at 0, and distances beyond
        LONGEST_WAIT are shortened to that."""
        found = []
        for number in np.flatnonzero(self.piece == piece).tolist():
            first = self.first[number]
            last = self.first[number + 1] if number + 1 < len(self.first) else len(self.bars)
            last = first + int(np.searchsorted(self.bars[first:last], bars))
            if last > first:
                onsets = np.append(0, np.cumsum(self.steps[first : last - 1] // 256, dtype=np.int64))
                pitches, own = self.pitches[first:last], self.bars[first:last]
                found.append(Line(onsets, pitches.astype(np.int64), own.astype(np.int64)))
        return found

    def within_lines(self, steps: int) -> NDArray[np.bool_]:
        """Return for each first note whether the run of so many steps lies within one line."""
        before = np.concatenate([[0], np.cumsum(self.steps == _NO_STEP)[:-1]])
        count = max(0, len(self.steps) - steps)
        return np.asarray(before[steps : steps + count] == before[:count])

    def pack(self) -> bytes:
        """Return the index as bytes that compress well, for `unpack_index`."""
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
    """Return the index from bytes; BundleError that begins with `where` if they are damaged."""
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
    intervals = steps.astype(np.uint8) + np.uint8(128)  # modulo 256, as all that follows
    risen = np.cumsum(intervals, dtype=np.uint8) - intervals
    offsets = first_pitches.astype(np.uint8) - risen[first]
    return risen + np.repeat(offsets, np.diff(first, append=len(steps)))


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
    """Return n such that every n-th of pieces with so many notes together fits into an index."""
    return max(1, -(-notes // MOST_NOTES))


def build_index(pieces: Iterable[tuple[str, Score]], is_whole: bool = True) -> Index:
    """Return the index of named pieces; `is_whole`: whether they are all of the training music."""
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
    """Return the index of lines, with the number of the piece of each."""
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
    """Return the longest shared run of at most `most` notes, by binary search over lengths from FIRST_LENGTH on.

    Once a run is found, longer ones are searched only where it begins.
    """
    low, high = 1, min(most, len(searched.steps))
    starts: Ints | None = None  # anywhere
    own, notes = -1, min(FIRST_LENGTH, high)
    while low < high:
        shared, at = _shared(index, searched, starts, notes - 1, exact)
        if len(shared):
            low, starts, own = notes, shared, at
        else:
            high = notes - 1
        notes = (low + high + 1) // 2
    return None if starts is None else Copy(low, *index.place(int(starts[0])), searched.place(own)[1])


def _shared(index: Index, searched: Index, starts: Ints | None, steps: int, exact: bool) -> tuple[Ints, int]:
    """Return which of the `starts` in the index (None: all) begin a run of so many steps that `searched` has too, and
    the start of the first of them in `searched`, or -1."""
    order = np.flatnonzero(searched.within_lines(steps))
    keys = _run_hashes(searched, order, steps, exact)
    by_key = np.argsort(keys, kind="stable")
    order, keys = order[by_key], keys[by_key]
    if starts is None:
        begins = np.zeros(1 << 16, dtype=bool)
        begins[keys >> _HIGH_BITS] = True
        starts = np.flatnonzero(begins.take(index.first_bits(steps, exact)))
    starts = starts[starts < len(index.steps) - steps]
    if not len(order) or not len(starts):
        return starts[:0], -1
    wanted = _run_hashes(index, starts, steps, exact)
    at = np.minimum(np.searchsorted(keys, wanted), len(order) - 1)
    same = keys[at] == wanted
    return starts[same], int(order[at[same.argmax()]]) if same.any() else -1


def _run_hashes(index: Index, starts: Ints, steps: int, exact: bool) -> Hashes:
    """Return the hashes of the runs of so many steps that begin at `starts`."""
    hashes = run_hashes_at(index.sums, starts, steps)
    return hashes + index.pitches[starts] * _PITCH if exact else hashes


class Continuations:
    """The continuations of all runs of so many notes in the index."""

    def __init__(self, index: Index, notes: int) -> None:
        self.steps_before, self._steps = notes - 1, index.steps
        self._hashes = run_hashes(index.sums, self.steps_before)
        # In order of their first 16 bits only: a fifth of the time of sorting them, which every call would wait for.
        first_bits = (self._hashes >> _HIGH_BITS).astype(np.uint16)
        self._order = np.argsort(first_bits, kind="stable")
        self._ends = np.cumsum(np.bincount(first_bits, minlength=1 << 16))
        self._asked = 0  # how often

    @cached_property
    def _beginnings(self) -> memoryview:
        """Whether some hash begins with each number of FILTER_BITS bits."""
        found = np.zeros(1 << FILTER_BITS, dtype=np.uint8)
        found[self._hashes >> np.uint64(64 - FILTER_BITS)] = 1
        return found.data

    def after(self, run: int) -> set[int]:
        """Return the steps that follow a run of `steps_before` steps, given by its hash, anywhere in the index."""
        self._asked += 1
        if self._asked > FILTER_AFTER and not self._beginnings[run >> 64 - FILTER_BITS]:
            return set()  # most runs of a new piece
        bits = run >> 48
        runs = self._order[self._ends[bits - 1] if bits else 0 : self._ends[bits]]
        ends = runs[self._hashes[runs] == np.uint64(run)] + self.steps_before
        return set(self._steps[ends].tolist()) - {_NO_STEP}

    def begin(self, quarters: float, pitch: int) -> LastRun:
        """Return the run of a line that begins with this note, at a time in quarters."""
        return LastRun(self, _grid(quarters), pitch)


@dataclass
class LastRun:
    """The last notes of a line that goes on.

    onset, pitch: of the last one. steps: before it, as many as `continuations` are about. following: the steps that
    follow these in the index.
    """

    continuations: Continuations
    onset: int
    pitch: int
    steps: deque[int] = field(init=False)
    following: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        count = self.continuations.steps_before
        self.steps, self._hash = deque(maxlen=count), RollingHash(count)

    def add(self, quarters: float, pitch: int) -> None:
        """Add the next note, at a time in quarters."""
        onset, steps = _grid(quarters), self.steps
        step = min(onset - self.onset, LONGEST_WAIT) * 256 + pitch - self.pitch + 128  # as `step_between`
        self._hash.advance(step, steps[0] if len(steps) == steps.maxlen else None)
        steps.append(step)
        if len(steps) == steps.maxlen:
            self.following = self.continuations.after(self._hash.value)
        self.onset, self.pitch = onset, pitch

    def copied_at(self, quarters: float) -> list[int]:
        """Return the pitches that, at this time, would make the run and one note more a copy."""
        wait = min(_grid(quarters) - self.onset, LONGEST_WAIT)
        return [self.pitch + step % 256 - 128 for step in self.following if step // 256 == wait]

    def fork(self) -> LastRun:
        other = copy(self)
        other.steps, other._hash = self.steps.copy(), self._hash.fork()
        return other


def _grid(quarters: float) -> int:
    return int(quarters * STEPS_PER_QUARTER + 0.5)
