"""The model card of a bundle: `Facts` given by its maker, and the `Card` that adds what is needed to use the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from ritornello import __version__
from ritornello.bundle.archive import CARD
from ritornello.bundle.precision import Precision
from ritornello.config import checked
from ritornello.errors import BundleError

RENAMED = {
    "hints": "candidates",
    "hint_dropout": "candidate_dropout",
    "echo": "repeats",
    "waiting": "longest_silent",
}
"""New names of settings by those in version 0.1, which wrote the shipped bundles."""


class Part(BaseModel):
    """A representation or a network: its registered name and its full configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    config: dict[str, Any]

    @field_validator("config")
    @classmethod
    def _rename(cls, config: dict[str, Any]) -> dict[str, Any]:
        return {RENAMED.get(name, name): value for name, value in config.items()}


class CorpusFacts(BaseModel):
    """The dataset that a model was trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str = Field(default="", description="digest of the corpus")
    licence: str = Field(default="", description="licence of the music")
    provenance: str = Field(default="", description="where the music comes from, and how it was chosen")


class Origin(BaseModel):
    """A model whose weights another one began with, and the dataset that it was trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    digest: str = Field(description="beginning of its file's SHA-256")
    corpus: CorpusFacts


class Sampling(BaseModel):
    """Settings that suit a model best, as defaults for composing; None leaves the library's own default.

    The fields and their limits are those of `SamplerConfig`, and of the constraints whose settings a card may hold.
    In JSON, fields that are None are left out; booleans may be 0.0 and 1.0, as version 0.1 wrote them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float | None = Field(default=None, ge=0, le=10)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    min_p: float | None = Field(default=None, ge=0, le=1)
    surprise: float | None = Field(default=None, ge=0, le=1)
    cadence: bool | None = None
    voice_leading: bool | None = None

    @model_serializer(mode="wrap")
    def _leave_out_none(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


class Facts(BaseModel):
    """Facts about a bundle, given by its maker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="the model's name")
    description: str = Field("", description="what it plays, in a line or two")
    training: dict[str, Any] = Field({}, description="how it was trained, plain JSON")
    corpus: CorpusFacts = CorpusFacts()
    derived_from: tuple[Origin, ...] = Field(
        default=(), description="the models from whose weights it began, the nearest first"
    )
    held_out: dict[str, float] = Field({}, description="figures on held-out pieces, such as nats per note")
    created: str = Field("", description="date of making, YYYY-MM-DD")
    sampling: Sampling = Field(
        default=Sampling(), description="settings to compose with, unless others are given"
    )


def shortcoming(held_out: Mapping[str, float], unit: str = "note") -> str:
    """Return that a model has learned less than pairs of tokens tell, by its held-out figures; else nothing."""
    nats, bigram = held_out.get("nats_per_note"), held_out.get("bigram_nats_per_note")
    if nats is None or bigram is None or nats < bigram:
        return ""
    return (
        f"held-out {nats:.2f} nats a {unit}, a table of pairs of tokens (bigram model) {bigram:.2f}: this model has "
        "learned less than that"
    )


class Card(Facts):
    """The card of a bundle: the maker's facts, representation, network and format."""

    format: Literal["ritornello bundle"] = "ritornello bundle"
    version: Literal[1, 2] = Field(1, description="2: with weights in 8-bit blocks")
    ritornello: str = Field(__version__, description="version of the library that wrote the bundle")
    representation: Part
    network: Part
    column_sizes: tuple[int, ...] = Field(min_length=1, description="values of each input column")
    vocabulary_size: int
    precision: Precision
    packages: dict[Literal["representation", "network"], str] = Field(
        {}, description="packages that provide these, such as mini 0.1, where ritornello does not"
    )
    training_only: tuple[str, ...] = Field((), description="weights that the step graph does not use")


class Base(BaseModel):
    """The base model of a style: the name of its file, and the digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(pattern=r"^[^/\\:\x00-\x1f]{1,200}\.rit$")
    digest: str = Field(pattern=r"^[0-9a-f]{16}$")


class StyleCard(Facts):
    """The card of a style: the maker's facts, and its base model."""

    format: Literal["ritornello style"] = "ritornello style"
    version: Literal[1] = 1
    ritornello: str = Field(__version__, description="version of the library that wrote the style")
    base: Base


AnyCard = TypeVar("AnyCard", Card, StyleCard)


def card_bytes(card: Card | StyleCard) -> bytes:
    """Return a card as JSON."""
    left_out = {name for name in ("packages", "derived_from") if not getattr(card, name, None)}
    return json.dumps(card.model_dump(mode="json", exclude=left_out), indent=1, ensure_ascii=False).encode()


def read_card(path: Path, data: bytes, kind: type[AnyCard]) -> AnyCard:
    """Return the card in `data`; BundleError if it is damaged, of another version or another kind."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: {CARD} is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != kind.model_fields["format"].default:
        raise BundleError(f"{path}: {CARD} is not the card of a bundle")
    known = get_args(kind.model_fields["version"].annotation)
    if content.get("version") not in known:
        reads = " and ".join(map(str, known))
        raise BundleError(
            f"{path}: bundle version {content.get('version')!r}; this ritornello ({__version__}) reads {reads}"
        )
    return checked(kind, content, f"{path}: {CARD}: ", BundleError)
