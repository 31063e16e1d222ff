"""`ritornello likelihood`: the likelihood of given pieces under a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def likelihood(
    model: Annotated[str, typer.Argument(help="a .rit file, or the name of a shipped model")],
    files: Annotated[list[Path], typer.Argument(help="MIDI or MusicXML files")],
    as_json: Annotated[bool, typer.Option("--json", help="print facts for machines")] = False,
) -> None:
    """Measure how probable pieces are under a model, and how often it predicts the next token."""
    import json

    from ritornello.formats import read
    from ritornello.generation import load

    loaded = load(model)
    for path in files:
        judged = loaded.likelihood(read(path))
        if as_json:
            typer.echo(json.dumps({"file": str(path)} | judged.facts()))
        else:
            typer.echo(
                f"{path}: log-likelihood {judged.log_likelihood:.1f} nats, "
                f"{judged.nats_per_token:.3f} a token, {judged.nats_per_note:.3f} a note; "
                f"perplexity {judged.perplexity:.2f}, right {judged.accuracy:.1%}, "
                f"of events {judged.event_accuracy:.1%}"
            )
