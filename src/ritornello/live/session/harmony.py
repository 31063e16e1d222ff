"""Key and chords of notes on the session's clock, for the page to show."""

from __future__ import annotations

from collections.abc import Sequence

from ritornello.analysis.beats import find_beats
from ritornello.analysis.chords import find_chords
from ritornello.analysis.keys import find_keys
from ritornello.live.events import Harmony, LiveNote, TempoSet, Turn
from ritornello.live.session.encoding_window import TICKS, Window
from ritornello.live.session.turns import bar_seconds, line_at_or_before
from ritornello.score import Meter, Score, Tempo, Track, make_notes
from ritornello.theory import DRUMS, Chord, key_name

FEWEST = 3
"""Notes in which a key is heard."""

SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLATS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")


def harmony_of(
    notes: Sequence[LiveNote], turn: Turn, beat: TempoSet, start: float, end: float
) -> Harmony | None:
    """Return key and chords from `start` to `end`, in seconds; None without pitched notes.

    The key is that of the last bar. Where one note sounds at a time the chords are guesses, in parentheses.
    """
    pitched = [note for note in notes if note.program != DRUMS and note.start < end]
    if not pitched:
        return None
    origin = line_at_or_before(beat, min(start, pitched[0].start), bar_seconds(beat))
    window = Window(origin, beat.quarters_per_minute, beat.meter)
    rows = []
    for note in pitched:
        first, last = (
            window.quarters(note.start),
            window.quarters(end if note.end is None else min(note.end, end)),
        )
        rows.append(
            (max(0, round(first * TICKS)), max(1, round((last - first) * TICKS)), note.pitch, note.velocity)
        )
    tempo = Tempo.from_quarters_per_minute(0, beat.quarters_per_minute)
    score = Score(TICKS, (Track(make_notes(rows)),), (tempo,), (Meter(0, *beat.meter),))
    beats = find_beats(score)
    keys = find_keys(score, beats)
    key, is_flat = "", False
    if keys and len(pitched) >= FEWEST:
        signature = keys[-1].key
        key, is_flat = key_name(signature.fifths, signature.minor), signature.fifths < 0
    chords = []
    for tick, chord in find_chords(score, beats).named():
        name = "" if chord is None else _name(chord, FLATS if is_flat else SHARPS)
        name = name if beats.is_harmonic or not name else f"({name})"
        at = window.seconds(tick / TICKS)
        if at < end - 1e-6:
            chords.append((round(max(at, start), 6), name))
    return Harmony(turn, start, end, key, tuple(chords))


def _name(chord: Chord, classes: Sequence[str]) -> str:
    """Return the symbol of a chord, with these names of the pitch classes."""
    quality = {"maj": "", "min": "m"}.get(chord.quality, chord.quality)
    slash = f"/{classes[chord.bass]}" if chord.bass != chord.root else ""
    return f"{classes[chord.root]}{quality}{slash}"
