"""Styles: put on the model that they name, and on no other; refused in one line where that cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import small_network
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ritornello.bundle import Bundle, Facts, bundle_summary, load_bundle, save_bundle, save_style
from ritornello.bundle.archive import CARD, STYLE, pack_weights, unzip_members, zip_members
from ritornello.errors import BundleError, ConfigError
from ritornello.generation import load
from ritornello.representations import make_representation

BIAS = "network.bias"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, base.rit, and a style of it, mine.rit."""
    folder = tmp_path_factory.mktemp("styles")
    representation = make_representation("frames", {"steps_per_quarter": 1, "lags": []})
    save_bundle(folder / "base.rit", small_network(representation), representation, Facts(name="base"))
    base = load_bundle(folder / "base.rit")
    save_style(
        folder / "mine.rit", base, {BIAS: biases(base, 3.0)}, Facts(name="mine", description="of mine")
    )
    return folder


def biases(base: Bundle, value: float) -> Any:
    return np.full_like(base.weights[BIAS], value, dtype=np.float16)


def changed(folder: Path, to: Path, **members: bytes | None) -> Path:
    """Copy the model and its style to `to`, with other members of the style, by the beginnings of their names."""
    shutil.copy(folder / "base.rit", to)
    content = unzip_members(folder / "mine.rit", (folder / "mine.rit").read_bytes())
    new = {name: members.get(name.split(".")[0], data) for name, data in content.items()}
    (to / "mine.rit").write_bytes(zip_members({name: data for name, data in new.items() if data is not None}))
    return to / "mine.rit"


def test_a_style_is_its_model_with_other_weights(folder: Path) -> None:
    base, mine = load_bundle(folder / "base.rit"), load_bundle(folder / "mine.rit")
    assert (mine.card.name, mine.card.description, mine.base) == ("mine", "of mine", "base.rit")
    assert mine.card.network == base.card.network
    assert mine.path == folder / "mine.rit"
    assert mine.size == mine.path.stat().st_size < 4000
    assert mine.digest != base.digest
    assert bundle_summary(mine)["style of"] == "base.rit"
    assert "style of" not in bundle_summary(base)
    assert set(mine.weights[BIAS].tolist()) == {3.0}
    others = [name for name in base.weights if name != BIAS]
    assert all(
        mine.weights[name] is not None and np.array_equal(mine.weights[name], base.weights[name])
        for name in others
    )
    piece = load(folder / "mine.rit").compose(bars=2, seed=1)
    assert piece.model == "mine"
    assert json.loads(piece.score.texts[0].text)["digest"] == mine.digest


def test_a_style_of_a_shipped_model_is_found(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(folder / "mine.rit", tmp_path)
    monkeypatch.setattr("ritornello.bundle.style.BUNDLES", folder)
    assert load_bundle(tmp_path / "mine.rit").base == "base.rit"


def test_a_style_without_its_model_says_which_it_needs(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "mine.rit", tmp_path)
    digest = load_bundle(folder / "base.rit").digest
    with pytest.raises(
        BundleError, match=f"model base.rit, digest {digest}, which is neither shipped nor beside it"
    ):
        load_bundle(tmp_path / "mine.rit")
    shutil.copy(folder / "mine.rit", tmp_path / "base.rit")
    with pytest.raises(BundleError, match=r"another version of it is .*base\.rit"):
        load_bundle(tmp_path / "mine.rit")


def test_a_style_of_a_style_is_refused(folder: Path, tmp_path: Path) -> None:
    mine = load_bundle(folder / "mine.rit")
    with pytest.raises(ConfigError, match=r"itself a style of base\.rit"):
        save_style(tmp_path / "again.rit", mine, {BIAS: biases(mine, 1.0)}, Facts(name="again"))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            {BIAS: np.zeros(3, dtype=np.float16)},
            r"network.bias is float32 of shape \(3,\), in base.rit float32 of shape",
        ),
        ({"network.other": np.zeros(3, dtype=np.float16)}, "in base.rit there is none"),
        ({BIAS: np.full(3, np.nan, dtype=np.float16)}, "not finite"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    folder: Path, tmp_path: Path, weights: dict[str, Any], message: str
) -> None:
    path = changed(folder, tmp_path, style=pack_weights(weights))
    with pytest.raises(BundleError, match=message):
        load_bundle(path)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (b"no json", "is not JSON"),
        (b'{"format": "ritornello bundle"}', "not the card"),
        (b'{"format": "ritornello style", "version": 9}', "bundle version 9"),
        (
            b'{"format": "ritornello style", "version": 1, "name": "x", "base": {"file": "../x.rit", "digest": "0"}}',
            "base.file",
        ),
    ],
)
def test_cards_that_are_none_are_refused(folder: Path, tmp_path: Path, card: bytes, message: str) -> None:
    path = changed(folder, tmp_path, card=card)
    with pytest.raises(BundleError, match=message):
        load_bundle(path)


def test_missing_members_and_large_ones_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(BundleError, match=f"it holds {STYLE}; expected {CARD}"):
        load_bundle(changed(folder, tmp_path / "a", card=None))
    (tmp_path / "b").mkdir()
    with pytest.raises(BundleError, match=r"style\.safetensors has 20000000 bytes, allowed are"):
        load_bundle(changed(folder, tmp_path / "b", style=bytes(20_000_000)))


@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_style_is_refused_or_as_it_was(folder: Path, tmp_path: Path, data: st.DataObject) -> None:
    shutil.copy(folder / "base.rit", tmp_path)
    damaged = bytearray((folder / "mine.rit").read_bytes())
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    (tmp_path / "mine.rit").write_bytes(damaged[: data.draw(st.integers(1, len(damaged)))])
    try:
        bundle = load_bundle(tmp_path / "mine.rit")
    except BundleError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert set(bundle.weights[BIAS].tolist()) == {3.0}
