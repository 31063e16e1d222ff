"""How well does what is composed between given notes lead on to them?

    python benchmarks/filling.py MODEL FOLDER [--pieces 12] [--part 0]

Of the first pieces of FOLDER that have BARS bars, these are taken. Bars 5 to 8 are composed anew, of one candidate or
as the best of several, and the given notes of the two bars after them are judged: nats for each, and as a share of what
they are after the bars that really stand there. Then one part alone is accompanied by the others' instruments, with
and without log_prob in what leads past a given note counting for it (`Piece.hear`): nats for each given note, and how
many of the new notes are shorter than a sixteenth.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import ritornello
from ritornello.errors import RitornelloError
from ritornello.generation import Model
from ritornello.generation.constraints.fixed_notes import LEADS_ON
from ritornello.generation.piece import Piece
from ritornello.score import Score

BARS = 12
FREE = range(4, 8)
CANDIDATES = (1, 4, 16)


def excerpt(path: Path) -> Score | None:
    """Return the first BARS bars of a piece in one meter, or None."""
    try:
        score = ritornello.read(path)
    except RitornelloError:
        return None
    starts = score.bar_starts()
    if len(starts) <= BARS or len({(m.numerator, m.denominator) for m in score.meters}) > 1:
        return None
    end = starts[BARS]
    tracks = [
        replace(track, notes=notes, controls=track.controls[:0], texts=())
        for track in score.tracks
        if len(notes := track.notes[track.notes["start"] < end])
    ]
    starts_of = [track.notes["start"].min() for track in tracks]
    whole = replace(score, tracks=tuple(tracks), texts=())
    return whole if len(tracks) > 1 and min(starts_of) < starts[1] else None


def nats_after(model: Model, score: Score) -> float:
    """Return the nats for each note of the bars after FREE, as they stand in a piece."""
    representation, stepper = model.bundle.representation, model.stepper
    ids = representation.encode(score)
    grammar, state = representation.grammar(), stepper.initial_state(1)
    total = notes = 0.0
    for row, token, following in zip(
        representation.inputs(ids), ids.tolist(), ids[1:].tolist(), strict=False
    ):
        logits, state = stepper.step(row[None], state)
        grammar.advance(token)
        bar, before = grammar.place[0], grammar.notes
        after = grammar.fork()
        after.advance(following)
        if FREE.stop <= bar < FREE.stop + LEADS_ON:
            wide = logits[0].astype(np.float64)
            total += np.logaddexp.reduce(wide) - wide[following]
            notes += after.notes - before
    return total / max(1, notes)


def texture(score: Score, given: int) -> tuple[float, float]:
    """Return how many notes the parts but that of program `given` have, and the share shorter than a sixteenth."""
    parts = [t.notes["duration"] for t in score.tracks if not t.is_drum and t.program != given]
    lengths = np.concatenate([np.empty(0), *parts])
    return len(lengths), float((lengths < score.ticks_per_quarter / 4 - 1).mean()) if len(lengths) else 0.0


def infill(model: Model, pieces: list[Score]) -> None:
    real = [nats_after(model, piece) for piece in pieces]
    print(
        f"bars {FREE.start + 1} to {FREE.stop} as they are: {np.mean(real):.2f} nats for each note after them"
    )
    for best_of in CANDIDATES:
        bars = f"{FREE.start + 1}-{FREE.stop}"
        made = [model.compose(piece, infill=bars, seed=1, best_of=best_of) for piece in pieces]
        nats = [-piece.given_log_likelihood for piece in made]
        print(f"best of {best_of}: {np.mean(nats):.2f}, {np.mean(nats) / np.mean(real):.2f} of the real")


def accompany(model: Model, pieces: list[Score], part: int) -> None:
    tracks = [[t for t in piece.tracks if not t.is_drum][part] for piece in pieces]
    real = [texture(piece, track.program) for piece, track in zip(pieces, tracks, strict=True)]
    print(
        f"really there: {sum(n for n, _ in real)} other notes, {np.mean([s for _, s in real]):.1%} of them short"
    )
    for name, hear in (("heard", Piece.hear), ("not heard", lambda piece, logits: _deaf(piece, logits))):
        with patch.object(Piece, "hear", hear):
            made = [
                model.compose(
                    replace(piece, tracks=(track,)),
                    accompany=True,
                    seed=1,
                    instruments=[str(t.program) for t in piece.tracks if t is not track and not t.is_drum],
                )
                for piece, track in zip(pieces, tracks, strict=True)
            ]
        found = [texture(m.score, track.program) for m, track in zip(made, tracks, strict=True)]
        nats = np.mean([-piece.given_log_likelihood for piece in made])
        notes, short = sum(n for n, _ in found), np.mean([s for _, s in found])
        print(f"{name}: {notes} new notes, {short:.1%} of them short; {nats:.2f} nats for each given note")


def _deaf(piece: Piece, logits: Any) -> Any:
    piece._logits = logits
    return logits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pieces", type=int, default=12)
    parser.add_argument("--part", type=int, default=0)
    arguments = parser.parse_args()
    model = ritornello.load(arguments.model)
    found = (excerpt(path) for path in sorted(arguments.folder.glob("**/*.mid")))
    pieces = [piece for piece in found if piece is not None][: arguments.pieces]
    print(f"{arguments.model}, {len(pieces)} pieces of {BARS} bars")
    infill(model, pieces)
    accompany(model, pieces, arguments.part)


if __name__ == "__main__":
    main()
