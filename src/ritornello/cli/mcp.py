"""`ritornello mcp`: the verbs as tools for assistants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mcp(
    folder: Annotated[
        Path,
        typer.Argument(help="the folder of music that an assistant may read and write", show_default=False),
    ],
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="names of shipped models, .rit files, or addresses such as hf://user/model; all shipped ones, if none "
            "is given"
        ),
    ] = None,
) -> None:
    """Offer composing, infilling, judging and the rest to an assistant as tools (MCP), on stdin and stdout."""
    from ritornello.cli import warn_of
    from ritornello.generation.constraints import CONSTRAINTS
    from ritornello.service import Service
    from ritornello.service.folder import Folder
    from ritornello.service.mcp_server import run

    warn_of(CONSTRAINTS)
    run(Service(models or ()), Folder(folder))
