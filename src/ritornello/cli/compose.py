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
    from ritornello.generation.compose import Composition
    from ritornello.score import Score


@with_options(ComposeConfig)
@with_options(SoundConfig, panel="Sound files", into="sound")
def compose(
    model: Annotated[
        str | None, typer.Argument(help="a .rit file, or the name of a shipped model (see: ritornello info)")
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
    from ritornello.rendering import check_targets

    warn_of(CONSTRAINTS)
    check_targets(out or [], checked(SoundConfig, sound))
    read_chords(settings)
    start = time.perf_counter()
    loaded = load(model)
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


def _read_primer(text: str | None, prose: bool) -> Score | None:
    """Return the score of a file, else of prose (with `prose`), of MIDI event words, or of a list of notes."""
    if text is None:
        return None
    from ritornello.formats import FORMATS, read, suffix_of
    from ritornello.formats.event_text import is_event_text, text_to_midi
    from ritornello.formats.midi import parse_midi
    from ritornello.formats.text import prose_to_score
    from ritornello.notelist import notes_to_score

    path = Path(text)
    if suffix_of(path) in FORMATS or os.path.exists(text):  # noqa: PTH110  # false for a long text
        return read(path)
    if prose:
        return prose_to_score(text, "the primer")
    if is_event_text(text):
        return parse_midi(text_to_midi(text, "the primer"), "the primer")
    return notes_to_score(text)


def _facts(piece: Composition, written: Written) -> dict[str, Any]:
    from ritornello.formats.text import is_prose, prose_of
    from ritornello.generation.constraints.originality import longest_copy
    from ritornello.theory import instrument_name

    score, copies = piece.score, piece.copies
    of_prose = {"text": prose_of(score)} if is_prose(score) else {}
    return of_prose | {
        "files": [str(path) for path in written.files],
        "left_out": written.left_out,
        "model": piece.model,
        "digest": piece.digest,
        "seed": piece.seed,
        "index": piece.index,
        "bars": piece.bars,
        "notes": score.note_count,
        "seconds": round(piece.performance.seconds, 2),
        "instruments": [
            t.name or instrument_name(t.program, t.is_drum) for t in score.tracks if len(t.notes)
        ],
        "nats_per_note": round(-piece.log_likelihood, 3),
        "nats_per_given_note": round(-piece.fixed_log_likelihood, 3) if piece.fixed_log_likelihood else None,
        "constraints": {
            "asked": piece.constraints,
            "relaxed": dict(piece.relaxed_constraints),
            "told": piece.told,
            "missed": dict(piece.missed),
        },
        "copies": copies
        and {
            "any_key": copies.moved and copies.moved._asdict(),
            "same_pitches": copies.exact and copies.exact._asdict(),
            "compared_with_all": copies.is_whole,
        },
        "max_copy": longest_copy(piece.settings),
        "remarks": piece.remarks,
    }


def _copy_line(copies: dict[str, Any] | None, max_copy: int) -> str:
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
        typer.echo(f"  {_copy_line(fact['copies'], fact['max_copy'])}")
        if line := _constraint_line(**fact["constraints"]):
            typer.echo(f"  {line}")
        for part in fact["left_out"]:
            typer.echo(f"  left out: {part}")
    typer.echo(f"{counted(len(facts), 'piece')} in {milliseconds} ms")
