"""`improv`, a melody over chords on a grid of sixteenths: one event a step, and the chords where they change.

Source: "magenta improv_rnn", configuration `basic_improv`. Events have the numbers of the basic melody encoding:
0 no event, 1 note-off, then the pitches from 48 to 83 (pitch - 46). After them come the 49 triads: none, and the
twelve roots from C as major, minor, augmented and diminished chords; then START and END.

    START ([CHORD] event) ... END        16 events a bar; the last bar is filled

The source feeds the chord of the step to come beside the event just read. Here a chord is a token before the event
of the step at which it begins, and stays in a column from then on: so given chords precede the notes over them, and
where none are given the model composes them. Chords of more than three tones count as the triad nearest to
them. Melody and chords are found in any score by `leadsheet`.

Lost: loudness, timing finer than a sixteenth, pitches outside 48-83 (moved by octaves), notes beyond 4 bars, the
bass and the upper tones of chords, rests beyond 4 bars (by whole bars).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Ints, Mask
from ritornello.errors import CorpusError
from ritornello.leadsheet import LeadSheet, check_leadsheet, leadsheet_parts, read_leadsheet
from ritornello.representations.base import Column, Conditions, Ids
from ritornello.representations.grammar import StepGrammarState
from ritornello.representations.grids import (
    NEVER,
    TICKS_PER_QUARTER,
    VELOCITY,
    fold_into_range,
    without_rests,
)
from ritornello.representations.tokenizer import FixedTokenizer, TokenizerConfig, latest
from ritornello.representations.tokens import LAST, Tokens, block, build_tokens, solo_range
from ritornello.score import Score, Text, Track, make_notes
from ritornello.theory import Chord, make_chord

STEPS_PER_QUARTER = 4
STEPS_PER_BAR = 16
TICKS_PER_STEP = TICKS_PER_QUARTER // STEPS_PER_QUARTER
LONGEST = 4 * STEPS_PER_BAR
"""Steps of the longest note, and of the longest time without an event."""

LOWEST, HIGHEST = 48, 83
NO_EVENT, NOTE_OFF, FIRST_PITCH = range(3)
EVENTS = FIRST_PITCH + HIGHEST - LOWEST + 1

QUALITIES = ("maj", "min", "aug", "dim")
TRIADS = 1 + 12 * len(QUALITIES)


def triad_of(chord: Chord | None) -> int:
    """Return the number, 0-48, of the triad of a chord; 0 is none. A chord neither minor, augmented nor
    diminished counts as major."""
    if chord is None:
        return 0
    above = {(pitch_class - chord.root) % 12 for pitch_class in chord.pitch_classes}
    is_minor = 3 in above and 4 not in above
    if is_minor:
        quality = "dim" if 6 in above and 7 not in above else "min"
    else:
        quality = "aug" if {4, 8} <= above and 7 not in above else "maj"
    return 1 + 12 * QUALITIES.index(quality) + chord.root


def triad_chord(number: int) -> Chord | None:
    """Return the chord of a triad's number."""
    quality, root = divmod(number - 1, 12)
    return make_chord(root, QUALITIES[quality]) if number else None


