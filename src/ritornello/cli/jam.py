"""`ritornello jam`: play with a model in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ritornello.cli.flags import with_options
from ritornello.live.config import JamConfig

if TYPE_CHECKING:
    from socket import socket

    from ritornello.live.server.limits import ServerLimits
    from ritornello.live.server.manager import SessionManager
    from ritornello.live.server.store import SessionStore


@with_options(JamConfig, panel="What a session begins with; the page can change all of it")
def jam(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="names of shipped models, .rit files, or addresses such as hf://user/model; all shipped ones, if none "
            "is given"
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(help="port to listen on; 0 takes any that is free", min=0, max=65535)
    ] = 8000,
    host: Annotated[
        str, typer.Option(help="address to listen on; another than this lets other machines in")
    ] = "127.0.0.1",
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="open the page in the browser")] = True,
    seed: Annotated[
        int | None, typer.Option(help="seed of the first session; the next gets the next", min=0)
    ] = None,
    sessions: Annotated[int, typer.Option(help="so many at once, at most", min=1, max=10_000)] = 256,
    keep: Annotated[
        str | None,
        typer.Option(
            help="folder in which sessions are kept for a week, so that they outlive the server; none: they are "
            "not; the user's state folder, if not given",
            metavar="FOLDER",
        ),
    ] = None,
    *,
    settings: dict[str, Any],
) -> None:
    """Play with a model, live, in the browser: it listens, and answers."""
    from ritornello.cli import warn_of
    from ritornello.cli.chords import read_chords
    from ritornello.config import checked
    from ritornello.generation.constraints import CONSTRAINTS
    from ritornello.live.server.address import listen
    from ritornello.live.server.catalog import load_catalog
    from ritornello.live.server.limits import ServerLimits
    from ritornello.live.server.manager import SessionManager

    warn_of(CONSTRAINTS)
    read_chords(settings)
    config = checked(JamConfig, settings)
    catalog = load_catalog(models or ())
    listening = listen(host, port)
    catalog.find(None).load()
    limits = ServerLimits(sessions=sessions)
    manager = SessionManager(catalog, config, seed, limits, store=_store(keep, limits))
    _serve(manager, listening, host, open_page)


def _store(keep: str | None, limits: ServerLimits) -> SessionStore | None:
    """Return the store in the folder `keep`, by default in the user's state folder; None for "none"."""
    from contextlib import suppress
    from pathlib import Path

    from ritornello.live.server.store import SessionStore, default_folder

    if keep == "none":
        return None
    folder = Path(keep) if keep else default_folder()
    if not keep:
        with suppress(OSError):  # the store tells it
            folder.parent.mkdir(parents=True, exist_ok=True)
    return SessionStore(folder, limits)


def _serve(manager: SessionManager, listening: socket, host: str, open_page: bool) -> None:
    """Print the address of the page, open it, and serve until Ctrl-C."""
    import os
    import sys
    import threading
    import webbrowser

    from ritornello.live.server import make_server
    from ritornello.live.server.address import address_of
    from ritornello.live.server.safety import is_loopback

    address = address_of(listening, host)
    if not is_loopback(host):
        typer.echo(
            f"ritornello: {host} lets everybody in who reaches this machine, unencrypted; and browsers elsewhere "
            "give a page at such an address neither MIDI devices nor sound (put a server with https before it)",
            err=True,
        )
    typer.echo(f"{address}  ({', '.join(entry.name for entry in manager.catalog)}; Ctrl-C ends)")
    server = make_server(manager, host, listening.getsockname()[1])
    try:
        has_screen = sys.platform != "linux" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
        if open_page and has_screen:  # else a terminal browser would overwrite the output
            # From a thread: some browsers take seconds to return, and the server is faster.
            threading.Timer(0.3, webbrowser.open, [address]).start()
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        listening.close()
    typer.echo("ended")
