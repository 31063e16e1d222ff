"""The melody and the bass of a score: in which track each is, and which notes it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritornello.leadsheet import melody_track, top_line
from ritornello.score import Notes, Score, sort_notes

LEAST = 0.1
"""A track with fewer onsets than this share of those of the busiest one is no melody."""


@dataclass(frozen=True, eq=False)
class Voice:
    """One note at a time: the index of its track in the score, and its notes, each ended where the next begins."""

    track: int
    notes: Notes


def find_melody(score: Score) -> Voice | None:
    """Return the top line of the track with the melody (`leadsheet.melody_track`); None without pitched notes."""
    pitched = _pitched(score)
    if not pitched:
        return None
    onsets = [len(np.unique(score.tracks[index].notes["start"])) for index in pitched]
    pitched = [index for index, count in zip(pitched, onsets, strict=True) if count >= LEAST * max(onsets)]
    track = pitched[melody_track([score.tracks[index] for index in pitched])]
    return Voice(track, top_line(score.tracks[track].notes))


def find_bass(score: Score) -> Voice | None:
    """Return the bottom line of the track that is the lowest most of the time; None without pitched notes."""
    pitched = _pitched(score)
    if not pitched:
        return None
    starts = np.unique(np.concatenate([score.tracks[index].notes["start"] for index in pitched]))
    lowest = np.full((len(pitched), len(starts)), 128)
    for row, index in zip(lowest, pitched, strict=True):
        notes = score.tracks[index].notes
        first = np.searchsorted(starts, notes["start"])
        count = np.maximum(np.searchsorted(starts, notes["start"] + notes["duration"]) - first, 1)
        note = np.repeat(np.arange(len(notes)), count)
        at = first[note] + np.arange(len(note)) - np.repeat(np.cumsum(count) - count, count)
        np.minimum.at(row, at, notes["pitch"][note])
    held = np.diff(starts, append=score.end)
    track = pitched[int(((lowest == lowest.min(axis=0)) @ held).argmax())]
    return Voice(track, _bottom_line(score.tracks[track].notes))


def _pitched(score: Score) -> list[int]:
    return [index for index, track in enumerate(score.tracks) if len(track.notes) and not track.is_drum]


def _bottom_line(notes: Notes) -> Notes:
    turned = notes.copy()
    turned["pitch"] = 127 - turned["pitch"]
    line = top_line(sort_notes(turned))
    line["pitch"] = 127 - line["pitch"]
    return line
