"""A model as a session sees it: what it is called, what its ids mean, and which instruments it plays."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.bundle import Bundle, Sampling
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation.compose import compose
from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints import ConstraintState, Context, start_constraints
from ritornello.generation.stepper import State, Stepper
from ritornello.live.config import JamConfig
from ritornello.originality import Index
from ritornello.representations.base import Representation
from ritornello.representations.tokens import Tokens
from ritornello.score import Score
from ritornello.theory import DRUMS

MOST_STARTED = 64
"""Sets of constraints that a model keeps ready: those of the sessions that play now, and of some bars."""

TRIAL_PIECES, TRIAL_BARS = 8, 8
"""So many short pieces show which instruments a model likes to play together."""


@dataclass(frozen=True, eq=False)
class LiveModel:
    """A model that can be played with.

    programs: all that it knows, General MIDI or 128 for the drum kit, the most frequent of the defaults first.
    default_programs: what it plays if nothing else is asked for, one a part, in score order.
    initial_state: of a batch of 1. index: the music that it learned from. sampling: what its card says of
    temperature and so on, where nothing is asked.
    """

    name: str
    representation: Representation = field(repr=False)
    initial_state: State = field(repr=False)
    programs: tuple[int, ...]
    default_programs: tuple[int, ...]
    sampling: Sampling = field(default_factory=Sampling)
    index: Index | None = field(default=None, repr=False)
    _started: dict[tuple[JamConfig, int], list[ConstraintState]] = field(default_factory=dict, repr=False)

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

    def start_constraints(
        self, config: JamConfig, representation: Representation | None = None, first_bar: int = 0
    ) -> list[ConstraintState]:
        """Return the states of the constraints that hold in a turn, before the first id; whoever follows a piece forks
        them. `representation` is its own, or that for a piece; `first_bar` is the session's bar at the grammar's bar 0.

        ConfigError for what the model cannot be asked for, and for what cannot be kept together.
        """
        representation, key = representation or self.representation, (config, first_bar)
        is_own = representation is self.representation
        if is_own and key in self._started:
            return self._started[key]
        context = Context(
            representation,
            config,
            index=self.index,
            model=f"model {self.name}",
            is_live=True,
            first_bar=first_bar,
        )
        started = start_constraints(context)
        if is_own:
            while len(self._started) >= MOST_STARTED:
                del self._started[next(iter(self._started))]
            self._started[key] = started
        return started

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
    default_programs = _usual_programs(bundle, stepper)
    usual = (program for program, _ in Counter(default_programs).most_common())
    programs = dict.fromkeys((*usual, *representation.tokens.programs))
    state, sampling = stepper.initial_state(1), bundle.card.sampling
    model = LiveModel(name, representation, state, tuple(programs), default_programs, sampling, bundle.index)
    model.prepare()
    return model


def _usual_programs(bundle: Bundle, stepper: Stepper) -> tuple[int, ...]:
    """Return the instruments that most of a few pieces of the model are for."""
    settings = {"bars": TRIAL_BARS, "count": TRIAL_PIECES, "seed": 0, "meter": "4/4"}
    settings = {
        key: value for key, value in settings.items() if key not in bundle.representation.unsupported_settings
    }
    pieces = compose(bundle, checked(ComposeConfig, settings), stepper=stepper)
    return Counter(programs_of(piece.score) for piece in pieces).most_common(1)[0][0] or (0,)


def programs_of(score: Score) -> tuple[int, ...]:
    """Return the program, 128 for the drum kit, of each track with notes."""
    return tuple(DRUMS if track.is_drum else track.program for track in score.tracks if len(track.notes))
