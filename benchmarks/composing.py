"""How fast does a whole composition go, and what of it is the network? One piece, and 64 at once.

    python benchmarks/composing.py [--model songs] [--bars 16]

Ids a second from the settings to the finished scores, with grammar, constraints and sampler; the share of the time that
the network takes; and how much of this machine's rate of matrix products the whole uses. To find what the pieces copy
comes on top, and is told apart. One thread, its own time, the best of ROUNDS. The last line is by the clock: with two
processors the ids of half of the pieces are chosen while the network reads the other half.
"""

from __future__ import annotations

import argparse
import time

import torch
from machine import describe, load
from products import product_rate
from stepping import matrices_read

import ritornello
from ritornello.bundle import Bundle
from ritornello.generation.compose import compose
from ritornello.generation.config import ComposeConfig
from ritornello.generation.stepper import Logits, State, Stepper

ROUNDS = 3


class Timed(Stepper):
    """A stepper that keeps the time of its steps."""

    seconds = 0.0

    def step(self, columns: object, state: State) -> tuple[Logits, State]:
        started = time.thread_time()
        result = super().step(columns, state)  # type: ignore[arg-type]
        self.seconds += time.thread_time() - started
        return result


def measure(stepper: Timed, bundle: Bundle, bars: int, count: int) -> tuple[float, float]:
    """Return the ids a second with which `count` pieces are composed in one batch, and the network's share of the time:
    the best of ROUNDS."""
    config, best = ComposeConfig.model_validate({"bars": bars, "count": count, "seed": 1}), (0.0, 0.0)
    for _ in range(ROUNDS):
        stepper.seconds, started = 0.0, time.thread_time()
        ids = sum(len(piece.ids) for piece in compose(bundle, config, stepper=stepper))
        seconds = time.thread_time() - started
        best = max(best, (ids / seconds, stepper.seconds / seconds))
    return best


def by_the_clock(bundle: Bundle, bars: int, count: int) -> float:
    """Return the ids a second with which a `Model` composes `count` pieces, by the clock: the best of ROUNDS."""
    config, stepper = (
        ComposeConfig.model_validate({"bars": bars, "count": count, "seed": 1}),
        Stepper(bundle, 2),
    )
    best = 0.0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        ids = sum(len(piece.ids) for piece in compose(bundle, config, stepper=stepper))
        best = max(best, ids / (time.perf_counter() - started))
    return best


def copying(stepper: Timed, bundle: Bundle, bars: int, count: int) -> float:
    """Return the microseconds an id that it takes to find what these pieces copy."""
    config = ComposeConfig.model_validate({"bars": bars, "count": count, "seed": 1})
    pieces = compose(bundle, config, stepper=stepper)
    started = time.thread_time()
    for piece in pieces:
        _ = piece.copies
    return 1e6 * (time.thread_time() - started) / sum(len(piece.ids) for piece in pieces)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="songs")
    parser.add_argument("--bars", type=int, default=16)
    options = parser.parse_args()
    bundle = ritornello.load(options.model).bundle
    torch.set_num_threads(1)
    operations = 2 * sum(outputs * inputs for outputs, inputs in matrices_read(bundle))
    rates = {kind: product_rate(kind) for kind in ("float32", "int8")}
    print(
        f"{describe()}, {load()}; {options.model}, {options.bars} bars; products: {rates['float32']}, {rates['int8']}"
    )
    for precision, rate in rates.items():
        stepper = Timed(bundle, precision=precision)  # type: ignore[arg-type]
        for count in (1, 64):
            ids, share = measure(stepper, bundle, options.bars, count)
            print(
                f"{precision:>8}, {count:>2} at once: {ids:8,.0f} ids/s; the network takes {share:.0%}, "
                f"{1e6 * share / ids:.0f} of {1e6 / ids:.0f} us an id; {operations * ids / rate.operations:.0%} of the "
                f"products' rate; copies {copying(stepper, bundle, options.bars, count):.0f} us",
                flush=True,
            )
    print(f"two threads, 64 at once: {by_the_clock(bundle, options.bars, 64):,.0f} ids/s by the clock")


if __name__ == "__main__":
    main()
