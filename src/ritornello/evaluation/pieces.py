"""The pieces to evaluate a model on: all that files hold, or what was held out when the model learned from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ritornello.bundle import Bundle
from ritornello.corpus.scan import scan, split
from ritornello.corpus.shards import Piece, pieces_of
from ritornello.errors import ConfigError
from ritornello.representations import REPRESENTATIONS


def find_pieces(bundle: Bundle, sources: Sequence[Path | str], held_out: bool) -> list[Piece]:
    """Return the pieces in `sources` that can be learned from; with `held_out`, those that the model was not shown.

    Then `sources` must be what it was trained on: the split depends on all pieces.
    """
    found = scan(sources, statistics=REPRESENTATIONS[bundle.representation.name].collect_statistics)
    named = [piece for report in found.used for piece in pieces_of(report)]
    if not held_out:
        return [piece for _, piece in named]
    seed, share = _split_of(bundle, len(named))
    return [named[number][1] for number in split([name for name, _ in named], seed, share)[1]]


def _split_of(bundle: Bundle, pieces: int) -> tuple[int, float]:
    """Return the seed and the share of a model's split; ConfigError unless it is known and was of so many pieces."""
    card = bundle.card
    try:
        config, learned, apart = card.training["config"], card.training["pieces"], card.held_out["pieces"]
        seed, share = int(config["seed"]), float(config["held_out"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"held_out: {card.name} does not tell which pieces it was not shown") from error
    counts_pieces = bundle.representation.learns_whole_pieces  # else examples, any number of them in a piece
    if counts_pieces and learned + apart != pieces:
        raise ConfigError(
            f"held_out: {card.name} was trained on {learned + apart:.0f} pieces with those held out, here are "
            f"{pieces}; give all that it was trained on"
        )
    return seed, share
