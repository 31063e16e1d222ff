"""Composing with a bundle, without torch. In three lines:

    import ritornello
    piece = ritornello.load("songs").compose(bars=16, seed=1)
    piece.write("song.mid")

Read in order: `load` and `Model` here, then `compose`; below it `constraints`, `samplers`, `stepper`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from ritornello.data import BUNDLES
from ritornello.errors import ConfigError, FileError
from ritornello.hub import SCHEME, fetch
from ritornello.paths import Source, is_path, name_of
from ritornello.registry import Registry
from ritornello.remote import is_address, local
from ritornello.settings import ComposeSettings

if TYPE_CHECKING:
    from ritornello.bundle import Bundle
    from ritornello.generation.compose import Composition, Draft, Progress
    from ritornello.generation.constraints import Constraint
    from ritornello.generation.decoder import LogitsProcessor
    from ritornello.generation.next_notes import NextNotes
    from ritornello.generation.samplers import Sampler
    from ritornello.generation.settings import StepPrecision
    from ritornello.generation.stepper import Stepper
    from ritornello.generation.surprise import Surprise
    from ritornello.generation.temperatures import TemperatureSheet
    from ritornello.likelihood import Likelihood
    from ritornello.originality import Copies
    from ritornello.score import Score

__all__ = ["DEFAULT_MODEL", "MODELS", "Model", "find_bundle", "find_initial", "load", "shipped_bundles"]

DEFAULT_MODEL = "songs"
SAMPLE_BARS = 8


def _accept(name: str, value: Any) -> Path:
    """Return the file of a package's model, if it can be loaded. The package gives a path, or a function for it."""
    from ritornello.bundle import load_bundle

    path = Path(value() if callable(value) else value)
    load_bundle(path)
    return path


MODELS = Registry[Path](
    "model",
    group="ritornello.models",
    rows={path.stem: path for path in sorted(BUNDLES.glob("*.rit"))},
    accept=_accept,
)
"""The bundles that come with the library, and those of other packages: name -> file."""


