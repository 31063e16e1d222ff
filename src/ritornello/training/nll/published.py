"""Published figures: test nats per frame, as in the papers.

Most papers average over all frames and leave out the first; not all of them state it. `kind`: exact, or a bound or
estimate, whose expectation is never below the true value. Networks with 88 independent probabilities cannot model which
notes form a chord, so a model that writes a frame note by note is to be compared with the NADE rows.
"""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """A row: nats per frame of JSB Chorales, Nottingham, MuseData and Piano-midi.de; None where not given."""

    model: str
    jsb: float | None
    nottingham: float | None
    musedata: float | None
    piano: float | None
    kind: str
    source: str


PUBLISHED = (
    Published("RNN, independent keys", 8.71, 4.46, 8.13, 8.37, "exact", "arXiv:1206.6392"),
    Published("LSTM, independent keys", 8.45, 3.29, None, None, "exact", "arXiv:1803.01271"),
    Published("TCN, independent keys", 8.10, 3.07, None, None, "exact", "arXiv:1803.01271"),
    Published("RNN-NADE", 5.19, 2.31, 5.60, 7.05, "exact", "arXiv:1206.6392 in arXiv:1609.09869"),
    Published("DMM-Aug-NADE", 5.118, 2.305, 6.049, 7.048, "estimate", "arXiv:1609.09869"),
    Published("TP-LSTM-NADE", 5.88, 1.61, 4.32, 5.44, "exact", "Johnson, EvoMUSART 2017, from memory"),
    Published(
        "Biaxial LSTM, beat known", 5.05, 1.55, 3.90, 4.90, "exact", "Johnson, EvoMUSART 2017, from memory"
    ),
)
"""The rows of Johnson are from memory of the paper's table 1: check them before quoting. Vohra and others (2015) report
lower figures (3.47, 1.32, 3.91, 4.63) that are not known to be reproduced; they are left out."""
