"""`note_classifier`: the sizes of system E's networks, what they compute, and the presets that use them."""

from __future__ import annotations

import pytest
import torch
from test_batches import make_piece

from ritornello import formats
from ritornello.bundle import load_bundle
from ritornello.errors import ConfigError
from ritornello.generation import Model
from ritornello.networks import count_parameters, make_network
from ritornello.networks.note_classifier import BatchNorm, LstmLayer, NoteClassifier
from ritornello.presets import make_config
from ritornello.training.run import prepare

CLASSES = 352  # those of the article
ARTICLE = {"input": "scalar", "widths": [256, 512, 256]}
LATER = {"input": "scalar", "recurrent_dropout": 0.3, "norm": True, "activation": "relu"}


@pytest.mark.parametrize(
    ("config", "learned", "with_statistics"),
    [
        (ARTICLE, 2_782_816, 2_782_816),
        ({"input": "scalar"}, 5_472_864, 5_472_864),
        (LATER, 5_474_400, 5_475_936),
    ],
    ids=["article, training", "article, generation", "repository, 2019"],
)
def test_the_networks_have_the_sizes_of_the_source(config, learned, with_statistics) -> None:
    network = make_network("note_classifier", config, (CLASSES,))
    assert count_parameters(network) == learned
    assert learned + sum(buffer.numel() for buffer in network.buffers()) == with_statistics


def test_the_presets_make_these_networks() -> None:
    for preset, expected in (("note_classifier", ARTICLE), ("note_classifier_2019", LATER)):
        assert make_config(preset, {}, faithful=True).network_options == expected


def test_a_scalar_input_is_the_index_divided_by_the_classes() -> None:
    network = make_network("note_classifier", {"input": "scalar", "widths": [3]}, (8, 5))
    assert isinstance(network, NoteClassifier)
    read = network._read(torch.tensor([[[2, 1], [4, 0]]]))
    assert read.tolist() == [[[0.25], [0.5]]]
    assert network.config.embedding == 0


def test_recurrent_dropout_of_nothing_changes_nothing() -> None:
    torch.manual_seed(0)
    layer = LstmLayer(3, 5, 0.5).train()
    x, h, c = torch.randn(2, 7, 3), torch.randn(2, 5), torch.randn(2, 5)
    dropped = layer(x, h, c)[0]
    layer.recurrent_dropout = 1e-12
    loop = layer(x, h, c)
    layer.eval()
    for a, b in zip(loop, layer(x, h, c), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    assert not torch.allclose(dropped, loop[0], atol=1e-3)


def test_batch_norm_is_that_of_keras() -> None:
    norm, x = BatchNorm(4), 3 * torch.randn(8, 5, 4) + 2
    y = norm.train()(x)
    assert torch.allclose(y.mean((0, 1)), torch.zeros(4), atol=1e-5)
    assert torch.allclose(norm.mean, 0.01 * x.mean((0, 1)), atol=1e-6)  # momentum 0.99, from 0
    assert torch.allclose(norm.variance, 0.99 + 0.01 * x.var((0, 1), correction=0), atol=1e-5)
    expected = (x - norm.mean) / (norm.variance + 0.001).sqrt()
    assert torch.allclose(norm.eval()(x), expected, atol=1e-5)


@pytest.mark.parametrize("config", [{"widths": [0]}, {"embedding": 0}, {"input": "word"}, {"dense": -1}])
def test_sizes_that_are_not_allowed(config) -> None:
    with pytest.raises(ConfigError, match="network note_classifier"):
        make_network("note_classifier", config, (8,))


@pytest.mark.parametrize(
    ("preset", "faithful", "options"),
    [
        ("note_classifier", False, {"hidden": 8, "layers": 1, "representation_options": {"durations": True}}),
        (
            "note_classifier",
            True,
            {"network_options": {"input": "scalar", "widths": [6, 8, 6], "dense": 5}},
        ),
        ("note_classifier_2019", True, {"network_options": {**LATER, "widths": [6, 8], "dense": 5}}),
    ],
)
def test_from_files_to_music(preset, faithful, options, tmp_path) -> None:
    for number in range(4):
        formats.write(make_piece(number), tmp_path / f"piece-{number}.mid")
    config = make_config(
        preset, {"steps": 3, "batch": 3, "window": 16, "evaluations": 1, "samples": 0, **options}, faithful
    )
    run = prepare([tmp_path], tmp_path / "model.rit", config)
    list(run.steps())
    bundle = load_bundle(tmp_path / "model.rit")
    piece = Model(bundle).compose(bars=4, seed=1)
    assert piece.score.note_count > 0
    assert 3 <= piece.bars <= 4
    assert Model(bundle).compose(primer=make_piece(1), bars=12, seed=1).bars <= 12
