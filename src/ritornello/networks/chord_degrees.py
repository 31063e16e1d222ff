"""The degree of each note above the root of the chord in force: what a chord says of notes, in any key.

A network that reads which chord is in force would have to learn for each root anew what the chord means for each id. So
its output scores the twelve degrees, and the score of a degree is added to the logits of all notes of that pitch class.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ChordDegrees(nn.Module):
    """The scores of the degrees, for the value of a column that tells the chord."""

    roots: Tensor
    of_class: Tensor
    steps: Tensor

    def __init__(self, roots: Sequence[int], classes: Sequence[int], hidden: int) -> None:
        """roots: of each value of the column, a pitch class, or -1 for none. classes: of each id, likewise."""
        super().__init__()
        tables = {
            "roots": torch.tensor(roots, dtype=torch.int64),
            "of_class": (torch.arange(12)[:, None] == torch.tensor(classes)).float(),
            "steps": torch.arange(12),
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)
        self.score = nn.Linear(hidden, 12)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def add_scores(self, logits: Tensor, y: Tensor, chord: Tensor) -> Tensor:
        """Return `logits` (batch, time, ids) with the scores of the degrees, for the output `y` (batch, time, hidden)
        of the last layer and the values `chord` (batch, time) of the column."""
        root = self.roots[chord][..., None]
        by_class = torch.gather(self.score(y), -1, (self.steps - root) % 12) * (root >= 0)
        return logits + (by_class @ self.of_class.to(by_class.dtype)).to(logits.dtype)
