"""What an id of one vocabulary is in another one, and networks whose weights are mapped to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from build import TICKS, make_song

from ritornello.errors import ConfigError
from ritornello.networks import NETWORKS, Network, make_network
from ritornello.networks.mapping import mapped_weights
from ritornello.representations import REPRESENTATIONS, make_representation
from ritornello.representations.base import Representation, candidate_columns
from ritornello.representations.mapping import analogous_tokens, analogous_values
from ritornello.representations.tokens import block, build_tokens
from ritornello.score import Meter, Score, Track, make_notes

SIZES = {"hidden": 8, "layers": 2, "embedding": 6}
DRUMS = 16


def voice(family: int, number: int, low: int, high: int, *programs: int) -> dict[str, object]:
    return {"family": family, "number": number, "low": low, "high": high, "programs": programs}


def multitrack(*voices: dict[str, object], meters: tuple[tuple[int, int], ...] = ((4, 4),)) -> Representation:
    return make_representation("multitrack", {"voices": voices, "meters": meters})


def names(new: Representation, old: Representation, kind: str) -> dict[str, str]:
    """Return the names of the ids of a kind, with those of their analogues."""
    ids = new.analogues(old)
    found = {token: int(ids[token]) for token in range(*new.tokens.slice[kind].indices(len(ids)))}
    return {new.tokens.name(new_id): old.tokens.name(o) if o >= 0 else "" for new_id, o in found.items()}


def test_notes_instruments_and_meters_are_found_by_what_they_mean() -> None:
    base = multitrack(
        voice(0, 0, 40, 80, 0),
        voice(5, 0, 60, 90, 40),
        voice(5, 1, 50, 70, 41, 42),
        voice(DRUMS, 0, 36, 42, 0, 25),
        meters=((4, 4), (3, 4), (6, 8)),
    )
    folder = multitrack(
        voice(4, 0, 38, 41, 33),  # no bass there: the nearest family is that of the strings
        voice(5, 0, 59, 60, 40, 44),
        voice(5, 1, 60, 60, 41),
        voice(5, 2, 60, 60, 42),  # one more than there are
        voice(DRUMS, 0, 38, 38, 24),
        meters=((6, 8), (2, 4), (4, 4), (3, 2)),
    )
    notes = {
        "note 0 38": "note 1 62",
        "note 0 39": "note 1 63",
        "note 0 40": "note 1 64",
        "note 0 41": "note 1 65",
    }
    notes |= {
        "note 1 59": "note 1 71",
        "note 1 60": "note 1 60",
        "note 2 60": "note 2 60",
        "note 3 60": "note 2 60",
    }
    assert names(folder, base, "note") == notes | {"note 4 38": "note 3 38"}
    instruments = {"instrument 0:33": "instrument 1:40", "instrument 1:40": "instrument 1:40"}
    instruments |= {"instrument 1:44": "instrument 1:40", "instrument 2:41": "instrument 2:41"}
    instruments |= {"instrument 3:42": "instrument 2:42", "instrument 4:24": "instrument 3:25"}
    assert names(folder, base, "instrument") == instruments
    meters = {
        "meter 6/8": "meter 6/8",
        "meter 2/4": "meter 3/4",
        "meter 4/4": "meter 4/4",
        "meter 3/2": "meter 4/4",
    }
    assert names(folder, base, "meter") == meters
    assert set(names(folder, base, "shift").items()) == {(n, n) for n in names(base, base, "shift")}


def test_by_default_ids_are_found_by_name_or_else_by_what_they_do() -> None:
    mine = build_tokens(
        block("start"), block("tempo"), block("word", 3, ["c", "q", "z"], pitch=[60, 64, 70], duration=1.0)
    )
    theirs = build_tokens(
        block("word", 4, ["a", "c", "d", "e"], pitch=[50, 60, 66, 66], duration=[1, 1, 4, 2]), block("start")
    )
    assert analogous_tokens(mine, theirs).tolist() == [
        4,
        -1,
        1,
        3,
        3,
    ]  # the nearest pitch, then the nearest duration


def test_drums_are_mapped_to_drums_only() -> None:
    piano, drums = multitrack(voice(0, 0, 60, 61, 0)), multitrack(voice(DRUMS, 0, 60, 61, 0))
    assert set(names(drums, piano, "note").values()) == set(names(piano, drums, "note").values()) == {""}


def piece(*programs: int, meter: tuple[int, int] = (4, 4)) -> Score:
    """Return two bars of a scale in each of the parts."""
    tracks = [
        Track(make_notes([(i * TICKS, TICKS, 60 + part + i, 80) for i in range(8)]), program=program)
        for part, program in enumerate(programs)
    ]
    return Score(TICKS, tracks=tuple(tracks), meters=(Meter(0, *meter),))


def build(representation: Representation, name: str = "lstm", **settings: object) -> Network:
    tokens = representation.tokens
    config = {**SIZES, "features": tokens.features.tolist(), "candidates": candidate_columns(representation)}
    config |= {"lines": tokens.line_table, "intervals": 12, **settings}
    config = {k: v for k, v in config.items() if k in NETWORKS[name].config_model.model_fields}
    return make_network(name, config, tuple(c.size for c in representation.columns)).eval()


@pytest.mark.parametrize(
    "name", ["lstm", "min_gru", "rg_lru", "gate_dropout_lstm", "one_hot_lstm", "note_classifier"]
)
def test_a_piece_that_both_vocabularies_have_gets_the_same_probabilities(name: str) -> None:
    kind = REPRESENTATIONS["multitrack"]
    score = piece(73, 56, meter=(6, 8))
    learned = [piece(0, 41, 73, 56), score, make_song()]
    base = kind.fit([kind.collect_statistics(score) for score in learned], {"repeats": [1, 2], "lags": [1]})
    folder = kind.fit([kind.collect_statistics(score)], base.options())
    columns = analogous_values(folder, base)
    ids, known = folder.inputs(folder.encode(score)), base.inputs(base.encode(score))
    # The base reads the piece as the mapped columns say.
    assert folder.vocabulary_size < base.vocabulary_size
    for values, own, other in zip(columns, ids.T, known.T, strict=True):
        assert np.array_equal(values[own], other)
    torch.manual_seed(0)
    big, small = build(base, name), build(folder, name)
    with torch.no_grad():
        for parameter in big.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    small.load_state_dict(mapped_weights(small, big, columns))
    logits, expected = (
        network(torch.from_numpy(rows)[None].long(), network.initial_state(1))[0]
        for network, rows in ((small, ids), (big, known))
    )
    found, expected = logits.log_softmax(-1), expected[..., columns[0]].log_softmax(-1)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert expected.std() > 0.1


def test_ids_of_which_nothing_is_known_begin_as_the_mean() -> None:
    piano, drums = multitrack(voice(0, 0, 60, 71, 0)), multitrack(voice(DRUMS, 0, 36, 40, 0))
    big, small = build(piano), build(drums)
    mapped = mapped_weights(small, big, analogous_values(drums, piano))
    note = drums.tokens.first["note"]
    table = big.state_dict()["embeddings.0.weight"]
    torch.testing.assert_close(mapped["embeddings.0.weight"][note], table.mean(0))


def test_what_cannot_be_mapped_is_refused() -> None:
    piano, organ = multitrack(voice(0, 0, 60, 61, 0)), multitrack(voice(2, 0, 60, 62, 16))
    columns = analogous_values(organ, piano)
    for name, settings in (
        ("magenta_lstm", {}),
        ("attention_rnn", {}),
        ("note_classifier", {"input": "scalar"}),
    ):
        with pytest.raises(ConfigError, match=f"network {name}: it cannot be mapped to another vocabulary"):
            mapped_weights(build(organ, name, **settings), build(piano, name, **settings), columns)
    other = make_representation("multitrack", {**piano.config(), "key": True})
    with pytest.raises(
        ConfigError, match=r"phrase, duration, velocity: cannot be mapped to multitrack with .* key"
    ):
        analogous_values(piano, other)
