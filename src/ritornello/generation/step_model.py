"""Weight quantisation: a step graph with weights of 8 bits, made from that of a bundle when it is loaded.

A step of one piece does hardly anything but read the weights, so a quarter of the bytes is a quarter of the time, or
nearly. Each BLOCK weights of a column have a scale of their own. What is multiplied with them is rounded as well,
row by row, so rows still do not touch each other. The bundle itself stays as it is.

ONNX's LSTM operator has no such weights; so `unroll_lstm` first writes it as what one step of it is, a matrix
product and the gates. (In 32 bits that is no faster.)

Read in order: `quantised_step`, `unroll_lstm`, `quantise`; `onnx_model` tells what a model is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

BLOCK = 64
"""Weights that share a scale."""

ACCURACY = 4  # of MatMulNBits: multiply integers of 8 bits

PLAIN_LSTM = {"hidden_size", "direction"}
"""What an LSTM node may say; one that says more is left as it is. `direction` has to be the default, forward."""

Run = Callable[[bytes, set[str]], Sequence[NDArray[Any]]]
"""Returns the outputs of a graph without inputs, given the names of its external tensors."""


def quantised_step(step: bytes, run: Run) -> tuple[bytes, set[str]]:
    """Return the step graph `step` with matrices of 8 bits, and the names of the external tensors it still has."""
    model = read_model(step)
    unroll_lstm(model)
    quantise(model, run)
    return model.SerializeToString(), externals_of(model)


# --- one step of an LSTM --------------------------------------------------------------------------------------


def unroll_lstm(model: Any) -> None:
    """Rewrite every LSTM node of `model`, a graph of a single step, as matrix product and gates."""
    graph = model.graph
    indices = {f"index_{i}": np.array([i], dtype=np.int64) for i in (0, 1)}
    indices["halves"] = np.array([2, -1], dtype=np.int64)
    graph.initializer.extend(make_tensor(name, array) for name, array in indices.items())
    nodes = [new for node in graph.node for new in (_one_step(node) if _is_plain_lstm(node) else [node])]
    replace_nodes(graph, nodes)


def _is_plain_lstm(node: Any) -> bool:
    if node.operator != "LSTM" or len(node.input) != 7 or node.input[4]:
        return False
    known = attributes_of(node)
    return known.keys() <= PLAIN_LSTM and "direction" not in known and bool(node.input[3])


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
    """Let `model` multiply with matrices of 8 bits wherever it multiplies with a constant one."""
    graph = model.graph
    constant = constants_of(graph)
    chosen = {
        node.output[0]: node
        for node in graph.node
        if _is_product(node) and node.input[1] in constant and node.input[0] not in constant
    }
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


def _is_product(node: Any) -> bool:
    """Whether a node is the product of two matrices, plus a vector at most."""
    if node.operator == "MatMul":
        return True
    known = attributes_of(node)
    plain = all(known.get(name, 1) == 1 for name in ("alpha", "beta")) and not known.get("transA")
    return bool(node.operator == "Gemm" and plain)


def _quantised(node: Any, matrix: NDArray[Any]) -> tuple[Any, list[Any]]:
    """Return the node that does the same with `matrix` in 8 bits, and the tensors that it reads."""
    if attributes_of(node).get("transB"):
        matrix = matrix.T
    height, width = matrix.shape
    values, scales = quantise_columns(matrix)
    tensors = [
        make_tensor(f"{node.output[0]}/values", values),
        make_tensor(f"{node.output[0]}/scales", scales),
    ]
    bias = ["", "", node.input[2]] if len(node.input) > 2 else []
    product = make_node(
        "MatMulNBits",
        [node.input[0], *(tensor.name for tensor in tensors), *bias],
        list(node.output),
        CONTRIBUTED,
        K=height,
        N=width,
        bits=8,
        block_size=BLOCK,
        accuracy_level=ACCURACY,
    )
    return product, tensors


def quantise_columns(matrix: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a matrix (height, width) as 8-bit values (width, blocks, BLOCK), 128 for 0, and scales (width, blocks).

    A weight is (value - 128) * scale; the last block is filled up with zeros.
    """
    height, width = matrix.shape
    blocks = -(-height // BLOCK)
    padded = np.zeros((width, blocks * BLOCK), dtype=np.float32)
    padded[:, :height] = matrix.T
    padded = padded.reshape(width, blocks, BLOCK)
    scales = np.abs(padded).max(axis=2, keepdims=True) / 127
    scales[scales == 0] = 1.0
    return (np.rint(padded / scales) + 128).astype(np.uint8), scales[..., 0]
