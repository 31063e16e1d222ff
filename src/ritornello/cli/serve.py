"""`ritornello serve`: the verbs for other programs, by HTTP."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(help="names of shipped models, or .rit files; all shipped ones, if none is given"),
    ] = None,
    port: Annotated[
        int, typer.Option(help="port to listen on; 0 takes any that is free", min=0, max=65535)
    ] = 8766,
    host: Annotated[
        str, typer.Option(help="address to listen on; another than this lets other machines in")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            help="what callers must send as Authorization: Bearer TOKEN; made and printed, if none is given and "
            "other machines are let in"
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="calls that run at once", min=1, max=64)] = 2,
    seconds: Annotated[float, typer.Option(help="time that a call may take", min=1, max=86_400)] = 300,
) -> None:
    """Offer composing, infilling, judging and the rest to other programs, by HTTP on this machine."""
    import secrets

    from ritornello.cli import warn_of
    from ritornello.errors import ConfigError
    from ritornello.generation.constraints import CONSTRAINTS
    from ritornello.live.server.address import address_of, listen
    from ritornello.live.server.safety import is_loopback
    from ritornello.service import Service
    from ritornello.service.limits import ServiceLimits
    from ritornello.service.server import make_server

    warn_of(CONSTRAINTS)
    if token is not None and (not token.isascii() or not token.isprintable() or " " in token or not token):
        raise ConfigError("token: letters, digits and signs of ASCII, without spaces")
    service = Service(models or ())
    listening = listen(host, port)
    _ = service.models.find().stepper  # the first call does not wait for it
    if not is_loopback(host):
        token = token or secrets.token_urlsafe(24)
        typer.echo(
            f"ritornello: {host} lets everybody in who reaches this machine and knows the token, unencrypted",
            err=True,
        )
    limits = ServiceLimits(jobs=jobs, job_seconds=seconds)
    server = make_server(service, host, listening.getsockname()[1], token, limits)
    typer.echo(f"{address_of(listening, host)}  ({', '.join(service.models)}; Ctrl-C ends)")
    if token:
        typer.echo(f"token: {token}")
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        listening.close()
    typer.echo("ended")
