"""Words that are sung, in a MIDI file: lyric events (RP-017, RP-026) and the text events of .kar files.

Files mark the ends of words by spaces, lines by "/", "\\" and line ends, and what is not sung by "@" or braces. Here a
lyric is one syllable without white space around it, and ends with "-" if it is not the last of its word. Words that
stand apart from notes go to the track whose onsets they fit best.

Read in order: `read_words`, `_syllables`, `Singers`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ritornello.formats.smf import MARGIN
from ritornello.score import Text, Track

_TAG = re.compile(r"@([A-Z])(.*)", re.DOTALL)
_OF_KARAOKE = re.compile(r"@K|@L[A-Z]{3,4}\s*$|@V\d{4}\s*$")
_COMMAND = re.compile(r"\{[@#]([^{}=]*)(?:=([^{}]*))?\}")  # RP-026: an encoding, or a fact about the song
_RUBY = re.compile(r"(?<=[^\x00-\x7f])(?:\[[^\[\]]*\])+")  # RP-026: how characters are read
_LINE_START = re.compile(r"^[\s\0]*[/\\<]|^[ \0]*[\r\n]")
_LINE_END = re.compile(r"[\r\n][ \0]*$|\\[rn]$|/[\s\0]*$")
_REVERSED_TAIL = re.compile(r"(?:[rnt]\\|[/\\\s\0])+")
_UNCLEAN = re.compile(r"[\s\0/\\<\[{]")  # what `_cleaned` removes begins so
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]$")  # Thai, Japanese, Chinese: no spaces
_XF_HEADER = "$Lyrc:"  # the cue before the lyrics of Yamaha XF: channel, offset, language
_PEOPLE = {"composer": "composer", "lyrics": "lyricist", "lyricist": "lyricist"}
_NAMES = {"words", "lyrics", "lyric", "karaoke"}  # of MTrks whose text events are sung
_SPACED = 0.1  # the least share of syllables with a space, in words that have spaces between them
_DEEPEST = 16  # commands and readings within each other; nothing is left of more
_NEAR = 8  # a syllable belongs to an onset within an eighth of a quarter


def read_words(texts: dict[int, list[Text]], names: dict[int, str]) -> str:
    """Make lyrics of what is sung in `texts` (by MTrk, changed in place), and other texts of what stands between.

    `names` are the names of the MTrks. Return the title that a karaoke file gives, "" for none.
    """
    title = ""
    all_texts = [text for found in texts.values() for text in found if text.kind in ("lyric", "text")]
    if not all_texts:
        return title
    plain = [text for text in all_texts if text.kind == "text"]
    is_karaoke = any(_OF_KARAOKE.match(text.text) for text in plain)
    sung = set()
    if plain:
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
    places = len({text.tick for text in words if text.tick})
    has_lines = lines > 1 and 10 * lines >= len(words)
    return places > 1 and (name.lower() in _NAMES or (places > 3 and (is_karaoke or has_lines)))


def _without_tags(texts: Sequence[Text]) -> tuple[list[Text], list[Text]]:
    """Return what is no tag of a .kar file, and the facts of the tags: @T title, then author and others; @I notes."""
    rest: list[Text] = []
    facts: list[Text] = []
    kind = "title"
    for text in texts:
        tag = _TAG.fullmatch(text.text) if text.kind == "text" else None
        if not tag:
            rest.append(text)
        elif tag[1] in "TI" and (said := tag[2].lstrip("@" + MARGIN).rstrip(MARGIN)):
            facts.append(Text(0, kind if tag[1] == "T" else "text", said))
            kind = "text" if tag[1] == "T" else kind
    return rest, facts


def _without_commands(texts: Sequence[Text]) -> tuple[list[Text], list[Text]]:
    """Return the texts, lyrics without commands in braces, and the facts of the commands, such as {#Title=...}."""
    if not any("{" in text.text for text in texts):
        return list(texts), []
    rest, facts = [], []
    for text in texts:
        if text.kind == "lyric" and "{" in text.text:
            for name, value in _COMMAND.findall(text.text):
                if (name := name.strip().lower()) and value.strip():
                    kind = "title" if name == "title" else _PEOPLE.get(name, "text")
                    fact = value.strip() if kind != "text" else f"{name.capitalize()}: {value.strip()}"
                    facts.append(Text(0, kind, fact))
            text = replace(text, text=_COMMAND.sub("", text.text))
        rest.append(text)
    return rest, facts


def _syllables(texts: Sequence[Text]) -> list[Text]:
    """Return the texts with their lyrics as syllables, in which a hyphen, not the lack of a space, joins words."""
    lyrics = [text for text in texts if text.kind == "lyric"]
    raw = [text.text for text in lyrics]
    clean = [_cleaned(text) for text in raw]
    sung = [index for index, text in enumerate(clean) if text]
    trimmed = [raw[index] for index in sung if clean[index] != raw[index]]
    spaced = sum(text[:1].isspace() or text[-1:].isspace() for text in trimmed)
    if spaced >= max(1.0, _SPACED * len(sung)):
        for one, other in pairwise(sung):
            between = [raw[one][-1:], raw[other][:1], *raw[one + 1 : other]]
            ends = bool(_LINE_END.search(raw[one])) or any(map(_LINE_START.search, raw[one + 1 : other + 1]))
            ends = ends or any(map(str.isspace, between)) or bool(_UNSPACED.search(clean[one]))
            if not ends and clean[one][-1].isalpha() and clean[other][0].isalpha():
                clean[one] += "-"
    syllables = iter(clean)
    if clean != raw:
        texts = [Text(t.tick, "lyric", next(syllables)) if t.kind == "lyric" else t for t in texts]
    return [text for text in texts if text.text]


def _cleaned(text: str) -> str:
    """Return a lyric without white space, line marks, commands and readings; doing so again changes nothing."""
    if not _UNCLEAN.search(text):
        return text
    for _ in range(_DEEPEST):
        before, text = text, _trimmed(_RUBY.sub("", _COMMAND.sub("", text)))
        if text == before:
            return text
    return ""


def _trimmed(text: str) -> str:
    """Return a lyric without white space and line marks around it."""
    text = text.lstrip("/\\<" + MARGIN)
    tail = _REVERSED_TAIL.match(text[::-1])
    return text[: len(text) - tail.end()] if tail else text


class Singers:
    """Tracks, to find the one whose onsets lyrics fit best. Drums are left out, and tracks that have lyrics."""

    def __init__(self, tracks: Sequence[Track], ticks_per_quarter: int) -> None:
        self.near = ticks_per_quarter // _NEAR
        self.is_free = np.array(
            [not track.is_drum and all(text.kind != "lyric" for text in track.texts) for track in tracks]
        )
        starts = np.concatenate([track.notes["start"] for track in tracks])
        index = np.repeat(np.arange(len(tracks)), [len(track.notes) for track in tracks])
        places = np.flatnonzero(np.diff(starts, prepend=-1) | np.diff(index, prepend=-1))
        self.onsets, self.index = starts[places], index[places]  # each onset of a track once

    def take(self, lyrics: Sequence[Text]) -> int | None:
        """Return the index of the track that sings `lyrics`, which then has lyrics; None if no onset is near any.

        The fit is the F-measure of syllables with an onset and onsets with a syllable, from the first to the last.
        """
        ticks = np.unique([lyric.tick for lyric in lyrics])
        begin = np.searchsorted(ticks, self.onsets - self.near)  # the syllables near each onset
        end = np.searchsorted(ticks, self.onsets + self.near, side="right")
        is_within = (self.onsets >= ticks[0] - self.near) & (self.onsets <= ticks[-1] + self.near)
        counted = np.where(np.diff(self.index, prepend=-1) == 0, np.concatenate(([0], end[:-1])), 0)
        hits = np.bincount(self.index, np.maximum(end - np.maximum(begin, counted), 0), len(self.is_free))
        onsets = np.bincount(self.index, is_within, len(self.is_free))
        fits = np.where(self.is_free, 2 * hits / (len(ticks) + onsets), 0.0)
        best = int(fits.argmax())
        if fits[best] == 0:
            return None
        self.is_free[best] = False
        return best


def at_onsets(lyrics: Sequence[Text], track: Track, ticks_per_quarter: int) -> list[Text]:
    """Return `lyrics`, each at the onset of `track` that is near it, unless another syllable is there already."""
    onsets = np.unique(track.notes["start"])
    ticks = np.array([lyric.tick for lyric in lyrics], dtype=np.int64)
    taken = set(ticks.tolist())
    result = []
    for lyric, tick in zip(lyrics, _nearest(ticks, onsets).tolist(), strict=True):
        if tick not in taken and abs(tick - lyric.tick) <= ticks_per_quarter // _NEAR:
            taken.add(tick)
            lyric = replace(lyric, tick=tick)
        result.append(lyric)
    return sorted(result, key=lambda lyric: lyric.tick)


def _nearest(ticks: NDArray[np.int64], onsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each of `ticks`, the nearest of the sorted `onsets`."""
    place = np.searchsorted(onsets, ticks)
    below, above = onsets[np.maximum(place - 1, 0)], onsets[np.minimum(place, len(onsets) - 1)]
    return np.where(np.abs(ticks - below) <= np.abs(above - ticks), below, above)
