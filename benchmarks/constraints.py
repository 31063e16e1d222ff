"""What do constraints cost? The time of an id with each of them, against none, in one run.

    python benchmarks/constraints.py [--model songs] [--bars 16]

Pieces differ with what is asked of them, so the time is divided by their ids. One thread, its own time, the best of
ROUNDS; with and without take turns.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from machine import describe, load

import ritornello
from ritornello.generation.compose import compose
from ritornello.generation.config import ComposeConfig
from ritornello.generation.stepper import Stepper

ROUNDS = 3

WISHES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "scale": {"scale": "C major"},
    "chords": {"chords": "Am F C G"},
    "register": {"lowest": "C3", "highest": "C6"},
    "grip": {"chord_size": 3, "span": 12},
    "limits": {"polyphony": 2, "notes_per_bar": "4-12"},
}
EVERYTHING = {"all of them": {name: value for wish in WISHES.values() for name, value in wish.items()}}


def seconds_per_id(stepper: Stepper, bundle: Any, settings: dict[str, Any]) -> float:
    config = ComposeConfig.model_validate({"seed": 1, **settings})
    started = time.thread_time()
    ids = sum(len(piece.ids) for piece in compose(bundle, config, stepper=stepper))
    return (time.thread_time() - started) / ids


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="songs")
    parser.add_argument("--bars", type=int, default=16)
    options = parser.parse_args()
    bundle = ritornello.load(options.model).bundle
    stepper, cases = Stepper(bundle), WISHES | EVERYTHING
    print(f"{describe()}, {load()}; {options.model}, {options.bars} bars")
    for count in (1, 16):
        best = dict.fromkeys(cases, float("inf"))
        for _ in range(ROUNDS):
            for name, wishes in cases.items():
                settings = {"bars": options.bars, "count": count, **wishes}
                best[name] = min(best[name], seconds_per_id(stepper, bundle, settings))
        for name, seconds in best.items():
            print(
                f"{count:>2} at once, {name:>11}: {1e6 * seconds:4.0f} us an id, {seconds / best['nothing']:.2f}"
            )


if __name__ == "__main__":
    main()
