"""Chorales as a grid, an id for each voice at each step; for the benchmark in sixteenths.

    START (BASS SOPRANO TENOR ALTO) ... END

An id is the pitch that a voice has at a step, or its rest. A note that goes on is its pitch again: such grids do not
tell whether it was struck anew. So every grid has exactly one encoding, and the sum over all grids of so many steps is
1 if the probabilities of each id are normalised over those of its voice: `VoiceGrid.continuations`.

The other columns say what an LSTM finds hard to keep. Most of them are intervals and durations, which stay as they are
when a piece is transposed:

- `position` in bars of 16 and of 12 steps; bars are counted from the beginning, since nothing tells of an upbeat;
- the voice that comes next, with the interval of each other voice from its last note; its notes some steps ago, as
  intervals too;
- for how long each voice has had its note; the key so far, and the degree of each voice in it;
- the repeats in any key (see `columns.transposed_repeats`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ritornello.arrays import Ints, Mask
from ritornello.representations.base import Column, Ids
from ritornello.representations.columns.key import KEYS, KeySoFar, degree
from ritornello.representations.columns.repeats import Orders, repeat_columns
from ritornello.representations.columns.transposed_repeats import TransposedRepeats
from ritornello.representations.tokenizer import BaseTokenizer
from ritornello.representations.tokens import block, build_tokens
from ritornello.training.nll.grids import REST, VOICES

PITCHES = 128

WIDEST = 36
"""Wider intervals count as this one."""

_INTERVALS = 2 * WIDEST + 2  # and none

LONGEST = 16
"""Notes that have lasted for more steps count as this long."""


class VoiceGridConfig(BaseModel):
    """The options of `VoiceGrid`.

    order: the voices of a step, numbered from the soprano down, in the order in which they are encoded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: tuple[int, int, int, int] = (3, 0, 2, 1)
    cycles: tuple[int, ...] = (16, 12)
    lags: tuple[int, ...] = (2, 4, 8, 16)
    repeats: Orders = (4, 8, 16, 32)


class VoiceGrid(BaseTokenizer[VoiceGridConfig]):
    """The representation of chorales as a grid; see above. It encodes grids, not scores."""

    name = "voice grid"

    def __init__(self, config: VoiceGridConfig) -> None:
        voice = np.arange(VOICES)
        tokens = build_tokens(
            block("start"),
            block("end"),
            block("rest", VOICES, voice=voice),
            block(
                "note",
                VOICES * PITCHES,
                voice=np.repeat(voice, PITCHES),
                pitch=np.tile(np.arange(PITCHES), VOICES),
                notes=1,
                series=np.repeat(voice, PITCHES),
            ),
            shared=("voice", "pitch", "pitch_class"),
        )
        super().__init__(config, tokens)

    @property
    def columns(self) -> tuple[Column, ...]:
        return (
            Column("token", self.tokens.size),
            *(Column(f"cycle {cycle}", cycle) for cycle in self.settings.cycles),
            *(Column(f"{number} voices ahead", VOICES * _INTERVALS) for number in range(1, VOICES)),
            *(Column(f"{lag} ago", _INTERVALS) for lag in self.settings.lags),
            *(Column(f"duration of voice {voice}", LONGEST + 1) for voice in range(VOICES)),
            Column("key", KEYS + 1, moves="key"),
            *(Column(f"degree of voice {voice}", 13) for voice in range(VOICES)),
            *repeat_columns(self.tokens.size, self.settings.repeats),
        )

    def grid_to_ids(self, grid: Ints) -> Ids:
        """Return the ids of a grid of pitches or REST, (step, voice)."""
        first, voice = self.tokens.first, np.arange(VOICES)
        ids = np.where(grid == REST, first["rest"] + voice, first["note"] + PITCHES * voice + grid)
        return np.concatenate([[self.start_id], ids[:, self.settings.order].ravel(), [self.end_id]]).astype(
            np.int32
        )

    def inputs(self, ids: Ids) -> NDArray[np.int32]:
        ids = np.asarray(ids).astype(np.int64)
        cells = np.arange(len(ids))  # so far
        step, following = np.divmod(cells, VOICES)
        place = np.arange(VOICES)[:, None]
        at = np.maximum(0, cells - (cells - 1 - place) % VOICES)  # of each voice's last cell; 0: none
        pitch = self.tokens.pitch[ids]
        now = pitch[at]
        own = now[following, cells]
        others = (following + np.arange(1, VOICES)[:, None]) % VOICES
        ahead = following * _INTERVALS + _interval(own, now[others, cells])
        ago = [
            _interval(own, pitch[np.maximum(0, cells + 1 - VOICES * (lag + 1))]) for lag in self.settings.lags
        ]
        changes = ids != np.concatenate([np.full(VOICES, -1), ids])[: len(ids)]
        begun = np.where(changes, cells, 0)
        for voice in range(VOICES):
            np.maximum.accumulate(begun[1 + voice :: VOICES], out=begun[1 + voice :: VOICES])
        duration = np.where(at > 0, np.minimum((at - begun[at]) // VOICES + 1, LONGEST), 0)
        key, _ = KeySoFar().at_once(pitch)
        degrees = np.where((now >= 0) & (key > 0), degree(now, key) + 1, 0)
        repeats = TransposedRepeats(self.settings.repeats, self.tokens).at_once(ids)
        cycles = [step % cycle for cycle in self.settings.cycles]
        columns = [ids, *cycles, *ahead, *ago, *duration, key, *degrees, *repeats]
        return np.stack(columns, axis=1).astype(np.int32)

    def frame_numbers(self, ids: Ids) -> Ints:
        """Return the number of the step that each id is of, (time,); -1 for START."""
        return (np.arange(len(ids)) - 1) // VOICES

    def continuations(self, ids: Ids) -> Mask:
        """Return masks of the ids that can follow each, (time, vocabulary_size), in a piece that does not end."""
        voice = np.array(self.settings.order)[np.arange(len(ids)) % VOICES]
        return np.asarray(self.tokens.voice == voice[:, None])


def _interval(pitch: Ints, other: Ints) -> Ints:
    """Return numbers, below _INTERVALS, of the intervals from pitches to others; 0 where one of them rests."""
    is_none = (pitch < 0) | (other < 0)
    return np.where(is_none, 0, np.clip(other - pitch, -WIDEST, WIDEST) + WIDEST + 1)
