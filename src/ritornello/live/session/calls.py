"""A score as a call: its limits, its notes and controls on the session's clock, and what a call has no place for."""

from __future__ import annotations

import numpy as np

from ritornello.errors import ConfigError, counted
from ritornello.formats.messages import DRUM_CHANNEL
from ritornello.live.events import LiveNote, Side
from ritornello.live.session.record import TimedControl
from ritornello.score import Score, Track, end_at_restrike, ticks_to_seconds
from ritornello.sustain import has_pedal, sustained_ends
from ritornello.theory import DRUMS

LONGEST, MOST_NOTES = 300.0, 10_000
"""Seconds and notes of a call."""

MOST_CONTROLS = 10_000
"""Controls of a call; if it has more, they are left out."""

LONGEST_TURN = 60.0
"""Seconds after which a call ends; of a longer score it is the whole bars before."""

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


def opening(score: Score, quarters_per_minute: float | None) -> tuple[Score, str | None]:
    """Return the whole bars of a score that take LONGEST_TURN at most, from its first note on, and a line that says so;
    the score itself, and None, if it is no longer. At least one bar.

    quarters_per_minute: the tempo; None for the score's own.
    """
    first = min(int(track.notes["start"][0]) for track in score.tracks if len(track.notes))
    lines = np.append(score.bar_starts(), score.end)
    lines = lines[max(int(np.searchsorted(lines, first, side="right")) - 1, 0) :]
    seconds = np.array(_seconds(score, lines, 0.0, quarters_per_minute))
    whole = seconds[-1] - seconds[0]
    if whole <= LONGEST_TURN:
        return score, None
    stop = max(int(np.searchsorted(seconds - seconds[0], LONGEST_TURN, side="right")) - 1, 1)
    line = f"the call is the first {counted(stop, 'bar')} of {len(lines) - 1}: {LONGEST_TURN:g} s at most"
    return score.excerpt(int(lines[0]), int(lines[stop])), line


def call_notes(score: Score, start: float, quarters_per_minute: float | None) -> list[tuple[LiveNote, float]]:
    """Return the notes, not numbered yet, of a score that begins at `start`, in order of time, each with the time until
    which it sounds: longer than its key is down where a pedal holds it.

    quarters_per_minute: the tempo; None for the score's own.
    """

    found = []
    for number, track in enumerate(score.tracks):
        program, channel = DRUMS if track.is_drum else track.program, _channel(number, track)
        begins = track.notes["start"].astype(np.int64)
        released = begins + track.notes["duration"]
        held = released
        if has_pedal(track) and not track.is_drum:
            held = end_at_restrike(
                begins, sustained_ends(track, score.end), track.notes["pitch"].astype(np.int64)
            )
        times = (
            _seconds(score, ticks, start, quarters_per_minute)
            for ticks in (begins, released, np.maximum(released, held))
        )
        sounds = track.notes[["pitch", "velocity"]].tolist()
        for begin, end, last, (pitch, velocity) in zip(*times, sounds, strict=True):
            end = max(end, begin + SHORTEST)
            note = LiveNote(0, Side.PLAYER, begin, end, pitch, velocity, channel, program)
            found.append((note, max(end, last)))
    return sorted(found, key=lambda each: each[0].start)


def call_controls(score: Score, start: float, quarters_per_minute: float | None) -> list[TimedControl]:
    """Return the controls, such as pedals, of a score that begins at `start`, in order of time; see `call_notes`."""
    found = []
    if sum(len(track.controls) for track in score.tracks) <= MOST_CONTROLS:
        for number, track in enumerate(score.tracks):
            times = _seconds(score, track.controls["tick"], start, quarters_per_minute)
            rows = track.controls[["kind", "number", "value"]].tolist()
            channel = _channel(number, track)
            found += [TimedControl(time, channel, *row) for time, row in zip(times, rows, strict=True)]
    return sorted(found, key=lambda control: control.start)


def left_out(score: Score) -> str | None:
    """Return a line that tells what of a score is not in the record of its call; None if all is."""
    texts = [*score.texts, *(text for track in score.tracks for text in track.texts)]
    lyrics = sum(text.kind == "lyric" for text in texts)
    chords = sum(text.kind == "chord" for text in texts)
    controls = sum(len(track.controls) for track in score.tracks)
    counts = {
        counted(lyrics, "syllable") + " of lyrics": lyrics,
        counted(chords, "chord symbol"): chords,
        counted(controls, "control") + " (pedals, bends)": controls * (controls > MOST_CONTROLS),
    }
    parts = [name for name, count in counts.items() if count]
    return f"left out of the call: {', '.join(parts)}" if parts else None


def _channel(number: int, track: Track) -> int:
    return DRUM_CHANNEL if track.is_drum else min(number, DRUM_CHANNEL - 1)


def _seconds(score: Score, ticks: np.ndarray, start: float, quarters_per_minute: float | None) -> list[float]:
    """Return the times of ticks of a score that begins at `start`."""
    after = ticks_to_seconds(score, ticks)
    if quarters_per_minute is not None:
        after = ticks / score.ticks_per_quarter * 60 / quarters_per_minute
    return [start + each for each in after.tolist()]
