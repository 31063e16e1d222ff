"""A small untrained model that knows its training music, and a server that offers it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from build import make_song
from fakes import small_network
from service_server import Served, serving

from ritornello.bundle import Facts, save_bundle
from ritornello.originality import build_index
from ritornello.representations.multitrack import Multitrack
from ritornello.service import Service
from ritornello.service.limits import ServiceLimits


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a model with four instruments that learned from one song."""
    path = tmp_path_factory.mktemp("service") / "tiny.rit"
    song = make_song(8)
    representation = Multitrack.fit([Multitrack.collect_statistics(song)])
    facts = Facts(name="tiny", description="noise for four")
    index = build_index([("the song", song)])
    save_bundle(path, small_network(representation), representation, facts, index=index)
    return path


@pytest.fixture(scope="session")
def service(model_file: Path) -> Service:
    return Service([model_file])


@pytest.fixture(scope="session")
def served(service: Service) -> Iterator[Served]:
    """A server for all tests that leave it as it was."""
    limits = ServiceLimits(requests_a_second=1000, request_burst=1000)
    with serving(service, limits=limits) as server:
        yield server
