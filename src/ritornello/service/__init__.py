"""A service: the verbs with the models that they need, for programs that do not speak Python.

    from ritornello.service import Service

    service = Service()
    service.call("infill", {"music": "C4 E4 G4 E4 " * 8, "infill": "3-4", "seed": 1}).piece

`server` offers it by HTTP, `client` is its Python client. Read in order: `verbs`, `job`, `music`, `server`, `openapi`,
`client`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ritornello.service.job import Event


class Service:
    """The verbs, with models that stay loaded."""

    def __init__(self, models: Sequence[str | Path] = ()) -> None:
        """`models` are names of shipped models, or .rit files (default: all that are shipped); the first is the
        default."""
        from ritornello.service.models import Models

        self.models = Models(models)

    def call(
        self,
        verb: str,
        values: Mapping[str, Any] | BaseModel,
        tell: Callable[[Event], None] = lambda event: None,
        cancelled: Callable[[], bool] = lambda: False,
        seconds: float | None = None,
    ) -> Any:
        """Return the result of a verb: a model of pydantic, whose class stands in the row of the verb.

        `tell` is called with how far it is, and with notes as they are composed; `cancelled` is asked whether to stop,
        at every step. `seconds` is the time that it may take. Raises UnknownNameError for an unknown verb, ServiceError
        for a call that is cancelled or takes too long, and the errors of the library.
        """
        from ritornello.service.job import Job
        from ritornello.service.verbs import VERBS

        return VERBS[verb](values, Job(self.models, tell, cancelled, seconds))
