"""`roots`: on by default, where given chords change, the bass prefers their roots.

The bass is the part that has a bass instrument, or else the one with the lowest mean pitch so far. Where a chord
begins, the first note of the bass there is more probable if it is the root, or what stands after the slash. The
constraint `chords` keeps to chord tones, of which a network that does not hear the chords takes any.

It needs the order of notes at an onset of `multitrack`; for other representations it does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ritornello.generation.constraints.base import Constraint, Context, Preference, Settings
from ritornello.generation.constraints.chords import ChordBars, ChordSettings, keeps_chords

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.stepper import Logits
    from ritornello.representations.multitrack.grammar import MultitrackGrammarState
    from ritornello.representations.multitrack.vocabulary import Vocabulary

STRENGTH = 3.0
"""By how many nats a root is preferred; see docs/experiments.md."""

BASSES = range(32, 40)
"""General MIDI programs of bass instruments."""


class RootsSettings(Settings):
    roots: bool = Field(True, description="with chords: let the bass prefer their roots where they change")


class Roots(Constraint):
    name = "roots"
    settings = RootsSettings
    is_live = False

    def start(self, context: Context) -> RootsState | None:
        from ritornello.representations.multitrack import Multitrack

        found, bars = context.representation, context.of(ChordSettings).chord_bars
        if not context.of(RootsSettings).roots or bars is None or not isinstance(found, Multitrack):
            return None
        return RootsState(found.vocabulary, bars) if keeps_chords(context) else None


class RootsState(Preference):
    """Prefers the notes of the bass that are the root of a chord where it begins."""

    name = "roots"

    def __init__(self, vocabulary: Vocabulary, bars: ChordBars) -> None:
        self.vocabulary, self.bars = vocabulary, bars
        self.pitches: dict[int, tuple[int, int]] = {}  # their sum and number, by voice
        self._added: dict[tuple[int, int], Logits] = {}  # by voice and pitch class

    def advance(self, grammar: MultitrackGrammarState) -> None:  # type: ignore[override]
        for voice, pitch in grammar.last_notes:
            if not self.vocabulary.is_drum[voice]:
                total, count = self.pitches.get(voice, (0, 0))
                self.pitches = self.pitches | {voice: (total + pitch, count + 1)}

    def preferred(  # type: ignore[override]
        self, grammar: MultitrackGrammarState, allowed: Mask, logits: Logits
    ) -> Logits | None:
        bar, position, bar_steps, _ = grammar.bar_position
        chords = self.bars[bar % len(self.bars)]
        number = position * len(chords) // bar_steps
        chord, bass = chords[number], self._bass(grammar)
        if chord is None or bass is None or position != -(-number * bar_steps // len(chords)):
            return None
        if grammar.onset == grammar.reader.time and grammar.tokens.voice[grammar.last_id] >= bass:
            return None  # the bass has begun
        if (bass, chord.bass) not in self._added:
            tokens = grammar.tokens
            is_root = tokens.is_pitched & (tokens.voice == bass) & (tokens.pitch % 12 == chord.bass)
            self._added[bass, chord.bass] = is_root.astype("float32") * STRENGTH
        return self._added[bass, chord.bass]

    def _bass(self, grammar: MultitrackGrammarState) -> int | None:
        for voice, program in grammar.programs:
            if program in BASSES and not self.vocabulary.is_drum[voice]:
                return voice
        pitches = self.pitches
        return min(pitches, key=lambda voice: pitches[voice][0] / pitches[voice][1], default=None)
