"""`voice_leading`: on by default for models whose music has it, voices prefer not to run parallel nor to cross.

Two voices that begin notes together, twice in a row, run parallel if both go on by the same interval and are an octave,
a unison or a fifth apart. They cross if the one that is the higher in the corpus is below the other. Notes by which one
of these would come about are less probable, and so are those beyond the latest note of a voice that may still move on.
`parallels` forbids parallels, between the outer voices only.

It needs the order of notes at an onset of `multitrack`; for other representations it does nothing.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.generation.constraints.base import Constraint, Context, Preference, Settings
from ritornello.generation.constraints.parallels import PERFECT

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.stepper import Logits
    from ritornello.representations.multitrack.grammar import MultitrackGrammarState
    from ritornello.representations.multitrack.vocabulary import Vocabulary

STRENGTH = 3.0
"""By how many nats such notes are less probable; see docs/experiments.md."""


class VoiceLeadingSettings(Settings):
    voice_leading: bool = Field(
        False, description="let voices prefer neither parallel fifths and octaves nor crossings"
    )


class VoiceLeading(Constraint):
    name = "voice_leading"
    settings = VoiceLeadingSettings
    is_live = False

    def start(self, context: Context) -> VoiceLeadingState | None:
        from ritornello.representations.multitrack import Multitrack

        found, is_on = context.representation, context.of(VoiceLeadingSettings).voice_leading
        return VoiceLeadingState(found.vocabulary) if is_on and isinstance(found, Multitrack) else None


class VoiceLeadingState(Preference):
    """Makes the notes less probable by which voices run parallel or cross."""

    name = "voice_leading"

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._middle = (vocabulary.low + vocabulary.high).tolist()
        self.onset = -1
        self.begun: dict[int, int] = {}  # the highest pitch of each voice that begins at this onset
        self.latest: dict[int, int] = {}  # of each voice so far
        self.together: dict[tuple[int, int], tuple[int, int]] = {}  # of two voices, as they last began both

    def advance(self, grammar: MultitrackGrammarState) -> None:  # type: ignore[override]
        for voice, pitch in grammar.last_notes:
            if self.vocabulary.is_drum[voice]:
                continue
            if grammar.onset != self.onset:
                self._leave()
                self.onset = grammar.onset
            self.begun = self.begun | {voice: pitch}
            self.latest = self.latest | {voice: pitch}

    def _leave(self) -> None:
        pairs = combinations(self.begun.items(), 2)
        together = {(one, other): (first, second) for (one, first), (other, second) in pairs}
        self.together, self.begun = self.together | together, {}

    def preferred(  # type: ignore[override]
        self, grammar: MultitrackGrammarState, allowed: Mask, logits: Logits
    ) -> Logits | None:
        import numpy as np

        begun = self.begun if grammar.onset == grammar.reader.time == self.onset else {}
        avoided = np.zeros(len(allowed), dtype=bool)
        for voice in self.latest:
            if voice < max(begun, default=-1):
                continue  # at an onset, voices come in their order
            for other, pitch in self.latest.items():
                if other == voice:
                    continue
                low, high = (0, pitch - 1) if self._middle[voice] > self._middle[other] else (pitch + 1, 127)
                avoided[self._ids(voice, low, high)] = True
                if other in begun and (parallel := self._parallel(voice, other, pitch)) is not None:
                    avoided[self._ids(voice, parallel, parallel)] = True
        return avoided * np.float32(-STRENGTH)

    def _parallel(self, voice: int, other: int, pitch: int) -> int | None:
        """Return the pitch with which a voice runs parallel to another one, that has moved on to `pitch`, if any."""
        if (other, voice) not in self.together:
            return None
        before, own = self.together[other, voice]
        is_perfect = abs(own - before) % 12 in PERFECT
        return own + pitch - before if is_perfect and pitch != before else None

    def _ids(self, voice: int, low: int, high: int) -> slice:
        """Return the ids of the notes of a voice from `low` to `high`, as far as it has them."""
        known = self.vocabulary
        first = known.note_ids(voice, max(low, known.low[voice]))
        return slice(first, max(first, known.note_ids(voice, min(high, known.high[voice])) + 1))
