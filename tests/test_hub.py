"""Models on the hub: pushed to and fetched from a stand-in of its HTTP protocol on this machine."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from build import make_song
from fake_hub import TOKEN, Hub, serving
from fakes import small_network
from test_style import BIAS, biases

import ritornello
from ritornello import formats
from ritornello.bundle import Bundle, CorpusFacts, Facts, Origin, load_bundle, save_bundle, save_style
from ritornello.corpus.scan import scan
from ritornello.errors import BundleError, ConfigError, FileError, MissingExtraError
from ritornello.generation import find_bundle, find_initial
from ritornello.hub import check_licence, fetch, metadata, parse_place, push
from ritornello.live.server.catalog import load_catalog
from ritornello.representations import make_representation

pytest.importorskip("huggingface_hub")
pytestmark = pytest.mark.filterwarnings(
    "ignore:Use 'content:DeprecationWarning"
)  # of huggingface_hub's upload


@pytest.fixture(scope="module")
def served() -> Iterator[Hub]:
    with serving(Hub()) as hub:
        yield hub


@pytest.fixture
def hub(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """An empty hub, a cache of its own, and a token."""
    from huggingface_hub import constants

    vars(served).update(vars(Hub(served.url)))
    monkeypatch.setattr(constants, "ENDPOINT", served.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", served.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return served


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models of CC BY music, tune.rit, and of music that says nothing, silent.rit."""
    folder = tmp_path_factory.mktemp("models")
    representation = make_representation("frames", {"steps_per_quarter": 1, "lags": []})
    corpus = CorpusFacts(licence="CC0-1.0, CC-BY-4.0", provenance="Tunes by Ada, CC BY 4.0")
    facts = Facts(
        name="tune", description="Plays tunes.", corpus=corpus, training={"pieces": 12, "notes": 3456},
        held_out={"nats_per_note": 1.234, "bigram_nats_per_note": 4.5, "accuracy": 0.71, "pieces": 3},
    )  # fmt: skip
    save_bundle(folder / "tune.rit", small_network(representation), representation, facts)
    save_bundle(folder / "silent.rit", small_network(representation), representation, Facts(name="silent"))
    return folder


# --- fetching ---


def test_what_is_pushed_is_loaded(hub: Hub, folder: Path) -> None:
    url = push(folder / "tune.rit", "hf://ada/tune")
    assert url.startswith(f"{hub.url}/ada/tune/commit/")
    assert hub.files("ada/tune")["tune.rit"] == (folder / "tune.rit").read_bytes()
    loaded = ritornello.load("hf://ada/tune")
    assert loaded.bundle.digest == load_bundle(folder / "tune.rit").digest
    assert (
        loaded.compose(bars=2, seed=1).score
        == ritornello.load(folder / "tune.rit").compose(bars=2, seed=1).score
    )


def test_it_is_named_wherever_a_model_is(hub: Hub, folder: Path) -> None:
    hub.add("ada/tune", {"tune.rit": (folder / "tune.rit").read_bytes()})
    path = fetch("hf://ada/tune")
    assert find_initial("hf://ada/tune") == path
    assert [entry.name for entry in load_catalog(["hf://ada/tune", str(folder / "silent.rit")])] == [
        "tune",
        "silent",
    ]


def test_a_folder_of_music_on_the_hub_is_read(hub: Hub, tmp_path: Path) -> None:
    formats.write(make_song(), tmp_path / "one.mid")
    song = (tmp_path / "one.mid").read_bytes()
    hub.add("datasets/ada/songs", {"below/one.mid": song, "README.md": b"#"}, lfs=False)
    assert [report.path.name for report in scan(["hf://datasets/ada/songs"]).used] == ["one.mid"]


