"""A service that listens, with a small untrained model, for the programs that call it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from build import make_song
from fakes import small_network

from ritornello.bundle import Facts, save_bundle
from ritornello.live.server.address import listen
from ritornello.representations.multitrack import Multitrack
from ritornello.score import Meter
from ritornello.service import Service
from ritornello.service.limits import ServiceLimits
from ritornello.service.server import make_server


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with the model `tiny`."""
    path = tmp_path_factory.mktemp("service") / "tiny.rit"
    songs = [replace(make_song(8), meters=(Meter(0, *each),)) for each in ((4, 4), (3, 4), (2, 4), (6, 8))]
    representation = Multitrack.fit([Multitrack.collect_statistics(song) for song in songs])
    save_bundle(path, small_network(representation), representation, Facts(name="tiny", description="noise"))
    listening = listen("127.0.0.1", 0)
    limits = ServiceLimits(requests_a_second=1000, request_burst=1000)
    server = make_server(Service([path]), "127.0.0.1", 0, limits=limits)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
