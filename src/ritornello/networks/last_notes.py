"""The last note of each voice, and the interval from it: what a melody is made of.

An id is an absolute pitch of a voice, and a state of some hundred numbers does not hold where each voice was. So the
network follows the last note of each voice exactly, as a part of its state. It is input, the sum of the embeddings of
these notes, and it is output: besides the logit of an id as such, the interval from the last note of its voice has a
score of its own, the same for all pitches and voices.

Which ids are notes of which voice, and of which pitch, is told by the first two attributes of an id (`features`): a
voice from 1, 0 for none, and a number that grows by one a semitone.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class LastNotes(nn.Module):
    """The last notes of `voices` voices, and the scores of intervals up to `reach` semitones, at wider ones of
    `reach`."""

    def __init__(self, features: NDArray[np.int64], hidden: int, reach: int) -> None:
        """`features`: (ids, attribute)."""
        super().__init__()
        self.reach, self.voices = reach, int(features[:, 0].max(initial=0))
        voice, pitch = features[:, 0], features[:, 1]
        members = [np.flatnonzero(voice == number + 1) for number in range(self.voices)]
        widest = max((len(ids) for ids in members), default=0)
        table = np.full((self.voices, widest), -1)
        for row, ids in zip(table, members, strict=True):
            row[: len(ids)] = ids
        for name, array in {"voice": voice, "pitch": pitch, "members": table}.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)
        self.score = nn.Linear(hidden, 2 * reach + 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def follow(self, ids: Tensor, last: Tensor) -> Tensor:
        """Return 1 + the id of the last note of each voice after each of `ids` (batch, time), or 0 for none: (batch,
        time, voice). `last`, (batch, voice), are those before."""
        before, note = last.long()[:, None], ids[..., None] + 1
        plays = self.voice[ids][..., None] == torch.arange(1, self.voices + 1, device=ids.device)
        if ids.shape[1] == 1:
            return torch.where(plays, note, before)
        steps = torch.arange(1, ids.shape[1] + 1, device=ids.device)
        since = torch.where(plays, steps[:, None], 0).cummax(dim=1).values
        return torch.where(
            since > 0, torch.gather(note.expand_as(since), 1, (since - 1).clamp(min=0)), before
        )

    def playing(self, last: Tensor) -> Tensor:
        """Return the numbers of the voices that have a last note in any step of a row of `last`, (batch, most).

        Others may be among them where a row has fewer.
        """
        present = (last > 0).any(dim=1)
        most = max(1, int(present.sum(dim=1).max()))
        return present.to(torch.uint8).topk(most, dim=1).indices

    def add_scores(self, logits: Tensor, y: Tensor, last: Tensor, voices: Tensor) -> Tensor:
        """Return `logits` (batch, time, ids) with the scores of the intervals from `last` (batch, time, most), the last
        notes of `voices` (batch, most), for the output `y` (batch, time, hidden) of the last layer."""
        scores = nn.functional.pad(self.score(y), (0, 1))  # the last one, 0, where there is no interval
        ids = self.members[voices]  # (batch, most, widest)
        pitch = torch.where(ids >= 0, self.pitch[ids.clamp(min=0)], 0)[:, None]
        start = torch.where(last > 0, self.pitch[(last - 1).clamp(min=0)], 0)[..., None]
        interval = (pitch - start).clamp(-self.reach, self.reach) + self.reach
        is_none = (pitch == 0) | (start == 0)
        interval = torch.where(is_none, 2 * self.reach + 1, interval).flatten(2)
        added = torch.gather(scores, 2, interval).to(logits.dtype)
        return logits.scatter_add(2, ids.clamp(min=0).flatten(1)[:, None].expand_as(added), added)
