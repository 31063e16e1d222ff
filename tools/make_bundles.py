"""Train the models that come along, from the archives of openly licensed music.

    python tools/make_bundles.py ARCHIVES WORK base --device cuda
    python tools/make_bundles.py ARCHIVES WORK small --device cuda
    python tools/make_bundles.py ARCHIVES WORK [NAME ...] --threads 1 [--minutes M] [--resume]

ARCHIVES is the folder with the archives that `music.SETS` names, which are unpacked to WORK. `base` learns from all of
them, `small`, of the same vocabulary, also from the probabilities of `base`, and every other model begins from `small`
with music of one kind. They are learned by the very code that a person uses. Beside WORK/NAME.rit, WORK/NAME.run has
the checkpoint from which --resume goes on.

A model is put in place of the one that comes along only if it is better on the pieces that are held out, or with
--force. On one H200 `base` learned for 275 seconds, `small` for 210 and eight of the others for 14 to 28; `organ` and
`guitar` for a few minutes of one core. On two cores (`--minutes 600`) `base` and `small` read far less, which was
not tried.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import music

from ritornello.bundle import Sampling
from ritornello.corpus.pieces import Piece
from ritornello.data import BUNDLES as TARGET
from ritornello.errors import RitornelloError
from ritornello.evaluation.pieces import find_pieces
from ritornello.generation import Model, find_initial, load
from ritornello.generation.sample import write_sample
from ritornello.likelihood import Likelihood
from ritornello.presets import make_config
from ritornello.score import Score
from ritornello.training.run import About, run_directory
from ritornello.training.run import prepare as prepare_run

MOST_NOTES = 150_000
"""Of the held-out pieces by which a new model is compared with the one in place."""


@dataclass(frozen=True)
class Recipe:
    """What a model learns from, and how.

    change: of the pieces, which leaves out those for which it raises CorpusError. init: the model in WORK that it
    begins from. teacher: the one whose probabilities it learns from. sampling: where the defaults are not best.
    """

    sets: tuple[str, ...]
    description: str
    minutes: float | None
    settings: dict[str, Any] = field(default_factory=dict)
    change: Callable[[Score], Score] | None = None
    init: str | None = "small"
    teacher: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    comes_along: bool = True

    @property
    def licence(self) -> str:
        """The licences of the sets, each once."""
        return ", ".join(dict.fromkeys(", ".join(each.licence for each in self._sets()).split(", ")))

    @property
    def provenance(self) -> str:
        """Where the sets are from, with the lines that their licences want quoted, each once."""
        return " ".join(dict.fromkeys(each.source for each in self._sets()))

    def _sets(self) -> Iterable[music.MusicSet]:
        return ((music.SETS | music.FOLK)[name] for name in self.sets)


ALL = {"samples": 0, "patience": 1000}
"""Settings of all recipes. They go to the end of their time, until which the rate falls; the best network is kept."""

AGAIN = {"learn": "all", "learning_rate": 2e-4, "batch": 64, "window": 64, "growing_window": False}
"""Of a model that learns again what the one it begins from has learned: a high rate first undoes what that knows."""

ON_A_CARD = {"batch": 512, "window": 128, "growing_window": False}
"""Settings where the device is a graphics card; on processors they are chosen to fit."""

AGAIN_ON_A_CARD = ON_A_CARD | {"learn": "all", "learning_rate": 5e-4, "batch": 256}
"""As AGAIN, with eight times the ids in a step and therefore a higher rate."""

RECIPES = {
    "base": Recipe(
        tuple(music.SETS),
        "Music of any kind: what other models begin from",
        5,
        {
            "hidden": 1024,
            "layers": 2,
            "embedding": 256,
            "dropout": 0.25,
            "learning_rate": 2.5e-3,
            "weight_decay": 0.05,
            # Candidates also from what followed the very last ids: better for music of a few parts.
            # A plan makes bars repeat as they do in music, and lets given chords steer (docs/experiments.md).
            "representation_options": {"repeats": (1, 2, 4, 8, 16), "chords": True, "returns": True},
        },
        init=None,
    ),
    "small": Recipe(
        tuple(music.SETS),
        "Music of any kind, in a network that a small computer plays live",
        4,
        {"hidden": 512, "layers": 1, "embedding": 192, "dropout": 0.1},
        init=None,
        teacher="base",
        comes_along=False,
    ),
    "songs": Recipe(
        ("lieder-openscore", "nifc-voice-piano"),
        "Songs for one or two voices and piano, 18th to early 20th century",
        10,
        change=music.song,
    ),
    "piano": Recipe(
        ("chopin-first-editions", "mutopia-piano", "nifc-keyboard"),
        "Piano music, 18th to early 20th century",
        10,
        change=music.solo_piano,
        sampling=Sampling(top_p=0.96),
    ),
    "quartets": Recipe(
        ("quartets-openscore", "nifc-instrumental", "mutopia-ensembles"),
        "String quartets, 18th to 20th century",
        10,
        change=music.string_quartet,
        sampling=Sampling(top_p=0.97),
    ),
    "chamber": Recipe(
        ("nifc-instrumental", "mutopia-ensembles"),
        "Chamber music for strings, winds and piano, 18th to early 20th century",
        8,
        change=music.ensemble,
    ),
    "chorales": Recipe(
        ("chorales-js-fakes", "hymns-open"),
        "Chorales and hymns for four voices",
        8,
        {"dropout": 0.2},
        change=music.sung,
    ),
    "choir": Recipe(
        ("nifc-choir", "nifc-choir-organ"),
        "Choral music of two to nine voices, some with organ, 16th to early 20th century",
        10,
    ),
    "organ": Recipe(("nifc-organ",), "Organ music: versets, preludes and fugues", 6, {"dropout": 0.3}),
    "guitar": Recipe(
        ("mutopia-guitar",), "Music for classical guitar", 6, {"dropout": 0.3}, change=music.guitars
    ),
    "folk": Recipe(
        ("nottingham",),
        "British and American folk tunes: jigs, reels, waltzes, with chords",
        8,
        {"dropout": 0.2, "learning_rate": 2e-3},  # music that the small base has not learned
        sampling=Sampling(temperature=0.95, top_p=0.9),
    ),
    "bands": Recipe(
        ("freedoom-debian", "multi-freedoom", "bands-open"),
        "Rock, film and game music for several instruments and drums",
        10,
        {"dropout": 0.2},
        # Three in four of these pieces do not end on their tonic.
        sampling=Sampling(temperature=0.85, cadence=False),
    ),
}


def folders(name: str, archives: Path, work: Path) -> list[Path]:
    """Return the folders with the music of a recipe, changed as it says; they are made if they are not there."""
    recipe = RECIPES[name]
    found = []
    for each in recipe.sets:
        folder = music.prepared(each, archives, work)
        if recipe.change:
            target = work / "changed" / name / each
            folder = target if target.exists() else music.rewritten(folder, target, recipe.change)
        found.append(folder)
    return found


def learn(name: str, arguments: argparse.Namespace) -> Path:
    """Train a model, and return its file."""
    recipe, work = RECIPES[name], arguments.work
    out = work / f"{name}.rit"
    resume = arguments.resume and (run_directory(out) / "checkpoint.safetensors").exists()
    given = {
        "minutes": arguments.minutes or recipe.minutes,
        "threads": arguments.threads,
        "device": arguments.device,
    }
    given = {setting: value for setting, value in given.items() if value is not None}
    if not resume:
        is_on_a_card = arguments.device not in (None, "cpu")
        of_device = (
            (AGAIN_ON_A_CARD if is_on_a_card else AGAIN) if recipe.init else ON_A_CARD if is_on_a_card else {}
        )
        given = ALL | of_device | recipe.settings | given
    config = make_config("default", given)
    init = arguments.init or (recipe.init and work / f"{recipe.init}.rit")
    run = prepare_run(
        [] if resume else folders(name, arguments.archives, work),
        out,
        config,
        resume=resume,
        init=None if resume else find_initial(init or "none"),
        teacher=work / f"{recipe.teacher}.rit" if recipe.teacher and not resume else None,
        held_out=music.held_out_keys(arguments.archives, work, recipe.sets),
        about=About(
            description=recipe.description,
            licence=recipe.licence,
            provenance=recipe.provenance,
            precision=arguments.precision,
            sampling=recipe.sampling,
        ),
        sample=write_sample,
        force=True,
    )
    print(name, run.trainer.config, run.corpus.split_text(), flush=True)
    for progress in run.steps():
        if progress.validation:
            held = progress.validation
            print(
                f"{name} {progress.seconds:.0f} s, {progress.epochs:.2f} epochs, training {progress.loss:.3f}, "
                f"held-out {held.nats_per_note:.3f} nats a note (bigram {run.trainer.bigram.nats_per_note:.3f}), "
                f"{held.accuracy:.1%}, {progress.tokens_per_second:.0f} tokens/s {progress.message}",
                flush=True,
            )
    return out


def judged(model: Model, pieces: Sequence[Piece]) -> Likelihood:
    """Return the likelihood of pieces under a model, those of one velocity at the level at which it learned such."""

    def read_at(level: int, some: Sequence[Piece]) -> Likelihood:
        scores = (music.levelled(piece.read(), level) for piece in some)
        return sum(model.likelihoods(scores), Likelihood())

    level = min(music.LEVELS, key=lambda level: read_at(level, pieces[:4]).nats_per_note)
    return read_at(level, pieces)


def some(pieces: Sequence[Piece], notes: int) -> list[Piece]:
    """Return some of these pieces, drawn at random, that together have so many notes, or all."""
    drawn = random.Random(0).sample(pieces, len(pieces))
    counts = (piece.read().note_count for piece in drawn)
    chosen = []
    for piece in drawn:
        if notes <= 0:
            break
        chosen.append(piece)
        notes -= next(counts)
    return chosen


def put_in_place(name: str, out: Path, arguments: argparse.Namespace) -> None:
    """Let a model come along, if it is better on held-out pieces than the one that does, or none does."""
    place = TARGET / out.name
    if place.exists() and not arguments.force:
        model = load(out)
        apart = find_pieces(model.bundle, folders(name, arguments.archives, arguments.work), held_out=True)
        pieces = some(apart, MOST_NOTES)
        new, old = (judged(each, pieces).nats_per_note for each in (model, load(place)))
        print(f"{name}: {new:.4f} nats a note of {len(pieces)} held-out pieces, before {old:.4f}", flush=True)
        if new >= old:
            print(f"{name}: {place} stays; --force replaces it", flush=True)
            return
    beside = place.with_suffix(".new")
    beside.write_bytes(out.read_bytes())
    beside.replace(place)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("names", nargs="*", default=list(RECIPES), metavar="NAME", help=", ".join(RECIPES))
    parser.add_argument("--minutes", type=float, help="default: what each recipe says")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device")
    parser.add_argument("--precision", default="int8", help="of the weights in the file (default: int8)")
    parser.add_argument("--init", help="a model to begin from, instead of WORK/small.rit")
    parser.add_argument("--resume", action="store_true", help="go on with the runs that were begun")
    parser.add_argument("--force", action="store_true", help="replace also a model that is better")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in RECIPES]:
        parser.error(f"{unknown[0]}: there is no such recipe; known: {', '.join(RECIPES)}")
    try:
        for name in arguments.names:
            out = learn(name, arguments)
            if RECIPES[name].comes_along:
                put_in_place(name, out, arguments)
    except RitornelloError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
