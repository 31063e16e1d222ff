"""What other programs read of our MusicXML: random scores and real files, compared note by note and bar by bar.

    python benchmarks/notation_round_trip.py [--scores 200] [--seed 1] [FILE ...]

Random scores have what notation finds hard: tuplets of 3, 5, 6, 7, 9, 10, 11 and 13 over one beat or several, 64ths,
many voices, all pitches, drums, keyboards on two staves, changing meters, pickups, bars longer than their signature,
up to 20 parts. Each is written, then read by music21 and by verovio (its MIDI). Equal means: the same pitches from the
same tick to the same tick, within a tick for the rounding of tuplets, and the same bar lines. Files
are compared as they are on our grid: what is written again is what was read.
"""

from __future__ import annotations

import argparse
import base64
import random
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from ritornello.formats import read
from ritornello.formats.midi import parse_midi
from ritornello.formats.musicxml_writer import drum_sign, score_to_musicxml
from ritornello.notation.bars import UNITS, make_timeline
from ritornello.notation.quantise import Quantiser
from ritornello.score import Key, Meter, Score, Track, make_notes

TICKS = 27720  # 2, 3, 5, 7, 9 and 11 divide it, but not 13: those are rounded
SIGNATURES = ((4, 4), (3, 4), (6, 8), (2, 2), (5, 8), (7, 8), (12, 8), (5, 4), (9, 16))
Note = tuple[Fraction, Fraction, int]
DRUMS = {drum_sign(pitch): pitch for pitch in range(128)}  # music21 reads no instrument of a note


def random_score(seed: int) -> Score:
    """Return a score in which all times are on grids."""
    chance = random.Random(seed)
    meters, bars = random_bars(chance)
    drums = chance.random() < 0.3
    tracks = []
    for number in range(chance.choice((1, 1, 2, 3, 5, 20))):
        is_drum = drums and number == 0
        program = chance.choice((0, 0, 19, 40, 42, 33, 52, 73))
        low, high = chance.choice(((0, 127), (36, 84), (60, 79)))
        tuplets = chance.choice(((3, 6, 9), (5, 10), (3, 5), (7,), (11,), (13,)))
        notes: set[tuple[int, int, int]] = set()
        for _ in range(1 if is_drum else chance.choice((1, 1, 2, 3, 6))):
            notes |= {
                (start, length, chance.randint(low, high))
                for start, length in random_voice(chance, bars, tuplets)
            }
        rows = {
            (start, pitch): (start, length, pitch, chance.randint(1, 127)) for start, length, pitch in notes
        }
        tracks.append(
            Track(make_notes(rows.values() or [(0, TICKS, 60, 80)]), program, is_drum, name=f"Part {number}")
        )
    keys = (Key(0, chance.randint(-7, 7), chance.random() < 0.3),)
    return Score(TICKS, tuple(tracks), meters=meters, keys=keys)


