"""A record as JSON: one format for what a page keeps, what a server takes back, and files.

An object with the fields of `StoredRecord`. Each entry of the journal is a row: its kind, its number, its fields. Rows
are in order of their numbers; a number may be missing (a note that was planned and cancelled).

    ["note", 7, "player", 1.25, 1.5, 60, 90, 0, 0]       side, start, end, pitch, velocity, channel, program
    ["control", 8, 1.5, 0, 176, 64, 127]                 start, channel, kind, number, value as in a `Score`
    ["turn", 9, "model", 2.0, 8.0, 1]                    turn, start, end, number of the turn
    ["tempo", 10, 0.5, 96.0, [4, 4], false]              bar line, quarters a minute, meter, steady
    ["model", 0, "songs"]                                the model from here on
    ["bookmark", 12, 1, "Bookmark 1", 9.0, 12]           number and name of the bookmark, its moment
    ["back", 13, 9.5, 2.0, 9]                            since when, to which moment

Times are seconds on the session's clock; a moment is a time and the number of the next entry. docs/jam.md tells it to
those who read such files with other programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, FiniteFloat, Tag, ValidationError

from ritornello.config import refusal
from ritornello.errors import ConfigError
from ritornello.live.events import LiveNote, Side, TempoSet, Turn, TurnBegan
from ritornello.live.session.history import MOST_BOOKMARKS
from ritornello.live.session.record import Bookmark, Entry, ModelBegan, Record, TimedControl, WentBack

FORMAT, VERSION = "ritornello-jam", 1
LATEST = 1e7
"""The latest time in seconds: four months."""

MOST_ENTRIES = 400_000
SLACK = 60.0
"""Seconds by which an entry may be later than the record: what is planned."""

Row = list[Any]
Time = Annotated[FiniteFloat, Field(ge=-LATEST, le=LATEST)]
Number = Annotated[int, Field(ge=0, le=4 * MOST_ENTRIES)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Byte = Annotated[int, Field(ge=0, le=127)]
Channel = Annotated[int, Field(ge=0, le=15)]
Program = Annotated[int, Field(ge=0, le=128)]
Name = Annotated[str, Field(max_length=200)]
Meter = tuple[Annotated[int, Field(ge=1, le=255)], Literal[1, 2, 4, 8, 16, 32, 64, 128]]
Tempo = Annotated[FiniteFloat, Field(ge=1, le=1000)]

MAKERS: dict[str, Callable[..., Entry]] = {
    "note": LiveNote,
    "control": TimedControl,
    "turn": TurnBegan,
    "tempo": TempoSet,
    "model": ModelBegan,
    "bookmark": Bookmark,
    "back": WentBack,
}
KINDS = {made: kind for kind, made in MAKERS.items()}

NoteRow = tuple[
    Literal["note"], Number, Side, Time, Time | None, Byte, Annotated[Byte, Field(ge=1)], Channel, Program
]
ControlRow = tuple[
    Literal["control"], Number, Time, Channel, Literal[0xA0, 0xB0, 0xD0, 0xE0], Byte,
    Annotated[int, Field(ge=-8192, le=8191)],
]  # fmt: skip
AnyRow = Annotated[
    Annotated[NoteRow, Tag("note")]
    | Annotated[ControlRow, Tag("control")]
    | Annotated[tuple[Literal["turn"], Number, Turn, Time, Time | None, Count], Tag("turn")]
    | Annotated[tuple[Literal["tempo"], Number, Time, Tempo, Meter, bool], Tag("tempo")]
    | Annotated[tuple[Literal["model"], Number, Name], Tag("model")]
    | Annotated[tuple[Literal["bookmark"], Number, Number, Name, Time, Number], Tag("bookmark")]
    | Annotated[tuple[Literal["back"], Number, Time, Time, Number], Tag("back")],
    Discriminator(lambda row: row[0] if isinstance(row, list | tuple) and row else None),
]


class StoredRecord(BaseModel):
    """A record with what is needed to go on from it.

    model: the name of the model that was chosen. seed, config: those of the session, config with some fields of
    `JamConfig`. now: the time at its end, in seconds.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    format: Literal["ritornello-jam"]
    version: Literal[1]
    model: Annotated[str, Field(min_length=1, max_length=200)]
    seed: Annotated[int, Field(ge=0, lt=1 << 63)]
    config: Annotated[dict[str, Any], Field(max_length=500)]
    now: Annotated[FiniteFloat, Field(ge=0, le=LATEST)]
    entries: Annotated[list[AnyRow], Field(max_length=MOST_ENTRIES)]


