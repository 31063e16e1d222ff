"""`ritornello analyse`: keys, sections, phrases, melody, motifs and chords of pieces."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from ritornello.analysis import Analysis, Motif, Voice
    from ritornello.notation.annotations import BarNumbers
    from ritornello.score import Score

BARS_IN_A_LINE = 4

MOST_CHORD_BARS = 400
"""Bars of which the chords are printed; --json has all."""


def analyse(
    files: Annotated[
        list[str], typer.Argument(help="files of music, and folders of them", show_default=False)
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="a line of facts for each file, for machines")
    ] = False,
) -> None:
    """Say what a musician would write above pieces: keys, sections, phrases, melody, motifs, chords."""
    import json

    from ritornello.cli.music_files import for_each
    from ritornello.notation.annotations import BarNumbers, annotate

    for path, score, found in for_each(files, _analysed):
        bars = BarNumbers(score)
        if as_json:
            typer.echo(json.dumps({"file": str(path)} | annotate(score, found), ensure_ascii=False))
        else:
            typer.echo("\n".join([str(path), *(f"  {line}" for line in _lines(score, found, bars)), ""]))


def _analysed(path: Path, score: Score) -> tuple[Path, Score, Analysis]:
    from ritornello.analysis import analyse as find

    return path, score, find(score)


def _lines(score: Score, found: Analysis, bars: BarNumbers) -> list[str]:
    """Return the table of a piece, a line for each kind; and in words, what cannot be told."""
    from ritornello.analysis.beats import find_beats
    from ritornello.errors import counted
    from ritornello.theory import key_name

    rows = [("length", f"{counted(len(bars.edges) - 1, 'bar')}, {counted(score.note_count, 'note')}")]
    if not score.note_count:
        return [*_columns(rows), "no notes: there is nothing to tell"]
    if found.keys:
        names = (f"{key_name(s.key.fifths, s.minor)} {bars.span(s.start, s.end)}" for s in found.keys)
        rows.append(("keys", ", ".join(names)))
    if found.sections:
        rows.append(
            ("sections", ", ".join(f"{s.letter} {bars.span(s.start, s.end)}" for s in found.sections))
        )
    if found.phrases:
        starts = ", ".join(str(bars.at(phrase.start)) for phrase in found.phrases)
        rows.append(("phrases", f"{len(found.phrases)}, in bars {starts}"))
    for label, voice in (("melody", found.melody), ("bass", found.bass)):
        if voice:
            rows.append((label, _voice_line(score, voice)))
    for motif in found.motifs:
        places = ", ".join(str(bars.at(tick)) for tick in motif.places)
        rows.append(("motif", f"{_motif_line(motif)}: {len(motif.places)} times, in bars {places}"))
    lines = _columns(rows)
    if not found.keys:
        lines.append("only drums play: no keys, chords, phrases or melody")
    elif not find_beats(score).is_harmonic:
        lines.append("one note sounds at a time: the chords are a guess")
    if len(found.sections) == 0:
        lines.append("too long to be compared with itself: no sections")
    if not score.meters:
        lines.append("no meter is given: bars of 4/4 are taken")
    return lines + (_chord_lines(found, bars) if found.keys else [])


def _columns(rows: list[tuple[str, str]]) -> list[str]:
    """Return rows of a label and a text, the text folded."""
    import textwrap

    lines = []
    for label, text in rows:
        folded = textwrap.wrap(text, 96) or [""]
        lines += [f"{label:10}{folded[0]}", *(f"{'':10}{rest}" for rest in folded[1:])]
    return lines


def _voice_line(score: Score, voice: Voice) -> str:
    from ritornello.errors import counted
    from ritornello.theory import instrument_name, pitch_name

    track = score.tracks[voice.track]
    low, high = (pitch_name(int(pitch)) for pitch in (voice.notes["pitch"].min(), voice.notes["pitch"].max()))
    name = track.name.strip() or instrument_name(track.program)
    return f"track {voice.track + 1}, {name}: {counted(len(voice.notes), 'note')}, {low} to {high}"


def _motif_line(motif: Motif) -> str:
    """Return the steps of a motif, as "+1 -2", and the times between its onsets, in quarters."""
    steps = " ".join(f"{step:+d}" if step else "0" for step in motif.steps)
    return f"steps {steps}, after {' '.join(map(str, motif.quarters))} quarters"


def _chord_lines(found: Analysis, bars: BarNumbers) -> list[str]:
    """Return the chords bar by bar, `BARS_IN_A_LINE` in a line; a bar without a change has "%"."""
    from ritornello.notation.harmony import chord_names

    names = chord_names(found.chords, found.keys)
    shown = min(len(bars.edges) - 1, MOST_CHORD_BARS)
    cells = []
    for start, end in pairwise(bars.edges[: shown + 1]):
        cells.append(" ".join(name for tick, name in names if start <= tick < end) or "%")
    width = max(map(len, cells), default=1)
    lines = []
    # a pickup stands alone
    edges = [0] * (bars.first == 0) + list(range(1 - bars.first, shown, BARS_IN_A_LINE)) + [shown]
    for first, stop in pairwise(edges):
        row = " | ".join(f"{cell:{width}}" for cell in cells[first:stop])
        lines.append(f"{first + bars.first:6}  | {row} |")
    if shown < len(bars.edges) - 1:
        lines.append(f"        ... chords of {len(bars.edges) - 1 - shown} more bars: --json has them")
    return ["chords", *lines]
