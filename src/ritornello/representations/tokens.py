"""`Tokens`: the vocabulary as a table of what each token id means.

A representation declares its ids in blocks, one block a kind of token, in the order of the ids:

    build_tokens(
        block("start"),
        block("end"),
        block("shift", 48, duration=np.arange(1, 49) / 24),
        block("note", 128, voice=0, pitch=np.arange(128), notes=1, series=0),
    )

Ids whose notes depend on the past ("as one bar ago") are marked in the table (`recalls`); `GrammarState.notes_of`
returns their notes. A law compares the table of every representation with what its `encode` and `decode` do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.arrays import Ints, Mask
from ritornello.theory import instrument_name, instrument_range

Note = tuple[int, int]
"""Voice and sounding pitch."""

SPAN = 24
"""Semitones, down and up, by which the table can move ids."""

CHORD = 128
"""From here on a pitch is the number of a chord that one id brings (see `Meaning`)."""

LAST = 128
"""Stands for the last note, whatever its pitch (see `Meaning`)."""


class Meaning(TypedDict, total=False):
    """What the ids of a block mean: for each column one value for all ids, or an array of one an id.

    voice: of its notes, or of the instrument it declares; -1 for none, or for the one that is playing.
    pitch: as it sounds, 0-127; -1 for none, several, or one that is known only when the piece is decoded; from CHORD
        up, the number of a chord.
    notes: how many notes it has, for nats a note.
    is_drum: whether these are notes of a drum kit.
    onset_offset, duration: in quarters, at least 0. Its notes begin `onset_offset` after the present time, and after it
        the time is `onset_offset` + `duration` later.
    program: the General MIDI program that it declares, DRUMS for a kit; -1 for none.
    series, step, period: how it is transposed. Ids of one series, from 0, differ in the step, in semitones (default:
        the pitch). In a series with a period, such as 12 for pitch classes and keys, the first step follows the last
        one. Series -1 stays as it is.
    recalls: whether it repeats earlier notes, which are known to the grammar state.
    tells_of: where it begins no note, the pitch of the sounding note that it goes on with, ends or describes; LAST for
        the last note, such as of its length; -1 for an id that leads to the next note.
    """

    voice: ArrayLike
    pitch: ArrayLike
    notes: ArrayLike
    is_drum: ArrayLike
    onset_offset: ArrayLike
    duration: ArrayLike
    program: ArrayLike
    series: ArrayLike
    step: ArrayLike
    period: ArrayLike
    recalls: ArrayLike
    tells_of: ArrayLike


_DEFAULTS: dict[str, Any] = {"voice": -1, "pitch": -1, "notes": 0, "is_drum": False, "onset_offset": 0.0}
_DEFAULTS |= {"duration": 0.0, "program": -1, "series": -1, "step": -1, "period": 0, "recalls": False}
_DEFAULTS |= {"tells_of": -1}

_PLACES = 1 << 12
"""Numbers reserved for each series: more than its steps and twice SPAN."""


class InstrumentRange(NamedTuple):
    """The pitches that the grammar allows an instrument, ascending, as they sound.

    program: General MIDI, DRUMS for a kit, -1 for any. token: the id that declares it in a piece, or None.
    """

    name: str
    program: int
    voice: int
    pitches: tuple[int, ...]
    token: int | None = None


Names = Sequence[str] | Callable[[int], str] | None
"""The readable names of the ids of a block, or a function of an id's number in it; None: the kind and the number."""


class Block(NamedTuple):
    """Ids of one kind that follow one another."""

    kind: str
    size: int
    names: Names
    meaning: Meaning


def block(kind: str, size: int = 1, names: Names = None, **meaning: Unpack[Meaning]) -> Block:
    """Return a block of `size` ids, 0 or more."""
    if "pitch" in meaning:
        meaning.setdefault("step", meaning["pitch"])
    return Block(kind, size, names, meaning)


