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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers; when it runs, `__getattr__` imports them
    from ritornello.api import TrainingRun, adapt, compose, evaluate, train
    from ritornello.corpus.scan import scan
    from ritornello.errors import (
        BundleError,
        ConfigError,
        CorpusError,
        FileError,
        FormatError,
        MissingExtraError,
        RitornelloError,
    )
    from ritornello.formats import read
    from ritornello.generation import Model, load, shipped_bundles
    from ritornello.generation.compose import Composition
    from ritornello.rendering import write
    from ritornello.rendering.audio import render_audio
    from ritornello.rendering.notation import render_score
    from ritornello.rendering.pianoroll import render_pianoroll
    from ritornello.score import Key, Meter, Score, Tempo, Text, Track, make_notes, ticks_to_seconds
    from ritornello.service.client import Client

__version__ = "0.1.0"

_HOME = {
    "BundleError": "errors",
    "Client": "service.client",
    "Composition": "generation.compose",
    "ConfigError": "errors",
    "CorpusError": "errors",
    "FileError": "errors",
    "FormatError": "errors",
    "Key": "score",
    "Meter": "score",
    "MissingExtraError": "errors",
    "Model": "generation",
    "RitornelloError": "errors",
    "Score": "score",
    "Tempo": "score",
    "Text": "score",
    "Track": "score",
    "TrainingRun": "api",
    "adapt": "api",
    "compose": "api",
    "evaluate": "api",
    "load": "generation",
    "make_notes": "score",
    "read": "formats",
    "render_audio": "rendering.audio",
    "render_pianoroll": "rendering.pianoroll",
    "render_score": "rendering.notation",
    "scan": "corpus.scan",
    "shipped_bundles": "generation",
    "ticks_to_seconds": "score",
    "train": "api",
    "write": "rendering",
}

__all__ = [
    "BundleError",
    "Client",
    "Composition",
    "ConfigError",
    "CorpusError",
    "FileError",
    "FormatError",
    "Key",
    "Meter",
    "MissingExtraError",
    "Model",
    "RitornelloError",
    "Score",
    "Tempo",
    "Text",
    "Track",
    "TrainingRun",
    "adapt",
    "compose",
    "evaluate",
    "load",
    "make_notes",
    "read",
    "render_audio",
    "render_pianoroll",
    "render_score",
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
