"""`ritornello train`: from a folder of MIDI files to a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.training.config import TrainConfig

if TYPE_CHECKING:
    from ritornello.training.run import Run


@with_options(TrainConfig, panel="Settings")
def train(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="files and folders to learn from (default: music that comes along)"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="the model to write")] = Path("model.rit"),
    preset: Annotated[
        str, typer.Option(help="named row of settings; `ritornello presets` lists them")
    ] = "default",
    faithful: Annotated[
        bool, typer.Option("--faithful", help="the preset as its original has it, known defects included")
    ] = False,
    init: Annotated[
        Path | None, typer.Option(help="a bundle to begin from (fine-tuning)", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on with the run that belongs to --out")
    ] = False,
    description: Annotated[str, typer.Option(help="what the model plays, for its card")] = "",
    licence: Annotated[str, typer.Option(help="licence of the music, for the card")] = "",
    provenance: Annotated[str, typer.Option(help="where the music comes from, for the card")] = "",
    half: Annotated[bool, typer.Option("--half", help="store the weights in 16 bits: half the size")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="a line of JSON for each evaluation")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Learn from MIDI files, for a given time, and write a model. Ctrl-C leaves the best so far; --resume goes on."""
    from ritornello.cli.training_display import show_preparation, show_training
    from ritornello.errors import ConfigError
    from ritornello.generation import find_bundle
    from ritornello.generation.sample import write_sample
    from ritornello.training import require_torch

    require_torch()
    from ritornello.presets import PRESETS, make_config
    from ritornello.training.run import About, embedded_corpus, prepare

    if resume and paths:
        raise ConfigError("--resume goes on with the files of before; give no paths with it")
    config = make_config(preset, settings, faithful)
    with show_preparation(as_json) as progress:
        run: Run = prepare(
            paths or ([] if resume else embedded_corpus(PRESETS[preset].corpus, out)),
            out,
            config,
            resume=resume,
            init=init and find_bundle(init),
            about=About(description, licence, provenance, "float16" if half else "float32"),
            sample=write_sample,
            progress=progress,
        )
    show_training(run, as_json)
