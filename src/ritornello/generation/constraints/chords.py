"""`chords`: notes keep to a chord progression.

Notes begin on chord tones on each beat and where the chord changes, or everywhere with `strict_chords`. Between the
beats notes of the scale may begin too, by default those of the scale that fits the chord (`theory.chord_scales`). The
chords of a bar share it equally; after the last bar they begin again. Under "N.C." notes are free, and drums always. A
representation that is conditioned on chords (`plays_over_chords`) is told them instead, and may play others; with
`strict_chords` its notes keep to them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, field_validator, model_validator

from ritornello.config import parsed
from ritornello.errors import ConfigError
from ritornello.generation.constraints.base import Constraint, ConstraintState, Context, Settings
from ritornello.generation.constraints.scale import ScaleSettings
from ritornello.theory import Chord, parse_chord_bars

if TYPE_CHECKING:
    from ritornello.arrays import Mask
    from ritornello.generation.notes import Notes
    from ritornello.representations.base import GrammarState

ChordBars = tuple[tuple[Chord | None, ...], ...]


class ChordSettings(Settings):
    chords: str | None = Field(
        None,
        min_length=1,
        max_length=10_000,
        description='chords to play over, a bar each, such as "Dm7 G7 Cmaj7 %"; with bar lines "Dm7 G7 | Cmaj7", '
        '"N.C." for none; on the command line also a chart of iReal Pro or a score with chord symbols. '
        "Models that know no chords begin notes on chord tones on every beat",
    )
    strict_chords: bool = Field(
        False, description="with chords: all notes are chord tones, not only those on the beats"
    )

    @field_validator("chords")
    @classmethod
    def _check_chords(cls, text: str | None) -> str | None:
        if text is not None:
            parsed(parse_chord_bars, text)
        return text

    @model_validator(mode="after")
    def _check_strict(self) -> Self:
        if self.strict_chords and self.chords is None:
            raise ValueError("strict_chords: there are no chords to keep to; give chords too")
        return self

    @property
    def chord_bars(self) -> ChordBars | None:
        """The chords of each bar; None is no chord."""
        return None if self.chords is None else parse_chord_bars(self.chords)


def keeps_chords(context: Context) -> bool:
    """Return whether chords are given and bound the notes: they are strict, or the representation is not conditioned on
    them."""
    asked, heeds = context.of(ChordSettings), context.representation.plays_over_chords
    if asked.strict_chords and heeds and not context.notes.is_complete:
        raise ConfigError("strict_chords: this model plays over chords as it has learned to; leave it out")
    return asked.chords is not None and (asked.strict_chords or not heeds)


class Chords(Constraint):
    name = "chords"
    settings = ChordSettings
    bounds_pitches = True

    def start(self, context: Context) -> OverChords | None:
        if not keeps_chords(context):
            return None
        asked, scale = context.of(ChordSettings), context.of(ScaleSettings).scale_classes or None
        bars = asked.chord_bars or ()
        over = OverChords(context.notes, bars, scale, asked.strict_chords, context.first_bar)
        tokens = context.representation.tokens
        if context.representation.name == "multitrack" and tokens.blocks["chord"].size:
            over.foreseen = tokens.slice["chord"]
        return over


class OverChords(ConstraintState):
    """Bans the notes that do not fit the chord at the present time.

    foreseen: the ids of chords, where a model foresees them before their notes. Then it is told those that are given: a
    change comes before the notes of the first onset from it on, and no other does.
    """

    name, rank = "chords", 30
    foreseen: slice | None = None

    def __init__(
        self,
        notes: Notes,
        bars: ChordBars,
        scale: frozenset[int] | None = None,
        is_strict: bool = False,
        first_bar: int = 0,
    ) -> None:
        from ritornello.generation.notes import of_classes
        from ritornello.theory.chord_scales import chord_scale, scale_classes

        outside: dict[Chord | None, tuple[Mask | None, Mask | None]] = {None: (None, None)}
        for chord in {chord for bar in bars for chord in bar if chord}:
            tones = passing = chord.pitch_classes
            if not is_strict:
                passing = tones | (scale or scale_classes(chord.root, chord_scale(chord.quality)))
            on_beats, between = (notes.mask(notes.outside(of_classes(each))) for each in (tones, passing))
            outside[chord] = on_beats, between
        self._chords, self._outside = bars, outside
        self._first_bar = first_bar

    def banned_mask(self, grammar: GrammarState, allowed: Mask) -> Mask | None:
        place = grammar.bar_position
        assert place is not None  # see `feasibility`
        bar, position, bar_steps, beat_steps = place
        chords = self._chords[(bar + self._first_bar) % len(self._chords)]
        number = position * len(chords) // bar_steps
        is_change = position == -(-number * bar_steps // len(chords))
        chord = chords[number]
        on_beats, between = self._outside[chord]
        outside = on_beats if is_change or position % beat_steps == 0 else between
        if chord is None or outside is None or self.foreseen is None or not allowed[self.foreseen].any():
            return outside
        return outside | self._tell(grammar, chord, allowed)

    def _tell(self, grammar: GrammarState, chord: Chord, allowed: Mask) -> Mask:
        """Return the mask of the changes of chord other than to a given one, and of all notes until it is told."""
        from ritornello.representations.multitrack.grammar import MultitrackGrammarState
        from ritornello.representations.multitrack.plan import number_of

        assert self.foreseen is not None
        assert isinstance(grammar, MultitrackGrammarState)
        banned = allowed & False
        banned[self.foreseen] = True
        wanted = number_of(chord.root, chord.quality)
        if grammar.chord != wanted:
            banned[grammar.tokens.first["note"] :] = True
            banned[self.foreseen.start + wanted] = False
        return banned
