"""Score -> sound: samples in memory, or a WAV, FLAC, OGG or MP3 file.

Conventions
-----------
- Samples are float32 of shape (frames, 2), left and right, within [-1, 1]; the loudest is at most -1 dBFS.
- A note at t seconds of the score starts t seconds into the sound. After the last note the sound continues for
  `TAIL` seconds and fades to silence.
- Sound is made and written in blocks, so that a long piece needs little memory: a piece over `KEPT_SECONDS` is
  synthesised twice, once to measure its level, once to write it.

Read in order: `sound` (the settings), `soundfont` (the preset of a track), `performance` (notes and controls in
frames), `fluid` and `sampler` with `soundbank` (the two engines), then this.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ritornello.config import checked
from ritornello.errors import ConfigError, FileError
from ritornello.paths import replacing
from ritornello.rendering.fluid import fluid_blocks, load_fluidsynth
from ritornello.rendering.performance import Part, make_parts
from ritornello.rendering.sampler import sampler_blocks
from ritornello.rendering.sound import (
    ENCODINGS,
    RATES,
    SAMPLE_RATE,
    Bits,
    SoundConfig,
    check_sound,
    subtype_of,
)
from ritornello.rendering.soundfont import read_soundfont
from ritornello.score import Score
from ritornello.theory import instrument_name

Samples = NDArray[np.float32]

TAIL, FADE = 2.0, 1.0
LONGEST_SECONDS = 4 * 3600
KEPT_SECONDS = 1200

PEAK = 10.0 ** (-1 / 20)  # -1 dBFS: the headroom that lossy codecs need
LOUDNESS = 10.0 ** (-18 / 20)  # -18 dBFS RMS without silences; the limit on peaks may keep it lower
_GATE = 10.0 ** (-30 / 20)  # 30 dB below the loudest tenth of a second counts as silence

# libvorbis keeps a block on the stack: one long call ends the process (libsndfile #1023)
WRITE_FRAMES = 65_536


MOST_STEMS = 200
"""Files that are written at once."""


def render_audio(
    score: Score, sample_rate: int = SAMPLE_RATE, soundfont: Path | str | None = None
) -> Samples:
    """Return the sound of `score`, shape (frames, 2).

    FluidSynth synthesises it where its library and pyfluidsynth are installed, else the sampler of this package.
    `soundfont` is a path to an sf2 or sf3 file (default: the shipped one). Raise ConfigError for a score without
    notes or over four hours.
    """
    return np.concatenate([whole for (whole,) in _finished(score, sample_rate, soundfont)])


def write_audio(
    score: Score,
    path: Path | str,
    sample_rate: int = SAMPLE_RATE,
    soundfont: Path | str | None = None,
    bits: Bits | None = None,
    stems: bool = False,
) -> None:
    """Write the sound of `score` to `path`, in the format its suffix names (see `sound.ENCODINGS`).

    With `stems`, each part is also written to a file of its own (`stem_paths`), at the same level: the sum of these
    files is the whole, up to the rounding of their samples. Raise ConfigError for settings that the format has not.
    """
    path = Path(path)
    check_sound([path], checked(SoundConfig, {"sample_rate": sample_rate, "bits": bits}))
    streams = _finished(score, sample_rate, soundfont, stems)
    names = ["", *_part_names(score)] if stems else [""]
    paths = [path, *stem_paths(score, path)] if stems else [path]
    encoding = ENCODINGS[path.suffix.lower()]
    import soundfile

    try:
        with ExitStack() as stack:
            files = []
            for name, target in zip(names, paths, strict=True):
                beside = stack.enter_context(replacing(target))
                file = soundfile.SoundFile(
                    beside, "w", sample_rate, 2, subtype=subtype_of(path, bits), format=encoding.format
                )
                files.append(stack.enter_context(file))
                for tag, text in _tags(score, name, encoding.unicode).items():
                    setattr(file, tag, text)
            for blocks in streams:
                for file, block in zip(files, blocks, strict=True):
                    for at in range(0, len(block), WRITE_FRAMES):
                        file.write(block[at : at + WRITE_FRAMES])
    except soundfile.SoundFileRuntimeError as error:
        raise FileError(f"{path}: cannot be written: {error}") from error  # a full disk


def stem_paths(score: Score, path: Path | str) -> list[Path]:
    """Return the paths of the sound files of the parts, which are those tracks that have notes: song-1-violin.wav."""
    path = Path(path)
    slugs = (re.sub(r"\W+", "-", name.lower()).strip("-")[:40] or "part" for name in _part_names(score))
    return [path.with_stem(f"{path.stem}-{number}-{slug}") for number, slug in enumerate(slugs, start=1)]


def _part_names(score: Score) -> list[str]:
    tracks = [track for track in score.tracks if len(track.notes)]
    return [track.name.strip() or instrument_name(track.program, track.is_drum) for track in tracks]


def _tags(score: Score, part: str, unicode: bool) -> dict[str, str]:
    """Return the tags of `score`, or of a part, by their names in soundfile; without `unicode`, letters lose their
    accents."""
    copyrights = [text.text for text in score.texts if text.kind == "copyright"]
    title = ", ".join(filter(None, (score.title, part)))
    tags = {"title": title, "copyright": copyrights[0] if copyrights else "", "software": "Ritornello"}
    plain = {name: text.replace("\0", "") for name, text in tags.items()}
    if not unicode:
        plain = {name: unicodedata.normalize("NFKD", text) for name, text in plain.items()}
        plain = {name: text.encode("ascii", "ignore").decode("ascii").strip() for name, text in plain.items()}
    return {name: text for name, text in plain.items() if text}


def _finished(
    score: Score, rate: int, soundfont: Path | str | None, stems: bool = False
) -> Iterator[list[Samples]]:
    """Return the blocks of the final sound, with level and fade applied; errors are raised before the first.

    Each item has a block of the whole and, with `stems`, one of each part.
    """
    frames = _check(score, rate)
    font = read_soundfont(soundfont)
    parts = make_parts(score, font, rate)
    if stems and len(parts) > MOST_STEMS:
        raise ConfigError(f"stems: the piece has {len(parts)} parts; at most {MOST_STEMS} are written")
    binding = load_fluidsynth()

    def synthesise(group: list[Part]) -> Iterable[Samples]:
        if binding is not None:
            return fluid_blocks(binding, group, font, frames, rate)
        return sampler_blocks(group, font, frames, rate)

    def play() -> Iterator[list[Samples]]:
        if not stems:
            yield from ([block] for block in synthesise(parts))
            return
        for blocks in zip(*(synthesise([part]) for part in parts), strict=True):
            yield [np.sum(blocks, axis=0, dtype=np.float32), *blocks]

    fade = round(FADE * rate)
    if frames * (len(parts) + 1 if stems else 1) <= KEPT_SECONDS * rate:
        streams = list(play())
        return _faded(streams, frames, fade, _gain(streams, rate))
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


def _gain(streams: Iterable[list[Samples]], rate: int) -> float:
    """Return the factor that brings the whole to LOUDNESS, or its peak, or that of a part, to PEAK if that is less.

    Loudness is the RMS over tenths of a second without those below the gate, so that rests do not count.
    """
    peak, powers = 0.0, [np.zeros(0)]
    for whole, *stems in streams:
        peak = max(peak, *(float(np.abs(block).max(initial=0)) for block in (whole, *stems)))
        parts = np.array_split(whole, max(1, len(whole) * 10 // rate))
        powers.append(np.array([np.mean(np.square(part), dtype=np.float64) for part in parts]))
    power = np.concatenate(powers)
    music = power[power > power.max(initial=0) * _GATE**2]
    if not len(music):
        return 1.0
    return min(LOUDNESS / float(np.sqrt(music.mean())), PEAK / peak)


def _faded(streams: Iterable[list[Samples]], frames: int, fade: int, gain: float) -> Iterator[list[Samples]]:
    """Yield blocks times `gain`, the last `fade` frames fading out along a cosine."""
    place = 0
    for blocks in streams:
        until_end = frames - 1 - np.arange(place, place + len(blocks[0]))
        levels = gain * 0.5 * (1 - np.cos(np.pi * np.clip(until_end / fade, 0, 1)))
        yield [np.asarray(block * levels[:, None], dtype=np.float32) for block in blocks]
        place += len(blocks[0])
