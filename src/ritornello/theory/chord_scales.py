"""Chord scales: the scale for each chord quality, for the analysis and the generation of solos.

According to the usual chord-scale theory: the major scale on major chords, Dorian on minor ones, Mixolydian on
dominants, and on altered chords the scale that contains their alterations.
"""

from __future__ import annotations

from ritornello.theory.chords import CHORDS
from ritornello.theory.pitches import SCALES

CHORD_SCALES: dict[str, str] = {
    "dim": "diminished",
    "dim7": "diminished",
    "aug": "whole tone",
    "aug7": "whole tone",
    "9#5": "whole tone",
    "7b5": "whole tone",
    "9b5": "whole tone",
    "m7b5": "locrian",
    "m9b5": "locrian",
    "m11b5": "locrian",
    "m7#5": "aeolian",
    "mM7": "melodic minor",
    "mM9": "melodic minor",
    "m6": "melodic minor",
    "m6/9": "melodic minor",
    "maj7#5": "lydian",
    "dimM7": "diminished",
    "m7b9": "phrygian",
    "maj7b5": "lydian",
    "maj7#11": "lydian",
    "maj13#11": "lydian",
    "6/9#11": "lydian",
    "7#11": "lydian dominant",
    "13#11": "lydian dominant",
    "7b13": "phrygian dominant",
    "7b9": "octatonic",
    "13b9": "octatonic",
    "7#9": "octatonic",
    "7b9#11": "octatonic",
    "7#9#11": "octatonic",
    "7#9b13": "altered",
    "7b9sus4": "phrygian",
    "7b9b13": "phrygian dominant",
    "7#5b9": "altered",
    "7#5#9": "altered",
    "7b5b9": "altered",
    "7b5#9": "altered",
    "7alt": "altered",
}
"""The scales of the qualities for which third and seventh do not determine it (see `chord_scale`)."""


def chord_scale(quality: str) -> str:
    """Return the name of the scale for a quality of `CHORDS`."""
    if quality in CHORD_SCALES:
        return CHORD_SCALES[quality]
    tones = CHORDS[quality]
    if 3 in tones and 4 not in tones:
        return "dorian"
    return "mixolydian" if 10 in tones else "major"


def scale_classes(root: int, scale: str) -> frozenset[int]:
    """Return the pitch classes of a scale of `SCALES` on a root, 0-11."""
    return frozenset((root + step) % 12 for step in SCALES[scale])