class Model:
    """A bundle that is ready to compose."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._steppers: dict[StepPrecision, Stepper] = {}
        self._check: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"Model({self.bundle.card.name!r}, digest {self.bundle.digest})"

    @property
    def stepper(self) -> Stepper:
        """The stepping runtime, built when it is first needed."""
        return self._stepper("auto")

    def _stepper(self, precision: StepPrecision) -> Stepper:
        from ritornello.generation.stepper import Stepper

        if precision not in self._steppers:
            self._steppers[precision] = Stepper(self.bundle, 2, precision)
        stepper = self._steppers[precision]
        return stepper if self._check is None else stepper.watched(self._check)

    def watched(self, check: Callable[[], None]) -> Model:
        """Return this model with `check` called before each step of its network; it may raise an error, to end a call.

        What is loaded is shared.
        """
        other = copy(self)
        other._check = check
        return other

    def _repr_html_(self) -> str:
        from ritornello.rendering.notebook import model_html

        card = self.bundle.card
        facts = {
            "representation": card.representation.name,
            "network": f"{card.network.name} of {self.bundle.parameters:,} numbers",
            "digest": self.bundle.digest,
            "learned from": card.corpus.provenance,
            "licence": card.corpus.licence,
            "began from": "; ".join(f"{each.name}, {each.corpus.licence}" for each in card.derived_from),
        }
        return model_html(card.name, card.description, facts, lambda: self._sample)

    @cached_property
    def _sample(self) -> Score:
        """A short piece, for showing the model."""
        return self.compose(bars=SAMPLE_BARS, seed=1).score

    def compose(
        self,
        primer: Score | Source | None = None,
        *,
        constraints: Sequence[Constraint] = (),
        logits_processors: Sequence[LogitsProcessor] = (),
        sampler: Sampler | None = None,
        **settings: Unpack[ComposeSettings],
    ) -> Composition:
        """Return one piece that begins with `primer`: a score, or a path, bytes or file object of one.

        `constraints` of your own hold besides those that `settings` ask for. `logits_processors` take the ids so far
        and the logits of the next one, (vocabulary,), and return new logits, which are masked and sampled; `sampler`
        replaces that of the settings.

        Raises ConfigError for settings that are not allowed, contradict each other, or that this model has not.
        """
        if settings.get("count", 1) != 1:
            raise ConfigError(
                f"count {settings['count']}: compose makes one piece; compose_many makes several"
            )
        return self.compose_many(
            primer, constraints=constraints, logits_processors=logits_processors, sampler=sampler, **settings
        )[0]

    def compose_many(
        self,
        primer: Score | Source | None = None,
        progress: Progress | None = None,
        *,
        constraints: Sequence[Constraint] = (),
        logits_processors: Sequence[LogitsProcessor] = (),
        sampler: Sampler | None = None,
        listen: Callable[[Draft], None] | None = None,
        **settings: Unpack[ComposeSettings],
    ) -> list[Composition]:
        """Return `count` pieces, stepped in one batch; otherwise as `compose`.

        `progress` is called after each step, `listen` after each bar (see `Draft`).
        """
        from ritornello.config import checked
        from ritornello.formats import as_score
        from ritornello.generation.compose import compose
        from ritornello.generation.config import ComposeConfig

        config = checked(ComposeConfig, settings)
        return compose(
            self.bundle,
            config,
            None if primer is None else as_score(primer),
            progress,
            self._stepper(config.precision),
            constraints=constraints,
            logits_processors=logits_processors,
            sampler=sampler,
            listen=listen,
        )

    def compose_temperatures(
        self,
        temperatures: Sequence[float],
        primer: Score | Source | None = None,
        **settings: Unpack[ComposeSettings],
    ) -> TemperatureSheet:
        """Return a piece at each of 2 to 12 temperatures, all from one seed, as a sheet to compare; else as
        `compose`."""
        from ritornello.generation.temperatures import TemperatureSheet, checked_temperatures

        if "temperature" in settings:
            raise ConfigError("temperature: give it among the temperatures")
        found = checked_temperatures(temperatures)
        pieces: list[Composition] = []
        for each in found:
            pieces.append(self.compose(primer, **(settings | {"temperature": each})))
            settings["seed"] = pieces[0].seed
        nats = [judged.nats_per_note for judged in self.likelihoods(piece.score for piece in pieces)]
        return TemperatureSheet(found, tuple(pieces), tuple(nats))

    def likelihood(self, music: Score | Source) -> Likelihood:
        """Return how probable the model finds a score, or the score in a path, bytes or file object.

        Raises ConfigError if there are no notes.
        """
        [judged] = self.likelihoods([music])
        return judged

    def likelihoods(
        self, pieces: Iterable[Score | Source], progress: Callable[[int, int], None] | None = None
    ) -> Iterator[Likelihood]:
        """Yield the `likelihood` of each of many pieces, which are read in one batch, or a few if there are very many;
        `progress` is called with the numbers of examples of a batch that are read, and of all."""
        from ritornello.formats import as_score
        from ritornello.generation.likelihood import examples_of, grouped, judge_group

        representation = self.bundle.representation
        for group in grouped(examples_of(representation, as_score(each)) for each in pieces):
            for header, bars in judge_group(representation, self.stepper, group, progress):
                yield sum(bars, header)

    def likelihood_by_bar(self, music: Score | Source) -> tuple[Likelihood, list[Likelihood]]:
        """Return the likelihood of what stands before the first note of a score, such as tempo and instruments, and of
        each bar; their sum is that of `likelihood`.

        The end of a bar belongs to the bar. Where a score has several examples, such as melodies, the first bars of all
        are one, and so on.
        """
        from ritornello.formats import as_score
        from ritornello.generation.likelihood import examples_of, judge_group

        representation = self.bundle.representation
        [judged] = judge_group(representation, self.stepper, [examples_of(representation, as_score(music))])
        return judged

    def copies(self, music: Score | Source) -> Copies:
        """Return the longest runs of notes that a score shares with the training music of the model.

        Raises ConfigError if the model holds no index of that music.
        """
        from ritornello.formats import as_score
        from ritornello.originality import copies

        if self.bundle.index is None:
            name = self.bundle.card.name
            raise ConfigError(f"{name} holds no index of its training music to compare with")
        return copies(self.bundle.index, as_score(music))

    def surprise(self, music: Score | Source, progress: Callable[[int, int], None] | None = None) -> Surprise:
        """Return the surprise of each note of a score, or of the score in a path, bytes or file object, with what was
        expected instead. All together are the `likelihood` of the score; `progress` as in `likelihoods`."""
        from ritornello.formats import as_score
        from ritornello.generation.surprise import surprise

        return surprise(self.bundle, self.stepper, as_score(music), progress)

    def next_notes(self, music: Score | Source, at: str, *, tries: int = 512, seed: int = 0) -> NextNotes:
        """Return which notes are expected at a point of a score, such as "12:3" (bar and beat), given the music before
        it, with their probabilities: shares of `tries` continuations (16-4096)."""
        from ritornello.formats import as_score
        from ritornello.generation.next_notes import next_notes

        return next_notes(self.bundle, self.stepper, as_score(music), at, tries, seed)


def shipped_bundles() -> dict[str, Path]:
    """Return the bundles that come with the library, and with other installed packages: name -> file."""
    return MODELS.usable()


def find_bundle(name_or_path: str | Path | None = None) -> Path:
    """Return the file of a shipped bundle's name (default: DEFAULT_MODEL), of a path to a bundle, or of its address."""
    text = DEFAULT_MODEL if name_or_path is None else str(name_or_path)
    if text.startswith(SCHEME):
        return fetch(text)
    if is_address(text):
        return local(text)
    path = Path(text)
    if path.suffix and path.exists():  # mostly a .rit file
        return path
    if text in MODELS:
        return MODELS[text]
    if text and path.exists():
        return path
    if path.suffix or len(path.parts) > 1:
        raise FileError(f"{path}: no such file")
    return MODELS[text]


def find_initial(name_or_path: str | Path | None) -> Path | Literal["none"] | None:
    """Return the file of a model for training to begin from; "none" and None stay as they are, for `prepare`."""
    if name_or_path is None or name_or_path == "none":
        return name_or_path  # type: ignore[return-value]  # the literal
    return find_bundle(name_or_path)


def load(source: Source | None = None) -> Model:
    """Return a model by the name of a shipped bundle, or from a `.rit` file: its path, address, bytes or file object.

    An address is such as s3://bucket/mine.rit, or hf://user/model or hf://user/model@revision on the Hugging Face Hub.
    The default is DEFAULT_MODEL. Raises FileError if there is no such file, BundleError for one that is damaged, of
    another version, or no bundle.
    """
    from ritornello.bundle import load_bundle

    if source is None or is_path(source):
        source = find_bundle(None if source is None else name_of(source))
    return Model(load_bundle(source))
