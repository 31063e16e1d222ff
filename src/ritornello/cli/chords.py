"""`--chords FILE`: chords from a chart or any score with chord symbols, instead of a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def read_chords(settings: dict[str, Any]) -> None:
    """Replace the path or link in `settings["chords"]` by the chords in it, bar by bar.

    Its meter, if it has only one, and its first tempo count too, unless others are given. Raise FileError,
    FormatError or ConfigError, with the name of the file, where it has no chords.
    """
    from ritornello.chord_symbols import chord_bars
    from ritornello.errors import ConfigError
    from ritornello.formats import FORMATS, file_of, read, suffix_of

    text = settings.get("chords")
    if not text:
        return
    is_link = text.startswith(("irealb://", "irealbook://"))
    path = Path("link" if is_link else text)
    if not is_link and not (suffix_of(path) in FORMATS and file_of(path).exists()):
        return
    name = "the link" if is_link else text
    score = read(text.encode(), "irealb") if is_link else read(path)
    try:
        settings["chords"] = chord_bars(score)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
    meters = {(meter.numerator, meter.denominator) for meter in score.meters}
    if len(meters) == 1:
        settings.setdefault("meter", "/".join(map(str, meters.pop())))
    if score.tempos:
        settings.setdefault("tempo", round(score.tempos[0].quarters_per_minute, 2))
