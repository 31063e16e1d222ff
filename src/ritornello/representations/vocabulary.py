"""What the vocabularies that are fitted to a corpus share: blocks of ids by kind, and meters on a grid."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import numpy as np


class KindBlocks:
    """The ids in blocks, in the order of `kinds`, which have a START and an END; kinds not counted have one id.

    size: how many ids. first: the first id of each kind. kind, value: of each id, the number of its kind and its
    place in that block. block: the ids of each kind, as a slice.
    """

    def __init__(self, kinds: type[IntEnum], counts: Mapping[Any, int]) -> None:
        sizes = np.array([counts.get(kind, 1) for kind in kinds])
        edges = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.first = edges[:-1]
        self.size = int(edges[-1])
        self.kind = np.repeat(np.arange(len(sizes)), sizes)
        self.value = np.arange(self.size) - self.first[self.kind]
        self.block = {kind: slice(*edges[kind : kind + 2].tolist()) for kind in kinds}
        self.start, self.end = self.id_of(kinds["START"]), self.id_of(kinds["END"])

    def id_of(self, kind: IntEnum, value: int = 0) -> int:
        """Return the id of the `value`-th token of a kind."""
        return int(self.first[kind]) + value
