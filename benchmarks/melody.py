"""Does a model know its own melodies? By which intervals they move, really, as it expects, and as it composes.

    python benchmarks/melody.py MODEL FOLDER [--pieces 64] [--bars 32] [--seed 1] [--held-out KEYS] [--json]

Real are the pieces of FOLDER that were held out when MODEL was trained, or all if it learned none of them; --held-out
names them by a file of keys (`corpus.pieces.key_of`) instead. In each the part that is most like a melody is looked at
(`leadsheet.melody_track`), and in it every note that begins later than the one before it.

Expected is what the model foresees at each such note of the real pieces, the true past before it: the probabilities of
the notes of that part, which add up to 1, summed by their intervals from the last one. Composed are --pieces pieces at
the model's defaults. A step is an interval of 1 or 2 semitones, a leap one of 5 or more.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import ritornello
from ritornello.arrays import Floats, Ints
from ritornello.corpus.pieces import Piece, key_of, pieces_of
from ritornello.corpus.scan import scan
from ritornello.evaluation.pieces import find_pieces
from ritornello.generation import Model
from ritornello.leadsheet import melody_track
from ritornello.representations import Representation
from ritornello.representations.base import Ids
from ritornello.score import Score

KINDS = ("repeated", "steps", "thirds", "leaps")
LARGEST = (0, 2, 4)
"""Semitones of the largest interval of each kind but the last."""

ROWS = 64


class Melody(NamedTuple):
    """A piece and its melody: its ids, where notes of the melody begin later than those before, their pitches, those of
    the notes before, and which ids are notes of its part."""

    ids: Ids
    places: Ints
    pitches: Ints
    before: Ints
    notes: Ints


def melody_of(representation: Representation, score: Score) -> Melody | None:
    """Return the melody of a score; None if it has no pitched notes."""
    pitched = [n for n, track in enumerate(score.tracks) if len(track.notes) and not track.is_drum]
    if not pitched:
        return None
    part = representation.parts_read(score)[
        pitched[melody_track([score.tracks[number] for number in pitched])]
    ]
    tokens, ids = representation.tokens, representation.encode(score)
    notes = np.flatnonzero((tokens.voice == part) & (tokens.notes == 1) & (tokens.pitch >= 0))
    places = np.flatnonzero(np.isin(ids, notes))
    time, pitches = np.cumsum(tokens.duration[ids])[places], tokens.pitch[ids[places]]
    later = np.flatnonzero(np.diff(time) > 0)
    return Melody(ids, places[later + 1], pitches[later + 1], pitches[later], notes)


def moves(melodies: Sequence[Melody]) -> Floats:
    """Return the shares of KINDS in the moves of melodies."""
    intervals = np.concatenate([np.abs(each.pitches - each.before) for each in melodies])
    counts = np.bincount(np.searchsorted(LARGEST, intervals), minlength=len(KINDS))
    return np.asarray(counts / counts.sum())


def expected(model: Model, melodies: Sequence[Melody]) -> Floats:
    """Return the shares of KINDS that a model expects at the notes of melodies."""
    tokens, sums = model.bundle.representation.tokens, np.zeros(len(KINDS))
    for melody, at, logits in logits_at(model, melodies):
        of_part = logits[melody.notes].astype(np.float64)
        chances = np.exp(of_part - of_part.max())
        intervals = np.abs(tokens.pitch[melody.notes] - melody.before[at])
        kinds = np.searchsorted(LARGEST, intervals)
        sums += np.bincount(kinds, weights=chances / chances.sum(), minlength=len(KINDS))
    return np.asarray(sums / sums.sum())


def logits_at(model: Model, melodies: Sequence[Melody]) -> Iterator[tuple[Melody, int, Floats]]:
    """Yield each melody, the number of a note in it, and the logits of the model before that note."""
    longest_first = sorted(melodies, key=lambda melody: -len(melody.ids))
    for first in range(0, len(longest_first), ROWS):
        group = longest_first[first : first + ROWS]
        rows = [model.bundle.representation.inputs(melody.ids) for melody in group]
        wanted = [{place: at for at, place in enumerate(melody.places.tolist())} for melody in group]
        state = model.stepper.initial_state(len(group))
        for time in range(len(rows[0]) - 1):
            going = sum(time < len(row) - 1 for row in rows)
            state = tuple(part[:going] for part in state)
            logits, state = model.stepper.step(np.stack([row[time] for row in rows[:going]]), state)
            for melody, places, of_piece in zip(group, wanted, logits, strict=False):
                if time + 1 in places:
                    yield melody, places[time + 1], of_piece


def real_pieces(model: Model, folder: Path, keys: Path | None) -> list[Piece]:
    """Return the pieces in a folder that the model did not learn from."""
    known = keys.read_text().split() if keys else model.bundle.card.training.get("held_out", ())
    if not known:  # a card of before names none of them
        return find_pieces(model.bundle, [folder], held_out=True)
    named = [each for report in scan([folder]).used for each in pieces_of(report)]
    apart = [piece for name, piece in named if key_of(name) in set(known)]
    return apart or [piece for _, piece in named]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pieces", type=int, default=64)
    parser.add_argument("--bars", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = ritornello.load(options.model)
    representation = model.bundle.representation
    scores = [piece.read() for piece in real_pieces(model, options.folder, options.held_out)]
    composed = model.compose_many(bars=options.bars, count=options.pieces, seed=options.seed)
    real, made = (
        [melody for score in each if (melody := melody_of(representation, score))]
        for each in (scores, [piece.score for piece in composed])
    )
    shares = {"real": moves(real), "expected": expected(model, real), "composed": moves(made)}
    if options.json:
        print(
            json.dumps(
                {name: dict(zip(KINDS, found.tolist(), strict=True)) for name, found in shares.items()}
            )
        )
        return
    print(f"{options.model}: melodies of {len(real)} real pieces and of {len(made)} composed ones\n")
    print("| | " + " | ".join(KINDS) + " |\n|" + " --- |" * (len(KINDS) + 1))
    for name, found in shares.items():
        print(f"| {name} | " + " | ".join(f"{share:.1%}" for share in found) + " |")


if __name__ == "__main__":
    main()
