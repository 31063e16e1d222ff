"""`multitrack`, the default representation: polyphony, many instruments and drums, in few tokens.

A piece is a header and a body. The header has its length in bars, meter, tempo and instruments. The body goes from
onset to onset: shift, then the notes, each a token for voice and pitch together, followed by its velocity and its
duration only where they change within the voice. Further input columns hold what the ids imply, the place in the bar
and the bars left, and candidates from the past: what came some bars ago at this place (`lags`), and what followed the
latest earlier occurrence of the last ids (`repeats`). A piece can have a plan: chords, and bars that return (`plan`).

    START  LENGTH_HIGH LENGTH_LOW  METER TEMPO  INSTRUMENT ... ENTRANCE ...  (SHIFT ... [METER] [TEMPO]
           [RETURN] [CHORD] (NOTE [VELOCITY] [DURATION]) ...) ...   END

The sequences are short because a recurrent network takes time for each step; see `docs/experiments.md`. Lost: timing
finer than 1/24 of a quarter, velocity finer than 8, controllers and pitch bends, the lengths of drum notes, tempo
changes within a bar.

Read in order: `plan`, `vocabulary`, `encoding`, `reading`, `decoding`, `grammar`, `fixed_notes`, `fixed_notes_grammar`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.arrays import Ints
from ritornello.representations.base import Column, Ids
from ritornello.representations.conditions import Conditions, Opening
from ritornello.representations.grids import TEMPOS, nearest
from ritornello.representations.multitrack import decoding, encoding, reading, vocabulary
from ritornello.representations.multitrack.fixed_notes import make_table
from ritornello.representations.multitrack.fixed_notes_grammar import FixedNotesGrammarState
from ritornello.representations.multitrack.grammar import MultitrackGrammarState, planned_instruments
from ritornello.representations.multitrack.vocabulary import (
    MultitrackConfig,
    MultitrackOptions,
    Vocabulary,
    parts_of,
)
from ritornello.representations.parts import voices_for
from ritornello.representations.tokenizer import BaseTokenizer
from ritornello.representations.tokens import InstrumentRange
from ritornello.score import Score
from ritornello.theory import DRUMS, instrument_name


class Multitrack(BaseTokenizer[MultitrackConfig]):
    """The representation `multitrack`; see `representations.base.Representation`."""

    name = "multitrack"
    tells_notes_in_order = True
    decodes_by_bar = True
    keeps_fixed_notes = True
    changes_meter = True
    config_model = MultitrackConfig
    options_model = MultitrackOptions
    later_options = ("entrances", "moved", "chords")

    def __init__(self, config: MultitrackConfig) -> None:
        self.vocabulary = Vocabulary(config)
        super().__init__(config, self.vocabulary.tokens)

    collect_statistics = staticmethod(vocabulary.collect_statistics)
    fit_config = staticmethod(vocabulary.fit)

    @property
    def columns(self) -> tuple[Column, ...]:
        return reading.columns_of(self.vocabulary)

    def instrument_ranges(self, programs: Sequence[int] | None = None) -> tuple[InstrumentRange, ...]:
        ranges = {each.token: each for each in super().instrument_ranges()}
        wanted = ranges if programs is None else planned_instruments(self.vocabulary, programs)
        return tuple(ranges[token] for token in wanted if token in ranges)

    def encode(self, score: Score) -> Ids:
        return encoding.encode(self.vocabulary, score)

    def decode(self, ids: Ids) -> Score:
        return decoding.decode(self.vocabulary, self.known_ids(ids))

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        return np.stack(reading.Reader(self.vocabulary).at_once(np.asarray(ids)), axis=1, dtype=np.int32)

    def bars_and_notes(self, ids: Ids) -> Ints:
        shift, new_bar = self.vocabulary.shift[ids], self.vocabulary.new_bar[ids]
        _, bars, *_ = reading.Reader(self.vocabulary).place.at_once(shift, new_bar)
        return np.stack([bars, np.cumsum(self.tokens.is_kind(ids, "note"))])

    def grammar(self, conditions: Conditions = Conditions()) -> MultitrackGrammarState:  # a frozen value
        reader = reading.Reader(self.vocabulary)
        if conditions.fixed_notes is None:
            return MultitrackGrammarState(self.tokens, conditions, reader, self.vocabulary)
        table, conditions = make_table(self.vocabulary, conditions)
        return FixedNotesGrammarState(self.tokens, conditions, reader, self.vocabulary, table=table)

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:
        """Return the beginning of a piece of `conditions.bars` bars (default: twice the primer's, at least 8).

        The meter is the primer's; the instruments are the primer's and those of the conditions in other voices.
        """
        ids, tokens = self.encode(score)[:-1], self.tokens
        body = 5 + int(np.argmin(np.append(tokens.is_kind(ids[5:], "instrument"), False)))
        high, low = (tokens.value[token] for token in ids[1:3])
        bars = high * 16 + low
        length = min(max(conditions.bars or max(2 * bars, 8), bars), vocabulary.LENGTH_LIMIT)
        ids[1:3] = tokens.first["length_high"] + (length >> 4), tokens.first["length_low"] + (length & 15)
        if conditions.quarters_per_minute:
            tempo = int(nearest(TEMPOS, np.array(conditions.quarters_per_minute)))
            ids[4] = tokens.first["tempo"] + tempo
        added = self._added(score, conditions).items()
        more = np.array([self.vocabulary.instrument_id(*each) for each in added], dtype=np.int32)
        instruments = np.concatenate([ids[5:body], more])
        order, count = np.argsort(instruments), body - 5 if self.vocabulary.config.entrances else 0
        entering = self.vocabulary.entrance_ids(np.full(len(more) if count else 0, min(bars, length - 1)))
        entrances = np.concatenate([ids[body : body + count], entering])[
            order[: len(instruments) if count else 0]
        ]
        return np.concatenate([ids[:5], instruments[order], entrances, ids[body + count :]]).astype(np.int32)

    def for_piece(self, primer: Score | None, conditions: Conditions) -> Multitrack:
        """Return it writing the programs of `primer`, and of the instruments of `conditions`, for the voices that play
        them. ConfigError for instruments without a voice of their family and their own."""
        written: dict[int, int] = {}
        parts = parts_of(primer) if primer else []
        voices = self.vocabulary.voices_of(program for program, _ in parts)
        for voice, (_, track) in zip(voices, parts, strict=True):
            if track.is_drum == self.vocabulary.is_drum[voice]:
                written.setdefault(voice, track.program)
        for voice, program in self._added(primer, conditions).items():
            written[voice] = self.settings.voices[voice].programs[0] if program == DRUMS else program
        other = copy(self)
        other.vocabulary = self.vocabulary.writing(
            written, self._compass(primer) if conditions.keeps_compass else {}
        )
        other.tokens = other.vocabulary.tokens
        return other

    def _compass(self, primer: Score | None) -> dict[int, tuple[int, int]]:
        """Return the compass of each voice that has one, wide enough for the notes of `primer`."""
        voices = enumerate(self.vocabulary.config.voices)
        found = {number: voice.compass for number, voice in voices if voice.compass is not None}
        parts = parts_of(primer) if primer else []
        of_parts = self.vocabulary.voices_of(program for program, _ in parts)
        for voice, (_, track) in zip(of_parts, parts, strict=True):
            if voice in found:
                pitches = [*found[voice], *track.notes["pitch"].tolist()]
                found[voice] = min(pitches), max(pitches)
        return found

    def _added(self, primer: Score | None, conditions: Conditions) -> dict[int, int]:
        """Return the programs of the conditions that `primer` lacks, by the voices that play them; all of them, if they
        are to be added to its parts. Raises ConfigError."""
        given = [program for program, _ in parts_of(primer)] if primer else []
        present, added = [] if conditions.fixed_notes else list(given), []
        for program in conditions.instruments or ():
            if program in present:
                present.remove(program)
            else:
                added.append(program)
        taken = set(self.vocabulary.voices_of(given))
        return dict(zip(voices_for(self.vocabulary.known, added, taken), added, strict=True))

    @property
    def meters(self) -> tuple[tuple[int, int], ...]:
        return self.vocabulary.config.meters

    @property
    def openings(self) -> tuple[Opening, ...]:
        return self.vocabulary.config.openings

    def substitutions(self, score: Score) -> tuple[str, ...]:
        return encoding.substitutions(self.vocabulary, score)

    def parts_read(self, score: Score) -> tuple[int | None, ...]:
        """Return the voice of each track. Drums are not read without a voice of drums, nor anything else without one of
        another kind."""
        has = set(self.vocabulary.is_drum.tolist())
        read = [n for n, track in enumerate(score.tracks) if len(track.notes) and track.is_drum in has]
        known = replace(score, tracks=tuple(score.tracks[number] for number in read))
        voices = self.vocabulary.voices_of(program for program, _ in vocabulary.parts_of(known))
        by_track = dict(zip(read, voices, strict=True))
        return tuple(by_track.get(number) for number in range(len(score.tracks)))

    def parts(self, ids: Ids) -> tuple[int, ...]:
        return decoding.voices_in_order(self.vocabulary, self.known_ids(ids))

    def analogues(self, other: Multitrack) -> Ints:
        """Return for each id the one as which `other` reads it: see `Vocabulary.analogues`."""
        return self.vocabulary.analogues(other.vocabulary)

    def summary(self) -> Mapping[str, Any]:
        config = self.vocabulary.config
        names = (instrument_name(v.programs[0], v.family == vocabulary.DRUM_FAMILY) for v in config.voices)
        return {
            "voices": [f"{name} {v.number + 1}" for name, v in zip(names, config.voices, strict=True)],
            "meters": ["/".join(map(str, meter)) for meter in config.meters],
            "vocabulary": self.vocabulary_size,
        }
