"""Reads a piece one id at a time: the state that columns, grammar and decoding share.

Any id is accepted. A duration is cut where the bar is full, so that every bar has the length of its meter (in the
faithful mode, as in the source, nothing is cut). A chord's root begins the next bar, unless a PLACE comes before it; so
does a note after a full bar.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from ritornello.representations.grammar import GrammarState
from ritornello.representations.jazz.analysis import HELD, LETTERS, REST, STRUCK
from ritornello.representations.jazz.vocabulary import (
    HEADER,
    LEAP,
    SOLOISTS,
    STEPS_PER_PLACE,
    STEPS_PER_QUARTER,
    Vocabulary,
)
from ritornello.theory import CHORDS, Chord, make_chord


@dataclass
class Played:
    """A note or rest of the melody: steps from the start of its bar, letter, steps, interval to the one before."""

    position: int
    letter: str
    steps: int
    interval: int | None = None


@dataclass
class Placed:
    """A chord: steps from the start of its bar, root and bass above the tonic, quality."""

    position: int
    root: int
    quality: str
    bass: int | None = None

    def chord(self, key: int) -> Chord:
        bass = None if self.bass is None else (self.bass + key) % 12
        return make_chord((self.root + key) % 12, self.quality, bass)


@dataclass
class Bar:
    """A bar: its chords, its melody, and the ids of the melody."""

    chords: list[Placed] = field(default_factory=list)
    line: list[Played] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)

    def fork(self) -> Bar:
        return Bar([replace(c) for c in self.chords], [replace(p) for p in self.line], list(self.ids))


@dataclass
class Reader(GrammarState):
    """The state after the ids so far: the part of the `GrammarState` that decoding needs too."""

    vocabulary: Vocabulary
    kind: str = ""  # of the last id
    stage: int = 0  # ids of HEADER seen
    meter: int = 0
    key: int = 0
    tempo: int | None = None
    soloist: int = 0
    bars_read: list[Bar] = field(default_factory=list)
    position: int = 0
    root: int | None = None  # waiting for its quality
    chord_position: int | None = None  # waiting for its chord
    letter: str | None = None  # waiting for its duration
    chord: Placed | None = None  # in force

    @property
    def bar_steps(self) -> int:
        return self.vocabulary.bar_steps[self.meter]

    @property
    def is_full(self) -> bool:
        """Whether the present bar has all its steps (or there is none yet)."""
        return not self.bars_read or self.position >= self.bar_steps

    @property
    def has_note(self) -> bool:
        """Whether the present bar has a note, to which a bracket can refer."""
        return bool(self.bars_read) and any(played.letter != REST for played in self.bars_read[-1].line)

    @property
    def is_sounding(self) -> bool:
        """Whether the last event of the melody is a note."""
        line = next((bar.line for bar in reversed(self.bars_read) if bar.line), None)
        return line is not None and line[-1].letter != REST

    @property
    def quarters(self) -> float:
        bar, position = self.place
        return (bar * self.bar_steps + position) / STEPS_PER_QUARTER

    @property
    def place(self) -> tuple[int, int]:
        return max(0, len(self.bars_read) - 1), self.position

    def advance(self, token: int) -> None:
        super().advance(token)
        kind, value = self.tokens.kind[token], self.tokens.value[token]
        if self.stage < len(HEADER) and kind == HEADER[self.stage]:
            self.stage += 1
        if kind in HEADER:
            if not self.bars_read and kind != "start":  # a header within a piece changes nothing
                setattr(self, kind, SOLOISTS[value] if kind == "soloist" else value)
        elif kind in ("root", "quality", "bass", "place"):
            self._advance_chord(kind, value)
        elif kind != "end":
            self._advance_melody(kind, value)
            if self.bars_read:
                self.bars_read[-1].ids.append(token)
        self.kind = kind

    def _advance_chord(self, kind: str, value: int) -> None:
        if kind == "place":
            self.chord_position = (value + 1) * STEPS_PER_PLACE
        elif kind == "root":
            if self.chord_position is None or not self.bars_read or self.chord_position >= self.bar_steps:
                self._begin_bar()
                self.chord_position = 0
            self.root = value
        elif kind == "quality" and self.root is not None:
            quality = self.vocabulary.config.qualities[value]
            placed = Placed(self.chord_position or 0, self.root, quality)
            self.bars_read[-1].chords.append(placed)
            self.notes += 1 + len(upper_tones(quality))  # the bass, and the upper tones
            self.root = self.chord_position = None
            if placed.position <= self.position:
                self.chord = placed
        elif kind == "bass" and self.kind == "quality" and self.bars_read and self.bars_read[-1].chords:
            self.bars_read[-1].chords[-1].bass = value

    def _begin_bar(self) -> None:
        self.bars_read.append(Bar())
        self.position = 0

    def _advance_melody(self, kind: str, value: int) -> None:
        if kind == "letter":
            self.letter = LETTERS[value]
        elif kind == "duration" and self.letter is not None:
            self._play(self.letter, value + 1, None)
        elif kind == "bracket" and self.kind == "duration" and self.bars_read and self.bars_read[-1].line:
            played = self.bars_read[-1].line[-1]
            played.interval = value - LEAP if played.letter in STRUCK else None
        elif kind == "word":
            word = self.vocabulary.words[value]
            self._play(word.letter, word.steps, word.interval)

    def _play(self, letter: str, steps: int, interval: int | None) -> None:
        faithful = self.vocabulary.config.faithful
        if not self.bars_read or (self.is_full and not faithful):
            self._begin_bar()
        if not faithful:
            steps = min(steps, self.bar_steps - self.position)
        if letter == HELD and (not self.is_sounding or self.position):
            letter = REST  # there is nothing to hold
        self.bars_read[-1].line.append(Played(self.position, letter, steps, interval))
        self.notes += letter in STRUCK
        self.position += steps
        self.letter = None
        for placed in self.bars_read[-1].chords:
            if placed.position <= self.position:
                self.chord = placed

    @property
    def columns(self) -> tuple[int, ...]:
        """Token, position in the bar, and root and quality of the chord in force (0: none)."""
        root, quality = 0, 0
        if self.chord is not None:
            root = self.chord.root + 1
            quality = self.vocabulary.config.qualities.index(self.chord.quality) + 1
        return self.token, min(self.position, self.vocabulary.longest_bar), root, quality

    def fork(self) -> Self:
        return replace(self, bars_read=[bar.fork() for bar in self.bars_read])


def upper_tones(quality: str) -> tuple[int, ...]:
    """Return the tones above the bass: all but the root, where three others are left without it."""
    tones = CHORDS[quality]
    return tones[1:] if len(tones) > 3 else tones