@dataclass(frozen=True, eq=False, repr=False)
class Tokens:
    """The table. Columns are arrays, (ids,); see `Meaning`. It is immutable, and copies are the table itself.

    kind, value: of each id, the name of its block and its number in it, as plain values. first, slice: the first id of
    each kind, and all of them. is_timed: whether `onset_offset` and `duration` determine when every note begins, as
    live playing needs. tells_ends: whether the end of a note is known as soon as time has moved on from its beginning;
    else it is when time has moved on from its end. quarters_per_minute: the tempo of all pieces, if time is in seconds;
    else None. shared: the columns of `features`.
    """

    blocks: dict[str, Block]
    kind: tuple[str, ...]
    value: tuple[int, ...]
    first: dict[str, int]
    slice: dict[str, slice]
    voice: Ints
    pitch: Ints
    notes: Ints
    is_drum: Mask
    onset_offset: NDArray[np.float64]
    duration: NDArray[np.float64]
    program: Ints
    series: Ints
    step: Ints
    period: Ints
    recalls: Mask
    tells_of: Ints
    instruments: tuple[InstrumentRange, ...] = ()
    is_timed: bool = False
    tells_ends: bool = False
    quarters_per_minute: float | None = None
    shared: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return len(self.kind)

    def __deepcopy__(self, memo: Any) -> Tokens:
        return self

    def is_kind(self, ids: NDArray[Any], kind: str) -> Mask:
        """Whether each id is of this kind."""
        ids_of_kind = self.slice[kind]
        return np.asarray((ids >= ids_of_kind.start) & (ids < ids_of_kind.stop))

    def mask(self, *kinds: str) -> Mask:
        """Return the mask over the ids of these kinds."""
        mask = np.zeros(self.size, dtype=bool)
        for kind in kinds:
            mask[self.slice[kind]] = True
        return mask

    def name(self, token: int) -> str:
        """Return the readable name of an id, for reports."""
        kind, value = self.kind[token], self.value[token]
        names = self.blocks[kind].names
        if names is None:
            return kind if self.blocks[kind].size == 1 else f"{kind} {value}"
        return names(value) if callable(names) else names[value]

    @property
    def no_event(self) -> int:
        """The id of a step at which nothing happens, easy to predict; -1 if there is none."""
        return self.first.get("no_event", -1)

    @cached_property
    def is_pitched(self) -> Mask:
        """Mask of the ids of one note, not of drums, with a known pitch: those that constraints are about."""
        return (self.pitch >= 0) & (self.pitch < CHORD) & ~self.is_drum

    def note_ids(self, voice: int, pitch: int) -> tuple[int, ...]:
        """Return all ids of this note."""
        found = (self.pitch == pitch) & ((self.voice == voice) | (self.voice < 0)) & (pitch >= 0)
        return tuple(np.flatnonzero(found).tolist())

    @cached_property
    def recalling(self) -> tuple[int, ...]:
        """The ids that repeat earlier notes."""
        return tuple(np.flatnonzero(self.recalls).tolist())

    def notes_of(self, token: int) -> tuple[Note, ...]:
        """Return voice and pitch of the note of an id, if its pitch is known; see `GrammarState.notes_of`."""
        return self._notes[token]

    @cached_property
    def _notes(self) -> list[tuple[Note, ...]]:
        pairs = zip(self.voice.tolist(), self.pitch.tolist(), strict=True)
        return [((voice, pitch),) if pitch >= 0 else () for voice, pitch in pairs]

    @cached_property
    def features(self) -> Ints:
        """Attributes for factored embeddings, (ids, attribute): of notes 1 + voice, pitch or class; else 0."""
        columns = {"voice": self.voice, "pitch": self.pitch, "pitch_class": self.pitch % 12}
        found = [np.where(self.notes > 0, columns[name] + 1, 0) for name in self.shared]
        return np.stack(found, axis=1) if found else np.zeros((0, 0), dtype=np.int64)

    @cached_property
    def elapsed(self) -> NDArray[np.float64]:
        """The quarters that pass with each id, (ids,)."""
        return self.onset_offset + self.duration

    @cached_property
    def line(self) -> Ints:
        """The series of each id that is a note, (ids,): one without a period, numbered from 0; -1 for none."""
        is_note = (self.notes > 0) & (self.period == 0) & (self.series >= 0)
        first = self.series.min(initial=self.size, where=is_note)
        return np.where(is_note, self.series - first, -1)

    @cached_property
    def at_any_key(self) -> Ints:
        """Of each id of a series with a period the first one of that series, of any other id itself, (ids,)."""
        ids = np.arange(self.size)
        _, first, of = np.unique(self.series, return_index=True, return_inverse=True)
        return np.where((self.period > 0) & (self.series >= 0), first[of], ids)

    @cached_property
    def lines(self) -> list[tuple[int, int]]:
        """`line` and step of each id, for reading one id at a time."""
        return list(zip(self.line.tolist(), self.step.tolist(), strict=True))

    @cached_property
    def line_table(self) -> list[tuple[int, int]]:
        """Of each id 1 + its `line` and its step, or zeros; [] if no id has a line. For networks."""
        rows = np.where(self.line >= 0, np.stack([self.line + 1, self.step]), 0).T.tolist()
        return [(line, step) for line, step in rows] if (self.line >= 0).any() else []

    @cached_property
    def id_of(self) -> Ints:
        """The id of each series and step of `line`, -1 for none."""
        is_note = self.line >= 0
        shape = self.line.max(initial=-1) + 1, self.step.max(initial=-1, where=is_note) + 1
        table = np.full(shape, -1)
        table[self.line[is_note], self.step[is_note]] = np.flatnonzero(is_note)
        return table

    @property
    def has_voices(self) -> bool:
        """Whether the parts of a piece are separate and declared; else all is one stream."""
        return any(each.token is not None for each in self.instruments)

    @property
    def programs(self) -> tuple[int, ...]:
        """The programs of the instruments, each once."""
        return tuple(dict.fromkeys(each.program for each in self.instruments if each.program >= 0))

    @cached_property
    def drum_voices(self) -> frozenset[int]:
        """The voices that are drum kits."""
        return frozenset(self.voice[self.is_drum & (self.notes > 0)].tolist())

    @cached_property
    def moves(self) -> NDArray[np.int32]:
        """The transposed ids, (2 * SPAN + 1, ids), a row for each number of semitones from -SPAN up; -1 for none."""
        semitones = np.arange(-SPAN, SPAN + 1)[:, None]
        table = np.tile(np.arange(self.size, dtype=np.int32), (len(semitones), 1))
        ids = np.flatnonzero(self.series >= 0)
        if not len(ids):
            return table
        base, step, period = self.series[ids] * _PLACES + SPAN, self.step[ids], self.period[ids]
        order = np.argsort(base + step)
        places = (base + step)[order]
        wanted = base + np.where(period > 0, (step + semitones) % np.maximum(period, 1), step + semitones)
        at = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
        table[:, ids] = np.where(places[at] == wanted, ids[order][at], -1)
        return table

    @property
    def start_ids(self) -> range:
        """The ids with which a piece may start; the first one stands for a piece as written."""
        ids = self.slice.get("start", slice(0, 0))
        return range(ids.start, ids.stop)

    @cached_property
    def _reach(self) -> Ints:
        """By how many semitones each id can be moved down, and up, (2, ids); SPAN if it stays as it is."""
        known = np.pad(self.moves >= 0, ((1, 1), (0, 0)))
        return np.stack([known[SPAN::-1].argmin(axis=0), known[SPAN + 2 :].argmin(axis=0)])

    def transposable(self, ids: NDArray[Any]) -> tuple[int, int]:
        """Return the lowest and highest number of semitones by which `ids` can be transposed without loss."""
        used = np.zeros(self.size, dtype=bool)
        used[ids] = True
        used &= self.series >= 0
        moves = used & ~np.isin(
            np.arange(self.size), self.start_ids
        )  # the start tells of a move, and makes none
        if not moves.any():
            return 0, 0
        down, up = self._reach[:, used].min(axis=1).tolist()
        return -down, up

    def transposed(self, ids: NDArray[Any], semitones: int) -> NDArray[Any]:
        """Return `ids` transposed by `semitones`, at most SPAN; those that cannot be, such as drums, stay."""
        if not -SPAN <= semitones <= SPAN:
            raise ValueError(f"{semitones} semitones: at most {SPAN} down or up")
        moved = self.moves[semitones + SPAN][ids]
        return np.where(moved < 0, ids, moved).astype(ids.dtype)


