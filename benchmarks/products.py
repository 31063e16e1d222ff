"""How fast this machine multiplies matrices, on one thread: the best of torch, numpy and ONNX Runtime, at given shapes.

In float32, bfloat16 (products of numbers of 16 bits, added up in 32) and int8 (of whole numbers of 8 bits, added up in
32; ONNX Runtime's product of 8-bit blocks with its scales, which `step_model` uses, is among them). A rate counts two
operations a multiplication. Which library was the fastest is said with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from machine import usual_seconds

from ritornello.generation.step_model import ACCURACY, BLOCK, quantise_columns

Shape = tuple[int, int, int]
"""(rows, inner, columns): (rows, inner) @ (inner, columns)."""

SQUARE = (1024, 1024, 1024)

Product = Callable[[int, int, int], Callable[[], object]]
"""Makes a product of that shape, ready to run."""


class Rate(NamedTuple):
    """Operations a second, and whose product it is."""

    operations: float
    library: str

    def __str__(self) -> str:
        return f"{self.operations / 1e9:.0f} GFLOP/s ({self.library})"


def numpy_product(rows: int, inner: int, columns: int) -> Callable[[], object]:
    left, right = np.ones((rows, inner), dtype=np.float32), np.ones((inner, columns), dtype=np.float32)
    return lambda: left @ right


def torch_product(kind: torch.dtype, rows: int, inner: int, columns: int) -> Callable[[], object]:
    left, right = torch.ones(rows, inner, dtype=kind), torch.ones(columns, inner, dtype=kind).T
    multiply = torch._int_mm if kind == torch.int8 else torch.mm
    return lambda: multiply(left, right)


def runtime_product(operator: str, rows: int, inner: int, columns: int) -> Callable[[], object]:
    """Return a product of ONNX Runtime with a constant matrix, which it may lay out as it likes."""
    matrix = np.random.default_rng(0).normal(size=(inner, columns)).astype(np.float32)
    values, scales = quantise_columns(matrix)
    constants = {
        "MatMul": [matrix],
        "MatMulInteger": [np.clip(100 * matrix, -127, 127).astype(np.int8)],
        "MatMulNBits": [values, scales],
    }[operator]
    left = np.ones((rows, inner), dtype=np.uint8 if operator == "MatMulInteger" else np.float32)
    session = _session(operator, left, constants, columns)
    return lambda: session.run(None, {"x": left})


def _session(operator: str, left: Any, constants: list[Any], columns: int) -> Any:
    import onnxruntime
    from onnx import helper, numpy_helper

    blocks = {"K": left.shape[1], "N": columns, "bits": 8, "block_size": BLOCK, "accuracy_level": ACCURACY}
    extra = {"domain": "com.microsoft", **blocks} if operator == "MatMulNBits" else {}
    names = [f"constant_{number}" for number in range(len(constants))]
    node = helper.make_node(operator, ["x", *names], ["y"], **extra)
    of_x, of_y = (helper.np_dtype_to_tensor_dtype(a) for a in (left.dtype, np.dtype(np.float32)))
    of_y = helper.np_dtype_to_tensor_dtype(np.dtype(np.int32)) if operator == "MatMulInteger" else of_y
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("x", of_x, left.shape)],
        [helper.make_tensor_value_info("y", of_y, (len(left), columns))],
        [numpy_helper.from_array(array, name) for array, name in zip(constants, names, strict=True)],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


PRODUCTS: dict[str, dict[str, Product]] = {
    "float32": {
        "torch": functools.partial(torch_product, torch.float32),
        "numpy": numpy_product,
        "ONNX Runtime": functools.partial(runtime_product, "MatMul"),
    },
    "bfloat16": {"torch": functools.partial(torch_product, torch.bfloat16)},
    "int8": {
        "torch": functools.partial(torch_product, torch.int8),
        "ONNX Runtime": functools.partial(runtime_product, "MatMulInteger"),
        "ONNX Runtime, 8-bit blocks": functools.partial(runtime_product, "MatMulNBits"),
    },
}


@functools.cache
def product_rate(kind: str, shape: Shape = SQUARE, seconds: float = 0.1) -> Rate:
    """Return the rate of the fastest product of that kind and shape; torch's number of threads has to be 1."""
    operations = 2 * shape[0] * shape[1] * shape[2]
    return max(
        Rate(operations / usual_seconds(make(*shape), seconds), library)
        for library, make in PRODUCTS[kind].items()
        if _can(library, kind, shape)
    )


def _can(library: str, kind: str, shape: Shape) -> bool:
    """Whether a library multiplies matrices of this shape: torch's whole numbers want multiples of 8."""
    return not (library == "torch" and kind == "int8" and any(size % 8 for size in shape))


def products_seconds(kind: str, shapes: list[Shape]) -> float:
    """Return how long products of these shapes take one after another, each by the fastest library."""
    return sum(2 * s[0] * s[1] * s[2] / product_rate(kind, s).operations for s in shapes)
