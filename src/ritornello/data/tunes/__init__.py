"""Public-domain tunes with chord symbols: the embedded dataset for models that play over chords.

`tunes.txt` holds them in a text notation, separated by empty lines. A tune begins with its title, origin and date (of
its first appearance, as far as known), then meter and key. The rest is bars between `|`: notes as in
`ritornello.notelist` ("C4:1.5", ":.5" for an eighth, no length for a quarter, R for a rest), and chord symbols in
brackets, each before the note at which it begins. A first bar that is not full is a pick-up.

A tune with a published edition has `checked` and the edition's name (all notes agree, by `tools/check_tunes.py`), or
`differs`, the name, and why another version is given. The others are written from memory, and are in neither of the two
collections.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ritornello.errors import FormatError
from ritornello.score import Key, Meter, Score, Tempo, Text, Track, make_notes
from ritornello.theory import Chord, key_fifths, parse_chord, parse_pitch, parse_scale

TUNES = Path(__file__).resolve().parent / "tunes.txt"

TICKS = 480
QUARTERS_PER_MINUTE = 112.0
MELODY_VELOCITY, CHORD_VELOCITY = 90, 60
LOWEST_CHORD = 48


class Tune(NamedTuple):
    """A tune: where it comes from, meter and key as written, its bars as text."""

    title: str
    origin: str
    date: str
    meter: tuple[int, int]
    key: str
    bars: tuple[str, ...]
    checked: str = ""
    differs: str = ""

    @property
    def score(self) -> Score:
        """The tune as a score: a melody, and a track of block chords with their symbols as markers."""
        notes, chords = _read_bars(self)
        end = max(start + duration for start, duration, *_ in notes)
        tonic, mode, _ = parse_scale(self.key)
        minor = mode == "minor"
        return Score(
            TICKS,
            (Track(make_notes(notes), name="Melody"), _chord_track(chords, end)),
            (Tempo.from_quarters_per_minute(0, QUARTERS_PER_MINUTE),),
            (Meter(0, *self.meter),),
            (Key(0, key_fifths(tonic, minor), minor),),
            title=self.title,
        )


@cache
def load_tunes() -> tuple[Tune, ...]:
    """Return all tunes, in the order of the file."""
    text = "\n".join(
        line for line in TUNES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    )
    return tuple(parse_tune(block) for block in re.split(r"\n\s*\n", text.strip()))


def parse_tune(text: str) -> Tune:
    """Return the tune of a block of text; FormatError, with its title, if the block is not one."""
    head = dict(re.findall(r"\b(title|origin|date|checked|differs|meter|key): *(.*?)(?=  |\n|$)", text))
    if missing := {"title", "origin", "date", "meter", "key"} - head.keys():
        raise FormatError(f"tune {head.get('title', text[:40])!r}: no {', '.join(sorted(missing))}")
    body = " ".join(line for line in text.splitlines() if not re.match(r"[a-z]+:", line))
    numerator, denominator = map(int, head["meter"].split("/"))
    bars = tuple(bar.strip() for bar in body.split("|") if bar.strip())
    meter = (numerator, denominator)
    edition = (head.get("checked", ""), head.get("differs", ""))
    return Tune(head["title"], head["origin"], head["date"], meter, head["key"], bars, *edition)


def _read_bars(tune: Tune) -> tuple[list[tuple[int, int, int, int]], list[tuple[int, str]]]:
    """Return the notes as rows, and the chord symbols by tick."""
    bar_ticks = Meter(0, *tune.meter).bar_ticks(TICKS)
    notes, chords, start = [], [], 0
    for number, bar in enumerate(tune.bars):
        words = list(_words(bar))
        length = sum(duration for _, duration in words)
        now = start + bar_ticks - length if number == 0 else start
        if length > bar_ticks or (length < bar_ticks and 0 < number < len(tune.bars) - 1):
            raise FormatError(f"tune {tune.title!r}, bar {number + 1}: {length / TICKS:g} quarters: {bar}")
        for word, duration in words:
            if word.startswith("["):
                chords.append((now, word[1:-1]))
            elif word != "R":
                notes.append((now, duration, parse_pitch(word), MELODY_VELOCITY))
            now += duration
        start += bar_ticks
    return notes, chords


def _words(bar: str) -> Iterator[tuple[str, int]]:
    """Yield the words of a bar with their lengths in ticks; a chord symbol has none."""
    for word in bar.split():
        name, _, length = word.partition(":")
        yield name, 0 if name.startswith("[") else int(Fraction(length or "1") * TICKS)


def _chord_track(chords: list[tuple[int, str]], end: int) -> Track:
    rows = []
    for (start, name), (stop, _) in zip(chords, [*chords[1:], (end, "")], strict=True):
        rows += [(start, stop - start, pitch, CHORD_VELOCITY) for pitch in _voicing(parse_chord(name))]
    texts = tuple(Text(start, "marker", name) for start, name in chords)
    return Track(make_notes(rows), name="Chords", texts=texts)


def _voicing(chord: Chord) -> list[int]:
    """Return the pitches of a chord in close position, with its bass below."""
    upper = {LOWEST_CHORD + (tone - LOWEST_CHORD) % 12 for tone in chord.pitch_classes}
    return sorted(upper | {LOWEST_CHORD - 12 + chord.bass})
