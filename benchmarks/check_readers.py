"""Does reading and writing MIDI lose a note? Count the notes of every file against symusic and mido.

    python benchmarks/check_readers.py FOLDER... [--sample 0.1]

For every file: the notes that we read, those that symusic reads, and, where the two differ and on a sample of the
others, the note-ons that mido reads. Then the file is written and read again (the score must be equal), and
symusic counts the notes of what was written. Every difference is put into a category; what is in none is listed.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import mido
import symusic

from ritornello.errors import RitornelloError
from ritornello.formats.midi import midi_to_bytes, parse_midi, read_midi
from ritornello.score import Score

Count = int | str  # a number of notes, or the name of the error


class SymusicCounter:
    """Counts notes with symusic in a process of its own, since damaged files end it by a segmentation fault."""

    def __init__(self) -> None:
        self.executor = ProcessPoolExecutor(1)

    def __call__(self, data: bytes) -> Count:
        try:
            return self.executor.submit(symusic_count, data).result()
        except BrokenProcessPool:
            self.executor = ProcessPoolExecutor(1)
            return "crash"


def symusic_count(data: bytes) -> Count:
    try:
        return int(symusic.Score.from_midi(data).note_num())
    except Exception as error:  # an oracle may refuse in any way it likes
        return type(error).__name__


def mido_count(path: Path) -> Count:
    try:
        file = mido.MidiFile(path, clip=True)
    except Exception as error:
        return type(error).__name__
    return sum(m.type == "note_on" and m.velocity > 0 for track in file.tracks for m in track)


def hanging(score: Score) -> int:
    found = [re.match(r"closed ([\d,]+) note", repair) for repair in score.repairs]
    return sum(int(match[1].replace(",", "")) for match in found if match)


def first_repair(score: Score) -> str:
    """Return the first repair without its numbers."""
    first = score.repairs[0] if score.repairs else "nothing to repair"
    return re.sub(r" ?\([^)]*\)", "", re.sub(r"[\d,]+ (\w+?)s?\b", r"some \1s", first, count=1))


def explain(score: Score, by_symusic: Count, by_mido: Count) -> str:
    """Return the category of a file by the three counts."""
    ours = score.note_count
    if ours == by_symusic and by_mido in (ours, -1):
        return "all agree"
    if isinstance(by_symusic, str) and by_mido == ours:
        return "symusic refuses, mido agrees with us"
    if isinstance(by_mido, str) and by_symusic == ours:
        return "mido refuses, symusic agrees with us"
    if isinstance(by_symusic, str) and isinstance(by_mido, str):
        return f"both refuse; {first_repair(score)}"
    if isinstance(by_symusic, int) and ours - by_symusic == hanging(score) > 0:
        return "symusic drops the notes that never end, we close them"
    if score.repairs:
        return f"damaged; {first_repair(score)}"
    return "UNEXPLAINED"


def check_writing(score: Score, count: Callable[[bytes], Count]) -> Iterator[str]:
    """Yield what is wrong with the score after writing it."""
    data = midi_to_bytes(score)
    if parse_midi(data) != score:
        yield "UNEXPLAINED: another score after writing and reading"
    if count(data) != score.note_count:
        yield "UNEXPLAINED: symusic reads other notes from what we wrote"


def check_file(path: Path, with_mido: bool, count: Callable[[bytes], Count]) -> tuple[list[str], int]:
    """Return the categories of a file and the number of its notes."""
    by_symusic = count(path.read_bytes())
    try:
        score = read_midi(path)
    except RitornelloError:
        others = {by_symusic, mido_count(path)}
        holds_notes = any(isinstance(other, int) and other for other in others)
        return ["UNEXPLAINED: we refuse" if holds_notes else "we refuse, the others do or read 0 notes"], 0
    differ = by_symusic != score.note_count
    by_mido = mido_count(path) if differ or with_mido else -1
    return [explain(score, by_symusic, by_mido), *check_writing(score, count)], score.note_count


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument(
        "--sample", type=float, default=0.1, help="share of the files that mido reads in any case"
    )
    options = parser.parse_args()
    draw = random.Random(0)
    unexplained = 0
    symusic_counter = SymusicCounter()
    for folder in options.folders:
        began, notes, categories = time.monotonic(), 0, Counter[str]()
        paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".mid", ".midi", ".rmi", ".kar"))
        for path in paths:
            found, count = check_file(path, draw.random() < options.sample, symusic_counter)
            notes += count
            categories.update(found)
            for problem in (text for text in found if text.startswith("UNEXPLAINED")):
                unexplained += 1
                print(f"    {path}: {problem}")
        print(
            f"{folder.name}: {len(paths):,} files, {notes:,} notes, {time.monotonic() - began:.0f} s",
            flush=True,
        )
        for category, files in categories.most_common():
            print(f"    {files:6,}  {category}", flush=True)
    return min(1, unexplained)


if __name__ == "__main__":
    sys.exit(main())
