"""How right is the analysis (`ritornello.analysis`)? Chords, keys, phrases and melody against what is known of pieces.

    python benchmarks/analysis.py SETS [--when-in-rome REPOSITORY]

SETS is a folder with the unpacked sets `leadsheets`, `folk-nottingham`, `lieder-openscore`, `chorales-bach370` and
`hymns-open`, those that are there. The truth of lead sheets and folk tunes are the struck chords of their chord track;
that of songs and chorales the Roman numerals of When in Rome (github.com/MarkGotham/When-in-Rome, a git repository on
disk). The weights were chosen on the pieces with an even checksum of the name; the others are reported.

Chords: the share of time with the right root, and, where the written chord is major or minor (with or without a
seventh), with the right root and mode. Beside: the same gains without the dynamic programme (the best chord of each
beat), and `leadsheet.find_chords`, the nearest template of each half bar.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from roman import Written, read_roman

from ritornello import read
from ritornello.analysis import find_chords, find_keys, find_melody, find_phrases
from ritornello.analysis.beats import find_beats
from ritornello.analysis.chords import MODEL
from ritornello.leadsheet import find_chords as find_by_half_bars
from ritornello.score import Notes, Score, make_notes, sort_notes
from ritornello.theory import CHORDS, Chord, key_fifths

FAMILIES = {
    "maj": 0,
    "7": 0,
    "maj7": 0,
    "6": 0,
    "9": 0,
    "maj9": 0,
    "min": 1,
    "m7": 1,
    "m6": 1,
    "m9": 1,
    "mM7": 1,
}
BLOCKS = (
    "maj",
    "min",
    "7",
    "m7",
    "maj7",
    "dim",
    "m7b5",
    "dim7",
    "aug",
    "sus4",
    "6",
    "m6",
    "9",
    "m9",
    "7sus4",
    "sus2",
)

Spans = Sequence[tuple[int, Chord | None]]
Example = tuple[Score, list[Written]]


def struck(notes: Notes, end: int) -> list[Written]:
    """Return the chords of a track of struck chords, root -1 for one that is no chord of `BLOCKS`."""
    known: dict[frozenset[int], list[tuple[int, str]]] = defaultdict(list)
    for quality in BLOCKS:
        for root in range(12):
            known[frozenset((root + step) % 12 for step in CHORDS[quality])].append((root, quality))
    starts = np.unique(notes["start"]).tolist()
    spans = []
    for start, stop in zip(starts, [*starts[1:], end], strict=True):
        here = notes["pitch"][notes["start"] == start]
        bass = int(here.min()) % 12
        found = known.get(frozenset((here % 12).tolist()), [(-1, "")])
        root, quality = next((each for each in found if each[0] == bass), found[0])
        spans.append(Written(start, stop, root, quality, bass, -1, False))
    return spans


def broken(score: Score, spans: list[Written]) -> Score:
    """Return `score` with the chords of its second track played an eighth at a time."""
    melody, chords = (track for track in score.tracks if len(track.notes))
    step, rows = score.ticks_per_quarter // 2, []
    for span in spans:
        pitches = sorted(chords.notes["pitch"][chords.notes["start"] == span.start].tolist())
        for place, at in enumerate(range(span.start, span.end, step)):
            rows.append((at, min(step, span.end - at), pitches[place % len(pitches)], 64))
    return replace(score, tracks=(melody, replace(chords, notes=make_notes(rows))))


def block_sets(folder: Path) -> Iterator[tuple[str, Score, list[Written]]]:
    """Yield (name of the figure, score, truth) of lead sheets and folk tunes, as they are, broken, melody alone."""
    for name in ("leadsheets", "folk-nottingham"):
        for path in chosen_half(folder / name):
            score = read(path)
            tracks = [track for track in score.tracks if len(track.notes)]
            if len(tracks) != 2:
                continue
            spans = struck(tracks[1].notes, tracks[1].end)
            yield name, score, spans
            yield f"{name}, broken", broken(score, spans), spans
            yield f"{name}, melody alone", replace(score, tracks=(tracks[0],)), spans


def chosen_half(folder: Path, rest: bool = True) -> list[Path]:
    """Return the files on which nothing was chosen; the others with `rest` false."""
    return [
        path for path in sorted(folder.glob("*.mid")) if (zlib.crc32(path.name.encode()) % 2 == 1) == rest
    ]


def roman_sets(folder: Path, repository: Path) -> Iterator[tuple[str, Score, list[Written], list[int]]]:
    """Yield (name of the figure, score, chords, beginnings of phrases) of songs and chorales with Roman numerals."""

    def git(*words: str) -> str:
        command = ["git", "-c", "core.quotepath=off", "-C", str(repository), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    names = git("ls-tree", "-r", "HEAD", "--name-only").splitlines()
    analyses = {}
    for name in names:
        if match := re.search(r"OpenScore-LiederCorpus/(.*)/lc(\d+)\.mscz", name):
            analyses[match[2]] = f"Corpus/OpenScore-LiederCorpus/{match[1]}/analysis.txt"
        elif match := re.search(r"Chorales/(\d+)/analysis\.txt", name):
            analyses[f"chor{match[1]}"] = name
    there = set(names)
    for kind in ("lieder-openscore", "chorales-bach370"):
        for path in chosen_half(folder / kind):
            match = re.search(r"lc(\d+)$|(chor\d+)$", path.stem)
            name = analyses.get((match[1] or match[2]) if match else "")
            if name in there:
                score, spans, phrases = read_roman(git("show", f"HEAD:{name}"), read(path))
                if spans:
                    yield kind, score, spans, phrases


class Shares:
    """Shares that are right, by name."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, name: str, right: np.ndarray, meant: np.ndarray) -> None:
        self.counts[name].update(right=int((right & meant).sum()), all=int(meant.sum()))

    def __str__(self) -> str:
        return "  ".join(
            f"{name} {each['right'] / max(each['all'], 1):.3f}" for name, each in self.counts.items()
        )


