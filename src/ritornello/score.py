"""A `Score` and its parts: immutable values over numpy columns.

Conventions
-----------
- Time is in ticks, `ticks_per_quarter` of them to a quarter note, from the start of the piece. Only
  `ticks_to_seconds` and `seconds_to_ticks` convert to and from seconds.
- A `Track` is one instrument: one program, or the drum kit. There are no channels; formats that have them (MIDI)
  assign them in writing.
- Notes and controls are structured arrays (`NOTE`, `CONTROL`), sorted by time, so that operations apply to whole
  columns at once.
- Two scores are equal when all their content is equal, without the repairs of a reader (`Score.repairs`).

Read in order: `NOTE`, `Track`, `Score`, `Bars`, then the two conversions.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.arrays import Ints, stable_order
from ritornello.errors import ConfigError
from ritornello.theory import estimate_key

if TYPE_CHECKING:
    from ritornello.paths import Target
    from ritornello.settings import SoundSettings

MAX_TICKS_PER_QUARTER = 32_767  # the maximum of a MIDI file
MAX_BARS = (
    1_000_000  # of any piece of which bars are counted: a note at 2^28 in 1/128 would ask for gigabytes
)
LONGEST_QUARTERS = (
    200_000  # the longest works of music are shorter; also the most bars of a piece that is encoded
)
DEFAULT_MICROSECONDS_PER_QUARTER = 500_000  # 120 beats a minute, MIDI's default

NOTE = np.dtype([("start", "<i8"), ("duration", "<i8"), ("pitch", "<i2"), ("velocity", "<i2")])
"""A note: start and duration in ticks, MIDI pitch 0-127 (60 is middle C), velocity 1-127."""

CONTROL = np.dtype([("tick", "<i8"), ("kind", "<i2"), ("number", "<i2"), ("value", "<i2")])
"""A control event. `kind` is one of CONTROL_CHANGE, KEY_PRESSURE, CHANNEL_PRESSURE, PITCH_BEND; `number` is the
controller or the key (0 for the other kinds); `value` is 0-127, or -8192 to 8191 for a pitch bend."""

KEY_PRESSURE, CONTROL_CHANGE, CHANNEL_PRESSURE, PITCH_BEND = 0xA0, 0xB0, 0xD0, 0xE0

Notes = NDArray[np.void]
Controls = NDArray[np.void]


def make_notes(rows: Iterable[Sequence[int]] = ()) -> Notes:
    """Return a sorted note array from rows of (start, duration, pitch, velocity)."""
    return sort_notes(np.array([tuple(row) for row in rows], dtype=NOTE))


def sort_notes(notes: Notes) -> Notes:
    """Return `notes` sorted by start, then pitch, then duration."""
    # `take` is ten times as fast as an index on records
    return notes.take(np.lexsort((notes["velocity"], notes["duration"], notes["pitch"], notes["start"])))


def rescaled(ticks: Any, old: int, new: int) -> Any:
    """Return ticks, `old` of them to a quarter, as the nearest ones of `new` to a quarter, halves as the later."""
    return ticks if old == new else (2 * ticks * new + old) // (2 * old)


def end_at_restrike(
    start: NDArray[np.int64], end: NDArray[np.int64], key: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return `end`, none later than the next start of the same key, because a key must be up before it is struck.

    The columns are notes in any order, with times in any unit. Of notes of a key that start together, all but the
    longest become notes without length.
    """
    order = np.lexsort((end, start))
    order = order[stable_order(key[order])]
    same = np.diff(key[order]) == 0
    result, earlier = end.copy(), order[:-1][same]
    result[earlier] = np.minimum(end[earlier], start[order[1:][same]])
    return result


def without_overlaps(notes: Notes) -> Notes:
    """Return `notes`, sorted, each ended where its pitch is struck again; notes struck together keep their length."""
    places, of_note = np.unique(np.stack([notes["start"], notes["pitch"]]), axis=1, return_inverse=True)
    again = end_at_restrike(places[0], np.full_like(places[0], 1 << 60), places[1])[of_note.ravel()]
    result = notes.copy()
    result["duration"] = np.minimum(notes["duration"], again - notes["start"])
    return sort_notes(result)


def make_controls(rows: Iterable[Sequence[int]] = ()) -> Controls:
    """Return a control array, in time order, from rows of (tick, kind, number, value)."""
    controls = np.array([tuple(row) for row in rows], dtype=CONTROL)
    return controls[np.argsort(controls["tick"], kind="stable")]


