"""The input columns of `multitrack`, of a piece at once or one id at a time. Any id is accepted at any place.

- The time is the sum of the shifts. A meter token begins a bar at the present time.
- The length in the header minus the present bar is the bars left.
- A velocity or duration token belongs to the last note; both are remembered for its voice.
"""

from __future__ import annotations

from copy import copy

import numpy as np

from ritornello.arrays import Ints
from ritornello.representations.base import Column, Ids
from ritornello.representations.columns.bars_ago import BarsAgo
from ritornello.representations.columns.entering import MOST_BARS as MOST_BARS_AHEAD
from ritornello.representations.columns.entering import Entering
from ritornello.representations.columns.key import KEYS, KeySoFar
from ritornello.representations.columns.longest_silent import NEVER_PLAYED, LongestSilent
from ritornello.representations.columns.position import Position
from ritornello.representations.columns.remembered import Remembered
from ritornello.representations.columns.repeats import Repeats, repeat_columns
from ritornello.representations.columns.transposed_repeats import TransposedRepeats
from ritornello.representations.grids import DURATIONS, SHIFT_STEPS, STEPS_PER_QUARTER
from ritornello.representations.multitrack.encoding import FIRST_DURATION, FIRST_VELOCITY
from ritornello.representations.multitrack.plan import FARTHEST, NO_CHORD
from ritornello.representations.multitrack.vocabulary import LONGEST_BAR, MOVES, VELOCITY_STEP, Vocabulary
from ritornello.representations.tokenizer import latest

PHRASE = 8
"""Bars after which the count of bars in a phrase begins again."""

MOST_BARS_LEFT = 32
"""The greatest number of bars left in the column."""

LONGEST_CHORD = 8
"""The greatest number of quarters since a chord began in the column."""

UNKNOWN_BARS_LEFT = MOST_BARS_LEFT + 1


