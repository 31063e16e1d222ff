"""The mapping of a network's weights to another vocabulary: what was learned with one goes on with the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ritornello.arrays import Ints
from ritornello.errors import ConfigError
from ritornello.networks.base import Network


def mapped_weights(network: Network, other: Network, columns: Sequence[Ints]) -> dict[str, Tensor]:
    """Return the state dict with which `network` does what `other`, of the same kind and sizes, does in its vocabulary.

    columns: for each input column the value of `other` that means the same as each value of `network`, -1 for none
    (`representations.mapping`). A row without such a value becomes the mean of all rows: that of an id of which nothing
    is known; a column that `other` lacks adds nothing. Parameters that `other` lacks stay as they are. Raises
    ConfigError for a network that cannot be mapped.
    """
    if any((column < 0).all() for column in columns) and not network.maps_new_columns:
        raise ConfigError(f"network {network.name}: it cannot be mapped to a vocabulary with other columns")
    own: dict[str, Tensor] = network.state_dict()
    learned, places = other.state_dict(), network.places(other, columns)
    for name in places.keys() - learned.keys():
        own[name] = torch.zeros_like(own[name])
    for name in own.keys() & learned.keys():
        tensor = learned[name]
        if name in places:
            axis, rows = places[name]
            tensor = torch.cat([tensor, tensor.mean(axis, keepdim=True)], dim=axis)
            tensor = tensor.index_select(axis, torch.from_numpy(rows % tensor.shape[axis]))  # -1: the last
        if tensor.shape != own[name].shape:
            raise ConfigError(f"network {network.name}: it cannot be mapped to another vocabulary")
        own[name] = tensor
    return own
