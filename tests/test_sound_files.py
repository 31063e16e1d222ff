"""Sound files: stems that add up to the whole, sample rates, bits, and what a format has not. All is measured."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from build import make_song

import ritornello
from ritornello.errors import ConfigError
from ritornello.rendering import audio
from ritornello.rendering import write as write_file
from ritornello.rendering.audio import stem_paths
from ritornello.rendering.fluid import load_fluidsynth
from ritornello.rendering.share import share

soundfile = pytest.importorskip("soundfile")

SONG = make_song(2)
RATE = 22_050


@pytest.fixture(params=["fluidsynth", "sampler"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "sampler":
        monkeypatch.setattr(audio, "load_fluidsynth", lambda: None)
    elif load_fluidsynth() is None:
        pytest.skip("FluidSynth or pyfluidsynth is not installed")
    return str(request.param)


def read(path: Path) -> Any:
    samples, _ = soundfile.read(path, dtype="float64", always_2d=True)
    return samples


def test_the_stems_add_up_to_the_whole(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "mix.wav"
    write_file(SONG, path, sample_rate=RATE, bits="32f", stems=True)
    stems = stem_paths(SONG, path)
    parts = [track for track in SONG.tracks if len(track.notes)]
    assert len(stems) == len(parts) > 1
    assert sorted(tmp_path.iterdir()) == sorted([path, *stems])
    whole, sounds = read(path), [read(stem) for stem in stems]
    assert all(np.sqrt(np.mean(sound**2)) > 0.003 for sound in sounds), "a part is silent"
    assert np.abs(whole - sum(sounds)).max() < 1e-4
    assert np.abs(whole).max() <= 10 ** (-1 / 20) + 1e-6


def test_the_whole_is_the_same_with_stems_and_without(engine: str, tmp_path: Path) -> None:
    for name, stems in (("one.wav", False), ("two.wav", True)):
        write_file(SONG, tmp_path / name, sample_rate=RATE, bits="32f", stems=stems)
    assert np.abs(read(tmp_path / "one.wav") - read(tmp_path / "two.wav")).max() < 1e-4


def test_stems_of_a_long_piece_are_made_in_blocks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_file(SONG, tmp_path / "a.wav", sample_rate=RATE, stems=True)
    monkeypatch.setattr(audio, "KEPT_SECONDS", 0)
    write_file(SONG, tmp_path / "b.wav", sample_rate=RATE, stems=True)
    for one, other in zip(
        stem_paths(SONG, tmp_path / "a.wav"), stem_paths(SONG, tmp_path / "b.wav"), strict=True
    ):
        assert np.abs(read(one) - read(other)).max() < 1e-4


def test_stems_are_named_by_number_and_part() -> None:
    tracks = (
        replace(SONG.tracks[0], name="Violín 1 / solo"),
        replace(SONG.tracks[0], name="", program=0),
        replace(SONG.tracks[0], name="  ", is_drum=True),
        replace(SONG.tracks[0], notes=SONG.tracks[0].notes[:0]),
        replace(SONG.tracks[0], name="..//.."),
    )
    names = [path.name for path in stem_paths(replace(SONG, tracks=tracks), Path("x") / "mix.wav")]
    assert names == [
        "mix-1-violín-1-solo.wav",
        "mix-2-acoustic-grand-piano.wav",
        "mix-3-drums.wav",
        "mix-4-part.wav",
    ]


@pytest.mark.parametrize(
    ("suffix", "bits", "subtype"),
    [
        (".wav", None, "PCM_16"),
        (".wav", "16", "PCM_16"),
        (".wav", "24", "PCM_24"),
        (".wav", "32f", "FLOAT"),
        (".flac", None, "PCM_16"),
        (".flac", "24", "PCM_24"),
    ],
)
def test_bits_and_rate_are_as_asked(suffix: str, bits: Any, subtype: str, tmp_path: Path) -> None:
    path = tmp_path / f"song{suffix}"
    write_file(SONG, path, sample_rate=48_000, bits=bits)
    facts = soundfile.info(path)
    assert (facts.samplerate, facts.subtype, facts.channels) == (48_000, subtype, 2)
    assert facts.frames == round((SONG.seconds + audio.TAIL) * 48_000)


def test_more_bits_are_finer(tmp_path: Path) -> None:
    exact = audio.render_audio(SONG, RATE)
    errors = []
    for bits in ("16", "24", "32f"):
        write_file(SONG, tmp_path / "song.wav", sample_rate=RATE, bits=bits)  # type: ignore[arg-type]
        errors.append(np.abs(read(tmp_path / "song.wav") - exact).max())
    assert errors[0] < 2**-14
    assert errors[1] < 2**-22
    assert errors[2] < 1e-9


def test_a_note_sounds_at_its_pitch_at_any_rate(tmp_path: Path) -> None:
    """The synthesiser plays at the rate: nothing is resampled afterwards, so that the pitch stays."""
    tune = ritornello.read(
        b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\x10\0\xc0\x49\0\x90\x45\x50\x8f\0\x80\x45\x40\0\xff\x2f\0"
    )
    for rate in (11_025, 32_000, 96_000):
        write_file(tune, tmp_path / "a.wav", sample_rate=rate)
        sound = read(tmp_path / "a.wav")[rate // 4 : rate, 0]
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
        assert np.fft.rfftfreq(len(sound), 1 / rate)[spectrum.argmax()] == pytest.approx(440, abs=3)


@pytest.mark.parametrize(
    ("name", "settings", "line"),
    [
        ("a.mp3", {"bits": "24"}, "bits 24: .mp3 has no such setting; leave it out, or write .wav"),
        ("a.ogg", {"bits": 16}, "bits 16: .ogg has no such setting"),
        ("a.flac", {"bits": "32f"}, "bits 32f: .flac has 16 and 24"),
        ("a.mp3", {"sample_rate": 96_000}, "sample_rate 96000: .mp3 has 8000"),
        ("a.wav", {"sample_rate": 7_999}, "sample_rate: must be at least 8000"),
        ("a.wav", {"bits": "8"}, "bits: must be '16', '24' or '32f'"),
        ("a.mid", {"stems": True}, "stems: no sound file is written"),
        ("a.png", {"bits": "16"}, "bits: no sound file is written"),
        ("a.wav", {"rate": 8_000}, "rate: there is no such setting"),
    ],
)
def test_what_a_format_has_not_is_refused(
    name: str, settings: dict[str, Any], line: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        write_file(SONG, tmp_path / name, **settings)
    assert str(caught.value).startswith(line)
    assert not list(tmp_path.iterdir())


def test_stems_need_a_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stems are written as files"):
        write_file(SONG, BytesIO(), "wav", stems=True)
    with pytest.raises(ConfigError, match="201 parts; at most 200"):
        write_file(replace(SONG, tracks=SONG.tracks[:1] * 201), tmp_path / "a.wav", stems=True)
    assert not list(tmp_path.iterdir())


def test_a_shared_folder_has_stems_and_bits_of_the_wav_alone(tmp_path: Path) -> None:
    share(SONG, tmp_path / "out", "song", bits="24", stems=True, sample_rate=32_000)
    sounds = sorted(path.name for path in (tmp_path / "out").iterdir() if path.suffix in (".wav", ".mp3"))
    expected = ["song.mp3", "song.wav", *(path.name for path in stem_paths(SONG, Path("song.wav")))]
    assert sounds == sorted(expected)
    assert soundfile.info(tmp_path / "out" / "song.wav").subtype == "PCM_24"
    assert {soundfile.info(tmp_path / "out" / name).samplerate for name in sounds} == {32_000}
    with pytest.raises(ConfigError, match=r"\.mp3 has"):
        share(SONG, tmp_path / "other", "song", sample_rate=96_000)
    assert not (tmp_path / "other").exists()
