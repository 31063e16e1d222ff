"""`ritornello render`: pieces as sound, engraved score or picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.expression.config import ExpressionConfig
from ritornello.rendering.sound import SoundConfig

if TYPE_CHECKING:
    from ritornello.score import Score


@with_options(SoundConfig, panel="Sound files", into="sound")
@with_options(ExpressionConfig, panel="Performance", into="expression")
def render(
    files: Annotated[
        list[str],
        typer.Argument(
            help="A file of music; with --format several of them, and folders.", show_default=False
        ),
    ],
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            help="What to write, by its suffix: wav, flac, ogg, mp3 (sound), png (piano roll), svg, pdf (score), "
            "mid, musicxml; may be repeated. With --format, the folder to write into.",
            show_default=False,
        ),
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--format", help="Write each file in this format, such as mp3; may be repeated."),
    ] = None,
    chord_symbols: Annotated[
        bool,
        typer.Option(
            "--chord-symbols",
            help="Write the chords that are found above the music, if it has no chord symbols.",
        ),
    ] = False,
    *,
    sound: dict[str, Any],
    expression: dict[str, Any],
) -> None:
    """Hear and see pieces: write them as sound, engraved score, piano roll or another format."""
    from ritornello.cli.music_files import for_each
    from ritornello.cli.transcribing import show_transcribing
    from ritornello.config import checked
    from ritornello.errors import ConfigError
    from ritornello.formats import read
    from ritornello.rendering import check_targets

    config, played = checked(SoundConfig, sound), checked(ExpressionConfig, expression)
    suffixes = [f".{kind.removeprefix('.')}" for kind in kinds or []]
    if not suffixes:
        if not out:
            raise ConfigError("--out must be given, such as -o song.mp3")
        if len(files) > 1 or Path(files[0]).is_dir():
            what = "several files" if len(files) > 1 else f"{files[0]} is a folder"
            raise ConfigError(f"{what}: say as what to write, and where, such as --format mp3 -o sounds")
        check_targets(out, config)
        with show_transcribing(Path(files[0])) as progress:
            score = read(files[0], progress=progress)
        _write(Path(files[0]), score, out, sound, played, chord_symbols)
        return
    if not out or len(out) > 1:
        raise ConfigError("with --format, give one folder to write into, such as -o sounds")
    [folder] = out
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: not a folder; with --format, -o is the folder to write into")
    check_targets([folder / f"x{suffix}" for suffix in suffixes], config)
    taken = set[Path]()

    def write(path: Path, score: Score) -> None:
        targets = [_target(folder, path, files, suffix, taken) for suffix in suffixes]
        targets[0].parent.mkdir(parents=True, exist_ok=True)
        _write(path, score, targets, sound, played, chord_symbols)

    list(for_each(files, write))


def _target(folder: Path, path: Path, given: Sequence[str], suffix: str, taken: set[Path]) -> Path:
    """Return where to write a file: in the subfolder in which it was found, and under a name that is not `taken`."""
    root = next(
        (Path(each) for each in given if path.is_relative_to(each) and Path(each) != path), path.parent
    )
    target = folder / path.relative_to(root).with_suffix(suffix)
    for stem in (
        f"{path.stem}-{path.suffix.removeprefix('.')}",
        *(f"{path.stem}-{n}" for n in range(2, 1000)),
    ):
        if target not in taken:
            break
        target = target.with_name(f"{stem}{suffix}")
    taken.add(target)
    return target


def _write(
    path: Path,
    score: Score,
    targets: Sequence[Path],
    sound: dict[str, Any],
    expression: ExpressionConfig,
    chord_symbols: bool,
) -> None:
    """Write a score to its targets, and print each; a piece without a title is called like its file."""
    from dataclasses import replace

    from ritornello.cli.writing import write_all
    from ritornello.expression.config import performed
    from ritornello.notation.harmony import with_chord_symbols

    if chord_symbols:
        score = with_chord_symbols(score)

    if not score.title.strip():
        score = replace(score, title=path.stem)
    performance = performed(score, expression, 0)
    minutes, seconds = divmod(round(performance.seconds), 60)
    for target in targets:
        written = write_all(score, [target], sound, performance)
        for file in written.files:
            typer.echo(f"{file}  {file.stat().st_size / 1000:,.0f} kB, {minutes}:{seconds:02}")
        for part in written.left_out:
            typer.echo(f"  left out: {part}")
