"""MusicXML as read here, compared with music21's reading: sounding notes and bar lines.

    python benchmarks/musicxml_reading.py               LilyPond's test suite and 50 files of music21's corpus
    python benchmarks/musicxml_reading.py FILE...       these files, with the first differences

music21 is asked for sounding pitches, with ties joined and repeats played out; where it cannot play them out, both
read as written. Of its side chord symbols are left out. Grace notes are compared by pitch; a note after grace notes
at the start of the piece by its end. Drums are compared by time. Bar lines are the starts of the bars.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import music21
from music21.harmony import Harmony
from music21.repeat import ExpanderException

from ritornello.errors import RitornelloError
from ritornello.formats import read
from ritornello.score import Score

Notes = Counter[tuple[Fraction, Fraction, int]]  # start and length in quarters, pitch; -1 is a drum
GRACE = Fraction(1, 8)

REASONS = {
    "02e-Rests-NoType.xml": "music21 reads a note without <staff> once for each staff",
    "21f-Chord-ElementInBetween.xml": "music21 divides a chord at the direction within it",
    "32c-MultipleNotationChildren.xml": "music21 takes the printed accidental; the pitch has no <alter>",
    "33i-Ties-NotEnded.xml": "music21 also joins notes whose ties have no end",
    "opus1no1/movement4.mxl": "music21 shortens a bar of rounded tuplets, 2.958 quarters in all, in one part only",
    "opus1no1/movement5.mxl": "music21 shortens a bar of rounded tuplets, 1.958 quarters in all, in one part only",
    "rinaldo/Lascia_chio_pianga.mxl": "music21 does not play out the D.S. al Fine",
    "schumann_clara/polonaise_op1n4.mxl": "music21 does not play out the D.C. al Fine, nor join a note to a chord",
    "monteverdi/madrigal.4.19.mxl": "music21 also joins notes whose ties have no end",
}
"""Why files differ, as found by hand; in each the reading here is the right one."""


def our_reading(path: Path, repeats: bool) -> tuple[Notes, list[Fraction]]:
    return sounding(read(path, repeats=repeats))


def sounding(score: Score) -> tuple[Notes, list[Fraction]]:
    """Return the notes and the bar lines of a score as read here."""
    ticks = score.ticks_per_quarter
    notes = Counter(
        (Fraction(start, ticks), Fraction(length, ticks), -1 if track.is_drum else pitch)
        for track in score.tracks
        for start, length, pitch, _ in track.notes.tolist()
    )
    return notes, [Fraction(edge, ticks) for edge in score.bars.edges[:-1].tolist()]


def their_reading(path: Path) -> tuple[Notes, list[Fraction], Counter[int], bool]:
    """Return notes, bar lines, the pitches of grace notes, and whether repeats are played out."""
    return sounding_there(music21.converter.parse(path, forceSource=True))


def sounding_there(score: Any) -> tuple[Notes, list[Fraction], Counter[int], bool]:
    """Return the same of a score of music21."""
    with_repeats = True
    try:
        score = score.expandRepeats()
    except (ExpanderException, music21.exceptions21.Music21Exception, IndexError, AttributeError):
        with_repeats = False
    notes: Notes = Counter()
    graces: Counter[int] = Counter()
    lines: list[Fraction] = []
    for part in score.parts:
        sounding = part.toSoundingPitch()
        bars = [Fraction(bar.offset) for bar in sounding.getElementsByClass("Measure")]
        lines = max(lines, bars, key=len)
        for element in sounding.stripTies(matchByPitch=True).flatten().notes:
            if isinstance(element, Harmony):
                continue
            start, length = Fraction(element.offset), Fraction(element.quarterLength)
            for pitch in _pitches(element):
                if element.duration.isGrace or not length:
                    graces[pitch] += 1
                else:
                    notes[start, length, pitch] += 1
    return notes, lines, graces, with_repeats


def _pitches(element: Any) -> list[int]:
    if "Unpitched" in element.classes or "PercussionChord" in element.classes:
        return [-1] * len(getattr(element, "notes", (element,)))
    return [pitch.midi for pitch in element.pitches]


def differences(path: Path) -> list[str]:
    """Return what differs, a line each; empty if the readings agree."""
    theirs, their_lines, graces, with_repeats = their_reading(path)
    ours, our_lines = our_reading(path, with_repeats)
    return compared(ours, our_lines, theirs, their_lines, graces)


def compared(
    ours: Notes, our_lines: list[Fraction], theirs: Notes, their_lines: list[Fraction], graces: Counter[int]
) -> list[str]:
    """Return what differs between two readings, a line each."""
    if not theirs and not ours:
        return []
    only_ours, only_theirs = ours - theirs, theirs - ours
    for start, length, pitch in sorted(only_ours.elements()):
        if length <= GRACE and graces[pitch]:
            graces[pitch] -= 1
            only_ours[start, length, pitch] -= 1
        elif only_theirs[Fraction(0), start + length, pitch] and start:
            only_theirs[Fraction(0), start + length, pitch] -= 1
            only_ours[start, length, pitch] -= 1
    found = [f"only here: {_shown(note)}" for note in sorted(only_ours.elements())]
    found += [f"only there: {_shown(note)}" for note in sorted(only_theirs.elements())]
    end = max(start + length for start, length, _ in theirs | ours)  # bars of rests at the end are no matter
    our_lines, their_lines = ([line for line in lines if line < end] for lines in (our_lines, their_lines))
    if our_lines != their_lines:
        found.append(
            f"bar lines here {_listed(our_lines, their_lines)}, there {_listed(their_lines, our_lines)}"
        )
    return found


def _shown(note: tuple[Fraction, Fraction, int]) -> str:
    return f"{float(note[0]):g} +{float(note[1]):g} {note[2]}"


def _listed(lines: list[Fraction], others: list[Fraction]) -> str:
    own = [f"{float(line):g}" for line in lines if line not in set(others)]
    return f"{len(lines)}" + (f" (only here {', '.join(own[:6])})" if own else "")


def chosen() -> dict[str, list[Path]]:
    """Return the files of the two sets."""
    home = Path(music21.__file__).parent
    suite = [
        p for p in sorted((home / "musicxml" / "lilypondTestSuite").iterdir()) if p.suffix in (".xml", ".mxl")
    ]
    corpus = [p for p in (home / "corpus").rglob("*") if p.suffix in (".xml", ".mxl", ".musicxml")]
    smallest = sorted(corpus, key=lambda path: (path.stat().st_size, str(path)))[:450]
    return {"LilyPond's suite": suite, "music21's corpus": smallest[::9]}


def main() -> None:
    warnings.simplefilter("ignore")
    sets = {"files": [Path(name) for name in sys.argv[1:]]} if sys.argv[1:] else chosen()
    for name, paths in sets.items():
        agreeing = explained = 0
        for path in paths:
            try:
                found = differences(path)
            except RitornelloError as error:
                found = [f"refused: {error}"]
            except Exception as error:  # music21 raises many kinds
                found = [f"music21 fails: {type(error).__name__} {error}"]
            reason = next((why for file, why in REASONS.items() if path.as_posix().endswith(file)), "")
            agreeing += not found
            explained += bool(found and reason)
            if found:
                print(f"{path.name}: {len(found)} differences; {reason or 'NOT EXPLAINED'}")
                print(*(f"    {line}" for line in (found if sys.argv[1:] else found[:2])), sep="\n")
        print(f"{name}: {agreeing} of {len(paths)} agree, {explained} of the others are explained")


if __name__ == "__main__":
    main()
