"""Names of parts as a printed score shows them: "Piano", "Voice", "Violin I", with abbreviations for later systems.

`theory.instrument_name` gives the General MIDI names, which are names of sounds ("choir aahs"). Options and reports use
those; here are the names of players.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ritornello.score import Track
from ritornello.theory import INSTRUMENTS

LONGEST = 30  # characters of a name; longer ones are no names

_PRINTED: tuple[tuple[str, str], ...] = (
    ("Piano", "Pno."), ("Piano", "Pno."), ("Electric Piano", "E. Pno."), ("Honky-tonk Piano", "Pno."),
    ("Electric Piano", "E. Pno."), ("Electric Piano", "E. Pno."), ("Harpsichord", "Hpschd."), ("Clavinet", "Clav."),
    ("Celesta", "Cel."), ("Glockenspiel", "Glock."), ("Music Box", "M. Box"), ("Vibraphone", "Vib."),
    ("Marimba", "Mar."), ("Xylophone", "Xyl."), ("Tubular Bells", "T. Bells"), ("Dulcimer", "Dulc."),
    ("Organ", "Org."), ("Organ", "Org."), ("Organ", "Org."), ("Organ", "Org."),
    ("Reed Organ", "R. Org."), ("Accordion", "Acc."), ("Harmonica", "Harm."), ("Bandoneon", "Band."),
    ("Guitar", "Gtr."), ("Guitar", "Gtr."), ("Electric Guitar", "E. Gtr."), ("Electric Guitar", "E. Gtr."),
    ("Electric Guitar", "E. Gtr."), ("Electric Guitar", "E. Gtr."), ("Electric Guitar", "E. Gtr."),
    ("Guitar Harmonics", "Gtr."),
    ("Acoustic Bass", "Bass"), ("Electric Bass", "E. Bass"), ("Electric Bass", "E. Bass"), ("Fretless Bass", "Bass"),
    ("Slap Bass", "Bass"), ("Slap Bass", "Bass"), ("Synth Bass", "S. Bass"), ("Synth Bass", "S. Bass"),
    ("Violin", "Vln."), ("Viola", "Vla."), ("Cello", "Vc."), ("Double Bass", "Db."),
    ("Strings", "Str."), ("Strings", "Str."), ("Harp", "Hp."), ("Timpani", "Timp."),
    ("Strings", "Str."), ("Strings", "Str."), ("Synth Strings", "S. Str."), ("Synth Strings", "S. Str."),
    ("Voice", "V."), ("Voice", "V."), ("Synth Voice", "S. V."), ("Orchestra", "Orch."),
    ("Trumpet", "Tpt."), ("Trombone", "Tbn."), ("Tuba", "Tba."), ("Trumpet", "Tpt."),
    ("Horn", "Hn."), ("Brass", "Br."), ("Synth Brass", "S. Br."), ("Synth Brass", "S. Br."),
    ("Soprano Sax", "S. Sax"), ("Alto Sax", "A. Sax"), ("Tenor Sax", "T. Sax"), ("Baritone Sax", "B. Sax"),
    ("Oboe", "Ob."), ("English Horn", "E. H."), ("Bassoon", "Bsn."), ("Clarinet", "Cl."),
    ("Piccolo", "Picc."), ("Flute", "Fl."), ("Recorder", "Rec."), ("Pan Flute", "P. Fl."),
    ("Bottle", "Bot."), ("Shakuhachi", "Shak."), ("Whistle", "Wh."), ("Ocarina", "Oc."),
    *[("Synth Lead", "Lead")] * 8, *[("Synth Pad", "Pad")] * 8, *[("Synth Effects", "FX")] * 8,
    ("Sitar", "Sit."), ("Banjo", "Bj."), ("Shamisen", "Sham."), ("Koto", "Koto"),
    ("Kalimba", "Kal."), ("Bagpipe", "Bagp."), ("Fiddle", "Fdl."), ("Shawm", "Sh."),
    ("Bells", "Bells"), ("Agogo", "Ag."), ("Steel Drums", "St. Dr."), ("Woodblock", "Wb."),
    ("Taiko", "Taiko"), ("Toms", "Toms"), ("Synth Drum", "S. Dr."), ("Reverse Cymbal", "Cym."),
    *[("Sound Effects", "SFX")] * 8,
)  # fmt: skip
"""Name and abbreviation of each program."""

_DRUMS = ("Drums", "Dr.")
_VOICES = (52, 53, 54)
_CHOIR = (("Soprano", "S."), ("Alto", "A."), ("Tenor", "T."), ("Bass", "B."))
_NUMBERS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")

_SHORT = {name.lower(): short for name, short in (*_PRINTED, _DRUMS, *_CHOIR)} | {
    "right hand": "R. H.",
    "left hand": "L. H.",
    "contrabass": "Cb.",
    "violoncello": "Vc.",
    "french horn": "Hn.",
    "bass guitar": "Bass",
    "acoustic guitar": "Gtr.",
    "saxophone": "Sax",
    "bass clarinet": "B. Cl.",
    "percussion": "Perc.",
    "choir": "Ch.",
    "melody": "Mel.",
    "keyboard": "Kbd.",
}

# Names that programs give, or that are remarks: not names of players.
_NO_NAME = re.compile(
    r"(midi|track|trk|staff|stave|part|instr(ument)?|inst|channel|chan?|sequence|seq|untitled|unnamed|new|"
    r"no ?name|default|control|conductor|tempo|template|port|layer|clip|p|v|i)?[\s_.:#-]*\d*"
    r"([\s_.:#-]*(track|staff|channel|ch|part|\d+))*[\s_.:#-]*",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"https?:|www\.|@|©|\(c\)|\bc?(19|20)\d\d\b|copyright|sequenced|arranged|transcribed|\.midi?$|[/\\]",
    re.IGNORECASE,
)
_HAND = re.compile(
    r"[\s(:-]*\b(right|left|upper|lower|up|down|rh|lh|r\.\s?h\.|l\.\s?h\.|treble|bass)\b[\s.:)-]*"
    r"(hand|staff|clef)?[\s.:)-]*$",
    re.IGNORECASE,
)
_KEYBOARDS = frozenset({*range(9), *range(16, 22), 46})


def printed_name(track: Track) -> str:
    """Return the name of a part: that of the track if it is one, else that of the instrument: "Piano", "Drums".

    No names are empty ones, those that programs give ("Track 1", "Staff-2"), remarks ("Sequenced by ...") and what is
    longer than `LONGEST`. For the name of a General MIDI sound ("Acoustic Grand Piano") that of its player is
    printed; the hand of a keyboard part is left out.
    """
    name = " ".join("".join(c if c.isprintable() else " " for c in track.name).split())
    if not track.is_drum and track.program in _KEYBOARDS:
        name = _HAND.sub("", name)
    if not track.is_drum and (printed := _GENERAL.get(_plain(name))):
        return printed
    is_kit = track.is_drum and _plain(name) in _KITS
    if is_kit or _NO_NAME.fullmatch(name) or _REMARK.search(name) or len(name) > LONGEST:
        return (_DRUMS if track.is_drum else _PRINTED[track.program % 128])[0]
    if track.program in _VOICES and not track.is_drum and name.upper() in ("S", "A", "T", "B"):
        return next(whole for whole, _ in _CHOIR if whole[0] == name.upper())
    if name.islower() or (name.isupper() and len(name) > 4):
        return re.sub(r"[^\W\d_]+(?:'\w+)?", lambda word: word[0].capitalize(), name)
    return name


def abbreviation(track: Track) -> str:
    """Return the short form of `printed_name`: "Pno.", "Vln."."""
    return _shortened(printed_name(track))


def printed_names(tracks: Sequence[Track], title: str = "") -> list[tuple[str, str]]:
    """Return the name and the abbreviation of each part of a score.

    A part that is named after the piece, as the first track of many files is, has the name of its instrument. Several
    of one name are numbered: "Violin I" and "Violin II"; so two tracks of one pianist are to be given as one. Four
    unnamed singers from high to low are Soprano, Alto, Tenor and Bass.
    """
    names = [
        printed_name(replace(track, name="") if track.name.strip() == title.strip() else track)
        for track in tracks
    ]
    singers = [i for i, name in enumerate(names) if name == "Voice" and len(tracks[i].notes)]
    heights = [float(np.median(tracks[i].notes["pitch"])) for i in singers]
    if len(singers) == 4 and all(a > b for a, b in pairwise(heights)):
        for singer, (whole, _) in zip(singers, _CHOIR, strict=True):
            names[singer] = whole
    counts, seen = Counter(names), Counter[str]()
    result = []
    for name, track in zip(names, tracks, strict=True):
        short, number = _shortened(name), ""
        if counts[name] > 1 and not track.is_drum:
            seen[name] += 1
            number = f" {_NUMBERS[seen[name] - 1] if seen[name] <= len(_NUMBERS) else seen[name]}"
        result.append((name + number, short + number))
    return result


def _plain(name: str) -> str:
    return " ".join(re.findall(r"\w+", name.lower()))


_GENERAL = {_plain(name): printed for name, (printed, _) in zip(INSTRUMENTS, _PRINTED, strict=True)}
_KITS = ("drum", "drums", "drum kit", "standard kit", "standard", "standard drum kit")


def _shortened(name: str) -> str:
    """Return the usual abbreviation of a name, or else its first letters."""
    base, _, number = name.rpartition(" ")
    if base and (number.isdecimal() or number in _NUMBERS):
        return f"{_shortened(base)} {number}"
    if name.lower() in _SHORT:
        return _SHORT[name.lower()]
    *others, last = name.split()
    if others and last.lower() in _SHORT:
        return " ".join([*(f"{word[0]}." for word in others), _SHORT[last.lower()]])
    first = (others or [last])[0]
    return name if len(name) <= 5 else first if len(first) <= 5 else f"{first[:4]}."
