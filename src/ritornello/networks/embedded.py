"""The base of networks that embed their columns: input embedding and output layer, with recurrent layers between.

Each column has its own embedding; their sum is the input of the first layer. With `tied`, the output layer uses the
token embedding again (weight tying, Press and Wolf 2017, arXiv:1608.05859), through a projection to its width. Ids may
have attributes (`features`), such as the pitch of a note. Then an id's embedding is the sum of its own and of those of
its attributes (a factored embedding), at input and output: ids that share attributes share what is learned.

A column may be a *candidate*: 1 + an id that is likely to come next, or 0. A candidate is embedded as its id, through a
matrix of its own, and acts as a pointer: the last layer computes a number that is added to the logit of that id (like
the pointer of See and others 2017, arXiv:1704.04368, but added to logits, so that the probabilities of network and
candidate are multiplied).

A network that always has candidates relies on them, and in inference, where it reads only its own output (without
teacher forcing), confirms its own repetitions or drifts. So candidates are withheld at some steps of training
(`candidate_dropout`).

A column may tell the chord in force: then notes are also scored by their degree above its root (`chord_degrees`).

Dropout acts on the embedded input and before the output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from ritornello.arrays import Ints, commonest
from ritornello.errors import ConfigError
from ritornello.networks.base import Network, State
from ritornello.networks.chord_degrees import ChordDegrees
from ritornello.networks.dropout import Dropout
from ritornello.networks.last_notes import LastNotes


class EmbeddedConfig(BaseModel):
    """Sizes of a network with embedded columns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(256, ge=1, le=8192, description="units in each layer")
    layers: int = Field(2, ge=1, le=16, description="stacked layers")
    embedding: int = Field(192, ge=1, le=4096, description="width of the embedded input")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of activations dropped while training")
    tied: bool = Field(True, description="use the token embedding as the output layer too")
    features: tuple[tuple[int, ...], ...] = Field(
        (), description="a row of attributes for each id; ids that share one share a part of their embedding"
    )
    candidates: tuple[int, ...] = Field(
        (),
        description="numbers of the columns that are candidates: 1 + an id, or 0",
    )
    candidate_dropout: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the steps of training at which there is no candidate",
    )
    intervals: int = Field(
        0, ge=0, le=127, description="score intervals of notes in a line, up to so many steps; 0: do not"
    )
    lines: tuple[tuple[int, int], ...] = Field(
        (),
        description="of each id the line whose note it is, from 1, and its step in it, from 0; line 0: no note",
    )
    chord_column: int = Field(
        0, ge=0, description="number of the column that tells the chord; 0: there is none"
    )
    chord_roots: tuple[int, ...] = Field(
        (),
        description="root of each value of it, a pitch class, or -1; notes are scored by their degree above it",
    )
    pitch_classes: tuple[int, ...] = Field((), description="of each id the pitch class of its note, or -1")


