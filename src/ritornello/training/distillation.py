"""Distillation: a network learns from the probabilities of another one, its teacher, beside the music itself.

A piece says which id came; a teacher that learned longer, or a larger one, says how probable every id was. The loss is
the cross-entropy against a mixture of both (Hinton, Vinyals and Dean 2015, arXiv:1503.02531, at temperature 1).
"""

from __future__ import annotations

import json

import torch
from torch import Tensor

from ritornello.bundle import Bundle, load_network
from ritornello.errors import ConfigError
from ritornello.networks import State
from ritornello.representations import Representation
from ritornello.training.loader import IGNORE, Batch
from ritornello.training.loss import read_batch


class Teacher:
    """A network that reads the batches of a run, without dropout and with all candidates, and learns nothing.

    state: after the last batch, carried to the next one.
    """

    def __init__(
        self, bundle: Bundle, representation: Representation, device: torch.device, share: float
    ) -> None:
        """representation: of the corpus; ConfigError unless it is that of `bundle`. share: the weight of the teacher's
        probabilities in the mixture, above 0, at most 1."""
        own = bundle.representation
        if (own.name, json.dumps(own.config())) != (representation.name, json.dumps(representation.config())):
            raise ConfigError(
                f"{bundle.path}: has another representation or vocabulary than the corpus, so it cannot be its teacher"
            )
        self.bundle, self.share = bundle, share
        self.network = load_network(bundle).to(device).requires_grad_(False).eval()
        self.state: State | None = None

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no complete types
    def targets(self, batch: Batch, bfloat16: bool = False) -> Tensor:
        """Return the probability that each id should be given, (row, time, id), float32: `share` of the teacher's, and
        the rest for the id that came; zeros where nothing is to be learned. Waits for no device."""
        logits, self.state = read_batch(self.network, batch, self.state, bfloat16)
        mixture = logits.softmax(-1).mul_(self.share)
        came = batch.targets.clamp(min=0)[..., None]
        mixture.scatter_add_(-1, came, torch.full_like(came, 1 - self.share, dtype=mixture.dtype))
        return mixture.mul_((batch.targets != IGNORE)[..., None])
