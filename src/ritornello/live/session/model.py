"""A model for live play: its name, the meanings of its ids, its instruments and its initial state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.bundle import Bundle, Sampling
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation.asked import settle_meter
from ritornello.generation.compose import compose
from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints import ConstraintState, Context, start_constraints
from ritornello.generation.stepper import State, Stepper
from ritornello.live.config import JamConfig
from ritornello.originality import Index
from ritornello.representations.base import Conditions, Representation
from ritornello.representations.tokens import Tokens
from ritornello.score import Score
from ritornello.structure import Structure, Worth
from ritornello.theory import DRUMS, choose_instrument

MOST_STARTED = 8
"""Sets of constraint states that a model caches; each may hold continuations of its index, 20 bytes a note."""

KNOWN_BARS = (1, 2, 4, 8)
"""The lengths of answers whose `worth` is known."""

TRIAL_PIECES, TRIAL_BARS = 8, 8
"""Pieces, and bars of each, that are composed to find the default instruments and the grid."""

EIGHTH, SIXTEENTH = 1 / 2, 1 / 4
"""Quarters from one line to the next of the grids that a model may keep where both play."""

ON_GRID = 0.98
"""The share of a model's onsets that are on the eighths if it keeps to these."""


@dataclass(frozen=True, eq=False)
class LiveModel:
    """A model that can be played live.

    programs: all that it knows, General MIDI or 128 for the drum kit, the most frequent of the defaults first.
    default_programs: the instruments if none are requested, one a part, in score order.
    initial_state: of a batch of 1. index, structure: of the training music. sampling: the card's defaults for
    settings that are not given. grid: EIGHTH or SIXTEENTH, in quarters, on which it plays where both do.
    """

    name: str
    representation: Representation = field(repr=False)
    initial_state: State = field(repr=False)
    programs: tuple[int, ...]
    default_programs: tuple[int, ...]
    sampling: Sampling = field(default_factory=Sampling)
    index: Index | None = field(default=None, repr=False)
    structure: Structure | None = field(default=None, repr=False)
    grid: float = SIXTEENTH
    _worths: dict[int, Worth | None] = field(default_factory=dict, repr=False)
    _started: dict[tuple[JamConfig, int], list[ConstraintState]] = field(default_factory=dict, repr=False)

    @property
    def tokens(self) -> Tokens:
        """The meanings of the ids."""
        return self.representation.tokens

    @cached_property
    def voices(self) -> NDArray[np.int64]:
        """The voice of each id that brings a note, shape (vocabulary_size,); -1 for the others."""
        return np.where(self.brings_note, self.tokens.voice, -1)

    @cached_property
    def brings_note(self) -> NDArray[np.bool_]:
        """Whether each id brings a note."""
        return self.tokens.notes > 0

    @cached_property
    def programs_by_voice(self) -> dict[int, int]:
        """The program of each voice of pitched notes, one of those that it can have."""
        ranges = self.tokens.instruments
        return {each.voice: each.program for each in ranges if each.program != DRUMS}

    def worth(self, bars: int) -> Worth | None:
        """Return the worth of answers of about so many bars; None if too little music is known."""
        bars = min(KNOWN_BARS, key=lambda known: abs(known - bars))
        if bars not in self._worths:
            self._worths[bars] = self.structure.worth(bars) if self.structure else None
        return self._worths[bars]

    def prepare(self) -> None:
        """Make what the first answer needs, so that it need not wait."""
        _ = self.tokens.elapsed, self.voices, self.brings_note, [self.worth(bars) for bars in KNOWN_BARS]

    def start_constraints(
        self, config: JamConfig, representation: Representation | None = None, first_bar: int = 0
    ) -> list[ConstraintState]:
        """Return the states of the constraints of a turn, before the first id; fork them before use.

        representation: the model's, or that for a piece. first_bar: the session's bar at the grammar's bar 0.
        ConfigError for constraints that the model does not support, or that contradict each other.
        """
        representation, key = representation or self.representation, (config, first_bar)
        is_own = representation is self.representation
        if is_own and key in self._started:
            return self._started[key]
        name = f"model {self.name}"
        started = start_constraints(
            Context(representation, config, index=self.index, model=name, is_live=True, first_bar=first_bar)
        )
        if is_own:
            while len(self._started) >= MOST_STARTED:
                del self._started[next(iter(self._started))]
            self._started[key] = started
        return started

    def asked_programs(self, config: JamConfig) -> tuple[int, ...]:
        """Return the programs of the instruments asked for; those of the defaults if there are none."""
        if config.instruments is None:
            return self.default_programs
        return tuple(choose_instrument(name, self.programs) for name in config.instruments)

    def check_asked(self, config: JamConfig) -> None:
        """Raise ConfigError for a meter that the model lacks, and for an instrument of a family that it lacks."""
        settle_meter(self.representation, config.meter_pair)
        if config.instruments is not None:
            programs = self.asked_programs(config)  # parts of one family may share a voice
            for asked in [(program,) for program in programs] if self.has_voices else [programs]:
                self.representation.for_piece(None, Conditions(instruments=asked))

    @cached_property
    def has_voices(self) -> bool:
        """Whether ids belong to parts of a piece; else the model reads and plays one stream of notes."""
        return self.tokens.has_voices


def make_live_model(bundle: Bundle, stepper: Stepper | None = None) -> LiveModel:
    """Return the model of a bundle; ConfigError if it cannot be played live. `stepper`: one of the bundle."""
    representation, name = bundle.representation, bundle.card.name
    if representation.reads_prose:
        raise ConfigError(f"model {name}: it writes prose, which cannot be played live")
    if not representation.tokens.is_timed:
        kind = bundle.card.representation.name
        raise ConfigError(
            f"model {name}: representation {kind} cannot be played live (its ids do not say how they move time)"
        )
    stepper = stepper or Stepper(bundle)
    pieces = _trial_pieces(bundle, stepper)
    default_programs = Counter(map(programs_of, pieces)).most_common(1)[0][0] or (0,)
    usual = (program for program, _ in Counter(default_programs).most_common())
    programs = dict.fromkeys((*usual, *representation.tokens.programs))
    state, sampling = stepper.initial_state(1), bundle.card.sampling
    model = LiveModel(
        name,
        representation,
        state,
        tuple(programs),
        default_programs,
        sampling,
        bundle.index,
        bundle.structure,
        _grid_of(pieces),
    )
    model.prepare()
    return model


def _trial_pieces(bundle: Bundle, stepper: Stepper) -> list[Score]:
    """Return a few pieces that the model composes."""
    settings = {"bars": TRIAL_BARS, "count": TRIAL_PIECES, "seed": 0, "meter": "4/4"}
    supported = settings.keys() - bundle.representation.unsupported_settings
    config = checked(ComposeConfig, {key: settings[key] for key in supported})
    return [piece.score for piece in compose(bundle, config, stepper=stepper)]


def _grid_of(pieces: list[Score]) -> float:
    """Return EIGHTH if nearly all notes begin on the eighths, else SIXTEENTH."""
    onsets = [t.notes["start"] * 2 % piece.ticks_per_quarter for piece in pieces for t in piece.tracks]
    return EIGHTH if np.mean(np.concatenate([[0], *onsets]) == 0) >= ON_GRID else SIXTEENTH


def programs_of(score: Score) -> tuple[int, ...]:
    """Return the program, 128 for the drum kit, of each track with notes."""
    return tuple(DRUMS if track.is_drum else track.program for track in score.tracks if len(track.notes))
