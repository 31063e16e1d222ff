"""The report of a scan as text and JSON, and a forecast of the training time.

The forecast is estimated from the number of tokens (TOKENS_PER_NOTE), the epochs (EPOCHS), the size of network that so
many tokens can train (TOKENS_PER_WEIGHT), the operations for each weight and token (OPERATIONS), and the speed of this
machine's processors, measured briefly on products of matrices, of which training reaches a share (EFFICIENCY). However
small the network is, it reads no more than MOST_TOKENS_A_SECOND, and the command takes START_SECONDS.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ritornello.analysis.beats import find_beats
from ritornello.analysis.chords import find_chords
from ritornello.analysis.keys import bar_keys, find_keys
from ritornello.corpus.pool import processor_count
from ritornello.corpus.recommend import Recommendation, recommend
from ritornello.corpus.scan import FileReport, Scan
from ritornello.errors import ConfigError, counted
from ritornello.score import Score
from ritornello.theory import instrument_name

TOKENS_PER_NOTE = 1.9
"""Of the representation `multitrack`: 1.5 (orchestra) to 2.8 (drums) on twelve pieces of each of eight corpora."""

EPOCHS: tuple[tuple[float, int], ...] = ((5_000, 80), (30_000, 30), (float("inf"), 20))
"""Upper limits of a corpus's notes, and the epochs until its validation loss no longer falls: 87 with 3,100 notes, 24
with 20,000, 10 with 50,000 of little in common, 35 and more with 83,000 of one style."""

MOST_TOKENS_A_SECOND = 30_000
"""20,000 to 39,000 with the small networks of small corpora, whose steps wait for one another."""

START_SECONDS = 10
"""To read, to measure the machine, to score and to write."""

TOKENS_PER_WEIGHT = 8.0
FEWEST_WEIGHTS, MOST_WEIGHTS = 100_000, 1_500_000

OPERATIONS = 6
"""Additions and multiplications for a weight and a token: 2 forwards, 4 backwards."""

EFFICIENCY = 0.3
"""Speed of LSTM training as a share of that of matrix products: 0.2 to 0.6 where measured."""

MOST_PROCESSORS = 4
"""More processors hardly speed up the training of an LSTM, whose steps are sequential."""

LEARNING_SHARE = 0.75
"""Of two minutes; the rest goes to reading, scoring and writing (benchmarks/budget.py)."""

MINUTES = 2.0
"""The minutes of learning from the base that are forecast."""

TRIED_PIECES, TRIED_TOKENS, TRIED_GAIN = (10, 37), 8_000, (7, 26)
"""Seven folders, pieces learned from, tokens read at least, and per cent fewer nats a note than the model that it began
with (docs/experiments.md: what to learn of a network that knows music, the base, and the folders)."""

FEW_NOTES = 30_000
"""No good model comes of fewer."""

EXPECTATIONS: tuple[tuple[float, str], ...] = (
    (
        5_000,
        "very little music: the model will mostly repeat it; add files, or begin from a model with --init",
    ),
    (
        FEW_NOTES,
        "little music: the model will learn its manner, and often quote it; more files, or --init, help",
    ),
    (150_000, "enough to learn a uniform style; the more the pieces have in common, the better"),
    (1_000_000, "plenty for a network of this size"),
    (
        float("inf"),
        "a large corpus: more time than forecast, and a larger network, will still improve the model",
    ),
)
"""Upper limits of a corpus's notes, and what to expect of a model trained on so many."""


@dataclass(frozen=True)
class Forecast:
    """The training time, what to expect of the model, and the assumptions of the estimate."""

    notes: int
    minutes: float
    tokens: int
    epochs: int
    weights: int
    operations_per_second: float
    expectation: str

    @property
    def text(self) -> str:
        """The forecast in one sentence."""
        goal = (
            "for a good model"
            if self.notes >= FEW_NOTES
            else "until nothing more can be learned of so few notes"
        )
        return (
            f"about {_duration(self.minutes)} {goal}: {self.epochs} passes over {self.tokens:,} tokens "
            f"(a pass, or epoch, reads each piece once), {self.weights / 1e6:.1f} million weights, "
            f"{self.operations_per_second / 1e9:.0f} billion "
            "operations a second measured on the processors here, nothing else running"
        )