def columns_of(vocabulary: Vocabulary) -> tuple[Column, ...]:
    """Return the input columns, in the order of the rows of `Reader`."""
    config, size = vocabulary.config, vocabulary.tokens.size
    # 0: no note yet; the last id is no note with a key
    key = (Column("key", KEYS + 1, moves="key"), Column("degree", 13))
    silent = (
        Column("longest_silent_voice", len(config.voices) + 1, is_voice=True),
        Column("bars_silent", NEVER_PLAYED + 1),
    )
    entering = (
        Column("entering_voice", len(config.voices) + 1, is_voice=True),
        Column("bars_until_entrance", MOST_BARS_AHEAD + 2),
    )
    start = vocabulary.tokens.first["start"]
    moved = (Column("moved", len(MOVES), moves="token", first_token=start),)
    meter = vocabulary.tokens.first["meter"] - 1  # 0: none yet
    chord = vocabulary.tokens.first["chord"] - 1  # 0: none yet
    chords = (
        Column("chord", NO_CHORD + 2, moves="token", first_token=chord),
        Column("beats_of_chord", LONGEST_CHORD + 1),  # since it began
        Column("chord_degree", 13),  # 1 + semitones of the last id, a note, above its root
    )
    returns = (Column("return", FARTHEST + 1),)
    return (
        Column("token", size),
        Column("position", LONGEST_BAR),  # steps since the bar line
        Column("phase", STEPS_PER_QUARTER),  # steps since the last quarter of the bar
        Column("meter", len(config.meters) + 1, first_token=meter),
        Column("bars_left", UNKNOWN_BARS_LEFT + 1),  # 0: the last bar
        Column("phrase", PHRASE),  # the number of the bar, modulo PHRASE
        Column("duration", len(DURATIONS) + 1),  # 1 + that of the voice, if the last id is a note, or 0
        Column("velocity", 128 // VELOCITY_STEP + 1),  # likewise
        *(key if config.key else ()),
        *(silent if config.longest_silent else ()),
        *(entering if config.entrances else ()),
        *(moved if config.moved else ()),
        *(chords if config.chords else ()),
        *(returns if config.returns else ()),
        *(Column(f"{lag} bars ago", size + 1, is_candidate=True) for lag in config.lags),
        *((Column("returning", size + 1, is_candidate=True),) if config.returns else ()),
        *repeat_columns(size, config.repeats),
    )


class Reader:
    """The meaning of the ids so far, and the input columns; see `columns.ColumnReader`. Times are in steps."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        config, self.tokens = vocabulary.config, vocabulary.tokens
        self.vocabulary = vocabulary
        self.token = 0
        self.time = self.bar = self.position = 0  # as in `place`
        self.bar_steps = 4 * STEPS_PER_QUARTER
        self.meter = -1  # none yet
        self.moved = 0  # number of the start id
        self.length_high = 0
        self.length = 0  # bars; 0: not announced
        self.note = self.voice = -1  # the last note, and its voice
        self.place = Position(self.bar_steps)
        self.remembered = Remembered(FIRST_DURATION, FIRST_VELOCITY)
        self.key_so_far, self.silent, self.entering = KeySoFar(), LongestSilent(), Entering()
        self.repeats: Repeats | TransposedRepeats = Repeats(config.repeats)
        if config.any_key:
            self.repeats = TransposedRepeats(config.repeats, self.tokens)
        self.chord = -1  # its number; -1: none yet
        self.chord_time = 0  # when it began
        self.returning, self.returning_bar = 0, -1  # the last return, and its bar
        first_shift = self.tokens.first["shift"]
        self.bars_ago = BarsAgo(config.lags, self.tokens.size + 1, LONGEST_BAR, SHIFT_STEPS, first_shift)

    def at_once(self, ids: Ids) -> list[Ints]:
        config, tokens = self.vocabulary.config, self.tokens
        ids = ids.astype(np.intp)
        by_id = self.vocabulary.by_id.take(ids, axis=1)
        named, note, pitch, duration, velocity, shift, new_bar, entrance = by_id
        is_note = note > 0
        time, bar, position, bar_steps = self.place.at_once(shift, new_bar)
        low, high = (tokens.is_kind(ids, kind) for kind in ("length_low", "length_high"))
        announced = 16 * latest(high, ids - tokens.first["length_high"], 0) + ids - tokens.first["length_low"]
        length = latest(low, np.maximum(1, announced), 0)
        left = np.minimum(np.maximum(length - 1 - bar, 0), MOST_BARS_LEFT)
        left = np.where(length > 0, left, UNKNOWN_BARS_LEFT)
        remembered = self.remembered.at_once(latest(is_note, named, -1), duration, velocity)
        columns = [
            ids,
            position,
            position % STEPS_PER_QUARTER,
            latest(new_bar > 0, ids - (tokens.first["meter"] - 1), 0),
            left,
            bar % PHRASE,
            *np.where(is_note, remembered + 1, 0),
        ]
        if config.key:
            columns += [*self.key_so_far.at_once(pitch)]
        if config.longest_silent:
            columns += [*self.silent.at_once(named, is_note, time, bar_steps)]
        if config.entrances:
            columns += [*self.entering.at_once(named, is_note, entrance, bar)]
        if config.moved:
            columns += [latest(tokens.is_kind(ids, "start"), ids - tokens.first["start"], 0)]
        returning = None
        if config.chords:
            is_chord = tokens.is_kind(ids, "chord")
            chord = latest(is_chord, ids - (tokens.first["chord"] - 1), 0)
            age = np.minimum((time - latest(is_chord, time, 0)) // STEPS_PER_QUARTER, LONGEST_CHORD)
            has_root = (pitch >= 0) & (chord > 0) & (chord <= NO_CHORD)
            columns += [
                chord,
                np.where(chord > 0, age, 0),
                np.where(has_root, (pitch - chord + 1) % 12 + 1, 0),
            ]
        if config.returns:
            is_return = tokens.is_kind(ids, "return")
            returning = latest(is_return, ids - (tokens.first["return"] - 1), 0)
            returning = np.where(latest(is_return, bar, -1) == bar, returning, 0)
            columns += [returning]
        bars_ago = self.bars_ago.at_once(time, bar_steps, note, returning)
        return [*columns, *bars_ago, *self.repeats.at_once(ids)]

    def advance(self, token: int) -> str:
        """Take the next id and return its kind."""
        kind: str = self.tokens.kind[token]
        voice, note, key_pitch, duration, velocity, shift, new_bar, entrance = self.vocabulary.rows[token]
        self.token = token
        if note:
            self.voice, self.note = voice, token
        elif shift or new_bar:
            self.place.advance(shift, new_bar)
            self.time, self.bar, self.position, self.bar_steps = self.place.values
            if new_bar:
                self.meter = self.tokens.value[token]
        elif duration >= 0 or velocity >= 0:
            self.remembered.advance(self.voice, duration, velocity)
        elif kind == "start":
            self.moved = self.tokens.value[token]
        elif kind == "length_high":
            self.length_high = self.tokens.value[token]
        elif kind == "length_low":
            self.length = max(1, self.length_high * 16 + self.tokens.value[token])
        elif kind == "chord":
            self.chord, self.chord_time = self.tokens.value[token], self.time
        elif kind == "return":
            self.returning, self.returning_bar = self.tokens.value[token] + 1, self.bar
        self.key_so_far.advance(key_pitch)
        self.silent.advance(voice, note > 0, self.time, self.bar_steps)
        self.entering.advance(voice, note > 0, entrance, self.bar)
        returning = self.bars_to_return if self.vocabulary.config.returns else None
        self.bars_ago.advance(self.time, self.bar_steps, note, returning)
        self.repeats.advance(token)
        return kind

    @property
    def pitch(self) -> int:
        """The pitch of the last note, or -1."""
        return int(self.tokens.pitch[self.note]) if self.note >= 0 else -1

    @property
    def bars_left(self) -> int:
        """Bars after the present one, 0 or more; only with a length announced."""
        left = self.length - 1 - self.bar
        return left if left > 0 else 0

    @property
    def bars_to_return(self) -> int:
        """How many bars ago the bar began that the present one is like; 0 for none."""
        return self.returning if self.returning_bar == self.bar else 0

    @property
    def _chord_values(self) -> tuple[int, int, int]:
        if self.chord < 0:
            return 0, 0, 0
        age = min((self.time - self.chord_time) // STEPS_PER_QUARTER, LONGEST_CHORD)
        pitch = self.vocabulary.rows[self.token][2]
        has_root = pitch >= 0 and self.chord < NO_CHORD
        return self.chord + 1, age, (pitch - self.chord) % 12 + 1 if has_root else 0

    @property
    def duration(self) -> int:
        """The last duration in the voice of the last note, as a number in DURATIONS."""
        return self.remembered.of(self.voice)[0]

    @property
    def velocity(self) -> int:
        """The last velocity bin in the voice of the last note."""
        return self.remembered.of(self.voice)[1]

    @property
    def values(self) -> tuple[int, ...]:
        config, duration, velocity = self.vocabulary.config, -1, -1
        if self.token >= self.tokens.first["note"]:
            duration, velocity = self.remembered.of(self.voice)
        return (
            self.token,
            self.position,
            self.position % STEPS_PER_QUARTER,
            self.meter + 1,
            min(self.bars_left, MOST_BARS_LEFT) if self.length else UNKNOWN_BARS_LEFT,
            self.bar % PHRASE,
            duration + 1,
            velocity + 1,
            *(self.key_so_far.values if config.key else ()),
            *(self.silent.values if config.longest_silent else ()),
            *(self.entering.values if config.entrances else ()),
            *((self.moved,) if config.moved else ()),
            *(self._chord_values if config.chords else ()),
            *((self.bars_to_return,) if config.returns else ()),
            *self.bars_ago.values,
            *self.repeats.values,
        )

    def fork(self) -> Reader:
        other = copy(self)
        other.place, other.remembered = self.place.fork(), self.remembered.fork()
        other.key_so_far, other.silent = self.key_so_far.fork(), self.silent.fork()
        other.entering = self.entering.fork()
        other.bars_ago, other.repeats = self.bars_ago.fork(), self.repeats.fork()
        return other
