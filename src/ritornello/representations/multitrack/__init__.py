"""`multitrack`, the default representation: polyphony, many instruments and drums, in few tokens.

A piece is a header and a body. The header tells its length in bars, meter, tempo and instruments. The body
goes from onset to onset: shift, then the notes, each a token for voice and pitch together, followed by its
velocity and its duration only where they change within the voice. What the tokens say only indirectly, the
place in the bar and the bars left, the network sees as further input columns; and of the past, what came some bars
ago at this place (`lags`), and what followed the latest earlier occurrence of the last ids (`repeats`).

    START  LENGTH_HIGH LENGTH_LOW  METER TEMPO  INSTRUMENT ...   (SHIFT ... [METER] [TEMPO]
           (NOTE [VELOCITY] [DURATION]) ...) ...   END

Why so: a recurrent network pays for each step; `docs/experiments.md` has the measurements. What is lost:
timing finer than 1/24 of a quarter, velocity finer than 8, controllers and pitch bends, the lengths of drum
notes, tempo changes within a bar.

Read in order: `vocabulary`, `encoding`, `reading`, `decoding`, `grammar`, `given`, `given_grammar`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.representations.base import Column, Compass, Conditions, Ids, Pace
from ritornello.representations.grids import DURATIONS, SHIFTS, STEPS_PER_QUARTER, TEMPOS, nearest
from ritornello.representations.multitrack import decoding, encoding, reading, vocabulary
from ritornello.representations.multitrack.given import make_table
from ritornello.representations.multitrack.given_grammar import GivenGrammarState
from ritornello.representations.multitrack.grammar import MultitrackGrammarState, compass, planned_instruments
from ritornello.representations.multitrack.vocabulary import (
    DRUM_FAMILY,
    LENGTH_LIMIT,
    Kind,
    MultitrackConfig,
    MultitrackOptions,
    Statistics,
    Vocabulary,
)
from ritornello.representations.tokenizer import BaseTokenizer, checked_options
from ritornello.score import Score
from ritornello.theory import DRUMS, instrument_name

__all__ = ["Multitrack", "MultitrackConfig"]


class Multitrack(BaseTokenizer[MultitrackConfig]):
    """The representation `multitrack`; see `representations.base.Representation`."""

    name = "multitrack"
    tells_notes_in_order = True
    keeps_given = True
    config_model = MultitrackConfig

    def __init__(self, config: MultitrackConfig) -> None:
        self.vocabulary = Vocabulary(config)
        super().__init__(config, self.vocabulary.size, self.vocabulary.start, self.vocabulary.end)

    @staticmethod
    def collect_statistics(score: Score) -> Statistics:
        """Return what `fit` needs to know of one piece."""
        return vocabulary.collect_statistics(score)

    @classmethod
    def fit(
        cls, all_statistics: Iterable[Statistics], options: Mapping[str, Any] = MappingProxyType({})
    ) -> Multitrack:
        """Return the representation for a corpus, with `options`, the fields of MultitrackOptions."""
        shown = checked_options(cls.name, MultitrackOptions, options)
        return cls(vocabulary.fit(all_statistics).model_copy(update=shown.model_dump()))

    @property
    def columns(self) -> tuple[Column, ...]:
        return reading.columns_of(self.vocabulary)

    @property
    def is_note(self) -> NDArray[np.bool_]:
        return self.vocabulary.mask(Kind.NOTE)

    @property
    def features(self) -> NDArray[np.int64]:
        """Attributes of each id, (vocabulary_size, 3): voice, pitch and pitch class of a note, from 1; else 0."""
        is_note, pitch = self.is_note, self.vocabulary.pitch
        columns = (self.vocabulary.voice + 1, pitch + 1, pitch % 12 + 1)
        return np.stack([np.where(is_note, column, 0) for column in columns], axis=1)

    @property
    def pace(self) -> Pace:
        after = np.zeros(self.vocabulary.size)
        after[self.vocabulary.block[Kind.SHIFT]] = SHIFTS / STEPS_PER_QUARTER
        return Pace(np.zeros_like(after), after, tells_ends=True)

    @property
    def voice_programs(self) -> tuple[tuple[int, ...], ...]:
        voices = self.vocabulary.config.voices
        return tuple((DRUMS,) if voice.family == DRUM_FAMILY else voice.programs for voice in voices)

    def compasses(self, programs: Sequence[int] | None = None) -> tuple[Compass, ...]:
        known, block = self.vocabulary, self.vocabulary.block[Kind.INSTRUMENT]
        tokens = range(block.start, block.stop) if programs is None else planned_instruments(known, programs)
        pairs = [(token, *known.instruments[token - block.start]) for token in tokens]
        return tuple(
            Compass(
                instrument_name(program),
                voice,
                tuple(known.pitch[compass(known, voice, program)].tolist()),
                token,
            )
            for token, voice, program in pairs
            if not known.is_drum[voice]
        )

    def note_id(self, voice: int, pitch: int) -> int | None:
        if not 0 <= voice < len(self.vocabulary.low):
            return None
        if not self.vocabulary.low[voice] <= pitch <= self.vocabulary.high[voice]:
            return None
        return int(self.vocabulary.note_ids(np.array(voice), np.array(pitch)))

    def token_name(self, token: int) -> str:
        kind, value = self.vocabulary.meaning[token]
        if kind == Kind.NOTE:
            return f"note {int(self.vocabulary.voice[token])} {int(self.vocabulary.pitch[token])}"
        tables: dict[Kind, Any] = {
            Kind.SHIFT: SHIFTS,
            Kind.DURATION: DURATIONS,
            Kind.TEMPO: TEMPOS,
            Kind.METER: ["/".join(map(str, meter)) for meter in self.vocabulary.config.meters],
            Kind.INSTRUMENT: [f"{v}:{program}" for v, program in self.vocabulary.instruments],
        }
        return f"{kind.name.lower()} {tables[kind][value] if kind in tables else value}"

    def encode(self, score: Score) -> Ids:
        return encoding.encode(self.vocabulary, score)

    def decode(self, ids: Ids) -> Score:
        return decoding.decode(self.vocabulary, ids)

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        columns = reading.Reader(self.vocabulary).at_once(np.asarray(ids))
        return np.ascontiguousarray(columns.T, dtype=np.int32)

    def grammar(self, conditions: Conditions = Conditions()) -> MultitrackGrammarState:  # a frozen value
        reader = reading.Reader(self.vocabulary)
        if conditions.given is None:
            return MultitrackGrammarState(self.vocabulary, conditions, reader)
        table, conditions = make_table(self.vocabulary, conditions)
        return GivenGrammarState(self.vocabulary, conditions, reader, table=table)

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:
        """Return the beginning of a piece of `conditions.bars` bars in all (default: twice the primer's, at least 8).

        The meter is the primer's; the instruments are the primer's and, after them, those of the conditions that it
        has not.
        """
        ids = self.encode(score)[:-1]
        kinds = self.vocabulary.kind[ids]
        header_end = _header_length(kinds)
        header, body = ids[:header_end].tolist(), ids[header_end:]
        bars = self._announced(header)
        length = min(max(conditions.bars or max(2 * bars, 8), bars), LENGTH_LIMIT)
        header[1] = self.vocabulary.id_of(Kind.LENGTH_HIGH, length >> 4)
        header[2] = self.vocabulary.id_of(Kind.LENGTH_LOW, length & 15)
        if conditions.quarters_per_minute:
            tempo = int(nearest(TEMPOS, np.array(conditions.quarters_per_minute)))
            header[4] = self.vocabulary.id_of(Kind.TEMPO, tempo)
        voices = self.vocabulary.voice
        have = {int(voices[token]) for token in header[5:]}
        more = planned_instruments(self.vocabulary, conditions.instruments or ())
        instruments = sorted([*header[5:], *(token for token in more if int(voices[token]) not in have)])
        return np.array([*header[:5], *instruments, *body], dtype=np.int32)

    def substitutions(self, score: Score) -> tuple[str, ...]:
        """Return a line for each part of `score` that another instrument plays, or that is moved by octaves."""
        return encoding.substitutions(self.vocabulary, score)

    def _announced(self, header: list[int]) -> int:
        value = self.vocabulary.value
        return int(value[header[1]]) * 16 + int(value[header[2]])

    def transposable(self, ids: Ids) -> tuple[int, int]:
        notes = self.vocabulary.is_melodic[ids]
        if not notes.any():
            return 0, 0
        voice, pitch = self.vocabulary.voice[ids[notes]], self.vocabulary.pitch[ids[notes]]
        low = int((self.vocabulary.low[voice] - pitch).max())
        high = int((self.vocabulary.high[voice] - pitch).min())
        return low, high

    def transposed(self, ids: Ids, semitones: int) -> Ids:
        return np.where(self.vocabulary.is_melodic[ids], ids + semitones, ids).astype(ids.dtype)

    def summary(self) -> Mapping[str, Any]:
        voices = self.vocabulary.config.voices
        return {
            "voices": [
                f"{instrument_name(voice.programs[0], voice.family == DRUM_FAMILY)} {voice.number + 1}"
                for voice in voices
            ],
            "meters": ["/".join(map(str, meter)) for meter in self.vocabulary.config.meters],
            "vocabulary": self.vocabulary_size,
        }


def _header_length(kinds: NDArray[np.int64]) -> int:
    """Return how many ids the header of an encoded piece has: START to the last INSTRUMENT."""
    return 5 + int(np.argmin(np.append(kinds[5:] == Kind.INSTRUMENT, False)))
