"""Score -> a folder ready for uploading: sound, cover, MIDI, score, and a text about the piece.

    MP3 and WAV with title; cover.jpg, square; the MIDI file; the score as PDF and MusicXML where the extra `score`
    is installed; about.txt with model, seed and settings, read from the recipe, a text event in the MIDI file.

The folder is written as a whole or not at all.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from ritornello import __version__
from ritornello.config import checked
from ritornello.errors import ConfigError, MissingExtraError
from ritornello.formats.text import is_prose
from ritornello.paths import check_place, replacing_folder, write_text
from ritornello.rendering import write
from ritornello.rendering.sound import SoundConfig, check_sound
from ritornello.score import Score
from ritornello.settings import SoundSettings
from ritornello.theory import instrument_name

SUFFIXES = (".mid", ".mp3", ".wav", ".pdf", ".musicxml")
"""The formats of a piece; those that lack an optional library are left out and reported."""

COVER, ABOUT = "cover.jpg", "about.txt"

SOUNDS = "Sounds: FluidR3Mono, by Frank Wen and Michael Cowgill (MIT licence)."


def share(
    score: Score, folder: Path | str, name: str = "", **sound: Unpack[SoundSettings]
) -> tuple[str, ...]:
    """Write `score` into a new `folder`, in files called `name` (default: the title); return what was left out.

    `sound` has the settings of the MP3 and WAV files; `bits` and `stems` are for WAV only. Raise ConfigError for prose
    or a score without notes, and for settings that a format has not; FileError for a folder that is not empty.
    """
    folder, config = Path(folder), checked(SoundConfig, sound)
    of_mp3 = checked(SoundConfig, {key: sound[key] for key in ("sample_rate", "soundfont") if key in sound})
    of_suffix: dict[str, dict[str, Any]] = {".wav": {**sound}, ".mp3": of_mp3.model_dump(exclude_unset=True)}
    check_sound([Path("sound.wav")], config)
    check_sound([Path("sound.mp3")], of_mp3)
    if not folder.is_file():
        check_place(folder / "sound.wav")
    if is_prose(score) or not score.note_count:
        raise ConfigError("there are no notes: nothing to share")
    from ritornello.rendering.cover import (
        write_cover,  # imported late: the server needs only `file_name` and the like
    )

    name = file_name(name or score.title or folder.name)
    score = score if score.title.strip() else replace(score, title=name)
    remarks: list[str] = []
    with replacing_folder(folder) as beside:
        for suffix in SUFFIXES:
            try:
                remarks += write(score, beside / f"{name}{suffix}", **of_suffix.get(suffix, {}))
            except MissingExtraError as error:
                remarks.append(f"{suffix.removeprefix('.')}: {error}")
        write_cover(score, beside / COVER, subtitle(score))
        write_text(beside / ABOUT, about(score))
    return tuple(remarks)


_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)\d", re.IGNORECASE)
"""Names of devices, which no file has on Windows, with whatever suffix."""


def file_name(title: str) -> str:
    """Return `title` as a file name that is valid on every system."""
    plain = re.sub(r"[^\w,()-]+", " ", title).strip()
    name = plain[:80].strip() or "piece"
    return f"{name} piece" if _DEVICE.fullmatch(name) else name


def read_recipe(score: Score) -> dict[str, Any]:
    """Return the recipe of the piece (model, digest, seed, settings); empty if it has none."""
    for text in score.texts:
        if text.kind == "text" and text.text.startswith("{"):
            try:
                recipe = json.loads(text.text)
            except (ValueError, RecursionError):
                continue
            if isinstance(recipe, dict) and "model" in recipe:
                return recipe
    return {}


def subtitle(score: Score) -> str:
    """Return the subtitle of the cover: model and seed, or the length of a piece without a recipe."""
    from ritornello.rendering.cover import PLAYER

    recipe = read_recipe(score)
    player = "a player and " if any(track.name.startswith(PLAYER) for track in score.tracks) else ""
    return f"{player}{recipe['model']}  ·  seed {recipe.get('seed')}" if recipe else _length(score)


def about(score: Score) -> str:
    """Return the text about the piece: title, length, instruments, recipe, licences."""
    recipe = read_recipe(score)
    names = [instrument_name(track.program, track.is_drum) for track in score.tracks if len(track.notes)]
    lines = [
        score.title,
        "",
        f"{_length(score)}, {score.note_count} notes: {', '.join(dict.fromkeys(names))}.",
    ]
    if recipe:
        lines += [
            "",
            f"Made with Ritornello {recipe.get('ritornello', __version__)}, by a neural network:",
            "",
        ]
        lines += _fact_lines(
            {key: value for key, value in recipe.items() if key not in ("ritornello", "settings")}
        )
        settings = recipe.get("settings")
        lines += _fact_lines(settings) if isinstance(settings, dict) else []
    lines += [f"copyright: {text.text}" for text in score.texts if text.kind == "copyright"]
    return "\n".join([*lines, "", SOUNDS, ""])


def _fact_lines(facts: dict[str, Any]) -> list[str]:
    """Return a line for each fact; the items of a list are separated by commas."""
    lines = []
    for name, value in facts.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        lines.append(f"  {str(name).replace('_', ' ')}: {text}")
    return lines


def _length(score: Score) -> str:
    minutes, seconds = divmod(round(score.seconds), 60)
    return f"{minutes}:{seconds:02} minutes"
