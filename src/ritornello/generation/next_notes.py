"""What a model expects at one point of a piece: which notes begin there, with which probability.

    found = ritornello.load("songs").next_notes("my_song.mid", "12:3")
    for note in found.notes[:5]:
        print(note.instrument, note.name, note.probability)

The music before the point is given, silence included, and many continuations of it are sampled at temperature 1; the
probability of a note is the share of them in which it begins at the point. So all notes of a chord count, in whatever
order the ids come, and for any representation. A share p of n continuations has a standard error of sqrt(p(1 - p)/n).

Read in order: `NextNotes`, `next_notes`, `_given`, `_continued`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ritornello.analysis.beats import has_pickup
from ritornello.arrays import Ints
from ritornello.bundle import Bundle
from ritornello.errors import ConfigError
from ritornello.formats.text import is_prose
from ritornello.generation.likelihood import examples_of
from ritornello.generation.stepper import Stepper, repeat_state, take_rows
from ritornello.generation.surprise import Names, bars_and_beats, shown_score
from ritornello.notation.names import printed_names
from ritornello.representations import Conditions, Ids, Representation
from ritornello.representations.attribution import Attribution, attribute
from ritornello.score import Meter, Score
from ritornello.theory import drum_name

TRIES = (16, 4096)
_BATCH = 256
_MOST_BATCHES = 8  # for each batch that is wanted; continuations that play before the point are left out
_MOST_STEPS = 400  # of a continuation
_SOON = 1e-6


class NextNote(NamedTuple):
    """A note that may begin, and the share of the continuations in which it does. lengths: in quarters, each with its
    share of these, the most probable first; empty where a representation tells them only later. is_played: whether the
    piece has it there."""

    instrument: str
    pitch: int
    name: str
    is_drum: bool
    probability: float
    lengths: tuple[tuple[float, float], ...]
    is_played: bool


@dataclass(frozen=True, repr=False)
class NextNotes:
    """What a model expects at `tick` of `score`, which is `bar` and `beat` (from 1; bar 0 is a pickup).

    notes: the most probable first. silence: the share of continuations in which nothing begins. instruments: the share
    of them in which each plays. tries: the number of continuations.
    """

    model: str
    score: Score
    tick: int
    bar: int
    beat: float
    notes: tuple[NextNote, ...]
    silence: float
    instruments: dict[str, float]
    tries: int

    def __repr__(self) -> str:
        return f"NextNotes({self.bar}:{self.beat:g}, {len(self.notes)} notes, under {self.model!r})"

    def write(self, path: str | Path) -> None:
        """Write the picture, a PNG: the music up to the point, and the probabilities of the pitches beside it."""
        from ritornello.generation.next_notes_picture import write_picture

        write_picture(self, Path(path))

    def _repr_html_(self) -> str:
        from ritornello.generation.next_notes_picture import picture_html

        return picture_html(self)

    def facts(self) -> dict[str, Any]:
        """Return all as plain JSON."""
        return {
            "model": self.model,
            "bar": self.bar,
            "beat": self.beat,
            "continuations": self.tries,
            "silence": round(self.silence, 4),
            "instruments": {name: round(share, 4) for name, share in self.instruments.items()},
            "notes": [
                note._asdict()
                | {"probability": round(note.probability, 4)}
                | {"lengths": [{"quarters": each, "share": round(share, 4)} for each, share in note.lengths]}
                for note in self.notes
            ],
        }


def next_notes(
    bundle: Bundle, stepper: Stepper, score: Score, at: str, tries: int = 512, seed: int = 0
) -> NextNotes:
    """Return what a model expects at a point of `score`, "bar:beat", given the music before it.

    Raise ConfigError for a point that is not in the piece, for models that do not read whole pieces of music, and where
    no continuation keeps silent up to the point, as the piece does.
    """
    if not TRIES[0] <= tries <= TRIES[1]:
        raise ConfigError(f"tries {tries}: allowed are {TRIES[0]} to {TRIES[1]}")
    representation = bundle.representation
    if is_prose(score) or representation.reads_prose or not representation.learns_whole_pieces:
        raise ConfigError(f"a model of {representation.name} does not read whole pieces of music")
    representation = representation.for_piece(score, Conditions())
    examples = examples_of(representation, score)
    found = attribute(representation, examples[0].ids)
    shown, places = shown_score(representation, score, examples, [found])
    tick = tick_of(shown, at)
    starts = np.array([int(shown.tracks[each.track].notes["start"][each.index]) for each in places])
    given = _given(representation, examples[0].ids, found, starts, tick, shown.ticks_per_quarter)
    rows = _continued(representation, stepper, *given, tries, seed)
    if not rows:
        raise ConfigError(
            f"--at {at}: the model would play before it in all continuations; choose an earlier point"
        )
    return _summed(bundle, representation, shown, places, tick, given, rows)


def tick_of(score: Score, at: str) -> int:
    """Return the tick of "bar:beat", such as "12:3" or "12:2.5", or of a bar. ConfigError if it is not in the piece."""
    bar_text, _, beat_text = at.partition(":")
    try:
        bar, beat = int(bar_text), float(beat_text or 1)
    except ValueError:
        bar, beat = 0, math.nan
    if not math.isfinite(beat):
        raise ConfigError(f"--at {at!r}: allowed are a bar and a beat, such as 12:3 or 12:2.5")
    edges, first = score.bars.edges, 0 if has_pickup(score) else 1
    number = bar - first
    if not 0 <= number < len(edges) - 1:
        raise ConfigError(f"--at {at}: the piece has bars {first} to {len(edges) - 2 + first}")
    meters = [Meter(0, 4, 4), *score.meters]
    meter = meters[bisect_right([each.tick for each in meters], edges[number]) - 1]
    unit = 4 * score.ticks_per_quarter / meter.denominator
    [(_, before)] = bars_and_beats(score, [int(edges[number])])
    tick = edges[number] + round((beat - before) * unit)
    if not edges[number] <= tick < edges[number + 1]:
        last = before + (edges[number + 1] - edges[number]) / unit
        raise ConfigError(f"--at {at}: bar {bar} has the beats from {before:g} to before {last:g}")
    return int(tick)


class _Given(NamedTuple):
    """The ids before the point, and its time in quarters in what they decode to."""

    ids: Ids
    time: float


def _given(
    representation: Representation,
    ids: Ids,
    found: Attribution,
    starts: Ints,
    tick: int,
    ticks_per_quarter: int,
) -> _Given:
    """Return the ids of the notes before `tick`, without those that lead on from them.

    starts: of the notes, in the score that `tick` is of. Time is counted from the last note before the point, since
    long silence may be shorter in the ids.
    """
    decoded = found.score
    times = (
        np.array([decoded.tracks[t].notes["start"][i] for t, i in zip(found.track, found.index, strict=True)])
        / decoded.ticks_per_quarter
    )
    before, after = np.flatnonzero(starts < tick), np.flatnonzero(starts >= tick)
    time = tick / ticks_per_quarter
    if len(before):
        last = before[np.argmax(starts[before])]
        time = float(times[last]) + (tick - int(starts[last])) / ticks_per_quarter
    stop = int(found.begins[found.event[after]].min()) if len(after) else len(ids) - 1
    stays = (representation.tokens.tells_of[ids] >= 0) | np.isin(np.arange(len(ids)), found.begins)
    if len(before):
        return _Given(ids[: 1 + int(np.flatnonzero(stays[:stop]).max())], time)
    moves = np.flatnonzero(representation.tokens.elapsed[ids[:stop]] > 0)
    return _Given(ids[: int(moves[0]) if len(moves) else stop], time)


def _continued(
    representation: Representation, stepper: Stepper, ids: Ids, time: float, tries: int, seed: int
) -> list[tuple[int, ...]]:
    """Return sampled ids after the given ones, up to those that lead beyond the point, of continuations that begin no
    note before it; at most `tries`."""
    random, grammar = np.random.default_rng(seed), representation.grammar()
    for token in ids.tolist():
        grammar.advance(token)
    logits, state = stepper.read(representation.inputs(ids))
    found: list[tuple[int, ...]] = []
    for _ in range(_MOST_BATCHES * -(-tries // _BATCH)):
        found += _sampled(representation, stepper, grammar, logits, state, time, random)
        if len(found) >= tries:
            break
    return found[:tries]


def _sampled(
    representation: Representation,
    stepper: Stepper,
    grammar: Any,
    logits: Any,
    state: Any,
    time: float,
    random: np.random.Generator,
) -> Iterator[tuple[int, ...]]:
    """Yield the ids of the rows of one batch that begin no note before the point."""
    forks, taken = [grammar.fork() for _ in range(_BATCH)], [list[int]() for _ in range(_BATCH)]
    logits, state = np.repeat(logits, _BATCH, axis=0), repeat_state(state, _BATCH)
    offsets = representation.tokens.onset_offset
    for _ in range(_MOST_STEPS):
        masks = np.stack([fork.allowed_mask() for fork in forks])
        # the greatest of logits with Gumbel noise is a draw from their distribution
        noisy = np.where(masks, logits + random.gumbel(size=logits.shape), -np.inf)
        rows = []
        for row, (fork, ids, token) in enumerate(
            zip(forks, taken, noisy.argmax(axis=1).tolist(), strict=True)
        ):
            onset, notes = fork.quarters + offsets[token], fork.notes
            fork.advance(token)
            ids.append(token)
            if fork.notes > notes and onset < time - _SOON:
                continue  # it plays before the point
            if fork.ended or fork.quarters > time + _SOON:
                yield tuple(ids)
            else:
                rows.append(row)
        if not rows:
            return
        forks, taken = [forks[row] for row in rows], [taken[row] for row in rows]
        logits, state = stepper.step(np.array([fork.columns for fork in forks]), take_rows(state, rows))


def _summed(
    bundle: Bundle,
    representation: Representation,
    shown: Score,
    places: Sequence[Any],
    tick: int,
    given: _Given,
    rows: Sequence[tuple[int, ...]],
) -> NextNotes:
    """Return the shares of the notes that begin at the point."""
    labels = [name for name, _ in printed_names(shown.tracks, shown.title)]
    label_of = {each.voice: each.name for each in representation.tokens.instruments}
    label_of |= {place.part: labels[place.track] for place in reversed(places)}
    counts, plays = Counter[tuple[int, bool, int]](), Counter[str]()
    lengths: dict[tuple[int, bool, int], Counter[float]] = {}
    silent = 0
    for ids, count in Counter(rows).items():
        whole = np.concatenate([given.ids, np.array(ids, dtype=given.ids.dtype)])
        decoded, found = representation.decode(whole), set[tuple[int, bool, int]]()
        for part, track in zip(representation.parts(whole), decoded.tracks, strict=True):
            at = np.abs(track.notes["start"] / decoded.ticks_per_quarter - given.time) < _SOON
            for note in track.notes[at]:
                key = part, track.is_drum, int(note["pitch"])
                found.add(key)
                quarters = round(float(note["duration"] / decoded.ticks_per_quarter), 3)
                lengths.setdefault(key, Counter())[quarters] += count
        counts.update(dict.fromkeys(found, count))
        plays.update(dict.fromkeys({label_of.get(part, "") for part, _, _ in found}, count))
        silent += 0 if found else count
    names, total = Names(shown), len(rows)
    own = {
        (place.part, int(shown.tracks[place.track].notes["pitch"][place.index]))
        for place in places
        if shown.tracks[place.track].notes["start"][place.index] == tick
    }
    counts.update({(part, part in representation.tokens.drum_voices, pitch): 0 for part, pitch in own})
    tells = representation.tokens.tells_ends
    notes = [
        NextNote(
            label_of.get(part, ""), pitch, drum_name(pitch) if drum else names.of(pitch, tick), drum, count / total,
            tuple((quarters, n / count) for quarters, n in lengths[part, drum, pitch].most_common(4))
            if tells and count else (),
            (part, pitch) in own,
        )
        for (part, drum, pitch), count in counts.most_common()
    ]  # fmt: skip
    [(bar, beat)] = bars_and_beats(shown, [tick])
    instruments = {name: count / total for name, count in plays.most_common()}
    return NextNotes(
        bundle.card.name, shown, tick, bar, beat, tuple(notes), silent / total, instruments, total
    )