def random_bars(chance: random.Random) -> tuple[tuple[Meter, ...], list[tuple[int, int]]]:
    """Return meters, and the bar lines that they make, each with the beat of the bar before it."""
    meters, edges = [], [(0, 0)]
    for place in range(chance.randint(1, 3)):
        numerator, denominator = chance.choice(SIGNATURES)
        beat = 4 * TICKS * 3 // denominator if denominator >= 8 and numerator % 3 == 0 else TICKS
        full = 4 * TICKS * numerator // denominator
        length, at = None, edges[-1][0]
        if place == 0 and chance.random() < 0.3:  # a pickup
            meters.append(Meter(0, numerator, denominator))
            at = beat * chance.randint(1, max(1, full // beat - 1))
            edges.append((at, beat))
        elif denominator == 4 and chance.random() < 0.15:
            length = full + beat
        meters.append(Meter(at, numerator, denominator, length))
        for _ in range(chance.randint(1, 3)):
            at += length or full
            edges.append((at, beat))
    meters.append(Meter(at, 4, 4))
    return tuple(meters), edges


def random_voice(
    chance: random.Random, bars: list[tuple[int, int]], tuplets: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    """Yield (start, length) of the notes of one voice, with rests, syncopations and tuplets over whole beats."""
    for (start, _), (end, beat) in pairwise(bars):
        at = start
        while at < end:
            span = min(end - at, beat * (chance.choice((1, 1, 1, 2, 4)) if at == start else 1))
            parts = chance.choice((1, 1, 2, 2, 4, 8, 16, *tuplets))
            if span % beat:
                span, parts = min(span, beat), chance.choice((1, 2, 4))
            lines = [at + round(Fraction(span * part, parts)) for part in range(parts + 1)]
            place = 0
            while place < parts:
                following = min(parts, place + chance.choice((1, 1, 1, 2)))
                if chance.random() < 0.85:
                    yield lines[place], lines[following] - lines[place]
                place = following
            at += span


def expected(score: Score) -> tuple[list[Counter[Note]], list[Fraction]]:
    """Return the notes of each track on our grid, and the bar lines, in quarters."""
    timeline = make_timeline(score)
    quantiser = Quantiser(score, timeline)
    tracks = []
    for track in score.tracks:
        rows = quantiser.rows(track)
        columns = zip(rows.start.tolist(), rows.end.tolist(), rows.pitch.tolist(), strict=True)
        tracks.append(Counter((Fraction(a, UNITS), Fraction(b, UNITS), pitch) for a, b, pitch in columns))
    return tracks, [Fraction(line, UNITS) for line in timeline.lines.tolist()]


def by_music21(data: bytes) -> tuple[list[Counter[Note]], list[Fraction]]:
    import music21

    importer = music21.musicxml.xmlToM21.MusicXMLImporter()
    importer.xmlText = data
    importer.parseXMLText()
    parts: dict[str, Counter[Note]] = {}
    lines: list[Fraction] = []
    for part in importer.stream.parts:
        name = str(part.id).split("-Staff")[0]
        found = parts.setdefault(name, Counter())
        measures = list(part.getElementsByClass("Measure"))
        lines = [Fraction(m.offset) for m in measures] + [
            Fraction(measures[-1].offset + measures[-1].duration.quarterLength)
        ]
        for voice in voices_of(part):
            found.update(joined(voice))
    return list(parts.values()), lines


def voices_of(part: Any) -> Iterator[list[Any]]:
    """Yield the notes of each voice, as (offset, note, its chord or itself)."""
    by_voice: dict[str, list[Any]] = {}
    for measure in part.getElementsByClass("Measure"):
        for stream in measure.voices or [measure]:
            group = by_voice.setdefault(str(stream.id) if measure.voices else "1", [])
            for element in stream.notes:
                at = (
                    Fraction(measure.offset)
                    + Fraction(stream.offset if measure.voices else 0)
                    + Fraction(element.offset)
                )
                for note in () if element.duration.isGrace else getattr(element, "notes", (element,)):
                    group.append((at, note, element))
    yield from by_voice.values()


def joined(voice: list[Any]) -> Counter[Note]:
    """Return the sounding notes of a voice, ties joined."""
    found: Counter[Note] = Counter()
    open_notes: dict[tuple[int, Fraction], Fraction] = {}
    for at, note, element in voice:
        is_pitched = hasattr(note, "pitch")
        pitch = (
            int(note.pitch.midi)
            if is_pitched
            else DRUMS[f"{note.displayStep}{note.displayOctave}", note.notehead]
        )
        end = at + Fraction(element.duration.quarterLength)
        tie = note.tie.type if note.tie else ""
        start = open_notes.pop((pitch, at), at) if tie in ("stop", "continue") else at
        if tie in ("start", "continue"):
            open_notes[pitch, end] = start
        else:
            found[start, end, pitch] += 1
    for (pitch, end), start in open_notes.items():
        found[start, end, pitch] += 1
    return found


def by_verovio(data: bytes) -> Counter[Note]:
    """Return all strokes and releases (the latter with -1 - pitch), to a 120th of a quarter, as verovio plays them.

    Which release belongs to which of two notes of a pitch that overlap is not in a MIDI file.
    """
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"breaks": "none"})
    assert toolkit.loadData(data.decode())
    played = parse_midi(base64.b64decode(toolkit.renderToMIDI()))
    notes = (note for track in played.tracks for note in track.notes[["start", "duration", "pitch"]].tolist())
    quarter = Fraction(1, played.ticks_per_quarter)
    return strokes((start * quarter, (start + length) * quarter, pitch) for start, length, pitch in notes)


def strokes(notes: Iterable[Note]) -> Counter[Note]:
    return Counter(
        stroke for start, end, pitch in notes for stroke in ((start, start, pitch), (end, end, -1 - pitch))
    )


def differences(mine: Counter[Note], other: Counter[Note], tolerance: Fraction) -> int:
    """Return the number of notes on either side without a partner within `tolerance` quarters at both ends."""
    left, right = sorted((mine - other).elements()), sorted((other - mine).elements())
    missing = 0
    for start, end, pitch in left:
        partner = next(
            (
                n
                for n in right
                if n[2] == pitch and abs(n[0] - start) <= tolerance and abs(n[1] - end) <= tolerance
            ),
            None,
        )
        if partner is None:
            missing += 1
        else:
            right.remove(partner)
    return missing + len(right)


def compare(score: Score, name: str, with_verovio: bool) -> bool:
    tracks, lines = expected(score)
    data, _ = score_to_musicxml(score)
    parts, found_lines = by_music21(data)
    every = sum(tracks, Counter())
    read_notes = sum(parts, Counter())
    tick = Fraction(1, 10_000)
    wrong = differences(every, read_notes, tick)
    same_lines = len(found_lines) <= len(lines) and all(
        abs(a - b) < tick for a, b in zip(lines, found_lines, strict=False)
    )
    result = [f"music21 {wrong} of {every.total()} notes differ"] if wrong else []
    result += [] if same_lines else [f"bar lines {[*map(float, found_lines)]} for {[*map(float, lines)]}"]
    if with_verovio and not any(track.is_drum for track in score.tracks):
        wrong = differences(strokes(every.elements()), by_verovio(data), Fraction(1, 40))
        result += [f"verovio {wrong} of {2 * every.total()} strokes and releases differ"] if wrong else []
    if result:
        print(f"{name}: {'; '.join(result)}")
    return not result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scores", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    cases = [
        (f"seed {seed}", random_score(seed)) for seed in range(options.seed, options.seed + options.scores)
    ]
    if options.files:
        cases = [(path.name, read(path)) for path in options.files]
    good = sum(compare(score, name, with_verovio=True) for name, score in cases)
    notes = sum(score.note_count for _, score in cases)
    print(f"{good} of {len(cases)} scores equal; {notes} notes; {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
