"""A training run, from a folder of files to a bundle: dataset, hyperparameters, loop, model card.

Beside the model `NAME.rit` a folder `NAME.run` keeps the corpus, the checkpoint, the log, the learning curve
and the samples. With it, a run can be resumed.
"""

from __future__ import annotations

import datetime
import functools
import json
import math
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from ritornello import formats
from ritornello.analysis.voice_leading import voice_leading, voices_of
from ritornello.bundle import (
    Bundle,
    CorpusFacts,
    Facts,
    Origin,
    Sampling,
    load_bundle,
    load_network,
    save_bundle,
)
from ritornello.corpus.scan import Scan
from ritornello.corpus.shards import Corpus, build_corpus, open_corpus
from ritornello.corpus.shards import Progress as FilesProgress
from ritornello.data import BUNDLES, CORPUS
from ritornello.data.tunes import load_tunes
from ritornello.errors import ConfigError, FileError, refusing
from ritornello.networks import Network, count_parameters
from ritornello.networks.mapping import mapped_weights
from ritornello.originality import Index, build_index, one_of
from ritornello.paths import describe, write_text
from ritornello.representations.mapping import analogous_values
from ritornello.training.checkpoint import check_checkpoint, load_checkpoint
from ritornello.training.config import TrainConfig
from ritornello.training.device import device_errors
from ritornello.training.group import join_group, was_restarted
from ritornello.training.loop import CHECKPOINT, Trainer
from ritornello.training.place import Place, hold
from ritornello.training.progress import Clock, Progress
from ritornello.training.tuning import HARMONY_FIELDS, SIZE_FIELDS, build, check, settle

Sample = Callable[[Path, Path], None]
"""Called with a bundle and a path, to compose a short piece there. It is passed in, since generation is a later station
than training."""

BASE = BUNDLES / "base.rit"
"""The model from which a run begins unless another is given, if it is there and the settings agree with it."""

ABOUT = "about.json"
"""In the folder of a run, the facts for its card, for when it is resumed."""

MOST_WHOLE = 4_000_000
"""Weights of the largest network that is stored in float32. A step of a larger one takes as long as reading its
weights: in 8 bits a third, and nothing is lost (docs/experiments.md)."""

MOST_LOOKED_AT = 100
"""Pieces in which it is looked for voice leading."""

FEWEST_MOVES, MOST_FAULTS = 500, 0.02
"""Moves of two voices of which this can be said, and the share of them that are parallel or crossings: 0.01 in chorales
and hymns, 0.04 in organ music, 0.1 in choral music, 0.2 and more in quartets, songs and bands."""

LESS_MEMORY = "--batch or --hidden with a lower number takes less memory, --device cpu the processor"

MAY_CHANGE = {"minutes", "steps", "patience", "samples", "evaluations", "threads", "processes", "device"}
"""Settings that may change when a run is resumed."""


