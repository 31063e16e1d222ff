"""`Score` -> melodies: one voice on a coarse grid, by the rules of Magenta's melody pipeline (systems.md, D1).

Conventions: a melody is an array of *events*, one a step: NO_EVENT (the note or rest goes on), NOTE_OFF, or the pitch
0-127 of an onset. It begins at the bar line before its first note and ends with its last note, so it never begins
with a note-off, and ends with a sounding note. `Found.reasons` has a line for everything that was left out.

Read in order: `Rules`, `extract_melodies` (training examples), `leading_melody` (primers), then the "squash" into one
key and range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ritornello.representations.grids import fold_into_range
from ritornello.score import Meter, Score, Track
from ritornello.theory import instrument_name

NO_EVENT, NOTE_OFF = -2, -1

LONGEST = 4096
"""Steps of a primer, at most."""

MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)

Events = NDArray[np.int16]


class Rules(BaseModel):
    """Which melodies are training examples."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps_per_quarter: int = Field(4, ge=1, le=24, description="the grid")
    minimum_bars: int = Field(7, ge=0, le=1000, description="shorter melodies are left out")
    minimum_pitches: int = Field(5, ge=1, le=12, description="so many different pitch classes, at least")
    gap_bars: float = Field(1.0, gt=0, description="a silence of so many bars ends a melody")
    longest_steps: int = Field(512, ge=16, description="longer melodies are cut")
    polyphony: Literal["skip", "highest", "lowest"] = Field(
        "skip",
        description="where two notes begin at once: leave the rest of the part out, or keep one of them",
    )
    split_at_tempos: bool = Field(False, description="cut at every change of tempo too, as Magenta does")


class Note(NamedTuple):
    """A note on the grid: first step, first step after it, MIDI pitch."""

    start: int
    end: int
    pitch: int


class Found(NamedTuple):
    """The melodies of a piece, as events, and one line for everything that was left out."""

    melodies: tuple[Events, ...]
    reasons: tuple[str, ...]


class Section(NamedTuple):
    """A stretch of a piece in one meter: its steps, and the steps of a bar."""

    start: int
    stop: int
    bar: int
    first_bar: int  # its number in the piece, from 1


def grid_notes(track: Track) -> list[Note]:
    """Return the notes of a track whose ticks are steps, at least one step long; of one onset, the highest first."""
    rows = ((int(n["start"]), int(n["start"] + max(1, n["duration"])), int(n["pitch"])) for n in track.notes)
    return sorted((Note(*row) for row in rows), key=lambda note: (note.start, -note.pitch))


