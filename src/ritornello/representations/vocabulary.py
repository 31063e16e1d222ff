"""What the vocabularies that are fitted to a corpus share: blocks of ids by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import numpy as np

from ritornello.representations.tokens import Block, Meaning, Names, block

K = TypeVar("K", bound=IntEnum)


class KindBlocks(Generic[K]):
    """The ids in blocks, in the order of `kinds`, which have a START and an END; kinds not counted have one id.

    size: how many ids. first: the first id of each kind. kind, value: of each id, the number of its kind and its
    place in that block, as arrays; meaning: the same as plain values, for one id at a time. block: the ids of each
    kind, as a slice.
    """

    def __init__(self, kinds: type[K], counts: Mapping[Any, int]) -> None:
        sizes = np.array([counts.get(kind, 1) for kind in kinds])
        edges = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.first = edges[:-1]
        self.size = int(edges[-1])
        self.kind = np.repeat(np.arange(len(sizes)), sizes)
        self.value = np.arange(self.size) - self.first[self.kind]
        self.meaning: list[tuple[K, int]] = [
            (kind, value) for kind, count in zip(kinds, sizes, strict=True) for value in range(count)
        ]
        self.block = {kind: slice(*edges[kind : kind + 2].tolist()) for kind in kinds}
        self.start, self.end = self.id_of(kinds["START"]), self.id_of(kinds["END"])

    def token_blocks(
        self,
        meanings: Mapping[Any, Meaning],
        values: Mapping[Any, Sequence[Any]],
        names: Mapping[Any, Names] = MappingProxyType({}),
    ) -> list[Block]:
        """Return the blocks for `build_tokens`. values: of kinds whose ids are named by a value instead of a number.
        names: of kinds whose ids have names of their own."""

        def names_of(kind: K) -> Names:
            if kind in values:
                return lambda value: f"{kind.name.lower()} {values[kind][value]}"
            return names.get(kind)

        sizes = {kind: ids.stop - ids.start for kind, ids in self.block.items()}
        return [
            block(kind.name.lower(), size, names_of(kind), **meanings.get(kind, {}))
            for kind, size in sizes.items()
        ]

    def id_of(self, kind: K, value: int = 0) -> int:
        """Return the id of the `value`-th token of a kind."""
        return int(self.first[kind]) + value
