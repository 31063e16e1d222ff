"""How the tempo bends in phrases and before the end, as a tempo map, and swing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ritornello.analysis.beats import find_beats
from ritornello.arrays import Floats, Ints
from ritornello.expression.places import places, within
from ritornello.expression.written import arch
from ritornello.score import Score, Tempo

ARCH = 0.05
"""How much slower a phrase is at its end than at its beginning, as a share of the tempo."""

FINAL_TEMPO, CURVATURE = 0.5, 3
"""The last tempo of the final ritardando as a share of the tempo before, and how late it falls."""

RITARDANDO_BARS = 2
LEAST_BEFORE = 7
"""A ritardando is at most this times shorter than what comes before it."""


def final_ritardando(x: Floats) -> Floats:
    """Return the logarithm of the tempo over that before, at places of the ritardando, 0 to 1.

    v(x) = (1 + (w^q - 1) x)^(1/q), from Friberg and Sundberg, "Does music performance allude to locomotion?" (JASA 105,
    1999): a runner who stops, w the last tempo, q the curvature.
    """
    return np.log(1 + (FINAL_TEMPO**CURVATURE - 1) * np.clip(x, 0, 1)) / CURVATURE


def bent_tempos(score: Score, phrases: Ints, amount: float) -> tuple[Tempo, ...]:
    """Return a tempo a beat, of a piece at one tempo.

    `phrases`: the ticks at which phrases begin, and then that at which the last ends. The final ritardando is over the
    last bars up to the last onset.
    """
    first = score.first_tempo.microseconds_per_quarter
    beats = find_beats(score).edges[:-1]
    last = max(int(track.notes["start"].max(initial=0)) for track in score.tracks)
    edges = score.bars.edges
    last_bar = int(np.searchsorted(edges, last, side="right")) - 1
    begin = max(int(edges[max(0, last_bar - RITARDANDO_BARS)]), last * LEAST_BEFORE // (LEAST_BEFORE + 1))
    ticks = np.unique(beats[beats <= max(last, 0)])
    finer = ticks + np.diff(ticks, append=last) // 2  # where the tempo falls
    ticks = np.unique([*ticks, *finer[ticks >= begin], last])
    bend = ARCH * arch(within(phrases, ticks))
    if last > begin:
        bend += final_ritardando((ticks - begin) / (last - begin))
    values = np.rint(first * np.exp(-amount * bend)).astype(int).tolist()
    return tuple(
        Tempo(tick, value)
        for at, (tick, value) in enumerate(zip(ticks.tolist(), values, strict=True))
        if not at or value != values[at - 1]
    )


def swung(score: Score, share: float, unit: int) -> Callable[[Ints], Ints]:
    """Return what maps ticks to those of a performance in which the first of each two notes of 1/`unit` lasts `share`
    of both.

    Halves of a beat, or of half a beat, move; what lies evenly between them moves with them; triplets, and beats of
    compound meters, stay.
    """

    edges = score.bars.edges

    def move(ticks: Ints) -> Ints:
        place = places(score, ticks, edges)
        pair = 8 / unit  # quarters
        position = (place.phase * place.beat_quarters / pair) % 1
        is_even = np.isclose(np.rint(position * 8), position * 8, atol=1e-3) & ~place.is_compound
        late = np.where(position < 0.5, 2 * position, 2 - 2 * position) * (share - 0.5)
        return ticks + np.where(is_even, np.rint(late * pair * score.ticks_per_quarter), 0).astype(np.int64)

    return move
