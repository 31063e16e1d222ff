"""`ritornello train`: from a folder of MIDI files to a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.presets import PRESETS
from ritornello.training.config import TrainConfig

if TYPE_CHECKING:
    from ritornello.training.run import Run


@with_options(TrainConfig, panel="Settings")
def train(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="files, folders and addresses (s3://...) to learn from (default: music that comes along)"
        ),
    ] = None,
    out: Annotated[str, typer.Option("--out", "-o", help="the model to write")] = "model.rit",
    preset: Annotated[
        str,
        typer.Option(
            help=f"named row of settings; `ritornello presets` explains them (one of {', '.join(PRESETS)})"
        ),
    ] = "default",
    faithful: Annotated[
        bool, typer.Option("--faithful", help="the preset as its original has it, known defects included")
    ] = False,
    init: Annotated[
        str | None,
        typer.Option(
            help="the model to begin from (fine-tuning), its name, file or address; none: random weights (default: the "
            "base model, where it comes along and no setting asks for anything else)",
            show_default=False,
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            help="a bundle whose probabilities to learn from too, with its vocabulary (distillation)",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on with the run that belongs to --out")
    ] = False,
    description: Annotated[str, typer.Option(help="what the model plays, for its card")] = "",
    licence: Annotated[str, typer.Option(help="licence of the music, for the card")] = "",
    provenance: Annotated[str, typer.Option(help="where the music comes from, for the card")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="replace the model and the run, if --out exists")
    ] = False,
    half: Annotated[
        bool,
        typer.Option(
            "--half",
            help="store the weights in 16 bits: half the size; without it a large network is stored in 8 bits",
        ),
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="read the files on the dask cluster whose scheduler is here, such as tcp://host:8786"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="a line of JSON for each evaluation")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Learn from MIDI files, for a given time, and write a model. Ctrl-C leaves the best so far; --resume goes on."""
    from ritornello.cli.counting_display import show_counting
    from ritornello.cli.processes import run_in_processes
    from ritornello.cli.training_display import show_training
    from ritornello.errors import ConfigError
    from ritornello.generation import find_bundle, find_initial
    from ritornello.generation.sample import write_sample
    from ritornello.paths import check_place
    from ritornello.training import require_torch
    from ritornello.training.progress import Clock

    clock = Clock()
    require_torch()
    from ritornello.corpus.cluster import cluster as connect
    from ritornello.presets import make_config
    from ritornello.remote import exists, is_address, writing
    from ritornello.training.group import group_size
    from ritornello.training.run import About, embedded_corpus, prepare, prepare_together

    if resume and paths:
        raise ConfigError("--resume goes on with the files of before; give no paths with it")
    config = make_config(preset, settings, faithful)
    given = {"description": description, "licence": licence, "provenance": provenance}
    given |= {"precision": "float16"} if half else {}
    about = About.model_validate({name: value for name, value in given.items() if value})
    together = group_size() > 1
    _check_addresses(paths or [], out, cluster, together)
    if is_address(out) and not (resume or force) and exists(out):
        raise ConfigError(f"{out} exists; --force replaces it, --resume goes on with its run")
    if not is_address(out):
        check_place(Path(out))
    with writing(out, resume) as place:
        with show_counting(as_json) as progress, connect(cluster) as executor:
            run: Run = (prepare_together if together else prepare)(
                paths or ([] if resume else embedded_corpus(PRESETS[preset].corpus, place)),
                place,
                config,
                resume=resume,
                init=find_initial(init),
                teacher=find_bundle(teacher) if teacher else None,
                about=about,
                sample=write_sample,
                progress=progress,
                executor=executor,
                force=force,
                clock=clock,
            )
        if run.trainer.config.processes > group_size():
            run.trainer.checkpoint()
            if run.place:
                run.place.leave()  # for the processes
            again = ["train", f"--out={place}", "--resume", *["--json"] * as_json]
            run_in_processes(again, run.trainer.config.processes)
        else:
            show_training(run, as_json)
    if is_address(out) and not as_json:
        typer.echo(f"copied to {out}, the run beside it")


def _check_addresses(paths: list[str], out: str, cluster: str | None, together: bool) -> None:
    """Raise ConfigError for addresses where other machines or processes could not use the copies made here."""
    from ritornello.errors import ConfigError
    from ritornello.hub import SCHEME
    from ritornello.remote import is_address

    if out.startswith(SCHEME):
        raise ConfigError(f"{out}: write a file, and publish it with `ritornello push`")
    if cluster and any(map(is_address, paths)):
        raise ConfigError("--cluster reads files that all its workers see; mount them, or give no address")
    if together and (is_address(out) or any(map(is_address, paths))):
        raise ConfigError(
            "processes of torchrun share a folder that all of them see; give paths, no addresses"
        )
