"""The dataset: a folder of files -> shards of token ids, written once, read by memory map.

A corpus is a folder:

    corpus.json       the representation, the digest of all ids, and checksums of the other files and of itself
    index.npy         a row a piece: its place, length in ids, notes, split, and range of transpositions
    names.txt         a line a piece: its file, and its bars if it is a part of one
    split.json        how pieces were held out, and which, by their digests
    left-out.txt      a line for every part of a file that was left out, or that failed to be encoded, and why
    shard-00000.bin   ids, one piece after another; uint16 where that suffices, else int32

The other input columns of a piece are computed from its ids when it is read (`Corpus.rows`). Shards are memory-mapped,
so memory does not grow with the corpus. Read in order: `Corpus`, `build_corpus`, `encode_piece`.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello import paths
from ritornello.corpus.pieces import Piece, key_of, pieces_of
from ritornello.corpus.pool import Failure, map_guarded
from ritornello.corpus.scan import Scan, scan, seconds_allowed
from ritornello.corpus.shard_writer import ShardWriter, shard_name
from ritornello.corpus.splitting import (
    SHARE,
    Candidate,
    SplitFacts,
    candidates_of,
    cut,
    cut_pieces,
    held_out_text,
    hold_out,
    hold_out_named,
    hold_out_notes,
)
from ritornello.errors import CorpusError
from ritornello.representations import REPRESENTATIONS, Ids, Representation, make_representation

FORMAT_VERSION = 3

CARD = "corpus.json"

INDEX = np.dtype(
    [
        ("shard", "<i4"),
        ("start", "<i8"),  # of its first id in the shard
        ("length", "<i8"),  # ids, START to END
        ("notes", "<i8"),
        ("low", "<i2"),  # semitones by which it can be moved down (0 or less) and up
        ("high", "<i2"),
        ("validation", "?"),
    ]
)

Named = Sequence[tuple[str, Piece]]
"""Pieces with their names for the split."""

Rows = NDArray[Any]
Progress = Callable[[str, int, int], None]
"""Called with the name of the phase, the number of files done, and the number of all."""


class Encoded(NamedTuple):
    """A training example from a worker process. low, high: the range of its transpositions, in semitones."""

    ids: Ids
    notes: int
    low: int
    high: int


class EncodedPiece(NamedTuple):
    """The training examples in a piece, mostly one, and why parts of it were left out."""

    examples: tuple[Encoded, ...]
    reasons: tuple[str, ...] = ()


def encode_piece(name: str, config: str, piece: Piece) -> EncodedPiece:
    """Return the training examples of one piece: one, several or none.

    name, config: of the representation, the configuration as JSON.
    """
    representation = _cached_representation(name, config)
    score = piece.read()
    found = representation.extract_examples(score)
    return EncodedPiece(tuple(encode_ids(representation, ids) for ids in found.ids), found.reasons)


def why_not_encoded(piece: Piece, failure: Failure) -> str:
    """Return why `encode_piece` failed, without the path."""
    return f"cannot be encoded: {failure.message.removeprefix(f'{piece.path}: ')}"


def encode_ids(representation: Representation, ids: Ids) -> Encoded:
    """Return the training example of ids."""
    tokens = representation.tokens
    # Examples that are parts of a piece keep their key.
    moves = tokens.transposable(ids) if representation.learns_whole_pieces else (0, 0)
    return Encoded(ids.astype(id_type(representation)), int(tokens.notes[ids].sum()), *moves)


@functools.lru_cache(maxsize=2)
def _cached_representation(name: str, config: str) -> Representation:
    return make_representation(name, json.loads(config))


def id_type(representation: Representation) -> np.dtype[Any]:
    """Return the smaller of uint16 and int32 that holds every id."""
    return np.dtype("<u2" if representation.vocabulary_size <= 1 << 16 else "<i4")


def row_type(representation: Representation) -> np.dtype[Any]:
    """Return the smaller of int16 and int32 that holds the values of every input column."""
    return np.dtype("<i2" if max(column.size for column in representation.columns) <= 1 << 15 else "<i4")


@dataclass(frozen=True)
class Corpus:
    """An open dataset; the shards are memory-mapped, not loaded."""

    path: Path
    representation: Representation
    index: NDArray[np.void]
    shards: tuple[Ids, ...]
    digest: str  # of all ids, and of the split

    def pieces(self, validation: bool) -> NDArray[np.int64]:
        """Return the numbers of the pieces of the validation or the training split."""
        return np.flatnonzero(self.index["validation"] == validation)

    def ids(self, piece: int, stop: int | None = None) -> NDArray[np.int64]:
        """Return the ids of a piece, (time,), up to number `stop`."""
        at = self.index[piece]
        first, length = int(at["start"]), int(at["length"])
        count = length if stop is None else min(stop, length)
        return np.asarray(self.shards[int(at["shard"])][first : first + count].astype(np.int64))

    def rows(self, piece: int, start: int = 0, stop: int | None = None, semitones: int = 0) -> Rows:
        """Return the input columns at ids `start` to `stop` of a piece transposed by `semitones`, (time, column).

        They are computed from the beginning of the piece on, and are of `row_type`.
        """
        ids: Ids = self.ids(piece, stop)
        if semitones:
            ids = self.representation.tokens.transposed(ids, semitones)
        return self.representation.inputs(ids)[start:].astype(row_type(self.representation))

    def count(self, field: str, validation: bool) -> int:
        """Return the sum of an index field ("length", "notes") over a split."""
        return int(self.index[field][self.index["validation"] == validation].sum())

    def names(self) -> list[str]:
        """Return the name of the file of each piece."""
        return (self.path / "names.txt").read_text(encoding="utf-8").splitlines()

    @functools.cached_property
    def split(self) -> SplitFacts:
        """How pieces were held out."""
        path = self.path / "split.json"
        facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return SplitFacts(**facts)

    def split_text(self) -> str:
        """Return what is held out, in words."""
        pieces, apart = self.names(), self.pieces(validation=True)
        files = {name.split(", bars ")[0] for name in pieces}
        held = {pieces[number].split(", bars ")[0] for number in apart}
        of = "pieces" if self.representation.reads_prose else "files"
        notes, unit = self.count("notes", validation=True), self.representation.unit
        return held_out_text(
            f"{len(held):,} of {len(files):,} {of}",
            self.split.bars,
            f"{notes:,} of {notes + self.count('notes', validation=False):,} {unit}s",
            self.split.known_notes,
        )

    def left_out(self) -> list[str]:
        """Return a line for every part of a file that was left out, or failed to be encoded, with the reason."""
        path = self.path / "left-out.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def build_corpus(
    sources: Sequence[Path | str],
    directory: Path,
    *,
    representation: str | Representation = "multitrack",
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    validation: float | None = None,
    held_out: Collection[str] | None = None,
    executor: Any = None,
    progress: Progress | None = None,
) -> tuple[Corpus, Scan]:
    """Read the files of `sources`, write those fit for training to `directory`, and return the corpus and the scan.

    A `representation` given by name is fitted to the pieces used, with `options`; an instance is used as it is.
    `validation` is the share of pieces, chosen by `seed`, that is held out; by default they are chosen by their notes
    (`splitting`). `held_out` has the keys (`key_of`) of the pieces to hold out instead, as in split.json; it may name
    pieces that are not here. A file of which no piece can be encoded is "failed" in the scan. CorpusError if nothing is
    left to learn from, or to hold out.
    """
    kind = REPRESENTATIONS[representation if isinstance(representation, str) else representation.name]
    found = scan(
        sources,
        executor=executor,
        statistics=kind.collect_statistics,
        prose=kind.reads_prose,
        progress=progress and functools.partial(progress, "reading"),
    )
    if not found.used:
        raise CorpusError(_too_little(found))
    all_statistics = (report.statistics for report in found.used)
    fitted = kind.fit(all_statistics, options or {}) if isinstance(representation, str) else representation
    encode = functools.partial(encode_piece, fitted.name, json.dumps(fitted.config()))
    with paths.replacing_folder(directory, overwrite=True, durable=True) as beside:

        def write(named: Named) -> _Written:
            pieces = [piece for _, piece in named]
            limit = seconds_allowed(report.path for report in found.used)
            results = in_order(map_guarded(encode, pieces, executor=executor, seconds_limit=limit))
            return _write_shards(beside, named, _counted(results, len(named), progress))

        written = write([piece for report in found.used for piece in pieces_of(report)])
        written.check_learned()
        candidates = candidates_of(found.used, written.notes(), fitted.learns_whole_pieces)
        share = SHARE if validation is None and kind.reads_prose else validation
        facts = SplitFacts()
        if held_out is None:
            apart = hold_out(candidates, seed, share)
        else:
            apart = hold_out_named(candidates, held_out)
            written.check_learned(apart)
        if apart is None:
            written, apart, facts = _hold_out_bars(written, candidates, share, write)
        if not apart:
            raise CorpusError(_too_little(found))
        _finish(beside, fitted, written, apart, facts)
    return open_corpus(directory), _with_failed(found, written)


def _too_little(found: Scan) -> str:
    reasons = [f"{r.path.name}: {', '.join(r.reasons)}" for r in found.reports if not r.is_used]
    return (
        f"{len(found.used)} of {len(found.reports)} files can be learned from, at least 2 are needed"
        f" (one to train on, one to hold out), or one with more bars: {shortened(reasons)}"
    )


def _hold_out_bars(
    written: _Written,
    candidates: Sequence[Candidate],
    share: float | None,
    write: Callable[[Named], _Written],
) -> tuple[_Written, set[int], SplitFacts]:
    """Write the corpus again with some bars of pieces held out; if these give no examples, with some of the pieces."""
    named = written.named
    cuts = cut(candidates, lambda number: named[number][1].read(), share)
    parts, apart, facts = cut_pieces(named, cuts)
    if apart:
        again = write(parts)
        if {number in apart for number, notes in enumerate(again.notes()) if notes} == {False, True}:
            again.left_out += [
                f"{named[number][1]}: a version of a piece of which bars are held out"
                for number, each in sorted(cuts.items())
                if each.bars is None
            ]
            return again, apart, facts
        written = write(named)
    return written, hold_out_notes(candidates, 0, share or SHARE), SplitFacts()


def _with_failed(found: Scan, written: _Written) -> Scan:
    """Return a scan in which files none of whose pieces could be encoded are "failed", with the reason."""
    encoded = {piece.path for number, (_, piece) in enumerate(written.named) if number not in written.failed}
    reasons = {written.named[number][1].path: reason for number, reason in written.failed.items()}
    return Scan(
        tuple(
            replace(report, verdict="failed", reasons=(reasons[report.path],))
            if report.path in reasons and report.path not in encoded
            else report
            for report in found.reports
        )
    )


def corpus_in_memory(
    representation: Representation, examples: Sequence[Encoded], validation: Sequence[bool]
) -> Corpus:
    """Return a corpus of a few examples without files; `validation` has for each whether it is held out."""
    starts = np.cumsum([0, *(len(example.ids) for example in examples)])
    entries = [
        (0, start, len(example.ids), example.notes, example.low, example.high, apart)
        for start, example, apart in zip(starts.tolist(), examples, validation, strict=False)
    ]
    ids = np.concatenate([example.ids for example in examples])
    digest = blake2b(ids.tobytes(), digest_size=8).hexdigest()
    return Corpus(Path(), representation, np.array(entries, dtype=INDEX), (ids,), digest)


def shortened(reasons: Sequence[str]) -> str:
    """Return reasons why files were left out as one text of some 300 characters, or a hint if there are none."""
    joined = "; ".join(reasons)
    return (joined if len(joined) < 300 else f"{joined[:300]} ...") or "add more files"


def in_order(results: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """Yield numbered results in order, so that shards do not depend on which worker is faster."""
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


@dataclass
class _Written:
    """What was written to shards: a row of the index for each example, without its split, and the piece it is from; why
    parts of pieces were left out; and why pieces could not be encoded, by their numbers."""

    named: Named
    shards: int = 0
    digest: str = ""
    entries: list[tuple[int, ...]] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)

    def notes(self) -> list[int]:
        """Return the notes of each piece."""
        counts = [0] * len(self.named)
        for source, entry in zip(self.sources, self.entries, strict=True):
            counts[source] += entry[3]
        return counts

    def check_learned(self, apart: Collection[int] = ()) -> None:
        """Raise CorpusError if nothing is left to train on but the pieces with numbers in `apart`."""
        if all(source in apart for source in self.sources):
            shown = "; ".join(self.left_out[:3])
            shown += f"; and {len(self.left_out) - 3} more" if len(self.left_out) > 3 else ""
            raise CorpusError(f"nothing is left to train on: {shown or 'add more files'}")


def _write_shards(directory: Path, named: Named, results: Iterator[Any]) -> _Written:
    """Write the encoded examples of pieces, given as (number, `EncodedPiece` or `Failure`), to shards."""
    written = _Written(named)
    with closing(ShardWriter(directory)) as shards:
        for number, result in results:
            piece = named[number][1]
            name = str(piece)
            if isinstance(result, Failure):
                written.failed[number] = why_not_encoded(piece, result)
                written.left_out.append(f"{name}: {written.failed[number]}")
                continue
            written.left_out += [f"{name}: {reason}" for reason in result.reasons]
            shards.begin_piece()
            for example in result.examples:
                place = shards.add(example.ids)
                written.entries.append((*place, len(example.ids), example.notes, example.low, example.high))
                written.sources.append(number)
    written.shards, written.digest = shards.number + 1, shards.digest.hexdigest()[:16]
    return written


def _finish(
    directory: Path,
    representation: Representation,
    written: _Written,
    apart: Collection[int],
    split: SplitFacts,
) -> None:
    """Write what belongs to shards: index, names and card of a corpus; the pieces with numbers in `apart` are held
    out."""
    keys = [key_of(name, piece.bars) for number, (name, piece) in enumerate(written.named) if number in apart]
    rows = zip(written.entries, written.sources, strict=True)
    index = np.array([(*entry, source in apart) for entry, source in rows], dtype=INDEX)
    _write_lines(directory / "left-out.txt", written.left_out)
    np.save(directory / "index.npy", index)
    _write_lines(directory / "names.txt", [str(written.named[source][1]) for source in written.sources])
    (directory / "split.json").write_text(
        json.dumps(split._replace(held_out=keys)._asdict()), encoding="utf-8"
    )
    card = {
        "version": FORMAT_VERSION,
        "representation": representation.name,
        "config": representation.config(),
        "shards": written.shards,
        "digest": written.digest,
        "checksums": {path.name: _checksum(path) for path in sorted(directory.iterdir())},
    }
    card["checksum"] = _checksum_of_card(card)
    (directory / CARD).write_text(json.dumps(card, indent=1), encoding="utf-8")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]


def _checksum_of_card(card: Mapping[str, Any]) -> str:
    others = {name: value for name, value in card.items() if name != "checksum"}
    return blake2b(json.dumps(others, sort_keys=True).encode(), digest_size=16).hexdigest()


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")


def open_corpus(directory: Path, check: bool = True) -> Corpus:
    """Return the corpus in `directory`; raise CorpusError if there is none, one of another version, or a damaged one.

    check: whether all files are read, to compare their checksums.
    """
    try:
        card = json.loads((directory / CARD).read_text(encoding="utf-8"))
        version = card.get("version") if isinstance(card, dict) else None
        if version == FORMAT_VERSION:
            if card["checksum"] != _checksum_of_card(card):
                raise ValueError(f"{CARD} is damaged")
            for name, checksum in card["checksums"].items() if check else ():
                if _checksum(directory / name) != checksum:
                    raise ValueError(f"{name} is damaged")
            index = np.load(directory / "index.npy", allow_pickle=False)
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise CorpusError(f"{directory}: not a corpus: {error}") from error
    if version != FORMAT_VERSION:
        raise CorpusError(
            f"{directory}: corpus version {version}, this program reads {FORMAT_VERSION}; "
            "train again from the files, without --resume"
        )
    representation = make_representation(card["representation"], card["config"])
    kind = id_type(representation)
    shards = tuple(
        np.memmap(directory / shard_name(number), dtype=kind, mode="r") for number in range(card["shards"])
    )
    split_bytes = np.ascontiguousarray(index["validation"]).tobytes()
    digest = blake2b(card["digest"].encode() + split_bytes, digest_size=8).hexdigest()
    return Corpus(directory, representation, index, shards, digest)
