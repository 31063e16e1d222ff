"""The chord symbols of a score: those that are written as texts.

A chord symbol is a `Text` of the kind "chord". MIDI has no such event: files have markers, texts, cues or lyrics that
are chord symbols, and they are recognised here.

Read in order: `chord_texts`, `chord_symbols`, `chord_bars`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

from ritornello.errors import ConfigError
from ritornello.score import Score, Text
from ritornello.theory import Chord, is_no_chord, parse_chord

CHORDS_NAME = re.compile(r"chord|harmon|accomp|comp\b|changes", re.IGNORECASE)
"""Names of tracks of chords."""

MOST_PLACES = 16
"""Into how many places a bar is divided at most where its chords are written as text."""

_REHEARSAL = "ABCDEFGH"


def chord_symbols(score: Score) -> tuple[tuple[int, Chord | None], ...]:
    """Return the chords of `chord_texts` as (tick, chord), one a tick, in time order; None where no chord is to sound.

    What is no known symbol is left out, so that the chord before it goes on.
    """
    found: dict[int, Chord | None] = {}
    for text in chord_texts(score):
        if is_no_chord(text.text):
            found[text.tick] = None
        elif (chord := _parsed(text)) is not None:
            found[text.tick] = chord
    return tuple(sorted(found.items()))


def chord_bars(score: Score) -> str:
    """Return the chords of `score` bar by bar, as `theory.parse_chord_bars` reads them: "Dm7 G7 | Cmaj7 | %".

    A bar is divided evenly, into as few places as its chords need, at most `MOST_PLACES`; "/" holds the chord before.
    Raise ConfigError for a score without chord symbols.
    """
    chords = chord_symbols(score)
    if not chords:
        raise ConfigError("no chord symbols in it")
    at = 0
    now = "N.C."
    bars: list[str] = []
    edges = [*score.bar_starts(max(score.end, chords[-1][0] + 1)).tolist()]
    for start, stop in zip(edges, [*edges[1:], max(score.end, edges[-1] + 1)], strict=True):
        changes: list[tuple[Fraction, str]] = []
        while at < len(chords) and chords[at][0] < stop:
            tick, chord = chords[at]
            place = Fraction(max(0, tick - start), stop - start)
            changes.append((place, "N.C." if chord is None else chord.name))
            at += 1
        if (changes and changes[0][0]) or (not bars and not changes):
            changes.insert(0, (Fraction(0), now))
        count = next(
            (n for n in range(1, MOST_PLACES) if all((n * p).denominator == 1 for p, _ in changes)),
            MOST_PLACES,
        )
        words = {round(place * count): name for place, name in changes}
        bars.append(" ".join(words.get(n, "/") for n in range(count)) if changes else "%")
        now = changes[-1][1] if changes else now
    return " | ".join(bars)


def chord_texts(score: Score) -> tuple[Text, ...]:
    """Return the texts that are chord symbols, as they are written, in time order.

    They are the texts of the kind "chord", if there are any; else the symbols in the texts of a track named like one of
    chords; else those of the first group of texts of a kind that has two or more, mostly symbols and not just the
    letters of rehearsal marks.
    """
    groups = [score.texts, *(track.texts for track in score.tracks)]
    written = [text for group in groups for text in group if text.kind == "chord"]
    if written:
        return tuple(sorted(written, key=lambda text: text.tick))
    for track in score.tracks:
        if CHORDS_NAME.search(track.name) and (symbols := _symbols(track.texts)):
            return symbols
    for texts in groups:
        for kind in ("marker", "text", "cue", "lyric"):
            group = [text for text in texts if text.kind == kind]
            symbols, names = _symbols(group), [text.text.strip() for text in group]
            is_rehearsal = names == list(_REHEARSAL[: len(names)])
            if len(symbols) >= 2 and 3 * len(symbols) >= 2 * len(group) and not is_rehearsal:
                return symbols
    return ()


def _symbols(texts: Iterable[Text]) -> tuple[Text, ...]:
    """Return the texts that are symbols; a lower-case letter begins a word, not a chord."""
    return tuple(
        text
        for text in texts
        if is_no_chord(text.text) or (text.text.strip()[:1].isupper() and _parsed(text) is not None)
    )


def _parsed(text: Text) -> Chord | None:
    try:
        return parse_chord(text.text)
    except ConfigError:
        return None