class EmbeddedNetwork(Network):
    """Base of networks with embedded columns. A subclass has `initial_layers` and `run`, its recurrent layers.

    The state is that of the layers, and with `intervals` the last notes, (batch, line).
    """

    maps_new_columns = True

    def __init__(self, config: EmbeddedConfig, column_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        _check_candidates(config.candidates, column_sizes)
        _check_chords(config, column_sizes)
        candidates = torch.tensor(config.candidates, dtype=torch.int64)
        self.register_buffer("candidates", candidates, persistent=False)
        self.embeddings = nn.ModuleList(
            nn.Embedding(size, config.embedding)
            for number, size in enumerate(column_sizes)
            if number not in config.candidates
        )
        self.dropout = Dropout(config.dropout)
        width = config.embedding if config.tied else column_sizes[0]
        self.project = nn.Linear(config.hidden, width)
        self.bias = nn.Parameter(torch.zeros(column_sizes[0] if config.tied else 0))
        attributes = len(config.features[0]) if config.features else 0
        features = torch.tensor(config.features, dtype=torch.int64).reshape(len(config.features), attributes)
        self.register_buffer("features", features, persistent=False)
        firsts = torch.tensor(_first_rows(column_sizes, config.candidates))
        self.register_buffer("firsts", firsts, persistent=False)  # row of each column in the joint table
        self.hinted = nn.ModuleList(
            nn.Linear(config.embedding, config.embedding, bias=False) for _ in config.candidates
        )
        self.point = nn.ModuleList(
            [nn.Linear(config.hidden, len(config.candidates))] if config.candidates else []
        )
        for layer in self.point:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.shared = nn.ModuleList(nn.Embedding(int(c.max()) + 1, config.embedding) for c in features.T)
        is_melodic = bool(config.intervals and config.lines)
        self.last_notes = nn.ModuleList(
            [LastNotes(config.lines, config.hidden, config.intervals)] if is_melodic else []
        )
        self.sounding = nn.ModuleList(
            nn.Linear(config.embedding, config.embedding, bias=False) for _ in self.last_notes
        )
        self.chord_degrees = nn.ModuleList(
            [ChordDegrees(config.chord_roots, config.pitch_classes, config.hidden)]
            if config.chord_column
            else []
        )
        for embedding in (*self.embeddings, *self.shared):
            nn.init.normal_(embedding.weight, std=config.embedding**-0.5)

    @property
    def reads_back(self) -> bool:
        return bool(self.last_notes)

    def initial_layers(self, batch: int) -> State:
        """Return the state of the layers before the first step of `batch` pieces."""
        raise NotImplementedError

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the output of the layers, (batch, time, hidden), for their input (batch, time, embedding)."""
        raise NotImplementedError

    def initial_state(self, batch: int) -> State:
        layers = self.initial_layers(batch)
        return (*layers, *(layers[0].new_zeros(batch, notes.count) for notes in self.last_notes))

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        inputs, tokens = self.withhold(inputs), self.token_table()
        x = self.embed(inputs, tokens)
        if not self.last_notes:
            x, state = self.run(self.dropout(x), state)
            return self.read_out(x, tokens, inputs), state
        [notes] = self.last_notes
        assert isinstance(notes, LastNotes)
        ids, before = inputs[..., 0], state[-1]
        last = notes.follow(ids, before)
        x = x + self.embed_last(notes, ids, before, last, tokens)
        x, state = self.run(self.dropout(x), state[:-1])
        logits = self.read_out(x, tokens, inputs)
        return notes.add_scores(logits, x, last), (*state, last[:, -1].to(before.dtype))

    def places(self, other: EmbeddedNetwork, columns: Sequence[Ints]) -> Mapping[str, tuple[int, Ints]]:
        ids = columns[0]
        tables = [column for number, column in enumerate(columns) if number not in self.config.candidates]
        found = {f"embeddings.{number}.weight": (0, rows) for number, rows in enumerate(tables)}
        for number, shared in enumerate(self.shared):
            mine, theirs = (each.features[:, number].cpu().numpy() for each in (self, other))
            rows = commonest(mine[ids >= 0], theirs[ids[ids >= 0]], len(shared.weight))
            found[f"shared.{number}.weight"] = 0, rows
        outputs = ("bias",) if self.config.tied else ("project.weight", "project.bias")
        return found | dict.fromkeys(outputs, (0, ids))

    def token_table(self) -> Tensor:
        """Return the embedding of every id with those of its attributes added, (vocabulary, embedding)."""
        table: Tensor = self.embeddings[0].weight
        for number, shared in enumerate(self.shared):
            table = table + shared(self.features[:, number])
        return table

    def withhold(self, inputs: Tensor) -> Tensor:
        """Return the inputs; in training all candidates are 0 at some random steps."""
        share = self.config.candidate_dropout
        if not (self.training and self.hinted and share):
            return inputs
        is_candidate = torch.zeros_like(self.firsts, dtype=torch.bool).index_fill(0, self.candidates, True)
        is_kept = torch.rand((*inputs.shape[:-1], 1), device=inputs.device) >= share
        return inputs * (is_kept | ~is_candidate)

    def embed(self, inputs: Tensor, tokens: Tensor) -> Tensor:
        """Return (batch, time, embedding) for inputs (batch, time, column); `tokens` is the token table."""
        # One look-up in one joint table: a step then takes a few operations, instead of several for each column.
        rows = inputs + self.firsts
        candidate_embeddings = functional.pad(tokens, (0, 0, 1, 0))  # candidate 0 is a row of zeros
        if self.training and self.hinted and inputs.device.type == "cpu":
            rows, used = self._rows_in_use(inputs, len(tokens))
            candidate_embeddings = functional.embedding(used, candidate_embeddings)
        others = [embedding.weight for embedding in self.embeddings[1:]]
        others += [layer(candidate_embeddings).to(tokens.dtype) for layer in self.hinted]
        table = torch.cat([tokens, *others])
        if self.training:  # the same sum, faster with gradients; step graphs do not know it
            summed = functional.embedding_bag(rows.flatten(0, -2), table, mode="sum")
            return summed.view(*inputs.shape[:-1], -1)
        return functional.embedding(rows, table).sum(-2)

    def embed_last(
        self, notes: LastNotes, ids: Tensor, before: Tensor, last: Tensor, tokens: Tensor
    ) -> Tensor:
        """Return the sum of the embeddings of the last notes after each id, (batch, time, embedding).

        ids: (batch, time). before, last: the last notes before them, (batch, line), and after each.
        """
        [layer] = self.sounding
        table = layer(functional.pad(tokens, (0, 0, 1, 0))).to(tokens.dtype)  # of no note: zeros
        if ids.shape[1] == 1:
            return functional.embedding(last, table).sum(2)
        # Of some dozens of lines an id changes one.
        now, was = notes.changes(ids, before, last)
        change = functional.embedding(now, table) - functional.embedding(was, table)
        return functional.embedding(before.long(), table).sum(1, keepdim=True) + change.cumsum(1)

    def _rows_in_use(self, inputs: Tensor, vocabulary: int) -> tuple[Tensor, Tensor]:
        """Return the rows of the joint table for `inputs`, and the candidates that occur, ascending.

        The table then has rows for these candidates only, some hundreds of thousands of ids, so that short windows are
        cheap. How many there are has to be read; a graphics card, for which the whole table is cheap, would be waited
        for.
        """
        candidates = inputs.index_select(-1, self.candidates)
        occurs = candidates.new_zeros(vocabulary + 1)
        occurs[candidates] = 1
        used = occurs.nonzero().flatten()
        rows = inputs + self.firsts
        tables = torch.arange(len(self.candidates), device=inputs.device) * len(used)
        rows[..., self.candidates] = (
            self.firsts[self.candidates[0]] + tables + occurs.cumsum(0)[candidates] - 1
        )
        return rows, used

    def read_out(self, x: Tensor, tokens: Tensor, inputs: Tensor) -> Tensor:
        """Return the logits, (batch, time, vocabulary), for the last layer's output (batch, time, hidden)."""
        x = self.dropout(x)
        y: Tensor = self.project(x)
        logits = y @ tokens.T + self.bias if self.config.tied else y
        for layer in self.point:
            candidates = inputs.index_select(-1, self.candidates)
            weights = (layer(x) * (candidates > 0)).to(logits.dtype)
            logits = logits.scatter_add(-1, (candidates - 1).clamp(min=0), weights)
        for degrees in self.chord_degrees:
            assert isinstance(degrees, ChordDegrees)
            logits = degrees.add_scores(logits, x, inputs[..., self.config.chord_column])
        return logits


def _check_candidates(candidates: tuple[int, ...], column_sizes: tuple[int, ...]) -> None:
    size = column_sizes[0] + 1
    wrong = [n for n in candidates if not 0 < n < len(column_sizes) or column_sizes[n] != size]
    if wrong or list(candidates) != sorted(set(candidates)):
        raise ConfigError(
            f"candidates {list(candidates)}: they are the numbers of columns of {size} values, ascending"
        )


def _check_chords(config: EmbeddedConfig, column_sizes: tuple[int, ...]) -> None:
    number, roots, classes = config.chord_column, config.chord_roots, config.pitch_classes
    if number and (
        number >= len(column_sizes)
        or (len(roots), len(classes)) != (column_sizes[number], column_sizes[0])
        or not all(-1 <= each < 12 for each in (*roots, *classes))
    ):
        raise ConfigError(
            f"chord_column {number}: its values have {len(roots)} chord_roots, the ids {len(classes)} pitch_classes; "
            "there is one for each, from -1 to 11"
        )


def _first_rows(column_sizes: tuple[int, ...], candidates: tuple[int, ...]) -> list[int]:
    """Return the first row of each column in the joint table, in which the candidates come last."""
    first, row = [0] * len(column_sizes), 0
    for number in sorted(range(len(column_sizes)), key=lambda each: (each in candidates, each)):
        first[number], row = row, row + column_sizes[number]
    return first
