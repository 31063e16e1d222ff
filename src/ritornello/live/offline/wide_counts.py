"""numpy as the library uses it, on 32 bits.

numpy for WebAssembly has indices of 32 bits. There `repeat`, `bincount` and `take` refuse counts and indices of 64 bits,
which the rest of the library has everywhere, since some would not fit. Those of a session do: none is as large as the
memory of the page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

INDICES = {"repeat": 1, "bincount": 0, "take": 1}
"""The functions of numpy that refuse wide integers, and which of their arguments holds the counts or the indices."""


def narrowing(function: Callable[..., Any], position: int) -> Callable[..., Any]:
    """Return the function with its argument at `position` converted to `np.intp` if it holds integers."""

    @wraps(function)
    def narrow(*arguments: Any, **options: Any) -> Any:
        values = np.asarray(arguments[position])
        if values.dtype.kind in "iu":
            arguments = *arguments[:position], values.astype(np.intp, copy=False), *arguments[position + 1 :]
        return function(*arguments, **options)

    return narrow


def accept_wide_counts() -> None:
    """Have numpy accept counts and indices of 64 bits, for this process; called once, in the page only."""
    for name, position in INDICES.items():
        setattr(np, name, narrowing(getattr(np, name), position))
