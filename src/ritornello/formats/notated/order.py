"""The order in which bars are played: repeats, endings, D.C., D.S., Fine and Coda.

Conventions
-----------
- A repeat goes back to the nearest open start of a repeat, else behind the last repeat that is not within it, else to
  the beginning.
- Endings that follow one another are those of one repeat. With a bracket "1." alone, the second time goes on behind it.
- A jump (D.C. or D.S.) is taken once, at the end of its bar and after the repeats around it. After it, repeats are not
  taken (unless the file says so), the last ending is played, and Fine and To Coda count.
- Where a trio begins and nothing says Fine or To Coda, a D.C. ends before it.
- What is marked for playing (`sounds`) counts; where no part has such a mark of a kind, signs and words do.

Read in order: `Navigation`, `playing_order`, `_Section`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ritornello.errors import FormatError

MAX_BARS_PLAYED = 100_000
MAX_NOTES_PLAYED = 1_000_000

JUMPS = ("dacapo", "dalsegno")
KINDS = (*JUMPS, "fine", "tocoda", "segno", "coda", "trio")
"""The marks of navigation: jumps, ends, the places that are jumped to, and where a trio begins."""

_JUMP_WORDS = (
    (
        "dacapo",
        re.compile(r"\W*(?:(?:m[ei]nu|scherz|mar[cs])\w*\.?\s+)?(?:d\.?\s?c\b|da capo\b)", re.IGNORECASE),
    ),
    ("dalsegno", re.compile(r"\W*(?:d\.?\s?s\b|d[ae]l segno\b)", re.IGNORECASE)),
    ("tocoda", re.compile(r"\W*(?:to|alla|al)\s+coda\b", re.IGNORECASE)),
    ("fine", re.compile(r"\W*fine\W*$", re.IGNORECASE)),
    ("trio", re.compile(r"\W*trio\b", re.IGNORECASE)),
    ("coda", re.compile(r"\W*coda\W*$", re.IGNORECASE)),
)


def mark_in_words(words: str) -> str | None:
    """Return the one of `KINDS` that printed words such as "D.S. al Coda" mean, or None."""
    return next((kind for kind, pattern in _JUMP_WORDS if pattern.match(words)), None)


@dataclass
class Navigation:
    """What a bar says about the order.

    forward: a repeat begins here. plays: how often the section that ends here is played, 0 if none ends.
    after_jump: also after D.C. or D.S. ending: the numbers of an ending that begins here. ending_stops: it ends here.
    sounds, words: the marks of `KINDS` with their labels, for playing (MusicXML's <sound>) and as printed.
    """

    forward: bool = False
    plays: int = 0
    after_jump: bool = False
    ending: tuple[int, ...] = ()
    ending_stops: bool = False
    sounds: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    def update(self, other: Navigation) -> None:
        """Add what another part says about the same bar."""
        self.forward |= other.forward
        self.plays = max(self.plays, other.plays)
        self.after_jump |= other.after_jump
        self.ending = self.ending or other.ending
        self.ending_stops |= other.ending_stops
        self.sounds = other.sounds | self.sounds
        self.words = other.words | self.words


@dataclass(frozen=True)
class Played:
    """A bar that is played: its index, which time of its passage it is, from 1, and how many times there are."""

    bar: int
    time: int = 1
    times: int = 1


Ending = tuple[int, int, tuple[int, ...]]
"""The first bar of an ending, the one behind its last, and its numbers."""


@dataclass
class _Section:
    """Bars `start` to `stop` (not included) that are played `plays` times, with going back at the end of `repeats`."""

    start: int
    stop: int
    plays: int
    repeats: set[int]
    endings: list[Ending] = field(default_factory=list)
    time: int = 1


def as_written(bars: int) -> list[Played]:
    """Return the order without repeats."""
    return [Played(bar) for bar in range(bars)]


def playing_order(bars: Sequence[Navigation], notes: Sequence[int], source: str) -> list[Played]:
    """Return the bars in the order in which they are played; `notes` is the number of notes of each bar.

    Raise FormatError, with `source` for the file, if repeats make more than `MAX_BARS_PLAYED` or `MAX_NOTES_PLAYED`.
    """
    most_bars, most_notes = max(MAX_BARS_PLAYED, len(bars)), max(MAX_NOTES_PLAYED, sum(notes))
    player = _Player(bars)
    order: list[tuple[int, int]] = []
    count = 0
    for bar, time in player.play():
        order.append((bar, time))
        count += notes[bar]
        if len(order) > most_bars or count > most_notes:
            raise FormatError(
                f"{source}: with its repeats played out it has more than {most_bars} bars or {most_notes} notes; "
                "read it without repeats"
            )
    times = [1] * len(bars)
    for section in player.sections:
        for bar in range(section.start, section.stop):
            times[bar] = max(times[bar], section.plays)
    for bar, time in order:
        times[bar] = max(times[bar], time)
    return [Played(bar, time, times[bar]) for bar, time in order]


class _Player:
    """Walks through the bars; `play` yields each bar with which time of its passage it is."""

    def __init__(self, bars: Sequence[Navigation]) -> None:
        self.bars = bars
        self.sections = _sections(bars)  # sorted by start: inner ones after those around them
        self.inner: dict[int, _Section] = {}
        self.by_repeat: dict[int, list[int]] = {}
        self.endings: dict[int, tuple[_Section, Ending]] = {}
        for number, section in enumerate(self.sections):
            self.inner |= dict.fromkeys(range(section.start, section.stop), section)
            self.endings |= {ending[0]: (section, ending) for ending in section.endings}
            for bar in section.repeats:
                self.by_repeat.setdefault(bar, []).insert(0, number)
        self.marks = _marks(bars)
        self.after_jump = False

    def play(self) -> Iterator[tuple[int, int]]:
        played = [0] * len(self.bars)
        jumps = set[int]()
        bar = 0
        while bar < len(self.bars):
            if (behind := self._behind_ending(bar)) is not None:
                bar = behind
                continue
            played[bar] += 1
            yield bar, max(played[bar], self.inner[bar].time if bar in self.inner else 1)
            if (back := self._repeat(bar)) is not None:
                bar = back
            elif bar not in jumps and (target := self._jump(bar)) is not None:
                jumps.add(bar)
                self.after_jump = True
                bar = target
            elif self.after_jump and (coda := self._coda(bar)) is not None:
                self.after_jump = False
                bar = coda
            elif self.after_jump and bar in self.marks["fine"]:
                return
            else:
                bar += 1

    def _behind_ending(self, bar: int) -> int | None:
        """Return where to go on if an ending begins at `bar` that is not played this time."""
        if bar not in self.endings:
            return None
        section, (_, stop, numbers) = self.endings[bar]
        time = section.time if self._is_repeated(section) else section.plays
        if time in numbers:
            return None
        known = any(time in others for _, _, others in section.endings)
        is_last = len(section.endings) > 1 and bar == section.endings[-1][0]
        return None if is_last and not known else stop

    def _is_repeated(self, section: _Section) -> bool:
        return not self.after_jump or any(self.bars[bar].after_jump for bar in section.repeats)

    def _repeat(self, bar: int) -> int | None:
        """Return the start of the section that is played again after `bar`; what is within it begins anew."""
        for number in self.by_repeat.get(bar, ()):
            section = self.sections[number]
            if section.time < section.plays and self._is_repeated(section):
                section.time += 1
                for inner in self.sections[number + 1 :]:
                    if inner.start >= section.stop:
                        break
                    inner.time = 1
                return section.start
        return None

    def _jump(self, bar: int) -> int | None:
        """Return where a D.C. or D.S. at the end of `bar` leads, unless a repeat around it is not done."""
        target = 0 if bar in self.marks["dacapo"] else self._segno(bar)
        if any(s.start <= bar < max(s.repeats) and s.time < s.plays for s in self.sections):
            return None
        if target is not None:
            for section in self.sections:
                section.time = 1
        return target

    def _segno(self, bar: int) -> int | None:
        """Return the sign of a D.S. at the end of `bar`: the last before it, else the first."""
        if bar not in self.marks["dalsegno"]:
            return None
        label, signs = self.marks["dalsegno"][bar], self.marks["segno"]
        labelled = [sign for sign in signs if signs[sign] == label] or list(signs)
        before = [sign for sign in labelled if sign <= bar]
        return (before[-1:] + labelled[:1] + [None])[0]

    def _coda(self, bar: int) -> int | None:
        """Return the coda that is meant by To Coda at the end of `bar`."""
        if bar not in self.marks["tocoda"]:
            return None
        label, signs = self.marks["tocoda"][bar], self.marks["coda"]
        later = [sign for sign in signs if sign > bar]
        return next((sign for sign in later if signs[sign] == label), later[0] if later else None)


def _marks(bars: Sequence[Navigation]) -> dict[str, dict[int, str]]:
    """Return the labels of the marks of each kind by bar."""
    marks = {}
    for kind in KINDS:
        sounds = {n: bar.sounds[kind] for n, bar in enumerate(bars) if kind in bar.sounds}
        words = {n: bar.words[kind] for n, bar in enumerate(bars) if kind in bar.words}
        marks[kind] = sounds or words
    if not marks["tocoda"] and len(marks["coda"]) > 1:  # of two signs, the first is where to leave
        first = min(marks["coda"])
        marks["tocoda"][first] = marks["coda"].pop(first)
    trio = min(marks["trio"], default=0)
    if trio and not marks["fine"] and not marks["tocoda"]:  # a minuet da capo ends before its trio
        marks["fine"][trio - 1] = ""
    return marks


def _endings(bars: Sequence[Navigation]) -> list[list[Ending]]:
    """Return the endings of each repeat: brackets that follow one another with other numbers."""
    groups: list[list[Ending]] = []
    for start, bar in enumerate(bars):
        if not bar.ending:
            continue
        stop = start
        while not (bars[stop].ending_stops or bars[stop].plays):
            stop += 1
            if stop == len(bars) or bars[stop].ending:
                stop = start if stop == len(bars) else stop - 1
                break
        ending = (start, stop + 1, bar.ending)
        known = {number for _, _, numbers in groups[-1] for number in numbers} if groups else set()
        if groups and groups[-1][-1][1] == start and known.isdisjoint(bar.ending):
            groups[-1].append(ending)
        else:
            groups.append([ending])
    return groups


def _sections(bars: Sequence[Navigation]) -> list[_Section]:
    """Return the sections that are repeated, sorted by start, inner ones after those around them."""
    groups = {group[0][0]: group for group in _endings(bars)}
    opened: list[int] = []
    sections: list[_Section] = []
    behind = 0  # where a repeat without a start goes back to
    bar = 0
    while bar < len(bars):
        if bars[bar].forward:
            opened.append(bar)
        repeats = _repeats(bars, groups.get(bar, ()))
        if repeats:
            group = groups[bar]
            start, stop = opened.pop() if opened else behind, group[-1][1]
            times = [bars[n].plays for n in repeats] + [
                max(n for _, _, own in group for n in own) + (len(group) == 1)
            ]
            sections.append(_Section(start, stop, max(times), repeats, group))
            bar = stop - 1  # a repeat at the end of the last ending is one around all this
        if bars[bar].plays and (not repeats or (opened and bar not in repeats)):
            start = opened.pop() if opened else behind
            sections.append(_Section(start, bar + 1, bars[bar].plays, {bar}))
        bar += 1
        if sections and sections[-1].stop == bar:
            behind = bar
    return sorted(sections, key=lambda section: (section.start, -section.stop))


def _repeats(bars: Sequence[Navigation], group: Sequence[Ending]) -> set[int]:
    """Return the bars at whose end endings go back: those of all but the last, whatever stands at its end."""
    going_back = group[:-1] if len(group) > 1 else group
    return {n for start, stop, _ in going_back for n in range(start, stop) if bars[n].plays}


def merged(parts: Iterable[Sequence[Navigation]], bars: int) -> list[Navigation]:
    """Return what all parts say about each of `bars` bars."""
    result = [Navigation() for _ in range(bars)]
    for part in parts:
        for into, bar in zip(result, part, strict=False):
            into.update(bar)
    return result
