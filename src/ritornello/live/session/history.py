"""The history of a session: the moments to go back to, by undo, redo and bookmarks.

Going back deletes nothing (see `record`), and what is left stays in reach: an undo can be taken back until something is
played; then, as when a bookmark is gone to, the branch that is left gets a bookmark of its own.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from ritornello.errors import ConfigError
from ritornello.live.events import BookmarkSet, TempoSet, TurnBegan
from ritornello.live.session.candidates import ModelState
from ritornello.live.session.input_buffer import ExpectedTempo
from ritornello.live.session.model import LiveModel
from ritornello.live.session.record import Bookmark, Moment, Record

UNDOS = 16
MOST_BOOKMARKS = 64


@dataclass(frozen=True)
class Snapshot:
    """The state to go back to: moment of the record, model and its state, counts of answers and turns, the beat, and
    the tempo that is expected.

    model_state: None if it is not known; then the model hears the end of the record. expected: None if it is not known.
    """

    moment: Moment
    model_state: ModelState | None
    model: LiveModel
    answers: int
    turns: int
    beat: TempoSet | None
    expected: ExpectedTempo | None


class History:
    """The snapshots of a session: of its turns, of what was undone, and of its bookmarks.

    new: the bookmarks that were set since somebody last took them.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._turns: deque[Snapshot] = deque(maxlen=UNDOS)
        self._undone: list[tuple[Snapshot, Snapshot]] = []  # what was left, and what was gone back to
        self._returned = Moment(math.inf, 0)  # when the session last went back
        self._bookmarks: dict[int, tuple[BookmarkSet, Moment, Snapshot | None]] = {}
        self.new: list[BookmarkSet] = []

    def load(self, model: LiveModel) -> None:
        """Take turns and bookmarks from the record, which was kept."""
        for moment, turn, beat in self._record.calls()[-UNDOS:]:
            self._turns.append(Snapshot(moment, None, model, moment.stop, turn, beat, None))
        for entry in self._record.journal.values():
            if isinstance(entry, Bookmark):
                number, name, until, stop = entry
                self._bookmarks[number] = BookmarkSet(number, name, until), Moment(until, stop), None

    def snapshot_at(self, moment: Moment, model: LiveModel) -> Snapshot:
        """Return what the record tells of a moment. Its answers are not those that came then: the entries count."""
        turns = [turn.number for turn, _, _ in self._record.entries(TurnBegan, moment)]
        beats = [beat for beat, _, _ in self._record.entries(TempoSet, moment)]
        beat = beats[-1] if beats else None
        return Snapshot(moment, None, model, moment.stop, max(turns, default=0), beat, None)

    # --- undo and redo ----------------------------------------------------------------------------------------

    def add_turn(self, snapshot: Snapshot) -> None:
        """Remember the beginning of a turn; it replaces the last one if nothing was played in between."""
        if self._turns and not self._record.has_notes_since(self._turns[-1].moment):
            self._turns.pop()
        self._turns.append(snapshot)
        if self._record.has_notes_since(self._returned):
            self._keep_undone()

    def undo(self, present: Snapshot) -> Snapshot | None:
        """Return the last snapshot since which either side has played, if there is one."""
        while self._turns:
            snapshot = self._turns.pop()
            if self._record.has_notes_since(snapshot.moment):
                if self._record.has_notes_since(self._returned):
                    self._keep_undone()
                self._undone.append((present, snapshot))
                return snapshot
        return None

    def redo(self) -> Snapshot | None:
        """Return what the last undo left, unless something has been played since."""
        if not self._undone or self._record.has_notes_since(self._returned):
            return None
        left, gone_back_to = self._undone.pop()
        self._turns.append(gone_back_to)
        return left

    def went_back(self) -> None:
        """Note that the record has just gone back."""
        self._returned = self._record.moment(math.inf)

    def _keep_undone(self) -> None:
        """Set a bookmark where the first of the undos that cannot be taken back any more was."""
        if self._undone:
            self._keep(self._undone[0][0])
            self._undone.clear()

    # --- bookmarks --------------------------------------------------------------------------------------------

    @property
    def bookmarks(self) -> tuple[BookmarkSet, ...]:
        """The bookmarks, in order of their numbers."""
        return tuple(bookmark for bookmark, _, _ in self._bookmarks.values())

    def set_bookmark(self, name: str, snapshot: Snapshot) -> None:
        """Set a bookmark; ConfigError if there are as many as are kept."""
        count, moment = len(self._bookmarks), snapshot.moment
        if count >= MOST_BOOKMARKS:
            raise ConfigError(f"bookmark {name!r}: there are {count} already, and no more are kept")
        bookmark = BookmarkSet(count + 1, name, moment.until)
        self._bookmarks[bookmark.number] = bookmark, moment, snapshot
        self._record.add(Bookmark(bookmark.number, name, *moment))
        self.new.append(bookmark)

    def find(self, number: int, model: LiveModel) -> Snapshot:
        """Return the snapshot of a bookmark; ConfigError if there is none of this number."""
        if number not in self._bookmarks:
            known = ", ".join(map(str, self._bookmarks)) or "none"
            raise ConfigError(f"bookmark {number}: there is none of this number; known: {known}")
        _, moment, snapshot = self._bookmarks[number]
        return snapshot or self.snapshot_at(moment, model)

    def leave(self, present: Snapshot) -> None:
        """Keep the present branch, and what was undone, by bookmarks, unless bookmarks have all of it."""
        self._keep_undone()
        self._keep(present)

    def _keep(self, snapshot: Snapshot) -> None:
        kept = (Moment(-math.inf, 0), *(moment for _, moment, _ in self._bookmarks.values()))
        if all(self._record.has_notes_since(moment, snapshot.moment) for moment in kept):
            minutes, seconds = divmod(int(snapshot.moment.until), 60)
            if len(self._bookmarks) < MOST_BOOKMARKS:
                self.set_bookmark(f"Left at {minutes}:{seconds:02}", snapshot)
