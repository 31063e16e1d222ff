"""Training: from a dataset to a bundle, by teacher forcing over epochs, with validation on held-out pieces.

Read in order: `config` (the hyperparameters), `run`, `loop`, then `tuning`, `scoring`, `checkpoint`, `log`; `adapt`
fine-tunes the biases of a bundle on a few files.
"""

from __future__ import annotations

from ritornello.errors import MissingExtraError


def require_torch() -> None:
    """Raise MissingExtraError unless torch can be imported."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("torch", "train") from error
