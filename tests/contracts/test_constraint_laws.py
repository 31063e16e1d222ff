"""The laws of constraints: every row is tried, with settings that ask for it and a checker of the finished score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from checkers import broken_settings

from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints import CONSTRAINTS, Settings
from ritornello.generation.settings import BeamConfig, MusicSettings, SamplerConfig
from ritornello.live.config import JamConfig
from ritornello.originality import build_index, copies
from ritornello.score import Score
from ritornello.testing import constraint_laws
from ritornello.testing.samples import make_song

INDEX = build_index([("song", make_song())])

ASKED: dict[str, list[dict[str, Any]]] = {  # a constraint without settings here fails the laws, on purpose
    "instruments": [{"lowest": "E4"}],
    "length": [{"bars": None, "notes": 12}],
    "scale": [{"scale": "D dorian"}, {"scale": "C,"}],
    "chords": [{"chords": "Dm7 G7 | C"}, {"chords": "Am", "strict_chords": True}],
    "register": [{"lowest": "C4", "highest": "72"}, {"lowest": "G3"}],
    "chord_size": [{"chord_size": 1}, {"span": 7}, {"chord_size": 2, "span": 3}],
    "density": [{"polyphony": 1}, {"notes_per_bar": "4-6"}, {"polyphony": 2, "notes_per_bar": "2-9"}],
    "parallels": [{"parallels": False}, {"parallels": False, "scale": "C,G"}],
    "step_limit": [
        {"step_limit": 2},
        {"step_limit": 5, "chords": "C | F"},
        {"step_limit": 1, "chord_size": 2},
    ],
    "max_copy": [{"max_copy": 4}],
    "repetition": [{}],
    "entrances": [{"instruments": "flute,piano,bass,drums", "bars": 4}],
    "cadence": [{}],
    "roots": [{"chords": "Dm7 G7 | C"}],
    "pulse": [{"instruments": "piano,drums"}],
    "contrast": [{"form": "AB", "bars": 4}],
    "voice_leading": [{"voice_leading": True}],
    "fixed_notes": [{"form": "AA", "bars": 4}],
}

STATELESS = ("fixed_notes",)
"""Kept by the grammar; test_fixed_notes.py tests what it refuses, contracts/test_fixed_notes_laws.py what it keeps."""

CASES = [
    (name, settings) for name in CONSTRAINTS for settings in ASKED.get(name, [{}]) if name not in STATELESS
]


def checker(settings: dict[str, Any]) -> Callable[[Score], bool]:
    """Return whether a score keeps to settings, as far as there is a checker."""

    def is_kept(score: Score) -> bool:
        longest = copies(INDEX, score).moved
        copied = longest.notes if longest and "max_copy" in settings else 0
        enough = score.note_count >= (settings.get("notes") or 0)
        return not broken_settings(score, settings) and copied <= settings.get("max_copy", 0) and enough

    return is_kept


@pytest.mark.parametrize(("name", "settings"), CASES, ids=[f"{n} {list(s.values())}" for n, s in CASES])
def test_laws(name: str, settings: dict[str, Any]) -> None:
    assert name in ASKED
    constraint_laws(CONSTRAINTS[name], settings, checker(settings))


def test_a_constraint_that_does_not_hold_is_found() -> None:
    with pytest.raises(AssertionError, match="not kept"):
        constraint_laws(CONSTRAINTS["scale"], {"scale": "C major"}, checker({"scale": "C minor"}))
    with pytest.raises(AssertionError, match="is refused"):
        constraint_laws(CONSTRAINTS["density"], {"notes_per_bar": "900"})


def test_settings_of_constraints_declare_different_names() -> None:
    """A validator of a name that another has would replace it in the configuration that inherits both."""
    models = [
        SamplerConfig,
        BeamConfig,
        MusicSettings,
        *{row.settings for row in CONSTRAINTS.values()} - {Settings},
    ]
    names = [
        name for model in models for name in vars(model) if not name.startswith(("__", "model_", "_abc"))
    ]
    assert sorted(names) == sorted(set(names))
    own = [name for name in (*vars(ComposeConfig), *vars(JamConfig)) if name.startswith("_check")]
    assert not set(own) & set(names)
