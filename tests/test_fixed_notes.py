"""Composing with fixed notes: infill, vary, accompany, form, loop; what is refused; the commands."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from build import TICKS, make_melody, make_song
from fakes import small_network
from hypothesis import given, settings
from hypothesis import strategies as st
from test_compose import command

from ritornello.bundle import Facts, save_bundle
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.formats import read
from ritornello.formats.text import prose_to_score
from ritornello.generation import Model, compose, load
from ritornello.generation.compose import best
from ritornello.generation.config import ComposeConfig
from ritornello.generation.constraints.fixed_notes import FixedNotesSettings, _section_returns
from ritornello.generation.piece import Piece
from ritornello.representations import make_representation
from ritornello.representations.multitrack import Multitrack
from ritornello.score import Meter, Score

SONG = make_song(8)
MELODY = Score(TICKS, (make_melody((72, 74, 76, 74) * 4, program=73, name="flute"),))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """An untrained model of four voices."""
    representation = Multitrack.fit([Multitrack.collect_statistics(SONG)])
    path = tmp_path_factory.mktemp("model") / "tiny.rit"
    save_bundle(path, small_network(representation), representation, Facts(name="tiny"), "float16")
    return load(path)


def bars_of(score: Score) -> list[Counter[tuple[object, ...]]]:
    """Return the notes of each bar: instrument, place in the bar, length, pitch and velocity."""
    last = max(int(track.notes["start"].max()) for track in score.tracks)
    edges = score.bar_starts(last + 1)
    bars: list[Counter[tuple[object, ...]]] = [Counter() for _ in edges]
    for track in score.tracks:
        for start, *rest in track.notes.tolist():
            bar = int(np.searchsorted(edges, start, side="right")) - 1
            bars[bar][(track.program, track.is_drum, start - int(edges[bar]), *rest)] += 1
    return bars


def known(model: Model, score: Score) -> Score:
    """Return `score` as the model's representation can say it."""
    return model.bundle.representation.decode(model.bundle.representation.encode(score))


def changed(one: Score, other: Score) -> set[int]:
    return {n for n, (a, b) in enumerate(zip(bars_of(one), bars_of(other), strict=True)) if a != b}


@pytest.mark.parametrize("best_of", [1, 3])
def test_only_the_bars_asked_for_are_composed_anew(model: Model, best_of: int) -> None:
    piece = model.compose(SONG, infill="3-4, 6", seed=1, best_of=best_of)
    assert changed(piece.score, SONG) == {2, 3, 5}
    assert piece.score.meters == SONG.meters
    assert piece.score.tempos == SONG.tempos
    assert piece.relaxed_steps == 0
    assert piece.fixed_log_likelihood < 0 > piece.log_likelihood


