"""From MIDI files to what a network learns from: files a second, here and with what others use, on the same files.

    python benchmarks/ingest.py [FOLDER] [--files 100] [--peers PYTHON] [--against SRC]

Ours is measured in parts: reading a file; reading and encoding it (what the peers do); the report of a file that was
read, with what the vocabulary is fitted to; and all of building a corpus, which does all of this, reads each file twice
and writes the shards. One thread, its processor time. `--against`: the `src` folder of another version of this program,
measured in turn with this one. Peers run with the Python of their own environment (`peers.txt`); slow ones get the
first few files only, and ours is timed on those too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from machine import describe, in_turn, least_seconds, load

from ritornello.corpus.scan import scan
from ritornello.corpus.shards import build_corpus
from ritornello.data import CORPUS
from ritornello.formats import read
from ritornello.representations import REPRESENTATIONS

PEERS = {"mido": 30, "pretty_midi": 30, "music21": 6, "MidiTok and symusic": 1000}
"""How many files each gets at most."""


def encoded(representation: Any, path: Path) -> Any:
    """Return the ids of a file, with all that is written of them to a shard."""
    ids = representation.extract_examples(read(path)).ids
    return [(each, representation.tokens.transposable(each)) for each in ids]


def measure(paths: list[Path]) -> dict[str, float]:
    """Return the seconds of each part, for all files, and their notes."""
    kind = REPRESENTATIONS["multitrack"]
    scores = [read(path) for path in paths]
    representation = kind.fit([kind.collect_statistics(score) for score in scores], {})
    folders = count()
    with tempfile.TemporaryDirectory() as place:
        return {
            "notes": sum(score.note_count for score in scores),
            "read": least_seconds(lambda: [read(path) for path in paths]),
            "encode": least_seconds(lambda: [representation.extract_examples(score) for score in scores]),
            "read and encode": least_seconds(lambda: [encoded(representation, path) for path in paths]),
            "read and report": least_seconds(
                lambda: scan(paths, statistics=kind.collect_statistics, processes=1)
            ),
            "build a corpus": least_seconds(lambda: build_corpus(paths, Path(place, str(next(folders)))), 2),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=CORPUS)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--peers", help="the Python of an environment with the peers")
    parser.add_argument("--against", type=Path, help="the src folder of another version")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # then all is done in this process
    used = scan([options.folder]).used
    paths = [report.path for report in used[:: max(1, len(used) // options.files)][: options.files]]
    if options.json:
        print(json.dumps(measure(paths)))
        return
    rows = in_turn(__file__, [str(options.folder), "--files", str(options.files)], options.against)
    notes = rows.pop(0)[1]
    print(
        f"{describe()}, {load()}; {options.folder.name}: {len(paths)} files, {notes:,.0f} notes; one processor"
    )
    for label, *times in rows:
        rates = (f"{len(paths) / each:7,.0f} files/s {notes / each:10,.0f} notes/s" for each in times)
        print(f"{label:16}" + " -> ".join(rates))
    for name, most in PEERS.items() if options.peers else ():
        first = [str(path) for path in paths[:most]]
        command = [options.peers, str(Path(__file__).with_name("ingest_peers.py")), name]
        answer = subprocess.run(command, input=json.dumps(first), capture_output=True, text=True, check=True)
        found = json.loads(answer.stdout.splitlines()[-1])
        ours = len(first) / measure(paths[:most])["read and encode"]
        print(
            f"reading with {name} {found['version']}: {len(first)} files, {found['rate']:,.1f} files/s; "
            f"ours {ours:,.0f}, {ours / found['rate']:.1f} times as fast",
            flush=True,
        )


if __name__ == "__main__":
    main()
