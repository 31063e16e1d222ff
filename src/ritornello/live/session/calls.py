"""A score as a call: its limits, and its notes on the session's clock."""

from __future__ import annotations

import numpy as np

from ritornello.errors import ConfigError
from ritornello.formats.messages import DRUM_CHANNEL
from ritornello.live.events import LiveNote, Side
from ritornello.score import Score, ticks_to_seconds
from ritornello.theory import DRUMS

LONGEST, MOST_NOTES = 300.0, 10_000
"""Seconds and notes of a call."""

SHORTEST = 0.02
"""Seconds of the shortest note."""


def check_call(score: Score) -> None:
    """Raise ConfigError if a score cannot be a call."""
    if not score.note_count:
        raise ConfigError("the call has no notes")
    if score.note_count > MOST_NOTES or score.seconds > LONGEST:
        raise ConfigError(
            f"the call has {score.note_count} notes in {score.seconds:.0f} seconds;"
            f" allowed are {MOST_NOTES} notes and {LONGEST:g} seconds"
        )


def call_notes(score: Score, start: float, quarters_per_minute: float | None) -> list[LiveNote]:
    """Return the notes, not numbered yet, of a score that begins at `start`, in order of time.

    quarters_per_minute: the tempo; None for the score's own.
    """

    def seconds(ticks: np.ndarray) -> list[float]:
        after = ticks_to_seconds(score, ticks)
        if quarters_per_minute is not None:
            after = ticks / score.ticks_per_quarter * 60 / quarters_per_minute
        return [start + each for each in after.tolist()]

    found = []
    for number, track in enumerate(score.tracks):
        program = DRUMS if track.is_drum else track.program
        channel = DRUM_CHANNEL if track.is_drum else min(number, DRUM_CHANNEL - 1)
        starts, ends = seconds(track.notes["start"]), seconds(track.notes["start"] + track.notes["duration"])
        sounds = track.notes[["pitch", "velocity"]].tolist()
        for begin, end, (pitch, velocity) in zip(starts, ends, sounds, strict=True):
            end = max(end, begin + SHORTEST)
            found.append(LiveNote(0, Side.PLAYER, begin, end, pitch, velocity, channel, program))
    return sorted(found, key=lambda note: note.start)
