"""`ritornello play`: play with a model on MIDI ports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.live.config import JamConfig
from ritornello.live.ports.pulse import ClockMode
from ritornello.rendering.sound import SoundConfig

if TYPE_CHECKING:
    from ritornello.live.ports.port_player import PortPlayer


@with_options(JamConfig, panel="The session")
@with_options(SoundConfig, panel="Sound files (--save)", into="sound")
def play(
    model: Annotated[
        str | None, typer.Argument(help="a .rit file, or the name of a shipped model (see: ritornello info)")
    ] = None,
    input_name: Annotated[
        str | None,
        typer.Option("--in", help="input: a port's name or a part of it; with --virtual, a new name"),
    ] = None,
    output_name: Annotated[str | None, typer.Option("--out", help="output, likewise")] = None,
    list_ports: Annotated[
        bool, typer.Option("--list", help="list the ports of this system, and end")
    ] = False,
    virtual: Annotated[
        bool, typer.Option("--virtual", help="make the two ports, for other programs to connect to")
    ] = False,
    clock: Annotated[
        ClockMode, typer.Option(help="follow the input's MIDI clock (in), send clock (out), or neither")
    ] = ClockMode.NONE,
    through: Annotated[bool, typer.Option("--through", help="send on what you play")] = False,
    click: Annotated[bool, typer.Option(help="the metronome sounds, on the drum channel")] = True,
    controls: Annotated[
        Path | None, typer.Option("--map", help="TOML file: which control change does what")
    ] = None,
    start: Annotated[bool, typer.Option(help="begin at once (never with --clock in)")] = True,
    out: Annotated[
        Path | None, typer.Option("--save", help="write the session here at the end; the suffix says as what")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="seed; a random one, if not given", min=0)] = None,
    *,
    settings: dict[str, Any],
    sound: dict[str, Any],
) -> None:
    """Play with a model, live, on real or virtual MIDI ports."""
    from ritornello.config import checked
    from ritornello.errors import ConfigError
    from ritornello.live.ports import open_ports, port_names
    from ritornello.live.ports.controls import default_controls, read_controls
    from ritornello.live.ports.port_player import PortSettings
    from ritornello.rendering import check_targets

    if list_ports:
        for kind, names in zip(("in", "out"), port_names(), strict=True):
            for name in names or ["(none)"]:
                typer.echo(f"{kind:4} {name}")
        return
    if input_name is None or output_name is None:
        raise ConfigError(
            "play needs --in and --out; --list tells which ports there are, --virtual makes new ones"
        )
    check_targets([out] if out else [], checked(SoundConfig, sound))
    table = default_controls() if controls is None else read_controls(controls)
    port_settings = PortSettings(clock, through, click, table)
    make_port_player = _prepare(model, settings, seed)
    ports = open_ports(input_name, output_name, virtual)
    port_player = make_port_player(ports, port_settings)
    try:
        _run(port_player, start and clock is not ClockMode.IN)
    finally:  # also when a device was unplugged
        ports.close()
        if out is not None:
            _save(port_player, out, sound)


def _prepare(model: str | None, settings: dict[str, Any], seed: int | None) -> Any:
    """Load model and session, so that errors come before a port is opened; return a function that makes the player."""
    import secrets
    import time

    from ritornello.cli import warn_of
    from ritornello.cli.chords import read_chords
    from ritornello.config import checked
    from ritornello.generation import find_bundle
    from ritornello.generation.constraints import CONSTRAINTS
    from ritornello.live.ports.port_player import PortPlayer
    from ritornello.live.server.catalog import load_catalog
    from ritornello.live.session import Session

    warn_of(CONSTRAINTS)
    read_chords(settings)
    config = checked(JamConfig, settings)
    entry = load_catalog([str(find_bundle(model))]).find(None)
    entry.load()
    session = Session(entry.model, config, secrets.randbits(32) if seed is None else seed)
    return lambda ports, port_settings: PortPlayer(
        session, entry.engine, ports, time.monotonic, port_settings
    )


def _run(port_player: PortPlayer, start: bool) -> None:
    """Play until Ctrl-C, with a display."""
    import contextlib

    from rich.live import Live

    from ritornello.cli.play_display import Display
    from ritornello.live.events import Start

    if start:
        port_player.receive(Start())
    display = Display(port_player)
    with Live(display, refresh_per_second=10, transient=True), contextlib.suppress(KeyboardInterrupt):
        port_player.run(lambda: True)


def _save(port_player: PortPlayer, path: Path, sound: dict[str, Any]) -> None:
    from ritornello.cli.writing import write_all
    from ritornello.errors import counted

    score = port_player.session.score()
    if not score.note_count:
        typer.echo("nothing was played: nothing is written")
        return
    written = write_all(score, [path], sound)
    for part in written.left_out:
        typer.echo(f"  left out: {part}")
    facts = f"{counted(score.note_count, 'note')}, {score.seconds:.0f} s"
    typer.echo(f"{', '.join(map(str, written.files))}  {facts}")
