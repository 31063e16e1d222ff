"""The likelihood of given pieces under a model: every id is read, none is sampled.

import ritornello
judged = ritornello.load("my_model.rit").likelihood(ritornello.read("song.mid"))
print(judged.nats_per_token, judged.event_accuracy)

Many pieces are read in one batch, the longest first, so that all rows end at about the same time; where a row ends, the
next piece begins. What the figures need besides the network's logits, such as bars and notes, is known of a whole piece
at once.

Read in order: `Example`, `examples_of`, `judge_group`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event
from typing import Any, NamedTuple

import numpy as np

from ritornello.arrays import Floats, Ints
from ritornello.corpus.pool import processor_count
from ritornello.errors import ConfigError
from ritornello.generation.stepper import Logits, Stepper
from ritornello.likelihood import Likelihood
from ritornello.representations.base import Ids, Representation
from ritornello.score import Score

ROWS = 64
"""The most pieces that a thread steps in one batch; more rows are hardly faster."""

MOST_IDS = 1 << 19
"""Of one group of pieces, unless one alone is longer; the input columns of a group are in memory at once."""

FEW_IDS = 4096
"""Fewer ids are not worth another thread."""

LEAST = -1000.0
"""A log-probability below it is that of an id that never comes, such as the end in a representation that is given its
length; it is not judged."""


class Example(NamedTuple):
    """A training example of a score, or its encoding: its ids, and the bar, from 0, and the number of notes after each,
    (time,)."""

    ids: Ids
    bars: Ints
    notes: Ints


ByBar = tuple[Likelihood, list[Likelihood]]
"""The likelihood of what stands before the first note, and of each bar; see `Model.likelihood_by_bar`."""


def examples_of(representation: Representation, score: Score) -> list[Example]:
    """Return the examples that training would extract from `score`, or else its encoding.

    So music too short for training, such as a melody of a few notes, is judged too. Raises ConfigError if there are no
    notes.
    """
    score.check_extent()
    found = representation.extract_examples(score).ids or (representation.encode(score),)
    examples = [Example(ids, *representation.bars_and_notes(ids)) for ids in found]
    if not any(example.notes[-1] for example in examples):
        raise ConfigError("there are no notes to judge")
    return examples


def judge(representation: Representation, stepper: Stepper, ids: Ids) -> Likelihood:
    """Return the likelihood of these ids, `start_id` first; see `judge_group`."""
    example = Example(ids, *representation.bars_and_notes(ids))
    [(header, bars)] = judge_group(representation, stepper, [[example]])
    return sum(bars, header)


def grouped(scores: Iterable[list[Example]]) -> Iterator[list[list[Example]]]:
    """Yield the examples of scores in groups of at most MOST_IDS ids, or of one score."""
    group: list[list[Example]] = []
    held = 0
    for examples in scores:
        length = sum(len(example.ids) for example in examples)
        if group and held + length > MOST_IDS:
            yield group
            group, held = [], 0
        group.append(examples)
        held += length
    if group:
        yield group


def judge_group(
    representation: Representation,
    stepper: Stepper,
    group: Sequence[list[Example]],
    progress: Callable[[int, int], None] | None = None,
) -> list[ByBar]:
    """Return the likelihood of each score, given its examples; `progress` is called with the numbers of examples read
    and of all.

    An end that is fixed beforehand is not judged. Two ids count as equal if they do the same (`named`), and one that
    does the same as `tokens.no_event` is no event.
    """
    every = [example for examples in group for example in examples]
    readings = iter(read_all(representation, stepper, every, progress))
    return [sum_by_bar(representation, examples, [next(readings) for _ in examples]) for examples in group]


def read_all(
    representation: Representation,
    stepper: Stepper,
    examples: Sequence[Example],
    progress: Callable[[int, int], None] | None = None,
    look: Callable[[Ints, Logits], None] | None = None,
) -> list[tuple[Floats, Ints]]:
    """Return for each example the log-probability of each id after the first, and the most probable id there, both
    (time - 1,).

    `look` is called with the places of some of these ids, counted through all examples, and the logits there, (places,
    vocabulary), which it must not change. Every thread has its share of the examples, and calls it.
    """
    rows = np.concatenate([representation.inputs(example.ids)[:-1] for example in examples])
    following = np.concatenate([example.ids[1:] for example in examples])
    stops = np.cumsum([len(example.ids) - 1 for example in examples])
    log_probs, guesses = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    starts = np.append(0, stops[:-1])
    longest_first = np.argsort(starts - stops, kind="stable")[: np.count_nonzero(stops > starts)]
    initial, ended, stopped = stepper.initial_state(1), count(1), Event()

    def judge_rows(places: list[Ints], outputs: list[Logits]) -> None:
        at, logits = np.concatenate(places), np.concatenate(outputs)
        guesses[at] = logits.argmax(axis=1)
        if look:
            look(at, logits)
        logits -= logits.max(axis=1, keepdims=True)
        chosen = logits[np.arange(len(at)), following[at]]
        log_probs[at] = chosen - np.log(np.exp(logits).sum(axis=1, dtype=np.float64))

    def read(pieces: list[int]) -> None:
        """Read the pieces, the last of the list first."""
        first = [pieces.pop() for _ in range(min(ROWS, len(pieces)))]
        at, stop, state = starts[first], stops[first], stepper.initial_state(len(first))
        while len(at) and not stopped.is_set():
            places, outputs = [], []
            for _ in range(min(int((stop - at).min()), -(-ROWS // len(at)))):
                logits, state = stepper.step(rows[at], state)
                places.append(at)
                outputs.append(logits)
                at = at + 1
            judge_rows(places, outputs)
            for row in np.flatnonzero(at == stop).tolist():
                if pieces:
                    at[row], stop[row] = starts[pieces[-1]], stops[pieces.pop()]
                    for part, fresh in zip(state, initial, strict=True):
                        part[row] = fresh[0]
                if progress:
                    progress(next(ended), len(stops))
            if (at == stop).any():
                state = tuple(part[at < stop] for part in state)
                at, stop = at[at < stop], stop[at < stop]

    threads = min(processor_count(), max(1, len(rows) // FEW_IDS))
    with ThreadPoolExecutor(threads) as pool:
        try:
            list(pool.map(read, [longest_first[number::threads][::-1].tolist() for number in range(threads)]))
        finally:
            stopped.set()
    return list(zip(np.split(log_probs, stops[:-1]), np.split(guesses, stops[:-1]), strict=True))


def _figures(
    representation: Representation, example: Example, log_probs: Floats, guesses: Ints
) -> tuple[Ints, Floats]:
    """Return for each id after the first its bar, from 1, or 0 before the first note, and its part in each of the
    fields of a `Likelihood`, (field, time)."""
    following, no_event = example.ids[1:], representation.tokens.no_event
    if no_event >= 0:
        following, guesses = (representation.named(example.ids, each) for each in (following, guesses))
    judged = log_probs >= LEAST
    right, event = judged & (guesses == following), judged & (following != no_event)
    fields: list[Any] = [
        np.where(judged, log_probs, 0),
        judged,
        np.diff(example.notes),
        right,
        event,
        right & event,
    ]
    return np.where(example.notes[1:] > 0, example.bars[:-1] + 1, 0), np.stack(fields)


def sum_by_bar(
    representation: Representation, examples: Sequence[Example], readings: Sequence[tuple[Floats, Ints]]
) -> ByBar:
    """Return the likelihood of a score, given its examples and what `read_all` returns for them."""
    figures = [
        _figures(representation, *each) for each in zip(examples, *zip(*readings, strict=True), strict=True)
    ]
    bars, fields = (np.concatenate(each, axis=-1) for each in zip(*figures, strict=True))
    log_likelihood, *counts = (np.bincount(bars, field, minlength=1).tolist() for field in fields)
    header, *found = (
        Likelihood(*each) for each in zip(log_likelihood, *(map(int, each) for each in counts), strict=True)
    )
    return header, found
