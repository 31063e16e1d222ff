"""Answers to calls, simulated: in the key, in the register, from the motif of the call, without loops, in time?

    python benchmarks/answers.py [--models songs,folk] [--calls 21] [--random 0] [--seeds 1] [--timed] [KEY=VALUE ...]

Plays every call (`calls.py`; with `--random` so many that nobody has seen instead) to every model in `answer` mode, on
a clock that stands still while the network steps, or, with `--timed`, goes on by the time that steps take. `KEY=VALUE`
are settings of the session: `candidates=1 closeness=0 temperature=1` is an answer that only continues the call.

Printed for each model and for all, one row each:

    answers     calls that were answered with at least one pitched note
    key         share of the notes in the call's scale; off: answers with less than 0.7 of their notes in it
    loops       answers in whose top line over half of the patterns of four pitches come again
    register    median pitch of the answer away from that of the call, semitones: p50 and p95
    motif       share of the patterns of three intervals of the top line, other than a repeated note, that the own call
                has; that the others have, on average; and their ratio. Rhythm: the same for patterns of four onsets
    run         the longest run of intervals that an answer shares with its call, in notes
    home        answers whose top line ends on the tonic, on a note of its triad
    length      length of the answer over that of the call: p5, p50, p95; share from 0.75 to 1.5
    beat        share of answers that begin within 40 ms of the beat heard, and of the beat played
    tempo       share of calls whose tempo was heard within 3.5 %
    choice      milliseconds of computing from the end of the call to the answer's first note decided, p50 and p95, and
                share of answers that were late
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from calls import CALLS, Call, random_calls

import ritornello
from ritornello.config import checked
from ritornello.live.config import JamConfig
from ritornello.live.events import LiveNote, NotesPlanned, Side, Start, TempoSet, Turn, TurnBegan
from ritornello.live.session import LiveModel, Session, make_live_model
from ritornello.live.session.engine import Engine
from ritornello.theory import DRUMS

MODELS = "songs,folk,piano,chorales,quartets,bands,guitar,organ,choir,chamber"
BEGIN = 0.5
TICK = 0.02
PATIENCE = 40.0
"""Seconds after a call in which its answer has to be over."""

GRAM = 4
Gram = tuple[float, ...]


@dataclass(frozen=True)
class Answer:
    """An answer to a call: its notes, the model's turn, the beat heard, seconds of computing to its first note."""

    call: Call
    notes: tuple[LiveNote, ...]
    turn: TurnBegan | None
    beat: TempoSet | None
    computing: float
    late: float

    @property
    def line(self) -> list[LiveNote]:
        """The highest note at each onset."""
        pitched = sorted((n for n in self.notes if n.program != DRUMS), key=lambda n: (n.start, n.pitch))
        return [list(chord)[-1] for _, chord in groupby(pitched, key=lambda note: round(note.start, 2))]


def answer(model: LiveModel, engine: Engine, config: JamConfig, call: Call, seed: int, timed: bool) -> Answer:
    """Play a call and return the first answer."""
    session, log = Session(model, config, seed), [(0.0, Start()), *call.events(BEGIN, seed)]
    now, computing, first, turn, beat, wanted = 0.0, 0.0, 0.0, None, None, 0.0
    last = log[-1][0]
    while now < last + PATIENCE:
        while log and log[0][0] <= now:
            session.receive(log[0][1], log.pop(0)[0])
        is_stepping = True
        while is_stepping:
            begun = time.thread_time()
            outputs = session.advance(now)
            for output in outputs:
                if isinstance(output, TempoSet) and turn is None:
                    beat = output
                elif isinstance(output, TurnBegan) and output.turn == Turn.MODEL and turn is None:
                    turn = output
                elif isinstance(output, TurnBegan) and turn is not None and output.start > turn.start:
                    return _answered(session, call, turn, beat, first, turn.start - wanted)
                elif isinstance(output, NotesPlanned) and output.notes[0].side == Side.MODEL and not first:
                    first = computing
            if session.turn.turn == Turn.MODEL and not wanted:
                wanted = session.turn.start
            is_stepping = bool(engine.step([session], lambda now=now: now))  # type: ignore[misc]
            if session.turn.turn == Turn.MODEL:
                computing += time.thread_time() - begun
            now += time.thread_time() - begun if timed else 0.0
        now += TICK
    return _answered(session, call, turn, beat, first, 0.0 if turn is None else turn.start - wanted)


