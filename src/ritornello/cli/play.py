"""`ritornello play`: play with a model on MIDI ports, by OSC, or both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.errors import RitornelloError
from ritornello.live.config import JamConfig
from ritornello.live.ports.pulse import ClockMode
from ritornello.rendering.sound import SoundConfig

if TYPE_CHECKING:
    from ritornello.live.ports import PortGroup
    from ritornello.live.ports.port_player import PortPlayer


@with_options(JamConfig, panel="The session")
@with_options(SoundConfig, panel="Sound files (--save)", into="sound")
def play(
    model: Annotated[
        str | None, typer.Argument(help="a .rit file, or the name of a shipped model (see: ritornello info)")
    ] = None,
    input_name: Annotated[
        str | None,
        typer.Option("--in", help="MIDI input: a port's name or a part of it; with --virtual, a new name"),
    ] = None,
    output_name: Annotated[str | None, typer.Option("--out", help="MIDI output, likewise")] = None,
    list_ports: Annotated[
        bool, typer.Option("--list", help="list the ports of this system, and end")
    ] = False,
    virtual: Annotated[
        bool,
        typer.Option("--virtual", help='make the MIDI ports, for DAWs to connect to; called "Ritornello"'),
    ] = False,
    osc: Annotated[
        bool, typer.Option("--osc", help="let other programs play and listen by OSC; MIDI ports as well")
    ] = False,
    osc_port: Annotated[
        int, typer.Option(help="UDP port for OSC; 0 takes any that is free", min=0, max=65535)
    ] = 8767,
    osc_host: Annotated[
        str, typer.Option(help="address for OSC; another than this lets other machines in")
    ] = "127.0.0.1",
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
    """Play with a model, live, on real or virtual MIDI ports, or by OSC."""
    from ritornello.config import checked
    from ritornello.live.ports.controls import default_controls, read_controls
    from ritornello.live.ports.midi_port import port_names
    from ritornello.live.ports.port_player import PortSettings
    from ritornello.rendering import check_targets

    if list_ports:
        for kind, names in zip(("in", "out"), port_names(), strict=True):
            for name in names or ["(none)"]:
                typer.echo(f"{kind:4} {name}")
        return
    midi = _midi_names(input_name, output_name, virtual, osc, clock)
    check_targets([out] if out else [], checked(SoundConfig, sound))
    table = default_controls() if controls is None else read_controls(controls)
    port_settings = PortSettings(clock, through, click, table)
    make_port_player = _prepare(model, settings, seed, with_others=osc)
    ports = _open_ports(midi, virtual, (osc_host, osc_port) if osc else None)
    try:
        port_player = make_port_player(ports, port_settings)
        _run(port_player, start and clock is not ClockMode.IN)
    finally:  # also when a device was unplugged
        ports.close()
        if out is not None:
            _save(port_player, out, sound)


def _midi_names(
    input_name: str | None, output_name: str | None, virtual: bool, osc: bool, clock: ClockMode
) -> tuple[str | None, str | None]:
    """Return the names of the MIDI ports to open, None for one that is not wanted; ConfigError if some are missing."""
    from ritornello.errors import ConfigError
    from ritornello.live.ports.midi_port import CLIENT

    if virtual:
        input_name, output_name = input_name or CLIENT, output_name or CLIENT
    if not osc and (input_name is None or output_name is None):
        raise ConfigError(
            "play needs --in and --out, or --osc; --list tells which ports there are, --virtual makes new ones"
        )
    if {ClockMode.IN: input_name, ClockMode.OUT: output_name}.get(clock, "") is None:
        raise ConfigError(f"--clock {clock} is MIDI clock: it needs --{clock} too")
    return input_name, output_name


def _open_ports(midi: tuple[str | None, str | None], virtual: bool, osc: tuple[str, int] | None) -> PortGroup:
    """Open the MIDI ports, if any, and that for OSC at its host and port."""
    from ritornello.live.ports import PortGroup
    from ritornello.live.ports.midi_port import open_midi_port
    from ritornello.live.ports.osc_port import OscPort
    from ritornello.live.server.safety import is_loopback

    group = PortGroup()
    if any(midi):
        group.ports.append(open_midi_port(group.put, *midi, virtual))
    if osc:
        try:
            port = OscPort(group.put, *osc)
        except RitornelloError:
            group.close()
            raise
        group.ports.append(port)
        if not is_loopback(osc[0]):
            typer.echo(f"ritornello: {osc[0]} lets everybody play who reaches this machine", err=True)
        typer.echo(f"OSC at {port.address[0]}, port {port.address[1]}")
    return group


def _prepare(model: str | None, settings: dict[str, Any], seed: int | None, with_others: bool) -> Any:
    """Load model and session, so that errors come before a port is opened; return a function that makes the player.

    with_others: all shipped models can be chosen while the session runs.
    """
    import secrets
    import time

    from ritornello.cli import warn_of
    from ritornello.cli.chords import read_chords
    from ritornello.config import checked
    from ritornello.generation import find_bundle, shipped_bundles
    from ritornello.generation.constraints import CONSTRAINTS
    from ritornello.live.ports.port_player import PortPlayer
    from ritornello.live.server.catalog import load_catalog
    from ritornello.live.session import Session

    warn_of(CONSTRAINTS)
    read_chords(settings)
    config = checked(JamConfig, settings)
    path = find_bundle(model)
    others = [each for each in shipped_bundles().values() if each.name != path.name] if with_others else []
    catalog = load_catalog([str(path), *map(str, others)])
    entry = catalog.find(None)
    entry.load()
    session = Session(entry.model, config, secrets.randbits(32) if seed is None else seed)
    return lambda ports, port_settings: PortPlayer(session, catalog, ports, time.perf_counter, port_settings)


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
