"""Given notes: what of a piece stays as it is, or returns, and what the model composes anew.

Five wishes, one mechanism: each says which bars, or which parts, of a piece are given (`representations.base.Given`);
the representation's grammar leads from one given note to the next, and leaves the rest to the model.

- infill: some bars of the primer are free.           - vary: a share of its bars, drawn by the seed, is free.
- accompany: all of the primer is given; parts are added.
- form: sections that return are given by what was composed at their first place.
- loop: after the last bar the first ones return, and are cut off again when they have been judged.

How well a filling leads on is told by the likelihood of what is given after it (`LEADS_ON`); by that the best of
several candidates is found (`Composition.ranking`).

Read in order: `GivenConfig` (`options.py`), `check_given`, `make_given`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ritornello.errors import ConfigError
from ritornello.generation.options import GivenConfig
from ritornello.representations.base import Given, Representation
from ritornello.score import Meter, Score, Text

LEADS_ON = 2
"""Bars after a free one in which what is given is judged."""

SECTION_BARS = 8
"""Bars of a section of a form, where no length is asked for."""

LOOP_AHEAD = 16
"""Bars by which a loop is announced to be longer than it is: it goes on, and does not prepare an ending."""

LOOP_CANDIDATES = 8
"""So many loops are composed, to keep the one that leads back best, unless something else is asked for."""


def check_given(representation: Representation, config: GivenConfig, primer: Score | None) -> None:
    """Raise ConfigError for what a model cannot keep, and for wishes that need a primer, or one of another kind."""
    asked = config.asks_for_given
    if not asked:
        return
    if not representation.keeps_given:
        raise ConfigError(
            f"{asked}: a model of representation {representation.name} cannot keep given notes;"
            " those of multitrack and polyphony can"
        )
    if primer is None and config.keeps_primer:
        raise ConfigError(f"{asked}: there is nothing to keep; give a primer")
    if primer is not None and not config.keeps_primer:
        meters = {(meter.numerator, meter.denominator) for meter in primer.meters}
        if len(meters) > 1:
            raise ConfigError(
                f"{asked}: the primer changes its meter; bars that return must be of equal length"
            )


def make_given(
    config: GivenConfig, primer: Score | None, primer_bars: int, bars: int, seed: int
) -> Given | None:
    """Return what is given of a piece of so many bars, or None if nothing is asked for that needs it.

    ConfigError for bars that are not there, and where nothing would be free.
    """
    random = np.random.default_rng(seed)
    if config.keeps_primer:
        free = _anew(config, primer_bars, random) | frozenset(range(primer_bars, bars))
        if not free and not config.accompany:
            raise ConfigError(f"{config.asks_for_given}: nothing is free, so there is nothing to compose")
        return Given(primer, free, is_accompanied=config.accompany)
    if not config.form and not config.loop:
        return None
    returns = _section_returns(config, bars, random) if config.form else {}
    late = {bar: source for bar, source in returns.items() if bar >= primer_bars}
    if config.loop:
        late |= {bar: bar % bars for bar in range(bars, bars + LOOP_AHEAD)}
    return Given(None, frozenset(range(bars)) - late.keys(), late)


def _anew(config: GivenConfig, bars: int, random: np.random.Generator) -> frozenset[int]:
    """Return the bars of a primer that are to be composed anew."""
    missing = [bar + 1 for bar in config.infill_bars if bar >= bars]
    if missing:
        raise ConfigError(
            f"infill {config.infill}: there is no bar {max(missing)}; the primer has {bars} bars"
        )
    return config.infill_bars | _drawn(config.vary or 0.0, bars, random)


def _drawn(share: float, bars: int, random: np.random.Generator) -> frozenset[int]:
    """Return a share of so many bars, at least one if it is not zero."""
    count = max(round(share * bars), share > 0)
    return frozenset(random.choice(bars, count, replace=False).tolist())


def _section_returns(config: GivenConfig, bars: int, random: np.random.Generator) -> dict[int, int]:
    """Return the bars of a form that return, and which each of them is.

    Where nothing is said of how they vary, the last bar of a section is composed anew if what follows is not what
    followed the first time: so it can lead there, or end.
    """
    form = config.form or ""
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
        raise ConfigError(f"form {form}: {bars} bars do not make {len(form)} equal sections; give {near}")
    return bars


def with_loop_markers(score: Score, bars: int) -> Score:
    """Return `score` with markers at its beginning and at the bar line where it begins again; there its file ends."""
    meter = score.meters[0] if score.meters else Meter(0, 4, 4)
    end = bars * meter.bar_ticks(score.ticks_per_quarter)
    markers = (Text(0, "marker", "loopStart"), Text(end, "marker", "loopEnd"))
    return replace(score, texts=(*score.texts, *markers))
