"""One sheet of the same seed at several temperatures, to choose one by eye and ear.

    sheet = ritornello.load("quartets").compose_temperatures([0.7, 1.0, 1.3], bars=8, seed=4)
    sheet.write("sheet.html")

Below 1 a model keeps to what is most probable, above it takes more risks.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ritornello.errors import ConfigError, MissingExtraError
from ritornello.paths import write_bytes, write_text

if TYPE_CHECKING:
    from PIL import Image

    from ritornello.generation.compose import Composition
    from ritornello.score import Score

FEWEST, MOST = 2, 12
"""Temperatures of a sheet."""

SUFFIXES = (".html", ".png")
"""Of a sheet; in any other format each piece is a file of its own."""

_STYLE = (
    "body { font-family: system-ui, sans-serif; max-width: 900px; margin: 24px auto; padding: 0 16px } "
    "svg { width: 100%; height: auto }"
)
_WIDTH = 900
_ONE_COLUMN = 3  # so many rolls stand below each other, more in two columns


@dataclass(frozen=True, repr=False)
class TemperatureSheet:
    """Pieces of one seed, a temperature each. nats: a note of each, under the model at temperature 1."""

    temperatures: tuple[float, ...]
    pieces: tuple[Composition, ...]
    nats: tuple[float, ...]

    def __repr__(self) -> str:
        return f"TemperatureSheet({', '.join(f'{each:g}' for each in self.temperatures)})"

    def write(self, path: str | Path) -> tuple[str, ...]:
        """Write a grid of piano rolls (.png), or a page with players and scores (.html); return what is missing in it.

        Raise ConfigError for another suffix.
        """
        path = Path(path)
        if path.suffix.lower() not in SUFFIXES:
            raise ConfigError(f"{path}: a sheet of temperatures is written as {' or '.join(SUFFIXES)}")
        if path.suffix.lower() == ".png":
            png = io.BytesIO()
            self.render().save(png, "PNG", optimize=True)
            write_bytes(path, png.getvalue())
            return ()
        parts, missing = self._parts(with_scores=True)
        head = f'<meta charset="utf-8"><title>Temperatures</title><style>{_STYLE}</style>'
        write_text(
            path, f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'
        )
        return missing

    def render(self) -> Image.Image:
        """Return the piano rolls of all pieces as one picture."""
        from PIL import Image as Images

        from ritornello.rendering.pianoroll import PAPER, render_pianoroll

        rolls = [render_pianoroll(self._titled(number), _WIDTH) for number in range(len(self.pieces))]
        columns = 1 if len(rolls) <= _ONE_COLUMN else 2
        lines = [rolls[at : at + columns] for at in range(0, len(rolls), columns)]
        heights = [max(roll.height for roll in line) for line in lines]
        page = Images.new("RGB", (_WIDTH * columns, sum(heights)), PAPER)
        for line, top in zip(lines, (sum(heights[:at]) for at in range(len(lines))), strict=True):
            for column, roll in enumerate(line):
                page.paste(roll, (column * _WIDTH, top))
        return page

    def _titled(self, number: int) -> Score:
        """Return a piece as it is played, with its temperature as the title."""
        title = f"temperature {self.temperatures[number]:g} · {self.nats[number]:.2f} nats a note"
        return replace(self.pieces[number].performance, title=title)

    def _repr_html_(self) -> str:
        return "".join(self._parts(with_scores=False)[0])

    def _parts(self, with_scores: bool) -> tuple[list[str], tuple[str, ...]]:
        """Return the HTML of each piece, and what is missing in it."""
        from ritornello.rendering.notation import cropped, engrave
        from ritornello.rendering.notebook import beginning, heading_html, html_box, player_html, roll_html

        model, seed = escape(self.pieces[0].model), self.pieces[0].seed
        parts, missing = heading_html(f"{model}, seed {seed}, at several temperatures", ()), list[str]()
        for number, piece in enumerate(self.pieces):
            titled = self._titled(number)
            part = beginning(titled)
            parts += [roll_html(part, escape(titled.title), _WIDTH), player_html(part)]
            if with_scores:
                try:
                    parts += map(cropped, engrave(replace(piece.score, title=titled.title))[0])
                except MissingExtraError as error:
                    missing.append(f"engraved scores: {error}")
        return [html_box(parts)], tuple(dict.fromkeys(missing))


def checked_temperatures(temperatures: Sequence[float]) -> tuple[float, ...]:
    """Return temperatures in order, each once. ConfigError for too few or too many; composing checks their range."""
    found = tuple(sorted(set(temperatures)))
    if not FEWEST <= len(found) <= MOST:
        raise ConfigError(f"temperatures: allowed are {FEWEST} to {MOST} different ones, such as 0.7,1,1.3")
    return found
