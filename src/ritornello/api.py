"""The public functions: `compose`, `train`, `adapt` and `evaluate`, each one call.

Settings are keyword arguments that an editor completes (`settings`); the configuration models check them, so Python
and the command line refuse the same values in the same words. A model may be given as a `Model`, by the name of a
shipped one, or as a path, bytes or file object of a `.rit` file; music as a `Score`, or as a path, bytes or file
object of a file that `read` knows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar, Unpack, cast

from ritornello.config import checked
from ritornello.errors import CorpusError
from ritornello.formats import as_score, write
from ritornello.formats.text import is_prose
from ritornello.generation import Model, find_initial, load
from ritornello.paths import Source, is_path
from ritornello.score import Score
from ritornello.settings import AdaptSettings, ComposeSettings, EvaluateSettings, TrainSettings
from ritornello.training import require_torch

if TYPE_CHECKING:
    from ritornello.evaluation.evaluate import Evaluation
    from ritornello.generation.compose import Composition
    from ritornello.training.adapt import Adaptation
    from ritornello.training.progress import Progress

Music: TypeAlias = Source | Score | Iterable[Source | Score]
"""Files, folders and addresses; bytes and file objects of files; scores."""

Step = TypeVar("Step")


class TrainingRun(Iterator[Step], Generic[Step]):
    """A training run: each iteration is one step of training, and yields its progress.

    It may be stopped at any time; `out` holds the best model so far, once the run is closed or no longer referenced.
    """

    def __init__(self, steps: Iterator[Step], out: Path) -> None:
        self._steps, self.out = steps, out

    def __next__(self) -> Step:
        return next(self._steps)

    def close(self) -> None:
        """Stop the training now."""
        if close := getattr(self._steps, "close", None):
            close()

    def model(self) -> Model:
        """Train to the end, and return the model."""
        for _ in self:
            pass
        return load(self.out)


def compose(
    model: Model | Source | None = None,
    primer: Score | Source | None = None,
    **settings: Unpack[ComposeSettings],
) -> Composition:
    """Return a piece by `model` (default: the shipped model of songs) that begins with `primer`.

        ritornello.compose("quartets", bars=16, seed=1).write("quartet.mid")

    To compose more than once, keep the model: `model = ritornello.load("quartets")`, then `model.compose(bars=16)`.
    Raises FileError for a model or primer that cannot be read, ConfigError for settings that are not allowed or
    contradict each other.
    """
    return _loaded(model).compose(primer, **settings)


def train(
    sources: Music,
    out: str | Path,
    *,
    preset: str = "default",
    init: str | Path | None = None,
    force: bool = False,
    **settings: Unpack[TrainSettings],
) -> TrainingRun[Progress]:
    """Train on the music of `sources` and write the model to `out`, a path that ends with .rit.

        for progress in ritornello.train("my_midi", "mine.rit", minutes=10):
            print(progress.step, progress.loss)

    The result yields a `Progress` after every step; training begins with the first. The loop may be left at any time:
    the best model so far is kept. `preset` names a row of `ritornello presets`. `init` is the model to begin from, its
    name or file, or "none" for random weights; by default it is the base model, where it comes along and no setting
    asks for anything else. `force` replaces a model that exists.
    Without a loop: `ritornello.train("my_midi", "mine.rit", minutes=10).model()`. Raises CorpusError if no file is fit
    for training, ConfigError for settings that are not allowed, MissingExtraError without torch.
    """
    require_torch()
    from ritornello.presets import make_config
    from ritornello.training.run import prepare

    config = make_config(preset, settings)
    with _as_files(sources) as files:
        run = prepare(files, Path(out), config, init=find_initial(init), force=force)
        return TrainingRun(run.steps(), Path(out))


def adapt(
    model: Model | Source | None,
    sources: Music,
    out: str | Path,
    *,
    force: bool = False,
    **settings: Unpack[AdaptSettings],
) -> TrainingRun[Progress]:
    """Fine-tune `model` on a few pieces, and write the style to `out`, a path that ends with .rit.

    A style is some kilobytes that are applied to the model when it is loaded.

        style = ritornello.adapt("songs", "my_few_files", "mine.rit").model()

    An existing file is replaced only with `force`. The result yields a `Progress` after every step, as with
    `train`. Raises CorpusError if no file is fit for training, or if the held-out pieces become no more probable;
    MissingExtraError without torch.
    """
    require_torch()
    from ritornello.training.adapt import prepare_adaptation
    from ritornello.training.config import AdaptConfig

    config = checked(AdaptConfig, settings)
    with _as_files(sources) as files:
        run = prepare_adaptation(_loaded(model).bundle, files, Path(out), config, force=force)
    return TrainingRun(_adapting(run), Path(out))


def evaluate(
    model: Model | Source | None,
    sources: Music,
    *,
    held_out: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    **settings: Unpack[EvaluateSettings],
) -> Evaluation:
    """Return the likelihood of pieces under `model`, and the likeness of its own pieces to them.

    At least four of the pieces in `sources` must be fit for training. With `held_out`, `sources` are the files that the
    model was trained on, and only its validation pieces are used. `progress` is called with the name of the phase, the
    number of pieces done, and the number of all.
    """
    from ritornello.evaluation.config import EvaluateConfig
    from ritornello.evaluation.evaluate import evaluate as run
    from ritornello.evaluation.pieces import find_pieces

    config, loaded = checked(EvaluateConfig, settings), _loaded(model)
    with _as_files(sources) as files:
        scores = [piece.read() for piece in find_pieces(loaded.bundle, files, held_out)]
    return run(loaded, scores, config, progress)


def _loaded(model: Model | Source | None) -> Model:
    return model if isinstance(model, Model) else load(model)


def _adapting(run: Adaptation) -> Iterator[Progress]:
    yield from run.steps()
    if run.kept is None:
        raise CorpusError(run.why_nothing())


@contextmanager
def _as_files(sources: Music) -> Iterator[list[Path | str]]:
    """Yield `sources` as paths and addresses; others are written to a temporary folder for the time of the context."""
    if (
        isinstance(sources, Score | bytes | bytearray | memoryview)
        or is_path(sources)
        or hasattr(sources, "read")
    ):
        sources = [cast("Source | Score", sources)]
    with tempfile.TemporaryDirectory(prefix="ritornello-") as folder:
        files: list[Path | str] = []
        for number, source in enumerate(cast("Iterable[Source | Score]", sources), start=1):
            if isinstance(source, str):
                files.append(source)
            elif is_path(source):
                files.append(Path(cast("Path", source)))
            else:
                score = as_score(source)
                files.append(Path(folder) / f"piece-{number}{'.txt' if is_prose(score) else '.mid'}")
                write(score, files[-1])
        yield files
