"""`ritornello render`: a piece as sound, engraved score or picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def render(
    file: Annotated[Path, typer.Argument(help="A MIDI or MusicXML file.", show_default=False)],
    out: Annotated[
        list[Path],
        typer.Option(
            "--out",
            "-o",
            help="What to write, by its suffix: wav, flac, ogg, mp3 (sound), png (piano roll), svg, pdf (score), "
            "mid, musicxml. May be given more than once.",
            show_default=False,
        ),
    ],
    soundfont: Annotated[
        Path | None, typer.Option(help="An sf2 or sf3 file to play with instead of the shipped one.")
    ] = None,
) -> None:
    """Hear and see a piece: write it as sound, engraved score, piano roll or another format."""
    from dataclasses import replace

    from rich.console import Console

    from ritornello import formats
    from ritornello.rendering import check_suffixes, write

    check_suffixes(out)
    score = formats.read(file)
    if not score.title.strip():
        score = replace(score, title=file.stem)
    console = Console(highlight=False, soft_wrap=True)
    minutes, seconds = divmod(round(score.seconds), 60)
    for path in out:
        remarks = write(score, path, soundfont=soundfont)
        size = path.stat().st_size
        console.print(f"{path}  {size / 1000:,.0f} kB, {minutes}:{seconds:02}", markup=False)
        for remark in remarks:
            console.print(f"  left out: {remark}", markup=False)
