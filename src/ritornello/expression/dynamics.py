"""How loud pitched notes are played, by rules: in decibels from the level of the part.

Sources. Friberg, Bresin and Sundberg, "Overview of the KTH rule system for musical performance" (Advances in Cognitive
Psychology 2, 2006): high loud. Todd, "The dynamics of dynamics: a model of musical expression" (JASA 91, 1992): phrases
swell and fall as their tempo does. Goebl, "Melody lead in piano performance" (JASA 110, 2001): the melody is loudest.
Palmer, "Music performance" (Annual Review of Psychology 48, 1997): strong places of the meter are louder.
`benchmarks/expression.py` judges them by performances that no rule was made from.
"""

from __future__ import annotations

import numpy as np

from ritornello.arrays import Floats
from ritornello.expression.written import Written, arch

HIGH_LOUD = 0.25
"""Decibels a semitone above the mean pitch: KTH's rule."""

MELODY = 4.0
"""Decibels of the melody above the accompaniment."""

ACCENT = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Decibels by metrical strength."""

ARCH = 2.0
"""Decibels by which a phrase is softer at its end than at its beginning."""

DECIBELS_A_DECADE = 40
"""Of velocity: in General MIDI the amplitude grows with its square."""


def rules(written: Written) -> dict[str, Floats]:
    """Return what each rule adds to the loudness of each note, in decibels; each is 0 in the mean of the notes."""
    columns = {
        "high loud": HIGH_LOUD * np.clip(written.pitch - written.pitch.mean(), -18, 18),
        "melody": MELODY * written.is_melody,
        "accent": np.array(ACCENT)[written.strength],
        "phrase arch": ARCH * arch(written.in_phrase),
    }
    return {name: column - column.mean() for name, column in columns.items()}


def loudness(written: Written) -> Floats:
    """Return the sum of all rules of each note, in decibels."""
    return np.sum([*rules(written).values()], axis=0) if len(written.pitch) else np.zeros(0)
