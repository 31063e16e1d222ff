"""Networks by name. A new one is one file and one row of `NETWORKS`; the laws then test it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from ritornello.errors import ConfigError, explain, unknown_name
from ritornello.networks.attention_rnn import AttentionRnn, AttentionRnnConfig
from ritornello.networks.base import Network, State, count_parameters, detach, reset_rows
from ritornello.networks.gate_dropout_lstm import GateDropoutLstm, GateDropoutLstmConfig
from ritornello.networks.lstm import Lstm, LstmConfig
from ritornello.networks.magenta_lstm import MagentaLstm, MagentaLstmConfig
from ritornello.networks.min_gru import MinGru, MinGruConfig
from ritornello.networks.note_classifier import NoteClassifier, NoteClassifierConfig
from ritornello.networks.one_hot_lstm import OneHotLstm, OneHotLstmConfig
from ritornello.networks.rg_lru import RgLru, RgLruConfig

__all__ = ["NETWORKS", "Network", "State", "count_parameters", "detach", "make_network", "reset_rows"]


class Row(NamedTuple):
    """A kind of network: the model of its configuration, and the class."""

    config: type[BaseModel]
    network: Any


NETWORKS: dict[str, Row] = {
    "lstm": Row(LstmConfig, Lstm),
    "note_classifier": Row(NoteClassifierConfig, NoteClassifier),
    "magenta_lstm": Row(MagentaLstmConfig, MagentaLstm),
    "attention_rnn": Row(AttentionRnnConfig, AttentionRnn),
    "one_hot_lstm": Row(OneHotLstmConfig, OneHotLstm),
    "gate_dropout_lstm": Row(GateDropoutLstmConfig, GateDropoutLstm),
    "min_gru": Row(MinGruConfig, MinGru),
    "rg_lru": Row(RgLruConfig, RgLru),
}


def make_network(name: str, config: Mapping[str, Any], column_sizes: tuple[int, ...]) -> Network:
    """Return a new network; `column_sizes[0]` is the vocabulary's size. Unknown names and keys are ConfigErrors."""
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    row = NETWORKS[name]
    try:
        checked = row.config.model_validate(dict(config))
    except ValidationError as error:
        raise ConfigError(f"network {name}: {explain(error)}") from error
    network: Network = row.network(checked, column_sizes)
    return network