def sections(score: Score, rules: Rules) -> tuple[list[Section], list[str]]:
    """Return the sections of a score whose ticks are steps, and a reason for each stretch that is left out."""
    meters: list[Meter] = []
    for meter in score.meters:
        last = meters[-1] if meters else None
        bar = last.bar_ticks(score.ticks_per_quarter) if last else 1
        if last is None or meter != replace(last, tick=meter.tick) or (meter.tick - last.tick) % bar:
            meters.append(meter)
    meters = meters or [Meter(0, 4, 4)]
    cuts = {0, *(meter.tick for meter in meters)}
    if rules.split_at_tempos:
        cuts |= {b.tick for a, b in pairwise(score.tempos) if a != replace(b, tick=a.tick)}
    edges = [*sorted(cut for cut in cuts if cut < score.end), score.end]
    found, reasons, number = [], [], 1
    for start, stop in pairwise(edges):
        meter = next((m for m in reversed(meters) if m.tick <= start), Meter(0, 4, 4))
        numerator, denominator = meter.actual(score.ticks_per_quarter)
        bar, rest = divmod(4 * score.ticks_per_quarter * numerator, denominator)
        if rest:
            reasons.append(
                f"bar {number}: bars of {meter.numerator}/{meter.denominator} are not a whole number of steps"
            )
        else:
            found.append(Section(start, stop, bar, number))
        number += -(-(stop - start) // max(1, bar))
    return found, reasons


def extract_melodies(score: Score, rules: Rules) -> Found:
    """Return every melody of `score` that meets the rules, part by part."""
    grid = score.resampled(rules.steps_per_quarter)
    parts, reasons = sections(grid, rules)
    melodies: list[Events] = []
    for number, track in enumerate(grid.tracks, 1):
        name = f"part {number} ({track.name or instrument_name(track.program, track.is_drum)})"
        if track.is_drum:
            reasons.append(f"{name}: drums have no melody")
            continue
        notes = grid_notes(track)
        for section in parts:
            for melody, reason in _melodies_of(notes, section, rules):
                if reason:
                    reasons.append(f"{name}, {reason}")
                else:
                    melodies.append(melody)
    return Found(tuple(melodies), tuple(reasons))


def leading_melody(score: Score, steps_per_quarter: int = 4) -> Events:
    """Return the first part with notes as one melody, for a primer; of one onset the highest note stays.

    It is not cut at silences, but after LONGEST steps. Empty if there are no notes but drums.
    """
    grid = score.resampled(steps_per_quarter)
    track = next((t for t in grid.tracks if len(t.notes) and not t.is_drum), None)
    if track is None:
        return np.zeros(0, dtype=np.int16)
    notes = _one_voice(grid_notes(track))
    meter = next((m for m in reversed(grid.meters) if m.tick <= notes[0].start), Meter(0, 4, 4))
    bar = meter.bar_ticks(steps_per_quarter)
    lead = (notes[0].start - meter.tick) % bar
    return without_tail(to_events(notes, notes[0].start - lead % (4 * steps_per_quarter))[:LONGEST])


def without_tail(events: Events) -> Events:
    """Return a melody without the silence at its end."""
    sounding = np.flatnonzero(events >= 0)
    if not len(sounding):
        return events[:0]
    ends = np.flatnonzero(events[sounding[-1] :] == NOTE_OFF)
    return events[: sounding[-1] + ends[0]] if len(ends) else events


def _one_voice(notes: list[Note], polyphony: str = "highest") -> list[Note]:
    """Return one note an onset; `notes` are sorted, of one onset the highest first."""
    chosen: dict[int, Note] = {}
    for note in notes:
        if polyphony == "lowest" or note.start not in chosen:
            chosen[note.start] = note
    return list(chosen.values())


def to_events(notes: list[Note], start: int) -> Events:
    """Return the melody of notes with different onsets, in order, from step `start` to the end of the last one."""
    events = np.full(max(0, notes[-1].end - start) if notes else 0, NO_EVENT, dtype=np.int16)
    for note, after in zip(notes, [*notes[1:], None], strict=False):
        events[note.start - start] = note.pitch
        if after and note.end < after.start:
            events[note.end - start] = NOTE_OFF
    return events


def _melodies_of(notes: list[Note], section: Section, rules: Rules) -> Iterator[tuple[Events, str]]:
    """Yield the melodies of a part in a section, each with an empty reason, or with why it is left out."""
    begin, stop, bar, _ = section
    cut = (
        Note(max(n.start, begin) - begin, min(n.end, stop) - begin, n.pitch)
        for n in notes
        if n.end > begin and n.start < stop
    )
    notes = sorted(cut, key=lambda note: (note.start, -note.pitch))
    together = (a.start for a, b in pairwise(notes) if a.start == b.start)
    clash = next(together, None) if rules.polyphony == "skip" else None
    notes = _one_voice(notes, rules.polyphony)
    while notes:
        pairs = enumerate(pairwise(notes), 1)
        count = next((i for i, (a, b) in pairs if b.start - a.end >= rules.gap_bars * bar), len(notes))
        phrase, notes = notes[:count], notes[count:]
        if clash is not None and clash <= phrase[-1].start:
            number = section.first_bar + clash // bar
            yield to_events([], 0), f"bar {number}: two notes at once; the rest of the part is left out"
            return
        events = to_events(phrase, phrase[0].start - phrase[0].start % bar)
        reason = _fault(events, bar, rules)
        # The search goes on at the next bar line.
        notes = [note for note in notes if note.start >= -(-phrase[-1].end // bar) * bar]
        number = section.first_bar + phrase[0].start // bar
        yield events[: rules.longest_steps], f"bar {number}: {reason}" if reason else ""


def _fault(events: Events, bar: int, rules: Rules) -> str:
    """Return why a melody does not meet the rules, or nothing."""
    if len(events) < rules.minimum_bars * bar:
        return f"a melody of {len(events) / bar:.1f} bars, at least {rules.minimum_bars} are asked for"
    kept = events[: rules.longest_steps]
    pitches = len(np.unique(kept[kept >= 0] % 12))
    if pitches < rules.minimum_pitches:
        return f"a melody of {pitches} different pitches, at least {rules.minimum_pitches} are asked for"
    return ""


def key_scores(pitches: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return for each major key, from C up, how many of the notes belong to it, shape (12,)."""
    counts = np.bincount(np.asarray(pitches, dtype=np.int64) % 12, minlength=12)
    return np.array([sum(counts[(key + step) % 12] for step in MAJOR_SCALE) for key in range(12)])


def squash_shift(events: Events, low: int, high: int, target_key: int) -> int:
    """Return by how many semitones a melody moves, so that its major key is `target_key` and its middle that of
    the range [low, high), to the nearest octave. Of keys equally good, the lowest counts (Magenta's squash)."""
    pitches = events[events >= 0].astype(int)
    if not len(pitches):
        return 0
    key_shift = target_key - int(key_scores(pitches).argmax())
    centre = (int(pitches.min()) + int(pitches.max())) / 2 + key_shift
    return key_shift + 12 * round(((low + high - 1) / 2 - centre) / 12)


def shifted(events: Events, semitones: int, low: int, high: int) -> Events:
    """Return a melody moved by `semitones`; notes outside [low, high) are then moved into it by octaves."""
    folded = fold_into_range(events.astype(np.int64) + semitones, low, high - 1)
    return np.where(events >= 0, folded, events).astype(np.int16)
