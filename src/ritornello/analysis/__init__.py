"""`Score` -> what a musician would write above it: keys, chords, phrases, sections, melody, bass and motifs.

`analyse` finds all of it; each part has a function of its own, for those who need one only: `find_keys`, `find_chords`,
`find_phrases`, `find_sections`, `find_melody`, `find_bass`, `find_motifs`. Nothing here depends on a model.
"""

from __future__ import annotations

from dataclasses import dataclass

from ritornello.analysis.beats import find_beats
from ritornello.analysis.chords import Chords, find_chords
from ritornello.analysis.keys import KeySpan, find_keys
from ritornello.analysis.motifs import Motif, find_motifs
from ritornello.analysis.phrases import Phrase, find_phrases
from ritornello.analysis.sections import Section, find_sections
from ritornello.analysis.voices import Voice, find_bass, find_melody
from ritornello.score import Score

__all__ = [
    "Analysis",
    "Chords",
    "KeySpan",
    "Motif",
    "Phrase",
    "Section",
    "Voice",
    "analyse",
    "find_bass",
    "find_chords",
    "find_keys",
    "find_melody",
    "find_motifs",
    "find_phrases",
    "find_sections",
]


@dataclass(frozen=True, eq=False)
class Analysis:
    """What was found in a score. Without pitched notes there are only sections."""

    keys: tuple[KeySpan, ...]
    chords: Chords
    phrases: tuple[Phrase, ...]
    sections: tuple[Section, ...]
    melody: Voice | None
    bass: Voice | None
    motifs: tuple[Motif, ...]


def analyse(score: Score) -> Analysis:
    """Return keys, chords, phrases, sections, melody, bass and motifs of `score`; ConfigError if it is too long."""
    beats = find_beats(score)
    keys = find_keys(score, beats)
    return Analysis(
        keys=keys,
        chords=find_chords(score, beats),
        phrases=find_phrases(score, beats),
        sections=find_sections(score, beats),
        melody=find_melody(score),
        bass=find_bass(score),
        motifs=find_motifs(score, keys),
    )
