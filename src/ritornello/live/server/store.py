"""The store: the records of sessions on disk, so that they outlive the server.

An SQLite database in a folder of the user, with a row an entry as in `session.stored`, written by a thread of its own
in one transaction a round. SQLite, not files of our own: a write is there or not whatever fails meanwhile, servers
that share the folder wait for each other, and one database needs three descriptors, not one a session. With its
write-ahead log (WAL) nothing is forced onto the disk but at checkpoints: a killed server loses nothing that was
written, a power cut perhaps the last rounds.

Sessions are found by the digest of their token, so the database lets nobody in. A session belongs to the server that
had it last; changes of another are left out. Read in order: `SessionStore.open`, `keep`, `load`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import queue
import secrets
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from ritornello.errors import ConfigError
from ritornello.live.server.hosted_session import Unkept
from ritornello.live.server.limits import ServerLimits
from ritornello.live.session.record import Record
from ritornello.live.session.stored import StoredRecord, entry_to_row, parse_record, stored_to_json, to_record

log = logging.getLogger(__name__)

FILE, ASIDE = "sessions.sqlite", "sessions.damaged"

SCHEMA = (
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY, token BLOB NOT NULL UNIQUE, owner TEXT NOT NULL, "
    "head TEXT NOT NULL, heard INTEGER NOT NULL, saved REAL NOT NULL)",
    "CREATE TABLE entries (session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE, "
    "number INTEGER NOT NULL, row TEXT NOT NULL, PRIMARY KEY (session, number)) WITHOUT ROWID",
)
"""head: the fields of a stored record without its entries, as JSON; saved: seconds since 1970."""

SURROUNDINGS = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM),
}
"""Errors that say nothing about the database itself."""

RETRY = 5.0
"""Seconds after a failed write until it is tried again."""

CLEAR_EVERY = 10.0
"""Seconds between two rounds of clearing, at least."""

LONGEST_CLOSE = 10.0
"""Seconds that the end of the server waits for the last write."""


class Kept(NamedTuple):
    """A session as it was kept: its record, as it was stored and as it goes on, and the messages it accounts for."""

    stored: StoredRecord
    record: Record
    heard: int


def default_folder() -> Path:
    """Return the user's folder for the state of programs, by the conventions of the platform."""
    root = os.environ.get("XDG_STATE_HOME")
    if not root and sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA")
    return (Path(root) if root else Path.home() / ".local" / "state") / "ritornello" / "sessions"


