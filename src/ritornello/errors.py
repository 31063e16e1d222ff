"""The errors a caller can expect, one small tree:

    RitornelloError             the base class
    ├── FileError               a path that is missing, empty, unreadable or full
    │   └── FormatError         a file whose content does not match its suffix or is damaged
    │       └── BundleError     a model file that is damaged, of another version, or not a bundle
    ├── CorpusError             a folder without usable training data
    ├── ConfigError             a value, flag or name that is not allowed
    │   └── UnknownNameError    a name that is not registered; also a KeyError
    ├── DeviceError             a graphics card, or memory, that is full or fails
    ├── ServiceError            a service that cannot be reached or is busy, or a call of it that was ended
    └── MissingExtraError       an optional library that this call needs

A message names the problem, the value received, the allowed values, and the place, in one line. The command line prints
it and exits with code 2; a traceback is a bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RitornelloError(Exception):
    """The base class of all errors that this library raises on purpose."""


class FileError(RitornelloError):
    """A path that is missing, empty, unreadable, or cannot be written."""


class FormatError(FileError):
    """A file whose content does not match its suffix or is damaged."""


class BundleError(FormatError):
    """A `.rit` file that is damaged, of another version, or not a bundle."""


class CorpusError(RitornelloError):
    """A folder without usable training data."""


class ConfigError(RitornelloError):
    """A value, flag or name that is not allowed."""


class UnknownNameError(ConfigError, KeyError):
    """A name that is not registered. A KeyError, so that registries behave as mappings."""

    __str__ = Exception.__str__  # KeyError's would show the message in quotes


class DeviceError(RitornelloError):
    """A graphics card that is full or fails, or a processor without memory left."""


class ServiceError(RitornelloError):
    """A service that cannot be reached, refuses a call or is busy; or a call that was cancelled or took too long."""


class MissingExtraError(RitornelloError):
    """An optional library that this call needs is not installed."""

    def __init__(self, library: str, extra: str = "", note: str = "") -> None:
        package = f'"ritornello[{extra}]"' if extra else library
        super().__init__(
            f"{library} is not installed; run: pip install {package}" + f" ({note})" * bool(note)
        )


def counted(count: int, noun: str) -> str:
    """Return a number with its noun in singular or plural: "1 bar", "12 bars", "1,200 notes"."""
    return f"{count:,} {noun}" + "s" * (count != 1)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Return the error for an unknown name, with the nearest known one, and all known names if they are at most 40."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    candidate = f", nearest is {near[0]!r}" if near else ""
    listed = f"; known: {', '.join(names)}" if len(names) <= 40 else ""
    return UnknownNameError(f"unknown {kind} {name!r}{candidate}{listed}")
