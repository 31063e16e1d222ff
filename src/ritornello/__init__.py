"""Ritornello: learn to play from a folder of MIDI files, compose, and improvise with a person.

    import ritornello

    piece = ritornello.load("songs").compose(bars=16, seed=1)
    piece.write("song.mid")
    piece.write("song.wav")

The names in `__all__` are the public front. They are imported when first used, so that `import ritornello` is
instant and needs none of the optional libraries.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "BundleError": "errors",
    "ConfigError": "errors",
    "CorpusError": "errors",
    "FileError": "errors",
    "FormatError": "errors",
    "Key": "score",
    "Meter": "score",
    "MissingExtraError": "errors",
    "RitornelloError": "errors",
    "Score": "score",
    "Tempo": "score",
    "Text": "score",
    "Track": "score",
    "load": "generation",
    "make_notes": "score",
    "read": "formats",
    "scan": "corpus.scan",
    "shipped_bundles": "generation",
    "ticks_to_seconds": "score",
    "train": "training",
    "write": "rendering",
}

__all__ = [
    "BundleError",
    "ConfigError",
    "CorpusError",
    "FileError",
    "FormatError",
    "Key",
    "Meter",
    "MissingExtraError",
    "RitornelloError",
    "Score",
    "Tempo",
    "Text",
    "Track",
    "load",
    "make_notes",
    "read",
    "scan",
    "shipped_bundles",
    "ticks_to_seconds",
    "train",
    "write",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its station when it is first used."""
    if name in _HOME:
        return getattr(importlib.import_module(f"ritornello.{_HOME[name]}"), name)
    raise AttributeError(f"module 'ritornello' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
