"""`ritornello convert`: one file into another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.rendering.sound import SoundConfig


@with_options(SoundConfig, panel="Sound files", into="sound")
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
    *,
    sound: dict[str, Any],
) -> None:
    """Convert a file: MIDI (also damaged), MusicXML, text with a word for each MIDI event, recordings (transcribed);
    also to sound and scores."""
    import json

    from ritornello.cli.transcribing import show_transcribing
    from ritornello.cli.writing import write_all
    from ritornello.config import checked
    from ritornello.errors import ConfigError, counted
    from ritornello.formats import read
    from ritornello.formats.conversion import convert as convert_file
    from ritornello.rendering import RENDERERS, check_targets

    if track != "all" and not track.isdecimal():
        raise ConfigError(f"track {track!r}: allowed are a number, counted from 1, and all")
    check_targets([target], checked(SoundConfig, sound))
    if target.suffix.lower() in RENDERERS:
        if track != "all":
            raise ConfigError(f"track {track}: a single track can be chosen from MIDI to text only")
        with show_transcribing(source, as_json) as progress:
            score = read(source, repeats=repeats, progress=progress)
        files, left_out = write_all(score, [target], sound)
    else:
        with show_transcribing(source, as_json) as progress:
            done = convert_file(source, target, None if track == "all" else int(track), repeats, progress)
        score, left_out, files = done.score, done.left_out, (target,)
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
    notes, tracks = counted(score.note_count, "note"), counted(len(score.tracks), "track")
    counts = f"{notes} in {tracks}, {score.seconds:.1f} s"
    typer.echo(f"{', '.join(map(str, files))}: {counts}" + f" ({'; '.join(remarks)})" * bool(remarks))
