"""Score -> HTML for a notebook: title, facts, piano roll and an audio player, self-contained and of bounded size.

Image and sound cover the beginning of the piece: at most SECONDS, MOST_NOTES notes and MOST_QUARTERS quarters, so
that any score is displayed within a few seconds. All text from files is escaped.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING

from ritornello.errors import ConfigError, RitornelloError
from ritornello.formats.text import is_prose, prose_of
from ritornello.score import Score, seconds_to_ticks
from ritornello.theory import instrument_name, key_name

if TYPE_CHECKING:
    from ritornello.rendering.heat import Heat

SECONDS, MOST_NOTES, MOST_QUARTERS = 30.0, 2000, 512
WIDTH = 900
SAMPLE_RATE = 22_050
MOST_CHARACTERS, MOST_NAMES = 2000, 12


def score_html(score: Score, facts: Mapping[str, object] | None = None) -> str:
    """Return the HTML for `score`, with `facts` as names and values in a line of their own."""
    title = title_of(score)
    further = [f"{escape(name)} {escape(str(value))}" for name, value in (facts or {}).items()]
    lines = [" · ".join(escape(fact) for fact in _facts(score))] + ([" · ".join(further)] if further else [])
    parts = heading_html(title, lines)
    parts += _text(score) if is_prose(score) else _picture_and_player(score, title)
    return html_box(parts)


def title_of(score: Score) -> str:
    """Return the title of a score, escaped."""
    return escape(score.title.strip() or "Untitled")


def heading_html(title: str, lines: Iterable[str]) -> list[str]:
    """Return a title and lines below it, all of them HTML."""
    heading = [f'<div style="font-weight: 600; font-size: 1.15em">{title}</div>']
    return heading + [f'<div style="opacity: 0.75; margin: 2px 0">{line}</div>' for line in lines]


def model_html(
    name: str, description: str, facts: Mapping[str, str], make_sample: Callable[[], Score]
) -> str:
    """Return the HTML for a model: its name, description and facts, and a piece by it, or why there is none."""
    line = " · ".join(f"{key}: {escape(value)}" for key, value in facts.items() if value)
    parts = [
        f'<div style="font-weight: 600; font-size: 1.15em">{escape(name)}</div>',
        f"<div>{escape(description)}</div>",
        f'<div style="opacity: 0.75; margin: 2px 0 8px">{line}</div>',
    ]
    try:
        parts.append(score_html(make_sample()))
    except RitornelloError as error:
        parts.append(f"<div>{escape(str(error))}</div>")
    return html_box(parts)


def html_box(parts: list[str]) -> str:
    """Return HTML elements in a box as wide as the images."""
    return f'<div style="max-width: {WIDTH}px; font-family: system-ui, sans-serif">{"".join(parts)}</div>'


def _facts(score: Score) -> list[str]:
    """Return the facts of the first line: length, notes, tempo, meter, key, instruments."""
    if is_prose(score):
        return [f"{len(prose_of(score))} characters"]
    minutes, seconds = divmod(round(score.seconds), 60)
    facts = [f"{minutes}:{seconds:02}", f"{score.note_count} notes"]
    facts += [f"{score.first_tempo.quarters_per_minute:.0f} quarter notes a minute"] if score.tempos else []
    facts += [f"{meter.numerator}/{meter.denominator}" for meter in score.meters[:1]]
    facts += [key_name(key.fifths, key.minor) for key in score.keys[:1]]
    tracks = (track for track in score.tracks if len(track.notes))
    names = list(dict.fromkeys(instrument_name(track.program, track.is_drum) for track in tracks))
    more = [f"{len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    return [*facts, ", ".join(names[:MOST_NAMES] + more)] if names else facts


def _text(score: Score) -> list[str]:
    prose = prose_of(score)
    shown = prose if len(prose) <= MOST_CHARACTERS else f"{prose[:MOST_CHARACTERS]}…"
    return [f'<div style="white-space: pre-wrap; margin-top: 6px">{escape(shown)}</div>']


def _picture_and_player(score: Score, title: str) -> list[str]:
    try:
        part = beginning(score)
        parts = [roll_html(part, title), player_html(part)]
    except RitornelloError as error:
        return [f'<div style="margin-top: 6px">{escape(str(error))}</div>']
    if part.note_count < score.note_count:
        parts.insert(0, f'<div style="opacity: 0.75">shown and heard: {part.seconds:.0f} seconds of it</div>')
    return parts


def roll_html(score: Score, title: str, width: int = WIDTH, heat: Heat | None = None) -> str:
    """Return the piano roll of `score` as an image with its alternative text."""
    from ritornello.rendering.pianoroll import render_pianoroll

    png = io.BytesIO()
    render_pianoroll(score, width, heat).save(png, "PNG", optimize=True)
    return image_html(png.getvalue(), f"Piano roll of {title}")


def image_html(png: bytes, name: str) -> str:
    """Return an image with its alternative text, which is HTML."""
    source = _data_uri("image/png", png)
    return f'<img alt="{name}" style="max-width: 100%; margin-top: 6px" src="{source}">'


def player_html(score: Score) -> str:
    """Return a player of the sound of `score`."""
    import soundfile

    from ritornello.rendering.audio import render_audio

    mp3 = io.BytesIO()
    soundfile.write(mp3, render_audio(score, SAMPLE_RATE), SAMPLE_RATE, format="MP3")
    sound = _data_uri("audio/mpeg", mp3.getvalue())
    return f'<audio controls style="display: block; width: 100%; margin-top: 6px" src="{sound}"></audio>'


def beginning(score: Score) -> Score:
    """Return the excerpt of `score` to display: from its start, or from the first note after long silence.

    Raise ConfigError if more than MOST_NOTES notes begin at once there.
    """
    notes = score.all_notes()
    if not len(notes):
        return score
    first = int(notes["start"][0])
    start = first if first > seconds_to_ticks(score, SECONDS) else 0
    from_start = score.excerpt(start, max(start, score.end))
    ends = [int(seconds_to_ticks(from_start, SECONDS)), MOST_QUARTERS * score.ticks_per_quarter]
    if len(notes) > MOST_NOTES:
        ends.append(int(notes["start"][MOST_NOTES]) - start)
    part = from_start.excerpt(0, max(1, min(ends)))
    if part.note_count > MOST_NOTES:
        raise ConfigError(f"{part.note_count} notes at once: more than the {MOST_NOTES} that are shown")
    return part


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
