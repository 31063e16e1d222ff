"""From a folder to new music in minutes: what does a model that knows music already make of half of a folder?

    python benchmarks/folders.py FOLDER[:COUNT] ... [--init base] [--minutes 2] [--pieces 8] [--seed 1]
                                 [--held-out KEYS] [--work WORK] [--json]

Half of the pieces of each folder are learned from, half are judged; versions of one piece are on one side. COUNT takes
so many of a folder. With --held-out, a file of keys (`corpus.pieces.key_of`), only these are taken of a folder that has
any of them: those that the model to begin from did not learn from. Without it the keys in that model's card are taken.

`ritornello train` learns with all cores for so many minutes, once from --init and once from nothing. Each model judges
the other half as `ritornello likelihood` does: what a vocabulary lacks is replaced by the nearest that it has, and all
that is encoded counts. So the nats are of the same notes, not of the same ids; both models that learned, and the bigram
model of the half learned from, have one vocabulary, fitted to that half. Where a vocabulary leaves out notes, the share
of the notes that are judged is told.

Then each model composes, at its defaults. Measured are the regularity of the onsets in the first BARS bars, and the
share of their notes in one scale (MEASURES). A piece has a beat, and a key, if its value is above the middle between
two medians: that of the pieces learned from, and that of the same pieces with every note at a random time and up to a
tritone away. Beside what was composed stand the real pieces of the other half, and these with their notes at random.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

import ritornello
from ritornello.arrays import Floats
from ritornello.corpus.pieces import Piece, key_of, pieces_of
from ritornello.corpus.scan import scan
from ritornello.corpus.shards import corpus_in_memory, encode_piece
from ritornello.corpus.splitting import candidates_of, hold_out
from ritornello.errors import ConfigError
from ritornello.evaluation.features import FEATURES, STEPS_PER_QUARTER, Feature, beginning, measure
from ritornello.evaluation.features import Piece as Measured
from ritornello.generation import Model
from ritornello.likelihood import Likelihood
from ritornello.representations import Representation
from ritornello.score import Score, Track, sort_notes
from ritornello.training.scoring import bigram

BARS = 16
LAGS = range(STEPS_PER_QUARTER // 2, 4 * STEPS_PER_QUARTER + 1)
"""Distances at which onsets may recur: from an eighth to a whole note."""


def pulse(piece: Measured) -> float:
    """Return how regularly notes begin: the highest autocorrelation of their number, at one of LAGS.

    The number of notes that begin at each step is smoothed over three, for what is played is not on the grid. Notes at
    random times have nearly 0, a metronome nearly 1.
    """
    onsets = np.convolve(np.bincount(piece.notes["start"]), (0.25, 0.5, 0.25))
    onsets -= onsets.mean()
    energy = onsets @ onsets
    lags = [lag for lag in LAGS if lag < len(onsets)]
    return max((float(onsets[lag:] @ onsets[:-lag] / energy) for lag in lags), default=np.nan)


MEASURES = {
    "beat": Feature("regularity of the onsets", pulse, 0.01),
    "key": FEATURES["scale consistency"],
}


@dataclass
class Row:
    """What was found of a folder.

    nats: a note of the judged half, by model; encoded: the share of the notes. Of each measure, least: what pieces must
    have; medians, and passed: the number of pieces that have it, and of all, both by who made them. Nothing where it is
    undefined, such as the key of drums.
    """

    folder: str
    learned: int
    judged: int
    notes: int
    nats: dict[str, float | None] = field(default_factory=dict)
    encoded: dict[str, float] = field(default_factory=dict)
    least: dict[str, float] = field(default_factory=dict)
    medians: dict[str, dict[str, float]] = field(default_factory=dict)
    passed: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)


def pieces_in(folder: Path, count: int | None, held_out: set[str]) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces to learn from and those to judge.

    Digests order and divide them, so neither the names of the files nor their order count.
    """
    reports = list(scan([folder]).used)
    if known := [report for report in reports if key_of(report.digest) in held_out]:
        reports = known
    reports = sorted(reports, key=lambda report: report.digest)[:count]
    judged = hold_out(candidates_of(reports, [report.notes for report in reports]), seed=0, share=0.5)
    if judged is None:
        raise ConfigError(f"{folder}: no two pieces to divide")
    halves: tuple[list[Piece], list[Piece]] = [], []
    for number, report in enumerate(reports):
        halves[number in judged].extend(piece for _, piece in pieces_of(report))
    return halves


