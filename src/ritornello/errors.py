"""The errors a caller can expect, one small tree:

    RitornelloError             anything this library refuses, in one clear line
    ├── FileError               a path that is missing, empty, unreadable or full
    │   └── FormatError         a file that is not what its name or content claims
    │       └── BundleError     a model file that is damaged, of another version, or no bundle
    ├── CorpusError             a folder from which nothing can be learned
    ├── ConfigError             a value, flag or name that is not allowed
    │   └── UnknownNameError    a name that is in no table; a KeyError, too
    └── MissingExtraError       an optional library that this call needs

A message says what, the value received, what is allowed, and where. The command line prints it as one line
and exits with code 2; a traceback is a bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RitornelloError(Exception):
    """Root of everything raised on purpose."""


class FileError(RitornelloError):
    """A path that is missing, empty, unreadable, or cannot be written."""


class FormatError(FileError):
    """A file whose content is not what its suffix claims."""


class BundleError(FormatError):
    """A `.rit` file that is damaged, of another version, or not a bundle."""


class CorpusError(RitornelloError):
    """A folder from which nothing can be learned."""


class ConfigError(RitornelloError):
    """A value, flag or name that is not allowed."""


class UnknownNameError(ConfigError, KeyError):
    """A name that is in no table. A KeyError, so that tables are mappings as Python has them."""

    __str__ = Exception.__str__  # KeyError's would show the message in quotes


class MissingExtraError(RitornelloError):
    """An optional library that this call needs is not installed."""

    def __init__(self, library: str, extra: str = "") -> None:
        package = f'"ritornello[{extra}]"' if extra else library
        super().__init__(f"{library} is not installed; run: pip install {package}")


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Return the error for a name that is in no table, with the nearest that is (and all, if not too many)."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    candidate = f", nearest is {near[0]!r}" if near else ""
    listed = f"; known: {', '.join(names)}" if len(names) <= 40 else ""
    return UnknownNameError(f"unknown {kind} {name!r}{candidate}{listed}")
