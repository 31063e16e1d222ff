"""What is found in a score (`analysis`), as plain JSON, with the names and the numbers of bars that musicians use."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from ritornello.analysis import Analysis, Voice
from ritornello.analysis.beats import has_pickup
from ritornello.notation.harmony import NO_CHORD, chord_names
from ritornello.score import Score
from ritornello.theory import key_name


class BarNumbers:
    """The numbers of bars, as printed: 1 is the first full one, 0 a pickup."""

    def __init__(self, score: Score) -> None:
        self.edges = score.bars.edges.tolist()
        self.first = 0 if has_pickup(score) else 1

    def at(self, tick: int) -> int:
        return min(bisect_right(self.edges, tick), len(self.edges) - 1) - 1 + self.first

    def span(self, start: int, end: int) -> str:
        first, last = self.at(start), self.at(max(start, end - 1))
        return f"{first}" if first == last else f"{first}-{last}"


def annotate(score: Score, found: Analysis) -> dict[str, Any]:
    """Return everything found, as JSON; times are in ticks and bars, and None is what cannot be told."""
    bars = BarNumbers(score)

    def span(start: int, end: int) -> dict[str, int]:
        return {"start": start, "end": end, "bar": bars.at(start), "last_bar": bars.at(max(start, end - 1))}

    def voice(each: Voice | None) -> dict[str, int] | None:
        return {"track": each.track + 1, "notes": len(each.notes)} if each else None

    names = chord_names(found.chords, found.keys) if found.keys else ()
    return {
        "bars": len(bars.edges) - 1,
        "notes": score.note_count,
        "ticks_per_quarter": score.ticks_per_quarter,
        "keys": [
            span(each.start, each.end) | {"key": key_name(each.key.fifths, each.minor)} for each in found.keys
        ],
        "chords": [
            span(start, end) | {"chord": None if name == NO_CHORD else name}
            for (start, name), end in zip(names, found.chords.end.tolist(), strict=False)
        ],
        "sections": [span(each.start, each.end) | {"letter": each.letter} for each in found.sections],
        "phrases": [span(each.start, each.end) for each in found.phrases],
        "melody": voice(found.melody),
        "bass": voice(found.bass),
        "motifs": [
            {
                "steps": each.steps,
                "quarters": [float(quarter) for quarter in each.quarters],
                "places": each.places,
                "bars": [bars.at(tick) for tick in each.places],
            }
            for each in found.motifs
        ],
    }
