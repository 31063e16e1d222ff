"""Random calls of `compose`: what is written has the tempo, meter, instruments, bars and key asked for, or is refused.

    python benchmarks/asked.py [calls] [seed]

Every call draws a shipped model and some of tempo, meter, instruments, bars and key. The MIDI file that it writes is
read back and compared with what was asked. "silent" counts the files that differ: there must be none.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from io import BytesIO
from typing import Any

import mido
import numpy as np

import ritornello
from ritornello.theory import DRUMS, parse_instrument, parse_key
from ritornello.theory.instruments import KINDS

METERS = (
    "4/4",
    "3/4",
    "2/4",
    "6/8",
    "2/2",
    "3/8",
    "9/8",
    "12/8",
    "5/4",
    "5/8",
    "7/8",
    "6/4",
    "3/2",
    "11/8",
    "13/16",
)
NAMES = ("piano", "violin", "viola", "cello", "flute", "sax", "clarinet", "guitar", "bass", "drums", "voice", "choir",
         "organ", "trumpet", "strings", "harp", "celesta", "overdriven guitar", "synth lead",
         "128", "1", "73")  # fmt: skip
KEYS = ("D major", "F# minor", "Bb", "Es-Dur", "C minor", "A", "G# minor", "Cb major")


def draw(random: np.random.Generator) -> tuple[str, dict[str, Any]]:
    """Return a model, and what is asked of it."""
    asked: dict[str, Any] = {"bars": int(random.integers(1, 4)), "seed": int(random.integers(1 << 31))}
    if random.random() < 0.7:
        asked["tempo"] = float(random.choice([random.integers(10, 401), round(random.uniform(10, 400), 2)]))
    if random.random() < 0.5:
        asked["meter"] = str(random.choice(METERS[: random.choice([3, len(METERS)])]))
    if random.random() < 0.5:
        asked["instruments"] = tuple(map(str, random.choice(NAMES, random.integers(1, 5))))
    if random.random() < 0.3:
        asked["key"] = str(random.choice(KEYS))
    return str(random.choice(list(ritornello.shipped_bundles()))), asked


def differences(file: bytes, asked: dict[str, Any]) -> list[str]:
    """Return the settings that a MIDI file does not keep, as `mido` reads it."""
    midi = mido.MidiFile(file=BytesIO(file))
    events: dict[str, list[Any]] = {}
    programs: Counter[int] = Counter()
    end = 0
    for track in midi.tracks:
        tick, played = 0, {}
        for message in track:
            tick += message.time
            events.setdefault(message.type, []).append((tick, message))
            if message.type == "program_change":
                played[message.channel] = message.program
            elif message.type == "note_on" and message.velocity:
                played.setdefault(message.channel, 0)
            end = max(end, tick if message.type in ("note_on", "note_off", "end_of_track") else 0)
        programs.update(DRUMS if channel == 9 else program for channel, program in played.items())
    wrong = []
    first = min(events["set_tempo"], key=lambda event: event[0])  # the others are the performance
    if "tempo" in asked and (first[0], first[1].tempo) != (0, round(60e6 / asked["tempo"])):
        wrong.append("tempo")
    meters = {(m.numerator, m.denominator) for _, m in events.get("time_signature", [])} or {(4, 4)}
    if "meter" in asked and meters != {tuple(map(int, asked["meter"].split("/")))}:
        wrong.append("meter")
    if len(meters) == 1:
        [(numerator, denominator)] = meters
        bar = numerator * 4 * midi.ticks_per_beat // denominator
        if not bar * (asked["bars"] - 1) < end <= bar * asked["bars"]:
            wrong.append("bars")
    if "instruments" in asked:
        left = programs.copy()
        for name in asked["instruments"]:
            may_be = KINDS.get(name, (parse_instrument(name),))
            program = next((each for each in may_be if left[each]), None)
            if program is None:
                wrong.append("instruments")
                break
            left[program] -= 1
        else:
            wrong += ["instruments"] if left.total() else []
    if "key" in asked:
        fifths, minor = parse_key(asked["key"])
        signatures = [parse_key(m.key) for _, m in events.get("key_signature", [])]
        wrong += [] if signatures == [(fifths, minor)] else ["key"]
    return wrong


def main(calls: int = 1000, seed: int = 1) -> None:
    random, counts, began = np.random.default_rng(seed), Counter[str](), time.perf_counter()
    by_model: dict[str, Counter[str]] = {}
    for number in range(calls):
        name, asked = draw(random)
        try:
            piece = ritornello.load(name).compose(**asked)
        except ritornello.ConfigError:
            outcome = "refused"
        else:
            target = BytesIO()
            piece.write(target, "mid")
            wrong = differences(target.getvalue(), asked)
            outcome = "silent" if wrong else "kept"
            if wrong:
                print(number, name, asked, wrong, dict(piece.missed), flush=True)
        counts[outcome] += 1
        by_model.setdefault(name, Counter())[outcome] += 1
    print(f"{calls} calls, seed {seed}, {time.perf_counter() - began:.0f} s")
    print(f"{'model':10} {'kept':>6} {'refused':>8} {'silent':>7}")
    for name, each in (*sorted(by_model.items()), ("all", counts)):
        print(f"{name:10} {each['kept']:6} {each['refused']:8} {each['silent']:7}")
    sys.exit(bool(counts["silent"]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
