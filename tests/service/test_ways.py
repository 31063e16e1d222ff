"""Every verb answers in every way with the same: the same seed gives the same notes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from build import make_song
from service_server import Served
from ways import WAYS, Place, by_python

from ritornello.service import Service
from ritornello.service.verbs import VERBS

SONG = make_song(4)

CASES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "models": ("models", {}, False),
    "compose": ("compose", {"bars": 4, "seed": 3}, False),
    "compose, with a primer": ("compose", {"bars": 6, "seed": 4}, True),
    "compose, played": ("compose", {"bars": 4, "seed": 3, "perform": 0.5, "swing": 0.6}, False),
    "infill": ("infill", {"infill": "2-3", "seed": 5}, True),
    "vary": ("vary", {"vary": 0.5, "seed": 6}, True),
    "accompany": ("accompany", {"seed": 7}, True),
    "perform": ("perform", {}, True),
    "perform, swinging": ("perform", {"perform": 1.0, "swing": 0.66}, True),
    "analyse": ("analyse", {}, True),
    "judge": ("judge", {}, True),
    "originality": ("originality", {}, True),
    "render": ("render", {"format": "png"}, True),
}
"""What is asked: a verb, its settings, and whether the song is given."""


def test_every_verb_is_asked() -> None:
    assert {verb for verb, _, _ in CASES.values()} == set(VERBS.own)


@cache
def expected(case: str, model_file: Path, folder: Path) -> Any:
    verb, values, is_given = CASES[case]
    place = Place(model_file, None, "", None, folder)  # type: ignore[arg-type]  # Python needs no more
    return by_python(verb, values, music(verb) if is_given else None, place)


def music(verb: str) -> Any:
    """Return the song; for `accompany` one part of it, so that others are free."""
    from dataclasses import replace

    return replace(SONG, tracks=SONG.tracks[:1]) if verb == "accompany" else SONG


@pytest.fixture(scope="module")
def expected_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("python")


@pytest.mark.parametrize("way", [way for way in WAYS if way != "python"])
@pytest.mark.parametrize("case", CASES)
def test_every_way_gives_the_same(
    case: str,
    way: str,
    model_file: Path,
    service: Service,
    served: Served,
    run: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    expected_folder: Path,
) -> None:
    verb, values, is_given = CASES[case]
    place = Place(model_file, service, f"http://127.0.0.1:{served.port}", run, tmp_path)
    answer = WAYS[way](verb, values, music(verb) if is_given else None, place)
    assert answer == expected(case, model_file, expected_folder)
    assert answer
