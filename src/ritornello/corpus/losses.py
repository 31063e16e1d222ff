"""What a representation does not keep of a folder: pieces are encoded, decoded and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import RitornelloError, counted
from ritornello.representations import REPRESENTATIONS, Conditions, Representation
from ritornello.score import Score, make_notes, sort_notes, ticks_to_seconds
from ritornello.sustain import has_bends, has_pedal, sustained

MOST_PIECES, MOST_NOTES = 12, 20_000
"""The pieces that are compared, and the notes in one of them; more would take long and change little."""

NEAR = 0.13
"""A note is kept if one of its pitch begins within so many quarters, or so many half seconds without a beat."""


class Piece(NamedTuple):
    """What a representation keeps of a piece: counts of notes, and medians of the notes that are kept.

    moved: how far onsets move, in quarters (in seconds without a beat), at the ninetieth percentile. lengths: the
    share of kept notes with a length within a quarter of their own. loudness: how far velocities move, on average.
    """

    notes: int
    kept: int
    moved: float
    lengths: float
    loudness: float
    programs: bool
    tempos: bool
    bends: bool
    pedal: bool


def lost(name: str, options: Mapping[str, Any], scores: Sequence[Score]) -> tuple[str, ...]:
    """Return what the representation `name`, fitted to `scores` with `options`, does not keep of them, in words.

    Empty if it keeps everything. At most `MOST_PIECES` pieces, evenly chosen, are compared.
    """
    kind = REPRESENTATIONS[name]
    chosen = [s for s in scores[:: -(-len(scores) // MOST_PIECES)] if s.note_count <= MOST_NOTES]
    statistics, usable = [], []
    for score in chosen:
        try:
            statistics.append(kind.collect_statistics(score))
            usable.append(score)
        except RitornelloError:
            continue
    if not usable:
        return (f"{name}: nothing of these pieces can be encoded",)
    representation = kind.fit(statistics, options)
    return _in_words([_compared(representation, score) for score in usable], len(chosen) - len(usable))


def _compared(representation: Representation, score: Score) -> Piece:
    """Return what is kept of a piece; by quarters or by seconds, whichever keeps more."""
    representation = representation.for_piece(score, Conditions())  # in the key of the piece
    back = representation.decode(representation.encode(score))

    def quarters(of: Score, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(ticks / of.ticks_per_quarter)

    def half_seconds(of: Score, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
        return 2 * ticks_to_seconds(of, ticks)

    kept, moved, lengths, loudness = max(
        (_matched(score, back, clock) for clock in (quarters, half_seconds)), key=lambda found: found[0]
    )
    return Piece(
        notes=score.note_count,
        kept=kept,
        moved=moved,
        lengths=lengths,
        loudness=loudness,
        programs=_programs(score) == _programs(back),
        tempos=len({t.microseconds_per_quarter for t in score.tempos}) <= max(1, len(back.tempos)),
        bends=not any(map(has_bends, score.tracks)),
        pedal=not any(map(has_pedal, score.tracks)),
    )


def _programs(score: Score) -> set[tuple[bool, int]]:
    return {
        (track.is_drum, 0 if track.is_drum else track.program) for track in score.tracks if len(track.notes)
    }


Clock = Callable[[Score, NDArray[np.int64]], NDArray[np.float64]]


def _matched(score: Score, back: Score, clock: Clock) -> tuple[int, float, float, float]:
    """Return the notes of `score` that are in `back`, and how far they moved, kept their length and loudness.

    Of every pitch the notes are taken in order, each with the nearest one left of `back`; what begins with a rest may
    be moved as a whole, by the first onset.
    """
    columns = []
    for each in (score, back):
        tracks = [track.notes.copy() for track in sustained(each).tracks]
        for notes, track in zip(tracks, each.tracks, strict=True):
            notes["duration"] *= not track.is_drum  # a stroke has no length
        notes = sort_notes(np.concatenate([make_notes(), *tracks]))
        start, end = clock(each, notes["start"]), clock(each, notes["start"] + notes["duration"])
        first = start[0] if len(start) else 0.0
        columns.append((notes["pitch"], start - first, end - start, notes["velocity"]))
    (pitch, start, length, velocity), (pitch_b, start_b, length_b, velocity_b) = columns
    shifts, sames, changes = [], [], []
    for value in np.unique(pitch):
        own, theirs = np.flatnonzero(pitch == value), np.flatnonzero(pitch_b == value)
        at = 0
        for note in own:
            while at < len(theirs) and start_b[theirs[at]] < start[note] - NEAR:
                at += 1
            if at < len(theirs) and start_b[theirs[at]] <= start[note] + NEAR:
                other = theirs[at]
                at += 1
                shifts.append(abs(start_b[other] - start[note]))
                sames.append(abs(length_b[other] - length[note]) <= max(0.06, length[note] / 4))
                changes.append(abs(int(velocity_b[other]) - int(velocity[note])))
    if not shifts:
        return 0, 0.0, 0.0, 0.0
    return len(shifts), float(np.quantile(shifts, 0.9)), float(np.mean(sames)), float(np.mean(changes))


def _in_words(pieces: Sequence[Piece], unusable: int) -> tuple[str, ...]:
    """Return a line for each thing that is lost."""
    notes, kept = sum(piece.notes for piece in pieces), sum(piece.kept for piece in pieces)
    weights = [max(1, piece.kept) for piece in pieces]

    def mean(values: Sequence[float]) -> float:
        return float(np.average(values, weights=weights))

    lines = []
    if unusable:
        lines.append(f"{counted(unusable, 'piece')} with nothing that it can encode")
    if notes - kept > 0.005 * notes:
        lines.append(f"{1 - kept / notes:.0%} of the notes, left out or moved far")
    if (moved := mean([piece.moved for piece in pieces])) > 0.01:
        lines.append(f"onsets between grid lines: they move by up to {moved:.2f} quarters")
    if (lengths := mean([piece.lengths for piece in pieces])) < 0.98:
        lines.append(f"the lengths of {1 - lengths:.0%} of the notes, by more than a quarter of each")
    if (loudness := mean([piece.loudness for piece in pieces])) > 4:
        lines.append(f"fine degrees of loudness: velocities move by {loudness:.0f} on average")
    missing = Counter({
        "which instruments play": sum(not piece.programs for piece in pieces),
        "changes of tempo": sum(not piece.tempos for piece in pieces),
        "pitch bends": sum(not piece.bends for piece in pieces),
        "the movements of the sustain pedal (lengths are compared as they sound)": sum(not p.pedal for p in pieces),
    })  # fmt: skip
    lines += [f"{what}, in {count} of {len(pieces)} pieces" for what, count in missing.items() if count]
    return tuple(lines)
