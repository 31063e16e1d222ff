"""The stepping runtime: a bundle's network one step at a time, on ONNX Runtime, without torch.

Conventions: a state is a tuple of float32 arrays, batch first, and says everything about the past; a step never
changes the state it is given, so states can be kept, copied and cut by rows. Rows do not touch each other: a
piece comes out the same whatever stands beside it in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.bundle import Bundle
from ritornello.bundle.step_graph import COLUMNS, NETWORK
from ritornello.errors import BundleError
from ritornello.generation.settings import StepPrecision

State = tuple[NDArray[np.float32], ...]
Logits = NDArray[np.float32]

_ERRORS_ONLY = 3  # ONNX Runtime's severity: the graph's warnings are of no use to who plays it


class Stepper:
    """The network of a bundle, ready to step. `threads` is how many cores one step may use; `precision` int8 steps
    faster with weights rounded to 8 bits (see `step_model`)."""

    def __init__(self, bundle: Bundle, threads: int = 1, precision: StepPrecision = "float32") -> None:
        """Build the graph around the bundle's weights; BundleError if they do not fit each other."""
        self.vocabulary_size = bundle.card.vocabulary_size
        self._session = _make_session(bundle, threads, precision)
        self._states = [node.name for node in self._session.get_inputs()[1:]]
        try:
            self._initial = tuple(bundle.weights[f"initial_{name}"] for name in self._states)
        except KeyError as error:
            raise BundleError(f"{bundle.path}: the weights lack {error.args[0]}") from error

    def initial_state(self, batch: int) -> State:
        """Return the state before the first step of `batch` pieces."""
        return repeat_state(self._initial, batch)

    def step(self, columns: ArrayLike, state: State) -> tuple[Logits, State]:
        """Read one id a piece, and return what may follow.

        `columns` are the input columns, integers of shape (batch, column), as a grammar gives them. The result is
        the logits of the next ids, (batch, vocabulary), and the state after this step.
        """
        feed = dict(zip(self._states, state, strict=True))
        feed[COLUMNS] = np.asarray(columns, dtype=np.int64)
        logits, *after = self._session.run(None, feed)
        return logits, tuple(after)

    def read(self, rows: NDArray[np.integer[Any]], state: State | None = None) -> tuple[Logits, State]:
        """Step through `rows`, (time, column) of one piece, from `state` (default: the initial one).

        `time` is at least 1. The result is that of the last step, with a batch of 1.
        """
        state = self.initial_state(1) if state is None else state
        for row in rows:
            logits, state = self.step(row[None], state)
        return logits, state


def take_rows(state: State, rows: Sequence[int]) -> State:
    """Return the rows of `state` with these numbers, in this order."""
    return tuple(part[list(rows)] for part in state)


def repeat_state(state: State, batch: int) -> State:
    """Return a state of one row `batch` times over."""
    return tuple(np.repeat(part, batch, axis=0) for part in state)


def _make_session(bundle: Bundle, threads: int, precision: StepPrecision) -> Any:
    weights = {n for n in bundle.weights if n.startswith(NETWORK)} - set(bundle.card.training_only)
    try:
        if precision == "float32":
            return _session_of(bundle.step, weights, bundle, threads)
        from ritornello.generation.step_model import quantised_step  # costs start-up; only here

        data, left = quantised_step(bundle.step, lambda graph, names: _run(graph, names, bundle))
        return _session_of(data, left, bundle, threads)
    except Exception as error:  # ONNX Runtime has a class of its own for each cause, none in common
        raise BundleError(f"{bundle.path}: the step graph cannot be built: {error}") from error


def _run(graph: bytes, names: set[str], bundle: Bundle) -> Sequence[NDArray[Any]]:
    """Return the outputs of a graph without inputs, some of whose tensors, `names`, are weights of `bundle`."""
    outputs: Sequence[NDArray[Any]] = _session_of(graph, names, bundle, threads=1).run(None, {})
    return outputs


def _session_of(graph: bytes, names: set[str], bundle: Bundle, threads: int) -> Any:
    """Return a session of `graph`, whose tensors `names` are weights of `bundle`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _ERRORS_ONLY
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(bundle.weights[name]) for name in names]
    options.add_external_initializers(list(names), values)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
