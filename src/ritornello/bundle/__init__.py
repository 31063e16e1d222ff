"""A bundle: one shareable `.rit` file with everything that is needed to generate, and nothing that can run code.

It is a zip file of three members or four:

    card.json            what the model is: representation, network, training, corpus, held-out figures (`Card`)
    weights.safetensors  every weight of the network, for playing and for training on
    step.onnx            one step of the network as a graph, for playing without torch
    music.safetensors    not in all: an index of what it learned from, to tell what it copies (`originality`)

The graph holds no weights. Each of its initializers is declared *external* under the name that the weight has
in `weights.safetensors`, and is handed to ONNX Runtime at load time (see `generation.stepper`), so that a bundle
holds every number once. With `precision="float16"` the stored numbers are rounded to half precision and widened
again on loading; all that plays or trains the bundle sees the same rounded numbers.

The file is written deterministically: the same model and card give the same bytes, so its digest names it.

Read in order: `Facts`, `Card`, `save_bundle`, `load_bundle`, `load_network` here, then `step_graph`. Only saving
and `load_network` use torch.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ritornello import __version__
from ritornello.bundle.step_graph import (
    NETWORK,
    Precision,
    Weights,
    export_step,
    externalise,
    still_copy,
)
from ritornello.errors import BundleError, ConfigError, explain
from ritornello.originality import Index, unpack_index
from ritornello.paths import read_bytes, write_bytes

if TYPE_CHECKING:
    from ritornello.networks import Network
    from ritornello.representations.base import Representation

FORMAT = "ritornello bundle"
VERSION = 1
SUFFIX = ".rit"

CARD, WEIGHTS, STEP, MUSIC = "card.json", "weights.safetensors", "step.onnx", "music.safetensors"
GIGABYTE = 1 << 30
MEMBERS = {CARD: 1 << 24, WEIGHTS: 2 * GIGABYTE, STEP: 1 << 26}
"""The members, in the order of the file, and how many bytes each may have."""

OPTIONAL = {MUSIC: 1 << 26}
"""Likewise, of what older bundles lack."""


class Part(BaseModel):
    """A representation or a network: its registered name and its full configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    config: dict[str, Any]


class CorpusFacts(BaseModel):
    """What a model was trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str = Field(default="", description="digest of the corpus")
    licence: str = Field(default="", description="licence of the music")
    provenance: str = Field(default="", description="where the music comes from, and how it was chosen")


class Facts(BaseModel):
    """What whoever makes a bundle says about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="the model's name")
    description: str = Field("", description="what it plays, in a line or two")
    training: dict[str, Any] = Field({}, description="how it was trained, plain JSON")
    corpus: CorpusFacts = CorpusFacts()
    held_out: dict[str, float] = Field(
        {}, description="figures on pieces it never saw, such as nats per note"
    )
    created: str = Field("", description="date of making, YYYY-MM-DD")


