"""The same music comes out as before: recipes of pieces and of live sessions, with a digest of what each gives.

`python tests/test_frozen.py` names those whose music is another now; with --write it freezes what they give.
"""

from __future__ import annotations

import json
import sys
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from build import TICKS, make_melody, make_song
from fakes import small_network

import ritornello
from ritornello.bundle import Facts, save_bundle
from ritornello.formats.text import prose_to_score
from ritornello.live import events as live
from ritornello.live.config import JamConfig
from ritornello.live.session import Session, make_live_model
from ritornello.representations import REPRESENTATIONS

FILE = Path(__file__).with_name("frozen.json")
FROZEN: dict[str, str] = json.loads(FILE.read_text()) if FILE.exists() else {}
SONG = make_song(6)
TUNE = ritornello.Score(TICKS, (make_melody((72, 74, 76, 77, 79, 77, 76, 74, 72, 71, 72, 67)),))
PROSE = prose_to_score("“Who is he ?” I asked . He laughed .\n\n( Nobody , he said . ) And so it was !")

# Untrained networks, for the representations that no shipped model has: (representation, its options, network).
TINY: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "melody": ("melody", {"encoding": "lookback"}, {"network": "magenta_lstm", "layers": 2, "given": 2}),
    "melody, key": ("melody", {"encoding": "key"}, {"network": "attention_rnn", "layers": 2, "attention": 8}),
    "drums": ("drums", {}, {}),
    "performance": ("performance", {"density": True, "pitch_classes": True}, {}),
    "improv": ("improv", {}, {}),
    "jazz": ("jazz", {}, {"network": "one_hot_lstm"}),
    "note_names": ("note_names", {"durations": True}, {"network": "note_classifier", "dense": 5}),
    "event_words": ("event_words", {"keep": "notes"}, {"network": "gate_dropout_lstm", "layers": 4}),
    "polyphony": ("polyphony", {}, {"network": "min_gru"}),
    "frames": ("frames", {"lags": [1]}, {"network": "rg_lru"}),
    "words": ("words", {}, {"network": "gate_dropout_lstm", "layers": 2}),
}

# Settings that are on by default, and that have recipes of their own.
PLAIN: dict[str, Any] = {"seed": 1, "roots": False, "pulse": False, "contrast": False}

