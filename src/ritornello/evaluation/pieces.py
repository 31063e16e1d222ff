"""The pieces to evaluate a model on: all in given files, or the validation pieces of its training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ritornello.bundle import Bundle
from ritornello.corpus.scan import scan, split
from ritornello.corpus.shards import Piece, pieces_of
from ritornello.errors import ConfigError
from ritornello.representations import REPRESENTATIONS


def find_pieces(bundle: Bundle, sources: Sequence[Path | str], held_out: bool) -> list[Piece]:
    """Return the pieces in `sources` fit for training; with `held_out`, only those held out when the model was trained.

    Then `sources` must be the files that it was trained on, since the split depends on all pieces.
    """
    found = scan(sources, statistics=REPRESENTATIONS[bundle.representation.name].collect_statistics)
    named = [piece for report in found.used for piece in pieces_of(report)]
    if not held_out:
        return [piece for _, piece in named]
    seed, share = _split_of(bundle, len(named))
    return [named[number][1] for number in split([name for name, _ in named], seed, share)[1]]


def _split_of(bundle: Bundle, pieces: int) -> tuple[int, float]:
    """Return the seed and the share of a model's split; ConfigError if unknown, or of another number of pieces."""
    card = bundle.card
    try:
        config, learned, apart = card.training["config"], card.training["pieces"], card.held_out["pieces"]
        seed, share = int(config["seed"]), float(config["held_out"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"held_out: the card of {card.name} does not say which pieces were held out"
        ) from error
    counts_pieces = (
        bundle.representation.learns_whole_pieces
    )  # else it counts examples, any number in a piece
    if counts_pieces and learned + apart != pieces:
        raise ConfigError(
            f"held_out: {card.name} was trained on {learned + apart:.0f} pieces with those held out, here are "
            f"{pieces}; give all that it was trained on"
        )
    return seed, share
