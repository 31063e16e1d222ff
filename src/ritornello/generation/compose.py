"""Composing: from a bundle and a few wishes to pieces that end.

All pieces of a call are stepped in one batch. Each has its own cursor (the grammar, which leads to an end), its
own constraints and its own generator of random numbers, so piece `index` of a seed is the same in every batch;
rows that have ended leave the batch.

Read in order: `config` (what can be asked), here `Composition` (what comes out), `compose`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from ritornello.bundle import Bundle
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.formats.text import is_prose
from ritornello.generation.beam import search
from ritornello.generation.config import DEFAULT_BARS, ComposeConfig
from ritornello.generation.constraints import Constraint, allowed_ids
from ritornello.generation.control import MakeConstraints, make_rules
from ritornello.generation.copying import SHORT_COPY
from ritornello.generation.recipe import make_recipe
from ritornello.generation.samplers import make_generators, make_sampler
from ritornello.generation.stepper import Logits, State, Stepper, repeat_state, take_rows
from ritornello.generation.wishes import check_prose_suffix, check_wishes, settle_faithful
from ritornello.originality import Copies, copies
from ritornello.representations.base import Cursor, Ids, Plan, Representation, mapped, suit
from ritornello.score import Score, Tempo

BARS_AFTER_PRIMER = 16  # at least, where no length is asked for
LONGEST_PRIMER = 10_000  # in quarters
DEFAULT_TEMPO = 120.0  # where seconds are asked for and no tempo
DEFAULT_METER = (4, 4)
IDS_PER_BAR = 512  # a piece that needs more on the average is brought to its end

Progress = Callable[[int, int], None]
"""Called after each step with the number of pieces that have ended, and of the ids chosen so far."""


@dataclass(frozen=True)
class Composition:
    """A composed piece and how it came about.

    `settings` with `seed` and `index` make it again with the model of this `digest` (and the primer, if there was
    one). `log_likelihood` is the mean over its notes, in nats, of what the model thought of its own choices, the
    primer's not counted; `relaxed` counts the steps at which a constraint had to give way to the grammar; `remarks`
    say what of the primer the model does not know, and what stands for it. `find_copies` does what `copies` says.
    """

    score: Score
    ids: Ids = field(repr=False)
    settings: ComposeConfig
    seed: int
    index: int
    model: str
    digest: str
    log_likelihood: float
    relaxed: int
    remarks: tuple[str, ...] = ()
    find_copies: Callable[[], Copies | None] = field(default=lambda: None, repr=False, compare=False)

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def copies(self) -> Copies | None:
        """What it shares with the music that the model learned from, notes of the primer not counted; looked for when
        first asked.

        None if the bundle holds no index of that music.
        """
        return self.find_copies()

    @property
    def bars(self) -> int:
        """How many bars it has, up to the one in which the last note begins."""
        last = max((int(track.notes["start"].max(initial=0)) for track in self.score.tracks), default=0)
        return len(self.score.bar_starts(last + 1))

    def write(self, path: Path | str) -> Path:
        """Write the piece as whatever the suffix of `path` asks for (.mid, .wav, .png, ...); return the path.

        Prose is written as .txt only; another suffix is a ConfigError.
        """
        from ritornello.rendering import write

        if is_prose(self.score):
            check_prose_suffix(Path(path))
        write(self.score, Path(path))
        return Path(path)


def compose(
    bundle: Bundle,
    config: ComposeConfig | None = None,
    primer: Score | None = None,
    progress: Progress | None = None,
    stepper: Stepper | None = None,
) -> list[Composition]:
    """Compose `config.count` pieces that begin with `primer` (default: with nothing); every one ends.

    `stepper` may be given to save building it again. Wishes that contradict each other are a ConfigError.
    """
    config = config or checked(ComposeConfig, {})
    seed = secrets.randbits(32) if config.seed is None else config.seed
    stepper = stepper or Stepper(bundle, precision=config.precision)
    wishes = Plan(None, config.tempo, config.meter_pair, config.programs)
    representation = suit(bundle.representation, primer, wishes)
    config = settle_faithful(representation, config)
    beginning = _begin(representation, config, primer)
    rules = make_rules(bundle, representation, config)
    first, batch = config.index * config.best_of, config.count * config.best_of
    indices = range(first, first + batch)
    pieces = [
        _Piece(representation, config, beginning, rules, index, generator)
        for index, generator in zip(indices, make_generators(seed, indices), strict=True)
    ]
    logits, state = stepper.read(representation.inputs(beginning.ids))
    if config.searches:
        sample = make_sampler(config)
        pieces = [search(stepper, config, sample, piece, (logits, state)) for piece in pieces]
    else:
        _play(stepper, config, pieces, (logits.repeat(batch, axis=0), repeat_state(state, batch)), progress)
    settings = config.model_copy(update={"seed": seed})
    made = [_finish(bundle, settings, piece, primer) for piece in pieces]
    return [best(made[at : at + config.best_of]) for at in range(0, batch, config.best_of)]


def best(candidates: Sequence[Composition]) -> Composition:
    """Return the best: those that kept every constraint first; then those that copy least, where copies up to
    SHORT_COPY notes are alike; then the most probable by its notes."""

    def badness(made: Composition) -> tuple[bool, int, float]:
        copied = made.copies.moved.notes if made.copies and made.copies.moved else 0
        return made.relaxed > 0, max(0, copied - SHORT_COPY), -made.log_likelihood

    return min(candidates, key=badness)


# --- before the first step ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Beginning:
    """What all pieces of a call share: the plan, the ids already given, and how many ids are too many."""

    plan: Plan
    ids: Ids
    id_limit: int


def _begin(representation: Representation, config: ComposeConfig, primer: Score | None) -> _Beginning:
    check_wishes(representation, config, primer)
    plan = Plan(None, config.tempo, config.meter_pair, config.programs, config.chord_bars)
    plan = replace(plan, density=config.density, pitch_classes=config.pitch_classes)
    ids = np.array([representation.start_id], dtype=np.int32)
    given_bars = given_notes = 0
    if primer is not None:
        plan = _suit_primer(plan, config, primer)
        given = _follow(representation.cursor(plan), representation.primer(primer, plan))
        given_bars, given_notes = given.place[0] + 1, given.notes
    if config.notes is not None and config.notes <= given_notes:
        raise ConfigError(f"notes {config.notes}: the primer alone has {given_notes}")
    plan = _plan_length(plan, config, given_bars)
    if config.harmonise:
        plan = replace(plan, given=primer)
    elif primer is not None:
        ids = representation.primer(primer, plan)
    return _Beginning(plan, ids, len(ids) + IDS_PER_BAR * (4 + (plan.bars or DEFAULT_BARS)))


def _suit_primer(plan: Plan, config: ComposeConfig, primer: Score) -> Plan:
    """Return the plan with the primer's tempo and meter, as far as a length in seconds needs them."""
    if (quarters := primer.end // primer.ticks_per_quarter) > LONGEST_PRIMER:
        raise ConfigError(f"the primer is {quarters} quarters long, allowed are {LONGEST_PRIMER}")
    meters = {(m.numerator, m.denominator) for m in primer.meters} or {DEFAULT_METER}
    if plan.meter and meters != {plan.meter}:
        names = ", ".join(f"{numerator}/{denominator}" for numerator, denominator in sorted(meters))
        raise ConfigError(f"meter {config.meter} contradicts the primer, which is in {names}")
    if config.seconds is None:
        return plan
    meter = next(((m.numerator, m.denominator) for m in reversed(primer.meters)), DEFAULT_METER)
    tempo = next((t.quarters_per_minute for t in reversed(primer.tempos)), DEFAULT_TEMPO)
    return replace(plan, meter=meter, quarters_per_minute=plan.quarters_per_minute or tempo)


def _plan_length(plan: Plan, config: ComposeConfig, given_bars: int) -> Plan:
    """Return the plan with the length in bars; where seconds are asked for, with the tempo and meter they need."""
    if config.seconds is not None:
        meter = plan.meter or DEFAULT_METER
        tempo = plan.quarters_per_minute or DEFAULT_TEMPO
        bars = max(1, round(config.seconds * tempo / 60 * meter[1] / 4 / meter[0]))
        plan = replace(plan, meter=meter, quarters_per_minute=tempo)
        asked = f"seconds {config.seconds:g}, about {bars} bars"
    elif config.notes is not None:
        bars = given_bars + DEFAULT_BARS + config.notes // 2  # ample: the notes decide
        asked = f"notes {config.notes}"
    else:
        default = len(plan.chords) if plan.chords else DEFAULT_BARS
        after = max(default, given_bars and given_bars + BARS_AFTER_PRIMER)
        bars = config.bars or (given_bars if config.harmonise else after)
        asked = f"bars {bars}"
    if bars < given_bars:
        raise ConfigError(f"{asked}: the primer alone has {given_bars} bars")
    return replace(plan, bars=bars)


def _follow(cursor: Cursor, ids: Ids) -> Cursor:
    for token in ids.tolist():
        cursor.push(token)
    return cursor


# --- step by step ---------------------------------------------------------------------------------------------


class _Piece:
    """A piece while it is composed."""

    def __init__(
        self,
        representation: Representation,
        config: ComposeConfig,
        beginning: _Beginning,
        rules: MakeConstraints,
        index: int,
        generator: np.random.Generator,
    ) -> None:
        self.representation, self.index, self.generator = representation, index, generator
        self.cursor = representation.cursor(beginning.plan)
        self.constraints: list[Constraint] = rules()
        self.ids: list[int] = []
        for token in beginning.ids.tolist():
            self.push(token)
        self.log_probability, self.relaxed = 0.0, 0
        self.notes_given = self.cursor.notes
        self.quarters_given = self.cursor.quarters if self.notes_given else -1.0
        self._notes_wanted = config.notes
        self._id_limit, self._end_id = beginning.id_limit, representation.end_id

    def fork(self) -> _Piece:
        """Return a copy that goes its own way; the generator is shared."""
        other = copy(self)
        other.cursor, other.ids = self.cursor.fork(), list(self.ids)
        other.constraints = deepcopy(self.constraints, {id(self.representation): self.representation})
        return other

    def push(self, token: int) -> None:
        """Add an id."""
        self.ids.append(token)
        self.cursor.push(token)
        for constraint in self.constraints:
            constraint.observe(self.cursor)

    def allowed(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return the mask of the ids that may come next."""
        mask, dropped = allowed_ids(self.cursor, self.constraints)
        self.relaxed += dropped
        return mask

    def take(self, token: int, log_probability: float) -> None:
        """Add the id that was chosen, or the end if the piece has all its notes or far too many ids."""
        if self._is_full(token) or len(self.ids) > 2 * self._id_limit:
            token = self._end_id
        else:
            self.log_probability += log_probability
        self.push(token)
        if self._has_all_notes() or len(self.ids) == self._id_limit:
            self.cursor.close()

    def _has_all_notes(self) -> bool:
        return self._notes_wanted is not None and self.cursor.notes >= self._notes_wanted

    def _is_full(self, token: int) -> bool:
        """Whether the piece has all its notes, and `token` would go on instead of shaping the last of them."""
        if not self._has_all_notes():
            return False
        after = self.cursor.fork()
        after.push(token)
        return after.notes > self.cursor.notes or after.place != self.cursor.place


def _play(
    stepper: Stepper,
    config: ComposeConfig,
    pieces: list[_Piece],
    after: tuple[Logits, State],
    progress: Progress | None,
) -> None:
    """Step until all pieces have ended; `after` is what the stepper gave after the ids that they begin with."""
    sample = make_sampler(config)
    playing, (logits, state) = pieces, after
    chosen = 0
    while playing:
        masks = np.stack([piece.allowed() for piece in playing])
        ids, log_probabilities = sample(logits, masks, [piece.generator for piece in playing])
        log_probabilities[masks.sum(axis=1) == 1] = 0.0  # no choice
        for piece, token, log_probability in zip(
            playing, ids.tolist(), log_probabilities.tolist(), strict=True
        ):
            piece.take(token, log_probability)
        chosen += len(playing)
        rows = [row for row, piece in enumerate(playing) if not piece.cursor.ended]
        if len(rows) < len(playing):
            playing, state = [playing[row] for row in rows], take_rows(state, rows)
        if progress:
            progress(len(pieces) - len(playing), chosen)
        if playing:
            logits, state = stepper.step([piece.cursor.columns for piece in playing], state)


# --- after the last step --------------------------------------------------------------------------------------


def _finish(bundle: Bundle, settings: ComposeConfig, piece: _Piece, primer: Score | None) -> Composition:
    """Return the finished piece, with the text that tells how to make it again."""
    ids = np.array(piece.ids, dtype=np.int32)
    score = _with_tempo(piece.representation.decode(ids), settings, primer)
    if not is_prose(score):
        given = None if primer is None else hashlib.sha256(primer.all_notes().tobytes()).hexdigest()[:16]
        number = piece.index // settings.best_of
        recipe = make_recipe(bundle, settings.seed or 0, settings, index=number, primer=given)
        score = replace(score, texts=(recipe, *score.texts))
    new_notes = max(1, piece.cursor.notes - piece.notes_given)
    return Composition(
        score=replace(score, title=_title(bundle, settings, piece)),
        ids=ids,
        settings=settings,
        seed=settings.seed or 0,
        index=piece.index // settings.best_of,
        model=bundle.card.name,
        digest=bundle.digest,
        log_likelihood=piece.log_probability / new_notes,
        relaxed=piece.relaxed,
        remarks=mapped(bundle.representation, primer) if primer is not None else (),
        find_copies=partial(_find_copies, bundle, ids, piece.quarters_given),
    )


def _find_copies(bundle: Bundle, ids: Ids, quarters_given: float) -> Copies | None:
    if bundle.index is None:
        return None
    score = bundle.representation.decode(ids)
    return copies(bundle.index, score, since=int(quarters_given * score.ticks_per_quarter))


def _with_tempo(score: Score, settings: ComposeConfig, primer: Score | None) -> Score:
    """Return a score whose scheme knows no tempo with the one asked for, or else with the primer's."""
    asked = (Tempo.from_quarters_per_minute(0, settings.tempo),) if settings.tempo else ()
    given = tuple(replace(tempo, tick=0) for tempo in primer.tempos[:1]) if primer else ()
    return score if score.tempos else replace(score, tempos=asked or given)


def _title(bundle: Bundle, settings: ComposeConfig, piece: _Piece) -> str:
    """Return a name to tell pieces apart by: the model's, the seed, and the number if there are several."""
    index = piece.index // settings.best_of
    number = f", no. {index + 1}" if settings.count > 1 or index else ""
    return f"{bundle.card.name.capitalize()} {settings.seed}{number}"
