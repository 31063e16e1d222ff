"""`ritornello compose`: new pieces from a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.errors import counted
from ritornello.generation.config import ComposeConfig
from ritornello.rendering.sound import SoundConfig

if TYPE_CHECKING:
    from ritornello.cli.writing import Written
    from ritornello.generation import Model
    from ritornello.generation.compose import Composition
    from ritornello.score import Score


@with_options(ComposeConfig)
@with_options(SoundConfig, panel="Sound files", into="sound")
def compose(
    model: Annotated[
        str | None,
        typer.Argument(
            help="a .rit file, the name of a shipped model (see: ritornello info), or an address such as hf://user/model"
        ),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            help="file to write; its suffix says what; may be repeated (default composed.mid; prose is printed)",
        ),
    ] = None,
    primer: Annotated[
        str | None,
        typer.Option(help='begin with this: a file, notes such as "C4 E4 G4:2", MIDI event words, or prose'),
    ] = None,
    temperatures: Annotated[
        str | None,
        typer.Option(
            help="compose the same seed at each of these, such as 0.7,1,1.3, to compare: -o sheet.png is a grid of "
            "piano rolls, sheet.html a page with players and scores; in another format each piece is a file"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print facts for machines")] = False,
    *,
    settings: dict[str, Any],
    sound: dict[str, Any],
) -> None:
    """Compose new music with a model, and write it as MIDI, sound, picture or score."""
    import json
    import time

    from ritornello.cli import warn_of
    from ritornello.cli.chords import read_chords
    from ritornello.cli.writing import write_all
    from ritornello.config import checked
    from ritornello.generation import load
    from ritornello.generation.constraints import CONSTRAINTS
    from ritornello.generation.support import check_prose_suffix
    from ritornello.generation.temperatures import SUFFIXES
    from ritornello.rendering import check_targets

    warn_of(CONSTRAINTS)
    outs = [path for path in out or [] if not (temperatures and path.suffix.lower() in SUFFIXES)]
    check_targets(outs, checked(SoundConfig, sound))
    read_chords(settings)
    start = time.perf_counter()
    loaded = load(model)
    if temperatures:
        sheets = [path for path in out or [Path("sheet.html")] if path not in outs]
        _compose_sheet(loaded, temperatures, primer, settings, sheets, outs, sound, as_json)
        return
    prose = loaded.bundle.representation.reads_prose
    for path in (out or []) if prose else []:
        check_prose_suffix(path)
    pieces = loaded.compose_many(_read_primer(primer, prose), **settings)
    outs = out or ([] if prose else [Path("composed.mid")])
    facts = []
    for number, piece in enumerate(pieces, start=1):
        names = outs if len(pieces) == 1 else [path.with_stem(f"{path.stem}-{number}") for path in outs]
        facts.append(_facts(piece, write_all(piece.score, names, sound, piece.performance)))
    milliseconds = round(1000 * (time.perf_counter() - start))
    if as_json:
        typer.echo(json.dumps({"milliseconds": milliseconds, "pieces": facts}, ensure_ascii=not prose))
    else:
        _print(facts, milliseconds)


def _compose_sheet(
    model: Model,
    temperatures: str,
    primer: str | None,
    settings: dict[str, Any],
    sheets: list[Path],
    outs: list[Path],
    sound: dict[str, Any],
    as_json: bool,
) -> None:
    """Compose a piece at each temperature, write the sheets and the pieces, and print facts."""
    import json

    from ritornello.cli.writing import write_all
    from ritornello.errors import ConfigError
    from ritornello.paths import check_place

    for path in sheets:
        check_place(path)
    if model.bundle.representation.reads_prose:
        raise ConfigError("temperatures: a sheet is of music, and this model writes prose")
    try:
        numbers = [float(each) for each in temperatures.split(",")]
    except ValueError:
        raise ConfigError(f"temperatures {temperatures!r}: allowed are numbers, such as 0.7,1,1.3") from None
    sheet = model.compose_temperatures(numbers, _read_primer(primer, prose=False), **settings)
    left_out = [each for path in sheets for each in sheet.write(path)]
    facts = []
    for temperature, nats, piece in zip(sheet.temperatures, sheet.nats, sheet.pieces, strict=True):
        names = [path.with_stem(f"{path.stem}-{temperature:g}") for path in outs]
        own = {"temperature": temperature, "nats_per_note_at_1": round(nats, 3)}
        facts.append(own | _facts(piece, write_all(piece.score, names, sound, piece.performance)))
    if as_json:
        typer.echo(
            json.dumps({"sheets": [str(path) for path in sheets], "left_out": left_out, "pieces": facts})
        )
        return
    for path in sheets:
        typer.echo(f"wrote {path}")
    for fact in facts:
        files = f" -> {', '.join(fact['files'])}" if fact["files"] else ""
        typer.echo(
            f"  temperature {fact['temperature']:g}: {counted(fact['notes'], 'note')}, "
            f"{fact['nats_per_note_at_1']:.2f} nats a note{files}"
        )
    typer.echo(f"{facts[0]['model']}, --seed {facts[0]['seed']}")
    for line in left_out:
        typer.echo(f"left out: {line}")


def _read_primer(text: str | None, prose: bool) -> Score | None:
    """Return the score of a file, else of the text itself."""
    if text is None:
        return None
    from ritornello.cli.transcribing import show_transcribing
    from ritornello.formats import FORMATS, read, suffix_of
    from ritornello.formats.text import primer_of

    path = Path(text)
    if suffix_of(path) in FORMATS or os.path.exists(text):  # noqa: PTH110  # false for a long text
        with show_transcribing(path) as progress:
            return read(path, progress=progress)
    return primer_of(text, prose)


def _facts(piece: Composition, written: Written) -> dict[str, Any]:
    from ritornello.formats.text import is_prose, prose_of

    of_prose = {"text": prose_of(piece.score)} if is_prose(piece.score) else {}
    files = {"files": [str(path) for path in written.files], "left_out": written.left_out}
    return of_prose | files | {"seconds": round(piece.performance.seconds, 2)} | piece.facts()


def copy_line(copies: dict[str, Any] | None, max_copy: int = 0) -> str:
    """Return a line about the longest copy; max_copy: the longest that was allowed, 0 for any."""
    if copies is None:
        return "originality unknown: this model holds no index of its training music to compare with"
    moved, exact = copies["any_key"], copies["same_pitches"]
    if moved is None:
        return "it shares no run of notes with the training music"
    same = f" ({exact['notes']} at the same pitches)" if exact else ""
    part = "" if copies["compared_with_all"] else "; compared with a part of the training music"
    allowed = f"; more than {max_copy} are not allowed (--max-copy)" if max_copy else ""
    return (
        f"longest run of notes that is in the training music too, in any key: {moved['notes']}{same}, "
        f"from bar {moved['own_bar']} here, bar {moved['bar']} of {moved['piece']}{allowed}{part}"
    )


def _constraint_line(
    asked: tuple[str, ...], relaxed: dict[str, int], told: tuple[str, ...], missed: dict[str, str]
) -> str:
    """Return a line about what was asked: the constraints that were kept and those that were relaxed, the settings that
    the model was only told, and those that the piece does not keep; empty if none."""
    kept = [name for name in asked if name not in relaxed]
    parts = [f"{', '.join(kept)} kept"] if kept else []
    parts += [f"{name} gave way at {counted(steps, 'step')}" for name, steps in relaxed.items()]
    parts += [f"{', '.join(told)} told to the model, not enforced"] if told else []
    parts += [f"{name} not kept: {found}" for name, found in missed.items()]
    return f"constraints: {'; '.join(parts)}" if parts else ""


def _print(facts: list[dict[str, Any]], milliseconds: int) -> None:
    from ritornello.errors import counted

    for remark in facts[0]["remarks"]:
        typer.echo(f"ritornello: {remark}", err=True)
    if not facts[0]["files"]:
        typer.echo("\n\n".join(fact["text"] for fact in facts))
        return
    for fact in facts:
        typer.echo(f"wrote {', '.join(fact['files'])}")
        if "text" in fact:
            typer.echo(f"  {counted(len(fact['text']), 'character')}; {fact['model']}, --seed {fact['seed']}")
            continue
        index = f", --index {fact['index']}" if fact["index"] else ""
        typer.echo(
            f"  {counted(fact['bars'], 'bar')}, {counted(fact['notes'], 'note')}, {fact['seconds']:.0f} s, "
            f"{', '.join(fact['instruments'])}; {fact['model']}, --seed {fact['seed']}{index}"
        )
        if fact["nats_per_given_note"] is not None:
            typer.echo(
                f"  surprise of the model in nats (lower is better): {fact['nats_per_note']:.2f} for each new note,"
                f" {fact['nats_per_given_note']:.2f} for each given one that follows"
            )
        typer.echo(f"  {copy_line(fact['copies'], fact['max_copy'])}")
        if line := _constraint_line(**fact["constraints"]):
            typer.echo(f"  {line}")
        for part in fact["left_out"]:
            typer.echo(f"  left out: {part}")
    typer.echo(f"{counted(len(facts), 'piece')} in {milliseconds} ms")
