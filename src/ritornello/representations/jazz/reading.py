"""Reading a piece one id at a time: the state that columns, grammar and decoding share.

Any id is taken. A duration is cut where the bar is full, so that every bar is exactly as long as its meter says
(in the faithful mode, as in the source, nothing is cut). A chord's root begins the next bar, unless a place in
the bar has been announced; so does a note after a full bar.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ritornello.representations.jazz.analysis import HELD, LETTERS, REST
from ritornello.representations.jazz.vocabulary import (
    HEADER,
    LEAP,
    SOLOISTS,
    STEPS_PER_PLACE,
    Kind,
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
class Reader:
    """The state after the ids so far. `kind` and `token` are the last id's."""

    vocabulary: Vocabulary
    token: int = 0
    kind: Kind | None = None
    stage: int = 0  # ids of HEADER seen
    meter: int = 0
    key: int = 0
    tempo: int | None = None
    soloist: int = 0
    bars: list[Bar] = field(default_factory=list)
    position: int = 0
    root: int | None = None  # waiting for its quality
    place: int | None = None  # waiting for its chord
    letter: str | None = None  # waiting for its duration
    chord: Placed | None = None  # in force
    notes: int = 0

    @property
    def bar_steps(self) -> int:
        return self.vocabulary.bar_steps[self.meter]

    @property
    def is_full(self) -> bool:
        """Whether the present bar has all its steps (or there is none yet)."""
        return not self.bars or self.position >= self.bar_steps

    @property
    def has_note(self) -> bool:
        """Whether the present bar has a note, which a bracket could refer to."""
        return any(played.letter != REST for played in self.bars[-1].line) if self.bars else False

    @property
    def is_sounding(self) -> bool:
        """Whether the last thing played is a note."""
        line = next((bar.line for bar in reversed(self.bars) if bar.line), None)
        return bool(line) and line[-1].letter != REST if line else False

    def advance(self, token: int) -> None:
        """Take the next id."""
        vocabulary = self.vocabulary
        kind, value = vocabulary.meaning[token]
        if self.stage < len(HEADER) and kind == HEADER[self.stage]:
            self.stage += 1
        if kind < Kind.ROOT:
            self._push_header(kind, value)
        elif kind <= Kind.PLACE:
            self._push_chord(kind, value)
        else:
            self._push_melody(kind, value)
            if self.bars:
                self.bars[-1].ids.append(token)
        self.token, self.kind = token, kind

    def _push_header(self, kind: Kind, value: int) -> None:
        if self.bars:
            return  # a header in the middle of a piece says nothing
        if kind == Kind.METER:
            self.meter = value
        elif kind == Kind.KEY:
            self.key = value
        elif kind == Kind.TEMPO:
            self.tempo = value
        elif kind == Kind.SOLOIST:
            self.soloist = SOLOISTS[value]

    def _push_chord(self, kind: Kind, value: int) -> None:
        if kind == Kind.PLACE:
            self.place = (value + 1) * STEPS_PER_PLACE
        elif kind == Kind.ROOT:
            if self.place is None or not self.bars or self.place >= self.bar_steps:
                self._begin_bar()
                self.place = 0
            self.root = value
        elif kind == Kind.QUALITY and self.root is not None:
            quality = self.vocabulary.config.qualities[value]
            placed = Placed(self.place or 0, self.root, quality)
            self.bars[-1].chords.append(placed)
            self.notes += voice_count(quality)
            self.root = self.place = None
            if placed.position <= self.position:
                self.chord = placed
        elif kind == Kind.BASS and self.kind == Kind.QUALITY and self.bars and self.bars[-1].chords:
            self.bars[-1].chords[-1].bass = value

    def _begin_bar(self) -> None:
        self.bars.append(Bar())
        self.position = 0

    def _push_melody(self, kind: Kind, value: int) -> None:
        if kind == Kind.LETTER:
            self.letter = LETTERS[value]
        elif kind == Kind.DURATION and self.letter is not None:
            self._play(self.letter, value + 1, None)
        elif kind == Kind.BRACKET and self.kind == Kind.DURATION and self.bars and self.bars[-1].line:
            played = self.bars[-1].line[-1]
            played.interval = None if played.letter in (REST, HELD) else value - LEAP
        elif kind == Kind.WORD:
            word = self.vocabulary.words[value]
            self._play(word.letter, word.steps, word.interval)

    def _play(self, letter: str, steps: int, interval: int | None) -> None:
        faithful = self.vocabulary.config.faithful
        if not self.bars or (self.is_full and not faithful):
            self._begin_bar()
        if not faithful:
            steps = min(steps, self.bar_steps - self.position)
        if letter == HELD and (not self.is_sounding or self.position):
            letter = REST  # there is nothing to hold
        self.bars[-1].line.append(Played(self.position, letter, steps, interval))
        self.notes += letter not in (REST, HELD)
        self.position += steps
        self.letter = None
        for placed in self.bars[-1].chords:
            if placed.position <= self.position:
                self.chord = placed

    @property
    def values(self) -> tuple[int, ...]:
        """The input columns: token, position in the bar, and root and quality of the chord in force (0: none)."""
        root, quality = 0, 0
        if self.chord is not None:
            root = self.chord.root + 1
            quality = self.vocabulary.config.qualities.index(self.chord.quality) + 1
        return self.token, min(self.position, self.vocabulary.longest_bar), root, quality

    def fork(self) -> Reader:
        """Return an independent copy."""
        return replace(self, bars=[bar.fork() for bar in self.bars])


def voice_count(quality: str) -> int:
    """Return how many notes the accompaniment strikes for a chord: the bass, and the upper tones."""
    return 1 + len(upper_tones(quality))


def upper_tones(quality: str) -> tuple[int, ...]:
    """Return the tones above the bass: all but the root, where three others are left without it."""
    tones = CHORDS[quality]
    return tones[1:] if len(tones) > 3 else tones
