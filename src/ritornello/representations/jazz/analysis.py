"""Harmonic analysis of a note over a chord: the letter of its token.

    R rest   C chord tone   S scale tone   A approach tone (a semitone from a chord tone)   X anything else
    H the note of the bar before, held (ours: no source has it)

Tested in the order C, S, A, X (deepjazz, after jazzml). The scale is that of `theory.chord_scales`, to encode and to
decode. The source encodes with one table and decodes with another: `FAITHFUL_HEARD`, major on major chords and Dorian
on all others; `FAITHFUL_PLAYED`, major and the hexatonic blues scale.
"""

from __future__ import annotations

from functools import cache

from ritornello.theory import CHORDS, Chord
from ritornello.theory.chord_scales import chord_scale, scale_classes

REST, CHORD, SCALE, APPROACH, OTHER, HELD = LETTERS = "RCSAXH"

STRUCK = (CHORD, SCALE, APPROACH, OTHER)
"""The letters of notes that begin."""

FAITHFUL_HEARD = ("major", "dorian")
FAITHFUL_PLAYED = ("major", "blues")
"""The scale on a major chord, and on any other."""


@cache
def letters(chord: Chord, scales: tuple[str, str] | None = None) -> str:
    """Return the letters of the 12 pitch classes over `chord`; `scales` are two names as above."""
    name = chord_scale(chord.quality) if scales is None else scales[not is_major(chord)]
    scale = scale_classes(chord.root, name)

    def letter(pitch_class: int) -> str:
        if pitch_class in chord.pitch_classes:
            return CHORD
        if pitch_class in scale:
            return SCALE
        beside = {(pitch_class + 1) % 12, (pitch_class - 1) % 12}
        return APPROACH if beside & chord.pitch_classes else OTHER

    return "".join(map(letter, range(12)))


def is_major(chord: Chord) -> bool:
    """Whether a chord has a major third and a perfect fifth."""
    return {4, 7} <= set(CHORDS[chord.quality])