@dataclass(frozen=True)
class BaseForecast:
    """What MINUTES of learning from a model that knows music will give: the tokens of all pieces, and those that are
    read in that time, estimated."""

    name: str
    pieces: int
    tokens: int
    tokens_read: int

    @property
    def text(self) -> str:
        """The forecast in one or two sentences."""
        fewest, most = TRIED_PIECES
        pieces, read = counted(self.pieces, "piece"), max(1, self.tokens_read)
        digits = 1 - len(str(read))
        time = f"{MINUTES:g} minutes read about {round(read, digits):,} tokens here ({read / self.tokens:.1f} passes)"
        if self.pieces < 3:
            return f"{pieces}: too few to learn a style of, or to tell how good the model is; it stays near {self.name}"
        if self.pieces < fewest:
            return f"{pieces}, fewer than were tried ({fewest} to {most}): it moves towards them. {time}"
        if read < TRIED_TOKENS:
            enough = math.ceil(MINUTES * TRIED_TOKENS / read)
            return f"{pieces}. {time}, less than was tried: give --minutes {enough} or more"
        low, high = TRIED_GAIN
        return (
            f"{pieces}: enough to learn their style. {time}. Of {fewest} to {most} pieces, models came to {low} to "
            f"{high} % fewer nats a note than what they began with"
        )


def forecast_from_base(
    name: str, weights: int, pieces: int, notes: int, *, operations_per_second: float | None = None
) -> BaseForecast:
    """Return the forecast of training from the model `name` on so many pieces and notes with this machine's
    processors."""
    rate = EFFICIENCY * (operations_per_second or measure_processors()) / (OPERATIONS * weights)
    read = LEARNING_SHARE * 60 * MINUTES * min(rate, MOST_TOKENS_A_SECOND)
    return BaseForecast(name, pieces, max(1, round(notes * TOKENS_PER_NOTE)), round(read))


def forecast(
    notes: int,
    *,
    tokens_per_note: float = TOKENS_PER_NOTE,
    epochs: int | None = None,
    operations_per_second: float | None = None,
) -> Forecast:
    """Return the forecast of training on so many notes with this machine's processors."""
    speed = operations_per_second or measure_processors()
    tokens = round(notes * tokens_per_note)
    epochs = epochs or next(count for limit, count in EPOCHS if notes < limit)
    weights = round(min(max(tokens * epochs / TOKENS_PER_WEIGHT, FEWEST_WEIGHTS), MOST_WEIGHTS))
    rate = min(EFFICIENCY * speed / (OPERATIONS * weights), MOST_TOKENS_A_SECOND)
    seconds = START_SECONDS + tokens * epochs / rate
    expectation = next(words for limit, words in EXPECTATIONS if notes < limit)
    return Forecast(notes, seconds / 60, tokens, epochs, weights, speed, expectation)


def measure_processors(seconds: float = 0.1) -> float:
    """Return the additions and multiplications a second of single-precision matrix products, all processors."""
    size = 64  # small enough to stay on one processor: larger ones measure the load of the machine
    matrix = np.ones((size, size), dtype=np.float32)
    best, stop = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < stop:
        start = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - start)
    return min(processor_count(), MOST_PROCESSORS) * 2 * size**3 / max(best, 1e-9)


def scan_to_json(
    found: Scan, outlook: Forecast | None, from_base: BaseForecast | None = None
) -> dict[str, Any]:
    """Return files, summary and forecast as plain JSON."""
    return {
        "files": [report_to_json(report) for report in found.reports],
        "summary": found.summary(),
        "forecast": outlook and asdict(outlook),
        "from_base": from_base and asdict(from_base),
    }


