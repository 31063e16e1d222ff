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
        # For a single step: the number of the score of each interval, from -widest on, and as many that have none. An
        # id's interval is at its own step less an origin, which depends on the last note of its line.
        widest = int(step.max(initial=0))
        interval = np.arange(-widest, 2 * widest + 2)
        by_interval = np.where(interval <= widest, interval.clip(-reach, reach) + reach, 2 * reach + 1)
        origin = np.append(-2 * widest - 1, step - widest)  # without a last note, and of each one
        tables = {"line": line, "step": step, "members": table, "by_interval": by_interval, "origin": origin}
        for name, array in tables.items():
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

    def changes(self, ids: Tensor, before: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each of `ids` (batch, time) changes: 1 + the note that is now the last one of its line, and 1 +
        the one that was, (batch, time) each; 0 for none, and for ids that are no notes.

        `before`, (batch, line), are the last notes before the ids, and `last`, (batch, time, line), those after each.
        """
        line = self.line[ids]
        earlier = torch.cat([before.long()[:, None], last[:, :-1]], dim=1)
        was = earlier.gather(2, (line - 1).clamp(min=0)[..., None]).squeeze(2)
        is_note = line > 0
        return torch.where(is_note, ids + 1, 0), torch.where(is_note, was, 0)

    def add_scores(self, logits: Tensor, y: Tensor, last: Tensor) -> Tensor:
        """Return `logits` (batch, time, ids) with the scores of the intervals from `last` (batch, time, line), for the
        output `y` (batch, time, hidden) of the last layer."""
        scores = functional.pad(self.score(y), (0, 1))  # the last one, 0, where there is no interval
        if last.shape[1] == 1:  # all ids, so that a step graph has no shapes that depend on what it reads
            origins = self.origin[
                functional.pad(last, (1, 0))
            ]  # the first one, of no line, is as without a last note
            places = self.step - origins.gather(2, self.line.expand(last.shape[0], 1, -1))
            by_interval = scores.index_select(2, self.by_interval)
            return logits + torch.gather(by_interval, 2, places).to(logits.dtype)
        # A window has notes of three or four lines out of some dozens. Which ones has to be read, also on a card.
        rows, lines = (last > 0).any(dim=1).nonzero(as_tuple=True)
        members = self.members[lines]  # (row and line, widest)
        numbers = self._numbers(members[:, None], last[rows, :, lines][..., None])
        added = torch.gather(scores.index_select(0, rows), 2, numbers)
        batch, time, size = logits.shape
        steps = rows[:, None] * time + torch.arange(time, device=rows.device)
        ids = steps[..., None] * size + members.clamp(min=0)[:, None]
        flat = logits.flatten().scatter_add(0, ids.flatten(), added.flatten().to(logits.dtype))
        return flat.view(batch, time, size)

    def _numbers(self, members: Tensor, last: Tensor) -> Tensor:
        """Return the numbers of the scores of the intervals to `members` from the last notes `last`.

        members, ids or -1, and last, 1 + an id or 0, are broadcast to each other.
        """
        interval = self.step[members.clamp(min=0)] - self.step[(last - 1).clamp(min=0)]
        number = interval.clamp(-self.reach, self.reach) + self.reach
        return torch.where((members < 0) | (last == 0), 2 * self.reach + 1, number)
