"""The likelihood of a given piece under a model: every id is read, none is sampled.

import ritornello
judged = ritornello.load("my_model.rit").likelihood(ritornello.read("song.mid"))
print(judged.nats_per_token, judged.event_accuracy)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from ritornello.bundle import Bundle
from ritornello.errors import ConfigError
from ritornello.generation.stepper import Stepper
from ritornello.likelihood import Likelihood
from ritornello.representations.base import Ids, Representation
from ritornello.score import Score

HEADER = -1
"""Stands for a bar before the first note."""


def log_likelihood(bundle: Bundle, score: Score, stepper: Stepper | None = None) -> Likelihood:
    """Return the likelihood of the examples that training would extract from `score`, or else of its encoding.

    So music too short for training, such as a melody of a few notes, is judged too. Raises ConfigError if there are no
    notes.
    """
    header, bars = likelihood_by_bar(bundle, score, stepper)
    return sum(bars, header)


def likelihood_by_bar(
    bundle: Bundle, score: Score, stepper: Stepper | None = None
) -> tuple[Likelihood, list[Likelihood]]:
    """Return the likelihood of what stands before the first note, such as tempo and instruments, and of each bar.

    Their sum is `log_likelihood`. The end of a bar belongs to the bar. Where a score has several examples, such as
    melodies, the first bars of all are one, and so on.
    """
    score.check_extent()
    representation, stepper = bundle.representation, stepper or Stepper(bundle)
    examples = representation.extract_examples(score).ids
    bars = defaultdict[int, Likelihood](Likelihood)
    for ids in examples or [representation.encode(score)]:
        for bar, judged in _judge_steps(representation, stepper, ids):
            bars[bar] += judged
    if not any(judged.notes for judged in bars.values()):
        raise ConfigError("there are no notes to judge")
    return bars.pop(HEADER, Likelihood()), [bars[bar] for bar in range(max(bars, default=-1) + 1)]


def judge(representation: Representation, stepper: Stepper, ids: Ids) -> Likelihood:
    """Return the likelihood of these ids, `start_id` first. An end that is fixed beforehand is not judged.

    Two ids count as equal if they do the same: if the input columns but the id itself are equal after them. One that
    does the same as `tokens.no_event` is no event.
    """
    return sum((judged for _, judged in _judge_steps(representation, stepper, ids)), Likelihood())


def _judge_steps(
    representation: Representation, stepper: Stepper, ids: Ids
) -> Iterator[tuple[int, Likelihood]]:
    """Yield the bar, from 0, or HEADER before the first note, and the likelihood of each id after the first."""
    rows = representation.inputs(ids)
    state, grammar = stepper.initial_state(1), representation.grammar()
    no_event = representation.tokens.no_event

    def effect(token: int) -> tuple[Any, ...]:
        fork = grammar.fork()
        fork.advance(token)
        return (fork.notes, *fork.columns[1:])

    grammar.advance(int(ids[0]))
    for row, following in zip(rows, ids[1:].tolist(), strict=False):
        logits, state = stepper.step(row[None], state)
        wide = logits[0].astype(np.float64) - float(logits[0].max())
        log_probability = float((wide - np.log(np.exp(wide).sum()))[following])
        guess = int(logits[0].argmax())
        is_right, is_event = guess == following, True
        if no_event >= 0:
            after = effect(following)
            is_right, is_event = effect(guess) == after, after != effect(no_event)
        bar, notes = grammar.place[0], grammar.notes
        grammar.advance(following)
        read = Likelihood(notes=grammar.notes - notes)
        if log_probability >= -1000:  # less is the end, for a representation that is given its length
            read += Likelihood(log_probability, 1, 0, is_right, is_event, is_right and is_event)
        yield bar if grammar.notes else HEADER, read
