"""Do the embedded tunes agree with published editions, note for note?

    python tools/check_tunes.py FOLDER ... [--title greensleeves]

FOLDER holds MIDI files of the editions: OpenEWLD's lead sheets, the Nottingham tunes. A tune is laid beside every
file, at half, the same and double speed, in the key in which they share most. A note is *found* if it lies in a run
of RUN notes that follow each other in the file too, with the same pitches and the same lengths from one onset to
the next. (The last length of a run is free: there an edition may repeat, or rest, otherwise.) The file that has most
of the notes is the tune's edition, if it has SAME_TUNE of them and SAME_NOTES. Notes that it lacks are printed.

Ends with exit code 1 if a tune that says `checked` differs from the edition that it names, or one has an edition and
says neither `checked` nor `differs`.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ritornello.data.tunes import TICKS, Tune, load_tunes
from ritornello.errors import RitornelloError
from ritornello.formats import read
from ritornello.leadsheet import read_leadsheet
from ritornello.score import Score
from ritornello.theory import pitch_name

RUN = 6
SAME_TUNE, SAME_NOTES = 0.7, 20
SPEEDS = (0.5, 1.0, 2.0)
GRID = 24  # steps to a quarter: a file's ticks may not divide a triplet

Shape = tuple[tuple[int, ...], tuple[int, ...]]  # pitches above the first; steps between onsets, but the last
Runs = list[tuple[Shape, int]]  # the shape of every RUN notes in a row, and the first pitch


def runs_of(score: Score, speed: float = 1.0) -> Runs:
    """Return the runs of a score's melody, one for each note but the last RUN - 1."""
    notes = read_leadsheet(score).melody
    pitches = notes["pitch"].tolist()
    steps = np.rint(notes["start"] * (GRID / score.ticks_per_quarter / speed)).astype(int).tolist()
    return [
        ((_above_first(pitches[i : i + RUN]), _above_first(steps[i : i + RUN])), pitches[i])
        for i in range(len(pitches) - RUN + 1)
    ]


def _above_first(values: list[int]) -> tuple[int, ...]:
    return tuple(value - values[0] for value in values)


def found_notes(tune: Runs, edition: Runs) -> NDArray[np.bool_]:
    """Return which notes of the tune the edition has, in the key in which they share most runs."""
    places: dict[Shape, set[int]] = defaultdict(set)
    for shape, first in edition:
        places[shape].add(first)
    moves = Counter(first - other for shape, first in tune for other in places.get(shape, ()))
    found = np.zeros(len(tune) + RUN - 1, dtype=np.bool_)
    if moves:
        move = max(moves, key=moves.__getitem__)
        for start, (shape, first) in enumerate(tune):
            if first - move in places.get(shape, ()):
                found[start : start + RUN] = True
    return found


def read_editions(folders: list[Path]) -> dict[str, Runs]:
    """Return the melody of every MIDI file that has one."""
    editions = {}
    for path in sorted(path for folder in folders for path in folder.rglob("*.mid")):
        try:
            editions[path.stem] = runs_of(read(path))
        except RitornelloError as error:
            print(f"  left out: {error}")
    return editions


def report(tune: Tune, editions: dict[str, Runs]) -> bool:
    """Print the edition that has most of a tune, and what it lacks; return whether what the tune says is true."""
    ways = [runs_of(tune.score, speed) for speed in SPEEDS]
    found = {
        name: max((found_notes(way, edition) for way in ways), key=np.sum)
        for name, edition in editions.items()
    }
    best = max(found, key=lambda name: int(found[name].sum()))
    edition = edition_of(tune) or best
    if edition not in found:
        print(f"{tune.title}: {edition} is not among the editions")
        return False
    share = float(found[edition].mean())
    is_same = share >= SAME_TUNE and found[edition].sum() >= SAME_NOTES
    if not is_same and not tune.checked:
        print(f"{tune.title}: in none of the editions (at most {share:.0%}, {edition})")
        return True
    print(f"{tune.title}: {share:.0%} in {edition}{', checked' if tune.checked else ''}")
    if share < 1:
        print(f"    lacking: {_by_bar(tune, found[edition])}")
    return share == 1 if tune.checked else bool(tune.differs)


def edition_of(tune: Tune) -> str:
    """Return the file that a tune says it agrees with, or differs from; empty if it names none."""
    words = (tune.checked or tune.differs).split()
    return words[1] if words else ""


def _by_bar(tune: Tune, found: NDArray[np.bool_]) -> str:
    """Return the notes that were not found, such as "bar 2: C4 D4"; a pick-up is bar 1."""
    score = tune.score
    notes = score.tracks[0].notes[~found]
    bars = np.searchsorted(score.bar_starts(score.end), notes["start"], side="right")
    words: dict[int, list[str]] = defaultdict(list)
    for bar, note in zip(bars.tolist(), notes, strict=True):
        words[bar].append(f"{pitch_name(int(note['pitch']))}:{int(note['duration']) / TICKS:g}")
    return "; ".join(f"bar {bar}: {' '.join(names)}" for bar, names in words.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--title", default="", help="check only tunes whose title has this")
    arguments = parser.parse_args()
    editions = read_editions(arguments.folders)
    tunes = [tune for tune in load_tunes() if arguments.title.lower() in tune.title.lower()]
    true = [report(tune, editions) for tune in tunes]
    raise SystemExit(not all(true))


if __name__ == "__main__":
    main()
