"""Notes as long as they sound: the sustain pedal, which notation and representations do not have, becomes lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ritornello.score import (
    CONTROL_CHANGE,
    PITCH_BEND,
    Score,
    Track,
    end_at_restrike,
    make_controls,
    sort_notes,
)

SUSTAIN = 64
"""The number of the controller of the pedal; it is down at values from DOWN on."""

DOWN = 64


def sustained(score: Score) -> Score:
    """Return `score` with every note as long as it sounds; the pedals are left in the controls.

    A note that is released while the pedal is down lasts until the pedal is up, its key is struck again, or the piece
    ends (at the end of its last note). Tracks without a pedal are as they were.
    """

    def held(track: Track) -> Track:
        if track.is_drum or not len(track.notes) or not has_pedal(track):
            return track
        notes = track.notes.copy()
        starts, pitches = notes["start"].astype(np.int64), notes["pitch"].astype(np.int64)
        released = starts + notes["duration"]
        ends = end_at_restrike(starts, sustained_ends(track, score.end), pitches)
        notes["duration"] = np.maximum(released, ends) - starts
        return replace(track, notes=sort_notes(notes))

    return replace(score, tracks=tuple(map(held, score.tracks)))


def has_pedal(track: Track) -> bool:
    """Return whether the sustain pedal goes down in `track`."""
    controls = track.controls
    is_pedal = (controls["kind"] == CONTROL_CHANGE) & (controls["number"] == SUSTAIN)
    return bool((controls["value"][is_pedal] >= DOWN).any())


def has_bends(track: Track) -> bool:
    """Return whether the pitch of `track` is ever bent."""
    return bool((track.controls["value"][track.controls["kind"] == PITCH_BEND] != 0).any())


def sustained_ends(track: Track, last: int) -> NDArray[np.int64]:
    """Return the ticks at which notes end with the pedal: one released while it is down lasts until it is up.

    All end at `last`, the end of the piece. The caller cuts a note where its key is struck again.
    """
    ends = (track.notes["start"] + track.notes["duration"]).astype(np.int64)
    is_pedal = (track.controls["kind"] == CONTROL_CHANGE) & (track.controls["number"] == SUSTAIN)
    pedal = np.concatenate([make_controls([(0, CONTROL_CHANGE, SUSTAIN, 0)]), track.controls[is_pedal]])
    is_down = pedal["value"] >= DOWN
    ups = np.append(pedal["tick"][~is_down], max(last, 0))
    at = np.searchsorted(pedal["tick"], ends, side="right") - 1
    up = ups[np.searchsorted(pedal["tick"][~is_down], ends, side="right")]
    return np.asarray(np.where(is_down[at], np.maximum(up, ends), ends))
