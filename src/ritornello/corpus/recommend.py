"""Which preset suits a folder: facts of each piece (`Character`), and rules over all of them (`recommend`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ritornello.arrays import run_edges
from ritornello.chord_symbols import chord_texts
from ritornello.errors import counted
from ritornello.leadsheet import read_leadsheet
from ritornello.score import Meter, Notes, Score, note_columns, sounding
from ritornello.sustain import has_bends
from ritornello.theory import family_name

MOST = 0.8
"""The share of the pieces that must have a trait for a folder to have it."""

PHASES, FULLEST = 24, 8
IN_PHASE = 0.2
"""A piece has a beat if the share of its onsets in the fullest 8 of 24 equal divisions of the quarter is so much above
that of onsets anywhere. So it has one also if it is played late, with swing, or in values that no grid has."""

ONE_VOICE = 0.9
"""A part is one voice if this share of its notes ends before the next begins, or overlaps it by a quarter at most."""

STEADY = 0.8
"""A piece is in four voices if four notes sound at once in this share of the time in which any does."""


@dataclass(frozen=True)
class Character:
    """Traits of a piece.

    is_drums: drums alone. in_phase: the share of onsets in the fullest divisions of the quarter, less that of
    onsets anywhere (see IN_PHASE). tempos: how many tempos are set. instruments: families of instruments, drums
    included. parts: pitched parts; of these, voices play one note at a time. is_four_voices: four voices in as many
    parts, or four notes at once nearly all the time, of two families at most. is_leadsheet: a melody with chords or
    chord symbols, and nothing else; then sevenths is the share of its chords with four tones or more. in_fours:
    whether its bars last four quarters, or divide them. has_bends: whether pitches are bent, which no representation
    keeps.
    """

    is_drums: bool
    in_phase: float
    tempos: int
    instruments: int
    parts: int
    voices: int
    is_four_voices: bool
    is_leadsheet: bool
    sevenths: float
    in_fours: bool
    has_bends: bool = False

    @property
    def has_no_beat(self) -> bool:
        """Whether there is one tempo, and onsets stand anywhere between its beats."""
        return self.tempos <= 1 and self.in_phase < IN_PHASE


def character_of(score: Score) -> Character:
    """Return the traits of a piece with notes."""
    pitched = [track for track in score.tracks if len(track.notes) and not track.is_drum]
    has_drums = any(track.is_drum and len(track.notes) for track in score.tracks)
    instruments = len({family_name(track.program) for track in pitched}) + has_drums
    single = [_is_one_voice(track.notes) for track in pitched]
    is_leadsheet = not has_drums and _is_leadsheet(score, [track.notes for track in pitched], single)
    meter = score.meters[0] if score.meters else Meter(0, 4, 4)
    return Character(
        is_drums=not pitched,
        in_phase=_in_phase(score),
        tempos=len({tempo.microseconds_per_quarter for tempo in score.tempos}),
        instruments=instruments,
        parts=len(pitched),
        voices=sum(single),
        is_four_voices=instruments <= 2
        and not has_drums
        and _is_four_voices([track.notes for track in pitched], single),
        is_leadsheet=is_leadsheet,
        sevenths=_sevenths(score) if is_leadsheet else 0.0,
        in_fours=meter.denominator % meter.numerator == 0,
        has_bends=any(map(has_bends, pitched)),
    )


def _in_phase(score: Score) -> float:
    onsets = np.sort(note_columns(score.tracks)[0], kind="stable")
    onsets = onsets[run_edges(onsets)[:-1]]
    divisions = np.rint(onsets / score.ticks_per_quarter * PHASES).astype(np.int64) % PHASES
    counts = np.sort(np.bincount(divisions, minlength=PHASES))
    # The counts of n onsets anywhere have the standard deviation (n / 24)^(1/2); the upper third of a normal
    # distribution is 1.09 of it above the mean. Of few onsets too little is known to say that they have no beat.
    anywhere = FULLEST / PHASES * (1 + 1.09 * np.sqrt(PHASES / len(onsets)))
    return float(counts[-FULLEST:].sum() / len(onsets) - min(anywhere, 0.7))


def _is_one_voice(notes: Notes) -> bool:
    starts = notes["start"].astype(np.int64)
    gaps, durations = np.diff(starts), notes["duration"][:-1]
    return bool(len(notes) < 2 or ((gaps > 0) & (durations - gaps <= durations // 4)).mean() >= ONE_VOICE)


def _is_four_voices(parts: Sequence[Notes], single: Sequence[bool]) -> bool:
    if len(parts) > 4 or not parts:
        return False
    if len(parts) == 4 and all(single):
        return True
    notes = np.concatenate(parts)
    start = notes["start"].astype(np.int64)
    count, length = sounding(start, start + notes["duration"])
    return bool(length[count == 4].sum() >= STEADY * length[count > 0].sum() > 0)


def _is_leadsheet(score: Score, parts: Sequence[Notes], single: Sequence[bool]) -> bool:
    """Whether there is a melody, with a part of chords or chord symbols, and nothing else."""
    if not 1 <= len(parts) <= 2 or sum(single) != 1:
        return False
    others = [notes for notes, alone in zip(parts, single, strict=True) if not alone]
    return all(map(_is_in_chords, others)) and (bool(others) or len(chord_texts(score)) >= 2)


def _is_in_chords(notes: Notes) -> bool:
    """Whether most onsets have three notes or more."""
    _, counts = np.unique(notes["start"], return_counts=True)
    return bool((counts >= 3).mean() >= 0.6)


def _sevenths(score: Score) -> float:
    chords = [chord for _, chord in read_leadsheet(score).chords if chord]
    return float(np.mean([len(chord.pitch_classes) > 3 for chord in chords])) if chords else 0.0


@dataclass(frozen=True)
class Recommendation:
    """A preset for a folder, None for the default, and why."""

    reason: str
    preset: str | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """The options of `train`."""
        return ("--preset", self.preset) if self.preset else ()


def bends_text(characters: Sequence[Character]) -> str:
    """Return a line if the pitches of most pieces are bent, and are learned otherwise than they sound; else nothing."""
    bent = sum(character.has_bends for character in characters)
    if not bent or bent < MOST * len(characters):
        return ""
    return (
        f"pitch bends in {bent:,} of {counted(len(characters), 'piece')} are not learned: what sounds between keys, as "
        "in other tunings, is learned as the pitches of the keys"
    )


def recommend(characters: Sequence[Character]) -> Recommendation:
    """Return what suits most of the pieces; the default, `multitrack`, suits any."""

    def of_all(count: int) -> str:
        return f"{count:,} of {counted(len(characters), 'piece')}"

    def share(trait: Sequence[bool]) -> float:
        return sum(trait) / len(characters)

    unmetred = [c.has_no_beat and not c.is_drums for c in characters]
    solo = [c.has_no_beat and not c.is_drums and c.instruments == 1 for c in characters]
    anywhere = (
        f"{of_all(sum(unmetred))} with one tempo throughout and onsets anywhere between its beats, as recordings of a "
        "performance have: their bars and beats mean nothing"
    )
    if share([c.is_drums for c in characters]) >= MOST:
        return Recommendation(f"{of_all(sum(c.is_drums for c in characters))} with drums alone", "drums_rnn")
    if share(solo) >= MOST:
        return Recommendation(
            f"{anywhere}; performance_rnn keeps time in hundredths of a second", "performance_rnn"
        )
    sheets = [c for c in characters if c.is_leadsheet]
    if len(sheets) >= MOST * len(characters):
        return _for_lead_sheets(sheets, f"{of_all(len(sheets))} with a melody over chords")
    if share(four := [c.is_four_voices for c in characters]) >= MOST:
        reason = f"{of_all(sum(four))} with four voices; polyphony_rnn composes them chord by chord"
        return Recommendation(f"{reason}, multitrack part by part", "polyphony_rnn")
    if share(lines := [c.parts == 1 and c.voices == 1 for c in characters]) >= MOST:
        return Recommendation(
            f"{of_all(sum(lines))} with one melody, a note at a time, alone", "attention_rnn"
        )
    mixed = f" ({anywhere})" if any(unmetred) else ""
    return Recommendation(
        f"several instruments, or chords and more: multitrack, the default, suits any{mixed}"
    )


def _for_lead_sheets(sheets: Sequence[Character], melody: str) -> Recommendation:
    """`improv` has triads and bars of four quarters alone, but the pitches of the melody; `jazz` has not these."""
    sevenths = sum(c.sevenths for c in sheets) / len(sheets)
    others = sum(not c.in_fours for c in sheets) / len(sheets)
    if sevenths >= 0.5:
        tones = f"{sevenths:.0%} of the chords have four tones or more, which jazz_solo knows"
        return Recommendation(f"{melody}; {tones}", "jazz_solo")
    if others > 0.5:
        meters = f"{others:.0%} in meters other than 4/4, which jazz_solo knows"
        return Recommendation(f"{melody}, {meters}", "jazz_solo")
    return Recommendation(f"{melody}, most in 4/4 and with triads", "improv_rnn")
