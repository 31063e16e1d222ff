"""Recordings as scores: sounds of known notes, made here from decaying partials."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from build import make_song

import ritornello
from ritornello import formats
from ritornello.cli.compose import _read_primer
from ritornello.cli.music_files import for_each
from ritornello.corpus.scan import find_files, find_others, scan
from ritornello.errors import DeviceError, FileError, FormatError
from ritornello.formats.audio import beats, sound
from ritornello.score import Score, ticks_to_seconds

RATE = 22_050
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def plucked(notes: list[tuple[float, int, float]], rate: int = RATE) -> np.ndarray:
    """Return the sound of notes: seconds at which each begins, pitch, and loudness; each dies away in half a second."""
    time = np.arange(int(0.8 * rate)) / rate
    samples = np.zeros(int((max(start for start, *_ in notes) + 1) * rate), dtype=np.float32)
    for start, pitch, loudness in notes:
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        partials = sum(np.sin(2 * np.pi * n * hertz * time) / n**1.5 for n in range(1, 7))
        attack, decay = np.minimum(1, time / 0.004), np.exp(-5 * time) * np.minimum(1, (0.8 - time) / 0.1)
        first = int(start * rate)
        samples[first : first + len(time)] += (0.2 * loudness * partials * attack * decay).astype(np.float32)
    return samples


def file_of(samples: np.ndarray, suffix: str = "wav", rate: int = RATE, **options: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=suffix.upper(), **options)
    return file.getvalue()


def heard(score: Score) -> list[tuple[float, int]]:
    [track] = score.tracks
    seconds = ticks_to_seconds(score, track.notes["start"])
    return list(zip(seconds.tolist(), track.notes["pitch"].tolist(), strict=True))


TUNE = [(0.5 + 0.5 * number, pitch, 1.0) for number, pitch in enumerate(SCALE)]


@pytest.mark.parametrize(
    ("suffix", "rate"), [("wav", 44_100), ("flac", 48_000), ("ogg", 22_050), ("mp3", 32_000)]
)
def test_a_scale_is_heard(suffix: str, rate: int) -> None:
    samples = np.stack([plucked(TUNE, rate), np.zeros(int(5 * rate), dtype=np.float32)], axis=1)
    score = formats.read(file_of(samples, suffix, rate), suffix)
    assert [pitch for _, pitch in heard(score)] == list(SCALE)
    times = np.array([seconds for seconds, _ in heard(score)])
    assert np.abs(times - times[0] - 0.5 * np.arange(8)).max() < 0.03
    assert score.first_tempo.quarters_per_minute == pytest.approx(120, rel=0.02)
    assert np.abs(score.tracks[0].notes["start"] % 480 - 240).min() > 200  # on the beats


def test_a_chord_is_heard() -> None:
    chords = [(0.3 + start, pitch, 1.0) for start in (0.0, 0.6, 1.2) for pitch in (48, 64, 67)]
    score = formats.read(file_of(plucked(chords)), "wav")
    assert sorted(pitch for _, pitch in heard(score)) == [48] * 3 + [64] * 3 + [67] * 3


def test_velocities_follow_loudness() -> None:
    notes = [(0.5 * number, pitch, 1.0 if number % 2 else 0.25) for number, pitch in enumerate(SCALE)]
    velocity = formats.read(file_of(plucked(notes)), "wav").tracks[0].notes["velocity"].tolist()
    assert len(velocity) == 8
    assert max(velocity[::2]) < min(velocity[1::2])
    assert np.mean(velocity[1::2]) / np.mean(velocity[::2]) == pytest.approx(
        2, rel=0.15
    )  # a quarter is 12 dB


def test_a_waltz_has_its_bars() -> None:
    bars = [
        [(1.5 * bar, 43 + 5 * (bar % 2), 1.0), (1.5 * bar + 0.5, 62, 0.5), (1.5 * bar + 1, 62, 0.5)]
        for bar in range(8)
    ]
    score = formats.read(file_of(plucked([note for bar in bars for note in bar])), "wav")
    assert (score.meters[-1].numerator, score.meters[-1].denominator) == (3, 4)
    lines = ticks_to_seconds(score, score.bars.edges)
    low = [seconds for seconds, pitch in heard(score) if pitch < 60]
    assert len(low) == 8
    assert all(np.abs(lines - seconds).min() < 0.08 for seconds in low)


def test_beats_follow_a_tempo_that_changes() -> None:
    times = np.cumsum(np.concatenate([np.full(16, 0.5), np.linspace(0.5, 0.58, 16)]))
    found = beats.find_beats(times, np.ones(len(times)))
    assert all(np.abs(found - time).min() < 0.05 for time in times)
    assert len(found) <= len(times) + 3


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("hertz", [440.0, 3_000.0])
def test_resampling_keeps_a_tone(rate: int, hertz: float) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(2 * rate) / rate).astype(np.float32)
    made = np.concatenate([*sound.resampled(np.array_split(tone, 5), rate)])
    assert len(made) == 2 * sound.RATE
    wanted = np.sin(2 * np.pi * hertz * np.arange(len(made)) / sound.RATE)
    assert np.abs(made - wanted)[1000:-1000].max() < 1e-4


def test_resampling_leaves_nothing_of_what_is_too_high() -> None:
    tone = np.sin(2 * np.pi * 15_000 * np.arange(44_100) / 44_100).astype(np.float32)
    made = np.concatenate([*sound.resampled([tone], 44_100)])
    assert np.abs(made)[1000:-1000].max() < 1e-4


def test_silence_and_no_sound_are_refused_with_a_line() -> None:
    with pytest.raises(FormatError, match="the bytes: no notes are heard"):
        formats.read(file_of(np.zeros(RATE, dtype=np.float32)), "wav")
    with pytest.raises(FormatError, match="the bytes: no sound that can be read: "):
        formats.read(b"RIFF of nothing", "wav")
    with pytest.raises(FormatError, match=r"1000 samples a second: allowed are 4000 to 400000"):
        formats.read(file_of(plucked(TUNE), rate=1000), "wav")


def test_length_and_memory_are_counted_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(plucked(TUNE))
    monkeypatch.setattr(sound, "_mono_blocks", None)
    monkeypatch.setattr(sound, "free_memory", lambda: 1 << 20)
    with pytest.raises(DeviceError, match=r"transcribing it takes about 2 MiB of memory; 1 are free"):
        formats.read(data, "wav")
    monkeypatch.setattr(sound, "MOST_MINUTES", 0.05)
    with pytest.raises(FileError, match=r"it lasts 0 minutes: 0.05 at most"):
        formats.read(data, "wav")


def test_what_is_damaged_is_read_as_far_as_it_goes() -> None:
    samples = plucked(TUNE)
    samples[100:110] = np.nan
    score = formats.read(file_of(samples, subtype="FLOAT"), "wav")
    assert score.repairs == ("samples that are no numbers count as silence",)
    assert len(heard(score)) == 8


def test_progress_is_told_up_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    formats.read(
        file_of(np.tile(plucked(TUNE), 4)), "wav", progress=lambda done, count: told.append((done, count))
    )
    assert told == sorted(told)
    assert len(told) > 1
    assert told[-1] == (20, 20)


def test_the_title_of_the_file_is_kept(tmp_path: Path) -> None:
    ritornello.write(make_song(2), tmp_path / "song.ogg")
    assert ritornello.read(tmp_path / "song.ogg").title == make_song(2).title


def test_a_format_that_is_only_read_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"a\.wav: audio is only read"):
        formats.write(make_song(2), tmp_path / "a.wav")


# ---- in folders ---------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one.wav", "two.flac"):
        (tmp_path / name).write_bytes(file_of(plucked(TUNE), name.split(".")[1]))
    return tmp_path


def test_a_folder_of_recordings_is_music(folder: Path) -> None:
    assert [path.name for path in find_files([folder])] == ["one.wav", "two.flac"]
    found = scan([folder])
    assert [report.verdict for report in found.reports] == ["used", "duplicate"]
    assert found.used[0].notes == 8


def test_recordings_beside_other_music_are_left_out_and_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write(make_song(2), folder / "one.mid")
    assert [path.name for path in find_files([folder])] == ["one.mid"]
    assert [path.name for path in find_others([folder])] == ["one.wav", "two.flac"]
    assert [path.name for path in find_files([folder, folder / "two.flac"])] == ["one.mid", "two.flac"]
    assert list(for_each([str(folder)], lambda path, score: path.name)) == ["one.mid"]
    assert "not read: one.wav, two.flac" in capsys.readouterr().err


def test_a_recording_is_a_primer(folder: Path) -> None:
    primer = _read_primer(str(folder / "one.wav"), False)
    assert primer is not None
    assert [pitch for _, pitch in heard(primer)] == list(SCALE)


def test_convert_transcribes(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ritornello", "convert", "one.wav", "one.mid"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("one.mid: 8 notes in 1 track, ")
    assert [pitch for _, pitch in heard(formats.read(folder / "one.mid"))] == list(SCALE)
