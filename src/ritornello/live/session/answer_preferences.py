"""What makes an answer an answer to this call: soft constraints of its decoder.

`SuitsCall` prefers the classes of the call's key (as `SuitsKey` does, alone, where both play) and its register,
`TakesUpMotif` the next note of a motif of the call, `ComesHome` the tonic where the answer ends; `OwnWords` avoids runs
of more than `LONGEST_COPY` notes of the call. They add to logits, in nats, and ban nothing: the network still decides.

Times are quarters of the decoder's grammar; an answer starts where the first of its ids is chosen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

import numpy as np

from ritornello.arrays import Mask
from ritornello.generation.constraints import ConstraintState
from ritornello.generation.constraints.base import Preference
from ritornello.generation.constraints.roots import BASSES
from ritornello.generation.stepper import Logits
from ritornello.live.session.call_profile import CallProfile
from ritornello.live.session.encoding_window import EPSILON
from ritornello.representations.base import GrammarState, Representation
from ritornello.representations.tokens import Tokens

KEY = 4.0
"""By how many nats a class is less probable for each nat by which it suits the key less; see docs/experiments.md."""

REGISTER, FARTHEST, REACH = 0.25, 6.0, 7.0
"""Nats for each semitone outside the register, at most so many; the register reaches so many semitones from its middle,
or as far as the notes of the call."""

PITCH, TIME = 8.0, 5.0
"""Nats for the pitch and for the time of the next note of a motif."""

SAME = 1.5
"""By how many nats the first pitch of the motif in the call, in any octave, is less probable: it is moved."""

LEAST, TINY = -30.0, 1e-12
"""Bounds of logits, and of weights: more would not be told from nothing."""

HOME = 2.0
"""Nats for the tonic at the end."""

LONGEST_COPY = 8
"""An answer avoids copying more than this many notes of its call in a row, at any pitch."""

FREE = 0.1
"""The probability that no motif begins on a strong beat, if none is under way; the answer begins with one."""


class Form(Enum):
    """How a motif is taken up: at another pitch, upside down, or in its rhythm alone."""

    MOVED = "moved"
    INVERTED = "inverted"
    RHYTHM = "rhythm"


FORMS = (Form.MOVED, Form.MOVED, Form.MOVED, Form.MOVED, Form.INVERTED, Form.RHYTHM)
"""The forms as often as they are drawn."""


@dataclass(frozen=True)
class Shape:
    """The answer wanted, in quarters: its length, that of a bar, and the place in its bar where it starts."""

    length: float
    bar: float
    place: float = 0.0

    @property
    def bars(self) -> int:
        """How many bars it is long, at least one."""
        return max(1, round(self.length / self.bar))

    @property
    def strong(self) -> float:
        """The distance of strong beats: half a bar, or a bar if that has no half."""
        return self.bar / 2 if self.bar % 2 < EPSILON else self.bar

    @property
    def last_beat(self) -> float:
        """The time from the start of the last strong beat that leaves a beat to sound: a bar line or half a bar."""
        number = math.floor((self.place + self.length - min(1.0, self.length / 2)) / self.strong + EPSILON)
        return max(number * self.strong - self.place, 0.0)


class SuitsKey(Preference):
    """Prefers the classes of the key of what is heard: which notes a voice plays, and not whether it plays."""

    name = "call"

    def __init__(self, heard: CallProfile, tokens: Tokens, strength: float) -> None:
        self._ids = np.flatnonzero(tokens.is_pitched)
        self._nats = strength * KEY * heard.suits[tokens.pitch[self._ids] % 12]
        _, self._voice = np.unique(tokens.voice[self._ids], return_inverse=True)

    def preferred(self, grammar: GrammarState, allowed: Mask, logits: Logits) -> Logits | None:
        inside = allowed[self._ids]
        if not inside.any():
            return None
        voice, before, nats = self._voice[inside], logits[self._ids[inside]], self._nats[inside]
        weights = np.exp(np.maximum(before - before.max(), LEAST))
        left = np.bincount(voice, weights * np.exp(nats))
        lost = np.log(np.maximum(np.bincount(voice, weights), TINY) / np.maximum(left, TINY))
        added = np.zeros(len(allowed), dtype=np.float32)
        added[self._ids[inside]] = nats + np.minimum(lost, FARTHEST)[voice]
        return added


class SuitsCall(SuitsKey):
    """Prefers the classes and the register of a call.

    A voice that cannot reach the register comes as near as it can; basses stay where they are."""

    def __init__(self, call: CallProfile, tokens: Tokens, programs: dict[int, int], strength: float) -> None:
        """`programs`: of each voice."""
        super().__init__(call, tokens, strength)
        pitch, voice = tokens.pitch[self._ids], tokens.voice[self._ids]
        low, high = min(call.low, call.middle - REACH), max(call.high, call.middle + REACH)
        outside = np.maximum(np.maximum(low - pitch, pitch - high), 0.0)
        outside[np.isin(voice, [each for each, program in programs.items() if program in BASSES])] = 0.0
        self._nats -= strength * np.minimum(REGISTER * outside, FARTHEST)


class FollowsLine(Preference):
    """A preference that follows the melody of an answer: the voice that is on top, and its last note.

    start: the time of the answer, None before it. onset, pitch: of the last note of the melody.
    """

    name = "call"

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.start: float | None = None
        self.voice: int | None = None
        self.onset, self.pitch = -math.inf, -1
        self._now = 0.0  # the time before the last id
        self._moves = np.asarray((tokens.elapsed > 0) & (tokens.notes == 0))

    def advance(self, grammar: GrammarState) -> None:
        onset, self._now = self._now, grammar.quarters
        if self.start is None:
            return
        for voice, pitch in grammar.last_notes:
            if voice in self.tokens.drum_voices:
                continue
            if self.voice is None or (pitch > self.pitch and self.may_change(onset)):
                self.voice = voice
            if voice == self.voice and (onset > self.onset + EPSILON or pitch > self.pitch):
                if onset > self.onset + EPSILON:
                    self.heard(onset)
                self.onset, self.pitch = onset, pitch

    def may_change(self, onset: float) -> bool:
        """Whether a voice that plays above the melody takes it over."""
        return True

    def heard(self, onset: float) -> None:
        """Follow the next note of the melody; `onset` is still that of the one before."""

    def preferred(self, grammar: GrammarState, allowed: Mask, logits: Logits) -> Logits | None:
        now = grammar.quarters
        self.start = now if self.start is None else self.start
        return self.added(now, allowed)

    def added(self, now: float, allowed: Mask) -> Logits | None:
        """Return what is added to the logits of an answer that has begun."""
        raise NotImplementedError

    def own(self) -> Mask:
        """Return the ids of the notes of the melody's voice."""
        tokens = self.tokens
        return tokens.is_pitched if self.voice is None else tokens.is_pitched & (tokens.voice == self.voice)


