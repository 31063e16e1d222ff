"""Write the tables of docs/osc.md from `live.ports.osc_messages`. `tests/live/test_osc.py` holds the page in step."""

from __future__ import annotations

from pathlib import Path

from ritornello.live.ports.osc_messages import RECEIVED, SENT, settings_table, table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "osc.md"
END = "<!-- end of the table -->\n"

TABLES = {"received": table(RECEIVED), "sent": table(SENT), "settings": settings_table()}


def page(text: str) -> str:
    """Return the page with the tables as they are now."""
    for name, rows in TABLES.items():
        begin = f"<!-- {name}: written by tools/osc.py -->\n"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{rows}\n{END}{rest.split(END, 1)[1]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
