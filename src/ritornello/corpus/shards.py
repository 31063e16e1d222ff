"""A folder of files -> shards of integers, written once, read by memory map.

A corpus is a folder:

    corpus.json       the representation, the columns, how the pieces were found, and the digest of it all
    index.npy         a row a piece: where it lies, its length in ids, its notes, its split, how far it transposes
    names.txt         a line a piece: the file it came from
    left-out.txt      a line for every part of a file that the representation left out, and why
    shard-00000.bin   rows of input columns, one piece after another; int16 where that suffices, else int32

Training reads windows of the shards where they lie, so its memory does not grow with the corpus.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello import formats, paths
from ritornello.corpus.prose import prose_pieces
from ritornello.corpus.scan import FileReport, Scan, scan, split
from ritornello.corpus.shard_writer import ShardWriter, shard_name
from ritornello.corpus.work import Failure, run_each
from ritornello.errors import CorpusError
from ritornello.representations import REPRESENTATIONS, Ids, Representation, make_representation
from ritornello.representations.base import Extracts, reads_prose
from ritornello.score import Score

FORMAT_VERSION = 1


INDEX = np.dtype(
    [
        ("shard", "<i4"),
        ("start", "<i8"),  # row in the shard
        ("length", "<i8"),  # ids, START to END
        ("notes", "<i8"),
        ("low", "<i2"),  # semitones by which it can be moved down (0 or less) and up
        ("high", "<i2"),
        ("held_out", "?"),
    ]
)

Rows = NDArray[Any]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many files are done, and how many there are."""


class Encoded(NamedTuple):
    """A piece as a worker sends it back."""

    rows: Rows
    notes: int
    low: int
    high: int


class EncodedPiece(NamedTuple):
    """The examples in a piece, mostly one, and why parts of it were left out."""

    examples: tuple[Encoded, ...]
    reasons: tuple[str, ...] = ()


class Piece(NamedTuple):
    """Where a piece is: its file, and which of the file's pieces it is, or None if there is only one."""

    path: Path
    part: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.part is None else f"{self.path}#{self.part + 1}"

    def read(self) -> Score:
        """Return its score; raise FileError if the file cannot be read."""
        if self.part is None:
            return formats.read(self.path)
        return _cached_parts(self.path, self.path.stat().st_mtime_ns)[self.part]


@functools.lru_cache(maxsize=2)
def _cached_parts(path: Path, changed: int) -> tuple[Score, ...]:
    """Return the pieces of a text, read once for all that follow one another."""
    return prose_pieces(formats.read(path))


def pieces_of(report: FileReport) -> list[tuple[str, Piece]]:
    """Return the pieces of a file, each with a name for the split that stays the same wherever the file is."""
    if report.pieces == 1:
        return [(report.digest, Piece(report.path))]
    return [(f"{report.digest}:{part}", Piece(report.path, part)) for part in range(report.pieces)]


def encode_piece(name: str, config: Mapping[str, Any], piece: Piece) -> EncodedPiece:
    """Return the rows of input columns of one piece in the representation `name` with `config`.

    A representation that extracts examples may find several in it, or none.
    """
    representation = _cached_representation(name, json.dumps(config, sort_keys=True))
    score = piece.read()
    if isinstance(representation, Extracts):
        found = representation.extract_examples(score)
        # In one key only: an extracted example's columns may hold its pitches too.
        examples = (_encode_ids(representation, ids, (0, 0)) for ids in found.ids)
        return EncodedPiece(tuple(examples), found.reasons)
    ids = representation.encode(score)
    return EncodedPiece((_encode_ids(representation, ids, representation.transposable(ids)),))


def _encode_ids(representation: Representation, ids: Ids, transposable: tuple[int, int]) -> Encoded:
    rows = representation.inputs(ids).astype(row_type(representation))
    return Encoded(rows, int(representation.is_note[ids].sum()), *transposable)


@functools.lru_cache(maxsize=2)
def _cached_representation(name: str, config: str) -> Representation:
    return make_representation(name, json.loads(config))


