"""The catalog of a server's models: their cards are read at the start, their networks when chosen, or before."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from ritornello.bundle import SUFFIX, Bundle, load_bundle
from ritornello.errors import ConfigError, unknown_name
from ritornello.generation import DEFAULT_MODEL, find_bundle, shipped_bundles
from ritornello.generation.stepper import Stepper
from ritornello.live.session.engine import Engine
from ritornello.live.session.model import LiveModel, make_live_model
from ritornello.memory import free_memory
from ritornello.representations.grids import known_meter
from ritornello.theory import instrument_name

log = logging.getLogger(__name__)

METERS = ("2/4", "3/4", "4/4", "5/4", "6/8", "7/8", "9/8", "12/8")
"""The meters that the page offers, where the model has them."""

NICENESS = 10
"""Of the thread that loads models ahead: live play goes first."""

LEAST_FREE = 1 << 30
"""Bytes of free memory below which no model is loaded ahead; one takes some 70 MB, a large one 300."""


class ModelEntry:
    """A model in the catalog, called `name`. `load` builds `model` and `engine`, once."""

    def __init__(self, name: str, bundle: Bundle) -> None:
        self.name, self.bundle = name, bundle
        self._lock = threading.Lock()

    def load(self) -> None:
        """Build the model, unless built, which takes a moment; ConfigError if it cannot be played live."""
        with self._lock:
            _ = self.model

    @cached_property
    def engine(self) -> Engine:
        return Engine(Stepper(self.bundle))

    @cached_property
    def model(self) -> LiveModel:
        return make_live_model(self.bundle, self.engine.stepper)

    @property
    def is_loaded(self) -> bool:
        return "model" in self.__dict__

    def to_json(self) -> dict[str, Any]:
        """Return the entry for the page."""
        programs = self.model.programs if self.is_loaded else self.bundle.representation.tokens.programs
        return {
            "name": self.name,
            "title": self.name[:1].upper() + self.name[1:],
            "description": self.bundle.card.description,
            "meters": [meter for meter in METERS if self._knows(meter)],
            "instruments": [{"program": each, "name": instrument_name(each)} for each in programs],
        }

    def _knows(self, meter: str) -> bool:
        numerator, denominator = map(int, meter.split("/"))
        meters = self.bundle.representation.meters
        return not meters or known_meter(meters, (numerator, denominator)) is not None


class Catalog:
    """All the models of a server, by name; the first is the default."""

    def __init__(self, entries: Sequence[ModelEntry]) -> None:
        self._condition = threading.Condition()
        self._urgent, self._is_closed = 0, False  # loads that somebody waits for
        self._entries = {entry.name: entry for entry in entries}
        if len(self._entries) < len(entries):
            raise ConfigError(f"two models have the same name: {', '.join(entry.name for entry in entries)}")

    def __iter__(self) -> Iterator[ModelEntry]:
        return iter(self._entries.values())

    def find(self, name: str | None) -> ModelEntry:
        """Return the entry of a name (default: the first); ConfigError, with the nearest, for another."""
        if name is None:
            return next(iter(self._entries.values()))
        if name not in self._entries:
            raise unknown_name("model", name[:80], self._entries)
        return self._entries[name]

    def load_ahead(self) -> threading.Thread:
        """Load all models in a thread at low priority, one after another, until `close`; return it.

        It ends early where memory is short.
        """
        thread = threading.Thread(target=self._load_all, name="models", daemon=True)
        thread.start()
        return thread

    def load(self, entry: ModelEntry) -> None:
        """Load a model that somebody waits for: those ahead of time wait meanwhile; see `ModelEntry.load`."""
        with self._condition:
            self._urgent += 1
        try:
            entry.load()
        finally:
            with self._condition:
                self._urgent -= 1
                self._condition.notify_all()

    def close(self) -> None:
        """Load no more models ahead."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()

    def _load_all(self) -> None:
        if sys.platform == "linux":  # there, threads have priorities of their own
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        for entry in self:
            with self._condition:
                self._condition.wait_for(lambda: self._is_closed or not self._urgent)
            if self._is_closed or (free_memory() or LEAST_FREE) < LEAST_FREE:
                return
            try:
                entry.load()
            except Exception as error:  # who chooses it is told
                log.warning("model %s is not loaded ahead: %s", entry.name, error)

    def entry_of(self, model: LiveModel) -> ModelEntry:
        """Return the entry of a loaded model."""
        return next(entry for entry in self if entry.is_loaded and entry.model is model)


def load_catalog(names: Sequence[str] = ()) -> Catalog:
    """Return a catalog of shipped models, by name, and of bundles, by path.

    Default: all that are shipped, DEFAULT_MODEL first.
    """
    if names:
        paths = {path: path.name.removesuffix(SUFFIX) for path in map(find_bundle, names)}
    else:
        shipped = sorted(shipped_bundles().items(), key=lambda row: (row[0] != DEFAULT_MODEL, row[0]))
        paths = {path: name for name, path in shipped}
    if not paths:
        raise ConfigError("no models are shipped with this copy: name a .rit file")
    return Catalog([ModelEntry(name, load_bundle(path)) for path, name in paths.items()])
