"""Draw the turns of a live session from `live.session.transitions`: docs/images/turns.svg, and the table of the page.

`tests/test_docs.py` holds both in step with the table.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from ritornello.live.events import Turn
from ritornello.live.session.transitions import TRANSITIONS, Choice, Event

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE, PICTURE = DOCS / "stations" / "live.md", DOCS / "images" / "turns.svg"
BEGIN, END = "<!-- turns: written by tools/turns.py -->\n", "<!-- end of turns -->\n"

WIDTH, HEIGHT = 1120, 560
PLACES = {
    Turn.IDLE: (80, 280), Turn.COUNT_IN: (300, 100), Choice.NEXT: (440, 280),
    Turn.PLAYER: (760, 100), Turn.BOTH: (760, 460), Turn.MODEL: (1010, 280),
}  # fmt: skip
"""The middle of each node, in pixels."""

BENDS = {
    (Turn.COUNT_IN, Choice.NEXT): (0, 0.5), (Choice.NEXT, Turn.PLAYER): (60, 0.45),
    (Turn.PLAYER, Choice.NEXT): (60, 0.5), (Choice.NEXT, Turn.BOTH): (60, 0.5),
    (Turn.BOTH, Choice.NEXT): (60, 0.5), (Turn.PLAYER, Turn.MODEL): (-40, 0.4),
    (Turn.PLAYER, Turn.BOTH): (-170, 0.72), (Turn.MODEL, Choice.NEXT): (0, 0.6),
}  # fmt: skip
"""By how many pixels an arrow bends, and at what share of it its label stands, where it is not straight."""

HALF = {Turn: (58, 24), Choice: (64, 30)}


def merged() -> dict[tuple[Turn | Choice, Turn | Choice], list[str]]:
    """Return the labels of each arrow. That of Stop is drawn once, since every turn has it."""
    arrows = defaultdict(list)
    for row in TRANSITIONS:
        label = row.when.value if row.event is None else row.event.value
        if row.event is not None and row.when and (row.event == Event.OVER or row.turn == Turn.IDLE):
            label += f": {row.when}"
        if row.event != Event.STOP:
            arrows[row.turn, row.then].append(label)
    return arrows


def svg() -> str:
    """Return the diagram."""
    stops = {row.turn for row in TRANSITIONS if (row.event, row.then) == (Event.STOP, Turn.IDLE)}
    assert stops == set(Turn) - {Turn.IDLE}, "Stop is drawn as one arrow"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        '<marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L10 5L0 10z" fill="#555"/></marker>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<rect x="190" y="20" width="{WIDTH - 210}" height="{HEIGHT - 40}" rx="16" fill="#f6f7f9" stroke="#99a"/>',
        *_arrow((190, 480), (80, 304), 30, 0.35, ["Stop"]),
    ]
    for (start, end), labels in merged().items():
        parts += _loop(start, labels) if start == end else _between(start, end, labels)
    parts += [part for node in PLACES for part in _node(node)]
    return "\n".join([*parts, "</svg>\n"])


def _node(node: Turn | Choice) -> list[str]:
    (x, y), (wide, high) = PLACES[node], HALF[type(node)]
    shape = f'<rect x="{x - wide}" y="{y - high}" width="{2 * wide}" height="{2 * high}" rx="12"'
    if isinstance(node, Choice):
        shape = f'<path d="M{x - wide} {y}L{x} {y - high}L{x + wide} {y}L{x} {y + high}z"'
    text = f'<text x="{x}" y="{y + 5}" text-anchor="middle" font-weight="bold">{node.value}</text>'
    return [f'{shape} fill="#dfe8f5" stroke="#345"/>', text]


def _between(start: Turn | Choice, end: Turn | Choice, labels: list[str]) -> list[str]:
    bend, share = BENDS.get((start, end), (0, 0.5))
    return _arrow(_edge(start, end), _edge(end, start), bend, share, labels)


def _edge(node: Turn | Choice, towards: Turn | Choice) -> tuple[float, float]:
    """Return where the line from the middle of a node to another leaves it."""
    (x, y), (other_x, other_y), (wide, high) = PLACES[node], PLACES[towards], HALF[type(node)]
    dx, dy = (other_x - x) / wide, (other_y - y) / high
    size = abs(dx) + abs(dy) if isinstance(node, Choice) else max(abs(dx), abs(dy))
    return x + dx / size * wide, y + dy / size * high


def _arrow(
    start: tuple[float, float], end: tuple[float, float], bend: float, share: float, labels: list[str]
) -> list[str]:
    """Return a quadratic curve that leaves the straight line to its right, by half of `bend` in the middle."""
    (x, y), (to_x, to_y) = start, end
    length = ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5
    via_x = (x + to_x) / 2 - (to_y - y) / length * bend
    via_y = (y + to_y) / 2 + (to_x - x) / length * bend
    left = 1 - share
    at_x = left * left * x + 2 * left * share * via_x + share * share * to_x
    at_y = left * left * y + 2 * left * share * via_y + share * share * to_y
    path = f"M{x:.0f} {y:.0f}Q{via_x:.0f} {via_y:.0f} {to_x:.0f} {to_y:.0f}"
    return [
        f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#tip)"/>',
        *_text(at_x, at_y, labels),
    ]


def _loop(node: Turn | Choice, labels: list[str]) -> list[str]:
    (x, y), (_, high) = PLACES[node], HALF[type(node)]
    path = f"M{x - 25} {y - high}C{x - 30} {y - high - 45} {x + 30} {y - high - 45} {x + 25} {y - high}"
    line = f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#tip)"/>'
    return [line, *_text(x, y - high - 34, labels)]


def _text(x: float, y: float, lines: list[str]) -> list[str]:
    """Return lines of text around a point, on what hides the arrow behind it."""
    top = y + 4 - 8 * (len(lines) - 1)
    style = 'text-anchor="middle" stroke="#f6f7f9" stroke-width="4" paint-order="stroke"'
    return [
        f'<text x="{x:.0f}" y="{top + 16 * number:.0f}" {style}>{line}</text>'
        for number, line in enumerate(lines)
    ]


def table() -> str:
    """Return the rows as a table in Markdown."""
    head = ["| turn | event | if | next | what happens |", "|---|---|---|---|---|"]
    cells = (
        (row.turn.value, row.event.value if row.event else "", row.when.value, row.then.value, row.action)
        for row in TRANSITIONS
    )
    rows = [f"| {' | '.join(line)} |" for line in cells]
    return "\n".join([*head, *rows, ""])


def page(text: str) -> str:
    """Return the page with the table as it is now."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
