"""Does the model stay on the beat where both play, however slow the machine is?

    python benchmarks/duet.py [--models songs,bands,chorales] [--steps 0,1,3,10,30] [--seconds 30] [--mode duet]

Somebody plays a tune in eighths over three chords to a metronome at 100, in sessions of a duet or of `continue`, on a
clock of our own on which a step of the network takes so many milliseconds, whatever it takes here. Printed for each
model and duration of a step: the notes of the model; the share of their onsets within 1 ms of a quarter, an eighth, a
sixteenth, and a twelfth of a quarter, which has the triplets too; the share in the scale of the tune; from the
announcement of a note to its start, in beats (p5, p50); and the remarks of the session.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np

from ritornello.config import checked
from ritornello.live.config import JamConfig
from ritornello.live.events import Input, Midi, NotesPlanned, Remark, Side, Start, TempoSet
from ritornello.live.server.catalog import ModelEntry, load_catalog
from ritornello.live.session import Session

TEMPO = 100.0
NEAR = 0.001
"""Seconds from a line at which an onset is on it."""

TUNE = (60, 64, 67, 72, 71, 67, 62, 67, 65, 69, 72, 69, 67, 64, 62, 60)
SCALE = {0, 2, 4, 5, 7, 9, 11}


def tune(seconds: float) -> list[tuple[float, Input]]:
    """Return the keys of a tune in eighths, not quite in time."""
    random, eighth = np.random.default_rng(0), 30 / TEMPO
    log: list[tuple[float, Input]] = [(0.0, Start())]
    for number in range(int(seconds / eighth)):
        if 32 <= number < 40:  # a rest, which ends the call of `continue`
            continue
        start = 0.15 + number * eighth + abs(random.normal(scale=0.01))
        pitch = TUNE[number % len(TUNE)]
        log += [
            (start, Midi(bytes([0x90, pitch, 80]))),
            (start + 0.8 * eighth, Midi(bytes([0x80, pitch, 0]))),
        ]
    return sorted(log, key=lambda event: event[0])


def play(entry: ModelEntry, settings: dict[str, object], step_seconds: float, seconds: float) -> str:
    """Play a session on a clock of our own; return a row."""
    session = Session(entry.model, checked(JamConfig, settings), seed=1)
    log, now, last, beat = tune(seconds), 0.0, 0.0, None
    leads, onsets, in_scale, remarks = [], [], [], Counter()

    def clock() -> float:
        nonlocal now
        now += step_seconds
        return now

    def advance() -> None:
        nonlocal beat
        for output in session.advance(now):
            if isinstance(output, TempoSet):
                beat = output
            elif isinstance(output, Remark):
                remarks[output.text] += 1
            for note in output.notes if isinstance(output, NotesPlanned) else ():
                assert beat is not None
                if note.side is Side.MODEL:
                    quarters = (note.start - beat.bar_line) * beat.quarters_per_minute / 60
                    onsets.append(quarters)
                    leads.append((note.start - now) * beat.quarters_per_minute / 60)
                    in_scale.append(note.pitch % 12 in SCALE)

    while now < seconds:
        while log and log[0][0] <= now:
            session.receive(log[0][1], log.pop(0)[0])
        advance()
        while now < seconds and entry.engine.step([session], clock):
            while log and log[0][0] <= now:
                session.receive(log[0][1], log.pop(0)[0])
            advance()
        last = now
        times = [session.next_time, log[0][0] if log else None]
        now = max(last + 1e-4, min((time for time in times if time is not None), default=seconds))
    return report(np.array(onsets), np.array(leads), in_scale) + "".join(
        f"\n      {count} x {text}" for text, count in remarks.items()
    )


def report(onsets: np.ndarray, leads: np.ndarray, in_scale: list[bool]) -> str:
    if not len(onsets):
        return "no notes"
    shares = []
    for unit in (1, 2, 4, 12):
        away = np.abs(onsets * unit - np.rint(onsets * unit)) / unit * 60 / TEMPO
        shares.append(float((away < NEAR).mean()))
    low, middle = np.percentile(leads, (5, 50))
    return (
        f"{len(onsets):5} notes  quarters {shares[0]:4.0%}  8ths {shares[1]:4.0%}"
        f"  16ths {shares[2]:4.0%}  12ths {shares[3]:4.0%}"
        f"  in scale {np.mean(in_scale):4.0%}  ahead {low:5.2f} {middle:5.2f} beats"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="songs,bands,chorales,quartets,piano,folk")
    parser.add_argument("--steps", default="0,1,3,10,30", help="milliseconds")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--mode", default="duet")
    arguments = parser.parse_args()
    settings = {"mode": arguments.mode, "tempo": TEMPO, "metronome": True, "count_in": 0}
    for entry in load_catalog(arguments.models.split(",")):
        entry.load()
        for step in map(float, arguments.steps.split(",")):
            row = play(entry, settings, step / 1000, arguments.seconds)
            print(f"{entry.name:10} {step:5.1f} ms  {row}", flush=True)


if __name__ == "__main__":
    main()
