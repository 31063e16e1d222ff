"""The best path through states over time: a dynamic programme (Viterbi) with a cost for each change of state."""

from __future__ import annotations

import numpy as np

from ritornello.arrays import Floats, Ints


def best_path(gains: Floats, costs: Floats) -> Ints:
    """Return the states (steps,) with the greatest sum of gains, less the costs of the changes between them.

    gains: (steps, states); costs: (steps,), of a change into each step, whatever the states; the first counts nothing.
    Since a change costs the same from any state, only the best one is ever left: a step takes time in the states, not
    in their square.
    """
    if not len(gains):
        return np.zeros(0, dtype=np.int64)
    totals = gains.copy()
    bests, floors = [0], [0.0]
    kept = np.empty(gains.shape[1])
    row = totals[0]
    for following, cost in zip(totals[1:], costs[1:].tolist(), strict=True):
        best = int(row.argmax())
        floor = row[best] - cost
        np.maximum(row, floor, out=kept)
        following += kept
        bests.append(best)
        floors.append(floor)
        row = following
    changed = totals[:-1] < np.array(floors[1:])[:, None]
    states = np.empty(len(gains), dtype=np.int64)
    state = int(row.argmax())
    for step in range(len(gains) - 1, 0, -1):
        states[step] = state
        if changed[step - 1, state]:
            state = bests[step]
    states[0] = state
    return states
