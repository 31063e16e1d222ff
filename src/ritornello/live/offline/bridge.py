"""Between the worker's JavaScript and `host`: arrays and texts cross here. Runs in Pyodide only."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyodide.ffi import to_js  # type: ignore[import-not-found]

from ritornello.live.offline.host import Host, Stored, play_log

_made: dict[str, Any] = {}


def make(facts: Any, arrays: Any, step: Callable[..., Any], post: Callable[[str], object]) -> Host:
    """Return the host of the model stored in these buffers; `step` and `post` are JavaScript."""

    def run(batch: int, inputs: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
        outputs = step(batch, to_js(inputs))
        return [np.frombuffer(each.to_bytes(), np.float32) for each in outputs]

    stored = Stored(json.loads(facts.to_bytes()), arrays.to_bytes())
    host = Host(stored, run, post)
    _made.update(host=host, stored=stored, run=run)
    return host


def answer(what: str, given: Any) -> Any:
    """Return what the page asks for besides its messages: an error line, a file, durations, or a log played."""
    host: Host = _made["host"]
    if what == "call":
        return host.call(given.to_bytes())
    if what == "midi":
        return to_js(host.midi())
    if what == "steps":
        return to_js(host.step_seconds())
    log, until = json.loads(given)
    return to_js(play_log(_made["stored"], _made["run"], log, until))