class TakesUpMotif(FollowsLine):
    """Prefers the next note of a motif of the call, which the answer begins with and takes up again on strong
    beats, in forms drawn by `random`. A note at another time ends it; one of another pitch moves the rest."""

    def __init__(
        self,
        call: CallProfile,
        tokens: Tokens,
        shape: Shape,
        random: np.random.Generator,
        strength: float,
    ) -> None:
        super().__init__(tokens)
        self._call, self._shape, self._strength = call, shape, strength
        self.motif = call.motifs[int(random.integers(len(call.motifs)))]
        self._forms = [
            None if number and random.random() < FREE else FORMS[int(random.integers(len(FORMS)))]
            for number in range(1 + int(shape.length / shape.strong))
        ]
        self._at: int | None = None  # the last note of the motif that was played
        self._form: Form | None = None

    def may_change(self, onset: float) -> bool:
        return self._at is None or self.start is None or onset < self.start + EPSILON

    def _form_at(self, since: float) -> Form | None:
        """Return the form in which the motif may begin at a time from the start: at once, or on a strong beat."""
        number = (self._shape.place + since) / self._shape.strong
        is_strong = since < EPSILON or abs(number - round(number)) < EPSILON
        if not is_strong or since + self.motif.length > self._shape.last_beat + EPSILON:
            return None
        return self._forms[min(int(since / self._shape.strong + EPSILON), len(self._forms) - 1)]

    def heard(self, onset: float) -> None:
        assert self.start is not None
        if self._at is not None:
            is_due = abs(onset - self.onset - self.motif.waits[self._at]) < EPSILON
            self._at = self._at + 1 if is_due and self._at + 1 < len(self.motif.waits) else None
        if self._at is None and (form := self._form_at(onset - self.start)):
            self._at, self._form = 0, form

    def added(self, now: float, allowed: Mask) -> Logits | None:
        own = self.own() & allowed
        if self._at is None:
            return self._away(now, own)
        due = self.onset + self.motif.waits[self._at]
        found = np.zeros(self.tokens.size, dtype=np.float32)
        if now < due - EPSILON:
            after = now + self.tokens.elapsed
            found[self._moves & (np.abs(after - due) < EPSILON)] = TIME
            found[self._moves & (after > due + EPSILON)] = -TIME
            if now > self.onset + EPSILON:
                found[own] = -TIME  # too early
        elif now < due + EPSILON and own.any():
            found[self._moves] = -TIME  # the note is due
            if self._form != Form.RHYTHM:
                found[own & (self.tokens.pitch == self._target(self._at))] = PITCH
        return found * np.float32(self._strength)

    def _away(self, now: float, own: Mask) -> Logits | None:
        """Return what leads away from the motif's own pitch, in any octave, where it may begin."""
        assert self.start is not None
        if now < self.onset + EPSILON or self._form_at(now - self.start) is None:
            return None
        same = own & ((self.tokens.pitch - self.motif.pitch) % 12 == 0)
        return np.asarray(-SAME * self._strength * same, dtype=np.float32)

    def _target(self, number: int) -> int:
        """Return the pitch of the next note: the interval of the motif from the last one, or one semitone more or
        less, if that is in the key rather."""
        interval = self.motif.intervals[number] * (-1 if self._form == Form.INVERTED else 1)
        wanted, suits = self.pitch + interval, self._call.suits
        if not interval:
            return wanted
        return wanted + max((0, 1, -1), key=lambda by: round(float(suits[(wanted + by) % 12]), 1))


