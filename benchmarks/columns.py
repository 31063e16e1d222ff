"""What input columns cost, all of a piece at once: microseconds an id, by representation and by class of columns.

    python benchmarks/columns.py [FOLDER] [--files 40] [--against SRC]

Each representation is fitted to the files and encodes them; `multitrack` also gets one piece of a million ids, its own
joined and repeated. With `--against`, the `src` folder of another version of this program, both are measured in turn,
each in processes of its own. Times are of one thread, the least of all rounds.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import pkgutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe, in_turn, least_seconds, load

from ritornello.corpus.scan import find_files
from ritornello.data import CORPUS
from ritornello.errors import RitornelloError
from ritornello.formats import read
from ritornello.representations import REPRESENTATIONS, columns
from ritornello.score import Score

LONG = 1_000_000
OPTIONS: dict[str, dict[str, Any]] = {"performance": {"density": True, "pitch_classes": True}}
"""Options of representations that have one column without."""

spent: dict[str, float] = {}
"""Seconds in each class of columns since it was cleared."""


def watched(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """Return `at_once` of a class, its time counted in `spent`."""

    def at_once(*arguments: Any, **named: Any) -> Any:
        started = time.thread_time()
        result = method(*arguments, **named)
        spent[name] = spent.get(name, 0.0) + time.thread_time() - started
        return result

    return at_once


def watch_classes() -> None:
    for module in pkgutil.iter_modules(columns.__path__):
        for name, member in inspect.getmembers(importlib.import_module(f"{columns.__name__}.{module.name}")):
            if hasattr(member, "at_once") and not hasattr(member.at_once, "watched"):
                member.at_once = watched(name, member.at_once)
                member.at_once.watched = True


def pieces(name: str, scores: list[Score]) -> tuple[Any, list[Any]]:
    """Return the representation fitted to those of `scores` that it has a use for, and their ids."""
    kind, statistics, fit = REPRESENTATIONS[name], [], []
    for score in scores:
        with suppress(RitornelloError):
            statistics.append(kind.collect_statistics(score))
            fit.append(score)
    if not fit:
        return None, []
    representation = kind.fit(statistics, OPTIONS.get(name, {}))
    return representation, [ids for score in fit for ids in representation.extract_examples(score).ids]


def seconds_an_id(representation: Any, examples: list[Any], runs: int = 5) -> float:
    return least_seconds(lambda: [representation.inputs(ids) for ids in examples], runs) / sum(
        map(len, examples)
    )


def measure(folder: Path, files: int) -> dict[str, float]:
    """Return microseconds an id of each representation, and in it of each class."""
    paths = find_files([folder])
    scores = [score for path in paths[:: max(1, len(paths) // files)] if (score := read(path)).note_count > 8]
    result: dict[str, float] = {}
    watch_classes()
    for name in REPRESENTATIONS:
        representation, examples = (None, []) if REPRESENTATIONS[name].reads_prose else pieces(name, scores)
        if not examples or len(representation.columns) == 1:
            continue
        total = sum(map(len, examples))
        label = f"{name}, {len(representation.columns)} columns, {total // len(examples):,} ids a piece"
        result[label] = seconds_an_id(representation, examples)
        spent.clear()
        seconds_an_id(representation, examples, 1)
        result |= {f"  {name}: {each}": seconds / total for each, seconds in spent.items()}
        if name == "multitrack":
            long = np.resize(np.concatenate([ids[:-1] for ids in examples]), LONG)
            result[f"{name}, one piece of {LONG:,} ids"] = seconds_an_id(representation, [long], 3)
    return {label: 1e6 * seconds for label, seconds in result.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=CORPUS)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--against", type=Path, help="the src folder of another version")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.json:
        print(json.dumps(measure(options.folder, options.files)))
        return
    print(f"{describe()}, {load()}; {options.folder.name}; microseconds an id")
    for label, *times in in_turn(
        __file__, [str(options.folder), "--files", str(options.files)], options.against
    ):
        print(f"{label:60}" + " -> ".join(f"{each:.3f}" for each in times))


if __name__ == "__main__":
    main()
