"""Limits of a step graph, which may come from a stranger: it runs no loops, and has bounded time and memory.

A graph without loops does about the same work in every step, so its first one, in a batch of 1, is timed; memory is
bounded in every step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Timer
from typing import Any

from ritornello.errors import BundleError, RitornelloError
from ritornello.generation.onnx_model import CONTRIBUTED, read_model

LONGEST = 10.0
"""Seconds for building a graph, and for its first step; those of the largest shipped model take 0.1 and 0.001."""

MOST_MEMORY = 1 << 30
"""Bytes of intermediate results of the steps of all models together; weights do not count."""

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", CONTRIBUTED)
"""Of the operators that a graph may use: ONNX's and ONNX Runtime's own."""


def check_graph(step: bytes) -> None:
    """Raise ValueError for a graph with loops or other parts that are graphs themselves, or functions of its own."""
    model = read_model(step)
    if model.functions:
        raise ValueError("it defines operators of its own, which is not allowed")
    for node in model.graph.node:
        if node.domain not in DOMAINS:
            raise ValueError(f"operator {node.operator[:40]!r} is of the unknown domain {node.domain[:40]!r}")
        if any(attribute.HasField("graph") or attribute.graphs for attribute in node.attribute):
            raise ValueError(
                f"operator {node.operator[:40]!r} holds a graph of its own, as loops do: not allowed"
            )


@contextmanager
def step_errors(what: str) -> Iterator[None]:
    """Turn errors of ONNX Runtime, which has a class for each cause, none in common, into a BundleError that begins
    with `what`."""
    try:
        yield
    except RitornelloError:
        raise
    except Exception as error:
        raise BundleError(f"{what}: {reason(error)}") from error


_TOO_MUCH = re.compile(r"Available memory of \d+ is smaller than requested bytes of (\d+)")
_CANCELLED = re.compile("terminate flag|MODEL_LOAD_CANCELED")


def reason(error: object) -> str:
    """Return an error of ONNX Runtime in one line, those of the limits in words of this library."""
    text = " ".join(str(error).split())
    if found := _TOO_MUCH.search(text):
        return f"it asks for {found[1]} bytes of memory; allowed are {MOST_MEMORY}"
    if _CANCELLED.search(text):
        return f"it takes more than {LONGEST:g} seconds"
    return text[:300] or type(error).__name__


@cache
def limit_memory() -> None:
    """Let all sessions with the entry SHARED take the memory of intermediate results from one arena of MOST_MEMORY."""
    import onnxruntime

    kind, place = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    memory = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, place)
    as_requested, default = 1, -1
    arena = onnxruntime.OrtArenaCfg(MOST_MEMORY, as_requested, default, default)
    onnxruntime.create_and_register_allocator(memory, arena)


SHARED = "session.use_env_allocators", "1"


@contextmanager
def limited_time(options: Any) -> Iterator[None]:
    """Cancel what runs with these options (of a session that is built, or of a run) after LONGEST seconds."""

    def cancel() -> None:
        if hasattr(options, "terminate"):
            options.terminate = True
        else:
            options.set_load_cancellation_flag(True)

    timer = Timer(LONGEST, cancel)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
