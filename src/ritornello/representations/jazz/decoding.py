"""Ids -> `Score`: a solo over its chords, for any ids whatever.

Letters and brackets leave a choice of pitches, and the source makes it at random. Here the seed is a hash of the
ids (but for the key), so the same ids always give the same notes, in every key; and the choice is narrowed:

- A word with a bracket is played at its middle, the interval that was encoded, whenever that pitch has the letter; else
  at the nearest pitch within the bracket that has, else the nearest anywhere.
- A word without a bracket (a bar's first note) is placed where most of the words after it, up to the next one
  without, fall on their middles. Of such places one is drawn, near ones more often.

So an encoded piece is decoded to the same letters and intervals, which encode to the same ids.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ritornello.representations.base import Conditions, Ids
from ritornello.representations.grids import TEMPOS
from ritornello.representations.jazz import faithful
from ritornello.representations.jazz.analysis import CHORD, HELD, STRUCK, letters
from ritornello.representations.jazz.encoding import REGISTER, chord_at
from ritornello.representations.jazz.reading import Reader, upper_tones
from ritornello.representations.jazz.vocabulary import STEPS_PER_QUARTER, Vocabulary, reference
from ritornello.score import Key, Meter, Score, Tempo, Text, Track, make_notes, without_overlaps
from ritornello.theory import Chord, instrument_name, key_fifths, make_chord, pitch_class_name

TICKS_PER_STEP = 40
"""So that a decoded score has 480 ticks to a quarter."""

MELODY_VELOCITY, CHORD_VELOCITY = 96, 60

BRACKET_REACH = 3
"""Semitones from the middle of a bracket to its ends."""

LOWEST_BASS, LOWEST_UPPER = 36, 55
"""Where the accompaniment lies, in C."""

NEARNESS = 3.0
"""Semitones at which a place for a bar's first note is less likely by e."""

COMFORT = 9.0
"""The same for the distance from the middle of the register, so that a solo does not drift away."""

DEFAULT_TEMPO = 120.0


class Sung(NamedTuple):
    """A word in a piece: step from the start, steps, letter, interval, the letters of the 12 pitch classes."""

    start: int
    steps: int
    letter: str
    interval: int | None
    letters: str


def decode(vocabulary: Vocabulary, ids: Ids, soloist: int | None = None, accompanist: int = 0) -> Score:
    """Return the score of `ids`, all of the vocabulary; the programs are those of melody and chords, if given."""
    reader = Reader(vocabulary.tokens, Conditions(), vocabulary)
    for token in ids.tolist():
        reader.advance(token)
    keyless = ids[~vocabulary.tokens.is_kind(ids, "key")].astype("<i4")
    random = np.random.default_rng(zlib.crc32(keyless.tobytes()))
    # Of each bar, by position; a bar without has the last one.
    chords: list[tuple[tuple[int, Chord], ...]] = []
    present = make_chord(reader.key, "maj")
    for bar in reader.bars_read:
        placed = {p.position: p.chord(reader.key) for p in bar.chords} or {0: present}
        chords.append(tuple(sorted(placed.items(), key=lambda item: item[0])))
        present = chords[-1][-1][1]
    if vocabulary.config.faithful:
        rows = faithful.realise(reader.bars_read, chords, reader.bar_steps, random)
    else:
        rows = _realise(reader, chords, random)
    ticks = ((s * TICKS_PER_STEP, d * TICKS_PER_STEP, p, MELODY_VELOCITY) for s, d, p in rows)
    soloist = reader.soloist if soloist is None else soloist
    notes, name = without_overlaps(make_notes(ticks)), f"Melody ({instrument_name(soloist)})"
    tempo = DEFAULT_TEMPO if reader.tempo is None else float(TEMPOS[reader.tempo])
    fifths = key_fifths(reader.key)
    return Score(
        STEPS_PER_QUARTER * TICKS_PER_STEP,
        tracks=(
            Track(notes, soloist, name=name),
            replace(_accompaniment(reader, fifths < 0), program=accompanist),
        ),
        tempos=(Tempo.from_quarters_per_minute(0, tempo),),
        meters=(Meter(0, *vocabulary.config.meters[reader.meter]),),
        keys=(Key(0, fifths),),
    )


