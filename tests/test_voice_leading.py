"""Voices that run parallel or cross: counted in scores, avoided by composed pieces where the music avoids them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from build import TICKS

from ritornello import formats
from ritornello.analysis.voice_leading import VoiceLeading, voice_leading, voices_of
from ritornello.generation.constraints.voice_leading import STRENGTH, VoiceLeadingState
from ritornello.representations import make_representation
from ritornello.representations.base import Conditions
from ritornello.representations.grids import SHIFTS
from ritornello.score import Score, Track, make_notes
from ritornello.training.config import TrainConfig
from ritornello.training.run import prepare

SCHEME = make_representation(
    "multitrack",
    {
        "voices": [
            {"family": 0, "number": 0, "low": 48, "high": 84, "programs": [0]},
            {"family": 4, "number": 0, "low": 36, "high": 72, "programs": [32]},
        ],
        "meters": [[4, 4]],
    },
)
TOKENS = SCHEME.tokens
BEAT = TOKENS.first["shift"] + SHIFTS.tolist().index(24)


def note(voice: int, pitch: int) -> int:
    return int(SCHEME.vocabulary.note_ids(voice, pitch))  # type: ignore[attr-defined]


def avoided(*ids: int) -> set[tuple[int, int]]:
    """Return the notes, (voice, pitch), that are less probable after `ids`."""
    grammar = SCHEME.grammar(Conditions(4, 120, (4, 4), (0, 32)))
    state = VoiceLeadingState(SCHEME.vocabulary)  # type: ignore[attr-defined]
    while not (mask := grammar.allowed_mask())[BEAT]:
        grammar.advance(int(np.flatnonzero(mask)[0]))
    for token in ids:
        grammar.advance(token)
        state.advance(grammar)  # type: ignore[arg-type]
    found = state.preferred(grammar, grammar.allowed_mask(), np.zeros(0, dtype=np.float32))  # type: ignore[arg-type]
    assert found is not None
    assert set(np.unique(found)) <= {0, -STRENGTH}
    chosen = np.flatnonzero((found < 0) & grammar.allowed_mask())
    return {(int(TOKENS.voice[token]), int(TOKENS.pitch[token])) for token in chosen}


@pytest.mark.parametrize(("bass", "parallel"), [(48, 50), (53, 55), (60, 62), (52, None)])
def test_avoided_are_parallels_to_a_voice_that_has_moved_and_crossings(
    bass: int, parallel: int | None
) -> None:
    """Both voices begin, from an octave to a unison apart; then the upper one moves from C to D."""
    below = {(1, pitch) for pitch in range(63, 68)}
    found = avoided(note(0, 60), note(1, bass), BEAT, note(0, 62))
    assert found == below | ({(1, parallel)} if parallel else set())


def test_before_others_move_only_crossings_are_avoided() -> None:
    found = avoided(note(0, 60), note(1, 53), BEAT)
    assert found == {(0, pitch) for pitch in range(48, 53)} | {(1, pitch) for pitch in range(61, 68)}


def test_the_first_voice_has_nothing_to_avoid() -> None:
    assert not avoided(BEAT, note(0, 60))


def score_of(*voices: list[int]) -> Score:
    """Return voices in quarters."""
    rows = [[(n * TICKS, TICKS, pitch, 80) for n, pitch in enumerate(voice)] for voice in voices]
    return Score(TICKS, tuple(Track(make_notes(each), program=52) for each in rows))


def test_moves_of_two_voices_are_counted_by_kind() -> None:
    upper, lower = [67, 69, 71, 69, 62, 64, 72], [60, 62, 59, 57, 66, 60, 60]
    found = voice_leading(voices_of(score_of(lower, upper)))
    assert found == VoiceLeading(moves=5, fifths=1, octaves=1, crossings=1)


@pytest.mark.parametrize("is_led", [True, False])
def test_a_model_avoids_what_its_music_avoids(tmp_path: Path, is_led: bool) -> None:
    """Two voices in contrary motion, or in octaves."""
    for number in range(8):
        walk = np.cumsum(np.random.default_rng(number).choice([-2, -1, 1, 2], 160)).clip(-8, 8)
        walk += np.arange(160) % 2  # no note is repeated
        upper, lower = 72 + walk, 56 - walk if is_led else 60 + walk
        formats.write(score_of(upper.tolist(), lower.tolist()), tmp_path / "files" / f"{number}.mid")
    config = TrainConfig(steps=1, hidden=8, layers=1, embedding=8, batch=2, window=16, samples=0)
    run = prepare([tmp_path / "files"], tmp_path / "m.rit", config, init="none")
    assert run.about.sampling.voice_leading == (True if is_led else None)
