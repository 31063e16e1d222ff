"""The laws of networks, for every one that is registered."""

from __future__ import annotations

import pytest

from ritornello.errors import ConfigError
from ritornello.networks import NETWORKS, make_network
from ritornello.testing.networks import LAWS, SIZES, make_case

LINES = ((0, 0), (0, 0), *((1, step) for step in range(4)), *((2, step) for step in range(SIZES[0] - 6)))
"""Of each id its line and its step: two ids that are no notes, four of one line, the rest of another."""

CHORDS = {"chord_roots": (-1, 0, 11, 5, -1), "pitch_classes": (-1, *range(11), 0)}

SMALL = {  # a network without a small configuration here fails the laws, on purpose
    "lstm": [
        {"hidden": 8, "layers": 1, "embedding": 8, "tied": False},
        {"hidden": 8, "layers": 2, "embedding": 6, "tied": True, "dropout": 0.5, "candidates": [2]},
        {
            "hidden": 8,
            "layers": 3,
            "embedding": 6,
            "candidates": [2],
            "lines": LINES,
            "intervals": 3,
            "features": LINES,
        },
        {"hidden": 8, "layers": 1, "embedding": 6, "candidates": [2], "chord_column": 1, **CHORDS},
    ],
    "note_classifier": [
        {"hidden": 8, "layers": 1, "input": "scalar", "dense": 0},
        {"hidden": 8, "layers": 2, "embedding": 6, "dense": 5},
        {
            "widths": [6, 9, 7],
            "layers": 3,
            "dense": 5,
            "norm": True,
            "activation": "relu",
            "recurrent_dropout": 0.5,
        },
    ],
    "magenta_lstm": [
        {"hidden": 8, "layers": 1},
        {"hidden": 8, "layers": 2, "given": 2},
    ],
    "attention_rnn": [
        {"hidden": 8, "layers": 1, "attention": 3},
        {"hidden": 8, "layers": 2, "attention": 40, "given": 2},
    ],
    "one_hot_lstm": [
        {"hidden": 8, "layers": 1},
        {"hidden": 8, "layers": 2, "dropout": 0.5},
    ],
    "gate_dropout_lstm": [{"hidden": 8, "layers": 2}, {"hidden": 6, "layers": 4}],
    "min_gru": [
        {"hidden": 8, "layers": 1, "convolution": 1},
        {"hidden": 8, "layers": 2, "embedding": 6, "candidates": [2]},
        {"hidden": 8, "layers": 3, "tied": False, "lines": LINES, "intervals": 24},
    ],
    "rg_lru": [{"hidden": 8, "layers": 1, "tied": False}, {"hidden": 8, "layers": 2, "convolution": 2}],
}

CASES = [(name, config) for name in NETWORKS for config in SMALL[name]]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize(("name", "config"), CASES, ids=[f"{name}-{c['layers']}" for name, c in CASES])
def test_a_network_keeps_the_laws(name, config, law):
    law(make_case(NETWORKS[name], config))


def test_unknown_network_names_the_nearest():
    with pytest.raises(ConfigError, match="nearest is 'lstm'"):
        make_network("lstn", {}, SIZES)
