"""How probable are real performances under each way to play from a written part? And the network for drums, fitted.

    python benchmarks/expression.py FOLDER [--write]

FOLDER has `drums-groove` (Groove MIDI Dataset, with its info.csv), `piano-classical` (files of piano-midi.de) and
`bands-open`. Prints nats a note of velocity in bins of 8 and of time in bins of 5 ms, on performances that the
distributions did not see: Groove's own validation part; half of the piano pieces, where only the spread around the
rules is fitted, on the other half; a fifth of the songs for bands. `--write` writes the network that the library plays
drums with. Needs torch.
"""

from __future__ import annotations

import csv
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ritornello
from ritornello.data import EXPRESSION
from ritornello.expression.drums import (
    CLASS_OF,
    TIME_BIN,
    TIME_BINS,
    VELOCITY_BIN,
    VELOCITY_BINS,
    history_values,
    kit_features,
    kit_history,
)
from ritornello.expression.dynamics import ACCENT, DECIBELS_A_DECADE, rules
from ritornello.expression.perform import PERSISTENCE
from ritornello.expression.places import places, within
from ritornello.expression.tempo import ARCH, final_ritardando
from ritornello.expression.written import arch, read_written
from ritornello.score import Score, note_columns, ticks_to_seconds

HIDDEN, EPOCHS, BATCH = 64, 12, 512
TEMPO_BIN = 0.02  # of the logarithm
FEWEST = 8


@dataclass
class Part:
    """A played part in time order: velocity and seconds late of each note, what the written part tells, the loudness in
    decibels by rules, and which note precedes each."""

    velocity: np.ndarray
    seconds: np.ndarray
    decibels: np.ndarray
    onset: np.ndarray
    rules: dict[str, np.ndarray] | None = None
    written: np.ndarray | None = None
    history: np.ndarray | None = None

    @property
    def level(self) -> float:
        return float(self.velocity.mean())

    def inputs(self, history: bool) -> np.ndarray:
        assert self.written is not None
        assert self.history is not None
        return np.concatenate([self.written, self.history], axis=1) if history else self.written


# --- the data -------------------------------------------------------------------------------------------------


def groove(folder: Path) -> tuple[list[Part], list[Part]]:
    """Return the performances for training and validation: each stroke moved to the nearest sixteenth, or to the
    nearest third in beats that these fit twice as well."""
    found: dict[str, list[Part]] = {"train": [], "validation": []}
    for row in csv.DictReader((folder / "info.csv").open()):
        path = folder / row["midi_filename"]
        if path.exists() and (part := _drum_part(ritornello.read(path))):
            found[row["split"]].append(part)
    return found["train"], found["validation"]


def _drum_part(score: Score) -> Part | None:
    [track, *more] = [track for track in score.tracks if len(track.notes)]
    if more or len(track.notes) < FEWEST:
        return None
    notes, per_quarter = track.notes.copy(), score.ticks_per_quarter
    quarters = notes["start"] / per_quarter
    even, thirds = np.rint(quarters * 4) / 4, np.rint(quarters * 3) / 3
    beat = np.floor(quarters + 1 / 12).astype(int)
    distances = [np.bincount(beat, np.abs(quarters - each)) for each in (even, thirds)]
    on_grid = np.where((2 * distances[1] < distances[0])[beat], thirds, even)
    seconds = (quarters - on_grid) * score.tempos[0].microseconds_per_quarter / 1e6
    notes["start"] = np.rint(on_grid * per_quarter)
    order = np.lexsort((notes["pitch"], notes["start"]))
    notes, seconds = notes[order], seconds[order] - np.median(seconds)
    score = replace(score, tracks=(replace(track, notes=notes),))
    start, velocity = notes["start"].astype(np.int64), notes["velocity"].astype(float)
    place, kind = places(score, start), CLASS_OF[notes["pitch"]]
    written = kit_features(place, kind, start / per_quarter)
    history = history_values(kit_history(place, kind), velocity, seconds).astype(np.float32)
    return Part(velocity, seconds, np.array(ACCENT)[place.strength], start, None, written, history)


def pitched(paths: Iterable[Path], together: bool) -> list[tuple[Path, list[Part]]]:
    """Return the pitched parts of several velocities of each file: all tracks `together`, as the hands of a pianist, or
    each for itself, as players in a mix."""
    found = []
    for path in paths:
        score = ritornello.read(path)
        music = read_written(score)
        tracks = [track for track in score.tracks if not track.is_drum]
        start, _, _, velocity = note_columns(tracks)
        numbers = np.repeat(np.arange(len(tracks)), [len(track.notes) for track in tracks])
        choices = (
            [np.ones(len(start), dtype=bool)] if together else [numbers == n for n in range(len(tracks))]
        )
        parts = []
        for own in choices:
            if len(np.unique(velocity[own])) < 4:
                continue
            columns = {name: column[own] - column[own].mean() for name, column in rules(music).items()}
            parts.append(
                Part(
                    velocity[own].astype(float), np.zeros(0), sum(columns.values()), start[own], rules=columns
                )
            )
        if parts:
            found.append((path, parts))
    return found


