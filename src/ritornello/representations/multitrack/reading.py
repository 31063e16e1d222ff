"""Ids -> what they mean: the `Reader` takes one id at a time, `read_columns` all of a piece at once.

Both know the same rules; a law tests that they agree. Any id is accepted at any place.

- The time is the sum of the shifts. A meter token begins a bar at the present time.
- The length announced in the header gives the bars that are left.
- A velocity or duration token belongs to the last note; both are remembered for its voice.
- What came so many bars ago at this place: the next note of the onset there, above the last one here; else the shift
  to the next onset. Notes that are not above the one before at their onset do not count.
"""

from __future__ import annotations

from bisect import bisect_right
from copy import copy
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Ints
from ritornello.representations.base import Column, Ids
from ritornello.representations.echo import Echo, echo_columns, echoes
from ritornello.representations.grids import DURATIONS, SHIFTS, STEPS_PER_QUARTER
from ritornello.representations.multitrack.encoding import FIRST_DURATION, FIRST_VELOCITY
from ritornello.representations.multitrack.vocabulary import LONGEST_BAR, VELOCITY_STEP, Kind, Vocabulary
from ritornello.representations.multitrack.waiting import NEVER_PLAYED, Waiting, waits
from ritornello.representations.tokenizer import latest
from ritornello.representations.tonality import KEYS, KeySoFar, degree, keys_so_far

PHRASE = 8
"""Bars after which the count of bars in a phrase begins again."""

MOST_BARS_LEFT = 32
"""The countdown begins here; more bars left look alike."""

UNKNOWN_BARS_LEFT = MOST_BARS_LEFT + 1

KEY = "key"
"""The column that moves with a piece, besides the ids."""

_MOST_PLACES = 4096
"""Of more notes, those too old for any lag are forgotten."""

_NEVER = np.iinfo(np.int64).max

_SHIFTS: list[int] = SHIFTS.tolist()  # for one id at a time plain numbers are much faster


def columns_of(vocabulary: Vocabulary) -> tuple[Column, ...]:
    """Return the input columns, in the order of the rows of `Reader.columns` and `read_columns`."""
    config = vocabulary.config
    key = (Column(KEY, KEYS + 1), Column("degree", 13))  # 0: none yet; the last note was none of a key
    waiting = (Column("waiting", len(config.voices) + 1), Column("waited", NEVER_PLAYED + 1))
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
        *(waiting if config.waiting else ()),
        *(Column(f"{lag} bars ago", vocabulary.size + 1, is_candidate=True) for lag in config.lags),
        *echo_columns(vocabulary.size, config.echo),
    )


