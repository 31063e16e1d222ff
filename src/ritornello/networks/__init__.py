"""Networks by name: one table. A new one is one file and one row of `NETWORKS`; the laws then test it.

Each is imported when it is first used, and so is `base`, so that the names can be listed without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ritornello.config import checked
from ritornello.registry import Registry, named

if TYPE_CHECKING:
    from ritornello.networks.base import Network, State, count_parameters, detach, reset_rows

__all__ = ["NETWORKS", "Network", "State", "count_parameters", "detach", "make_network", "reset_rows"]

NETWORKS: Registry[type[Network]] = Registry(
    "network",
    group="ritornello.networks",
    rows={
        "lstm": f"{__name__}.lstm:Lstm",
        "note_classifier": f"{__name__}.note_classifier:NoteClassifier",
        "magenta_lstm": f"{__name__}.magenta_lstm:MagentaLstm",
        "attention_rnn": f"{__name__}.attention_rnn:AttentionRnn",
        "one_hot_lstm": f"{__name__}.one_hot_lstm:OneHotLstm",
        "gate_dropout_lstm": f"{__name__}.gate_dropout_lstm:GateDropoutLstm",
        "min_gru": f"{__name__}.min_gru:MinGru",
        "rg_lru": f"{__name__}.rg_lru:RgLru",
    },
    accept=named("config_model", "initial_state", "forward"),
)


def make_network(name: str, config: Mapping[str, Any], column_sizes: tuple[int, ...]) -> Network:
    """Return a new network; `column_sizes[0]` is the vocabulary's size. Unknown names and keys are ConfigErrors."""
    kind = NETWORKS[name]
    return kind(checked(kind.config_model, config, f"network {name}: "), column_sizes)


def __getattr__(name: str) -> Any:
    """Import a name of `base` when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.base"), name)
