"""`ritornello listen`: a page for blind comparison of real and composed pieces, and what its ratings tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.errors import ConfigError, FileError, counted
from ritornello.evaluation.config import ListenConfig

if TYPE_CHECKING:
    from numpy.random import Generator

    from ritornello.evaluation.evaluate import Progress
    from ritornello.score import Score


@with_options(ListenConfig)
def listen(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="a model, and files and folders that it did not learn from; or a folder with the folders real and "
            "composed, of which the files are paired in the order of their names; or CSV files that the page saved",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="page to write")] = Path("listen.html"),
    held_out: Annotated[
        bool,
        typer.Option(
            "--held-out",
            help="of the files that the model was trained on, only those that were held out then",
        ),
    ] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Make a page to compare real and composed pieces blindly by ear; or say what the ratings tell that it saved."""
    import numpy as np

    from ritornello.cli.counting_display import show_counting
    from ritornello.config import checked
    from ritornello.evaluation.listening import listening_page, pairs_of, read_ratings, verdict_of
    from ritornello.paths import check_place, write_text

    if all(source.lower().endswith(".csv") for source in sources):
        ratings = [read_ratings(Path(source)) for source in sources]
        for source, of_file in zip(sources, ratings, strict=True):
            typer.echo(f"{source}: {verdict_of(of_file).text}")
        if len(sources) > 1:
            typer.echo(f"together: {verdict_of([each for of_file in ratings for each in of_file]).text}")
        return
    config = checked(ListenConfig, settings)
    check_place(out)
    random = np.random.default_rng(config.seed)
    with show_counting(False, "pieces") as progress:
        if len(sources) == 1 and Path(sources[0]).is_dir():
            real, composed = _from_folder(Path(sources[0]))
        else:
            real, composed = _from_model(sources, config, held_out, random, progress)
        pairs = pairs_of(real, composed, config.bars, random)[: config.pairs]
        write_text(out, listening_page(pairs, progress))
    typer.echo(
        f"wrote {out}: {counted(len(pairs), 'pair')}; `ritornello listen RATINGS.csv` reads the ratings that it saves"
    )


def _from_folder(folder: Path) -> tuple[list[Score], list[Score]]:
    """Return the pieces in its folders real and composed, in the order of the names of their files."""
    from ritornello import formats

    both = []
    for name in ("real", "composed"):
        if not (folder / name).is_dir():
            raise FileError(
                f"{folder / name}: no such folder; pieces are paired from the folders real and composed"
            )
        both.append(
            [
                formats.read(path)
                for path in sorted((folder / name).iterdir())
                if not path.name.startswith(".")
            ]
        )
    return both[0], both[1]


def _from_model(
    sources: list[str], config: ListenConfig, held_out: bool, random: Generator, progress: Progress
) -> tuple[list[Score], list[Score]]:
    """Return real pieces, as the model reads them, and pieces that it composed like them."""
    from ritornello.evaluation.evaluate import composed_like
    from ritornello.evaluation.pieces import find_pieces
    from ritornello.generation import load
    from ritornello.generation.samplers import with_sampling

    model = load(sources[0])
    representation = model.bundle.representation
    if representation.reads_prose:
        raise ConfigError(f"{model.bundle.card.name}: a model of prose composes nothing to listen to")
    if len(sources) < 2:
        raise ConfigError(f"{sources[0]}: no music to compare with; give files or folders after the model")
    pieces = find_pieces(model.bundle, sources[1:], held_out)
    chosen = (pieces[number].read() for number in random.permutation(len(pieces))[: config.pairs].tolist())
    real = [representation.decode(representation.encode(score)) for score in chosen]
    sampling = with_sampling(config, model.bundle.card.sampling)
    composed, _ = composed_like(model, real, sampling, config.bars, len(real), progress, config.seed)
    return real, [each.score for each in composed]
