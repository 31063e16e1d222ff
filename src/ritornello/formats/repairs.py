"""Counts of the repairs that the MIDI reader made, and their descriptions in short sentences."""

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
    "pitch": ("left out {} above or below the range of MIDI", "note"),
    "duration": ("ignored {} that is no positive number", "duration"),
    "divisions": ("ignored {} of the quarter note that is not positive", "division"),
    "tempo": ("ignored {} out of range", "tempo"),
    "meter": ("ignored {} out of range", "time signature"),
    "off bar line": ("moved {} to the nearest bar line", "time signature"),
    "key": ("ignored {} out of range", "key signature"),
    "chord": ("left out {} of unknown kind", "chord symbol"),
    "character": ("ignored {} that mean nothing in its notation", "character"),
}
"""The repairs by kind: a sentence, in which {} stands for the number of the noun."""


class Repairs:
    """Counts repairs by kind (a key of `REPAIRS`) and track (counted from 1; 0 is the file)."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()

    def add(self, kind: str, track: int = 0, count: int = 1) -> None:
        self.counts[kind, track] += count

    def sentences(self) -> tuple[str, ...]:
        """Return a short sentence for each kind of repair, in the order of the table."""
        by_kind: dict[str, dict[int, int]] = {}
        for (kind, track), count in self.counts.items():
            by_kind.setdefault(kind, {})[track] = count
        sentences = []
        for kind in filter(by_kind.__contains__, REPAIRS):
            (sentence, noun), counts = REPAIRS[kind], by_kind[kind]
            total, tracks = sum(counts.values()), sorted(track for track in counts if track)
            sentence = sentence.format(f"{total:,} {noun}" + "s" * (total != 1))
            if len(tracks) > 5:
                sentence += f" ({len(tracks):,} tracks)"
            elif tracks:
                sentence += f" (track{'s' * (len(tracks) > 1)} {', '.join(map(str, tracks))})"
            sentences.append(sentence)
        return tuple(sentences)
