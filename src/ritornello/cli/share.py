"""`ritornello share`: a folder that is ready for uploading."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.rendering.sound import SoundConfig


@with_options(SoundConfig, panel="Sound files", into="sound")
def share(
    file: Annotated[
        Path,
        typer.Argument(help="A session, a composition, or any file of music.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The folder to make; the file's name, if not given.", show_default=False
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title; the piece's own, if not given.")] = None,
    *,
    sound: dict[str, Any],
) -> None:
    """Make a folder to share a piece from: MP3, WAV, a cover, MIDI, score, and a text that says how it was made."""
    from dataclasses import replace

    from ritornello import formats
    from ritornello.rendering.share import share as share_score

    score = formats.read(file)
    score = replace(score, title=title or score.title.strip() or file.stem)
    folder = out or file.with_suffix("")
    remarks = share_score(score, folder, file.stem if title is None else title, **sound)
    typer.echo(f"{folder}/")
    for path in sorted(folder.iterdir()):
        typer.echo(f"  {path.name}  {path.stat().st_size / 1000:,.0f} kB")
    for remark in remarks:
        typer.echo(f"  left out: {remark}")