def test_only_the_model_is_fetched(hub: Hub, folder: Path) -> None:
    """What else is there, a pickle among it, is not even asked for."""
    data = (folder / "tune.rit").read_bytes()
    hub.add(
        "ada/tune",
        {"tune.rit": data, "older/tune.rit": data, "model.pkl": pickle.dumps(print), "README.md": b"#"},
    )
    path = fetch("hf://ada/tune")
    assert path.read_bytes() == data
    assert {name for name in hub.requests if "resolve" in name} == {
        "HEAD /ada/tune/resolve/main/tune.rit",
        "GET /ada/tune/resolve/main/tune.rit",
    }


def test_a_revision_is_a_commit_or_a_branch(hub: Hub, folder: Path) -> None:
    first = hub.add("ada/tune", {"a.rit": (folder / "tune.rit").read_bytes()})
    hub.add("ada/tune", {"b.rit": (folder / "silent.rit").read_bytes()})
    assert fetch(f"hf://ada/tune@{first}").name == "a.rit"
    assert fetch("hf://ada/tune@main").name == fetch("hf://ada/tune").name == "b.rit"
    with pytest.raises(FileError, match=r"hf://ada/tune@none: the model has no revision 'none'"):
        fetch("hf://ada/tune@none")


def test_of_several_models_one_is_named(hub: Hub, folder: Path) -> None:
    data = (folder / "tune.rit").read_bytes()
    hub.add("ada/tunes", {"a.rit": data, "b.rit": data + b"", "notes.txt": b"!"})
    with pytest.raises(
        FileError, match=r"several models are there, a.rit, b.rit; name one, such as hf://ada/tunes/a.rit"
    ):
        fetch("hf://ada/tunes")
    assert fetch("hf://ada/tunes/b.rit").name == "b.rit"
    with pytest.raises(FileError, match=r"no c.rit is there; there are a.rit, b.rit"):
        fetch("hf://ada/tunes/c.rit")


@pytest.mark.parametrize("lfs", [True, False])
def test_a_file_that_is_not_what_the_hub_states_is_refused_and_not_kept(
    hub: Hub, folder: Path, tmp_path: Path, lfs: bool
) -> None:
    data = (folder / "tune.rit").read_bytes()
    hub.add("ada/tune", {"tune.rit": data}, lfs)
    hub.sent = lambda data: data[:-1] + b"!"
    digest = hashlib.sha256(data).hexdigest()
    with pytest.raises(FileError, match=digest if lfs else "is not what the hub states"):
        fetch("hf://ada/tune")
    assert not list((tmp_path / "cache").rglob("*.rit"))
    hub.sent = lambda data: data
    assert fetch("hf://ada/tune").read_bytes() == data


def test_too_large_a_file_is_not_fetched(hub: Hub, folder: Path) -> None:
    hub.add("ada/tune", {"tune.rit": (folder / "tune.rit").read_bytes()})
    hub.stated_size = 3 << 30
    with pytest.raises(FileError, match=r"tune.rit has 3221225472 bytes; allowed are 2"):
        fetch("hf://ada/tune")
    assert not [name for name in hub.requests if "resolve" in name]


def test_what_is_no_bundle_is_refused_by_the_loader(hub: Hub) -> None:
    hub.add("ada/bad", {"bad.rit": pickle.dumps(print)})
    with pytest.raises(BundleError, match="not a bundle"):
        ritornello.load("hf://ada/bad")


