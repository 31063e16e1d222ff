"""The laws of constraints, each tried with settings, on representations that have seen the sample song.

A piece is decoded from random logits: the network that likes what it must not do is the worst there is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints import Constraint, ConstraintState, Context, start_constraints
from ritornello.generation.decoder import Decoder
from ritornello.generation.prepare import begin
from ritornello.originality import build_index
from ritornello.representations import REPRESENTATIONS, Representation
from ritornello.score import Score
from ritornello.testing.representations import fit
from ritornello.testing.samples import make_song

REPRESENTATIONS_TRIED = ("multitrack", "frames", "polyphony", "melody")

BARS = 3
MOST_IDS = 20_000


class Case(NamedTuple):
    """A constraint at work: the representation, the states of one call, and how its pieces begin."""

    representation: Representation
    config: ComposeConfig
    states: Sequence[ConstraintState]


def make_case(name: str, settings: Mapping[str, Any], more: Sequence[Constraint] = ()) -> Case | None:
    """Return the case of a representation, or None if the settings are refused."""
    representation = fit(REPRESENTATIONS[name], {})
    config = checked(ComposeConfig, {"bars": BARS, **settings})
    context = Context(representation, config, index=build_index([("song", make_song())]))
    try:
        return Case(representation, config, start_constraints(context, more))
    except ConfigError:
        return None


def decode(case: Case, seed: int) -> tuple[Score, Decoder]:
    """Return a piece decoded from random logits, and its decoder. AssertionError for a dead end or no end."""
    beginning = begin(case.representation, case.config, None, seed)
    decoder = Decoder(case.representation, beginning.conditions, case.states)
    random = np.random.default_rng(seed)
    for token in beginning.ids.tolist():
        decoder.accept(token)
    while not decoder.grammar.ended:
        allowed = np.flatnonzero(decoder.mask())
        assert len(allowed), "a dead end"
        decoder.accept(int(random.choice(allowed)))
        assert len(decoder.ids) < MOST_IDS, "no end in sight"
    return case.representation.decode(np.array(decoder.ids, dtype=np.int32)), decoder


# --- laws -------------------------------------------------------------------------------------------------------


def what_is_asked_never_gives_way(case: Case, seed: int, is_kept: Callable[[Score], bool]) -> None:
    """A piece ends, no constraint that was asked for is relaxed, and the finished score keeps to it."""
    score, decoder = decode(case, seed)
    asked = {state.name for state in case.states if state.is_asked}
    assert not asked & decoder.relaxed.keys(), dict(decoder.relaxed)
    assert is_kept(score), f"not kept in {case.representation.name}, seed {seed}"


def a_fork_goes_its_own_way(case: Case, seed: int, is_kept: Callable[[Score], bool]) -> None:
    """What a fork of a decoder reads changes neither the mask nor the end of the original."""
    random = np.random.default_rng(seed)
    decoder = Decoder(case.representation, constraints=case.states)
    for _ in range(40):
        if not decoder.grammar.ended:
            decoder.accept(int(random.choice(np.flatnonzero(decoder.mask()))))
    if decoder.grammar.ended:
        return
    before = decoder.mask().copy()
    fork = decoder.fork()
    for _ in range(60):
        if not fork.grammar.ended:
            fork.accept(int(random.choice(np.flatnonzero(fork.mask()))))
    assert np.array_equal(decoder.mask(), before)


def a_state_serves_many_pieces(case: Case, seed: int, is_kept: Callable[[Score], bool]) -> None:
    """The states of a call are forked for each piece, so the same seed gives the same piece after others."""
    first, _ = decode(case, seed)
    decode(case, seed + 1)
    again, _ = decode(case, seed)
    assert again == first


LAWS = (what_is_asked_never_gives_way, a_fork_goes_its_own_way, a_state_serves_many_pieces)