def judge_chords(shares: Shares, found: Spans, score: Score, spans: list[Written]) -> None:
    """Compare chords at the middle of every eighth."""
    half = max(1, score.ticks_per_quarter // 2)
    at = np.arange(spans[0].start, spans[-1].end, half) + half // 2
    true = np.searchsorted([span.start for span in spans], at, side="right") - 1
    root = np.array([span.root for span in spans])[true]
    family = np.array([FAMILIES.get(span.quality, -1) for span in spans])[true]
    bass = np.array([span.bass for span in spans])[true]
    place = np.maximum(np.searchsorted([tick for tick, _ in found], at, side="right") - 1, 0)
    rows = np.array([(c.root, FAMILIES.get(c.quality, -2), c.bass) if c else (-1, -2, -1) for _, c in found])[
        place
    ]
    is_root, known = rows[:, 0] == root, root >= 0
    shares.add("root", is_root, known)
    shares.add("majmin", is_root & (rows[:, 1] == family), known & (family >= 0))
    shares.add("bass", rows[:, 2] == bass, known)


def by_half_bars(score: Score) -> Spans:
    notes = [track.notes for track in score.tracks if not track.is_drum]
    return find_by_half_bars(score, sort_notes(np.concatenate(notes))) or ((0, None),)


METHODS: dict[str, Callable[[Score], Spans]] = {
    "analysis": lambda score: find_chords(score).named(),
    "best of each beat": lambda score: find_chords(
        score, model=replace(MODEL, change=(0.0, 0.0, 0.0, 0.0))
    ).named(),
    "leadsheet.find_chords": by_half_bars,
}


def chords(examples: list[tuple[str, Score, list[Written]]]) -> None:
    pieces = Counter(kind for kind, _, _ in examples)
    for kind, count in pieces.items():
        print(f"\nchords: {kind}, {count} pieces")
        for method, find in METHODS.items():
            shares = Shares()
            for name, score, spans in examples:
                if name == kind and spans:
                    judge_chords(shares, find(score), score, spans)
            print(f"  {method:24}{shares}")


def keys(examples: list[tuple[str, Score, list[Written]]]) -> None:
    """Local keys against Roman numerals, by bars of eighths; beside: one key for the piece (`theory.estimate_key`)."""
    for kind in dict.fromkeys(name for name, _, _ in examples):
        found, one = Shares(), Shares()
        changes = Counter[str]()
        for name, score, spans in examples:
            if name != kind:
                continue
            half = max(1, score.ticks_per_quarter // 2)
            at = np.arange(spans[0].start, spans[-1].end, half) + half // 2
            places = np.searchsorted([span.start for span in spans], at, side="right") - 1
            true = np.array([span.tonic + 12 * span.minor for span in spans])[places]
            local = find_keys(score)
            place = np.searchsorted([key.start for key in local], at, side="right") - 1
            mine = np.array([key.tonic + 12 * key.minor for key in local])[place]
            whole = score.estimated_key()
            tonic = (whole.fifths * 7 - 3 * whole.minor) % 12
            found.add("key", mine == true, true >= 0)
            one.add("key", np.full(len(at), tonic + 12 * whole.minor) == true, true >= 0)
            changes.update(written=int((np.diff(true) != 0).sum()), found=len(local) - 1, pieces=1)
        print(f"\nlocal keys: {kind}, {changes['pieces']} pieces, {dict(changes)}")
        print(f"  analysis                {found}\n  one key (estimate_key)  {one}")


def signatures(folder: Path) -> None:
    """Share of the time in a key with the one signature of the file; changes of key a piece."""
    for name in ("leadsheets", "folk-nottingham", "hymns-open"):
        right = total = changes = pieces = whole = 0
        for path in chosen_half(folder / name):
            score = read(path)
            if len(score.keys) != 1 or not (found := find_keys(score)):
                continue
            fifths = score.keys[0].fifths
            ticks = [(each.end - each.start, key_fifths(each.tonic, each.minor)) for each in found]
            right += sum(length for length, each in ticks if (each - fifths) % 12 == 0) / score.bars.edges[-1]
            whole += (score.estimated_key().fifths - fifths) % 12 == 0
            changes, pieces, total = changes + len(found) - 1, pieces + 1, total + 1
        if pieces:
            print(
                f"signatures: {name}, {pieces} pieces: analysis {right / total:.3f} of the time, "
                f"{changes / pieces:.2f} changes a piece; one key (estimate_key) {whole / total:.3f}"
            )


def phrases(examples: list[tuple[Score, list[int]]]) -> None:
    """Beginnings of phrases within half a quarter of those written in the chorales."""
    hits = known = given = right = 0
    for score, written in examples:
        true = np.array([tick for tick in written if tick < score.end])
        mine = np.array([phrase.start for phrase in find_phrases(score)][1:])
        if len(true) < 3:
            continue
        near = 0.6 * score.ticks_per_quarter
        known, given = known + len(true), given + len(mine)
        hits += sum(len(mine) > 0 and np.abs(mine - tick).min() <= near for tick in true)
        right += sum(np.abs(true - tick).min() <= near for tick in mine)
    recall, precision = hits / max(known, 1), right / max(given, 1)
    f1 = 2 * recall * precision / max(recall + precision, 1e-9)
    print(
        f"\nphrases of chorales: recall {recall:.3f}, precision {precision:.3f}, F {f1:.3f} ({known} written)"
    )


def melodies(folder: Path) -> None:
    """The track with the melody, of pieces whose tracks have lost their names."""
    for name in ("leadsheets", "folk-nottingham", "lieder-openscore", "chorales-bach370", "hymns-open"):
        right = pieces = 0
        for path in chosen_half(folder / name):
            score = read(path)
            bare = replace(score, tracks=tuple(replace(track, name="") for track in score.tracks))
            if (found := find_melody(bare)) and len(score.tracks) > 1:
                first = next(n for n, track in enumerate(score.tracks) if len(track.notes))
                right, pieces = right + (found.track == first), pieces + 1
        if pieces:
            print(f"melody in the first track: {name} {right / pieces:.3f} of {pieces} pieces")


def speed(folder: Path) -> None:
    scores = [read(path) for path in sorted(folder.glob("*/*.mid"))[::20]]
    notes = sum(score.note_count for score in scores)
    for find in (find_beats, find_keys, find_chords):
        start = time.process_time()
        for score in scores:
            find(score)
        print(f"{find.__name__}: {notes / (time.process_time() - start):,.0f} notes a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sets", type=Path)
    parser.add_argument("--when-in-rome", type=Path)
    given = parser.parse_args()
    blocks = list(block_sets(given.sets))
    romans = list(roman_sets(given.sets, given.when_in_rome)) if given.when_in_rome else []
    with_numerals = [(kind, score, spans) for kind, score, spans, _ in romans]
    chords([*blocks, *with_numerals])
    keys(with_numerals)
    signatures(given.sets)
    if romans:
        phrases([(score, starts) for kind, score, _, starts in romans if kind.startswith("chorales")])
    melodies(given.sets)
    speed(given.sets)


if __name__ == "__main__":
    main()
