"""The report of an evaluation: a picture of all distributions (PNG), or a self-contained HTML page with picture and
tables."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ritornello.errors import ConfigError, MissingExtraError
from ritornello.evaluation.comparison import density, finite, kernel_width, places_for
from ritornello.evaluation.evaluate import Evaluation
from ritornello.evaluation.features import ENDINGS, FEATURES
from ritornello.evaluation.two_sample import FEW, FEWEST, TwoSample
from ritornello.paths import write_bytes, write_text

TOLD_APART = (
    "Told apart: of a real and a composed piece, a classifier that has seen neither names the composed one. 50 of 100 "
    "is a guess: then nothing was found that tells them apart. By group: by these numbers alone."
)
COLUMNS = 4
COLOURS = {"generated": "#0b6e99", "real": "#9aa5b1"}

_STYLE = """body{font:16px/1.5 sans-serif;max-width:64em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child,td:last-child,th:last-child{text-align:left}img{max-width:100%}"""

WRITERS = (".png", ".html")


def check_report_suffix(path: Path) -> None:
    """Raise ConfigError unless a report can be written to `path`."""
    if path.suffix.lower() not in WRITERS:
        raise ConfigError(f"{path}: a report is written as {' or '.join(WRITERS)}")


def write_report(evaluation: Evaluation, path: Path) -> Path:
    """Write the report as PNG or HTML, by the suffix of `path`; return the path."""
    check_report_suffix(path)
    picture = draw(evaluation)
    if path.suffix.lower() == ".png":
        write_bytes(path, picture)
    else:
        write_text(path, to_html(evaluation, picture))
    return path


def figures(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return the figures other than those of single features, each with its name."""
    judged, copies, apart = evaluation.likelihood, evaluation.longest_copies, evaluation.contrast
    share, spread = evaluation.share_of_ceiling
    composed, real = evaluation.counts
    rows = [
        ("told apart from real pieces", _told_apart(apart.two_sample)),
        *(
            [("  by one group of numbers alone, mean", f"in {100 * told.mean_of_groups:.0f} of 100")]
            if (told := apart.two_sample)
            else []
        ),
        ("held-out nats a token", f"{judged.nats_per_token:.3f}"),
        ("held-out nats a note", f"{judged.nats_per_note:.3f}"),
        ("held-out nats a second", f"{evaluation.nats_per_second:.3f}"),
        ("next token right", f"{judged.accuracy:.1%}"),
        ("overlap, share of the ceiling", f"{share:.1%} ± {spread:.1%}{_beware(composed, real)}"),
        ("overlap of keys, share of the ceiling", _share(apart.keys)),
        ("overlap of when voices play, of the ceiling", _share(apart.voices)),
        (
            "notes outside the usual range of their voice",
            f"{apart.outside[0]:.1%}; real {apart.outside[1]:.1%}",
        ),
        ("surprise at a chord change, nats", f"{apart.surprise[0]:.2f}; real {apart.surprise[1]:.2f}"),
        (
            "pieces that end in a burst of short notes",
            f"{apart.bursts[0]} of {composed}; real {apart.bursts[1]} of {real}",
        ),
        ("pieces with more bars than asked for", f"{apart.extra_bars} of {composed}"),
    ]
    if copies:
        rows.append(("longest copy, notes: median", f"{np.median(copies):.0f}"))
        rows.append(("longest copy, notes: 95 % of pieces up to", f"{np.quantile(copies, 0.95):.0f}"))
    return rows


def _told_apart(found: TwoSample | None) -> str:
    """Return the area in words that hold for it."""
    if found is None:
        return f"not measured: it needs at least {FEWEST} different pieces"
    low, high = (round(100 * value) for value in found.chance)
    note = f"; {found.note}" if found.note else ""
    return (
        f"in {100 * found.area:.0f} of 100 pairs (± {100 * found.error:.0f}); a guess is right in 50, "
        f"by chance in {low} to {high}{note}"
    )


def _share(pair: tuple[float, float]) -> str:
    return f"{pair[0]:.1%} ± {pair[1]:.1%}" if np.isfinite(pair[0]) else "none"


def _beware(composed: int, real: int) -> str:
    """Return a note where so few pieces are compared that the overlap says little."""
    return f"; only {min(composed, real)} pieces: it says little" if min(composed, real) < FEW else ""


def noticed(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Return a row for each group of details: how well it tells the pieces apart alone; and for each detail noticed."""
    found = evaluation.contrast.two_sample
    if found is None:
        return []
    of_group: dict[str, list[tuple[str, ...]]] = {name: [] for name in found.groups}
    for each in found.noticed:
        numbers = (f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in (each.composed, each.real))
        of_group[each.group].append((f"  {each.name}", *numbers))
    order = sorted(found.groups, key=lambda name: -found.groups[name])
    return [
        row
        for name in order
        for row in ((f"{name}: {100 * found.groups[name]:.0f} of 100", "", ""), *of_group[name])
    ]


def rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Return a row for each feature: name, generated, real, overlap, ceiling, meaning."""
    meanings = {name: feature.meaning for name, feature in (FEATURES | ENDINGS).items()}
    return [
        (
            name,
            f"{row.generated[0]:.2f} ± {row.generated[1]:.2f}",
            f"{row.real[0]:.2f} ± {row.real[1]:.2f}",
            f"{row.overlap:.2f}",
            f"{row.ceiling:.2f}",
            meanings[name],
        )
        for name, row in evaluation.likeness.items()
    ]


def describe(evaluation: Evaluation) -> str:
    """Return a sentence about the pieces that were compared."""
    (composed, real), config = evaluation.counts, evaluation.config
    cut = f", the first {config.bars} bars of each" if config.bars else ""
    return f"{composed} composed pieces (seed {config.seed}) like {real} real ones{cut}."


NOTICED = ("where they are told apart", "composed", "real")
HEADINGS = ("feature", "generated", "real", "overlap", "ceiling", "")


def to_html(evaluation: Evaluation, picture: bytes) -> str:
    """Return the page; `picture` is a PNG."""
    image = base64.b64encode(picture).decode("ascii")
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(evaluation.model)}</title>"
        f"<style>{_STYLE}</style><h1>{escape(evaluation.model)}</h1>"
        f"<p>{describe(evaluation)} Overlap: the area that two distributions share; ceiling: that of two halves of the"
        " real pieces.</p>"
        f"{_html_table(figures(evaluation), ())}"
        f"<p>{TOLD_APART}</p>{_html_table(noticed(evaluation), NOTICED)}{_html_table(rows(evaluation), HEADINGS)}"
        f'<img alt="distributions of the features" src="data:image/png;base64,{image}"></html>\n'
    )


