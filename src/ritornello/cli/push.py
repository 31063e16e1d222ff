"""`ritornello push`: a model or a style on the Hugging Face Hub."""

from __future__ import annotations

from typing import Annotated

import typer


def push(
    model: Annotated[str, typer.Argument(help="a .rit file, or the name of a shipped model")],
    to: Annotated[str, typer.Argument(help="hf://user/model, or hf://user/model@branch", metavar="ADDRESS")],
    licence: Annotated[
        str,
        typer.Option(
            help="licence to publish it under, such as cc-by-4.0; needed where the card states none, or none that is "
            "known to allow it, and you have the right to",
            show_default=False,
        ),
    ] = "",
    private: Annotated[bool, typer.Option("--private", help="a new repository is for you alone")] = False,
    message: Annotated[str, typer.Option(help="message of the commit", show_default=False)] = "",
    force: Annotated[
        bool, typer.Option("--force", help="replace the model that is there; the history keeps it")
    ] = False,
) -> None:
    """Publish a model or a style on the Hugging Face Hub, with its card."""
    from ritornello.bundle import load_bundle
    from ritornello.generation import find_bundle
    from ritornello.hub import base_of
    from ritornello.hub import push as push_file

    path = find_bundle(model)
    url = push_file(path, to, licence, private=private, force=force, message=message)
    bundle = load_bundle(path)
    typer.echo(f"{bundle.card.name}, digest {bundle.digest}: {url}")
    if bundle.base:
        typer.echo(f"a style: {base_of(bundle)}")
    typer.echo(f'use it: ritornello compose {to} -o new.mid, or ritornello.load("{to}")')
