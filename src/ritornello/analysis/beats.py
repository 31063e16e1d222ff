"""What sounds in each beat of a score, as arrays: the ground of keys, chords and sections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritornello.arrays import Floats, Ints, Mask
from ritornello.errors import ConfigError
from ritornello.score import Meter, Score, note_columns

BAR, HALF, BEAT, WITHIN = range(4)
"""How strong a beat is: at a bar line, in the middle of a bar, another one, within a beat longer than a quarter."""

MOST_BEATS = 250_000
"""Of a piece that is analysed; the gains of its chords take 240 MB."""


@dataclass(frozen=True, eq=False)
class Beats:
    """The beats of a score. A beat is that of the meter (dotted in compound meters), but a quarter to a sixteenth.

    edges: (beats + 1,) ticks; level: (beats,), BAR to WITHIN; bar: (beats,), the number of the bar, from 0;
    sound: (beats, 12), the share of the beat for which each pitch class sounds, 0 to 1, doublings counted once;
    lowest: (beats,), the lowest pitch that sounds, 128 for none; voiced: (beats,), whether several notes sound at once.
    Drums are left out.
    """

    edges: Ints
    level: Ints
    bar: Ints
    sound: Floats
    lowest: Ints
    voiced: Mask

    def __len__(self) -> int:
        return len(self.level)

    @property
    def is_harmonic(self) -> bool:
        """Whether several notes sound at once in a quarter of the beats that sound; else chords are guesses."""
        sounds = self.lowest < 128
        return bool(self.voiced.sum() >= sounds.sum() / 4 > 0)


def find_beats(score: Score) -> Beats:
    """Return the beats of `score`, up to the end of its last bar; ConfigError for too many bars or beats."""
    edges, level, bar = _grid(score)
    start, duration, pitch, _ = note_columns(track for track in score.tracks if not track.is_drum)
    end = start + np.maximum(duration, 1)
    first = np.searchsorted(edges, start, side="right") - 1
    count = np.searchsorted(edges, end, side="left") - first  # beats in which a note sounds
    note = np.repeat(np.arange(len(start)), count)
    beat = first[note] + np.arange(len(note)) - np.repeat(np.cumsum(count) - count, count)
    inside = np.minimum(end[note], edges[beat + 1]) - np.maximum(start[note], edges[beat])
    share = inside / (edges[beat + 1] - edges[beat])
    beats = len(level)
    total = np.bincount(beat, share, minlength=beats)
    sound = np.bincount(beat * 12 + pitch[note] % 12, share, minlength=12 * beats).reshape(beats, 12)
    lowest = np.full(beats, 128, dtype=np.int64)
    np.minimum.at(lowest, beat, pitch[note])
    return Beats(edges, level, bar, np.minimum(sound, 1.0), lowest, total > 1.25)


def has_pickup(score: Score) -> bool:
    """Return whether the first bar is shorter than its meter, or than the second (it has a meter of its own)."""
    lines = score.bars.edges
    if len(lines) < 3:
        return False
    first, second = np.diff(lines[:3]).tolist()
    meter = score.meters[0] if score.meters and score.meters[0].tick == 0 else Meter(0, 4, 4)
    return bool(first < max(second, meter.bar_ticks(score.ticks_per_quarter)))


def _grid(score: Score) -> tuple[Ints, Ints, Ints]:
    """Return the edges of the beats, the level of each, and its bar."""
    lines = score.bars.edges
    meters = score.meters if score.meters and score.meters[0].tick <= 0 else (Meter(0, 4, 4), *score.meters)
    of_bar = np.searchsorted([meter.tick for meter in meters], lines[:-1], side="right") - 1
    units, fulls, beats = np.array([_unit(meter, score.ticks_per_quarter) for meter in meters]).T
    unit, full, grouped = units[of_bar], fulls[of_bar], beats[of_bar]
    count = -(-(lines[1:] - lines[:-1]) // unit)
    if (beats_of_all := int(count.sum())) > MOST_BEATS:
        raise ConfigError(f"the piece has {beats_of_all:,} beats: analysis allows {MOST_BEATS:,}")
    bar = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(bar)) - np.repeat(np.cumsum(count) - count, count)
    starts = lines[bar] + place * unit[bar]
    if has_pickup(score):  # it counts from its end
        full[0] = max(full[:2])
        place[: count[0]] += full[0] - count[0]
    level = np.where(place % grouped[bar] == 0, BEAT, WITHIN)
    level[2 * place == full[bar]] = HALF
    level[place == 0] = BAR
    return np.append(starts, lines[-1]), level, bar


def _unit(meter: Meter, ticks_per_quarter: int) -> tuple[int, int, int]:
    """Return the ticks of a beat, how many a full bar has, and how many make a beat of the signature."""
    whole = 4 * ticks_per_quarter
    is_compound = meter.beats != meter.numerator
    unit = max(1, (3 if is_compound else 1) * whole // min(max(4, meter.denominator), 16))
    grouped = 1 if is_compound else max(1, 4 // meter.denominator)
    return unit, max(1, -(-meter.numerator * whole // meter.denominator // unit)), grouped
