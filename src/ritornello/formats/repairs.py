"""What a reader of MIDI files had to repair, counted, and said in short sentences."""

from __future__ import annotations

from collections import Counter

REPAIRS = {
    "gzip": ("unpacked a gzip-compressed file", ""),
    "before": ("skipped {} before the MIDI header", "byte"),
    "header": ("ignored a damaged name or length of the MIDI header", ""),
    "format": ("treated an unknown file format as format 1", ""),
    "format 2": ("laid the patterns of a format 2 file one after another", ""),
    "division": ("set the division, which was 0, to 480 ticks a quarter", ""),
    "smpte tempo": ("ignored {} in a file timed by SMPTE frames", "tempo"),
    "count": ("ignored the header's wrong number of tracks", ""),
    "junk": ("skipped {} between or after the tracks", "byte"),
    "name": ("read {} whose name is damaged", "track chunk"),
    "chunk": ("skipped {} of unknown kind", "chunk"),
    "length": ("ignored a wrong length of a track", ""),
    "cut": ("kept what is whole of a track that is cut off", ""),
    "end": ("added a missing end of track", ""),
    "after end": ("ignored {} after the end of a track", "byte"),
    "delta": ("shortened {} beyond 268,435,455 ticks", "pause"),
    "status": ("skipped {} without a status", "byte"),
    "resumed": ("resumed running status {} after a meta or SysEx event", "time"),
    "system": ("skipped {} with no place in a file", "system message"),
    "data": ("limited {} above 127", "data byte"),
    "hanging": ("closed {} that never ended", "note"),
    "stray": ("ignored {} without a note", "note-off"),
    "tempo": ("ignored {} out of range", "tempo"),
    "meter": ("ignored {} out of range", "time signature"),
    "key": ("ignored {} out of range", "key signature"),
}
"""What can be repaired: a sentence, in which {} stands for how many of the noun there were."""


class Repairs:
    """Counts what was repaired, by kind (a key of `REPAIRS`) and track (counted from 1; 0 is the file)."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()

    def add(self, kind: str, track: int = 0, count: int = 1) -> None:
        self.counts[kind, track] += count

    def sentences(self) -> tuple[str, ...]:
        """Return a short sentence for each kind of repair, in the order of the table."""
        return tuple(self._sentence(kind) for kind in REPAIRS if any(k == kind for k, _ in self.counts))

    def _sentence(self, kind: str) -> str:
        sentence, noun = REPAIRS[kind]
        total = sum(count for (k, _), count in self.counts.items() if k == kind)
        tracks = sorted({track for k, track in self.counts if k == kind and track})
        sentence = sentence.format(f"{total:,} {noun}" + "s" * (total != 1))
        if not tracks:
            return sentence
        if len(tracks) > 5:
            return f"{sentence} ({len(tracks):,} tracks)"
        return f"{sentence} (track{'s' * (len(tracks) > 1)} {', '.join(map(str, tracks))})"
