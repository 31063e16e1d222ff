"""How probable a model finds a given piece: nothing is sampled, every id is read and judged.

import ritornello
judged = ritornello.load("my_model.rit").likelihood(ritornello.read("song.mid"))
print(judged.nats_per_token, judged.event_accuracy)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.bundle import Bundle
from ritornello.errors import ConfigError
from ritornello.generation.stepper import Stepper
from ritornello.likelihood import Likelihood
from ritornello.representations.base import Ids, Representation
from ritornello.score import Score


def log_likelihood(bundle: Bundle, score: Score, stepper: Stepper | None = None) -> Likelihood:
    """Return how probable the model finds `score`: all that it would learn from it, or else all that it encodes.

    A melody too short to be learned from, say, is judged too. ConfigError if there are no notes.
    """
    representation, stepper = bundle.representation, stepper or Stepper(bundle)
    examples = representation.extract_examples(score).ids
    judged = [judge(representation, stepper, ids) for ids in examples or [representation.encode(score)]]
    total = sum(judged, Likelihood())
    if not total.notes:
        raise ConfigError("there are no notes to judge")
    return total


def judge(representation: Representation, stepper: Stepper, ids: Ids) -> Likelihood:
    """Return how probable the model finds these ids, `start_id` first. An end that is given is not judged."""
    rows = representation.inputs(ids)
    state, grammar = stepper.initial_state(1), representation.grammar()
    quiet = representation.tokens.no_event
    total, tokens, right, events, events_right = 0.0, 0, 0, 0, 0
    for row, token, following in zip(rows, ids.tolist(), ids[1:].tolist(), strict=False):
        logits, state = stepper.step(row[None], state)
        grammar.advance(token)
        log_probabilities = _log_softmax(logits[0])
        if log_probabilities[following] < -1000:  # the end of a scheme that is given its length
            continue
        guess = int(logits[0].argmax())
        meant, happens = _same(grammar, guess, following, quiet)
        total, tokens, right = total + float(log_probabilities[following]), tokens + 1, right + meant
        events, events_right = events + happens, events_right + (meant and happens)
    for token in ids[len(ids) - 1 :].tolist():
        grammar.advance(token)
    return Likelihood(total, tokens, grammar.notes, right, events, events_right)


def _same(grammar: Any, guess: int, token: int, quiet: int) -> tuple[bool, bool]:
    """Return whether two ids mean the same after `grammar`, and whether with the second one something happens."""
    if quiet < 0:
        return guess == token, True
    meaning = [_meaning(grammar, each) for each in (guess, token, quiet)]
    return meaning[0] == meaning[1], meaning[1] != meaning[2]


def _meaning(grammar: Any, token: int) -> tuple[Any, ...]:
    """Return what an id does: all input columns but the id itself."""
    after = grammar.fork()
    after.advance(token)
    return (after.notes, *after.columns[1:])


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = logits.astype(np.float64) - float(logits.max())
    return np.asarray(wide - np.log(np.exp(wide).sum()))
