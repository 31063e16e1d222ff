"""The models of a service, by name; loaded when first used, and kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from ritornello.bundle import SUFFIX
from ritornello.errors import ConfigError, unknown_name
from ritornello.generation import DEFAULT_MODEL, Model, find_bundle, load, shipped_bundles

MOST_LOADED = 16
"""Models that are kept; one takes some 70 MB, a large one 300."""


class Models:
    """Names of models and their files; the first is the default. A name that is none of these is refused, so a request
    reads no file of its choice."""

    def __init__(self, names: Sequence[str | Path] = (), most: int = MOST_LOADED) -> None:
        """`names` are those of shipped models, paths or addresses (default: all shipped, DEFAULT_MODEL first)."""
        if names:
            files = [find_bundle(name) for name in names]
            self.files = {path.name.removesuffix(SUFFIX): path for path in files}
            if len(self.files) < len(files):
                raise ConfigError(f"two models have the same name: {', '.join(path.name for path in files)}")
        else:
            shipped = sorted(shipped_bundles().items(), key=lambda row: (row[0] != DEFAULT_MODEL, row[0]))
            self.files = dict(shipped)
        if not self.files:
            raise ConfigError("no models are shipped with this copy: name a .rit file")
        self._lock, self._loaded, self._most = threading.Lock(), dict[str, Model](), most

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def find(self, name: str | None = None) -> Model:
        """Return the model of a name (default: the first); UnknownNameError, with the nearest, for another."""
        name = next(iter(self.files)) if name is None else name
        if name not in self.files:
            raise unknown_name("model", name[:80], self.files)
        with self._lock:
            model = self._loaded.pop(name, None) or load(self.files[name])
            self._loaded[name] = model  # those used last are last
            if len(self._loaded) > self._most:
                del self._loaded[next(iter(self._loaded))]
        return model
