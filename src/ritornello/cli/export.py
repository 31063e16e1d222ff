"""`ritornello export`: a jam page that needs no server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.live.config import JamConfig


@with_options(JamConfig, panel="What a session begins with; the page can change all of it")
def export(
    model: Annotated[str, typer.Argument(help="a .rit file or the name of a shipped model")],
    web: Annotated[
        bool, typer.Option("--web", help="the jam page, for browsers; the only kind so far")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="one file, if it ends in .html, to be opened from a disk; else a new folder, for a web server, "
            "where the page can be installed; MODEL.html, if not given",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="seed of the first session; the next gets the next", min=0)
    ] = None,
    packages: Annotated[
        Path | None,
        typer.Option(
            help="a folder with the packages that the page is made of; they are fetched once, if not given",
            show_default=False,
        ),
    ] = None,
    *,
    settings: dict[str, Any],
) -> None:
    """Write the jam page with a model, to be played offline, without a server."""
    from ritornello.bundle import load_bundle
    from ritornello.cli.chords import read_chords
    from ritornello.errors import ConfigError
    from ritornello.generation import find_bundle
    from ritornello.live.offline.export import export_page

    if not web:
        raise ConfigError("say what to export: --web is the jam page")
    read_chords(settings)
    bundle = load_bundle(find_bundle(model))
    target = out or Path(f"{bundle.card.name}.html")
    size = export_page(bundle, target, settings, seed, packages)
    typer.echo(f"{target}  {size / 1e6:,.1f} MB")
