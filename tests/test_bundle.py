"""Bundles: what is loaded is what was saved, and nothing damaged gets through."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import StepRepresentation, small_network
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from ritornello.bundle import (
    Bundle,
    Facts,
    Sampling,
    bundle_summary,
    load_bundle,
    load_network,
    save_bundle,
    set_sampling,
)
from ritornello.bundle.archive import CARD, MEMBERS, STEP, WEIGHTS
from ritornello.data import BUNDLES
from ritornello.errors import BundleError, ConfigError, FileError
from ritornello.representations import REPRESENTATIONS

FACTS = Facts(name="tiny", description="for tests", held_out={"nats_per_note": 4.5}, created="2026-01-02")


@pytest.fixture(autouse=True)
def _known_representation(monkeypatch):
    monkeypatch.setitem(REPRESENTATIONS, "steps", StepRepresentation)


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> bytes:
    """The bytes of a sound bundle."""
    path = tmp_path_factory.mktemp("bundle") / "sound.rit"
    save_bundle(path, small_network(StepRepresentation()), StepRepresentation(), FACTS)
    return path.read_bytes()


def saved(path, precision="float32", **config) -> tuple[torch.nn.Module, Bundle]:
    network = small_network(StepRepresentation(), **config)
    save_bundle(path, network, StepRepresentation(), FACTS, precision)
    return network, load_bundle(path)


def logits(network, time=9) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    sizes = [column.size for column in StepRepresentation.columns]
    columns = torch.stack([torch.randint(size, (2, time), generator=generator) for size in sizes], dim=-1)
    return network(columns, network.initial_state(2))[0]


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, members: dict[str, bytes], compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("config", [{"tied": True}, {"tied": False, "layers": 1}, {"layers": 3}])
def test_loaded_network_gives_the_saved_logits_exactly(tmp_path, config):
    network, bundle = saved(tmp_path / "a.rit", **config)
    assert torch.equal(logits(load_network(bundle).eval()), logits(network))


def test_half_precision_gives_the_logits_of_the_rounded_weights(tmp_path):
    network, bundle = saved(tmp_path / "a.rit", "float16")
    assert not torch.equal(logits(load_network(bundle).eval()), logits(network))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())
    assert torch.equal(logits(load_network(bundle).eval()), logits(network))


def test_saving_leaves_the_network_as_it_is(tmp_path):
    network = small_network(StepRepresentation()).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    save_bundle(tmp_path / "a.rit", network, StepRepresentation(), FACTS, "float16")
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_card_says_what_was_saved(tmp_path):
    _, bundle = saved(tmp_path / "a.rit", tied=False)
    card = bundle.card
    assert (card.name, card.held_out, card.created) == ("tiny", {"nats_per_note": 4.5}, "2026-01-02")
    assert (card.representation.name, card.network.name) == ("steps", "lstm")
    assert card.network.config["hidden"] == 8
    assert card.column_sizes == (9, 4)
    assert card.training_only == ("network.bias",)  # empty unless tied
    assert isinstance(bundle.representation, StepRepresentation)
    summary = json.loads(json.dumps(bundle_summary(bundle)))
    assert summary["parameters"] == sum(p.numel() for p in load_network(bundle).parameters())
    assert summary["digest"] == bundle.digest


def test_the_same_model_gives_the_same_bytes(tmp_path):
    _, first = saved(tmp_path / "a.rit")
    _, second = saved(tmp_path / "b.rit")
    _, other = saved(tmp_path / "c.rit", seed=2)
    assert (tmp_path / "a.rit").read_bytes() == (tmp_path / "b.rit").read_bytes()
    assert first.digest == second.digest != other.digest


def test_every_weight_is_in_the_file_once(tmp_path):
    network = small_network(StepRepresentation(), hidden=96)
    save_bundle(tmp_path / "a.rit", network, StepRepresentation(), FACTS, "float16")
    numbers = sum(parameter.numel() for parameter in network.parameters())
    assert (tmp_path / "a.rit").stat().st_size < 2 * numbers + 12_000


def test_the_graph_tells_nothing_of_the_machine_it_was_made_on(sound):
    step = members_of(sound)[STEP]
    assert b".py" not in step  # no traces of source files
    assert str(Path.cwd()).encode() not in step


def test_loading_and_stepping_need_no_torch(tmp_path, sound):
    path = tmp_path / "a.rit"
    path.write_bytes(sound)
    code = (
        "import sys; from ritornello.bundle import load_bundle; from ritornello.generation.stepper import Stepper;"
        "stepper = Stepper(load_bundle(sys.argv[1])); stepper.step([[0, 0]], stepper.initial_state(1));"
        "assert 'torch' not in sys.modules and 'onnx' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


# --- what is refused ---------------------------------------------------------------------------------------------


def test_no_file_and_an_empty_file_are_refused(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        load_bundle(tmp_path / "none.rit")
    (tmp_path / "empty.rit").touch()
    with pytest.raises(FileError, match="empty"):
        load_bundle(tmp_path / "empty.rit")


def test_what_is_no_zip_file_is_refused(tmp_path):
    (tmp_path / "a.rit").write_bytes(b"MThd" + bytes(100))
    with pytest.raises(BundleError, match=r"a\.rit: not a bundle"):
        load_bundle(tmp_path / "a.rit")


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_truncated_bundles_are_refused(tmp_path, sound, data):
    path = tmp_path / "cut.rit"
    path.write_bytes(sound[: data.draw(st.integers(1, len(sound) - 1))])
    with pytest.raises(BundleError, match=r"cut\.rit: "):
        load_bundle(path)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_byte_is_refused_or_without_effect(tmp_path, sound, data):
    damaged = bytearray(sound)
    damaged[data.draw(st.integers(0, len(sound) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "flip.rit"
    path.write_bytes(damaged)
    try:
        bundle = load_bundle(path)
    except BundleError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert members_of(sound)[STEP] == bundle.step
        assert bundle.card.name == "tiny"


def test_missing_and_surplus_members_are_refused(tmp_path, sound):
    for name in MEMBERS:
        rest = {other: data for other, data in members_of(sound).items() if other != name}
        with pytest.raises(BundleError, match="not a bundle: it holds"):
            load_bundle(rewrite(tmp_path / "a.rit", rest))
    with pytest.raises(BundleError, match=r"code\.py"):
        load_bundle(rewrite(tmp_path / "a.rit", members_of(sound) | {"code.py": b"1"}))


def test_a_zip_bomb_is_refused_unread(tmp_path, sound):
    bomb = members_of(sound) | {WEIGHTS: bytes(50_000_000)}
    with pytest.raises(BundleError, match="compressed"):
        load_bundle(rewrite(tmp_path / "a.rit", bomb, zipfile.ZIP_DEFLATED))
    bomb = members_of(sound) | {CARD: b" " * (MEMBERS[CARD] + 1)}
    with pytest.raises(BundleError, match=r"card\.json has .* allowed are"):
        load_bundle(rewrite(tmp_path / "a.rit", bomb))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 3}, "bundle version 3; this ritornello .* reads 1 and 2"),
        ({"format": "else"}, "not the card of a bundle"),
        ({"surprise": 1}, "surprise"),
        ({"precision": "int4"}, "precision"),
        ({"column_sizes": []}, "column_sizes"),
    ],
)
def test_cards_of_other_versions_and_with_unknown_keys_are_refused(tmp_path, sound, change, message):
    members = members_of(sound)
    members[CARD] = json.dumps(json.loads(members[CARD]) | change).encode()
    with pytest.raises(BundleError, match=message):
        load_bundle(rewrite(tmp_path / "a.rit", members))


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        ({"warmth": 1}, "sampling.warmth: there is no such setting"),
        ({"temperature": 11}, "sampling.temperature: must be at most 10"),
        ({"temperature": float("nan")}, "sampling.temperature: must be"),
        ({"top_p": 0}, "sampling.top_p: must be above 0"),
        ({"top_k": 2.5}, "sampling.top_k: "),
        ({"cadence": 0.5}, "sampling.cadence: must be true or false"),
        ([1], "sampling: "),
    ],
)
def test_sampling_settings_of_a_card_are_checked(tmp_path, sound, sampling, message):
    members = members_of(sound)
    members[CARD] = json.dumps(json.loads(members[CARD]) | {"sampling": sampling}).encode()
    path = rewrite(tmp_path / "a.rit", members)
    with pytest.raises(BundleError) as refused:
        load_bundle(path)
    assert str(refused.value).startswith(f"{path}: card.json: {message}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("shipped", sorted(BUNDLES.glob("*.rit")), ids=lambda path: path.stem)
def test_sampling_settings_of_shipped_cards_are_written_as_they_were_read(tmp_path, shipped):
    path = tmp_path / shipped.name
    path.write_bytes(shipped.read_bytes())
    set_sampling(path, load_bundle(shipped).card.sampling)
    before, after = (json.loads(members_of(file.read_bytes())[CARD])["sampling"] for file in (shipped, path))
    assert after == before
    assert load_bundle(path).card.sampling == load_bundle(shipped).card.sampling


def test_sampling_settings_have_the_limits_of_those_they_are_defaults_for():
    from ritornello.generation.config import ComposeConfig

    for name, field in Sampling.model_fields.items():
        setting = ComposeConfig.model_fields[name]
        assert field.metadata == setting.metadata
        assert field.annotation == setting.annotation | None


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_cards_that_are_no_json_object_are_refused(tmp_path, sound, text):
    with pytest.raises(BundleError, match=r"card\.json"):
        load_bundle(rewrite(tmp_path / "a.rit", members_of(sound) | {CARD: text}))


def test_unknown_parts_are_refused(tmp_path, sound):
    members = members_of(sound)
    card = json.loads(members[CARD])
    card["representation"]["name"], card["network"]["name"] = "stepz", "lstn"
    members[CARD] = json.dumps(card).encode()
    bundle = load_bundle(rewrite(tmp_path / "a.rit", members))
    with pytest.raises(BundleError, match="unknown representation 'stepz', nearest is 'steps'"):
        _ = bundle.representation
    with pytest.raises(BundleError, match="unknown network 'lstn'"):
        load_network(bundle)


def changed_weights(sound: bytes, **changes: np.ndarray | None) -> dict[str, bytes]:
    members = members_of(sound)
    weights = load(members[WEIGHTS]) | {f"network.{name}": array for name, array in changes.items()}
    return members | {WEIGHTS: save({name: array for name, array in weights.items() if array is not None})}


def test_damaged_weights_are_refused(tmp_path, sound):
    with pytest.raises(BundleError, match="safetensors is damaged"):
        load_bundle(rewrite(tmp_path / "a.rit", members_of(sound) | {WEIGHTS: bytes(100)}))
    poisoned = changed_weights(sound, bias=np.full(9, np.nan, dtype=np.float32))
    with pytest.raises(BundleError, match=r"network\.bias has values that are not finite"):
        load_bundle(rewrite(tmp_path / "a.rit", poisoned))


@pytest.mark.parametrize("bias", [np.zeros(8, dtype=np.float32), None])
def test_weights_that_do_not_fit_are_refused(tmp_path, sound, bias):
    from ritornello.generation.stepper import Stepper

    bundle = load_bundle(rewrite(tmp_path / "a.rit", changed_weights(sound, bias=bias)))
    with pytest.raises(BundleError, match="do not fit"):
        load_network(bundle)
    with pytest.raises(BundleError, match="cannot be built"):
        Stepper(bundle)


def test_a_graph_that_is_none_is_refused(tmp_path, sound):
    from ritornello.generation.stepper import Stepper

    bundle = load_bundle(rewrite(tmp_path / "a.rit", members_of(sound) | {STEP: b"no graph"}))
    with pytest.raises(BundleError, match="cannot be built"):
        Stepper(bundle)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_weights_that_are_not_finite_are_not_saved(tmp_path, precision):
    network = small_network(StepRepresentation())
    with torch.no_grad():
        network.project.bias[0] = 1e5 if precision == "float16" else float("nan")
    with pytest.raises(ConfigError, match=r"project\.bias has values that are not finite"):
        save_bundle(tmp_path / "a.rit", network, StepRepresentation(), FACTS, precision)
    assert list(tmp_path.iterdir()) == []


def test_a_network_of_no_table_is_not_saved(tmp_path):
    from ritornello.networks.lstm import Lstm

    class Other(Lstm):
        pass

    sizes = tuple(column.size for column in StepRepresentation.columns)
    network = Other(small_network(StepRepresentation()).config, sizes)
    with pytest.raises(ConfigError, match="Other is not in the table of networks"):
        save_bundle(tmp_path / "a.rit", network, StepRepresentation(), FACTS)
