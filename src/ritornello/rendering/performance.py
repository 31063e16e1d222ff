"""Score -> parts for a synthesiser: notes and controls in frames.

A *frame* is one sample of each channel; `rate` frames make a second. A part is one track on one preset. Preset, pan
and the ends of notes, which both engines need, are determined here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.formats.messages import ALL_SOUND_OFF, BANK_SELECT
from ritornello.rendering.soundfont import BASS, DRUM_BANK, SoundFont
from ritornello.score import (
    CONTROL_CHANGE,
    Controls,
    Score,
    Track,
    channel_state,
    end_at_restrike,
    ticks_to_seconds,
    with_resets,
)

SHORTEST_NOTE = 0.05
SHORTEST_DRUM = 1.0  # drums are not held: files give them durations of a few milliseconds
WIDTH = 26  # the distance of the outermost tracks from the centre (64), unless a control sets the pan

_HI_HATS = (42, 44, 46)  # one pair of cymbals: each stroke ends the last

_NOT_SENT = (*BANK_SELECT, *range(ALL_SOUND_OFF + 1, 128))
"""Bank select, which would change the preset, and the channel modes, which would silence others; "all sound off" stays,
and "reset all controllers" is sent as the values that it sets."""


@dataclass(frozen=True)
class Part:
    """One track for a synthesiser: columns of equal length for its notes, times in frames, ends after starts.

    The `tick` of its controls is a frame, too. `pan` (0-127, 64 is the centre) is the initial pan.
    """

    bank: int
    program: int
    pan: int
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    pitches: NDArray[np.int64]
    velocities: NDArray[np.int64]
    controls: Controls

    @property
    def is_drum(self) -> bool:
        return self.bank == DRUM_BANK


def make_parts(score: Score, font: SoundFont, rate: int) -> list[Part]:
    """Return a part for every track that has notes."""
    tracks = [track for track in score.tracks if len(track.notes)]
    parts = []
    for track, pan in zip(tracks, _pans(tracks, font), strict=True):
        notes, pitches = track.notes, font.pitches(track)
        starts = _frames(score, notes["start"], rate)
        shortest = round((SHORTEST_DRUM if track.is_drum else SHORTEST_NOTE) * rate)
        ends = np.maximum(_frames(score, notes["start"] + notes["duration"], rate), starts + shortest)
        keys = np.where(np.isin(pitches, _HI_HATS), _HI_HATS[0], pitches) if track.is_drum else pitches
        ends = end_at_restrike(starts, ends, keys)
        keep = ends > starts
        velocities = notes["velocity"].astype(np.int64)
        columns = starts[keep], ends[keep], pitches[keep], velocities[keep]
        parts.append(Part(*font.preset(track), pan, *columns, _controls(score, track, rate)))
    return parts


def _frames(score: Score, ticks: NDArray[np.int64], rate: int) -> NDArray[np.int64]:
    return np.rint(ticks_to_seconds(score, ticks) * rate).astype(np.int64)


def _controls(score: Score, track: Track, rate: int) -> Controls:
    controls = with_resets(track.controls)
    sent = (controls["kind"] != CONTROL_CHANGE) | ~np.isin(controls["number"], _NOT_SENT)
    controls = np.array(controls[sent])
    controls["tick"] = _frames(score, controls["tick"], rate)
    return controls


def _pans(tracks: list[Track], font: SoundFont) -> list[int]:
    """Return pans that spread the tracks from left to right in score order; drums and bass stay in the middle.

    A track that takes over the controls of another, as where a channel changes its program, has the seat of that.
    """
    seats: list[list[Track]] = []
    seat_of: list[int | None] = []
    for track in tracks:
        if track.is_drum or font.preset(track)[1] == BASS:
            seat_of.append(None)
            continue
        seat = next((n for n, others in enumerate(seats) if _takes_over(track, others[-1])), len(seats))
        seats += [[]] * (seat == len(seats))
        seats[seat] = [*seats[seat], track]
        seat_of.append(seat)
    places = np.linspace(-WIDTH, WIDTH, len(seats)) if len(seats) > 1 else np.zeros(1)
    return [64 if seat is None else 64 + round(float(places[seat])) for seat in seat_of]


def _takes_over(track: Track, other: Track) -> bool:
    """Return whether `track` begins where `other` has ended, with the controls that it left set."""
    one, two = sorted((track, other), key=lambda each: int(each.notes["start"].min()))
    start = int(two.notes["start"].min())
    left, taken = (channel_state(c[c["tick"] <= start], 0).tolist() for c in (one.controls, two.controls))
    return track.name == other.name and one.end <= start and bool(left) and set(left) <= set(taken)
