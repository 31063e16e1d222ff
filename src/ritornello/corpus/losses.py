"""What a representation does not keep of a folder: pieces are encoded, decoded and compared.

Read in order: `Losses`, `measure_losses`, `_Compared`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import RitornelloError, counted
from ritornello.leadsheet import read_leadsheet
from ritornello.representations import REPRESENTATIONS, Conditions, Representation
from ritornello.score import Notes, Score, Track, make_notes, sort_notes, ticks_to_seconds
from ritornello.sustain import has_bends, has_pedal, sustained

Item = TypeVar("Item")

MOST_PIECES, MOST_NOTES = 12, 20_000
"""The pieces that are compared, and the notes in one of them; more would take long and change little."""

NEAR = 0.13
"""A note is kept if one begins within so many quarters, or so many half seconds without a beat."""

FACETS = {
    "parts": "which part plays a note",
    "instruments": "which instruments play",
    "meters": "meters",
    "tempos": "changes of tempo",
    "bends": "pitch bends",
    "pedal": "the movements of the pedals (what they hold is compared as lengths)",
}


@dataclass(frozen=True)
class Losses:
    """What a representation keeps of the pieces compared, and what it loses.

    pieces: how many were compared; unusable: how many more could not be encoded. kept, octaves, pitches: the shares of
    the notes (0 to 1) with their pitch, with it in another octave, and with another pitch; the others are left out, or
    moved far. moved: how far the onsets of the former move at the ninetieth percentile, in quarters (half seconds
    without a beat). lengths: the share of the former that do not keep their length to a quarter of it.
    velocities: the mean change of a velocity, from the mean of its piece, in the units of MIDI. chords: whether all
    parts but a melody become chord symbols; then notes are those of the melody. facets: in how many pieces each of
    `FACETS` is lost.
    """

    pieces: int
    unusable: int
    kept: float
    octaves: float
    pitches: float
    moved: float
    lengths: float
    velocities: float
    chords: bool
    facets: Mapping[str, int]

    def lines(self) -> tuple[str, ...]:
        """Return what is kept of the notes, and then what is lost, in words."""
        if not self.pieces:
            return ("keeps none of these pieces: it can encode none",)
        notes = "notes of the melody" if self.chords else "notes"
        share = "all" if self.kept == 1 else f"{_percent(self.kept)} of the"
        lines = [f"keeps {share} {notes}" + self._changes()]
        if self.moved > 0.01:
            lines.append(f"moves onsets to its grid, by up to {self.moved:.2f} quarters")
        if self.lengths > 0.02:
            lines.append(
                f"changes the lengths of {_percent(self.lengths)} of them by more than a quarter of each"
            )
        if self.velocities > 2:
            lines.append(f"changes loudness by {self.velocities:.0f} degrees of 127 on average")
        if self.chords:
            lines.append("makes chord symbols of all other parts")
        lines += [
            f"forgets {FACETS[name]}, in {count} of {counted(self.pieces, 'piece')}"
            for name, count in self.facets.items()
            if count
        ]
        if self.unusable:
            lines.append(f"cannot encode {counted(self.unusable, 'more piece')}")
        return tuple(lines)

    def _changes(self) -> str:
        left_out = 1 - self.kept - self.octaves - self.pitches
        shares = {
            "in another octave": self.octaves,
            "at another pitch": self.pitches,
            "left out or moved far": left_out,
        }
        named = [f"{_percent(share)} {what}" for what, share in shares.items() if share > 1e-9]
        return f" ({', '.join(named)})" if named else ""


def _percent(share: float) -> str:
    """Return a share as a percentage that is 0 or 100 only if it is so exactly."""
    if share > 0.5:
        return f"{math.floor(1000 * share) / 10:g}%"
    return f"{math.ceil(1000 * share) / 10:g}%"


def measure_losses(name: str, options: Mapping[str, Any], scores: Sequence[Score]) -> Losses:
    """Return what the representation `name`, fitted to `scores` with `options`, loses of them.

    At most `MOST_PIECES` pieces, evenly chosen, are compared; of a long one its first `MOST_NOTES` notes.
    """
    kind = REPRESENTATIONS[name]
    chosen = [_beginning(score) for score in sample(scores)]
    statistics, usable, compared = [], [], []
    for score in chosen:
        try:
            statistics.append(kind.collect_statistics(score))
            usable.append(score)
        except RitornelloError:
            continue
    if usable:
        representation = kind.fit(statistics, options)
        for score in usable:
            try:
                compared.append(_compare(representation, score))
            except RitornelloError:
                continue
    return _summed(compared, len(chosen) - len(compared))


def sample(pieces: Sequence[Item]) -> list[Item]:
    """Return `MOST_PIECES` pieces, evenly chosen; all if there are no more."""
    count = min(len(pieces), MOST_PIECES)
    return [pieces[number * len(pieces) // count] for number in range(count)]


def _beginning(score: Score) -> Score:
    if score.note_count <= MOST_NOTES:
        return score
    return score.excerpt(0, int(score.all_notes()["start"][MOST_NOTES]))


# ---- one piece ----------------------------------------------------------------------------------------------


class _Compared(NamedTuple):
    """A piece before and after: notes in all, notes kept in three ways, figures of those that kept their pitch (see
    `Losses`), whether only its melody was compared, and the facets that are lost."""

    notes: int
    kept: tuple[int, int, int]
    moved: float
    lengths: float
    velocities: float
    chords: bool
    lost: tuple[str, ...]


class _Columns(NamedTuple):
    """Notes, sorted: onset and length in quarters or half seconds, pitch and velocity."""

    start: NDArray[np.float64]
    length: NDArray[np.float64]
    pitch: NDArray[np.int64]
    velocity: NDArray[np.int64]


def _compare(representation: Representation, score: Score) -> _Compared:
    """Return what is kept of a piece: by quarters or by seconds, and from its first note or its beginning on,
    whichever keeps more."""
    representation = representation.for_piece(score, Conditions())  # in the key of the piece
    back = representation.decode(representation.encode(score))
    chords = representation.plays_over_chords
    before, after = (_melody_of(score), _first_part(back)) if chords else (score, back)

    def quarters(of: Score, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(ticks / of.ticks_per_quarter)

    def half_seconds(of: Score, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
        return 2 * ticks_to_seconds(of, ticks)

    best: _Compared | None = None
    for clock, from_first in product((quarters, half_seconds), (True, False)):
        own, other = (_columns(each, clock, from_first) for each in (before, after))
        kept, moved, lengths, velocities = _matched(own, other)
        lost = _lost_facets(score, back, chords)
        found = _Compared(len(own.start), kept, moved, lengths, velocities, chords, lost)
        if best is None or found.kept > best.kept:
            best = found
        if kept[0] == len(own.start):
            break
    assert best is not None
    return best


def _melody_of(score: Score) -> Score:
    return _with_notes(score, read_leadsheet(score).melody)


def _first_part(score: Score) -> Score:
    return _with_notes(score, score.tracks[0].notes if score.tracks else make_notes())


def _with_notes(score: Score, notes: Notes) -> Score:
    return replace(score, tracks=(Track(notes),))


def _columns(
    score: Score, clock: Callable[[Score, NDArray[np.int64]], NDArray[np.float64]], from_first: bool
) -> _Columns:
    tracks = []
    for track in sustained(score).tracks:
        notes = track.notes.copy()
        notes["duration"] *= not track.is_drum  # a stroke has no length
        tracks.append(notes)
    notes = sort_notes(np.concatenate([make_notes(), *tracks]))
    begin, end = clock(score, notes["start"]), clock(score, notes["start"] + notes["duration"])
    start = begin - begin[0] if from_first and len(begin) else begin
    return _Columns(start, end - begin, notes["pitch"].astype(np.int64), notes["velocity"].astype(np.int64))


def _matched(own: _Columns, other: _Columns) -> tuple[tuple[int, int, int], float, float, float]:
    """Return how many notes of `own` are in `other`, and how far those with their pitch change.

    The notes of a pitch are taken in order, each with the nearest one left; then those left over, by the class of their
    pitch; then by their onset alone.
    """
    left, right = np.arange(len(own.start)), np.arange(len(other.start))
    counts, figures = [], (0.0, 0.0, 0.0)
    for modulus in (128, 12, 1):
        pairs = _paired(
            own.start[left], own.pitch[left] % modulus, other.start[right], other.pitch[right] % modulus
        )
        mine, theirs = left[pairs[:, 0]], right[pairs[:, 1]]
        left, right = np.setdiff1d(left, mine), np.setdiff1d(right, theirs)
        counts.append(len(mine))
        if modulus == 128 and len(mine):
            moved = np.abs(own.start[mine] - other.start[theirs])
            change = np.abs(own.length[mine] - other.length[theirs])
            loud, loud_then = own.velocity[mine], other.velocity[theirs]
            velocities = np.abs((loud - loud.mean()) - (loud_then - loud_then.mean()))
            is_changed = change > np.maximum(0.06, own.length[mine] / 4)
            figures = float(np.quantile(moved, 0.9)), float(is_changed.mean()), float(velocities.mean())
    return (counts[0], counts[1], counts[2]), *figures


def _paired(
    start: NDArray[np.float64], key: NDArray[np.int64], start_b: NDArray[np.float64], key_b: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return rows of (number of a note, number of the note of the same key that it is matched with); times ascend."""
    waiting: defaultdict[int, list[int]] = defaultdict(list)
    for number in range(len(start_b) - 1, -1, -1):
        waiting[int(key_b[number])].append(number)
    pairs = []
    for number, (time, value) in enumerate(zip(start.tolist(), key.tolist(), strict=True)):
        ahead = waiting[value]
        while ahead and start_b[ahead[-1]] < time - NEAR:
            ahead.pop()
        if ahead and start_b[ahead[-1]] <= time + NEAR:
            pairs.append((number, ahead.pop()))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _lost_facets(score: Score, back: Score, chords: bool) -> tuple[str, ...]:
    """Return which of `FACETS` are not kept."""
    parts, parts_back = (sum(len(track.notes) > 0 for track in each.tracks) for each in (score, back))
    lost = {
        "parts": parts_back < parts and not chords,
        "instruments": not _programs(score) <= _programs(back) and not chords,
        "meters": not _meters(score) <= _meters(back),
        "tempos": len({tempo.microseconds_per_quarter for tempo in score.tempos}) > max(1, len(back.tempos)),
        "bends": any(map(has_bends, score.tracks)) and not any(map(has_bends, back.tracks)),
        "pedal": any(map(has_pedal, score.tracks)) and not any(map(has_pedal, back.tracks)),
    }
    return tuple(name for name in FACETS if lost[name])


