"""The network of Basic Pitch: samples -> how likely each key of a piano is struck, and sounds, in each frame.

`nmp.onnx` is the published model (R. M. Bittner, J. J. Bosch, D. Rubinstein, G. Meseguer-Brocal and S. Ewert, A
Lightweight Instrument-Agnostic Model for Polyphonic Note Transcription and Multipitch Estimation, ICASSP 2022;
Apache-2.0). It takes windows of 43,844 samples and gives 172 frames for each. Windows are laid so that a frame has the
same place in all of them, and the frames near their edges, which know only one side, are left out.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.data import TRANSCRIPTION
from ritornello.formats.audio.sound import Samples

HOP = 256
"""Samples from frame to frame; frame k is centred at sample k * HOP."""

KEYS, LOWEST = 88, 21
"""The pitches that the network knows: those of a piano, from A0 up."""

_WINDOW, _FRAMES = 43_844, 172
_MARGIN = 15  # frames at each edge of a window that are left out
_KEPT = _FRAMES - 2 * _MARGIN
_BATCH = 4  # windows

Likelihoods = NDArray[np.float32]
_INPUT, _STRUCK, _SOUNDING = (
    "serving_default_input_2:0",
    "StatefulPartitionedCall:2",
    "StatefulPartitionedCall:1",
)


class Posteriors(NamedTuple):
    """How likely each key is struck in a frame, and how likely it sounds: (frames, KEYS), 0 to 1."""

    struck: Likelihoods
    sounding: Likelihoods


def posteriors(samples: Samples, progress: Callable[[int, int], None] | None = None) -> Posteriors:
    """Return the posteriors of `samples`, (samples,) at `sound.RATE`; `progress` is told the frames done, and all."""
    frames = len(samples) // HOP + 1
    windows = -(-frames // _KEPT)
    before = np.zeros(_MARGIN * HOP, dtype=np.float32)
    after = np.zeros(windows * _KEPT * HOP + _WINDOW - len(samples), dtype=np.float32)
    padded = np.concatenate([before, samples, after])
    struck, sounding = (np.empty((windows * _KEPT, KEYS), dtype=np.float32) for _ in range(2))
    inside = slice(_MARGIN, _MARGIN + _KEPT)
    for first in range(0, windows, _BATCH):
        batch = range(first, min(windows, first + _BATCH))
        inputs = np.stack([padded[i * _KEPT * HOP :][:_WINDOW, None] for i in batch])
        outputs = _session().run([_STRUCK, _SOUNDING], {_INPUT: inputs})
        rows = slice(first * _KEPT, (first + len(batch)) * _KEPT)
        for kept, output in zip((struck, sounding), outputs, strict=True):
            kept[rows] = output[:, inside].reshape(-1, KEYS)
        if progress is not None:
            progress(min(frames, rows.stop), frames)
    return Posteriors(struck[:frames], sounding[:frames])


@cache
def _session() -> Any:
    """Return the network in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    if multiprocessing.parent_process() is not None:  # a worker: there is one for each processor
        options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(TRANSCRIPTION / "nmp.onnx"), options, providers=["CPUExecutionProvider"]
    )
