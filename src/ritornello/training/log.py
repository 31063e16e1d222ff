"""The log of a run: `log.csv`, TensorBoard events, and the learning curve as `curve.png`."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ritornello.errors import FileError, MissingExtraError
from ritornello.paths import replacing

FIELDS = (
    "step",
    "seconds",
    "epochs",
    "loss",
    "nats_per_note",
    "accuracy",
    "event_accuracy",
    "tokens_per_second",
    "learning_rate",
)


TRAINING_SECONDS = 5.0
"""The shortest time between two records of training in TensorBoard."""


class Log:
    """The records of a run: one row an evaluation, in memory and on disk; in TensorBoard also the training between."""

    def __init__(
        self, directory: Path | None, rows: Sequence[dict[str, float]] = (), *, writes: bool = True
    ) -> None:
        """Begin a log in `directory`, or continue after `rows`; without one, or without `writes`, it is kept in memory
        only."""
        self.directory, self.rows = directory if writes else None, list(rows)
        self._events: Any = None
        self._recorded = (
            -math.inf,
            0,
            0.0,
        )  # at the last record of training: seconds, tokens, seconds of learning
        if self.directory:
            self.directory.mkdir(parents=True, exist_ok=True)
            with suppress(ImportError):  # TensorBoard is optional
                from torch.utils.tensorboard import SummaryWriter

                self._events = SummaryWriter(str(self.directory / "events"))

    def add(self, row: dict[str, float], metrics: Mapping[str, float] = MappingProxyType({})) -> None:
        """Add a row with the FIELDS to the CSV file and to TensorBoard, and validation `metrics` to TensorBoard."""
        self.rows.append(row)
        if not self.directory:
            return
        try:
            with replacing(self.directory / "log.csv") as beside, beside.open("w", newline="") as file:
                writer = csv.DictWriter(file, FIELDS)
                writer.writeheader()
                writer.writerows(self.rows)
        except (
            FileError
        ) as error:  # on Windows a program that shows it may hold it: the next row writes it whole
            if not isinstance(error.__cause__, PermissionError):
                raise
        if self._events:
            for name in FIELDS[2:]:
                self._events.add_scalar(name, row[name], int(row["step"]), walltime=None)
            for name, value in metrics.items():
                self._events.add_scalar(f"metrics/{name}", value, int(row["step"]))
            self._events.flush()

    def add_training(
        self, step: int, seconds: float, tokens: int, learning: float, values: Mapping[str, float]
    ) -> None:
        """Write `values`, and the tokens a second since the last time, to TensorBoard, if TRAINING_SECONDS have passed.

        seconds: since the command began; learning: those of them without evaluations; tokens: all that were read.
        Values that are not finite, such as those still on their way from a device, are left out.
        """
        before, tokens_before, learning_before = self._recorded
        if not self._events or seconds - before < TRAINING_SECONDS:
            return
        self._recorded = (seconds, tokens, learning)
        rate = (tokens - tokens_before) / max(learning - learning_before, 1e-9)
        speed = {"tokens_per_second": rate} if math.isfinite(before) else {}
        for name, value in {**values, **speed}.items():
            if math.isfinite(value):
                self._events.add_scalar(f"training/{name}", value, step)
        self._events.flush()

    def draw(self, bigram: float) -> None:
        """Draw the learning curve so far, with the bigram model's nats a note as a baseline."""
        if self.directory:
            draw_curve(self.rows, bigram, self.directory / "curve.png")

    def close(self) -> None:
        if self._events:
            self._events.close()


def draw_curve(rows: Sequence[dict[str, float]], bigram: float, path: Path) -> None:
    """Draw training loss and validation nats a note over time, as a PNG."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "train") from error
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    minutes = [row["seconds"] / 60 for row in rows]
    curves = {"training (smoothed)": ("loss", "#9aa5b1"), "held-out pieces": ("nats_per_note", "#0b6e99")}
    heights = [bigram]
    for label, (name, colour) in curves.items():
        points = [
            (minute, row[name]) for minute, row in zip(minutes, rows, strict=True) if math.isfinite(row[name])
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True), color=colour, marker="o", markersize=3.5, linewidth=2, label=label
            )
            heights += [height for _, height in points[len(points) // 8 :]]
    axes.axhline(bigram, color="#d9822b", linestyle="--", linewidth=1.2, label=f"bigram model ({bigram:.2f})")
    low, high = min(heights), max(heights)
    room = 0.12 * (high - low or 1)
    axes.set_ylim(max(0, low - room), high + room)
    axes.set_xlim(0, max(minutes, default=1) * 1.03)
    validation = [row["nats_per_note"] for row in rows]
    if any(map(math.isfinite, validation)):
        best = min(
            range(len(validation)),
            key=lambda row: validation[row] if math.isfinite(validation[row]) else math.inf,
        )
        axes.plot(minutes[best], validation[best], "o", color="#0b6e99", markersize=7, fillstyle="none")
        # In the legend, since beside the point there may be lines.
        axes.plot(
            [],
            [],
            "o",
            color="#0b6e99",
            markersize=7,
            fillstyle="none",
            label=f"best ({validation[best]:.2f})",
        )
    axes.set_xlabel("minutes since the command began")
    axes.set_ylabel("nats per note")
    axes.set_title("The lower, the better the network predicts held-out music", fontsize=10)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    with replacing(path) as beside:
        figure.savefig(beside, format="png")
