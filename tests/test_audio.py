"""Sound: measured, with both engines. What is heard is checked by its energy, where and when it should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from build import make_song
from numpy.typing import NDArray

from ritornello.errors import ConfigError, FileError, FormatError
from ritornello.rendering import audio
from ritornello.rendering.fluid import load_fluidsynth
from ritornello.rendering.performance import make_parts
from ritornello.rendering.soundbank import Soundbank
from ritornello.rendering.soundfont import SHIPPED, SUBSTITUTES, read_soundfont
from ritornello.score import (
    CONTROL_CHANGE,
    PITCH_BEND,
    Score,
    Tempo,
    Track,
    end_at_restrike,
    make_controls,
    make_notes,
    ticks_to_seconds,
)

soundfile = pytest.importorskip("soundfile")

RATE = 22_050
TICKS = 480
Samples = NDArray[np.float32]


@pytest.fixture(params=["fluidsynth", "sampler"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Use one of the two engines for the test; FluidSynth only where it is installed."""
    if request.param == "sampler":
        monkeypatch.setattr(audio, "load_fluidsynth", lambda: None)
    elif load_fluidsynth() is None:
        pytest.skip("FluidSynth or pyfluidsynth is not installed")
    return str(request.param)


@pytest.fixture
def sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the engine that is always there."""
    monkeypatch.setattr(audio, "load_fluidsynth", lambda: None)


def play(score: Score) -> Samples:
    return audio.render_audio(score, RATE)


def track_of(*rows: tuple[int, int, int, int], **fields: object) -> Track:
    return Track(make_notes(rows), **fields)  # type: ignore[arg-type]


def score_of(*tracks: Track) -> Score:
    return Score(TICKS, tracks=tracks)


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def decibels(value: float) -> float:
    return 20 * float(np.log10(max(value, 1e-12)))


def at(samples: Samples, second: float, length: float = 0.15) -> Samples:
    return samples[round(second * RATE) : round((second + length) * RATE)]


def pitch_strength(samples: Samples, pitch: float) -> float:
    """Return how much of the power is at the first four partials of a MIDI pitch."""
    power = np.abs(np.fft.rfft(samples.sum(axis=1) * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    wanted = 440 * 2 ** ((pitch - 69) / 12) * np.arange(1, 5)
    near = np.abs(frequencies[:, None] / wanted - 1).min(axis=1) < 0.02
    return float(power[near].sum() / power.sum())


def test_a_song_is_loud_enough_unclipped_and_as_long_as_it_should_be(engine: str) -> None:
    song = make_song()
    samples = play(song)
    assert samples.dtype == np.float32
    assert samples.shape == (round((song.seconds + audio.TAIL) * RATE), 2)
    assert np.abs(samples).max() <= audio.PEAK + 1e-6
    assert -27 < decibels(rms(samples[: round(song.seconds * RATE)])) < -14
    assert np.isfinite(samples).all()


def test_the_sound_fades_out_and_is_not_cut(engine: str) -> None:
    song = make_song()
    samples = play(song)
    assert rms(at(samples, song.seconds + 0.02)) > 1e-3
    assert np.abs(samples[-1]).max() == 0
    assert rms(samples[-RATE // 50 :]) < 1e-4


def test_every_note_sounds_where_the_tempo_map_puts_it(engine: str) -> None:
    starts = [TICKS * 4 * i for i in range(5)]
    notes = track_of(*((start, TICKS // 2, 60 + 2 * i, 90) for i, start in enumerate(starts)), program=24)
    score = replace(
        score_of(notes), tempos=(Tempo(0, 500_000), Tempo(starts[2], 800_000), Tempo(starts[3], 300_000))
    )
    samples = play(score)
    for second, pitch in zip(ticks_to_seconds(score, starts), range(60, 70, 2), strict=True):
        before = rms(at(samples, second - 0.06, 0.05)) if second else 0.0
        assert rms(at(samples, second, 0.1)) > 5 * before
        assert pitch_strength(at(samples, second, 0.25), pitch) > 0.5


def test_both_engines_are_equally_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    if load_fluidsynth() is None:
        pytest.skip("FluidSynth or pyfluidsynth is not installed")
    song = make_song()
    first = play(song)
    monkeypatch.setattr(audio, "load_fluidsynth", lambda: None)
    assert abs(decibels(rms(first)) - decibels(rms(play(song)))) < 4


def test_no_program_and_no_pitch_is_silent() -> None:
    font = read_soundfont()
    bank = Soundbank(font, RATE)
    for program in range(128):
        track = track_of(*((0, TICKS, pitch, 100) for pitch in (0, 21, 60, 108, 127)), program=program)
        assert font.preset(track) == (0, SUBSTITUTES[program])
        for pitch in font.pitches(track).tolist():
            assert rms(bank.tone(font.preset(track), pitch, 100, RATE // 2)) > 1e-3, (program, pitch)


@pytest.mark.parametrize("program", sorted(set(SUBSTITUTES.values())))
def test_every_preset_is_in_tune(program: int) -> None:
    bank = Soundbank(read_soundfont(), RATE)
    for pitch in (48, 55, 60, 67, 72):
        tone = bank.tone((0, program), pitch, 100, 2 * RATE)
        tuned, sharp = (pitch_strength(tone[:, None], pitch + off) for off in (0, 1))
        assert tuned > 0.5
        assert tuned > 3 * sharp


@pytest.mark.parametrize("pitch", [0, 22, 26, 27, 35, 42, 87, 88, 127])
def test_no_drum_is_silent(engine: str, pitch: int) -> None:
    samples = play(score_of(track_of((0, 5, pitch, 100), is_drum=True, program=25)))
    assert rms(at(samples, 0, 0.3)) > 1e-3


def test_forty_tracks_all_sound(engine: str) -> None:
    tracks = [track_of((TICKS * i, TICKS, 60, 90), program=24, is_drum=i == 20) for i in range(40)]
    samples = play(score_of(*tracks))
    for i in range(40):
        second = i * 0.5
        assert rms(at(samples, second, 0.2)) > 0.01, i
        if i != 20:
            assert pitch_strength(at(samples, second + 0.05, 0.4), 60) > 0.5, i


def test_more_tracks_than_fluidsynth_has_channels(engine: str) -> None:
    tracks = [track_of((TICKS * (i // 50), TICKS, 60, 90), program=24) for i in range(300)]
    samples = play(score_of(*tracks))
    assert all(rms(at(samples, second / 2, 0.2)) > 0.01 for second in range(6))


def test_louder_velocity_is_louder(engine: str) -> None:
    samples = play(score_of(track_of((0, TICKS, 60, 30), (TICKS * 4, TICKS, 60, 120))))
    assert 10 < decibels(rms(at(samples, 2.0)) / rms(at(samples, 0.0))) < 40


def test_volume_and_expression_are_heard(engine: str) -> None:
    controls = make_controls(
        [(0, CONTROL_CHANGE, 7, 100), (960, CONTROL_CHANGE, 7, 40), (1920, CONTROL_CHANGE, 7, 100),
         (1920, CONTROL_CHANGE, 11, 40)]
    )  # fmt: skip
    rows = [(960 * i, 480, 60, 100) for i in range(3)]
    samples = play(score_of(track_of(*rows, program=19, controls=controls)))
    loud, quiet, soft = (rms(at(samples, second + 0.1, 0.3)) for second in (0.0, 1.0, 2.0))
    assert loud > 3 * quiet
    assert loud > 3 * soft


def test_pan_is_heard(engine: str) -> None:
    controls = make_controls([(0, CONTROL_CHANGE, 10, 0), (960, CONTROL_CHANGE, 10, 127)])
    samples = play(score_of(track_of((0, 400, 60, 100), (1920, 400, 60, 100), controls=controls)))
    left, right = rms(at(samples, 0.1)[:, 0]), rms(at(samples, 0.1)[:, 1])
    assert left > 2 * right
    left, right = rms(at(samples, 2.1)[:, 0]), rms(at(samples, 2.1)[:, 1])
    assert right > 2 * left


def test_tracks_are_spread_over_the_stereo_field(engine: str) -> None:
    first, second = track_of((0, 480, 60, 90), program=73), track_of((1920, 480, 60, 90), program=73)
    samples = play(score_of(first, second))
    left, right = (rms(at(samples, 0.1)[:, side]) for side in (0, 1))
    assert left > 1.2 * right
    assert np.abs(samples[:, 0] - samples[:, 1]).max() > 0.01


def test_the_sustain_pedal_holds(engine: str) -> None:
    pedal = make_controls([(0, CONTROL_CHANGE, 64, 127), (1920, CONTROL_CHANGE, 64, 0)])
    notes = [(0, 120, 60, 100), (3840, 120, 60, 100)]
    dry, held = (play(score_of(track_of(*notes, program=19, controls=c))) for c in (make_controls(), pedal))
    assert rms(at(held, 1.2)) > 5 * rms(at(dry, 1.2))


def test_a_bend_raises_the_pitch(engine: str) -> None:
    bend = make_controls([(0, PITCH_BEND, 0, 8191)])
    samples = play(score_of(track_of((0, 960, 60, 100), program=73, controls=bend)))
    assert pitch_strength(at(samples, 0.2, 0.5), 62) > 0.5


def test_the_range_of_bends_can_be_set(engine: str) -> None:
    rows = [(0, 101, 0), (0, 100, 0), (0, 6, 12)]
    controls = [(tick, CONTROL_CHANGE, number, value) for tick, number, value in rows]
    controls.append((0, PITCH_BEND, 0, 4096))
    samples = play(score_of(track_of((0, 960, 60, 100), program=73, controls=make_controls(controls))))
    assert pitch_strength(at(samples, 0.2, 0.5), 66) > 0.5


def test_the_range_of_bends_holds_from_its_own_time(engine: str) -> None:
    rows = [(0, 101, 0), (0, 100, 0), (0, 6, 12), (960, 101, 0), (960, 100, 0), (960, 6, 7), (960, 38, 0)]
    controls = [(tick, CONTROL_CHANGE, number, value) for tick, number, value in rows]
    bends = [(0, PITCH_BEND, 0, 8191), (960, PITCH_BEND, 0, 8191)]
    track = track_of(
        (0, 960, 60, 100), (960, 960, 60, 100), program=73, controls=make_controls(controls + bends)
    )
    samples = play(score_of(track))
    assert pitch_strength(at(samples, 0.2, 0.5), 72) > 0.5
    assert pitch_strength(at(samples, 1.2, 0.5), 67) > 0.5


def test_a_bent_note_is_as_long_as_it_is_written(sampler: None) -> None:
    rows = [(0, 101, 0), (0, 100, 0), (0, 6, 12)]
    controls = [(tick, CONTROL_CHANGE, number, value) for tick, number, value in rows]
    controls.append((0, PITCH_BEND, 0, 8191))
    samples = play(score_of(track_of((0, 1920, 60, 100), program=73, controls=make_controls(controls))))
    assert rms(at(samples, 1.7)) > 0.5 * rms(at(samples, 0.5))


def test_reset_all_controllers_lifts_the_pedal_and_keeps_the_volume(sampler: None) -> None:
    rows = [(0, 64, 127), (0, 7, 20), (1440, 121, 0)]
    controls = make_controls([(tick, CONTROL_CHANGE, number, value) for tick, number, value in rows])
    notes = [(0, 120, 60, 100), (2400, 480, 62, 100)]
    samples = play(score_of(track_of(*notes, program=19, controls=controls)))
    assert rms(at(samples, 1.2)) > 5 * rms(at(samples, 2.2))
    loud = play(
        score_of(track_of(*notes, program=19), track_of((4800, 480, 60, 100), program=19, controls=controls))
    )
    assert rms(at(loud, 2.7)) > 5 * rms(at(loud, 5.2))


def test_all_sound_off_ends_what_the_pedal_holds(engine: str) -> None:
    rows = [(0, 64, 127), (960, 120, 0)]
    controls = make_controls([(tick, CONTROL_CHANGE, number, value) for tick, number, value in rows])
    samples = play(score_of(track_of((0, 120, 60, 100), (3840, 120, 60, 100), program=19, controls=controls)))
    assert rms(at(samples, 0.8)) > 10 * rms(at(samples, 1.8))


def test_bank_select_and_mode_messages_silence_nothing(engine: str) -> None:
    rows = [(0, 0, 64), (0, 32, 5), (0, 120, 0), (0, 126, 1), (0, 123, 0)]
    controls = make_controls([(tick, CONTROL_CHANGE, number, value) for tick, number, value in rows])
    samples = play(score_of(track_of((0, 960, 60, 100), program=40, controls=controls)))
    assert rms(at(samples, 0.3)) > 0.01


def test_a_repeated_note_is_cut_by_the_next_and_a_doubled_one_kept_once() -> None:
    starts, ends, pitches = (np.array(column) for column in ([0, 5, 5, 0], [10, 8, 20, 30], [60, 60, 60, 61]))
    assert end_at_restrike(starts, ends, pitches).tolist() == [5, 5, 20, 30]
    parts = make_parts(
        score_of(track_of((0, 10, 60, 90), (0, 20, 60, 90), (0, 0, 62, 90))), read_soundfont(), 44_100
    )
    assert sorted(parts[0].pitches.tolist()) == [60, 62]
    assert (parts[0].ends > parts[0].starts).all()


def test_the_same_score_gives_the_same_sound(engine: str) -> None:
    assert np.array_equal(play(make_song()), play(make_song()))


def test_a_long_piece_is_streamed_to_the_same_sound(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = play(make_song())
    monkeypatch.setattr(audio, "KEPT_SECONDS", 1)
    assert np.allclose(play(make_song()), kept, atol=1e-6)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_files_are_stereo_whole_and_in_time(suffix: str, sampler: None, tmp_path: Path) -> None:
    song, path = make_song(), tmp_path / f"song{suffix}"
    audio.write_audio(song, path)
    samples, rate = read_sound(path)
    expected = audio.render_audio(song)
    assert rate == 44_100
    assert samples.shape[1] == 2
    assert abs(len(samples) - len(expected)) <= (2_500 if suffix == ".mp3" else 0)
    assert np.abs(samples).max() <= 1.0
    assert abs(decibels(rms(samples)) - decibels(rms(expected))) < 1
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def read_sound(path: Path) -> tuple[Samples, int]:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return samples, rate


def test_ogg_of_more_than_a_million_frames(sampler: None, tmp_path: Path) -> None:
    score = score_of(track_of((0, 480, 60, 90), (TICKS * 52, 480, 64, 90)))
    audio.write_audio(score, tmp_path / "long.ogg")
    assert soundfile.info(tmp_path / "long.ogg").frames > 1_000_000


@pytest.mark.parametrize("suffix", [".flac", ".ogg"])
def test_title_and_copyright_are_in_the_file(suffix: str, sampler: None, tmp_path: Path) -> None:
    path = tmp_path / f"song{suffix}"
    audio.write_audio(replace(make_song(), title="Ein Lied für Ännchen 緋"), path, 22_050)
    with soundfile.SoundFile(path) as file:
        assert file.title == "Ein Lied für Ännchen 緋"
        assert file.copyright == "made for tests"


def test_fluidsynth_prints_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    if load_fluidsynth() is None:
        pytest.skip("FluidSynth or pyfluidsynth is not installed")
    play(make_song())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (Score(TICKS), "no notes"),
        (score_of(track_of((0, TICKS * 2 * 3600 * 5, 60, 90))), "5.0 hours"),
    ],
)
def test_what_cannot_be_heard_is_refused_and_leaves_no_file(
    score: Score, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        audio.write_audio(score, tmp_path / "x.wav")
    assert not list(tmp_path.iterdir())


def test_rates_that_are_not_possible_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sample rate 1"):
        audio.render_audio(make_song(), 1)
    with pytest.raises(ConfigError, match=r"sample_rate 96000: \.mp3 has 8000"):
        audio.write_audio(make_song(), tmp_path / "x.mp3", 96_000)


@pytest.mark.parametrize("content", [b"RIFF\0\0\0\0sfbk", b"junk" * 50, SHIPPED.read_bytes()[:100_000]])
def test_a_soundfont_that_is_none_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.sf2"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"bad\.sf2: not a SoundFont"):
        audio.render_audio(make_song(), soundfont=path)


def test_a_soundfont_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file"):
        read_soundfont(tmp_path / "none.sf2")
    (tmp_path / "empty.sf2").touch()
    with pytest.raises(FileError, match="empty"):
        read_soundfont(tmp_path / "empty.sf2")


def test_a_soundfont_of_ones_own_is_used_as_it_is(engine: str, tmp_path: Path) -> None:
    """A copy of the shipped one at another place: nothing is replaced that only the shipped one lacks."""
    copy = tmp_path / "mine.sf3"
    copy.write_bytes(SHIPPED.read_bytes())
    font = read_soundfont(copy)
    assert font.pitches(track_of((0, 1, 127, 90), program=48)).tolist() == [127]
    assert font.preset(track_of((0, 1, 60, 90), program=19)) == (0, 19)
    assert rms(audio.render_audio(make_song(), RATE, copy)) > 0.01


def test_a_soundfont_without_drums_plays_them_somehow() -> None:
    font = replace(read_soundfont(), presets=frozenset({(0, 0), (0, 30)}))
    assert font.preset(track_of((0, 1, 60, 90), is_drum=True)) == (0, 0)
    assert font.preset(track_of((0, 1, 60, 90), program=26)) == (0, 30)


def test_a_full_disk_is_one_error_and_leaves_no_file(
    sampler: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile.SoundFile, "write", fail)
    with pytest.raises(FileError, match=r"x\.wav: cannot be written: no space left"):
        audio.write_audio(make_song(), tmp_path / "x.wav")
    assert not list(tmp_path.iterdir())