class Card(Facts):
    """What a bundle says about itself: the maker's facts, and what is needed to use it."""

    format: Literal["ritornello bundle"]
    version: Literal[1]
    ritornello: str = Field(description="version of the library that wrote the bundle")
    representation: Part
    network: Part
    column_sizes: tuple[int, ...] = Field(min_length=1, description="values of each input column")
    vocabulary_size: int
    precision: Precision
    training_only: tuple[str, ...] = Field((), description="weights that the step graph does not use")


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle. `weights` are by name, floating ones as float32; `step` is the graph, serialised ONNX;
    `digest` is the beginning of the file's SHA-256, 16 hexadecimal digits; `size` is the file's, in bytes."""

    card: Card
    weights: Weights = field(repr=False)
    step: bytes = field(repr=False)
    digest: str
    size: int
    path: Path
    music: bytes = field(default=b"", repr=False)  # packed; see `index`

    @cached_property
    def representation(self) -> Representation:
        """The representation the model was trained with; BundleError if this version does not know it."""
        from ritornello.representations import make_representation

        part = self.card.representation
        try:
            made = make_representation(part.name, part.config)
        except ConfigError as error:
            raise BundleError(f"{self.path}: {error}") from error
        sizes = tuple(column.size for column in made.columns)
        if sizes != self.card.column_sizes:
            raise BundleError(
                f"{self.path}: its columns have {self.card.column_sizes} values, {part.name} makes {sizes}"
            )
        return made

    @cached_property
    def index(self) -> Index | None:
        """The index of the music that the model learned from, or None: older bundles have none, nor those of prose."""
        return unpack_index(self.music, f"{self.path}: {MUSIC}") if self.music else None

    @property
    def parameters(self) -> int:
        """How many numbers the network learned."""
        return sum(array.size for name, array in self.weights.items() if name.startswith(NETWORK))


def bundle_summary(bundle: Bundle) -> dict[str, Any]:
    """Return the card and the facts of the file, plain JSON, for reports."""
    of_file = {"digest": bundle.digest, "bytes": bundle.size, "parameters": bundle.parameters}
    of_file["pieces indexed"] = len(bundle.index.names) if bundle.index else 0
    return bundle.card.model_dump(mode="json") | of_file


# --- saving ---------------------------------------------------------------------------------------------------


def save_bundle(
    path: Path | str,
    network: Network,
    representation: Representation,
    facts: Facts,
    precision: Precision = "float32",
    index: Index | None = None,
) -> Card:
    """Write a bundle to `path`, whole or not at all, and return its card.

    `network` is left as it is; its logits equal the bundle's exactly in float32, and up to the rounding of the
    weights in float16 (relative 2**-11 of each). Weights that are not finite, or that half precision cannot
    hold, are a ConfigError; without the package `onnx`, MissingExtraError.
    """
    still = still_copy(network, precision)
    sizes = tuple(column.size for column in representation.columns)
    graph, weights = export_step(still, len(sizes))
    _check_finite(weights, f"network {facts.name!r}", ConfigError)
    names = {name for name in weights if name.startswith(NETWORK)}
    in_graph = externalise(graph, names, WEIGHTS)
    known = {
        "format": FORMAT,
        "version": VERSION,
        "ritornello": __version__,
        "representation": {"name": representation.name, "config": dict(representation.config())},
        "network": _describe_network(network),
        "column_sizes": sizes,
        "vocabulary_size": sizes[0],
        "precision": precision,
        "training_only": sorted(names - in_graph),
    }
    card = Card.model_validate(facts.model_dump() | known)
    members = {
        CARD: json.dumps(card.model_dump(mode="json"), indent=1, ensure_ascii=False).encode(),
        WEIGHTS: _pack_weights(weights, precision),
        STEP: graph.SerializeToString(deterministic=True),
    }
    if index is not None:
        members[MUSIC] = index.pack()
    write_bytes(Path(path), _zip_members(members))
    return card


def add_index(path: Path, index: Index) -> None:
    """Give the bundle at `path` another index of what it learned from."""
    members = _unzip_members(path, read_bytes(path))
    write_bytes(path, _zip_members(members | {MUSIC: index.pack()}))


def _describe_network(network: Any) -> dict[str, Any]:
    """Return the registered name of `network` and its configuration."""
    from ritornello.networks import NETWORKS

    names = [name for name, row in NETWORKS.items() if row.network is type(network)]
    if not names:
        raise ConfigError(
            f"{type(network).__name__} is not in the table of networks; known: {', '.join(NETWORKS)}"
        )
    return {"name": names[0], "config": network.config.model_dump(mode="json")}


def _pack_weights(weights: Weights, precision: Precision) -> bytes:
    from safetensors.numpy import save

    def stored(name: str, array: NDArray[Any]) -> NDArray[Any]:
        narrow = precision == "float16" and name.startswith(NETWORK) and array.dtype == np.float32
        return np.ascontiguousarray(array.astype(np.float16) if narrow else array)

    # No metadata: with several keys their order, and so the bytes, would be random.
    return bytes(save({name: stored(name, array) for name, array in weights.items()}))


def _zip_members(members: Mapping[str, bytes]) -> bytes:
    """Return a zip file of `members`, the same bytes for the same members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16  # the same on every system
            # Weights are noise to a compressor; stored, they also cannot be a zip bomb.
            info.compress_type = zipfile.ZIP_STORED if name == WEIGHTS else zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return file.getvalue()


