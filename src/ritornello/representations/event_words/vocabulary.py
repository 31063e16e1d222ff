"""The vocabulary of `event_words`: its fitting, the words as columns, and the nearest word to an unknown event.

Ids: START, END, then the words in the order of status, data and delta. They are the distinct words of the corpus
(or the most frequent), and those needed to end every note (`_with_ends`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from ritornello.arrays import Ints
from ritornello.errors import ConfigError
from ritornello.formats.event_words import Event, Spelling, parse_event, spell
from ritornello.formats.messages import DRUM_CHANNEL, NOTE_OFF, NOTE_ON, PROGRAM_CHANGE
from ritornello.representations.event_words.layout import NO_SECOND, Keep, lay_out, order_of
from ritornello.representations.tokens import InstrumentRange, Tokens, block, build_tokens
from ritornello.score import DEFAULT_MICROSECONDS_PER_QUARTER, Meter, Score

START, END, FIRST_WORD = 0, 1, 2

TIME_WEIGHT, VALUE_WEIGHT = 96.0, 1 / 8
"""The distance of two words: 96 for a quarter note of time, 1 for 8 steps of velocity or value."""


class EventWordsOptions(BaseModel, frozen=True, extra="forbid"):
    """The options of `event_words`."""

    keep: Keep = Field(
        "all", description="notes: note-ons and note-offs only; all: programs and controls too"
    )
    track: int | None = Field(None, ge=1, description="take only this track of those with notes; None: all")
    spelling: Spelling = Field("decimal", description="of the words, for reports: decimal or hex")
    most: int = Field(8192, ge=2, description="words of the corpus at most; others go to the nearest")
    ticks_per_quarter: int | None = Field(
        None, ge=1, le=0x7FFF, description="grid; None: the commonest of the files"
    )


class EventWordsConfig(BaseModel, frozen=True, extra="forbid"):
    """The vocabulary and the options of an `event_words`."""

    words: tuple[str, ...] = Field(description="of the vocabulary, in decimal spelling")
    keep: Keep = "all"
    track: int | None = Field(None, ge=1)
    spelling: Spelling = "decimal"
    ticks_per_quarter: int = Field(480, ge=1, le=0x7FFF)
    microseconds_per_quarter: int = Field(DEFAULT_MICROSECONDS_PER_QUARTER, ge=1, le=0xFFFFFF)
    meter: tuple[int, int] = (4, 4)


def collect_statistics(score: Score) -> Score:
    """Return the statistics of a piece: all of it but the texts, since the options decide what becomes a word."""
    return Score(score.ticks_per_quarter, score.tracks, score.tempos[:1], score.meters[:1])


def fit(all_statistics: Iterable[Score], options: EventWordsOptions) -> EventWordsConfig:
    """Return the configuration for a corpus: its distinct words, its commonest grid, first tempo and first meter."""
    pieces = list(all_statistics)
    grid = options.ticks_per_quarter or _commonest([score.ticks_per_quarter for score in pieces], 480)
    counts: Counter[tuple[int, ...]] = Counter()
    for score in pieces:
        stream = lay_out(score.resampled(grid), options.keep, options.track)
        words = np.stack([*stream[1:], np.diff(stream.tick, prepend=0)], axis=1)
        rows, found = np.unique(words, axis=0, return_counts=True)  # status, first, second, delta
        counts.update(dict(zip(map(tuple, rows.tolist()), found.tolist(), strict=True)))
    ranked = [row for row, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    kept = sorted(_with_ends(ranked[: options.most], ranked))
    tempos = [s.tempos[0].microseconds_per_quarter if s.tempos else 500_000 for s in pieces]
    meters = [(s.meters[0].numerator, s.meters[0].denominator) if s.meters else (4, 4) for s in pieces]
    return EventWordsConfig(
        words=tuple(
            spell(Event(delta, status, first, None if second == NO_SECOND else second))
            for status, first, second, delta in kept
        ),
        **options.model_dump(include={"keep", "track", "spelling"}),
        ticks_per_quarter=grid,
        microseconds_per_quarter=min(_commonest(tempos, 500_000), 0xFFFFFF),
        meter=_commonest(meters, (4, 4)),
    )


def _with_ends(kept: list[tuple[int, ...]], ranked: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the words kept, and for each pitch without a note-off at a delta above 0 one such word.

    In a chord, all notes but the first end at a delta of 0; without such a word they might never end.
    """
    ends = {row[:2] for row in kept if row[0] & 0xF0 == NOTE_OFF and row[3] > 0}
    begun = {(row[0] - NOTE_ON + NOTE_OFF, row[1]) for row in kept if row[0] & 0xF0 == NOTE_ON}
    delta = next((row[3] for row in ranked if row[0] & 0xF0 == NOTE_OFF and row[3] > 0), 1)
    return kept + [(status, pitch, 0, delta) for status, pitch in begun - ends]


def _commonest(values: list[Any], default: Any) -> Any:
    return min(Counter(values).items(), key=lambda item: (-item[1], item[0]))[0] if values else default


