"""What a plan costs and brings: songs learned with and without chords and returns as ids, at equal processor time.

    python benchmarks/plan.py ARCHIVES WORK VARIANT [--minutes 3] [--compose FOLDER --pieces 40]

VARIANT: control, chords, returns or both. A hundred of the pieces that models learn from are held out; those that they
hold out take no part. Prints the nats a note in all and by kind of id; and those that are left where the plan is given:
its ids are certain where they come, and impossible where they do not.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

import make_bundles
import music

from ritornello import formats
from ritornello.bundle import CorpusFacts, Facts, save_bundle
from ritornello.corpus.shards import Corpus, build_corpus
from ritornello.generation import load
from ritornello.networks import Network
from ritornello.presets import make_config
from ritornello.training.loop import Trainer
from ritornello.training.progress import Clock
from ritornello.training.tuning import settle

VARIANTS = {
    "control": (False, False),
    "chords": (True, False),
    "returns": (False, True),
    "both": (True, True),
}
OPTIONS = {"repeats": (1, 2, 4, 8, 16), "entrances": False, "moved": False}
HELD_OUT = 100
SETTINGS = {
    "hidden": 256,
    "layers": 1,
    "embedding": 128,
    "dropout": 0.1,
    "batch": 64,
    "window": 64,
    "threads": 1,
    "evaluations": 3,
    "samples": 0,
}


def songs(arguments: argparse.Namespace) -> Corpus:
    """Return the songs that models learn from, a part of them held out."""
    chords, returns = VARIANTS[arguments.variant]
    corpus, _ = build_corpus(
        make_bundles.folders("songs", arguments.archives, arguments.work),
        arguments.work / f"plan-{arguments.variant}",
        options=OPTIONS | {"chords": chords, "returns": returns},
        held_out=music.held_out_keys(arguments.archives, arguments.work, make_bundles.RECIPES["songs"].sets),
    )
    learned = np.flatnonzero(~corpus.index["validation"])
    index = corpus.index.copy()
    index["validation"] = False
    index["validation"][np.random.default_rng(0).choice(learned, HELD_OUT, replace=False)] = True
    return replace(corpus, index=index[learned])


@torch.no_grad()
def nats(network: Network, corpus: Corpus, given: tuple[str, ...] = ()) -> dict[str, float]:
    """Return the nats a note of the held-out pieces by kind of id, and of all; those of `given` kinds are given."""
    network.eval()
    tokens, notes, sums = (
        corpus.representation.tokens,
        0,
        dict.fromkeys(corpus.representation.tokens.slice, 0.0),
    )
    kinds, is_given = np.array(tokens.kind), torch.from_numpy(tokens.mask(*given))
    for piece in corpus.pieces(validation=True).tolist():
        rows = torch.from_numpy(corpus.rows(piece).astype(np.int64))
        state = network.initial_state(1)
        for at in range(0, len(rows) - 1, 512):
            logits, state = network(rows[None, at : at + 512], state)
            targets = rows[at + 1 : at + 513, 0]
            scores = logits[0, : len(targets)].float().masked_fill(is_given, -torch.inf)
            losses = functional.cross_entropy(scores, targets, reduction="none").double().numpy()
            losses[is_given[targets].numpy()] = 0
            of_kind, place = np.unique(kinds[targets.numpy()], return_inverse=True)
            for kind, total in zip(of_kind.tolist(), np.bincount(place, losses).tolist(), strict=True):
                sums[kind] += total
        notes += int(tokens.notes[rows[:, 0]].sum())
    found = {kind: round(total / notes, 4) for kind, total in sums.items() if total}
    return {"all": round(sum(sums.values()) / notes, 4), **found}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("--minutes", type=float, default=3.0, help="of processor time (default: 3)")
    parser.add_argument("--compose", type=Path, help="a folder for pieces of 32 bars")
    parser.add_argument("--pieces", type=int, default=40)
    arguments = parser.parse_args()
    corpus = songs(arguments)
    config = settle(make_config("default", SETTINGS | {"minutes": arguments.minutes}), corpus)
    trainer = Trainer(config, corpus, None, lambda network, facts: None, clock=Clock(time.process_time))
    trainer.clock = Clock(time.process_time)
    for progress in trainer.run():
        if progress.validation:
            print(
                f"{progress.seconds:.0f} s, {progress.step} steps: {progress.validation.nats_per_note:.4f}",
                flush=True,
            )
    print(arguments.variant, trainer.counters.step, "steps", nats(trainer.network, corpus))
    if arguments.variant != "control":
        print("given", nats(trainer.network, corpus, ("chord", "return")))
    if arguments.compose:
        out = arguments.work / f"plan-{arguments.variant}.rit"
        facts = Facts(name=out.stem, corpus=CorpusFacts(digest=corpus.digest))
        save_bundle(out, trainer.network, corpus.representation, facts, "float32", None)
        arguments.compose.mkdir(parents=True, exist_ok=True)
        for seed in range(arguments.pieces):
            score = load(out).compose(bars=32, seed=seed).score
            formats.write(score, arguments.compose / f"{seed:03}.mid")


if __name__ == "__main__":
    main()
