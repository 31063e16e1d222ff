"""What is given to `compose` stays as it is, event for event, outside the bars that are composed anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from build import make_melody
from fakes import small_network
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ritornello.bundle import Facts, save_bundle
from ritornello.errors import ConfigError
from ritornello.formats import read
from ritornello.generation import Model, load
from ritornello.generation.given import alignment
from ritornello.representations import REPRESENTATIONS
from ritornello.score import (
    CHANNEL_PRESSURE,
    CONTROL_CHANGE,
    KEY_PRESSURE,
    PITCH_BEND,
    Key,
    Meter,
    Score,
    Tempo,
    Text,
    Track,
    make_controls,
    make_notes,
)
from ritornello.testing.samples import make_song

TICKS = 480
BAR = 4 * TICKS
SONG = make_song(8)
PEDAL, VOLUME = 64, 7

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "multitrack": ("multitrack", {}),
    "melody": ("melody", {}),
    "melody, key": ("melody", {"encoding": "key"}),
    "drums": ("drums", {}),
    "performance": ("performance", {}),
    "improv": ("improv", {}),
    "jazz": ("jazz", {}),
    "note_names": ("note_names", {}),
    "note_names, instruments": ("note_names", {"durations": True, "instruments": True}),
    "event_words": ("event_words", {}),
    "polyphony": ("polyphony", {}),
    "frames": ("frames", {}),
}


@cache
def model_of(name: str, *learned: str) -> Model:
    """Return an untrained model that knows the instruments of SONG, or only the tracks named."""
    kind, options = KINDS[name]
    tracks = tuple(track for track in SONG.tracks if not learned or track.name in learned)
    sample = replace(SONG, tracks=tracks)
    representation = REPRESENTATIONS[kind].fit([REPRESENTATIONS[kind].collect_statistics(sample)], options)
    with TemporaryDirectory() as folder:
        path = Path(folder, "tiny.rit")
        save_bundle(path, small_network(representation), representation, Facts(name="tiny"))
        return load(path)


@st.composite
def primers(draw: st.DrawFn, bars: int = 6) -> Score:
    """Any piece of so many bars in 4/4: off the grid, at any resolution, with every kind of event."""
    ticks = draw(st.sampled_from([1, 10, 96, 100, 480, 1000, 1024]))
    end = bars * 4 * ticks
    tick = st.integers(0, end - 1)

    def rows(*fields: st.SearchStrategy[int], size: int) -> list[tuple[int, ...]]:
        return draw(st.lists(st.tuples(tick, *fields), max_size=size))

    tracks = []
    for program, is_drum in draw(st.permutations([(73, False), (0, False), (0, True), (40, False)])):
        notes = rows(st.integers(0, end // 3), st.integers(0, 127), st.integers(1, 127), size=16)
        changes = rows(st.sampled_from([1, 7, 11, 32, 64, 66]), st.integers(0, 127), size=8)
        controls = [(at, CONTROL_CHANGE, number, value) for at, number, value in changes]
        controls += [(at, PITCH_BEND, 0, value) for at, value in rows(st.integers(-8192, 8191), size=3)]
        controls += [(at, CHANNEL_PRESSURE, 0, value) for at, value in rows(st.integers(0, 127), size=2)]
        controls += [(at, KEY_PRESSURE, 60, value) for at, value in rows(st.integers(0, 127), size=2)]
        texts = [Text(at, kind, "la") for at, kind in sorted(rows(st.sampled_from(["lyric", "cue"]), size=4))]
        name = draw(st.sampled_from(["", "Right hand", "Flöte"]))
        tracks.append(Track(make_notes(notes), program, is_drum, name, make_controls(controls), tuple(texts)))
    first = make_notes([(0, ticks, 60, 64), (end - ticks, ticks, 62, 64)])
    tracks[0] = replace(tracks[0], notes=np.sort(np.concatenate([tracks[0].notes, first])), is_drum=False)
    moments = sorted(draw(st.sets(tick, max_size=3)))
    return Score(
        ticks,
        tuple(tracks),
        tempos=tuple(Tempo(at, draw(st.integers(100_000, 2_000_000))) for at in moments),
        meters=(Meter(0, 4, 4),),
        keys=(Key(0, 2, True),),
        texts=(Text(0, "copyright", "mine"), Text(end // 2, "marker", "B")),
        title="Given",
    )


def outside(score: Score, track: Track, free: list[tuple[int, int]]) -> list[Any]:
    """Return all that a track has at ticks (of a whole number of quarters) outside stretches of quarters."""

    def is_out(tick: int) -> bool:
        return not any(a * score.ticks_per_quarter <= tick < b * score.ticks_per_quarter for a, b in free)

    unit = Fraction(1, score.ticks_per_quarter)
    notes = [(s * unit, d * unit, *rest) for s, d, *rest in track.notes.tolist() if is_out(s)]
    controls = [(t * unit, *rest) for t, *rest in track.controls.tolist() if is_out(t)]
    texts = [(t.tick * unit, t.kind, t.text) for t in track.texts if is_out(t.tick)]
    return [track.program, track.is_drum, track.name, sorted(notes), controls, texts]


def check_kept(primer: Score, made: Score, free: list[tuple[int, int]]) -> None:
    """All that the primer has outside of stretches of quarters is there, and nothing else is in its tracks there."""
    factor, rest = divmod(made.ticks_per_quarter, primer.ticks_per_quarter)
    assert rest == 0
    for mine, own in zip(made.tracks, primer.tracks, strict=False):
        assert outside(made, mine, free) == outside(primer, own, free)
    for name in ("tempos", "meters", "keys"):
        own = [replace(event, tick=event.tick * factor) for event in getattr(primer, name)]
        assert list(getattr(made, name))[: len(own)] == own
    assert made.texts[1:] == tuple(replace(text, tick=text.tick * factor) for text in primer.texts)
    assert made.title == primer.title


@settings(max_examples=40, deadline=None)
@given(primer=primers(), first=st.integers(1, 6), more=st.integers(0, 2), seed=st.integers(0, 99))
def test_bars_that_are_not_asked_for_stay_event_for_event(
    primer: Score, first: int, more: int, seed: int
) -> None:
    last = min(first + more, 6)
    made = model_of("multitrack").compose(primer, infill=f"{first}-{last}", seed=seed).score
    check_kept(primer, made, [(4 * (first - 1), 4 * last)])


@settings(max_examples=15, deadline=None)
@given(primer=primers(), seed=st.integers(0, 99))
def test_what_is_accompanied_stays_event_for_event(primer: Score, seed: int) -> None:
    for name in ("multitrack", "polyphony"):
        heard = replace(primer, tracks=primer.tracks[:1]) if name == "multitrack" else primer
        try:
            made = model_of(name).compose(heard, accompany=True, seed=seed).score
        except ConfigError as error:
            assert "take all the parts" in str(error)  # noqa: PT017
            continue
        check_kept(heard, made, [])
        assert made.note_count > heard.note_count


@settings(max_examples=12, deadline=None)
@given(primer=primers(4), seed=st.integers(0, 99), name=st.sampled_from(sorted(KINDS)))
def test_a_primer_stays_event_for_event(primer: Score, seed: int, name: str) -> None:
    try:
        made = model_of(name).compose(primer, seed=seed, bars=12 if name != "performance" else 60).score
    except ConfigError as error:
        assert "cannot read" in str(error) or "the primer alone has" in str(error)  # noqa: PT017
        return
    factor = made.ticks_per_quarter // primer.ticks_per_quarter
    for mine, own in zip(made.tracks, primer.tracks, strict=False):
        assert (mine.program, mine.is_drum, mine.name) == (own.program, own.is_drum, own.name)
        for given_events, events in ((own.notes, mine.notes), (own.controls, mine.controls)):
            rows = {(row[0], *row[1:]) for row in events.tolist()}
            scaled = given_events.copy()
            for field in set(scaled.dtype.names) & {"start", "duration", "tick"}:
                scaled[field] *= factor
            assert {tuple(row) for row in scaled.tolist()} <= rows
        assert {replace(text, tick=text.tick * factor) for text in own.texts} <= set(mine.texts)
    assert made.keys == primer.keys
    assert len(made.tempos) == max(1, len(primer.tempos)) or made.tempos == ()
    assert made.title == "Given"
