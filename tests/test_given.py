"""What is given to `compose` stays as it is, event for event, outside the bars that are composed anew."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
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
        refusals = (
            "cannot read",
            "the primer alone has",
            "changes its tempo or meter, and this model counts seconds",
        )
        assert any(why in str(error) for why in refusals)  # noqa: PT017
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


# --- the values --------------------------------------------------------------------------------------------------

TUNE = Track(
    make_notes([(TICKS // 2 * n + 7 * (n % 2), 200, 72 + n % 5, 50 + n) for n in range(64)]),
    73,
    name="My tune",
    texts=(Text(BAR, "lyric", "oh"), Text(3 * BAR, "lyric", "yes")),
)


def pedalled(*rows: tuple[int, int, int]) -> NDArray[np.void]:
    return make_controls((tick, CONTROL_CHANGE, number, value) for tick, number, value in rows)


def test_controllers_of_notes_that_were_composed_anew_are_gone_and_their_state_returns() -> None:
    downs = [(0, PEDAL, 127), (2 * BAR + 5, PEDAL, 0), (3 * BAR - 9, PEDAL, 90), (4 * BAR, PEDAL, 0)]
    controls = pedalled(*downs, (2 * BAR + 9, VOLUME, 70))
    primer = Score(TICKS, (replace(TUNE, controls=controls),))
    made = model_of("multitrack").compose(primer, infill="3", seed=1).score
    assert made.tracks[0].controls[["tick", "number", "value"]].tolist() == [
        (0, PEDAL, 127),
        (2 * BAR, PEDAL, 0),  # the composed notes have no pedal
        (2 * BAR + 9, VOLUME, 70),
        (3 * BAR - 1, PEDAL, 90),  # what follows is as it was
        (4 * BAR, PEDAL, 0),
    ]
    assert [text.tick for text in made.tracks[0].texts] == [BAR, 3 * BAR]
    again = model_of("multitrack").compose(primer, infill="2", seed=1).score
    assert [text.text for text in again.tracks[0].texts] == ["yes"]


def test_after_a_primer_the_pedal_is_up_and_a_fade_is_over() -> None:
    faded = pedalled((0, VOLUME, 90), (0, PEDAL, 127), (7 * BAR, VOLUME, 0), (7 * BAR, 10, 3))
    primer = Score(TICKS, (replace(TUNE, controls=faded),))
    made = model_of("multitrack").compose(primer, bars=10, seed=1).score
    end = TUNE.end
    assert made.tracks[0].controls.tolist()[:4] == faded.tolist()
    assert sorted(made.tracks[0].controls[4:][["tick", "number", "value"]].tolist()) == [
        (end, VOLUME, 90),
        (end, PEDAL, 0),
    ]


def test_a_note_just_before_a_bar_that_is_composed_anew_stays_and_one_just_before_its_end_too() -> None:
    notes = [(n * TICKS, 400, 60 + n, 80) for n in range(16)]
    notes[8], notes[12] = (
        (2 * BAR - 6, 400, 50, 33),
        (3 * BAR - 6, 400, 51, 34),
    )  # early downbeats of bars 3 and 4
    primer = Score(TICKS, (Track(make_notes(notes), 73), SONG.tracks[1]))
    for seed in range(4):
        rows = model_of("multitrack").compose(primer, infill="3", seed=seed).score.tracks[0].notes.tolist()
        assert [tuple(row) for row in notes[:9] + notes[12:]] == [
            row for row in rows if not 2 * BAR <= row[0] < 3 * BAR - 6
        ]


def test_composed_notes_do_not_overlap_given_ones_of_their_pitch() -> None:
    held = make_notes([(BAR, BAR + 130, pitch, 80) for pitch in range(60, 84)] + [(3 * BAR, TICKS, 60, 80)])
    primer = Score(TICKS, (Track(held, 73),))
    for seed in range(5):
        notes = model_of("multitrack").compose(primer, infill="3", seed=seed).score.tracks[0].notes
        for pitch in np.unique(notes["pitch"]):
            own = notes[notes["pitch"] == pitch]
            assert (own["start"][1:] >= (own["start"] + own["duration"])[:-1]).all()


def test_a_part_that_the_model_does_not_hear_stays_and_is_told() -> None:
    model = model_of("multitrack", "Flute")
    primer = Score(TICKS, (TUNE, SONG.tracks[3]))
    piece = model.compose(primer, infill="2-3", seed=1)
    assert piece.score.tracks[1] == SONG.tracks[3]
    assert piece.remarks == ("drums: stays as it is; the model does not hear it",)
    alone = model.compose(Score(TICKS, (TUNE,)), infill="2-3", seed=1)
    assert np.array_equal(piece.ids, alone.ids)
    with pytest.raises(ConfigError, match="the primer has only drums, which this model cannot read"):
        model.compose(replace(SONG, tracks=SONG.tracks[3:]), seed=1)


def test_an_instrument_that_the_model_lacks_is_continued_in_its_own_octave() -> None:
    violin = replace(TUNE, program=40)
    piece = model_of("multitrack", "Bass").compose(Score(TICKS, (violin,)), infill="2-3", seed=1)
    [track] = piece.score.tracks
    assert (track.program, track.name) == (40, "My tune")
    new = track.notes["pitch"][(track.notes["start"] >= BAR) & (track.notes["start"] < 3 * BAR)]
    assert len(new)
    assert abs(np.median(new) - 74) < 12


def test_parts_that_share_a_voice_get_the_notes_of_their_register() -> None:
    low = replace(TUNE, notes=make_notes([(TICKS * n, TICKS, 50, 80) for n in range(32)]), name="Low")
    piece = model_of("multitrack", "Flute").compose(Score(TICKS, (TUNE, low)), infill="1-6", seed=2)
    upper, lower = (track.notes["pitch"][track.notes["start"] < 6 * BAR] for track in piece.score.tracks)
    assert upper.min(initial=127) >= 62 >= lower.max(initial=0)
    assert len(piece.score.tracks) == 2


def test_sections_return_with_the_given_notes_as_they_are() -> None:
    controls = pedalled((100, PEDAL, 127), (BAR - 50, PEDAL, 0), (BAR + 100, PEDAL, 127))
    swung = replace(TUNE, notes=TUNE.notes[:16], controls=controls, texts=())
    kit = Track(make_notes([(n * TICKS + 3, 50, 38, 99) for n in range(8)]), is_drum=True, name="Kit")
    model = model_of("multitrack", "Flute")
    made = model.compose(Score(TICKS, (swung, kit)), form="ABA", bars=9, vary=0, seed=3).score
    for track, own in zip(made.tracks, (swung, kit), strict=True):
        back = track.notes[track.notes["start"] >= 6 * BAR].copy()
        back["start"] -= 6 * BAR
        returned = {tuple(row) for row in back.tolist()}
        assert {tuple(row) for row in own.notes.tolist()} <= returned
        first = track.notes[track.notes["start"] < 2 * BAR]
        assert {row for row in returned if row[0] < 2 * BAR} == {tuple(row) for row in first.tolist()}
    assert made.tracks[0].controls[["tick", "value"]].tolist() == [
        *((100, 127), (BAR - 50, 0), (BAR + 100, 127), (swung.end, 0)),
        *((6 * BAR + 100, 127), (7 * BAR - 50, 0), (7 * BAR + 100, 127), (8 * BAR, 0)),
    ]


@pytest.mark.parametrize("name", ["melody", "melody, key", "improv", "polyphony", "frames", "drums"])
def test_what_is_composed_follows_the_primer_on_its_grid_whatever_rests_the_model_leaves_out(
    name: str,
) -> None:
    rests = 2 * BAR  # of the beginning, and six bars within
    starts = [rests + TICKS // 2 * n + 9 * (n % 3) for n in range(8)]
    starts += [start + 7 * BAR for start in starts]
    is_drum = name == "drums"
    track = Track(make_notes([(s, 200, 36 if is_drum else 60 + s % 7, 80) for s in starts]), 0, is_drum)
    made = model_of(name).compose(Score(TICKS, (track,)), bars=14, seed=2).score
    [own] = [each for each in made.tracks if len(each.notes)][:1]
    new = np.sort(np.setdiff1d(own.notes["start"], starts))
    assert starts[-1] - TICKS // 4 <= new[0] < starts[-1] + 3 * BAR
    assert not (new % (TICKS // 4)).any()
    for start in starts:
        assert start in own.notes["start"]


def test_seconds_are_those_of_the_primers_tempo() -> None:
    slow = Score(TICKS, (TUNE,), tempos=(Tempo(0, 1_000_000),))
    made = model_of("performance").compose(slow, seconds=40, seed=1).score
    after = made.tracks[0].notes["start"][made.tracks[0].notes["start"] >= TUNE.end]
    assert made.tempos == slow.tempos
    assert TUNE.end <= after[0] < TUNE.end + 10 * TICKS


def test_alignment_finds_the_same_onsets() -> None:
    steps = np.arange(0, 4800, 240)
    assert alignment(steps + 1920.0, steps, TICKS) == 1920
    assert alignment(steps + 7.0, steps, TICKS) == 0
    assert alignment(np.append(steps, 4920.0), steps, TICKS) == 0  # one more that was not read
    assert alignment(np.append(steps, steps[-1] + 1200.0), steps, TICKS) == 1440  # the end was not read
    assert alignment(steps + 0.0, steps[:0], TICKS) == 0


def test_a_tempo_that_is_asked_for_scales_those_of_the_primer() -> None:
    song = replace(SONG, tempos=(Tempo(0, 500_000), Tempo(1920, 400_000)))
    made = model_of("multitrack").compose(song, infill="2", tempo=123, seed=1).score
    assert made.tempos == (Tempo(0, 487_805), Tempo(1920, 390_244))  # 123 a minute, and four fifths of it


def test_an_instrument_that_is_asked_for_goes_on_in_a_track_of_its_own() -> None:
    made = model_of("melody").compose(Score(TICKS, (TUNE,)), instruments="trumpet", bars=12, seed=1).score
    assert [(track.program, track.name) for track in made.tracks] == [(73, "My tune"), (56, "trumpet")]
    assert np.array_equal(made.tracks[0].notes, TUNE.notes)
    assert made.tracks[1].notes["start"].min() >= TUNE.notes["start"].max()


def test_a_bar_that_the_end_of_the_primer_cut_short_is_filled() -> None:
    meters = (
        Meter(0, 4, 4),
        Meter(TICKS, 4, 4),
        Meter(8 * TICKS, 4, 4),
    )  # a pickup, and a last bar without it
    notes = make_notes([(n * TICKS, TICKS, 60 + n, 80) for n in range(8)])
    primer = Score(TICKS, (Track(notes, 73),), meters=meters)
    model = model_of("multitrack")
    assert model.compose(primer, infill="2", seed=1).score.meters == meters
    made = model.compose(primer, bars=6, seed=1).score
    assert made.meters[:2] == meters[:2]
    assert made.bar_starts(6 * BAR)[:4].tolist() == [0, TICKS, TICKS + BAR, TICKS + 2 * BAR]


def test_a_loop_of_a_primer_with_a_pickup_is_refused() -> None:
    meters = (Meter(0, 4, 4), Meter(TICKS, 4, 4))
    for asked in ({"loop": True}, {"form": "AA"}):
        with pytest.raises(ConfigError, match="bars that return must be of equal length"):
            model_of("multitrack").compose(Score(TICKS, (TUNE,), meters=meters), bars=12, **asked)


def test_files_are_kept_too(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    SONG.write(path)
    given_score = read(path)
    made = read(model_of("multitrack").compose(given_score, vary=0.25, seed=1).write(tmp_path / "new.mid"))
    assert made.title == given_score.title
    assert [track.name for track in made.tracks] == [track.name for track in given_score.tracks]
    assert made.keys == given_score.keys
    assert made.tempos == given_score.tempos
