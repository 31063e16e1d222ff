"""Turn taking: is a call answered, in its tempo, on its beat, at its length, and not before it is over?

    python benchmarks/turn_taking.py [--models songs,folk] [--random 90] [--seed 1] [--start] [--list]

Each call of `calls.py`, and then random ones, is played into a new session with a virtual clock (a step of the network
takes 2 ms), with all settings as they are by default, and nothing but keys. Printed for each group:

    answered       share of the calls that are answered at all
    tempo          share whose tempo is heard within 3.5 % (a rubato: within its swing)
    cut off        share in which the model plays before the last note of the call has begun
    on the beat    share of the answers that begin within 40 ms of a beat: of the beat heard; and of the true beat,
                   where the tempo was right
    pause          silence from the end of the call to the answer, in true quarters: median, and the 95th percentile
    length         share of the answers that are 0.75 to 1.5 times as long as the call, of those of a bar and more

`--start` sends Start first, in the mode `answer`: for versions that do not begin by playing.
Results: `turn_taking.txt`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from calls import CALLS, Call, random_calls

import ritornello
from ritornello.config import checked
from ritornello.live.config import JamConfig
from ritornello.live.events import Input, LiveNote, NotesPlanned, Side, Start, TempoSet, Turn, TurnBegan
from ritornello.live.session import LiveModel, Session, make_live_model
from ritornello.live.session.engine import Engine

BEGIN, AFTER, STEP = 0.5, 8.0, 0.002
"""Seconds: the call's begin, how long its answer is waited for, and a step of the network."""

NEAR, RIGHT = 0.040, 0.035


@dataclass
class Result:
    """The answer to a call; nan for what there is not."""

    call: Call
    tempo: float = np.nan
    start: float = np.nan
    length: float = np.nan
    from_heard: float = np.nan
    is_cut: bool = False

    @property
    def is_right(self) -> bool:
        return bool(abs(self.tempo / self.call.tempo - 1) <= max(RIGHT, self.call.swing))

    @property
    def end(self) -> float:
        """The end of the call: of the written length of its last note."""
        start, length, _ = self.call.notes[-1]
        return BEGIN + self.call.seconds_at(start + length)

    @property
    def from_true(self) -> float:
        """Seconds from the nearest true beat to the answer."""
        first = self.call.notes[0][0] + (0.5 if self.call.name.startswith("pickup") else 0.0)
        places = first + self.call.beat * np.arange(400)
        times = [BEGIN + self.call.seconds_at(place) for place in places]
        return float(np.abs(np.array(times) - self.start).min())

    @property
    def ratio(self) -> float:
        return self.length / self.call.seconds


def play(call: Call, model: LiveModel, engine: Engine, seed: int, has_start: bool) -> Result:
    """Play a call into a new session until its answer has begun."""
    session = Session(model, checked(JamConfig, {"mode": "answer"} if has_start else {}), seed)
    log: list[tuple[float, Input]] = [*call.events(BEGIN, seed)]
    log = [(0.0, Start()), *log] if has_start else log
    result, beat, now, turn = Result(call), None, 0.0, None
    last = call.notes[-1][0]
    notes: list[LiveNote] = []
    while now < result.end + AFTER:
        while log and log[0][0] <= now:
            session.receive(log[0][1], log.pop(0)[0])
        outputs = session.advance(now)
        while engine.step([session], lambda now=now: now):  # type: ignore[misc]
            now += STEP
            outputs += session.advance(now)
        for output in outputs:
            beat = output if isinstance(output, TempoSet) else beat
            turn = output if isinstance(output, TurnBegan) else turn
            if isinstance(output, NotesPlanned) and output.notes[0].side is Side.MODEL and not notes:
                notes += output.notes
        if notes and turn is not None and turn.turn is not Turn.MODEL:
            result.is_cut, notes = True, []  # the player went on
        if notes and turn is not None and now > turn.start + 0.1:
            result.is_cut |= notes[0].start < BEGIN + call.seconds_at(last)
            if not log:
                break
        times = [time for time in (session.next_time, log[0][0] if log else None) if time is not None]
        now = max(now + 1e-3, min([*times, now + 0.05]))
    if notes and beat is not None and turn is not None:
        unit = 60 / beat.quarters_per_minute * 4 / beat.meter[1]
        offset = (notes[0].start - beat.bar_line) / unit
        result.tempo, result.start = beat.quarters_per_minute, notes[0].start
        result.from_heard = abs(offset - round(offset)) * unit
        result.length = (turn.end or np.nan) - turn.start
    return result


def line(name: str, results: list[Result]) -> str:
    """Return the figures of a group in a line."""
    answered = [each for each in results if np.isfinite(each.start)]
    right = [each for each in answered if each.is_right and not each.call.swing]
    bars = [each for each in answered if each.call.seconds >= 240 / each.call.tempo * 0.75]
    pauses = [(each.start - each.end) * each.call.tempo / 60 for each in answered if not each.is_cut]

    def share(values: list[bool]) -> str:
        return f"{100 * np.mean(values):5.1f} %" if values else "    none"

    median, p95 = np.percentile(pauses, (50, 95)) if pauses else (np.nan, np.nan)
    return (
        f"{name:24} {len(results):5} {share([np.isfinite(each.start) for each in results])} "
        f"{share([each.is_right for each in results])} {share([each.is_cut for each in results])} "
        f"{share([each.from_heard <= NEAR for each in answered])} {share([each.from_true <= NEAR for each in right])} "
        f"{median:6.2f} {p95:5.2f} {share([0.75 <= each.ratio <= 1.5 for each in bars])}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="songs,folk")
    parser.add_argument("--random", type=int, default=90)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", action="store_true")
    parser.add_argument("--list", action="store_true", help="print each call that went wrong")
    arguments = parser.parse_args()
    print(f"{'':24} calls answered   tempo  cut off  on the beat: heard, true  pause 50/95  length")
    for name in arguments.models.split(","):
        loaded = ritornello.load(name)
        model, engine = make_live_model(loaded.bundle, loaded.stepper), Engine(loaded.stepper)
        groups = {"calls": CALLS, "random": tuple(random_calls(arguments.seed, arguments.random))}
        for group, calls in groups.items():
            results = [play(call, model, engine, n + 1, arguments.start) for n, call in enumerate(calls)]
            print(line(f"{name}, {group}", results), flush=True)
            for each in results if arguments.list else ():
                if not (each.is_right and not each.is_cut and 0.75 <= each.ratio <= 1.5):
                    print(
                        f"  {each.call.name:24} {each.call.tempo:4.0f} heard {each.tempo:6.1f} cut {each.is_cut!s:5}"
                        f" start {each.start - each.end:5.2f} s after, length {each.ratio:.2f}"
                    )


if __name__ == "__main__":
    main()
