"""Sample scores for the laws, made by code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ritornello.formats.text import prose_to_score
from ritornello.score import CONTROL_CHANGE, Key, Meter, Score, Tempo, Text, Track, make_controls, make_notes

TICKS = 480


def make_song(bars: int = 4) -> Score:
    """Return a small song of `bars` (at least 2) bars: flute with words, piano chords, bass, drums.

    It has a tempo and a meter change (4/4, the last bar 3/4), a triplet, a pedal, a marker, a key and a title.
    """
    starts = [bar * 4 * TICKS for bar in range(bars)]
    third = TICKS // 3
    melody = [(start + TICKS * i, TICKS - 10, 72 + i, 90) for start in starts for i in range(3)]
    melody += [(starts[0] + 3 * TICKS + third * i, third, 77 - i, 70 + i) for i in range(3)]
    chords = [(start, 3 * TICKS, pitch, 64) for start in starts for pitch in (60, 64, 67)]
    bass = [(start + 2 * TICKS * i, TICKS, 36 + 7 * i, 80) for start in starts for i in range(2)]
    kit = [(start + TICKS * i, 60, 38 if i % 2 else 36, 100) for start in starts for i in range(3)]
    hats = [(start + TICKS // 2 * i, 0, 42, 50) for start in starts for i in range(6)]
    words = tuple(Text(TICKS * i, "lyric", word) for i, word in enumerate(("Dó", "re", "mi")))
    pedal = make_controls([(0, CONTROL_CHANGE, 64, 127), (3 * TICKS, CONTROL_CHANGE, 64, 0)])
    return Score(
        TICKS,
        tracks=(
            Track(make_notes(melody), program=73, name="Flute", texts=words),
            Track(make_notes(chords), program=0, name="Piano", controls=pedal),
            Track(make_notes(bass), program=32, name="Bass"),
            Track(make_notes(kit + hats), program=0, is_drum=True, name="Drums"),
        ),
        tempos=(Tempo(0, 500_000), Tempo(starts[1], 400_000)),
        meters=(Meter(0, 4, 4), Meter(starts[-1], 3, 4)),
        keys=(Key(0, 0),),
        texts=(Text(0, "copyright", "made for tests"), Text(starts[1], "marker", "B")),
        title="A small song",
    )


def transposed_song(semitones: int) -> Score:
    """Return the sample song transposed: a vocabulary of whole words knows only the keys it was fitted to."""
    song = make_song()
    tracks = []
    for track in song.tracks:
        notes = track.notes.copy()
        notes["pitch"] += 0 if track.is_drum else semitones
        tracks.append(replace(track, notes=notes))
    return replace(song, tracks=tuple(tracks))


def make_prose() -> Score:
    """Return two paragraphs of prose."""
    return prose_to_score("“Who is he ?” I asked . He laughed .\n\n( Nobody , he said . ) And so it was !")


def random_score(random: np.random.Generator) -> Score:
    """Return any score: notes that overlap, repeat and stray off the grid, odd meters, wild tempos, many parts."""
    tracks = []
    for _ in range(random.integers(0, 5)):
        rows = random.integers((0, 0, 0, 1), (9000, 3000, 128, 128), (random.integers(0, 25), 4))
        notes = make_notes([tuple(row) for row in rows.tolist()])
        tracks.append(Track(notes, int(random.integers(128)), bool(random.integers(2))))
    ticks = sorted(set(random.integers(0, 8000, random.integers(0, 5)).tolist()))
    tempos = tuple(Tempo(tick, int(random.integers(1, 16_000_000))) for tick in ticks)
    meters = tuple(
        Meter(tick, int(random.integers(1, 14)), 2 ** int(random.integers(0, 6))) for tick in ticks
    )
    return Score(int(random.choice([1, 96, 480, 1000])), tuple(tracks), tempos, meters)


WORDS = (*"“”().!?,〓¶", "He", "laughed", "unheard-of", "said", "。", "\u200b")
"""Known and unknown words, and signs."""


def random_prose(random: np.random.Generator) -> Score:
    """Return any prose: words and signs in any order, empty paragraphs."""
    texts = [random.choice(WORDS, random.integers(0, 9)).tolist() for _ in range(random.integers(0, 6))]
    joined = (str(random.choice([" ", "  ", "\u200b"])).join(text) for text in texts)
    return Score(1, texts=tuple(Text(n, "text", text) for n, text in enumerate(joined)))
