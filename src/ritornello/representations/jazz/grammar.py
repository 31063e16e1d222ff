"""The grammar of `jazz`: which ids may come next.

Header, then bars, each its chords and then words until it is exactly full; the end where a bar is full. A word
is allowed only if words can fill the rest of the bar; a bar's first note has no bracket, every other has
one; a held note comes only first, after a note. If chords are planned, they are the only ones allowed, and so is
the key that fits them. A bar does not repeat one of the RECENT_BARS before it: the word that would make it the
same is left out. Words are spelled in parts only where no whole word fits.

In the faithful mode nothing fills a bar exactly: it is over when its durations exceed 4.1 quarters (deepjazz),
or that share of a bar of another meter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Mask
from ritornello.errors import ConfigError
from ritornello.representations.conditions import Conditions
from ritornello.representations.grids import TEMPOS, nearest, nearest_meter
from ritornello.representations.jazz.analysis import HELD, LETTERS, REST, STRUCK
from ritornello.representations.jazz.encoding import chord_ids, nearest_soloist
from ritornello.representations.jazz.reading import Reader
from ritornello.representations.jazz.vocabulary import HEADER, STEPS_PER_PLACE, Vocabulary
from ritornello.theory import DRUMS, Chord, estimate_key

RECENT_BARS = 4

FAITHFUL_FILL = 4.1 / 4


class Rules:
    """The words of a vocabulary for the grammar, as arrays over the ids: their steps, and masks of each sort."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.steps = np.zeros(vocabulary.tokens.size, dtype=np.int64)
        self.rests, self.holds, self.free, self.bracketed = np.zeros((4, len(self.steps)), dtype=bool)
        for i, word in enumerate(vocabulary.words):
            token = vocabulary.id_of("word", i)
            self.steps[token] = word.steps
            group = {REST: self.rests, HELD: self.holds}.get(word.letter)
            if group is None:
                group = self.bracketed if word.bracket else self.free
            group[token] = True
        self.longest = vocabulary.longest_bar
        self._fitting: dict[tuple[int, bool, bool], Mask] = {}

    def of(self, has_note: bool) -> Mask:
        """The words that may come in a bar that has a note already, or has none."""
        return self.rests | (self.bracketed if has_note else self.free)

    @cached_property
    def fillable(self) -> NDArray[np.bool_]:
        """Whether words can fill so many steps, (2, steps): without and with a note in the bar before."""
        fill = np.zeros((2, self.longest + 1), dtype=bool)
        fill[:, 0] = True
        rests, after = (set(self.steps[group].tolist()) for group in (self.rests, self.of(True)))
        free = set(self.steps[self.free].tolist())
        for left in range(1, self.longest + 1):
            fill[1, left] = any(s <= left and fill[1, left - s] for s in after)
            fill[0, left] = any(s <= left and fill[0, left - s] for s in rests) or any(
                s <= left and fill[1, left - s] for s in free
            )
        return fill

    def fitting(self, left: int, has_note: bool, may_hold: bool) -> Mask:
        """The words after which words can fill the rest of a bar of which so many steps are left; with `may_hold` also
        the held notes. It must not be changed."""
        key = left, has_note, may_hold
        if key not in self._fitting:
            words = self.of(has_note) | self.holds if may_hold else self.of(has_note)
            rest = np.maximum(left - self.steps, 0)
            fills = np.where(self.rests, self.fillable[int(has_note)][rest], self.fillable[1][rest])
            self._fitting[key] = words & (self.steps <= left) & fills
        return self._fitting[key]