PIECES: dict[str, tuple[str, dict[str, Any]]] = {
    "songs": ("songs", {"bars": 8}),
    "piano": ("piano", {"bars": 6}),
    "chorales": ("chorales", {"bars": 8}),
    "folk": ("folk", {"bars": 8}),
    "bands": ("bands", {"bars": 6}),
    "quartets": ("quartets", {"bars": 6}),
    "greedy": ("folk", {"bars": 8, "temperature": 0, "max_copy": 0}),
    "bold": ("piano", {"bars": 4, "temperature": 1.3, "top_p": 1.0, "min_p": 0.02, "surprise": 0.1}),
    "several, from the third on": ("chorales", {"bars": 3, "count": 3, "index": 2}),
    "beam": ("songs", {"bars": 2, "beam_size": 3, "branch_factor": 2, "steps_per_iteration": 4}),
    "scale": ("quartets", {"bars": 4, "scale": "A minor", "lowest": "C3", "highest": "C6"}),
    "chords": ("songs", {"bars": 4, "chords": "Dm7 G7 | Cmaj7", "polyphony": 3, "notes_per_bar": "4-16"}),
    "strict chords": ("piano", {"bars": 4, "chords": "Am|F|C|G7|", "strict_chords": True}),
    "hand": ("piano", {"bars": 4, "chord_size": 3, "span": 12}),
    "line": ("bands", {"bars": 4, "instruments": "overdriven guitar,bass,drums", "polyphony": 1}),
    "roots": ("songs", {"bars": 4, "chords": "Dm7 G7 | Cmaj7", "roots": True}),
    "pulse": ("bands", {"bars": 4, "instruments": "overdriven guitar,bass,drums", "pulse": True}),
    "whole": ("folk", {"bars": 16, "contrast": True}),
    "little copied": ("chorales", {"bars": 8, "max_copy": 5}),
    "cool notes": ("songs", {"notes": 50, "temperature": 0.6, "top_k": 12}),
    "seconds": ("folk", {"seconds": 9, "tempo": 140, "meter": "6/8"}),
    "no rules": ("bands", {"bars": 4, "guard": False, "entrances": False, "cadence": False}),
    "form": ("folk", {"bars": 8, "form": "AABA", "vary": 0.5}),
    "loop": ("bands", {"bars": 2, "loop": True, "best_of": 3}),
    "infill": ("bands", {"primer": SONG, "infill": "2-3,5", "best_of": 2}),
    "vary": ("songs", {"primer": SONG, "vary": 0.5}),
    "accompany": ("chorales", {"primer": TUNE, "accompany": True}),
    "primer": ("songs", {"primer": TUNE, "bars": 8, "instruments": "flute,piano"}),
    "tiny melody": ("melody", {"bars": 6, "scale": "D dorian", "primer": TUNE}),
    "tiny melody, faithful": ("melody, key", {"bars": 4, "faithful": True}),
    "tiny drums": ("drums", {"bars": 8, "temperature": 0}),
    "tiny performance": ("performance", {"bars": 4, "density": "4,16", "pitch_classes": "C,E,G"}),
    "tiny improv": ("improv", {"bars": 4, "chords": "Dm7 G7 | Cmaj7"}),
    "tiny jazz": ("jazz", {"bars": 6, "chords": "Dm7 G7 | Cmaj7 | A7alt", "instruments": "tenor sax"}),
    "tiny note names": ("note_names", {"bars": 4}),
    "tiny event words": ("event_words", {"bars": 3, "surprise": 0.1}),
    "tiny polyphony": ("polyphony", {"bars": 4, "scale": "G major"}),
    "tiny polyphony, accompanied": ("polyphony", {"primer": TUNE, "accompany": True}),
    "tiny frames": ("frames", {"bars": 4, "chord_size": 3, "lowest": "C3"}),
    "tiny words": ("words", {"bars": 6}),
}


def tune(start: float, pitches: tuple[int, ...] = (60, 62, 64, 67), seconds: float = 0.4) -> list[tuple]:
    """Return keys, each pressed and released, one after another."""
    presses = [(start + n * seconds, (0x90, pitch, 70 + 3 * n)) for n, pitch in enumerate(pitches)]
    releases = [(time + seconds * 0.9, (0x80, key[1], 0)) for time, key in presses]
    return [(time, live.Midi(bytes(key))) for time, key in presses + releases]


CALLS = [*tune(0.3), *tune(4.9, (55, 60, 60, 76), 0.47)]
QUICK = tune(1.65, seconds=0.3)
LONG = tune(1.8, (60, 62, 64, 65, 67, 69, 67, 65) * 2)
OTHERWISE = [*CALLS, (3.0, live.Configure(JamConfig(mode="duet", tempo=120.0))), (9.0, live.Stop())]