class ComesHome(FollowsLine):
    """Prefers, from the last strong beat of an answer on, the tonic triad, and the tonic in the melody, which then
    rests."""

    def __init__(self, call: CallProfile, tokens: Tokens, shape: Shape, strength: float) -> None:
        super().__init__(tokens)
        self._shape, self._home = shape, HOME * strength
        classes = tokens.pitch % 12
        self._foreign = tokens.is_pitched & ~np.isin(classes, call.triad)
        self._other = tokens.is_pitched & (classes != call.tonic)

    def added(self, now: float, allowed: Mask) -> Logits | None:
        assert self.start is not None
        last, stop = self.start + self._shape.last_beat, self.start + self._shape.length
        after = now + self.tokens.elapsed
        if now < last - EPSILON:
            if now < last - 1.0:
                return None
            suits = -1.0 * (self._moves & (after > last + EPSILON))  # rather a note there
        elif self.onset < last - EPSILON:  # the last note is to come
            suits = -1.0 * self._foreign - (self.own() & self._other) - self._moves * (now < last + EPSILON)
        else:
            suits = 1.0 * (self._moves & (after > stop - EPSILON)) - self._foreign
            suits -= 2.0 * (self.own() & (now > self.onset + EPSILON))
        return np.asarray(self._home * suits, dtype=np.float32)


class OwnWords(FollowsLine):
    """Avoids the note that would make the last intervals of an answer a copy of more than LONGEST_COPY notes."""

    def __init__(self, call: CallProfile, tokens: Tokens) -> None:
        super().__init__(tokens)
        steps = tuple(after - before for before, after in pairwise(call.line))
        self._following: dict[tuple[int, ...], set[int]] = {}
        for at in range(len(steps) - LONGEST_COPY + 1):
            *before, last = steps[at : at + LONGEST_COPY]
            self._following.setdefault(tuple(before), set()).add(last)
        self._pitches: tuple[int, ...] = ()  # of the melody before the last one

    def heard(self, onset: float) -> None:
        if self.pitch >= 0:
            self._pitches = (*self._pitches, self.pitch)[-LONGEST_COPY:]

    def added(self, now: float, allowed: Mask) -> Logits | None:
        pitches = (*self._pitches, self.pitch)[-LONGEST_COPY:]
        last = self._following.get(tuple(after - before for before, after in pairwise(pitches)))
        if not last or now < self.onset + EPSILON:
            return None
        copies = self.own() & np.isin(self.tokens.pitch, [self.pitch + step for step in last])
        return np.asarray(LEAST * copies, dtype=np.float32)


def preferences(
    call: CallProfile,
    representation: Representation,
    shape: Shape,
    programs: dict[int, int],
    random: np.random.Generator,
    strength: float,
) -> list[ConstraintState]:
    """Return the soft constraints of an answer to a call, and the ban of its copies."""
    tokens = representation.tokens
    found: list[ConstraintState] = [SuitsCall(call, tokens, programs, strength)]
    found.append(ComesHome(call, tokens, shape, strength))
    if call.motifs:
        found.append(TakesUpMotif(call, tokens, shape, random, strength))
    return [*found, OwnWords(call, tokens)]
