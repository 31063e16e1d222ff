"""What is given of a piece (`representations.base.Given`) in the terms of a vocabulary: on its grid, bar by bar.

Read next: `given_grammar`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ritornello.errors import ConfigError
from ritornello.representations.base import Conditions, Given
from ritornello.representations.grids import TEMPOS
from ritornello.representations.multitrack.encoding import Arrangement, arrange
from ritornello.representations.multitrack.vocabulary import LENGTH_LIMIT, Vocabulary, parts_of
from ritornello.score import Score
from ritornello.theory import DRUMS, instrument_name


class GivenNote(NamedTuple):
    """A note of a bar: steps since the bar line, the id, and the numbers of its velocity and duration."""

    position: int
    token: int
    velocity: int
    duration: int


@dataclass(frozen=True)
class GivenTable:
    """What is given, in the terms of a vocabulary. Without a score all is empty, and bars are as the header says."""

    given: Given
    notes: dict[int, tuple[GivenNote, ...]] = field(default_factory=dict)  # by bar
    bars: tuple[int, ...] = (0,)  # first steps of the bars that the score has
    meters: tuple[tuple[int, int], ...] = ()  # step and number of each change after the first
    tempos: tuple[int, ...] = ()  # by bar; empty: no changes
    instruments: tuple[int, ...] = ()  # ids of the header that must come
    voices: frozenset[int] = frozenset()  # of the score


def make_table(vocabulary: Vocabulary, conditions: Conditions) -> tuple[GivenTable, Conditions]:
    """Return the table of `conditions.given`, and the conditions with the meter and the tempo that it begins with.

    ConfigError for more bars than a header can announce, and for instruments that the given parts leave no voice for.
    """
    given = conditions.given or Given()
    if (conditions.bars or 0) > LENGTH_LIMIT:
        raise ConfigError(f"{conditions.bars} bars: a piece with given notes has at most {LENGTH_LIMIT}")
    if given.score is None:
        return GivenTable(given), conditions
    piece = arrange(vocabulary, given.score)
    if given.is_accompanied and len(piece.instruments) == len(vocabulary.low):
        raise ConfigError("the given parts take all the parts that the model has")
    tempos = () if conditions.quarters_per_minute else tuple(piece.tempos.tolist())
    table = GivenTable(
        given,
        _notes_by_bar(vocabulary, piece),
        tuple(piece.bars.tolist()),
        tuple(piece.meters[1:]),
        tempos,
        _header_instruments(vocabulary, piece, given.score, conditions.instruments or ()),
        frozenset(piece.instruments),
    )
    tempo = conditions.quarters_per_minute or float(TEMPOS[_first_tempo(table)])
    return table, replace(
        conditions, meter=vocabulary.config.meters[piece.meters[0][1]], quarters_per_minute=tempo
    )


def _notes_by_bar(vocabulary: Vocabulary, piece: Arrangement) -> dict[int, tuple[GivenNote, ...]]:
    notes = piece.notes
    bar = np.searchsorted(piece.bars, notes.start, side="right") - 1
    columns = (
        notes.start - piece.bars[bar],
        vocabulary.note_ids(notes.voice, notes.pitch),
        notes.velocity,
        notes.duration,
    )
    rows = np.stack(columns, axis=1).tolist()
    edges = np.searchsorted(bar, np.arange(len(piece.bars) + 1)).tolist()
    whole = [GivenNote(*row) for row in rows]
    return {each: tuple(whole[edges[each] : edges[each + 1]]) for each in range(len(piece.bars))}


def _first_tempo(table: GivenTable) -> int:
    """Return the number of the tempo of the first bar that can have notes."""
    bars = range(len(table.tempos))
    return table.tempos[next((bar for bar in bars if bar in table.given.free or table.notes[bar]), 0)]


def _header_instruments(
    vocabulary: Vocabulary, piece: Arrangement, score: Score, added: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the ids of the given parts and of those added to them, by program."""
    mine = [program for program, _ in parts_of(score)]
    voices = vocabulary.voices_of([*mine, *added])[len(mine) :]
    for voice, program in zip(voices, added, strict=True):
        if voice in piece.instruments:
            name = instrument_name(0 if program == DRUMS else program, program == DRUMS)
            raise ConfigError(f"instruments {name}: the given parts take all that the model has of this kind")
    more = {voice: vocabulary.instrument_id(voice, p) for voice, p in zip(voices, added, strict=True)}
    return tuple(sorted([*piece.instruments.values(), *more.values()]))
