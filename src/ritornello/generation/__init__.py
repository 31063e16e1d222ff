"""Composing with a bundle, without torch. In three lines:

    import ritornello
    piece = ritornello.load("songs").compose(bars=16, seed=1)
    piece.write("song.mid")

Read in order: `load` and `Model` here, then `compose`; below it `constraints`, `samplers`, `stepper`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ritornello.data import BUNDLES
from ritornello.errors import ConfigError, FileError, unknown_name
from ritornello.remote import is_address, local

if TYPE_CHECKING:
    from ritornello.bundle import Bundle
    from ritornello.generation.compose import Composition, Progress
    from ritornello.generation.constraints import Constraint
    from ritornello.generation.decoder import LogitsProcessor
    from ritornello.generation.samplers import Sampler
    from ritornello.generation.settings import StepPrecision
    from ritornello.generation.stepper import Stepper
    from ritornello.likelihood import Likelihood
    from ritornello.score import Score

__all__ = ["DEFAULT_MODEL", "Model", "find_bundle", "load", "shipped_bundles"]

DEFAULT_MODEL = "songs"


class Model:
    """A bundle that is ready to compose."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._steppers: dict[StepPrecision, Stepper] = {}

    def __repr__(self) -> str:
        return f"Model({self.bundle.card.name!r}, digest {self.bundle.digest})"

    @property
    def stepper(self) -> Stepper:
        """The stepping runtime in float32, built when it is first needed."""
        return self._stepper("float32")

    def _stepper(self, precision: StepPrecision) -> Stepper:
        from ritornello.generation.stepper import Stepper

        if precision not in self._steppers:
            self._steppers[precision] = Stepper(self.bundle, precision=precision)
        return self._steppers[precision]

    def compose(
        self,
        primer: Score | None = None,
        *,
        constraints: Sequence[Constraint] = (),
        logits_processors: Sequence[LogitsProcessor] = (),
        sampler: Sampler | None = None,
        **settings: Any,
    ) -> Composition:
        """Return one piece that begins with `primer`. `settings` are the fields of `ComposeConfig`; see
        `generation.compose.compose` for the rest."""
        if settings.get("count", 1) != 1:
            raise ConfigError(
                f"count {settings['count']}: compose makes one piece; compose_many makes several"
            )
        return self.compose_many(
            primer,
            constraints=constraints,
            logits_processors=logits_processors,
            sampler=sampler,
            **settings,
        )[0]

    def compose_many(
        self,
        primer: Score | None = None,
        progress: Progress | None = None,
        *,
        constraints: Sequence[Constraint] = (),
        logits_processors: Sequence[LogitsProcessor] = (),
        sampler: Sampler | None = None,
        **settings: Any,
    ) -> list[Composition]:
        """Return `count` pieces, stepped in one batch; see `compose`."""
        from ritornello.config import checked
        from ritornello.generation.compose import compose
        from ritornello.generation.config import ComposeConfig

        config = checked(ComposeConfig, settings)
        return compose(
            self.bundle,
            config,
            primer,
            progress,
            self._stepper(config.precision),
            constraints=constraints,
            logits_processors=logits_processors,
            sampler=sampler,
        )

    def likelihood(self, score: Score) -> Likelihood:
        """Return how probable the model finds `score`."""
        from ritornello.generation.likelihood import log_likelihood

        return log_likelihood(self.bundle, score, self.stepper)


def shipped_bundles() -> dict[str, Path]:
    """Return the bundles that come with the library: name -> file."""
    return {path.stem: path for path in sorted(BUNDLES.glob("*.rit"))}


def find_bundle(name_or_path: str | Path | None = None) -> Path:
    """Return the file of a shipped bundle's name (default: DEFAULT_MODEL), of a path to a bundle, or of its address."""
    text = DEFAULT_MODEL if name_or_path is None else str(name_or_path)
    if is_address(text):
        return local(text)
    shipped = shipped_bundles()
    if text in shipped:
        return shipped[text]
    path = Path(text)
    if text and path.exists():
        return path
    if path.suffix or len(path.parts) > 1:
        raise FileError(f"{path}: no such file")
    raise unknown_name("model", text, shipped)


def load(name_or_path: str | Path | None = None) -> Model:
    """Return a model by the name of a shipped bundle, or from a `.rit` file; the default is DEFAULT_MODEL."""
    from ritornello.bundle import load_bundle

    return Model(load_bundle(find_bundle(name_or_path)))
