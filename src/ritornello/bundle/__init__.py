"""A bundle: a trained model as one `.rit` file with all that inference needs, and nothing that can run code.

It is a zip file of three members or four:

    card.json            the model card: representation, network, training, corpus, held-out figures (`Card`)
    weights.safetensors  every weight of the network, for inference and for training
    step.onnx            one step of the network as an ONNX graph, for inference without torch
    music.safetensors    optional: an index of the training music, to measure memorisation (`originality`)

The graph holds no weights. Each of its initializers is declared *external* under the name that the weight has
in `weights.safetensors`, and is passed to ONNX Runtime at load time (see `generation.stepper`), so that a bundle
holds every number once. With `precision="float16"` or "int8" the stored numbers are rounded (see `precision`) and
widened again on loading; inference and training use the same rounded numbers.

The file is written deterministically: the same model and card give the same bytes, so its digest identifies it.

A style, some kilobytes for a base model in another file, has the same suffix and is loaded alike (`style`).

Read in order: `card`, then `save_bundle`, `load_bundle`, `load_network` here, `archive`, `precision`, `step_graph`,
`style`. Only saving and `load_network` use torch.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ritornello.bundle.archive import (
    CARD,
    LARGEST,
    MUSIC,
    STEP,
    STYLE,
    WEIGHTS,
    check_finite,
    pack_weights,
    unpack_weights,
    unzip_members,
    zip_members,
)
from ritornello.bundle.card import (
    Base,
    Card,
    CorpusFacts,
    Facts,
    Origin,
    Part,
    Sampling,
    StyleCard,
    card_bytes,
    read_card,
    shortcoming,
)
from ritornello.bundle.precision import SCALES, Precision, Weights, narrowed, widened
from ritornello.bundle.step_graph import (
    NETWORK,
    export_step,
    externalise,
    set_weights,
    still_copy,
    weights_of,
)
from ritornello.bundle.style import Style, digest_of, find_base, read_style
from ritornello.errors import BundleError, ConfigError
from ritornello.originality import Index, unpack_index
from ritornello.paths import Source, name_of, read_bytes, write_bytes
from ritornello.representations import REPRESENTATIONS
from ritornello.structure import Structure

if TYPE_CHECKING:
    from ritornello.networks import Network
    from ritornello.representations.base import Representation

__all__ = [
    "Bundle",
    "Card",
    "CorpusFacts",
    "Facts",
    "Origin",
    "Part",
    "Sampling",
    "add_index",
    "bundle_summary",
    "load_bundle",
    "load_network",
    "save_bundle",
    "save_style",
    "set_sampling",
    "shortcoming",
]

SUFFIX = ".rit"


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle.

    stored: the weights by name, as in the file. step: the graph, serialised ONNX. digest: the beginning of the file's
    SHA-256, 16 hexadecimal digits. size: of the file, in bytes. music: the packed `index`, may be empty. base: the file
    name of the base model of a style, else empty.
    """

    card: Card
    stored: Weights = field(repr=False)
    step: bytes = field(repr=False)
    digest: str
    size: int
    path: Path
    music: bytes = field(default=b"", repr=False)
    base: str = ""

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
        """The index of the training music, or None: older bundles and those of prose have none."""
        return unpack_index(self.music, f"{self.path}: {MUSIC}") if self.music else None

    @cached_property
    def structure(self) -> Structure | None:
        """The structure of the training music, or None without an index."""
        return None if self.index is None else Structure(self.index)

    @property
    def origins(self) -> tuple[Origin, ...]:
        """What the card of a model that begins from this one is to say: this one, and those from which it began."""
        own = Origin(name=self.card.name, digest=self.digest, corpus=self.card.corpus)
        return own, *self.card.derived_from

    @cached_property
    def weights(self) -> Weights:
        """The weights by name, floating ones as float32."""
        return widened(self.stored)

    @property
    def parameters(self) -> int:
        """The number of the network's weights."""
        stored = self.stored.items()
        return sum(
            array.size for name, array in stored if name.startswith(NETWORK) and not name.endswith(SCALES)
        )


