"""The encoding window: notes on the session's clock as the ids of a short piece.

The notes since the model last listened are encoded as a piece of their own. Its `Window` has an origin on the
session's clock, a bar line where there are bars, and counts time in quarters from there. An `Ensemble` assigns each
note to a part of that piece.

A tokenizer may number the voices by the parts that have notes: while the third violin is silent, the fourth would get
its voice. Hence the roll call: a note for each part, far behind the window, whose ids are cut off again. So the
header of every window names the whole ensemble, and a part keeps its voice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.live.config import JamConfig
from ritornello.live.events import LiveNote
from ritornello.live.session.model import LiveModel
from ritornello.live.session.record import TimedControl
from ritornello.representations.base import Conditions, Ids, Representation
from ritornello.score import Controls, Meter, Score, Tempo, Track, make_controls, make_notes
from ritornello.theory import DRUMS, instrument_name, parse_instrument

TICKS = 480
EPSILON = 1e-6
ROLL_CALL = 64
"""Quarters from the last onset of a window to its roll call, more than any id moves time."""

BARS = 64
"""The length of the piece, in bars, as a condition: much longer than a window, so the model plays no ending."""


@dataclass(frozen=True)
class Window:
    """A stretch of time: `origin` in seconds on the session's clock, quarters a minute, meter.

    grid: quarters from one to the next of the lines on which notes begin, as encoded; None: wherever they do.
    """

    origin: float
    quarters_per_minute: float
    meter: tuple[int, int]
    grid: float | None = None

    def quarters(self, seconds: float) -> float:
        """Return the time in quarters from the origin."""
        return (seconds - self.origin) * self.quarters_per_minute / 60

    def seconds(self, quarters: float) -> float:
        """Return the time on the session's clock."""
        return self.origin + quarters * 60 / self.quarters_per_minute

    def onset(self, seconds: float) -> float:
        """Return the time in quarters at which a note is encoded that begins at `seconds`."""
        quarters = self.quarters(seconds)
        return quarters if self.grid is None else round(quarters / self.grid) * self.grid

    @property
    def bar_quarters(self) -> float:
        return self.meter[0] * 4 / self.meter[1]


