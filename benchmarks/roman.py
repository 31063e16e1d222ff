"""Roman-numeral analyses (RomanText, as in the corpus When in Rome) as spans of keys and chords: the truth of
`benchmarks/analysis.py`.

A figure that is not understood leaves its span without truth. Source of the format: D. Tymoczko, M. Gotham,
M. S. Cuthbert, C. Ariza, "The RomanText format", ISMIR 2019.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from ritornello.score import Meter, Score, note_columns
from ritornello.theory import CHORDS

LEAST_FIT = 0.7
"""The least share of the sound that belongs to the written chords; below it, bars and analysis do not agree."""

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII")
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
FIGURE = re.compile(r"([#b♯♭]*)(VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i)(o|ø|\+|%)?(.*)")
MEASURE = re.compile(r"m(\d+)(\S*)\s+(.*)")
ALIKE = re.compile(r"m(\d+)(?:-(\d+))?\s*=\s*m(\d+)(?:-(\d+))?\s*$")
TRIADS = {"o": (3, 6), "ø": (3, 6), "%": (3, 6), "+": (4, 8)}
INVERSIONS = {"6": 1, "64": 2, "65": 1, "43": 2, "42": 3, "2": 3}
QUALITIES = {
    (4, 7): "maj", (3, 7): "min", (3, 6): "dim", (4, 8): "aug", (4, 7, 10): "7", (4, 7, 11): "maj7",
    (3, 7, 10): "m7", (3, 6, 10): "m7b5", (3, 6, 9): "dim7", (4, 8, 10): "aug", (4, 8, 11): "aug", (3, 7, 11): "min",
}  # fmt: skip


@dataclass(frozen=True)
class Written:
    """A chord from `start` to `end` (ticks): root and bass 0-11, a quality; the local key. Root -1: not understood."""

    start: int
    end: int
    root: int
    quality: str
    bass: int
    tonic: int
    minor: bool


def parse_figure(text: str, tonic: int, minor: bool) -> tuple[int, str, int] | None:
    """Return root, quality and bass of a figure such as "V65/ii" in a key; None if it is not understood."""
    main, _, applied = text.partition("/") if not re.match(r"[^/]*\d/\d", text) else _slashed(text)
    if applied:
        for each in reversed(applied.split("/")):
            match = FIGURE.fullmatch(each)
            if match is None:
                return None
            tonic, minor = _degree(match, tonic, minor), match[2].islower()
    main = re.sub(r"\[.*?\]", "", main)
    if main.startswith("Cad"):
        main = ("i" if minor else "I") + "64"
    if re.match(r"Ger|It|Fr", main):
        sixth = (tonic + 8) % 12
        if main.startswith("Fr"):
            return None
        bass = {"Ger65": 8, "It6": 8, "Ger6": 8}.get(main)
        return (sixth, "7", (tonic + bass) % 12) if bass is not None else None
    match = FIGURE.fullmatch(main)
    if match is None:
        return None
    sign, figures = match[3] or "", match[4].replace("/", "").replace("b", "").replace("#", "")
    if figures not in ("", "7", "9", "53", "5", *INVERSIONS):
        return None
    scale = MINOR if minor else MAJOR
    root = _degree(match, tonic, minor)
    tones = list(TRIADS.get(sign, (3, 7) if match[2].islower() else (4, 7)))
    if figures in ("7", "9", "65", "43", "42", "2"):
        name = match[2].upper()
        if sign in ("ø", "%"):
            tones.append(10)
        elif sign == "o":
            tones.append(9)
        elif name == "V" or (applied and name != "VII"):
            tones.append(10)
        else:
            degree = NUMERALS.index(name)
            seventh = (tonic + scale[(degree + 6) % 7] - root) % 12
            tones.append(seventh if seventh in (9, 10, 11) else 10)
    quality = QUALITIES.get(tuple(tones))
    if quality is None:
        return None
    place = INVERSIONS.get(figures, 0)
    bass = root if place == 0 else (root + tones[place - 1]) % 12
    return root, quality, bass


def _slashed(text: str) -> tuple[str, str, str]:
    match = re.match(r"([^/]*\d/\d)(?:/(.*))?$", text)
    return (match[1], "/", match[2] or "") if match else (text, "", "")


def _degree(match: re.Match[str], tonic: int, minor: bool) -> int:
    degree = NUMERALS.index(match[2].upper())
    step = (MINOR if minor else MAJOR)[degree]
    accidental = match[1].count("#") + match[1].count("♯") - match[1].count("b") - match[1].count("♭")
    if minor and degree == 6 and not match[1] and (match[3] in ("o", "ø", "%") or match[2].islower()):
        step = 11
    if minor and degree == 5 and not match[1] and match[2].islower():
        step = 9
    if minor and match[1] and degree in (5, 6) and accidental > 0 and match[2].islower():
        step = (8, 10)[degree - 5]
    return (tonic + step + accidental) % 12


def parse_key(text: str) -> tuple[int, bool] | None:
    match = re.fullmatch(r"([A-Ga-g])([#b♯♭-]*)", text)
    if match is None:
        return None
    alter = sum(1 if sign in "#♯" else -1 for sign in match[2])
    return (LETTERS[match[1].upper()] + alter) % 12, match[1].islower()


def read_roman(text: str, score: Score) -> tuple[Score, list[Written], list[int]]:
    """Return the score with the pickup of the analysis, the written chords, and the ticks at which phrases begin.

    Files made from scores often lose where the first bar begins; of the offsets by quarters, the one with which most
    of the sound belongs to the written chords is taken. No chords where that is less than `LEAST_FIT`, or where the
    meter changes.
    """
    bars = _bars(text)
    if not bars or len({(meter.numerator, meter.denominator) for meter in score.meters}) > 1:
        return score, [], []
    meter = score.meters[0] if score.meters else Meter(0, 4, 4)
    full = Meter(0, meter.numerator, meter.denominator).bar_ticks(score.ticks_per_quarter)
    best: tuple[float, int, list[Written], list[int]] = (0.0, 0, [], [])
    for offset in range(0, full, score.ticks_per_quarter) if 0 in bars else (0,):
        spans, ends = _placed(bars, meter, full, offset, score)
        if (share := fit(score, spans)) > best[0]:
            best = share, offset, spans, ends
    share, offset, spans, ends = best
    if share < LEAST_FIT:
        return score, [], []
    meters = (meter, replace(meter, tick=offset)) if offset else (meter,)
    return replace(score, meters=meters), spans, ends


def _bars(text: str) -> dict[int, list[str]]:
    """Return the words of each measure."""
    bars: dict[int, list[str]] = {}
    for line in map(str.strip, text.splitlines()):
        if alike := ALIKE.match(line):
            first, last, source = int(alike[1]), int(alike[2] or alike[1]), int(alike[3])
            for number in range(first, last + 1):
                bars[number] = list(bars.get(source + number - first, ["?"]))
        elif (match := MEASURE.match(line)) and "var" not in match[2]:
            bars.setdefault(int(match[1]), []).extend(["?"] if "=" in match[3] else match[3].split())
    return bars


def _placed(
    bars: dict[int, list[str]], meter: Meter, full: int, offset: int, score: Score
) -> tuple[list[Written], list[int]]:
    beat = score.ticks_per_quarter * 4 // meter.denominator * (3 if meter.beats != meter.numerator else 1)
    places: list[tuple[int, tuple[int, str, int] | None, int, bool]] = []
    phrases: list[int] = []
    tonic, minor, closed = 0, False, False
    for number in sorted(bars):
        at = start = (number - 1) * full + offset
        for word in bars[number]:
            if match := re.fullmatch(r"b(\d+(?:\.\d+)?)", word):
                at = start + round((float(match[1]) - 1) * beat)
            elif set(word) <= set("|:"):
                closed = word != "||:"
            elif word.endswith(":") and (key := parse_key(word.rstrip(":;"))):
                tonic, minor = key
            elif word != "=":
                places.append((at, parse_figure(word, tonic, minor), tonic, minor))
                if closed:
                    phrases.append(at)
                closed = False
    end = max(bars) * full + offset
    spans = [
        Written(max(at, 0), min(following, score.end), *(chord or (-1, "", -1)), key, mode)
        for (at, chord, key, mode), following in zip(places, [*(p[0] for p in places[1:]), end], strict=True)
        if min(following, score.end) > max(at, 0)
    ]
    return spans, phrases


def fit(score: Score, spans: list[Written]) -> float:
    """Return the share of the sound that belongs to the written chords."""
    start, duration, pitch, _ = note_columns(track for track in score.tracks if not track.is_drum)
    end = start + duration
    inside = total = 0.0
    for span in spans:
        if span.root >= 0:
            length = np.maximum(np.minimum(end, span.end) - np.maximum(start, span.start), 0)
            total += float(length.sum())
            inside += float(length[np.isin((pitch - span.root) % 12, CHORDS[span.quality])].sum())
    return inside / total if total else 0.0
