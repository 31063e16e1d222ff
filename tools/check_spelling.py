"""Are MIDI pitches spelled as composers and editors spelled them?

    python tools/check_spelling.py FOLDER ...

FOLDER holds MusicXML files (.musicxml, .xml, .mxl), such as OpenScore's Lieder and StringQuartets. Their notes, at
sounding pitch and with ties joined, lose their names, and `notation.spelling` gives them new ones. Printed is the
share of notes that have the name of the file again, beside that of a window on the line of fifths: the twelve names
nearest to the key signature.
"""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ET
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from ritornello.notation.spelling import LETTERS, spell_class, spell_notes
from ritornello.score import Key
from ritornello.theory.pitches import LETTERS as CLASSES

TICKS = 5040
Note = tuple[int, int, int]  # start, MIDI pitch, place of the name on the line of fifths


def place(step: str, alter: int) -> int:
    return LETTERS.index(step) - 1 + 7 * alter


def load(path: Path) -> ET.Element:
    if path.suffix != ".mxl":
        return ET.parse(path).getroot()
    with ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.endswith((".xml", ".musicxml")) and "META-INF" not in n]
        return ET.fromstring(archive.read(names[0]))


def notes_of(path: Path) -> tuple[list[Note], list[Key]]:
    """Return the notes and the key signatures at sounding pitch; the signatures are those of the first part."""
    notes: list[Note] = []
    keys: dict[int, int] = {}
    for part in load(path).findall("part"):
        at, divisions, fifths, semitones = 0.0, 1, 0, 0
        for measure in part.findall("measure"):
            onset = end = at
            for element in measure:
                length = int(float(element.findtext("duration") or 0)) / divisions
                if element.tag == "attributes":
                    divisions = int(element.findtext("divisions") or divisions)
                    if (moved := element.find("transpose")) is not None:
                        steps, semitones = (
                            int(moved.findtext(name) or 0) for name in ("diatonic", "chromatic")
                        )
                        fifths = 7 * semitones - 12 * steps
                    if signature := element.findtext("key/fifths"):
                        keys.setdefault(round(at * TICKS), int(signature) + fifths)
                elif element.tag in ("backup", "forward"):
                    at += length if element.tag == "forward" else -length
                elif element.tag == "note":
                    is_first = element.find("chord") is None
                    onset = at if is_first else onset
                    ends_tie = any(tie.get("type") == "stop" for tie in element.findall("tie"))
                    if (written := element.find("pitch")) is not None and not ends_tie:
                        step, alter = (
                            written.findtext("step", "C"),
                            int(float(written.findtext("alter") or 0)),
                        )
                        pitch = (
                            12 * int(written.findtext("octave", "4")) + 12 + CLASSES[step] + alter + semitones
                        )
                        notes.append((round(onset * TICKS), pitch, place(step, alter) + fifths))
                    at += length if is_first else 0
                end = max(end, at)
            at = end
    return sorted(notes), [Key(tick, fifths) for tick, fifths in sorted(keys.items())]


def check(path: Path) -> tuple[int, int, int]:
    """Return the number of notes, of those named as written, and of those that the window names so."""
    notes, keys = notes_of(path)
    found = [
        place(step, alter)
        for step, alter, _ in spell_notes(
            [pitch for _, pitch, _ in notes], [start for start, _, _ in notes], keys
        )
    ]
    ticks = np.array([key.tick for key in keys] or [0])
    window = 0
    for start, pitch, written in notes:
        at = max(0, int(np.searchsorted(ticks, start, side="right")) - 1)
        window += place(*spell_class(pitch % 12, keys[at].fifths if keys else 0)) == written
    return len(notes), sum(a == b for a, (_, _, b) in zip(found, notes, strict=True)), window


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    for folder in parser.parse_args().folders:
        files = sorted(p for p in folder.rglob("*") if p.suffix in (".mxl", ".xml", ".musicxml"))
        rows = [row for row in map(check, files) if row[0]]
        total, right, window = np.sum(rows, axis=0)
        half = np.median([100 * row[1] / row[0] for row in rows])
        print(
            f"{folder}: {len(rows)} files, {total} notes, as written {100 * right / total:.2f} % "
            f"(median file {half:.2f} %), by the window {100 * window / total:.2f} %"
        )


if __name__ == "__main__":
    main()
