"""Data shipped with the library: a dataset, trained bundles, a SoundFont; each with its licence."""

from pathlib import Path

HERE = Path(__file__).resolve().parent

CORPUS = HERE / "corpus"
"""94 songs for several instruments and drums, from Freedoom (BSD-3-Clause)."""

BUNDLES = HERE / "bundles"
"""Ready-trained models; `ritornello info` lists them."""

EXPRESSION = HERE / "expression"
"""What `expression` has learned of how people play."""

TRANSCRIPTION = HERE / "transcription"
"""Basic Pitch's network (Apache-2.0), which `formats.audio` hears notes with."""