def test_without_a_connection_the_cache_is_used(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    hub.add("ada/tune", {"tune.rit": (folder / "tune.rit").read_bytes()})
    path = fetch("hf://ada/tune")
    hub.down = True
    assert fetch("hf://ada/tune") == path
    with pytest.raises(
        FileError, match="hf://ada/other: the hub cannot be reached, and no copy of the model is here"
    ):
        fetch("hf://ada/other")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    requests = len(hub.requests)
    assert fetch("hf://ada/tune") == path
    assert len(hub.requests) == requests


def test_without_a_network_the_cache_is_used(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    hub.add("ada/tune", {"tune.rit": (folder / "tune.rit").read_bytes()})
    path = fetch("hf://ada/tune")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    assert fetch("hf://ada/tune") == path


def test_what_is_not_there_is_one_line(hub: Hub) -> None:
    with pytest.raises(FileError, match="hf://ada/none: no such model is on the hub") as caught:
        fetch("hf://ada/none")
    assert "\n" not in str(caught.value)
    hub.add("ada/empty", {"README.md": b"#"})
    with pytest.raises(FileError, match=r"hf://ada/empty: no .rit file is there$"):
        fetch("hf://ada/empty")


@pytest.mark.parametrize(
    "address", ["hf://ada", "hf://ada/tune/x.bin", "hf://datasets/ada/tunes", "hf://a/b@", "hf:///a/b"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="no model on the hub: allowed are hf://user/model"):
        find_bundle(address)


def test_the_parts_of_an_address() -> None:
    assert parse_place("hf://a-b/c.d@refs%2Fpr%2F1/my tune.rit") == ("a-b/c.d", "refs/pr/1", "my tune.rit")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"ritornello\[hub\]"):
        fetch("hf://ada/tune")


# --- pushing ---


def test_the_card_is_the_model_card(hub: Hub, folder: Path) -> None:
    push(folder / "tune.rit", "hf://ada/tune", message="first")
    text = hub.files("ada/tune")["README.md"].decode()
    head = yaml.safe_load(text.split("---")[1])
    assert head["license"] == ["cc0-1.0", "cc-by-4.0"]
    assert head["library_name"] == "ritornello"
    assert {"music", "midi", "symbolic-music"} <= set(head["tags"])
    for said in (
        "Plays tunes.", "12 pieces with 3,456 notes.", "Tunes by Ada, CC BY 4.0", "| 3 | 1.23 | 4.50 | 71% |",
        'ritornello.load("hf://ada/tune")', load_bundle(folder / "tune.rit").digest,
    ):  # fmt: skip
        assert said in text
    assert hub.repositories["ada/tune"].messages[-1] == "first"
    assert not hub.repositories["ada/tune"].private


def test_a_model_is_replaced_only_by_force(hub: Hub, folder: Path, tmp_path: Path) -> None:
    push(folder / "tune.rit", "hf://ada/tune")
    shutil.copy(folder / "tune.rit", tmp_path / "again.rit")
    with pytest.raises(ConfigError, match=r"hf://ada/tune has README.md and tune.rit already; --force"):
        push(tmp_path / "again.rit", "hf://ada/tune")
    push(tmp_path / "again.rit", "hf://ada/tune", force=True)
    assert set(hub.files("ada/tune")) == {".gitattributes", "README.md", "again.rit"}


def test_a_branch_is_made(hub: Hub, folder: Path) -> None:
    push(folder / "tune.rit", "hf://ada/tune@try", private=True)
    assert "tune.rit" not in hub.files("ada/tune")
    assert fetch("hf://ada/tune@try").name == "tune.rit"
    assert hub.repositories["ada/tune"].private


def test_what_is_to_be_private_is_not_published(hub: Hub, folder: Path) -> None:
    hub.add("ada/open", {".gitattributes": b""})
    with pytest.raises(ConfigError, match="hf://ada/open is public already"):
        push(folder / "tune.rit", "hf://ada/open", private=True)
    assert "tune.rit" not in hub.files("ada/open")


def test_without_a_licence_a_model_is_not_pushed(hub: Hub, folder: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"the licence of the music of silent is not stated, so .*--licence cc-by-4.0"
    ):
        push(folder / "silent.rit", "hf://ada/silent")
    assert not hub.repositories
    push(folder / "silent.rit", "hf://ada/silent", "CC BY 4.0")
    text = hub.files("ada/silent")["README.md"].decode()
    assert yaml.safe_load(text.split("---")[1])["license"] == "cc-by-4.0"
    assert "Published under the licence CC BY 4.0." in text
    assert "Licence of the music: not stated." in text


def with_licences(*licences: str) -> Bundle:
    """Return a model of music with the first licence, that began from one with the next, and so on."""
    bundle = load_bundle(find_bundle("songs"))
    first, *others = (CorpusFacts(licence=licence) for licence in licences)
    origins = tuple(Origin(name="older", digest="0" * 16, corpus=each) for each in others)
    return replace(bundle, card=bundle.card.model_copy(update={"corpus": first, "derived_from": origins}))


@pytest.mark.parametrize(
    ("licences", "stated"),
    [
        (["CC0"], "cc0-1.0"),
        (["CC-BY-SA-4.0"], "cc-by-sa-4.0"),
        (["MIT", "MIT, Apache-2.0"], ["mit", "apache-2.0"]),
        (["public domain or CC BY 2.5 to 4.0 by the piece"], "public-domain-cc-by-2.5-to-4.0"),
        (["CC BY-NC 4.0 International"], "cc-by-nc-4.0"),
    ],
)
def test_licences_that_allow_it(licences: list[str], stated: str | list[str]) -> None:
    bundle = with_licences(*licences)
    check_licence(bundle)
    named = metadata(bundle)
    assert stated in (named["license"], named.get("license_name"))


@pytest.mark.parametrize(
    "licences",
    [
        ["CC-BY-ND-4.0"],
        ["CC BY-NC-ND 4.0"],
        ["all rights reserved"],
        ["CC0, and some of my own"],
        ["not CC0"],
        ["CC0", "unknown"],
        ["CC0", ""],
        ["none stated for the arrays; the tunes are folk tunes"],
    ],
)
def test_licences_that_do_not(licences: list[str]) -> None:
    with pytest.raises(ConfigError, match="--licence"):
        check_licence(with_licences(*licences))


def test_a_style_says_whose_it_is(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = load_bundle(folder / "tune.rit")
    save_style(
        folder / "mine.rit", base, {BIAS: biases(base, 3.0)}, Facts(name="mine", corpus=base.card.corpus)
    )
    push(folder / "mine.rit", "hf://ada/mine")
    text = hub.files("ada/mine")["README.md"].decode()
    assert f"This is a style, some kilobytes that change the model `tune.rit`, digest {base.digest}" in text
    assert "which does not come with Ritornello" in text
    with pytest.raises(
        BundleError, match=r"a style of the model tune.rit, digest .*, which is neither shipped"
    ):
        ritornello.load("hf://ada/mine")
    monkeypatch.setattr("ritornello.bundle.style.BUNDLES", folder)
    assert ritornello.load("hf://ada/mine").bundle.base == "tune.rit"


def test_a_stranger_is_refused_in_one_line(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_another")
    with pytest.raises(
        FileError, match=r"hf://ada/tune: Invalid username or password.*hf auth login"
    ) as caught:
        push(folder / "tune.rit", "hf://ada/tune")
    assert "\n" not in str(caught.value)


# --- the command line ---


def run(hub: Hub, cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        [sys.executable, "-m", "ritornello", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=cache,
    )


def test_from_the_command_line(hub: Hub, folder: Path, tmp_path: Path) -> None:
    pushed = run(hub, tmp_path, "push", str(folder / "tune.rit"), "hf://ada/tune")
    assert pushed.returncode == 0, pushed.stderr
    assert f"{hub.url}/ada/tune/commit/" in pushed.stdout
    composed = run(hub, tmp_path, "compose", "hf://ada/tune", "--bars", "2", "-o", "new.mid")
    assert composed.returncode == 0, composed.stderr
    assert (tmp_path / "new.mid").exists()
    refused = run(hub, tmp_path, "push", str(folder / "silent.rit"), "hf://ada/silent")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    out = run(hub, tmp_path, "train", "-o", "hf://ada/trained")
    assert (out.returncode, out.stderr) == (
        2,
        "ritornello: hf://ada/trained: write a file, and publish it with `ritornello push`\n",
    )