def entry_to_row(number: int, entry: Entry) -> Row:
    """Return the row of an entry, times rounded to a microsecond."""
    fields = [*vars(entry).values()] if isinstance(entry, LiveNote | TurnBegan | TempoSet) else [*entry]
    fields = fields[1:] if isinstance(entry, LiveNote) else fields
    return [
        KINDS[type(entry)],
        number,
        *(round(each, 6) if isinstance(each, float) else each for each in fields),
    ]


def _row_to_entry(row: Sequence[Any]) -> Entry:
    """Return the entry of a row; a note has its number itself."""
    return MAKERS[row[0]](*row[1 if row[0] == "note" else 2 :])


def record_to_rows(record: Record) -> list[Row]:
    """Return the rows of all entries, in order of their numbers."""
    return [entry_to_row(number, entry) for number, entry in sorted(record.journal.items())]


def parse_record(content: bytes | str, what: str = "the record") -> StoredRecord:
    """Return the record in a JSON text; ConfigError if it is not one, or its entries do not fit together."""
    try:
        stored = StoredRecord.model_validate_json(content)
    except ValidationError as error:
        raise ConfigError(f"{what}: {refusal(error, StoredRecord)}") from error
    if problem := _problem(stored):
        raise ConfigError(f"{what}: {problem}")
    return stored


def _problem(stored: StoredRecord) -> str | None:
    """Return the first way in which entries do not fit together, if there is one."""
    last, bookmarks = -1, 0
    for row in stored.entries:
        number, entry = row[1], _row_to_entry(row)
        if number <= last:
            return f"entry {number} comes after entry {last}: numbers must rise"
        last = number
        if isinstance(entry, LiveNote) and entry.end is not None and entry.end < entry.start:
            return f"note {number} ends at {entry.end:g}, before it starts at {entry.start:g}"
        if isinstance(entry, LiveNote | TimedControl | TurnBegan) and entry.start > stored.now + SLACK:
            return f"entry {number} is later than the end of the record, {stored.now:g}"
        if isinstance(entry, Bookmark):
            bookmarks += 1
            if entry.number != bookmarks or bookmarks > MOST_BOOKMARKS:
                known = f"allowed are {MOST_BOOKMARKS}, counted from 1"
                return f"bookmark {entry.number} is number {bookmarks}; {known}"
        if isinstance(entry, Bookmark | WentBack) and entry.stop > number:
            return f"entry {number} leads to entry {entry.stop}, which comes after it"
    return None


def to_record(stored: StoredRecord) -> Record:
    """Return the record; notes of keys that are down end with it, and what is planned for later is left out."""
    entries: dict[int, Entry] = {}
    for row in stored.entries:
        entry = _row_to_entry(row)
        if isinstance(entry, LiveNote) and (entry.end is None or entry.end > stored.now):
            entry = replace(entry, end=max(entry.start, stored.now))
        if not isinstance(entry, LiveNote | TurnBegan) or entry.start <= stored.now:
            entries[row[1]] = entry
    return Record(entries, max(entries, default=-1) + 1)


def stored_to_json(stored_fields: dict[str, Any], rows: Iterable[Row]) -> dict[str, Any]:
    """Return a record as an object for JSON."""
    return {"format": FORMAT, "version": VERSION, **stored_fields, "entries": list(rows)}