class About(BaseModel):
    """Facts about the model for its card, given by its maker, and the models from which its run began.

    precision: of the stored weights; "auto": float32, int8 for a network of more than MOST_WHOLE weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    licence: str = ""
    provenance: str = ""
    precision: Any = "auto"
    sampling: Sampling = Sampling()
    derived_from: tuple[Origin, ...] = ()


@dataclass
class Run:
    """A prepared run. Iterate over `steps()` to train; stop at any time."""

    trainer: Trainer
    corpus: Corpus
    found: Scan | None  # None if resumed
    out: Path
    sample: Sample | None
    index: Callable[[], Index | None]  # made once
    about: About
    why_not_base: str = ""  # the setting for which it does not begin from the base
    place: Place | None = None  # held as long as the run is

    def steps(self) -> Iterator[Progress]:
        """Train, and compose samples; when stopped early, leave a checkpoint and a usable model."""
        wanted, made = self.trainer.config.samples, 0
        if self.trainer.group.is_first:
            self.index()  # made now, so that every evaluation takes the same time
        try:
            with device_errors(str(self.trainer.device), self._how_to_go_on):
                for progress in self.trainer.run():
                    if (
                        self.sample
                        and progress.validation
                        and wanted
                        and progress.fraction * wanted >= made + 1
                    ):
                        made = int(progress.fraction * wanted)
                        samples = run_directory(self.out) / "samples"
                        self.sample(self.out, samples / f"step-{progress.step}.mid")
                    yield progress
        except (GeneratorExit, KeyboardInterrupt):
            self.trainer.stop()
            raise

    def _how_to_go_on(self) -> str:
        """Return what to do after an error of the device."""
        trainer = self.trainer
        if not trainer.checkpoint_path.exists():
            return f"there is no checkpoint yet; {LESS_MEMORY}"
        step = load_checkpoint(trainer.checkpoint_path).facts["counters"]["step"]
        return f"the checkpoint of step {step} stands: --resume goes on, with --device cpu on the processor"


def run_directory(out: Path) -> Path:
    """Return the folder that belongs to the model `out`."""
    return out.with_suffix(".run")


def embedded_corpus(name: str, out: Path) -> list[Path]:
    """Return the embedded music as files: songs for several instruments, or tunes with chords."""
    if name == "songs":
        return [CORPUS]
    folder = run_directory(out) / "tunes"
    folder.mkdir(parents=True, exist_ok=True)
    for tune in load_tunes():
        formats.write(tune.score, folder / f"{''.join(c if c.isalnum() else '-' for c in tune.title)}.mid")
    return [folder]


def prepare(
    sources: Sequence[Path | str],
    out: Path,
    config: TrainConfig,
    *,
    resume: bool = False,
    init: Path | Literal["none"] | None = None,
    teacher: Path | None = None,
    held_out: Collection[str] | None = None,
    about: About | None = None,
    sample: Sample | None = None,
    progress: FilesProgress | None = None,
    executor: Any = None,
    force: bool = False,
    clock: Clock | None = None,
) -> Run:
    """Return a run, ready to start: corpus built, machine measured, sizes chosen.

    With `resume`, continue the run that belongs to `out` from its checkpoint; `sources` are not read again. `init` is
    the bundle from which to begin: its network and options, and its weights, mapped to the vocabulary of the corpus; by
    default BASE, if no setting asks for anything else and there is no teacher; "none": random weights. With `teacher`,
    learn from the probabilities of that bundle too, with its vocabulary; a resumed run loads it again. `executor` reads
    the files, as for `map_guarded`.
    `held_out` has the keys of the pieces to hold out, as for `build_corpus`, instead of a share.
    What is given `about` the model is kept in the run, for when it is resumed.
    `clock` has run since the command began, for a time budget.
    For one of several processes, see `prepare_together`. A model or run that exists is replaced only with `force`.
    """
    if resume and init:
        raise ConfigError("--resume and --init contradict each other: a resumed run has its weights already")
    check(config)
    if not resume:
        _check_new(out, force)
    _check_writable(out)
    if resume:
        check_checkpoint(run_directory(out) / CHECKPOINT)
    directory, clock = run_directory(out), clock or Clock()
    with hold(out, directory) if join_group().is_first else nullcontext() as place:
        found: Scan | None = None
        taught_by = load_bundle(teacher) if teacher else None
        begin, why_not_base = None, ""
        if not resume:
            _check_teacher(taught_by, config)
            begin, why_not_base = _beginning(init or ("none" if teacher else None), config)
        if begin:
            config = _like(begin, config)
        if resume:
            saved = load_checkpoint(directory / CHECKPOINT).facts
            with refusing(FileError, f"{directory / CHECKPOINT}: damaged checkpoint"):
                config = resumed_config(TrainConfig.model_validate(saved["config"]), config)
                known = saved.get("teacher")
                teacher = Path(known["path"]) if known else None
            corpus = open_corpus(directory / "corpus")
            if taught_by is None and teacher:
                taught_by = load_bundle(teacher)
        else:
            corpus, found = build_corpus(
                sources,
                directory / "corpus",
                representation=taught_by.representation if taught_by else config.representation,
                options=config.representation_options,
                seed=config.seed,
                validation=config.held_out,
                held_out=held_out,
                progress=_within(config.minutes, clock, progress),
                executor=executor,
            )
            with device_errors(config.device, lambda: LESS_MEMORY):
                config = settle(config, corpus, clock.seconds(), bool(begin))
        index = functools.cache(functools.partial(index_of, corpus))
        about = _about(directory, about or About(), begin, None if resume else corpus)
        with device_errors(config.device, lambda: LESS_MEMORY):
            trainer = Trainer(
                config,
                corpus,
                directory,
                _saver(out, corpus, about, index),
                clock=clock,
                init=_network_of(begin, config, corpus) if begin else None,
                init_name=begin.card.name if begin else "",
                teacher_bundle=taught_by,
            )
        if resume:
            trainer.resume()
        trainer.counters.seconds = clock.seconds()
        return Run(trainer, corpus, found, out, sample, index, about, why_not_base, place)


def _beginning(init: Path | Literal["none"] | None, config: TrainConfig) -> tuple[Bundle | None, str]:
    """Return the bundle to begin from, if any; and the setting for which it is not BASE, if that is why.

    Raises ConfigError for settings that differ from those of the bundle `init`.
    """
    if init == "none" or (init is None and not BASE.exists()):
        return None, ""
    begin = load_bundle(init or BASE)
    if not (difference := _difference(begin, config)):
        return begin, ""
    asked, own = difference
    if init is None:
        return None, f"{asked}, where {begin.card.name} has {own}"
    raise ConfigError(
        f"{asked}: {begin.card.name}, from which the run begins, has {own}; leave out --init, or what asks for another "
        "(the preset, or the setting)"
    )


def _about(directory: Path, about: About, begin: Bundle | None, corpus: Corpus | None) -> About:
    """Return what is known about the model of a run, and keep it in its folder; what is given anew replaces it.

    `corpus`: None for a run that is resumed.
    """
    path = directory / ABOUT
    if corpus:
        sampling = about.sampling
        if sampling.voice_leading is None and has_voice_leading(corpus):
            sampling = sampling.model_copy(update={"voice_leading": True})
        about = about.model_copy(
            update={"derived_from": begin.origins if begin else (), "sampling": sampling}
        )
    elif path.exists():
        try:
            known = About.model_validate_json(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise FileError(
                f"{path}: is damaged; remove it, and give --licence and --provenance again"
            ) from error
        about = known.model_copy(update={name: getattr(about, name) for name in about.model_fields_set})
    if join_group().is_first:
        write_text(path, about.model_dump_json())
    return about


def _within(minutes: float | None, clock: Clock, progress: FilesProgress | None) -> FilesProgress:
    """Return `progress` that raises ConfigError when the time budget is over, before anything could be learned."""

    def told(phase: str, done: int, total: int) -> None:
        if progress:
            progress(phase, done, total)
        seconds = clock.seconds()
        if minutes is not None and seconds >= 60 * minutes:
            enough = math.ceil(1.5 * seconds / 60 * total / done)
            raise ConfigError(
                f"minutes {minutes:g}: after {phase} {done:,} of {total:,} files they are over; give {enough} or more"
            )

    return told


def _saver(
    out: Path,
    corpus: Corpus,
    about: About,
    index: Callable[[], Index | None],
) -> Callable[[Network, dict[str, Any]], None]:
    """Return a function that writes a network and the facts of its training as the bundle `out`."""

    def save_model(network: Network, training: dict[str, Any]) -> None:
        held_out = training.pop("figures")
        facts = Facts(
            name=out.stem,
            description=about.description,
            sampling=about.sampling,
            held_out=held_out,
            training=training,
            derived_from=about.derived_from,
            corpus=CorpusFacts(digest=corpus.digest, licence=about.licence, provenance=about.provenance),
            created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        )
        precision = about.precision
        if precision == "auto":
            precision = "int8" if count_parameters(network) > MOST_WHOLE else "float32"
        save_bundle(out, network, corpus.representation, facts, precision, index())

    return save_model


def has_voice_leading(corpus: Corpus) -> bool:
    """Whether the training music has voices that hardly ever run parallel or cross, as in chorales."""
    if corpus.representation.name != "multitrack":
        return False
    pieces = corpus.pieces(validation=False)
    some = pieces[:: max(1, len(pieces) // MOST_LOOKED_AT)].tolist()
    scores = (corpus.representation.decode(corpus.ids(piece)) for piece in some)
    moves, *faults = np.sum([voice_leading(voices_of(score)) for score in scores], axis=0).tolist()
    return bool(moves >= FEWEST_MOVES and sum(faults) < MOST_FAULTS * moves)


def index_of(corpus: Corpus) -> Index | None:
    """Return the index of the training music, as decoded from its ids; None for prose."""
    representation, names = corpus.representation, corpus.names()
    if representation.reads_prose:
        return None
    every = one_of(corpus.count("notes", validation=False))
    pieces = corpus.pieces(validation=False)[::every].tolist()
    scores = ((Path(names[piece]).stem, representation.decode(corpus.ids(piece))) for piece in pieces)
    return build_index(scores, is_whole=every == 1)


def prepare_together(
    sources: Sequence[Path | str], out: Path, config: TrainConfig, *, resume: bool = False, **others: Any
) -> Run:
    """Return the run of one of the processes that a launcher has started: the first one prepares it for all.

    `out` is in a folder that all of them share. `others` are those of `prepare`. Processes that are restarted, because
    one of them died, continue from the last checkpoint.
    """
    group = join_group()
    config = config.model_copy(update={"processes": group.size})
    checkpoint = run_directory(out) / CHECKPOINT
    begun = resume or (was_restarted() and checkpoint.exists())
    if group.is_first and not begun:
        prepare(sources, out, config, **others).trainer.checkpoint()
    group.wait()
    others |= {"init": None, "teacher": None, "sample": others.get("sample") if group.is_first else None}
    asked = config if resume else TrainConfig.model_validate({"processes": group.size})
    return prepare([], out, asked, resume=True, **others)


def resumed_config(saved: TrainConfig, asked: TrainConfig) -> TrainConfig:
    """Return the saved configuration with the settings MAY_CHANGE of `asked`; ConfigError for other changes."""
    given = {name: getattr(asked, name) for name in asked.model_fields_set}
    other = sorted(n for n, value in given.items() if n not in MAY_CHANGE and value != getattr(saved, n))
    if other:
        raise ConfigError(
            f"{other[0]}: a resumed run keeps {getattr(saved, other[0])!r}; it may change "
            + ", ".join(sorted(MAY_CHANGE))
        )
    if "steps" in given:
        given["minutes"] = None
    elif "minutes" in given:
        given["steps"] = None
    return saved.model_copy(update={name: value for name, value in given.items() if name in MAY_CHANGE})


def _check_new(out: Path, force: bool) -> None:
    """Raise ConfigError if a model `out`, or a run of it, exists, unless `force`."""
    existing = [path for path in (out, run_directory(out)) if (path / "corpus").exists() or path.is_file()]
    if existing and not force:
        raise ConfigError(f"{existing[0]} exists; --force replaces it, --resume goes on with its run")


def _difference(begin: Bundle, config: TrainConfig) -> tuple[str, Any] | None:
    """Return the first setting, given or of a preset, that a bundle has otherwise, with its value there; or None."""
    representation, network, given = begin.representation, begin.card.network, config.model_fields_set
    has: dict[str, Any] = {"representation": representation.name, "network": network.name}
    has |= {name: network.config.get(name) for name in ("hidden", "layers", "embedding", "tied")}
    has |= {"features": bool(network.config.get("features")), "intervals": network.config.get("intervals", 0)}
    asked = [(name, getattr(config, name), own) for name, own in has.items() if name in given]
    kept = {key: own for key, own in representation.options().items() if key in config.representation_options}
    wanted = config.representation_options
    asked += [
        (f"representation option {key}", wanted[key], own)
        for key, own in kept.items()
        if own or key not in representation.later_options
    ]
    options = config.network_options.items()
    asked += [(f"network option {key}", value, network.config.get(key)) for key, value in options]
    differing = [(name, value, own) for name, value, own in asked if json.dumps(value) != json.dumps(own)]
    return next(((f"{name} {value}", own) for name, value, own in differing), None)


def _check_teacher(teacher: Bundle | None, config: TrainConfig) -> None:
    """Raise ConfigError for settings without a teacher to use them, or music that would be encoded otherwise than it
    reads."""
    given = config.model_fields_set
    if teacher is None:
        if "teacher_share" in given:
            raise ConfigError(
                f"teacher_share {config.teacher_share:g}: there is no teacher; give --teacher too"
            )
        return
    part, options = teacher.card.representation, config.representation_options
    asked: list[tuple[str, Any, Any]] = []
    if "representation" in given:
        asked.append(("representation", config.representation, part.name))
    asked += [(f"representation option {key}", value, part.config.get(key)) for key, value in options.items()]
    for name, value, own in asked:
        if json.dumps(value) != json.dumps(own):
            raise ConfigError(f"{name} {value}: {teacher.card.name}, the teacher, has {own}; leave it out")


def _like(begin: Bundle, config: TrainConfig) -> TrainConfig:
    """Return `config` with the network and the options of the representation of a bundle."""
    config_of_network = begin.card.network.config
    mine = {"dropout", "candidate_dropout"} & config.model_fields_set
    own = {
        name: value for name, value in config_of_network.items() if name in SIZE_FIELDS and name not in mine
    }
    derived = (*SIZE_FIELDS, "features", "candidates", "intervals", "lines", *HARMONY_FIELDS)
    options = {name: value for name, value in config_of_network.items() if name not in derived}
    own |= {"network": begin.card.network.name, "network_options": options}
    own["representation"] = begin.card.representation.name
    own["representation_options"] = {**begin.representation.options(), **config.representation_options}
    own["features"] = bool(config_of_network.get("features"))
    own["intervals"] = config_of_network.get("intervals", 0)
    return config.model_copy(update=own)


def _network_of(begin: Bundle, config: TrainConfig, corpus: Corpus) -> Network:
    """Return a new network with the weights of a bundle, mapped to the vocabulary of the corpus."""
    network = build(config, corpus)
    columns = analogous_values(corpus.representation, begin.representation)
    network.load_state_dict(mapped_weights(network, load_network(begin), columns))
    return network


def _check_writable(out: Path) -> None:
    """Raise an error now if `out` could not be written after minutes of work."""
    if out.suffix != ".rit":
        raise ConfigError(f"{out}: a model's name ends with .rit")
    directory = out.parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise FileError(f"{directory}: cannot be written: {describe(error)}") from error
