"""An answer as it is played: velocities, lengths, swing and small delays, while it is still being decided.

`perform` plays whole scores. Here it plays what is decided so far, and the new notes of that are taken: each note is
played once, in the light of the ones before it. The tempo never bends, since the session keeps the beat. Where both
play, nothing is early or late either.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from ritornello.arrays import Ints
from ritornello.expression.config import DEFAULT_AMOUNT
from ritornello.expression.perform import perform
from ritornello.live.config import JamConfig
from ritornello.live.session.encoding_window import EPSILON, TICKS, Window
from ritornello.live.session.response_decoder import DecidedNote
from ritornello.score import NOTE, Meter, Notes, Score, Tempo, Track, sort_notes
from ritornello.theory import DRUMS

CONTEXT_BARS = 4
"""Bars before a note that tell how it is played."""


class Performance:
    """Plays notes of one window in order of time.

    start: of the answer, in quarters of the window; notes there are in time. phase: how many quarters after the beat of
    the notes the window's beat is. delays: whether notes may be early or late.
    """

    def __init__(self, window: Window, seed: int, start: float, phase: float, delays: bool) -> None:
        self.window = window
        self._seed, self._start, self._phase, self._delays = seed, start, phase, delays
        self._notes: list[DecidedNote] = []  # as written
        self._played: list[DecidedNote] = []  # the same notes

    def play(self, config: JamConfig, decided: Sequence[DecidedNote]) -> list[DecidedNote]:
        """Return notes as they are played, by the settings `perform` and `swing`."""
        amount = DEFAULT_AMOUNT if config.perform is None else config.perform
        if not decided or (not amount and config.swing is None):
            return list(decided)
        bar = self.window.bar_quarters
        earliest = min(note.start for note in decided) - CONTEXT_BARS * bar
        pairs = zip(self._notes, self._played, strict=True)
        kept = [(note, played) for note, played in pairs if note.start >= earliest]
        self._notes, self._played = [note for note, _ in kept] + list(decided), [played for _, played in kept]
        origin = (
            math.floor((min(n.start for n in self._notes) - self._phase) / bar + EPSILON) * bar + self._phase
        )
        programs = sorted({note.program for note in self._notes})
        parts = [[n for n, note in enumerate(self._notes) if note.program == program] for program in programs]
        written = [self._rows((self._notes[number] for number in part), origin) for part in parts]
        played = perform(
            self._score(programs, written), amount, self._seed,
            swing=config.swing, swing_unit=int(config.swing_unit), bends=False, delays=self._delays,
        )  # fmt: skip
        result = self._notes.copy()
        for part, before, track in zip(parts, written, played.tracks, strict=True):
            order, after = _by_pitch(before), track.notes[_by_pitch(track.notes)]
            shifts = (after["start"] - before["start"][order]) / TICKS
            for place, shift, sound in zip(order.tolist(), shifts.tolist(), after, strict=True):
                note = self._notes[part[place]]
                start = note.start if note.start < self._start + EPSILON else note.start + shift
                length, velocity = float(sound["duration"] / TICKS), int(sound["velocity"])
                result[part[place]] = note._replace(start=start, end=start + length, velocity=velocity)
        for note in result[len(result) - len(decided) :]:
            self._played.append(self._after_those_before(note))
        return self._played[len(result) - len(decided) :]

    def _after_those_before(self, note: DecidedNote) -> DecidedNote:
        """Return a note, as it is played, that begins no earlier than the notes of its instrument end that are over by
        then as written: as many sound at once as are written."""
        written, before = self._notes[len(self._played)], zip(self._notes, self._played, strict=False)
        ends = [
            played.end
            for own, played in before
            if own.program == note.program and own.end <= written.start + EPSILON
        ]
        start = max(ends, default=note.start)
        return note if start <= note.start else note._replace(start=start, end=max(note.end, start + EPSILON))

    @staticmethod
    def _rows(notes: Iterable[DecidedNote], origin: float) -> Notes:
        """Return notes in ticks from `origin`, in the same order."""
        rows = [
            (round((n.start - origin) * TICKS), max(1, round((n.end - n.start) * TICKS)), n.pitch, n.velocity)
            for n in notes
        ]
        return np.array(rows, dtype=NOTE)

    def _score(self, programs: list[int], parts: list[Notes]) -> Score:
        """Return the notes of each program as a score."""
        tracks = [
            Track(sort_notes(notes), 0 if program == DRUMS else program, program == DRUMS)
            for program, notes in zip(programs, parts, strict=True)
        ]
        tempo = Tempo.from_quarters_per_minute(0, self.window.quarters_per_minute)
        return Score(TICKS, tuple(tracks), (tempo,), (Meter(0, *self.window.meter),))


def _by_pitch(notes: Notes) -> Ints:
    """Return the order of notes by pitch, then start: playing does not change it."""
    return np.lexsort((notes["start"], notes["pitch"]))