@dataclass
class Reader:
    """The meaning of the ids so far. Times are in steps."""

    vocabulary: Vocabulary
    token: int = 0
    time: int = 0
    meter: int = -1  # none yet
    bar_steps: int = 4 * STEPS_PER_QUARTER
    meter_start: int = 0
    bars_before: int = 0  # complete or cut bars before meter_start
    bar: int = 0  # the present one
    position: int = 0  # steps since the bar line
    length_high: int = 0
    length: int = 0  # bars; 0: not announced
    voice: int = -1  # of the last note
    pitch: int = -1
    durations: dict[int, int] = field(default_factory=dict)  # number in DURATIONS, by voice
    velocities: dict[int, int] = field(default_factory=dict)  # bin, by voice
    places: list[int] = field(
        default_factory=list
    )  # of the last notes: time * vocabulary size + id, ascending
    reached: int = 0  # the place of the last note that counts, or the present time's
    echo: Echo = field(init=False)
    key: KeySoFar = field(default_factory=KeySoFar)
    waiting: Waiting = field(default_factory=Waiting)

    def __post_init__(self) -> None:
        self.echo = Echo(self.vocabulary.config.echo)

    def advance(self, token: int) -> Kind:
        """Take the next id and return its kind."""
        kind, value, voice, pitch = self.vocabulary.meanings[token]
        self.token = token
        self.echo.advance(token)
        match kind:
            case Kind.NOTE:
                self.voice, self.pitch = voice, pitch
                self._place_note()
                self.waiting.play(voice, self.time)
                if not self.vocabulary.is_drum[voice]:
                    self.key.advance(pitch)
            case Kind.INSTRUMENT:
                self.waiting.name(voice)
            case Kind.SHIFT:
                self.time += _SHIFTS[value]
                self.reached = self.time * self.vocabulary.size
                self._find_place()
            case Kind.DURATION if self.voice >= 0:
                self.durations[self.voice] = value
            case Kind.VELOCITY if self.voice >= 0:
                self.velocities[self.voice] = value
            case Kind.METER:
                self._begin_meter(value)
            case Kind.LENGTH_HIGH:
                self.length_high = value
            case Kind.LENGTH_LOW:
                self.length = max(1, self.length_high * 16 + value)
            case _:
                pass
        return kind

    def _begin_meter(self, meter: int) -> None:
        self.bars_before += -(-(self.time - self.meter_start) // self.bar_steps)
        self.meter, self.meter_start = meter, self.time
        self.bar_steps = int(self.vocabulary.bar_steps[meter])
        self._find_place()

    def _place_note(self) -> None:
        place = self.time * self.vocabulary.size + self.token
        if place > self.reached:
            self.places.append(place)
            self.reached = place
        if len(self.places) > _MOST_PLACES:
            oldest = (
                self.time - max(self.vocabulary.config.lags, default=0) * LONGEST_BAR
            ) * self.vocabulary.size
            self.places = self.places[bisect_right(self.places, oldest) :]

    def before(self, lag: int) -> int:
        """Return 1 + the id that came `lag` bars before at this place, or 0."""
        size = self.vocabulary.size
        then = self.time - lag * self.bar_steps
        at = bisect_right(self.places, self.reached - (self.time - then) * size)
        if then < 0 or at == len(self.places):
            return 0
        time, token = divmod(self.places[at], size)
        if time > then:
            token = self.vocabulary.first[Kind.SHIFT] + bisect_right(_SHIFTS, time - then) - 1
        return token + 1

    def _find_place(self) -> None:
        bars, self.position = divmod(self.time - self.meter_start, self.bar_steps)
        self.bar = self.bars_before + bars

    @property
    def bars_left(self) -> int:
        """Bars after the present one, 0 or more; only with a length announced."""
        return max(0, self.length - 1 - self.bar)

    def duration(self, voice: int) -> int:
        """The number in DURATIONS that a note of `voice` has unless it says otherwise."""
        return self.durations.get(voice, FIRST_DURATION)

    def velocity(self, voice: int) -> int:
        """The velocity bin that a note of `voice` has unless it says otherwise."""
        return self.velocities.get(voice, FIRST_VELOCITY)

    def columns(self) -> tuple[int, ...]:
        """Return the row of input columns after the last id."""
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
            *(self._tonality(is_note) if config.key else ()),
            *(self.waiting.values(self.time, self.bar_steps) if config.waiting else ()),
            *(self.before(lag) for lag in config.lags),
            *self.echo.values,
        )

    def _tonality(self, is_note: bool) -> tuple[int, int]:
        is_of_key = is_note and not self.vocabulary.is_drum[self.voice]
        return self.key.value, degree(self.pitch, self.key.value) + 1 if is_of_key else 0

    def fork(self) -> Reader:
        """Return an independent copy."""
        other = copy(self)
        other.durations, other.velocities = dict(self.durations), dict(self.velocities)
        other.places, other.echo = list(self.places), self.echo.copy()
        other.key, other.waiting = self.key.copy(), self.waiting.copy()
        return other


def read_columns(vocabulary: Vocabulary, ids: Ids) -> NDArray[np.int32]:
    """Return the input columns of a piece, (time, column)."""
    kind, value = vocabulary.kind[ids], vocabulary.value[ids]
    time = np.cumsum(np.where(kind == Kind.SHIFT, SHIFTS[np.where(kind == Kind.SHIFT, value, 0)], 0))
    meter, position, bar, bar_steps = _read_bars(vocabulary, kind, value, time)
    high = latest(kind == Kind.LENGTH_HIGH, value, 0)
    length = latest(kind == Kind.LENGTH_LOW, np.maximum(1, high * 16 + value), 0)
    left = np.where(length > 0, np.clip(length - 1 - bar, 0, MOST_BARS_LEFT), UNKNOWN_BARS_LEFT)
    return np.stack(
        [
            ids,
            position,
            position % STEPS_PER_QUARTER,
            meter + 1,
            left,
            bar % PHRASE,
            _remembered(vocabulary, ids, Kind.DURATION, FIRST_DURATION),
            _remembered(vocabulary, ids, Kind.VELOCITY, FIRST_VELOCITY),
            *(_tonality(vocabulary, ids) if vocabulary.config.key else ()),
            *(_waiting(vocabulary, ids, time, bar_steps) if vocabulary.config.waiting else ()),
            *_came_before(vocabulary, np.asarray(ids, dtype=np.int64), time, bar_steps),
            *echoes(ids, vocabulary.config.echo),
        ],
        axis=1,
    ).astype(np.int32)


