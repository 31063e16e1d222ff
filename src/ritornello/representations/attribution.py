"""Which note each id of a piece belongs to, for any representation.

An id that begins notes belongs to these. Any other belongs to the note that it tells of (`Meaning.tells_of`): one that
it goes on with, ends or describes; or else it leads to the next note, as a shift of time does. What comes before the
first note that an id begins belongs to no note, nor do ids after the last one that tell of none, such as the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ritornello.arrays import Ints
from ritornello.representations.base import Ids, Representation
from ritornello.representations.tokens import CHORD, LAST, Note
from ritornello.score import Score


@dataclass(frozen=True, eq=False)
class Attribution:
    """The events of a piece, ids that begin notes, in their order, and the notes of `score`, what the ids decode to.

    event_of_id: (time,), -1 before the first event, the number of events after the last. begins: (events,), the place
    of each in the ids. track, index: (notes,), where each note stands in `score`; event: (notes,), which one begins it,
    ascending. Prose has events and no notes.
    """

    score: Score
    event_of_id: Ints
    begins: Ints
    track: Ints
    index: Ints
    event: Ints


_LEADS = -2  # marks ids that lead to the next event


class _Event(NamedTuple):
    time: float  # after it
    notes: int
    known: tuple[Note, ...]  # voice and pitch of each note, or of what stands for all


def attribute(representation: Representation, ids: Ids) -> Attribution:
    """Return which note each id belongs to; `ids` are those of a piece that `encode` or `extract_examples` made."""
    tokens, grammar = representation.tokens, representation.grammar()
    events: list[_Event] = []
    begins: list[int] = []
    latest: dict[int, int] = {}  # the last event of each pitch, and of all
    of = np.full(len(ids), _LEADS, dtype=np.int64)
    told = tokens.tells_of[ids].tolist()
    for place, token in enumerate(np.asarray(ids).tolist()):
        before = grammar.notes
        grammar.advance(token)
        if grammar.notes > before:
            of[place] = latest[LAST] = len(events)
            latest |= {pitch: len(events) for _, pitch in grammar.last_notes if pitch < CHORD}
            events.append(_Event(grammar.quarters, grammar.notes - before, grammar.last_notes))
            begins.append(place)
        elif told[place] >= 0:
            of[place] = latest.get(told[place], _LEADS)
    at = np.array(begins, dtype=np.int64)
    following = np.searchsorted(at, np.arange(len(ids)))
    first = begins[0] if begins else len(ids)
    of = np.where(of == _LEADS, np.where(np.arange(len(ids)) < first, -1, following), of)
    score = representation.decode(ids)
    return Attribution(score, of, at, *_places(score, representation.parts(ids), events))


def _places(score: Score, parts: Sequence[int], events: Sequence[_Event]) -> tuple[Ints, Ints, Ints]:
    """Return track, index and event of each decoded note.

    Notes and events are in the same order by time, then by pitch where events tell it, then by part.
    """
    tracks = [np.asarray(track.notes) for track in score.tracks]
    track = np.repeat(np.arange(len(tracks)), [len(notes) for notes in tracks])
    if not len(track):
        return track, track, track
    index = np.concatenate([np.arange(len(notes)) for notes in tracks])
    start, pitch = (np.concatenate([notes[name] for notes in tracks]) for name in ("start", "pitch"))
    part = np.array([*parts, *[0] * (len(tracks) - len(parts))])[track]
    if all(len(event.known) == event.notes and _is_pitched(event.known) for event in events):
        order = np.lexsort((part, pitch, start))
        rows = [(e.time, pitch, voice, at) for at, e in enumerate(events) for voice, pitch in e.known]
    else:
        order = np.lexsort((pitch, part, start))
        voices = [event.known[0][0] if event.known else 0 for event in events]
        rows = [(e.time, voices[at], 0, at) for at, e in enumerate(events) for _ in range(e.notes)]
    event = np.array([at for *_, at in sorted(rows)])
    by_event = np.argsort(event, kind="stable")
    return track[order[by_event]], index[order[by_event]], event[by_event]


def _is_pitched(notes: Sequence[Note]) -> bool:
    return all(pitch < CHORD for _, pitch in notes)
