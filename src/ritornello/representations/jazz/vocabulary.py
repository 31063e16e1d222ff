"""The vocabulary of `jazz`: its table of ids, and its fitting to a corpus.

A *word* is a whole token of the source: letter, duration in quarters, and for a note with another before it in
the bar a bracket, "S,0.250,<d4,M-2>" (see `theory.intervals.bracket`). The words are those of the corpus, the
most frequent first, under the names of the source. A word outside the table is spelled in its parts: a letter,
a duration, a bracket, each a token of its own; so no word is unknown.

Chords are relative to the key, so that a piece is the same in every key but for one id of its header.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, Field, model_validator

from ritornello.config import parsed
from ritornello.errors import ConfigError
from ritornello.representations.grids import TEMPOS, is_on_grid
from ritornello.representations.jazz.analysis import HELD, LETTERS, REST, STRUCK
from ritornello.representations.tokens import LAST, block, build_tokens
from ritornello.score import Meter
from ritornello.theory import CHORDS, pitch_class_name
from ritornello.theory.intervals import bracket, bracket_middle, plain_interval

STEPS_PER_QUARTER = 12
"""The grid: sixteenths and triplets of eighths fall on it. Durations have three decimals, as in the source."""

FLATS = 5
"""Keys 0 to 6 (C to F sharp) lie above C, the others below it: the reference pitch is -5 to 6."""

LEAP = 16
"""Semitones from one note to the next within a bar, at most; notes that leap further are moved by octaves."""

STEPS_PER_PLACE = STEPS_PER_QUARTER // 2
"""Chords are placed on eighths."""

LONGEST_BAR = 96
"""Steps of the longest bar (8 quarters)."""

SOLOISTS = (0, 11, 16, 24, 26, 32, 40, 42, 52, 56, 57, 64, 65, 66, 68, 71, 73, 80)
"""General MIDI programs that can have the melody; others go to the nearest."""

MOST_WORDS = 2048

HEADER = ("start", "meter", "key", "tempo", "soloist")


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


class JazzConfig(BaseModel, frozen=True, extra="forbid"):
    """The vocabulary and the options of a `jazz`."""

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


class Vocabulary:
    """The table of ids for a configuration, and its words."""

    def __init__(self, config: JazzConfig) -> None:
        self.config = config
        self.words = [parse_word(name) for name in config.words]
        self.bar_steps = [Meter(0, *m).bar_ticks(STEPS_PER_QUARTER) for m in config.meters]
        self.longest_bar = max(self.bar_steps)
        keys, qualities = range(12), config.qualities
        # From LEAP semitones down to LEAP up.
        brackets = [f"bracket {bracket(plain_interval(each))}" for each in range(-LEAP, LEAP + 1)]
        self.tokens = build_tokens(
            block("start"),
            block("end"),
            block("meter", len(config.meters), [f"meter {n}/{d}" for n, d in config.meters]),
            block(
                "key",  # the tonic of the key signature's major key
                12,
                [f"key {pitch_class_name(key)}" for key in keys],
                series=0,
                step=[reference(key) for key in keys],
            ),
            block("tempo", len(TEMPOS), [f"tempo {tempo}" for tempo in TEMPOS]),
            block("soloist", len(SOLOISTS), [f"soloist {p}" for p in SOLOISTS], voice=0, program=SOLOISTS),
            block("root", 12),  # of a chord, in semitones above the tonic; the first of a bar begins it
            block("quality", len(qualities), [f"quality {quality}" for quality in qualities]),
            block("bass", 12),  # only if it is not the root
            block("place", (self.longest_bar - 1) // STEPS_PER_PLACE),  # of the next chord, in eighths
            block(
                "letter", len(LETTERS), [f"letter {x}" for x in LETTERS], notes=[x in STRUCK for x in LETTERS]
            ),
            block("duration", self.longest_bar, lambda value: duration_name(value + 1), tells_of=LAST),
            block("bracket", len(brackets), brackets, tells_of=LAST),
            block("word", len(self.words), config.words, notes=[w.letter in STRUCK for w in self.words]),
        )
        self._word_ids = {name: self.id_of("word", number) for number, name in enumerate(config.words)}

    def id_of(self, kind: str, value: int = 0) -> int:
        """Return the id of the `value`-th token of a kind."""
        return self.tokens.first[kind] + value

    def word_ids(self, word: Word) -> list[int]:
        """Return the id of a word, or the ids of its parts if the table lacks it."""
        whole = self._word_ids.get(word.name)
        if whole is not None:
            return [whole]
        ids = [self.id_of("letter", LETTERS.index(word.letter))]
        ids.append(self.id_of("duration", min(word.steps, self.longest_bar) - 1))
        if word.interval is not None:
            ids.append(self.id_of("bracket", min(max(word.interval, -LEAP), LEAP) + LEAP))
        return ids


class Statistics(NamedTuple):
    """The statistics of one piece: its meter, and the counts of its words, by default and in the faithful mode."""

    meter: tuple[int, int]
    words: tuple[tuple[str, int], ...]
    faithful_words: tuple[tuple[str, int], ...]


class JazzOptions(BaseModel, frozen=True, extra="forbid"):
    """The options of `jazz`."""

    faithful: bool = Field(False, description="encode, decode and post-process as the source does")
    melody: str | None = Field(None, description="the melody's track, by name or number")
    least: int = Field(2, ge=1, description="words that occur less often are spelled in parts")


def fit(all_statistics: Iterable[Statistics], options: JazzOptions) -> JazzConfig:
    """Return the vocabulary for a corpus: the words and meters that occur, rare ones left out."""
    words: Counter[str] = Counter()
    meters: Counter[tuple[int, int]] = Counter({(4, 4): 0})
    for piece in all_statistics:
        words.update(dict(piece.faithful_words if options.faithful else piece.words))
        meters.update([piece.meter] if is_usable_meter(*piece.meter) else [])
    kept = [word for word, count in sorted(words.items(), key=_rank) if count >= options.least]
    return JazzConfig(
        words=tuple(kept[:MOST_WORDS]),
        meters=tuple(meter for meter, _ in sorted(meters.items(), key=_rank)[:16]),
        qualities=tuple(CHORDS),
        faithful=options.faithful,
        melody=options.melody,
    )


def _rank(item: tuple[Any, int]) -> tuple[int, Any]:
    return -item[1], item[0]
