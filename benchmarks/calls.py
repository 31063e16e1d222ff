"""Calls of a keyboard player, for measurements of live play: `CALLS` of several kinds, and random ones.

    from calls import CALLS, random_calls
    log = [*call.events(start=0.5, seed=1)]        MIDI messages with their times

A call is written as notes with their lengths in quarters, "C4:1 E4+G4:0.5 -:1" (a rest is "-"), and is played at a
tempo with the inaccuracy of a hand: onsets with a standard deviation of `HAND` seconds. `random_calls` gives calls
that nobody has seen: for each seed others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ritornello.live.events import Midi
from ritornello.theory import SCALES

HAND = 0.010
"""Seconds: the standard deviation of a played onset."""

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SIGNS = {"": 0, "#": 1, "b": -1}
SUSTAIN = 64


@dataclass(frozen=True)
class Call:
    """A call. tempo: quarters a minute. share: of a note's length, for which its key is down. transposed: semitones.

    pedal: the sustain pedal is down, and is changed at each onset of half a bar or more. swing: of the tempo, the share
    by which it goes up and down in a call (rubato).
    """

    name: str
    tempo: float
    text: str
    key: str = "C major"
    meter: tuple[int, int] = (4, 4)
    share: float = 0.9
    velocity: int = 80
    pedal: bool = False
    swing: float = 0.0
    transposed: int = 0

    @cached_property
    def notes(self) -> tuple[tuple[float, float, tuple[int, ...]], ...]:
        """Start and length in quarters, and pitches."""
        found, start = [], 0.0
        for word in self.text.split():
            names, length = word.split(":")
            if names != "-":
                pitches = tuple(_pitch(name) + self.transposed for name in names.split("+"))
                found.append((start, float(length), pitches))
            start += float(length)
        return tuple(found)

    @property
    def pitches(self) -> list[int]:
        return [pitch for _, _, pitches in self.notes for pitch in pitches]

    @property
    def scale(self) -> frozenset[int]:
        """The pitch classes of the key."""
        tonic, name = self.key.split(" ", 1)
        return frozenset((_pitch(f"{tonic}0") + self.transposed + step) % 12 for step in SCALES[name])

    @property
    def beat(self) -> float:
        """A beat, a note of the meter's denominator, in quarters."""
        return 4 / self.meter[1]

    @property
    def seconds(self) -> float:
        """From the first onset to the end of the last note."""
        start, length, _ = self.notes[-1]
        return self.seconds_at(start + length) - self.seconds_at(self.notes[0][0])

    def seconds_at(self, quarters: float) -> float:
        """Return the time of a place in the call: at the tempo, or swinging about it once in eight quarters."""
        phase = 2 * np.pi * quarters / 8
        return float((quarters + self.swing * 8 / (2 * np.pi) * (1 - np.cos(phase))) * 60 / self.tempo)

    def events(self, start: float, seed: int = 0) -> list[tuple[float, Midi]]:
        """Return the messages of the call, played from `start` (seconds) on, in order of time."""
        random, log = np.random.default_rng(seed), []
        for number, (place, length, pitches) in enumerate(self.notes):
            on = start + self.seconds_at(place)
            off = start + self.seconds_at(place + self.share * length)
            hand = 0.0 if number == 0 else float(random.normal(scale=HAND))
            if self.pedal and (number == 0 or length >= self.beat * self.meter[0] / 2):
                log += [
                    (on + hand + 0.02 * value, Midi(bytes([0xB0, SUSTAIN, 127 * value]))) for value in (0, 1)
                ]
            for pitch in pitches:
                strike = max(0.0, on + hand + (float(random.uniform(0, 0.015)) if len(pitches) > 1 else 0.0))
                velocity = int(np.clip(self.velocity + random.normal(scale=5), 1, 127))
                log += [
                    (strike, Midi(bytes([0x90, pitch, velocity]))),
                    (max(off, strike + 0.04), Midi(bytes([0x80, pitch, 0]))),
                ]
        if self.pedal:
            place, length, _ = self.notes[-1]
            log.append((start + self.seconds_at(place + length), Midi(bytes([0xB0, SUSTAIN, 0]))))
        return sorted(log, key=lambda event: (event[0], event[1].data[0] >= 0x90))

    def moved(self, semitones: int) -> Call:
        """Return the call in another key."""
        return replace(self, transposed=self.transposed + semitones)


def _pitch(name: str) -> int:
    match = re.fullmatch(r"([A-G])([#b]?)(-?\d)", name)
    assert match is not None, f"{name} is no note"
    letter, sign, octave = match.groups()
    return 12 * (int(octave) + 1) + STEPS[letter] + SIGNS[sign]


