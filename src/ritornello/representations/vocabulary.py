"""What the vocabularies that are fitted to a corpus share: blocks of ids by kind, and meters on a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import Any

import numpy as np

from ritornello.representations.tokens import Block, Meaning, Names, block


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

    def token_blocks(
        self,
        meanings: Mapping[Any, Meaning],
        values: Mapping[Any, Sequence[Any]],
        names: Mapping[Any, Names] = MappingProxyType({}),
    ) -> list[Block]:
        """Return the blocks for `build_tokens`. values: of kinds whose ids are named by a value instead of a number.
        names: of kinds whose ids have names of their own."""

        def names_of(kind: IntEnum) -> Names:
            if kind in values:
                return lambda value: f"{kind.name.lower()} {values[kind][value]}"
            return names.get(kind)

        sizes = {kind: ids.stop - ids.start for kind, ids in self.block.items()}
        return [
            block(kind.name.lower(), size, names_of(kind), **meanings.get(kind, {}))
            for kind, size in sizes.items()
        ]

    def id_of(self, kind: IntEnum, value: int = 0) -> int:
        """Return the id of the `value`-th token of a kind."""
        return int(self.first[kind]) + value


def is_on_grid(meter: tuple[int, int], steps_per_quarter: int, longest_bar: int) -> bool:
    """Whether bars of a meter, (numerator, denominator), are whole steps, at most `longest_bar`."""
    steps, rest = divmod(meter[0] * 4 * steps_per_quarter, meter[1])
    return rest == 0 and 1 <= steps <= longest_bar


def nearest_meter(meters: Sequence[tuple[int, int]], numerator: int, denominator: int) -> int:
    """Return the number of the meter that is this one, or else is nearest in the length of its bar."""
    quarters = 4 * numerator / denominator
    return min(
        range(len(meters)),
        key=lambda i: (
            meters[i] != (numerator, denominator),
            abs(4 * meters[i][0] / meters[i][1] - quarters),
        ),
    )
