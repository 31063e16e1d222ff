"""Beats and bars of notes in seconds: where the quarters lie, and which of them begin bars.

The period is that of the autocorrelation of onsets, weighted towards moderate tempos; the beats are the path through
the onsets that keeps to it best (D. P. W. Ellis, Beat Tracking by Dynamic Programming, Journal of New Music Research
36, 2007). Where a constant tempo fits them, it is taken. Bars have the meter, of 4/4 and 3/4, and the phase by whose
bar lines most weight begins: that of low and long notes.

Read in order: `find_beats`, `find_bars`.
"""

from __future__ import annotations

import numpy as np

from ritornello.arrays import Floats, Ints

RATE = 100
"""Steps a second in which onsets are counted."""

SLOWEST, FASTEST = 40.0, 220.0
"""Quarters a minute that are looked for."""

USUAL, OCTAVES = 120.0, 0.9
"""The most likely tempo, and the spread of tempos around it."""

TIGHTNESS = 100.0
"""How much a beat costs that is not a period after the last, against one with no onset."""

TRIPLE = 0.95
"""The prior of 3/4 against that of 4/4."""

STEADY = 0.03
"""A constant tempo is taken if beats lie, as a mean, within so many seconds of it."""

FEWEST = 4
"""Of fewer notes, the tempo is not estimated: it is the usual one."""

_BLUR = 2.0  # steps
_CLOSE = 0.04  # seconds: a note so near a beat is on it


def find_beats(start: Floats, weight: Floats) -> Floats:
    """Return the seconds of the beats, a quarter each, from before the first note to the last one; at least two.

    start: (notes,) in seconds, ascending, at least one; weight: (notes,) how much each says of where beats are.
    """
    step = 60 / USUAL
    beats = start[:1]
    if len(start) >= FEWEST:
        onsets = _onsets(start, weight)
        period = _period(onsets)
        step, beats = period / RATE, _path(onsets, period) / RATE
        note = start[_nearest(beats, start)]
        beats = np.where(np.abs(note - beats) < _CLOSE, note, beats)
    if len(beats) > 2:
        number = np.arange(len(beats))
        slope, first = np.polyfit(number, beats, 1)
        steady = first + slope * number
        beats = steady if np.abs(beats - steady).mean() < STEADY else beats
    first_step, last_step = np.diff(beats)[[0, -1]] if len(beats) > 1 else (step, step)
    before = max(0, int(np.ceil((beats[0] - start[0]) / first_step - 0.25)))
    after = max(1, int(np.floor((start[-1] - beats[-1]) / last_step)) + 1)
    return np.concatenate(
        [
            beats[0] - first_step * np.arange(before, 0, -1),
            beats,
            beats[-1] + last_step * np.arange(1, after + 1),
        ]
    )


def _onsets(start: Floats, weight: Floats) -> Floats:
    """Return how much begins in each step, blurred; chords count less than their notes do one by one."""
    count = int(start[-1] * RATE) + RATE
    raw = np.bincount(np.rint(start * RATE).astype(np.int64), weight, minlength=count)
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / _BLUR) ** 2)
    return np.convolve(np.sqrt(raw), kernel, mode="same")


def _period(onsets: Floats) -> float:
    """Return the steps of a beat: the lag at which onsets, and those two and four beats on, agree the most."""
    lags = np.arange(round(60 / FASTEST * RATE), round(60 / SLOWEST * RATE) + 1)
    size = 1 << (len(onsets) + 4 * int(lags[-1])).bit_length()
    agreement = np.fft.irfft(np.abs(np.fft.rfft(onsets - onsets.mean(), size)) ** 2)
    strength = agreement[lags] + agreement[2 * lags] / 2 + agreement[4 * lags] / 4
    likely = np.exp(-0.5 * (np.log2(60 * RATE / lags / USUAL) / OCTAVES) ** 2)
    return float(lags[(np.maximum(strength, 0) * likely).argmax()])


def _path(onsets: Floats, period: float) -> Floats:
    """Return the steps of the beats that lie on onsets and `period` apart, as far as both can be."""
    level = onsets / (onsets.std() or 1.0)
    back = np.arange(-round(2 * period), -round(period / 2) + 1)
    cost = -TIGHTNESS * np.log(-back / period) ** 2
    score, before = level.copy(), np.full(len(level), -1, dtype=np.int64)
    for step in range(-int(back[-1]), len(level)):
        first = max(0, -step - int(back[0]))
        candidates = score[step + back[0] + first : step + back[-1] + 1] + cost[first:]
        best = int(candidates.argmax())
        if candidates[best] > 0:
            score[step] += candidates[best]
            before[step] = step + back[0] + first + best
    late = max(0, len(score) - round(2 * period))
    beats = [late + int(score[late:].argmax())]
    while before[beats[-1]] >= 0:
        beats.append(int(before[beats[-1]]))
    return np.array(beats[::-1], dtype=np.float64)


def _nearest(times: Floats, among: Floats) -> Ints:
    """Return for each of `times` which of `among`, ascending and at least two, is the nearest."""
    after = np.clip(np.searchsorted(among, times), 1, len(among) - 1)
    return np.where(times - among[after - 1] < among[after] - times, after - 1, after)


def find_bars(beats: Floats, start: Floats, length: Floats, pitch: Ints, weight: Floats) -> tuple[int, int]:
    """Return how many beats a bar has, 4 or 3, and how many lie before the first bar line, fewer than that.

    beats: (beats,) seconds, at least two; the others describe notes, (notes,): start and length in seconds, pitch,
    weight.
    """
    step = float(np.diff(beats).mean())
    at = _nearest(start, beats)
    on_beat = np.abs(beats[at] - start) < 0.15 * step
    low = 1 + np.maximum(0, pitch.mean() - pitch) / 12
    says = weight * low * np.minimum(length / step, 4.0)
    begins = np.bincount(at[on_beat], says[on_beat], minlength=len(beats))
    mean = {  # by the beats of a bar and those before the first
        (beats_of_bar, phase): begins[phase::beats_of_bar].mean() if phase < len(begins) else 0.0
        for beats_of_bar in (4, 3)
        for phase in range(beats_of_bar)
    }
    return max(mean, key=lambda bars: mean[bars] * (1.0 if bars[0] == 4 else TRIPLE))
