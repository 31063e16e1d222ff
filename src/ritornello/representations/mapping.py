"""The mapping of one vocabulary to another by what ids mean, so that a network learned with one can begin with another.

Each representation tells the *analogue* of an id in the vocabulary of another corpus: the id that means the same, or
else the one as which that vocabulary would read it. The values of the input columns follow from it.
"""

from __future__ import annotations

import numpy as np

from ritornello.arrays import Floats, Ints, commonest
from ritornello.errors import ConfigError
from ritornello.representations.base import Column, Representation
from ritornello.representations.tokens import Tokens


def analogous_tokens(tokens: Tokens, others: Tokens) -> Ints:
    """Return for each id the one of `others` of its kind and name; else the nearest of its kind by program, pitch,
    times and number, in this order; -1 where they have none of its kind."""
    known = {(kind, others.name(token)): token for token, kind in enumerate(others.kind)}
    result = np.array([known.get((kind, tokens.name(t)), -1) for t, kind in enumerate(tokens.kind)])
    mine, theirs = _traits(tokens), _traits(others)
    for token in np.flatnonzero(result < 0).tolist():
        ids = others.slice.get(tokens.kind[token], slice(0))
        nearest = np.arange(ids.start or 0, ids.stop)
        for wanted, trait in zip(mine[:, token], theirs, strict=True):
            distance = abs(trait[nearest] - wanted)
            nearest = nearest[distance == distance.min(initial=np.inf)]
        result[token] = nearest[0] if len(nearest) else -1
    return result


def _traits(tokens: Tokens) -> Floats:
    return np.stack([tokens.program, tokens.pitch, tokens.onset_offset, tokens.duration, tokens.value])


def analogous_values(new: Representation, old: Representation) -> list[Ints]:
    """Return for each column of `new` which value of the same column of `old` means the same as each of its values, or
    nearly so; -1 for none, and for all values of a column that `old` lacks. Those of column 0 are the ids.

    Raises ConfigError if `old` has other columns, or lacks some that come before others of their kind (candidates are
    one kind, the rest the other).
    """
    names, others = ([column.name for column in each.columns] for each in (new, old))
    known = {column.name: column for column in old.columns}
    lacking = [column for column in new.columns if column.name not in known]
    last = [column for column in new.columns if not column.is_candidate][-len(lacking) :] if lacking else []
    if new.name != old.name or [name for name in names if name in known] != others or lacking != last:
        raise ConfigError(
            f"{new.name} with the columns {', '.join(names)}: cannot be mapped to {old.name} with {', '.join(others)}"
        )
    ids = new.analogues(old)
    notes = np.flatnonzero((ids >= 0) & (new.tokens.notes > 0))
    voice, other = new.tokens.voice + 1, old.tokens.voice + 1
    voices = commonest(voice[notes], other[ids[notes]], 1 + int(voice.max(initial=0)))
    return [ids, *(_values(ids, voices, column, known.get(column.name)) for column in new.columns[1:])]


def _values(ids: Ints, voices: Ints, column: Column, other: Column | None) -> Ints:
    """Return the analogues of the values of a column; `voices` has those of 1 + each voice."""
    values = np.arange(column.size)
    if other is None:
        return np.full(column.size, -1)
    if column.is_voice:
        return np.append(0, voices[1:])
    if not column.is_candidate and column.first_token is None:
        return np.minimum(values, other.size - 1)
    first, others_first = (-1 if each.is_candidate else each.first_token or 0 for each in (column, other))
    analogues = np.where(values + first >= 0, ids[values + first], -1) - others_first
    return np.where(analogues < other.size, np.maximum(analogues, -1), -1)
