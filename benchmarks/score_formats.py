"""ABC, Humdrum and MEI as read here, compared with music21's reading: sounding notes and bar lines.

    python benchmarks/score_formats.py                 50 tunes of ABC and 50 files of Humdrum of music21's corpus
    python benchmarks/score_formats.py --mei FOLDER    and 50 of MEI in a folder, such as MEI_5.0/Music of
                                                       https://github.com/music-encoding/sample-encodings
    python benchmarks/score_formats.py FILE...         these files, with the first differences

What is compared is as in `musicxml_reading.py`: pitches sound, ties are joined, and repeats are played out where
music21 plays them out. Bar lines of ABC that stand within a bar, as around a repeat, are left out. With --abc2midi, the
path of that program (package abcmidi), a tune that it reads as it is read here counts as explained.
"""

from __future__ import annotations

import argparse
import base64
import logging
import multiprocessing
import re
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import music21
from musicxml_reading import GRACE, compared, sounding, sounding_there

from ritornello import formats
from ritornello.errors import RitornelloError
from ritornello.formats.abc import split_abc
from ritornello.score import Score

SECONDS = 20  # for music21 to read a piece

_NO_START = "a part is repeated whose repeat has no start; music21 repeats none, or the wrong one"
_DOT = "music21 and abc2midi lose the broken rhythm before a staccato dot, as in A>.B"
REASONS = {
    "reelsa-c.abc#2": _NO_START,
    "americanfifeopus.abc": _NO_START,
    "HighlandSkipReel.abc": _NO_START,
    "SoldiersCloakJig.abc": _NO_START,
    "1625-1700.abc#16": _NO_START,
    "book3.abc#43": _NO_START,
    "0001-0050.abc#1": "music21 loses the length of a note that is tied to another pitch, as in G3-A",
    "42dHighlandRegimentStrathspey.abc": _DOT,
    "EclipseHighlandFling.abc": _DOT,
    "altdeu10.abc#1": "music21 carries no accidental through the bar",
    "opus18no1/movement3.krn": "music21 does not play the expansion list of the file, A,A,B,B,C,C,D,A,B",
    "Aguado_Walzer_G-major.mei": "music21 repeats from the beginning; the repeat starts at bar 9",
}
"""Why pieces differ, as found by hand; in each the reading here is the right one."""


def chosen(mei: Path | None) -> dict[str, list[str]]:
    """Return the pieces of each set, by name; a tune of a book as "book.abc#3"."""
    corpus = Path(music21.__file__).parent / "corpus"
    abc = [name for path in sorted(corpus.rglob("*.abc")) for name in pieces(path)]
    kern = [str(path) for path in sorted(corpus.rglob("*.krn")) if path.stat().st_size < 40_000]
    sets = {"ABC": abc, "Humdrum": kern}
    if mei is not None:
        sets["MEI"] = [str(path) for path in sorted(mei.rglob("*.mei")) if path.stat().st_size < 1_500_000]
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
    """Return what differs from music21's reading, a line each."""
    notes, lines, graces, with_repeats = sounding_there(theirs(name))
    ours, our_lines = sounding(formats.read(name, repeats=with_repeats))
    joined = [line for line in lines if line in set(our_lines)]
    is_abc = ".abc" in name
    return compared(ours, our_lines, notes, joined if is_abc else lines, graces)


def is_supported(name: str, abc2midi: str | None) -> bool:
    """Return whether another program reads the onsets and pitches as they are read here, apart from grace notes and
    unisons.

    It is abc2midi for ABC, verovio (which plays no repeats out) for the others.
    """
    is_abc = ".abc" in name
    midi = _by_abc2midi(name, abc2midi) if is_abc else _by_verovio(name)
    if midi is None:
        return False
    score = formats.read(name, repeats=is_abc)
    graces = GRACE * score.ticks_per_quarter
    ours, others = (
        {
            (round(Fraction(48 * start, each.ticks_per_quarter)), pitch)
            for track in each.tracks
            for start, length, pitch, _ in track.notes.tolist()
        }
        for each in (score, midi)
    )
    short = sum(length <= graces for track in score.tracks for length in track.notes["duration"].tolist())
    return len(ours - others) <= short and len(others - ours) <= short


