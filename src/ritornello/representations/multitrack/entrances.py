"""Entrances: every instrument that a piece announces plays, and none falls silent for good.

A network goes on with those whom it has heard; the others it would leave out. So they enter one after another:
of the first half of a piece as large a share is over as of its instruments have entered, at least. Who is late plays
at the next onset, and so does who has rested for REST bars; of several, who waits longest, from the top of the score
down. When, within the onset, and what: that the network chooses. In the last bar nobody has to come in.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ritornello.representations.limits import ENTRANCES
from ritornello.representations.multitrack.grammar import HEADER, MultitrackGrammarState
from ritornello.representations.multitrack.vocabulary import Kind, Vocabulary

REST = 8
"""Bars for which an instrument may rest."""

_NOTHING = np.empty(0, dtype=np.int64)


class Entrances:
    """The rule for one piece or for all, since it keeps nothing of a piece; see `generation.constraints.Constraint`."""

    wish = ENTRANCES

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def observe(self, grammar: MultitrackGrammarState) -> None:
        pass

    def forbidden(self, grammar: MultitrackGrammarState) -> NDArray[np.int64]:
        """Return the ids that lead past the notes of the one who is late, if there is one."""
        late, vocabulary = self._late(grammar), self.vocabulary
        if late is None:
            return _NOTHING
        highest = int(vocabulary.note_ids(np.array(late), vocabulary.high[late]))
        if highest <= self._reached(grammar):
            return _NOTHING
        ids = np.arange(vocabulary.size)
        return np.concatenate([ids[vocabulary.block[Kind.SHIFT]], ids[highest + 1 :]])

    def _late(self, grammar: MultitrackGrammarState) -> int | None:
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

    def _reached(self, grammar: MultitrackGrammarState) -> int:
        """Return the last note of the present onset, or -1."""
        return grammar.last_id if grammar.onset == grammar.reader.time else -1
