"""From MIDI files to what a network learns from: files a second, here and with what others use, on the same files.

    python benchmarks/ingest.py [FOLDER] [--files 100] [--peers PYTHON]

Ours is measured twice: reading and encoding a file (what the peers do), and all of building a corpus, which also
looks for duplicates, fits the vocabulary and writes the shards. One thread, its processor time. Peers run with the
Python of their own environment (`peers.txt`); slow ones get the first few files only, and ours is timed on those too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from machine import describe, load

from ritornello.corpus.pieces import pieces_of
from ritornello.corpus.scan import scan
from ritornello.corpus.shards import build_corpus, encode_piece
from ritornello.data import CORPUS
from ritornello.representations.multitrack import Multitrack

PEERS = {"mido": 30, "pretty_midi": 30, "music21": 6, "MidiTok and symusic": 1000}
"""How many files each gets at most."""


def processor_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=CORPUS)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--peers", help="the Python of an environment with the peers")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # then all is done in this process
    used = scan([options.folder], statistics=Multitrack.statistics).used
    used = used[:: max(1, len(used) // options.files)][: options.files]
    pieces = [piece for report in used for _, piece in pieces_of(report)]
    config = Multitrack.fit(report.statistics for report in used).config()

    def encode(count: int) -> float:
        return processor_seconds(lambda: [encode_piece("multitrack", config, p) for p in pieces[:count]])

    encode(1)
    notes = sum(report.notes for report in used)
    print(
        f"{describe()}, {load()}; {options.folder.name}: {len(pieces)} files, {notes:,} notes; one processor"
    )
    seconds = encode(len(pieces))
    print(f"read and encode: {len(pieces) / seconds:,.0f} files/s, {notes / seconds:,.0f} notes/s")
    with tempfile.TemporaryDirectory() as place:
        whole = processor_seconds(
            lambda: build_corpus([report.path for report in used], Path(place) / "corpus")
        )
    print(f"build a corpus:  {len(pieces) / whole:,.0f} files/s, {notes / whole:,.0f} notes/s")
    for name, most in PEERS.items() if options.peers else ():
        paths = [str(piece.path) for piece in pieces[:most]]
        command = [options.peers, str(Path(__file__).with_name("ingest_peers.py")), name]
        answer = subprocess.run(command, input=json.dumps(paths), capture_output=True, text=True, check=True)
        found = json.loads(answer.stdout.splitlines()[-1])
        ours = len(paths) / encode(len(paths))
        print(
            f"reading with {name} {found['version']}: {len(paths)} files, {found['rate']:,.1f} files/s; "
            f"ours {ours:,.0f}, {ours / found['rate']:.1f} times as fast",
            flush=True,
        )


if __name__ == "__main__":
    main()
