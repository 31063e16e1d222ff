"""`ritornello originality`: what pieces share with the training music of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from ritornello.originality import Copies
    from ritornello.score import Score


def originality(
    model: Annotated[str, typer.Argument(help="a .rit file, or the name of a shipped model")],
    files: Annotated[list[str], typer.Argument(help="MIDI or MusicXML files, and folders of them")],
    as_json: Annotated[
        bool, typer.Option("--json", help="a line of facts for each file, for machines")
    ] = False,
) -> None:
    """Tell the longest run of notes that pieces share with the training music of a model."""
    import json

    from ritornello.cli.compose import copy_line
    from ritornello.cli.music_files import for_each
    from ritornello.generation import load

    loaded = load(model)

    def compare(path: Path, score: Score) -> tuple[Path, Copies]:
        return path, loaded.copies(score)

    for path, found in for_each(files, compare):
        if as_json:
            typer.echo(json.dumps({"file": str(path)} | found.facts(), ensure_ascii=False))
        else:
            typer.echo(f"{path}\n  {copy_line(found.facts())}")
