"""`ritornello convert`: one file into another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="the file to read")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="the file to write; its suffix says the format")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="print facts for machines")] = False,
) -> None:
    """Convert a file between formats: MIDI (also damaged) and MusicXML."""
    import json

    from ritornello.formats import format_of, read, write

    format_of(target)  # before a long reading
    score = read(source)
    left_out = write(score, target)
    if as_json:
        facts = {
            "in": str(source),
            "out": str(target),
            "tracks": len(score.tracks),
            "notes": score.note_count,
        }
        facts |= {"seconds": round(score.seconds, 3), "repairs": score.repairs, "left_out": left_out}
        typer.echo(json.dumps(facts, ensure_ascii=False))
        return
    remarks = [f"repaired: {repair}" for repair in score.repairs] + [f"left out: {part}" for part in left_out]
    counts = f"{score.note_count:,} notes in {len(score.tracks)} tracks, {score.seconds:.1f} s"
    typer.echo(f"{target}: {counts}" + f" ({'; '.join(remarks)})" * bool(remarks))
