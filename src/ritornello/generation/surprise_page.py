"""A map of surprise as a file, by its suffix: a piano roll (.png), the engraved score (.svg, .pdf), or a page with
both, a player and the lists (.html); and the lists as text.

The most surprising notes have the same numbers everywhere.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ritornello.errors import ConfigError, FormatError, MissingExtraError
from ritornello.notation.text import printable
from ritornello.paths import write_bytes, write_text
from ritornello.rendering.notation import engrave, stack_pages, table_page, write_pages
from ritornello.rendering.notebook import (
    MOST_NOTES,
    MOST_QUARTERS,
    WIDTH,
    beginning,
    heading_html,
    html_box,
    player_html,
    roll_html,
    title_of,
)
from ritornello.rendering.pianoroll import render_pianoroll

if TYPE_CHECKING:
    from ritornello.generation.surprise import By, NoteSurprise, Passage, Surprise
    from ritornello.score import Score

SUFFIXES = (".html", ".png", ".svg", ".pdf")

HEADINGS = ("", "bar", "beat", "instrument", "note", "nats", "expected instead")

EXPLANATION = (
    "Surprise is -ln p, in nats: 0.7 is a choice between two as likely, 2.3 one between ten. Expected instead: the "
    "other pitches that were most probable, if the instrument plays then."
)

_PLACES = (0, 70, 170, 290, 690, 900, 1020)  # of the columns of a printed list
_PAGE_WIDTH = 1400
_STYLE = (
    "body { font-family: system-ui, sans-serif; margin: 24px auto; padding: 0 16px; color: #262421; "
    "background: #fbfaf6 } .score svg { width: 100%; height: auto }"
)
_LONGEST = 600.0  # seconds that are played on a page


def rows(notes: Sequence[NoteSurprise], by: By) -> list[tuple[str, ...]]:
    """Return the cells of each note, under HEADINGS."""
    return [
        (
            str(number), str(note.bar), f"{round(note.beat, 2):g}", note.instrument, note.name,
            f"{note.part(by):.1f}", ", ".join(f"{each.name} {each.probability:.0%}" for each in note.instead[:3]),
        )
        for number, note in enumerate(notes, start=1)
    ]  # fmt: skip


def passage_lines(found: Surprise) -> list[str]:
    """Return a line for the bars that are least like the model, and one for those that it expected most."""

    def line(passages: Sequence[Passage]) -> str:
        return ", ".join(
            f"{each.first}-{each.last} ({each.nats_per_note:.2f})" if each.last > each.first
            else f"{each.first} ({each.nats_per_note:.2f})"
            for each in passages
        )  # fmt: skip

    most, least = found.passages(), found.passages(least=True)
    return [
        f"most surprising bars, nats a note: {line(most)}",
        f"least surprising bars: {line(least)}",
    ] if most else []  # fmt: skip


def write_map(found: Surprise, path: Path, by: By) -> tuple[str, ...]:
    """Write the map to `path`; return descriptions of what was left out.

    Raise FormatError for another suffix than SUFFIXES, ConfigError for prose, MissingExtraError for an engraved score
    without the extra `score`; a page is then without it.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FormatError(f"{path}: a map of surprise is written as {', '.join(SUFFIXES)}")
    if found.is_prose:
        raise ConfigError("prose has no notes to be drawn: its words are listed")
    if suffix == ".html":
        page, remarks = _page(found, by)
        write_text(path, page)
    elif suffix == ".png":
        png, remarks = io.BytesIO(), ()
        render_pianoroll(found.score, 1600, found.heat(by)).save(png, "PNG", optimize=True)
        write_bytes(path, png.getvalue())
    else:
        pages, remarks = engrave(found.score, found.heat(by))
        write_pages([*pages, _list_page(found, by)], path, printable(found.score.title))
    return remarks


def notebook_html(found: Surprise, by: By = "pitch") -> str:
    """Return the map for a notebook: piano roll of the beginning, player, and lists."""
    if found.is_prose:
        return html_box([*_heading(found), _table(found, by)])
    bars, score = _beginning(found)
    heat = found.heat(by)
    if bars < len(found.bars):
        heat = heat.first_bars(bars, [len(track.notes) for track in score.tracks])
    more = [f"shown: the first {bars} bars"] if bars < len(found.bars) else []
    title = title_of(found.score)
    return html_box(
        [
            *_heading(found, more),
            roll_html(score, title, WIDTH, heat),
            player_html(beginning(score)),
            _table(found, by),
        ]
    )


def _beginning(found: Surprise) -> tuple[int, Score]:
    """Return how many bars are shown, and their score."""
    count = len(found.bars)
    edges, notes = found.score.bars.edges, 0
    for number, bar in enumerate(found.bars):
        notes += bar.notes
        quarters = edges[number + 1] / found.score.ticks_per_quarter
        if number and (notes > MOST_NOTES or quarters > MOST_QUARTERS):
            return number, found.score.bars[:number]
    return count, found.score


def _heading(found: Surprise, more: Sequence[str] = ()) -> list[str]:
    facts = (
        f"{printable(found.score.title)}: {found.nats_per_note:.2f} nats a note, {len(found.notes):,} notes"
    )
    title = f"Surprise under {escape(found.model)}"
    return heading_html(title, map(escape, [facts, *more, *found.remarks, EXPLANATION]))


def _table(found: Surprise, by: By) -> str:
    """Return the most surprising notes and passages."""
    head = "".join(f'<th style="text-align: left; padding: 2px 10px 2px 0">{name}</th>' for name in HEADINGS)
    body = "".join(
        "<tr>" + "".join(f'<td style="padding: 2px 10px 2px 0">{escape(cell)}</td>' for cell in row) + "</tr>"
        for row in rows(found.most(by=by), by)
    )
    lines = "".join(f"<div>{escape(line)}</div>" for line in passage_lines(found))
    table = f'<table style="border-collapse: collapse; margin: 8px 0"><tr>{head}</tr>{body}</table>'
    return table + lines


def _list_page(found: Surprise, by: By) -> str:
    lines = [("", each) for each in (*passage_lines(found), *found.remarks, EXPLANATION)]
    return table_page(
        f"Surprise under {found.model}",
        [HEADINGS, *rows(found.most(by=by), by), (), *lines],
        _PLACES,
    )


def _page(found: Surprise, by: By) -> tuple[str, tuple[str, ...]]:
    """Return a page that needs no other file, and descriptions of what is missing in it."""
    title, remarks = title_of(found.score), tuple[str, ...]()
    roll = roll_html(found.score, title, _PAGE_WIDTH, found.heat(by))
    sounding = found.score if found.score.seconds <= _LONGEST else beginning(found.score)
    parts = [*_heading(found), roll, player_html(sounding), _table(found, by)]
    try:
        pages, remarks = engrave(found.score, found.heat(by))
        parts.append(f'<div class="score">{stack_pages(pages)}</div>')
    except MissingExtraError as error:
        remarks = (f"engraved score: {error}",)
    style = f"{_STYLE} body {{ max-width: {_PAGE_WIDTH}px }}"
    head = f'<meta charset="utf-8"><title>Surprise: {title}</title><style>{style}</style>'
    return (
        f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n',
        remarks,
    )