def _realise(
    reader: Reader, chords: list[tuple[tuple[int, Chord], ...]], random: np.random.Generator
) -> list[tuple[int, int, int]]:
    """Return the notes as (start, steps, pitch), placed in segments that begin with a note without a bracket."""
    segments: list[list[Sung]] = [[]]
    for number, (bar, bar_chords) in enumerate(zip(reader.bars_read, chords, strict=True)):
        for played in bar.line:
            if played.letter in STRUCK and played.interval is None:
                segments.append([])
            start = number * reader.bar_steps + played.position
            over = letters(chord_at(bar_chords, played.position))
            segments[-1].append(Sung(start, played.steps, played.letter, played.interval, over))
    shift = reference(reader.key)
    last = sum(REGISTER) // 2 + shift
    rows: list[tuple[int, int, int]] = []
    for segment in segments:
        pitches = iter(_place([word for word in segment if word.letter in STRUCK], last, shift, random))
        for word in segment:
            if word.letter in STRUCK:
                last = next(pitches)
                rows.append((word.start, word.steps, last))
            elif word.letter == HELD and rows:
                start, steps, pitch = rows[-1]
                rows[-1] = (start, steps + word.steps, pitch)
    return rows


def _place(words: list[Sung], last: int, shift: int, random: np.random.Generator) -> list[int]:
    """Return the pitches of a segment's notes."""
    if not words:
        return []
    low, high = REGISTER[0] + shift, REGISTER[1] + shift
    walks = [_walk(words, start, low, high) for start in range(low, high)]
    exact = np.array([count for count, _ in walks])
    places = np.flatnonzero(exact == exact.max())
    away = np.abs(places + low - sum(REGISTER) // 2 - shift)
    weights = np.exp(-np.abs(places + low - last) / NEARNESS - away / COMFORT)
    drawn = int(np.searchsorted(np.cumsum(weights), random.random() * weights.sum()))
    return walks[int(places[min(drawn, len(places) - 1)])][1]


def _walk(words: list[Sung], start: int, low: int, high: int) -> tuple[int, list[int]]:
    """Return how many notes fall on their middles if the first is at `start`, and the pitches of all."""
    exact, pitches, pitch = 0, [], start
    for i, word in enumerate(words):
        middle = pitch + (word.interval or 0) if i else start
        if low <= middle < high and word.letters[middle % 12] == word.letter:
            exact, pitch = exact + 1, middle
        else:
            pitch = _nearest(word, middle, pitch, low, high)
        pitches.append(pitch)
    return exact, pitches


@lru_cache(1 << 12)  # the walks of a segment soon meet
def _nearest(word: Sung, middle: int, before: int, low: int, high: int) -> int:
    """Return the pitch nearest to `middle` that has the letter (a chord tone if none has); not the one before, unless
    there is no other within the bracket."""
    wanted = word.letter if word.letter in word.letters else CHORD
    fitting = [p for p in range(low, high) if word.letters[p % 12] == wanted]
    return min(fitting, key=lambda p: (abs(p - middle) > BRACKET_REACH, p == before, abs(p - middle), p))


def _accompaniment(reader: Reader, flats: bool) -> Track:
    """Return the track of the chords: each struck where it comes and held to the next; their symbols as markers."""
    struck: dict[int, tuple[list[int], str]] = {}
    for number, bar in enumerate(reader.bars_read):
        for placed in bar.chords:
            step = number * reader.bar_steps + placed.position
            bass = placed.root if placed.bass is None else placed.bass
            chord = placed.chord(reader.key)
            root, slash = (pitch_class_name(c, flats) for c in (chord.root, chord.bass))
            plain = make_chord(chord.root, chord.quality).name.removeprefix(pitch_class_name(chord.root))
            symbol = f"{root}{plain}" + (f"/{slash}" if chord.bass != chord.root else "")
            struck[step] = _voicing(placed.root, bass, placed.quality, reader.key), symbol
    rows, texts, symbol = [], [], ""
    steps = sorted(struck)
    end = len(reader.bars_read) * reader.bar_steps
    for step, following in zip(steps, [*steps[1:], end], strict=False):
        pitches, name = struck[step]
        start, duration = step * TICKS_PER_STEP, (following - step) * TICKS_PER_STEP
        rows += [(start, duration, pitch, CHORD_VELOCITY) for pitch in pitches]
        if name != symbol:
            texts.append(Text(start, "marker", name))
            symbol = name
    return Track(make_notes(rows), 0, name="Chords", texts=tuple(texts))


def _voicing(root: int, bass: int, quality: str, key: int) -> list[int]:
    """Return the pitches of a chord: its bass, and its other tones in close position around middle C."""
    shift = reference(key)
    upper = [LOWEST_UPPER + shift + (root + tone - LOWEST_UPPER) % 12 for tone in upper_tones(quality)]
    return [LOWEST_BASS + shift + bass, *upper]