def _programs(score: Score) -> set[tuple[bool, int]]:
    return {
        (track.is_drum, 0 if track.is_drum else track.program) for track in score.tracks if len(track.notes)
    }


def _meters(score: Score) -> set[tuple[int, int]]:
    return {(meter.numerator, meter.denominator) for meter in score.meters if meter.tick < score.end} or {
        (4, 4)
    }


# ---- all pieces ---------------------------------------------------------------------------------------------


def _summed(pieces: Sequence[_Compared], unusable: int) -> Losses:
    notes = sum(piece.notes for piece in pieces)
    kept, octaves, pitches = (sum(piece.kept[way] for piece in pieces) for way in range(3))

    def mean(values: Sequence[float]) -> float:
        weights = [piece.kept[0] for piece in pieces]
        return float(np.average(values, weights=weights)) if any(weights) else 0.0

    return Losses(
        pieces=len(pieces),
        unusable=unusable,
        kept=kept / max(1, notes),
        octaves=octaves / max(1, notes),
        pitches=pitches / max(1, notes),
        moved=mean([piece.moved for piece in pieces]),
        lengths=mean([piece.lengths for piece in pieces]),
        velocities=mean([piece.velocities for piece in pieces]),
        chords=any(piece.chords for piece in pieces),
        facets={name: sum(name in piece.lost for piece in pieces) for name in FACETS},
    )
