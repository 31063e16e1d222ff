"""`fixed_notes`: which notes of a piece are fixed, or return, and which the model composes.

Five settings, one mechanism: each determines bars or parts whose notes are fixed (`representations.base.FixedNotes`);
the representation's grammar leads from one fixed note to the next, and leaves the rest to the model.

- infill: some bars of the primer are free.           - vary: a share of its bars, drawn by the seed, is free.
- accompany: all of the primer is fixed; parts are added.
- form: sections that return are fixed to what was composed at their first place. Whole pieces have one by default, of
  those of the music learned from (`structure`).
- loop: after the last bar the first ones return, and are cut off again when they have been judged.

How well the free notes lead on is judged by the likelihood of the fixed ones after them (`LEADS_ON`); by that the best
of several candidates is chosen (`Composition.ranking`).

Read in order: `FixedNotesSettings`, `FixedNotesConstraint`, `make_fixed_notes`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Self

from pydantic import Field, field_validator, model_validator

from ritornello.errors import ConfigError, counted
from ritornello.generation.constraints.base import Constraint, Context, Settings

if TYPE_CHECKING:
    from numpy.random import Generator

    from ritornello.representations.base import FixedNotes
    from ritornello.score import Score

LEADS_ON = 2
"""Bars after a free one in which fixed notes are judged."""

SECTION_BARS = 8
"""Bars of a section of a form, unless a length is given."""

LOOP_AHEAD = 16
"""Bars by which a loop is announced longer than it is, so that it goes on and does not prepare an ending."""

LOOP_CANDIDATES = 8
"""Candidates for a loop, unless their number is set."""

FORM = re.compile(r"[A-Z]{1,64}")

BARS = re.compile(r"[1-9][0-9]{0,3}(-[1-9][0-9]{0,3})?(,[1-9][0-9]{0,3}(-[1-9][0-9]{0,3})?)*")

NO_FORM = "none"

CONTRADICTIONS = {"infill": ("vary", "form", "loop"), "accompany": ("form", "loop")}


class FixedNotesSettings(Settings):
    """Which bars or parts of a piece are fixed."""

    infill: str | None = Field(
        None,
        description="compose these bars of the primer anew, such as 5-8 or 5-8,13; all else stays as it is",
    )
    vary: float | None = Field(
        None,
        ge=0,
        le=1,
        description="compose this share of the primer's bars anew, drawn by the seed; with a form, of the bars of"
        " each section that returns (if not given: the last one, where it leads on to something else)",
    )
    accompany: bool = Field(
        False,
        description="let the primer sound from beginning to end, and add parts to it: those of instruments, or what"
        " the model likes",
    )
    form: str | None = Field(
        None,
        description="sections of equal length, a letter each, such as AABA: the same letter returns; none: no such form"
        " (if not given, pieces of 16 bars or more have one of the music learned from, drawn by the seed: all where"
        " two in five of its pieces have a form, else as many)",
    )
    loop: bool = Field(
        False,
        description="a piece that leads back into its beginning, cut at the bar line, without an ending",
    )

    @field_validator("form")
    @classmethod
    def _check_form(cls, form: str | None) -> str | None:
        if form is not None and form != NO_FORM and not FORM.fullmatch(form):
            raise ValueError("a form is 1 to 64 capital letters, such as AABA, or none")
        return form

    @field_validator("infill")
    @classmethod
    def _check_infill(cls, bars: str | None) -> str | None:
        if bars is not None:
            compact = bars.replace(" ", "")
            if not BARS.fullmatch(compact):
                raise ValueError("bars are numbers from 1, such as 5-8 or 5-8,13")
            for first, last in _bar_ranges(compact):
                if first > last:
                    raise ValueError(f"bar {first} is after bar {last}; exchange them")
        return bars

    @model_validator(mode="after")
    def _check_fixed_notes(self) -> Self:
        for one, others in CONTRADICTIONS.items():
            for other in others:
                if getattr(self, one) and getattr(self, other):
                    raise ValueError(f"{one} and {other} contradict each other; give one of them")
        if self.vary is not None and self.loop and not self.sections:
            raise ValueError("vary and loop contradict each other without a form, whose sections vary")
        return self

    @property
    def sections(self) -> str:
        """The letters of the form; empty if there is none."""
        return "" if self.form in (None, NO_FORM) else self.form

    @property
    def keeps_primer(self) -> bool:
        """Whether the primer is fixed, but for bars that are composed anew."""
        return bool(self.infill or self.accompany or (self.vary is not None and not self.sections))

    @property
    def fixed_notes_asked(self) -> str:
        """The first setting of this kind that is given, with its value; else empty."""
        for name in ("infill", "vary", "accompany", "form", "loop"):
            value = getattr(self, name)
            if value is not None and value is not False and value != NO_FORM:
                shown = f" {value:g}" if isinstance(value, float) else f" {value}"
                return name if value is True else name + shown
        return ""

    @property
    def is_composed(self) -> bool:
        """Whether the model composes the piece from its beginning to its end, in a form or without."""
        return not self.fixed_notes_asked or bool(self.sections and not self.loop)

    @property
    def infill_bars(self) -> frozenset[int]:
        """The bars to compose anew, from 0."""
        ranges = _bar_ranges((self.infill or "").replace(" ", ""))
        return frozenset(bar - 1 for first, last in ranges for bar in range(first, last + 1))


def _bar_ranges(text: str) -> list[tuple[int, int]]:
    """Return first and last bar of each range in a text such as 5-8,13."""
    ends = [part.split("-") for part in text.split(",") if part]
    return [(int(each[0]), int(each[-1])) for each in ends]


class FixedNotesConstraint(Constraint):
    """Refuses settings that cannot be kept. The grammar keeps fixed notes, so there is no state."""

    name = "fixed_notes"
    settings = FixedNotesSettings
    is_live = False

    def start(self, context: Context) -> None:
        asked, primer = context.of(FixedNotesSettings), context.primer
        what = asked.fixed_notes_asked
        if not what:
            return
        if not context.representation.keeps_fixed_notes:
            raise ConfigError(
                f"{what}: a model of representation {context.representation.name} cannot keep fixed notes;"
                " those of multitrack and polyphony can"
            )
        if primer is None and asked.keeps_primer:
            raise ConfigError(f"{what}: there is nothing to keep; give a primer")
        if primer is not None and not asked.keeps_primer:
            lengths = {stop - start for start, stop in pairwise(primer.bars.edges[:-1].tolist())}
            lengths |= {m.bar_ticks(primer.ticks_per_quarter) for m in primer.meters if m.tick < primer.end}
            if len(lengths) > 1:
                raise ConfigError(
                    f"{what}: the primer's bars differ in length; bars that return must be of equal length"
                )


def make_fixed_notes(
    config: FixedNotesSettings, primer: Score | None, primer_bars: int, bars: int, seed: int
) -> FixedNotes | None:
    """Return the fixed notes of a piece of so many bars, or None if no setting needs them.

    Raises ConfigError for bars that do not exist, and if nothing would be free.
    """
    import numpy as np

    from ritornello.representations.base import FixedNotes

    random = np.random.default_rng(seed)
    if config.keeps_primer:
        if missing := [bar + 1 for bar in config.infill_bars if bar >= primer_bars]:
            raise ConfigError(
                f"infill {config.infill}: there is no bar {max(missing)}; the primer has {counted(primer_bars, 'bar')}"
            )
        free = config.infill_bars | _drawn(config.vary or 0.0, primer_bars, random)
        free |= frozenset(range(primer_bars, bars))
        if not free and not config.accompany:
            raise ConfigError(f"{config.fixed_notes_asked}: nothing is free, so there is nothing to compose")
        return FixedNotes(primer, free, is_accompanied=config.accompany)
    if not config.sections and not config.loop:
        return None
    returns = _section_returns(config, bars, random) if config.sections else {}
    _check_chords(config, returns)
    late = {bar: source for bar, source in returns.items() if bar >= primer_bars}
    if config.loop:
        late |= {bar: bar % bars for bar in range(bars, bars + LOOP_AHEAD)}
    section_bars = bars // len(config.sections) if config.sections else None
    return FixedNotes(None, frozenset(range(bars)) - late.keys(), late, section_bars=section_bars)


def _check_chords(config: FixedNotesSettings, returns: dict[int, int]) -> None:
    """Raise ConfigError if a bar that returns had other chords."""
    chords = getattr(config, "chord_bars", None) or ()  # of a configuration that has ChordSettings too
    for bar, source in returns.items() if chords else ():
        if chords[bar % len(chords)] != chords[source % len(chords)]:
            raise ConfigError(
                f"form {config.form}: bar {bar + 1} is bar {source + 1} again, which has another chord; "
                "give chords that return too, or another form"
            )


def _drawn(share: float, bars: int, random: Generator) -> frozenset[int]:
    """Return a random share of so many bars, at least one unless it is zero."""
    count = max(round(share * bars), share > 0)
    return frozenset(random.choice(bars, count, replace=False).tolist())


def _section_returns(config: FixedNotesSettings, bars: int, random: Generator) -> dict[int, int]:
    """Return the bars of a form that return, each with the bar whose notes it repeats.

    Unless `vary` is set, the last bar of a section is composed anew if another section follows than the first time, so
    that it can lead there, or end.
    """
    form = config.sections
    size = bars // len(form)
    follows = dict(enumerate([*form[1:], form[0] if config.loop else ""]))
    returns: dict[int, int] = {}
    for number, letter in enumerate(form):
        first = form.index(letter)
        if number == first:
            continue
        leads_elsewhere = size > 1 and follows[number] != follows[first]
        anew = frozenset([size - 1] if leads_elsewhere else [])
        if config.vary is not None:
            anew = _drawn(config.vary, size, random)
        kept = (offset for offset in range(size) if offset not in anew)
        returns |= {number * size + offset: first * size + offset for offset in kept}
    return returns


def form_bars(form: str, bars: int | None) -> int:
    """Return the length of a form in bars; ConfigError if its sections would not be of equal length."""
    bars = bars or SECTION_BARS * len(form)
    if bars % len(form):
        less = bars // len(form) * len(form)
        near = f"{less} or {less + len(form)}" if less else str(len(form))
        make = "does not make" if bars == 1 else "do not make"
        raise ConfigError(
            f"form {form}: {counted(bars, 'bar')} {make} {len(form)} equal sections; give {near}"
        )
    return bars


def with_loop_markers(score: Score, bars: int) -> Score:
    """Return `score` with markers at its beginning and at the bar line where the loop ends."""
    from ritornello.score import Meter, Text

    meter = score.meters[0] if score.meters else Meter(0, 4, 4)
    end = bars * meter.bar_ticks(score.ticks_per_quarter)
    markers = (Text(0, "marker", "loopStart"), Text(end, "marker", "loopEnd"))
    return replace(score, texts=(*score.texts, *markers))
