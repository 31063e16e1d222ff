"""Training in several processes of this machine, started as torchrun would."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Sequence
from multiprocessing import connection
from multiprocessing.process import BaseProcess

from ritornello.errors import RitornelloError


def run_in_processes(arguments: list[str], count: int) -> None:
    """Run `ritornello` with `arguments` in `count` processes of one group, and wait for them.

    If one of them fails, the others are ended too, and a RitornelloError is raised. Ctrl-C reaches all of them; they
    stop together.
    """
    context, port = multiprocessing.get_context("spawn"), _free_port()
    processes = [context.Process(target=_work, args=(r, count, port, arguments)) for r in range(count)]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for process in processes:
            process.start()
        while waiting := [process for process in processes if process.exitcode is None]:
            connection.wait([process.sentinel for process in waiting])
            _check(processes)
    finally:
        signal.signal(signal.SIGINT, before)
        for process in processes:
            process.kill()


def _check(processes: Sequence[BaseProcess]) -> None:
    """Raise RitornelloError if one of the processes has failed."""
    for rank, process in enumerate(processes):
        if process.exitcode:
            raise RitornelloError(
                f"process {rank} of {len(processes)} ended with code {process.exitcode}; "
                "go on from the last checkpoint with --resume"
            )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _work(rank: int, count: int, port: int, arguments: list[str]) -> None:
    """Run the command line as process `rank` of `count`, in a new process."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": count, "RANK": rank}
    os.environ.update({name: str(value) for name, value in place.items()})
    sys.argv = ["ritornello", *arguments]
    from ritornello.cli import main

    main()
