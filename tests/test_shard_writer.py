"""Shards: full ones are followed by another, but never within a piece."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from ritornello.corpus import shard_writer
from ritornello.corpus.shard_writer import ShardWriter, shard_name


def test_a_full_shard_is_followed_by_another_at_the_next_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_writer, "SHARD_IDS", 4)
    ids = np.arange(3, dtype=np.uint16)
    with closing(ShardWriter(tmp_path)) as writer:
        places = []
        for examples in (2, 1, 1):  # of each piece
            writer.begin_piece()
            places += [writer.add(ids) for _ in range(examples)]
    assert places == [(0, 0), (0, 3), (1, 0), (1, 3)]
    assert writer.number == 1
    for number in range(2):
        assert (tmp_path / shard_name(number)).read_bytes() == 2 * ids.tobytes()
