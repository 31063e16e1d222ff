"""The pieces to evaluate a model on: all in given files, or the validation pieces of its training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ritornello.bundle import Bundle
from ritornello.corpus.pieces import Piece, key_of, piece_of_key, pieces_of
from ritornello.corpus.scan import scan
from ritornello.corpus.splitting import split
from ritornello.errors import ConfigError
from ritornello.representations import REPRESENTATIONS


def find_pieces(bundle: Bundle, sources: Sequence[Path | str], held_out: bool) -> list[Piece]:
    """Return the pieces in `sources` fit for training; with `held_out`, only those held out when the model was trained,
    or the bars of them.

    The card of the model lists them. Those of version 0.1 do not: then `sources` must be all files that it was trained
    on.
    """
    found = scan(sources, statistics=REPRESENTATIONS[bundle.representation.name].collect_statistics)
    named = [piece for report in found.used for piece in pieces_of(report)]
    if not held_out:
        return [piece for _, piece in named]
    if keys := bundle.card.training.get("held_out"):
        by_key = {key_of(name): piece for name, piece in named}
        chosen = [(key, piece_of_key(key, by_key)) for key in keys]
        if missing := [key for key, piece in chosen if piece is None]:
            raise ConfigError(
                f"held_out: {len(missing)} of {len(chosen)} pieces that were held out of {bundle.card.name} are not "
                "here; give the files that it was trained on"
            )
        return [piece for _, piece in chosen if piece is not None]
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