def _even(names: str, length: float) -> str:
    """Return the text of notes of one length."""
    return " ".join(f"{name}:{length}" for name in names.split())


CALLS: tuple[Call, ...] = (
    Call("Twinkle", 100, "C4:1 C4:1 G4:1 G4:1 A4:1 A4:1 G4:2 F4:1 F4:1 E4:1 E4:1 D4:1 D4:1 C4:2"),
    Call(
        "Ode in D",
        112,
        "F#4:1 F#4:1 G4:1 A4:1 A4:1 G4:1 F#4:1 E4:1 D4:1 D4:1 E4:1 F#4:1 F#4:1.5 E4:0.5 E4:2",
        "D major",
    ),
    Call(
        "waltz in Eb",
        132,
        "Eb4:2 G4:1 Bb4:2 Bb4:1 C5:1 Bb4:1 Ab4:1 G4:3 F4:2 Ab4:1 D4:2 F4:1 G4:1 F4:1 D4:1 Eb4:3",
        "Eb major",
        (3, 4),
    ),
    Call(
        "blues lick in A",
        92,
        "A3:0.5 C4:0.5 D4:0.5 Eb4:0.5 E4:1 G4:0.5 A4:1 G4:0.5 E4:0.5 Eb4:0.5 D4:0.5 C4:0.5 A3:1",
        "A minor",
    ),
    Call(
        "bass line in E minor",
        96,
        "E2:1 E2:0.5 G2:0.5 A2:1 B2:1 E2:1 D3:0.5 B2:0.5 A2:1 G2:1 E2:1 E2:0.5 G2:0.5 A2:1 B2:1",
        "E minor",
    ),
    Call(
        "fast sixteenths",
        120,
        _even("G4 A4 B4 C5 D5 C5 B4 A4 G4 B4 D5 G5 F#5 D5 C5 A4", 0.25) + " G4:2",
        "G major",
    ),
    Call(
        "ii-V-I",
        110,
        "D4+F4+A4+C5:2 D4+F4+A4+C5:2 D4+F4+G4+B4:2 D4+F4+G4+B4:2 C4+E4+G4+B4:2 C4+E4+G4+B4:1 E4:1 C4+E4+G4+B4:4",
    ),
    Call("whole-bar chords", 120, "C4+E4+G4:4 A3+C4+E4:4 F3+A3+C4:4 G3+B3+D4:4", share=0.95),
    Call(
        "pedal chords",
        70,
        "C4+E4+G4:2 A3+C4+E4:2 F3+A3+C4:2 G3+B3+D4:2 C4+E4+G4:4",
        share=0.5,
        pedal=True,
    ),
    Call("slow staccato", 50, "C4:1 E4:1 G4:1 E4:1 F4:1 D4:1 C4:1", share=0.21),
    Call("slow tune", 50, "A4:1 G4:0.5 F4:0.5 G4:1 C4:1 D4:0.5 F4:0.5 E4:0.5 D4:0.5 F4:2", "F major"),
    Call(
        "rubato",
        96,
        "E4:1 G4:1 C5:1.5 B4:0.5 A4:1 G4:1 -:1 F4:1 E4:1 D4:1 G4:0.5 F4:0.5 E4:2",
        swing=0.12,
    ),
    Call("high", 104, "C6:0.5 E6:0.5 G6:1 F6:0.5 E6:0.5 D6:1 E6:0.5 C6:0.5 D6:0.5 B5:0.5 C6:2"),
    Call("one note", 100, "C4:2"),
    Call(
        "C minor eighths",
        116,
        "C4:0.5 D4:0.5 Eb4:0.5 F4:0.5 G4:0.5 Ab4:0.5 G4:0.5 F4:0.5 Eb4:0.5 F4:0.5 D4:0.5 Eb4:0.5 C4:2",
        "C minor",
    ),
    Call(
        "quiet",
        84,
        "A4:1 C5:1 B4:0.5 A4:0.5 E4:1 F4:1 A4:1 G#4:2",
        "A harmonic minor",
        velocity=25,
    ),
    Call(
        "loud",
        140,
        "G4:1 B4:1 D5:1 B4:0.5 C5:0.5 D5:1 E5:1 D5:2 C5:1 A4:1 F#4:1 A4:1 G4:2 G4:2",
        "G major",
        velocity=110,
    ),
    Call(
        "two hands",
        88,
        "C3+E4:1 G4:1 G3+C5:1 B4:0.5 A4:0.5 F3+A4:1 C5:1 G3+B4:1 D4:1 C3+E4:1 G4:0.5 E4:0.5 C3+C4:2",
    ),
    Call(
        "jig",
        110,
        _even("D4 F#4 A4 D5 A4 F#4 G4 B4 D5 E5 D5 B4", 0.5) + " A4:1.5 D4:1.5",
        "D major",
        (6, 8),
    ),
    Call(
        "syncopes",
        126,
        "Bb4:0.5 D5:1 C5:0.5 Bb4:1 G4:1 F4:0.5 Bb4:1 A4:0.5 G4:1 F4:1 D4:0.5 F4:1 G4:0.5 Bb4:2",
        "Bb major",
    ),
    Call(
        "fast tune",
        160,
        "E4:1 E4:1 F#4:1 G#4:1 B4:2 G#4:1 B4:1 C#5:1 B4:1 G#4:1 F#4:1 E4:2 B3:2 E4:4",
        "E major",
    ),
)
"""Twenty-one calls: tunes, chords, staccato, pedal, rubato, a single note; 50 to 160 quarters a minute."""