def recommendation(found: Scan) -> Recommendation | None:
    """Return which preset suits the pieces to train on; None without any."""
    characters = [report.character for report in found.used if report.character]
    return recommend(characters) if characters else None


def report_to_json(report: FileReport) -> dict[str, Any]:
    """Return a file's report as plain JSON."""
    return {
        "path": str(report.path),
        "verdict": report.verdict,
        "reasons": list(report.reasons),
        "duplicate_of": report.duplicate_of and str(report.duplicate_of),
        "transposition": report.transposition,
        "notes": report.notes,
        "seconds": round(report.seconds, 3),
        "bars": report.bars,
        "instruments": [instrument_name(program) for program in report.instruments],
        "meters": list(report.meters),
        "key": report.key,
        "polyphony": {"mean": round(report.polyphony[0], 3), "max": report.polyphony[1]},
        "tempo": round(report.tempo, 2),
        "beat": report.character and not report.character.has_no_beat,
    }


def summary_rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return `Scan.summary()` in words: rows of label and text."""
    verdicts = ", ".join(f"{count:,} {verdict}" for verdict, count in summary["verdicts"].items())
    rows = [("files", f"{summary['files']:,}: {verdicts}")]
    if summary["pieces"]:
        polyphony, tempo = summary["polyphony"], summary["tempo"]
        rows += [
            ("pieces", f"{summary['pieces']:,}, {_duration(60 * summary['hours'])} of music"),
            ("notes", f"{summary['notes']:,} in {summary['bars']:,} bars"),
            ("instruments", _listed(summary["instruments"])),
            ("meters", _listed(summary["meters"])),
            ("keys", _listed(summary["keys"]) or "none, as all is drums"),
            ("polyphony", f"{polyphony['mean']:.1f} notes at once on average, {polyphony['max']} at most"),
            (
                "tempo",
                f"{tempo['median']:.0f} quarter notes a minute ({tempo['lowest']:.0f} to {tempo['highest']:.0f})",
            ),
        ]
    return rows


@dataclass(frozen=True)
class Harmony:
    """The harmony of a sample of pieces: the share of bars in minor, keys a piece, changes of chord a bar."""

    pieces: int
    minor: float
    keys: float
    changes: float

    @property
    def text(self) -> str:
        return (
            f"{self.changes:.1f} changes of chord a bar, {self.keys:.1f} keys a piece, {1 - self.minor:.0%} of the "
            f"bars in major, {self.minor:.0%} in minor (of {counted(self.pieces, 'piece')})"
        )


def summarise_harmony(scores: Iterable[Score]) -> Harmony | None:
    """Return the harmony of the scores that have pitches (`analysis`); None if there are none."""
    bars = minor = keys = changes = pieces = 0
    for score in scores:
        try:
            beats = find_beats(score)
        except ConfigError:  # too long
            continue
        if spans := find_keys(score, beats):
            of_bar = bar_keys(beats)
            pieces, bars, keys = pieces + 1, bars + len(of_bar), keys + len(spans)
            minor += int((of_bar >= 12).sum())
            changes += len(find_chords(score, beats)) - 1
    return Harmony(pieces, minor / bars, keys / pieces, changes / bars) if pieces else None


def _listed(counts: dict[str, int], most: int = 8) -> str:
    """Return the most frequent names with their counts, and the number of the others."""
    names = [f"{name} {count:,}" for name, count in list(counts.items())[:most]]
    return ", ".join(names + ([f"{len(counts) - most} more"] if len(counts) > most else []))


def _duration(minutes: float) -> str:
    if minutes < 1:
        seconds = max(1, round(60 * minutes))
        return "a minute" if minutes > 0.75 else f"{seconds} seconds" if seconds > 1 else "a second"
    if minutes < 90:
        return f"{minutes:.0f} minutes" if minutes >= 1.5 else "a minute"
    return f"{minutes / 60:.1f} hours"
