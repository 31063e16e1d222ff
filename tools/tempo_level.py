"""Fit and measure the weights by which a call's tempo is told from its half and double.

    python tools/tempo_level.py FOLDER [--print]

FOLDER has openly licensed archives of written music: `ARCHIVES`. Excerpts of two to six bars are played at their own
tempo, by a hand with an error of 10 ms, half of the pieces to fit and half to measure; so are the random calls of
`benchmarks/calls.py`, of even seeds to fit and of odd ones to measure. The 21 calls there are only measured. `--print`
prints the table for `live/session/tempo_level.py`. Deterministic; needs torch.
"""

from __future__ import annotations

import argparse
import random
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ritornello.arrays import Floats, Mask
from ritornello.errors import RitornelloError
from ritornello.formats.midi import parse_midi
from ritornello.live.session.tempo import WIDE, chords_of, hear_beat, read_levels
from ritornello.live.session.tempo_level import FEATURES, WEIGHTS, features
from ritornello.score import Score

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from calls import CALLS, Call, random_calls

ARCHIVES = {"lieder-openscore": 900, "hymns-open": 399, "mutopia-piano": 374, "mutopia-ensembles": 173,
            "leadsheets": 77, "nifc-voice-piano": 400}  # fmt: skip
"""The archives, and how many pieces of each are read."""

PARTS_ALONE = ("lieder-openscore", "leadsheets", "nifc-voice-piano", "hymns-open")
"""Those whose first track is a tune; of the others and of hymns all tracks together are read too."""

SHARES = {"written music": 1, "random calls": 3}
"""How often each group counts: calls are simpler than written music, and have more tempos."""

METERS = ((4, 4), (3, 4), (2, 4), (6, 8))
SLOWEST, FASTEST = 45, 200
EXCERPTS, FEWEST = 3, 4
HAND, ROLLED, RIGHT, PENALTY = 0.010, 0.015, 0.035, 1e-3


class Example(NamedTuple):
    """Onsets in seconds, and the tempo with the share by which one that is heard may differ."""

    onsets: list[float]
    tempo: float
    tolerance: float


def excerpts(score: Score, tracks: list[int], chance: random.Random) -> Iterator[tuple[float, Floats]]:
    """Yield the tempo and the onsets in quarters, a chord's together, of a few excerpts."""
    starts = np.sort(np.concatenate([score.tracks[number].notes["start"] for number in tracks]))
    for _ in range(EXCERPTS if len(starts) >= 2 * FEWEST else 0):
        meter = chance.choice(score.meters)
        bar = score.ticks_per_quarter * 4 * meter.numerator // meter.denominator
        end = min((each.tick for each in score.meters if each.tick > meter.tick), default=int(starts[-1]) + 1)
        bars = (end - meter.tick) // bar
        if (meter.numerator, meter.denominator) not in METERS or bars < 2:
            continue
        count = chance.randint(2, min(6, bars))
        first = meter.tick + bar * chance.randint(0, bars - count)
        found = starts[(starts >= first) & (starts < first + count * bar)]
        different = np.unique(found)
        if len(different) < FEWEST or np.diff(different).max() > bar:
            continue
        tempo = [each for each in score.tempos if each.tick <= found[0]][-1:] or score.tempos[:1]
        yield 60e6 / tempo[0].microseconds_per_quarter, (found - first) / score.ticks_per_quarter


def written(folder: Path, half: int) -> Iterator[Example]:
    """Yield excerpts of half of the pieces, 0 or 1, as they are played."""
    hand = np.random.default_rng(half)
    for archive, most in ARCHIVES.items():
        with zipfile.ZipFile(folder / f"{archive}.zip") as file:
            names = sorted(name for name in file.namelist() if name.endswith(".mid"))
            random.Random(1).shuffle(names)
            for name in names[:most]:
                if zlib.crc32(Path(name).name.encode()) % 2 != half:
                    continue
                try:
                    score = parse_midi(file.read(name), name)
                except RitornelloError:
                    continue
                tracks = [number for number, track in enumerate(score.tracks) if len(track.notes)]
                if not tracks or not score.tempos or not score.meters:
                    continue
                chance = random.Random(name)
                readings = [tracks[:1]] if archive in PARTS_ALONE[:3] else [tracks[:1], tracks]
                for chosen in readings:
                    for tempo, quarters in excerpts(score, chosen, chance):
                        if SLOWEST <= tempo <= FASTEST:
                            yield Example(played(quarters, tempo, hand), tempo, RIGHT)


