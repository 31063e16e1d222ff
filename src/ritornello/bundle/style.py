"""A style: the fine-tuned biases of a model, a `.rit` file of some kilobytes to share.

It names its base model by file and digest, and replaces some of its weights when it is loaded. It is a zip file of two
members: card.json (`StyleCard`) and style.safetensors. The base model is a shipped one, or lies beside the style.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ritornello.bundle.archive import CARD, STYLE, unpack_weights
from ritornello.bundle.card import StyleCard, read_card
from ritornello.bundle.precision import Weights, widened
from ritornello.data import BUNDLES
from ritornello.errors import BundleError
from ritornello.paths import read_bytes


@dataclass(frozen=True)
class Style:
    """A style read from a file: its card, its weights by name, and the file."""

    card: StyleCard
    weights: Weights
    digest: str
    size: int
    path: Path


def digest_of(data: bytes) -> str:
    """Return the digest that identifies a file: the beginning of its SHA-256, 16 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()[:16]


def read_style(path: Path, members: dict[str, bytes], data: bytes) -> Style:
    """Return the style in `members`, unzipped from `data`; BundleError if it is damaged or of another version."""
    card = read_card(path, members[CARD], StyleCard)
    weights = widened(unpack_weights(path, STYLE, members[STYLE]))
    return Style(card, weights, digest_of(data), len(data), path)


def find_base(style: Style) -> Path:
    """Return the file of the base model of a style; BundleError if it is not found."""
    base, others = style.card.base, []
    for folder in (BUNDLES, style.path.parent):
        path = folder / base.file
        if path.is_file():
            if digest_of(read_bytes(path)) == base.digest:
                return path
            others.append(str(path))
    found = f"; another version of it is {' and '.join(others)}" if others else ""
    raise BundleError(
        f"{style.path}: a style of the model {base.file}, digest {base.digest}, which is neither shipped nor beside it"
        f"{found}; put that model there"
    )
