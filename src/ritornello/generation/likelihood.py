"""The likelihood of a given piece under a model: every id is read, none is sampled.

import ritornello
judged = ritornello.load("my_model.rit").likelihood(ritornello.read("song.mid"))
print(judged.nats_per_token, judged.event_accuracy)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ritornello.bundle import Bundle
from ritornello.errors import ConfigError
from ritornello.generation.stepper import Stepper
from ritornello.likelihood import Likelihood
from ritornello.representations.base import Ids, Representation
from ritornello.score import Score


def log_likelihood(bundle: Bundle, score: Score, stepper: Stepper | None = None) -> Likelihood:
    """Return the likelihood of the examples that training would extract from `score`, or else of its encoding.

    So music too short for training, such as a melody of a few notes, is judged too. Raises ConfigError if there are no
    notes.
    """
    representation, stepper = bundle.representation, stepper or Stepper(bundle)
    examples = representation.extract_examples(score).ids
    judged = [judge(representation, stepper, ids) for ids in examples or [representation.encode(score)]]
    total = sum(judged, Likelihood())
    if not total.notes:
        raise ConfigError("there are no notes to judge")
    return total


def judge(representation: Representation, stepper: Stepper, ids: Ids) -> Likelihood:
    """Return the likelihood of these ids, `start_id` first. An end that is fixed beforehand is not judged.

    Two ids count as equal if they do the same: if the input columns but the id itself are equal after them. One that
    does the same as `tokens.no_event` is no event.
    """
    rows = representation.inputs(ids)
    state, grammar = stepper.initial_state(1), representation.grammar()
    no_event = representation.tokens.no_event
    total, tokens, right, events, events_right = 0.0, 0, 0, 0, 0

    def effect(token: int) -> tuple[Any, ...]:
        fork = grammar.fork()
        fork.advance(token)
        return (fork.notes, *fork.columns[1:])

    for row, token, following in zip(rows, ids.tolist(), ids[1:].tolist(), strict=False):
        logits, state = stepper.step(row[None], state)
        grammar.advance(token)
        wide = logits[0].astype(np.float64) - float(logits[0].max())
        log_probability = float((wide - np.log(np.exp(wide).sum()))[following])
        if log_probability < -1000:  # the end, for a representation that is given its length
            continue
        guess = int(logits[0].argmax())
        is_right, is_event = guess == following, True
        if no_event >= 0:
            after = effect(following)
            is_right, is_event = effect(guess) == after, after != effect(no_event)
        total, tokens, right = total + log_probability, tokens + 1, right + is_right
        events, events_right = events + is_event, events_right + (is_right and is_event)
    for token in ids[-1:].tolist():
        grammar.advance(token)
    return Likelihood(total, tokens, grammar.notes, right, events, events_right)
