"""The settings of sound files, and what each format allows; every field is a flag wherever sound is written.

Apart from `audio`, which makes the sound, so that the help of a command loads no numpy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ritornello.errors import ConfigError

SAMPLE_RATE = 44_100
RATES = (8_000, 192_000)

Bits = Literal["16", "24", "32f"]


class Encoding(NamedTuple):
    """A file type by its name in soundfile, its subtype for each number of bits, the sample rates that it allows (any
    if empty), and whether its title and other tags may be more than ASCII.

    A lossy format has no bits: its one subtype has the key None.
    """

    format: str
    subtypes: Mapping[str | None, str]
    rates: tuple[int, ...]
    unicode: bool


_PCM: Mapping[str | None, str] = {"16": "PCM_16", "24": "PCM_24"}
_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

ENCODINGS = {
    ".wav": Encoding("WAV", {**_PCM, "32f": "FLOAT"}, (), unicode=True),
    ".flac": Encoding("FLAC", _PCM, (), unicode=True),
    ".ogg": Encoding("OGG", {None: "VORBIS"}, (), unicode=True),
    ".mp3": Encoding(
        "MP3", {None: "MPEG_LAYER_III"}, _MP3_RATES, unicode=False
    ),  # libsndfile mislabels the text
}


class SoundConfig(BaseModel):
    """Settings of the sound files that are written."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    sample_rate: int = Field(SAMPLE_RATE, ge=RATES[0], le=RATES[1], description="of sound files, in Hz")
    bits: Bits | None = Field(
        None,
        description="bits a sample: 16, 24, or 32f for floating point (wav; flac has 16 and 24; default 16)",
    )
    soundfont: str | None = Field(
        None, min_length=1, description="an sf2 or sf3 file to play with instead of the shipped one"
    )
    stems: bool = Field(
        False,
        description="also write a sound file for each part, such as song-1-violin.wav beside song.wav; their sum is"
        " the whole",
    )

    @field_validator("bits", "soundfont", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """Accept a number of bits, and a path."""
        return str(value) if isinstance(value, int | Path) and not isinstance(value, bool) else value


def is_sound(path: Path) -> bool:
    """Return whether a path is that of a sound file, by its suffix."""
    return path.suffix.lower() in ENCODINGS


def check_sound(paths: Iterable[Path], config: SoundConfig) -> None:
    """Raise ConfigError for a setting that the format of one of `paths` has not, or if none of them is sound."""
    sounds = [path for path in paths if is_sound(path)]
    if not sounds and config.model_fields_set:
        name = min(config.model_fields_set)
        raise ConfigError(f"{name}: no sound file is written; name one that ends with {', '.join(ENCODINGS)}")
    for path in sounds:
        kind, encoding = path.suffix.lower(), ENCODINGS[path.suffix.lower()]
        if encoding.rates and config.sample_rate not in encoding.rates:
            raise ConfigError(
                f"sample_rate {config.sample_rate}: {kind} has {', '.join(map(str, encoding.rates))}; give one of "
                "these, or write .wav or .flac"
            )
        if config.bits is not None and config.bits not in encoding.subtypes:
            has = " and ".join(bits for bits in encoding.subtypes if bits) or "no such setting"
            raise ConfigError(f"bits {config.bits}: {kind} has {has}; leave it out, or write .wav")


def subtype_of(path: Path, bits: str | None) -> str:
    """Return the name in soundfile of the encoding of samples in a file; by default 16 bits where there are bits."""
    subtypes = ENCODINGS[path.suffix.lower()].subtypes
    return subtypes[bits] if bits in subtypes else next(iter(subtypes.values()))
