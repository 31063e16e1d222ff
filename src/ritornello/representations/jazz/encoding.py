"""`Score` -> ids: a lead sheet, in bars, in words.

1. Melody and chords are found (`representations.leadsheet`) and put on the grid; bars before and after the melody
   are left out.
2. Each bar begins with its chords: the one in force at its beginning (in the first bars, the first that comes), then
   the changes on eighths within it.
3. Then comes its melody, full to the last step: a note that goes on over the bar line is `H` in the next bar;
   a gap shorter than SHORTEST_REST is closed.

The interval of a word is the true one from the note before in the bar, in its plain spelling; leaps of more than
LEAP semitones and notes outside the register are moved by octaves first. The faithful mode spells intervals by
the names that music21 gives MIDI notes, takes major and Dorian for scales, puts each note whole into the bar where it
begins, and has no rests (the source's solo has none).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ritornello.errors import unknown_name
from ritornello.leadsheet import LeadSheet, read_leadsheet
from ritornello.representations.base import Ids
from ritornello.representations.grids import TEMPOS, nearest, nearest_meter
from ritornello.representations.jazz.analysis import FAITHFUL_HEARD, HELD, REST, letters
from ritornello.representations.jazz.vocabulary import (
    HEADER,
    LEAP,
    LONGEST_BAR,
    SOLOISTS,
    STEPS_PER_PLACE,
    STEPS_PER_QUARTER,
    Vocabulary,
    Word,
    reference,
)
from ritornello.score import Score
from ritornello.theory import CHORDS, Chord, estimate_key, make_chord
from ritornello.theory.intervals import bracket, plain_interval

SHORTEST_REST = 3
"""Steps; a shorter gap belongs to the note before it."""

REGISTER = (48, 96)
"""The pitches of a melody in C, from the first to before the second; in other keys it moves with the key."""

_MIDI_SPELLING = (0, 0, 1, 2, 2, 3, 3, 4, 4, 5, 6, 6)
"""The letter (C is 0) by which music21 names a MIDI pitch class: C C# D E- E F F# G G# A B- B."""


class Note(NamedTuple):
    """A note of the melody on the grid: start and end in steps, pitch."""

    start: int
    end: int
    pitch: int


Placed = tuple[tuple[int, Chord], ...]
"""The chords of a bar as (position in steps, chord)."""


class ChordBar(NamedTuple):
    """A bar of a lead sheet: its chords and its words."""

    chords: Placed
    words: tuple[Word, ...]


class Bars(NamedTuple):
    """A lead sheet in bars: tonic pitch class, the bars, the program of the melody."""

    key: int
    bars: tuple[ChordBar, ...]
    program: int


def encode(vocabulary: Vocabulary, score: Score) -> Ids:
    config = vocabulary.config
    meter = nearest_meter(config.meters, *first_meter(score))
    piece = read_bars(score, vocabulary.bar_steps[meter], config.faithful, config.melody)
    start = min((int(t.notes["start"].min()) for t in score.tracks if len(t.notes)), default=0)
    tempos = (t.quarters_per_minute for t in reversed(score.tempos) if t.tick <= start)
    tempo = int(nearest(TEMPOS, np.array(next(tempos, 120.0))))
    header = (0, meter, piece.key, tempo, nearest_soloist(piece.program))
    ids = [vocabulary.id_of(kind, value) for kind, value in zip(HEADER, header, strict=True)]
    for bar in piece.bars:
        for position, chord in bar.chords:
            ids += chord_ids(vocabulary, position, known_chord(vocabulary, chord), piece.key)
        for word in bar.words:
            ids += vocabulary.word_ids(word)
    return np.array([*ids, vocabulary.id_of("end")], dtype=np.int32)


def nearest_soloist(program: int) -> int:
    """Return the number of the soloist nearest to a program."""
    return min(range(len(SOLOISTS)), key=lambda number: abs(SOLOISTS[number] - program))


def known_chord(vocabulary: Vocabulary, chord: Chord) -> Chord:
    """Return a chord, with the quality of the vocabulary whose tones are most like its own."""
    known, tones = vocabulary.config.qualities, set(CHORDS[chord.quality])
    if chord.quality in known:
        return chord
    near = min(known, key=lambda each: len(tones ^ set(CHORDS[each])))
    return make_chord(chord.root, near, None if chord.bass == chord.root else chord.bass)


