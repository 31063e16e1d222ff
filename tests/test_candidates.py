"""Candidates: what the past shows of what comes next, and what a network makes of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ritornello.errors import ConfigError
from ritornello.networks import make_network
from ritornello.representations import make_representation
from ritornello.representations.base import candidate_columns
from ritornello.representations.columns.repeats import REACH, Repeats
from ritornello.representations.columns.transposed_repeats import TransposedRepeats
from ritornello.representations.tokens import block, build_tokens
from ritornello.runs import RollingHash, prefix_sums, run_hashes

ORDERS = (1, 2, 4)


def found_by_hand(ids: list[int], order: int, at: int) -> int:
    """Return 1 + what followed the latest earlier occurrence of the `order` ids up to `at`, or 0."""
    run = ids[at - order + 1 : at + 1]
    for end in range(at - 1, order - 2, -1):
        if len(run) == order and at - end <= REACH and ids[end - order + 1 : end + 1] == run:
            return ids[end + 1] + 1
    return 0


@given(st.lists(st.integers(0, 3), max_size=40))
def test_a_repeat_is_what_followed_the_last_time(ids: list[int]) -> None:
    expected = [[found_by_hand(ids, order, at) for at in range(len(ids))] for order in ORDERS]
    assert Repeats(ORDERS).at_once(np.array(ids, dtype=np.int64)).tolist() == expected


def test_what_is_too_long_ago_is_forgotten_both_ways() -> None:
    for between, is_known in ((REACH - 2, True), (REACH - 1, False)):
        ids = np.array([7, 8, *range(100, 100 + between), 7], dtype=np.int64)
        repeats = Repeats((1,))
        for token in ids.tolist():
            repeats.advance(token)
        assert bool(repeats.at_once(ids)[0, -1]) == bool(repeats.values[0]) == is_known


FIRST_NOTE = 2
TOKENS = build_tokens(
    block("end"),
    block("other"),
    block("note", 128, voice=0, pitch=np.arange(128), notes=1, series=0),
)


def test_what_returns_in_another_key_is_foreseen_there() -> None:
    tune, end = np.array([60, 64, 67, 65]), 0
    first = [*(FIRST_NOTE + tune).tolist(), end]
    ids = np.array([*first, *(value + 5 if value else end for value in first)])
    assert not Repeats((3,)).at_once(ids).any()
    (found,) = TransposedRepeats((2,), TOKENS).at_once(ids) - 1
    assert found[7:].tolist() == [ids[8], end, ids[8]]  # the rest of the tune; and what came after it
    same = np.array([*first, *first])
    assert np.array_equal(TransposedRepeats((2,), TOKENS).at_once(same), Repeats((2,)).at_once(same))


def test_each_voice_returns_in_its_own_key() -> None:
    two_voices = build_tokens(
        block("shift"),
        block(
            "note",
            40,
            voice=np.repeat([0, 1], 20),
            pitch=60,
            notes=1,
            series=np.repeat([0, 1], 20),
            step=[*range(20)] * 2,
        ),
    )
    high, low = 1, 21  # the lowest ids of the voices
    first = [high + 4, low + 9, 0, high + 6, low + 8, 0]
    ids = np.array([*first, *(token and token + (3 if token < low else 2) for token in first)])
    (found,) = TransposedRepeats((2,), two_voices).at_once(ids) - 1
    assert found[-3:].tolist() == [
        low + 10,
        0,
        -1,
    ]  # what would come next is above all notes so far of its voice


@given(st.lists(st.integers(FIRST_NOTE + 60, FIRST_NOTE + 66), max_size=30), st.integers(-60, 61))
def test_transposed_repeats_move_with_the_piece(ids: list[int], semitones: int) -> None:
    repeats = TransposedRepeats((2,), TOKENS)
    before, after = (repeats.at_once(np.array(ids, dtype=np.int64) + by) for by in (0, semitones))
    assert np.array_equal(before > 0, after > 0)
    assert np.array_equal(after[after > 0], before[before > 0] + semitones)


@given(st.lists(st.integers(0, 1000), min_size=5, max_size=30))
def test_a_rolling_hash_is_the_hash_of_the_last_run(numbers: list[int]) -> None:
    rolling = RollingHash(5)
    for place, number in enumerate(numbers):
        rolling.advance(number, numbers[place - 5] if place >= 5 else None)
    assert rolling.value == run_hashes(prefix_sums(np.array(numbers)), 5)[-1]


def test_multitrack_shows_what_came_a_bar_ago() -> None:
    voice = {"family": 0, "number": 0, "low": 40, "high": 80, "programs": [0]}
    scheme = make_representation("multitrack", {"voices": [voice], "meters": [[4, 4]], "lags": [1]})

    def shift(quarters: int) -> int:
        return scheme.tokens.first["shift"] + 24 * quarters - 1

    def note(pitch: int) -> int:
        (token,) = scheme.tokens.note_ids(0, pitch)
        return token

    first_bar = [note(60), note(64), shift(1), note(62), shift(2), shift(1)]
    ids = [scheme.start_id, *first_bar, note(64), shift(1)]
    (candidate,) = candidate_columns(scheme)
    after = scheme.inputs(np.array(ids))[:, candidate] - 1
    assert after[-4] == -1  # a bar before the end of the third quarter there was no music yet
    assert after[-3] == note(60)  # at the bar line: what the first bar begins with
    assert after[-2] == shift(1)  # after the upper note of the chord nothing is left there but to go on
    assert after[-1] == note(62)


def test_a_candidate_points_to_its_id_and_none_to_nothing() -> None:
    config = {"hidden": 8, "layers": 1, "embedding": 8, "candidates": [1]}
    network = make_network("lstm", config, (6, 7)).eval()
    for layer in network.hinted:
        torch.nn.init.zeros_(layer.weight)  # what is embedded is the same with and without
    torch.nn.init.constant_(network.point[0].bias, 5.0)
    state = network.initial_state(1)
    none, third = (network(torch.tensor([[[2, candidate]]]), state)[0][0, 0] for candidate in (0, 4))
    assert torch.allclose(third - none, torch.tensor([0.0, 0, 0, 5, 0, 0]), atol=1e-6)


def test_only_candidates_that_occur_are_embedded_while_training() -> None:
    config = {"hidden": 8, "layers": 1, "embedding": 8, "dropout": 0.0, "candidates": [1, 3]}
    network = make_network("lstm", config, (30, 31, 4, 31))
    inputs = torch.tensor(
        [[[2, 0, 1, 30], [5, 7, 3, 0], [29, 7, 0, 12]]]
    )  # ids and candidates, the highest ones too
    gradients = []
    for training in (True, False):
        network.train(training).zero_grad()
        logits, _ = network(inputs, network.initial_state(1))
        logits.square().sum().backward()
        gradients.append([p.grad for p in network.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(gradients[1])
    for some, all_of_them in zip(*gradients, strict=True):
        assert torch.allclose(some, all_of_them, atol=1e-6)


@pytest.mark.parametrize("candidates", [[0], [3], [2, 1], [1, 1]])
def test_columns_that_cannot_be_candidates_are_refused(candidates: list[int]) -> None:
    with pytest.raises(ConfigError, match="columns of 7 values"):
        make_network("lstm", {"hidden": 8, "layers": 1, "candidates": candidates}, (6, 7, 7))


@pytest.mark.parametrize("name", ["lstm", "min_gru"])
@pytest.mark.parametrize(("share", "sees"), [(0.0, True), (1.0, False)])
def test_candidates_are_withheld_while_training_and_only_then(name: str, share: float, sees: bool) -> None:
    config = {
        "hidden": 8,
        "layers": 1,
        "embedding": 8,
        "dropout": 0,
        "candidates": [1],
        "candidate_dropout": share,
    }
    network = make_network(name, config, (6, 7))
    with_candidate, without = (torch.tensor([[[2, candidate]] * 3]) for candidate in (4, 0))
    for is_training in (True, False):
        outputs = [
            network.train(is_training)(x, network.initial_state(1))[0] for x in (with_candidate, without)
        ]
        assert torch.equal(*outputs) == (is_training and not sees)
    assert with_candidate[0, 0, 1] == 4  # what was given in is left as it is
