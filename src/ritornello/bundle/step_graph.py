"""The step graph: one step of any network, exported to ONNX without its weights.

The graph maps (columns, state_0, ...) to (logits, next_state_0, ...), with the batch first and dynamic. Its
weights are declared *external* under their own names; `generation.stepper` supplies them. The network is
traced, so a new architecture needs no code for export.
"""

from __future__ import annotations

import copy
import io
import warnings
from typing import TYPE_CHECKING, Any

from ritornello.bundle.precision import Weights
from ritornello.errors import MissingExtraError

if TYPE_CHECKING:
    from ritornello.networks import Network

COLUMNS, LOGITS = "columns", "logits"  # the graph's first input and first output
NETWORK = "network."  # what the names of the network's own weights begin with


def still_copy(network: Network) -> Network:
    """Return a copy of `network` on the CPU in evaluation mode, in float32."""
    still: Network = copy.deepcopy(network).cpu().float().eval().requires_grad_(False)
    return still


def weights_of(network: Network) -> Weights:
    """Return copies of the weights of a network on the CPU, under their names in a bundle."""
    return {NETWORK + name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}


def set_weights(network: Network, weights: Weights) -> None:
    """Give `network` its `weights` of a bundle; RuntimeError if they do not fit."""
    import torch

    own = {name.removeprefix(NETWORK): a for name, a in weights.items() if name.startswith(NETWORK)}
    network.load_state_dict({name: torch.tensor(array) for name, array in own.items()})


def export_step(network: Network, column_count: int) -> tuple[Any, Weights]:
    """Return one step of `network` as an ONNX model, and its initial state by name.

    `network` is a `still_copy`; its weights are overwritten.
    Without the package `onnx`, MissingExtraError.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("onnx", "train") from error
    import torch

    step, state = _single_step(network), network.initial_state(2)
    states = [f"state_{i}" for i in range(len(state))]
    inputs, outputs = [COLUMNS, *states], [LOGITS, *(f"next_{name}" for name in states)]
    columns = torch.zeros(2, column_count, dtype=torch.int64)
    initial = {f"initial_{name}": part[:1].numpy().copy() for name, part in zip(states, state, strict=True)}
    for number, parameter in enumerate(step.parameters()):
        parameter.fill_(number)  # all different: of equal parameters the exporter keeps only one
    file = io.BytesIO()
    with warnings.catch_warnings():
        _ignore_exporter_warnings()
        # The older exporter: it gives ONNX's own LSTM operator. An example batch of 2 keeps the axis dynamic.
        # Without folding the weights keep their names; ONNX Runtime folds as it loads, so nothing is slower.
        torch.onnx.export(
            step,
            (columns, *state),
            file,
            dynamo=False,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in (*inputs, *outputs)},
            do_constant_folding=False,
            opset_version=17,
        )
    return onnx.load_from_string(file.getvalue()), initial


def _single_step(network: Network) -> Any:
    """Return `network` as a module of columns (batch, column) and the parts of the state, without the time axis."""
    import torch

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, columns: Any, *state: Any) -> tuple[Any, ...]:
            logits, state = self.network(columns[:, None, :], state)
            return logits[:, 0], *state

    return Step()


def _ignore_exporter_warnings() -> None:
    """Silence the warnings of the older exporter. The laws of bundles test what it warns of."""
    import torch

    # The batch and the shapes may be frozen into the graph:
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
    warnings.filterwarnings("ignore", message="Exporting a model to ONNX with a batch_size other than 1")
    # A constant is not folded:
    warnings.filterwarnings("ignore", message="Constant folding - Only steps=1 can be constant folded")
    # The exporter is the older one:
    warnings.filterwarnings("ignore", message="You are using the legacy TorchScript-based ONNX export")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.onnx")


def externalise(graph: Any, names: set[str], location: str) -> set[str]:
    """Make the initializers `names` of the ONNX model `graph` external data in the file `location`; return those found.

    Other initializers, such as constants, stay inside. The source locations that the exporter leaves are removed.
    """
    from onnx import TensorProto

    found = set()
    for initializer in graph.graph.initializer:
        if initializer.name in names:
            initializer.ClearField("raw_data")
            initializer.data_location = TensorProto.EXTERNAL
            initializer.external_data.add(key="location", value=location)
            found.add(initializer.name)
    for node in graph.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    return found
