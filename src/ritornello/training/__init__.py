"""From a corpus to a bundle. Read in order: `config`, `run`, `loop`, then `tuning`, `scoring`, `checkpoint`, `log`;
`adapt` is a shorter way, from a bundle and a few files to a style of it.
"""

from __future__ import annotations

from ritornello.errors import MissingExtraError


def require_torch() -> None:
    """Raise MissingExtraError unless torch can be imported."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("torch", "train") from error
