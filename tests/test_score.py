"""`Score` in the hand: transposed, in bars, joined, on a grid. Laws over any score, then what each is for."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from build import TICKS, make_melody, make_song
from hypothesis import given, settings
from hypothesis import strategies as st

import ritornello
from ritornello.errors import ConfigError, FormatError
from ritornello.score import (
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
    ticks_to_seconds,
)

LENGTH = 4000

ticks = st.integers(0, LENGTH)


def tracks() -> st.SearchStrategy[Track]:
    notes = st.lists(
        st.tuples(ticks, st.integers(0, 1500), st.integers(20, 100), st.integers(1, 127)), max_size=12
    )
    pedals = st.lists(
        st.tuples(ticks, st.just(CONTROL_CHANGE), st.sampled_from([7, 64]), st.integers(0, 127)), max_size=5
    )
    bends = st.lists(st.tuples(ticks, st.just(PITCH_BEND), st.just(0), st.integers(-8192, 8191)), max_size=2)
    return st.builds(
        Track,
        notes.map(make_notes),
        st.integers(0, 3),
        is_drum=st.booleans(),
        name=st.sampled_from(["", "a"]),
        controls=st.builds(lambda a, b: make_controls(a + b), pedals, bends),
        texts=st.lists(st.builds(Text, ticks, st.just("lyric"), st.just("la")), max_size=2).map(by_tick),
    )


def by_tick(events: list) -> tuple:  # type: ignore[type-arg]
    """Return events in time order, one at a tick."""
    return tuple({event.tick: event for event in sorted(events, key=lambda event: event.tick)}.values())


scores = st.builds(
    Score,
    st.sampled_from([96, 100, 480]),
    st.lists(tracks(), max_size=3).map(tuple),
    tempos=st.lists(st.builds(Tempo, ticks, st.sampled_from([400_000, 500_000])), max_size=3).map(by_tick),
    meters=st.lists(st.builds(Meter, ticks, st.integers(1, 7), st.sampled_from([2, 4, 8])), max_size=3).map(
        by_tick
    ),
    keys=st.lists(st.builds(Key, ticks, st.integers(-6, 5), st.booleans()), max_size=2).map(by_tick),
    texts=st.lists(st.builds(Text, ticks, st.just("marker"), st.just("A")), max_size=2).map(by_tick),
)


def rows(score: Score) -> list[list[tuple[int, ...]]]:
    return [track.notes.tolist() for track in score.tracks]


def state(track: Track, tick: int) -> dict[tuple[int, int], int]:
    """Return the value of every controller after all that is said at `tick`; a neutral value is as good as none."""
    neutral = {(CONTROL_CHANGE, 7): 100, (CONTROL_CHANGE, 64): 0, (PITCH_BEND, 0): 0}
    found = {(kind, number): value for at, kind, number, value in track.controls.tolist() if at <= tick}
    return neutral | found


# --- transposed -----------------------------------------------------------------------------------------------


@given(scores, st.integers(-20, 20))
def test_up_and_down_again_is_the_same(score: Score, semitones: int) -> None:
    assert score.transposed(semitones).transposed(-semitones) == score


@given(scores, st.integers(-20, 20))
def test_pitched_notes_and_keys_move_and_drums_stay(score: Score, semitones: int) -> None:
    moved = score.transposed(semitones)
    for track, other in zip(score.tracks, moved.tracks, strict=True):
        by = 0 if track.is_drum else semitones
        assert np.array_equal(other.notes["pitch"], track.notes["pitch"] + by)
    for key, other_key in zip(score.keys, moved.keys, strict=True):
        assert (other_key.fifths - key.fifths - 7 * semitones) % 12 == 0
        assert -7 <= other_key.fifths <= 7


def test_the_pressure_of_a_key_moves_with_it() -> None:
    track = make_melody(controls=make_controls([(0, KEY_PRESSURE, 60, 30), (0, CONTROL_CHANGE, 64, 127)]))
    assert Score(TICKS, (track,)).transposed(2).tracks[0].controls["number"].tolist() == [62, 64]


def test_signatures_of_seven_accidentals_come_back_as_five() -> None:
    score = Score(TICKS, keys=(Key(0, 7),))
    assert score.transposed(12) == score
    assert score.transposed(1).transposed(-1).keys == (Key(0, -5),)


@pytest.mark.parametrize("semitones", [-61, 61])
def test_pitches_out_of_range_are_refused(semitones: int) -> None:
    score = Score(TICKS, (make_melody((60, 67)), make_melody((3, 127), is_drum=True)))
    with pytest.raises(ConfigError, match="pitches 60 to 67 would leave 0 to 127; allowed are -60 to 60"):
        score.transposed(semitones)
    assert rows(score.transposed(60))[0][1][2] == 127


# --- bars -----------------------------------------------------------------------------------------------------


@given(scores, st.data())
def test_bars_of_bars(score: Score, data: st.DataObject) -> None:
    count = len(score.bars)
    first = data.draw(st.integers(0, count - 1))
    stop = data.draw(st.integers(first + 1, count))
    part = score.bars[first:stop]
    assert len(part.bars) == stop - first
    assert np.array_equal(part.bars.edges, score.bars.edges[first : stop + 1] - score.bars.edges[first])
    assert part.bars[0] == score.bars[first]
    assert part.end <= part.bars.edges[-1]


@given(scores)
def test_all_bars_together_have_all_notes(score: Score) -> None:
    assert rows(score.bars[:]) == rows(score)
    assert sum(bar.note_count for bar in score.bars) == score.note_count
    assert [bar.note_count for bar in reversed(score.bars)] == [
        score.bars[-number].note_count for number in range(1, len(score.bars) + 1)
    ]


@given(scores, st.data())
def test_a_slice_sounds_as_it_does_in_its_place(score: Score, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(score.bars) - 1))
    part, start = score.bars[first:], int(score.bars.edges[first])
    at = np.arange(0, int(part.bars.edges[-1]), 50)
    seconds = ticks_to_seconds(score, at + start) - ticks_to_seconds(score, [start])
    assert np.allclose(ticks_to_seconds(part, at), seconds)
    for track, other in zip(score.tracks, part.tracks, strict=True):
        assert state(other, 0) == state(track, start)


def test_notes_belong_to_the_bar_in_which_they_begin_and_are_cut_at_its_end() -> None:
    bar = 4 * TICKS
    track = Track(make_notes([(0, bar + 10, 60, 80), (bar - 10, 5 * bar, 62, 80), (bar, TICKS, 64, 80)]))
    score = Score(TICKS, (track,), title="t", texts=(Text(bar, "marker", "B"),))
    assert rows(score.bars[0]) == [[(0, bar, 60, 80), (bar - 10, 10, 62, 80)]]
    assert rows(score.bars[1]) == [[(0, TICKS, 64, 80)]]
    assert rows(score.bars[0:2])[0][1] == (bar - 10, bar + 10, 62, 80)
    assert score.bars[1].texts == (Text(0, "marker", "B"),)
    assert score.bars[1].title == "t"
    assert len(score.bars) == 6  # as far as the last note rings
    assert score.bars[2:4].meters == (
        Meter(2 * bar, 4, 4),
    )  # nothing begins there; it is two bars long all the same


def test_bars_that_are_not_there() -> None:
    bars = make_song(4).bars
    assert bars[-1].meters[0] == Meter(0, 3, 4)
    assert bars[2:99] == bars[2:4]
    assert bars[3:1].note_count == bars[7:9].note_count == 0
    with pytest.raises(IndexError):
        bars[4]
    with pytest.raises(ConfigError, match="allowed is a step of 1"):
        bars[::2]
    with pytest.raises(ConfigError, match="0 <= start <= stop"):
        make_song().excerpt(10, 5)
    assert len(Score(TICKS).bars) == 1


# --- joined ---------------------------------------------------------------------------------------------------


@given(scores)
@settings(max_examples=60, deadline=None)
def test_the_bars_joined_are_the_piece_with_notes_cut_at_bar_lines(score: Score) -> None:
    joined = Score.joined(*score.bars)
    edges = score.bars.edges
    assert np.array_equal(joined.bars.edges, edges)
    parts = {(t.program, t.is_drum, t.name) for t in score.tracks}
    if len(parts) == len(score.tracks):  # parts that share all three are told apart by their order
        for track, other in zip(score.tracks, joined.tracks, strict=True):
            stops = edges[np.searchsorted(edges, track.notes["start"], side="right")]
            durations = np.minimum(track.notes["duration"], stops - track.notes["start"])
            assert sorted(other.notes[["start", "pitch", "velocity"]].tolist()) == sorted(
                track.notes[["start", "pitch", "velocity"]].tolist()
            )
            assert sorted(other.notes["duration"].tolist()) == sorted(durations.tolist())
            assert all(state(other, int(edge)) == state(track, int(edge)) for edge in edges[:-1])
    at = np.arange(0, int(edges[-1]), 100)
    assert np.allclose(ticks_to_seconds(joined, at), ticks_to_seconds(score, at))
    assert [text.text for text in joined.texts] == [
        text.text for text in score.texts if text.tick < edges[-1]
    ]


@given(scores, scores)
@settings(max_examples=60, deadline=None)
def test_what_is_joined_sounds_as_it_does_alone(one: Score, other: Score) -> None:
    joined = one.joined(other)
    assert joined.note_count == one.note_count + other.note_count
    seam = int(one.bars.edges[-1]) * joined.ticks_per_quarter // one.ticks_per_quarter
    second = joined.excerpt(seam, joined.end + 1) if joined.end >= seam else joined
    alone = other.resampled(joined.ticks_per_quarter)
    at = np.arange(0, 10_000, 100)
    assert np.allclose(
        ticks_to_seconds(joined, at + seam) - ticks_to_seconds(joined, [seam]), ticks_to_seconds(alone, at)
    )
    assert np.array_equal(second.bar_starts(alone.end), alone.bar_starts(alone.end))
    named = {(t.program, t.is_drum, t.name): t for t in reversed(joined.tracks)}
    for track in reversed(alone.tracks):
        found = named[track.program, track.is_drum, track.name]
        if (
            sum(
                (t.program, t.is_drum, t.name) == (track.program, track.is_drum, track.name)
                for t in alone.tracks
            )
            == 1
        ):
            assert state(found, seam) == state(track, 0)


def test_grids_are_brought_together_and_tracks_of_one_kind_are_one() -> None:
    one = replace(make_song(2), title="")
    other = make_song(2).resampled(100)
    joined = one.joined(other)
    assert joined.ticks_per_quarter == 2400
    assert joined.title == "A small song"
    assert [track.name for track in joined.tracks] == ["Flute", "Piano", "Bass", "Drums"]
    length = int(one.bars.edges[-1]) * 5
    assert rows(joined.excerpt(length, joined.end)) == rows(other.resampled(2400))
    assert make_song().joined() == make_song()
    odd = Score(32_767).joined(Score(32_003))
    assert odd.ticks_per_quarter == 32_767


def test_two_tracks_of_one_name_stay_two() -> None:
    pair = Score(TICKS, (make_melody(), make_melody((40, 41))))
    joined = pair.joined(pair)
    assert [len(track.notes) for track in joined.tracks] == [16, 4]


def test_a_pedal_does_not_hold_what_follows() -> None:
    down = make_controls([(0, CONTROL_CHANGE, 64, 127), (0, CONTROL_CHANGE, 91, 40)])
    held, plain = Score(TICKS, (make_melody(controls=down),)), Score(TICKS, (make_melody(),))
    seam = 8 * TICKS
    assert held.joined(plain).tracks[0].controls.tolist() == [*down.tolist(), (seam, CONTROL_CHANGE, 64, 0)]
    assert held.joined(held).tracks[0].controls.tolist() == down.tolist()


# --- quantised ------------------------------------------------------------------------------------------------

grids = st.sampled_from([1, 0.5, 0.25, 1 / 3, Fraction(1, 6), 1.5])


@given(scores, grids)
def test_notes_lie_on_the_grid(score: Score, grid: float) -> None:
    step = Fraction(grid).limit_denominator(1000) * score.ticks_per_quarter
    snapped = score.quantised(grid)
    assert snapped.quantised(grid) == snapped
    for track, other in zip(score.tracks, snapped.tracks, strict=True):
        assert len(other.notes) == len(track.notes)
        ends = other.notes["start"] + other.notes["duration"]
        for at in (*other.notes["start"].tolist(), *ends.tolist()):
            assert abs(at - round(at / step) * step) <= Fraction(1, 2)
        assert all(other.notes["duration"] >= int(step))
        moved = np.sort(other.notes["start"]) - np.sort(track.notes["start"])
        assert np.abs(moved).max(initial=0) <= step / 2 + 1
    assert replace(snapped, tracks=score.tracks) == score


def test_a_note_lasts_at_least_a_step() -> None:
    track = Track(make_notes([(5, 0, 60, 80), (470, 130, 62, 80), (TICKS * 2 - 60, 500, 64, 80)]))
    snapped = Score(TICKS, (track,)).quantised(0.25)
    assert rows(snapped) == [[(0, 120, 60, 80), (480, 120, 62, 80), (960, 480, 64, 80)]]


@pytest.mark.parametrize("grid", [0, -1, float("nan"), float("inf"), 1001, 1 / 961])
def test_grids_that_cannot_be_are_refused(grid: float) -> None:
    with pytest.raises(
        ConfigError, match=r"^grid .*: allowed is a tick \(1/480 of a quarter\) to 1000 quarters$"
    ):
        make_song().quantised(grid)


# --- other libraries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["pretty_midi", "mido", "symusic", "music21"])
def test_notes_are_the_same_there_and_back(library: str) -> None:
    pytest.importorskip(library)
    song = make_song().resampled(24)  # what notation can write too
    song = replace(song, tracks=tuple(replace(track, notes=lengthened(track)) for track in song.tracks))
    there = getattr(song, f"to_{library}")()
    assert type(there).__module__.split(".")[0] == library
    back = getattr(Score, f"from_{library}")(there).resampled(24)
    assert [(t.name, t.program, t.is_drum) for t in back.tracks] == [
        (t.name, t.program, t.is_drum) for t in song.tracks
    ]
    columns = (
        ["start", "duration", "pitch"] if library == "music21" else ["start", "duration", "pitch", "velocity"]
    )
    for track, other in zip(song.tracks, back.tracks, strict=True):
        if not (library == "music21" and track.is_drum):  # a drum has no length on paper
            assert np.array_equal(track.notes[columns], other.notes[columns])
    assert (back.tempos, back.meters, back.keys) == (song.tempos, song.meters, song.keys)


def lengthened(track: Track) -> np.ndarray:  # type: ignore[type-arg]
    notes = track.notes.copy()
    notes["duration"] = np.maximum(notes["duration"], 1)
    return notes


@given(scores)
@settings(max_examples=25, deadline=None)
def test_mido_gives_back_what_a_file_would(score: Score) -> None:
    pytest.importorskip("mido")
    file = io.BytesIO()
    score.write(file, "mid")
    assert Score.from_mido(score.to_mido()) == ritornello.read(file.getvalue())


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pretty_midi", None)
    with pytest.raises(ritornello.MissingExtraError, match=r"not installed; run: pip install pretty_midi$"):
        make_song().to_pretty_midi()


def test_the_data_of_another_library_may_be_in_seconds() -> None:
    pytest.importorskip("symusic")
    there = make_song().to_symusic()
    assert Score.from_symusic(there.to("quarter")).note_count == make_song().note_count
    with pytest.raises(FormatError, match="the symusic"):
        Score.from_symusic(Broken())


class Broken:
    def to(self, unit: str) -> Broken:
        return self

    def dumps_midi(self) -> bytes:
        return b"no MIDI"


# --- bars that are not as long as their signature ---


def lines_of(score: Score) -> list[float]:
    return [line / TICKS for line in score.bars.edges.tolist()]


def test_a_meter_begins_a_bar_and_a_long_bar_has_its_length() -> None:
    notes = Track(make_notes([(0, 15 * TICKS, 60, 80)]))
    pickup = (Meter(0, 4, 4), Meter(TICKS, 4, 4))  # a quarter before the first bar line
    cadenza = Meter(5 * TICKS, 4, 4, length=6 * TICKS)
    score = Score(TICKS, (notes,), meters=(*pickup, cadenza, Meter(11 * TICKS, 4, 4)))
    assert lines_of(score) == [0, 1, 5, 11, 15]
    assert score.resampled(4).bars.edges.tolist() == [0, 4, 20, 44, 60]
    assert lines_of(score.bars[1:3]) == [0, 4, 10]
    assert lines_of(score.joined(score))[:6] == [0, 1, 5, 11, 15, 16]


def test_a_long_bar_is_its_own_signature_in_midi() -> None:
    assert Meter(0, 4, 4, length=6 * TICKS).actual(TICKS) == (6, 4)
    assert Meter(0, 2, 2, length=9 * TICKS // 2).actual(TICKS) == (9, 8)
    assert Meter(0, 4, 4, length=16 * TICKS // 3).actual(TICKS) == (4, 4)  # no signature has sixteen thirds
    score = Score(TICKS, (Track(make_notes([(0, TICKS, 60, 80)])),), meters=(Meter(0, 4, 4, 6 * TICKS),))
    file = io.BytesIO()
    score.write(file, "mid")
    assert ritornello.read(file.getvalue()).meters == (Meter(0, 6, 4),)


def test_more_bars_than_can_be_counted_are_refused() -> None:
    score = Score(480, (Track(make_notes([(1 << 28, 1, 60, 80)])),), meters=(Meter(0, 1, 128),))
    with pytest.raises(ConfigError, match="17895698 bars: allowed are 1000000"):
        score.bar_starts()