@dataclass
class JazzGrammarState(Reader):
    """The `GrammarState` of `jazz`. It has no last notes, since pitches are known only once
    the whole piece is decoded."""

    rules: Rules = field(kw_only=True)
    chords: tuple[tuple[Chord, ...], ...] = field(kw_only=True)  # those of the conditions

    def allow(self, mask: Mask) -> None:
        left = self.bar_steps - self.position
        line = self.bars_read[-1].line if self.bars_read else []
        is_over = self.is_full
        if self.vocabulary.config.faithful and self.bars_read:
            is_over = self.position > FAITHFUL_FILL * self.bar_steps
        if self.stage < len(HEADER):
            self._allow_header(mask)
        elif self.root is not None or self.chord_position is not None:
            kind, planned = "root" if self.root is None else "quality", self._planned()
            if planned is not None and self.tokens.kind[planned] == kind:
                mask[planned] = True
            else:
                mask[self.tokens.slice[kind]] = True
        elif self.bars_read and not line and self.kind in ("quality", "bass") and self._allow_chords(mask):
            pass  # the conditions have more chords for this bar
        elif self.letter is not None:
            mask[self.tokens.slice["duration"]][: max(1, left)] = True
        elif (
            self.kind == "duration"
            and line
            and line[-1].letter in STRUCK
            and any(played.letter != REST for played in line[:-1])
        ):
            mask[self.tokens.slice["bracket"]] = True
        elif is_over:
            self._allow_next_bar(mask)
        else:
            self._allow_words(mask)

    def _allow_header(self, mask: Mask) -> None:
        kind, conditions, planned = HEADER[self.stage], self.conditions, None
        meters = self.vocabulary.config.meters
        if kind == "meter" and (conditions.meter or self.chords):
            planned = nearest_meter(meters, *(conditions.meter or (4, 4)))  # as chord lists go
        elif kind == "tempo" and conditions.quarters_per_minute:
            planned = int(nearest(TEMPOS, np.array(conditions.quarters_per_minute)))
        elif kind == "key" and conditions.key:
            planned = 7 * conditions.key[0] % 12
        elif kind == "key" and self.chords:
            planned = key_of(self.chords)
        elif kind == "soloist" and (melodic := [p for p in conditions.instruments or () if p != DRUMS]):
            planned = nearest_soloist(melodic[0])
        mask[self.tokens.slice[kind] if planned is None else self.tokens.first[kind] + planned] = True

    def _planned(self) -> int | None:
        """Return the next id of the chords that the conditions have for the present bar, or None."""
        if not self.chords or not self.bars_read:
            return None
        number, present = len(self.bars_read) - 1, self.bars_read[-1].chords
        placed = spread(self.chords[number % len(self.chords)], self.bar_steps)
        planned = [token for at, c in placed for token in chord_ids(self.vocabulary, at, c, self.key)]
        read = sum(2 + (c.position > 0) + (c.bass not in (None, c.root)) for c in present)
        read += bool(self.chord_position) + (self.root is not None)
        return planned[read] if read < len(planned) else None

    def _allow_chords(self, mask: Mask) -> bool:
        """Allow another chord or a bass, or else words. Return False where all chords of the conditions are there."""
        if self.chords:
            if (planned := self._planned()) is None:
                return False
            mask[planned] = True
            return True
        last = self.bars_read[-1].chords[-1]
        if self.kind == "quality":
            mask[self.tokens.slice["bass"]] = True
            mask[self.tokens.first["bass"] + last.root] = False
        places = (self.bar_steps - 1) // STEPS_PER_PLACE
        mask[self.tokens.slice["place"]][last.position // STEPS_PER_PLACE : places] = True
        self._allow_words(mask)
        return True

    def _allow_next_bar(self, mask: Mask) -> None:
        number = len(self.bars_read)
        if number and (self.is_free or number >= self.bars):
            mask[self.tokens.first["end"]] = True
        if number < self.bars:
            if chords := self.chords:
                mask[chord_ids(self.vocabulary, 0, chords[number % len(chords)][0], self.key)[0]] = True
            else:
                mask[self.tokens.slice["root"]] = True

    def _allow_words(self, mask: Mask) -> None:
        """Allow words but one that makes this bar the same as a recent one; where none fits, the parts of a word."""
        rules = self.rules
        if self.vocabulary.config.faithful:
            # As deepjazz: a bar begins with a note without a bracket.
            is_first = not self.has_note and rules.free.any()
            words = rules.free if is_first else rules.of(self.has_note)
        else:
            may_hold = self.is_sounding and not self.position
            words = rules.fitting(self.bar_steps - self.position, self.has_note, may_hold)
            present = self.bars_read[-1].ids if self.bars_read else []
            same = [
                bar.ids[-1]
                for bar in self.bars_read[-1 - RECENT_BARS : -1]
                if bar.ids and bar.ids[:-1] == present and any(played.letter in STRUCK for played in bar.line)
            ]
            if same:
                varied = words.copy()
                varied[same] = False
                words = varied if varied.any() else words
        mask |= words
        if not words.any():
            mask[self.tokens.slice["letter"]] = True
            if not self.is_sounding or self.position:
                mask[self.tokens.first["letter"] + LETTERS.index(HELD)] = False


def planned_chords(conditions: Conditions) -> tuple[tuple[Chord, ...], ...]:
    """Return the chords of the conditions. ConfigError where there is none: every bar of a solo has one."""
    bars = tuple(tuple(chord for chord in bar if chord) for bar in conditions.chords or ())
    if any(len(bar) < len(own) for bar, own in zip(bars, conditions.chords or (), strict=True)):
        raise ConfigError("chords N.C.: this model always plays over a chord; write the one that goes on")
    return bars


def key_of(chords: Sequence[Sequence[Chord]]) -> int:
    """Return the tonic of the key signature that fits planned chords."""
    weights = np.zeros(12)
    for bar in chords:
        for chord in bar:
            weights[list(chord.pitch_classes)] += 1 / len(bar)
            weights[chord.root] += 1 / len(bar)
    return estimate_key(weights)[2] * 7 % 12


def spread(chords: Sequence[Chord], bar_steps: int) -> list[tuple[int, Chord]]:
    """Return the chords of a bar at their places: they share it equally, as far as eighths allow."""
    placed: dict[int, Chord] = {}
    for number, chord in enumerate(chords):
        placed.setdefault(number * bar_steps // len(chords) // STEPS_PER_PLACE * STEPS_PER_PLACE, chord)
    if len(placed) < len(chords):
        raise ConfigError(f"{len(chords)} chords are too many for one bar; it has room for {len(placed)}")
    return list(placed.items())
