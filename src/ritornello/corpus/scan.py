"""The files of a dataset: a report on each, and duplicates.

`scan` reads each file once, in worker processes, and returns a `FileReport` for it: a verdict with reasons, and a
description of the music. Two files are the same piece when their notes start at the same time with the same pitch, on a
grid of 1/24 quarter note from the first note on; lengths, velocities, instruments and tempo do not count, so that
exports of one piece by two programs are one piece. If all pitches but those of drums are moved by the same interval, it
is still the same piece, transposed.

Read in order: `FileReport`, `Scan`, `scan`, `find_files`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ritornello import formats
from ritornello.arrays import Ints, Mask, run_edges
from ritornello.corpus.pool import Failure, map_guarded
from ritornello.corpus.prose import prose_pieces
from ritornello.corpus.recommend import Character, character_of
from ritornello.corpus.versions import Sketch, sketch_of
from ritornello.errors import CorpusError, FileError, counted
from ritornello.formats.event_text import is_event_text
from ritornello.formats.text import is_prose, paragraphs
from ritornello.paths import describe
from ritornello.remote import local
from ritornello.score import LONGEST_QUARTERS, Score, note_columns, rescaled, sounding
from ritornello.theory import DRUMS, estimate_key, instrument_name, key_name

Verdict = Literal["used", "repaired", "skipped", "duplicate", "failed"]
"""skipped: the file cannot be read, or is unfit for training. failed: it was read, but could not be encoded; found only
when a corpus is built (`shards`)."""

MINIMUM_NOTES = 8
LONGEST_HOURS = 3
"""Longer pieces, and those of more than LONGEST_QUARTERS, are treated as damaged files; no work of music is longer."""

GRID = 24
"""Steps to a quarter note, to compare pieces on: both halves and thirds of a sixteenth fall on it."""

_SECONDS_A_FILE, _SECONDS_A_RECORDING = 30.0, 600.0

_NOT_PROSE = re.compile(
    r"(read.?me|licen[cs]e|copying|copyright|credits|authors|changelog|provenance)([\W_]|$)", re.IGNORECASE
)
"""Names of text files that are about a folder, and no prose to learn from unless they are given by name."""


@dataclass(frozen=True)
class FileReport:
    """The verdict on a file, and a description of its music; all but path, verdict and reasons is empty if skipped.

    duplicate_of, transposition: the file with the same piece, and by how many semitones this one is higher.
    instruments: programs 0-127, and 128 for drums. meters: as "3/4", in order of appearance. key: estimated
    from the notes. polyphony: how many notes sound at once, drums aside, on average while any does, and at
    most. tempo: quarter notes a minute, on average. statistics: the result of the caller's function. digest:
    the same for the same notes; shape: the same also for transpositions. pieces: number of pieces in the file,
    which may be several if it is prose. sketch: to find other versions of the piece (`versions`).
    character: traits by which a preset is recommended.
    """

    path: Path
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    duplicate_of: Path | None = None
    transposition: int = 0
    notes: int = 0
    seconds: float = 0.0
    bars: int = 0
    instruments: tuple[int, ...] = ()
    meters: tuple[str, ...] = ()
    key: str | None = None
    polyphony: tuple[float, int] = (0.0, 0)
    tempo: float = 0.0
    digest: str = ""
    shape: str = ""
    lowest: int = 0
    statistics: Any = None
    pieces: int = 1
    sketch: Sketch | None = field(default=None, repr=False, compare=False)
    character: Character | None = field(default=None, repr=False)

    @property
    def is_used(self) -> bool:
        return self.verdict in ("used", "repaired")


@dataclass(frozen=True)
class Scan:
    """The reports of all files, in the order in which the files were given or found."""

    reports: tuple[FileReport, ...]

    @property
    def used(self) -> tuple[FileReport, ...]:
        """The reports of the files to train on."""
        return tuple(report for report in self.reports if report.is_used)

    def summary(self) -> dict[str, Any]:
        """Return totals over the pieces used, as plain JSON; counts are of pieces unless their name says otherwise."""
        used = self.used
        tempos = sorted(report.tempo for report in used) or [0.0]
        seconds = sum(report.seconds for report in used)
        voices = sum(report.polyphony[0] * report.seconds for report in used)
        return {
            "files": len(self.reports),
            "verdicts": _counts(report.verdict for report in self.reports),
            "pieces": len(used),
            "notes": sum(report.notes for report in used),
            "bars": sum(report.bars for report in used),
            "hours": seconds / 3600,
            "instruments": _counts(instrument_name(p) for report in used for p in report.instruments),
            "meters": _counts(meter for report in used for meter in report.meters or ("not given",)),
            "keys": _counts(report.key for report in used if report.key),
            "polyphony": {
                "mean": voices / seconds if seconds else 0.0,
                "max": max((report.polyphony[1] for report in used), default=0),
            },
            "tempo": {"lowest": tempos[0], "median": tempos[len(tempos) // 2], "highest": tempos[-1]},
        }


def scan(
    paths: Iterable[Path | str],
    *,
    minimum_notes: int = MINIMUM_NOTES,
    processes: int | None = None,
    executor: Executor | None = None,
    statistics: Callable[[Score], Any] | None = None,
    prose: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Scan:
    """Read every file of `paths` (files and folders) once, and report on each.

    statistics: called with each score in the worker process; importable by name, with a small result.
    prose: read texts instead of music.
    progress: called with (files done, files in all). `processes` and `executor` as for `map_guarded`.
    Raises FileError or CorpusError if a path is missing or has no music; a file that cannot be read raises nothing.
    """
    files = find_files(paths, prose)
    reports: list[FileReport | None] = [None] * len(files)
    examine = partial(_examine, minimum_notes=minimum_notes, statistics=statistics, prose=prose)
    results = map_guarded(
        examine, files, processes=processes, executor=executor, seconds_limit=seconds_allowed(files)
    )
    for done, (index, result) in enumerate(results, start=1):
        reports[index] = _skipped(files[index], result.message) if isinstance(result, Failure) else result
        if progress is not None:
            progress(done, len(files))
    return Scan(tuple(_mark_duplicates([report for report in reports if report is not None])))


def seconds_allowed(files: Iterable[Path]) -> float:
    """Return how long reading one of `files` may take: long if there are recordings, which are transcribed."""
    return _SECONDS_A_RECORDING if any(map(is_recording, files)) else _SECONDS_A_FILE


def _mark_duplicates(reports: Sequence[FileReport]) -> Iterator[FileReport]:
    """Yield the reports; a file with the piece of an earlier one gets the verdict "duplicate"."""
    firsts: dict[str, FileReport] = {}
    for report in reports:
        if not report.is_used:
            yield report
            continue
        first = firsts.get(report.digest) or firsts.get(report.shape)
        firsts.setdefault(report.digest, report)
        firsts.setdefault(report.shape, report)
        if first is None:
            yield report
            continue
        semitones = report.lowest - first.lowest
        moved = f", transposed by {semitones:+d} semitones," if semitones else ""
        yield replace(
            report,
            verdict="duplicate",
            reasons=(f"the same notes{moved} as {first.path}",),
            duplicate_of=first.path,
            transposition=semitones,
            statistics=None,
        )


# ---- one file -----------------------------------------------------------------------------------------------


def _examine(
    path: Path, *, minimum_notes: int, statistics: Callable[[Score], Any] | None, prose: bool
) -> FileReport:
    score = formats.read(path)
    if fault := _fault(score, minimum_notes, prose):
        return _skipped(path, fault)
    if prose:
        digest = blake2b("\n".join(paragraphs(score)).encode(), digest_size=16).hexdigest()
        report = FileReport(path, "used", pieces=len(prose_pieces(score)), digest=digest, shape=digest)
    else:
        report = _describe(path, score)
    return report if statistics is None else replace(report, statistics=statistics(score))


def _skipped(path: Path, reason: str) -> FileReport:
    return FileReport(path, "skipped", (reason.removeprefix(f"{path}: "),))


def _fault(score: Score, minimum_notes: int, prose: bool) -> str | None:
    """Return why a score is unfit for training, or None."""
    if prose:
        return None if is_prose(score) else "it is music; wanted is prose"
    count, hours, quarters = score.note_count, score.seconds / 3600, score.end / score.ticks_per_quarter
    if count == 0:
        return "it is prose, not music" if is_prose(score) else "it has no notes"
    if count < minimum_notes:
        return f"{counted(count, 'note')}; wanted are {minimum_notes} or more"
    if hours > LONGEST_HOURS or quarters > LONGEST_QUARTERS:
        return f"it lasts {hours:,.1f} hours, {quarters:,.0f} quarter notes; no piece does"
    starts = [
        int(track.notes["start"][each]) for track in score.tracks if len(track.notes) for each in (0, -1)
    ]
    return f"all its {count} notes start at once" if min(starts) == max(starts) else None


def _describe(path: Path, score: Score) -> FileReport:
    start, duration, pitch, _ = note_columns(score.tracks)
    is_drum = np.repeat(
        [track.is_drum for track in score.tracks], [len(track.notes) for track in score.tracks]
    )
    has_pitches = not is_drum.all()
    heard = ~is_drum if has_pitches else is_drum
    seconds = score.seconds
    digest, shape, lowest = _digests(start, pitch, is_drum, score.ticks_per_quarter)
    meters = dict.fromkeys(f"{meter.numerator}/{meter.denominator}" for meter in score.meters)
    return FileReport(
        path=path,
        verdict="repaired" if score.repairs else "used",
        reasons=score.repairs,
        notes=len(start),
        seconds=round(seconds, 3),
        bars=len(score.bar_starts()),
        instruments=tuple(sorted({DRUMS if t.is_drum else t.program for t in score.tracks if len(t.notes)})),
        meters=tuple(meters),
        key=_key(pitch[heard], duration[heard]) if has_pitches else None,
        polyphony=_polyphony(start[heard], duration[heard]),
        tempo=round(score.end / score.ticks_per_quarter / (seconds / 60), 3) if seconds else 0.0,
        digest=digest,
        shape=shape,
        lowest=lowest,
        sketch=sketch_of(score),
        character=character_of(score),
    )


def _key(pitch: Ints, duration: Ints) -> str:
    weights = np.bincount(pitch % 12, weights=duration, minlength=12)
    _, minor, fifths = estimate_key(weights)
    return key_name(fifths, minor)


def _polyphony(start: Ints, duration: Ints) -> tuple[float, int]:
    """Return the number of notes that sound at once: its mean over the time in which any does, and its maximum."""
    duration = np.maximum(duration, 1)
    count, length = sounding(start, start + duration)
    return float(duration.sum() / (length * (count > 0)).sum()), int(count.max())


def _digests(start: Ints, pitch: Ints, is_drum: Mask, ticks_per_quarter: int) -> tuple[str, str, int]:
    """Return the digest of the notes, the digest that transpositions share, and the lowest pitch, drums aside."""
    lowest = int(pitch[~is_drum].min(initial=127))
    steps = rescaled(start - start.min(), ticks_per_quarter, GRID)
    keys = np.sort(512 * steps + 256 * is_drum + pitch, kind="stable")
    keys = keys[run_edges(keys)[:-1]]
    return _digest(keys), _digest(keys - np.where(keys & 256, 0, lowest) + 128), lowest


def _digest(keys: Ints) -> str:
    return blake2b(keys.astype("<i8").tobytes(), digest_size=16).hexdigest()


# ---- files and folders --------------------------------------------------------------------------------------


def find_files(paths: Iterable[Path | str], prose: bool = False) -> list[Path]:
    """Return the files given, and those below the folders given that `formats` can read, sorted by name.

    Of a book of several pieces, each piece is a path of its own, such as "tunes.abc#3". Files at an address (see
    `remote`) are copied to this machine first.

    In folders, text files count as music if they hold event words, else as prose (with `prose`), except for those
    that are about the folder, such as README.txt. Recordings count only in a folder that has no other music: else
    they may be what was rendered from it. Files of other suffixes count if their first bytes are those of MIDI;
    hidden files and folders are ignored. Raises FileError for a path that is missing, and CorpusError, with a summary
    of its files, for a folder without music.
    """
    found: dict[Path, None] = {}
    for path in map(local, paths):
        try:
            is_folder = formats.file_of(path).stat() and path.is_dir()
        except OSError as error:
            raise FileError(f"{path}: {describe(error)}") from error
        if not is_folder:
            found.update(dict.fromkeys(_pieces(path)))
            continue
        files = sorted(_visible_files(path, set()))
        wanted = _wanted(files, prose)
        if not wanted:
            kinds = Counter(file.suffix.lower() or "without a suffix" for file in files)
            seen = (
                ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(6)) or "the folder is empty"
            )
            looked = f"{counted(len(files), 'file')} looked at ({seen})" if files else seen
            what, suffixes = ("text", formats.TEXT.suffixes) if prose else ("music", formats.FORMATS)
            about = "; texts about the folder, such as README.txt, are none" if prose and files else ""
            raise CorpusError(f"no {what} in {path}: {looked}; wanted are {' '.join(suffixes)}{about}")
        found.update(dict.fromkeys(piece for file in wanted for piece in _pieces(file)))
    if not found:
        raise CorpusError("no path was given; wanted are music files or folders of them")
    return list(found)


def find_others(paths: Iterable[Path | str], prose: bool = False) -> list[Path]:
    """Return the files below the folders given that `find_files` passes over, sorted by name."""
    folders = [path for path in map(local, paths) if path.is_dir()]
    found = [list(_visible_files(folder, set())) for folder in folders]
    return sorted({file for files in found for file in set(files) - set(_wanted(files, prose))})


def _pieces(path: Path) -> list[Path]:
    """Return the pieces of a file; a book that cannot be read is reported as one."""
    try:
        return formats.piece_paths(path)
    except FileError:
        return [path]


def _holds_events(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return is_event_text(file.read(4096).decode("latin-1"))
    return False


def is_recording(path: Path) -> bool:
    """Return whether a path is that of a sound file, by its suffix."""
    return path.suffix.lower() in formats.AUDIO.suffixes


def _wanted(files: Iterable[Path], prose: bool) -> list[Path]:
    """Return those of the files of a folder that are prose or music; recordings only where there is no other music."""
    wanted = [file for file in files if _is_wanted(file, prose)]
    return [file for file in wanted if not is_recording(file)] or wanted


def _is_wanted(path: Path, prose: bool) -> bool:
    """Whether a file, or a folder that cannot be opened, is prose or music by its suffix or its first bytes."""
    if prose:
        is_text = path.suffix.lower() in formats.TEXT.suffixes and not path.is_dir()
        return is_text and not _NOT_PROSE.match(path.stem) and not _holds_events(path)
    if path.suffix.lower() in formats.TEXT.suffixes:
        return path.is_dir() or _holds_events(path)
    if path.suffix.lower() in formats.FORMATS and path.suffix.lower() not in formats.IREAL.suffixes:
        return True
    if path.is_dir():
        return True
    with suppress(OSError), path.open("rb") as file:
        return file.read(8).startswith((b"MThd", b"SMF2CLIP"))
    return False


def _visible_files(folder: Path, visited: set[tuple[int, int]]) -> Iterator[Path]:
    """Yield the files below `folder`, and folders that cannot be opened, so that they are reported."""
    try:
        place = folder.stat()
        if (place.st_dev, place.st_ino) in visited:  # a link back
            return
        visited.add((place.st_dev, place.st_ino))
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.is_dir():
            yield from _visible_files(Path(entry.path), visited)
        else:
            yield Path(entry.path)


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())