def row_type(representation: Representation) -> np.dtype[Any]:
    """Return the smallest of int16 and int32 that holds every column."""
    return np.dtype("<i2" if max(column.size for column in representation.columns) <= 1 << 15 else "<i4")


@dataclass(frozen=True)
class Corpus:
    """An open corpus; the shards are mapped, not loaded."""

    path: Path
    representation: Representation
    index: NDArray[np.void]
    shards: tuple[Rows, ...]
    digest: str

    def pieces(self, held_out: bool) -> NDArray[np.int64]:
        """Return the numbers of the pieces of a split."""
        return np.flatnonzero(self.index["held_out"] == held_out)

    def rows(self, piece: int, start: int, stop: int) -> Rows:
        """Return rows `start` to `stop` of a piece, (time, column); fewer at its end."""
        at = self.index[piece]
        first = int(at["start"])
        return self.shards[int(at["shard"])][first + start : first + min(stop, int(at["length"]))]

    def ids(self, piece: int) -> NDArray[np.int64]:
        """Return the ids of a piece, (time,)."""
        return np.asarray(self.rows(piece, 0, int(self.index[piece]["length"]))[:, 0].astype(np.int64))

    def count(self, field: str, held_out: bool) -> int:
        """Return the sum of an index field ("length", "notes") over a split."""
        return int(self.index[field][self.index["held_out"] == held_out].sum())

    def names(self) -> list[str]:
        """Return the name of the file of each piece."""
        return (self.path / "names.txt").read_text(encoding="utf-8").splitlines()

    def left_out(self) -> list[str]:
        """Return a line for every part of a file that the representation left out: where, and why."""
        path = self.path / "left-out.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def build_corpus(
    sources: Sequence[Path | str],
    directory: Path,
    *,
    representation: str | Representation = "multitrack",
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    held_out: float = 0.1,
    executor: Any = None,
    progress: Progress | None = None,
) -> tuple[Corpus, Scan]:
    """Read every file of `sources`, leave out what is of no use, and write the corpus to `directory`.

    A `representation` given by name is fitted to the pieces used, with `options`; one ready-made is kept.
    `held_out` is the share of pieces, chosen by `seed`, that is never trained on.
    Raise CorpusError if fewer than two pieces are left.
    """
    kind = REPRESENTATIONS[representation if isinstance(representation, str) else representation.name]
    found = scan(
        sources,
        executor=executor,
        statistics=kind.collect_statistics,
        prose=reads_prose(kind),
        progress=progress and functools.partial(progress, "reading"),
    )
    used = [piece for report in found.used for piece in pieces_of(report)]
    if len(used) < 2:
        raise CorpusError(_too_few(found, list(found.used)))
    all_statistics = (report.statistics for report in found.used)
    fitted = kind.fit(all_statistics, options or {}) if isinstance(representation, str) else representation
    apart = set(split([name for name, _ in used], seed, held_out)[1])
    pieces = [piece for _, piece in used]
    encode = functools.partial(encode_piece, fitted.name, fitted.config())
    results = in_order(run_each(encode, pieces, executor=executor))
    with paths.replacing_folder(directory, overwrite=True) as beside:
        _write(beside, fitted, _counted(results, len(used), progress), pieces, apart)
    return open_corpus(directory), found


def write_corpus(
    directory: Path, representation: Representation, train: Sequence[Ids], held_out: Sequence[Ids]
) -> Corpus:
    """Write pieces that are ids already, with a split that is given, to `directory`; return the corpus."""
    pieces = [*train, *held_out]
    encoded = (
        EncodedPiece((_encode_ids(representation, ids, representation.transposable(ids)),)) for ids in pieces
    )
    names = [Piece(Path(f"piece {number}")) for number in range(len(pieces))]
    apart = set(range(len(train), len(pieces)))
    with paths.replacing_folder(directory, overwrite=True) as beside:
        _write(beside, representation, enumerate(encoded), names, apart)
    return open_corpus(directory)


