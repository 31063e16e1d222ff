"""`ritornello compose`: new pieces from a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.generation.compose import ComposeConfig

if TYPE_CHECKING:
    from ritornello.generation.compose import Composition
    from ritornello.score import Score


@with_options(ComposeConfig)
def compose(
    model: Annotated[
        str | None, typer.Argument(help="a .rit file, or the name of a shipped model (see: ritornello info)")
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out", "-o", help="file to write; its suffix says what; may be repeated (default composed.mid)"
        ),
    ] = None,
    primer: Annotated[
        str | None, typer.Option(help='begin with this: a file, or notes such as "C4 E4 G4:2"')
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print facts for machines")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Compose new music with a model, and write it as MIDI, sound, picture or score."""
    import json
    import time

    from ritornello.generation import load
    from ritornello.rendering import check_suffixes

    outs = out or [Path("composed.mid")]
    check_suffixes(outs)
    start = time.perf_counter()
    pieces = load(model).compose_many(_read_primer(primer), **settings)
    facts = []
    for number, piece in enumerate(pieces, start=1):
        names = outs if len(pieces) == 1 else [path.with_stem(f"{path.stem}-{number}") for path in outs]
        facts.append(_facts(piece, [str(piece.write(path)) for path in names]))
    milliseconds = round(1000 * (time.perf_counter() - start))
    if as_json:
        typer.echo(json.dumps({"milliseconds": milliseconds, "pieces": facts}))
    else:
        _print(facts, milliseconds)


def _read_primer(text: str | None) -> Score | None:
    """Return the score of a file, or else of a list of notes."""
    from ritornello.formats import FORMATS, read
    from ritornello.notelist import notes_to_score

    if text is None:
        return None
    path = Path(text)
    return read(path) if path.suffix.lower() in FORMATS or path.exists() else notes_to_score(text)


def _facts(piece: Composition, files: list[str]) -> dict[str, Any]:
    score = piece.score
    return {
        "files": files,
        "model": piece.model,
        "digest": piece.digest,
        "seed": piece.seed,
        "index": piece.index,
        "bars": piece.bars,
        "notes": score.note_count,
        "seconds": round(score.seconds, 2),
        "instruments": [track.name for track in score.tracks],
        "nats_per_note": round(-piece.log_likelihood, 3),
    }


def _print(facts: list[dict[str, Any]], milliseconds: int) -> None:
    for fact in facts:
        typer.echo(f"wrote {', '.join(fact['files'])}")
        typer.echo(
            f"  {fact['bars']} bars, {fact['notes']} notes, {fact['seconds']:.0f} s, "
            f"{', '.join(fact['instruments'])}; {fact['model']}, seed {fact['seed']}, index {fact['index']}"
        )
    typer.echo(f"{len(facts)} {'piece' if len(facts) == 1 else 'pieces'} in {milliseconds} ms")
