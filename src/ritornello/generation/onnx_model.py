"""ONNX models as protobuf messages: read, change and write them without the package `onnx`.

`FIELDS` has only the fields of ONNX's schema (onnx.proto, IR version 8) that the step runtime needs. Protobuf keeps
unknown fields as they are when a model is written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "Model": {"opset": (8, "*Opset"), "graph": (7, "Graph"), "functions": (25, "*bytes")},
    "Opset": {"domain": (1, "text"), "version": (2, "integer")},
    "Graph": {
        "node": (1, "*Node"),
        "initializer": (5, "*Tensor"),
        "input": (11, "*Value"),
        "output": (12, "*Value"),
    },
    "Value": {"name": (1, "text")},
    "Node": {
        "input": (1, "*text"),
        "output": (2, "*text"),
        "name": (3, "text"),
        "operator": (4, "text"),
        "attribute": (5, "*Attribute"),
        "domain": (7, "text"),
    },
    "Attribute": {
        "name": (1, "text"),
        "real": (2, "real"),
        "integer": (3, "integer"),
        "integers": (8, "*integer"),
        "graph": (6, "bytes"),
        "graphs": (11, "*bytes"),
        "type": (20, "integer"),
    },
    "Tensor": {
        "dims": (1, "*integer"),
        "data_type": (2, "integer"),
        "name": (8, "text"),
        "raw_data": (9, "bytes"),
        "data_location": (14, "integer"),
    },
}
"""Message -> field -> (number on the wire, kind); a star marks a repeated field."""

ELEMENT_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int64": 7}
REAL, INTEGER, INTEGERS = 1, 2, 7  # kinds of attribute

EXTERNAL = 1  # data_location of a tensor whose numbers are passed to ONNX Runtime separately

CONTRIBUTED = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""


def read_model(data: bytes) -> Any:
    """Return the model in `data`; ValueError if it is none."""
    from google.protobuf.message import DecodeError

    model = _messages()["Model"]()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise ValueError(f"not an ONNX model: {error}") from error
    return model


def make_node(
    operator: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **attributes: Any
) -> Any:
    """Return a node; `attributes` are integers or lists of them."""
    node = _messages()["Node"](operator=operator, input=inputs, output=outputs, domain=domain)
    for name, value in attributes.items():
        if isinstance(value, int):
            node.attribute.add(name=name, type=INTEGER, integer=value)
        else:
            node.attribute.add(name=name, type=INTEGERS, integers=value)
    return node


def make_tensor(name: str, array: NDArray[Any]) -> Any:
    """Return a tensor that holds `array`, of one of ELEMENT_TYPES."""
    raw = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    kind = ELEMENT_TYPES[array.dtype.name]
    return _messages()["Tensor"](name=name, dims=array.shape, data_type=kind, raw_data=raw)


def attributes_of(node: Any) -> dict[str, Any]:
    """Return a node's attributes by name; None for one that is not a number or a list of integers."""
    fields = {REAL: "real", INTEGER: "integer", INTEGERS: "integers"}
    return {a.name: getattr(a, fields[a.type]) if a.type in fields else None for a in node.attribute}


def replace_nodes(graph: Any, nodes: Iterable[Any]) -> None:
    """Set the nodes of `graph`; of these and its initializers, only those that its outputs need are kept."""
    wanted = {value.name for value in graph.output}
    kept = []
    for node in reversed(list(nodes)):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    tensors = [tensor for tensor in graph.initializer if tensor.name in wanted]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(tensors)


def constants_of(graph: Any) -> set[str]:
    """Return the names of values that do not depend on the inputs of `graph`; its nodes are in order, as ONNX asks."""
    varying = {value.name for value in graph.input}
    constant = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        (varying if varying.intersection(node.input) else constant).update(node.output)
    return constant


def part_of(model: Any, names: Iterable[str]) -> Any:
    """Return the part of `model` that computes the constants `names`, as a model without inputs."""
    part = type(model)()
    part.CopyFrom(model)
    del part.graph.input[:], part.graph.output[:]
    for name in names:
        part.graph.output.add(name=name)
    replace_nodes(part.graph, model.graph.node)
    return part


def externals_of(model: Any) -> set[str]:
    """Return the names of the external tensors."""
    return {tensor.name for tensor in model.graph.initializer if tensor.data_location == EXTERNAL}


def with_externals(model: bytes, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a model with `arrays` as its external tensors."""
    read = read_model(model)
    held = {tensor.name: tensor for tensor in read.graph.initializer}
    kept = [make_tensor(name, arrays[name]) if name in arrays else held[name] for name in held]
    del read.graph.initializer[:]
    read.graph.initializer.extend(kept)
    return bytes(read.SerializeToString())


@cache
def _messages() -> dict[str, Any]:
    """Return the message classes of FIELDS by name."""
    from google.protobuf import message_factory
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.descriptor_pool import DescriptorPool

    kinds = {
        "text": Field.TYPE_STRING,
        "bytes": Field.TYPE_BYTES,
        "integer": Field.TYPE_INT64,
        "real": Field.TYPE_FLOAT,
    }
    file = FileDescriptorProto(name="step_model.proto", package="ritornello", syntax="proto2")
    for message, fields in FIELDS.items():
        described = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            label = Field.LABEL_REPEATED if kind.startswith("*") else Field.LABEL_OPTIONAL
            field = described.field.add(name=name, number=number, label=label)
            kind = kind.removeprefix("*")
            field.type = kinds.get(kind, Field.TYPE_MESSAGE)
            if kind not in kinds:
                field.type_name = f".ritornello.{kind}"
    pool = DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"ritornello.{name}") for name in FIELDS}
    return {name: message_factory.GetMessageClass(found[name]) for name in FIELDS}
