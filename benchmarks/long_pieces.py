"""Does generation slow down as a piece grows? Microseconds an id, and memory, after 10^3 to 10^6 ids of one piece.

    python benchmarks/long_pieces.py [--ids 1000000] [--model songs]

Everything is there that composing does: network, grammar, repetition guard, sampler. The end of the piece is put
off again and again. Each figure is of the thread's own time over 1,000 ids.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from machine import describe, load

import ritornello
from ritornello.generation.constraints.repetition import RepetitionGuard
from ritornello.generation.decoder import apply_constraints
from ritornello.generation.samplers import make_generators, make_sampler
from ritornello.generation.settings import SamplerConfig
from ritornello.generation.stepper import Stepper
from ritornello.representations.base import Conditions

STRETCH = 1_000
BARS = 500


def anonymous_megabytes() -> float:
    """Return the memory of this process that is not backed by files (Linux), else 0."""
    status = Path("/proc/self/status")
    return float(status.read_text().split("RssAnon:")[1].split()[0]) / 1024 if status.exists() else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ids", type=int, default=1_000_000)
    parser.add_argument("--model", default="songs", help="a bundle of the representation multitrack")
    options = parser.parse_args()
    bundle = ritornello.load(options.model).bundle
    representation, stepper = bundle.representation, Stepper(bundle)
    grammar, guard = representation.grammar(Conditions(bars=BARS)), RepetitionGuard(representation)
    sample, generators = make_sampler(SamplerConfig()), make_generators(0, [0])
    state, token, started = stepper.initial_state(1), representation.start_id, time.thread_time()
    print(f"{describe()}, {load()}; {options.model}, one thread")
    marks = {mark * 10**power for power in range(3, 7) for mark in (1, 3)}
    for count in range(1, options.ids + 1):
        grammar.advance(token)
        guard.advance(grammar)
        if count > 10:  # after the header
            grammar.reader.length = grammar.reader.bar + BARS  # type: ignore[attr-defined]
        logits, state = stepper.step([grammar.columns], state)
        mask = grammar.allowed_mask()
        apply_constraints(grammar, [guard], mask)
        token = int(sample(logits, mask[np.newaxis], generators)[0][0])
        if count % STRETCH == 0:
            if count in marks:
                cost = 1e6 * (time.thread_time() - started) / STRETCH
                print(f"{count:>9,} ids: {cost:6.0f} us an id, {anonymous_megabytes():.0f} MB", flush=True)
            started = time.thread_time()


if __name__ == "__main__":
    main()
