"""ABC, Humdrum and MEI as read here, compared with music21's reading: sounding notes and bar lines.

    python benchmarks/score_formats.py                 50 tunes of ABC and 50 files of Humdrum of music21's corpus
    python benchmarks/score_formats.py --mei FOLDER    and 50 of MEI in a folder, such as the sample encodings of
                                                       https://github.com/music-encoding/sample-encodings
    python benchmarks/score_formats.py FILE...         these files, with the first differences

What is compared is as in `musicxml_reading.py`: pitches sound, ties are joined, and repeats are played out where
music21 plays them out. Bar lines of ABC that stand within a bar, as around a repeat, are left out. With --abc2midi, the
path of that program (package abcmidi), a tune that it reads as it is read here counts as explained.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import music21
from musicxml_reading import compared, sounding, sounding_there

from ritornello import formats
from ritornello.errors import RitornelloError
from ritornello.formats.abc import split_abc

SECONDS = 120  # for music21 to read a piece

REASONS: dict[str, str] = {}
"""Why pieces differ, as found by hand; in each the reading here is the right one."""


def chosen(mei: Path | None) -> dict[str, list[str]]:
    """Return the pieces of each set, by name; a tune of a book as "book.abc#3"."""
    corpus = Path(music21.__file__).parent / "corpus"
    abc = [name for path in sorted(corpus.rglob("*.abc")) for name in pieces(path)]
    kern = [str(path) for path in sorted(corpus.rglob("*.krn")) if path.stat().st_size < 40_000]
    sets = {"ABC": abc, "Humdrum": kern}
    if mei is not None:
        sets["MEI"] = [str(path) for path in sorted(mei.rglob("*.mei"))]
    return {name: _spread(paths) for name, paths in sets.items()}


def _spread(names: list[str], count: int = 50) -> list[str]:
    """Return `count` of the names: the same number of each folder, as far as it goes, evenly spread."""
    folders: dict[Path, list[str]] = {}
    for name in names:
        folders.setdefault(Path(name).parent, []).append(name)
    chosen: list[str] = []
    for left, (_, own) in zip(
        range(len(folders), 0, -1), sorted(folders.items(), key=lambda item: len(item[1])), strict=True
    ):
        share = min(len(own), (count - len(chosen)) // left)
        chosen += [own[index * len(own) // share] for index in range(share)]
    return chosen


def pieces(path: Path) -> Iterator[str]:
    """Yield the names of the pieces in a file."""
    found = formats.piece_paths(path)
    yield from map(str, found)


def theirs(name: str) -> Any:
    """Return music21's score of a piece; of a book it gets the one tune."""
    path, _, number = name.partition("#")
    if not number:
        return music21.converter.parse(path, forceSource=True)
    spans = split_abc(Path(path).read_bytes())[int(number) - 1]
    return music21.converter.parse(b"".join(spans).decode("utf-8", errors="replace"), format="abc")


def differences(name: str) -> list[str]:
    notes, lines, graces, with_repeats = sounding_there(theirs(name))
    ours, our_lines = sounding(formats.read(name, repeats=with_repeats))
    joined = [line for line in lines if line in set(our_lines)]
    is_abc = ".abc" in name
    return compared(ours, our_lines, notes, joined if is_abc else lines, graces)


def _examined(name: str) -> list[str]:
    warnings.simplefilter("ignore")
    try:
        return differences(name)
    except RitornelloError as error:
        return [f"refused: {error}"]
    except Exception as error:  # music21 raises many kinds
        return [f"music21 fails: {type(error).__name__} {error}"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*")
    parser.add_argument("--mei", type=Path)
    asked = parser.parse_args()
    sets = {"files": asked.files} if asked.files else chosen(asked.mei)
    for kind, names in sets.items():
        counts: Counter[str] = Counter()
        with multiprocessing.Pool(1) as pool:
            for name in names:
                task = pool.apply_async(_examined, (name,))
                try:
                    found = task.get(SECONDS)
                except multiprocessing.TimeoutError:
                    print(f"{name}: music21 took longer than {SECONDS} s")
                    sys.exit(1)
                reason = next((why for part, why in REASONS.items() if part in name), "")
                counts["agree" if not found else "explained" if reason else "not explained"] += 1
                if found:
                    print(f"{Path(name).name}: {len(found)} differences; {reason or 'NOT EXPLAINED'}")
                    print(*(f"    {line}" for line in (found if asked.files else found[:3])), sep="\n")
        print(
            f"{kind}: {counts['agree']} of {len(names)} agree, {counts['explained']} differ for a known reason",
            flush=True,
        )


if __name__ == "__main__":
    main()
