"""How many MIDI files a second do we read, and mido, and symusic? One process, one run, side by side.

    python benchmarks/read_midi.py FOLDER [--files 200]

Every reader gets the bytes of the same files, in turns of `BLOCK` files, so that a busy machine slows all of
them alike; times are the processor's. For symusic also the time with its notes as numpy columns, which is what a
corpus needs. Prints files and notes a second and how many times as fast as mido each is.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import mido
import symusic

from ritornello.formats.midi import midi_to_bytes, parse_midi


def read_with_mido(data: bytes) -> object:
    return mido.MidiFile(file=io.BytesIO(data), clip=True)


def read_columns_with_symusic(data: bytes) -> object:
    return [track.notes.numpy() for track in symusic.Score.from_midi(data).tracks]


BLOCK = 20

READERS: dict[str, Callable[[bytes], object]] = {
    "mido": read_with_mido,
    "ritornello": parse_midi,
    "ritornello, and written": lambda data: midi_to_bytes(parse_midi(data)),
    "symusic": symusic.Score.from_midi,
    "symusic, columns": read_columns_with_symusic,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=200, help="files at most, evenly chosen")
    options = parser.parse_args()
    paths = sorted(options.folder.rglob("*.mid"))
    files = [path.read_bytes() for path in paths[:: max(1, len(paths) // options.files)]]
    seconds = dict.fromkeys(READERS, 0.0)
    for start in range(0, len(files), BLOCK):
        for name, read in READERS.items():
            began = time.process_time()
            for data in files[start : start + BLOCK]:
                read(data)
            seconds[name] += time.process_time() - began
    notes = sum(parse_midi(data).note_count for data in files)
    print(f"{options.folder.name}: {len(files)} files, {notes:,} notes")
    for name, taken in seconds.items():
        rates = f"{len(files) / taken:9,.0f} files/s {notes / taken:12,.0f} notes/s"
        print(f"    {name:24} {rates} {seconds['mido'] / taken:8.1f} times mido")


if __name__ == "__main__":
    main()