# name -> (model, asked, what happens after the start)
JAMS: dict[str, tuple[str, dict[str, Any], list[tuple]]] = {
    "turns": ("songs", {}, CALLS),
    "turns, metronome": ("songs", {"metronome": True}, QUICK),
    "turns, scale": ("quartets", {"scale": "A minor pentatonic"}, CALLS),
    "turns, undo": ("songs", {}, [*CALLS, (9.7, live.Undo()), *tune(10.0)]),
    "turns, bookmark": ("folk", {}, [(4.7, live.SetBookmark("a")), *CALLS, (9.7, live.GoTo(1)), *tune(10.0)]),
    "turns, then a duet": ("bands", {"instruments": "overdriven guitar,drums"}, OTHERWISE),
    "turns, a score": ("chorales", {}, [(0.5, live.PlayCall(TUNE)), (10.0, live.Stop())]),
    "answer": ("piano", {"mode": "answer", "pause": 0.5}, CALLS),
    "trade": ("folk", {"mode": "trade", "meter": "3/4", "temperature": 1.4, "surprise": 0.1}, QUICK),
    "duet": ("songs", {"mode": "duet"}, LONG),
    "duet, scale": ("bands", {"mode": "duet", "scale": "C major", "instrument": "piano"}, LONG),
    "continue": ("quartets", {"mode": "continue", "temperature": 0.8}, CALLS),
    "tiny turns": ("performance", {}, CALLS),
    "tiny duet": ("drums", {"mode": "duet"}, LONG),
}
TURNS = {
    "mode": "call-and-response",
    "call_seconds": 2.0,
    "response_seconds": 2.5,
    "tempo": 150.0,
    "call_bars": 1,
    "response_bars": 2,
}
TOLD = (live.NotesPlanned, live.NotesCancelled, live.TurnBegan)


@cache
def model_of(name: str) -> Any:
    """Return a shipped model, or an untrained one of TINY."""
    if name in ritornello.shipped_bundles():
        return ritornello.load(name)
    kind, options, network_options = TINY[name]
    sample = PROSE if kind == "words" else SONG
    representation = REPRESENTATIONS[kind].fit([REPRESENTATIONS[kind].collect_statistics(sample)], options)
    network = small_network(representation, **network_options)
    random = np.random.default_rng(1)  # torch's numbers may differ between its versions and machines
    for values in network.parameters():
        values.data.copy_(values.new_tensor(random.normal(scale=0.5, size=tuple(values.shape))))
    with TemporaryDirectory() as folder:
        save_bundle(Path(folder, "tiny.rit"), network, representation, Facts(name="tiny"))
        return ritornello.load(Path(folder, "tiny.rit"))


@cache
def live_model_of(name: str) -> Any:
    return make_live_model(model_of(name).bundle, model_of(name).stepper)


def compose(model: str, asked: dict[str, Any]) -> bytes:
    """Return the ids of the pieces of a recipe."""
    pieces = model_of(model).compose_many(**PLAIN | asked)
    return b"".join(piece.ids.astype("<i4").tobytes() for piece in pieces)


def jam(model: str, asked: dict[str, Any], log: list[tuple]) -> bytes:
    """Return what a session told, on a clock of 10 ms up to 4 s after the log, and the notes that it then has."""
    session, stepper = Session(live_model_of(model), JamConfig(**TURNS | asked), 1), model_of(model).stepper
    queue = sorted([(0.0, live.Start()), *log], key=lambda event: event[0])
    told: list[Any] = []
    for tick in range(int(queue[-1][0] * 100) + 400):
        while queue and queue[0][0] <= tick / 100:
            time, event = queue.pop(0)
            session.receive(event, time)
        told += [output for output in session.advance(tick / 100) if isinstance(output, TOLD)]
        while step := session.wants:
            session.supply(*stepper.step(step.columns, step.state), tick / 100)
    return json.dumps(plain((*told, *session.notes))).encode()


def plain(value: Any) -> Any:
    """Return a value of live play as lists of its fields, without their names, which may change."""
    if is_dataclass(value):
        return [plain(getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


RECIPES = {f"compose {name}": (compose, row) for name, row in PIECES.items()}
RECIPES |= {f"jam {name}": (jam, row) for name, row in JAMS.items()}


def digest(name: str) -> str:
    make, row = RECIPES[name]
    return sha256(make(*row)).hexdigest()[:16]


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_music_comes_out(name: str) -> None:
    assert digest(name) == FROZEN[name]


def test_all_recipes_are_frozen_and_nothing_else() -> None:
    assert list(FROZEN) == list(RECIPES)


if __name__ == "__main__":
    given = {name: digest(name) for name in RECIPES}
    print(*[name for name in RECIPES if given[name] != FROZEN.get(name)], sep="\n")
    if "--write" in sys.argv:
        FILE.write_text(json.dumps(given, indent=1) + "\n")
