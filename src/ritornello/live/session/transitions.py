"""The transition table of a session's turns: turn, event, condition, next turn.

`turn_taking` implements the table; tests/live/test_transitions.py drives a session through every row, and checks
that nothing else changes the turn. `tools/turns.py` draws the diagram in docs/stations/live.md from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ritornello.live.events import Turn


class Event(StrEnum):
    """The events that can change the turn: inputs (`live.events`), `Session.use`, and the clock."""

    KEY = "a key is pressed"
    START = "Start"
    STOP = "Stop"
    OVER = "time is over"  # of the count-in, the call or the answer
    CONFIGURE = "Configure (SHAPE)"  # another value for a field that `session.SHAPE` lists
    USE = "other model"
    PLAY_CALL = "PlayCall"
    GO_BACK = "Undo, Redo, GoTo"
    AGAIN = "Again"
    LOOP = "LoopAnswer"


class When(StrEnum):
    """The condition of a row."""

    ALWAYS = ""
    COUNT_IN = "with a count-in"
    NO_COUNT_IN = "without a count-in"
    PLAYED = "notes were played"
    PLAYED_JOINT = "notes were played, mode continue"
    SILENT = "nothing was played"
    ANSWERED = "the answer is complete, or given up"
    LATE = "it is late"
    TOO_EARLY = "mode answer, within a beat"
    INTERRUPTED = "mode answer, later"
    GOES_BACK = "a turn can be taken back"
    GIVEN = "an answer was given"
    LOOPING = "an answer is repeated, or is to be"
    CALLS = "modes with calls"
    JOINT = "duet; continue, once it has listened"


class Choice(StrEnum):
    """Not a turn: the point at which the mode decides whose turn begins."""

    NEXT = "next turn"


@dataclass(frozen=True)
class Transition:
    """At `event` in `turn`, if `when` holds, `then` follows."""

    turn: Turn | Choice
    event: Event | None  # None only for the rows of a choice
    then: Turn | Choice
    action: str
    when: When = When.ALWAYS


_STOPPED = "decoding stops, planned notes are cancelled, the record is kept"
_ANEW = "planned notes are cancelled, a turn begins at the next bar line, or now without a beat"
_GIVEN = "planned notes are cancelled, the score is played as the call"
_GOES_ON = "planned notes are cancelled, the call before goes on"
_WENT_BACK = "the record, the model and its state are what they were"
_AGAIN = "planned notes are cancelled, the model answers the last call in another way"
_REPEATED = "the answer is repeated, and the model listens to nothing"

TRANSITIONS = (
    Transition(Turn.IDLE, Event.START, Turn.COUNT_IN, "the metronome begins", When.COUNT_IN),
    Transition(Turn.IDLE, Event.START, Choice.NEXT, "a turn begins", When.NO_COUNT_IN),
    Transition(Turn.IDLE, Event.KEY, Choice.NEXT, "a turn begins with the note, without a count-in"),
    Transition(Turn.IDLE, Event.PLAY_CALL, Choice.NEXT, _GIVEN),
    Transition(Turn.COUNT_IN, Event.OVER, Choice.NEXT, "a turn begins on the bar line"),
    Transition(Turn.COUNT_IN, Event.CONFIGURE, Choice.NEXT, _ANEW),
    Transition(Turn.COUNT_IN, Event.PLAY_CALL, Choice.NEXT, _GIVEN),
    Transition(Turn.COUNT_IN, Event.GO_BACK, Choice.NEXT, _WENT_BACK, When.GOES_BACK),
    Transition(Turn.COUNT_IN, Event.STOP, Turn.IDLE, _STOPPED),
    Transition(Choice.NEXT, None, Turn.PLAYER, "the model listens", When.CALLS),
    Transition(Choice.NEXT, None, Turn.BOTH, "the model plans beat after beat", When.JOINT),
    Transition(Turn.PLAYER, Event.OVER, Turn.MODEL, "the model answers", When.PLAYED),
    Transition(Turn.PLAYER, Event.OVER, Turn.BOTH, "the model goes on from the call", When.PLAYED_JOINT),
    Transition(Turn.PLAYER, Event.OVER, Turn.PLAYER, "the same turn goes on", When.SILENT),
    Transition(Turn.PLAYER, Event.CONFIGURE, Choice.NEXT, _ANEW),
    Transition(Turn.PLAYER, Event.PLAY_CALL, Choice.NEXT, _GIVEN),
    Transition(Turn.PLAYER, Event.GO_BACK, Choice.NEXT, _WENT_BACK, When.GOES_BACK),
    Transition(Turn.PLAYER, Event.STOP, Turn.IDLE, _STOPPED),
    Transition(Turn.MODEL, Event.OVER, Choice.NEXT, "what the model still plans is given up", When.ANSWERED),
    Transition(Turn.MODEL, Event.OVER, Turn.MODEL, "the turn grows longer", When.LATE),
    Transition(Turn.MODEL, Event.KEY, Turn.PLAYER, _GOES_ON, When.TOO_EARLY),
    Transition(Turn.MODEL, Event.KEY, Choice.NEXT, "planned notes are cancelled", When.INTERRUPTED),
    Transition(Turn.MODEL, Event.PLAY_CALL, Choice.NEXT, _GIVEN),
    Transition(Turn.MODEL, Event.GO_BACK, Choice.NEXT, _WENT_BACK, When.GOES_BACK),
    Transition(Turn.MODEL, Event.STOP, Turn.IDLE, _STOPPED),
    Transition(Turn.PLAYER, Event.AGAIN, Turn.MODEL, _AGAIN, When.GIVEN),
    Transition(Turn.MODEL, Event.AGAIN, Turn.MODEL, _AGAIN),
    Transition(Turn.BOTH, Event.AGAIN, Turn.MODEL, _AGAIN, When.LOOPING),
    Transition(Turn.PLAYER, Event.LOOP, Turn.BOTH, _REPEATED, When.GIVEN),
    Transition(Turn.MODEL, Event.OVER, Turn.BOTH, _REPEATED, When.LOOPING),
    Transition(Turn.BOTH, Event.LOOP, Choice.NEXT, _ANEW, When.LOOPING),
    Transition(Turn.BOTH, Event.CONFIGURE, Choice.NEXT, _ANEW),
    Transition(Turn.BOTH, Event.USE, Choice.NEXT, _ANEW),
    Transition(Turn.BOTH, Event.GO_BACK, Choice.NEXT, _WENT_BACK, When.GOES_BACK),
    Transition(Turn.BOTH, Event.STOP, Turn.IDLE, _STOPPED),
)
"""Every change of turn. An event without a row leaves the turn as it is: other settings wait for the next turn, another
model for its own, and while both play a score joins in."""
