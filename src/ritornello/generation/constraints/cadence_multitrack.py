"""The cadence of `multitrack`; see `cadence`."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from ritornello.arrays import Mask
from ritornello.generation.constraints.base import ConstraintState
from ritornello.representations.columns.key import degree, is_minor
from ritornello.representations.grids import DURATION_STEPS, SHIFT_STEPS
from ritornello.representations.multitrack.grammar import MultitrackGrammarState
from ritornello.representations.multitrack.vocabulary import Vocabulary
from ritornello.representations.tokens import Tokens
from ritornello.theory import key_tonic

TRIADS = {False: (0, 4, 7), True: (0, 3, 7)}
"""Degrees of the tonic chord, in semitones, in minor or not."""


MOST_BARS_AHEAD = 4
"""Bars before the last one from which a shift may lead into it."""


class CadenceState(ConstraintState):
    """Bans the notes outside the tonic chord in the last bar, and what leads to an end on a weak beat."""

    name, rank, is_asked = "cadence", 90, False

    def __init__(self, vocabulary: Vocabulary, key: tuple[int, bool] | None = None) -> None:
        """`key`: (fifths, minor), None for that of the notes before the last bar."""
        self.vocabulary = vocabulary
        self.key = None if key is None else 1 + key_tonic(*key) + 12 * key[1]  # as in `KeySoFar`
        self.pitches: dict[int, tuple[int, int]] = {}  # their sum and number, by voice
        self._strange: dict[tuple[int, int], Mask] = {}  # by key and bass, or -1

    def advance(self, grammar: MultitrackGrammarState) -> None:  # type: ignore[override]
        for voice, pitch in grammar.last_notes:
            if not self.vocabulary.is_drum[voice]:
                total, count = self.pitches.get(voice, (0, 0))
                self.pitches = self.pitches | {voice: (total + pitch, count + 1)}
        reader = grammar.reader
        if self.key is None and reader.bar and reader.length and not reader.bars_left:
            self.key = reader.key_so_far.key

    def banned_mask(self, grammar: MultitrackGrammarState, allowed: Mask) -> Mask | None:  # type: ignore[override]
        reader, fixed = grammar.reader, grammar.conditions.fixed_notes
        if not reader.length or reader.bars_left > MOST_BARS_AHEAD:
            return None
        if fixed is not None and reader.length - 1 not in fixed.free:
            return None
        banned = self._strange_notes(grammar) if not reader.bars_left and self.pitches else None
        banned = np.zeros_like(allowed) if banned is None else banned.copy()
        self._ban_weak_ends(banned, grammar, allowed)
        return banned

    def _strange_notes(self, grammar: MultitrackGrammarState) -> Mask:
        key = grammar.reader.key_so_far.key if self.key is None else self.key
        bass = min(self.pitches, key=lambda voice: self.pitches[voice][0] / self.pitches[voice][1])
        is_next = grammar.onset < grammar.reader.time or grammar.tokens.voice[grammar.last_id] < bass
        wanted = key, bass if is_next else -1
        if wanted not in self._strange:
            self._strange[wanted] = _strange(grammar.tokens, *wanted)
        return self._strange[wanted]

    def _ban_weak_ends(self, banned: Mask, grammar: MultitrackGrammarState, allowed: Mask) -> None:
        """Ban shifts past the last strong beat, the end before a strong beat, and notes that are not held there."""
        reader, kinds, end = grammar.reader, grammar.tokens.slice, grammar.tokens.first["end"]
        shifts, durations = kinds["shift"], kinds["duration"]
        place = grammar.bar_position
        is_even = place.bar_steps // place.beat_steps % 2 == 0
        strong = (0, place.bar_steps // 2) if is_even else (0,)
        last = reader.bars_left * place.bar_steps - place.position + strong[-1]  # steps from now
        beyond = shifts.start + bisect_right(SHIFT_STEPS, max(0, last))
        goes_on = bool(allowed[shifts.start : beyond].any())
        is_at_strong = reader.bars_left == 0 and place.position in strong
        stays = allowed[end] if grammar.onset == reader.time else allowed[kinds["note"]].any()
        if goes_on or stays:
            banned[beyond : shifts.stop] = True
        banned[end] |= goes_on and not is_at_strong
        if is_at_strong and grammar.may_set_duration:
            until = next((each for each in strong if each > place.position), place.bar_steps) - place.position
            shortest = bisect_right(DURATION_STEPS, until) - 1
            if reader.duration >= shortest:
                banned[durations.start : durations.start + shortest] = True
            elif allowed[durations.start + shortest : durations.stop].any():
                banned |= ~grammar.tokens.mask("velocity", "duration")
                banned[durations.start : durations.start + shortest] = True


def _strange(tokens: Tokens, key: int, bass: int) -> Mask:
    """Return the mask of the notes outside the tonic chord, and of those of the `bass` but the tonic; -1: no bass."""
    degrees = degree(tokens.pitch, key)
    strange = ~np.isin(degrees, TRIADS[is_minor(key)])
    if bass >= 0:
        strange |= (tokens.voice == bass) & (degrees > 0)
    return np.asarray(tokens.is_pitched & strange)