class Improv(FixedTokenizer[TokenizerConfig]):
    """The representation `improv`; see `representations.base.Representation`."""

    name = "improv"
    config_model = TokenizerConfig
    plays_over_chords = True

    @staticmethod
    def make_tokens(config: TokenizerConfig) -> Tokens:
        event, triad = np.arange(EVENTS), np.arange(TRIADS)
        is_note, qualities, roots = event >= FIRST_PITCH, *np.divmod(triad - 1, 12)
        pitches = [f"note {pitch}" for pitch in range(LOWEST, HIGHEST + 1)]
        chords = [f"chord {chord.name if chord else 'none'}" for chord in map(triad_chord, range(TRIADS))]
        return build_tokens(
            block(
                "event",
                EVENTS,
                ["no event", "note off", *pitches],
                voice=np.where(is_note, 0, -1),
                pitch=np.where(is_note, event - FIRST_PITCH + LOWEST, -1),
                notes=is_note,
                tells_of=np.where(event == NOTE_OFF, LAST, -1),
                duration=1 / STEPS_PER_QUARTER,
                series=np.where(is_note, 0, -1),
            ),
            block("chord", TRIADS, chords, series=qualities, step=roots, period=12),
            block("start"),
            block("end"),
            instruments=[solo_range(config.program, LOWEST, HIGHEST)],
            is_timed=True,
        )

    @staticmethod
    def collect_statistics(score: Score) -> dict[int, int]:
        """Return the program of the melody, and its notes. Raises CorpusError without a melody or chords to it."""
        check_leadsheet(score)
        sheet = read_leadsheet(score)
        return {sheet.program: len(sheet.melody)}

    @property
    def columns(self) -> tuple[Column, ...]:
        chord = Column("chord", TRIADS, moves="token", first_token=self.tokens.first["chord"])
        return Column("token", self.tokens.size), chord

    def encode(self, score: Score) -> Ids:
        sheet = read_leadsheet(score)
        if not len(sheet.melody):
            return np.array([self.start_id, self.end_id], dtype=np.int32)
        start, end, pitch = _melody_steps(sheet, score.ticks_per_quarter)
        step, triad = _chord_steps(sheet, score, int(end.max()))
        starts, ends = without_rests(
            np.concatenate([start, step]), np.concatenate([end, step]), STEPS_PER_BAR, LONGEST
        )
        start, end, step = starts[: len(start)], ends[: len(end)], starts[len(start) :]
        total = -(-int(end.max()) // STEPS_PER_BAR) * STEPS_PER_BAR
        events = np.full(total, NO_EVENT, dtype=np.int64)
        events[end[end < total]] = NOTE_OFF
        events[start] = pitch + (FIRST_PITCH - LOWEST)
        ids = np.concatenate([self.tokens.first["chord"] + triad, events])
        order = np.argsort(np.concatenate([step, np.arange(total)]), kind="stable")
        return np.concatenate([[self.start_id], ids[order], [self.end_id]]).astype(np.int32)

    def decode(self, ids: Ids) -> Score:
        ids = np.asarray(ids)
        is_event = self.tokens.is_kind(ids, "event")
        steps = np.cumsum(is_event)  # at a chord: the step to come
        events = np.append(ids[is_event], NOTE_OFF)
        changes = np.flatnonzero(events != NO_EVENT)
        rows = [
            (start, stop - start, int(events[start]) - FIRST_PITCH + LOWEST)
            for start, stop in zip(changes[:-1].tolist(), changes[1:].tolist(), strict=True)
            if events[start] >= FIRST_PITCH
        ]
        notes = make_notes((s * TICKS_PER_STEP, n * TICKS_PER_STEP, p, VELOCITY) for s, n, p in rows)
        is_chord = self.tokens.is_kind(ids, "chord")
        triads = (ids[is_chord] - self.tokens.first["chord"]).tolist()
        chords = dict(zip(steps[is_chord].tolist(), map(triad_chord, triads), strict=True))
        texts = tuple(
            Text(step * TICKS_PER_STEP, "text", chord.name if chord else "N.C.")
            for step, chord in chords.items()
        )
        tracks = (
            Track(notes, self.settings.program, name="melody"),
            Track(make_notes(), name="chords", texts=texts),
        )
        return Score(TICKS_PER_QUARTER, tracks if rows else ())

    def parts_read(self, score: Score) -> tuple[int | None, ...]:
        return leadsheet_parts(score)

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        ids = np.asarray(ids, dtype=np.int64)
        chords = latest(self.tokens.is_kind(ids, "chord"), ids - self.tokens.first["chord"], 0)
        return np.stack([ids, chords], axis=1).astype(np.int32)

    def grammar(self, conditions: Conditions = Conditions()) -> ImprovGrammarState:  # a frozen value
        return ImprovGrammarState(self.tokens, conditions, STEPS_PER_BAR, tokenizer=self)


def _to_steps(ticks: NDArray[np.int64], ticks_per_quarter: int) -> Ints:
    """Return the nearest steps."""
    return (2 * ticks * STEPS_PER_QUARTER + ticks_per_quarter) // (2 * ticks_per_quarter)


def _melody_steps(sheet: LeadSheet, ticks_per_quarter: int) -> tuple[Ints, Ints, Ints]:
    """Return start, end and pitch of the melody on the grid; of notes on one step the highest stays."""
    notes = sheet.melody
    start = _to_steps(notes["start"], ticks_per_quarter)
    end = _to_steps(notes["start"] + notes["duration"], ticks_per_quarter)
    pitch = notes["pitch"].astype(np.int64)
    order = np.lexsort((pitch, start))
    order = order[np.append(np.diff(start[order]) != 0, True)]
    start, end, pitch = start[order], end[order], pitch[order]
    end = np.minimum(np.clip(end, start + 1, start + LONGEST), np.append(start[1:], NEVER))
    return start, end, fold_into_range(pitch, LOWEST, HIGHEST)


def _chord_steps(sheet: LeadSheet, score: Score, stop: int) -> tuple[Ints, Ints]:
    """Return step and triad of each change of chord before `stop`; a melody alone has none."""
    try:
        check_leadsheet(score)
    except CorpusError:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    at = _to_steps(np.array([tick for tick, _ in sheet.chords], dtype=np.int64), score.ticks_per_quarter)
    by_step = dict(zip(at.tolist(), (triad_of(chord) for _, chord in sheet.chords), strict=True))
    steps = np.array([step for step in by_step if step < stop], dtype=np.int64)
    triads = np.array([by_step[step] for step in steps.tolist()], dtype=np.int64)
    new = np.diff(triads, prepend=0) != 0
    return steps[new], triads[new]


@dataclass
class ImprovGrammarState(StepGrammarState):
    """The `GrammarState` of `improv`. Its place is that of the last event."""

    tokenizer: Improv = field(kw_only=True)
    chord: int = 0
    is_sounding: bool = False

    def advance(self, token: int) -> None:
        kind, value = self.tokens.kind[token], self.tokens.value[token]
        super().advance(token)
        if kind == "chord":
            self.chord = value
        elif kind == "event":
            self.step += 1
            self.is_sounding = value >= FIRST_PITCH or (self.is_sounding and value == NO_EVENT)
            self.notes += value >= FIRST_PITCH

    @property
    def columns(self) -> tuple[int, ...]:
        return self.token, self.chord

    def allow_step(self, mask: Mask) -> None:
        if self._allow_chords(mask):
            return
        mask[FIRST_PITCH:EVENTS] = True
        mask[NO_EVENT] = self.may_rest
        mask[NOTE_OFF] = self.is_sounding
        mask[self.tokens.first["end"]] = self.may_end and self.token < EVENTS

    def _allow_chords(self, mask: Mask) -> bool:
        """Allow a change of chord before an event. Return whether the conditions demand one."""
        block = self.tokens.slice["chord"]
        if self.tokens.kind[self.token] == "chord":
            return False
        if not self.conditions.chords:
            mask[block.start + 1 : block.stop] = True
            mask[block.start + self.chord] = False
            return False
        bar, position = divmod(self.step, self.steps_per_bar)
        chords = self.conditions.chords[bar % len(self.conditions.chords)]
        wanted = triad_of(chords[position * len(chords) // self.steps_per_bar]) if chords else self.chord
        mask[block.start + wanted] = wanted != self.chord
        return wanted != self.chord
