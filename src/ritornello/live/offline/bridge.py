"""Between the worker's JavaScript and `host`: arrays, files and texts cross here. Runs in Pyodide only."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.live.offline.host import Host, Stored, make_entry, play_log
from ritornello.live.offline.wide_indices import accept_wide_indices


class Bridge:
    """A host for JavaScript."""

    def __init__(
        self, facts: Any, arrays: Any, step: Callable[..., Any], post: Callable[[str], object]
    ) -> None:
        accept_wide_indices()
        from pyodide.ffi import to_js  # type: ignore[import-not-found]  # it is in Pyodide only

        self._to_js = to_js
        told, self._step = json.loads(facts.to_bytes()), step
        self._entry = make_entry(Stored(told["model"], arrays.to_bytes()), self._run)
        self._host = Host(self._entry, told["settings"], told["seed"], post)
        self.receive, self.advance = self._host.receive, self._host.advance

    def _run(self, batch: int, inputs: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
        return [np.frombuffer(each.to_bytes(), np.float32) for each in self._step(batch, self._to_js(inputs))]

    def answer(self, what: str, given: Any) -> Any:
        """Return what the page asks for besides its messages; RitornelloError with one line if it is refused."""
        if what == "call":
            return self._host.play_call(given.to_bytes())
        if what == "record":
            return self._host.go_on_from(given.to_bytes())
        if what == "steps":
            return self._to_js(self._host.step_seconds())
        if what == "log":
            return self._to_js(play_log(self._entry, **json.loads(given)))
        return self._to_js(self._host.download(what))