def train(pieces: Sequence[Piece], init: str, out: Path, minutes: float) -> Model:
    """Return the model that the command line learns from these pieces."""
    folder = out.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, piece in enumerate(pieces):
        shutil.copy(piece.path, folder / f"{number:04}-{piece.path.name}")
    options = ["--init", init, "--minutes", str(minutes), "--samples", "0", "--force", "--json"]
    command = [sys.executable, "-m", "ritornello", "train", str(folder), "-o", str(out), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return ritornello.load(out)


def judge(model: Model, scores: Sequence[Score]) -> Likelihood:
    """Return the likelihood of all the scores of which a model can read anything."""
    total = Likelihood()
    try:
        return sum(model.likelihoods(scores), total)
    except ConfigError:  # some have only notes that it has no voice for
        for score in scores:
            try:
                total += model.likelihood(score)
            except ConfigError:
                continue
        return total


def judge_bigram(
    representation: Representation, learned: Sequence[Piece], judged: Sequence[Piece]
) -> Likelihood:
    """Return the likelihood of pieces under the bigram model of others."""
    config = json.dumps(representation.config())
    examples = [
        [e for piece in half for e in encode_piece(representation.name, config, piece).examples]
        for half in (learned, judged)
    ]
    apart = [False] * len(examples[0]) + [True] * len(examples[1])
    return bigram(corpus_in_memory(representation, examples[0] + examples[1], apart))


def scattered(scores: Sequence[Score], seed: int) -> list[Score]:
    """Return the beginnings of scores with every note at a random time, and from 6 semitones lower to 5 higher."""
    random = np.random.default_rng(seed)

    def moved(track: Track, end: int) -> Track:
        notes, count = track.notes.copy(), len(track.notes)
        notes["start"] = random.integers(0, max(1, end), count)
        notes["pitch"] = np.clip(notes["pitch"] + random.integers(-6, 6, count), 0, 127)
        return replace(track, notes=sort_notes(notes))

    begun = (beginning(score, BARS) for score in scores)
    return [
        replace(score, tracks=tuple(moved(track, score.end) for track in score.tracks)) for score in begun
    ]


def values_of(scores: Sequence[Score]) -> dict[str, Floats]:
    """Return each of MEASURES for each score, not a number where it is undefined."""
    rows = [measure(beginning(score, BARS), MEASURES) for score in scores if score.note_count]
    return {name: np.array([row[name] for row in rows]) for name in MEASURES}


def median(values: Floats) -> float:
    """Return the median of the finite values."""
    return float(np.median(values[np.isfinite(values)])) if np.isfinite(values).any() else np.nan


def study(
    folder: Path, count: int | None, held_out: set[str], work: Path, options: argparse.Namespace
) -> Row:
    """Return the row of a folder."""
    learned, judged = pieces_in(folder, count, held_out)
    scores = [piece.read() for piece in judged]
    row = Row(folder.name, len(learned), len(judged), sum(score.note_count for score in scores))
    models = {
        "as it is": ritornello.load(options.init),
        "from it": train(learned, options.init, work / folder.name / "from-it.rit", options.minutes),
        "from nothing": train(learned, "none", work / folder.name / "from-nothing.rit", options.minutes),
    }
    found = {name: judge(model, scores) for name, model in models.items()}
    found["bigram"] = judge_bigram(models["from nothing"].bundle.representation, learned, judged)
    for name, likelihood in found.items():
        row.nats[name] = likelihood.nats_per_note if likelihood.notes else None
        row.encoded[name] = likelihood.notes / row.notes
    made = {"real": scores, "random": scattered(scores, options.seed)}
    for name, model in models.items():
        pieces = model.compose_many(bars=BARS, count=options.pieces, seed=options.seed)
        made[name] = [piece.score for piece in pieces]
        for number, piece in enumerate(pieces, 1):
            piece.write(work / folder.name / f"{name.replace(' ', '-')}-{number}.mid")
    theirs = [piece.read() for piece in learned]
    limits = [values_of(those) for those in (theirs, scattered(theirs, options.seed + 1))]
    values = {name: values_of(of_one) for name, of_one in made.items()}
    for what in MEASURES:
        least = float(np.mean([median(limit[what]) for limit in limits]))
        if np.isfinite(least):
            row.least[what] = least
            row.medians[what] = {name: median(of_one[what]) for name, of_one in values.items()}
            row.passed[what] = {
                name: (int((of_one[what] > least).sum()), len(made[name])) for name, of_one in values.items()
            }
    return row


def print_table(rows: Sequence[Row], options: argparse.Namespace) -> None:
    """Print the rows as a table of Markdown."""
    makers = {"from it": f"from {options.init}", "from nothing": "from nothing", "as it is": options.init}
    makers |= {"real": "real", "random": "random"}
    head = [
        "folder",
        "learned, judged",
        options.init,
        f"from {options.init}",
        "from nothing",
        "bigram",
        "ratio",
    ]
    head += [f"{what}: {', '.join(makers.values())}" for what in MEASURES]
    print("\n| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for row in rows:
        nats = [
            "-" if value is None else f"{value:.2f}" + (f" of {share:.0%}" if share < 0.995 else "")
            for value, share in zip(row.nats.values(), row.encoded.values(), strict=True)
        ]
        ratio = f"{(row.nats['from it'] or np.nan) / (row.nats['from nothing'] or np.nan):.0%}"
        cells = [row.folder, f"{row.learned}, {row.judged}", *nats, ratio]
        for what in MEASURES:
            passed = row.passed.get(what)
            cells.append(", ".join("{}/{}".format(*passed[name]) for name in makers) if passed else "-")
        print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", metavar="FOLDER[:COUNT]")
    parser.add_argument("--init", default="base")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--pieces", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", type=Path)
    parser.add_argument("--work", type=Path, help="keeps the models and the pieces")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.held_out:
        held_out = set(options.held_out.read_text().split())
    else:
        held_out = set(ritornello.load(options.init).bundle.card.training.get("held_out", ()))
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for text in options.folders:
            name, _, count = text.rpartition(":")
            folder, most = (Path(name), int(count)) if name and count.isdecimal() else (Path(text), None)
            rows.append(study(folder, most, held_out, options.work or Path(place), options))
            if options.json:
                print(json.dumps(vars(rows[-1])), flush=True)
    if not options.json:
        print_table(rows, options)


if __name__ == "__main__":
    main()
