"""Whether a finished score keeps to what was asked: one checker a setting, written from its description alone.

Nothing here knows of ids, grammar states or constraints. Times are compared in ticks; drums are free of everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

from ritornello.originality import Index, copies
from ritornello.score import Score
from ritornello.theory import CHORDS, SCALES, parse_pitch, parse_pitch_class
from ritornello.theory.chord_scales import chord_scale

Asked = dict[str, Any]
Event = tuple[int, int, int]  # start, end, pitch


def parts(score: Score) -> Iterator[list[Event]]:
    """Yield the notes of each part but drums."""
    for track in score.tracks:
        if not track.is_drum:
            columns = (track.notes[name].tolist() for name in ("start", "duration", "pitch"))
            yield [(start, start + duration, pitch) for start, duration, pitch in zip(*columns, strict=True)]


def bars(score: Score) -> list[tuple[int, int, int, int]]:
    """Return start, end, numerator and denominator of each bar up to that in which the last note begins."""
    last = max((int(track.notes["start"].max(initial=0)) for track in score.tracks), default=0)
    found, start = [], 0
    while start <= last:
        numerator, denominator = 4, 4
        for meter in score.meters:
            if meter.tick <= start:
                numerator, denominator = meter.numerator, meter.denominator
        length = numerator * 4 * score.ticks_per_quarter // denominator
        found.append((start, start + length, numerator, denominator))
        start += length
    return found


def classes_of_scale(text: str) -> set[int]:
    if "," in text:
        return {parse_pitch_class(name) for name in text.split(",") if name}
    tonic, name = text.split(" ", 1)
    return {(parse_pitch_class(tonic) + step) % 12 for step in SCALES[name]}


def keeps_scale(score: Score, asked: Asked) -> bool:
    allowed = classes_of_scale(asked["scale"])
    return all(pitch % 12 in allowed for part in parts(score) for _, _, pitch in part)


def keeps_lowest(score: Score, asked: Asked) -> bool:
    return all(pitch >= parse_pitch(asked["lowest"]) for part in parts(score) for _, _, pitch in part)


def keeps_highest(score: Score, asked: Asked) -> bool:
    return all(pitch <= parse_pitch(asked["highest"]) for part in parts(score) for _, _, pitch in part)


def struck_together(score: Score) -> Iterator[list[int]]:
    """Yield the pitches that a part begins at once."""
    for part in parts(score):
        for tick in {start for start, _, _ in part}:
            yield [pitch for start, _, pitch in part if start == tick]


def keeps_chord_size(score: Score, asked: Asked) -> bool:
    return all(len(pitches) <= asked["chord_size"] for pitches in struck_together(score))


def keeps_span(score: Score, asked: Asked) -> bool:
    return all(max(pitches) - min(pitches) <= asked["span"] for pitches in struck_together(score))


def keeps_polyphony(score: Score, asked: Asked) -> bool:
    """Counts what sounds when a note begins: more never sound than then."""
    most = asked["polyphony"]
    return all(
        sum(start <= tick < end for start, end, _ in part) <= most
        for part in parts(score)
        for tick, _, _ in part
    )


def keeps_notes_per_bar(score: Score, asked: Asked) -> bool:
    low, _, high = asked["notes_per_bar"].partition("-")
    starts = [start for part in parts(score) for start, _, _ in part]
    counts = [sum(begin <= start < end for start in starts) for begin, end, _, _ in bars(score)]
    return all(int(low) <= count <= int(high or low) for count in counts)


def beat_ticks(numerator: int, denominator: int, quarter: int) -> int:
    is_compound = denominator >= 8 and numerator in range(6, 100, 3)
    return 4 * quarter // denominator * (3 if is_compound else 1)


def chord_tones(symbol: str) -> tuple[set[int], set[int]]:
    """Return the classes of a chord as `random_chord` writes it, and of these with the scale that fits."""
    match = re.fullmatch(r"([A-G]#?)(.*)", symbol)
    assert match
    root, quality = parse_pitch_class(match[1]), match[2] or "maj"
    quality = {"m": "min"}.get(quality, quality)
    tones = {(root + step) % 12 for step in CHORDS[quality]}
    return tones, tones | {(root + step) % 12 for step in SCALES[chord_scale(quality)]}


def keeps_chords(score: Score, asked: Asked) -> bool:
    """Chords are given with a line after each bar. On beats, and where a chord begins, notes are chord tones; a chord
    that begins off the grid may do so up to a step later."""
    progression = [bar.split() for bar in asked["chords"].split("|") if bar]
    for number, (begin, end, numerator, denominator) in enumerate(bars(score)):
        symbols = progression[number % len(progression)]
        share = Fraction(end - begin, len(symbols))
        beat = beat_ticks(numerator, denominator, score.ticks_per_quarter)
        for part in parts(score):
            for start in {start for start, _, _ in part if begin <= start < end}:
                tones, passing = chord_tones(symbols[int((start - begin) / share)])
                if "scale" in asked:
                    passing = tones | classes_of_scale(asked["scale"])
                is_free = (
                    (start - begin) % beat and (start - begin) % share and not asked.get("strict_chords")
                )
                allowed = passing if is_free else tones
                if any(pitch % 12 not in allowed for tick, _, pitch in part if tick == start):
                    return False
    return True


def keeps_step_limit(score: Score, asked: Asked) -> bool:
    """The top voice is the first part of the score; of its notes at an onset the highest counts."""
    for part in parts(score):
        line = [max(p for s, _, p in part if s == start) for start in sorted({start for start, _, _ in part})]
        return all(abs(b - a) <= asked["step_limit"] for a, b in pairwise(line))
    return True


def keeps_parallels(score: Score, asked: Asked) -> bool:
    """Of onsets with several notes, one after the other, the outer voices do not move alike in fifths or octaves."""
    begun: dict[int, list[int]] = {}
    for part in parts(score):
        for start, _, pitch in part:
            begun.setdefault(start, []).append(pitch)
    outer = [(min(p), max(p)) for _, p in sorted(begun.items()) if len(p) > 1]
    for (low, high), (next_low, next_high) in pairwise(outer):
        same = (high - low) % 12 == (next_high - next_low) % 12 in (0, 7)
        if same and (next_low - low) * (next_high - high) > 0:
            return False
    return True


CHECKERS: dict[str, Callable[[Score, Asked], bool]] = {
    "scale": keeps_scale,
    "chords": keeps_chords,
    "lowest": keeps_lowest,
    "highest": keeps_highest,
    "chord_size": keeps_chord_size,
    "span": keeps_span,
    "polyphony": keeps_polyphony,
    "notes_per_bar": keeps_notes_per_bar,
    "step_limit": keeps_step_limit,
    "parallels": keeps_parallels,
}


def broken_settings(score: Score, asked: Asked, index: Index | None = None) -> list[str]:
    """Return the names of the settings that a score does not keep to; copies are looked for in `index`."""
    broken = [name for name in asked if name in CHECKERS and not CHECKERS[name](score, asked)]
    if index is not None and "max_copy" in asked:
        longest = copies(index, score).moved
        broken += ["max_copy"] * (longest is not None and longest.notes > asked["max_copy"])
    return broken
