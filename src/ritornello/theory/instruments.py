"""The 128 General MIDI instruments and the drum kit: names, families, and ranges.

Conventions: a program is 0-127, as in the file (catalogues often count from 1); `DRUMS` (128) stands for the
kit. Ranges are sounding MIDI pitches, lowest and highest, both included; they are the ranges given by
orchestration books (Adler, *The Study of Orchestration*; Blatter, *Instrumentation and
Orchestration*), with the extensions of present-day instruments and good players. Where one program stands for
a whole family (strings, brass section, recorder), the range is that of the family.

Names follow the General MIDI 1 sound set (MIDI Association, RP-003), in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ritornello.errors import ConfigError, unknown_name
from ritornello.theory.pitches import pitch_name

DRUMS = 128
"""The drum kit in place of a program."""

DRUM_RANGE = (27, 87)
"""The keys of the drum kit in General MIDI 2."""

FAMILIES = (
    "piano",
    "chromatic percussion",
    "organ",
    "guitar",
    "bass",
    "strings",
    "ensemble",
    "brass",
    "reed",
    "pipe",
    "synth lead",
    "synth pad",
    "synth effects",
    "ethnic",
    "percussive",
    "sound effects",
)
"""The family of program p is FAMILIES[p // 8]."""

SCORE_ORDER = (9, 8, 7, 6, 10, 3, 1, 2, 0, 11, 12, 13, 5, 4, 14, 15, 16)
"""The families (program // 8), the drum kit as 16, from the top of a page to its bottom: winds, voices, leads, guitars,
keyboards, strings, bass, drums."""

# One row a program, in order: name, lowest, highest.
_TABLE: tuple[tuple[str, int, int], ...] = (
    ("acoustic grand piano", 21, 108),
    ("bright acoustic piano", 21, 108),
    ("electric grand piano", 21, 108),
    ("honky-tonk piano", 21, 108),
    ("electric piano 1", 21, 108),
    ("electric piano 2", 21, 108),
    ("harpsichord", 29, 89),
    ("clavinet", 29, 88),
    ("celesta", 60, 108),
    ("glockenspiel", 79, 108),
    ("music box", 48, 108),
    ("vibraphone", 53, 89),
    ("marimba", 36, 96),
    ("xylophone", 65, 108),
    ("tubular bells", 60, 77),
    ("dulcimer", 36, 93),
    ("drawbar organ", 24, 108),
    ("percussive organ", 24, 108),
    ("rock organ", 24, 108),
    ("church organ", 24, 108),
    ("reed organ", 29, 96),
    ("accordion", 36, 96),
    ("harmonica", 48, 98),
    ("tango accordion", 36, 96),
    ("acoustic guitar (nylon)", 40, 88),
    ("acoustic guitar (steel)", 40, 88),
    ("electric guitar (jazz)", 35, 88),
    ("electric guitar (clean)", 35, 88),
    ("electric guitar (muted)", 35, 88),
    ("overdriven guitar", 35, 88),
    ("distortion guitar", 35, 88),
    ("guitar harmonics", 40, 100),
    ("acoustic bass", 28, 67),
    ("electric bass (finger)", 23, 67),
    ("electric bass (pick)", 23, 67),
    ("fretless bass", 23, 67),
    ("slap bass 1", 23, 67),
    ("slap bass 2", 23, 67),
    ("synth bass 1", 12, 96),
    ("synth bass 2", 12, 96),
    ("violin", 55, 103),
    ("viola", 48, 91),
    ("cello", 36, 81),
    ("contrabass", 24, 67),
    ("tremolo strings", 24, 103),
    ("pizzicato strings", 24, 103),
    ("orchestral harp", 23, 104),
    ("timpani", 36, 60),
    ("string ensemble 1", 24, 103),
    ("string ensemble 2", 24, 103),
    ("synth strings 1", 12, 120),
    ("synth strings 2", 12, 120),
    ("choir aahs", 36, 86),
    ("voice oohs", 36, 86),
    ("synth choir", 24, 108),
    ("orchestra hit", 12, 120),
    ("trumpet", 52, 86),
    ("trombone", 34, 77),
    ("tuba", 26, 65),
    ("muted trumpet", 52, 86),
    ("french horn", 34, 77),
    ("brass section", 26, 86),
    ("synth brass 1", 12, 120),
    ("synth brass 2", 12, 120),
    ("soprano sax", 56, 91),
    ("alto sax", 49, 85),
    ("tenor sax", 44, 80),
    ("baritone sax", 36, 73),
    ("oboe", 58, 93),
    ("english horn", 52, 81),
    ("bassoon", 34, 76),
    ("clarinet", 50, 94),
    ("piccolo", 74, 108),
    ("flute", 59, 98),
    ("recorder", 53, 98),
    ("pan flute", 55, 96),
    ("blown bottle", 48, 96),
    ("shakuhachi", 55, 93),
    ("whistle", 60, 108),
    ("ocarina", 60, 89),
    ("lead 1 (square)", 12, 120),
    ("lead 2 (sawtooth)", 12, 120),
    ("lead 3 (calliope)", 12, 120),
    ("lead 4 (chiff)", 12, 120),
    ("lead 5 (charang)", 12, 120),
    ("lead 6 (voice)", 12, 120),
    ("lead 7 (fifths)", 12, 120),
    ("lead 8 (bass and lead)", 12, 120),
    ("pad 1 (new age)", 12, 120),
    ("pad 2 (warm)", 12, 120),
    ("pad 3 (polysynth)", 12, 120),
    ("pad 4 (choir)", 12, 120),
    ("pad 5 (bowed)", 12, 120),
    ("pad 6 (metallic)", 12, 120),
    ("pad 7 (halo)", 12, 120),
    ("pad 8 (sweep)", 12, 120),
    ("fx 1 (rain)", 12, 120),
    ("fx 2 (soundtrack)", 12, 120),
    ("fx 3 (crystal)", 12, 120),
    ("fx 4 (atmosphere)", 12, 120),
    ("fx 5 (brightness)", 12, 120),
    ("fx 6 (goblins)", 12, 120),
    ("fx 7 (echoes)", 12, 120),
    ("fx 8 (sci-fi)", 12, 120),
    ("sitar", 36, 91),
    ("banjo", 48, 91),
    ("shamisen", 45, 88),
    ("koto", 43, 93),
    ("kalimba", 48, 96),
    ("bagpipe", 45, 82),
    ("fiddle", 55, 103),
    ("shanai", 55, 93),
    ("tinkle bell", 48, 108),
    ("agogo", 48, 96),
    ("steel drums", 34, 96),
    ("woodblock", 36, 96),
    ("taiko drum", 24, 84),
    ("melodic tom", 24, 84),
    ("synth drum", 24, 84),
    ("reverse cymbal", 12, 120),
    ("guitar fret noise", 12, 120),
    ("breath noise", 12, 120),
    ("seashore", 12, 120),
    ("bird tweet", 12, 120),
    ("telephone ring", 12, 120),
    ("helicopter", 12, 120),
    ("applause", 12, 120),
    ("gunshot", 12, 120),
)

INSTRUMENTS: tuple[str, ...] = tuple(name for name, _, _ in _TABLE)
"""The name of each program."""

ALIASES: dict[str, int] = {
    "piano": 0,
    "grand piano": 0,
    "electric piano": 4,
    "vibes": 11,
    "bells": 14,
    "organ": 19,
    "pipe organ": 19,
    "bandoneon": 23,
    "guitar": 24,
    "nylon guitar": 24,
    "steel guitar": 25,
    "jazz guitar": 26,
    "electric guitar": 27,
    "clean guitar": 27,
    "muted guitar": 28,
    "double bass": 43,
    "upright bass": 32,
    "bass": 33,
    "electric bass": 33,
    "bass guitar": 33,
    "slap bass": 36,
    "synth bass": 38,
    "violoncello": 42,
    "pizzicato": 45,
    "harp": 46,
    "strings": 48,
    "string ensemble": 48,
    "synth strings": 50,
    "choir": 52,
    "voice": 52,
    "singer": 52,
    "horn": 60,
    "brass": 61,
    "synth brass": 62,
    "sax": 65,
    "saxophone": 65,
    "cor anglais": 69,
    "square": 80,
    "sawtooth": 81,
    "synth": 81,
    "synth lead": 81,
    "pad": 89,
    "synth pad": 89,
    "drums": DRUMS,
    "drum": DRUMS,
    "drum kit": DRUMS,
    "kit": DRUMS,
    "percussion": DRUMS,
}
"""Everyday names of instruments, beside the General MIDI names."""

KINDS: dict[str, tuple[int, ...]] = {
    "piano": (0, 1, 2, 3),
    "electric piano": (4, 5),
    "organ": (19, 16, 17, 18, 20),
    "guitar": (24, 25, 26, 27, 28),
    "electric guitar": (27, 26, 28, 29, 30),
    "bass": (33, 34, 32, 35, 36, 37, 38, 39),
    "electric bass": (33, 34, 35),
    "bass guitar": (33, 34, 35),
    "slap bass": (36, 37),
    "synth bass": (38, 39),
    "strings": (48, 49, 50, 51),
    "string ensemble": (48, 49),
    "synth strings": (50, 51),
    "choir": (52, 53, 54),
    "voice": (52, 53),
    "singer": (52, 53),
    "brass": (61, 62, 63),
    "synth brass": (62, 63),
    "sax": (65, 66, 64, 67),
    "saxophone": (65, 66, 64, 67),
    "synth": (81, 80, 82, 83, 84, 85, 86, 87),
    "synth lead": (81, 80, 82, 83, 84, 85, 86, 87),
    "pad": (89, 88, 90, 91, 92, 93, 94, 95),
    "synth pad": (89, 88, 90, 91, 92, 93, 94, 95),
}
"""Everyday names that mean any of several programs, the usual one first."""

DRUM_NAMES: dict[int, str] = {
    22: "closed hi-hat edge",
    25: "snare roll",
    26: "open hi-hat edge",
    27: "high Q",
    28: "slap",
    29: "scratch push",
    30: "scratch pull",
    31: "sticks",
    32: "square click",
    33: "metronome click",
    34: "metronome bell",
    35: "acoustic bass drum",
    36: "bass drum",
    37: "side stick",
    38: "acoustic snare",
    39: "hand clap",
    40: "electric snare",
    41: "low floor tom",
    42: "closed hi-hat",
    43: "high floor tom",
    44: "pedal hi-hat",
    45: "low tom",
    46: "open hi-hat",
    47: "low-mid tom",
    48: "high-mid tom",
    49: "crash cymbal 1",
    50: "high tom",
    51: "ride cymbal 1",
    52: "chinese cymbal",
    53: "ride bell",
    54: "tambourine",
    55: "splash cymbal",
    56: "cowbell",
    57: "crash cymbal 2",
    58: "vibraslap",
    59: "ride cymbal 2",
    60: "high bongo",
    61: "low bongo",
    62: "mute high conga",
    63: "open high conga",
    64: "low conga",
    65: "high timbale",
    66: "low timbale",
    67: "high agogo",
    68: "low agogo",
    69: "cabasa",
    70: "maracas",
    71: "short whistle",
    72: "long whistle",
    73: "short guiro",
    74: "long guiro",
    75: "claves",
    76: "high woodblock",
    77: "low woodblock",
    78: "mute cuica",
    79: "open cuica",
    80: "mute triangle",
    81: "open triangle",
    82: "shaker",
    83: "jingle bell",
    84: "bell tree",
    85: "castanets",
    86: "mute surdo",
    87: "open surdo",
}
"""The keys of the drum kit (27-34 and 82-87 from General MIDI 2; 25 from Roland GS; 22 and 26 as electronic drums send
them)."""


def instrument_name(program: int, is_drum: bool = False) -> str:
    """Return the name of a program (0-127), or "drums" for `DRUMS` or any kit."""
    return "drums" if is_drum or program == DRUMS else INSTRUMENTS[_checked(program)]


def drum_name(pitch: int) -> str:
    """Return the name of a key of the drum kit (0-127): "bass drum", or "drum C1" where there is no standard."""
    return DRUM_NAMES.get(pitch) or f"drum {pitch_name(pitch)}"


def family_name(program: int) -> str:
    """Return the family of a program, or "drums"."""
    return "drums" if program == DRUMS else FAMILIES[_checked(program) // 8]


def instrument_range(program: int) -> tuple[int, int]:
    """Return the lowest and the highest MIDI pitch that an instrument (0-127 or `DRUMS`) can play."""
    return DRUM_RANGE if program == DRUMS else _TABLE[_checked(program)][1:]


def parse_instrument(text: str) -> int:
    """Return the program (0-127, or `DRUMS`) of a name, an everyday name or a number.

    Case, hyphens and parentheses are ignored. Raises ConfigError with the nearest name.
    """
    words = _plain(text)
    if words.isdecimal():
        return _checked(int(words), DRUMS)
    if words not in _BY_NAME:
        raise unknown_name("instrument", text.strip(), [*INSTRUMENTS, *ALIASES])
    return _BY_NAME[words]


def instruments_named(text: str) -> tuple[int, ...]:
    """Return the programs that a name may mean, the usual one first: of "sax" all four. Raises ConfigError."""
    return KINDS.get(_plain(text)) or (parse_instrument(text),)


def choose_instrument(text: str, known: Collection[int]) -> int:
    """Return the first program that a name may mean among those `known`, or else the usual one. Raises ConfigError."""
    programs = instruments_named(text)
    return next((program for program in programs if program in known), programs[0])


def _plain(name: str) -> str:
    return " ".join(re.findall(r"\w+", name.lower()))


_BY_NAME = {_plain(name): program for program, name in enumerate(INSTRUMENTS)} | ALIASES


def _checked(program: int, highest: int = 127) -> int:
    if not 0 <= program <= highest:
        raise ConfigError(
            f"instrument {program} is no General MIDI program; allowed: 0-127, or {DRUMS} for drums"
        )
    return program
