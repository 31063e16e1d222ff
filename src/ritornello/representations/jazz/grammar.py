"""The grammar of `jazz`: which ids make sense next.

Header, then bars, each its chords and then words until it is exactly full; the end where a bar is full. A word
is allowed only if words can fill what it leaves of the bar; a bar's first note has no bracket, every other has
one; a held note comes only first, after a note. If chords are planned, they are the only ones allowed, and so is
the key that fits them. A bar does not repeat one of the RECENT_BARS before it: the word that would make it the
same is left out. Words are spelled in parts only where no whole word fits.

In the faithful mode nothing fills a bar exactly: it is over when its durations exceed 4.1 quarters (deepjazz),
or that share of a bar of another meter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Mask
from ritornello.errors import ConfigError
from ritornello.representations.grammar import ReaderGrammarState
from ritornello.representations.grids import TEMPOS, nearest
from ritornello.representations.jazz.analysis import HELD, LETTERS, REST
from ritornello.representations.jazz.encoding import chord_ids
from ritornello.representations.jazz.reading import Played, Reader
from ritornello.representations.jazz.vocabulary import (
    HEADER,
    SOLOISTS,
    STEPS_PER_PLACE,
    STEPS_PER_QUARTER,
    Kind,
    Vocabulary,
)
from ritornello.theory import DRUMS, Chord, estimate_key

RECENT_BARS = 4

FAITHFUL_FILL = 4.1 / 4


class Rules:
    """What the grammar asks of a vocabulary's words, as arrays over the ids."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.steps = np.zeros(vocabulary.size, dtype=np.int64)
        self.rests, self.holds, self.free, self.bracketed = (
            np.zeros(vocabulary.size, dtype=bool) for _ in range(4)
        )
        for i, word in enumerate(vocabulary.words):
            token = vocabulary.id_of(Kind.WORD, i)
            self.steps[token] = word.steps
            group = {REST: self.rests, HELD: self.holds}.get(word.letter)
            if group is None:
                group = self.bracketed if word.bracket else self.free
            group[token] = True
        self.longest = vocabulary.longest_bar

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


