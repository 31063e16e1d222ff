"""Lyrics: which syllables are sung to which onset, and whether a syllable begins, continues or ends a word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ritornello.notation.bars import Timeline
from ritornello.notation.text import printable
from ritornello.score import Score, Text, Track

_SYLLABIC = {(False, False): "single", (False, True): "begin", (True, True): "middle", (True, False): "end"}


class Syllable(NamedTuple):
    """A syllable of a verse, from 1; `syllabic` is single, begin, middle or end."""

    verse: int
    syllabic: str
    text: str


def syllables(texts: Iterable[Text], onsets: dict[int, int], timeline: Timeline) -> dict[int, list[Syllable]]:
    """Return the syllables of each onset in units; `onsets` are the ticks of all notes, and their units.

    A lyric belongs to the nearest onset. Where several share one in a verse, they are joined.
    """
    ticks = np.array(sorted(onsets), dtype=np.int64)
    joined: defaultdict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for text in texts:
        if text.kind == "lyric" and (words := printable(text.text)):
            after = int(np.searchsorted(ticks, text.tick))
            near = ticks[max(0, after - 1) : after + 1].tolist()
            tick = min(near, key=lambda tick: abs(tick - text.tick))
            joined[text.verse][onsets[tick]].append(words)
    found: defaultdict[int, list[Syllable]] = defaultdict(list)
    for verse, places in sorted(joined.items()):
        continues = False
        for place in sorted(places):
            words = " ".join(places[place])
            bare = words.strip("-") or words
            is_inner, continues = continues or words.startswith(f"-{bare}"), words.endswith(f"{bare}-")
            found[place].append(Syllable(verse, _SYLLABIC[is_inner, continues], bare))
    return found


def lyric_texts(score: Score, tracks: tuple[Track, ...]) -> list[Text]:
    """Return the lyrics of `tracks`; lyrics outside of tracks are those of the track with the most onsets there."""
    own = [text for track in tracks for text in track.texts if text.kind == "lyric"]
    common = [text for text in score.texts if text.kind == "lyric"]
    if own or not common or any(text.kind == "lyric" for track in score.tracks for text in track.texts):
        return own
    ticks = [text.tick for text in common]

    def sung(track: Track) -> int:
        return int(np.isin(ticks, track.notes["start"]).sum()) if not track.is_drum else -1

    voice = max((track for track in score.tracks if len(track.notes)), key=sung)
    return common if any(track is voice for track in tracks) else []
