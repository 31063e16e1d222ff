"""The laws of members as plain asserts: what the library relies on. A package tests its own members with them.

    from ritornello.testing import network_laws

    def test_network():
        network_laws(MyNetwork, {"hidden": 8})

A member must be registered first: by an entry point of the installed package, or by `NETWORKS[name] = MyNetwork`. Each
law is a function of its own in `representations`, `tokens`, `networks` or `formats`. Neither pytest nor hypothesis is
needed; `pytest.register_assert_rewrite("ritornello.testing")` makes pytest show the values that broke a law.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ritornello.errors import RitornelloError

if TYPE_CHECKING:
    from ritornello.formats import Format
    from ritornello.generation.constraints import Constraint
    from ritornello.networks import Network
    from ritornello.representations import Kind
    from ritornello.score import Score

__all__ = ["constraint_laws", "format_laws", "network_laws", "refusal", "representation_laws"]


def constraint_laws(
    constraint: type[Constraint],
    settings: Mapping[str, Any],
    is_kept: Callable[[Score], bool] = lambda score: True,
    tries: int = 5,
) -> None:
    """Raise AssertionError if a constraint breaks a law with `settings`, which ask for it.

    It is tried with each representation of `testing.constraints.REPRESENTATIONS_TRIED` in which it starts, at least
    one, and with as many random pieces as `tries` says. is_kept: whether a finished score keeps to it.
    """
    from ritornello.generation.constraints import CONSTRAINTS
    from ritornello.testing.constraints import LAWS, REPRESENTATIONS_TRIED, make_case

    is_row = constraint in CONSTRAINTS.usable().values()
    made = [make_case(name, settings, [] if is_row else [constraint()]) for name in REPRESENTATIONS_TRIED]
    cases = [case for case in made if case and any(state.name == constraint.name for state in case.states)]
    assert cases, f"{constraint.name} is refused, or does not start, everywhere with {dict(settings)}"
    for case in cases:
        for law in LAWS:
            for seed in range(tries):
                law(case, seed, is_kept)


def format_laws(format: Format) -> None:
    """Raise AssertionError if a format breaks a law, tried with each of its suffixes."""
    from ritornello.testing.formats import LAWS

    for suffix in format.suffixes:
        for law in LAWS:
            law(suffix)


def network_laws(kind: type[Network], *configs: Mapping[str, Any]) -> None:
    """Raise AssertionError if a network breaks a law with one of `configs`, which should be small ones."""
    from ritornello.testing.networks import LAWS, make_case

    for config in configs or ({},):
        for law in LAWS:
            law(make_case(kind, config))


def representation_laws(
    kind: Kind,
    options: Mapping[str, Any] = MappingProxyType({}),
    tries: int = 20,
    leave_out: Collection[str] = (),
) -> None:
    """Raise AssertionError if a representation, fitted with `options`, breaks a law.

    It is tried with samples, and with as many random scores (or texts), sequences of ids and pieces of its grammar as
    `tries` says. leave_out: names of laws that do not hold for it, on purpose.
    """
    import numpy as np

    from ritornello.testing import representations as laws
    from ritornello.testing import tokens

    representation = laws.fit(kind, options)
    for law in (*laws.LAWS, *tokens.LAWS):
        if law.__name__ not in leave_out:
            law(representation)
    for seed in range(tries):
        random = np.random.default_rng(seed)
        score, ids = laws.random_piece(representation, random), laws.random_ids(representation, random)
        for piece_law in laws.PIECE_LAWS:
            piece_law(representation, score)
        for ids_law in laws.IDS_LAWS:
            ids_law(representation, ids)
        for walk_law in laws.WALK_LAWS:
            walk_law(representation, seed)


def refusal(kind: type[RitornelloError], call: Callable[[], object]) -> str:
    """Return the message of the error of a `kind` that `call` raises; AssertionError if it raises none."""
    try:
        result = call()
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__} was raised, but {result!r} returned")
