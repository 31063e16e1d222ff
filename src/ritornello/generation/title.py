"""The title of a composed piece: what it is, its key, and its number, such as "Jig in G major, no. 2".

The seed is not in it: that stands in the recipe, and whoever wants to hear a piece again finds it there.
"""

from __future__ import annotations

from ritornello.bundle import Card
from ritornello.formats.text import is_prose
from ritornello.score import Score
from ritornello.theory import key_name

KINDS = {
    "songs": "Song",
    "piano": "Piano piece",
    "quartets": "Quartet",
    "chamber": "Chamber piece",
    "chorales": "Chorale",
    "choir": "Choral piece",
    "organ": "Organ piece",
    "guitar": "Guitar piece",
    "bands": "Band piece",
}
"""What the pieces of a shipped model are called; `folk` names its tunes by their meter."""

DANCES = {(6, 8): "Jig", (9, 8): "Slip jig", (12, 8): "Slide", (3, 4): "Waltz", (4, 4): "Reel", (2, 2): "Reel",
          (2, 4): "Polka", (3, 2): "Hornpipe"}  # fmt: skip

BY_REPRESENTATION = {
    "jazz": "Solo",
    "drums": "Groove",
    "melody": "Melody",
    "improv": "Melody",
    "performance": "Prelude",
}
"""What the pieces of other models are called, by their representation; all others are a "Piece"."""


def make_title(card: Card, score: Score, number: int | None = None) -> str:
    """Return a title for a piece by the model of `card`, the `number`th of several."""
    if is_prose(score):
        title = "Text"
    elif card.name == "folk":
        meter = score.meters[0] if score.meters else None
        title = DANCES.get((meter.numerator, meter.denominator), "Tune") if meter else "Tune"
    else:
        title = KINDS.get(card.name) or BY_REPRESENTATION.get(card.representation.name, "Piece")
    if any(len(track.notes) and not track.is_drum for track in score.tracks):
        key = score.keys[0] if score.keys else score.estimated_key()
        title += f" in {key_name(key.fifths, key.minor)}"
    return title if number is None else f"{title}, no. {number}"
