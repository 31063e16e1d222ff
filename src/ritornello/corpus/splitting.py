"""The split: which pieces, or which bars of few pieces, are held out for validation.

Versions of one piece (`versions`) are on one side. The pieces are ranked by a hash of the seed and their digests, so
the split depends on what is in them and on the seed, not on names or order.

- With a share given, so many of the pieces are held out, those that rank first.
- By default pieces are held out in this order until they have a tenth of the notes (`notes_wanted`), leaving out those
  that would bring it above MOST_HELD_OUT. So no single tiny piece stands for all music.
- Pieces that are named by their keys are held out, and no others.
- Of fewer than FEWEST_PIECES pieces, and where no choice of pieces is good, some consecutive bars of each are held out
  instead, and the bars before and after them are learned from.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello import formats
from ritornello.arrays import Ints
from ritornello.corpus.pieces import Piece, key_of, pieces_of
from ritornello.corpus.scan import FileReport
from ritornello.corpus.versions import families_of
from ritornello.errors import ConfigError, CorpusError
from ritornello.score import Score

SHARE = 0.1
"""The share of the notes that is held out by default."""

FEWEST_NOTES = 200
"""The fewest notes that tell how good a model is."""

MOST_FOR_FEWEST = 0.25
"""The greatest share that is held out for them."""

MOST_HELD_OUT = 0.3
"""The greatest share of the notes in whole pieces that are held out by default."""

FEWEST_PIECES = 6
"""With fewer pieces, versions of one counted once, bars are held out."""

CUT = 0.9
"""Bars are held out of the longest pieces, those that together have this share of the notes."""

FEWEST_BARS = 4
"""Bars with notes that a piece needs to be cut."""

GRID = 24
"""Steps to a quarter note, to compare bars on."""

MOST_PLACES = 64
"""Places in a piece at which bars may be held out."""


def split(
    pieces: Sequence[str], seed: int = 0, validation: float = 0.1, alone: bool = False
) -> tuple[list[int], list[int]]:
    """Return the indices of the training pieces, and of the validation (held-out) pieces, each in order.

    pieces: a stable name for each, best `FileReport.digest`. The split depends on names and seed only, not on the
    order. validation: the share of the pieces, above 0 and below 1; at least one piece is on each side. A single piece
    is a CorpusError, unless `alone` allows it to be on both sides. ConfigError for other shares.
    """
    check_share(validation)
    if len(pieces) == 1 and alone:
        return [0], [0]
    if len(pieces) < 2:
        have = "1 piece" if len(pieces) == 1 else f"{len(pieces)} pieces"
        raise CorpusError(f"{have} to learn from; wanted are 2 or more, as one is held out to measure by")
    order = sorted(range(len(pieces)), key=lambda piece: _rank(seed, pieces[piece]))
    count = min(max(1, round(validation * len(pieces))), len(pieces) - 1)
    return sorted(order[count:]), sorted(order[:count])


def check_share(share: float | None) -> None:
    """Raise ConfigError for a share of the pieces that is not above 0 and below 1."""
    if share is not None and not 0 < share < 1:
        raise ConfigError(f"held_out is {share}; allowed is a share above 0 and below 1, such as 0.1")


def _rank(seed: int, name: str) -> bytes:
    return blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()


@dataclass(frozen=True)
class Candidate:
    """A piece that may be held out. name: as for `split`. family: a number that versions of one piece share."""

    name: str
    notes: int
    family: int


def notes_wanted(notes: int) -> float:
    """Return how many of so many notes to hold out."""
    return max(SHARE * notes, min(FEWEST_NOTES, MOST_FOR_FEWEST * notes))


def hold_out(pieces: Sequence[Candidate], seed: int, share: float | None = None) -> set[int] | None:
    """Return the numbers of the pieces to hold out; None if bars are to be held out instead.

    share: of the pieces; by default they are chosen by their notes. Pieces without notes are not held out.
    """
    check_share(share)
    families = _families(pieces)
    order = _ranked(pieces, families, seed)
    total = sum(piece.notes for piece in pieces)
    if share is not None:
        count = sum(map(len, families.values()))
        return _first(order, families, max(1, round(share * count)), count - 1) or None
    if len(order) < FEWEST_PIECES:
        return None
    held: set[int] = set()
    notes = 0
    for family in order:
        of_family = sum(pieces[number].notes for number in families[family])
        if notes + of_family <= MOST_HELD_OUT * total:
            held.update(families[family])
            notes += of_family
        if notes >= notes_wanted(total) and len(held) >= 2:
            break
    return held if notes >= notes_wanted(total) else None


def hold_out_named(pieces: Sequence[Candidate], keys: Collection[str]) -> set[int]:
    """Return the numbers of the pieces with these keys (`key_of`), and of their versions; CorpusError for none.

    The key of some bars stands for the whole piece.
    """
    wanted = {key.partition("@")[0] for key in keys}
    families = {piece.family for piece in pieces if piece.notes and key_of(piece.name) in wanted}
    if not families:
        raise CorpusError(
            f"held_out: none of the {len(pieces):,} pieces here has a key among the {len(wanted):,} given"
        )
    return {number for number, piece in enumerate(pieces) if piece.notes and piece.family in families}


def _families(pieces: Sequence[Candidate]) -> dict[int, list[int]]:
    """Return the numbers of the pieces with notes, by family."""
    families = defaultdict(list)
    for number, piece in enumerate(pieces):
        if piece.notes:
            families[piece.family].append(number)
    return families


def _ranked(pieces: Sequence[Candidate], families: Mapping[int, Sequence[int]], seed: int) -> list[int]:
    """Return the families in the order in which they are held out: that of one of their pieces, by name."""
    names = {family: min(pieces[number].name for number in members) for family, members in families.items()}
    return sorted(families, key=lambda family: _rank(seed, names[family]))


def _first(order: Sequence[int], families: dict[int, list[int]], wanted: int, most: int) -> set[int]:
    """Return the members of the first families, as many as wanted, without those that would make them too many."""
    held: set[int] = set()
    for family in order:
        if len(held) < wanted and len(held) + len(families[family]) <= most:
            held.update(families[family])
    return held


def hold_out_notes(pieces: Sequence[Candidate], seed: int, share: float) -> set[int]:
    """Return the numbers of whole pieces with a share of the notes, or as near as the ranking allows; at least one of
    two pieces is on each side.

    Where versions of one piece leave too little choice, each piece counts for itself.
    """
    families = _families(pieces)
    alone = {number: [number] for members in families.values() for number in members}
    wanted, held = share * sum(piece.notes for piece in pieces), set[int]()
    for groups in (families, alone):
        held = set[int]()
        for group in _ranked(pieces, groups, seed)[: len(groups) - 1]:
            notes, more = (sum(pieces[n].notes for n in numbers) for numbers in (held, groups[group]))
            if notes < wanted and (notes + more <= max(2 * wanted, 0.5 / share * wanted) or len(groups) == 2):
                held.update(groups[group])
        if 2 * sum(pieces[number].notes for number in held) >= wanted:
            break
    return held


def pieces_to_cut(pieces: Sequence[Candidate]) -> list[int]:
    """Return the numbers of the pieces of which bars are held out, the longest ones, in order."""
    order = sorted(range(len(pieces)), key=lambda number: (-pieces[number].notes, pieces[number].name))
    notes = np.cumsum([pieces[number].notes for number in order])
    count = int(np.searchsorted(notes, CUT * notes[-1])) + 1
    return sorted(number for number in order[:count] if pieces[number].notes)


class Bars:
    """What the bars of a piece hold: their notes, and a digest that is the same for the same notes in any key."""

    def __init__(self, score: Score) -> None:
        edges = score.bars.edges
        is_drum = np.repeat([t.is_drum for t in score.tracks], [len(t.notes) for t in score.tracks])
        notes = np.concatenate([track.notes for track in score.tracks])
        order = np.argsort(notes["start"], kind="stable")
        notes, is_drum = notes[order], is_drum[order]
        places = np.searchsorted(notes["start"], edges)
        self.notes = np.diff(places)
        self.digests = [
            _digest(
                (notes["start"][a:b] - edge) * GRID // score.ticks_per_quarter,
                notes["pitch"][a:b],
                is_drum[a:b],
            )
            for a, b, edge in zip(places[:-1], places[1:], edges[:-1], strict=True)
        ]

    def window(self, share: float, everywhere: Counter[bytes]) -> tuple[int, int] | None:
        """Return the consecutive bars, [first, last), to hold out: with a `share` of the notes or a little more.

        Those of which fewest notes are in bars that occur outside of them too; of equal ones the last. everywhere: the
        digests of all bars of all pieces. None for a piece with too few bars.
        """
        sums = np.concatenate([[0], np.cumsum(self.notes)])
        last = int(np.searchsorted(sums, share * sums[-1]))
        if np.count_nonzero(self.notes) < FEWEST_BARS or last >= len(self.notes):
            return None
        latest = int(np.searchsorted(sums, (1 - share) * sums[-1], side="right")) - 1
        places = []
        for first in np.unique(np.linspace(0, latest, MOST_PLACES).astype(int)).tolist():
            stop = int(np.searchsorted(sums, min(sums[first] + share * sums[-1], sums[-1])))
            stop = len(self.notes) if sums[stop] == sums[-1] else stop
            if stop - first < len(self.notes):
                places.append((self.known(first, stop, everywhere), -first, stop))
        _, first, stop = min(places)
        return -first, stop

    def known(self, first: int, stop: int, everywhere: Counter[bytes]) -> int:
        """Return how many notes of these bars are in bars that occur outside of them too."""
        inside = Counter(self.digests[first:stop])
        return sum(
            int(self.notes[bar])
            for bar in range(first, stop)
            if everywhere[self.digests[bar]] > inside[self.digests[bar]] and self.notes[bar]
        )


def _digest(onsets: Ints, pitches: Ints, is_drum: NDArray[np.bool_]) -> bytes:
    """Return a digest of the onsets and pitches in a bar."""
    lowest = pitches[~is_drum].min(initial=127)
    rows = np.stack([onsets, np.where(is_drum, 256 + pitches, pitches - lowest)])
    return blake2b(rows[:, np.lexsort(rows[::-1])].astype("<i8").tobytes(), digest_size=8).digest()


class Cut(NamedTuple):
    """How a piece is cut: the bars held out, [first, last), of so many; their notes, and of these the ones in bars that
    occur in the rest too. None as `bars`: it is left out, a version of a piece of which bars are held out."""

    bars: tuple[int, int] | None
    of: int
    notes: int = 0
    known_notes: int = 0


def cut(
    pieces: Sequence[Candidate], read: Callable[[int], Score], share: float | None = None
) -> dict[int, Cut]:
    """Return for each piece of which bars are held out, by its number, which; and which pieces are left out.

    read: returns the score of a piece. share: of the notes in the pieces that are cut.
    """
    chosen = pieces_to_cut(pieces)
    notes = sum(pieces[number].notes for number in chosen)
    share = share or min(MOST_FOR_FEWEST, notes_wanted(sum(piece.notes for piece in pieces)) / notes)
    scores = {number: read(number) for number in chosen}
    all_bars = {number: Bars(score) for number, score in scores.items() if score.tracks}
    everywhere = sum((Counter(bars.digests) for bars in all_bars.values()), Counter[bytes]())
    cuts: dict[int, Cut] = {}
    of_family: dict[int, Cut] = {}
    for number in sorted(all_bars, key=lambda number: (-pieces[number].notes, pieces[number].name)):
        bars, family = all_bars[number], pieces[number].family
        count = len(bars.notes)
        if family not in of_family:
            window = bars.window(share, everywhere)
            if window:
                notes, known = int(bars.notes[slice(*window)].sum()), bars.known(*window, everywhere)
                of_family[family] = cuts[number] = Cut(window, count, notes, known)
        else:  # versions that are as long are cut at the same bars
            first = of_family[family]
            cuts[number] = first if first.of == count else Cut(None, count)
    left_out = (n for n, piece in enumerate(pieces) if piece.family in of_family and n not in cuts)
    return cuts | {number: Cut(None, 0) for number in left_out}


def candidates_of(
    reports: Sequence[FileReport], notes: Sequence[int], whole_pieces: bool = True
) -> list[Candidate]:
    """Return the candidates in files that are used.

    notes: of each piece as encoded. Of files that are learned whole their own count decides, so that `inspect` tells
    the same.
    """
    empty = np.zeros(0, dtype=np.uint32)
    families = families_of([empty if report.sketch is None else report.sketch for report in reports])
    named = [
        (name, report.notes, family)
        for report, family in zip(reports, families, strict=True)
        for name, _ in pieces_of(report)
    ]
    return [
        Candidate(
            name, own if own and whole_pieces and count else count, family if own else len(named) + number
        )
        for number, ((name, own, family), count) in enumerate(zip(named, notes, strict=True))
    ]


class SplitFacts(NamedTuple):
    """held_out: the keys (`key_of`) of the pieces or bars. bars: how many bars are held out, and of how many; (0, 0) if
    whole pieces are. known_notes: of the notes held out, those in bars that are learned from too."""

    held_out: Sequence[str] = ()
    bars: Sequence[int] = (0, 0)
    known_notes: int = 0


def held_out_text(files: str, bars: Sequence[int], notes: str, known_notes: int = 0) -> str:
    """Return what is held out as a sentence: "3 of 14 files, 512 of 4,980 notes"."""
    if not bars[1]:
        return f"held out: {files}, {notes}"
    known = f"; {known_notes:,} of them in bars that are learned from too" if known_notes else ""
    return f"held out: {bars[0]:,} of {bars[1]:,} bars in {files}, {notes}{known}"


def cut_pieces(
    named: Sequence[tuple[str, Piece]], cuts: Mapping[int, Cut]
) -> tuple[list[tuple[str, Piece]], set[int], SplitFacts]:
    """Return the parts of pieces that are cut, with the others; the numbers of those held out; and the facts."""
    parts: list[tuple[str, Piece]] = []
    apart: set[int] = set()
    for number, (name, piece) in enumerate(named):
        if number not in cuts:
            parts.append((name, piece))
        elif bars := cuts[number].bars:
            first, stop = bars
            apart.add(len(parts))
            parts.append((name, piece._replace(bars=bars)))
            rest = ((0, first), (stop, cuts[number].of))
            parts += [(name, piece._replace(bars=each)) for each in rest if each[0] < each[1]]
    held = [each for each in cuts.values() if each.bars]
    count = sum(each.bars[1] - each.bars[0] for each in held if each.bars)
    facts = SplitFacts((), (count, sum(each.of for each in held)), sum(each.known_notes for each in held))
    return parts, apart, facts


def split_forecast(reports: Sequence[FileReport]) -> str:
    """Return what training would hold out of the music of these files by default, in words."""
    candidates = candidates_of(reports, [report.notes for report in reports])
    notes = sum(candidate.notes for candidate in candidates)
    apart = hold_out(candidates, seed=0)
    held, bars, known = 0, (0, 0), 0
    if apart is None:
        cuts = [
            each
            for each in cut(candidates, lambda number: formats.read(reports[number].path)).values()
            if each.bars
        ]
        bars = (sum(each.bars[1] - each.bars[0] for each in cuts if each.bars), sum(each.of for each in cuts))
        held, known = sum(each.notes for each in cuts), sum(each.known_notes for each in cuts)
        files = len(cuts)
        if not cuts:
            apart = hold_out_notes(candidates, 0, SHARE)
    if apart is not None:
        files, held = len(apart), sum(candidates[number].notes for number in apart)
    return held_out_text(f"{files:,} of {len(reports):,} files", bars, f"{held:,} of {notes:,} notes", known)
