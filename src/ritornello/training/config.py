"""The hyperparameters of a training run: every field is a flag of `ritornello train`; None leaves it to be measured.

The same for `AdaptConfig` and `ritornello adapt`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ritornello.networks import NETWORKS
from ritornello.representations import REPRESENTATIONS


class TrainConfig(BaseModel):
    """Settings (hyperparameters) of a training run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("representation_options", "network_options", mode="before")
    @classmethod
    def _read_options(cls, value: Any) -> Any:
        """Accept JSON, as on a command line."""
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(
                'must be JSON such as {"encoding": "key"}, or a table in --config FILE'
            ) from error

    @field_validator("transpositions", mode="before")
    @classmethod
    def _split_numbers(cls, value: Any) -> Any:
        """Accept a text such as "-3, 0, 3"."""
        return value.replace(",", " ").split() if isinstance(value, str) else value

    minutes: float | None = Field(
        None,
        gt=0,
        le=100_000,
        description="time budget of the whole command, with reading, scoring and writing; the learning rate falls "
        "to its end",
    )
    steps: int | None = Field(
        None, ge=1, description="train for exactly so many batches, instead of a time budget"
    )
    seed: int = Field(0, ge=0, lt=1 << 32, description="of the split, the order, the weights and the dropout")
    held_out: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="share of the pieces held out for validation (default: pieces with a tenth of the notes, of very "
        "few pieces some bars)",
    )
    transpose: bool = Field(True, description="move each piece to a random key each time it is read")
    transpositions: tuple[int, ...] | None = Field(
        None,
        min_length=1,
        max_length=128,
        description="move pieces by one of these semitones, such as -3,0,3 (default: to any key)",
    )
    representation: Annotated[str, REPRESENTATIONS] = Field(
        "multitrack", description="how music becomes tokens"
    )
    representation_options: dict[str, Any] = Field(
        {}, description="further settings of the representation, as JSON"
    )
    network: Annotated[str, NETWORKS] = Field("lstm", description="kind of network")
    network_options: dict[str, Any] = Field({}, description="further settings of the network, as JSON")
    hidden: int | None = Field(
        None, ge=1, le=8192, description="units in each layer; chosen to fit budget and data"
    )
    layers: int | None = Field(None, ge=1, le=16, description="stacked layers; chosen to fit budget and data")
    embedding: int | None = Field(
        None, ge=1, le=4096, description="width of the embedded input; chosen with hidden"
    )
    dropout: float | None = Field(
        None, ge=0, lt=1, description="share of activations dropped; by how often pieces recur"
    )
    candidate_dropout: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of steps at which the network gets no candidates",
    )
    tied: bool = Field(True, description="use the token embedding as the output layer too")
    features: bool = Field(
        True, description="let ids that share attributes, such as a pitch, share a part of their embedding"
    )
    intervals: int = Field(
        24,
        ge=0,
        le=127,
        description="score intervals from the last note of a voice, up to so many semitones; 0: do not",
    )
    batch: int | None = Field(None, ge=1, le=4096, description="parallel streams in a batch")
    window: int | None = Field(
        None,
        ge=2,
        le=8192,
        description="steps through which gradients flow, at the end of the run",
    )
    growing_window: bool = Field(
        True, description="begin with shorter windows: a quarter of the window, then a half"
    )
    learn: Literal["all", "low-rank", "biases"] = Field(
        "all",
        description="what is learned of a network that begins with the weights of another: all of it, a change of "
        "low rank of each matrix (LoRA), or the biases",
    )
    rank: int = Field(8, ge=1, le=1024, description="of what is learned of each matrix with low-rank")
    learning_rate: float | None = Field(
        None, gt=0, lt=1, description="highest learning rate (AdamW); 0.004, or chosen by what is learned"
    )
    optimizer: Literal["adamw", "adam", "rmsprop"] = Field("adamw", description="optimizer")
    schedule: Literal["cosine", "constant", "inverse"] = Field(
        "cosine", description="course of the learning rate after its rise"
    )
    weight_decay: float = Field(0.02, ge=0, lt=10, description="of AdamW, on matrices only")
    warmup: float = Field(
        0.03, ge=0, lt=1, description="share of the run during which the learning rate rises"
    )
    clip: float = Field(1.0, gt=0, description="greatest norm of the gradient")
    teacher_share: float = Field(
        0.5, gt=0, le=1, description="weight of a teacher's probabilities; the music has the rest"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="arithmetic; auto: the faster one"
    )
    device: str = Field("auto", description="auto, cpu, cuda or mps")
    threads: int | None = Field(
        None, ge=1, le=1024, description="processor threads; one or all, whichever is faster"
    )
    processes: int = Field(
        1, ge=1, le=4096, description="processes that train together, each with its share of the streams"
    )
    evaluations: int = Field(
        20,
        ge=1,
        le=10_000,
        description="how often in the run held-out music is scored; less often where a time budget is short",
    )
    evaluation_ids: int | None = Field(
        None,
        ge=1,
        description="ids of held-out music that are scored each time; chosen so that all scoring takes a tenth of a "
        "time budget at most (at the end more are scored)",
    )
    patience: int = Field(10, ge=1, description="stop after so many evaluations without improvement")
    samples: int = Field(3, ge=0, le=1000, description="short pieces to compose in the course of the run")

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        if self.minutes is not None and self.steps is not None:
            raise ValueError(
                f"minutes {self.minutes:g} and steps {self.steps} contradict each other; give one"
            )
        return self


DEFAULT_MINUTES = 10.0


class AdaptConfig(BaseModel):
    """Settings (hyperparameters) of an adaptation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int | None = Field(
        None, ge=1, le=100_000, description="batches to learn from (300; 100 if no piece can be held out)"
    )
    seconds: float | None = Field(
        None,
        gt=0,
        le=100_000,
        description="end after so long, also before that (default: after ten minutes, which a slow machine may need)",
    )
    held_out: float = Field(
        0.25,
        gt=0,
        lt=1,
        description="share of the notes held out, in whole pieces, if there are three or more",
    )
    anyway: bool = Field(
        False, description="write the style also if the held-out pieces become less probable"
    )
    transpose: bool = Field(True, description="move each piece to a random key each time it is read")
    learning_rate: float = Field(0.03, gt=0, lt=1, description="highest learning rate; it falls to nothing")
    seed: int = Field(0, ge=0, lt=1 << 32, description="of the split, the order, the keys and the dropout")
