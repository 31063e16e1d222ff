"""The tokens of `jazz`: their kinds and order, and the fitting of the table to a corpus.

A *word* is a whole token of the source: letter, duration in quarters, and for a note with another before it in
the bar a bracket, "S,0.250,<d4,M-2>" (see `theory.intervals.bracket`). The words are those the corpus has, the
most frequent first, under the names of the source. A word that the table lacks is spelled in its parts: a letter,
a duration, a bracket, each a token of its own; so nothing is ever unknown.

Chords are relative to the key, so that a piece is the same in every key but for one id of its header.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ritornello.config import parsed
from ritornello.errors import ConfigError
from ritornello.representations.grids import TEMPOS, is_on_grid, nearest_meter
from ritornello.representations.jazz.analysis import HELD, LETTERS, REST
from ritornello.representations.tokens import Meaning, Names, Tokens, build_tokens
from ritornello.representations.vocabulary import KindBlocks
from ritornello.score import Meter
from ritornello.theory import CHORDS, pitch_class_name
from ritornello.theory.intervals import bracket, bracket_middle, plain_interval

STEPS_PER_QUARTER = 12
"""The grid: sixteenths and triplets of eighths fall on it. Durations have three decimals, as in the source."""

FLATS = 5
"""Keys 0 to 6 (C to F sharp) lie above C, the others below it: the reference pitch is -5 to 6."""

LEAP = 16
"""Semitones from one note to the next within a bar, at most; what leaps further is moved by octaves."""

STEPS_PER_PLACE = STEPS_PER_QUARTER // 2
"""Chords are placed on eighths."""

LONGEST_BAR = 96
"""Steps of the longest bar (8 quarters)."""

SOLOISTS = (0, 11, 16, 24, 26, 32, 40, 42, 52, 56, 57, 64, 65, 66, 68, 71, 73, 80)
"""General MIDI programs that can have the melody; others go to the nearest."""

MOST_WORDS = 2048


class Kind(IntEnum):
    """The kinds of token, in the order of their blocks."""

    START = 0
    END = 1
    METER = 2
    KEY = 3  # the tonic of the key signature's major key
    TEMPO = 4
    SOLOIST = 5
    ROOT = 6  # a chord's, in semitones above the tonic; the first of a bar begins it
    QUALITY = 7
    BASS = 8  # only if it is not the root
    PLACE = 9  # where in the bar the next chord comes, in eighths
    LETTER = 10
    DURATION = 11
    BRACKET = 12
    WORD = 13


HEADER = (Kind.START, Kind.METER, Kind.KEY, Kind.TEMPO, Kind.SOLOIST)


class Word(NamedTuple):
    """A token of the source: letter, steps of the grid, bracket ("" if there is none)."""

    letter: str
    steps: int
    bracket: str = ""

    @property
    def name(self) -> str:
        parts = (self.letter, duration_name(self.steps), self.bracket)
        return ",".join(part for part in parts if part)

    @property
    def interval(self) -> int | None:
        """Semitones from the note before to the middle of the bracket."""
        return bracket_middle(self.bracket) if self.bracket else None


def duration_name(steps: int) -> str:
    """Return a duration in quarters with three decimals."""
    return f"{steps / STEPS_PER_QUARTER:.3f}"


def parse_word(name: str) -> Word:
    """Return the word of a name such as "C,0.250,<P4,m-2>". Raises ConfigError."""
    letter, _, rest = name.partition(",")
    duration, _, end = rest.partition(",")
    try:
        steps = round(float(duration) * STEPS_PER_QUARTER)
    except ValueError:
        steps = 0
    word = Word(letter, steps, end)
    if letter not in LETTERS or len(letter) != 1 or not 1 <= steps <= LONGEST_BAR:
        raise ConfigError(f"no token {name!r}; allowed: a letter of {LETTERS}, a duration, perhaps a bracket")
    if end and (letter in (REST, HELD) or word.interval is None):
        raise ConfigError(f"no token {name!r}: a rest and a held note have no bracket")
    return word


class JazzConfig(BaseModel):
    """What a vocabulary was fitted to, and how it hears and plays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: tuple[str, ...] = Field(max_length=1 << 14)
    meters: tuple[tuple[int, int], ...] = Field(min_length=1, max_length=64)
    qualities: tuple[str, ...] = Field(min_length=1)
    faithful: bool = False
    melody: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        for word in self.words:
            parsed(parse_word, word)
        if unknown := set(self.qualities) - CHORDS.keys():
            raise ValueError(f"unknown chord qualities {sorted(unknown)}")
        if len(set(self.words)) < len(self.words) or not all(is_usable_meter(*m) for m in self.meters):
            raise ValueError("words are there twice, or a bar is too long")
        return self


def is_usable_meter(numerator: int, denominator: int) -> bool:
    """Whether bars of this meter fall on the grid and are not too long."""
    return is_on_grid((numerator, denominator), STEPS_PER_QUARTER, LONGEST_BAR)


def reference(key: int) -> int:
    """Return the semitones by which a key lies above (or below) C: -5 to 6."""
    return key if key <= 12 - FLATS - 1 else key - 12


