"""A model as a session sees it: what it is called, what its ids mean, and which instruments it plays."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.bundle import Bundle
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation.compose import compose
from ritornello.generation.config import ComposeConfig
from ritornello.generation.harmony import InScale
from ritornello.generation.stepper import State, Stepper
from ritornello.representations.base import Representation
from ritornello.representations.tokens import Tokens
from ritornello.score import Score
from ritornello.theory import DRUMS

TRIAL_PIECES, TRIAL_BARS = 8, 8
"""So many short pieces show which instruments a model likes to play together."""


@dataclass(frozen=True, eq=False)
class LiveModel:
    """A model that can be played with.

    programs: all that it knows, General MIDI or 128 for the drum kit, the most frequent of its band first. band: the
    instruments it plays if nobody asks for others, one a part, in score order. initial_state: of a batch of 1.
    """

    name: str
    representation: Representation = field(repr=False)
    initial_state: State = field(repr=False)
    programs: tuple[int, ...]
    band: tuple[int, ...]
    _scales: dict[frozenset[int], NDArray[np.bool_]] = field(default_factory=dict, repr=False)

    def prepare(self) -> None:
        """Make its tables now, so that its first answer need not wait for them."""
        _ = self.tokens.elapsed, self.voices, self.brings_note

    @property
    def tokens(self) -> Tokens:
        """What its ids mean, and how they move time on."""
        return self.representation.tokens

    @cached_property
    def voices(self) -> NDArray[np.int64]:
        """The voice of each id that brings a note, shape (vocabulary_size,); -1 for the others."""
        return np.where(self.brings_note, self.tokens.voice, -1)

    @cached_property
    def brings_note(self) -> NDArray[np.bool_]:
        """Whether each id brings a note."""
        return self.tokens.notes > 0

    def in_scale(self, representation: Representation, scale: frozenset[int]) -> NDArray[np.bool_]:
        """Return the mask of the ids that keep to a scale; `representation` is its own, or for_piece to a piece."""
        if representation is not self.representation:
            return InScale(representation, scale).permitted
        if scale not in self._scales:
            self._scales[scale] = InScale(representation, scale).permitted
        return self._scales[scale]

    @cached_property
    def has_voices(self) -> bool:
        """Whether it tells the parts of a piece from each other; else it hears and plays one stream."""
        return self.tokens.has_voices


def make_live_model(bundle: Bundle, stepper: Stepper | None = None) -> LiveModel:
    """Return the model of a bundle; ConfigError if it cannot be played live. `stepper`: to save building it again."""
    representation, name = bundle.representation, bundle.card.name
    if representation.reads_prose:
        raise ConfigError(f"model {name}: it writes prose, which cannot be played live")
    if not representation.tokens.is_timed:
        kind = bundle.card.representation.name
        raise ConfigError(
            f"model {name}: representation {kind} cannot be played live (its ids do not say how they move time)"
        )
    stepper = stepper or Stepper(bundle)
    band = _favourite_band(bundle, stepper)
    usual = (program for program, _ in Counter(band).most_common())
    programs = dict.fromkeys((*usual, *representation.tokens.programs))
    model = LiveModel(name, representation, stepper.initial_state(1), tuple(programs), band)
    model.prepare()
    return model


def _favourite_band(bundle: Bundle, stepper: Stepper) -> tuple[int, ...]:
    """Return the instruments that most of a few pieces of the model are for."""
    wishes = {"bars": TRIAL_BARS, "count": TRIAL_PIECES, "seed": 0, "meter": "4/4"}
    wishes = {
        key: wish for key, wish in wishes.items() if key not in bundle.representation.unsupported_settings
    }
    pieces = compose(bundle, checked(ComposeConfig, wishes), stepper=stepper)
    return Counter(programs_of(piece.score) for piece in pieces).most_common(1)[0][0] or (0,)


def programs_of(score: Score) -> tuple[int, ...]:
    """Return the program, 128 for the drum kit, of each track with notes."""
    return tuple(DRUMS if track.is_drum else track.program for track in score.tracks if len(track.notes))
