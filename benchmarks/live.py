"""Live sessions: how soon is an answer there, how many sessions are served, what does one hold, and an hour of it.

    python benchmarks/live.py [--models songs,bands] [--sessions 200] [--seconds 40] [--hour 3600] [--cpu]

Everything runs in process, on one thread, without a server. The sessions' clock is virtual, but goes on by the time
that the computing really takes, so that a queue is a queue. On a busy machine `--cpu` counts the thread's own time
instead of the wall's. Results: `live.txt`.
"""

from __future__ import annotations

import argparse
import heapq
import os
import platform
import time
import tracemalloc
from collections.abc import Iterable

import numpy as np

import ritornello
from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import Input, Midi, NotesPlanned, Start
from ritornello.live.session import LiveModel, Session, make_live_model
from ritornello.live.session.engine import Engine

CALLS = 40
PARTS = 6
SCALE = (0, 2, 4, 5, 7, 9, 11)

clock = time.perf_counter

Log = list[tuple[float, Input]]


def player(random: np.random.Generator, since: float, until: float) -> Log:
    """Return somebody who plays a walk on a scale, mostly eighths at 110, with a pause now and then."""
    log: Log = []
    place, now, unit = int(random.integers(14, 28)), since, 60 / 110 / 2
    while now < until:
        place = int(np.clip(place + random.integers(-2, 3), 7, 35))
        pitch = 36 + 12 * (place // 7) + SCALE[place % 7]
        length = unit * random.choice([1, 1, 2, 3])
        log += [(now, Midi(bytes([0x90, pitch, 80]))), (now + 0.9 * length, Midi(bytes([0x80, pitch, 0])))]
        now += length + (2.0 if random.random() < 0.04 else 0.0)
    return log


def percentiles(values: Iterable[float], *which: float) -> str:
    return "  ".join(f"p{p:g} {1e3 * np.percentile(list(values), p):6.2f} ms" for p in which)


def answer_latency(model: LiveModel, engine: Engine) -> list[float]:
    """Return, for calls of 6 s, the seconds from the end of the call to the first note of the answer decided."""
    latencies = []
    for number in range(CALLS):
        session = Session(model, JamConfig.model_validate({"call_seconds": 6}), seed=number)
        for now, event in [(0.0, Start()), *player(np.random.default_rng(number), 0.2, 6.0)]:
            if now < 6:
                session.receive(event, now)
                session.advance(now)
                engine.run([session], lambda now=now: now)  # type: ignore[misc]
        begun, out = clock(), session.advance(6.0)
        while not any(isinstance(output, NotesPlanned) for output in out):
            engine.step([session], lambda: 6.0)
            out = session.advance(6.0)
        latencies.append(clock() - begun)
    return latencies


def step_latency(model: LiveModel, engine: Engine) -> tuple[list[float], list[float]]:
    """Return seconds of steps of one session: of the network alone, and with the choice of the next id."""
    alone, whole = [], []
    session = Session(model, JamConfig.model_validate({"mode": "answer", "response_seconds": 60}), seed=1)
    for now, event in [(0.0, Start()), *player(np.random.default_rng(1), 0.2, 4.0)]:
        session.receive(event, now)
    now = 8.0
    session.advance(now)
    while len(whole) < 600:
        while (step := session.wants) is not None:
            begun = clock()
            engine.stepper.step(step.columns, step.state)
            middle = clock()
            engine.step([session], lambda now=now: now)  # type: ignore[misc]
            alone.append(middle - begun)
            whole.append(clock() - middle)
        now += 0.25
        session.advance(now)
        if now > 60:
            break
    return alone, whole


def serve(
    model: LiveModel, engine: Engine, count: int, seconds: float
) -> tuple[list[float], float, int, int]:
    """Let `count` sessions play for so long. Return the seconds that each step waited, the share of time in which
    the thread was busy, the notes planned, and those that came too late."""
    modes = list(Mode)
    sessions = [Session(model, JamConfig(mode=modes[n % len(modes)]), seed=n) for n in range(count)]  # type: ignore[call-arg]
    todo: list[tuple[float, int, int, Input | None]] = []
    for n in range(count):
        random = np.random.default_rng(n)
        phase = random.uniform(0, 6)
        log = [(phase, Start()), *player(random, phase + 0.1, seconds)]
        todo += [(when, n, order, event) for order, (when, event) in enumerate(log)]
    heapq.heapify(todo)
    waits, since, busy, notes, late, now = [], {}, 0.0, 0, 0, 0.0

    def look(n: int) -> None:
        nonlocal notes, late
        for output in sessions[n].advance(now):
            planned = output.notes if isinstance(output, NotesPlanned) else ()
            notes, late = notes + len(planned), late + sum(note.start < now for note in planned)
        if sessions[n].wants is None:
            since.pop(n, None)
            if (when := sessions[n].next_time) is not None:
                heapq.heappush(todo, (when, n, -1, None))
        else:
            since.setdefault(n, now)

    while todo and now < seconds:
        now = max(now, todo[0][0]) if not since else now
        begun, touched = clock(), set()
        while todo and todo[0][0] <= now:
            when, n, _, event = heapq.heappop(todo)
            if event is not None:
                sessions[n].receive(event, when)
            touched.add(n)
        for n in touched:
            look(n)
        batch = sorted(since)
        engine.step([sessions[n] for n in batch], lambda now=now: now)  # type: ignore[misc]
        took = clock() - begun
        now, busy = now + max(took, 1e-5), busy + took
        for n in batch:
            waits.append(now - since.pop(n))
            look(n)
    return waits, busy / seconds, notes, late


def memory(model: LiveModel, engine: Engine, count: int = 50) -> float:
    """Return the bytes that a session holds after a call and its answer, when nobody plays."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    sessions = []
    for number in range(count):
        session = Session(model, JamConfig.model_validate({"call_seconds": 6}), seed=number)
        log = [(0.0, Start()), *player(np.random.default_rng(number), 0.2, 5.5)]
        for now in np.arange(0, 13, 0.25).tolist():
            while log and log[0][0] <= now:
                session.receive(log[0][1], log.pop(0)[0])
            session.advance(now)
            engine.run([session], lambda now=now: now)
        sessions.append(session)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return held / count


def hour(model: LiveModel, engine: Engine, seconds: float) -> list[tuple[int, float]]:
    """Return, for each part of a duet of so long, how many notes both played and the milliseconds each cost."""
    session = Session(model, JamConfig.model_validate({"mode": "duet"}), seed=1)
    log: Log = [(0.0, Start()), *player(np.random.default_rng(1), 1.0, seconds)]
    parts, known = [], 0
    for part in range(PARTS):
        end, spent = seconds * (part + 1) / PARTS, 0.0
        while log and log[0][0] < end:
            now = log[0][0] if session.next_time is None else min(log[0][0], session.next_time)
            begun = clock()
            while log and log[0][0] <= now:
                session.receive(log[0][1], log.pop(0)[0])
            session.advance(now)
            engine.run([session], lambda now=now: now)  # type: ignore[misc]
            session.advance(now)
            spent += clock() - begun
        count = len(session.notes)
        parts.append((count - known, 1e3 * spent / max(1, count - known)))
        known = count
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="songs,bands")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=40.0, help="of play of all sessions")
    parser.add_argument("--hour", type=float, default=3600.0, help="seconds of the long session")
    parser.add_argument("--cpu", action="store_true", help="measure processor time, not time")
    arguments = parser.parse_args()
    if arguments.cpu:
        global clock
        clock = time.thread_time
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load before: {load}"
    )
    for name in arguments.models.split(","):
        loaded = ritornello.load(name)
        engine, begun = Engine(loaded.stepper), clock()
        model = make_live_model(loaded.bundle, loaded.stepper)
        facts = f"{loaded.bundle.parameters / 1e6:.1f} million weights, {model.representation.vocabulary_size} ids"
        print(f"\n{name}: {facts}; made ready in {clock() - begun:.2f} s")
        answer_latency(model, engine)  # warm
        print(f"  call ended to first note decided   {percentiles(answer_latency(model, engine), 50, 95)}")
        alone, whole = step_latency(model, engine)
        print(f"  a step, network alone              {percentiles(alone, 50, 95)}")
        print(f"  a step, with the choice of an id   {percentiles(whole, 50, 95)}")
        waits, busy, notes, late = serve(model, engine, arguments.sessions, arguments.seconds)
        print(f"  {arguments.sessions} sessions: a step waits        {percentiles(waits, 50, 95, 99)}")
        print(f"     one thread busy {busy:.0%}; {notes} notes planned, {late} of them late")
        print(f"  an idle session holds              {memory(model, engine) / 1e3:6.1f} kB")
        parts = hour(model, engine, arguments.hour)
        print(
            f"  a duet of {arguments.hour:g} s, in {PARTS} parts:   "
            + "  ".join(f"{n} notes" for n, _ in parts)
        )
        print("     milliseconds a note            " + "  ".join(f"{cost:9.2f}" for _, cost in parts))


if __name__ == "__main__":
    main()
