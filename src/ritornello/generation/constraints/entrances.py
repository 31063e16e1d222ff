"""`entrances`: on by default, every instrument that a piece announces plays, and none falls silent for good.

A network goes on with those that it has read; the others it would leave out. So they enter one after another:
of the first half of a piece as large a share is over as of its instruments have entered, at least. An instrument that
is late plays at the next onset, and so does one that has rested for REST bars; of several, the one that has been silent
longest, from the top of the score down. When, within the onset, and what: that the network chooses. In the last bar
none has to come in.

It needs the header and the silences that the grammar state of `multitrack` follows. Given notes have a form of
their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Settings
from ritornello.generation.constraints.fixed_notes import FixedNotesSettings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.constraints.base import Ids
    from ritornello.representations.multitrack.grammar import MultitrackGrammarState
    from ritornello.representations.multitrack.vocabulary import Vocabulary

REST = 8
"""Bars for which an instrument may rest."""


class EntrancesSettings(Settings):
    entrances: bool = Field(True, description="let all instruments of a piece enter, one after another")


class Entrances(Constraint):
    name = "entrances"
    settings = EntrancesSettings
    is_live = False

    def start(self, context: Context) -> EntrancesState | None:
        is_free = not context.of(FixedNotesSettings).asks_for_given
        is_known = context.representation.name == "multitrack"
        return (
            EntrancesState(context.representation.vocabulary)  # type: ignore[attr-defined]
            if context.of(EntrancesSettings).entrances and is_free and is_known
            else None
        )


class EntrancesState(ConstraintState):
    """Bans the ids that lead past the notes of the instrument that is late, if there is one. It keeps nothing."""

    name, rank, is_asked = "entrances", 80, False

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def banned(self, grammar: MultitrackGrammarState, allowed: Mask) -> Ids:  # type: ignore[override]
        import numpy as np

        late, vocabulary = self._late(grammar), self.vocabulary
        if late is None:
            return ()
        highest = int(vocabulary.note_ids(np.array(late), vocabulary.high[late]))
        if highest <= (grammar.last_id if grammar.onset == grammar.reader.time else -1):
            return ()
        ids = np.arange(vocabulary.tokens.size)
        return np.concatenate([ids[vocabulary.tokens.slice["shift"]], ids[highest + 1 :]])

    def _late(self, grammar: MultitrackGrammarState) -> int | None:
        from ritornello.representations.multitrack.grammar import HEADER

        reader = grammar.reader
        heard = reader.silent.last_onset
        if grammar.stage < len(HEADER) or not heard or not reader.bars_left:
            return None
        unheard = [voice for voice, time in heard.items() if time < 0]
        wanted = int(len(heard) * min(1.0, 2 * reader.bar / reader.length))
        if len(heard) - len(unheard) < wanted:
            return min(unheard)
        since, voice = min(
            ((time, voice) for voice, time in heard.items() if time >= 0), default=(reader.time, 0)
        )
        return voice if reader.time - since >= REST * reader.bar_steps else None
