"""System E: how soon does our preset reach what the source's procedure reaches, and how often does either loop?

    python benchmarks/note_classifier.py FOLDER [--steps 1200] [--seconds 3600] [--music21 2]

Two runs, one thread each, on the same words (first part, as they are), split and arithmetic:

- ours: the preset `note_classifier` for so many steps, with the source's words (`parts="first"`,
  `all_keys=False`), its sizes given (SIZES) so that the run does not depend on how busy the machine is;
- the source's procedure, written anew in plain PyTorch: windows of 100 words from a state of zero, each the input
  for one target, index / classes as the input, 256-512-256 units, RMSprop 0.001, batches of 64 windows in random
  order, all pieces in one row.

Seconds are those of the processor, so that other work on the machine does not count; the source gets as many as
--seconds says, or else as ours took. Both are scored on the same held-out words, each with at least 100 words of
its piece before it: the source from these 100, ours from the beginning of the piece. Then both continue pieces; a
piece is in a loop from where its end repeats with one period (at least three times).
With --music21, reading so many files is timed through music21 as well. Results: `note_classifier.txt`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ritornello import formats
from ritornello.bundle import load_bundle
from ritornello.corpus.scan import find_files
from ritornello.corpus.shards import Corpus
from ritornello.corpus.streams import held_out_pieces
from ritornello.generation import Model
from ritornello.presets import make_config
from ritornello.representations.note_names import NoteNames
from ritornello.training.run import Run, prepare

WINDOW, BATCH, EPOCHS = 100, 64, 200
OPTIONS = {"parts": "first", "all_keys": False}
TARGETS, HELD_IDS = 1024, 12_000
SEEDS, WORDS = 4, 500
POINTS = 12  # of the source's curve
SIZES = {"hidden": 256, "layers": 1, "embedding": 192, "batch": 64, "window": 32, "dropout": 0.1}
Curve = list[tuple[float, float]]
"""(processor seconds of training, held-out nats a word)."""


# --- the data both see ----------------------------------------------------------------------------------------


def words_of(corpus: Corpus, piece: int) -> np.ndarray:
    """Return the words of a piece, without START and END."""
    return corpus.ids(piece)[1:-1]


def choose_targets(corpus: Corpus) -> list[tuple[int, np.ndarray]]:
    """Return (piece, places of held-out words that are scored), the same in every run."""
    random, pieces = np.random.default_rng(0), held_out_pieces(corpus).up_to(HELD_IDS).piece.tolist()
    places = [(piece, i) for piece in pieces for i in range(WINDOW, len(words_of(corpus, piece)))]
    kept = [places[i] for i in random.permutation(len(places))[:TARGETS]]
    return [(piece, np.array(sorted(i for p, i in kept if p == piece))) for piece in pieces]


def frequencies_nats(corpus: Corpus, targets: list[tuple[int, np.ndarray]], classes: int) -> float:
    """Return the nats a word of the frequencies of words alone."""
    counts = np.ones(classes)
    for piece in corpus.pieces(validation=False):
        counts += np.bincount(words_of(corpus, piece), minlength=classes)
    scored = np.concatenate([words_of(corpus, piece)[places] for piece, places in targets])
    return float(-np.log(counts / counts.sum())[scored].mean())


# --- the source's procedure -----------------------------------------------------------------------------------


class Source(nn.Module):
    """The article's network: one number a step in, the logits of the word after the last step out."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.layers = nn.ModuleList(
            nn.LSTM(a, b, batch_first=True) for a, b in ((1, 256), (256, 512), (512, 256))
        )
        self.dense, self.output, self.dropout = nn.Linear(256, 256), nn.Linear(256, classes), nn.Dropout(0.3)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        x = windows[..., None].float() / self.classes
        for number, layer in enumerate(self.layers):
            x, _ = layer(self.dropout(x) if number else x)
        return self.output(self.dropout(self.dense(x[:, -1])))


