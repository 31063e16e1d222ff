"""How well recordings are transcribed: composed pieces and shipped tunes, rendered, read again, and compared.

    python benchmarks/transcription.py FOLDER [--peer PYTHON]

The pieces are written to FOLDER as MIDI and sound, unless it is there. For each kind of sound: precision, recall and F1
of onsets at the right pitch within 50 ms, and F1 within 150 ms; then how often tempo and bar lines are right. `--peer`
is a Python that has `basic-pitch` and what its ONNX model needs (pip install --no-deps basic-pitch; pip install
onnxruntime librosa "resampy<0.4.3" mir_eval pretty_midi scipy scikit-learn "numpy<2.3" "setuptools<81"); then the same
of its own program.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

import ritornello
from ritornello.arrays import Floats, Ints
from ritornello.data.tunes import load_tunes
from ritornello.formats.audio.model import posteriors
from ritornello.formats.audio.notes import find_notes
from ritornello.formats.audio.sound import decode
from ritornello.score import Score, Tempo, note_columns, ticks_to_seconds

SOLOS = {"flute": 73, "choir": 52, "voice": 53, "violin": 40, "pianosolo": 0, "guitarsolo": 24}
"""Programs of General MIDI that play the melodies of tunes."""

MODELS = {"piano": 16, "guitar": 16, "chorales": 16, "quartets": 12, "songs": 12}
"""Bars to compose with each model."""

SEEDS = (11, 12, 13)

PEER = """
import contextlib, io, json, logging, sys
logging.disable(50)
from basic_pitch import ICASSP_2022_MODEL_PATH
from basic_pitch.inference import Model, predict
model = Model(ICASSP_2022_MODEL_PATH)
for path in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()):
        _, _, notes = predict(path, model)
    print(json.dumps([(float(note[0]), int(note[2])) for note in notes]))
"""


def make(folder: Path) -> None:
    """Write the pieces, performed, as MIDI and sound."""
    folder.mkdir(exist_ok=True)
    tunes, rng = load_tunes(), np.random.default_rng(9)
    pieces: dict[str, Score] = {}
    for number, (name, program) in enumerate(SOLOS.items()):
        for each in range(3):
            score = tunes[(7 * number + 13 * each + 5) % len(tunes)].score
            tempo = Tempo.from_quarters_per_minute(0, float(rng.integers(70, 150)))
            melody = replace(score.tracks[0], program=program)
            pieces[f"{name}{each}"] = replace(score, tracks=(melody,), tempos=(tempo,), texts=())
    pieces |= {f"tunechords{each}": replace(tunes[5 + 9 * each].score, texts=()) for each in range(2)}
    for model, bars in MODELS.items():
        for seed in SEEDS:
            pieces[f"{model}{seed}"] = ritornello.load(model).compose(bars=bars, seed=seed).score
    for name, score in pieces.items():
        for suffix in (".mid", ".wav"):
            score.performed(0.5, 1).write(folder / f"{name}{suffix}")


def onsets(score: Score) -> tuple[Floats, Ints]:
    start, _, pitch, _ = note_columns(score.tracks)
    return ticks_to_seconds(score, start), pitch


def matched(real: tuple[Floats, Ints], found: tuple[Floats, Ints], seconds: float) -> int:
    """Return how many notes can be paired with one of their pitch within so many seconds."""
    count = 0
    for pitch in np.unique(real[1]):
        wanted = np.sort(real[0][real[1] == pitch]).tolist()
        for time in np.sort(found[0][found[1] == pitch]).tolist():
            while wanted and wanted[0] < time - seconds:
                del wanted[0]
            if wanted and wanted[0] <= time + seconds:
                del wanted[0]
                count += 1
    return count


def is_multiple(ratio: float) -> bool:
    return any(abs(ratio / factor - 1) < 0.06 for factor in (1, 2, 3, 1.5, 1 / 2, 1 / 3, 2 / 3))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer")
    given = parser.parse_args()
    if not given.folder.is_dir():
        make(given.folder)
    paths = sorted(given.folder.glob("*.wav"))
    programs: dict[str, list[tuple[Floats, Ints]]] = {"ritornello": []}
    facts = []
    for path in paths:
        real, score = ritornello.read(path.with_suffix(".mid")), ritornello.read(path)
        heard = find_notes(posteriors(decode(path.read_bytes(), path.name).samples))
        programs["ritornello"].append((heard.start, heard.pitch))
        minutes = ticks_to_seconds(real, real.end) / 60, ticks_to_seconds(score, score.end) / 60
        ratio = (score.end / score.ticks_per_quarter / minutes[1]) / (
            real.end / real.ticks_per_quarter / minutes[0]
        )
        late = onsets(score)[0].min() - heard.start.min()  # a score begins with its first beat
        lines = ticks_to_seconds(score, score.bars.edges) - late
        bars = ticks_to_seconds(real, real.bar_starts())
        near = np.mean([np.abs(lines - bar).min() < 0.1 for bar in bars])
        facts.append((abs(ratio - 1) < 0.06, is_multiple(ratio), near > 0.7))
    if given.peer:
        done = subprocess.run(
            [given.peer, "-c", PEER, *map(str, paths)], capture_output=True, text=True, check=True
        )
        for line in done.stdout.splitlines():
            rows = np.array(json.loads(line), dtype=np.float64).reshape(-1, 2)
            programs.setdefault("basic-pitch", []).append((rows[:, 0], rows[:, 1].astype(np.int64)))
    for program, all_found in programs.items():
        counts: dict[str, Ints] = defaultdict(lambda: np.zeros(4, dtype=np.int64))
        for path, found in zip(paths, all_found, strict=True):
            real_onsets = onsets(ritornello.read(path.with_suffix(".mid")))
            row = [
                len(real_onsets[0]),
                len(found[0]),
                *(matched(real_onsets, found, s) for s in (0.05, 0.15)),
            ]
            counts[re.sub(r"\d+$", "", path.stem)] += row
        print(f"{program}: precision, recall, F1 within 50 ms; F1 within 150 ms")
        for kind, (wanted, there, close, near) in counts.items():
            figures = close / max(there, 1), close / wanted, 2 * close / (wanted + there)
            print(f"  {kind:11s}", *(f"{f:.2f}" for f in (*figures, 2 * near / (wanted + there))))
        means = [np.mean([2 * row[which] / (row[0] + row[1]) for row in counts.values()]) for which in (2, 3)]
        print("  mean F1", *(f"{mean:.3f}" for mean in means))
    for what, right in zip(
        ("tempo", "tempo or a multiple", "bar lines"), np.sum(facts, axis=0).tolist(), strict=True
    ):
        print(f"{what}: {right} of {len(paths)}")


if __name__ == "__main__":
    main()
