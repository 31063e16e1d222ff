"""From a corpus to a bundle. Read in order: `config`, `run`, `loop`, then `tuning`, `scoring`, `checkpoint`, `log`;
`adapt` is a shorter way, from a bundle and a few files to a style of it.

`train` is the front: it prepares a run and yields its progress.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ritornello.errors import MissingExtraError

if TYPE_CHECKING:
    from ritornello.training.progress import Progress


def train(sources: str | Path | Sequence[str | Path], out: str | Path, **settings: Any) -> Iterator[Progress]:
    """Train on the files and folders of `sources` and write the model to `out` (a path ending in .rit).

    `settings` are the fields of `TrainConfig`, and `preset`. Yields a `Progress` after every step; leave the
    loop at any time, the best model so far is there.

        for progress in ritornello.train("my_midi", "mine.rit", minutes=10):
            print(progress.step, progress.loss)
    """
    require_torch()
    from ritornello.presets import make_config
    from ritornello.training.run import prepare

    paths = [sources] if isinstance(sources, str | Path) else sources
    config = make_config(settings.pop("preset", "default"), settings)
    return prepare([Path(path) for path in paths], Path(out), config).steps()


def require_torch() -> None:
    """Raise MissingExtraError unless torch can be imported."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("torch", "train") from error
