"""Score -> sound: samples in memory, or a WAV, FLAC, OGG or MP3 file.

Conventions
-----------
- Samples are float32 of shape (frames, 2), left and right, within [-1, 1]; the loudest is at most -1 dBFS.
- The clock is the score's own: a note at t seconds starts t seconds into the sound. After the last note the
  sound rings out for `TAIL` seconds, fading to silence.
- Sound is made and written in blocks, so that a long piece needs little memory: a piece over `KEPT_SECONDS` is
  played twice, once to learn how loud it is, once to write it.

Read in order: `soundfont` (which preset), `performance` (what is played), `fluid` and `sampler` with `soundbank`
(the two engines), then this.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
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
Blocks = Callable[[], Iterable[Samples]]

SAMPLE_RATE = 44_100
RATES = (8_000, 192_000)
TAIL, FADE = 2.0, 1.0
LONGEST_SECONDS = 4 * 3600
KEPT_SECONDS = 1200

PEAK = 10.0 ** (-1 / 20)  # -1 dBFS: what lossy codecs need above the samples
LOUDNESS = 10.0 ** (-18 / 20)  # RMS of what is not silence, in dBFS; many peaks keep it lower
_GATE = 10.0 ** (-30 / 20)  # what is 30 dB below the loudest tenth of a second does not count as music

WRITE_FRAMES = (
    65_536  # libvorbis keeps a block on the stack: one long call ends the process (libsndfile #1023)
)


class Encoding(NamedTuple):
    """What soundfile calls a kind of file, and whether its title and other tags may be more than ASCII."""

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

    FluidSynth plays it where its library and pyfluidsynth are installed, else the sampler of this package.
    `soundfont` is a path to an sf2 or sf3 file (default: the shipped one). A score without notes or over four
    hours is a ConfigError.
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
    with replacing(path) as beside:
        _encode(beside, encoding, blocks, sample_rate, _tags(score, encoding.unicode))


def _encode(
    path: Path, encoding: Encoding, blocks: Iterable[Samples], rate: int, tags: dict[str, str]
) -> None:
    import soundfile

    try:
        with soundfile.SoundFile(
            path, "w", rate, 2, subtype=encoding.subtype, format=encoding.format
        ) as file:
            for name, text in tags.items():
                setattr(file, name, text)
            for block in blocks:
                for at in range(0, len(block), WRITE_FRAMES):
                    file.write(block[at : at + WRITE_FRAMES])
    except soundfile.SoundFileRuntimeError as error:
        raise OSError(str(error)) from error  # a full disk; `replacing` names the file


def _tags(score: Score, unicode: bool) -> dict[str, str]:
    """Return the tags that soundfile can write; without `unicode`, letters lose their accents."""
    copyrights = [text.text for text in score.texts if text.kind == "copyright"]
    tags = {"title": score.title, "copyright": copyrights[0] if copyrights else "", "software": "Ritornello"}
    plain = {name: text.replace("\0", "") for name, text in tags.items()}
    if not unicode:
        plain = {name: _to_ascii(text) for name, text in plain.items()}
    return {name: text for name, text in plain.items() if text}


def _to_ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").strip()


def _finished(score: Score, rate: int, soundfont: Path | str | None) -> Iterator[Samples]:
    """Return the blocks as they are heard: levelled, faded. Whatever is wrong is raised before the first."""
    frames = _check(score, rate)
    font = read_soundfont(soundfont)
    parts = make_parts(score, font, rate)
    binding = load_fluidsynth()

    def play() -> Iterable[Samples]:
        if binding is not None:
            return fluid_blocks(binding, parts, font, frames, rate)
        return sampler_blocks(parts, font, frames, rate)

    blocks: Blocks = play
    if frames <= KEPT_SECONDS * rate:
        kept = list(play())
        blocks = lambda: kept  # noqa: E731
    return _faded(blocks(), frames, round(FADE * rate), _gain(blocks(), rate))


def _check(score: Score, rate: int) -> int:
    """Return the length of the sound in frames."""
    if not RATES[0] <= rate <= RATES[1]:
        raise ConfigError(f"sample rate {rate}: allowed are {RATES[0]} to {RATES[1]}")
    if not score.note_count:
        raise ConfigError("the score has no notes: there is nothing to hear")
    if score.seconds > LONGEST_SECONDS:
        raise ConfigError(
            f"the piece lasts {score.seconds / 3600:.1f} hours; sound is made for at most {LONGEST_SECONDS // 3600}"
        )
    return round((score.seconds + TAIL) * rate)


def _gain(blocks: Iterable[Samples], rate: int) -> float:
    """Return the factor that brings the music to LOUDNESS, or its peak to PEAK if that is less.

    Loudness is the RMS over tenths of a second, those near silence left out, so that rests do not count.
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
    """Yield `blocks` times `gain`, the last `fade` frames sinking to silence along a cosine."""
    place = 0
    for block in blocks:
        until_end = frames - 1 - np.arange(place, place + len(block))
        levels = gain * 0.5 * (1 - np.cos(np.pi * np.clip(until_end / fade, 0, 1)))
        yield np.asarray(block * levels[:, None], dtype=np.float32)
        place += len(block)
