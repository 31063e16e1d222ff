"""The structure of music: forms, figures, worth; a form and candidates by default; the soft preferences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from build import TICKS, make_song
from fakes import small_network

from ritornello.bundle import Facts, save_bundle
from ritornello.errors import ConfigError
from ritornello.generation import Model, load
from ritornello.generation.constraints import Constraint, ConstraintState, Context, contrast, pulse, roots
from ritornello.generation.constraints.base import Preference
from ritornello.originality import build_index, lines_of
from ritornello.representations.grids import SHIFTS, STEPS_PER_QUARTER
from ritornello.representations.multitrack import Multitrack
from ritornello.score import Score, Track, make_notes
from ritornello.structure import Structure, figures, form_of, section_bars

BAR = 4 * TICKS


def in_form(form: str, size: int = 4, seed: int = 0) -> Score:
    """Return a melody in eighths over a bass, a random walk in C major, whose sections return by their letters."""
    random, scale = np.random.default_rng(seed), [60, 62, 64, 65, 67, 69, 71, 72]
    sections: dict[str, list[int]] = {}
    notes = []
    for number, letter in enumerate(form):
        if letter not in sections:
            walk = np.abs(np.cumsum(random.choice([-2, -1, -1, 1, 1, 2], 8 * size))) % 14
            sections[letter] = np.minimum(walk, 14 - walk).tolist()
        at = number * size * BAR
        notes += [(at + n * TICKS // 2, TICKS // 2, scale[s], 80) for n, s in enumerate(sections[letter])]
    bass = [(start, BAR, pitch - 24, 80) for start, _, pitch, _ in notes[::8]]
    return Score(TICKS, (Track(make_notes(notes)), Track(make_notes(bass), program=32)))


def index_of(forms: list[str]) -> Any:
    return build_index((str(n), in_form(form, seed=n)) for n, form in enumerate(forms))


INDEX = index_of(["AABA", "AABB"] * 20)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """An untrained model of four voices whose index has songs of 16 bars in two forms."""
    representation = Multitrack.fit([Multitrack.collect_statistics(make_song(8))])
    path = tmp_path_factory.mktemp("model") / "tiny.rit"
    save_bundle(path, small_network(representation), representation, Facts(name="tiny"), index=INDEX)
    return load(path)


# --- structure ----------------------------------------------------------------------------------------------------


def test_an_index_gives_back_the_lines_of_a_piece() -> None:
    for own, line in zip(lines_of(in_form("AABB", seed=1)), INDEX.lines(1, 100), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(own, line, strict=True))
    assert [int(line.bars[-1]) for line in INDEX.lines(1, 5)] == [4, 4]


@pytest.mark.parametrize("form", ["AABA", "ABCD", "AAAA", "ABAC"])
def test_a_form_is_read_from_notes(form: str) -> None:
    assert form_of(lines_of(in_form(form, seed=3)), 4, 4) == form


def test_sections_have_equal_lengths() -> None:
    assert [section_bars(bars) for bars in (12, 16, 18, 20, 24, 32, 36)] == [None, 4, None, 4, 8, 8, 4]


def test_a_form_is_drawn_where_forms_are_usual() -> None:
    random, structure = np.random.default_rng(0), Structure(INDEX)
    assert {structure.draw_form(16, random) for _ in range(20)} == {"AABA", "AABB"}
    assert structure.draw_form(32, random) == ""  # no piece is so long
    rare = Structure(index_of(["ABCD"] * 30 + ["AABA"] * 10))
    assert 10 < sum(rare.draw_form(16, random) == "AABA" for _ in range(100)) < 45  # as in the music
    assert Structure(index_of(["AAAA"] * 30)).draw_form(16, random) == ""  # one letter is no form
    assert Structure(index_of(["AABA"] * 10)).draw_form(16, random) == ""  # too few to tell


def test_the_figures_of_a_scale() -> None:
    """Two bars of the C major scale in eighths, the second like the first."""
    notes = [
        (n * TICKS // 2, TICKS // 2, 60 + step, 80) for n, step in enumerate((0, 2, 4, 5, 7, 9, 11, 12) * 2)
    ]
    classes, pitches, waits, in_scale, same, seconds, wide, chords, density, plays, *again = figures(
        lines_of(Score(TICKS, (Track(make_notes(notes)),)))
    )
    assert classes == pytest.approx(2.75)  # six classes of one in eight, and C of two
    assert pitches == pytest.approx(3)
    assert (waits, in_scale, same, chords, plays) == (0, 1, 0, 0, 1)
    assert (seconds, wide, density) == pytest.approx((14 / 15, 1 / 15, np.log(8)))
    assert again == [1, 0, 0, 0, 0.5, 1]


def test_loops_and_noise_are_worth_less_than_real_pieces() -> None:
    worth = Structure(INDEX).worth(16)
    assert worth is not None
    real = [worth(in_form(form, seed=seed)) for seed in range(100, 110) for form in ("AABA", "AABB")]
    random = np.random.default_rng(0)
    noise = [(n * TICKS // 2, TICKS // 2, int(p), 80) for n, p in enumerate(random.integers(40, 80, 128))]
    assert min(real) > worth(in_form("A" * 16, size=1, seed=100))
    assert min(real) > worth(Score(TICKS, (Track(make_notes(noise)),)))
    assert worth(Score(TICKS)) == -np.inf
    assert Structure(index_of(["AABA"] * 10)).worth(16) is None


# --- defaults -----------------------------------------------------------------------------------------------------


def test_a_whole_piece_has_a_form_and_is_the_best_of_several(model: Model) -> None:
    made = model.compose_many(bars=16, seed=1, count=6)
    assert {piece.settings.form for piece in made} == {"AABA", "AABB"}
    assert {piece.settings.best_of for piece in made} == {4}
    again = model.compose(bars=16, seed=1, index=4)
    assert again.ids.tolist() == made[4].ids.tolist()
    asked = again.settings.model_dump(exclude={"seed", "index", "count"}, exclude_unset=True)
    asked |= {"form": again.settings.form, "best_of": again.settings.best_of}
    assert model.compose(**{**asked, "seed": 1, "index": 4}).ids.tolist() == again.ids.tolist()
    candidates = model.compose_many(bars=16, seed=1, count=4, best_of=1, form=made[0].settings.form)
    worth = model.bundle.structure.worth(16)  # type: ignore[union-attr]
    assert made[0].ids.tolist() == max(candidates, key=lambda each: worth(each.score)).ids.tolist()


@pytest.mark.parametrize(
    ("asked", "form", "best_of"),
    [
        ({"bars": 15}, None, 1),
        ({"bars": 18}, "none", 4),
        ({"bars": 16, "form": "none"}, "none", 4),
        ({"bars": 16, "best_of": 1, "form": "AB"}, "AB", 1),
        ({"bars": 16, "primer": in_form("A")}, None, 1),
        ({"bars": 16, "faithful": False, "temperature": 0}, "AABA", 1),
        ({"notes": 200}, None, 1),
        ({"bars": 16, "step_limit": 7}, None, 4),
        ({"bars": 16, "chords": "C|F|G"}, None, 4),  # no section has the chords of another
    ],
)
def test_what_is_a_whole_piece(model: Model, asked: dict[str, Any], form: str | None, best_of: int) -> None:
    made = model.compose(**{"seed": 1, **asked})
    assert (made.settings.best_of, made.settings.form or "none") == (best_of, form or "none") or (
        form == "AABA" and made.settings.form in ("AABA", "AABB")
    )
    assert made.settings.form == form or form == "AABA"


def test_a_form_that_contradicts_the_chords_is_refused(model: Model) -> None:
    with pytest.raises(ConfigError, match="form AABA: bar 5 is bar 1 again, which has another chord; give"):
        model.compose(form="AABA", bars=16, chords="C|F|G")
    assert model.compose(form="AABA", bars=16, chords="C|F|G|C", seed=1).settings.form == "AABA"


def test_every_instrument_plays_in_a_form(model: Model) -> None:
    for seed in range(3):
        score = model.compose(bars=16, form="AABA", instruments="piano,bass,drums", seed=seed).score
        assert sorted(track.program for track in score.tracks if len(track.notes)) == [0, 0, 32]


# --- preferences --------------------------------------------------------------------------------------------------


class Likes(Preference):
    """Prefers the lowest id that is allowed, and bans nothing."""

    name = "likes"

    def preferred(self, grammar: Any, allowed: Any, logits: Any) -> Any:
        return 1000.0 * (np.arange(len(allowed)) == allowed.argmax())


class LikesRow(Constraint):
    name = "likes"

    def start(self, context: Context) -> Likes:
        return Likes()


def test_what_is_preferred_enough_is_chosen(model: Model) -> None:
    piece = model.compose(bars=1, seed=1, constraints=[LikesRow()])
    assert piece.ids.tolist() == model.compose(bars=1, seed=2, constraints=[LikesRow()]).ids.tolist()
    assert piece.relaxed_constraints == {}


class OnBeats(Constraint, ConstraintState):
    """Bans all shifts but that of a quarter."""

    name = "beats"

    def start(self, context: Context) -> OnBeats:
        tokens = context.representation.tokens
        at = np.arange(tokens.size)[tokens.slice["shift"]]
        self.ids = at[np.asarray(SHIFTS) != STEPS_PER_QUARTER].tolist()
        return self

    def banned(self, grammar: Any, allowed: Any) -> list[int]:
        return self.ids


def test_the_bass_begins_chords_on_their_roots(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "STRENGTH", 50.0)
    asked: dict[str, Any] = {"bars": 8, "instruments": "piano,bass", "chords": "C|Dm/F|G", "cadence": False}
    bass = next(
        track
        for track in model.compose(seed=1, constraints=[OnBeats()], **asked).score.tracks
        if track.program == 32
    )
    notes = bass.notes[::-1]  # so that the lowest of an onset stays
    known = dict(zip((notes["start"] / BAR).tolist(), notes["pitch"].tolist(), strict=True))
    firsts = {int(bar): pitch % 12 for bar, pitch in known.items() if bar == int(bar)}
    assert len(firsts) >= 3
    assert all(pitch == (0, 5, 7)[bar % 3] for bar, pitch in firsts.items())


def drum_bars(score: Score) -> list[set[tuple[int, int]]]:
    bars: list[set[tuple[int, int]]] = [set() for _ in range(64)]
    for track in score.tracks:
        for start, pitch in zip(track.notes["start"].tolist(), track.notes["pitch"].tolist(), strict=True):
            if track.is_drum:
                bars[start // BAR].add((start % BAR, pitch))
    return bars


def test_drums_keep_to_their_pattern_but_before_a_section(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "STRENGTH", 50.0)
    asked: dict[str, Any] = {
        "bars": 8,
        "instruments": "piano,drums",
        "guard": False,
        "meter": "4/4",
        "best_of": 1,
    }

    def with_drums(form: str) -> list[set[tuple[int, int]]]:
        made = (model.compose(seed=seed, form=form, constraints=[OnBeats()], **asked) for seed in range(20))
        return next(bars for piece in made if (bars := drum_bars(piece.score))[1])

    bars = with_drums("none")
    assert all(bar == bars[1] for bar in bars[2:7])
    filled = with_drums("AB")
    assert filled[3] != filled[2] == filled[1]
    assert {pitch for place, pitch in filled[3] if place >= BAR / 2} <= set(pulse.FILLS)


def test_a_new_section_has_other_notes(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contrast, "STRENGTH", 500.0)
    score = model.compose(bars=16, form="AB", seed=1, instruments="piano,bass", temperature=0.5).score
    for track in score.tracks:
        notes = list(zip(track.notes["start"].tolist(), track.notes["pitch"].tolist(), strict=True))
        first = {(start, pitch) for start, pitch in notes if start < 8 * BAR}
        assert not first & {(start - 8 * BAR, pitch) for start, pitch in notes if start < 15 * BAR}
