"""A model as a session sees it: what it is called, what its ids mean, and which instruments it plays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.bundle import Bundle
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation.compose import compose
from ritornello.generation.config import ComposeConfig
from ritornello.generation.notes import Notes, of_classes
from ritornello.generation.stepper import State, Stepper
from ritornello.representations.base import (
    HasVoices,
    KeepsTime,
    Pace,
    Representation,
    note_ids,
    reads_prose,
    unsupported_settings,
    voice_count,
)
from ritornello.score import Score
from ritornello.theory import DRUMS

TRIAL_PIECES, TRIAL_BARS = 8, 8
"""So many short pieces show which instruments a model likes to play together."""


@dataclass(frozen=True, eq=False)
class LiveModel:
    """A model that can be played with.

    programs: all that it knows, General MIDI or 128 for the drum kit, the most frequent of the defaults first.
    default_programs: what it plays if nothing else is asked for, one a part, in score order.
    initial_state: of a batch of 1. sampling: what its card says of temperature and so on, where nothing is asked.
    """

    name: str
    representation: Representation = field(repr=False)
    initial_state: State = field(repr=False)
    programs: tuple[int, ...]
    default_programs: tuple[int, ...]
    sampling: Mapping[Any, float] = field(default_factory=dict)
    _scales: dict[frozenset[int], NDArray[np.bool_]] = field(default_factory=dict, repr=False)

    def prepare(self) -> None:
        """Make its tables now, so that its first answer need not wait for them."""
        _ = self.pace, self.voices, self.brings_note

    @cached_property
    def pace(self) -> Pace:
        """How its ids move time on."""
        assert isinstance(self.representation, KeepsTime)  # make_live_model saw to it
        return self.representation.pace

    @cached_property
    def voices(self) -> NDArray[np.int64]:
        """The voice of each id that brings a note, shape (vocabulary_size,); -1 for the others."""
        voices = np.full(self.representation.vocabulary_size, -1)
        for voice in range(voice_count(self.representation)):
            voices[[i for pitch in range(128) for i in note_ids(self.representation, voice, pitch)]] = voice
        return voices

    @cached_property
    def brings_note(self) -> NDArray[np.bool_]:
        """Whether each id brings a note."""
        return np.asarray(self.representation.is_note) > 0

    def in_scale(self, representation: Representation, scale: frozenset[int]) -> NDArray[np.bool_]:
        """Return the mask of the ids that keep to a scale; `representation` is its own, or for_piece to a piece."""
        if representation is self.representation and scale in self._scales:
            return self._scales[scale]
        permitted = np.ones(representation.vocabulary_size, dtype=bool)
        permitted[Notes(representation).outside(of_classes(scale))] = False
        if representation is self.representation:
            self._scales[scale] = permitted
        return permitted

    @cached_property
    def has_voices(self) -> bool:
        """Whether it tells the parts of a piece from each other; else it hears and plays one stream."""
        return isinstance(self.representation, HasVoices)


def make_live_model(bundle: Bundle, stepper: Stepper | None = None) -> LiveModel:
    """Return the model of a bundle; ConfigError if it cannot be played live. `stepper`: to save building it again."""
    representation, name = bundle.representation, bundle.card.name
    if reads_prose(representation):
        raise ConfigError(f"model {name}: it writes prose, which cannot be played live")
    if not isinstance(representation, KeepsTime):
        kind = bundle.card.representation.name
        raise ConfigError(
            f"model {name}: representation {kind} cannot be played live (its ids do not say how they move time)"
        )
    stepper = stepper or Stepper(bundle)
    default_programs = _usual_programs(bundle, stepper)
    known = representation.voice_programs if isinstance(representation, HasVoices) else ()
    usual = (program for program, _ in Counter(default_programs).most_common())
    programs = dict.fromkeys((*usual, *(program for voice in known for program in voice)))
    state, sampling = stepper.initial_state(1), bundle.card.sampling
    model = LiveModel(name, representation, state, tuple(programs), default_programs, sampling)
    model.prepare()
    return model


def _usual_programs(bundle: Bundle, stepper: Stepper) -> tuple[int, ...]:
    """Return the instruments that most of a few pieces of the model are for."""
    settings = {"bars": TRIAL_BARS, "count": TRIAL_PIECES, "seed": 0, "meter": "4/4"}
    settings = {
        key: value
        for key, value in settings.items()
        if key not in unsupported_settings(bundle.representation)
    }
    pieces = compose(bundle, checked(ComposeConfig, settings), stepper=stepper)
    return Counter(programs_of(piece.score) for piece in pieces).most_common(1)[0][0] or (0,)


def programs_of(score: Score) -> tuple[int, ...]:
    """Return the program, 128 for the drum kit, of each track with notes."""
    return tuple(DRUMS if track.is_drum else track.program for track in score.tracks if len(track.notes))
