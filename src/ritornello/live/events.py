"""The inputs and outputs of a live session: plain, frozen values.

Inputs, each received with the time at which it happened: MIDI messages of the player (`Midi`) and commands. Outputs,
in order: turns, notes, beats and remarks. The model's notes come whole, with start and end, ahead of their
time; a driver schedules them. Times are seconds on the session's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from ritornello.live.config import JamConfig
from ritornello.score import Score


class Side(StrEnum):
    """The player of a note."""

    PLAYER = "player"
    MODEL = "model"


class Turn(StrEnum):
    """Whose turn it is."""

    IDLE = "idle"
    COUNT_IN = "count-in"
    PLAYER = "player"
    MODEL = "model"
    BOTH = "both"


# --- into the session -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Midi:
    """A MIDI channel message: 2 or 3 bytes, the first 0x80-0xEF."""

    data: bytes


@dataclass(frozen=True)
class Start:
    """Begin to play."""


@dataclass(frozen=True)
class Stop:
    """Fall silent; the record is kept."""


@dataclass(frozen=True)
class Configure:
    """Change the settings."""

    config: JamConfig


@dataclass(frozen=True)
class PlayCall:
    """Play a score as the player's call; the model answers when it has ended."""

    score: Score


@dataclass(frozen=True)
class Undo:
    """Undo the last turn: its notes leave the record, and the model's state is that of before."""


@dataclass(frozen=True)
class Redo:
    """Take the last undo back, if nothing has been played since."""


@dataclass(frozen=True)
class Again:
    """Give another answer to the same call; the model forgets the one before."""


@dataclass(frozen=True)
class LoopAnswer:
    """Repeat the last answer, for the player to play over it, or end that."""

    is_on: bool


@dataclass(frozen=True)
class SetBookmark:
    """Keep the present moment under a name."""

    name: str


@dataclass(frozen=True)
class GoTo:
    """Go to a bookmark: the record and the model's state are again what they were then.

    What is left gets a bookmark of its own, so it stays in reach.
    """

    number: int


Input = Midi | Start | Stop | Configure | PlayCall | Undo | Redo | Again | LoopAnswer | SetBookmark | GoTo


# --- out of it ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LiveNote:
    """A note of either side. `number` names it in its session; `end` is None while its key is down.

    program: General MIDI, 0-127, or 128 for the drum kit. channel: 0-15, for the player's notes the input channel.
    """

    number: int
    side: Side
    start: float
    end: float | None
    pitch: int
    velocity: int
    channel: int
    program: int


@dataclass(frozen=True)
class TurnBegan:
    """A turn that begins at `start`, often a moment ahead; `end` is None while unknown."""

    turn: Turn
    start: float
    end: float | None
    number: int  # of the turn in its session, from 1; 0 for idle and count-in


@dataclass(frozen=True)
class NotesPlanned:
    """Notes to be scheduled: the model's, or those of a score played as the call.

    held: where a pedal holds notes of a score, the second until which each sounds; else empty.
    """

    notes: tuple[LiveNote, ...]
    held: tuple[float, ...] = ()

    @property
    def sounding(self) -> tuple[LiveNote, ...]:
        """The notes with the ends that are heard."""
        if not self.held:
            return self.notes
        return tuple(replace(note, end=end) for note, end in zip(self.notes, self.held, strict=True))


@dataclass(frozen=True)
class NotesCancelled:
    """Planned notes that are not to be played, or, if they sound already, to end at `at`."""

    numbers: tuple[int, ...]
    at: float


@dataclass(frozen=True)
class TempoSet:
    """The beat from now on: a bar line at `bar_line`, tempo, meter. `steady` if a metronome keeps it."""

    bar_line: float
    quarters_per_minute: float
    meter: tuple[int, int]
    steady: bool


@dataclass(frozen=True)
class BookmarkSet:
    """A bookmark that `GoTo` accepts."""

    number: int
    name: str
    at: float


@dataclass(frozen=True)
class HistoryChanged:
    """The record was replaced, by undo or a bookmark: read `Session.notes` again."""


@dataclass(frozen=True)
class Answered:
    """The latency of an answer: seconds from the end of the call to the decision of the first note."""

    seconds: float


@dataclass(frozen=True)
class LoopSet:
    """Whether the last answer is repeated from now on."""

    is_on: bool


@dataclass(frozen=True)
class Harmony:
    """Key and chords of the notes of a turn in a stretch of time, as they were heard or are planned.

    key: such as "D major"; "" if there is no telling. chords: (start, name), in time order; "" for no chord; in
    parentheses where one note sounds at a time, which makes it a guess.
    """

    turn: Turn
    start: float
    end: float
    key: str
    chords: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Remark:
    """A line for the player, such as the substitute for an instrument that the model lacks."""

    text: str


Output = (
    TurnBegan
    | NotesPlanned
    | NotesCancelled
    | TempoSet
    | BookmarkSet
    | HistoryChanged
    | Answered
    | LoopSet
    | Harmony
    | Remark
)
