"""Does every MIDI file come back from text, event for event and note for note?

    python benchmarks/check_event_text.py FOLDER ... [--every 10]

Each file goes to event words and back; the channel events (track, tick, status, data), the notes and the tempo map
must be the same. Files that are refused as MIDI are counted apart.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from ritornello.errors import FileError
from ritornello.formats.event_text import midi_to_text, text_to_midi
from ritornello.formats.midi import parse_midi
from ritornello.formats.smf import Events, read_smf
from ritornello.paths import read_bytes


def channel_events(events: Events) -> np.ndarray:
    """Return the rows (track, tick, status, first, second) of the channel events."""
    rows = (events.status >= 0x80) & (events.status < 0xF0)
    return np.stack(
        [c[rows] for c in (events.track, events.tick, events.status, events.first, events.second)]
    )


def differences(data: bytes) -> list[str]:
    """Return what of the bytes of a MIDI file does not come back from text."""
    again = text_to_midi(midi_to_text(data)[0])
    before, after = parse_midi(data), parse_midi(again)
    same = {
        "events": np.array_equal(*(channel_events(read_smf(d, "file").events) for d in (data, again))),
        "tracks": len(before.tracks) == len(after.tracks),
        "notes": all(
            np.array_equal(a.notes, b.notes) for a, b in zip(before.tracks, after.tracks, strict=False)
        ),
        "tempos": before.tempos == after.tempos and before.ticks_per_quarter == after.ticks_per_quarter,
    }
    return [name for name, equal in same.items() if not equal]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=1, help="check one file in so many")
    arguments = parser.parse_args()
    started, all_wrong = time.perf_counter(), 0
    for folder in arguments.folders:
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".mid", ".midi"))[
            :: arguments.every
        ]
        wrong = refused = notes = 0
        for path in files:
            try:
                data = read_bytes(path)
                notes += parse_midi(data, str(path)).note_count
                found = differences(data)
            except FileError as error:
                refused += 1
                print(f"  refused: {error}")
                continue
            if found:
                wrong += 1
                print(f"  {path}: {', '.join(found)} differ")
        all_wrong += wrong
        print(
            f"{folder.name:24} {len(files):5} files {notes:9,} notes, {wrong} differ, {refused} refused",
            flush=True,
        )
    print(f"{time.perf_counter() - started:.0f} s")
    raise SystemExit(bool(all_wrong))


if __name__ == "__main__":
    main()
