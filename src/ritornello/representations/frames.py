"""`frames`, a piano roll: at each step the pitches that sound, ascending, then the end of the frame.

    START KEY (NOTE ... FRAME_END) ... END

The representation of the benchmarks in nats per frame (`training.nll`): the notes of a frame are predicted one after
another, so the product of their probabilities is the exact joint probability of the chord. KEY is the tonic and the
mode of the first key signature, or that there is none.

Further input columns, from the ids so far, are hard for an LSTM to keep:

- `position` in the bar, and the number of the frame modulo each of the option `cycles` (for other meters);
- `key`, and the scale `degree` of the note; `height`: the number of notes in the frame so far;
- for each of the option `lags`, the lowest pitch above the present one that sounded so many frames ago; with the option
  `intervals` also how far it is from the last note, and how far that was from the one before: what stays when a piece
  is transposed;
- the repeats (see `columns.transposed_repeats`).

One stream for all parts but drums. Lost: whether a note that goes on was struck again, velocity, tempo, timing finer
than a step, silence beyond 4 bars (by whole bars). A note of more than 4 bars decodes to several.

Ids that make no sense change nothing: a pitch that is not above the last one of its frame, a key within the piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ritornello.arrays import Ints, Mask
from ritornello.representations.base import Column, Ids
from ritornello.representations.columns.bars_ago import BarsAgo
from ritornello.representations.columns.repeats import Orders, repeat_columns
from ritornello.representations.columns.transposed_repeats import TransposedRepeats
from ritornello.representations.conditions import Conditions
from ritornello.representations.grammar import ChordGrammarState
from ritornello.representations.grids import quantised, solo_score, spread, without_rests
from ritornello.representations.tokenizer import FixedTokenizer, TokenizerConfig, latest
from ritornello.representations.tokens import Note, Tokens, block, build_tokens, solo_range
from ritornello.score import Key, Score
from ritornello.theory import instrument_range, key_tonic

BARS_LONGEST = 4
"""The longest note, and the longest rest."""

MOST_HEIGHT = 11
"""The greatest number of notes in the column."""

KEYS = 25
"""12 major keys and 12 minor ones by tonic, from C up; the last: unknown."""

_FRAME = 129  # pitches of a frame, and its end

_WIDEST = 48
"""Wider intervals count as this one."""


class FramesConfig(TokenizerConfig):
    """The options of `frames`."""

    steps_per_quarter: Literal[1, 2, 3, 4, 6, 8, 12, 16, 24] = Field(
        4, description="frames to a quarter note"
    )
    cycles: tuple[int, ...] = Field(
        (), max_length=8, description="lengths in frames, besides the bar, to count"
    )
    lags: tuple[int, ...] = Field((1, 2, 8, 16), max_length=16, description="how many frames ago to look at")
    intervals: bool = Field(
        False, description="show the notes of `lags` as intervals from the last note, too"
    )
    repeats: Orders = Field(
        (6, 12, 24, 48),
        description="how many ids, or intervals, must be as they were for what followed them then",
    )


class Frames(FixedTokenizer[FramesConfig]):
    """The representation `frames`; see `representations.base.Representation`."""

    name = "frames"
    plays_in_key = True
    tells_notes_in_order = True
    config_model = FramesConfig

    def __init__(self, config: FramesConfig) -> None:
        super().__init__(config)
        self.steps_per_bar = 4 * config.steps_per_quarter
        self.cycles = (self.steps_per_bar, *config.cycles)
        self.first_note, self.frame_end_id = self.tokens.first["note"], self.tokens.first["frame_end"]

    @staticmethod
    def make_tokens(config: FramesConfig) -> Tokens:
        keys = np.arange(KEYS)
        return build_tokens(
            block("start"),
            block("end"),
            block("frame_end", duration=1 / config.steps_per_quarter),
            block("key", KEYS, series=np.where(keys < KEYS - 1, keys // 12, -1), step=keys % 12, period=12),
            block("note", 128, voice=0, pitch=np.arange(128), notes=1, series=0, tells_of=np.arange(128)),
            instruments=[solo_range(config.program)],
            shared=("pitch", "pitch_class"),
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        counts = zip(("position", *(f"cycle {n}" for n in self.cycles[1:])), self.cycles, strict=True)
        return (
            Column("token", self.tokens.size),
            *(Column(name, size) for name, size in counts),
            Column("key", KEYS, moves="token", first_token=self.tokens.first["key"]),
            Column("degree", 13),
            Column("height", MOST_HEIGHT + 1),
            # 1 + a pitch, or 0 for none: as a token it is the id before the notes, the unknown key, which stays.
            *(
                Column(f"above, {lag} ago", _FRAME, moves="token", first_token=self.first_note - 1)
                for lag in self.settings.lags
            ),
            *(Column(name, 2 * _WIDEST + 2) for name in self._interval_names),
            *repeat_columns(self.tokens.size, self.settings.repeats),
        )

    @property
    def _interval_names(self) -> tuple[str, ...]:
        names = ("interval", *(f"interval above, {lag} ago" for lag in self.settings.lags))
        return names if self.settings.intervals else ()

    def encode(self, score: Score) -> Ids:
        longest = BARS_LONGEST * self.steps_per_bar
        start, end, pitch = quantised(score, False, self.settings.steps_per_quarter, longest)
        start, end = without_rests(start, end, self.steps_per_bar, longest)
        frame, pitch, _ = spread(start, end, pitch)
        key = KEYS - 1
        if score.keys:
            fifths, minor = score.keys[0].fifths, score.keys[0].minor
            key = (7 * fifths + 9 * minor) % 12 + 12 * minor
        return self.sounds_to_ids(frame, pitch, int(end.max(initial=0)), key)

    def sounds_to_ids(self, frame: Ints, pitch: Ints, frames: int, key: int) -> Ids:
        """Return the ids of a piece of so many frames, in which each `pitch` sounds in its `frame`, in any order."""
        ends = np.arange(1, frames + 1) * _FRAME - 1
        events = np.sort(np.concatenate([frame * _FRAME + pitch, ends])) % _FRAME
        body = np.where(events == _FRAME - 1, self.frame_end_id, events + self.first_note)
        header = [self.start_id, self.tokens.first["key"] + key]
        return np.concatenate([header, body, [self.end_id]]).astype(np.int32)

    def primer(self, score: Score, conditions: Conditions = Conditions()) -> Ids:  # a frozen value
        """Return the ids of `score` without the end of the last frame, so that notes can be added to it."""
        ids = self.encode(score)[:-1]
        return ids[:-1] if ids[-1] == self.frame_end_id else ids

    def decode(self, ids: Ids) -> Score:
        ids = self.known_ids(ids)
        read = _AtOnce(self, ids)
        pitch, frame = read.pitch[read.sounds], read.frame[read.sounds]
        order = np.lexsort((frame, pitch))
        pitch, frame = pitch[order], frame[order]
        run = np.cumsum(np.concatenate([[True], (np.diff(pitch) != 0) | (np.diff(frame) != 1)])[: len(pitch)])
        since = frame - frame[np.searchsorted(run, run)]
        piece = run * (1 << 32) + since // (BARS_LONGEST * self.steps_per_bar)
        _, first, count = np.unique(piece, return_index=True, return_counts=True)
        rows = zip(frame[first].tolist(), count.tolist(), pitch[first].tolist(), strict=True)
        score = solo_score(rows, self.settings.steps_per_quarter, self.settings.program)
        key = int(read.key[-1]) if len(ids) else KEYS - 1
        minor = key >= 12
        fifths = (7 * (key + 3 * minor) + 5) % 12 - 5  # at most six signs
        return score if key == KEYS - 1 else replace(score, keys=(Key(0, fifths, minor),))

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        ids = np.asarray(ids)
        read, grammar = _AtOnce(self, ids), self.grammar()
        above = grammar.frames_ago.at_once(read.frame, np.ones_like(read.frame), read.note)
        return np.stack(
            [
                ids,
                *(read.frame % cycle for cycle in self.cycles),
                read.key,
                read.degree,
                np.minimum(read.height, MOST_HEIGHT),
                *above,
                *_intervals(read, above)[: len(self._interval_names)],
                *grammar.repeats.at_once(ids),
            ],
            axis=1,
        ).astype(np.int32)

    def frame_numbers(self, ids: Ids) -> Ints:
        """Return the number of the frame that each id of a piece is of, (time,); -1 for START and KEY."""
        ends = np.asarray(ids) == self.frame_end_id
        return np.where(np.arange(len(ids)) < 2, -1, np.cumsum(ends) - ends)

    def continuations(self, ids: Ids) -> Mask:
        """Return masks of the ids that can follow each, (time, vocabulary_size), in a piece that does not end."""
        level = _AtOnce(self, np.asarray(ids)).level[:, None]
        starts = (np.asarray(ids) == self.start_id)[:, None]
        pitch = np.arange(self.tokens.size) - self.first_note
        body = ((pitch >= level) & (pitch >= 0)) | self.tokens.mask("frame_end")
        return np.asarray(np.where(starts, self.tokens.mask("key"), body))

    def grammar(self, conditions: Conditions = Conditions()) -> FramesGrammarState:  # a frozen value
        return FramesGrammarState(self.tokens, conditions, self.steps_per_bar, tokenizer=self)

    def summary(self) -> Mapping[str, Any]:
        return {**super().summary(), "frames to a bar": self.steps_per_bar}


class _AtOnce:
    """The state of a `FramesGrammarState` after each id of a piece; each array (time,)."""

    def __init__(self, tokenizer: Frames, ids: Ids) -> None:
        tokens = tokenizer.tokens
        ids = ids.astype(np.int64)
        ends = ids == tokenizer.frame_end_id
        self.frame = np.cumsum(ends)
        is_note = tokens.is_kind(ids, "note")
        self.note = np.where(is_note, ids - tokenizer.first_note + 1, 0)  # 1 + the pitch; 0: no note
        place = self.frame * _FRAME + self.note
        reached = np.maximum.accumulate(place)
        self.sounds = is_note & (place > np.concatenate([[0], reached[:-1]])[: len(ids)])
        self.pitch = ids - tokenizer.first_note  # where `sounds`
        self.level = reached - self.frame * _FRAME  # 0, or 1 + the highest pitch of the frame so far
        counted = np.cumsum(self.sounds)
        self.height = counted - latest(ends, counted.astype(np.int64), 0)
        key = tokens.is_kind(ids, "key") & (self.frame == 0) & (counted == 0)
        self.key = latest(key, ids - tokens.first["key"], KEYS - 1)
        known = (self.level > 0) & (self.key < KEYS - 1)
        self.degree = np.where(known, (self.level - 1 - self.key) % 12 + 1, 0)


def _intervals(read: _AtOnce, above: Ints) -> Ints:
    """Return the columns of the option `intervals`, (1 + lag, time)."""
    at = np.flatnonzero(read.note)
    notes = np.concatenate([[0, 0], read.note[at]])
    count = np.cumsum(read.note > 0)
    last, before = notes[count + 1], notes[count]
    return np.concatenate([_interval(before, last)[None], _interval(last, above)])


def _interval(start: Any, end: Any) -> Any:
    """Return 1 and up for the interval between notes, each 1 + a pitch; 0 if one of them is 0."""
    return np.where((start > 0) & (end > 0), np.clip(end - start, -_WIDEST, _WIDEST) + _WIDEST + 1, 0)


@dataclass
class FramesGrammarState(ChordGrammarState):
    """The `GrammarState` of `frames`.

    A piece ends, since pitches ascend within a frame and frames are counted. The mask is never empty, since a frame can
    end or have its first note.
    """

    tokenizer: Frames = field(kw_only=True)
    key: int = KEYS - 1
    latest: tuple[int, int] = (0, 0)  # the last note and the one before, each 1 + its pitch, or 0
    level: int = 0  # 0, or 1 + the highest pitch of the present frame so far
    present: list[int] = field(default_factory=list)
    begun: dict[int, int] = field(default_factory=dict)  # frame of the beginning, by pitch sounding
    frames_ago: BarsAgo = field(init=False)
    repeats: TransposedRepeats = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        settings = self.tokenizer.settings
        self.frames_ago = BarsAgo(
            settings.lags, _FRAME, longest_bar=1
        )  # bars of a frame, notes 1 + their pitch
        self.repeats = TransposedRepeats(settings.repeats, self.tokenizer.tokens)

    def advance(self, token: int) -> None:
        kind, value = self.tokens.kind[token], self.tokens.value[token]
        super().advance(token)
        if kind == "frame_end":
            self.silent = 0 if self.present else self.silent + 1
            self.begun = {pitch: self.begun[pitch] for pitch in self.present}
            self.step, self.level, self.present = self.step + 1, 0, []
        elif kind == "note" and value >= self.level:
            if self.last_notes:
                self.begun[value] = self.step
                self.notes += 1
            self.present.append(value)
            self.level = value + 1
        elif kind == "key" and not self.step and not self.present:
            self.key = value
        if kind == "note":
            self.latest = value + 1, self.latest[0]
        self.frames_ago.advance(self.step, 1, value + 1 if kind == "note" else 0)
        self.repeats.advance(token)

    def notes_of(self, token: int) -> tuple[Note, ...]:
        """Return the note if it begins: not one that goes on, nor one that is not above the last of its frame."""
        pitch, longest = token - self.tokenizer.first_note, BARS_LONGEST * self.steps_per_bar
        goes_on = self.step - self.begun.get(pitch, -longest) < longest
        return () if pitch < self.level or goes_on else self.tokens.notes_of(token)

    @property
    def columns(self) -> tuple[int, ...]:
        known = self.level > 0 and self.key < KEYS - 1
        return (
            self.token,
            *(self.step % cycle for cycle in self.tokenizer.cycles),
            self.key,
            (self.level - 1 - self.key) % 12 + 1 if known else 0,
            min(len(self.present), MOST_HEIGHT),
            *self.frames_ago.values,
            *self._intervals,
            *self.repeats.values,
        )

    @property
    def _intervals(self) -> tuple[int, ...]:
        if not self.tokenizer.settings.intervals:
            return ()
        last, before = self.latest
        pairs = ((before, last), *((last, above) for above in self.frames_ago.values))
        return tuple(int(_interval(start, end)) for start, end in pairs)

    @property
    def held(self) -> list[int]:
        """The pitches that would go on in the present frame instead of beginning."""
        longest = BARS_LONGEST * self.steps_per_bar
        return [pitch for pitch, begun in self.begun.items() if self.step - begun < longest]

    def fork(self) -> FramesGrammarState:
        other = copy(self)
        other.present, other.begun = list(self.present), dict(self.begun)
        other.frames_ago, other.repeats = self.frames_ago.fork(), self.repeats.fork()
        return other

    def allow_step(self, mask: Mask) -> None:
        tokenizer = self.tokenizer
        if self.token == self.tokens.first["start"]:
            keys = self.tokens.slice["key"]
            if self.conditions.key is None:
                mask[keys] = True
            else:
                fifths, minor = self.conditions.key
                mask[keys.start + key_tonic(fifths, minor) + 12 * minor] = True
            return
        low, high = instrument_range(tokenizer.settings.program)
        mask[tokenizer.first_note + max(low, self.level) : tokenizer.first_note + high + 1] = True
        is_over = self.level > high  # a primer may be out of range
        mask[tokenizer.frame_end_id] = bool(self.present) or is_over or not self.must_play
        mask[self.tokens.first["end"]] = self.may_end and not self.present
