"""Counts and indices of 64 bits for the functions of numpy that refuse them on a platform of 32.

Compiled to WebAssembly, numpy has indices of 32 bits. Functions that convert an index by the rule "safe" raise
TypeError for arrays of 64, which the library has everywhere; indexing with brackets converts them by itself. A server
and a page run the same modules, so the page's numpy is made to accept what the server's does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np

INDEX_ARGUMENTS = {"bincount": (0, "x"), "repeat": (1, "repeats"), "take": (1, "indices")}
"""The functions, and the position and name of the argument that holds counts or indices."""


def accept_wide_indices(numpy: ModuleType = np) -> None:
    """Replace the functions of INDEX_ARGUMENTS in `numpy` by ones that accept integers of any size.

    Values that do not fit into 32 bits would wrap around; there is no memory for so many elements.
    """
    for name, (position, keyword) in INDEX_ARGUMENTS.items():
        setattr(numpy, name, _accepting(getattr(numpy, name), position, keyword))


def _accepting(function: Callable[..., Any], position: int, keyword: str) -> Callable[..., Any]:
    @wraps(function)
    def accepting(*args: Any, **kwargs: Any) -> Any:
        if keyword in kwargs:
            kwargs[keyword] = _as_indices(kwargs[keyword])
        elif len(args) > position:
            args = (*args[:position], _as_indices(args[position]), *args[position + 1 :])
        return function(*args, **kwargs)

    return accepting


def _as_indices(values: Any) -> Any:
    array = np.asarray(values)
    return array.astype(np.intp, copy=False) if array.dtype.kind in "iu" else values
