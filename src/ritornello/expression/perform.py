"""From a score as it is written to one as it is played.

Read in order: `perform`, `_Player`; then `dynamics`, `tempo`, `pedal`, `drums`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ritornello.arrays import Floats, Ints, Mask
from ritornello.expression.drums import play_drums
from ritornello.expression.dynamics import DECIBELS_A_DECADE, loudness
from ritornello.expression.pedal import PIANOS, pedalled
from ritornello.expression.tempo import bent_tempos, swung
from ritornello.expression.written import Written, read_written
from ritornello.score import Notes, Score, Track, sort_notes, ticks_to_seconds, without_overlaps
from ritornello.sustain import has_pedal

FINEST_TICKS = 480
"""Fewest ticks to a quarter of a performance: a millisecond at 120."""

EVENLY_LOUD = (6, *range(16, 24))
"""Programs that sound equally loud however they are played: the harpsichord, organs and accordions."""

MELODY_LEAD = 0.02
"""Seconds by which a pianist's melody comes before the notes struck with it; Goebl, "Melody lead in piano performance"
(JASA 110, 2001), measured about 0.03."""

ASYNCHRONY = 0.015
"""Seconds by which one of several players is early or late, as a standard deviation; Rasch, "Synchronization in
performed ensemble music" (Acustica 43, 1979), measured 0.02 to 0.05."""

UNEVENNESS = 1.0
"""Decibels by which loudness varies beside the rules, as a standard deviation."""

PERSISTENCE = 0.8
"""How much of such a deviation is left at the next onset of the part."""

KEPT = 24
"""Onsets after which nothing of it is left."""

DETACHED = 0.2
"""The share of a note that is silent before its pitch is struck again (KTH's repetition articulation)."""

_IDENTITY = ["start", "pitch", "velocity"]