def window_batches(row: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield batches of windows of 100 words and the words after them, in a new random order each epoch."""
    windows = row.unfold(0, WINDOW + 1, 1)
    while True:
        for part in torch.randperm(len(windows)).split(BATCH):
            chosen = windows[part]
            yield chosen[:, :-1], chosen[:, -1]


def train_source(corpus: Corpus, classes: int, budget: float, autocast: Any) -> tuple[Source, Curve]:
    """Return the network after so many seconds, and its curve of POINTS points."""
    torch.manual_seed(0)
    network, targets = Source(classes), choose_targets(corpus)
    optimizer = torch.optim.RMSprop(network.parameters(), lr=0.001, alpha=0.9, eps=1e-7)
    row = torch.from_numpy(np.concatenate([words_of(corpus, p) for p in corpus.pieces(validation=False)]))
    seconds, seen, curve = 0.0, 0, []
    for windows, following in window_batches(row):
        started = time.process_time()
        with autocast():
            logits = network(windows)
        loss = functional.cross_entropy(logits.float(), following)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        seconds, seen = seconds + time.process_time() - started, seen + len(following)
        if seconds >= budget * (len(curve) + 1) / POINTS:
            curve.append((seconds, score_source(network, corpus, targets)))
            print(f"source: {seconds:.0f} s {curve[-1][1]:.3f}", flush=True)
        if seconds >= budget:
            break
    epoch = (len(row) - WINDOW) / (seen / seconds)
    print(
        f"source: {seen:,} targets in {seconds:.0f} s, {seen / seconds:.0f} targets/s; one epoch of "
        f"{len(row) - WINDOW:,} windows {epoch / 60:.0f} min, {EPOCHS} epochs {EPOCHS * epoch / 3600:.0f} h"
    )
    return network, curve


@torch.no_grad()
def score_source(network: Source, corpus: Corpus, targets: list[tuple[int, np.ndarray]]) -> float:
    network.eval()
    nats = []
    for piece, places in targets:
        words = torch.from_numpy(words_of(corpus, piece))
        for part in np.array_split(places, len(places) // 128 + 1) if len(places) else ():
            logits = network(torch.stack([words[i - WINDOW : i] for i in part]))
            nats += functional.cross_entropy(logits, words[part], reduction="none").tolist()
    network.train()
    return float(np.mean(nats))


@torch.no_grad()
def continue_source(network: Source, corpus: Corpus) -> list[np.ndarray]:
    """Return pieces of the source's making: windows of the training pieces continued by argmax."""
    network.eval()
    row = np.concatenate([words_of(corpus, piece) for piece in corpus.pieces(validation=False)])
    starts = np.random.default_rng(0).integers(0, len(row) - WINDOW, SEEDS)
    words = torch.from_numpy(np.stack([row[start : start + WINDOW] for start in starts]))
    for _ in range(WORDS):
        words = torch.cat([words, network(words[:, -WINDOW:]).argmax(-1, keepdim=True)], dim=1)
    return list(words[:, WINDOW:].numpy())


# --- ours -----------------------------------------------------------------------------------------------------


def train_ours(run: Run, targets: list[tuple[int, np.ndarray]]) -> Curve:
    """Return the curve of our run; scoring is not counted, but the run's own evaluations are."""
    curve, started = [], time.process_time()
    for progress in run.steps():
        if progress.validation and progress.message != "done":
            seconds = time.process_time() - started
            curve.append((seconds, score_ours(run.trainer.network, run.corpus, targets)))
            started = time.process_time() - seconds
    tokens = run.trainer.counters.tokens
    print(f"ours: {tokens:,} targets in {seconds:.0f} s, {tokens / seconds:.0f} targets/s")
    return curve


@torch.no_grad()
def score_ours(network: Any, corpus: Corpus, targets: list[tuple[int, np.ndarray]]) -> float:
    network.eval()
    nats = []
    for piece, places in targets:
        rows = torch.from_numpy(corpus.rows(piece).astype(np.int64))[None]
        logits, _ = network(rows[:, :-1], network.initial_state(1))
        losses = functional.cross_entropy(logits[0], rows[0, 1:, 0], reduction="none")
        nats += losses[places].tolist()  # the word at place i follows i words and START
    network.train()
    return float(np.mean(nats))


def compose_ours(path: Path, **settings: Any) -> list[np.ndarray]:
    bundle = load_bundle(path)
    pieces = [Model(bundle).compose(bars=WORDS // 8, seed=seed, **settings) for seed in range(SEEDS)]
    return [piece.ids[bundle.representation.tokens.notes[piece.ids] > 0] for piece in pieces]


# --- loops ----------------------------------------------------------------------------------------------------


def loop_share(words: np.ndarray) -> float:
    """Return the share of a piece that is one figure over and over, up to its end."""
    longest = 0
    for period in range(1, len(words) // 3):
        differs = np.flatnonzero(words[period:][::-1] != words[:-period][::-1])
        same = int(differs[0]) if len(differs) else len(words) - period
        if same >= 2 * period:
            longest = max(longest, same + period)
    return longest / max(1, len(words))


def print_loops(label: str, pieces: list[np.ndarray]) -> None:
    shares = [loop_share(piece) for piece in pieces]
    kinds = np.mean([len(np.unique(piece)) for piece in pieces])
    print(
        f"{label:<34} {100 * np.mean(shares):>6.0f} % {kinds:>14.1f} {np.mean([len(p) for p in pieces]):>8.0f}"
    )


# --- reading --------------------------------------------------------------------------------------------------


def time_reading(files: list[Path]) -> None:
    """Print how long the words of `files` take to read, by us and through music21 as the source does it."""
    import music21

    warnings.simplefilter("ignore")  # of instruments without a name
    started = time.process_time()
    for path in files:
        NoteNames.collect_statistics(formats.read(path))
    ours, started = time.process_time() - started, time.process_time()
    for path in files:
        parts = music21.instrument.partitionByInstrument(music21.converter.parse(path, forceSource=True))
        for element in parts.parts[0].recurse():
            if isinstance(element, music21.chord.Chord):
                ".".join(str(c) for c in element.normalOrder)
            elif isinstance(element, music21.note.Note):
                str(element.pitch)
    theirs = time.process_time() - started
    print(f"reading {len(files)} files: ours {ours:.2f} s, music21 {theirs:.1f} s, {theirs / ours:.0f} times")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=1200, help="of our run")
    parser.add_argument("--seconds", type=float, help="of the source's run (as many as ours, if not given)")
    parser.add_argument("--evaluations", type=int, default=16, help="of our run")
    parser.add_argument("--music21", type=int, default=0, help="so many files are read through music21, too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.music21:
        files = find_files([arguments.folder])
        time_reading(files[:: max(1, len(files) // arguments.music21)][: arguments.music21])
    with tempfile.TemporaryDirectory() as folder:
        compare(arguments, Path(folder) / "ours.rit")


def compare(arguments: argparse.Namespace, out: Path) -> None:
    often = {"evaluations": arguments.evaluations, "patience": arguments.evaluations}
    settings = {"representation_options": OPTIONS, "steps": arguments.steps, **often, **SIZES}
    folder = arguments.folder
    run = prepare([folder], out, make_config("note_classifier", {**settings, "threads": 1, "samples": 0}))
    config, corpus = run.trainer.config, run.corpus
    representation: Any = corpus.representation
    classes = len(representation.vocabulary.config.words)
    targets = choose_targets(corpus)
    print(
        f"{len(corpus.index)} pieces, {corpus.count('length', False):,} training words, {classes} classes; "
        f"frequencies alone {frequencies_nats(corpus, targets, classes):.3f} nats a word; {config.precision}, "
        f"one thread; ours {config.layers} x {config.hidden} units"
    )
    ours = train_ours(run, targets)

    def autocast() -> Any:
        return torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16")

    network, source = train_source(corpus, classes, arguments.seconds or ours[-1][0], autocast)
    for label, curve in (("source", source), ("ours", ours[:: max(1, len(ours) // 8)])):
        print(f"{label:<7}", "  ".join(f"{seconds:.0f} s {nats:.3f}" for seconds, nats in curve))
    best, ours_best = min(nats for _, nats in source), min(nats for _, nats in ours)
    reached = next((seconds for seconds, nats in ours if nats <= best), None)
    print(f"best: source {best:.3f}, ours {ours_best:.3f} nats a word")
    if reached:
        spent = next(seconds for seconds, nats in source if nats == best)
        print(
            f"the source's {best:.3f} nats: {spent:.0f} s, ours {reached:.1f} s: {spent / reached:.0f} times"
        )
    print(f"\n{'continued pieces':<34} {'in a loop':>8} {'distinct words':>14} {'words':>8}")
    print_loops("source, argmax", continue_source(network, corpus))
    print_loops("ours, temperature 0, no guard", compose_ours(out, temperature=0, guard=False))
    print_loops("ours, temperature 0", compose_ours(out, temperature=0))
    print_loops("ours, defaults", compose_ours(out))


if __name__ == "__main__":
    main()