class Vocabulary(KindBlocks[Kind]):
    """The blocks of ids for a configuration, and what each id means, as arrays over the ids."""

    def __init__(self, config: JazzConfig) -> None:
        self.config = config
        self.words = [parse_word(name) for name in config.words]
        self.bar_steps = [Meter(0, *m).bar_ticks(STEPS_PER_QUARTER) for m in config.meters]
        self.longest_bar = max(self.bar_steps)
        places = (self.longest_bar - 1) // STEPS_PER_PLACE
        counts = {
            Kind.METER: len(config.meters),
            Kind.KEY: 12,
            Kind.TEMPO: len(TEMPOS),
            Kind.SOLOIST: len(SOLOISTS),
            Kind.ROOT: 12,
            Kind.QUALITY: len(config.qualities),
            Kind.BASS: 12,
            Kind.PLACE: places,
            Kind.LETTER: len(LETTERS),
            Kind.DURATION: self.longest_bar,
            Kind.BRACKET: 2 * LEAP + 1,
            Kind.WORD: len(self.words),
        }
        super().__init__(Kind, counts)
        self._word_ids = {name: self.id_of(Kind.WORD, i) for i, name in enumerate(config.words)}

    @cached_property
    def tokens(self) -> Tokens:
        """What the ids mean. The pitch of a note is settled only when the whole piece is played."""
        values: dict[Kind, Sequence[Any]] = {
            Kind.METER: ["/".join(map(str, meter)) for meter in self.config.meters],
            Kind.KEY: [pitch_class_name(key) for key in range(12)],
            Kind.TEMPO: TEMPOS.tolist(),
            Kind.SOLOIST: SOLOISTS,
            Kind.QUALITY: self.config.qualities,
            Kind.LETTER: LETTERS,
            Kind.BRACKET: self.brackets,
        }
        meanings: dict[Kind, Meaning] = {
            Kind.KEY: {"series": 0, "step": [reference(key) for key in range(12)]},
            Kind.SOLOIST: {"voice": 0, "program": SOLOISTS},
            Kind.LETTER: {"notes": [letter not in (REST, HELD) for letter in LETTERS]},
            Kind.WORD: {"notes": [word.letter not in (REST, HELD) for word in self.words]},
        }

        names: dict[Kind, Names] = {
            Kind.WORD: self.config.words,
            Kind.DURATION: lambda value: duration_name(value + 1),
        }
        return build_tokens(*self.token_blocks(meanings, values, names))

    @cached_property
    def brackets(self) -> list[str]:
        """The brackets that words are spelled with, from LEAP semitones down to LEAP up."""
        return [bracket(plain_interval(semitones)) for semitones in range(-LEAP, LEAP + 1)]

    def word_ids(self, word: Word) -> list[int]:
        """Return the id of a word, or the ids of its parts if the table lacks it."""
        whole = self._word_ids.get(word.name)
        if whole is not None:
            return [whole]
        ids = [self.id_of(Kind.LETTER, LETTERS.index(word.letter))]
        ids.append(self.id_of(Kind.DURATION, min(word.steps, self.longest_bar) - 1))
        if word.interval is not None:
            ids.append(self.id_of(Kind.BRACKET, min(max(word.interval, -LEAP), LEAP) + LEAP))
        return ids

    def nearest_meter(self, numerator: int, denominator: int) -> int:
        """Return the number of the known meter that is this one or else nearest in the length of its bar."""
        return nearest_meter(self.config.meters, numerator, denominator)


class Statistics(NamedTuple):
    """What fitting needs of one piece: its meter, and the words of its melody as counted, corrected and faithful."""

    meter: tuple[int, int]
    words: tuple[tuple[str, int], ...]
    faithful_words: tuple[tuple[str, int], ...]


class JazzOptions(BaseModel):
    """What a preset or a person asks of the tokenizer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    faithful: bool = Field(False, description="hear, play and post-process as the source does")
    melody: str | None = Field(None, description="the melody's track, by name or number")
    least: int = Field(2, ge=1, description="words that occur less often are spelled in parts")


def fit(all_statistics: Iterable[Statistics], asked: JazzOptions) -> JazzConfig:
    """Return the vocabulary for a corpus: the words and meters that occur, rare ones left out."""
    words: Counter[str] = Counter()
    meters: Counter[tuple[int, int]] = Counter({(4, 4): 0})
    for piece in all_statistics:
        words.update(dict(piece.faithful_words if asked.faithful else piece.words))
        meters.update([piece.meter] if is_usable_meter(*piece.meter) else [])
    kept = [word for word, count in sorted(words.items(), key=_rank) if count >= asked.least]
    return JazzConfig(
        words=tuple(kept[:MOST_WORDS]),
        meters=tuple(meter for meter, _ in sorted(meters.items(), key=_rank)[:16]),
        qualities=tuple(CHORDS),
        faithful=asked.faithful,
        melody=asked.melody,
    )


def _rank(item: tuple[Any, int]) -> tuple[int, Any]:
    return -item[1], item[0]