def perform(
    score: Score,
    amount: float = 1.0,
    seed: int = 0,
    *,
    swing: float | None = None,
    swing_unit: int = 8,
    given: Score | None = None,
    bends: bool = True,
    delays: bool = True,
) -> Score:
    """Return `score` as it is played: with velocities, delays of some milliseconds, a tempo map, and pedals of pianos.

    `amount` is from 0, as written, to 1, as far as rules and drummers go. What is played already stays: the notes of a
    track of several velocities (with `given`: those that are in such a track of it), pedals, and the tempo where it
    changes. The tempo bends only if nothing is played already, there are no drums and no loop markers; the written one
    is that at the beginning of each phrase and its mean, and it falls before the end. `swing` is the share (0.5 to
    0.75) of the first of each two notes of 1/`swing_unit` (8 or 16). Without `bends` the tempo stays, without `delays`
    no note is early or late. The same seed gives the same performance. Raises
    ConfigError for a piece of more than `LONGEST_QUARTERS`.
    """
    if not amount and swing is None:
        return score
    score.check_extent()
    written = score.resampled(score.ticks_per_quarter * -(-FINEST_TICKS // score.ticks_per_quarter))
    known = given and given.resampled(written.ticks_per_quarter)
    free = [_unplayed(track, known) & (amount > 0) for track in written.tracks]
    is_free = any(each.any() for each in free)
    if not is_free and swing is None:
        return score
    music = read_written(written) if is_free else None
    decibels = loudness(music) if music else np.zeros(0)
    played = written
    if music and bends and _may_bend(written, free):
        played = replace(written, tempos=bent_tempos(written, music.phrases, amount))
    move = (lambda ticks: ticks) if swing is None else swung(written, swing, swing_unit)
    end, players = int(written.bars.edges[-1]), _players(written)
    onsets, asynchrony = _onsets(written, players), ASYNCHRONY * (len(set(players)) > 1)
    tracks = []
    for number, (track, own) in enumerate(zip(written.tracks, free, strict=True)):
        notes, seconds = track.notes.copy(), np.zeros(len(track.notes))
        if music and own.any():
            random = np.random.default_rng([seed, players[number]])
            player = _Player(written, music, decibels, onsets[number], asynchrony, number, own, random)
            notes["velocity"][own] = player.velocities(amount)
            notes["duration"][own] = player.durations(amount)
            seconds[own] = amount * player.seconds * delays
            if track.program in PIANOS and not track.is_drum and own.all() and not has_pedal(track):
                track = pedalled(track, music.harmony, written.ticks_per_quarter)
        moved = _moved(played, notes, seconds, move, end)
        if seconds.any():
            moved = without_overlaps(_apart(track.notes, moved))
        tracks.append(replace(track, notes=sort_notes(moved)))
    return replace(played, tracks=tuple(tracks))


def _unplayed(track: Track, given: Score | None) -> Mask:
    """Return which notes of a track have no velocities of their own: those of `given` that have one velocity in a track
    there, and all others if they have one."""
    notes, tracks = track.notes, given.tracks if given else ()
    is_played, is_flat = np.zeros((2, len(notes)), dtype=bool)
    for each in tracks:
        flat = len(np.unique(each.notes["velocity"])) < 2
        known = set(each.notes[_IDENTITY].tolist())
        (is_flat if flat else is_played)[:] |= [note in known for note in notes[_IDENTITY].tolist()]
    others = ~(is_played | is_flat)
    return (is_flat & ~is_played) | (others & (len(np.unique(notes["velocity"][others])) < 2))


def _players(score: Score) -> list[int]:
    """Return who plays each track, by the number of the first track: tracks of one piano are the hands of a pianist."""
    programs = [
        -1 if track.is_drum or track.program not in PIANOS else track.program for track in score.tracks
    ]
    return [number if program < 0 else programs.index(program) for number, program in enumerate(programs)]


def _onsets(score: Score, players: list[int]) -> list[Ints]:
    """Return, for each track, the onsets of all tracks of its player, sorted."""
    starts: dict[int, list[Ints]] = {}
    for player, track in zip(players, score.tracks, strict=True):
        starts.setdefault(player, []).append(track.notes["start"].astype(np.int64))
    onsets = {player: np.unique(np.concatenate(each)) for player, each in starts.items()}
    return [onsets[player] for player in players]


def _may_bend(score: Score, free: list[Mask]) -> bool:
    """Return whether the tempo may bend: nothing is played already, nobody beats time, and it is no loop."""
    is_loop = any(text.kind == "marker" and text.text == "loopEnd" for text in score.texts)
    has_drums = any(track.is_drum and len(track.notes) for track in score.tracks)
    return len(score.tempos) < 2 and not has_drums and not is_loop and all(each.all() for each in free)


@dataclass
class _Player:
    """How the notes `own` of one track are played, in columns.

    decibels: of all pitched notes by the rules; onsets: of all tracks of the player; asynchrony: its standard deviation
    in seconds. Then louder: in decibels, of drums in velocities; seconds: delays.
    """

    score: Score
    music: Written
    decibels: Floats
    onsets: Ints
    asynchrony: float
    number: int
    own: Mask
    random: np.random.Generator

    def __post_init__(self) -> None:
        self.track = self.score.tracks[self.number]
        self.notes = self.track.notes[self.own]
        if self.track.is_drum:
            velocity, self.seconds = play_drums(self.score, self.notes, self.random)
            self.louder = velocity - velocity.mean()
            return
        rows = self.music.rows(self.number)[self.own]
        drifts = _drift(self.random, len(self.onsets))
        drifts = drifts[:, np.searchsorted(self.onsets, self.notes["start"])]
        self.louder = self.decibels[rows] + UNEVENNESS * drifts[0]
        self.seconds = self.asynchrony * drifts[1]
        if self.track.program in PIANOS:
            self.seconds += MELODY_LEAD * self.music.is_beside_melody[rows]

    def velocities(self, amount: float) -> Ints:
        """Return velocities, 1 to 127, around the written one."""
        level = self.notes["velocity"].astype(np.float64)
        if self.track.is_drum:
            velocity = level + amount * self.louder
        elif self.track.program in EVENLY_LOUD:
            velocity = level
        else:
            velocity = level * 10 ** (amount * self.louder / DECIBELS_A_DECADE)
        return np.asarray(np.clip(np.rint(velocity), 1, 127).astype(np.int64))

    def durations(self, amount: float) -> Ints:
        """Return the durations; a note ends before its pitch is struck again."""
        start, duration = (self.notes[name].astype(np.int64) for name in ("start", "duration"))
        if self.track.is_drum:
            return duration
        order = np.lexsort((start, self.notes["pitch"]))
        same = np.diff(self.notes["pitch"][order]) == 0
        gap = np.diff(start[order]) - duration[order][:-1]
        before = order[:-1][same & (gap >= 0) & (gap < DETACHED * duration[order][:-1])]
        duration[before] = np.maximum(1, np.rint(duration[before] * (1 - amount * DETACHED)))
        return np.asarray(duration)


def _drift(random: np.random.Generator, count: int) -> Floats:
    """Return (2, count) deviations with mean 0 and variance 1, each of which keeps PERSISTENCE of the one before."""
    kept = PERSISTENCE ** np.arange(KEPT)
    kept /= np.linalg.norm(kept)
    return np.stack([np.convolve(random.standard_normal(count + KEPT - 1), kept, "valid") for _ in range(2)])


def _moved(score: Score, notes: Notes, seconds: Floats, move: Callable[[Ints], Ints], last: int) -> Notes:
    """Return notes moved by `move` and then by so many seconds, within the bars of the score, which end at `last`; in
    the same order."""
    start = notes["start"].astype(np.int64)
    end = move(start + notes["duration"])
    start = move(start)
    seconds_per_tick = ticks_to_seconds(score, start + 1) - ticks_to_seconds(score, start)
    delay = np.rint(seconds / seconds_per_tick).astype(np.int64)
    result = notes.copy()
    result["start"] = np.clip(start + delay, 0, last - 1)
    result["duration"] = np.clip(end + delay, 0, np.maximum(last, end)) - result["start"]
    result["duration"] = np.maximum(result["duration"], np.minimum(notes["duration"], 1))
    return result


def _apart(written: Notes, played: Notes) -> Notes:
    """Return played notes, of which none goes on when another one begins that is written after its end: as many sound
    at once as are written. Both are in the same order."""
    order, result = np.argsort(written["start"], kind="stable"), played.copy()
    earliest = np.minimum.accumulate(played["start"][order][::-1])[
        ::-1
    ]  # start of this note and those after it
    after = np.searchsorted(written["start"][order], written["start"] + written["duration"])
    ends = np.append(earliest, np.iinfo(np.int64).max)[after]
    result["duration"] = np.minimum(result["duration"], np.maximum(ends - result["start"], 1))
    return result
