"""The verbs: what a service can be asked for, one row and one module each.

Everything that offers them is made from this table: the HTTP service and its description, the client, and the tools of
assistants. A new verb is one file and one row; a package adds one by an entry point of the group `ritornello.verbs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from ritornello.config import checked
from ritornello.registry import Registry, named
from ritornello.service.job import Job

_HERE = "ritornello.service.verbs"


@dataclass(frozen=True)
class Verb:
    """A verb.

    help: one line. request: the model of what is asked; result: of the answer. run: makes the answer; it raises the
    errors of the library. example: values of a request. music: the field that has the music, which a MIDI file may take
    the place of; empty if there is none. tells_notes: whether it tells notes as they are composed.
    """

    name: str
    help: str
    request: type[BaseModel]
    result: type[BaseModel]
    run: Callable[[Any, Job], BaseModel]
    example: Mapping[str, Any]
    music: str = ""
    tells_notes: bool = False

    def checked(self, values: Mapping[str, Any]) -> BaseModel:
        """Return the request of these values; ConfigError for one that is not allowed."""
        return checked(self.request, values)

    def __call__(self, values: Mapping[str, Any] | BaseModel, job: Job) -> BaseModel:
        """Return the answer to a request, or to its values."""
        return self.run(values if isinstance(values, self.request) else self.checked(dict(values)), job)


VERBS = Registry[Verb](
    "verb",
    group="ritornello.verbs",
    rows={
        "models": f"{_HERE}.models:MODELS",
        "compose": f"{_HERE}.compose:COMPOSE",
        "infill": f"{_HERE}.compose:INFILL",
        "vary": f"{_HERE}.compose:VARY",
        "accompany": f"{_HERE}.compose:ACCOMPANY",
        "perform": f"{_HERE}.perform:PERFORM",
        "analyse": f"{_HERE}.analyse:ANALYSE",
        "judge": f"{_HERE}.judge:JUDGE",
        "originality": f"{_HERE}.originality:ORIGINALITY",
        "render": f"{_HERE}.render:RENDER",
    },
    accept=named("help", "request", "result", "run", "example"),
)
"""Every verb by name."""