def test_new_notes_are_those_that_were_chosen(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[Piece] = []
    finish = compose._finish
    monkeypatch.setattr(compose, "_finish", lambda *all: (steps.append(all[2]), finish(*all))[1])
    made = bars_of(model.compose(SONG, infill="3-4", seed=1).score)
    new = sum(sum(bar.values()) for bar in made[2:4])
    assert steps[0].grammar.notes - steps[0].unchosen_notes == new > 0


def test_bars_after_the_primer_are_free(model: Model) -> None:
    piece = model.compose(SONG, infill="1", bars=10, seed=1)
    assert piece.bars == 10
    assert bars_of(piece.score)[1:8] == bars_of(SONG)[1:8]


def test_a_share_of_the_bars_is_varied_and_the_seed_draws_which(model: Model) -> None:
    drawn = [changed(model.compose(SONG, vary=0.25, seed=seed).score, SONG) for seed in range(6)]
    assert {len(bars) for bars in drawn} == {2}
    assert len({frozenset(bars) for bars in drawn}) > 1
    again = model.compose(SONG, vary=0.25, seed=0).score
    assert again == model.compose(SONG, vary=0.25, seed=0).score


def test_a_melody_is_accompanied_from_beginning_to_end(model: Model) -> None:
    piece = model.compose(MELODY, accompany=True, instruments="piano,drums", seed=2)
    tracks = {track.name: track for track in piece.score.tracks}
    assert tracks.keys() <= {"flute", "acoustic grand piano", "drums"}
    assert np.array_equal(tracks["flute"].notes, MELODY.tracks[0].notes)
    assert len(tracks) > 1
    assert piece.bars == 4


def test_the_model_chooses_what_accompanies(model: Model) -> None:
    for seed in range(4):
        piece = model.compose(MELODY, accompany=True, seed=seed)
        assert bars_of(MELODY)[0] <= bars_of(piece.score)[0]
        assert len(piece.score.tracks) > 1


def test_what_stands_for_an_instrument_is_told(model: Model) -> None:
    violin = replace(MELODY, tracks=(replace(MELODY.tracks[0], program=40),))
    remarks = model.compose(violin, accompany=True, seed=1).remarks
    assert remarks == (
        "violin: the model does not know it, and hears acoustic bass instead",
        "violin: beyond the pitches of the model, which hears 16 notes in another octave",
    )
    assert model.compose(MELODY, accompany=True, seed=1).remarks == ()


def test_sections_return(model: Model) -> None:
    piece = model.compose(form="AABA", bars=16, seed=1, vary=0)
    bars = bars_of(piece.score)
    assert bars[4:8] == bars[12:16] == bars[0:4]
    assert bars[8:12] != bars[0:4]
    assert len(bars) == 16
    assert model.compose(form="ABACA", seed=3).bars == 40


def test_the_last_bar_of_a_return_is_free_where_it_leads_elsewhere() -> None:
    def returns(form: str, **asked: object) -> dict[int, int]:
        config = checked(FixedNotesSettings, {"form": form, **asked})
        return _section_returns(config, 2 * len(form), np.random.default_rng(1))

    assert returns("AABA") == {2: 0, 6: 0}
    assert returns("AAAB") == {2: 0, 3: 1, 4: 0}
    assert returns("ABAB") == {4: 0, 5: 1, 6: 2}
    assert returns("AABA", loop=True) == {2: 0, 6: 0, 7: 1}
    assert returns("AA", vary=0) == {2: 0, 3: 1}
    assert returns("AA", vary=1) == {}


def test_a_section_begins_with_the_primer(model: Model) -> None:
    piece = model.compose(MELODY, form="AA", bars=16, seed=1, vary=0)
    bars = bars_of(piece.score)
    assert bars[:8] == bars[8:]
    first = bars_of(MELODY)
    assert all(mine <= whole for mine, whole in zip(first, bars, strict=False))


@pytest.mark.parametrize(
    "asked", [{}, {"form": "AA"}, {"form": "ABAA", "bars": 16}, {"meter": "3/4"}, {"best_of": 1}]
)
def test_a_loop_ends_at_the_bar_line(model: Model, asked: dict[str, object], tmp_path: Path) -> None:
    for bars in (2, 4):
        piece = model.compose(**{"loop": True, "bars": bars, "seed": 4, **asked})
        meter = piece.score.meters[0]
        end = int(str(asked.get("bars", bars))) * meter.bar_ticks(piece.score.ticks_per_quarter)
        assert piece.score.end <= end
        assert max(int(track.notes["start"].max()) for track in piece.score.tracks) < end
        assert piece.settings.best_of == asked.get("best_of", 8)
        assert piece.fixed_log_likelihood < 0
        assert [(t.tick, t.text) for t in piece.score.texts if t.kind == "marker"] == [
            (0, "loopStart"),
            (end, "loopEnd"),
        ]
        markers = [text for text in read(piece.write(tmp_path / "loop.mid")).texts if text.kind == "marker"]
        assert markers[-1].tick == end


def test_a_loop_is_one_of_its_candidates_and_leads_back_best(model: Model) -> None:
    candidates = model.compose_many(loop=True, bars=2, seed=7, count=8, best_of=1)
    kept = model.compose(loop=True, bars=2, seed=7)
    assert kept.ids.tolist() == best(candidates).ids.tolist()
    assert kept.ranking == max(piece.ranking for piece in candidates)
    assert (
        kept.continuation_score != kept.fixed_log_likelihood
    )  # it is beside what the beginning was worth at first


def test_what_is_composed_between_given_notes_is_ranked_by_them(model: Model) -> None:
    candidates = model.compose_many(SONG, infill="3", seed=7, count=4)
    kept = model.compose(SONG, infill="3", seed=7, best_of=4)
    assert kept.ranking == kept.continuation_score == kept.fixed_log_likelihood
    assert kept.ranking == max(piece.ranking for piece in candidates)


def test_a_recipe_makes_it_again(model: Model) -> None:
    for primer, asked in ((None, {"loop": True, "bars": 2}), (SONG, {"vary": 0.5}), (SONG, {"infill": "2"})):
        piece = model.compose(primer, **asked)
        recipe = json.loads(piece.score.texts[0].text)
        again = model.compose(primer, seed=recipe["seed"], index=recipe["index"], **recipe["settings"])
        assert again.score == piece.score
        assert set(asked) <= set(recipe["settings"])


def test_constraints_forbid_nothing_that_is_given(model: Model) -> None:
    piece = model.compose(SONG, infill="4", seed=1, lowest="C5", highest="C6", chord_size=1)
    assert changed(piece.score, SONG) == {3}
    assert piece.relaxed_steps == 0
    melody = Score(
        TICKS, (make_melody((72,) * 32, program=73, name="flute"),)
    )  # more often than the guard allows
    repeated = model.compose(melody, accompany=True, seed=1)
    assert repeated.relaxed_steps == 0
    assert next(t for t in repeated.score.tracks if t.name == "flute").notes["pitch"].tolist() == [72] * 32


def test_a_search_keeps_what_is_given(model: Model) -> None:
    piece = model.compose(SONG, infill="3", seed=1, beam_size=2, branch_factor=2, steps_per_iteration=8)
    assert changed(piece.score, SONG) == {2}


@settings(max_examples=40, deadline=None)
@given(ranges=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), min_size=1, max_size=4))
def test_bars_are_read_as_they_are_written(ranges: list[tuple[int, int]]) -> None:
    text = ", ".join(f"{first}-{first + more}" if more else str(first) for first, more in ranges)
    wanted = {bar - 1 for first, more in ranges for bar in range(first, first + more + 1)}
    assert checked(FixedNotesSettings, {"infill": text}).infill_bars == wanted


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"infill": "5-"}, "infill: bars are numbers from 1, such as 5-8 or 5-8,13"),
        ({"infill": ""}, "bars are numbers from 1"),
        ({"infill": "0-3"}, "bars are numbers from 1"),
        ({"infill": "1-99999"}, "bars are numbers from 1"),
        ({"infill": "8-5"}, "bar 8 is after bar 5; exchange them"),
        ({"infill": "2", "vary": 0.5}, "infill and vary contradict each other"),
        ({"infill": "2", "loop": True}, "infill and loop contradict each other"),
        ({"accompany": True, "form": "AB"}, "accompany and form contradict each other"),
        ({"vary": 0.5, "loop": True}, "vary and loop contradict each other without a form"),
        ({"vary": 1.5}, "vary: must be at most 1"),
        ({"form": "aaba"}, "a form is 1 to 64 capital letters, such as AABA"),
        (
            {"loop": True, "seconds": 20},
            "loop and seconds 20.* contradict each other; give the length in bars",
        ),
        ({"form": "AABA", "notes": 20}, "form AABA and notes 20 contradict each other"),
    ],
)
def test_contradictions_are_refused(asked: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        checked(ComposeConfig, asked)


@pytest.mark.parametrize(
    ("primer", "asked", "message"),
    [
        (None, {"infill": "2"}, "infill 2: there is nothing to keep; give a primer"),
        (None, {"accompany": True}, "accompany: there is nothing to keep; give a primer"),
        (None, {"vary": 0.3}, "vary 0.3: there is nothing to keep; give a primer"),
        (SONG, {"infill": "7-9"}, "infill 7-9: there is no bar 9; the primer has 8 bars"),
        (SONG, {"vary": 0}, "vary 0: nothing is free, so there is nothing to compose"),
        (SONG, {"accompany": True}, "the given parts take all the parts that the model has"),
        (MELODY, {"accompany": True, "instruments": "flute"}, "instruments flute: the given parts take all"),
        (SONG, {"infill": "2", "bars": 4}, "bars 4: the primer alone has 8 bars"),
        (SONG, {"form": "AA", "bars": 20}, "form AA: the primer's bars differ in length"),
        (None, {"form": "AABA", "bars": 30}, "30 bars do not make 4 equal sections; give 28 or 32"),
        (None, {"form": "AABA", "bars": 3}, "3 bars do not make 4 equal sections; give 4"),
        (prose_to_score("Once upon a time .", "x"), {"accompany": True}, "the primer has no notes"),
        (SONG, {"infill": "2", "instruments": "violin"}, "instruments violin: this model has no violin"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    model: Model, primer: Score | None, asked: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        model.compose(primer, **asked)
    assert "\n" not in str(refused.value)


def test_a_scheme_that_keeps_nothing_says_so(tmp_path: Path) -> None:
    for name, asked in (
        ("melody", "cannot keep fixed notes; those of multitrack"),
        ("polyphony", "cannot be asked"),
    ):
        scheme = make_representation(name, {})
        save_bundle(tmp_path / f"{name}.rit", small_network(scheme), scheme, Facts(name="m"))
        with pytest.raises(ConfigError, match=f"infill 2: a model of .*{asked}"):
            load(tmp_path / f"{name}.rit").compose(MELODY, infill="2")


def test_a_primer_with_a_change_of_meter_keeps_it(model: Model) -> None:
    song = replace(SONG, meters=(Meter(0, 4, 4), Meter(16 * TICKS, 3, 4)))
    piece = model.compose(song, infill="3-6", seed=1)
    assert piece.score.meters == song.meters
    assert changed(piece.score, song) <= {2, 3, 4, 5}


def test_the_command_tells_how_it_leads_on(model: Model, tmp_path: Path) -> None:
    run, out = command("compose"), tmp_path / "loop.mid"
    result = run(model.bundle.path, "-o", out, "--loop", "--bars", 2, "--seed", 1)
    assert result.exit_code == 0, result.output
    assert "for each given one that follows" in result.stdout
    result = run(
        model.bundle.path, "-o", out, "--primer", "C4 E4 G4 C5", "--accompany", "--seed", 1, "--json"
    )
    [facts] = json.loads(result.stdout)["pieces"]
    assert facts["nats_per_given_note"] > 0


def test_parts_that_a_model_has_no_voice_for_are_told() -> None:
    flutes = Multitrack.fit([Multitrack.collect_statistics(MELODY)])
    remarks = flutes.substitutions(SONG)
    assert remarks[0] == "acoustic grand piano: the model does not know it, and hears flute instead"
    assert (
        "acoustic bass: the model has no further part of this kind, and hears it with the one before"
        in remarks
    )
    assert flutes.parts_read(SONG) == (0, 0, 0, None)
    assert Multitrack.fit([Multitrack.collect_statistics(SONG)]).substitutions(SONG) == ()
