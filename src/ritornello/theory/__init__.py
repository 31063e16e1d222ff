"""Music theory as tables and short parsers: pitches, scales, keys, chords, instruments.

Read in order: `pitches`, `chords`, `instruments`. Nothing here depends on scores or files.
"""

from ritornello.theory.chords import (
    CHORDS,
    SPELLINGS,
    Chord,
    is_no_chord,
    make_chord,
    parse_chord,
    parse_chord_bars,
    split_chord,
)
from ritornello.theory.instruments import (
    DRUM_NAMES,
    DRUMS,
    FAMILIES,
    INSTRUMENTS,
    drum_name,
    family_name,
    instrument_name,
    instrument_range,
    parse_instrument,
)
from ritornello.theory.pitches import (
    INTERVALS,
    SCALES,
    estimate_key,
    key_fifths,
    key_name,
    key_profiles,
    nearest_in,
    parse_pitch,
    parse_pitch_class,
    parse_scale,
    parse_scale_classes,
    pitch_class_name,
    pitch_name,
)

__all__ = [
    "CHORDS",
    "DRUMS",
    "DRUM_NAMES",
    "FAMILIES",
    "INSTRUMENTS",
    "INTERVALS",
    "SCALES",
    "SPELLINGS",
    "Chord",
    "drum_name",
    "estimate_key",
    "family_name",
    "instrument_name",
    "instrument_range",
    "is_no_chord",
    "key_fifths",
    "key_name",
    "key_profiles",
    "make_chord",
    "nearest_in",
    "parse_chord",
    "parse_chord_bars",
    "parse_instrument",
    "parse_pitch",
    "parse_pitch_class",
    "parse_scale",
    "parse_scale_classes",
    "pitch_class_name",
    "pitch_name",
    "split_chord",
]
