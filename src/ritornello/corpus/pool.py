"""A process pool that maps one function over many items, each guarded: what fails, hangs or kills its process is named.

`map_guarded` is all a caller needs. Few items are worked on here, many in processes of our own, or in any
`concurrent.futures`-style executor that is passed in (a dask cluster's, for instance).

The processes are plain ones, each with a pipe: it answers item by item, so that when one dies or says nothing
for too long, the item at fault is known at once and only that process is replaced. They are started fresh
("spawn", on every platform), because a fork of a program that has threads can hang.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection
from types import FrameType, ModuleType
from typing import Any, TypeVar

from ritornello.errors import CorpusError, RitornelloError

Item = TypeVar("Item")
Result = TypeVar("Result")

FEW = 16
"""Fewer items than this are not worth the start of a process."""

_CHUNK = 32  # items handed out together: few messages, yet little to hand out again when a process dies
_START_SECONDS = 60.0  # a process may take this long to start, on a busy machine
_MOST_PROCESSES = 60  # Windows waits for no more than 63 handles


@dataclass(frozen=True)
class Failure:
    """Why an item has no result, in one line."""

    message: str


def map_guarded(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    processes: int | None = None,
    seconds_limit: float = 20.0,
    executor: Executor | None = None,
) -> Iterator[tuple[int, Result | Failure]]:
    """Yield (index, result or Failure) for every item, each once, as they are done, in no fixed order.

    function: to be run by processes it must be importable by name; a lambda is run here. processes: how many
    (default: one a processor); 1 stays in this process. An executor is kept busy with twice as many calls,
    or twice its `workers` where it says how many it has.
    seconds_limit: an item that takes longer is stopped; here and in executors this needs a main thread and
    POSIX. Closing the iterator, or Ctrl-C, ends the processes at once.
    """
    count = min(processes or processor_count(), _MOST_PROCESSES, max(1, len(items) // 2))
    if executor is not None:
        workers = processes or getattr(executor, "workers", None) or processor_count()
        return _run_in_executor(function, items, executor, 2 * workers, seconds_limit)
    if len(items) < FEW or count == 1 or multiprocessing.current_process().daemon or not _is_named(function):
        return _run_here(function, items, range(len(items)), seconds_limit)
    return _run_in_processes(function, items, count, seconds_limit)


def processor_count() -> int:
    """Return how many processors this process may use, at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _is_named(function: Callable[..., Any]) -> bool:
    """Whether another process can be told which function this is."""
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


# ---- one item -----------------------------------------------------------------------------------------------


class _Overtime(BaseException):
    """Raised in the midst of an item's work; no `except Exception` on the way may swallow it."""


def _attempt(function: Callable[[Item], Result], item: Item) -> Result | Failure:
    try:
        return function(item)
    except RitornelloError as error:
        return Failure(_one_line(str(error)))
    except MemoryError:
        return Failure("needs more memory than there is")
    except Exception as error:  # whatever one file does, the others go on
        return Failure(_one_line(f"unexpected {type(error).__name__}: {error}"))


def _attempt_in_time(function: Callable[[Item], Result], item: Item, seconds: float) -> Result | Failure:
    try:
        with _time_limit(seconds):
            return _attempt(function, item)
    except _Overtime:
        return _stopped(seconds)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise _Overtime inside after `seconds`, where that is possible."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGALRM, _raise_overtime)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, previous)


def _raise_overtime(number: int, frame: FrameType | None) -> None:
    raise _Overtime


def _stopped(seconds: float) -> Failure:
    return Failure(f"took longer than {seconds:g} seconds and was stopped")


def _one_line(text: str) -> str:
    return " ".join(text.split())


# ---- here, and in an executor -------------------------------------------------------------------------------


def _run_here(
    function: Callable[[Item], Result], items: Sequence[Item], indices: Sequence[int], seconds: float
) -> Iterator[tuple[int, Result | Failure]]:
    for index in indices:
        yield index, _attempt_in_time(function, items[index], seconds)


def _attempt_all(
    function: Callable[[Item], Result], items: list[Item], seconds: float
) -> list[Result | Failure]:
    return [_attempt_in_time(function, item, seconds) for item in items]


