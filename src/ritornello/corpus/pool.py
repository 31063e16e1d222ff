"""A process pool that maps one function over many items and names the item that fails, hangs or kills its process.

`map_guarded` is the whole interface. Few items are processed in this process, many in worker processes, or in any
`concurrent.futures`-style executor that is passed in (of a dask cluster, for instance).

Each worker process has a pipe and answers item by item, so that when one dies or exceeds the time limit, the item at
fault is known at once and only that process is replaced. Workers are started by "spawn" on every platform, because a
fork of a program that has threads can hang.
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
"""With fewer items than this, no process is started."""

_CHUNK = 32  # items sent together: few messages, and few items to send again when a process dies
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

    function: importable by name, or it runs in this process. processes: number of workers (default: one a processor);
    1 stays in this process. executor: gets up to twice as many calls at once, or twice its attribute `workers`.
    seconds_limit: an item that takes longer is stopped; in this process and in executors this needs a main thread and
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
    """Return the number of processors that this process may use, at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _is_named(function: Callable[..., Any]) -> bool:
    """Whether the function can be sent to another process."""
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


# ---- one item -----------------------------------------------------------------------------------------------


class _Overtime(BaseException):
    """Raised while an item is processed; a BaseException, so that no `except Exception` on the way catches it."""


def _attempt(function: Callable[[Item], Result], item: Item) -> Result | Failure:
    try:
        return function(item)
    except RitornelloError as error:
        return Failure(_one_line(str(error)))
    except MemoryError:
        return Failure("needs more memory than there is")
    except Exception as error:  # an error in one item does not stop the others
        return Failure(_one_line(f"unexpected {type(error).__name__}: {error}"))


def _attempt_in_time(function: Callable[[Item], Result], item: Item, seconds: float) -> Result | Failure:
    """As `_attempt`; a Failure after `seconds`, where there are timers and this is the main thread."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return _attempt(function, item)

    def raise_overtime(number: int, frame: FrameType | None) -> None:
        raise _Overtime

    previous = signal.signal(signal.SIGALRM, raise_overtime)
    try:
        timer = signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return _attempt(function, item)
        finally:
            signal.setitimer(signal.ITIMER_REAL, *timer)
    except _Overtime:
        return _stopped(seconds)
    finally:
        signal.signal(signal.SIGALRM, previous)


def _stopped(seconds: float) -> Failure:
    return Failure(f"took longer than {seconds:g} seconds and was stopped")


def _one_line(text: str) -> str:
    return " ".join(text.split())


# ---- in this process, and in an executor -------------------------------------------------------------------


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
                    chunks.extend(
                        range(i, i + 1) for i in chunk
                    )  # retry one by one, to find the item at fault
                elif not isinstance(error, BrokenExecutor):
                    yield chunk[0], Failure(_one_line(f"its worker was lost: {error}"))
                else:
                    raise error
    except BrokenExecutor as error:
        raise CorpusError(f"the executor broke down: {_one_line(str(error))}") from error
    finally:
        for future in running:
            future.cancel()


# ---- in worker processes ------------------------------------------------------------------------------------


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
            busy = [worker for worker in workers if worker.pending]
            pause = min(worker.deadline for worker in busy) - time.monotonic()
            connection.wait([worker.pipe for worker in busy], max(0.0, pause))
            for worker in busy:
                yield from worker.answers()
                if worker.over:
                    workers.remove(worker)
                    todo.extendleft(reversed(worker.pending))
                    workers += _start_worker(function, seconds) if worker.has_started else []
    finally:
        for worker in workers:
            worker.end()
    yield from _run_here(function, items, todo, seconds)  # the rest, where no process could be started


def _start_worker(function: Callable[[Any], Any], seconds: float) -> list[_Worker]:
    """Return one new worker, or none if the system refuses to start a process."""
    try:
        return [_Worker(function, seconds)]
    except OSError:
        return []


class _Worker:
    """A worker process, the pipe to it, and the indices of the items that it has not answered yet, in order."""

    def __init__(self, function: Callable[[Any], Any], seconds: float) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(other_end, function), daemon=True)
        self.seconds = seconds
        self.pending: deque[int] = deque()
        self.has_started = self.over = False
        self.deadline = time.monotonic() + _START_SECONDS
        with _isolated_start(pickle.dumps(function)):
            self.process.start()
        other_end.close()

    def give(self, items: Sequence[Any], indices: list[int]) -> None:
        """Send items. The process must have none left, or both sides could wait for each other."""
        self.pending.extend(indices)
        if self.has_started:
            self.deadline = time.monotonic() + self.seconds
        with suppress(OSError):  # `answers` reports a process that has died
            self.pipe.send([items[index] for index in indices])

    def answers(self) -> Iterator[tuple[int, Any]]:
        """Yield the answers so far, and a Failure for the current item if the process died or exceeded its time."""
        try:
            while self.pending and self.pipe.poll():
                answer = self.pipe.recv()
                self.deadline = time.monotonic() + self.seconds
                if self.has_started:
                    yield self.pending.popleft(), answer
                self.has_started = True  # the first message is "started"
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
    """Answer chunks of items, item by item, until the other end is closed. Runs in the worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # at Ctrl-C the parent ends this process
    with suppress(EOFError, OSError):
        pipe.send("started")
        while True:
            for item in pipe.recv():
                pipe.send(_attempt(function, item))


@contextmanager
def _isolated_start(sent: bytes) -> Iterator[None]:
    """Let new processes ignore Ctrl-C from their first import on, and not run the program's main file again.

    The main file is needed only if the pickled function, `sent`, comes from it. So a script may call this library
    without an `if __name__ == "__main__"` around everything.
    """
    main, in_main_thread = sys.modules["__main__"], threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main_thread else None
    if b"__main__" not in sent:
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if in_main_thread:
            signal.signal(signal.SIGINT, previous)