class Vocabulary:
    """The words of a configuration; columns have an entry an id, those of START and END are 0."""

    def __init__(self, config: EventWordsConfig) -> None:
        self.config = config
        self.events = [parse_event(word) for word in config.words]
        if len(set(self.events)) < len(self.events):
            raise ConfigError("representation event_words: a word stands twice in its vocabulary")
        self.size = FIRST_WORD + len(self.events)
        rows = np.zeros((self.size, 4), dtype=np.int64)
        rows[FIRST_WORD:] = np.array(
            [(e.delta, e.status, e.first, NO_SECOND if e.second is None else e.second) for e in self.events],
            dtype=np.int64,
        ).reshape(-1, 4)
        self.delta, self.status, self.first, self.second = rows.T
        kind = self.status & 0xF0
        self.is_word = np.arange(self.size) >= FIRST_WORD
        self.is_on = (kind == NOTE_ON) & (self.second > 0)
        self.is_off = ((kind == NOTE_OFF) | (kind == NOTE_ON)) & ~self.is_on
        self.key = (self.status & 15) * 128 + self.first  # of notes: channel and pitch
        self.order = order_of(self.status, self.first, self.second)
        self.closable = np.zeros(16 * 128, dtype=bool)  # keys whose notes can always be ended
        self.closable[self.key[self.is_off & (self.delta > 0)]] = True
        # A word may follow one of a lower rank: those at a later tick all may, START and END never.
        self.rank = np.where(self.delta > 0, self.order.max(initial=0) + 1, self.order)
        self.rank[:FIRST_WORD] = -2
        self.playable_at_first = self.is_word & np.where(self.is_on, self.closable[self.key], ~self.is_off)
        self.longest = int(self.delta.max(initial=0))
        self.bar_ticks = Meter(0, *config.meter).bar_ticks(config.ticks_per_quarter)
        self._value = np.where(self.second == NO_SECOND, self.first, self.second)
        # Events of one group stand for each other: controls of one number; programs, pressures or bends of one channel.
        groups = np.where(kind >= 0xC0, self.status << 7, self.status << 7 | self.first)
        order = np.argsort(groups[FIRST_WORD:], kind="stable") + FIRST_WORD
        edges = np.flatnonzero(np.diff(groups[order])) + 1
        self._members = {int(groups[part[0]]): part for part in np.split(order, edges) if len(part)}
        self.ids = {event: FIRST_WORD + number for number, event in enumerate(self.events)}

    @cached_property
    def ids_of_key(self) -> dict[int, tuple[Ints, ...]]:
        """The ids that begin and those that end the note of each channel and pitch."""
        keys = np.unique(self.key[self.is_on | self.is_off]).tolist()
        return {
            key: tuple(np.flatnonzero((self.key == key) & kind) for kind in (self.is_on, self.is_off))
            for key in keys
        }

    @cached_property
    def tokens(self) -> Tokens:
        """The table of the ids; a voice is a channel."""
        words = slice(FIRST_WORD, None)
        is_on, channel, first = self.is_on[words], self.status[words] & 15, self.first[words]
        is_drum, declares = channel == DRUM_CHANNEL, self.status[words] & 0xF0 == PROGRAM_CHANGE
        alike = (self.delta[words] << 8 | self.status[words]) << 8 | self.second[words] & 0xFF
        moves = (is_on | self.is_off[words]) & ~is_drum
        pitches = {
            v: np.unique(first[is_on & (channel == v)]) for v in np.unique(channel[is_on & ~is_drum]).tolist()
        }
        return build_tokens(
            block("start"),
            block("end"),
            block(
                "word",
                len(self.events),
                lambda value: spell(self.events[value], self.config.spelling),
                voice=np.where(is_on | declares, channel, -1),
                pitch=np.where(is_on, first, -1),
                notes=is_on,
                tells_of=np.where(self.is_off[words], first, -1),
                is_drum=is_on & is_drum,
                onset_offset=self.delta[words] / self.config.ticks_per_quarter,
                program=np.where(declares, first, -1),
                series=np.where(moves, alike, -1),
                step=first,
            ),
            instruments=(
                InstrumentRange("this model", -1, voice, tuple(found.tolist()))
                for voice, found in pitches.items()
            ),
            is_timed=True,
        )

    def nearest(self, event: Event, last_order: int) -> int | None:
        """Return the id of the word nearest to `event` that may follow, at the same tick, an event of `last_order`.

        Nearest is one of the same status and pitch (or number) by time and value. None if there is none.
        """
        group = event.status << 7 if event.status >= 0xC0 else event.status << 7 | event.first
        members = self._members.get(group)
        if members is None:
            return None
        value = event.first if event.second is None else event.second
        time = np.abs(self.delta[members] - event.delta) / self.config.ticks_per_quarter
        far = TIME_WEIGHT * time + VALUE_WEIGHT * np.abs(self._value[members] - value)
        far += (self.first[members] != event.first) * VALUE_WEIGHT / 128  # the fine half of a bend
        far[(self.delta[members] == 0) & (self.order[members] <= last_order)] = np.inf
        best = int(np.argmin(far))
        return int(members[best]) if np.isfinite(far[best]) else None