def _answered(
    session: Session, call: Call, turn: TurnBegan | None, beat: TempoSet | None, first: float, late: float
) -> Answer:
    notes = tuple(note for note in session.notes if note.side == Side.MODEL)
    return Answer(call, notes, turn, beat, first, late)


# --- figures ----------------------------------------------------------------------------------------------------


def top_line(call: Call) -> list[tuple[float, int]]:
    """Return the onsets, in quarters, and the highest pitches of a call."""
    return [(start, max(pitches)) for start, _, pitches in call.notes]


def interval_grams(pitches: Sequence[int]) -> list[Gram]:
    steps = np.diff(pitches).tolist()
    grams = [tuple(steps[at : at + GRAM - 1]) for at in range(len(steps) - GRAM + 2)]
    return [gram for gram in grams if any(gram)]


def rhythm_grams(onsets: Sequence[float], quarters_per_minute: float) -> list[Gram]:
    """Return the patterns of waits, in quarters to the nearest eighth of one."""
    waits = [round(8 * wait * quarters_per_minute / 60) / 8 for wait in np.diff(onsets).tolist()]
    grams = [tuple(waits[at : at + GRAM - 1]) for at in range(len(waits) - GRAM + 2)]
    return [gram for gram in grams if len(set(gram)) > 1]  # even notes are no rhythm


def share(grams: Sequence[Gram], of: set[Gram]) -> float:
    return float(np.mean([gram in of for gram in grams])) if grams else math.nan


def longest_run(one: Sequence[int], other: Sequence[int]) -> int:
    """Return the notes of the longest run of intervals that two lines share; 1 for none."""
    mine, theirs = np.diff(one).tolist(), np.diff(other).tolist()
    best, before = 0, [0] * (len(theirs) + 1)
    for step in mine:
        row = [0] + [before[at] + 1 if step == their else 0 for at, their in enumerate(theirs)]
        best, before = max(best, *row), row
    return best + 1


def figures(answers: Sequence[Answer], calls: Sequence[Call]) -> dict[str, str]:
    """Return the figures of some answers; `calls` are all that were played."""
    found = [each for each in answers if each.line]
    lines = {call.name: top_line(call) for call in calls}
    intervals = {name: set(interval_grams([pitch for _, pitch in line])) for name, line in lines.items()}
    rhythms = {name: set(rhythm_grams([onset for onset, _ in line], 60)) for name, line in lines.items()}
    keys, loops, away, runs, tonic, triad = [], [], [], [], [], []
    own, others, own_rhythm, other_rhythm = [], [], [], []
    for each in found:
        pitches = [note.pitch for note in each.notes if note.program != DRUMS]
        line, call = [note.pitch for note in each.line], each.call
        keys.append(float(np.mean([pitch % 12 in call.scale for pitch in pitches])))
        fours = [tuple(line[at : at + GRAM]) for at in range(len(line) - GRAM + 1)]
        loops.append(len(fours) > 1 and len(set(fours)) < len(fours) / 2)
        away.append(abs(float(np.median(pitches)) - float(np.median(call.pitches))))
        runs.append(longest_run(line, [pitch for _, pitch in lines[call.name]]))
        root = (_tonic(call) + call.transposed) % 12
        third = root + (4 if (root + 4) % 12 in call.scale else 3)
        tonic.append(line[-1] % 12 == root)
        triad.append(line[-1] % 12 in (root, third % 12, (root + 7) % 12))
        grams = interval_grams(line)
        if grams and intervals[call.name]:
            own.append(share(grams, intervals[call.name]))
            rest = [share(grams, known) for name, known in intervals.items() if name != call.name and known]
            others.append(float(np.mean(rest)) if rest else math.nan)
        if each.beat is not None and rhythms[call.name]:
            grams = rhythm_grams([note.start for note in each.line], each.beat.quarters_per_minute)
            if grams:
                own_rhythm.append(share(grams, rhythms[call.name]))
                rest = [share(grams, known) for name, known in rhythms.items() if name != call.name and known]
                other_rhythm.append(float(np.mean(rest)) if rest else math.nan)
    timed = [each for each in found if each.turn is not None and each.beat is not None]
    lengths = [
        (each.turn.end - each.turn.start) / each.call.seconds for each in timed if each.turn and each.turn.end
    ]
    return {
        "answers": f"{len(found)}/{len(answers)}",
        "key": f"{np.mean(keys):.2f} off {100 * np.mean(np.array(keys) < 0.7):.1f}%",
        "loops": f"{100 * np.mean(loops):.1f}%",
        "register": f"{np.median(away):.1f}/{np.percentile(away, 95):.1f}",
        "motif": f"{np.mean(own):.3f}:{np.mean(others):.3f}={np.mean(own) / max(float(np.mean(others)), 1e-9):.1f}",
        "rhythm": f"{np.mean(own_rhythm or [0]):.2f}:{np.mean(other_rhythm or [0]):.2f}",
        "run": f"{max(runs)}",
        "home": f"{100 * np.mean(tonic):.0f}%/{100 * np.mean(triad):.0f}%",
        "length": "/".join(f"{np.percentile(lengths, p):.2f}" for p in (5, 50, 95))
        + f" {100 * np.mean([0.75 <= each <= 1.5 for each in lengths]):.0f}%",
        "beat": f"{100 * np.mean([_off_beat(each) < 0.04 for each in timed]):.0f}%/"
        + f"{100 * np.mean([_off_beat(each, played=True) < 0.04 for each in timed]):.0f}%",
        "tempo": f"{100 * np.mean([_hears_tempo(each) for each in timed]):.0f}%",
        "choice": "/".join(f"{1000 * np.percentile([e.computing for e in found], p):.0f}" for p in (50, 95))
        + f" late {100 * np.mean([each.late > 1e-6 for each in timed]):.0f}%",
    }


