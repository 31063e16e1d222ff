"""The description of the HTTP service, in OpenAPI 3.1, made from the table of verbs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from ritornello import __version__
from ritornello.service import Service
from ritornello.service.job import NewNotes, Progress
from ritornello.service.verbs import VERBS, Verb
from ritornello.service.verbs.render import MEDIA_TYPES, Rendered

_BINARY = {"type": "string", "format": "binary"}

_REFS = "#/components/schemas/{model}"


class Error(BaseModel):
    """Why a call has no result: one line, and the name of the error of the library."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    error: str
    kind: str


class Started(BaseModel):
    """The first event: the id by which the job can be cancelled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: str = Field(min_length=1)


ERRORS = {
    400: "What is asked is not allowed, or cannot be done.",
    401: "The token is missing or wrong.",
    403: "The request comes from a page of elsewhere, or names another machine.",
    404: "There is no such verb or job.",
    406: "This verb does not answer in the accepted media type.",
    408: "The request arrived too slowly.",
    413: "The request is too large.",
    415: "The request has a media type that this verb does not take.",
    429: "There are too many calls; try again in a moment.",
    500: "A fault of the service.",
    501: "An optional library is not installed.",
    503: "The call was cancelled, or took too long.",
}


def describe(service: Service) -> dict[str, Any]:
    """Return the description."""
    verbs = [VERBS[name] for name in VERBS]
    modes: list[Any] = [(verb.request, "validation") for verb in verbs]
    modes += [(verb.result, "serialization") for verb in verbs]
    modes += [(each, "serialization") for each in (Error, Started, Progress, NewNotes)]
    names, definitions = models_json_schema(list(dict.fromkeys(modes)), ref_template=_REFS)
    schemas = definitions.get("$defs", {})
    for verb in verbs:
        _with_texts(schemas[_name(names[verb.request, "validation"])], verb.request)
    paths = {f"/v1/{verb.name}": {"post": _operation(verb, names)} for verb in verbs}
    paths["/v1/models"]["get"] = {
        **_operation(VERBS["models"], names, body=False),
        "operationId": "getModels",
    }
    paths["/v1/jobs/{id}"] = {
        "delete": {
            "operationId": "cancel",
            "summary": "Cancel a call.",
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
            ],
            "responses": {"204": {"description": "It is cancelled."}} | _errors(names, 401, 403, 404, 429),
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ritornello",
            "version": __version__,
            "description": "Compose with recurrent networks, and judge music by them.",
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _with_texts(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Let the fields whose validators read texts, such as "violin,cello", be texts too."""
    validators = model.__pydantic_decorators__.field_validators.values()
    read = {name for each in validators if each.info.mode == "before" for name in each.info.fields}
    for name in read & schema.get("properties", {}).keys():
        field = schema["properties"][name]
        if "anyOf" in field and {"type": "string"} not in field["anyOf"]:
            field["anyOf"].append({"type": "string"})


def _operation(verb: Verb, names: Any, body: bool = True) -> dict[str, Any]:
    content: dict[str, Any] = {
        "application/json": {
            "schema": names[verb.request, "validation"],
            "examples": {"example": {"value": dict(verb.example)}},
        }
    }
    answer: dict[str, Any] = {
        "application/json": {"schema": names[verb.result, "serialization"]},
        "text/event-stream": {
            "schema": {"type": "string", "description": _events_of(verb, names)},
        },
    }
    if verb.music and body:
        described = f"a MIDI file as `{verb.music}`; the other fields are then query parameters"
        content["audio/midi"] = {"schema": {**_BINARY, "description": described}}
    kinds = MEDIA_TYPES.values() if verb.result is Rendered else ["audio/midi"] * hasattr(verb.result, "midi")
    answer |= {kind: {"schema": _BINARY} for kind in kinds}
    operation: dict[str, Any] = {
        "operationId": verb.name,
        "summary": verb.help,
        "responses": {"200": {"description": "The result.", "content": answer}} | _errors(names, *ERRORS),
    }
    if body:
        operation["requestBody"] = {"required": bool(verb.example), "content": content}
    return operation


def _events_of(verb: Verb, names: Any) -> str:
    kinds = {"started": Started, "progress": Progress, "notes": NewNotes, "error": Error}
    named = {name: _name(names[model, "serialization"]) for name, model in kinds.items()}
    named["result"] = _name(names[verb.result, "serialization"])
    if not verb.tells_notes:
        del named["notes"]
    listed = ", ".join(f"{name} ({schema})" for name, schema in named.items())
    return f"server-sent events, whose data are JSON: {listed}; the last is result or error"


def _errors(names: Any, *statuses: int) -> dict[str, Any]:
    schema = {"application/json": {"schema": names[Error, "serialization"]}}
    return {str(status): {"description": ERRORS[status], "content": schema} for status in statuses}
