"""How often is a wrong note among the most surprising notes of a piece?

    python tools/wrong_notes.py ARCHIVES WORK [MODEL ...] [--pieces 40] [--trials 5] [--most-notes 1500]

In each of so many pieces that were held out of a model, a note, chosen at random, is moved a semitone up or down, and
all notes are ranked by their surprise (`Model.surprise`). Prints a line for each model and way of ranking: how often
that note is the first, among the first 5, and among the first 10; by chance, it would be among the first 5 as often as
5 is to the number of notes. The baseline is a bigram model of the same ids, counted on the pieces that the model
learned (`training.scoring.bigram`), and judged in the same way.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from make_bundles import folders

from ritornello.arrays import Floats
from ritornello.bundle import Bundle
from ritornello.evaluation.pieces import find_pieces
from ritornello.generation import load
from ritornello.generation.surprise import NoteSurprise, surprise
from ritornello.score import Score

DEFAULT = ("chorales", "quartets", "songs", "piano", "folk")
WAYS: dict[str, Callable[[NoteSurprise], float]] = {
    "all of its nats": lambda note: note.nats,
    "those of its pitch": lambda note: note.pitch_nats,
}


class Bigram:
    """A stand-in for a `Stepper`: the frequencies of the next id after the last one, mixed with the overall ones by the
    weights of Witten and Bell (1991)."""

    def __init__(self, bundle: Bundle, scores: list[Score]) -> None:
        size = bundle.representation.vocabulary_size
        counts, singles = np.zeros((size, size), dtype=np.float32), np.ones(size)
        for score in scores:
            ids = bundle.representation.encode(score)
            np.add.at(counts, (ids[:-1], ids[1:]), 1)
            singles += np.bincount(ids[1:], minlength=size)
        kinds = (counts > 0).sum(axis=1, keepdims=True)
        overall = singles / singles.sum()
        seen = np.maximum(counts.sum(axis=1, keepdims=True) + kinds, 1)
        self.logits: Floats = np.log(np.where(kinds > 0, (counts + kinds * overall) / seen, overall))

    def initial_state(self, batch: int) -> tuple[Floats, ...]:
        return (np.zeros((batch, 1)),)

    def step(self, columns: Any, state: Any) -> tuple[Floats, Any]:
        return self.logits[columns[:, 0]], state


def with_wrong_note(score: Score, random: np.random.Generator) -> tuple[Score, int, int] | None:
    """Return `score` with a note moved by a semitone, and its track and tick and pitch; None for music without one.

    The new pitch does not sound in its track, so that the note stays one of its own.
    """
    melodic = [n for n, track in enumerate(score.tracks) if len(track.notes) and not track.is_drum]
    for _ in range(100 if melodic else 0):
        sizes = np.array([len(score.tracks[number].notes) for number in melodic])
        number = int(random.choice(melodic, p=sizes / sizes.sum()))
        notes = score.tracks[number].notes.copy()
        at = int(random.integers(len(notes)))
        pitch = int(notes["pitch"][at]) + int(random.choice([-1, 1]))
        start, end = notes["start"][at], notes["start"][at] + notes["duration"][at]
        same = notes["pitch"] == pitch
        sounds = same & (notes["start"] < end) & (notes["start"] + notes["duration"] > start)
        if 0 <= pitch <= 127 and not sounds.any():
            notes["pitch"][at] = pitch
            tracks = [*score.tracks]
            tracks[number] = replace(tracks[number], notes=notes)
            return replace(score, tracks=tuple(tracks)), number, at
    return None


def ranks(bundle: Bundle, stepper: Any, score: Score, track: int, index: int) -> list[int] | None:
    """Return the rank of a note in each of WAYS, 1 for the most surprising; None if the model did not read it."""
    found = surprise(bundle, stepper, score)
    own = [note for note in found.notes if (note.track, note.index) == (track, index)]
    if not own or found.score is not score:
        return None
    return [1 + sum(way(note) > way(own[0]) for note in found.notes) for way in WAYS.values()]


def measure(name: str, arguments: argparse.Namespace) -> None:
    model = load(name)
    sources = folders(Path(name).stem, arguments.archives, arguments.work)
    apart = find_pieces(model.bundle, sources, held_out=True)
    learned = [piece for piece in find_pieces(model.bundle, sources, held_out=False) if piece not in apart]
    random = np.random.default_rng(1)
    bigram = Bigram(model.bundle, [piece.read() for piece in some(learned, random, 600)])
    rows: dict[str, list[list[int]]] = {"model": [], "bigram": []}
    sizes = []
    able = [
        score for score in (piece.read() for piece in apart) if 50 <= score.note_count <= arguments.most_notes
    ]
    for score in some(able, random, arguments.pieces):
        for _ in range(arguments.trials):
            changed = with_wrong_note(score, random)
            if changed is None:
                continue
            found = [ranks(model.bundle, stepper, *changed) for stepper in (model.stepper, bigram)]
            if all(found):
                for each, row in zip(rows.values(), found, strict=True):
                    each.append(row)
                sizes.append(score.note_count)
    chance = np.mean([5 / size for size in sizes])
    print(
        f"{name}: {len(sizes)} wrong notes in pieces of {np.median(sizes):.0f} notes; first 5 by chance {chance:.1%}"
    )
    for by, table in rows.items():
        for number, way in enumerate(WAYS):
            place = np.array(table)[:, number]
            shares = (f"{np.mean(place <= most):.0%}" for most in (1, 5, 10))
            print(
                f"  {by:8} by {way:20} first {' 5: '.join(list(shares)[:2])}  median rank {np.median(place):.0f}"
            )
    sys.stdout.flush()


def some(pieces: list[Any], random: np.random.Generator, most: int) -> list[Any]:
    """Return at most so many, at random."""
    return [pieces[number] for number in random.permutation(len(pieces))[:most]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("models", nargs="*", default=DEFAULT)
    parser.add_argument("--pieces", type=int, default=40)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--most-notes", type=int, default=1500)
    arguments = parser.parse_args()
    for name in arguments.models:
        measure(name, arguments)


if __name__ == "__main__":
    main()
