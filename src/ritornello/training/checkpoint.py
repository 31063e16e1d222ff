"""Checkpoints: the whole state of a run in one file, tensors as safetensors, the rest as JSON in its header.

There is no pickle. The file is replaced as a whole, so that a run killed at any moment can resume from the last one. A
checksum of everything in it tells whether it is damaged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ritornello.errors import FileError, refusing
from ritornello.paths import replacing

FORMAT_VERSION = 3


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name ("network.", "learned.", "optimizer.", "best.", "state.", "random"), and plain facts."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with `prefix`, without it."""
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path` as a whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    facts = json.dumps(checkpoint.facts)
    metadata = {"version": str(FORMAT_VERSION), "facts": facts, "checksum": _checksum(facts, tensors)}
    with replacing(path, durable=True) as beside:
        try:
            save_file(tensors, beside, metadata=metadata)
        except SafetensorError as error:  # the disk is full
            raise FileError(f"{path}: cannot be written: {error}") from error


def check_checkpoint(path: Path) -> None:
    """Raise FileError if there is no checkpoint in `path`."""
    if not path.exists():
        raise FileError(f"{path}: there is no checkpoint to resume from")


def load_checkpoint(path: Path) -> Checkpoint:
    """Return the checkpoint in `path`; raise FileError if it is missing, damaged or of another version."""
    check_checkpoint(path)
    with refusing(FileError, f"{path}: damaged checkpoint"):
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            is_known = metadata.get("version") == str(FORMAT_VERSION)
            tensors = {name: file.get_tensor(name) for name in file.keys()} if is_known else {}  # noqa: SIM118
        if is_known and metadata["checksum"] != _checksum(metadata["facts"], tensors):
            raise ValueError("it was changed after it had been written")
        facts = json.loads(metadata["facts"]) if is_known else {}
        if not isinstance(facts, dict):
            raise ValueError("its facts are no table of names and values")
    if not is_known:
        raise FileError(f"{path}: checkpoint of another version, this program reads version {FORMAT_VERSION}")
    return Checkpoint(tensors, facts)


def _checksum(facts: str, tensors: Mapping[str, Tensor]) -> str:
    """Return a checksum of the facts, and of the names, shapes and bytes of the tensors."""
    checksum = blake2b(facts.encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        checksum.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        checksum.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return checksum.hexdigest()


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """Return the tensors of an optimizer's state, by the name of the parameter and key."""
    names = {id(parameter): name for name, parameter in parameters.items()}
    return {
        f"{names[id(parameter)]}|{key}": torch.as_tensor(value)
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], tensors: dict[str, Tensor]
) -> None:
    """Restore the state that `optimizer_tensors` returned."""
    for name, tensor in tensors.items():
        parameter, key = name.rsplit("|", 1)
        owner = parameters[parameter]
        stays = key == "step" and not optimizer.defaults.get("fused")
        optimizer.state[owner][key] = tensor if stays else tensor.to(owner.device)