KINDS = ("tune", "eighths", "sixteenths", "chords", "held chords", "staccato", "pedal", "waltz", "pickup")
BARS = {
    "tune": ((1, 1, 1, 1), (1, 0.5, 0.5, 1, 1), (1.5, 0.5, 1, 1), (2, 1, 1), (1, 1, 2), (0.5, 0.5, 1, 2)),
    "eighths": ((0.5,) * 8, (1, 0.5, 0.5, 0.5, 0.5, 1), (0.5, 0.5, 1, 0.5, 0.5, 1), (1.5, 0.5, 0.5, 0.5, 1)),
    "sixteenths": ((0.25,) * 8 + (1, 1), (0.5, 0.25, 0.25) * 4, (1, 0.25, 0.25, 0.25, 0.25, 1, 1)),
    "chords": ((2, 2), (1, 1, 2), (1, 1, 1, 1), (2, 1, 1)),
    "held chords": ((4,), (4,), (2, 2)),
    "staccato": ((1, 1, 1, 1), (1, 0.5, 0.5, 1, 1), (1, 1, 2)),
    "pedal": ((2, 2), (4,), (1, 1, 2)),
    "waltz": ((2, 1), (1, 1, 1), (3,), (1.5, 0.5, 1)),
    "pickup": ((1, 1, 1, 1), (1, 0.5, 0.5, 1, 1), (2, 1, 1)),
}
"""The rhythms of the bars of random calls, by kind."""

SLOW, FAST = 50.0, 160.0
LONG_LENGTH = 1.0
"""Quarters of the last note, at least."""


def random_calls(seed: int, count: int) -> Iterator[Call]:
    """Yield calls of all kinds in turn, of one to eight bars, at tempos from SLOW to FAST; the same for a seed."""
    random = np.random.default_rng(seed)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        tempo = float(np.round(np.exp(random.uniform(np.log(SLOW), np.log(FAST)))))
        tonic, scale = random.choice(list(STEPS)), random.choice(["major", "minor"])
        bars = int(random.integers(2, 9)) if kind != "sixteenths" else int(random.integers(1, 5))
        lengths = [length for _ in range(bars) for length in BARS[kind][random.integers(len(BARS[kind]))]]
        lengths = lengths if lengths[-1] >= LONG_LENGTH else [*lengths, LONG_LENGTH]
        lengths = [0.5, *lengths] if kind == "pickup" else lengths
        words, place = [], int(random.integers(-3, 8))
        for length in lengths:
            place = int(np.clip(place + random.integers(-2, 3), -10, 12))
            chord = [place, place + 2, place + 4] if kind in ("chords", "held chords", "pedal") else [place]
            words.append("+".join(_name(step, str(tonic), str(scale)) for step in chord) + f":{length}")
        yield Call(
            f"{kind} {number}",
            tempo,
            " ".join(words),
            f"{tonic} {scale}",
            (3, 4) if kind == "waltz" else (4, 4),
            share={"staccato": 0.25, "held chords": 0.97, "pedal": 0.4}.get(kind, 0.9),
            velocity=int(random.integers(40, 110)),
            pedal=kind == "pedal",
        )


def _name(step: int, tonic: str, scale: str) -> str:
    """Return the name of a step of a scale, counted from the tonic above middle C."""
    pitch = 60 + STEPS[tonic] + 12 * (step // 7) + sorted(SCALES[scale])[step % 7]
    names = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
    return f"{names[pitch % 12]}{pitch // 12 - 1}"
