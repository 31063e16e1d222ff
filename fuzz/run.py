"""Run the fuzz targets with atheris, coverage-guided: `make fuzz MINUTES=10`, or `python fuzz/run.py midi`.

The minutes are shared by the targets. What is found is kept in fuzz/work (ignored by git): NAME/corpus has the inputs
that reached new code, from which the next run goes on, and NAME/findings a file for every kind of fault. A fault is
an exception that is not of `ritornello.errors`, a refusal of several lines, an input that takes more than SECONDS,
or more than MEGABYTES of memory. Needs Linux, for the memory of one input.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

SECONDS, MEGABYTES = 5, 300
LARGEST = 1 << 20
WORK = Path(__file__).parent / "work"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="names of targets (default: all)")
    parser.add_argument("--minutes", type=float, default=10, help="for all targets together")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        fuzz(options.targets[0], 60 * options.minutes)
        return 0
    return run_all(options.targets, options.minutes)


def run_all(names: list[str], minutes: float) -> int:
    """Run each target in a process of its own, begun again if it dies; print a line of figures for each."""
    from targets import TARGETS

    names = names or list(TARGETS)
    faults = 0
    for name in names:
        folder = WORK / name
        (folder / "findings").mkdir(parents=True, exist_ok=True)
        stop, executions = time.monotonic() + 60 * minutes / len(names), 0
        while (left := stop - time.monotonic()) > 1:
            (folder / "figures.json").unlink(missing_ok=True)
            command = [sys.executable, __file__, "--child", "--minutes", str(left / 60), name]
            with (folder / "log.txt").open("ab") as log:
                subprocess.run(command, stdout=log, stderr=log, check=False)
            if not (folder / "figures.json").exists():
                print(f"{name}: does not start; see {folder / 'log.txt'}")
                return 1
            executions += json.loads((folder / "figures.json").read_text())["executions"]
        found = sorted(path.name for path in (folder / "findings").iterdir() if path.suffix != ".txt")
        print(f"{name}: {executions:,} executions, findings: {', '.join(found) or 'none'}", flush=True)
        faults += len(found)
    return int(faults > 0)


def fuzz(name: str, seconds: float) -> None:
    """Fuzz one target; does not return."""
    import atheris

    with atheris.instrument_imports(include=["ritornello"]):
        from targets import TARGETS, check, mutant
    warnings.simplefilter("ignore")
    target, folder = TARGETS[name], WORK / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = target.seeds()
    for seed in seeds:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    place = TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    take = target.prepare(Path(place.name))
    for seed in seeds:
        check(take, seed)  # imports what it needs
    count, told = 0, 0.0
    known = {path.stem for path in (folder / "findings").glob("*.bin")}

    def keep(data: bytes, kind: str, about: str) -> None:
        if kind not in known:
            known.add(kind)
            (folder / "findings" / f"{kind}.bin").write_bytes(data)
            (folder / "findings" / f"{kind}.txt").write_text(about)

    def one(data: bytes) -> None:
        nonlocal count, told
        count += 1
        if time.monotonic() > told + 1:
            told = time.monotonic()
            (folder / "figures.json").write_text(json.dumps({"executions": count}))
        began, before = time.process_time(), _reset_peak()
        try:
            check(take, data)
        except Exception as error:
            keep(data, _kind(error), traceback.format_exc())
        if (taken := time.process_time() - began) > SECONDS:
            keep(data, "slow", f"{taken:.1f} s")
        if (grown := _peak() - before) > MEGABYTES * 1024:
            keep(data, "memory", f"{grown / 1024:.0f} MB")

    def change(data: bytes, most: int, seed: int) -> bytes:
        draw = random.Random(seed)
        if draw.random() < 0.5:
            return mutant(data, seeds, draw)[:most]
        return bytes(atheris.Mutate(data, most))

    flags = [
        f"-max_total_time={int(seconds)}",
        f"-max_len={LARGEST}",
        "-timeout=30",
        "-rss_limit_mb=3000",
        "-len_control=0",
        "-report_slow_units=1000",  # `one` does
    ]
    atheris.Setup(
        [name, *flags, f"-artifact_prefix={folder}/findings/died-", str(corpus)], one, custom_mutator=change
    )
    atheris.Fuzz()


def _kind(error: BaseException) -> str:
    """Return what tells faults apart: the class, and the deepest place in this library."""
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if "ritornello" in f.filename and Path(f.filename).parent != Path(__file__).parent
    ]
    place = f"{Path(frames[-1].filename).stem}-{frames[-1].name}" if frames else "elsewhere"
    return f"{type(error).__name__}-{place}"


def _reset_peak() -> int:
    """Let the peak of this process's memory be what it is now; return it in kB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    with Path("/proc/self/status").open("rb") as file:
        for line in file:
            if line.startswith(b"VmHWM"):
                return int(line.split()[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