# --- likelihood -----------------------------------------------------------------------------------------------


def nats(fitted: np.ndarray, seen: np.ndarray, bins: int) -> float:
    """Return the mean surprise of bins under the smoothed frequencies of others."""
    counts = np.bincount(fitted, minlength=bins) + 1.0
    return float(-np.log(counts / counts.sum())[seen].mean())


def joined(parts: Sequence[Part], column: Callable[[Part], np.ndarray]) -> np.ndarray:
    return np.concatenate([column(part) for part in parts])


def velocity_bins(part: Part) -> np.ndarray:
    return (part.velocity // VELOCITY_BIN).astype(int)


def time_bins(part: Part) -> np.ndarray:
    middle = TIME_BINS // 2
    return np.clip(np.rint(part.seconds / TIME_BIN).astype(int), -middle, middle) + middle


def by_rules(part: Part, scale: float, persistence: float = 0.0) -> np.ndarray:
    """Return the deviations of velocities from those foreseen, in bins.

    Foreseen are the level and the rules, and so much of the mean deviation at the onset before.
    """
    played = part.velocity - part.level * 10 ** (scale * part.decibels / DECIBELS_A_DECADE)
    if persistence:
        _, onset = np.unique(part.onset, return_inverse=True)
        means = np.bincount(onset, played) / np.bincount(onset)
        before = np.concatenate([[0.0], means])[onset]
        played = played - persistence * before
    return np.clip(np.rint(played / VELOCITY_BIN).astype(int), -10, 10) + 10


def print_rules(fit: Sequence[Part], held_out: Sequence[Part]) -> None:
    def row(name: str, bins: int, column: Callable[[Part], np.ndarray]) -> None:
        print(f"  {name:44} {nats(joined(fit, column), joined(held_out, column), bins):.3f}")

    row("velocities of all", VELOCITY_BINS, velocity_bins)
    row("one velocity a part, and a spread", 21, lambda part: by_rules(part, 0))
    for scale in (0.25, 0.5, 0.75, 1.0):
        row(f"rules x {scale}, and a spread", 21, lambda part, scale=scale: by_rules(part, scale))
    row("one velocity, and a drift", 21, lambda part: by_rules(part, 0, PERSISTENCE))
    row("rules x 0.5, and a drift", 21, lambda part: by_rules(part, 0.5, PERSISTENCE))
    for name in fit[0].rules or ():

        def alone(part: Part, name: str = name) -> np.ndarray:
            return by_rules(replace(part, decibels=part.rules[name]), 0.5)

        def without(part: Part, name: str = name) -> np.ndarray:
            return by_rules(replace(part, decibels=part.decibels - part.rules[name]), 0.5)

        row(f"{name} x 0.5", 21, alone)
        row(f"without {name} x 0.5", 21, without)


# --- the network ----------------------------------------------------------------------------------------------


def fitted(
    parts: Sequence[Part], held_out: Sequence[Part], history: bool, hidden: int
) -> tuple[Any, tuple[float, float]]:
    """Return the weights of a network, and its nats of velocity and of time on `held_out`."""
    torch.manual_seed(0)
    inputs, tests = (
        torch.tensor(joined(each, lambda part: part.inputs(history))) for each in (parts, held_out)
    )
    mean, spread = inputs.mean(0), inputs.std(0) + 1e-6
    inputs, tests = (inputs - mean) / spread, (tests - mean) / spread
    targets, asked = (
        [torch.tensor(joined(each, column)) for column in (velocity_bins, time_bins)]
        for each in (parts, held_out)
    )
    net = torch.nn.Sequential(
        torch.nn.Linear(inputs.shape[1], hidden),
        torch.nn.Tanh(),
        torch.nn.Linear(hidden, VELOCITY_BINS + TIME_BINS),
    )
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-4)
    steps = EPOCHS * -(-len(inputs) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def losses(rows: torch.Tensor, bins: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        loud, late = net(rows).split([VELOCITY_BINS, TIME_BINS], dim=1)
        return torch.nn.functional.cross_entropy(loud, bins[0]), torch.nn.functional.cross_entropy(
            late, bins[1]
        )

    for _ in range(EPOCHS):
        for rows in torch.randperm(len(inputs)).split(BATCH):
            loss = sum(losses(inputs[rows], [each[rows] for each in targets]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        found = tuple(float(each) for each in losses(tests, asked))
    first = net[0].weight.T / spread[:, None]
    width = parts[0].written.shape[1]
    weights = {
        "features": first[:width],
        "history": first[width:],
        "bias": net[0].bias - mean @ first,
        "output": net[2].weight.T,
        "output_bias": net[2].bias,
    }
    return {name: each.detach().numpy().astype(np.float32).copy() for name, each in weights.items()}, found


# --- the tempo ------------------------------------------------------------------------------------------------


def print_tempo(paths: Iterable[Path]) -> None:
    """Print nats a quarter of the logarithm of the tempo in bins of TEMPO_BIN, around the mean of the piece.

    Without a curve, and with those of the rules.
    """
    rows, by_place = [], []
    for path in paths:
        score = ritornello.read(path)
        last = max((int(track.notes["start"].max(initial=0)) for track in score.tracks), default=0)
        per_quarter = score.ticks_per_quarter
        if len(score.tempos) < 50 or last < 60 * per_quarter:
            continue
        quarters = last - np.arange(last // per_quarter, -1, -1) * per_quarter
        tempo = -np.log(np.diff(ticks_to_seconds(score, quarters)))
        music = read_written(score)
        place = within(music.phrases, quarters[:-1])
        ritardando = final_ritardando(
            (quarters[:-1] + per_quarter / 2 - (last - 8 * per_quarter)) / (8 * per_quarter)
        )
        played = tempo - tempo.mean()
        rows.append((path, played, ARCH * arch(place), ritardando))
        fifth = np.minimum((place * 5).astype(int), 4)
        by_place.append([played[fifth == n].mean() if (fifth == n).any() else np.nan for n in range(5)])
    fit, held_out = halves(rows)
    ways = {"one tempo": (0, 0), "phrases x 0.5": (0.5, 0), "phrases": (1, 0), "ritardando x 0.5": (0, 0.5),
            "ritardando": (0, 1), "both x 0.5": (0.5, 0.5)}  # fmt: skip
    for name, (of_phrase, of_end) in ways.items():
        left = [
            np.concatenate([played - of_phrase * phrase - of_end * end for _, played, phrase, end in each])
            for each in (fit, held_out)
        ]
        bins = [np.clip(np.rint(each / TEMPO_BIN).astype(int), -40, 40) + 40 for each in left]
        print(f"  {name:44} {nats(*bins, 81):.3f}")
    fifths = np.exp(np.nanmean(by_place, axis=0)).round(3)
    print("  tempo by fifths of the phrase, over the mean:", fifths)
    ends = np.exp(np.median([d[-8:] for _, d, _, _ in rows], axis=0))
    print("  the last eight quarters, over the mean:", ends.round(2))


def halves(rows: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Return rows that begin with a path, in two halves by the name of the file."""
    is_held_out = [zlib.crc32(row[0].name.encode()) % 2 for row in rows]
    return ([row for row, held in zip(rows, is_held_out, strict=True) if not held],
            [row for row, held in zip(rows, is_held_out, strict=True) if held])  # fmt: skip


def main() -> None:
    torch.set_num_threads(1)
    folder, *more = sys.argv[1:]
    if "--pitched" not in more:
        drums(Path(folder), "--write" in more)
    pitched_music(Path(folder))


def drums(folder: Path, writes: bool) -> None:
    train, validation = groove(Path(folder, "drums-groove"))
    notes = [sum(len(part.velocity) for part in each) for each in (train, validation)]
    print(
        f"drums, Groove: {len(train)} and {len(validation)} performances, {notes[0]:,} and {notes[1]:,} strokes"
    )
    print_rules(train, validation)
    late = nats(joined(train, time_bins), joined(validation, time_bins), TIME_BINS)
    print(f"  time: all {late:.3f}")
    for history in (False, True):
        weights, (loud, late) = fitted(train, validation, history, HIDDEN)
        print(f"  network{', history' * history}: velocity {loud:.3f}, time {late:.3f}")
    if writes:
        EXPRESSION.mkdir(exist_ok=True)
        np.savez_compressed(EXPRESSION / "groove.npz", **weights)


def pitched_music(folder: Path) -> None:
    piano = pitched(sorted(Path(folder, "piano-classical").rglob("*.mid")), together=True)
    fit, held_out = halves(piano)
    print(f"piano: {len(fit)} and {len(held_out)} pieces")
    print_rules(*([part for row in each for part in row[1]] for each in (fit, held_out)))
    print("tempo of the piano pieces")
    print_tempo(row[0] for row in piano)
    bands = pitched(sorted(Path(folder, "bands-open").glob("*.mid")), together=False)
    fit, held_out = halves(bands)
    print(f"bands: {len(fit)} and {len(held_out)} songs")
    print_rules(*([part for row in each for part in row[1]] for each in (fit, held_out)))


if __name__ == "__main__":
    main()
