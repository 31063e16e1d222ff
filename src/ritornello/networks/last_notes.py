"""The last note of each line, such as a voice, and the interval from it: what a melody is made of.

An id is an absolute pitch of a voice, and a state of some hundred numbers does not hold where each voice was. So the
network follows the last note of each line exactly, as a part of its state. It is input, the sum of the embeddings of
these notes, and it is output: besides the logit of an id as such, the interval from the last note of its line has a
score of its own, the same for all steps and lines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class LastNotes(nn.Module):
    """The last notes of `count` lines, and the scores of intervals up to `reach` steps; wider ones have those of
    `reach`."""

    def __init__(self, lines: Sequence[tuple[int, int]], hidden: int, reach: int) -> None:
        """`lines`: of each id its line, from 1, and its step; line 0 for ids that are no notes."""
        super().__init__()
        line, step = np.array(lines, dtype=np.int64).T
        self.reach, self.count = reach, int(line.max(initial=0))
        members = [np.flatnonzero(line == number + 1) for number in range(self.count)]
        table = np.full((self.count, max(map(len, members), default=0)), -1)
        for row, ids in zip(table, members, strict=True):
            row[: len(ids)] = ids
        for name, array in {"line": line, "step": step, "members": table}.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)
        self.score = nn.Linear(hidden, 2 * reach + 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def follow(self, ids: Tensor, last: Tensor) -> Tensor:
        """Return 1 + the id of the last note of each line after each of `ids` (batch, time), or 0 for none: (batch,
        time, line). `last`, (batch, line), are those before."""
        before, note = last.long()[:, None], ids[..., None] + 1
        plays = self.line[ids][..., None] == torch.arange(1, self.count + 1, device=ids.device)
        if ids.shape[1] == 1:
            return torch.where(plays, note, before)
        steps = torch.arange(1, ids.shape[1] + 1, device=ids.device)
        since = torch.where(plays, steps[:, None], 0).cummax(dim=1).values
        return torch.where(
            since > 0, torch.gather(note.expand_as(since), 1, (since - 1).clamp(min=0)), before
        )

    def in_use(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """Return the numbers of the lines that matter, (batch, most), and their last notes, (batch, time, most).

        In a window these are the lines that have a last note in it, of a few dozen often three. How many they are has
        to be read; a graphics card would be waited for, so there all of them matter.
        """
        if last.shape[1] == 1 or last.device.type != "cpu":
            return torch.arange(self.count, device=last.device).expand(last.shape[0], -1), last
        present = (last > 0).any(dim=1)
        most = max(1, int(present.sum(dim=1).max()))
        lines = present.to(torch.uint8).topk(most, dim=1).indices
        return lines, last.gather(2, lines[:, None].expand(*last.shape[:2], -1))

    def add_scores(self, logits: Tensor, y: Tensor, last: Tensor, lines: Tensor) -> Tensor:
        """Return `logits` (batch, time, ids) with the scores of the intervals from `last` (batch, time, most), the last
        notes of `lines` (batch, most), for the output `y` (batch, time, hidden) of the last layer."""
        scores = functional.pad(self.score(y), (0, 1))  # the last one, 0, where there is no interval
        ids = self.members[lines]  # (batch, most, widest)
        present = ids.clamp(min=0)
        interval = self.step[present][:, None] - self.step[(last - 1).clamp(min=0)][..., None]
        number = interval.clamp(-self.reach, self.reach) + self.reach
        is_none = (ids < 0)[:, None] | (last == 0)[..., None]
        number = torch.where(is_none, 2 * self.reach + 1, number).flatten(2)
        added = torch.gather(scores, 2, number).to(logits.dtype)
        return logits.scatter_add(2, present.flatten(1)[:, None].expand_as(added), added)
