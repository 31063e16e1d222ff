"""What goes into a live session and what comes out: plain, frozen values.

Into it, each with the time at which it happened: what the player plays (`Midi`), and what the player asks for. Out
of it: what has become known, in the order in which it did. The model's notes come as a whole, with start and end,
before their time; whoever makes the sound schedules them. Times are seconds on the session's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ritornello.live.config import JamConfig
from ritornello.score import Score


class Side(StrEnum):
    """Who plays."""

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
    """A channel message as a MIDI port gives it: 2 or 3 bytes, the first 0x80-0xEF."""

    data: bytes


@dataclass(frozen=True)
class Start:
    """Begin to play."""


@dataclass(frozen=True)
class Stop:
    """Fall silent; what was played is kept."""


@dataclass(frozen=True)
class Configure:
    """Change what is asked of the session."""

    config: JamConfig


@dataclass(frozen=True)
class PlayCall:
    """Take a score for the player's call: it sounds, and the model answers when it has ended."""

    score: Score


@dataclass(frozen=True)
class Undo:
    """Take the last turn back: its notes leave the record, and the model forgets it."""


@dataclass(frozen=True)
class SetBookmark:
    """Keep the present moment under a name."""

    name: str


@dataclass(frozen=True)
class GoTo:
    """Go back to a bookmark: from here on the session is as it was then, its notes and the model's state."""

    number: int


Input = Midi | Start | Stop | Configure | PlayCall | Undo | SetBookmark | GoTo


# --- out of it ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LiveNote:
    """A note of either side. `number` names it in its session; `end` is None while its key is down.

    program: General MIDI, 0-127, or 128 for the drum kit. channel: 0-15, the player's own for the player's notes.
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
    """Whose turn begins at `start` (often a moment ahead), and when it ends, if that is known."""

    turn: Turn
    start: float
    end: float | None
    number: int  # of the turn in its session, from 1; 0 for idle and count-in


@dataclass(frozen=True)
class NotesPlanned:
    """Notes of the model, to be scheduled."""

    notes: tuple[LiveNote, ...]


@dataclass(frozen=True)
class NotesCancelled:
    """Planned notes that will not be played after all, or that end at `at` if they sound already."""

    numbers: tuple[int, ...]
    at: float


@dataclass(frozen=True)
class TempoSet:
    """The beat from now on: a bar line at `bar_line`, quarters a minute, meter. `steady` if a metronome keeps it."""

    bar_line: float
    quarters_per_minute: float
    meter: tuple[int, int]
    steady: bool


@dataclass(frozen=True)
class BookmarkSet:
    """A bookmark can be gone to."""

    number: int
    name: str
    at: float


@dataclass(frozen=True)
class HistoryChanged:
    """The record is not what it was (after undo or a bookmark): ask the session for its notes again."""


@dataclass(frozen=True)
class Answered:
    """How long after the player's turn the first note of the answer was decided, in seconds."""

    seconds: float


@dataclass(frozen=True)
class Remark:
    """Something the player should know, in one line, such as what stands for an instrument the model lacks."""

    text: str


Output = (
    TurnBegan | NotesPlanned | NotesCancelled | TempoSet | BookmarkSet | HistoryChanged | Answered | Remark
)