def _tonality(vocabulary: Vocabulary, ids: Ids) -> tuple[Ints, Ints]:
    """Return the key so far, and 1 + the degree of the note at each step, or 0."""
    pitch, is_of_key = vocabulary.pitch[ids], vocabulary.is_melodic[ids]
    key = keys_so_far(pitch, is_of_key)
    return key, np.where(is_of_key, degree(pitch, key) + 1, 0)


def _waiting(vocabulary: Vocabulary, ids: Ids, time: Ints, bar_steps: Ints) -> tuple[Ints, Ints]:
    kind = vocabulary.kind[ids]
    return waits(vocabulary.voice[ids], kind == Kind.INSTRUMENT, kind == Kind.NOTE, time, bar_steps)


def _came_before(vocabulary: Vocabulary, ids: Ints, time: Ints, bar_steps: Ints) -> list[Ints]:
    """Return, for each lag, what `Reader.before` says at each step."""
    size = vocabulary.size
    is_note = vocabulary.kind[ids] == Kind.NOTE
    place = time * size + np.where(is_note, ids, 0)
    reached = np.maximum.accumulate(place) if len(ids) else place
    counts = is_note & (reached > np.concatenate([[0], reached[:-1]])[: len(ids)])
    places, so_far = np.append(place[counts], _NEVER), np.cumsum(counts)
    found = []
    for lag in vocabulary.config.lags:
        then = time - lag * bar_steps
        at = np.searchsorted(places, reached - (time - then) * size, side="right")
        when, token = np.divmod(places[at], size)
        shift = vocabulary.first[Kind.SHIFT] + np.searchsorted(SHIFTS, when - then, side="right") - 1
        ids_there = np.where(when > then, shift, token)
        found.append(np.where((then >= 0) & (at < so_far), ids_there + 1, 0))
    return found


def _read_bars(vocabulary: Vocabulary, kind: Ints, value: Ints, time: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Return the meter (-1: none yet), the position in the bar, the number of the bar and its steps at each step."""
    at = np.flatnonzero(kind == Kind.METER)
    starts = np.concatenate([[0], time[at]])
    steps = np.concatenate([[4 * STEPS_PER_QUARTER], vocabulary.bar_steps[value[at]]])
    bars_before = np.concatenate([[0], np.cumsum(-(-np.diff(starts) // steps[:-1]))])
    segment = np.cumsum(kind == Kind.METER)
    since = time - starts[segment]
    meter = np.concatenate([[-1], value[at]])[segment]
    bar = bars_before[segment] + since // steps[segment]
    return meter, since % steps[segment], bar, steps[segment]


def _remembered(vocabulary: Vocabulary, ids: Ids, kind: Kind, first: int) -> Ints:
    """Return, at each note, 1 + what its voice remembers of a modifier; 0 elsewhere."""
    is_note = vocabulary.kind[ids] == Kind.NOTE
    voice = latest(is_note, vocabulary.voice[ids], -1)
    says = (vocabulary.kind[ids] == kind) & (voice >= 0)
    order = np.argsort(voice, kind="stable")  # by voice, in time order within
    voices = voice[order]
    index = np.where(says[order], np.arange(len(ids)), -1)
    begins = np.flatnonzero(np.concatenate([[True], np.diff(voices) != 0])[: len(ids)])
    floor = np.repeat(begins, np.diff([*begins, len(ids)]))
    index = np.maximum.accumulate(index)
    known = index >= floor  # what an earlier voice in this order said does not count
    values = np.where(known, vocabulary.value[ids][order][index], first)
    result = np.empty(len(ids), dtype=np.int64)
    result[order] = values + 1
    return np.where(is_note, result, 0)
