"""The stepping runtime: a bundle's network one step at a time, on ONNX Runtime, without torch.

A state is a tuple of float32 arrays, batch first, that holds everything about the past. A step never changes the state
that it takes, so states can be kept, copied and cut by rows. Rows are independent: a piece is the same in every batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.bundle import Bundle
from ritornello.bundle.step_graph import COLUMNS, NETWORK
from ritornello.errors import BundleError
from ritornello.generation.settings import StepPrecision

State = tuple[NDArray[np.float32], ...]
Logits = NDArray[np.float32]

_ERRORS_ONLY = 3  # ONNX Runtime's severity; its warnings are about the graph


class Stepper:
    """The network of a bundle. With `precision` int8 a step is faster, with weights rounded to 8 bits (see
    `step_model`); auto is int8 for a bundle that stores its weights so, else float32. With two `threads` steps may run
    beside the caller (`start`), one at a time."""

    def __init__(self, bundle: Bundle, threads: int = 1, precision: StepPrecision = "auto") -> None:
        """Build the graph with the bundle's weights; raises BundleError if they do not fit each other."""
        self.vocabulary_size, self.threads = bundle.card.vocabulary_size, threads
        self._check: Callable[[], None] | None = None
        step, names = bundle.step, {name for name in bundle.weights if name.startswith(NETWORK)}
        names -= set(bundle.card.training_only)
        try:
            if precision == "int8" or (precision == "auto" and bundle.card.precision == "int8"):
                from ritornello.generation.step_model import quantised_step  # slow to import

                step, names = quantised_step(
                    step, lambda graph, weights: _session_of(graph, weights, bundle).run(None, {})
                )
            self._graph = step, names, bundle
            self._session = _session_of(*self._graph)
        except Exception as error:  # ONNX Runtime has a class of its own for each cause, none in common
            raise BundleError(f"{bundle.path}: the step graph cannot be built: {error}") from error
        self._states = [node.name for node in self._session.get_inputs()[1:]]
        try:
            self._initial = tuple(bundle.weights[f"initial_{name}"] for name in self._states)
        except KeyError as error:
            raise BundleError(f"{bundle.path}: the weights lack {error.args[0]}") from error

    def watched(self, check: Callable[[], None]) -> Stepper:
        """Return this runtime with `check` called before each step; it may raise an error, to end what is computed."""
        other = copy(self)
        other._check = check
        return other

    def initial_state(self, batch: int) -> State:
        """Return the state before the first step, for `batch` pieces."""
        return repeat_state(self._initial, batch)

    def step(self, columns: ArrayLike, state: State) -> tuple[Logits, State]:
        """Return the logits of the next ids, (batch, vocabulary), and the state after one step.

        `columns` are the input columns, integers of shape (batch, column), of a `GrammarState`.
        """
        logits, *after = self._session.run(None, self._feed(columns, state))
        return logits, tuple(after)

    def start(self, columns: ArrayLike, state: State) -> Callable[[], tuple[Logits, State]]:
        """Begin a step beside the caller, in a thread of ONNX Runtime. Return a function, to be called once, that waits
        for it and returns what `step` does."""
        feed, done = self._feed(columns, state), SimpleQueue[tuple[list[Any], str]]()
        self._beside.run_async(None, feed, lambda outputs, _, error: done.put((outputs, error)), None)

        def finish() -> tuple[Logits, State]:
            outputs, error = done.get()
            if error:
                raise BundleError(f"a step of the network failed: {error}")
            return outputs[0], tuple(outputs[1:])

        return finish

    @cached_property
    def _beside(self) -> Any:
        """A session whose steps run in a thread of ONNX Runtime, which begins without Python's lock."""
        return _session_of(*self._graph, threads=2)

    def portable(self) -> tuple[bytes, list[dict[str, Any]], list[str]]:
        """Return the network for another ONNX Runtime: the graph with its weights; name and sizes, without the batch,
        of each input, the columns first; the names of the outputs, the logits first."""
        from ritornello.generation.onnx_model import with_externals

        step, names, bundle = self._graph
        graph = with_externals(step, {name: bundle.weights[name] for name in names})
        inputs = [{"name": node.name, "sizes": list(node.shape[1:])} for node in self._session.get_inputs()]
        return graph, inputs, [node.name for node in self._session.get_outputs()]

    def _feed(self, columns: ArrayLike, state: State) -> dict[str, Any]:
        if self._check:
            self._check()
        return dict(zip(self._states, state, strict=True)) | {COLUMNS: np.asarray(columns, dtype=np.int64)}

    def read(self, rows: NDArray[np.integer[Any]], state: State | None = None) -> tuple[Logits, State]:
        """Step through the rows of one piece, (time, column), from `state` (default: the initial one).

        `time` is at least 1. Returns the result of the last step, with a batch of 1.
        """
        state = self.initial_state(1) if state is None else state
        for row in rows:
            logits, state = self.step(row[None], state)
        return logits, state


def take_rows(state: State, rows: Sequence[int]) -> State:
    """Return these rows of `state`, in this order."""
    return tuple(part[list(rows)] for part in state)


def repeat_state(state: State, batch: int) -> State:
    """Return a state of one row, repeated to a batch."""
    return tuple(np.repeat(part, batch, axis=0) for part in state)


def _session_of(graph: bytes, names: set[str], bundle: Bundle, threads: int = 1) -> Any:
    """Return a session of `graph`, whose external tensors `names` are weights of `bundle`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _ERRORS_ONLY
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(bundle.weights[name]) for name in names]
    options.add_external_initializers(list(names), values)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