def corpus_in_memory(
    representation: Representation, examples: Sequence[Encoded], held_out: Sequence[bool]
) -> Corpus:
    """Return a corpus of few examples, which are on no disk; `held_out` says for each on which side it is."""
    starts = np.cumsum([0, *(len(example.rows) for example in examples)])
    entries = [
        (0, start, len(example.rows), example.notes, example.low, example.high, apart)
        for start, example, apart in zip(starts.tolist(), examples, held_out, strict=False)
    ]
    rows = np.concatenate([example.rows for example in examples])
    digest = blake2b(rows.tobytes(), digest_size=8).hexdigest()
    return Corpus(Path(), representation, np.array(entries, dtype=INDEX), (rows,), digest)


def _too_few(found: Scan, used: list[FileReport]) -> str:
    reasons = "; ".join(f"{r.path.name}: {', '.join(r.reasons)}" for r in found.reports if r not in used)
    shown = reasons if len(reasons) < 300 else reasons[:300] + " ..."
    return (
        f"{len(used)} of {len(found.reports)} files can be learned from, at least 2 are needed"
        f" (one to train on, one to hold out): {shown or 'add more files'}"
    )


def in_order(results: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """Yield numbered results by their numbers: the same files give the same shards, whoever was faster."""
    waiting: dict[int, Any] = {}
    following = 0
    for number, result in results:
        waiting[number] = result
        while following in waiting:
            yield following, waiting.pop(following)
            following += 1


def _counted(results: Iterator[Any], total: int, progress: Progress | None) -> Iterator[Any]:
    for done, result in enumerate(results, 1):
        yield result
        if progress:
            progress("encoding", done, total)


def _write(
    directory: Path,
    representation: Representation,
    results: Iterator[Any],
    pieces: list[Piece],
    apart: set[int],
) -> None:
    """Write shards, index and card of a corpus."""
    entries, names, left_out = [], [], []
    with closing(ShardWriter(directory)) as shards:
        for number, result in results:
            if isinstance(result, Failure):
                continue  # it could be read before; what the scan says of it stands
            name = str(pieces[number])
            left_out += [f"{name}: {reason}" for reason in result.reasons]
            shards.begin_piece()
            for example in result.examples:
                place = shards.add(example.rows)
                rows = len(example.rows), example.notes, example.low, example.high
                entries.append((*place, *rows, number in apart))
                names.append(name)
    _check_splits([entry[-1] for entry in entries], left_out)
    _write_lines(directory / "left-out.txt", left_out)
    np.save(directory / "index.npy", np.array(entries, dtype=INDEX))
    _write_lines(directory / "names.txt", names)
    card = {
        "version": FORMAT_VERSION,
        "representation": representation.name,
        "config": representation.config(),
        "columns": [[column.name, column.size] for column in representation.columns],
        "shards": shards.number + 1,
        "digest": shards.digest.hexdigest()[:16],
    }
    (directory / "corpus.json").write_text(json.dumps(card, indent=1), encoding="utf-8")


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")


def _check_splits(held_out: list[bool], left_out: list[str]) -> None:
    """Refuse a corpus of which nothing is left to train on, or nothing to hold out."""
    for apart, name in ((False, "train on"), (True, "hold out")):
        if apart not in held_out:
            shown = "; ".join(left_out[:3]) + (f"; and {len(left_out) - 3} more" if len(left_out) > 3 else "")
            raise CorpusError(f"nothing is left to {name}: {shown or 'add more files'}")


def open_corpus(directory: Path) -> Corpus:
    """Return the corpus in `directory`; raise CorpusError if there is none, or one of another version."""
    try:
        card = json.loads((directory / "corpus.json").read_text(encoding="utf-8"))
        index = np.load(directory / "index.npy", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CorpusError(f"{directory}: not a corpus: {error}") from error
    if card.get("version") != FORMAT_VERSION:
        raise CorpusError(
            f"{directory}: corpus version {card.get('version')}, this program reads {FORMAT_VERSION}"
        )
    representation = make_representation(card["representation"], card["config"])
    kind, width = row_type(representation), len(representation.columns)
    shards = tuple(
        np.memmap(directory / shard_name(i), dtype=kind, mode="r").reshape(-1, width)
        for i in range(card["shards"])
    )
    return Corpus(directory, representation, index, shards, card["digest"])
