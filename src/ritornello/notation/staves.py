"""Parts and staves: which notes of which tracks are on which staff, in which voices and clefs.

- A track is a part of one staff. Keyboards and harps that need both clefs have two, split between the hands; two tracks
  that are the hands of one player are one part.
- More voices than `VOICES_OF_STAFF` continue on further staves of the part: other programs read no more on a staff.

Read in order: `Staff`, `Part`, `exact_parts`, `readable_parts`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ritornello.notation.bars import UNITS, Timeline
from ritornello.notation.clefs import choose_clefs
from ritornello.notation.quantise import Grace, Quantiser, Rows
from ritornello.notation.voices import Voice, exact_voices, in_bars, readable_voices, strokes
from ritornello.score import Score, Text, Track

VOICES_OF_STAFF = 4

_TWO_STAVES = frozenset({*range(8), *range(16, 21), 46})  # keyboards and the harp
_HAND_WINDOW = 2 * UNITS  # on each side of a note; decides where the hands are split
_HAND_WORDS = re.compile(
    r"\b(r\.?h\.?|l\.?h\.?|right|left|upper|lower|treble|bass|up|down|top|bottom|hands?|staff|stave|recht(e|s)|link(e|s)|"
    r"droite|gauche|main|mano|destra|sinistra|derecha|izquierda)\b|[\W\d_]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Staff:
    """Five lines: a clef for every bar, voices, the highest first, and grace notes."""

    clefs: tuple[str, ...]
    voices: tuple[Voice, ...]
    graces: tuple[Grace, ...] = ()


@dataclass(frozen=True)
class Part:
    """A player: `tracks` (two if they are the hands) and the staves, from the top. `texts` are those of all tracks."""

    tracks: tuple[Track, ...]
    staves: tuple[Staff, ...]

    @property
    def program(self) -> int:
        return self.tracks[0].program

    @property
    def is_drum(self) -> bool:
        return self.tracks[0].is_drum

    @property
    def texts(self) -> tuple[Text, ...]:
        return tuple(text for track in self.tracks for text in track.texts)


@dataclass(frozen=True)
class Losses:
    """Numbers of notes: left out because they double others, and shortened because there were too many voices."""

    doubled: int = 0
    shortened: int = 0


def exact_parts(score: Score, timeline: Timeline) -> tuple[Timeline, list[Part], Losses]:
    """Return the parts of `score` with every note, and the bars up to the last one that sounds."""
    players, doubled = _players(score, timeline)
    timeline = _ended(timeline, score, [rows for _, hands in players for rows in hands])
    parts, shortened = [], 0
    for tracks, hands in players:
        staves: list[Staff] = []
        for rows in hands:
            voices, cut = exact_voices(rows)
            shortened += cut
            groups = [voices[at : at + VOICES_OF_STAFF] for at in range(0, len(voices), VOICES_OF_STAFF)]
            staves += [_staff(timeline, tracks[0], group, rows is not hands[0]) for group in groups or [[]]]
        parts.append(Part(tracks, _with_graces(staves, hands)))
    return timeline, parts, Losses(doubled, shortened)


def readable_parts(score: Score, timeline: Timeline) -> tuple[Timeline, list[Part]]:
    """Return the parts of `score` for reading, at most two voices a staff, and the bars up to the last that sounds."""
    players, _ = _players(score, timeline)
    timeline = _ended(timeline, score, [rows for _, hands in players for rows in hands])
    end = int(timeline.lines[-1])
    parts = []
    for tracks, hands in players:
        voices = [strokes(rows) if tracks[0].is_drum else readable_voices(rows) for rows in hands]
        staves = [
            _staff(timeline, tracks[0], [_until(voice, end) for voice in staff], staff is not voices[0])
            for staff in voices
        ]
        parts.append(Part(tracks, _with_graces(staves, hands)))
    return timeline, parts


def _with_graces(staves: Sequence[Staff], hands: Sequence[Rows]) -> tuple[Staff, ...]:
    """Return `staves` with the grace notes, each on the staff where a note begins that is nearest in pitch."""
    graces = [grace for rows in hands for grace in rows.graces]
    if not graces:
        return tuple(staves)
    begun: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for place, staff in enumerate(staves):
        for chord in (chord for voice in staff.voices for chord in voice):
            begun[chord.start] += ((pitch, place) for pitch in chord.pitches)
    found: list[list[Grace]] = [[] for _ in staves]
    for grace in graces:
        if grace.start in begun:
            _, place = min(begun[grace.start], key=lambda note: abs(note[0] - grace.pitch))
            found[place].append(grace)
    return tuple(replace(staff, graces=tuple(own)) for staff, own in zip(staves, found, strict=True))


def _until(voice: Voice, end: int) -> Voice:
    return [chord if chord.end <= end else chord._replace(end=end) for chord in voice]


def _players(score: Score, timeline: Timeline) -> tuple[list[tuple[tuple[Track, ...], list[Rows]]], int]:
    """Return (tracks, notes of each staff) of every player, and the number of doubled notes."""
    quantiser = Quantiser(score, timeline)
    players: list[tuple[tuple[Track, ...], list[Rows]]] = []
    waiting = [(track, quantiser.rows(track)) for track in score.tracks if len(track.notes)]
    doubled = sum(rows.doubled for _, rows in waiting)
    while waiting:
        track, rows = waiting.pop(0)
        if waiting and _are_hands(track, waiting[0][0]):
            left, below = waiting.pop(0)
            players.append(((track, left), [rows, below]))
        elif track.program in _TWO_STAVES and not track.is_drum and _spans_two_staves(rows):
            right, left_hand = _hands(rows)
            players.append(((track,), [replace(right, graces=rows.graces), left_hand]))
        else:
            players.append(((track,), [rows]))
    return players, doubled


def _are_hands(first: Track, second: Track) -> bool:
    """Return whether two neighbouring tracks are the right and the left hand of one keyboard player, by their names."""
    if first.is_drum or second.is_drum or first.program != second.program or first.program not in _TWO_STAVES:
        return False
    names = {_HAND_WORDS.sub("", track.name).casefold() for track in (first, second)}
    is_higher = np.median(first.notes["pitch"]) >= np.median(second.notes["pitch"]) + 5
    return bool(is_higher) and len(names - {""}) <= 1


def _spans_two_staves(rows: Rows) -> bool:
    """Return whether a tenth of the notes is too low for the treble clef and a tenth too high for the bass clef."""
    low, high = np.quantile(rows.pitch, (0.1, 0.9))
    return bool(low < 55 and high > 64)


def _hands(rows: Rows) -> Iterator[Rows]:
    """Yield the notes of the right and the left hand, split half-way between the top and bottom around each note."""
    low = np.searchsorted(rows.start, rows.start - _HAND_WINDOW)
    high = np.searchsorted(rows.start, rows.start + _HAND_WINDOW, side="right")
    between = [
        (rows.pitch[a:b].min() + rows.pitch[a:b].max()) / 2
        for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]
    right = rows.pitch >= np.clip(between, 55, 65)
    yield rows[right]
    yield rows[~right]


def _ended(timeline: Timeline, score: Score, rows: Sequence[Rows]) -> Timeline:
    """Return the bars up to the last one in which something sounds or which a meter ends."""
    last_meter = max((meter.tick for meter in score.meters), default=0)
    sounding = max(int(staff.end.max(initial=0)) for staff in rows)
    end = max(sounding, int(timeline.to_units(last_meter)))
    return timeline.until(end)


def _staff(timeline: Timeline, track: Track, voices: Sequence[Voice], is_lower: bool) -> Staff:
    if track.is_drum:
        return Staff(("percussion",) * len(timeline.bars), tuple(voices))
    pitches: list[list[int]] = [[] for _ in timeline.bars]
    for voice in voices:
        for bar, _, _, chord in in_bars(voice, timeline.lines.tolist()):
            pitches[bar] += chord.pitches
    return Staff(
        tuple(choose_clefs(pitches, track.program, name=track.name, is_lower=is_lower)), tuple(voices)
    )
