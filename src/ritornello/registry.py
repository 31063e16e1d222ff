"""Members by name: what comes with the library, and what other packages add.

    FORMATS = Registry[Format](
        "format", group="ritornello.formats", rows={".mid": MIDI, ".txt": "ritornello.formats.text:TEXT"}
    )

A row is a member, or a reference "module:attribute" that is imported when the member is first used. A package adds a
member by an entry point of the registry's group, in its pyproject.toml:

    [project.entry-points."ritornello.formats"]
    ".gp" = "ritornello_tablature:GUITAR_PRO"

Installed packages are searched only when a name is not in the rows, or when all names are listed. Every process
finds the same members, worker processes among them; a member set by `registry[name] = member` is known to this
process only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import cache, cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from ritornello.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Registry(MutableMapping[str, T], Generic[T]):
    """Members of one kind by name, imported when first used.

    `registry[name]` raises UnknownNameError, a ConfigError and KeyError, for a name that no package provides, and
    ConfigError for a member of a package that cannot be used; the message names the package. `name in registry` and
    iteration import nothing.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        rows: Mapping[str, T | str],
        accept: Callable[[str, Any], T] | None = None,
    ) -> None:
        """`kind` is the word for a member in messages; `group` is the group of entry points.

        `accept(name, value)` returns the member that the value of a package's entry point stands for; whatever it
        raises is reported as a fault of that package.
        """
        self.kind, self.group = kind, group
        self._rows: dict[str, T | str] = dict(rows)
        self._accept = accept
        self._imported: dict[str, T] = {}
        self._clashes: list[tuple[EntryPoint, str]] = []

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}, {list(self)})"

    def __getitem__(self, name: str) -> T:
        if name not in self._imported:
            row = self._rows.get(name)
            self._imported[name] = (
                self._import(name) if row is None else _resolve(row) if isinstance(row, str) else row
            )
        return self._imported[name]

    def __setitem__(self, name: str, member: T) -> None:
        self._rows[name] = self._imported[name] = member

    def __delitem__(self, name: str) -> None:
        del self._rows[name], self._imported[name]

    def __contains__(self, name: object) -> bool:
        return name in self._rows or name in self._points

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._rows, *sorted(self._points)]))

    def __len__(self) -> int:
        return len(self._rows.keys() | self._points.keys())

    @property
    def own(self) -> tuple[str, ...]:
        """The names of the rows that come with the library."""
        return tuple(self._rows)

    def package(self, name: str) -> str:
        """Return the package that provides a member, such as "ritornello-mini 0.1"; empty if ritornello itself does."""
        return "" if name in self._rows or name not in self._points else _package(self._points[name])

    def usable(self) -> dict[str, T]:
        """Return every member that can be used, imported; `problems` tells of the others."""
        found = {}
        for name in self:
            try:
                found[name] = self[name]
            except ConfigError:
                continue
        return found

    def problems(self) -> list[str]:
        """Return a line, naming the package, for each entry point that cannot be used. Imports every member."""
        lines = []
        for name in self._points:
            try:
                _ = self[name]
            except ConfigError as error:
                lines.append(str(error))
        return lines + [
            f"{_package(point)}: {self.kind} {point.name!r} is not used: {owner} has one of that name"
            for point, owner in self._clashes
        ]

    @cached_property
    def _points(self) -> dict[str, EntryPoint]:
        """The entry points of installed packages, by name; those whose name is taken are put into `_clashes`."""
        points: dict[str, EntryPoint] = {}
        for point in sorted(_entry_points().select(group=self.group), key=_package):
            if point.name in self._rows:
                self._clashes.append((point, "ritornello"))
            elif point.name in points:
                self._clashes.append((point, _package(points[point.name])))
            else:
                points[point.name] = point
        return points

    def _import(self, name: str) -> T:
        """Return the member of a package."""
        if name not in self._points:
            raise unknown_name(self.kind, name, self)
        point = self._points[name]
        try:
            value = point.load()
            return cast(T, value) if self._accept is None else self._accept(name, value)
        except Exception as error:  # whatever a package may do
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ConfigError(f"{_package(point)}: {self.kind} {name!r} cannot be used: {reason}") from error


def named(*attributes: str) -> Callable[[str, Any], Any]:
    """Return an `accept` for members that know their own `name`, and have `attributes`."""

    def accept(name: str, value: Any) -> Any:
        if value.name != name:
            raise ValueError(f"its name is {value.name!r}")
        for attribute in attributes:
            getattr(value, attribute)
        return value

    return accept


def _resolve(reference: str) -> Any:
    """Return the attribute that "module:attribute" refers to."""
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


@cache
def _entry_points() -> Any:
    """Return the entry points of all groups. The files of all installed packages are read for them, so only once."""
    from importlib.metadata import entry_points  # slow to import

    return entry_points()


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
