"""Notes as long as they sound: the pedals, which notation and representations do not have, become lengths."""

from __future__ import annotations

from dataclasses import replace
from operator import is_

import numpy as np
from numpy.typing import NDArray

from ritornello.score import (
    CONTROL_CHANGE,
    PITCH_BEND,
    Score,
    Track,
    end_at_restrike,
    sort_notes,
)

SUSTAIN, SOSTENUTO = 64, 66
"""The numbers of the controllers of the pedals that hold notes; a pedal is down at values from DOWN on."""

DOWN = 64


def sustained(score: Score) -> Score:
    """Return `score` with every note as long as it sounds; the pedals are left in the controls.

    A note that is released while the sustain pedal is down, or whose key is down when the sostenuto pedal goes down,
    lasts until the pedal is up, its key is struck again, or the piece ends (with the release of its last note). Tracks
    without a pedal are as they were.
    """

    def held(track: Track) -> Track:
        if track.is_drum or not len(track.notes) or not len(track.controls) or not has_pedal(track):
            return track
        notes = track.notes.copy()
        starts, pitches = notes["start"].astype(np.int64), notes["pitch"].astype(np.int64)
        released = starts + notes["duration"]
        ends = end_at_restrike(starts, sustained_ends(track, score.end), pitches)
        notes["duration"] = np.maximum(released, ends) - starts
        return replace(track, notes=sort_notes(notes))

    tracks = tuple(map(held, score.tracks))
    return score if all(map(is_, tracks, score.tracks)) else replace(score, tracks=tracks)


def has_pedal(track: Track) -> bool:
    """Return whether the sustain or the sostenuto pedal goes down in `track`."""
    is_down = (track.controls["kind"] == CONTROL_CHANGE) & (track.controls["value"] >= DOWN)
    number = track.controls["number"][is_down]
    return bool(((number == SUSTAIN) | (number == SOSTENUTO)).any())


def has_bends(track: Track) -> bool:
    """Return whether the pitch of `track` is ever bent."""
    return bool((track.controls["value"][track.controls["kind"] == PITCH_BEND] != 0).any())


def sustained_ends(track: Track, last: int) -> NDArray[np.int64]:
    """Return the ticks at which notes end with the pedals: one that a pedal holds lasts until the pedal is up.

    All end at `last`, the end of the piece. The caller cuts a note where its key is struck again.
    """
    starts = track.notes["start"].astype(np.int64)
    ends = starts + track.notes["duration"]
    downs, ups = _movements(track, SOSTENUTO, last)
    if len(downs):  # it holds the keys that are down as it goes down, and no others
        latest = np.searchsorted(downs, ends, side="left") - 1
        is_held = (latest >= 0) & (downs[latest] >= starts)
        ends = np.where(is_held, np.maximum(ends, ups[latest]), ends)
    downs, ups = _movements(track, SUSTAIN, last)
    if len(downs):
        latest = np.searchsorted(downs, ends, side="right") - 1
        ends = np.where(latest >= 0, np.maximum(ends, ups[latest]), ends)
    return np.asarray(ends, dtype=np.int64)


def _movements(track: Track, number: int, last: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ticks at which a pedal goes down, and at which it is next up: at `last` if it stays down."""
    controls = track.controls
    of_pedal = controls[(controls["kind"] == CONTROL_CHANGE) & (controls["number"] == number)]
    is_down = of_pedal["value"] >= DOWN
    changed = np.diff(is_down, prepend=False)
    ticks = of_pedal["tick"].astype(np.int64)[changed]
    return ticks[::2], np.append(ticks[1::2], [max(last, 0)] * (len(ticks) % 2))