def build_tokens(
    *blocks: Block,
    instruments: Iterable[InstrumentRange] = (),
    is_timed: bool = False,
    tells_ends: bool = False,
    quarters_per_minute: float | None = None,
    shared: tuple[str, ...] = (),
) -> Tokens:
    """Return the table of consecutive blocks; for the settings, see `Tokens`."""
    sizes = [each.size for each in blocks]
    edges = np.cumsum([0, *sizes]).tolist()
    slices = {each.kind: slice(*edges[number : number + 2]) for number, each in enumerate(blocks)}
    columns: dict[str, Any] = {name: np.full(edges[-1], default) for name, default in _DEFAULTS.items()}
    series = 0
    for each in blocks:
        for name, values in each.meaning.items():
            columns[name][slices[each.kind]] = values
        part = columns["series"][slices[each.kind]]
        part[part >= 0] += series  # no two blocks share one
        series = max(series, 1 + int(part.max(initial=-1)))
    for column in columns.values():
        column.setflags(write=False)
    return Tokens(
        {each.kind: each for each in blocks},
        tuple(kind for each in blocks for kind in [each.kind] * each.size),
        tuple(value for size in sizes for value in range(size)),
        {kind: ids.start for kind, ids in slices.items()},
        slices,
        **columns,
        instruments=tuple(instruments),
        is_timed=is_timed,
        tells_ends=tells_ends,
        quarters_per_minute=quarters_per_minute,
        shared=shared,
    )


def solo_range(program: int, lowest: int = 0, highest: int = 127) -> InstrumentRange:
    """Return the range of the only instrument of a model that has ids for the pitches `lowest` to `highest`."""
    low, high = instrument_range(program)
    pitches = tuple(range(max(low, lowest), min(high, highest) + 1))
    return InstrumentRange(instrument_name(program), program, 0, pitches)