def played(quarters: Floats, tempo: float, hand: np.random.Generator) -> list[float]:
    different, number, size = np.unique(quarters, return_inverse=True, return_counts=True)
    times = different * 60 / tempo + hand.normal(scale=HAND, size=len(different))
    return list(times[number] + np.where(size[number] > 1, hand.uniform(0, ROLLED, len(number)), 0))


def called(calls: Iterable[Call]) -> Iterator[Example]:
    for number, call in enumerate(calls):
        log = call.events(0.5, number + 1)
        onsets = [time for time, message in log if message.data[0] & 0xF0 == 0x90]
        yield Example(onsets, call.tempo, max(RIGHT, call.swing))


def table(examples: Iterable[Example]) -> Iterator[tuple[Floats, Mask]]:
    """Yield the features of the readings of each example, and which of them are right."""
    for onsets, tempo, tolerance in examples:
        times, sizes = chords_of(onsets)
        readings, evidence = read_levels(times, sizes, WIDE)
        right = np.array([abs(each.quarters_per_minute / tempo - 1) <= tolerance for each in readings])
        if right.any():
            yield np.array([features(each, evidence) for each in readings]), right


def fit(groups: list[list[tuple[Floats, Mask]]]) -> Floats:
    """Return the weights; each group counts alike."""
    rows = np.concatenate([found for group in groups for found, _ in group])
    scale = torch.tensor(rows.std(axis=0) + 1e-9)
    weights = torch.zeros(rows.shape[1], dtype=torch.float64, requires_grad=True)
    groups = [
        [(torch.tensor(found) / scale, torch.tensor(right)) for found, right in group] for group in groups
    ]
    most = max(len(found) for group in groups for found, _ in group)
    padded = []
    for group in groups:
        inputs = torch.stack(
            [torch.nn.functional.pad(found, (0, 0, 0, most - len(found))) for found, _ in group]
        )
        there = torch.stack([torch.arange(most) < len(found) for found, _ in group])
        right = torch.stack([torch.nn.functional.pad(right, (0, most - len(right))) for _, right in group])
        padded.append((inputs, there, right))
    search = torch.optim.LBFGS(
        [weights], max_iter=1000, line_search_fn="strong_wolfe", tolerance_change=1e-12
    )

    def loss() -> torch.Tensor:
        search.zero_grad()
        total = PENALTY * weights.square().sum()
        for inputs, there, right in padded:
            scores = (inputs @ weights).masked_fill(~there, -torch.inf)
            nats = scores.logsumexp(dim=1) - scores.masked_fill(~right, -torch.inf).logsumexp(dim=1)
            total = total + nats.mean() / len(padded)
        total.backward()
        return total

    search.step(loss)
    return np.asarray((weights.detach() / scale).numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--print", action="store_true", help="print the table")
    arguments = parser.parse_args()
    sets = {
        f"{name}, {'to fit' if half == 0 else 'to measure'}": list(examples)
        for half in (0, 1)
        for name, examples in {
            "written music": written(arguments.folder, half),
            "random calls": called(
                call for seed in range(half or 2, 36, 2) for call in random_calls(seed, 90)
            ),
        }.items()
    }
    groups = {name: list(table(sets[f"{name}, to fit"])) for name in SHARES}
    weights = fit([groups[name] for name, share in SHARES.items() for _ in range(share)])
    if arguments.print:
        print(
            *(f'    "{name}": {weight:.3g},' for name, weight in zip(FEATURES, weights, strict=True)),
            sep="\n",
        )
    WEIGHTS[:] = [float(f"{weight:.3g}") for weight in weights]
    for name, examples in {**sets, "the 21 calls": list(called(CALLS))}.items():
        heard = [(hear_beat(each.onsets, 100).quarters_per_minute, each) for each in examples]
        right = np.mean([abs(tempo / each.tempo - 1) <= each.tolerance for tempo, each in heard])
        print(f"{name:28} {len(examples):6} {100 * right:5.1f} %")


if __name__ == "__main__":
    main()
