"""Ids -> what they mean: the `Reader`, of a piece at once or one id at a time. Any id is accepted at any place.

- The time is the sum of the shifts. A meter token begins a bar at the present time.
- The length announced in the header gives the bars that are left.
- A velocity or duration token belongs to the last note; both are remembered for its voice.
"""

from __future__ import annotations

from copy import copy

import numpy as np

from ritornello.arrays import Ints
from ritornello.representations.base import Column, Ids
from ritornello.representations.columns.bars_ago import BarsAgo
from ritornello.representations.columns.key import KEYS, KeySoFar
from ritornello.representations.columns.longest_silent import NEVER_PLAYED, LongestSilent
from ritornello.representations.columns.position import Position
from ritornello.representations.columns.remembered import Remembered
from ritornello.representations.columns.repeats import Repeats, repeat_columns
from ritornello.representations.grids import DURATIONS, SHIFTS, STEPS_PER_QUARTER
from ritornello.representations.multitrack.encoding import FIRST_DURATION, FIRST_VELOCITY
from ritornello.representations.multitrack.vocabulary import LONGEST_BAR, VELOCITY_STEP, Kind, Vocabulary
from ritornello.representations.tokenizer import latest

PHRASE = 8
"""Bars after which the count of bars in a phrase begins again."""

MOST_BARS_LEFT = 32
"""The countdown begins here; more bars left look alike."""

UNKNOWN_BARS_LEFT = MOST_BARS_LEFT + 1


_SHIFTS: list[int] = SHIFTS.tolist()  # for one id at a time plain numbers are much faster


