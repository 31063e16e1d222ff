"""Performances of written music: what is played stays, what is not is played as the rules and the network say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from build import make_song
from fakes import small_network

import ritornello
from ritornello.bundle import Facts, save_bundle
from ritornello.cli import make_command
from ritornello.expression.config import ExpressionConfig, performed
from ritornello.expression.drums import CLASS_OF, history_values, kit_features, kit_history
from ritornello.expression.dynamics import HIGH_LOUD, MELODY, rules
from ritornello.expression.perform import DETACHED, perform
from ritornello.expression.places import places
from ritornello.expression.tempo import FINAL_TEMPO, final_ritardando
from ritornello.expression.written import arch, read_written
from ritornello.generation import Model
from ritornello.representations import REPRESENTATIONS
from ritornello.score import CONTROL_CHANGE, Key, Meter, Score, Tempo, Text, Track, make_controls, make_notes
from ritornello.sustain import SUSTAIN

QUARTER = 480
BAR = 4 * QUARTER
TEMPO = 500_000
CHORDS = ((48, 52, 55), (53, 57, 60), (55, 59, 62), (48, 52, 55))


def melody(bars: int = 8, program: int = 40) -> Track:
    """A tune in quarters that rests on the last half of every other bar."""
    rows = [(quarter * QUARTER, QUARTER, 72 + quarter % 4, 80) for quarter in range(4 * bars)]
    return Track(make_notes(row for row in rows if row[0] % (2 * BAR) < BAR + 2 * QUARTER), program)


def accompaniment(bars: int = 8, program: int = 0) -> Track:
    """A chord a bar, struck on every half."""
    rows = [
        (half * BAR // 2, BAR // 2, pitch, 80) for half in range(2 * bars) for pitch in CHORDS[half // 2 % 4]
    ]
    return Track(make_notes(rows), program)


def beat(bars: int = 8) -> Track:
    """Kick and snare by turns in quarters, with eighths of a hi-hat, and a soft snare that is to come in between."""
    rows = [(eighth * 240, 120, 42, 80) for eighth in range(8 * bars)]
    rows += [(quarter * QUARTER, 120, 38 if quarter % 2 else 36, 80) for quarter in range(4 * bars)]
    rows += [(bar * BAR + 9 * 120, 60, 38, 80) for bar in range(bars)]
    return Track(make_notes(rows), is_drum=True)


def score(*tracks: Track, **more: Any) -> Score:
    return Score(QUARTER, tracks or (melody(), accompaniment()), tempos=(Tempo(0, TEMPO),), **more)


def velocity_of(track: Track, *pitches: int) -> float:
    return float(track.notes["velocity"][np.isin(track.notes["pitch"], pitches)].mean())


@pytest.mark.parametrize("tracks", [(), (beat(),), (beat(), melody(), accompaniment())], ids=len)
def test_a_seed_names_a_performance(tracks: tuple[Track, ...]) -> None:
    music = score(*tracks)
    assert perform(music, 0.7, seed=3) == perform(music, 0.7, seed=3)
    assert perform(music, 0.7, seed=3) != perform(music, 0.7, seed=4)
    assert perform(music, 0.7, seed=3) == music.performed(0.7, seed=3)


def test_nothing_is_done_where_nothing_is_asked() -> None:
    music = score(beat(), melody(), accompaniment())
    assert perform(music, 0.0) is music
    assert performed(music, ExpressionConfig(), default=0.0) is music
    assert performed(music, ExpressionConfig(perform=0.3), default=0.0) == perform(music, 0.3)


@pytest.mark.parametrize("ticks", [12, 24, 220, 480, 960])
def test_the_notes_are_those_that_are_written(ticks: int) -> None:
    music = score(beat(), melody(), accompaniment(), keys=(Key(0, 2),), meters=(Meter(0, 4, 4),)).resampled(
        ticks
    )
    played = perform(music, 1.0, seed=1)
    assert len(played.bars) == len(music.bars)
    assert played.ticks_per_quarter >= 480
    assert played.keys == music.keys
    assert played.meters == music.meters
    for mine, written in zip(played.tracks, music.tracks, strict=True):
        assert sorted(mine.notes["pitch"].tolist()) == sorted(written.notes["pitch"].tolist())
        assert (mine.notes["start"] >= 0).all()
        assert (mine.notes["duration"] > 0).all()
        assert (mine.notes["velocity"] > 0).all()
        assert (mine.notes["velocity"] < 128).all()
        by_pitch = [np.sort(each.notes, order=["pitch", "start"]) for each in (mine, written)]
        late = by_pitch[0]["start"] * ticks / played.ticks_per_quarter - by_pitch[1]["start"]
        assert np.abs(late).max() < 0.2 * ticks, "no note is moved far from its place"


def test_what_is_played_already_stays() -> None:
    notes = melody().notes.copy()
    notes["velocity"] += np.arange(len(notes), dtype=np.int16) % 7
    music = score(replace(melody(), notes=notes), accompaniment())
    played = perform(music, 1.0)
    assert played.tracks[0] == music.tracks[0], "a track of several velocities"
    assert len(np.unique(played.tracks[1].notes["velocity"])) > 5
    assert played.tempos == music.tempos, "the tempo does not bend under it"


def test_a_tempo_that_changes_stays() -> None:
    music = replace(score(), tempos=(Tempo(0, TEMPO), Tempo(BAR, 600_000)))
    assert perform(music, 1.0).tempos == music.tempos


def test_of_a_given_beginning_only_the_rest_is_played() -> None:
    given = replace(melody(2), notes=make_notes((q * QUARTER, QUARTER, 72, 60 + q) for q in range(8)))
    rest = [(8 * QUARTER + q * QUARTER, QUARTER, 74 + q % 3, 84) for q in range(24)]
    music = score(replace(given, notes=make_notes([*given.notes.tolist(), *rest])))
    assert perform(music, 1.0) is music
    played = perform(music, 1.0, given=score(given)).tracks[0].notes
    assert played[:8].tolist() == given.notes.tolist()
    assert len(np.unique(played["velocity"][8:])) > 5
    assert abs(played["velocity"][8:].mean() - 84) < 8


def test_a_given_beginning_without_velocities_is_played_too() -> None:
    given = melody(2)
    rest = [(8 * QUARTER + q * QUARTER, QUARTER, 74 + q % 3, 84) for q in range(24)]
    music = score(replace(given, notes=make_notes([*given.notes.tolist(), *rest])))
    played = perform(music, 1.0, given=score(given))
    assert len(np.unique(played.tracks[0].notes["velocity"][:6])) > 2
    assert len(played.tempos) > 8


def test_the_tempo_asked_for_is_that_at_the_beginning_and_the_mean() -> None:
    music = score(melody(32), accompaniment(32))
    played = perform(music, 1.0)
    assert played.tempos[0] == music.tempos[0]
    ticks = np.array([tempo.tick for tempo in played.tempos])
    tempos = np.array([tempo.microseconds_per_quarter for tempo in played.tempos])
    before_the_end = ticks < 29 * BAR
    lengths = np.diff(ticks, append=32 * BAR)[before_the_end]
    mean = np.average(np.log(tempos[before_the_end] / TEMPO), weights=lengths)
    assert abs(mean) < 0.01
    assert len(ticks) > 32
    assert np.ptp(tempos[before_the_end] / TEMPO) > 0.03


def test_a_piece_ends_slower_and_a_loop_does_not() -> None:
    music = score(melody(16), accompaniment(16))
    last = perform(music, 1.0).tempos[-1].microseconds_per_quarter
    assert TEMPO / FINAL_TEMPO <= last < 1.1 * TEMPO / FINAL_TEMPO
    loop = replace(music, texts=(Text(0, "marker", "loopStart"), Text(16 * BAR, "marker", "loopEnd")))
    assert perform(loop, 1.0).tempos == music.tempos
    assert perform(loop, 1.0).tracks != music.tracks


def test_drums_keep_time() -> None:
    music = score(beat(), melody())
    assert perform(music, 1.0).tempos == music.tempos


def test_the_curves_have_their_values() -> None:
    assert final_ritardando(np.array([0.0, 1.0])) == pytest.approx([0, np.log(FINAL_TEMPO)])
    assert final_ritardando(np.array([0.5]))[0] == pytest.approx(np.log((1 + FINAL_TEMPO**3) / 2) / 3)
    x = np.linspace(0, 1, 2001)
    assert arch(np.array([0.0, 1.0])) == pytest.approx([0, -1])
    assert np.trapezoid(arch(x), x) == pytest.approx(0, abs=1e-6)


def test_the_rules_have_their_values() -> None:
    music = read_written(score())
    found, high = rules(music), music.pitch == music.pitch.max()
    assert all(abs(column.mean()) < 1e-9 for column in found.values())
    assert np.ptp(found["melody"]) == pytest.approx(MELODY)
    assert (music.is_melody == (music.pitch >= 72)).all()
    low = (music.pitch == 53) | (music.pitch == 72)
    steps = np.unique(found["high loud"][low].round(6))
    assert np.ptp(steps) == pytest.approx(min(HIGH_LOUD * 19, np.ptp(found["high loud"])), abs=1.0)
    assert found["high loud"][high].min() == found["high loud"].max()
    downbeat = music.strength == 4
    assert (found["accent"][downbeat] == found["accent"].max()).all()


def test_the_melody_is_louder_and_comes_before_what_is_struck_with_it() -> None:
    music = score(replace(melody(), program=0), accompaniment())
    played = perform(music, 1.0)
    assert played.tracks[0].notes["velocity"].mean() > 15 + played.tracks[1].notes["velocity"].mean()
    late = [track.notes["start"] % (BAR // 2) for track in played.tracks]
    behind = np.unique(late[1])
    assert behind[0] == 0, "one pianist, two hands"
    assert behind[1] > 10
    assert behind[-1] <= round(0.021 * 960)
    assert round(0.02 * 960) in behind


def test_players_of_an_ensemble_are_not_exactly_together() -> None:
    played = perform(score(melody(), melody(program=73)), 1.0)
    starts = [track.notes["start"] for track in played.tracks]
    apart = (starts[0] - starts[1]) / 960
    assert 0.005 < apart.std() < 0.06
    assert abs(apart.mean()) < 0.02


def test_an_organ_has_no_dynamics() -> None:
    played = perform(score(replace(melody(), program=19), accompaniment(program=6)), 1.0)
    assert all((track.notes["velocity"] == 80).all() for track in played.tracks)
    assert not any(len(track.controls) for track in played.tracks)


def test_the_pedal_of_a_piano_changes_with_the_harmony() -> None:
    played = perform(score(), 1.0)
    pedal = played.tracks[1].controls
    assert (pedal["kind"] == CONTROL_CHANGE).all()
    assert (pedal["number"] == SUSTAIN).all()
    downs, ups = pedal["tick"][pedal["value"] == 127], pedal["tick"][pedal["value"] == 0]
    assert len(downs) == len(ups) >= 8
    assert (downs < ups).all()
    assert set((np.arange(1, 9) * BAR).tolist()) <= set(ups.tolist())
    assert not len(played.tracks[0].controls), "a violin has none"
    own = make_controls([(0, CONTROL_CHANGE, SUSTAIN, 127), (BAR, CONTROL_CHANGE, SUSTAIN, 0)])
    music = score(melody(), replace(accompaniment(), controls=own))
    assert np.array_equal(perform(music, 1.0).tracks[1].controls, own)


def test_a_note_ends_before_its_pitch_is_struck_again() -> None:
    track = Track(make_notes((n * QUARTER, QUARTER, 60 + n // 4 % 2, 80) for n in range(16)), 40)
    lengths = perform(score(track), 0.5).tracks[0].notes["duration"]
    assert lengths[[0, 1, 2, 4, 5, 6]].tolist() == [round(QUARTER * (1 - 0.5 * DETACHED))] * 6
    assert lengths[3] == QUARTER


# --- drums ----------------------------------------------------------------------------------------------------


def test_a_single_line_stays_one() -> None:
    for track in perform(score(melody(), accompaniment()), 1.0, seed=3).tracks[:1]:
        ends = track.notes["start"] + track.notes["duration"]
        assert (ends[:-1] <= track.notes["start"][1:]).all()
        assert (np.diff(track.notes["start"]) != np.diff(score(melody()).tracks[0].notes["start"])).any()


def test_a_drummer_plays_backbeats_loud_and_what_lies_between_softly() -> None:
    loud, soft, offsets = [], [], []
    for seed in range(4):
        played = perform(score(beat()), 1.0, seed=seed).tracks[0].notes
        snare = played[played["pitch"] == 38]
        at = np.rint(snare["start"] / 120).astype(int) % 16
        loud.append(snare["velocity"][np.isin(at, (4, 12))].mean())
        soft.append(snare["velocity"][at == 9].mean())
        offsets.append(played["start"] - np.rint(played["start"] / 120) * 120)
    assert np.mean(loud) > 30 + np.mean(soft)
    late = np.concatenate(offsets) / 960
    assert 0.003 < late.std() < 0.03
    assert np.abs(late).max() < 0.05


def test_half_as_much_is_half_as_far_from_the_level() -> None:
    whole, half = (perform(score(beat()), amount, seed=1).tracks[0].notes for amount in (0.4, 0.2))
    spread = [np.std(each["velocity"]) for each in (whole, half)]
    assert spread[1] == pytest.approx(spread[0] / 2, rel=0.1)


def test_what_is_learned_of_a_stroke_is_the_part_and_the_past() -> None:
    music = score(beat())
    notes = music.tracks[0].notes
    place, kind = places(music, notes["start"].astype(np.int64)), CLASS_OF[notes["pitch"]]
    features = kit_features(place, kind, notes["start"] / QUARTER)
    assert len(features) == len(notes)
    assert np.isfinite(features).all()
    before = kit_history(place, kind)
    assert (before < np.arange(len(notes))[:, None]).all()
    assert (before[0] == -1).all()
    same_class = before[:, 2] >= 0
    assert (kind[before[same_class, 2]] == kind[same_class]).all()
    a_bar_ago = before[:, 3] >= 0
    assert (notes["start"][a_bar_ago] - notes["start"][before[a_bar_ago, 3]] == BAR).all()
    values = history_values(before, np.full(len(notes), 96.0), np.full(len(notes), 0.03))
    assert (values[0] == 0).all()
    assert values[-1].tolist() == [1.0] * 7


# --- places and swing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meter", "quarters", "strengths"),
    [
        (Meter(0, 4, 4), (0, 0.5, 1, 1.25, 2, 3, 4), [4, 1, 2, 0, 3, 2, 4]),
        (Meter(0, 3, 4), (0, 1, 2, 2.5, 3), [4, 2, 2, 1, 4]),
        (Meter(0, 6, 8), (0, 0.5, 1, 1.5, 1.75, 3), [4, 1, 1, 2, 0, 4]),
    ],
    ids=["4/4", "3/4", "6/8"],
)
def test_strong_places_are_known(meter: Meter, quarters: tuple[float, ...], strengths: list[int]) -> None:
    music = replace(score(melody(8)), meters=(meter,))
    assert places(music, (np.array(quarters) * QUARTER).astype(np.int64)).strength.tolist() == strengths


@pytest.mark.parametrize(
    ("unit", "meter", "quarters", "swung"),
    [
        (8, (4, 4), (0, 0.5, 1, 1.5, 1.75), (0, 0.625, 1, 1.625, 1.8125)),
        (8, (4, 4), (1 / 3, 2 / 3), (1 / 3, 2 / 3)),
        (16, (4, 4), (0, 0.25, 0.5, 0.75), (0, 0.3125, 0.5, 0.8125)),
        (8, (6, 8), (0, 0.5, 1, 1.5), (0, 0.5, 1, 1.5)),
    ],
    ids=["eighths", "triplets stay", "sixteenths", "compound meters stay"],
)
def test_even_notes_swing(unit: int, meter: tuple[int, int], quarters: tuple, swung: tuple) -> None:
    notes = make_notes((round(at * QUARTER), 60, 60 + n, 80 + n) for n, at in enumerate(quarters))
    music = replace(score(Track(notes)), meters=(Meter(0, *meter),))
    played = perform(music, 0.0, swing=0.625, swing_unit=unit).tracks[0].notes
    assert (played["start"] / QUARTER).tolist() == pytest.approx(swung, abs=1 / QUARTER)
    assert played["velocity"].tolist() == notes["velocity"].tolist(), (
        "swing is asked for: what is played swings too"
    )


# --- where it is applied --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """An untrained model of melodies, which have no velocities."""
    representation = REPRESENTATIONS["melody"].fit(
        [REPRESENTATIONS["melody"].collect_statistics(make_song(6))], {}
    )
    path = tmp_path_factory.mktemp("model") / "tiny.rit"
    save_bundle(path, small_network(representation), representation, Facts(name="tiny"))
    return ritornello.load(path)


def test_what_is_composed_is_written_and_played(model: Model, tmp_path: Path) -> None:
    piece, plain = (model.compose(bars=8, seed=1, tempo=96, **more) for more in ({}, {"perform": 0}))
    assert list(piece.score.tracks) == list(plain.score.tracks)
    assert plain.performance is plain.score
    assert piece.performance == perform(piece.score, 0.5, seed=1)
    midi = ritornello.read(piece.write(tmp_path / "piece.mid"))
    assert len(np.unique(midi.tracks[0].notes["velocity"])) > 3
    assert midi.tempos[0].quarters_per_minute == pytest.approx(96)
    assert len(midi.tempos) > 4
    assert not piece.missed
    assert len(midi.bars) == 8
    for each, name in ((piece, "piece"), (plain, "plain")):
        each.write(tmp_path / f"{name}.musicxml")
    assert (tmp_path / "piece.musicxml").read_bytes() == (tmp_path / "plain.musicxml").read_bytes()
    faithful = model.compose(bars=8, seed=1, faithful=True)
    assert faithful.performance is faithful.score
    assert '"perform": 0' in plain.score.texts[0].text, "the recipe makes the performance again"


def test_pieces_of_a_seed_are_played_each_in_its_way(model: Model) -> None:
    one, two = model.compose_many(bars=4, seed=1, count=2)
    [again] = model.compose_many(bars=4, seed=1, index=1)
    assert again.performance == two.performance != one.performance


def test_a_primer_that_is_played_stays(model: Model) -> None:
    notes = make_notes((n * 240, 240, 60 + n % 5, 60 + 3 * n) for n in range(8))
    primer = Score(QUARTER, (Track(notes),), tempos=(Tempo(0, TEMPO),), meters=(Meter(0, 4, 4),))
    played = model.compose(primer, bars=6, seed=1).performance
    [track] = [track for track in played.tracks if len(track.notes)]
    assert track.notes["velocity"][:8].tolist() == notes["velocity"].tolist()
    assert (track.notes["start"][:8] * QUARTER == notes["start"] * played.ticks_per_quarter).all()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--perform", "2"], "perform: must be at most 1 (received '2')"),
        (["--swing", "0.9"], "swing: must be at most 0.75 (received '0.9')"),
        (["--swing-unit", "4"], "swing_unit: must be '8' or '16' (received '4')"),
    ],
)
def test_render_refuses_what_is_out_of_range(flags: list[str], message: str, tmp_path: Path) -> None:
    score().write(tmp_path / "in.mid")
    with pytest.raises(ritornello.ConfigError) as refusal:
        render(tmp_path, *flags)
    assert str(refusal.value) == message
    assert not (tmp_path / "out.mid").exists()


def test_render_plays_a_file_only_if_asked(tmp_path: Path) -> None:
    score().write(tmp_path / "in.mid")
    render(tmp_path)
    assert ritornello.read(tmp_path / "out.mid").tracks == ritornello.read(tmp_path / "in.mid").tracks
    render(tmp_path, "--perform", "0.5")
    assert len(np.unique(ritornello.read(tmp_path / "out.mid").tracks[0].notes["velocity"])) > 3


def render(folder: Path, *flags: str) -> None:
    command = make_command("render")
    command.main([str(folder / "in.mid"), "-o", str(folder / "out.mid"), *flags], standalone_mode=False)
