"""Chords and returns as ids of `multitrack`: found, foreseen before their notes, forced where they are given."""

from __future__ import annotations

import numpy as np
import pytest
from build import TICKS
from fakes import small_network

from ritornello.bundle import Facts, save_bundle
from ritornello.errors import ConfigError
from ritornello.generation import Model, load
from ritornello.representations import Conditions
from ritornello.representations.conditions import FixedNotes
from ritornello.representations.multitrack import Multitrack
from ritornello.representations.multitrack.plan import NO_CHORD, chord_name, number_of, returns_of
from ritornello.score import Score, Track, make_notes
from ritornello.theory import parse_chord

PLANNED = {"chords": True, "returns": True}
BAR = 4 * TICKS
TRIADS = {"C": (60, 64, 67), "F": (60, 65, 69), "G": (62, 67, 71), "Am": (60, 64, 69)}


def progression(*names: str) -> Score:
    """Return a bar of each triad: a bass on its root, and the triad on each beat."""
    chords = [(i * BAR + beat * TICKS, TICKS, pitch, 80) for i, name in enumerate(names)
              for beat in range(4) for pitch in TRIADS[name]]  # fmt: skip
    bass = [(i * BAR, BAR, 36 + parse_chord(name).root, 80) for i, name in enumerate(names)]
    return Score(TICKS, (Track(make_notes(chords), 0), Track(make_notes(bass), 32)))


SONG = progression("C", "C", "F", "G", "C", "Am", "F", "G")


def fitted(options: dict[str, bool]) -> Multitrack:
    return Multitrack.fit([Multitrack.collect_statistics(SONG)], {"lags": [], "repeats": [], **options})


@pytest.fixture(scope="module")
def scheme() -> Multitrack:
    return fitted(PLANNED)


