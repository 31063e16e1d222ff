"""A small untrained model that can be played with, for all tests of live play."""

from __future__ import annotations

from pathlib import Path

import pytest
from build import make_song
from fakes import small_network

from ritornello.bundle import Facts, load_bundle, save_bundle
from ritornello.live.server.catalog import Catalog, ModelEntry
from ritornello.representations.multitrack import Multitrack


@pytest.fixture(scope="session")
def bundle_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a model with four instruments."""
    path = tmp_path_factory.mktemp("live") / "tiny.rit"
    representation = Multitrack.fit([Multitrack.collect_statistics(make_song(8))])
    facts = Facts(name="tiny", description="noise for four")
    save_bundle(path, small_network(representation), representation, facts)
    return path


@pytest.fixture(scope="session")
def catalog(bundle_file: Path) -> Catalog:
    """The model on entry twice, under two names; only the first is loaded."""
    bundle = load_bundle(bundle_file)
    made = Catalog([ModelEntry("tiny", bundle), ModelEntry("other", bundle)])
    made.find(None).load()
    return made
