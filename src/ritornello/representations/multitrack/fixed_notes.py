"""The fixed notes of a piece (`representations.conditions`) as ids of a vocabulary, on its grid, bar by bar."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ritornello.arrays import Mask
from ritornello.errors import ConfigError
from ritornello.representations.conditions import Conditions, FixedNotes
from ritornello.representations.grids import TEMPOS
from ritornello.representations.multitrack.encoding import Arrangement, arrange, pitched_score
from ritornello.representations.multitrack.plan import chords_at
from ritornello.representations.multitrack.vocabulary import LENGTH_LIMIT, Vocabulary
from ritornello.representations.parts import voices_for


class FixedNote(NamedTuple):
    """A note of a bar: steps since the bar line, the id, and the numbers of its velocity, its duration and the chord in
    which it begins, -1 for any."""

    position: int
    token: int
    velocity: int
    duration: int
    chord: int = -1


@dataclass(frozen=True)
class FixedNotesTable:
    """What is fixed, as ids of a vocabulary. Without a score all is empty, and bars are as in the header."""

    fixed_notes: FixedNotes
    notes: dict[int, tuple[FixedNote, ...]] = field(default_factory=dict)  # by bar
    bars: tuple[int, ...] = (0,)  # first steps of the bars that the score has
    meters: tuple[tuple[int, int], ...] = ()  # step and number of each change after the first
    tempos: tuple[int, ...] = ()  # by bar; empty: no changes
    instruments: tuple[int, ...] = ()  # ids of the header that must come
    voices: frozenset[int] = frozenset()  # of the score
    entrances: dict[int, int] = field(default_factory=dict)  # by voice, the bar of its first note
    is_of_others: Mask = field(default_factory=lambda: np.ones(1, dtype=bool))  # the ids of no such voice


def make_table(vocabulary: Vocabulary, conditions: Conditions) -> tuple[FixedNotesTable, Conditions]:
    """Return the table of `conditions.fixed_notes`, and the conditions with its first meter and tempo.

    ConfigError for more bars than a header can announce, and for instruments without a voice beside the given parts.
    """
    fixed = conditions.fixed_notes or FixedNotes()
    if (conditions.bars or 0) > LENGTH_LIMIT:
        raise ConfigError(f"{conditions.bars} bars: a piece with fixed notes has at most {LENGTH_LIMIT}")
    if fixed.score is None:
        return FixedNotesTable(fixed), conditions
    piece = arrange(vocabulary, fixed.score)
    if fixed.is_accompanied and len(piece.instruments) == len(vocabulary.low):
        raise ConfigError("the given parts take all the parts that the model has")
    added = conditions.instruments or ()
    instruments = dict(piece.instruments)
    for voice, program in zip(voices_for(vocabulary.known, added, instruments), added, strict=True):
        instruments[voice] = vocabulary.instrument_id(voice, program)
    notes = _notes_by_bar(vocabulary, piece, vocabulary.config.chords and not fixed.is_accompanied)
    begins = next((bar for bar, known in notes.items() if bar in fixed.free or known), 0)
    quarters_per_minute = conditions.quarters_per_minute
    table = FixedNotesTable(
        fixed,
        notes,
        tuple(piece.bars.tolist()),
        tuple(piece.meters[1:]),
        () if quarters_per_minute else tuple(piece.tempos.tolist()),
        tuple(sorted(instruments.values())),
        frozenset(piece.instruments),
        piece.entrances,
        ~np.isin(vocabulary.tokens.voice, list(piece.instruments)),
    )
    meter = vocabulary.config.meters[piece.meters[0][1]]
    tempo = quarters_per_minute or float(TEMPOS[piece.tempos[begins]])  # of the first bar that can have notes
    return table, replace(conditions, meter=meter, quarters_per_minute=tempo)


def _notes_by_bar(
    vocabulary: Vocabulary, piece: Arrangement, has_chords: bool
) -> dict[int, tuple[FixedNote, ...]]:
    notes = piece.notes
    bar = np.searchsorted(piece.bars, notes.start, side="right") - 1
    ids = vocabulary.note_ids(notes.voice, notes.pitch)
    chord = chords_at(pitched_score(vocabulary, piece), notes.start) if has_chords else np.full(len(ids), -1)
    rows = np.stack(
        [notes.start - piece.bars[bar], ids, notes.velocity, notes.duration, chord], axis=1
    ).tolist()
    edges = np.searchsorted(bar, np.arange(len(piece.bars) + 1)).tolist()
    return {
        number: tuple(FixedNote(*row) for row in rows[start:stop])
        for number, (start, stop) in enumerate(pairwise(edges))
    }