def columns_of(vocabulary: Vocabulary) -> tuple[Column, ...]:
    """Return the input columns, in the order of the rows of `Reader`."""
    config = vocabulary.config
    # 0: none yet; the last note was none of a key
    key = (Column("key", KEYS + 1, moves="key"), Column("degree", 13))
    silent = (
        Column("longest_silent_voice", len(config.voices) + 1),
        Column("bars_silent", NEVER_PLAYED + 1),
    )
    return (
        Column("token", vocabulary.size),
        Column("position", LONGEST_BAR),  # steps since the bar line
        Column("phase", STEPS_PER_QUARTER),  # steps since the last quarter of the bar
        Column("meter", len(vocabulary.config.meters) + 1),  # 0: none yet
        Column("bars_left", UNKNOWN_BARS_LEFT + 1),  # 0: the last bar
        Column("phrase", PHRASE),  # the number of the bar, modulo PHRASE
        Column("duration", len(DURATIONS) + 1),  # remembered by the voice of the note just read; 0: no note
        Column("velocity", 128 // VELOCITY_STEP + 1),  # likewise
        *(key if config.key else ()),
        *(silent if config.longest_silent else ()),
        *(Column(f"{lag} bars ago", vocabulary.size + 1, is_candidate=True) for lag in config.lags),
        *repeat_columns(vocabulary.size, config.repeats),
    )


class Reader:
    """The meaning of the ids so far, and the input columns; see `columns.ColumnReader`. Times are in steps."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        config = vocabulary.config
        self.vocabulary = vocabulary
        self.token = 0
        self.time = self.bar = self.position = 0  # as in `place`
        self.bar_steps = 4 * STEPS_PER_QUARTER
        self.meter = -1  # none yet
        self.length_high = 0
        self.length = 0  # bars; 0: not announced
        self.voice = self.pitch = -1  # of the last note
        self.place = Position(self.bar_steps)
        self.remembered = Remembered(FIRST_DURATION, FIRST_VELOCITY)
        self.key_so_far, self.silent, self.repeats = KeySoFar(), LongestSilent(), Repeats(config.repeats)
        first_shift = int(vocabulary.first[Kind.SHIFT])
        self.bars_ago = BarsAgo(config.lags, vocabulary.size + 1, LONGEST_BAR, _SHIFTS, first_shift)

    def at_once(self, ids: Ids) -> Ints:
        vocabulary, config = self.vocabulary, self.vocabulary.config
        kind, value, named = vocabulary.kind[ids], vocabulary.value[ids], vocabulary.voice[ids]
        is_shift, is_meter, is_note = kind == Kind.SHIFT, kind == Kind.METER, kind == Kind.NOTE
        time, bar, position, bar_steps = self.place.at_once(
            np.where(is_shift, SHIFTS[np.where(is_shift, value, 0)], 0),
            np.where(is_meter, vocabulary.bar_steps[np.where(is_meter, value, 0)], 0),
        )
        high = latest(kind == Kind.LENGTH_HIGH, value, 0)
        length = latest(kind == Kind.LENGTH_LOW, np.maximum(1, high * 16 + value), 0)
        left = np.where(length > 0, np.clip(length - 1 - bar, 0, MOST_BARS_LEFT), UNKNOWN_BARS_LEFT)
        told = (np.where(kind == each, value, -1) for each in (Kind.DURATION, Kind.VELOCITY))
        remembered = self.remembered.at_once(latest(is_note, named, -1), *told)
        columns = [
            ids,
            position,
            position % STEPS_PER_QUARTER,
            latest(is_meter, value, -1) + 1,
            left,
            bar % PHRASE,
            *np.where(is_note, remembered + 1, 0),
        ]
        if config.key:
            columns += [
                *self.key_so_far.at_once(np.where(vocabulary.is_melodic[ids], vocabulary.pitch[ids], -1))
            ]
        if config.longest_silent:
            columns += [*self.silent.at_once(named, is_note, time, bar_steps)]
        columns += [*self.bars_ago.at_once(time, bar_steps, np.where(is_note, ids + 1, 0))]
        return np.stack([*columns, *self.repeats.at_once(ids)])

    def advance(self, token: int) -> Kind:
        """Take the next id and return its kind."""
        kind, value, voice, pitch = self.vocabulary.meanings[token]
        is_note = kind == Kind.NOTE
        self.token = token
        match kind:
            case Kind.NOTE:
                self.voice, self.pitch = voice, pitch
            case Kind.SHIFT:
                self._move(_SHIFTS[value], 0)
            case Kind.METER:
                self.meter = value
                self._move(0, int(self.vocabulary.bar_steps[value]))
            case Kind.DURATION:
                self.remembered.advance(self.voice, value, -1)
            case Kind.VELOCITY:
                self.remembered.advance(self.voice, -1, value)
            case Kind.LENGTH_HIGH:
                self.length_high = value
            case Kind.LENGTH_LOW:
                self.length = max(1, self.length_high * 16 + value)
            case _:
                pass
        self.key_so_far.advance(pitch if is_note and not self.vocabulary.is_drum[voice] else -1)
        self.silent.advance(voice, is_note, self.time, self.bar_steps)
        self.bars_ago.advance(self.time, self.bar_steps, token + 1 if is_note else 0)
        self.repeats.advance(token)
        return kind

    def _move(self, shift: int, bar_steps: int) -> None:
        self.place.advance(shift, bar_steps)
        self.time, self.bar, self.position, self.bar_steps = self.place.values

    @property
    def bars_left(self) -> int:
        """Bars after the present one, 0 or more; only with a length announced."""
        return max(0, self.length - 1 - self.bar)

    def duration(self, voice: int) -> int:
        """The number in DURATIONS that a note of `voice` has unless it says otherwise."""
        return self.remembered.of(voice)[0]

    def velocity(self, voice: int) -> int:
        """The velocity bin that a note of `voice` has unless it says otherwise."""
        return self.remembered.of(voice)[1]

    @property
    def values(self) -> tuple[int, ...]:
        config, is_note = self.vocabulary.config, self.vocabulary.meanings[self.token][0] == Kind.NOTE
        return (
            self.token,
            self.position,
            self.position % STEPS_PER_QUARTER,
            self.meter + 1,
            min(self.bars_left, MOST_BARS_LEFT) if self.length else UNKNOWN_BARS_LEFT,
            self.bar % PHRASE,
            self.duration(self.voice) + 1 if is_note else 0,
            self.velocity(self.voice) + 1 if is_note else 0,
            *(self.key_so_far.values if config.key else ()),
            *(self.silent.values if config.longest_silent else ()),
            *self.bars_ago.values,
            *self.repeats.values,
        )

    def fork(self) -> Reader:
        other = copy(self)
        other.place, other.remembered = self.place.fork(), self.remembered.fork()
        other.key_so_far, other.silent = self.key_so_far.fork(), self.silent.fork()
        other.bars_ago, other.repeats = self.bars_ago.fork(), self.repeats.fork()
        return other
