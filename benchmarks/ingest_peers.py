"""How fast other libraries read MIDI files for learning. Run by `ingest.py`, in the environment of the peers.

The argument is a name of READERS; the paths come as JSON on standard input. Prints files a second of processor time.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from importlib import metadata
from typing import Any

Read = Callable[[str], object]


def with_mido() -> Read:
    import mido

    return lambda path: mido.MidiFile(path, clip=True)


def with_pretty_midi() -> Read:
    import numpy as np
    import pretty_midi

    def read(path: str) -> Any:
        midi = pretty_midi.PrettyMIDI(path)
        return [np.array([(n.start, n.end, n.pitch, n.velocity) for n in i.notes]) for i in midi.instruments]

    return read


def with_music21() -> Read:
    """As system E does: the notes of the first part as words; never from its cache of earlier runs."""
    from music21 import converter, instrument

    def read(path: str) -> Any:
        parts = instrument.partitionByInstrument(converter.parse(path, forceSource=True))
        return [str(element) for element in parts.parts[0].recurse()]

    return read


def with_miditok() -> Read:
    import miditok
    import symusic

    tokenizer = miditok.REMI(
        miditok.TokenizerConfig(use_programs=True, use_tempos=True, use_time_signatures=True)
    )
    return lambda path: tokenizer(symusic.Score(path))


READERS: dict[str, tuple[str, Callable[[], Read]]] = {
    "mido": ("mido", with_mido),
    "pretty_midi": ("pretty_midi", with_pretty_midi),
    "music21": ("music21", with_music21),
    "MidiTok and symusic": ("miditok", with_miditok),
}


def main() -> None:
    warnings.simplefilter("ignore")
    package, make = READERS[sys.argv[1]]
    paths, read = json.loads(sys.stdin.read()), make()
    read(paths[0])
    started = time.process_time()
    for path in paths:
        read(path)
    rate = len(paths) / (time.process_time() - started)
    print(json.dumps({"rate": rate, "version": metadata.version(package)}))


if __name__ == "__main__":
    main()