# --- loading --------------------------------------------------------------------------------------------------


def load_bundle(path: Path | str) -> Bundle:
    """Return the bundle at `path`; BundleError if it is damaged, of another version, or no bundle. No torch."""
    path = Path(path)
    data = read_bytes(path, limit=sum((MEMBERS | OPTIONAL).values()))
    members = _unzip_members(path, data)
    card = _read_card(path, members[CARD])
    weights = _unpack_weights(path, members[WEIGHTS])
    digest = hashlib.sha256(data).hexdigest()[:16]
    return Bundle(card, weights, members[STEP], digest, len(data), path, members.get(MUSIC, b""))


def load_network(bundle: Bundle) -> Network:
    """Return the bundle's network with its weights, on the CPU, in training mode (torch)."""
    import torch

    from ritornello.networks import make_network

    part = bundle.card.network
    try:
        network = make_network(part.name, part.config, bundle.card.column_sizes)
        own = {k.removeprefix(NETWORK): v for k, v in bundle.weights.items() if k.startswith(NETWORK)}
        network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in own.items()})
    except (ConfigError, RuntimeError) as error:
        raise BundleError(f"{bundle.path}: the weights do not fit network {part.name}: {error}") from error
    return network


def _unzip_members(path: Path, data: bytes) -> dict[str, bytes]:
    """Return the content of the members; BundleError for anything else than sound members, the MEMBERS at least."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            if not set(MEMBERS) <= set(infos) <= set(MEMBERS | OPTIONAL):
                names = ", ".join(sorted(infos))[:200] or "nothing"
                raise BundleError(f"{path}: not a bundle: it holds {names}; expected {', '.join(MEMBERS)}")
            for name, info in infos.items():
                _check_member(path, info, (MEMBERS | OPTIONAL)[name])
            return {name: archive.read(info) for name, info in infos.items()}
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        whole = data.startswith(b"PK")
        cause = f"a damaged or truncated bundle ({error})" if whole else "not a bundle (no zip file)"
        raise BundleError(f"{path}: {cause}") from error


def _check_member(path: Path, info: zipfile.ZipInfo, limit: int) -> None:
    """Refuse a member that is too large, or that would be once unpacked."""
    if info.file_size > limit:
        raise BundleError(f"{path}: {info.filename} has {info.file_size} bytes, allowed are {limit}")
    if info.filename == WEIGHTS and info.compress_type != zipfile.ZIP_STORED:
        raise BundleError(f"{path}: {info.filename} is compressed; bundles store it plainly")


def _read_card(path: Path, data: bytes) -> Card:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: {CARD} is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BundleError(f"{path}: {CARD} is not the card of a bundle")
    if content.get("version") != VERSION:
        raise BundleError(
            f"{path}: bundle version {content.get('version')!r}; this ritornello ({__version__}) reads {VERSION}"
        )
    try:
        return Card.model_validate(content)
    except ValidationError as error:
        raise BundleError(f"{path}: {CARD}: {explain(error)}") from error


def _unpack_weights(path: Path, data: bytes) -> Weights:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: Weights = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise BundleError(f"{path}: {WEIGHTS} is damaged: {error}") from error
    wide = {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in arrays.items()}
    _check_finite(wide, str(path), BundleError)
    return wide


def _check_finite(weights: Weights, where: str, error: type[ConfigError] | type[BundleError]) -> None:
    for name, array in weights.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise error(f"{where}: weight {name} has values that are not finite")
