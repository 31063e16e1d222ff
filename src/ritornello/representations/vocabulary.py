"""Vocabularies of blocks: the ids of each kind of event stand together."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Generic, TypeVar

import numpy as np

from ritornello.arrays import Mask
from ritornello.representations.base import Ids

K = TypeVar("K", bound=Hashable)


class Blocks(Generic[K]):
    """Blocks of ids in a given order: {kind: how many ids}, names or the members of an IntEnum; some may have none.

    size: how many ids. start, end: the ids of the kinds of these names. first: the first id of each kind. block: the
    ids of each kind, as a slice. kind, value: of each id, the number of its kind and its place in that block, as
    arrays. meaning: of each id, its kind and that place, as plain values: faster for one id at a time.
    """

    def __init__(self, counts: Mapping[K, int], start: Any = "start", end: Any = "end") -> None:
        sizes = np.array(list(counts.values()))
        edges = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        self.size: int = edges[-1]
        self.first: dict[K, int] = dict(zip(counts, edges, strict=False))
        self.block = {kind: slice(first, first + counts[kind]) for kind, first in self.first.items()}
        self.kind = np.repeat(np.arange(len(sizes)), sizes)
        self.value = np.arange(self.size) - np.array(edges)[self.kind]
        self.meaning: list[tuple[K, int]] = [
            (kind, n) for kind, count in counts.items() for n in range(count)
        ]
        self.start, self.end = self.first[start], self.first[end]

    def id_of(self, kind: K, value: int = 0) -> int:
        """Return the id of the `value`-th token of a kind."""
        return self.first[kind] + value

    def is_kind(self, ids: Ids, kind: K) -> Mask:
        """Whether each id is of this kind."""
        block = self.block[kind]
        return np.asarray((ids >= block.start) & (ids < block.stop))

    def mask(self, *kinds: K) -> Mask:
        """Return the mask over the vocabulary of these kinds."""
        mask = np.zeros(self.size, dtype=bool)
        for kind in kinds:
            mask[self.block[kind]] = True
        return mask