def _run_in_executor(
    function: Callable[[Item], Result], items: Sequence[Item], executor: Executor, calls: int, seconds: float
) -> Iterator[tuple[int, Result | Failure]]:
    size = max(1, min(_CHUNK, len(items) // (2 * calls)))
    chunks = deque(range(start, min(start + size, len(items))) for start in range(0, len(items), size))
    running: dict[Future[list[Any]], range] = {}
    try:
        while chunks or running:
            while chunks and len(running) < calls:
                chunk = chunks.popleft()
                running[executor.submit(_attempt_all, function, [items[i] for i in chunk], seconds)] = chunk
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                chunk, error = running.pop(future), future.exception()
                if error is None:
                    yield from zip(chunk, future.result(), strict=True)
                elif len(chunk) > 1 and not isinstance(error, BrokenExecutor):
                    chunks.extend(range(i, i + 1) for i in chunk)  # one of them did it: find it
                elif not isinstance(error, BrokenExecutor):
                    yield chunk[0], Failure(_one_line(f"its worker was lost: {error}"))
                else:
                    raise error
    except BrokenExecutor as error:
        raise CorpusError(f"the executor broke down: {_one_line(str(error))}") from error
    finally:
        for future in running:
            future.cancel()


# ---- in processes of our own --------------------------------------------------------------------------------


def _run_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], count: int, seconds: float
) -> Iterator[tuple[int, Result | Failure]]:
    chunk = max(1, min(_CHUNK, len(items) // (4 * count)))
    todo = deque(range(len(items)))
    workers: list[_Worker] = []
    try:
        for _ in range(count):
            workers += _start_worker(function, seconds)
        while workers and (todo or any(worker.pending for worker in workers)):
            for worker in workers:
                if todo and not worker.pending:
                    worker.give(items, [todo.popleft() for _ in range(min(chunk, len(todo)))])
            for worker in _ready(workers):
                yield from worker.answers()
                if worker.over:
                    workers.remove(worker)
                    todo.extendleft(reversed(worker.pending))
                    workers += _start_worker(function, seconds) if worker.has_started else []
    finally:
        for worker in workers:
            worker.end()
    yield from _run_here(function, items, todo, seconds)  # what is left where no process could be started


def _ready(workers: list[_Worker]) -> list[_Worker]:
    """Wait until a busy worker has answered, died, or passed its deadline; return these."""
    busy = [worker for worker in workers if worker.pending]
    pause = min(worker.deadline for worker in busy) - time.monotonic()
    ready = connection.wait([worker.pipe for worker in busy], max(0.0, pause))
    return [worker for worker in busy if worker.pipe in ready or worker.deadline <= time.monotonic()]


def _start_worker(function: Callable[[Any], Any], seconds: float) -> list[_Worker]:
    """Return a new worker, or none where the system gives no more processes."""
    try:
        return [_Worker(function, seconds)]
    except OSError:
        return []


class _Worker:
    """A process, the pipe to it, and the indices of the items that it has not answered yet, in order."""

    def __init__(self, function: Callable[[Any], Any], seconds: float) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, function), daemon=True)
        self.seconds = seconds
        self.pending: deque[int] = deque()
        self.has_started = self.over = False
        self.deadline = time.monotonic() + _START_SECONDS
        with _main_hidden(unless_in=pickle.dumps(function)), _interrupts_ignored():
            self.process.start()
        theirs.close()

    def give(self, items: Sequence[Any], indices: list[int]) -> None:
        """Hand out items. The process must have none left, or both sides could wait for each other."""
        self.pending.extend(indices)
        if self.has_started:
            self.deadline = time.monotonic() + self.seconds
        with suppress(OSError):  # if it has died, `answers` will find out
            self.pipe.send([items[index] for index in indices])

    def answers(self) -> Iterator[tuple[int, Any]]:
        """Yield what has been answered; the item at fault too, if the process has died or is too late."""
        try:
            while self.pending and self.pipe.poll():
                answer = self.pipe.recv()
                self.deadline = time.monotonic() + self.seconds
                if self.has_started:
                    yield self.pending.popleft(), answer
                self.has_started = True  # its first message says only that
        except (EOFError, OSError):
            yield from self._give_up(None)
        if self.pending and self.deadline <= time.monotonic():
            yield from self._give_up(_stopped(self.seconds))

    def _give_up(self, failure: Failure | None) -> Iterator[tuple[int, Failure]]:
        self.end()
        if self.has_started and self.pending:
            died = Failure(f"ended the process that read it (exit code {self.process.exitcode})")
            yield self.pending.popleft(), failure or died

    def end(self) -> None:
        """Stop the process, at once."""
        self.over = True
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(pipe: connection.Connection[Any, Any], function: Callable[[Any], Any]) -> None:
    """Answer chunks of items, item by item, until the other side is gone. Runs in the worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business: it ends this process
    with suppress(EOFError, OSError):
        pipe.send("started")
        while True:
            for item in pipe.recv():
                pipe.send(_attempt(function, item))


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let a new process inherit that Ctrl-C is not for it, so that it is not hit while still importing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def _main_hidden(unless_in: bytes) -> Iterator[None]:
    """Keep new processes from running the program's main file again, unless the function sent comes from it.

    So a script may call this library without an `if __name__ == "__main__"` around everything.
    """
    main = sys.modules["__main__"]
    if b"__main__" not in unless_in:
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