@dataclass
class JazzGrammarState(ReaderGrammarState):
    """A `GrammarState` (see `representations.base`) for `jazz`. It names no last note, for a pitch is settled only when
    the whole is played."""

    reader: Reader
    vocabulary: Vocabulary
    rules: Rules

    def advance(self, token: int) -> None:
        super().advance(token)
        self.reader.advance(token)
        self.notes = self.reader.notes

    @property
    def quarters(self) -> float:
        bar, position = self.place
        return (bar * self.reader.bar_steps + position) / STEPS_PER_QUARTER

    @property
    def place(self) -> tuple[int, int]:
        return max(0, len(self.reader.bars) - 1), self.reader.position

    def allow(self, mask: Mask) -> None:
        if self.reader.stage < len(HEADER):
            self._allow_header(mask)
        elif self.reader.root is not None:
            self._allow_planned(mask, Kind.QUALITY)
        elif self.reader.place is not None:
            self._allow_planned(mask, Kind.ROOT)
        elif self._in_chords() and self._allow_chords(mask):
            pass  # the conditions have more chords for this bar
        elif self.reader.letter is not None:
            left = self.reader.bar_steps - self.reader.position
            mask[self.vocabulary.block[Kind.DURATION]][: max(1, left)] = True
        elif self._wants_bracket():
            mask[self.vocabulary.block[Kind.BRACKET]] = True
        elif self._is_over():
            self._allow_next_bar(mask)
        else:
            self._allow_words(mask)

    # --- the header -------------------------------------------------------------------------------------------

    def _allow_header(self, mask: Mask) -> None:
        kind = HEADER[self.reader.stage]
        planned = self._planned_header(kind)
        mask[self.vocabulary.block[kind] if planned is None else self.vocabulary.id_of(kind, planned)] = True

    def _planned_header(self, kind: Kind) -> int | None:
        conditions = self.conditions
        if kind == Kind.METER and (conditions.meter or conditions.chords):
            return self.vocabulary.nearest_meter(*(conditions.meter or (4, 4)))  # as chord lists go
        if kind == Kind.TEMPO and conditions.quarters_per_minute:
            return int(nearest(TEMPOS, np.array(conditions.quarters_per_minute)))
        if kind == Kind.KEY and conditions.chords:
            return key_of(conditions.chords)
        melodic = [program for program in conditions.instruments or () if program != DRUMS]
        if kind == Kind.SOLOIST and melodic:
            return min(range(len(SOLOISTS)), key=lambda i: abs(SOLOISTS[i] - melodic[0]))
        return None

    # --- chords -----------------------------------------------------------------------------------------------

    def _in_chords(self) -> bool:
        return self.reader.kind in (Kind.QUALITY, Kind.BASS) and not self.reader.bars[-1].line

    def _planned_ids(self) -> list[int] | None:
        """Return the ids of the chords planned for the present bar, or None."""
        if not self.conditions.chords:
            return None
        reader = self.reader
        chords = self.conditions.chords[(len(reader.bars) - 1) % len(self.conditions.chords)]
        placed = spread(chords, reader.bar_steps)
        return [token for at, c in placed for token in chord_ids(self.vocabulary, at, c, reader.key)]

    def _done_ids(self) -> list[int]:
        """Return the ids of the chords that the present bar has, and of the one that it is in the middle of."""
        vocabulary, reader = self.vocabulary, self.reader
        ids = []
        for placed in reader.bars[-1].chords:
            ids += chord_ids(vocabulary, placed.position, placed.chord(reader.key), reader.key)
        if reader.place:
            ids.append(vocabulary.id_of(Kind.PLACE, reader.place // STEPS_PER_PLACE - 1))
        return ids if reader.root is None else [*ids, vocabulary.id_of(Kind.ROOT, reader.root)]

    def _next_planned(self) -> int | None:
        planned = self._planned_ids()
        done = len(self._done_ids())
        return planned[done] if planned and done < len(planned) else None

    def _allow_planned(self, mask: Mask, kind: Kind) -> None:
        """Allow what the conditions say comes next, else any id of a kind."""
        planned = self._next_planned()
        if planned is not None and self.vocabulary.kind[planned] == kind:
            mask[planned] = True
        else:
            mask[self.vocabulary.block[kind]] = True

    def _allow_chords(self, mask: Mask) -> bool:
        """Allow another chord or a bass. Return whether the conditions ask for one."""
        if self.conditions.chords:
            planned = self._next_planned()
            if planned is not None:
                mask[planned] = True
            return planned is not None
        reader, vocabulary = self.reader, self.vocabulary
        if reader.kind == Kind.QUALITY:
            mask[vocabulary.block[Kind.BASS]] = True
            mask[vocabulary.id_of(Kind.BASS, reader.bars[-1].chords[-1].root)] = False
        first = reader.bars[-1].chords[-1].position // STEPS_PER_PLACE
        places = (reader.bar_steps - 1) // STEPS_PER_PLACE
        mask[vocabulary.block[Kind.PLACE]][first:places] = True
        self._allow_words(mask)
        return True

    # --- words ------------------------------------------------------------------------------------------------

    def _wants_bracket(self) -> bool:
        reader = self.reader
        if reader.kind != Kind.DURATION or not reader.bars or not reader.bars[-1].line:
            return False
        line = reader.bars[-1].line
        return line[-1].letter not in (REST, HELD) and any(played.letter != REST for played in line[:-1])

    def _is_over(self) -> bool:
        """Whether the present bar has all it needs."""
        reader = self.reader
        if self.vocabulary.config.faithful and reader.bars:
            return reader.position > FAITHFUL_FILL * reader.bar_steps
        return reader.is_full

    def _allow_next_bar(self, mask: Mask) -> None:
        bars = len(self.reader.bars)
        if bars and (self.is_free or bars >= self.bars):
            mask[self.vocabulary.id_of(Kind.END)] = True
        if bars < self.bars:
            planned = self._first_planned(bars)
            mask[self.vocabulary.block[Kind.ROOT] if planned is None else planned] = True

    def _first_planned(self, bar: int) -> int | None:
        if not self.conditions.chords:
            return None
        chord = self.conditions.chords[bar % len(self.conditions.chords)][0]
        return chord_ids(self.vocabulary, 0, chord, self.reader.key)[0]

    def _allow_words(self, mask: Mask) -> None:
        has_note = self.reader.has_note
        words = self.rules.of(has_note)
        if not self.vocabulary.config.faithful:
            words = self._without_repetition(self._fitting(words, has_note))
        elif not has_note and self.rules.free.any():
            words = self.rules.free  # as deepjazz: a bar begins with a note without a bracket
        if words.any():
            mask |= words
        else:
            self._allow_letters(mask)

    def _fitting(self, words: Mask, has_note: bool) -> Mask:
        """Return those of `words`, and the held notes, that leave of the bar what words can fill."""
        reader, rules = self.reader, self.rules
        left = reader.bar_steps - reader.position
        if reader.is_sounding and not reader.position:
            words = words | rules.holds
        rest = np.maximum(left - rules.steps, 0)
        had, has = rules.fillable[int(has_note)][rest], rules.fillable[1][rest]
        return np.asarray(words & (rules.steps <= left) & np.where(rules.rests, had, has))

    def _without_repetition(self, words: Mask) -> Mask:
        """Leave out the word that would make this bar one of those before; unless nothing else is left."""
        bars = self.reader.bars
        if not bars:
            return words
        varied = words.copy()
        present = bars[-1].ids
        for bar in bars[-1 - RECENT_BARS : -1]:
            if len(bar.ids) == len(present) + 1 and bar.ids[:-1] == present and _has_notes(bar.line):
                varied[bar.ids[-1]] = False
        return varied if varied.any() else words

    def _allow_letters(self, mask: Mask) -> None:
        """Allow a word in parts: a rest or a note (a held one only first)."""
        mask[self.vocabulary.block[Kind.LETTER]] = True
        if not self.reader.is_sounding or self.reader.position:
            mask[self.vocabulary.id_of(Kind.LETTER, LETTERS.index(HELD))] = False


def _has_notes(line: Sequence[Played]) -> bool:
    return any(played.letter not in (REST, HELD) for played in line)


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
