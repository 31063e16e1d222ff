"""Every fuzz target over its seeds and some hundred mutants; `make fuzz` goes on where this ends."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from targets import TARGETS, check, mutant


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.filterwarnings("ignore")  # what damaged files warn of is no fault
def test_any_bytes_are_accepted_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    seeds, take = target.seeds(), target.prepare(tmp_path)
    assert all(check(take, seed) for seed in seeds), "a seed is refused"
    draw = random.Random(name)
    accepted = [check(take, mutant(draw.choice(seeds), seeds, draw)) for _ in range(target.few)]
    assert not all(accepted) or name == "mxl-container", "no mutant is refused"
