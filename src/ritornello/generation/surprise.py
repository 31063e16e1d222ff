"""The surprise of each note of a piece under a model, and what the model expected in its place.

    found = ritornello.load("songs").surprise("my_song.mid")
    for note in found.most(5):
        print(note.bar, note.beat, note.instrument, note.name, note.nats, note.instead[:1])

The surprise (surprisal) of an id is -ln of its probability given all before it, in nats. Every id belongs to a note
(see `representations.attribution`), and the surprise of a note is the sum over its ids. It has three parts: that this
instrument plays now (the ids that led to the note, and -ln of the probability of its notes), that it plays this pitch
of all, and how (the ids that tell more, such as of the length). What is left is `before`, the header of the piece,
and `after`, its end. All together are the likelihood of the piece (`Model.likelihood`).

Read in order: `Surprise`, then `surprise` and the functions it calls.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from ritornello.analysis.beats import has_pickup
from ritornello.arrays import Floats, Ints
from ritornello.bundle import Bundle
from ritornello.errors import counted
from ritornello.formats.text import is_prose
from ritornello.generation.likelihood import LEAST, Example, examples_of, read_all, sum_by_bar
from ritornello.generation.stepper import Logits, Stepper
from ritornello.likelihood import Likelihood
from ritornello.notation.names import printed_names
from ritornello.notation.spelling import spell_class, spell_notes
from ritornello.rendering.heat import Heat
from ritornello.representations import Conditions, Representation
from ritornello.representations.attribution import Attribution, attribute
from ritornello.representations.tokens import CHORD
from ritornello.score import Meter, Score, note_columns, ticks_to_seconds
from ritornello.theory import drum_name

MOST_INSTEAD = 5
"""Of each note: how much is told of what the model held for probable in its place."""

_PLAYED = 0.08  # of a beat
_TOLERANCE = 0.5  # quarters by which a note may be read from where it stands
PASSAGE = 2
"""Bars of the passages that are told."""


By = Literal["pitch", "note", "time", "length"]
"""What of a note is looked at: its pitch, all of it, when it comes, or how long and loud it is."""

_NAMES = {
    "pitch": "surprise of the pitch",
    "note": "surprise of the note",
    "time": "surprise of the time",
    "length": "surprise of the length",
}

LISTED = 10
"""Notes that are listed and numbered."""

MOST_NATS = 6.0
"""The end of the scale of colours: a probability of 1 in 400."""


class Expected(NamedTuple):
    """A pitch that was probable where a note begins, if its instrument plays there. name: as in `NoteSurprise`; pitch:
    None for chords, sets of drums and words."""

    probability: float
    name: str
    pitch: int | None


@dataclass(frozen=True)
class NoteSurprise:
    """A note as the model read it, and its surprise in nats, the sum of those of its time, its pitch and its length.

    bar: as printed, from 1, 0 for a pickup. beat: from 1, in notes of the meter's denominator. track, index: where it
    stands in `Surprise.score`. name: of its pitch or drum. time_nats: of the instrument playing then at all.
    pitch_nats: of this pitch, if the instrument plays then. instead: the other pitches that were most probable in its
    place. length_nats: of its length and velocity. Where one id begins several notes, they share its nats. Of prose,
    notes are words: their bars are sentences, track and index are -1.
    """

    bar: int
    beat: float
    instrument: str
    pitch: int | None
    name: str
    nats: float
    time_nats: float
    pitch_nats: float
    length_nats: float
    instead: tuple[Expected, ...]
    track: int = -1
    index: int = -1

    def part(self, by: By) -> float:
        """Return the nats of the note, or of its time, pitch or length."""
        return {"note": self.nats, "time": self.time_nats, "pitch": self.pitch_nats}.get(by, self.length_nats)


class BarSurprise(NamedTuple):
    """A bar as printed, the notes that begin in it, and their surprise in nats."""

    bar: int
    notes: int
    nats: float

    @property
    def nats_per_note(self) -> float:
        return self.nats / max(1, self.notes)


class Passage(NamedTuple):
    """Bars, as printed, first and last, and their mean surprise in nats a note."""

    first: int
    last: int
    nats_per_note: float


@dataclass(frozen=True, repr=False)
class Surprise:
    """The surprise of a piece. notes: in the order in which the model reads them. before, after: the nats of the ids
    before the first note and after the last. score: the piece as given, if every note that the model read is found in
    it, else as the model read it. bars: those of `score`. likelihood: as `Model.likelihood`. model: its name.
    remarks: what the model did not read, or read as something else.
    """

    model: str
    score: Score
    notes: tuple[NoteSurprise, ...]
    before: float
    after: float
    likelihood: Likelihood
    bars: tuple[BarSurprise, ...]
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Surprise({len(self.notes)} notes, {self.nats_per_note:.2f} nats a note under {self.model!r})"

    @property
    def is_prose(self) -> bool:
        return is_prose(self.score)

    @property
    def nats_per_note(self) -> float:
        """The mean surprise of the notes, without that of what stands before the first and after the last."""
        return sum(note.nats for note in self.notes) / max(1, len(self.notes))

    def most(self, count: int = LISTED, by: By = "pitch") -> list[NoteSurprise]:
        """Return the most surprising notes, the most surprising first: by their pitch, which finds wrong notes, by
        their time or length, or by the whole note."""
        return sorted(self.notes, key=lambda note: -note.part(by))[:count]

    def heat(self, by: By = "pitch", count: int = LISTED) -> Heat:
        """Return the surprise as colours of the notes of `score`, the most surprising ones numbered."""
        values = [np.full(len(track.notes), np.nan) for track in self.score.tracks]
        for note in self.notes:
            values[note.track][note.index] = note.part(by)
        parts = np.zeros((len(self.bars), 3))
        for note in self.notes:
            parts[note.bar - self.bars[0].bar] += (note.time_nats, note.pitch_nats, note.length_nats)
        parts /= np.maximum(1, [[bar.notes] for bar in self.bars])
        numbered = tuple((note.track, note.index) for note in self.most(count, by))
        bars = "nats a note in each bar:"
        return Heat(
            tuple(values), MOST_NATS, _NAMES[by], "nats", numbered, parts, ("time", "pitch", "length"), bars
        )

    @cached_property
    def _passages(self) -> list[Passage]:
        """All runs of PASSAGE bars with notes, or of all bars if there are fewer."""
        size = min(PASSAGE, len(self.bars))
        runs = (self.bars[at : at + size] for at in range(len(self.bars) - size + 1))
        return [
            Passage(run[0].bar, run[-1].bar, sum(b.nats for b in run) / sum(b.notes for b in run))
            for run in runs
            if all(bar.notes for bar in run)
        ]

    def passages(self, count: int = 3, least: bool = False) -> list[Passage]:
        """Return the most surprising passages of PASSAGE bars, or the least surprising, that do not overlap."""
        found: list[Passage] = []
        for each in sorted(self._passages, key=lambda p: p.nats_per_note if least else -p.nats_per_note):
            if all(each.last < other.first or other.last < each.first for other in found):
                found.append(each)
        return found[:count]

    def write(self, path: str | Path, by: By = "pitch") -> tuple[str, ...]:
        """Write a map to `path`, by its suffix: .png is a piano roll, .svg and .pdf are the engraved score, .html is a
        page with both. Return descriptions of what was left out."""
        from ritornello.generation.surprise_page import write_map

        return write_map(self, Path(path), by)

    def _repr_html_(self) -> str:
        from ritornello.generation.surprise_page import notebook_html

        return notebook_html(self)

    def facts(self, most: int | None = None) -> dict[str, Any]:
        """Return all as plain JSON; with `most` only so many notes, the most surprising ones first."""
        notes = self.notes if most is None else self.most(most)
        return {
            "model": self.model,
            **self.likelihood.facts(),
            "nats_before": round(self.before, 4),
            "nats_after": round(self.after, 4),
            "note_surprises": [_note_facts(note) for note in notes],
            "bar_surprises": [bar._asdict() | {"nats": round(bar.nats, 4)} for bar in self.bars],
            "most_surprising": [_passage_facts(each) for each in self.passages()],
            "least_surprising": [_passage_facts(each) for each in self.passages(least=True)],
            "remarks": list(self.remarks),
        }


def _note_facts(note: NoteSurprise) -> dict[str, Any]:
    facts = {name: round(each, 4) if isinstance(each, float) else each for name, each in vars(note).items()}
    instead = [each._asdict() | {"probability": round(each.probability, 4)} for each in note.instead]
    return facts | {"instead": instead}


def _passage_facts(passage: Passage) -> dict[str, Any]:
    return passage._asdict() | {"nats_per_note": round(passage.nats_per_note, 4)}


def surprise(
    bundle: Bundle, stepper: Stepper, score: Score, progress: Callable[[int, int], None] | None = None
) -> Surprise:
    """Return the surprise of each note of `score` under a model; ConfigError if there are no notes."""
    representation = bundle.representation
    examples = examples_of(representation, score)
    if representation.learns_whole_pieces:
        representation = representation.for_piece(score, Conditions())
    found = [attribute(representation, example.ids) for example in examples]
    readings, looks = _read(representation, stepper, examples, found, progress)
    header, bars = sum_by_bar(representation, examples, readings)
    events, before, after = _events(representation, examples, found, [each for each, _ in readings], looks)
    shown, places = score, list[_Place]()
    if is_prose(score):
        notes, remarks = _words(representation, examples, found, events), list[str]()
    else:
        shown, places = shown_score(representation, score, examples, found)
        notes, remarks = _notes(shown, places, events), [*representation.substitutions(score)]
        unread = shown.note_count - len(notes)
        remarks += [f"not read by this model: {counted(unread, 'note')}"] if unread else []
        if representation.tokens.quarters_per_minute is None and _is_played(shown):
            remarks.append(
                "its timing is played, not written: the surprise of time and length tells of that too"
            )
    judged, name = sum(bars, header), bundle.card.name
    return Surprise(name, shown, tuple(notes), before, after, judged, _bars(shown, notes), tuple(remarks))


def _is_played(score: Score) -> bool:
    """Return whether a third of the notes begin off all twelfths of a quarter."""
    return bool(np.mean(score.all_notes()["start"] * 12 % score.ticks_per_quarter != 0) > 1 / 3)


class _Event(NamedTuple):
    """What an id that begins notes brings: the nats of each of its notes (time, pitch, length), and what was expected
    instead: probability, and pitch or name."""

    nats: Floats
    instead: list[tuple[float, int | str]]


class _Looks(NamedTuple):
    """What a model held for probable where events begin: -ln of the probability of all ids that begin notes of the same
    voice, (events,), and the most probable of these ids with their share of it, (events, MOST_INSTEAD + 1)."""

    voice_nats: Floats
    ids: Ints
    shares: Floats


@dataclass(frozen=True)
class _Place:
    """Where a note stands in the score that is shown, and the part and the event that it was read as."""

    track: int
    index: int
    part: int
    event: int


def _read(
    representation: Representation,
    stepper: Stepper,
    examples: Sequence[Example],
    found: Sequence[Attribution],
    progress: Callable[[int, int], None] | None,
) -> tuple[list[tuple[Floats, Ints]], list[_Looks]]:
    """Return what `read_all` does, and what was probable where the events of each example begin."""
    tokens = representation.tokens
    edges = np.cumsum([0, *(len(example.ids) - 1 for example in examples)])
    begins = np.concatenate([each.begins - 1 + edge for each, edge in zip(found, edges[:-1], strict=True)])
    own = np.concatenate([example.ids[each.begins] for example, each in zip(examples, found, strict=True)])
    voices, voice = np.unique(tokens.voice[own], return_inverse=True)
    own_or_any = (tokens.voice == voices[:, None]) | (voices < 0)[:, None]
    of_voice = tokens.recalls | ((tokens.notes > 0) & own_or_any)
    count = min(MOST_INSTEAD + 1, int(of_voice.sum(axis=1).min(initial=tokens.size)))
    looks = _Looks(np.zeros(len(own)), *np.zeros((2, len(own), count)))
    looks = looks._replace(ids=looks.ids.astype(np.int64))
    event_at = np.full(edges[-1], -1)
    event_at[begins] = np.arange(len(begins))

    def look(at: Ints, logits: Logits) -> None:
        events = event_at[at]
        wanted = logits[events >= 0].astype(np.float64)
        events = events[events >= 0]
        whole = np.logaddexp.reduce(wanted, axis=1)
        wanted[~of_voice[voice[events]]] = -np.inf
        part = np.logaddexp.reduce(wanted, axis=1)
        looks.voice_nats[events] = whole - part
        looks.ids[events] = np.argpartition(-wanted, count - 1, axis=1)[:, :count]
        looks.shares[events] = np.exp(np.take_along_axis(wanted, looks.ids[events], axis=1) - part[:, None])

    readings = read_all(representation, stepper, examples, progress, look)
    stops = np.cumsum([len(each.begins) for each in found])[:-1]
    split = (np.split(each, stops) for each in looks)
    return readings, [_Looks(*each) for each in zip(*split, strict=True)]


def _events(
    representation: Representation,
    examples: Sequence[Example],
    found: Sequence[Attribution],
    log_probs: Sequence[Floats],
    looks: Sequence[_Looks],
) -> tuple[list[_Event], float, float]:
    """Return the events of all examples, and the nats of what stands before the first and after the last of each."""
    events: list[_Event] = []
    before = after = 0.0
    for example, each, log_prob, look in zip(examples, found, log_probs, looks, strict=True):
        nats, count = -np.where(log_prob >= LEAST, log_prob, 0), len(each.begins)
        kind = np.where(representation.tokens.tells_of[example.ids[1:]] >= 0, 2, 0)
        kind[each.begins - 1] = 1
        cells = (each.event_of_id[1:] + 1) * 3 + kind
        summed = np.bincount(cells, nats, minlength=3 * (count + 2))
        table = summed.astype(np.float64).reshape(-1, 3)
        before, after = before + float(table[0].sum()), after + float(table[-1].sum())
        table[1:-1] += look.voice_nats[:, None] * np.array([1.0, -1.0, 0.0])
        shares = np.maximum(np.bincount(each.event, minlength=count), 1)[:, None]  # prose has no notes
        events += map(_Event, table[1:-1] / shares, _instead(representation, example, each, look))
    return events, before, after


def _instead(
    representation: Representation, example: Example, found: Attribution, look: _Looks
) -> list[list[tuple[float, int | str]]]:
    """Return what was expected instead of each event, the most probable first; ids of one pitch count as one."""
    tokens, grammar, begins = representation.tokens, representation.grammar(), set(found.begins.tolist())
    rows: list[list[tuple[float, int | str]]] = []

    def brought(token: int) -> int | str | None:
        pitches = [pitch for _, pitch in grammar.notes_of(token)]
        if len(pitches) == 1 and pitches[0] < CHORD:
            return pitches[0]
        return tokens.name(token) if pitches or not tokens.recalls[token] else None

    for place, token in enumerate(example.ids.tolist()):
        if place in begins:
            shares = defaultdict[int | str | None, float](float)
            for other, share in zip(
                look.ids[len(rows)].tolist(), look.shares[len(rows)].tolist(), strict=True
            ):
                shares[brought(other)] += share
            for left_out in (brought(token), None):
                shares.pop(left_out, None)
            ranked = sorted(shares.items(), key=lambda each: -each[1])[:MOST_INSTEAD]
            rows.append([(share, name) for name, share in ranked if name is not None])
        grammar.advance(token)
    return rows


def shown_score(
    representation: Representation, score: Score, examples: Sequence[Example], found: Sequence[Attribution]
) -> tuple[Score, list[_Place]]:
    """Return the score to show, and the places of the notes that were read, in the order of their events."""
    read, first_event = list[_Place](), 0
    sizes: dict[
        tuple[object, ...], tuple[int, int]
    ] = {}  # of each joined track: its number, and its notes so far
    for example, each in zip(examples, found, strict=True):
        parts, numbers = representation.parts(example.ids), list[tuple[int, int]]()
        seen = Counter[tuple[object, ...]]()
        for track in each.score.tracks:  # as `Score.joined` joins them
            kind = track.program, track.is_drum, track.name
            seen[kind] += 1
            numbers.append(sizes.get((*kind, seen[kind]), (len(sizes), 0)))
            sizes[(*kind, seen[kind])] = numbers[-1][0], numbers[-1][1] + len(track.notes)
        for track, index, event in np.stack([each.track, each.index, each.event], axis=1).tolist():
            number, size = numbers[track]
            read.append(_Place(number, size + index, parts[track], first_event + event))
        first_event += len(each.begins)
    joined = found[0].score.joined(*(each.score for each in found[1:]))
    if representation.learns_whole_pieces and (places := _found_in(representation, score, joined, read)):
        return score, places
    return replace(joined, title=score.title), read


def _found_in(
    representation: Representation, score: Score, decoded: Score, read: Sequence[_Place]
) -> list[_Place] | None:
    """Return the places in `score` of the notes that were read, given those in `decoded`; None if one is not found.

    A note may have moved by less than _TOLERANCE quarters, and by octaves.
    """
    free: dict[tuple[int, int], list[tuple[float, int, int, int]]] = defaultdict(list)
    for number, (track, part) in enumerate(zip(score.tracks, representation.parts_read(score), strict=True)):
        if part is not None:
            times = _quarters(representation, score, track.notes["start"])
            for index, (time, pitch) in enumerate(zip(times, track.notes["pitch"].tolist(), strict=True)):
                free[part, pitch % 12].append((time, pitch, number, index))
    for notes in free.values():
        notes.sort()
    decoded_times = [_quarters(representation, decoded, track.notes["start"]) for track in decoded.tracks]
    places = []
    for place in read:
        time, pitch = (
            decoded_times[place.track][place.index],
            int(decoded.tracks[place.track].notes["pitch"][place.index]),
        )
        notes = free[place.part, pitch % 12]
        first, stop = (bisect_left(notes, (time + side * _TOLERANCE,)) for side in (-1, 1))
        if first == stop:
            return None
        best = min(notes[first:stop], key=lambda note: (abs(note[0] - time), abs(note[1] - pitch)))
        notes.remove(best)
        places.append(replace(place, track=best[2], index=best[3]))
    return places


def _quarters(representation: Representation, score: Score, ticks: Ints) -> list[float]:
    """Return ticks in quarters; in those of the tempo of all pieces, where a representation has time in seconds."""
    tempo = representation.tokens.quarters_per_minute
    times = (
        ticks / score.ticks_per_quarter if tempo is None else ticks_to_seconds(score, ticks) * (tempo / 60)
    )
    return [float(time) for time in times]


def _notes(shown: Score, places: Sequence[_Place], events: Sequence[_Event]) -> list[NoteSurprise]:
    """Return the notes that were read, each with its place in the score that is shown."""
    labels = [name for name, _ in printed_names(shown.tracks, shown.title)]
    rows = [shown.tracks[each.track].notes[each.index] for each in places]
    is_drum = [shown.tracks[each.track].is_drum for each in places]
    names = Names(shown)
    result = []
    at_beat = bars_and_beats(shown, [int(row["start"]) for row in rows])
    for place, row, drum, (bar, beat) in zip(places, rows, is_drum, at_beat, strict=True):
        event, pitch = events[place.event], int(row["pitch"])
        name = drum_name(pitch) if drum else names.of(pitch, int(row["start"]))
        instead = tuple(
            Expected(share, note, None)
            if isinstance(note, str)
            else Expected(share, drum_name(note) if drum else names.of(note), note)
            for share, note in event.instead
        )
        time, of_pitch, length = event.nats.tolist()
        whole, label = time + of_pitch + length, labels[place.track]
        result.append(
            NoteSurprise(
                bar,
                beat,
                label,
                pitch,
                name,
                whole,
                time,
                of_pitch,
                length,
                instead,
                place.track,
                place.index,
            )
        )
    return result


class Names:
    """The names of the pitches of a score, as they are printed."""

    def __init__(self, score: Score) -> None:
        start, _, pitch, _ = note_columns(track for track in score.tracks if not track.is_drum)
        spelled = spell_notes(pitch, start, score.keys)
        self._written = dict(zip(zip(start.tolist(), pitch.tolist(), strict=True), spelled, strict=True))
        counts = Counter(
            (each % 12, step, alter) for each, (step, alter, _) in zip(pitch.tolist(), spelled, strict=True)
        )
        self._usual = {each: (step, alter) for (each, step, alter), _ in reversed(counts.most_common())}
        self._fifths = (score.keys[0] if score.keys else score.estimated_key()).fifths

    def of(self, pitch: int, start: int = -1) -> str:
        """Return the name of a note, or, without its start, of a pitch as the piece spells it most often."""
        step, alter, octave = self._written.get((start, pitch), ("", 0, 0))
        if not step:
            step, alter = self._usual.get(pitch % 12) or spell_class(pitch % 12, self._fifths)
            octave = (pitch - alter) // 12 - 1
        return f"{step}{'#' * alter or 'b' * -alter}{octave}"


def _words(
    representation: Representation,
    examples: Sequence[Example],
    found: Sequence[Attribution],
    events: Sequence[_Event],
) -> list[NoteSurprise]:
    """Return the words of prose."""
    result: list[NoteSurprise] = []
    for example, each in zip(examples, found, strict=True):
        for at in each.begins.tolist():
            event, name = events[len(result)], representation.tokens.name(int(example.ids[at]))
            instead = tuple(Expected(share, str(other), None) for share, other in event.instead)
            (time, word, length), sentence = event.nats.tolist(), int(example.bars[at]) + 1
            whole = time + word + length
            result.append(NoteSurprise(sentence, 1.0, "", None, name, whole, time, word, length, instead))
    return result


def bars_and_beats(score: Score, ticks: Sequence[int]) -> list[tuple[int, float]]:
    """Return bar and beat of each tick; a pickup, bar 0, counts from its end.

    Music that is played a little early or late is told where it is meant: at a quarter or third of a beat within
    _PLAYED.
    """
    edges, first = score.bars.edges.tolist(), 0 if has_pickup(score) else 1
    meters = [Meter(0, 4, 4), *score.meters]
    starts = [meter.tick for meter in meters]
    result = []
    for tick in ticks:
        bar = min(bisect_right(edges, tick), len(edges) - 1) - 1
        meter = meters[bisect_right(starts, edges[bar]) - 1]
        unit = 4 * score.ticks_per_quarter / meter.denominator
        lead = max(0, meter.numerator - (edges[1] - edges[0]) / unit) if bar == 0 == first else 0
        beat = (tick - edges[bar]) / unit
        near = min((round(beat * parts) / parts for parts in (4, 3)), key=lambda each: abs(each - beat))
        beat = near if abs(near - beat) < _PLAYED else beat
        if (
            bar + 2 < len(edges)
            and tick + unit / 8 >= edges[bar + 1]
            and beat >= (edges[bar + 1] - edges[bar]) / unit
        ):
            bar, beat, lead = bar + 1, 0, 0
        result.append((bar + first, round(1 + lead + beat, 3)))
    return result


def _bars(score: Score, notes: Sequence[NoteSurprise]) -> tuple[BarSurprise, ...]:
    """Return the bars of a score, or sentences, with and without notes."""
    if is_prose(score):
        numbers = range(1, 1 + max((note.bar for note in notes), default=0))
    else:
        first = 0 if has_pickup(score) else 1
        numbers = range(first, first + len(score.bars))
    by_bar = defaultdict[int, list[float]](list)
    for note in notes:
        by_bar[note.bar].append(note.nats)
    return tuple(BarSurprise(number, len(by_bar[number]), sum(by_bar[number])) for number in numbers)
