"""`entrances`: on by default, every instrument that a piece announces plays, and none falls silent for good.

A network goes on with the instruments that it has read, and leaves out the others. Where the header tells in which bar
each of them enters, it plays from then on, not before: the network knows that its time has come (`columns.entering`),
and if it has not begun when the bars are over, it plays at the next onset. Where the header does not tell, the bars are
those of the piece of the corpus with whose opening this one begins (`Conditions.opening`); where nothing does,
instruments enter one after another: at any time in the first half, the share of those that have entered is at least the
share of the half that is over.

An instrument that is late plays at the next onset, and so does one that has rested for REST bars; of several, the one
silent for longest, from the top of the score down. The network chooses what it plays. In the last bar an instrument
that has not played yet does; one that only rests need not.

It needs the header, the silences and the bars left that the grammar state of `multitrack` follows, and its order of
notes at an onset; for other representations it does nothing. Fixed notes have a form of their own: beside them only
instruments that are asked for must enter, one after another in the free bars. In a `form` all do, in the bars that do
not return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Settings
from ritornello.generation.constraints.fixed_notes import FixedNotesSettings
from ritornello.generation.constraints.length import LengthSettings

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.representations.multitrack.fixed_notes_grammar import FixedNotesGrammarState
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
        from ritornello.representations.multitrack import Multitrack

        is_free = context.of(FixedNotesSettings).is_composed
        asks_instruments = getattr(context.settings, "instruments", None) is not None
        if not (context.of(EntrancesSettings).entrances and (is_free or asks_instruments)):
            return None
        found = context.representation
        if not isinstance(found, Multitrack):
            return None
        notes, programs = context.of(LengthSettings).notes, getattr(context.settings, "programs", None)
        return EntrancesState(found.vocabulary, notes if programs else None)


class EntrancesState(ConstraintState):
    """Bans the ids that lead past the notes of the instrument that is late, if there is one. It never changes."""

    name, rank, is_asked = "entrances", 80, False

    def __init__(self, vocabulary: Vocabulary, notes: int | None = None) -> None:
        """`notes`: the length of the piece in notes, if it is given so."""
        self.vocabulary, self.notes = vocabulary, notes
        self._past: dict[int, Mask] = {}  # by voice, `_ids_past` it
        self._notes: dict[frozenset[int], Mask] = {}  # by voices, their notes

    def banned_mask(self, grammar: MultitrackGrammarState, allowed: Mask) -> Mask | None:  # type: ignore[override]
        reader = grammar.reader
        last_onset = reader.silent.last_onset
        since = min(last_onset.values(), default=reader.time)
        if since >= 0 and reader.time - since < REST * reader.bar_steps:
            return None  # all play
        early = self._early(grammar)
        led = self._led(grammar)
        return early if led is None else led if early is None else led | early

    def _early(self, grammar: MultitrackGrammarState) -> Mask | None:
        """Return the mask of the notes of instruments that enter in a later bar, unless no other can play; None if
        there are none."""
        import numpy as np

        from ritornello.representations.multitrack.fixed_notes_grammar import FixedNotesGrammarState

        due, now = grammar.reader.entering.due, grammar.reader.bar
        is_other = isinstance(grammar, FixedNotesGrammarState) or self.notes is not None
        if not due or not grammar.reader.bars_left or is_other:
            return None
        if len(due) == len(grammar.programs):  # none has played
            now = max(now, min(due.values()))
        early = frozenset(voice for voice, bar in due.items() if bar > now)
        if early not in self._notes:
            tokens = self.vocabulary.tokens
            self._notes[early] = np.asarray((tokens.notes > 0) & np.isin(tokens.voice, [*early]))
        return self._notes[early] if early else None

    def _led(self, grammar: MultitrackGrammarState) -> Mask | None:
        """Return the mask of what leads past the notes of the instrument that is late; None if there is none."""
        reader = grammar.reader
        last_onset = reader.silent.last_onset
        missing = [voice for voice, time in last_onset.items() if time < 0]
        left = 0 if self.notes is None else self.notes - grammar.notes
        if 0 < left <= len(missing):  # the last notes are theirs
            return self._notes_of_others(missing)
        late, vocabulary = self._late(grammar), self.vocabulary
        if late is None:
            return None
        if late not in self._past:
            self._past[late] = self._ids_past(late)
        last = int(vocabulary.note_ids(late, vocabulary.high[late]))
        if last > (grammar.last_id if grammar.onset == reader.time else -1):
            return self._past[late]
        return vocabulary.tokens.mask("end") if not reader.bars_left else None

    def _notes_of_others(self, voices: list[int]) -> Mask:
        import numpy as np

        tokens = self.vocabulary.tokens
        return np.asarray((tokens.notes > 0) & ~np.isin(tokens.voice, voices))

    def _ids_past(self, voice: int) -> Mask:
        """Return the mask of what leads past the notes of a voice at an onset: the end, shifts and higher notes."""
        vocabulary = self.vocabulary
        mask = vocabulary.tokens.mask("end", "shift")
        mask[vocabulary.note_ids(voice, vocabulary.high[voice]) + 1 :] = True
        return mask

    def _late(self, grammar: MultitrackGrammarState) -> int | None:
        from ritornello.representations.multitrack.fixed_notes_grammar import FixedNotesGrammarState
        from ritornello.representations.multitrack.grammar import HEADER

        reader = grammar.reader
        last_onset = reader.silent.last_onset
        if grammar.stage < len(HEADER) or not last_onset:
            return None
        missing = [voice for voice, time in last_onset.items() if time < 0]
        if isinstance(grammar, FixedNotesGrammarState):
            return self._late_beside_fixed(grammar, missing)
        if not reader.bars_left:
            return min(missing, default=None)
        if reader.entering.due and self.notes is None:
            overdue = [voice for voice, bar in reader.entering.due.items() if _last_bar(bar) < reader.bar]
            return min(overdue) if overdue else self._resting(grammar)
        past = reader.bar / reader.length if self.notes is None else grammar.notes / self.notes
        wanted = int(len(last_onset) * min(1.0, 2 * past))
        if len(last_onset) - len(missing) < wanted:
            return min(missing)
        return self._resting(grammar)

    def _resting(self, grammar: MultitrackGrammarState) -> int | None:
        """Return the instrument that has rested for longest, if it has for REST bars."""
        reader = grammar.reader
        since, voice = min(
            ((time, voice) for voice, time in reader.silent.last_onset.items() if time >= 0),
            default=(reader.time, 0),
        )
        return voice if reader.time - since >= REST * reader.bar_steps else None

    def _late_beside_fixed(self, grammar: FixedNotesGrammarState, missing: list[int]) -> int | None:
        """Return the instrument that must play among those that are not fixed and have not played yet."""
        fixed, bar = grammar.table.fixed_notes, grammar.reader.bar
        free = sorted(fixed.free) if not fixed.is_accompanied else list(range(grammar.reader.length))
        added = [voice for voice, _ in grammar.programs if voice not in grammar.table.voices]
        late = [voice for voice in missing if voice in added]
        if bar not in free or not late:
            return None
        number = free.index(bar)
        due = 1.0 if bar == free[-1] else min(1.0, 2 * number / len(free))
        return min(late) if len(added) - len(late) < int(len(added) * due) else None


def _last_bar(bar: int) -> int:
    """Return the last of the bars that an announced bar of entrance stands for."""
    from ritornello.representations.multitrack.vocabulary import ENTRANCES, LENGTH_LIMIT

    return min((each for each in ENTRANCES if each > bar), default=LENGTH_LIMIT) - 1
