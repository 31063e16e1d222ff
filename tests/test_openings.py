"""Pieces open as those of the corpus do: in their meters, tempos and instruments, which enter when theirs do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from build import TICKS
from fakes import small_network

from ritornello.bundle import Facts, save_bundle
from ritornello.errors import ConfigError
from ritornello.generation import Model, load
from ritornello.generation.config import ComposeConfig
from ritornello.generation.prepare import begin
from ritornello.generation.support import settle_form, with_opening
from ritornello.representations import REPRESENTATIONS, make_representation
from ritornello.representations.base import Opening
from ritornello.representations.multitrack.vocabulary import MOST_OPENINGS, Statistics
from ritornello.score import Meter, Score, Tempo, Track, make_notes
from ritornello.theory import DRUMS

BAND = Opening(meter=(4, 4), quarters_per_minute=100, programs=(30, 33, DRUMS), entrances=(2, 0, 0))
DUO = Opening(meter=(3, 4), quarters_per_minute=60, programs=(73, 0), entrances=(0, 1))
KIND = REPRESENTATIONS["multitrack"]


def piece(opening: Opening, bars: int = 8) -> Score:
    """Return a piece that opens so: a quarter a beat in each part, from its entrance on."""
    numerator, tracks = opening.meter[0], []
    for program, entrance in zip(opening.programs, opening.entrances, strict=True):
        rows = [(TICKS * beat, TICKS, 50, 80) for beat in range(numerator * entrance, numerator * bars)]
        is_drum = program == DRUMS
        tracks.append(Track(make_notes(rows), 0 if is_drum else program, is_drum))
    tempo = Tempo.from_quarters_per_minute(0, opening.quarters_per_minute)
    return Score(TICKS, tuple(tracks), tempos=(tempo,), meters=(Meter(0, *opening.meter),))


def model_of(folder: Path, openings: Sequence[Opening], **options: object) -> Model:
    statistics = [KIND.collect_statistics(piece(each)) for each in openings]
    scheme = KIND.fit(statistics, {"lags": (), "repeats": (2,), **options})
    save_bundle(folder / "model.rit", small_network(scheme), scheme, Facts(name="small"))
    return load(folder / "model.rit")


def opened(score: Score) -> tuple[tuple[int, int], int, tuple[int, ...]]:
    programs = tuple(DRUMS if track.is_drum else track.program for track in score.tracks)
    meter = score.meters[0]
    return (meter.numerator, meter.denominator), round(score.first_tempo.quarters_per_minute), programs


def test_a_vocabulary_keeps_how_pieces_open() -> None:
    scheme = KIND.fit([KIND.collect_statistics(piece(each)) for each in (BAND, DUO)])
    assert scheme.openings == (BAND, DUO)
    assert make_representation("multitrack", scheme.config()).openings == (BAND, DUO)


def test_of_many_pieces_it_keeps_some_from_all_places() -> None:
    numbered = [DUO.model_copy(update={"quarters_per_minute": 40.0 + number}) for number in range(1000)]
    scheme = KIND.fit([Statistics((), ((4, 4),), each) for each in numbered])
    tempos = [each.quarters_per_minute - 40 for each in scheme.openings]
    assert len(tempos) == MOST_OPENINGS
    assert np.diff(tempos).max() <= 4
    assert (tempos[0], tempos[-1]) == (0, 996)


def test_composed_pieces_open_like_them(tmp_path: Path) -> None:
    model = model_of(tmp_path, [BAND, BAND, BAND, DUO])
    made = [model.compose(bars=8, seed=3, index=number, form="none", best_of=1) for number in range(24)]
    found = [opened(each.score) for each in made]
    band, duo = ((4, 4), 100, (30, 33, DRUMS)), ((3, 4), 60, (73, 0))
    assert set(found) == {band, duo}
    assert 0.5 < found.count(band) / len(found) < 0.95
    assert opened(model.compose(bars=8, seed=3, index=5, form="none", best_of=1).score) == found[5]


@pytest.mark.parametrize("entrances", [True, False])
@pytest.mark.parametrize("asked", [None, ("electric bass (finger)", "distortion guitar", "drums")])
def test_instruments_enter_when_theirs_do(
    tmp_path: Path, entrances: bool, asked: tuple[str, ...] | None
) -> None:
    late = BAND.model_copy(update={"entrances": (6, 3, 0)})
    model = model_of(tmp_path, [late], entrances=entrances)
    for seed in range(3):
        made = model.compose(bars=16, seed=seed, form="none", best_of=1, instruments=asked)
        bar = 4 * made.score.ticks_per_quarter
        first = {
            DRUMS if track.is_drum else track.program: int(track.notes["start"].min()) // bar
            for track in made.score.tracks
        }
        for program, entrance in zip(late.programs, late.entrances, strict=True):
            assert entrance <= first[program] <= entrance + 1


def test_all_enter_in_the_first_half(tmp_path: Path) -> None:
    model = model_of(tmp_path, [DUO.model_copy(update={"entrances": (0, 7)})], entrances=False)
    made = model.compose(bars=8, seed=1, form="none", best_of=1)
    first = [
        int(track.notes["start"].min()) // (3 * made.score.ticks_per_quarter) for track in made.score.tracks
    ]
    assert first[0] <= 1
    assert 4 <= first[1] <= 5


def test_what_is_asked_goes_before(tmp_path: Path) -> None:
    model = model_of(tmp_path, [BAND, DUO])
    settings = {"bars": 8, "form": "none", "best_of": 1}
    for seed in range(4):
        assert opened(model.compose(meter="3/4", seed=seed, **settings).score) == ((3, 4), 60, (73, 0))
        assert opened(model.compose(tempo=77, meter="4/4", seed=seed, **settings).score)[:2] == ((4, 4), 77)
        asked = model.compose(instruments=("flute",), meter="4/4", seed=seed, **settings)
        assert opened(asked.score)[::2] == ((4, 4), (73,))


def test_forms_and_openings_are_drawn_independently() -> None:
    """There are as many openings as bars, and as many forms, of which number `drawn` is taken."""
    numbered = [DUO.model_copy(update={"quarters_per_minute": 40.0 + number}) for number in range(16)]
    scheme, drawn = KIND.fit([KIND.collect_statistics(piece(each)) for each in numbered]), list[int]()

    def draw_form(bars: int, random: np.random.Generator) -> str:
        drawn.append(int(random.integers(16)))
        return ""

    bundle: Any = SimpleNamespace(representation=scheme, structure=SimpleNamespace(draw_form=draw_form))
    opened = []
    for index in range(64):
        config = ComposeConfig(bars=16, seed=5, index=index)
        beginning = begin(scheme, config, None, 5)
        settled, begun = settle_form(bundle, config, None, beginning, 5)
        opening = with_opening(scheme, settled, None, begun, 5).conditions.opening
        assert opening is not None
        opened.append(round(opening.quarters_per_minute) - 40)
    assert set(opened) | set(drawn) <= set(range(16))
    assert np.mean(np.equal(opened, drawn)) < 0.25


def test_a_card_cannot_contradict_itself() -> None:
    config = KIND.fit([KIND.collect_statistics(piece(DUO))]).config()
    config["openings"][0]["entrances"] = [0]
    with pytest.raises(ConfigError, match="1 entrances for 2 instruments"):
        make_representation("multitrack", config)
