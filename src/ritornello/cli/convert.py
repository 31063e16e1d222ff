"""`ritornello convert`: one file into another format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.rendering.sound import SoundConfig

if TYPE_CHECKING:
    from ritornello.score import Score


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
        typer.Option("--repeats/--no-repeats", help="from notation: play repeats, D.C. and D.S. out, or not"),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="print facts for machines")] = False,
    *,
    sound: dict[str, Any],
) -> None:
    """Convert a file (MIDI, MusicXML, ABC, MEI, Humdrum, charts, text, recordings) to another format, sound or score.

    Of a book of several pieces, each is written to a numbered file, or the one that is named: tunes.abc#3.
    """
    from ritornello.cli.transcribing import show_transcribing
    from ritornello.cli.writing import write_all
    from ritornello.config import checked
    from ritornello.errors import ConfigError, FormatError
    from ritornello.formats import piece_paths, read
    from ritornello.formats.conversion import convert as convert_file
    from ritornello.rendering import RENDERERS, check_targets

    if track != "all" and not track.isdecimal():
        raise ConfigError(f"track {track!r}: allowed are a number, counted from 1, and all")
    check_targets([target], checked(SoundConfig, sound))
    if target.suffix.lower() in RENDERERS and track != "all":
        raise ConfigError(f"track {track}: a single track can be chosen from MIDI to text only")
    pieces = piece_paths(source)
    failed = 0
    for number, piece in enumerate(pieces, start=1):
        place = target if len(pieces) == 1 else target.with_stem(f"{target.stem}-{number}")
        try:
            with show_transcribing(piece, as_json) as progress:
                if place.suffix.lower() in RENDERERS:
                    score = read(piece, repeats=repeats, progress=progress)
                    files, left_out = write_all(score, [place], sound)
                else:
                    only = None if track == "all" else int(track)
                    done = convert_file(piece, place, only, repeats, progress)
                    score, left_out, files = done.score, done.left_out, (place,)
        except FormatError as error:  # of a book, the others are done
            if len(pieces) == 1:
                raise
            typer.echo(str(error), err=True)
            failed += 1
            continue
        _tell(piece, files, score, left_out, as_json)
    if failed:
        raise typer.Exit(2)


def _tell(source: Path, files: Sequence[Path], score: Score, left_out: Sequence[str], as_json: bool) -> None:
    """Print what was read and written."""
    import json

    from ritornello.errors import counted

    if as_json:
        facts = {
            "in": str(source),
            "out": str(files[0]),
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
