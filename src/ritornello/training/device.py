"""The device of a run: a graphics card if one works, else the processor; and what its errors mean, in one line."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from ritornello.errors import ConfigError, DeviceError

_OF_A_DRIVER = re.compile(
    r"(CUDA|HIP|cuDNN|MIOpen) (driver )?error|CUBLAS_|CUDNN_STATUS|MPS backend|NVIDIA driver"
)


def choose_device(name: str) -> torch.device:
    """Return the device of that name; auto: cuda if it works, else the cpu. ConfigError if the named one does not.

    Each of several processes on one machine takes a graphics card of its own, as far as they suffice.
    """
    if name == "auto":
        if not torch.cuda.is_available():
            return torch.device("cpu")
        card = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        return torch.device("cpu") if _why_unusable(card) else card
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device {name!r} is none; known are auto, cpu, cuda and mps") from error
    if reason := _why_unusable(device):
        raise ConfigError(
            f"device {name!r} is not available here ({reason}); --device auto takes the best that is, --device cpu the "
            "processor"
        )
    return device


def _why_unusable(device: torch.device) -> str:
    """Return why a device cannot compute, or nothing."""
    try:
        (torch.zeros(1, device=device) + 1).item()
    except (RuntimeError, AssertionError) as error:
        return _first_line(error)
    return ""


def synchronise(device: torch.device) -> None:
    """Wait until a device has done what it was given, for measuring."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


@contextmanager
def device_errors(device: str, advice: Callable[[], str]) -> Iterator[None]:
    """Raise a DeviceError, a line with advice, for errors of a device: of its memory, and of its driver."""
    try:
        yield
    except RuntimeError as error:
        is_full = isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
        if (
            not is_full
            and not isinstance(error, getattr(torch, "AcceleratorError", ()))
            and not _OF_A_DRIVER.search(str(error))
        ):
            raise
        what = "has no memory left" if is_full else f"fails ({_first_line(error)})"
        raise DeviceError(f"device {device!r} {what}; {advice()}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