def _html_table(lines: Any, headings: tuple[str, ...]) -> str:
    head = "".join(f"<th>{escape(cell)}" for cell in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}" for cell in line) for line in lines)
    return f"<table><tr>{head}{body}</table>"


def draw(evaluation: Evaluation) -> bytes:
    """Return a PNG with the distribution of each feature in generated and in real pieces."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "train") from error
    lines = -(-len(evaluation.likeness) // COLUMNS)
    figure = Figure(figsize=(12, 2.2 * lines), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, COLUMNS).flatten()
    for place, name in zip(axes, evaluation.likeness, strict=False):
        _draw_feature(place, evaluation, name)
    for place in axes[len(evaluation.likeness) :]:
        place.set_axis_off()
    axes[0].legend(frameon=False, fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw_feature(axes: Any, evaluation: Evaluation, name: str) -> None:
    numbers = {"real": finite(evaluation.real[name]), "generated": finite(evaluation.generated[name])}
    both = np.concatenate(list(numbers.values()))
    row = evaluation.likeness[name]
    axes.set_title(f"{name}: {row.overlap:.2f} of {row.ceiling:.2f}", fontsize=9)
    axes.tick_params(labelsize=7)
    axes.set_yticks([])
    if not len(both):
        return
    width = kernel_width(numbers["real"], numbers["generated"], (FEATURES | ENDINGS)[name].grain)
    places = places_for(both, width)
    for label, values in numbers.items():
        if len(values):
            height = density(values, places, width)
            axes.fill_between(places, height, color=COLOURS[label], alpha=0.5, label=label)
