"""map_guarded: whatever an item does to its process, every item is answered once and the rest go on."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from ritornello.corpus.pool import Failure, map_guarded
from ritornello.errors import CorpusError, FormatError


def misbehave(item: object) -> object:
    """Return twice a number; as a word, do what it says."""
    if item == "refuse":
        raise FormatError("x.mid: not\nMIDI")
    if item == "break":
        raise ZeroDivisionError("a bug")
    if item == "fill":
        raise MemoryError
    if item == "exit":
        os._exit(3)
    if item == "sleep":
        time.sleep(600)
    if item == "swallow":
        swallow_everything()
    return 2 * item  # type: ignore[operator]


def swallow_everything() -> None:
    """Hang as code does that takes its own interruption for an error."""
    while True:
        try:
            time.sleep(600)
        except Exception:
            continue


def answers(items: list[object], **options: object) -> list[object]:
    """Return the answers in the items' order, checking that each came once."""
    got = sorted(map_guarded(misbehave, items, **options), key=lambda pair: pair[0])  # type: ignore[arg-type]
    assert [index for index, _ in got] == list(range(len(items)))
    return [answer for _, answer in got]


REFUSED = Failure("x.mid: not MIDI")
BROKEN = Failure("unexpected ZeroDivisionError: a bug")
FILLED = Failure("needs more memory than there is")
STOPPED = Failure("took longer than 0.3 seconds and was stopped")


def test_few_items_are_worked_on_here() -> None:
    assert answers([1, "refuse", 2, "break", "fill", 3]) == [2, REFUSED, 4, BROKEN, FILLED, 6]
    assert answers([]) == []


def test_a_lambda_is_worked_on_here() -> None:
    here = os.getpid()
    assert dict(map_guarded(lambda item: os.getpid(), list(range(20)), processes=2)) == dict.fromkeys(
        range(20), here
    )


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="needs POSIX timers")
def test_a_hanging_item_is_stopped_here() -> None:
    assert answers([1, "sleep", "swallow", 2], seconds_limit=0.3) == [2, STOPPED, STOPPED, 4]


def test_processes_survive_everything() -> None:
    items: list[object] = list(range(40))
    items[3], items[4], items[11], items[20], items[39] = "exit", "refuse", "sleep", "break", "exit"
    got = answers(items, processes=2, seconds_limit=2.0)
    assert got[4] == REFUSED
    assert got[20] == BROKEN
    assert got[11] == Failure("took longer than 2 seconds and was stopped")
    assert got[3] == got[39] == Failure("ended the process that read it (exit code 3)")
    others = [i for i in range(40) if isinstance(items[i], int)]
    assert [got[i] for i in others] == [2 * i for i in others]
    assert not multiprocessing.active_children()


def test_closing_the_iterator_ends_the_processes() -> None:
    results = map_guarded(misbehave, list(range(64)), processes=2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()


def test_where_no_process_starts_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(multiprocessing.get_context("spawn").Process, "start", refuse)
    assert answers(list(range(20)), processes=2) == [2 * i for i in range(20)]


def test_any_executor_will_do() -> None:
    items: list[object] = [*range(30), "refuse", "break"]
    with ThreadPoolExecutor(2) as executor:
        assert answers(items, executor=executor, processes=2) == [*range(0, 60, 2), REFUSED, BROKEN]


def test_an_executor_that_breaks_is_said_to_have() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as executor, pytest.raises(CorpusError, match="broke down"):
        answers([1, "exit"], executor=executor, processes=1)


SCRIPT = """
    import signal, sys, threading, os
    from ritornello.corpus.pool import map_guarded
    from test_pool import misbehave
    print("main runs", flush=True)
    if "interrupt" in sys.argv:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
        threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
        items = ["sleep"] * 20
    else:
        items = list(range(20))
    print(sorted(map_guarded(misbehave, items, processes=2))[-1], flush=True)
"""


def run_script(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def test_a_script_needs_no_main_guard(tmp_path: Path) -> None:
    assert run_script(tmp_path).stdout.splitlines() == ["main runs", "(19, 38)"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupted_it_ends_at_once_and_leaves_no_process(tmp_path: Path) -> None:
    # Pipes that stray children kept open would hold up `run` until its timeout.
    result = run_script(tmp_path, "interrupt")
    assert "KeyboardInterrupt" in result.stderr
    assert result.stdout == "main runs\n"


def test_it_works_off_the_main_thread() -> None:
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.extend(answers([1, 2])))
    thread.start()
    thread.join()
    assert got == [2, 4]
