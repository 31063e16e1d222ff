"""The types of the arrays that notes and ids come in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
"""Over the vocabulary: which ids are meant. Over time: at which steps something holds."""

Floats = NDArray[np.float64]
