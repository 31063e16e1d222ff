"""The state of `density` in `multitrack`, with look-ahead.

Where could a piece get stuck? A shift leads to a note, and a piece ends where a note begins. So a note must come at the
latest when the grammar allows no more silence, in the last bar, and as often as a bar needs before its end; by then
some part must be able to begin one. `due` is the latest time for the next note, `free` the earliest at which a part may
begin one. The state keeps `free <= due`, by limiting durations and shifts. The shortest note always keeps it, so there
is always a way on.

The notes that a bar still needs get a sixteenth each before its end, less only if the bar is too short for that. The
last of them begins a sixteenth before the bar line, since nothing begins later in the last bar.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ritornello.arrays import Mask
from ritornello.generation.constraints.base import ConstraintState
from ritornello.generation.constraints.density import NO_LIMIT, Limits
from ritornello.representations.grammar import MOST_SILENT_BARS
from ritornello.representations.grids import DURATION_STEPS, SHIFT_STEPS, STEPS_PER_QUARTER
from ritornello.representations.multitrack.grammar import CHANGES, HEADER, MultitrackGrammarState
from ritornello.representations.multitrack.vocabulary import Vocabulary

SIXTEENTH = STEPS_PER_QUARTER // 4


def most_onsets(vocabulary: Vocabulary, limits: Limits, meter: tuple[int, int] | None) -> int:
    """Return the largest `fewest` that can be kept with the other limits, in bars of `meter` or else the longest."""
    steps = vocabulary.bar_steps
    bar = int(steps[vocabulary.nearest_meter(*meter)] if meter else steps.max())
    return 1 + (bar - ending(bar)) // (1 if limits.polyphony == NO_LIMIT else SIXTEENTH)


def ending(bar_steps: int) -> int:
    """Return how many steps before the end of a last bar its last note may begin."""
    return min(SIXTEENTH, bar_steps)


def spacing(limits: Limits, bar_steps: int) -> int:
    """Return the steps from one to the next of the notes that a bar needs; 0 if they do not fit.

    With limited polyphony it is a sixteenth, since no note in the last bar is shorter.
    """
    if limits.fewest < 2:
        return SIXTEENTH
    steps = (bar_steps - ending(bar_steps)) // (limits.fewest - 1)
    return min(steps, SIXTEENTH) if steps >= SIXTEENTH or limits.polyphony == NO_LIMIT else 0


class Outlook(NamedTuple):
    """The position of a piece, in steps.

    now, onset, bar_end, end: the times of now, the last onset, the next bar line and the end. bar_steps: the length of
    the bar. missing, allowed: the notes that the bar still needs, and may still have. able: the declared voices that
    can always play. full: those with as many notes as may sound.
    """

    now: int
    onset: int
    bar_end: int
    end: int
    bar_steps: int
    missing: int
    allowed: int
    able: tuple[int, ...]
    full: tuple[int, ...]
    has_drums: bool

    @property
    def is_last(self) -> bool:
        return self.bar_end == self.end


class Masks:
    """The ids that a state may have to ban, as masks over the vocabulary.

    short_meters: those whose bars are too short for the notes that they need. first: what the first instrument must not
    be. notes: of each voice. pitched, drums: all notes of such voices. beside_velocities: all ids but velocities.
    """

    def __init__(self, vocabulary: Vocabulary, limits: Limits) -> None:
        tokens = vocabulary.tokens
        self.short_meters = np.zeros(tokens.size, dtype=bool)
        steps = vocabulary.bar_steps.tolist()
        self.short_meters[tokens.slice["meter"]] = [not spacing(limits, each) for each in steps]
        # Where bars need notes, the first instrument is not the drum kit, the last in score order.
        instruments = tokens.slice["instrument"]
        self.first = self.short_meters.copy()
        self.first[instruments] = vocabulary.is_drum[tokens.voice[instruments]] & (limits.fewest > 0)
        is_note = tokens.mask("note")
        self.notes = [is_note & (tokens.voice == voice) for voice in range(len(vocabulary.is_drum))]
        self.drums = is_note & vocabulary.is_drum[tokens.voice]
        self.pitched = is_note & ~self.drums
        self.beside_velocities = ~tokens.mask("velocity")


@dataclass
class MultitrackDensity(ConstraintState):
    vocabulary: Vocabulary
    limits: Limits
    bar: int = 0  # of the last pitched note
    begun: int = 0  # pitched notes in it
    ends: dict[int, dict[int, int]] = field(default_factory=dict)  # time of the end, by voice and pitch

    name, rank = "density", 40

    def __post_init__(self) -> None:
        self._masks = Masks(self.vocabulary, self.limits)

    def advance(self, grammar: MultitrackGrammarState) -> None:  # type: ignore[override]
        reader = grammar.reader
        if grammar.kind not in ("note", "duration") or reader.voice in grammar.tokens.drum_voices:
            return
        if grammar.kind == "note":
            self.begun, self.bar = self._begun_in(reader.bar) + 1, reader.bar
        sounding = dict(self._sounding(reader.voice, reader.time))
        sounding[reader.pitch] = reader.time + DURATION_STEPS[reader.duration]
        self.ends = self.ends | {reader.voice: sounding}

    def _begun_in(self, bar: int) -> int:
        return self.begun if bar == self.bar else 0

    def banned_mask(self, grammar: MultitrackGrammarState, allowed: Mask) -> Mask:  # type: ignore[override]
        if grammar.stage < len(HEADER):
            return self._masks.short_meters
        if not grammar.programs:
            return self._masks.first
        barred = self._masks.short_meters.copy()
        self._bar_in_body(barred, grammar)
        return barred

    def _bar_in_body(self, barred: Mask, grammar: MultitrackGrammarState) -> None:
        masks, kinds, outlook = self._masks, self.vocabulary.tokens.slice, self._outlook(grammar)
        if self._bar_durations(barred, grammar, outlook):
            return
        latest = self._due(outlook)  # time to which a shift may lead
        if not outlook.allowed:
            barred |= masks.pitched
        for full in outlook.full:
            barred |= masks.notes[full]
        if outlook.missing and outlook.now >= latest:
            barred |= masks.drums  # now a note must come that counts
        can_play = outlook.has_drums or (outlook.allowed > 0 and not set(outlook.able) <= set(outlook.full))
        if not can_play:
            for change in CHANGES:  # a note follows, so some note must certainly be able to begin now
                barred[kinds[change]] = True
        if not outlook.has_drums and self._free(outlook) > self._silence_ends(outlook):
            latest = outlook.now
        shifts = kinds["shift"]
        barred[shifts.start + bisect_right(SHIFT_STEPS, latest - outlook.now) : shifts.stop] = True
        barred[kinds["end"]] = outlook.missing > 0

    def _bar_durations(self, barred: Mask, grammar: MultitrackGrammarState, outlook: Outlook) -> bool:
        """Bar durations of the last note after which no part would be free when a note is due.

        If the duration that its voice remembers is one of these, a duration must come: bar all other ids, and return
        True.
        """
        reader, durations = grammar.reader, self.vocabulary.tokens.slice["duration"]
        if not grammar.may_set_duration:
            return False
        due = self._due(outlook)
        if not outlook.has_drums and (outlook.missing or not outlook.is_last):
            due = min(due, self._silence_ends(outlook))
        if self._free(outlook, (reader.voice, reader.pitch)) <= due:
            return False
        first_long = bisect_right(DURATION_STEPS, due - outlook.now)
        must_change = reader.duration >= first_long
        if must_change:
            barred |= self._masks.beside_velocities
            barred[durations.start : durations.start + first_long] = False
        barred[durations.start + first_long : durations.stop] = True
        return must_change

    def _outlook(self, grammar: MultitrackGrammarState) -> Outlook:
        reader, limits, drums = grammar.reader, self.limits, grammar.tokens.drum_voices
        bar_end, begun = reader.time - reader.position + reader.bar_steps, self._begun_in(reader.bar)
        declared, most = [voice for voice, _ in grammar.programs], limits.polyphony
        many = [voice for voice, ends in self.ends.items() if len(ends) >= most]  # ended ones among them
        return Outlook(
            now=reader.time,
            onset=max(grammar.onset, 0),
            bar_end=bar_end,
            end=bar_end + grammar.bars_left * reader.bar_steps,
            bar_steps=reader.bar_steps,
            missing=max(0, limits.fewest - begun),
            allowed=max(0, limits.most - begun),
            able=tuple([voice for voice in declared if voice in limits.able]),
            full=tuple([voice for voice in many if len(self._sounding(voice, reader.time)) >= most]),
            has_drums=not drums.isdisjoint(declared),
        )

    def _due(self, outlook: Outlook) -> int:
        """Return the latest time for the next pitched note that the bars need."""
        space, last = spacing(self.limits, outlook.bar_steps), outlook.bar_end - ending(outlook.bar_steps)
        if outlook.missing:
            return last - (outlook.missing - 1) * space
        if self.limits.fewest and not outlook.is_last:
            return last + outlook.bar_steps - (self.limits.fewest - 1) * space
        return NO_LIMIT

    def _silence_ends(self, outlook: Outlook) -> int:
        """Return the latest time for the next note that the grammar allows."""
        latest = outlook.end - ending(outlook.bar_steps)
        return min(outlook.onset + MOST_SILENT_BARS * outlook.bar_steps, latest)

    def _free(self, outlook: Outlook, endless: tuple[int, int] | None = None) -> int:
        """Return the earliest time after now at which a pitched note may begin, if note `endless`, a voice and a pitch,
        did not end."""
        earliest, now, most = NO_LIMIT, outlook.now, self.limits.polyphony
        for voice in outlook.able:
            sounding = self._sounding(voice, now) if len(self.ends.get(voice, ())) >= most else []
            if len(sounding) < most:
                earliest = now + 1
                break
            ends = sorted(NO_LIMIT if (voice, pitch) == endless else end for pitch, end in sounding)
            earliest = min(earliest, ends[-most])
        return earliest if outlook.allowed else max(earliest, outlook.bar_end)

    def _sounding(self, voice: int, now: int) -> list[tuple[int, int]]:
        """Return pitch and end of the notes of a voice that sound after now."""
        return [(pitch, end) for pitch, end in self.ends.get(voice, {}).items() if end > now]