def _by_abc2midi(name: str, program: str | None) -> Score | None:
    if program is None:
        return None
    path, _, number = name.partition("#")
    text = b"".join(split_abc(Path(path).read_bytes())[int(number or 1) - 1]).replace(b"T:", b"N:")
    text = re.sub(rb"[T~H](?=[\^_=A-Ga-g.(])", b"", text)  # it plays trills and turns out, and holds fermatas
    settings = rb"\1\n%%MIDI gchordoff\n%%MIDI nobeataccents\n%%MIDI ratio 3 1"
    text = re.sub(rb"(?m)^(K:.*)$", settings, re.sub(rb"(?m)^R:.*$", b"", text), count=1)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.abc").write_bytes(text)
        subprocess.run(
            [program, "a.abc", "-o", "a.mid"], cwd=folder, capture_output=True, timeout=60, check=False
        )
        made = Path(folder) / "a.mid"
        return formats.read(made) if made.exists() else None


_VEROVIO = """
import sys, verovio
verovio.enableLog(0)
toolkit = verovio.toolkit()
sys.stdout.write(toolkit.renderToMIDI() if toolkit.loadFile(sys.argv[1]) else "")
"""


def _by_verovio(name: str) -> Score | None:
    done = subprocess.run(
        [sys.executable, "-c", _VEROVIO, name], capture_output=True, timeout=SECONDS, check=False
    )
    return formats.read(base64.b64decode(done.stdout), "mid") if done.stdout else None


def _examined(name: str, abc2midi: str | None) -> tuple[list[str], str]:
    """Return the differences, and why they are there if that is known."""
    warnings.simplefilter("ignore")
    logging.disable()
    try:
        found = differences(name)
    except RitornelloError as error:
        return [f"refused: {error}"], ""
    except Exception as error:  # music21 raises many kinds
        found = [f"music21 fails: {type(error).__name__} {error}"]
    if found[:1] and found[0].startswith("music21 fails"):
        return found, "music21 cannot read it"
    reason = next((why for part, why in REASONS.items() if part in name), "")
    if ".mei" in name and b"accid.ges" not in Path(name).read_bytes():
        reason = reason or "the file has no accidentals that sound (accid.ges); here the key signature counts"
    if found and not reason and is_supported(name, abc2midi):
        reason = f"{'abc2midi' if '.abc' in name else 'verovio'} reads it as it is read here"
    return found, reason


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*")
    parser.add_argument("--mei", type=Path)
    parser.add_argument("--abc2midi")
    parser.add_argument("--only", help="the set to compare: ABC, Humdrum or MEI")
    asked = parser.parse_args()
    sets = {"files": asked.files} if asked.files else chosen(asked.mei)
    for kind, names in sets.items():
        if asked.only not in (None, kind):
            continue
        counts: Counter[str] = Counter()
        pool = multiprocessing.Pool(1)
        for name in names:
            try:
                found, reason = pool.apply_async(_examined, (name, asked.abc2midi)).get(SECONDS)
            except multiprocessing.TimeoutError:
                pool.terminate()
                pool = multiprocessing.Pool(1)
                found, reason = [f"music21 takes longer than {SECONDS} s"], "music21 is too slow"
            counts["agree" if not found else "explained" if reason else "not explained"] += 1
            if found:
                print(f"{Path(name).name}: {len(found)} differences; {reason or 'NOT EXPLAINED'}")
                print(
                    *(f"    {line}" for line in (found if asked.files else found[:3])), sep="\n", flush=True
                )
        pool.terminate()
        print(
            f"{kind}: {counts['agree']} of {len(names)} agree, {counts['explained']} differ for a known reason"
        )


if __name__ == "__main__":
    main()
