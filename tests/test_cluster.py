"""Files read on a cluster give the same shards, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_batches import make_piece

from ritornello import formats
from ritornello.corpus.cluster import cluster
from ritornello.corpus.shards import build_corpus
from ritornello.errors import ConfigError

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two workers within this process."""
    local = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
    )
    with local:
        yield local.scheduler_address


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_shards_are_the_same_bytes(tmp_path: Path, address: str) -> None:
    files = tmp_path / "files"
    for number in range(12):
        formats.write(make_piece(number), files / f"{number}.mid")
    (files / "broken.mid").write_bytes(b"MThd no music")
    build_corpus([files], tmp_path / "here")
    with cluster(address) as executor:
        assert executor is not None
        assert executor.workers == 2
        _, found = build_corpus([files], tmp_path / "there", executor=executor)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert [report.path.name for report in found.reports if report.verdict == "skipped"] == ["broken.mid"]


def test_no_address_is_no_cluster() -> None:
    with cluster(None) as executor:
        assert executor is None


@pytest.mark.parametrize("address", ["nonsense", "tcp://127.0.0.1:1"])
def test_a_cluster_that_is_not_there_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ritornello.corpus.cluster.SECONDS_TO_CONNECT", 1)
    with pytest.raises(ConfigError, match=r"no cluster at .*wanted is such as tcp"), cluster(address):
        pass