def chord_ids(vocabulary: Vocabulary, position: int, chord: Chord, key: int) -> list[int]:
    """Return the ids of a chord in a bar: its place if it is not the first step, root, quality, bass."""
    if chord.quality not in vocabulary.config.qualities:
        raise unknown_name("chord quality of this model", chord.quality, vocabulary.config.qualities)
    ids = [vocabulary.id_of("place", position // STEPS_PER_PLACE - 1)] if position else []
    ids.append(vocabulary.id_of("root", (chord.root - key) % 12))
    ids.append(vocabulary.id_of("quality", vocabulary.config.qualities.index(chord.quality)))
    if chord.bass != chord.root:
        ids.append(vocabulary.id_of("bass", (chord.bass - key) % 12))
    return ids


def read_bars(score: Score, bar_steps: int, faithful: bool = False, melody: str | None = None) -> Bars:
    """Return melody and chords of `score` in bars of `bar_steps` steps."""
    score = score.resampled(STEPS_PER_QUARTER)
    sheet, key = read_leadsheet(score, melody), _key(score)
    last_of = {start: (start + max(1, length), pitch) for start, length, pitch, _ in sheet.melody.tolist()}
    notes = [Note(start, *rest) for start, rest in sorted(last_of.items())]
    if not notes:
        return Bars(key, (), sheet.program)
    for i, following in enumerate(notes[1:]):
        if following.start - notes[i].end < SHORTEST_REST:
            notes[i] = notes[i]._replace(end=following.start)
    numbers = range(notes[0].start // bar_steps, -(-notes[-1].end // bar_steps))
    chords = list(_chords(sheet, bar_steps, numbers, key))
    starts = [number * bar_steps for number in numbers]
    make_words = _faithful_words if faithful else _words
    words = make_words(notes, list(zip(starts, chords, strict=True)), bar_steps, reference(key))
    return Bars(key, tuple(map(ChordBar, chords, words)), sheet.program)


def first_meter(score: Score) -> tuple[int, int]:
    """Return the first meter of a piece, by default 4/4."""
    return next(((m.numerator, m.denominator) for m in score.meters), (4, 4))


def _key(score: Score) -> int:
    """Return the tonic of the first key signature, read as a major key, or of the key that fits the notes."""
    if score.keys:
        return score.keys[0].fifths * 7 % 12
    weights = np.zeros(12)
    for track in score.tracks:
        if not track.is_drum:
            np.add.at(weights, track.notes["pitch"] % 12, track.notes["duration"])
    return estimate_key(weights)[2] * 7 % 12


def _chords(sheet: LeadSheet, bar_steps: int, numbers: range, key: int) -> Iterator[Placed]:
    """Yield the chords of each bar of `numbers`, on eighths: the one in force at its beginning, then the changes."""
    placed: dict[int, dict[int, Chord]] = {}  # by bar and position
    for tick, chord in sheet.chords:
        if chord is None:  # the one before goes on
            continue
        bar, rest = divmod(tick, bar_steps)
        position = round(rest / STEPS_PER_PLACE) * STEPS_PER_PLACE
        if position >= bar_steps:
            bar, position = bar + 1, 0
        placed.setdefault(bar, {})[position] = chord
    present = make_chord(key, "maj")
    before = [bar for bar in sorted(placed) if bar < numbers.start]
    if placed:
        first = placed[before[-1] if before else min(placed)]
        present = first[max(first) if before else min(first)]
    for number in numbers:
        chords, changes = [], {0: present, **placed.get(number, {})}
        for position, chord in sorted(changes.items(), key=lambda item: item[0]):
            if not position or chord != present:
                chords.append((position, chord))
            present = chord
        yield tuple(chords)


def chord_at(chords: Placed, position: int) -> Chord:
    """Return the chord in force at a position of a bar; before its first, that one."""
    return next((chord for at, chord in reversed(chords) if at <= position), chords[0][1])


def _words(
    notes: list[Note], bars: list[tuple[int, Placed]], bar_steps: int, shift: int
) -> list[tuple[Word, ...]]:
    """Return the words of each bar, full to its end."""
    number, result = 0, []
    low, high = REGISTER[0] + shift, REGISTER[1] + shift
    sounding: Note | None = None
    for start, chords in bars:
        stop, now, words = start + bar_steps, start, []
        previous: int | None = None
        if sounding is not None and sounding.end > start:
            now = min(sounding.end, stop)
            words.append(Word(HELD, now - start))
            previous = sounding.pitch
        while number < len(notes) and notes[number].start < stop:
            note, number = notes[number], number + 1
            if note.start > now:
                words.append(Word(REST, note.start - now))
            # Octaves within the register and within LEAP of the note before.
            octaves = range(low + (note.pitch - low) % 12, high, 12)
            near = [p for p in octaves if previous is None or abs(p - previous) <= LEAP]
            note = note._replace(pitch=min((abs(p - note.pitch), p) for p in near)[1])
            now = min(note.end, stop)
            letter = letters(chord_at(chords, note.start - start))[note.pitch % 12]
            mark = "" if previous is None else bracket(plain_interval(note.pitch - previous))
            words.append(Word(letter, now - note.start, mark))
            sounding, previous = note, note.pitch
        if now < stop:
            words.append(Word(REST, stop - now))
        result.append(tuple(words))
    return result


def _faithful_words(
    notes: list[Note], bars: list[tuple[int, Placed]], bar_steps: int, shift: int
) -> list[tuple[Word, ...]]:
    """Return the words of each bar as the source makes them: whole notes, no rests, music21's spelling.

    music21 reads a MIDI duration as the nearest number of fourths or thirds of a quarter, here at least a fourth.
    """
    fourth, third, result = STEPS_PER_QUARTER // 4, STEPS_PER_QUARTER // 3, []
    for start, chords in bars:
        words, previous = [], None
        for note in notes:
            if not start <= note.start < start + bar_steps:
                continue
            letter = letters(chord_at(chords, note.start - start), FAITHFUL_HEARD)[note.pitch % 12]
            spelled, mark = 7 * (note.pitch // 12) + _MIDI_SPELLING[note.pitch % 12], ""
            if previous is not None:
                mark = bracket((spelled - previous[0], note.pitch - previous[1]))
            steps = min(note.end - note.start, LONGEST_BAR)
            by_fourths, by_thirds = round(steps / fourth) * fourth, round(steps / third) * third
            is_third = abs(by_thirds - steps) < abs(by_fourths - steps)
            words.append(Word(letter, max(fourth, by_thirds if is_third else by_fourths), mark))
            previous = spelled, note.pitch
        result.append(tuple(words))
    return result