def bundle_summary(bundle: Bundle) -> dict[str, Any]:
    """Return the card and facts about the file as plain JSON, for reports."""
    of_file = {"digest": bundle.digest, "bytes": bundle.size, "parameters": bundle.parameters}
    of_file["pieces indexed"] = len(bundle.index.names) if bundle.index else 0
    of_file |= {"style of": bundle.base} if bundle.base else {}
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

    `network` is not changed; its logits equal the bundle's exactly in float32, and up to the rounding of the weights in
    float16 (relative 2**-11 of each) and int8 (see `precision`). ConfigError for weights that are not finite, or beyond
    the range of `precision`; MissingExtraError without the package `onnx`.
    """
    still = still_copy(network)
    stored = narrowed(weights_of(still), precision)
    check_finite(stored, f"network {facts.name!r}", ConfigError)
    set_weights(still, widened(stored))
    graph, initial = export_step(still, len(representation.columns))
    names = {name for name in stored if not name.endswith(SCALES)}
    unused = names - externalise(graph, names, WEIGHTS)
    card = _make_card(
        facts, network, representation, {"precision": precision, "training_only": sorted(unused)}
    )
    members = {
        CARD: card_bytes(card),
        WEIGHTS: pack_weights(stored | initial),
        STEP: graph.SerializeToString(deterministic=True),
    }
    if index is not None:
        members[MUSIC] = index.pack()
    write_bytes(Path(path), zip_members(members), durable=True)
    return card


def _make_card(
    facts: Facts, network: Network, representation: Representation, others: dict[str, Any]
) -> Card:
    from ritornello.networks import NETWORKS

    if NETWORKS.get(network.name) is not type(network):
        raise ConfigError(
            f"{type(network).__name__} is not in the table of networks; known: {', '.join(NETWORKS)}"
        )
    packages = {
        "representation": REPRESENTATIONS.package(representation.name),
        "network": NETWORKS.package(network.name),
    }
    sizes = tuple(column.size for column in representation.columns)
    known = {
        "representation": {"name": representation.name, "config": dict(representation.config())},
        "network": {"name": network.name, "config": network.config.model_dump(mode="json")},
        "column_sizes": sizes,
        "vocabulary_size": sizes[0],
        "packages": {part: package for part, package in packages.items() if package},
        "version": 2 if others["precision"] == "int8" else 1,
    }
    return Card.model_validate(facts.model_dump() | known | others)


def add_index(path: Path, index: Index) -> None:
    """Replace the index of the training music in the bundle at `path`."""
    members = unzip_members(path, read_bytes(path))
    write_bytes(path, zip_members(members | {MUSIC: index.pack()}), durable=True)


def set_sampling(path: Path, sampling: Sampling) -> None:
    """Replace the sampling settings in the card of the bundle at `path`."""
    members = unzip_members(path, read_bytes(path))
    card = read_card(path, members[CARD], Card).model_copy(update={"sampling": sampling})
    write_bytes(path, zip_members(members | {CARD: card_bytes(card)}), durable=True)


def save_style(path: Path, base: Bundle, weights: Weights, facts: Facts) -> None:
    """Write a style of `base` to `path`, whole or not at all. `weights` replace those of the same names."""
    if base.base:
        raise ConfigError(f"{base.path}: is itself a style of {base.base}; begin with that model")
    card = StyleCard(**facts.model_dump(), base=Base(file=base.path.name, digest=base.digest))
    write_bytes(path, zip_members({CARD: card_bytes(card), STYLE: pack_weights(weights)}), durable=True)


# --- loading --------------------------------------------------------------------------------------------------


def load_bundle(source: Source) -> Bundle:
    """Return the bundle in `source`; of a style, its base model with the weights of the style. Needs no torch.

    `source` is a path, bytes, or a binary file object. BundleError if it is damaged, of another version, or no bundle,
    or if the base model of a style is neither shipped nor in the folder of `source` (the current one for bytes).
    """
    path = Path(name_of(source))
    data = read_bytes(source, limit=LARGEST)
    members = unzip_members(path, data)
    if STYLE in members:
        style = read_style(path, members, data)
        return _apply_style(load_bundle(find_base(style)), style)
    card = read_card(path, members[CARD], Card)
    _check_package(path, card, "representation", REPRESENTATIONS)
    stored = unpack_weights(path, WEIGHTS, members[WEIGHTS])
    return Bundle(card, stored, members[STEP], digest_of(data), len(data), path, members.get(MUSIC, b""))


def _check_package(
    path: Path, card: Card, part: Literal["representation", "network"], known: Container[str]
) -> None:
    """Raise BundleError if a part of a model needs a package that is not installed."""
    name, package = getattr(card, part).name, card.packages.get(part)
    if package and name not in known:
        raise BundleError(
            f"{path}: its {part} {name!r} comes with the package {package}; run: pip install {package.split()[0]}"
        )


def _apply_style(base: Bundle, style: Style) -> Bundle:
    """Return `base` with the weights and facts of `style`; BundleError if a weight does not fit."""
    for name, array in style.weights.items():
        replaced = base.weights.get(name)
        if replaced is None or (replaced.shape, replaced.dtype) != (array.shape, array.dtype):
            wanted = "there is none" if replaced is None else f"{replaced.dtype} of shape {replaced.shape}"
            raise BundleError(
                f"{style.path}: {STYLE}: {name} is {array.dtype} of shape {array.shape}, in {base.path.name} {wanted}"
            )
    own = {name: getattr(style.card, name) for name in Facts.model_fields if name != "sampling"}
    own["derived_from"] = base.origins
    return replace(
        base,
        card=base.card.model_copy(update=own),
        stored=base.weights | style.weights,
        digest=style.digest,
        size=style.size,
        path=style.path,
        base=base.path.name,
    )


def load_network(bundle: Bundle) -> Network:
    """Return the bundle's network with its weights, on the CPU, in training mode (torch)."""
    from ritornello.networks import NETWORKS, make_network

    _check_package(bundle.path, bundle.card, "network", NETWORKS)
    part = bundle.card.network
    try:
        network = make_network(part.name, part.config, bundle.card.column_sizes)
        set_weights(network, bundle.weights)
    except (ConfigError, RuntimeError) as error:
        raise BundleError(f"{bundle.path}: the weights do not fit network {part.name}: {error}") from error
    return network
