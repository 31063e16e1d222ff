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
    track: Annotated[
        str, typer.Option(help="from MIDI to text: the only track to take, counted from 1, or all")
    ] = "all",
    repeats: Annotated[
        bool,
        typer.Option("--repeats/--no-repeats", help="from MusicXML: play repeats, D.C. and D.S. out, or not"),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="print facts for machines")] = False,
) -> None:
    """Convert a file between formats: MIDI (also damaged), MusicXML, and text with a word for each MIDI event."""
    import json

    from ritornello.errors import ConfigError
    from ritornello.formats.conversion import convert as convert_file

    if track != "all" and not track.isdecimal():
        raise ConfigError(f"track {track!r}: allowed are a number, counted from 1, and all")
    done = convert_file(source, target, None if track == "all" else int(track), repeats)
    score, left_out = done.score, done.left_out
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
