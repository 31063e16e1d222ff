"""Published figures: test nats, as in the papers.

Of piano rolls, per frame: most papers average over all frames and leave out the first; not all of them state it.
Networks with 88 independent probabilities cannot model which notes form a chord, so a model that writes a frame note by
note is to be compared with the NADE rows.

Of the chorales in sixteenths, per voice and step. Music Transformer and TonicNet read the voices of a step one after
another. TonicNet reads a chord symbol before them, which its data set has from an analysis of all voices. Its paper's
0.220 is the mean over the notes alone (`notes_only` in `eval/eval.py` of github.com/omarperacha/TonicNet leaves out
every fifth target), so it is conditional on the true chord. The joint of notes and chords is 5/4 of the mean over all
five, which for the validation split is 0.317 in the name of its best checkpoint
(`TonicNet_epoch-58_loss-0.317_acc-90.928.pt`): 0.396 for each note.

`kind`: exact; or a bound or estimate, whose expectation is never below the true value; or conditional on what is not
among the notes, and not to be compared.
"""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """A row: the figures by the name of the collection, and where they are from."""

    model: str
    nats: dict[str, float]
    kind: str
    source: str


def _rolls(*nats: float | None) -> dict[str, float]:
    names = ("jsb", "nottingham", "musedata", "piano")
    return {name: each for name, each in zip(names, nats, strict=True) if each is not None}


PUBLISHED = (
    Published("RNN, independent keys", _rolls(8.71, 4.46, 8.13, 8.37), "exact", "arXiv:1206.6392"),
    Published("LSTM, independent keys", _rolls(8.45, 3.29, None, None), "exact", "arXiv:1803.01271"),
    Published("TCN, independent keys", _rolls(8.10, 3.07, None, None), "exact", "arXiv:1803.01271"),
    Published("RNN-NADE", _rolls(5.19, 2.31, 5.60, 7.05), "exact", "arXiv:1206.6392 in arXiv:1609.09869"),
    Published("DMM-Aug-NADE", _rolls(5.118, 2.305, 6.049, 7.048), "estimate", "arXiv:1609.09869"),
    Published(
        "TP-LSTM-NADE", _rolls(5.88, 1.61, 4.32, 5.44), "exact", "Johnson, EvoMUSART 2017, from memory"
    ),
    Published(
        "Biaxial LSTM, beat known",
        _rolls(5.05, 1.55, 3.90, 4.90),
        "exact",
        "Johnson, EvoMUSART 2017, from memory",
    ),
    Published("Transformer", {"jsb16": 0.417}, "exact", "arXiv:1809.04281"),
    Published("Music Transformer", {"jsb16": 0.335}, "exact", "arXiv:1809.04281"),
    Published(
        "TonicNet, notes and chords", {"jsb16": 0.396}, "bound, of the validation split", "see `published`"
    ),
    Published("TonicNet, the chord given", {"jsb16": 0.220}, "conditional", "arXiv:1911.11775"),
)
"""The rows of Johnson are from memory of the paper's table 1: check them before quoting. Vohra and others (2015) report
lower figures (3.47, 1.32, 3.91, 4.63) that are not known to be reproduced; they are left out."""


def published(collection: str) -> list[tuple[float, str]]:
    """Return the figures of a collection, and what they are."""
    return [
        (row.nats[collection], f"{row.model} ({row.kind}; {row.source})")
        for row in PUBLISHED
        if collection in row.nats
    ]
