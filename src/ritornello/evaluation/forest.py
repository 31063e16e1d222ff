"""A small classifier: a forest of extremely randomised trees (Geurts, Ernst and Wehenkel 2006), grown all at once.

At each node so many columns are drawn as is the root of their number, rounded up, and in each a threshold between the
least and the greatest value there; the split of least Gini impurity is taken. Trees grow until their leaves are pure.
All nodes of one depth of all trees are split together, by whole arrays, so that a forest on some hundred pieces takes
hundredths of a second. The rows to judge go down the trees beside those that are learned from, without a weight.
"""

from __future__ import annotations

import numpy as np

from ritornello.arrays import Floats, Mask, run_edges

TREES = 100


def forest_scores(rows: Floats, is_second: Mask, judged: Mask, random: np.random.Generator) -> Floats:
    """Return the probability that each of the judged rows is of the second class, (judged,), by trees grown from the
    other rows.

    rows: finite numbers, (row, column); is_second, judged: (row,). Of the judged rows the class is not looked at.
    """
    weights = (~judged).astype(float)
    wanted = weights * is_second
    scores = np.zeros(len(rows))
    draws = int(np.ceil(np.sqrt(rows.shape[1])))
    node, row = np.repeat(np.arange(TREES), len(rows)), np.tile(np.arange(len(rows)), TREES)
    while len(node):
        first = run_edges(node)[:-1]
        node = np.repeat(
            np.arange(len(first)), np.diff(first, append=len(node))
        )  # those that are left, from 0
        count, of_second = (np.add.reduceat(each[row], first) for each in (weights, wanted))
        column = random.integers(0, rows.shape[1], (draws, len(first)))
        values, learned = rows[row, column[:, node]], ~judged[row]
        least = np.minimum.reduceat(np.where(learned, values, np.inf), first, axis=1)
        most = np.maximum.reduceat(np.where(learned, values, -np.inf), first, axis=1)
        threshold = least + (most - least) * random.random((draws, len(first)))
        above = values > threshold[:, node]
        right, right_second = (
            np.add.reduceat(above * each[row], first, axis=1) for each in (weights, wanted)
        )
        loss = _impurity(right, right_second) + _impurity(count - right, of_second - right_second)
        loss = np.where((right == 0) | (right == count), np.inf, loss)
        best = loss.argmin(axis=0)
        is_leaf = (of_second == 0) | (of_second == count) | np.isinf(loss.min(axis=0))
        at_leaf = is_leaf[node] & ~learned
        np.add.at(scores, row[at_leaf], (of_second / count)[node[at_leaf]])
        goes_on = ~is_leaf[node]
        child = (2 * node + above[best[node], np.arange(len(node))])[goes_on]
        order = np.argsort(child, kind="stable")
        node, row = child[order], row[goes_on][order]
    return scores[judged] / TREES


def _impurity(count: Floats, of_second: Floats) -> Floats:
    """Return the Gini impurity of rows of two classes, times half their number."""
    return np.asarray(of_second * (count - of_second) / np.maximum(count, 1))
