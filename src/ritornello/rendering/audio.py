"""Score -> sound: samples in memory, or a WAV, FLAC, OGG or MP3 file.

Conventions
-----------
- Samples are float32 of shape (frames, 2), left and right, within [-1, 1]; the loudest is at most -1 dBFS.
- A note at t seconds of the score starts t seconds into the sound. After the last note the sound continues for
  `TAIL` seconds and fades to silence.
- Sound is made and written in blocks, so that a long piece needs little memory: a piece over `KEPT_SECONDS` is
  synthesised twice, once to measure its level, once to write it.

Read in order: `soundfont` (the preset of a track), `performance` (notes and controls in frames), `fluid` and
`sampler` with `soundbank` (the two engines), then this.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ConfigError
from ritornello.paths import replacing
from ritornello.rendering.fluid import fluid_blocks, load_fluidsynth
from ritornello.rendering.performance import make_parts
from ritornello.rendering.sampler import sampler_blocks
from ritornello.rendering.soundfont import read_soundfont
from ritornello.score import Score

Samples = NDArray[np.float32]

SAMPLE_RATE = 44_100
RATES = (8_000, 192_000)
TAIL, FADE = 2.0, 1.0
LONGEST_SECONDS = 4 * 3600
KEPT_SECONDS = 1200

PEAK = 10.0 ** (-1 / 20)  # -1 dBFS: the headroom that lossy codecs need
LOUDNESS = 10.0 ** (-18 / 20)  # -18 dBFS RMS without silences; the limit on peaks may keep it lower
_GATE = 10.0 ** (-30 / 20)  # 30 dB below the loudest tenth of a second counts as silence

# libvorbis keeps a block on the stack: one long call ends the process (libsndfile #1023)
WRITE_FRAMES = 65_536


class Encoding(NamedTuple):
    """A file type by its names in soundfile, and whether its title and other tags may be more than ASCII."""

    format: str
    subtype: str
    unicode: bool


ENCODINGS = {
    ".wav": Encoding("WAV", "PCM_16", unicode=True),
    ".flac": Encoding("FLAC", "PCM_16", unicode=True),
    ".ogg": Encoding("OGG", "VORBIS", unicode=True),
    ".mp3": Encoding("MP3", "MPEG_LAYER_III", unicode=False),  # libsndfile mislabels the text encoding
}
_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def render_audio(
    score: Score, sample_rate: int = SAMPLE_RATE, soundfont: Path | str | None = None
) -> Samples:
    """Return the sound of `score`, shape (frames, 2).

    FluidSynth synthesises it where its library and pyfluidsynth are installed, else the sampler of this package.
    `soundfont` is a path to an sf2 or sf3 file (default: the shipped one). Raise ConfigError for a score without
    notes or over four hours.
    """
    return np.concatenate(list(_finished(score, sample_rate, soundfont)))


def write_audio(
    score: Score,
    path: Path | str,
    sample_rate: int = SAMPLE_RATE,
    soundfont: Path | str | None = None,
) -> None:
    """Write the sound of `score` to `path`, in the format its suffix names (see ENCODINGS)."""
    path = Path(path)
    encoding = ENCODINGS[path.suffix.lower()]
    if encoding.format == "MP3" and sample_rate not in _MP3_RATES:
        raise ConfigError(f"sample rate {sample_rate} is not possible in MP3; possible are {_MP3_RATES}")
    blocks = _finished(score, sample_rate, soundfont)
    import soundfile

    with replacing(path) as beside:
        try:
            with soundfile.SoundFile(
                beside, "w", sample_rate, 2, subtype=encoding.subtype, format=encoding.format
            ) as file:
                for name, text in _tags(score, encoding.unicode).items():
                    setattr(file, name, text)
                for block in blocks:
                    for at in range(0, len(block), WRITE_FRAMES):
                        file.write(block[at : at + WRITE_FRAMES])
        except soundfile.SoundFileRuntimeError as error:
            raise OSError(str(error)) from error  # a full disk; `replacing` names the file


def _tags(score: Score, unicode: bool) -> dict[str, str]:
    """Return the tags of `score` by their names in soundfile; without `unicode`, letters lose their accents."""
    copyrights = [text.text for text in score.texts if text.kind == "copyright"]
    tags = {"title": score.title, "copyright": copyrights[0] if copyrights else "", "software": "Ritornello"}
    plain = {name: text.replace("\0", "") for name, text in tags.items()}
    if not unicode:
        plain = {name: unicodedata.normalize("NFKD", text) for name, text in plain.items()}
        plain = {name: text.encode("ascii", "ignore").decode("ascii").strip() for name, text in plain.items()}
    return {name: text for name, text in plain.items() if text}


def _finished(score: Score, rate: int, soundfont: Path | str | None) -> Iterator[Samples]:
    """Return the blocks of the final sound, with level and fade applied; errors are raised before the first."""
    frames = _check(score, rate)
    font = read_soundfont(soundfont)
    parts = make_parts(score, font, rate)
    binding = load_fluidsynth()

    def play() -> Iterable[Samples]:
        if binding is not None:
            return fluid_blocks(binding, parts, font, frames, rate)
        return sampler_blocks(parts, font, frames, rate)

    fade = round(FADE * rate)
    if frames <= KEPT_SECONDS * rate:
        blocks = list(play())
        return _faded(blocks, frames, fade, _gain(blocks, rate))
    return _faded(play(), frames, fade, _gain(play(), rate))


def _check(score: Score, rate: int) -> int:
    """Return the length of the sound in frames; raise ConfigError for a score or a rate out of bounds."""
    if not RATES[0] <= rate <= RATES[1]:
        raise ConfigError(f"sample rate {rate}: allowed are {RATES[0]} to {RATES[1]}")
    if not score.note_count:
        raise ConfigError("the score has no notes: there is no sound to make")
    if score.seconds > LONGEST_SECONDS:
        raise ConfigError(
            f"the piece lasts {score.seconds / 3600:.1f} hours; sound is made for at most {LONGEST_SECONDS // 3600}"
        )
    return round((score.seconds + TAIL) * rate)


def _gain(blocks: Iterable[Samples], rate: int) -> float:
    """Return the factor that brings the music to LOUDNESS, or its peak to PEAK if that is less.

    Loudness is the RMS over tenths of a second without those below the gate, so that rests do not count.
    """
    peak, powers = 0.0, [np.zeros(0)]
    for block in blocks:
        peak = max(peak, float(np.abs(block).max(initial=0)))
        parts = np.array_split(block, max(1, len(block) * 10 // rate))
        powers.append(np.array([np.mean(np.square(part), dtype=np.float64) for part in parts]))
    power = np.concatenate(powers)
    music = power[power > power.max(initial=0) * _GATE**2]
    if not len(music):
        return 1.0
    return min(LOUDNESS / float(np.sqrt(music.mean())), PEAK / peak)


def _faded(blocks: Iterable[Samples], frames: int, fade: int, gain: float) -> Iterator[Samples]:
    """Yield `blocks` times `gain`, the last `fade` frames fading out along a cosine."""
    place = 0
    for block in blocks:
        until_end = frames - 1 - np.arange(place, place + len(block))
        levels = gain * 0.5 * (1 - np.cos(np.pi * np.clip(until_end / fade, 0, 1)))
        yield np.asarray(block * levels[:, None], dtype=np.float32)
        place += len(block)
