"""How loud pitched notes are played, by rules: in decibels from the level of the part.

Sources. Friberg, Bresin and Sundberg, "Overview of the KTH rule system for musical performance" (Advances in Cognitive
Psychology 2, 2006): high loud, duration contrast, phrase arch. Todd, "The dynamics of dynamics" (JASA 91, 1992): a
phrase swells and falls with its tempo. Goebl, "Melody lead in piano performance" (JASA 110, 2001): the melody is the
loudest voice. Palmer, "Music performance" (Annual Review of Psychology 48, 1997): strong places are louder.
"""

from __future__ import annotations

import numpy as np

from ritornello.arrays import Floats
from ritornello.expression.written import Written

HIGH_LOUD = 0.25
"""Decibels a semitone above the mean pitch: KTH's rule."""

MELODY = 4.0
"""Decibels of the melody above the accompaniment."""

ACCENT = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Decibels by metrical strength."""

ARCH = 4.0
"""Decibels from the softest place of a phrase to its loudest."""

PEAK = 0.6
"""Where a phrase is loudest, as a part of its length."""

DECIBELS_A_DECADE = 40
"""Of velocity: in General MIDI the amplitude grows with its square."""

DURATION = 0.5
"""Decibels that a note is softer for each halving of its length."""


def rules(written: Written) -> dict[str, Floats]:
    """Return what each rule adds to the loudness of each note, in decibels; each is 0 in the mean of the notes."""
    x = written.in_phrase
    distance = np.where(x < PEAK, (PEAK - x) / PEAK, (x - PEAK) / (1 - PEAK))
    length = np.log2(np.clip(written.quarters, 1 / 8, 4))
    columns = {
        "high loud": HIGH_LOUD * np.clip(written.pitch - written.pitch.mean(), -18, 18),
        "melody": MELODY * written.is_melody,
        "accent": np.array(ACCENT)[written.strength],
        "phrase arch": -ARCH * distance**2,
        "duration contrast": DURATION * length,
    }
    return {name: column - column.mean() for name, column in columns.items()}


def loudness(written: Written) -> Floats:
    """Return the sum of all rules of each note, in decibels."""
    return np.sum([*rules(written).values()], axis=0) if len(written.pitch) else np.zeros(0)