@pytest.fixture(scope="module")
def model(scheme: Multitrack, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """An untrained model that foresees chords and returns."""
    path = tmp_path_factory.mktemp("model") / "tiny.rit"
    save_bundle(path, small_network(scheme), scheme, Facts(name="tiny"), "float16")
    return load(path)


def planned(scheme: Multitrack, score: Score) -> list[tuple[int, str]]:
    """Return the bar and the name of each id of the plan."""
    ids = scheme.encode(score)
    bars, kinds = scheme.bars_and_notes(ids)[0], scheme.tokens.kind
    return [
        (bar, scheme.tokens.name(token))
        for bar, token in zip(bars.tolist(), ids.tolist(), strict=True)
        if kinds[token] in ("chord", "return")
    ]


@pytest.mark.parametrize(
    ("symbol", "near"),
    [
        *(("C", "C"), ("Dm7", "Dm"), ("G13", "G7"), ("Bbmaj7", "A#"), ("F#m7b5", "F#dim"), ("Eaug", "Eaug")),
        *(("A7sus4", "A7"), ("Bdim7", "Bdim"), ("C7#5", "Caug")),
    ],
)
def test_a_chord_counts_as_the_nearest_of_those_known(symbol: str, near: str) -> None:
    chord = parse_chord(symbol)
    assert chord_name(number_of(chord.root, chord.quality)) == near


def test_no_chord_has_a_name() -> None:
    assert chord_name(NO_CHORD) == "N.C."


def test_a_bar_returns_from_the_one_that_it_is_like_most() -> None:
    bars = [(1, 2, 3), (4, 5, 6), (1, 2, 3), (4, 5, 7), (8,), (), (1, 2, 3)]
    bar = np.repeat(np.arange(len(bars)), [len(each) for each in bars])
    place = np.array([number for each in bars for number in each])
    # Bar 3 shares two of three notes with bar 1; of bars 0 and 2, bar 6 returns from the later one.
    assert returns_of(bar, place, len(bars)).tolist() == [0, 0, 2, 2, 0, 0, 4]


def test_chords_stand_where_they_change_and_returns_where_a_bar_is_like_another(scheme: Multitrack) -> None:
    chords = [each for each in planned(scheme, SONG) if each[1].startswith("chord")]
    assert chords == [(0, "chord C"), (2, "chord F"), (3, "chord G"), (4, "chord C"), (5, "chord Am"),
                      (6, "chord F"), (7, "chord G")]  # fmt: skip
    returns = [each for each in planned(scheme, SONG) if each[1].startswith("as ")]
    assert returns == [(1, "as 1 bars ago"), (4, "as 3 bars ago"), (5, "as 1 bars ago"), (6, "as 4 bars ago"),
                       (7, "as 4 bars ago")]  # fmt: skip


def test_the_plan_comes_before_the_notes_of_its_onset(scheme: Multitrack) -> None:
    ids = scheme.encode(SONG)
    kinds = [scheme.tokens.kind[token] for token in ids.tolist()]
    for at in (number for number, kind in enumerate(kinds) if kind in ("chord", "return")):
        assert kinds[at - 1] in ("entrance", "shift", "return")
        assert kinds[at + 1] in ("note", "chord")


def test_options_can_leave_each_out() -> None:
    kinds = {name.split()[0] for _, name in planned(fitted({"chords": True, "returns": False}), SONG)}
    assert kinds == {"chord"}
    kinds = {name.split()[0] for _, name in planned(fitted({"chords": False, "returns": True}), SONG)}
    assert kinds == {"as"}
    assert not planned(fitted({"chords": False, "returns": False}), SONG)


def test_columns_tell_the_chord_its_age_the_degree_and_what_returns(scheme: Multitrack) -> None:
    ids = scheme.encode(SONG)
    names = [column.name for column in scheme.columns]
    columns = dict(zip(names, scheme.inputs(ids).T.tolist(), strict=True))
    time = np.cumsum(scheme.vocabulary.shift[ids])
    at = int(np.flatnonzero((time == 2 * 96 + 48) & (scheme.tokens.pitch[ids] == 69))[0])  # an A over F
    assert columns["chord"][at] == number_of(5, "maj") + 1
    assert columns["beats_of_chord"][at] == 2
    assert columns["chord_degree"][at] == 4 + 1
    assert columns["return"][at] == 0
    # In the seventh bar, as four bars ago: after its return the first note of bar 2 comes again.
    [there] = (n for n, t in enumerate(ids) if scheme.tokens.name(t) == "as 4 bars ago" and time[n] == 6 * 96)
    first = next(t for n, t in enumerate(ids) if time[n] == 2 * 96 and scheme.tokens.kind[t] == "note")
    assert columns["return"][there] == 4
    assert columns["returning"][there] == first + 1


def test_a_chord_moves_with_the_piece_and_wraps(scheme: Multitrack) -> None:
    tokens = scheme.tokens
    token = tokens.first["chord"] + number_of(11, "min")
    assert tokens.name(int(tokens.transposed(np.array([token]), 2)[0])) == "chord C#m"
    none = tokens.first["chord"] + NO_CHORD
    assert tokens.transposed(np.array([none]), 2).tolist() == [none]


def test_a_plan_is_not_written_into_the_score(scheme: Multitrack) -> None:
    assert scheme.decode(scheme.encode(progression("C", "F"))).texts == ()


def test_given_chords_are_foreseen_as_they_are_given(model: Model) -> None:
    ids = model.compose(bars=4, chords="C Am | F | G7", seed=1).ids
    tokens = model.bundle.representation.tokens
    found = [tokens.name(t).removeprefix("chord ") for t in ids[tokens.is_kind(ids, "chord")].tolist()]
    wanted = ["C", "Am", "F", "G7", "C", "Am"]  # from bar 4 on from the beginning
    at = 0
    for name in found:  # those under which nothing begins are left out
        at = wanted.index(name, at) + 1
    assert len(found) >= 3


def test_the_bars_of_a_form_return_from_where_they_came(scheme: Multitrack) -> None:
    random = np.random.default_rng(0)
    fixed = FixedNotes(free=frozenset((0, 1)), returns={2: 0, 3: 1})
    grammar, ids = scheme.grammar(Conditions(bars=4, fixed_notes=fixed)), []
    while not grammar.ended:
        ids.append(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
        grammar.advance(ids[-1])
    bars = scheme.bars_and_notes(np.array(ids))[0]
    told = {
        bar: scheme.tokens.name(t)
        for bar, t in zip(bars, ids, strict=True)
        if scheme.tokens.kind[t] == "return"
    }
    assert {bar: name for bar, name in told.items() if bar > 1} == {2: "as 2 bars ago", 3: "as 2 bars ago"}


def test_no_bar_returns_from_before_the_beginning(scheme: Multitrack) -> None:
    grammar = scheme.grammar(Conditions(bars=4))
    returns = scheme.tokens.slice["return"]
    for token in scheme.encode(SONG)[:-1].tolist():
        grammar.advance(token)
        allowed = np.flatnonzero(grammar.allowed_mask()[returns]) + 1
        assert allowed.max(initial=0) <= grammar.place[0]


def test_a_network_scores_notes_by_their_degree_above_the_root() -> None:
    torch = pytest.importorskip("torch")
    from ritornello.networks.chord_degrees import ChordDegrees

    degrees = ChordDegrees(roots=(-1, 7), classes=(-1, 7, 11, 7), hidden=1)
    with torch.no_grad():
        degrees.score.bias[:] = torch.arange(12.0)  # a degree of n semitones has the score n
        chords = torch.tensor([[0, 1]])
        added = degrees.add_scores(torch.zeros(1, 2, 4), torch.zeros(1, 2, 1), chords)
    assert added.tolist() == [[[0, 0, 0, 0], [0, 0, 4, 0]]]  # over G the root is 0, and a B is 4


@pytest.mark.parametrize("wrong", [{"chord_column": 9}, {"chord_roots": (0,)}, {"pitch_classes": (12, 0)}])
def test_chords_that_do_not_fit_the_columns_are_refused(wrong: dict[str, object]) -> None:
    pytest.importorskip("torch")
    from ritornello.networks import make_network

    fits = {"hidden": 8, "chord_column": 1, "chord_roots": (-1, 0, 5), "pitch_classes": (0, -1)}
    make_network("lstm", fits, (2, 3))
    with pytest.raises(ConfigError, match="chord_column"):
        make_network("lstm", fits | wrong, (2, 3))


def test_training_tells_the_network_the_chords(scheme: Multitrack) -> None:
    pytest.importorskip("torch")
    from ritornello.training.tuning import harmony_of

    told, names = harmony_of(scheme), [column.name for column in scheme.columns]
    assert told["chord_column"] == names.index("chord")
    assert told["chord_roots"] == [-1, *[*range(12)] * 5, -1]
    assert told["pitch_classes"][-1] == scheme.tokens.pitch[-1] % 12
    assert not harmony_of(fitted({"chords": False, "returns": True}))