@dataclass(frozen=True)
class Ensemble:
    """The parts of the piece that both sides play: the model's, then those that only the player has.

    model_programs: one a part. player_programs: each shares the model's part of this program, or else of its family.
    """

    model: LiveModel
    model_programs: tuple[int, ...]
    player_programs: tuple[int, ...]

    @cached_property
    def parts(self) -> tuple[int, ...]:
        """The program of each part."""
        if not self.model.has_voices:
            return self.model.default_programs[:1]
        own = (p for p in self.player_programs if _part_like(p, self.model_programs) is None)
        return (*self.model_programs, *dict.fromkeys(own))

    def part_of(self, program: int) -> int | None:
        """Return the number of the part of a program; None if the model has no part for it."""
        if not self.model.has_voices:
            return 0 if (program == DRUMS) == (self.parts[0] == DRUMS) else None
        return _part_like(program, self.parts)

    @cached_property
    def voices(self) -> tuple[int, ...]:
        """The voice of each part; parts may share one."""
        if not self.model.has_voices:
            return (0,)
        ids = self._roll_call
        return tuple(int(voice) for voice in self.model.voices[ids] if voice >= 0)

    @cached_property
    def sounding(self) -> dict[int, int]:
        """The programs of the model's parts, by the program of the voice that stands for each, where they differ."""
        if not self.model.has_voices:
            return {}
        tokens, ids = self.model.tokens, self._roll_call
        header = ids[tokens.program[ids] >= 0]
        stands = dict(zip(tokens.voice[header].tolist(), tokens.program[header].tolist(), strict=True))
        pairs = [(stands[voice], part) for voice, part in zip(self.voices, self.model_programs, strict=False)]
        kept = {program for program, part in pairs if program == part}
        return {program: part for program, part in reversed(pairs) if program not in kept and part != DRUMS}

    @cached_property
    def _roll_call(self) -> Ids:
        """The ids of one note a part, one after another."""
        tracks = tuple(_track(part, [(TICKS * i, TICKS, 60, 80)]) for i, part in enumerate(self.parts))
        return self.model.representation.primer(Score(TICKS, tracks))

    def may_play(self, avoid: int | None = None) -> NDArray[np.bool_]:
        """Return a mask over the ids of the model's parts, without that of program `avoid` if there is another."""
        representation = self.model.representation
        mask = np.ones(representation.vocabulary_size, dtype=bool)
        mask[[representation.start_id, representation.end_id]] = False
        if not self.model.has_voices:
            return mask
        count = len(self.model_programs)
        taken = None if avoid is None else self.voices[_part_like(avoid, self.parts) or 0]
        voices = [v for v in self.voices[:count] if v != taken] or list(self.voices[:count])
        return mask & np.isin(self.model.voices, [-1, *voices])

    def score(
        self, window: Window, notes: Iterable[LiveNote], until: float, pedal: Iterable[TimedControl]
    ) -> Score:
        """Return the notes that begin before `until` (seconds) as a score, without the roll call."""
        rows: list[list[tuple[int, int, int, int]]] = [[] for _ in self.parts]
        for note in notes:
            part = self.part_of(note.program)
            if note.start < until and part is not None:
                start = max(0, round(window.onset(note.start) * TICKS))
                end = until if note.end is None else note.end
                end = end if self.model.tokens.tells_ends else min(end, until)
                length = round(window.quarters(end) * TICKS) - start
                rows[part].append((start, max(1, length), note.pitch, note.velocity))
        moves = [(max(0, round(window.quarters(c.start) * TICKS)), c.kind, c.number, c.value) for c in pedal]
        controls = make_controls(moves)
        tracks = [_track(part, row, controls) for part, row in zip(self.parts, rows, strict=True)]
        tempo = Tempo.from_quarters_per_minute(0, window.quarters_per_minute)
        return Score(TICKS, tuple(tracks), (tempo,), (Meter(0, *window.meter),))

    def conditions(self, window: Window, bars: int = BARS) -> Conditions:
        """Return the conditions that the header of a window encodes."""
        return Conditions(bars, window.quarters_per_minute, window.meter if self.model.has_voices else None)

    def ids(
        self,
        representation: Representation,
        window: Window,
        score: Score,
        until: float,
        conditions: Conditions,
    ) -> Ids:
        """Return the ids of a window up to a time (seconds), the header first; notes that have begun are whole."""
        tokens, last = self.model.tokens, max(int(t.notes["start"].max(initial=0)) for t in score.tracks)
        if self.model.has_voices:
            roll_call = make_notes([(last + ROLL_CALL * TICKS, TICKS, 60, 80)])
            tracks = (replace(t, notes=np.append(t.notes, roll_call)) for t in score.tracks)
            score = replace(score, tracks=tuple(tracks))
        ids = representation.primer(score, conditions)
        if "entrance" in tokens.slice:  # all play from the beginning
            ids[tokens.is_kind(ids, "entrance")] = tokens.first["entrance"]
        after = np.cumsum(tokens.elapsed[ids])
        if self.model.has_voices:
            kept = after <= last / TICKS + 1  # the roll call is farther away than that
        else:
            kept = self.model.brings_note[ids] | (after <= window.quarters(until) + EPSILON)
        return ids[: 1 + int(np.flatnonzero(kept)[-1])]


def header_length(ids: Ids, model: LiveModel) -> int:
    """Return the number of ids of a window before the first that brings a note or moves time."""
    body = (model.tokens.elapsed > 0) | model.brings_note
    return int(np.argmax(np.append(body[ids], True)))


def remarks_on(config: JamConfig, ensemble: Ensemble) -> list[str]:
    """Return a line for each requested instrument that the model lacks."""
    name, programs = ensemble.model.name, ensemble.model.programs
    if not ensemble.model.has_voices:
        player = ensemble.player_programs
        if not player or ensemble.part_of(player[0]) is not None:
            return []
        return [f"{name} cannot hear {instrument_name(player[0])}, and plays on its own"]
    asked = (instrument_name(each) for each in ensemble.model.asked_programs(config) if each not in programs)
    remarks = [
        f"{name} plays {each} as the nearest instrument that it knows" for each in dict.fromkeys(asked)
    ]
    if config.instrument and parse_instrument(config.instrument) not in programs:
        remarks.append(f"{name} does not know {config.instrument}: the nearest instrument stands for it")
    return remarks


def _part_like(program: int, parts: Sequence[int]) -> int | None:
    """Return the number of the first part with this program, or else of its family."""
    if program in parts:
        return parts.index(program)
    family = [number for number, part in enumerate(parts) if DRUMS not in (part, program)]
    return next((number for number in family if parts[number] // 8 == program // 8), None)


def _track(program: int, rows: Iterable[Sequence[int]], pedal: Controls | None = None) -> Track:
    is_drum = program == DRUMS
    controls = make_controls() if pedal is None else pedal
    return Track(make_notes(rows), 0 if is_drum else program, is_drum, controls=controls)
