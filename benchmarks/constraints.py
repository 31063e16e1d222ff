"""What do constraints cost? The time of an id with each of them, against none, in one run.

    python benchmarks/constraints.py [--model songs] [--bars 16]

Pieces differ with what is asked of them, so the time is divided by their ids: from the settings to the finished
scores, without finding what they copy. Of that the network's time, which differs too: where pieces end at different
times, their last steps are in smaller batches. One thread, its own time, the best of ROUNDS; with and without take
turns.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from composing import Timed
from machine import describe, load

import ritornello
from ritornello.generation.compose import compose
from ritornello.generation.config import ComposeConfig

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


def seconds_per_id(stepper: Timed, bundle: Any, settings: dict[str, Any]) -> tuple[float, float]:
    """Return the seconds of an id, and those of them that the network takes."""
    config = ComposeConfig.model_validate({"seed": 1, **settings})
    stepper.seconds, started = 0.0, time.thread_time()
    ids = sum(len(piece.ids) for piece in compose(bundle, config, stepper=stepper))
    return (time.thread_time() - started) / ids, stepper.seconds / ids


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="songs")
    parser.add_argument("--bars", type=int, default=16)
    options = parser.parse_args()
    bundle = ritornello.load(options.model).bundle
    stepper, cases = Timed(bundle), WISHES | EVERYTHING
    print(f"{describe()}, {load()}; {options.model}, {options.bars} bars")
    for count in (1, 16):
        best = dict.fromkeys(cases, (float("inf"), 0.0))
        for _ in range(ROUNDS):
            for name, wishes in cases.items():
                settings = {"bars": options.bars, "count": count, **wishes}
                best[name] = min(best[name], seconds_per_id(stepper, bundle, settings))
        for name, (seconds, stepping) in best.items():
            print(
                f"{count:>2} at once, {name:>11}: {1e6 * seconds:4.0f} us an id, {seconds / best['nothing'][0]:.2f}; "
                f"{1e6 * stepping:4.0f} of them the network"
            )


if __name__ == "__main__":
    main()
