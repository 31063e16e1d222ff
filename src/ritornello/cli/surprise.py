"""`ritornello surprise`: how unexpected each note of a piece is to a model, and what was expected instead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from ritornello.generation.next_notes import NextNotes
    from ritornello.generation.surprise import By, Surprise

MOST_EXPECTED = 15
"""Notes that are listed of what is expected at a point."""


def surprise(
    file: Annotated[str, typer.Argument(help="a MIDI or MusicXML file")],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="a .rit file, or the name of a shipped model (default songs)"),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            help="write a map: png (piano roll), svg, pdf (score), html (both, with a player); may be repeated",
        ),
    ] = None,
    by: Annotated[
        Literal["pitch", "note", "time", "length"],
        typer.Option(
            "--by", help="what colours and lists tell: of the pitch, which finds wrong notes, or all of it"
        ),
    ] = "pitch",
    most: Annotated[int, typer.Option("--most", min=1, max=1000, help="notes to list")] = 10,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="instead: which notes are expected at this bar and beat, such as 12:3; -o writes a png",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print facts of every note for machines")] = False,
) -> None:
    """Show how unexpected each note of a piece is to a model, and what it expected instead."""
    import json

    from ritornello.cli.counting_display import show_counting
    from ritornello.errors import FormatError
    from ritornello.formats import read
    from ritornello.generation import load
    from ritornello.generation.surprise_page import SUFFIXES
    from ritornello.paths import check_place

    suffixes, outs = SUFFIXES if at is None else (".png",), out or []
    for path in outs:
        if path.suffix.lower() not in suffixes:
            raise FormatError(f"{path}: written are {', '.join(suffixes)}")
        check_place(path)
    loaded, score = load(model), read(file)
    if at is not None:
        expected = loaded.next_notes(score, at)
        for path in outs:
            expected.write(path)
        facts, lines = expected.facts(), _expected_lines(expected)
    else:
        with show_counting(as_json, "examples") as progress:
            found = loaded.surprise(score, lambda done, of: progress("reading", done, of))
        facts = found.facts() | {"left_out": [each for path in outs for each in found.write(path, by)]}
        lines = _lines(found, by, most) + [f"left out: {each}" for each in facts["left_out"]]
    if as_json:
        typer.echo(json.dumps({"file": file} | facts))
    else:
        typer.echo("\n".join([*lines, *(f"wrote {path}" for path in outs)]))


def _lines(found: Surprise, by: By, most: int) -> list[str]:
    """Return the most surprising notes as a table, the passages, and what the numbers mean."""
    from ritornello.errors import counted
    from ritornello.generation.surprise_page import EXPLANATION, HEADINGS, passage_lines, rows

    table = [HEADINGS, *rows(found.most(most, by), by)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    count = counted(len(found.notes), "word" if found.is_prose else "note")
    head = f"{found.nats_per_note:.2f} nats a note under {found.model}, {count}"
    return [head, *found.remarks, "", *lines, "", *passage_lines(found), EXPLANATION]


def _expected_lines(found: NextNotes) -> list[str]:
    """Return what is expected at a point: instruments, and the most probable notes of all."""
    lines = [
        f"bar {found.bar}, beat {found.beat:g}: what {found.model} expects, of {found.tries} continuations"
    ]
    lines += [f"  {name} plays {share:.0%}" for name, share in found.instruments.items()]
    lines += [f"  nothing begins {found.silence:.0%}", ""]
    wide = max((len(note.instrument) for note in found.notes), default=0)
    for note in found.notes[:MOST_EXPECTED]:
        lengths = ", ".join(f"{quarters:g} quarters {share:.0%}" for quarters, share in note.lengths[:2])
        played = "  the piece has it" if note.is_played else ""
        lines.append(
            f"  {note.probability:4.0%}  {note.instrument:{wide}}  {note.name:5} {lengths}{played}".rstrip()
        )
    return lines