class SessionStore:
    """The database in `folder`. `wall` tells the seconds since 1970.

    What cannot be kept is told once in the log, and the sessions go on without.
    """

    def __init__(
        self, folder: Path, limits: ServerLimits | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        self._path, self._limits, self._wall = folder / FILE, limits or ServerLimits(), wall
        self._owner, self._cleared = secrets.token_hex(8), 0.0
        self._rounds: queue.SimpleQueue[Sequence[Unkept] | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write_rounds, name="store", daemon=True)
        self._connection: sqlite3.Connection | None = None
        self.is_ready = False
        """Whether the last round is written, so that the next one may come."""

    def open(self) -> None:
        """Open the database, or a new one if it is damaged or not ours, clear it, and start the thread."""
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._connection = self._open()
            self._clear(self._connection)
        except (sqlite3.Error, OSError) as error:
            log.warning("%s", self._not_kept(error))
            return
        self.is_ready = True
        self._thread.start()

    def close(self) -> None:
        """Write what is left, and close the database."""
        self._rounds.put(None)
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(LONGEST_CLOSE)

    def keep(self, unkept: Sequence[Unkept]) -> None:
        """Let the thread write what has changed; without waiting."""
        self.is_ready = False
        self._rounds.put(unkept)

    def load(self, token: str) -> Kept | None:
        """Return the session of a token, which is this server's from now on; None if there is none, or it is damaged.

        Called from any thread; it takes a second for a session of hours.
        """
        if self._connection is None:
            return None
        try:
            with closing(self._connect()) as connection:
                found = self._find(connection, token)
            if found is None:
                return None
            content, heard = found
            stored = parse_record(content, "a session that was kept")
            return Kept(stored, to_record(stored), heard)
        except (sqlite3.Error, OSError, ConfigError) as error:
            log.warning("a session cannot be gone on from: %s", error)
            return None

    def _find(self, connection: sqlite3.Connection, token: str) -> tuple[str, int] | None:
        """Return the record of a session as JSON, and `heard`."""
        key = _key(token)
        if connection.execute("SELECT 1 FROM sessions WHERE token = ?", (key,)).fetchone() is None:
            return None  # most tokens are unknown, and a look does not keep a writer waiting
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE sessions SET owner = ? WHERE token = ?", (self._owner, key))
            asked = "SELECT id, head, heard FROM sessions WHERE token = ?"
            if (row := connection.execute(asked, (key,)).fetchone()) is None:
                return None
            session, head, heard = row
            size = "SELECT total(length(row)) FROM entries WHERE session = ?"
            if connection.execute(size, (session,)).fetchone()[0] > self._limits.record_bytes:
                raise ConfigError(f"a record has at most {self._limits.record_bytes} bytes")
            rows = connection.execute(
                "SELECT row FROM entries WHERE session = ? ORDER BY number", (session,)
            ).fetchall()
        return f'{head[:-1]},"entries":[{",".join(row for (row,) in rows)}]}}', heard

    # --- the database -----------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        try:
            return self._checked()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in SURROUNDINGS:
                raise
            aside = self._set_aside()
            log.warning("%s: %s; it is set aside as %s, and another is begun", self._path, error, aside.name)
            return self._checked()

    def _checked(self) -> sqlite3.Connection:
        """Return a connection to the database, which is made if there is none; DatabaseError if it is not ours."""
        os.close(
            os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        )  # SQLite gives its other files the same mode
        connection = self._connect()
        try:
            tables = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name DESC"
            if not connection.execute(tables).fetchall():
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before there are tables
                connection.execute("PRAGMA journal_mode = WAL")
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    for each in SCHEMA:
                        connection.execute(each.replace("TABLE", "TABLE IF NOT EXISTS", 1))
            if tuple(sql for (sql,) in connection.execute(tables)) != SCHEMA:
                raise sqlite3.DatabaseError("it is not a database of sessions, or that of another version")
            if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(" ".join(found.split()))
            connection.execute("PRAGMA journal_mode = WAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, 30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    def _set_aside(self) -> Path:
        """Rename the database; the one that was set aside before is lost."""
        aside = self._path.with_name(ASIDE)
        for end in ("-wal", "-shm"):
            aside.with_name(ASIDE + end).unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                self._path.with_name(FILE + end).replace(aside.with_name(ASIDE + end))
        return self._path.replace(aside)

    def _clear(self, connection: sqlite3.Connection) -> None:
        """Delete the sessions that are too old, and the oldest ones of too many bytes."""
        limits, self._cleared = self._limits, time.monotonic()
        # A time far in the future is one of a wrong clock.
        old = (self._wall(), limits.kept_seconds)
        connection.execute("DELETE FROM sessions WHERE abs(? - saved) > ?", old)
        while _used_bytes(connection) > limits.kept_bytes:
            oldest = "DELETE FROM sessions WHERE id = (SELECT id FROM sessions ORDER BY saved LIMIT 1)"
            if connection.execute(oldest).rowcount < 1:
                break
        connection.executescript("PRAGMA incremental_vacuum")  # `execute` would free one page

    # --- the thread -------------------------------------------------------------------------------------------

    def _write_rounds(self) -> None:
        """Write round after round, until the end; one that fails is tried again, and told the first time."""
        assert self._connection is not None
        is_failing = False
        with closing(self._connection) as connection:
            while (unkept := self._rounds.get()) is not None:
                while True:
                    try:
                        self._write(connection, unkept)
                        break
                    except sqlite3.Error as error:
                        if not is_failing:
                            log.warning("%s", self._not_kept(error))
                        is_failing = True
                        if self._ending.wait(RETRY):
                            return
                if is_failing:
                    log.warning("sessions are kept again")
                is_failing, self.is_ready = False, True

    def _write(self, connection: sqlite3.Connection, unkept: Sequence[Unkept]) -> None:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for each in unkept:
                self._write_one(connection, each)
        if time.monotonic() - self._cleared > CLEAR_EVERY:
            self._clear(connection)

    def _write_one(self, connection: sqlite3.Connection, unkept: Unkept) -> None:
        key = _key(unkept.token)
        fields = stored_to_json(unkept.fields(), ())
        del fields["entries"]
        values = (self._owner, json.dumps(fields), unkept.heard, self._wall(), key)
        if unkept.is_whole:
            connection.execute("DELETE FROM sessions WHERE token = ?", (key,))
            made = "INSERT INTO sessions (owner, head, heard, saved, token) VALUES (?, ?, ?, ?, ?)"
            session = connection.execute(made, values).lastrowid
        else:
            mine = "SELECT id FROM sessions WHERE token = ? AND owner = ?"
            row = connection.execute(mine, (key, self._owner)).fetchone()
            if row is None:
                return  # another server has it, or it was cleared to make room
            session = row[0]
            changed = "UPDATE sessions SET owner = ?, head = ?, heard = ?, saved = ? WHERE token = ?"
            connection.execute(changed, values)
        gone, rows = [], []
        for number, entry in unkept.entries.items():
            if entry is None:
                gone.append((session, number))
            else:
                row = json.dumps(entry_to_row(number, entry), separators=(",", ":"))
                rows.append((session, number, row))
        connection.executemany("DELETE FROM entries WHERE session = ? AND number = ?", gone)
        connection.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", rows)

    def _not_kept(self, error: Exception) -> str:
        return f"sessions are not kept: {self._path}: {' '.join(str(error).split())}"


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _used_bytes(connection: sqlite3.Connection) -> int:
    """Return the size of the database without the pages that are free."""
    asked = ("page_count", "freelist_count", "page_size")
    count, free, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked)
    return int((count - free) * size)