def _tonic(call: Call) -> int:
    from calls import SIGNS, STEPS

    name = call.key.split(" ")[0]
    return STEPS[name[0]] + SIGNS[name[1:]]


def _off_beat(each: Answer, played: bool = False) -> float:
    """Return the seconds from the start of an answer to the nearest beat, that heard or that played."""
    assert each.turn is not None
    assert each.beat is not None
    origin, unit = each.beat.bar_line, 60 / each.beat.quarters_per_minute * 4 / each.beat.meter[1]
    if played:
        origin, unit = (
            BEGIN + each.call.seconds_at(each.call.notes[0][0]),
            60 / each.call.tempo * each.call.beat,
        )
    away = (min(note.start for note in each.notes) - origin) / unit
    return abs(away - round(away)) * unit


def _hears_tempo(each: Answer) -> bool:
    return each.beat is not None and abs(each.beat.quarters_per_minute / each.call.tempo - 1) < 0.035


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--calls", type=int, default=len(CALLS), help="so many of the calls, from the first")
    parser.add_argument("--random", type=int, default=0, help="so many random calls instead")
    parser.add_argument("--seeds", type=int, default=1, help="answers to each call")
    parser.add_argument("--from-seed", type=int, default=1, help="the first seed, of random calls too")
    parser.add_argument("--timed", action="store_true", help="the clock goes on while the network steps")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    calls = list(random_calls(arguments.from_seed, arguments.random)) or list(CALLS[: arguments.calls])
    asked = dict(setting.split("=", 1) for setting in arguments.settings)
    every: list[Answer] = []
    for name in arguments.models.split(","):
        loaded = ritornello.load(name)
        model, engine = make_live_model(loaded.bundle, loaded.stepper), Engine(loaded.stepper)
        answers = []
        for call in calls:
            config = checked(
                JamConfig, {"mode": "answer", "meter": f"{call.meter[0]}/{call.meter[1]}"} | asked
            )
            for seed in range(arguments.from_seed, arguments.from_seed + arguments.seeds):
                answers.append(answer(model, engine, config, call, seed, arguments.timed))
        every += answers
        show(name, figures(answers, calls))
    if "," in arguments.models:
        show("all", figures(every, calls))


def show(name: str, row: dict[str, str]) -> None:
    print(f"{name:9} " + "  ".join(f"{key} {value}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