@dataclass(frozen=True)
class Tempo:
    """A tempo from `tick` on, in microseconds to a quarter note (at least 1)."""

    tick: int
    microseconds_per_quarter: int

    @property
    def quarters_per_minute(self) -> float:
        return 60e6 / self.microseconds_per_quarter

    @classmethod
    def from_quarters_per_minute(cls, tick: int, quarters_per_minute: float) -> Tempo:
        return cls(tick, max(1, round(60e6 / quarters_per_minute)))


@dataclass(frozen=True)
class Meter:
    """A time signature from `tick` on: `numerator` notes of 1/`denominator` (a power of two) to a bar.

    A meter begins a bar at its tick, even where the signature does not change. So a bar that is shorter than its
    signature, such as a pickup, is followed by a meter. A longer one has its `length` in ticks (default: that of the
    signature), which holds for every bar up to the next meter.
    """

    tick: int
    numerator: int
    denominator: int
    length: int | None = None

    def bar_ticks(self, ticks_per_quarter: int) -> int:
        """Return the length of a bar in ticks (at least 1)."""
        return max(1, self.length or self.numerator * 4 * ticks_per_quarter // self.denominator)

    def actual(self, ticks_per_quarter: int) -> tuple[int, int]:
        """Return the signature that a bar of this length has: 6/4 for six quarters under 4/4.

        A length that no signature has, such as a third of a quarter, leaves that of the meter.
        """
        if self.length is None:
            return self.numerator, self.denominator
        whole = Fraction(self.length, 4 * ticks_per_quarter)
        of_note = max(self.denominator, whole.denominator)
        numerator = whole * of_note
        is_signature = of_note <= 128 and numerator.denominator == 1 and numerator <= 255
        return (int(numerator), of_note) if is_signature else (self.numerator, self.denominator)

    @property
    def beats(self) -> int:
        """The number of beats in a bar: the numerator, or a third of it in compound meters (6/8, 9/8, 12/8)."""
        is_compound = self.denominator >= 8 and self.numerator > 3 and self.numerator % 3 == 0
        return self.numerator // 3 if is_compound else self.numerator


@dataclass(frozen=True)
class Key:
    """A key signature from `tick` on: `fifths` from -7 (flats) to 7 (sharps), major or minor."""

    tick: int
    fifths: int
    minor: bool = False


Event = TypeVar("Event", Tempo, Meter, Key)


@dataclass(frozen=True)
class Text:
    """A text at `tick`.

    `kind` is text, copyright, name, instrument, lyric, marker or cue, as in MIDI, or one that MIDI has no event for:
    chord (a chord symbol such as "Dm7/G", or "N.C."), composer or lyricist. A lyric is one syllable; one that is not
    the last of its word ends with "-". `verse` is the number of the verse of a lyric, from 1.
    """

    tick: int
    kind: str
    text: str
    verse: int = 1


@dataclass(frozen=True, eq=False)
class Track:
    """One instrument's part: `program` is a General MIDI program 0-127, or the kit number if `is_drum`."""

    notes: Notes
    program: int = 0
    is_drum: bool = False
    name: str = ""
    controls: Controls = field(default_factory=make_controls)
    texts: tuple[Text, ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Track):
            return NotImplemented
        mine = (self.program, self.is_drum, self.name, self.texts)
        return (
            mine == (other.program, other.is_drum, other.name, other.texts)
            and np.array_equal(self.notes, other.notes)
            and np.array_equal(self.controls, other.controls)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays do not hash

    @cached_property
    def end(self) -> int:
        """The tick at which the last note has ended; 0 without notes."""
        return int((self.notes["start"] + self.notes["duration"]).max(initial=0))


def note_columns(tracks: Iterable[Track]) -> tuple[Ints, Ints, Ints, Ints]:
    """Return start, duration, pitch and velocity of the notes of all tracks, track after track; each (notes,)."""
    notes = [np.zeros(0, dtype=NOTE), *(track.notes for track in tracks)]
    start, duration, pitch, velocity = (
        np.concatenate([part[name] for part in notes], dtype=np.int64) for name in NOTE.names or ()
    )
    return start, duration, pitch, velocity


def sounding(start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Return how many notes sound between each of their starts and ends, in order, and the next, and for how long.

    Each is (2 * notes - 1,); some last no time. Of starts and ends at once, the ends come first.
    """
    events = np.sort(np.concatenate([start * 2 + 1, end * 2]), kind="stable")
    return np.cumsum((events & 1) * 2 - 1)[:-1], np.diff(events >> 1)


@dataclass(frozen=True)
class Score:
    """A piece of music. The global events (`tempos`, `meters`, `keys`, `texts`) are in time order."""

    ticks_per_quarter: int
    tracks: tuple[Track, ...] = ()
    tempos: tuple[Tempo, ...] = ()
    meters: tuple[Meter, ...] = ()
    keys: tuple[Key, ...] = ()
    texts: tuple[Text, ...] = ()
    title: str = ""
    repairs: tuple[str, ...] = field(default=(), compare=False)

    __hash__ = None  # type: ignore[assignment]

    @property
    def end(self) -> int:
        """The tick at which the last note has ended; 0 without notes."""
        return max((track.end for track in self.tracks), default=0)

    @property
    def seconds(self) -> float:
        """The length in seconds, up to the end of the last note."""
        return float(ticks_to_seconds(self, self.end))

    @property
    def first_tempo(self) -> Tempo:
        """The tempo in force at the beginning; 120 quarters a minute where none is given."""
        at_once = [tempo for tempo in self.tempos if tempo.tick <= 0]
        return at_once[-1] if at_once else Tempo(0, DEFAULT_MICROSECONDS_PER_QUARTER)

    @property
    def note_count(self) -> int:
        return sum(len(track.notes) for track in self.tracks)

    def all_notes(self) -> Notes:
        """Return the notes of all tracks in one sorted array."""
        return sort_notes(np.concatenate([track.notes for track in self.tracks] or [make_notes()]))

    def bar_starts(self, end: int | None = None) -> NDArray[np.int64]:
        """Return the tick of every bar line from 0 up to, not including, `end` (default: the score's); at least one.

        A meter change starts a new bar at its own tick, also within a bar. Raise ConfigError for more than `MAX_BARS`.
        """
        stop = max(1, self.end if end is None else end)
        meters = [m for m in self.meters if m.tick < stop]
        if not meters or meters[0].tick > 0:
            meters.insert(0, Meter(0, 4, 4))
        edges = [m.tick for m in meters[1:]] + [stop]
        spans = [
            range(meter.tick, edge, meter.bar_ticks(self.ticks_per_quarter))
            for meter, edge in zip(meters, edges, strict=True)
        ]
        if (count := sum(map(len, spans))) > MAX_BARS:
            raise ConfigError(f"the piece has {count} bars: allowed are {MAX_BARS}")
        return np.concatenate([np.arange(span.start, span.stop, span.step, dtype=np.int64) for span in spans])

    def check_extent(self) -> None:
        """Raise ConfigError for a score of more than LONGEST_QUARTERS, or as many bars.

        Whatever makes arrays with a row a step, or steps a network through a piece, calls this first: a damaged file
        may have a note a million bars after the others.
        """
        quarters = self.end / self.ticks_per_quarter
        if quarters > LONGEST_QUARTERS:
            raise ConfigError(
                f"the piece is {quarters:,.0f} quarter notes long: allowed are {LONGEST_QUARTERS:,}"
            )
        if (bars := len(self.bar_starts())) > LONGEST_QUARTERS:
            raise ConfigError(f"the piece has {bars:,} bars: allowed are {LONGEST_QUARTERS:,}")

    def estimated_key(self) -> Key:
        """Return the key, from tick 0, that best fits the pitches weighted by duration (`theory.estimate_key`).

        C major without pitched notes.
        """
        notes = [track.notes for track in self.tracks if not track.is_drum and len(track.notes)]
        if not notes:
            return Key(0, 0)
        pitched = np.concatenate(notes)
        weights = np.bincount(pitched["pitch"] % 12, np.maximum(pitched["duration"], 1), minlength=12)
        _, minor, fifths = estimate_key(weights)
        return Key(0, fifths, minor)

    def resampled(self, ticks_per_quarter: int) -> Score:
        """Return the piece at another number of ticks to a quarter; starts and ends are rounded to ticks."""
        if ticks_per_quarter == self.ticks_per_quarter:
            return self
        old, new = self.ticks_per_quarter, ticks_per_quarter

        def scale(ticks: Any) -> Any:
            return rescaled(ticks, old, new)

        def scale_track(track: Track) -> Track:
            notes, controls = track.notes.copy(), track.controls.copy()
            ends = scale(notes["start"] + notes["duration"])
            notes["start"] = scale(notes["start"])
            notes["duration"] = ends - notes["start"]
            controls["tick"] = scale(controls["tick"])
            texts = tuple(replace(text, tick=scale(text.tick)) for text in track.texts)
            return replace(track, notes=sort_notes(notes), controls=controls, texts=texts)

        def scale_events(events: Any) -> Any:
            return tuple(replace(event, tick=scale(event.tick)) for event in events)

        def scale_meter(meter: Meter) -> Meter:
            length = meter.length and max(1, scale(meter.tick + meter.length) - scale(meter.tick))
            return replace(meter, tick=scale(meter.tick), length=length)

        return replace(
            self,
            ticks_per_quarter=new,
            tracks=tuple(scale_track(track) for track in self.tracks),
            tempos=scale_events(self.tempos),
            meters=tuple(map(scale_meter, self.meters)),
            keys=scale_events(self.keys),
            texts=scale_events(self.texts),
        )

    def transposed(self, semitones: int) -> Score:
        """Return the piece `semitones` higher, or lower if negative; drums and texts (also chord symbols) unchanged.

        Key signatures become those of -6 to 5 fifths; whole octaves leave them unchanged. Raise ConfigError if a pitch
        would leave 0-127.
        """
        pitches = [pitch for track in self.tracks if not track.is_drum for pitch in _pitches(track)]
        low, high = min(pitches, default=127), max(pitches, default=0)
        if pitches and not -low <= semitones <= 127 - high:
            raise ConfigError(
                f"transposed by {semitones} semitones: the pitches {low} to {high} would leave 0 to 127; "
                f"allowed are {-low} to {127 - high}"
            )

        def move(track: Track) -> Track:
            notes, controls = track.notes.copy(), track.controls.copy()
            notes["pitch"] += semitones
            controls["number"][controls["kind"] == KEY_PRESSURE] += semitones
            return replace(track, notes=notes, controls=controls)

        def move_key(key: Key) -> Key:  # a semitone is 7 fifths
            moves = semitones % 12 != 0
            return replace(key, fifths=(key.fifths + 7 * semitones + 6) % 12 - 6) if moves else key

        return replace(
            self,
            tracks=tuple(track if track.is_drum else move(track) for track in self.tracks),
            keys=tuple(move_key(key) for key in self.keys),
        )

    def quantised(self, grid: float | Fraction = 0.25) -> Score:
        """Return the piece with every note on a grid of `grid` quarters (1/4: sixteenths, 1/3: triplet eighths).

        Starts and ends are rounded to the nearest grid line, halves to the later; a note lasts at least one step. Grid
        lines are rounded to ticks. Controls, texts and tempos are unchanged. Raise ConfigError for a grid finer than
        a tick or wider than 1000 quarters.
        """
        is_number = 0 < grid <= 1000
        step = Fraction(grid).limit_denominator(1000) * self.ticks_per_quarter if is_number else Fraction(0)
        if step < 1:
            raise ConfigError(
                f"grid {grid}: allowed is a tick (1/{self.ticks_per_quarter} of a quarter) to 1000 quarters"
            )
        over, under = step.numerator, step.denominator

        def index(ticks: Any) -> Any:
            return (2 * ticks * under + over) // (2 * over)

        def tick(lines: Any) -> Any:
            return (2 * lines * over + under) // (2 * under)

        def snap(track: Track) -> Track:
            notes = track.notes.copy()
            first, last = index(notes["start"]), index(notes["start"] + notes["duration"])
            notes["start"] = tick(first)
            notes["duration"] = tick(np.maximum(last, first + 1)) - notes["start"]
            return replace(track, notes=sort_notes(notes))

        return replace(self, tracks=tuple(snap(track) for track in self.tracks))

    def performed(
        self, amount: float = 0.5, seed: int = 0, *, swing: float | None = None, swing_unit: int = 8
    ) -> Score:
        """Return the piece as it is played, with velocities, timing, tempo map and pedals where it has none.

        `amount` from 0, as written, to 1. The same seed gives the same performance. See `expression.perform.perform`.
        """
        from ritornello.expression.perform import perform

        return perform(self, amount, seed, swing=swing, swing_unit=swing_unit)

    def excerpt(self, start: int, stop: int) -> Score:
        """Return the events from tick `start` up to, not including, `stop`; `start` becomes tick 0.

        A note that ends after `stop` is cut there; a note that began before `start` is left out. Tempo, meter, key and
        controllers (pedals, volume) in force at `start` are set at tick 0. The title and all tracks are kept, also
        tracks without notes here.
        """
        if not 0 <= start <= stop:
            raise ConfigError(f"excerpt from tick {start} to {stop}: allowed is 0 <= start <= stop")

        def cut(track: Track) -> Track:
            notes = track.notes[(track.notes["start"] >= start) & (track.notes["start"] < stop)]
            ends = np.minimum(notes["start"] + notes["duration"], stop)
            notes["start"] -= start
            notes["duration"] = ends - start - notes["start"]
            is_inside = (track.controls["tick"] >= start) & (track.controls["tick"] < stop)
            inside = track.controls[is_inside]
            inside["tick"] -= start
            before = channel_state(track.controls[track.controls["tick"] < start], tick=0)
            controls = np.concatenate([before, inside])
            return replace(track, notes=sort_notes(notes), controls=controls, texts=within(track.texts))

        def within(texts: tuple[Text, ...]) -> tuple[Text, ...]:
            return tuple(replace(t, tick=t.tick - start) for t in texts if start <= t.tick < stop)

        return replace(
            self,
            tracks=tuple(cut(track) for track in self.tracks),
            tempos=_between(self.tempos, start, stop),
            meters=_between(self.meters, start, stop),
            keys=_between(self.keys, start, stop),
            texts=within(self.texts),
        )

    @property
    def bars(self) -> Bars:
        """The bars, each a `Score`: `len(score.bars)`, `score.bars[0]`, `score.bars[4:8]`."""
        return Bars(self)

    def joined(self, *others: Score) -> Score:
        """Return this piece and `others`, one after another; `Score.joined(*parts)` joins a list.

        Each begins at the first bar line after the one before, with its own tempo and meter, and with controllers
        (pedals, bends, volume) reset. Tracks of one program, kind and name are joined. The ticks to a quarter become
        the least common multiple, or the largest if that is over 32767, and ticks are rounded. The title is the first
        non-empty one.
        """
        scores = [self, *others]
        common = math.lcm(*(score.ticks_per_quarter for score in scores))
        if common > MAX_TICKS_PER_QUARTER:
            common = max(score.ticks_per_quarter for score in scores)
        scores = [score.resampled(common) for score in scores]
        seams = [0, *itertools.accumulate(int(score.bars.edges[-1]) for score in scores[:-1])]
        tracks: dict[tuple[Any, ...], Track] = {}
        for score, seam in zip(scores, seams, strict=True):
            seen: Counter[tuple[Any, ...]] = Counter()
            for track in score.tracks:
                part = (track.program, track.is_drum, track.name)
                seen[part] += 1
                name = (*part, seen[part])
                tracks[name] = (
                    _appended(tracks[name], track, seam) if name in tracks else _shifted(track, seam)
                )
        texts = [
            replace(t, tick=t.tick + seam) for s, seam in zip(scores, seams, strict=True) for t in s.texts
        ]
        joined = Score(
            common,
            tuple(tracks.values()),
            tempos=_chained([s.tempos for s in scores], seams, Tempo(0, DEFAULT_MICROSECONDS_PER_QUARTER)),
            meters=_chained([s.meters for s in scores], seams, Meter(0, 4, 4)),
            keys=_chained([s.keys for s in scores], seams, None),
            texts=tuple(sorted(texts, key=lambda text: text.tick)),
            title=next((score.title for score in scores if score.title), ""),
            repairs=tuple(repair for score in scores for repair in score.repairs),
        )
        length = seams[-1] + int(scores[-1].bars.edges[-1])
        return _lasting(joined, length, _at(joined.meters, length))

    # --- to and from files and other libraries, imported on use ---

    def write(
        self, target: Target, format: str | None = None, **sound: Unpack[SoundSettings]
    ) -> tuple[str, ...]:
        """Write as by `ritornello.write`: `target` is a path or a binary file, `format` a suffix such as "mp3"."""
        from ritornello.rendering import write

        return write(self, target, format, **sound)

    def _repr_html_(self) -> str:
        from ritornello.rendering.notebook import score_html

        return score_html(self)

    def to_pretty_midi(self) -> Any:
        """Return a `pretty_midi.PrettyMIDI`. Notes without length last a tick: pretty_midi does not allow them."""
        from ritornello.interop import to_pretty_midi

        return to_pretty_midi(self)

    @staticmethod
    def from_pretty_midi(midi: Any) -> Score:
        """Return the score of a `pretty_midi.PrettyMIDI`."""
        from ritornello.interop import from_pretty_midi

        return from_pretty_midi(midi)

    def to_mido(self) -> Any:
        """Return a `mido.MidiFile`."""
        from ritornello.interop import to_mido

        return to_mido(self)

    @staticmethod
    def from_mido(midi: Any) -> Score:
        """Return the score of a `mido.MidiFile`."""
        from ritornello.interop import from_mido

        return from_mido(midi)

    def to_symusic(self) -> Any:
        """Return a `symusic.Score` in ticks."""
        from ritornello.interop import to_symusic

        return to_symusic(self)

    @staticmethod
    def from_symusic(score: Any) -> Score:
        """Return the score of a `symusic.Score` in ticks, quarters or seconds."""
        from ritornello.interop import from_symusic

        return from_symusic(score)

    def to_music21(self) -> Any:
        """Return a `music21.stream.Score`: notation, with times rounded to note values."""
        from ritornello.interop import to_music21

        return to_music21(self)

    @staticmethod
    def from_music21(stream: Any) -> Score:
        """Return the score of a music21 stream."""
        from ritornello.interop import from_music21

        return from_music21(stream)


class Bars:
    """The bars of a score, up to the end of its last note or its last meter change; at least one.

    `bars[4]` is the fifth bar and `bars[4:8]` the fifth to the eighth, each a score (`Score.excerpt`): a note belongs
    to the bar in which it begins, and is cut at the end of the last bar. Where the length does not follow from the
    notes (the result ends in silence, or a new meter shortens its last bar), a meter change marks the end.
    """

    def __init__(self, score: Score) -> None:
        self._score = score
        last_meter = score.meters[-1].tick if score.meters else 0
        last_onset = max((int(track.notes["start"].max(initial=0)) for track in score.tracks), default=0)
        stop = max(
            score.end, last_meter, last_onset + 1
        )  # a note without length at a bar line belongs to the next bar
        starts = score.bar_starts(stop)
        final = _at(score.meters, int(starts[-1])) or Meter(0, 4, 4)
        whole = int(starts[-1]) + final.bar_ticks(score.ticks_per_quarter)
        self.edges: NDArray[np.int64] = np.append(starts, stop if 0 < last_meter == stop else whole)
        """The tick of every bar line, including that after the last bar; shape (bars + 1,)."""

    def __len__(self) -> int:
        return len(self.edges) - 1

    def __iter__(self) -> Iterator[Score]:
        return (self[bar] for bar in range(len(self)))

    def __getitem__(self, bars: int | slice) -> Score:
        if isinstance(bars, slice):
            first, stop, step = bars.indices(len(self))
            if step != 1:
                raise ConfigError(f"bars {bars.start}:{bars.stop}:{bars.step}: allowed is a step of 1")
            stop = max(first, stop)
        else:
            first = range(len(self))[bars]  # negative ones too; IndexError where there is none
            stop = first + 1
        start, end = int(self.edges[first]), int(self.edges[stop])
        part = self._score.excerpt(start, end)
        return _lasting(part, end - start, _at(self._score.meters, end)) if first < stop else part


NEUTRAL = {
    (CONTROL_CHANGE, 1): 0,  # modulation
    (CONTROL_CHANGE, 7): 100,  # volume
    (CONTROL_CHANGE, 10): 64,  # pan
    (CONTROL_CHANGE, 11): 127,  # expression
    **{(CONTROL_CHANGE, pedal): 0 for pedal in range(64, 70)},
    (CHANNEL_PRESSURE, 0): 0,
    (PITCH_BEND, 0): 0,
}
"""The default values of controllers in General MIDI, by kind and number."""

RESET_CONTROLLERS = 121
DATA_ENTRY, DATA_ENTRY_FINE, DATA_INCREMENT, DATA_DECREMENT = 6, 38, 96, 97
NULL = 127  # in both selectors: no parameter is selected
_SELECTORS = {98: (99, 98), 99: (99, 98), 100: (101, 100), 101: (101, 100)}
PARAMETER_CONTROLLERS = (DATA_ENTRY, DATA_ENTRY_FINE, DATA_INCREMENT, DATA_DECREMENT, *_SELECTORS)
DEFAULT_BEND_RANGE = ((101, 0), (100, 0), (DATA_ENTRY, 2), (101, NULL), (100, NULL))
"""Controllers that set registered parameter 0, the range of a full pitch bend, to 2 semitones, its default."""

_MODES = 120  # from here on controllers are channel mode messages

RESET_VALUES = {
    **{(CONTROL_CHANGE, number): NEUTRAL[CONTROL_CHANGE, number] for number in (1, 11, 64, 65, 66, 67)},
    **{(CONTROL_CHANGE, number): NULL for number in _SELECTORS},
    (CHANNEL_PRESSURE, 0): 0,
    (PITCH_BEND, 0): 0,
}
"""What "reset all controllers" sets (RP-015); volume, pan, bank and parameters stay."""


def _lasting(score: Score, length: int, following: Meter | None) -> Score:
    """Return `score` with a meter change at its end, unless its bars are `length` ticks without one."""
    if score.bars.edges[-1] == length:
        return score
    return replace(score, meters=(*score.meters, replace(following or Meter(0, 4, 4), tick=length)))


def _at(events: Sequence[Event], tick: int) -> Event | None:
    """Return the event in force at `tick`."""
    return next((event for event in reversed(events) if event.tick <= tick), None)


def _between(events: Sequence[Event], start: int, stop: int) -> tuple[Event, ...]:
    """Return the event in force at tick `start`, and those after it up to `stop`; `start` becomes tick 0."""
    first = _at(events, start)
    in_force = () if first is None else (replace(first, tick=0),)
    return in_force + tuple(replace(e, tick=e.tick - start) for e in events if start < e.tick < stop)


def _pitches(track: Track) -> set[int]:
    """Return the pitches of the notes of a track and of its key pressures."""
    pressed = track.controls["number"][track.controls["kind"] == KEY_PRESSURE]
    return {*track.notes["pitch"].tolist(), *pressed.tolist()}


def with_resets(controls: Controls) -> Controls:
    """Return `controls` with every "reset all controllers" (121) replaced by the values that it sets (RP-015)."""
    at = np.flatnonzero((controls["kind"] == CONTROL_CHANGE) & (controls["number"] == RESET_CONTROLLERS))
    if not len(at):
        return controls
    resets = np.array([(0, kind, number, value) for (kind, number), value in RESET_VALUES.items()], CONTROL)
    rows = np.tile(resets, len(at))
    rows["tick"] = np.repeat(controls["tick"][at], len(resets))
    return np.asarray(
        np.delete(
            np.insert(controls, np.repeat(at, len(resets)), rows), at + (np.arange(len(at)) + 1) * len(resets)
        )
    )


def channel_state(controls: Controls, tick: int) -> Controls:
    """Return, as controls at `tick`, what `controls` leave set: the last value of each controller and parameter.

    Key pressures and channel mode messages, which pass, are left out.
    """
    controls = with_resets(controls)
    is_change = controls["kind"] == CONTROL_CHANGE
    is_parameter = is_change & np.isin(controls["number"], PARAMETER_CONTROLLERS)
    lasts = ~is_parameter & (controls["kind"] != KEY_PRESSURE) & ~(is_change & (controls["number"] >= _MODES))
    others = controls[lasts]
    names = others["kind"].astype(np.int64) * 128 + others["number"]
    _, from_end = np.unique(names[::-1], return_index=True)
    result = np.concatenate(
        [others[np.sort(len(others) - 1 - from_end)], _parameters_in_force(controls[is_parameter])]
    )
    result["tick"] = tick
    return np.asarray(result)


def _parameters_in_force(controls: Controls) -> Controls:
    """Return controls that set again every registered and other parameter, such as the bend range, and select the last.

    A parameter is selected by two controllers; those for its value follow (MIDI 1.0, 4.2.1).
    """
    selected: dict[int, int] = {}
    values: dict[tuple[tuple[int, int], ...], dict[int, int]] = {}
    for number, value in zip(controls["number"].tolist(), controls["value"].tolist(), strict=True):
        if number in _SELECTORS:
            pair = _SELECTORS[number]
            selected = {n: selected.get(n, NULL) for n in pair} | {number: value}
        elif any(value != NULL for value in selected.values()):
            data = values.setdefault(tuple(selected.items()), {})
            if number in (DATA_ENTRY, DATA_ENTRY_FINE):
                data[number] = value
            else:
                step = 1 if number == DATA_INCREMENT else -1
                data[DATA_ENTRY] = min(max(data.get(DATA_ENTRY, 0) + step, 0), 127)
    rows = [row for pair, data in values.items() for row in (*pair, *sorted(data.items()))]
    return make_controls((0, CONTROL_CHANGE, number, value) for number, value in (*rows, *selected.items()))


def _shifted(track: Track, ticks: int) -> Track:
    notes, controls = track.notes.copy(), track.controls.copy()
    notes["start"] += ticks
    controls["tick"] += ticks
    texts = tuple(replace(text, tick=text.tick + ticks) for text in track.texts)
    return replace(track, notes=notes, controls=controls, texts=texts)


def _appended(before: Track, track: Track, seam: int) -> Track:
    """Return `before` followed by `track` from tick `seam` on, with controllers reset to what `track` assumes."""
    after = _shifted(track, seam)
    is_first = after.controls["tick"] == seam
    own = Counter((kind, number) for _, kind, number, _ in after.controls[is_first].tolist())
    left = before.controls[before.controls["tick"] < seam]
    in_force = {(kind, number): value for _, kind, number, value in channel_state(left, seam).tolist()}
    resets = [
        (seam, *name, NEUTRAL[name])
        for name, value in in_force.items()
        if name not in own and NEUTRAL.get(name, value) != value
    ]
    if (CONTROL_CHANGE, DATA_ENTRY) in in_force and (CONTROL_CHANGE, DATA_ENTRY) not in own:
        resets += [(seam, CONTROL_CHANGE, number, value) for number, value in DEFAULT_BEND_RANGE]
    is_change = [
        tick > seam
        or own[kind, number] > 1
        or number in PARAMETER_CONTROLLERS
        or in_force.get((kind, number)) != value
        for tick, kind, number, value in after.controls.tolist()
    ]
    return replace(
        before,
        notes=sort_notes(np.concatenate([before.notes, after.notes])),
        controls=np.concatenate(
            [left, make_controls(resets), after.controls[np.array(is_change, dtype=bool)]]
        ),
        texts=before.texts + after.texts,
    )


def _chained(
    parts: Sequence[tuple[Event, ...]], seams: Sequence[int], default: Event | None
) -> tuple[Event, ...]:
    """Return the events of consecutive parts; a part without an event at its start gets the default there."""
    result = list(parts[0])
    for events, seam in zip(parts[1:], seams[1:], strict=True):
        ends_bar = any(
            event.tick == seam for event in result
        )  # a meter; then the next event is kept in any case
        result = [event for event in result if event.tick < seam]
        own = [replace(event, tick=event.tick + seam) for event in events]
        if default and not (own and own[0].tick == seam):
            own.insert(0, replace(default, tick=seam))
        in_force = result[-1] if result else default
        if own and in_force and own[0] == replace(in_force, tick=own[0].tick) and not ends_bar:
            del own[0]
        result += own
    return tuple(result)


def _tempo_table(
    score: Score, ticks_per_quarter: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the ticks of the tempo changes, the seconds there, and the seconds per tick from there on."""
    tempos = score.tempos
    if not tempos or tempos[0].tick > 0:
        tempos = (Tempo(0, DEFAULT_MICROSECONDS_PER_QUARTER), *tempos)
    ticks = np.array([tempo.tick for tempo in tempos])
    ticks = rescaled(ticks, score.ticks_per_quarter, ticks_per_quarter).astype(np.float64)
    micros = np.array([tempo.microseconds_per_quarter for tempo in tempos], dtype=np.float64)
    seconds_per_tick = micros / 1e6 / ticks_per_quarter
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(ticks) * seconds_per_tick[:-1])])
    return ticks, seconds, seconds_per_tick


def ticks_to_seconds(
    score: Score, ticks: ArrayLike, ticks_per_quarter: int | None = None
) -> NDArray[np.float64]:
    """Return the seconds from the start of `score` at `ticks` (any shape), by its tempo map.

    `ticks_per_quarter`: of `ticks`, if it is not that of the score. Tempos then change at such ticks, too.
    """
    ticks = np.asarray(ticks, dtype=np.float64)
    at, seconds, seconds_per_tick = _tempo_table(score, ticks_per_quarter or score.ticks_per_quarter)
    i = np.searchsorted(at, ticks, side="right") - 1
    i = np.maximum(i, 0)
    return np.asarray(seconds[i] + (ticks - at[i]) * seconds_per_tick[i])


def seconds_to_ticks(score: Score, seconds: ArrayLike) -> NDArray[np.int64]:
    """Return the nearest tick at `seconds` (any shape) from the start of `score`, by its tempo map."""
    seconds = np.asarray(seconds, dtype=np.float64)
    at, starts, seconds_per_tick = _tempo_table(score, score.ticks_per_quarter)
    i = np.maximum(np.searchsorted(starts, seconds, side="right") - 1, 0)
    return np.rint(at[i] + (seconds - starts[i]) / seconds_per_tick[i]).astype(np.int64)
