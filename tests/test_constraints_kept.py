"""Any set of settings is either refused before the first step, or kept to in every note of a piece that ends."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from build import make_song
from checkers import Asked, broken_settings
from fakes import small_network

from ritornello.bundle import Facts, save_bundle
from ritornello.errors import ConfigError
from ritornello.generation import Model, load
from ritornello.originality import build_index
from ritornello.representations import REPRESENTATIONS
from ritornello.theory import CHORDS, SCALES, pitch_class_name, pitch_name

INDEX = build_index([("song", make_song(8))])

OPTIONS: dict[str, dict[str, object]] = {
    "multitrack": {},
    "multitrack, plan": {"chords": True, "returns": True},
    "frames": {"lags": [1]},
    "frames, coarse": {"steps_per_quarter": 1, "lags": []},
    "polyphony": {},
    "improv": {},
    "melody": {},
    "melody, lookback": {"encoding": "lookback"},
}

CONSTRAINTS = (
    "scale", "chords", "lowest", "highest", "chord_size", "span", "polyphony", "notes_per_bar", "max_copy",
    "step_limit", "parallels",
)  # fmt: skip
OF_ALL = ("scale", "lowest", "highest", "step_limit", "parallels")
CAN: dict[str, tuple[str, ...]] = {
    "multitrack": CONSTRAINTS,
    "frames": CONSTRAINTS,
    "polyphony": (*OF_ALL, "chords"),
    "melody": (*OF_ALL, "chord_size", "span", "max_copy"),
}
"""What each representation can be asked for; the others what all can."""


@pytest.fixture(scope="module", params=OPTIONS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    name = request.param.split(",")[0]
    kind, path = REPRESENTATIONS[name], tmp_path_factory.mktemp("model") / f"{name}.rit"
    representation = kind.fit([kind.collect_statistics(make_song())], OPTIONS[request.param])
    save_bundle(path, small_network(representation), representation, Facts(name=name))
    return Model(replace(load(path).bundle, music=INDEX.pack()))


# --- any settings ---------------------------------------------------------------------------------------------


def random_chord(choose: random.Random) -> str:
    quality = choose.choice(["maj", "min", "7", "m7", "maj7", *CHORDS])
    return pitch_class_name(choose.randrange(12)) + {"maj": "", "min": "m"}.get(quality, quality)


def random_value(choose: random.Random, name: str) -> str | int | bool:
    """Return a value of a constraint: mostly one that can be kept to by itself."""
    pitch, count = choose.randrange(24, 100), choose.choice([0, 1, 2, 4, 8, choose.randrange(40)])
    root = pitch_class_name(choose.randrange(12))
    notes = ",".join(map(pitch_class_name, choose.sample(range(12), choose.randint(1, 8))))
    return {
        "scale": choose.choice([f"{root} {choose.choice(list(SCALES))}", notes + ","]),
        "chords": "".join(
            " ".join(random_chord(choose) for _ in range(choose.randint(1, 3))) + "|"
            for _ in range(choose.randint(1, 3))
        ),
        "lowest": pitch_name(pitch),
        "highest": pitch_name(min(127, pitch + choose.choice([0, 2, 12, 24, 36]))),
        "chord_size": choose.randint(1, 3),
        "span": choose.randint(0, 16),
        "polyphony": choose.randint(1, 3),
        "notes_per_bar": f"{count}-{max(1, count + choose.choice([0, 1, 4, 12]))}",
        "max_copy": choose.randint(4, 8),
        "step_limit": choose.choice([1, 2, 4, 7, 12]),
        "parallels": False,
    }[name]


def random_settings(choose: random.Random, can: tuple[str, ...]) -> Asked:
    names = [name for name in can if choose.random() < 0.35] or [choose.choice(can)]
    asked: Asked = {name: random_value(choose, name) for name in names}
    if "chords" in asked and choose.random() < 0.4:
        asked["strict_chords"] = True
    if "chords" in asked and "scale" in asked and choose.random() < 0.5:
        asked |= {"scale": "C major", "chords": choose.choice(["Dm7 G7|C|", "C|F|G7|", "Am|Em|"])}
    for name, values in {
        "meter": ["4/4", "3/4"],
        "tempo": [60, 150],
        "temperature": [0.0, 0.5, 3.0],
        "guard": [False],
        "best_of": [2],
        "beam_size": [2],
    }.items():
        if choose.random() < 0.2:
            asked[name] = choose.choice(values)
    return asked


BANDS = ("piano", "flute,bass", "violin,piano,drums", "drums", "celesta", "bass,drums", "piano,piano")


def random_call(number: int, can: tuple[str, ...], has_voices: bool) -> Asked:
    choose = random.Random(number)
    asked = random_settings(choose, can)
    if choose.random() < 0.4:
        asked["instruments"] = choose.choice(BANDS if has_voices else BANDS[:1])
    return asked | {"bars": choose.randint(1, 4), "seed": number}


def outcome(model: Model, asked: Asked) -> str:
    """Return what became of settings: refused, or kept."""
    try:
        made = model.compose(**asked)
    except ConfigError:
        return "refused"
    assert made.ids[-1] == model.bundle.representation.end_id
    broken = broken_settings(made.score, asked, INDEX)
    assert not broken, f"{broken} {made.relaxed_constraints} in {asked}"
    assert not made.violated, f"{made.violated} in {asked}"
    return "kept"


def outcomes(model: Model, count: int) -> list[str]:
    name = model.bundle.representation.name
    can = CAN.get(name, OF_ALL)
    return [outcome(model, random_call(n, can, name == "multitrack")) for n in range(count)]


def test_some_settings_are_kept_or_refused(model: Model) -> None:
    found = outcomes(model, 24)
    assert set(found) == {"refused", "kept"}
    assert found.count("kept") >= 4


def test_unasked_they_are_not_kept_by_chance(model: Model) -> None:
    score = model.compose(bars=8, seed=1, guard=False).score
    asked = {
        "scale": "C,",
        "chords": "C|F|",
        "strict_chords": True,
        "lowest": "C6",
        "highest": "C3",
        "notes_per_bar": "50-60",
    }
    assert broken_settings(score, asked) == ["scale", "chords", "lowest", "highest", "notes_per_bar"]


def test_a_primer_may_break_them_and_the_piece_still_ends(model: Model) -> None:
    """What cannot be kept then is named; what can be is."""
    can = CAN.get(model.bundle.representation.name, OF_ALL)
    for number in range(8):
        asked = random_call(number, can, has_voices=False) | {"bars": 6, "meter": None, "instruments": None}
        try:
            made = model.compose(make_song(3), **asked)
        except ConfigError:
            continue
        assert made.ids[-1] == model.bundle.representation.end_id
        assert set(made.violated) <= {"max_copy", "density", "step_limit"}


@pytest.mark.slow
def test_a_thousand_settings_are_kept_or_refused(model: Model) -> None:
    count = 1000 if model.bundle.representation.name in ("multitrack", "frames") else 200
    found = outcomes(model, count)
    assert set(found) <= {"refused", "kept"}
    assert found.count("kept") > count / 2
