"""Words that are sung, in a MIDI file: lyric events (RP-017, RP-026) and the text events of .kar files.

Files mark the ends of words by spaces, lines by "/", "\\" and line ends, and what is not sung by "@" or braces. Here a
lyric is one syllable without white space around it, and ends with "-" if it is not the last of its word. Words that
stand apart from notes go to the track whose onsets they fit best.

Read in order: `read_words`, `_syllables`, `sung_by`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ritornello.score import Text, Track

_TAG = re.compile(r"@([A-Z])[@\s\0]*(.*?)[\s\0]*", re.DOTALL)
_OF_KARAOKE = re.compile(r"@K|@L[A-Z]{3,4}\s*$|@V\d{4}\s*$")
_COMMAND = re.compile(r"\{[@#]([^{}=]*)=?([^{}]*)\}")  # RP-026: an encoding, or a fact about the song
_RUBY = re.compile(r"(?<=[^\x00-\x7f])(?:\[[^\[\]]*\])+")  # RP-026: how characters are read
_LINE_START = re.compile(r"^[\s\0]*[/\\<]|^[ \0]*[\r\n]")
_LINE_END = re.compile(r"[\r\n][ \0]*$|\\[rn]$|/[\s\0]*$")
_MARGIN = re.compile(r"^(?:[/\\<]|[\s\0])+|(?:\\[rnt]|[/\\]|[\s\0])+$")
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]$")  # Thai, Japanese, Chinese: no spaces
_XF_HEADER = "$Lyrc:"  # the cue before the lyrics of Yamaha XF: channel, offset, language
_PEOPLE = {"composer": "composer", "lyrics": "lyricist", "lyricist": "lyricist"}
_NAMES = {"words", "lyrics", "lyric", "karaoke"}  # of MTrks whose text events are sung
_SPACED = 0.1  # the least share of syllables with a space, in words that have spaces between them
_NEAR = 8  # a syllable belongs to an onset within an eighth of a quarter


def read_words(texts: dict[int, list[Text]], names: dict[int, str]) -> str:
    """Make lyrics of what is sung in `texts` (by MTrk, changed in place), and other texts of what stands between.

    `names` are the names of the MTrks. Return the title that a karaoke file gives, "" for none.
    """
    title = ""
    all_texts = [text for found in texts.values() for text in found if text.kind in ("lyric", "text")]
    if not all_texts:
        return title
    is_karaoke = any(text.kind == "text" and _OF_KARAOKE.match(text.text) for text in all_texts)
    sung = set()
    if any(text.kind == "text" for text in all_texts):
        sung = {text.tick for text in all_texts if text.kind == "lyric" and _cleaned(text.text)}
    for track, found in texts.items():
        facts: list[Text] = []
        if is_karaoke:
            found, facts = _without_tags(found)
        if (is_karaoke or not sung) and _are_words(found, names.get(track, ""), is_karaoke):
            # some files say everything twice, as texts and as lyrics
            found = [text for text in found if text.kind != "text" or text.tick not in sung]
            found = [replace(text, kind="lyric") if text.kind == "text" else text for text in found]
        if any(text.kind == "lyric" for text in found):
            found = [text for text in found if not (text.kind == "cue" and text.text.startswith(_XF_HEADER))]
            found, further = _without_commands(found)
            found, facts = _syllables(found), facts + further
        titles = [fact.text for fact in facts if fact.kind == "title"]
        title = title or next(iter(titles), "")
        others = [fact for fact in facts if fact.kind != "title"]
        texts[track] = sorted([*others, *found], key=lambda text: text.tick)
    return title


def _are_words(texts: Sequence[Text], name: str, is_karaoke: bool) -> bool:
    """Return whether the text events of an MTrk are sung: by its name, their lines, or their number in karaoke."""
    words = [text for text in texts if text.kind == "text"]
    lines = sum(text.text.startswith(("/", "\\")) for text in words)
    places = len({text.tick for text in words})
    return places > 1 and (name.lower() in _NAMES or 10 * lines >= len(words) or (is_karaoke and places > 3))


def _without_tags(texts: Sequence[Text]) -> tuple[list[Text], list[Text]]:
    """Return what is no tag of a .kar file, and the facts of the tags: @T title, then author and others; @I notes."""
    rest: list[Text] = []
    facts: list[Text] = []
    for text in texts:
        tag = _TAG.fullmatch(text.text) if text.kind == "text" else None
        if not tag:
            rest.append(text)
        elif tag[1] in "TI" and tag[2]:
            is_title = tag[1] == "T" and not any(other.kind == "title" for other in facts)
            facts.append(replace(text, kind="title" if is_title else "text", text=tag[2]))
    return rest, facts


def _without_commands(texts: Sequence[Text]) -> tuple[list[Text], list[Text]]:
    """Return the texts, lyrics without commands in braces, and the facts of the commands, such as {#Title=...}."""
    rest, facts = [], []
    for text in texts:
        if text.kind == "lyric" and "{" in text.text:
            for name, value in _COMMAND.findall(text.text):
                if (name := name.strip().lower()) and value.strip():
                    kind = "title" if name == "title" else _PEOPLE.get(name, "text")
                    fact = value.strip() if kind != "text" else f"{name.capitalize()}: {value.strip()}"
                    facts.append(Text(text.tick, kind, fact))
            text = replace(text, text=_COMMAND.sub("", text.text))
        rest.append(text)
    return rest, facts


def _syllables(texts: Sequence[Text]) -> list[Text]:
    """Return the texts with their lyrics as syllables, in which a hyphen, not the lack of a space, joins words."""
    lyrics = [text for text in texts if text.kind == "lyric"]
    raw = [text.text for text in lyrics]
    clean = [_cleaned(text) for text in raw]
    sung = [index for index, text in enumerate(clean) if text]
    spaced = sum(raw[index][:1].isspace() or raw[index][-1:].isspace() for index in sung)
    if spaced >= max(1.0, _SPACED * len(sung)):
        for one, other in pairwise(sung):
            between = [raw[one][-1:], raw[other][:1], *raw[one + 1 : other]]
            ends = _LINE_END.search(raw[one]) or any(map(_LINE_START.search, raw[one + 1 : other + 1]))
            ends = ends or any(map(str.isspace, between)) or _UNSPACED.search(clean[one])
            if not ends and clean[one][-1].isalpha() and clean[other][0].isalpha():
                clean[one] += "-"
    syllables = iter(clean)
    if clean != raw:
        texts = [Text(t.tick, "lyric", next(syllables)) if t.kind == "lyric" else t for t in texts]
    return [text for text in texts if text.text]


def _cleaned(text: str) -> str:
    """Return a lyric without white space, line marks, commands and readings; doing so again changes nothing."""
    if text.isalnum():
        return text
    while (clean := _MARGIN.sub("", _RUBY.sub("", _COMMAND.sub("", text)))) != text:
        text = clean
    return text


def sung_by(lyrics: Sequence[Text], tracks: Sequence[Track], ticks_per_quarter: int) -> int | None:
    """Return the index of the track whose onsets `lyrics` fit best, or None if none has an onset near any.

    The fit is the F-measure of syllables with an onset and onsets with a syllable, from the first to the last.
    Drums are left out, and tracks that have lyrics.
    """
    ticks = np.unique([lyric.tick for lyric in lyrics])
    near = ticks_per_quarter // _NEAR
    fits = []
    for index, track in enumerate(tracks):
        if track.is_drum or any(text.kind == "lyric" for text in track.texts):
            continue
        onsets = np.unique(track.notes["start"])
        onsets = onsets[(onsets >= ticks[0] - near) & (onsets <= ticks[-1] + near)]
        hits = int((_distances(ticks, onsets) <= near).sum()) if len(onsets) else 0
        fits.append((2 * hits / (len(ticks) + len(onsets)), -index))
    fit, index = max(fits, default=(0.0, 0))
    return -index if fit > 0 else None


def at_onsets(lyrics: Sequence[Text], track: Track, ticks_per_quarter: int) -> list[Text]:
    """Return `lyrics`, each at the onset of `track` that is near it, unless another syllable is there already."""
    onsets = np.unique(track.notes["start"])
    taken = {lyric.tick for lyric in lyrics}
    result = []
    for lyric in lyrics:
        tick = int(onsets[np.argmin(np.abs(onsets - lyric.tick))])
        if tick not in taken and abs(tick - lyric.tick) <= ticks_per_quarter // _NEAR:
            taken.add(tick)
            lyric = replace(lyric, tick=tick)
        result.append(lyric)
    return sorted(result, key=lambda lyric: lyric.tick)


def _distances(ticks: NDArray[np.int64], onsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the distance from each of `ticks` to the nearest of the sorted `onsets`."""
    place = np.searchsorted(onsets, ticks)
    below, above = onsets[np.maximum(place - 1, 0)], onsets[np.minimum(place, len(onsets) - 1)]
    return np.asarray(np.minimum(np.abs(ticks - below), np.abs(above - ticks)))
