"""Constraints of harmony: `InScale`, and `OverChords`, which keeps notes to a chord progression. Drums are free."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ritornello.generation.constraints import Never, Unchanging
from ritornello.generation.notes import Notes, of_classes
from ritornello.representations.base import GrammarState, Representation
from ritornello.theory import Chord
from ritornello.theory.chord_scales import chord_scale, scale_classes

ChordBars = tuple[tuple[Chord, ...], ...]


class InScale(Never):
    """Forbids the notes outside a scale.

    scale: pitch classes, 0-11. A scheme that moves pieces into a key of its own is asked where it puts them.
    """

    def __init__(
        self, representation: Representation, scale: Iterable[int], notes: Notes | None = None
    ) -> None:
        super().__init__("scale", (notes or Notes(representation)).outside(of_classes(scale)))
        self.permitted = np.ones(representation.vocabulary_size, dtype=bool)
        self.permitted[self.ids] = False


class OverChords(Unchanging):
    """Lets notes begin on chord tones only: on each beat and where the chord changes, or everywhere if `strict`.

    Between the beats notes of `scale` (pitch classes) may begin too, by default those of the scale that fits the chord
    (`theory.chord_scales`). The chords of a bar share it equally; after the last bar they begin again.
    """

    wish = "chords"

    def __init__(
        self, notes: Notes, bars: ChordBars, scale: frozenset[int] | None = None, strict: bool = False
    ) -> None:
        forbidden = {
            chord: (
                notes.outside(of_classes(chord.pitch_classes)),
                notes.outside(of_classes(chord.pitch_classes if strict else _passing(chord, scale))),
            )
            for bar in bars
            for chord in bar
        }
        self._bars = [[forbidden[chord] for chord in bar] for bar in bars]

    def forbidden(self, grammar: GrammarState) -> NDArray[np.int64]:
        assert grammar.bar_position is not None  # see `control`
        bar, position, bar_steps, beat_steps = grammar.bar_position
        chords = self._bars[bar % len(self._bars)]
        number = position * len(chords) // bar_steps
        is_change = position == -(-number * bar_steps // len(chords))
        on_beats, between = chords[number]
        return on_beats if is_change or position % beat_steps == 0 else between


def _passing(chord: Chord, scale: frozenset[int] | None) -> frozenset[int]:
    """Return the pitch classes that may begin between the beats."""
    return chord.pitch_classes | (scale or scale_classes(chord.root, chord_scale(chord.quality)))
