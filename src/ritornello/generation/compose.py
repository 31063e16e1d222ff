"""Composing: from a bundle and settings to pieces, by constrained decoding.

All pieces of a call are stepped in one batch; rows that have ended leave it. Each piece has its own grammar state,
constraint states and random generator, so piece `index` of a seed is the same in every batch.

Read in order: `config` (the settings), here `Composition` (the result) and `compose`; then `prepare` (what all pieces
of a call share), `piece` (one while it is composed), `decoder`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar, Unpack

import numpy as np

from ritornello.bundle import Bundle, shortcoming
from ritornello.config import DEFAULT_BARS, checked
from ritornello.expression.config import DEFAULT_AMOUNT, performed
from ritornello.formats.text import is_prose
from ritornello.generation.asked import missed, written
from ritornello.generation.beam import search
from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints import Constraint, Context, start_constraints
from ritornello.generation.constraints.fixed_notes import with_loop_markers
from ritornello.generation.constraints.originality import SHORT_COPY, longest_copy
from ritornello.generation.decoder import LogitsProcessor
from ritornello.generation.given import merge_given
from ritornello.generation.heard import hear
from ritornello.generation.piece import Piece
from ritornello.generation.prepare import begin
from ritornello.generation.recipe import make_recipe
from ritornello.generation.samplers import Sampler, make_generators, make_sampler, with_sampling
from ritornello.generation.stepper import Logits, State, Stepper, repeat_state, take_rows
from ritornello.generation.support import (
    check_prose_suffix,
    check_supported,
    remarks,
    settle_cadence,
    settle_candidates,
    settle_faithful,
    settle_form,
    settle_instruments,
    suited,
    told,
    with_opening,
)
from ritornello.generation.title import make_title
from ritornello.originality import Copies, copies
from ritornello.paths import Target, path_like
from ritornello.representations.base import Ids, Representation
from ritornello.score import Score
from ritornello.settings import SoundSettings
from ritornello.structure import LAGS, Worth
from ritornello.theory import instrument_name

Progress = Callable[[int, int], None]
"""Called after each step with the number of pieces that have ended, and of the ids chosen so far."""


class Draft(NamedTuple):
    """What is composed so far: `done` bars of about `of`, and the piece up to there.

    score: None if no note is new since the last one; and always while several candidates or pieces are composed, of
    which one cannot tell which will be kept, or where later ids change notes (`Representation.decodes_by_bar`).
    """

    done: int
    of: int
    score: Callable[[], Score] | None


Place = TypeVar("Place", bound=Target)

FEWEST_FOR_GROUPS = 16
"""With fewer pieces, two groups of half as many take more time in the network than is gained."""


@dataclass(frozen=True)
class Composition:
    """A composed piece and how it was made.

    `settings` with `seed` and `index` make it again with the model of this `digest` (and the primer, if there was
    one). log_likelihood: mean over its notes, in nats, of the log-probability of the chosen ids; the primer's do not
    count. fixed_log_likelihood: the same over the fixed notes that follow chosen ones, 0 if there are none.
    continuation_score: how well the piece leads on to these (`Piece.continuation_score`). worth: how like the pieces
    learned from it is (`worth`), for one of several candidates of a whole piece. relaxed_constraints: the
    constraints that gave way to the grammar or to more important ones, and at how many steps. told: the settings that
    the model was told and that nothing enforces. missed: the settings that the score does not keep, with what it has
    instead; only `faithful` and `entrances` off lead to that. remarks: what of the primer and of the instruments the
    model does not know, and what stands for it. given: the primer. find_copies: computes `copies`.
    """

    score: Score
    ids: Ids = field(repr=False)
    settings: ComposeConfig
    seed: int
    index: int
    model: str
    digest: str
    log_likelihood: float
    constraints: tuple[str, ...] = ()
    relaxed_constraints: Mapping[str, int] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    missed: Mapping[str, str] = field(default_factory=dict)
    fixed_log_likelihood: float = 0.0
    continuation_score: float | None = None
    worth: float | None = None
    remarks: tuple[str, ...] = ()
    given: Score | None = field(default=None, repr=False, compare=False)
    find_copies: Callable[[], Copies | None] = field(default=lambda: None, repr=False, compare=False)

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def copies(self) -> Copies | None:
        """The longest runs of notes that it shares with the training music, without the primer; computed on first use.

        None if the bundle holds no index of that music.
        """
        return self.find_copies()

    @cached_property
    def performance(self) -> Score:
        """The piece as it is played: `score` with the velocities, timing and pedals of a performance (`perform`).

        By the settings `perform` and `swing`; with `faithful` only if they are given. Sound, MIDI and piano roll are
        written from it, notation from `score`.
        """
        amount = 0.0 if self.settings.faithful else DEFAULT_AMOUNT
        return performed(self.score, self.settings, amount, self.seed + self.index, self.given)

    @property
    def ranking(self) -> float:
        """The score of a candidate: how like real pieces it is, if that is known; else how well it leads on to fixed
        notes, if there are any, else how probable it is.

        Candidates are sampled from the model before it has read the fixed notes after them, so only these are left to
        weigh. By the probability of their own notes the most monotonous would win, such as parts in octaves.
        """
        if self.worth is not None:
            return self.worth
        return self.log_likelihood if self.continuation_score is None else self.continuation_score

    @property
    def relaxed_steps(self) -> int:
        """At how many steps a constraint gave way."""
        return sum(self.relaxed_constraints.values())

    @property
    def violated(self) -> tuple[str, ...]:
        """What was asked for and is not kept, constraints and other settings: none as a rule."""
        return (*(name for name in self.relaxed_constraints if name in self.constraints), *self.missed)

    @property
    def bars(self) -> int:
        """The number of bars, up to the one in which the last note begins."""
        last = max((int(track.notes["start"].max(initial=0)) for track in self.score.tracks), default=0)
        return len(self.score.bar_starts(last + 1))

    def facts(self) -> dict[str, Any]:
        """Return how it was made and what is known of it, as plain JSON; see `Composition`.

        `copies` is None if the model holds no index of its training music; `max_copy` is the longest that was allowed,
        0 for any.
        """
        score, found = self.score, self.copies
        return {
            "model": self.model,
            "digest": self.digest,
            "seed": self.seed,
            "index": self.index,
            "bars": self.bars,
            "notes": score.note_count,
            "instruments": [
                t.name or instrument_name(t.program, t.is_drum) for t in score.tracks if len(t.notes)
            ],
            "nats_per_note": round(-self.log_likelihood, 3),
            "nats_per_given_note": round(-self.fixed_log_likelihood, 3)
            if self.fixed_log_likelihood
            else None,
            "constraints": {
                "asked": self.constraints,
                "relaxed": dict(self.relaxed_constraints),
                "told": self.told,
                "missed": dict(self.missed),
            },
            "copies": found and found.facts(),
            "max_copy": longest_copy(self.settings),
            "remarks": self.remarks,
        }

    def write(self, target: Place, format: str | None = None, **sound: Unpack[SoundSettings]) -> Place:
        """Write the piece to a path or binary file object, and return that.

        Sound, MIDI and piano roll have it as it is played (`performance`), notation as it is written (`score`).

        `format` ("mid", "wav", "png", ...) defaults to the suffix; `sound` has the settings of sound
        files. Raises ConfigError for prose in any but .txt.
        """
        from ritornello.rendering import is_played, write

        path = path_like(target, format)
        if is_prose(self.score):
            check_prose_suffix(path)
        write(self.performance if is_played(path) else self.score, target, format, **sound)
        return target

    def _repr_html_(self) -> str:
        from ritornello.rendering.notebook import score_html

        facts = {"model": self.model, "seed": self.seed} | ({"number": self.index + 1} if self.index else {})
        asked = self.settings.model_dump(exclude={"seed", "index", "count"}, exclude_defaults=True)
        return score_html(self.performance, facts | asked)


def compose(
    bundle: Bundle,
    config: ComposeConfig | None = None,
    primer: Score | None = None,
    progress: Progress | None = None,
    stepper: Stepper | None = None,
    *,
    constraints: Sequence[Constraint] = (),
    logits_processors: Sequence[LogitsProcessor] = (),
    sampler: Sampler | None = None,
    listen: Callable[[Draft], None] | None = None,
) -> list[Composition]:
    """Return `config.count` pieces that begin with `primer`, if there is one; every one ends.

    `stepper` saves building it again. `constraints` hold besides those of `CONSTRAINTS`; `logits_processors` change
    the logits before they are masked and sampled; `sampler` replaces that of `config`. `progress` is called after each
    step, `listen` whenever another bar is done. Raises ConfigError for settings that contradict each other.
    """
    config = config or checked(ComposeConfig, {})
    check_supported(bundle.representation, config, primer)
    config = settle_cadence(config)
    config = config if config.faithful else with_sampling(config, bundle.card.sampling)
    seed = secrets.randbits(32) if config.seed is None else config.seed
    config = settle_faithful(bundle.representation, config)
    config = settle_instruments(bundle.representation, config).model_copy(update={"seed": seed})
    digest = None if primer is None else hashlib.sha256(primer.all_notes().tobytes()).hexdigest()[:16]
    representation, given = suited(bundle.representation, config, primer)
    primer = given if given is None or is_prose(given) else hear(bundle.representation, given)
    stepper = stepper or Stepper(bundle, precision=config.precision)
    context = Context(representation, config, primer, bundle.index, str(bundle.path))
    states = start_constraints(context, constraints)
    beginning = begin(representation, config, primer, seed)
    bars = beginning.conditions.bars or 0
    config = settle_candidates(bundle, config, primer, bars)
    candidates, numbers = config.best_of or 1, range(config.index, config.index + config.count)
    own = [config.model_copy(update={"index": number}) for number in numbers]
    drawn = [settle_form(bundle, each, primer, beginning, seed) for each in own]
    opened = [(each, with_opening(representation, each, primer, begun, seed)) for each, begun in drawn]
    settled = [each for each in opened for _ in range(candidates)]
    indices = range(numbers.start * candidates, numbers.stop * candidates)
    pieces = [
        Piece(representation, each, begun, states, index, generator, logits_processors)
        for (each, begun), index, generator in zip(
            settled, indices, make_generators(seed, indices), strict=True
        )
    ]
    logits, state = stepper.read(representation.inputs(beginning.ids))
    sample = sampler or make_sampler(config)
    if config.searches:
        pieces = [search(stepper, config, sample, piece, (logits, state)) for piece in pieces]
    else:
        after_step = None if listen is None else _Listening(listen, settled[0][0], pieces, given).after_step
        _step_all(stepper, sample, pieces, (logits, state), progress, after_step)
    is_ranked = candidates > 1 and bundle.structure is not None and not (config.keeps_primer or config.loop)
    is_long = bars >= LAGS[-1]  # of a shorter piece little is known
    worth = bundle.structure.worth(bars) if is_ranked and is_long and bundle.structure else None
    made = [
        _finish(bundle, each, piece, given, digest, worth)
        for (each, _), piece in zip(settled, pieces, strict=True)
    ]
    return [best(made[at : at + candidates]) for at in range(0, len(made), candidates)]


def best(candidates: Sequence[Composition]) -> Composition:
    """Return the best candidate: first by whether all that was asked is kept, then by the notes that it copies beyond
    those allowed, or SHORT_COPY if any number is, then by `ranking`."""
    if len(candidates) == 1:
        return candidates[0]  # without a search for copies

    def badness(made: Composition) -> tuple[bool, int, float]:
        copied = made.copies.moved.notes if made.copies and made.copies.moved else 0
        allowed = longest_copy(made.settings) or SHORT_COPY
        return bool(made.violated), max(0, copied - allowed), -made.ranking

    return min(candidates, key=badness)


# --- step by step ---------------------------------------------------------------------------------------------


@dataclass
class _Group:
    """Pieces that are stepped in one batch, while they are composed."""

    playing: list[Piece]
    sample: Sampler
    state: State = ()

    def choose(self, logits: Logits, state: State) -> None:
        """Choose the next id of all pieces, given the output of the network, and leave out those that have ended."""
        playing, masks = self.playing, np.empty(logits.shape, dtype=bool)
        for piece, row in zip(playing, masks, strict=True):
            piece.mask(row)
        adjusted = [row for row, piece in enumerate(playing) if piece.adjusts_logits]
        if adjusted:
            logits = logits.copy()
            logits[adjusted] = [playing[row].process(logits[row]) for row in adjusted]
        ids, log_probabilities = self.sample(logits, masks, [piece.generator for piece in playing])
        taken = zip(playing, ids.tolist(), log_probabilities.tolist(), strict=True)
        for piece, token, log_probability in taken:
            piece.take(token, log_probability)
        rows = [row for row, piece in enumerate(playing) if not piece.grammar.ended]
        if len(rows) < len(playing):
            self.playing, state = [playing[row] for row in rows], take_rows(state, rows)
        self.state = state

    def start(self, stepper: Stepper, beside: bool) -> Callable[[], tuple[Logits, State]]:
        """Return a function that returns the output of the next step, which is begun now if it runs `beside`."""
        columns = [piece.grammar.columns for piece in self.playing]
        return stepper.start(columns, self.state) if beside else partial(stepper.step, columns, self.state)


def _has_two_processors() -> bool:
    from ritornello.corpus.pool import processor_count  # imports what one piece does not need

    return processor_count() > 1


def _step_all(
    stepper: Stepper,
    sample: Sampler,
    pieces: list[Piece],
    after: tuple[Logits, State],
    progress: Progress | None,
    after_step: Callable[[], None] | None = None,
) -> None:
    """Step until all pieces have ended; `after` is the stepper's output after the ids that they begin with, of one row.

    Many pieces are two groups, if the stepper has two threads and they have processors of their own: while the network
    reads one, the ids of the other are chosen. Rows of a batch are independent, so that changes no piece.
    """
    count = 2 if stepper.threads > 1 and len(pieces) >= FEWEST_FOR_GROUPS and _has_two_processors() else 1
    waiting: deque[tuple[_Group, Callable[[], tuple[Logits, State]]]] = deque()
    for number in range(count):
        group = _Group(pieces[number::count], sample)
        begun = after[0].repeat(len(group.playing), axis=0), repeat_state(after[1], len(group.playing))
        waiting.append((group, partial(lambda begun: begun, begun)))
    chosen, playing = 0, len(pieces)
    try:
        while waiting:
            group, finish = waiting.popleft()
            chosen, playing = chosen + len(group.playing), playing - len(group.playing)
            group.choose(*finish())
            playing += len(group.playing)
            if progress:
                progress(len(pieces) - playing, chosen)
            if after_step:
                after_step()
            if group.playing:
                waiting.append((group, group.start(stepper, beside=count > 1)))
    finally:  # nothing is stepped any longer when this returns or raises
        for _, finish in waiting if count > 1 else ():
            finish()


class _Listening:
    """Tells `listen` of the pieces of a call while they are composed."""

    def __init__(
        self,
        listen: Callable[[Draft], None],
        settings: ComposeConfig,
        pieces: Sequence[Piece],
        given: Score | None,
    ) -> None:
        self._listen, self._settings, self._pieces, self._given = listen, settings, pieces, given
        self._of = pieces[0].conditions.bars or DEFAULT_BARS
        self._done = self._notes = 0

    def after_step(self) -> None:
        playing = [piece.grammar.place[0] for piece in self._pieces if not piece.grammar.ended]
        if playing and (done := min(playing)) > self._done:
            self._done = done
            self._listen(Draft(done, max(done + 1, self._of), self._score()))

    def _score(self) -> Callable[[], Score] | None:
        piece, before = self._pieces[0], self._notes
        self._notes = piece.grammar.notes - piece.unchosen_notes
        is_final = len(self._pieces) == 1 and piece.representation.decodes_by_bar
        if not is_final or self._notes == before:
            return None
        return lambda: _score_of(piece, self._settings, self._given, piece.ids_so_far)


# --- after the last step --------------------------------------------------------------------------------------


def _score_of(piece: Piece, settings: ComposeConfig, given: Score | None, ids: Ids) -> Score:
    """Return the score of `ids` of a piece, with what was given."""
    score = piece.representation.decode(ids)
    if not piece.representation.reads_prose:
        if given is not None:
            score = merge_given(piece.representation, given, piece.beginning, ids, settings)
        score = written(score, piece.representation, settings, given, piece.beginning.bars)
    return score


def _finish(
    bundle: Bundle,
    settings: ComposeConfig,
    piece: Piece,
    given: Score | None,
    digest: str | None,
    worth: Worth | None,
) -> Composition:
    """Return the finished piece, with its recipe as a text event, and in that the digest of the primer as given."""
    ids, seed, number = piece.finished_ids, settings.seed or 0, settings.index
    score = _score_of(piece, settings, given, ids)
    is_music = not piece.representation.reads_prose
    bars = piece.beginning.bars
    if piece.beginning.loop_bars:
        score = with_loop_markers(score, piece.beginning.loop_bars)
    if is_music:
        recipe = make_recipe(bundle, seed, settings, index=number, primer=digest)
        score = replace(score, texts=(recipe, *score.texts))
    title = make_title(bundle.card, score, number + 1 if settings.count > 1 or number else None)
    chosen_notes = piece.grammar.notes - piece.unchosen_notes
    return Composition(
        score=replace(score, title=score.title or title),
        ids=ids,
        settings=settings,
        seed=seed,
        index=number,
        model=bundle.card.name,
        digest=bundle.digest,
        log_likelihood=piece.log_probability / max(1, chosen_notes),
        fixed_log_likelihood=piece.fixed_log_probability / max(1, piece.judged_notes),
        continuation_score=piece.continuation_score,
        worth=None if worth is None or not is_music else worth(score),
        constraints=tuple(state.name for state in piece.constraints if state.is_asked),
        relaxed_constraints=dict(piece.relaxed),
        told=told(piece.representation, settings),
        missed=missed(score, piece.representation, settings, given, bars) if is_music else {},
        remarks=_remarks(bundle, piece.representation, settings, given),
        given=given,
        find_copies=partial(_find_copies, bundle, ids, piece.primer_quarters),
    )


def _find_copies(bundle: Bundle, ids: Ids, primer_quarters: float) -> Copies | None:
    if bundle.index is None:
        return None
    score = bundle.representation.decode(ids)
    return copies(bundle.index, score, since=int(primer_quarters * score.ticks_per_quarter))


def _remarks(
    bundle: Bundle, suited: Representation, settings: ComposeConfig, given: Score | None
) -> tuple[str, ...]:
    """Return what the model does not hear as it is, what stands for it, and that the model is a poor one."""
    substitutions = remarks(bundle.representation, suited, settings, given)
    poor = shortcoming(bundle.card.held_out, bundle.representation.unit)
    return (*substitutions, *([f"{bundle.card.name}: {poor}"] if poor else []))
