"""Recordings as scores: sound -> what the network hears (`model`) -> notes -> beats and bars -> `Score`.

All notes are in one track of a piano, since the network does not tell instruments apart; drums and noises become
notes or nothing. Bends and vibrato are not kept. The tempo is estimated: half or twice of it would often do as well.

Read in order: `sound.decode`, `model.posteriors`, `notes.find_notes`, `beats.find_beats`, then `parse_audio`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ritornello.arrays import Floats
from ritornello.errors import FormatError
from ritornello.formats.audio.beats import find_bars, find_beats
from ritornello.formats.audio.model import HOP, posteriors
from ritornello.formats.audio.notes import find_notes, velocities
from ritornello.formats.audio.sound import RATE, decode
from ritornello.score import NOTE, Meter, Score, Tempo, Track, sort_notes, without_overlaps

TICKS_PER_QUARTER = 480


def parse_audio(data: bytes, name: str, progress: Callable[[int, int], None] | None = None) -> Score:
    """Return the notes that are heard in a sound file, as a score that begins with its first beat.

    Times are kept as played, by a tempo map with a beat a quarter. Velocities follow loudness. `progress` is called
    with the seconds done and those of the whole. Raise FormatError if it is no sound file or if nothing is heard, and
    as `sound.decode` does.
    """
    sound = decode(data, name)

    def report(done: int, count: int) -> None:
        if progress is not None:
            progress(done * HOP // RATE, count * HOP // RATE)

    heard = find_notes(posteriors(sound.samples, report))
    if not len(heard.start):
        raise FormatError(f"{name}: no notes are heard in it")
    velocity = velocities(sound.samples, heard)
    length = heard.end - heard.start
    weight = velocity.astype(np.float64) * np.minimum(length, 1.0)  # long notes tend to begin on beats
    beats = find_beats(heard.start, weight)
    of_bar, before = find_bars(beats, heard.start, length, heard.pitch, weight)
    notes = np.zeros(len(velocity), dtype=NOTE)
    start, end = (_ticks(times, beats) for times in (heard.start, heard.end))
    notes["start"], notes["duration"] = start, np.maximum(end - start, 1)
    notes["pitch"], notes["velocity"] = heard.pitch, velocity
    meters = [Meter(0, before, 4)] if before else []
    return Score(
        TICKS_PER_QUARTER,
        (Track(without_overlaps(sort_notes(notes))),),
        tempos=_tempos(beats),
        meters=(*meters, Meter(before * TICKS_PER_QUARTER, of_bar, 4)),
        title=sound.title,
        repairs=sound.repairs,
    )


def _ticks(times: Floats, beats: Floats) -> Floats:
    """Return the ticks of `times` in seconds; after the last beat its tempo goes on, before the first is nothing."""
    late = np.maximum(0.0, times - beats[-1]) / (beats[-1] - beats[-2])
    number = np.interp(times, beats, np.arange(len(beats))) + late
    return np.asarray(np.rint(number * TICKS_PER_QUARTER))


def _tempos(beats: Floats) -> tuple[Tempo, ...]:
    """Return the tempo of each beat, where it changes."""
    micros = np.rint(np.diff(beats) * 1e6).astype(np.int64)
    changes = np.flatnonzero(np.diff(micros, prepend=0))
    return tuple(Tempo(int(at) * TICKS_PER_QUARTER, int(micros[at])) for at in changes)
