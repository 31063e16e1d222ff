"""Train the bundles that come along, from the archives of openly licensed music.

    python tools/make_bundles.py ARCHIVES WORK [NAME ...] [--minutes M]

ARCHIVES is the folder with the archives named in BUNDLES. The music is unpacked to WORK, changed as `prepare`
says, and learned from by the very code that a person uses. Each bundle's card names its music and its licence;
`docs/experiments.md` has the figures.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ritornello import formats
from ritornello.data import BUNDLES as TARGET
from ritornello.errors import RitornelloError
from ritornello.generation.sample import write_sample
from ritornello.presets import make_config
from ritornello.score import Score
from ritornello.training.run import About
from ritornello.training.run import prepare as prepare_run

CHOIR = 52


def sing(score: Score) -> Score:
    """Let a voice sing: the engraving program that made these files gives vocal parts the oboe's sound."""
    oboe = 68
    tracks = (replace(track, program=CHOIR) if track.program == oboe else track for track in score.tracks)
    return replace(score, tracks=tuple(tracks))


def keep(score: Score) -> Score:
    return score


@dataclass(frozen=True)
class Recipe:
    """What a bundle learns from, and how."""

    archives: tuple[str, ...]
    description: str
    licence: str
    provenance: str
    settings: dict[str, Any] = field(default_factory=dict)
    change: Callable[[Score], Score] = keep


BUNDLES = {
    "songs": Recipe(
        ("lieder-openscore.zip",),
        "Songs for voice and piano of the 19th century",
        "CC0-1.0",
        "OpenScore Lieder Corpus (github.com/OpenScore/Lieder), MusicXML turned into MIDI with verovio",
        {"hidden": 512, "layers": 1, "embedding": 192},
        sing,
    ),
    "quartets": Recipe(
        ("quartets-openscore.zip",),
        "String quartets, 18th to 20th century",
        "CC0-1.0",
        "OpenScore String Quartets (github.com/OpenScore/StringQuartets), MusicXML turned into MIDI with verovio",
        {"hidden": 512, "layers": 1, "embedding": 192},
    ),
    "bands": Recipe(
        ("freedoom-debian.zip", "multi-freedoom.zip"),
        "Rock and ambient pieces for several instruments and drums",
        "BSD-3-Clause",
        "Music of Freedoom (github.com/freedoom/freedoom, and the Debian packages freedoom and freedm 0.12.1)",
        {"hidden": 384, "layers": 1, "embedding": 160, "patience": 100},
    ),
}


def unpack(name: str, archives: Path, work: Path) -> Path:
    """Return a folder with the files of a recipe, changed as it says."""
    recipe, target = BUNDLES[name], work / name
    if target.exists():
        return target
    for archive in recipe.archives:
        with zipfile.ZipFile(archives / archive) as opened:
            opened.extractall(work / "original")
        for path in sorted((work / "original" / Path(archive).stem).rglob("*.mid")):
            try:
                formats.write(recipe.change(formats.read(path)), target / f"{Path(archive).stem}-{path.name}")
            except RitornelloError as error:
                print(error)
    return target


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
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    for name in arguments.names:
        recipe = BUNDLES[name]
        given = {"minutes": arguments.minutes, "threads": arguments.threads, "samples": 0}
        config = make_config("default", recipe.settings | {k: v for k, v in given.items() if v is not None})
        out = arguments.work / f"{name}.rit"
        about = About(recipe.description, recipe.licence, recipe.provenance, "float16")
        folder = unpack(name, arguments.archives, arguments.work)
        run = prepare_run([folder], out, config, about=about, sample=write_sample)
        print(name, run.trainer.config, flush=True)
        for progress in run.steps():
            if progress.held:
                held = progress.held
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
