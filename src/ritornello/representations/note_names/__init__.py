"""`note_names`, the words of system E: notes by name, chords as pitch classes, one word an onset.

    START  E5 4.9 C5 ...  END

Without durations every word is played half a quarter after the last and a quarter long, on a piano, as system E
decodes; lengths, rests, velocities and the octaves of chords are lost. With the option `durations`, words at one
onset come in the order of their instruments; WAIT leads to the next onset; a LENGTH follows a word where it differs
from that of the word before it of the same instrument. With `instruments` too, INSTRUMENT names the part that plays.

Further, `parts="first"` reads only the first part, as the source did, and `all_keys=False` has only the words of the
corpus as they are, so that pieces cannot be transposed. A word outside the vocabulary goes to the nearest one in it.
Drums have no names and are left out. Bars are counted in 4/4, and a chord counts as one note in nats a note.

Read in order: `words`, `vocabulary`, `grammar`, then `NoteNames` here.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ritornello.arrays import Ints
from ritornello.representations.base import Column, Conditions, Ids
from ritornello.representations.grids import (
    DURATIONS,
    NEVER,
    SHIFTS,
    STEPS_PER_QUARTER,
    TICKS_PER_QUARTER,
    TICKS_PER_STEP,
    nearest,
)
from ritornello.representations.note_names import vocabulary
from ritornello.representations.note_names.grammar import FIRST_LENGTH, NoteNamesGrammarState
from ritornello.representations.note_names.vocabulary import Options, nearest_programs, parts_of, slices
from ritornello.representations.note_names.words import NoteNamesConfig, Words, word_of
from ritornello.representations.parts import voices_for
from ritornello.representations.tokenizer import BaseTokenizer, solo_program
from ritornello.representations.tokens import CHORD
from ritornello.score import Meter, Score, Tempo, Track, end_at_restrike, make_notes, without_overlaps
from ritornello.theory import instrument_name

__all__ = ["NoteNames", "NoteNamesConfig"]

VELOCITY = 90
"""Of every decoded note, as music21 writes those that have none."""


class NoteNames(BaseTokenizer[NoteNamesConfig]):
    """The representation `note_names`; see `representations.base.Representation`."""

    name = "note_names"
    config_model = NoteNamesConfig
    options_model = Options
    reference_sampling: ClassVar[Mapping[str, Any]] = {"temperature": 0.0, "guard": False}
    collect_statistics = staticmethod(vocabulary.collect_statistics)
    fit_config = staticmethod(vocabulary.fit)

    def __init__(self, config: NoteNamesConfig) -> None:
        self.words = Words(config.words)
        self.programs = config.programs or (0,)  # without instruments, one piano
        self.written = self.programs  # in a decoded score
        self.chosen: list[int] = []  # the numbers of the instruments asked for; empty: any
        super().__init__(config, vocabulary.make_tokens(config, self.words))

    def for_piece(self, primer: Score | None, conditions: Conditions) -> NoteNames:
        """Return it with the instruments of `conditions`. Raises ConfigError for those that it has not."""
        other = copy(self)
        if self.settings.programs:
            asked = conditions.instruments or ()
            other.chosen = voices_for([(program,) for program in self.programs], asked)
            played = dict(zip(other.chosen, asked, strict=True))
        else:
            program = solo_program(self.name, primer, conditions)
            played = {} if program is None else {0: program}
        other.written = tuple(played.get(number, program) for number, program in enumerate(self.programs))
        return other

    def options(self) -> Mapping[str, Any]:
        return {**super().options(), "instruments": bool(self.settings.programs)}

    @property
    def columns(self) -> tuple[Column, ...]:
        """The id; with durations also the steps since the last quarter, and the length in force; with instruments also
        which one plays (0: none yet)."""
        columns = [Column("token", self.vocabulary_size)]
        if self.settings.durations:
            columns += [Column("phase", STEPS_PER_QUARTER), Column("length", len(DURATIONS))]
        if self.settings.programs:
            first = self.tokens.first["instrument"] - 1
            columns.append(Column("instrument", len(self.programs) + 1, first_token=first))
        return tuple(columns)

    def encode(self, score: Score) -> Ids:
        start, part, word, length = self._events(score)
        if not self.settings.durations:
            return np.array([self.start_id, *word.tolist(), self.end_id], dtype=np.int32)
        first, ids = self.tokens.first, [self.start_id]
        now, current = int(start[0]) if len(start) else 0, -1 if self.settings.programs else 0
        lengths: dict[int, int] = {}  # in force, by instrument
        for row in np.stack([start, part, word, length], axis=1).tolist():
            while now < row[0]:
                wait = int(np.searchsorted(SHIFTS, row[0] - now, side="right")) - 1
                now += int(SHIFTS[wait])
                ids.append(first["wait"] + wait)
            if row[1] != current:
                current = row[1]
                ids.append(first["instrument"] + current)
            ids.append(row[2])
            if row[3] != lengths.get(current, FIRST_LENGTH):
                lengths[current] = row[3]
                ids.append(first["length"] + row[3])
        return np.array([*ids, self.end_id], dtype=np.int32)

    def _events(self, score: Score) -> tuple[Ints, Ints, Ints, Ints]:
        """Return start (steps), instrument, word and number of the length in DURATIONS of each event, in order.

        A note ends at the latest where its pitch is struck again; a word is as long as the longest of its notes.
        """
        config, tracks = self.settings, parts_of(score.resampled(STEPS_PER_QUARTER))
        if config.parts == "first" and not config.programs:
            tracks = tracks[:1]
        parts = nearest_programs(self.programs, (track.program for track in tracks))
        columns = [np.zeros((4, 0), dtype=np.int64)]
        for part in sorted(set(parts)):
            notes = [t.notes for t, own in zip(tracks, parts, strict=True) if own == part]
            start, code, length = slices(notes)
            word = self.words.nearest(code)
            pitches = [self.words.pitches[number] for number in word.tolist()]
            event = np.repeat(np.arange(len(start)), [len(chord) for chord in pitches])
            pitch = np.array([pitch for chord in pitches for pitch in chord], dtype=np.int64)
            gap = end_at_restrike(start[event], np.full_like(event, NEVER), pitch) - start[event]
            longest = np.zeros(len(start), dtype=np.int64)
            np.maximum.at(longest, event, gap)
            most = np.searchsorted(DURATIONS, longest, side="right") - 1
            number = np.minimum(nearest(DURATIONS, np.maximum(length, 1)), most)
            columns.append(np.stack([start, np.full_like(start, part), word, number]))
        start, part_of, word, length = np.concatenate(columns, axis=1)
        order = np.lexsort((part_of, start))
        return start[order], part_of[order], word[order], length[order]

    def decode(self, ids: Ids) -> Score:
        """Return the score at 120 quarters a minute, in 4/4; a note ends where its pitch is struck again."""
        grammar = self.grammar()
        found: dict[int, dict[tuple[int, int], list[int]]] = {}  # by instrument, by (step, pitch): [length]
        last = [FIRST_LENGTH]
        for token in self.known_ids(ids).tolist():
            grammar.advance(token)
            if grammar.kind == "word":
                last = [grammar.length]
                for pitch in self.words.pitches[token]:
                    found.setdefault(grammar.instrument, {})[grammar.onset, pitch] = last
            elif grammar.kind == "length":
                last[0] = self.tokens.value[token]
        tracks = []
        for number, notes in sorted(found.items()):
            rows = [
                (step * TICKS_PER_STEP, int(DURATIONS[length]) * TICKS_PER_STEP, pitch, VELOCITY)
                for (step, pitch), (length,) in notes.items()
            ]
            program, name = self.written[number], instrument_name(self.written[number])
            tracks.append(Track(without_overlaps(make_notes(rows)), program, False, name))
        tempos, meters = (Tempo.from_quarters_per_minute(0, 120),), (Meter(0, 4, 4),)
        return Score(TICKS_PER_QUARTER, tuple(tracks), tempos=tempos, meters=meters)

    def parts_read(self, score: Score) -> tuple[int | None, ...]:
        tracks = parts_of(score)
        if self.settings.parts == "first" and not self.settings.programs:
            tracks = tracks[:1]
        parts = dict(
            zip(map(id, tracks), nearest_programs(self.programs, (t.program for t in tracks)), strict=True)
        )
        return tuple(parts.get(id(track)) for track in score.tracks)

    def parts(self, ids: Ids) -> tuple[int, ...]:
        grammar, found = self.grammar(), set()
        for token in self.known_ids(ids).tolist():
            grammar.advance(token)
            if grammar.kind == "word":
                found.add(grammar.instrument)
        return tuple(sorted(found))

    def grammar(self, conditions: Conditions = Conditions()) -> NoteNamesGrammarState:  # a frozen value
        if conditions.instruments and self.chosen:
            conditions = replace(conditions, instruments=tuple(self.programs[part] for part in self.chosen))
        return NoteNamesGrammarState(self.tokens, conditions, self.settings, self.words)

    def unknown_words(self, score: Score) -> tuple[str, ...]:
        """Return the words of `score`, each once, that the vocabulary lacks and `encode` replaces by the nearest."""
        seen, config = vocabulary.collect_statistics(score), self.settings
        codes = seen.codes(config.parts, bool(config.programs))
        known = self.words.find(np.array(codes, dtype=np.int64)) >= 0
        return tuple(word_of(code) for code, found in zip(codes, known.tolist(), strict=True) if not found)

    def substitutions(self, score: Score) -> tuple[str, ...]:
        return tuple(
            f"{word} is not known here: the nearest known word stands for it"
            for word in self.unknown_words(score)
        )

    def summary(self) -> Mapping[str, Any]:
        config, chords = self.settings, int((self.words.codes >= CHORD).sum())
        return {
            "words": len(config.words),
            "notes": len(config.words) - chords,
            "chords": chords,
            "durations": config.durations,
            "instruments": [instrument_name(program, False) for program in self.programs],
            "vocabulary": self.vocabulary_size,
        }
