"""Weight quantisation: the step graph of a bundle with 8-bit weights, made when it is loaded.

A step of one piece is bound by reading the weights, so a quarter of the bytes takes almost a quarter of the time. Each
BLOCK weights of a column share a scale. The other factor of a product is rounded as well, row by row, so rows stay
independent. The bundle itself does not change.

ONNX's LSTM operator has no 8-bit weights; so `unroll_lstm` first rewrites a step of it as a matrix product and the
gates. (In 32 bits that is no faster.)

Read in order: `quantised_step`, `unroll_lstm`, `quantise`; `onnx_model` has the messages of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.bundle.precision import BLOCK
from ritornello.bundle.precision import quantise as quantise_rows
from ritornello.generation.onnx_model import (
    CONTRIBUTED,
    attributes_of,
    constants_of,
    externals_of,
    make_node,
    make_tensor,
    part_of,
    read_model,
    replace_nodes,
)

ACCURACY = 4  # of MatMulNBits: multiply integers of 8 bits

PLAIN_LSTM = {"hidden_size", "direction"}
"""The attributes of an LSTM node that is rewritten; `direction` must be the default, forward."""

Run = Callable[[bytes, set[str]], Sequence[NDArray[Any]]]
"""Returns the outputs of a graph without inputs, given the names of its external tensors."""


def quantised_step(step: bytes, run: Run) -> tuple[bytes, set[str]]:
    """Return the step graph `step` with 8-bit matrices, and the names of its remaining external tensors."""
    model = read_model(step)
    unroll_lstm(model)
    quantise(model, run)
    return model.SerializeToString(), externals_of(model)


# --- one step of an LSTM --------------------------------------------------------------------------------------


def unroll_lstm(model: Any) -> None:
    """Rewrite every plain LSTM node of `model`, a graph of a single step, as matrix product and gates."""
    graph = model.graph
    indices = {f"index_{i}": np.array([i], dtype=np.int64) for i in (0, 1)}
    indices["halves"] = np.array([2, -1], dtype=np.int64)
    graph.initializer.extend(make_tensor(name, array) for name, array in indices.items())
    nodes: list[Any] = []
    for node in graph.node:
        known, is_plain = attributes_of(node), node.operator == "LSTM" and len(node.input) == 7
        is_plain &= known.keys() <= PLAIN_LSTM and "direction" not in known
        nodes += _one_step(node) if is_plain and node.input[3] and not node.input[4] else [node]
    replace_nodes(graph, nodes)


def _one_step(node: Any) -> Iterator[Any]:
    """Yield the nodes of one step: x is (1, batch, input), h and c are (1, batch, hidden); gates in ONNX's order.

    [i o f g] = [x h] [W R]' + b;  c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c')
    """
    x, weight, recurrent, bias, _, h, c = node.input
    outputs = [*node.output, "", ""]
    name = (outputs[0] or outputs[1] or outputs[2]) + "/"
    after_h, after_c = outputs[1] or f"{name}h", outputs[2] or f"{name}c"

    def new(operator: str, inputs: str, output: str, **attributes: Any) -> Any:
        """Return a node; a dot before a name stands for the prefix of this one's own names."""
        names = [name + part[1:] if part.startswith(".") else part for part in inputs.split(" ")]
        results = [name + part[1:] if part.startswith(".") else part for part in output.split(" ")]
        return make_node(operator, names, results, **attributes)

    yield new("Concat", f"{weight} {recurrent}", ".rows", axis=2)
    yield new("Transpose", ".rows", ".columns", perm=[0, 2, 1])
    yield new("Squeeze", ".columns index_0", ".matrix")
    yield new("Reshape", f"{bias} halves", ".biases")
    yield new("ReduceSum", ".biases index_0", ".bias", keepdims=0)
    yield new("Concat", f"{x} {h}", ".xh", axis=2)
    yield new("MatMul", ".xh .matrix", ".product")
    yield new("Add", ".product .bias", ".gates")
    yield new("Split", ".gates", ".i .o .f .g", axis=2)
    for gate in [".i", ".o", ".f"]:
        yield new("Sigmoid", gate, f"{gate}_open")
    yield new("Tanh", ".g", ".new")
    yield new("Mul", f".f_open {c}", ".kept")
    yield new("Mul", ".i_open .new", ".added")
    yield new("Add", ".kept .added", after_c)
    yield new("Tanh", after_c, ".shown")
    yield new("Mul", ".o_open .shown", after_h)
    if outputs[0]:
        yield new("Unsqueeze", f"{after_h} index_1", outputs[0])


# --- weights in 8 bits ----------------------------------------------------------------------------------------


def quantise(model: Any, run: Run) -> None:
    """Replace the products of `model` with a constant matrix by products with its 8-bit form."""
    graph = model.graph
    constant, chosen = constants_of(graph), {}
    for node in graph.node:
        known = attributes_of(node)
        is_plain = not known.get("transA") and known.get("alpha", 1) == known.get("beta", 1) == 1
        is_product = node.operator == "MatMul" or (node.operator == "Gemm" and is_plain)
        if is_product and node.input[1] in constant and node.input[0] not in constant:
            chosen[node.output[0]] = node
    names = sorted({node.input[1] for node in chosen.values()})
    values = part_of(model, names)
    matrices = dict(zip(names, run(values.SerializeToString(), externals_of(values)), strict=True))
    nodes = []
    for node in graph.node:
        matrix = matrices[node.input[1]] if node.output[0] in chosen else None
        if matrix is not None and matrix.ndim == 2:
            node, tensors = _quantised(node, matrix)
            graph.initializer.extend(tensors)
        nodes.append(node)
    if not any(opset.domain == CONTRIBUTED for opset in model.opset):
        model.opset.add(domain=CONTRIBUTED, version=1)
    replace_nodes(graph, nodes)


def _quantised(node: Any, matrix: NDArray[Any]) -> tuple[Any, list[Any]]:
    """Return the equivalent node with `matrix` in 8 bits, and the tensors that it reads."""
    if attributes_of(node).get("transB"):
        matrix = matrix.T
    height, width = matrix.shape
    values, scales = quantise_columns(matrix)
    name = node.output[0]
    tensors = [make_tensor(f"{name}/values", values), make_tensor(f"{name}/scales", scales)]
    bias = ["", "", node.input[2]] if len(node.input) > 2 else []
    inputs = [node.input[0], *(tensor.name for tensor in tensors), *bias]
    sizes = {"K": height, "N": width, "bits": 8, "block_size": BLOCK, "accuracy_level": ACCURACY}
    return make_node("MatMulNBits", inputs, list(node.output), CONTRIBUTED, **sizes), tensors


def quantise_columns(matrix: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a matrix (height, width) as 8-bit values (width, blocks, BLOCK), 128 for 0, and scales (width, blocks).

    A weight is (value - 128) * scale; the last block is filled up with zeros.
    """
    height, width = matrix.shape
    values, scales = quantise_rows(np.ascontiguousarray(matrix.T), np.float32)
    padded = np.pad(values, [(0, 0), (0, -height % BLOCK)]).reshape(width, -1, BLOCK)
    return padded.view(np.uint8) + np.uint8(128), scales
