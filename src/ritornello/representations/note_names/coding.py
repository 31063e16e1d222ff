"""`Score` -> ids, and any ids -> `Score`.

Without durations every word stands half a quarter after the last and its notes are a quarter long, as system E
decodes. With them, words at one onset come in the order of their instruments; WAIT leads to the next onset; a
LENGTH follows a word where it differs from that of the word before it of the same instrument.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ritornello.arrays import Ints
from ritornello.representations.base import Ids
from ritornello.representations.grids import (
    DURATIONS,
    NEVER,
    SHIFTS,
    STEPS_PER_QUARTER,
    TICKS_PER_QUARTER,
    TICKS_PER_STEP,
    nearest,
)
from ritornello.representations.note_names.reading import FIRST_LENGTH, Reader
from ritornello.representations.note_names.vocabulary import Kind, Vocabulary, parts_of, slices
from ritornello.score import Meter, Score, Tempo, Track, end_at_restrike, make_notes, without_overlaps
from ritornello.theory import instrument_name

VELOCITY = 90
"""Of every decoded note, as music21 writes those that have none."""


def encode(vocabulary: Vocabulary, score: Score) -> Ids:
    """Return the ids of `score`; words that are not known go to the nearest."""
    start, instrument, word, length = read_events(vocabulary, score)
    timed = vocabulary.config.durations
    body = _timed(vocabulary, start, instrument, word, length) if timed else word.tolist()
    return np.array([vocabulary.id_of(Kind.START), *body, vocabulary.id_of(Kind.END)], dtype=np.int32)


def read_events(vocabulary: Vocabulary, score: Score) -> tuple[Ints, Ints, Ints, Ints]:
    """Return start (steps), instrument, word and number of the length of each event, in order."""
    tracks = parts_of(score.resampled(STEPS_PER_QUARTER))
    if vocabulary.config.parts == "first" and not vocabulary.config.programs:
        tracks = tracks[:1]
    players = vocabulary.instruments_of(t.program for t in tracks) if vocabulary.config.programs else []
    players = players or [0] * len(tracks)
    rows = []
    for player in sorted(set(players)):
        mine = [track.notes for track, who in zip(tracks, players, strict=True) if who == player]
        start, code, length = slices(mine)
        word = vocabulary.words.nearest(code)
        rows.append((start, np.full_like(start, player), word, _lengths(vocabulary, start, word, length)))
    if not rows:
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty, empty, empty
    start, player_of, word, length = (np.concatenate(column) for column in zip(*rows, strict=True))
    order = np.lexsort((player_of, start))
    return start[order], player_of[order], word[order], length[order]


def _lengths(vocabulary: Vocabulary, start: Ints, word: Ints, length: Ints) -> Ints:
    """Return the number in DURATIONS of each event's length.

    A note ends at the latest where its pitch is struck again; a word is as long as the longest of its notes.
    """
    pitches = [vocabulary.words.pitches[number] for number in word.tolist()]
    event = np.repeat(np.arange(len(start)), [len(p) for p in pitches])
    pitch = np.array([p for chord in pitches for p in chord], dtype=np.int64)
    gap = end_at_restrike(start[event], np.full_like(event, NEVER), pitch) - start[event]
    longest = np.zeros(len(start), dtype=np.int64)
    np.maximum.at(longest, event, gap)
    most = np.searchsorted(DURATIONS, longest, side="right") - 1
    return np.minimum(nearest(DURATIONS, np.maximum(length, 1)), most)


def _timed(vocabulary: Vocabulary, *events: Ints) -> Iterator[int]:
    """Yield the ids of the events of a piece that keeps durations; it begins with its first onset."""
    time, current = int(events[0][0]) if len(events[0]) else 0, 0 if not vocabulary.config.programs else -1
    remembered: dict[int, int] = {}
    for start, instrument, word, length in zip(*(column.tolist() for column in events), strict=True):
        while time < start:
            wait = int(np.searchsorted(SHIFTS, start - time, side="right")) - 1
            time += int(SHIFTS[wait])
            yield vocabulary.id_of(Kind.WAIT, wait)
        if instrument != current:
            yield vocabulary.id_of(Kind.INSTRUMENT, instrument)
            current = instrument
        yield word
        if length != remembered.get(instrument, FIRST_LENGTH):
            remembered[instrument] = length
            yield vocabulary.id_of(Kind.LENGTH, length)


def decode(vocabulary: Vocabulary, ids: Ids) -> Score:
    """Return the score of any ids: 120 quarters a minute, 4/4; what makes no sense is left out."""
    reader = Reader(vocabulary)
    notes: dict[int, dict[tuple[int, int], list[int]]] = {}  # by instrument, by (step, pitch): [length]
    last = [FIRST_LENGTH]
    for token in np.asarray(ids).tolist():
        if not 0 <= token < vocabulary.size:
            continue
        kind = reader.advance(token)
        if kind == Kind.WORD:
            last = [reader.length]
            for pitch in vocabulary.words.pitches[token]:
                notes.setdefault(reader.instrument, {})[reader.onset, pitch] = last
        elif kind == Kind.LENGTH:
            last[0] = int(vocabulary.value[token])
    return Score(
        ticks_per_quarter=TICKS_PER_QUARTER,
        tracks=tuple(
            _make_track(vocabulary.programs[number], played) for number, played in sorted(notes.items())
        ),
        tempos=(Tempo.from_quarters_per_minute(0, 120),),
        meters=(Meter(0, 4, 4),),
    )


def _make_track(program: int, notes: dict[tuple[int, int], list[int]]) -> Track:
    """Return the track of an instrument; a note ends where its pitch is struck again."""
    rows = [
        (step * TICKS_PER_STEP, int(DURATIONS[length]) * TICKS_PER_STEP, pitch, VELOCITY)
        for (step, pitch), (length,) in notes.items()
    ]
    return Track(without_overlaps(make_notes(rows)), program, False, instrument_name(program, False))
