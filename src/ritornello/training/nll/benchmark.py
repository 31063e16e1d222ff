"""The benchmark: train, select on the validation split, score the test split once.

A recipe is a configuration of the ordinary training loop. Training transposes the pieces to all keys (augmentation).
The published piano rolls are all in C, and the key in their header says so; of the chorales in sixteenths no key is
told. A piece is scored under the mean of the network's probabilities for it in several keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ritornello.corpus.shards import corpus_in_memory, encode_ids
from ritornello.corpus.streams import ALL_KEYS
from ritornello.networks import Network
from ritornello.paths import write_text
from ritornello.training.config import TrainConfig
from ritornello.training.loop import Trainer
from ritornello.training.nll.collections import Collection
from ritornello.training.nll.scoring import FrameNats, Mixture, frame_nats
from ritornello.training.progress import Progress
from ritornello.training.tuning import settle

AVERAGES = {
    "all frames": {"by_piece": False, "first": True},
    "all frames but first ones": {"by_piece": False, "first": False},
    "piece means": {"by_piece": True, "first": True},
    "piece means, but first ones": {"by_piece": True, "first": False},
}
"""The conventions, with the arguments of `FrameNats.average`. Most papers on piano rolls use the second."""


class Result(NamedTuple):
    """The figures of one network: nats by the names of AVERAGES, minutes and epochs of its training.

    keys: in how many keys the pieces were read.
    """

    collection: str
    split: str
    seed: int | None  # None: the seeds' networks together
    keys: int
    nats: dict[str, float]
    minutes: float
    epochs: float


class Benchmark:
    """One collection: its data, and the networks trained on it. Runs are kept in `folder` / name-seed."""

    def __init__(
        self, collection: Collection, path: Path, folder: Path, settings: dict[str, Any], keys: int = 12
    ) -> None:
        """settings: in place of those of the recipe; minutes or steps in place of both. keys: to score in, 1 to 12."""
        self.collection, self.folder = collection, folder
        self.representation, self.splits = collection.read(path)
        recipe = {k: v for k, v in collection.recipe.items() if k != "steps" or not settings.get("minutes")}
        self.config = TrainConfig(**recipe | settings)
        self.semitones = sorted(ALL_KEYS, key=abs)[:keys]
        self.networks: list[Network] = []

    def train(self, seed: int) -> Iterator[Progress]:
        """Train one more network, and keep its weights that are best on the validation split."""
        pieces = [*self.splits.train, *self.splits.valid]
        examples = [encode_ids(self.representation, ids) for ids in pieces]
        apart = [number >= len(self.splits.train) for number in range(len(pieces))]
        corpus = corpus_in_memory(self.representation, examples, apart)
        config = settle(self.config.model_copy(update={"seed": seed}), corpus)
        directory = self.folder / f"{self.collection.name}-{seed}"
        trainer = Trainer(config, corpus, directory, lambda network, facts: None)
        yield from trainer.run()
        self.networks.append(trainer.network)
        self.facts = trainer.facts(trainer.final) if trainer.final else {}

    def result(self, seed: int | None, split: str = "test") -> Result:
        """Return the figures of the last network, or without a seed of all together; write them to `folder` too."""
        networks = self.networks[-1:] if seed is not None else self.networks
        nats = self.score(networks, split)
        result = Result(
            self.collection.name,
            split,
            seed,
            len(self.semitones),
            {name: round(nats.average(**how) / self.collection.parts, 4) for name, how in AVERAGES.items()},
            round(self.facts["seconds"] / 60, 1),
            self.facts["passes"],
        )
        label = "together" if seed is None else seed
        write_text(self.folder / f"{self.collection.name}-{label}-{split}.json", json.dumps(result._asdict()))
        return result

    def score(self, networks: Sequence[Network], split: str) -> FrameNats:
        """Return the nats per frame of the pieces of a split under `networks`."""
        pieces = [ids[:-1] for ids in getattr(self.splits, split)]
        return frame_nats(Mixture(networks, self.semitones), self.representation, pieces)
