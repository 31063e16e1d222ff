"""What is asked of a piece is kept exactly, or refused in one line before the first step."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from build import TICKS, make_melody, make_song
from checkers import keeps_highest, keeps_lowest, keeps_scale
from fakes import small_network

import ritornello
from ritornello.bundle import Facts, save_bundle
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation import Model
from ritornello.generation.compose import Composition
from ritornello.generation.config import ComposeConfig
from ritornello.representations import REPRESENTATIONS
from ritornello.score import Key, Meter, Score, Tempo, Track, make_notes, ticks_to_seconds
from ritornello.theory import DRUMS, parse_instrument

SONG = make_song(6)
MUSIC = [name for name in REPRESENTATIONS if name != "words"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """An untrained model of each representation of music."""
    found = {}
    for name in MUSIC:
        representation = REPRESENTATIONS[name].fit([REPRESENTATIONS[name].collect_statistics(SONG)], {})
        path = tmp_path_factory.mktemp("asked") / f"{name}.rit"
        save_bundle(path, small_network(representation), representation, Facts(name=name))
        found[name] = ritornello.load(path)
    return found


def micros(tempo: float) -> int:
    return round(60e6 / tempo)


def programs(score: Score) -> Counter[int]:
    return Counter(DRUMS if track.is_drum else track.program for track in score.tracks if len(track.notes))


def composed(model: Model, primer: Score | None = None, **asked: Any) -> tuple[Composition | None, str]:
    """Return a piece, or None and the line with which it is refused."""
    try:
        return model.compose(primer, **asked), ""
    except ConfigError as error:
        refusal = str(error)
    assert "\n" not in refusal
    return None, refusal


def is_kept(score: Score, asked: dict[str, Any], more_plays: bool = False) -> list[str]:
    """Return the settings that a score does not keep."""
    wrong = []
    if "tempo" in asked and [t.microseconds_per_quarter for t in score.tempos] != [micros(asked["tempo"])]:
        wrong.append("tempo")
    meters = {f"{meter.numerator}/{meter.denominator}" for meter in score.meters} or {"4/4"}
    if "meter" in asked and meters != {asked["meter"]}:
        wrong.append("meter")
    if "bars" in asked and len(score.bars) != asked["bars"]:
        wrong.append("bars")
    if "instruments" in asked:
        wanted = Counter(map(parse_instrument, asked["instruments"]))
        has = programs(score)
        if wanted - has or (has - wanted and not more_plays):
            wrong.append("instruments")
    if "key" in asked and not score.keys:
        wrong.append("key")
    return wrong


# --- every representation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MUSIC)
@pytest.mark.parametrize("tempo", [10, 97.5, 123, 400])
def test_every_model_writes_the_tempo_to_the_microsecond(
    models: dict[str, Model], name: str, tempo: float
) -> None:
    piece = models[name].compose(bars=2, tempo=tempo, seed=1)
    assert [t.microseconds_per_quarter for t in piece.score.tempos] == [micros(tempo)]
    assert piece.violated == ()


@pytest.mark.parametrize("name", MUSIC)
@pytest.mark.parametrize("seed", range(12))
def test_every_model_keeps_tempo_meter_instruments_and_bars_or_refuses(
    models: dict[str, Model], name: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    asked: dict[str, Any] = {
        "tempo": round(float(random.uniform(10, 400)), 2),
        "meter": str(random.choice(["4/4", "2/2", "3/4", "6/8", "7/8", "5/4"])),
        "instruments": tuple(
            random.choice(["flute", "piano", "drums", "violin", "bass"], random.integers(1, 4))
        ),
        "bars": int(random.integers(1, 5)),
    }
    for left_out in random.permutation([*asked])[: random.integers(0, 4)]:
        del asked[left_out]
    piece, refusal = composed(models[name], seed=seed, **asked)
    assert (piece is None) == bool(refusal)
    if piece is None:
        return
    assert is_kept(piece.score, asked, more_plays=name == "jazz") == []
    assert piece.missed == {}


@pytest.mark.parametrize("name", MUSIC)
def test_a_primer_s_tempos_stay_and_go_on(models: dict[str, Model], name: str) -> None:
    melody = make_melody((72, 74, 76, 77, 79, 77, 76, 74, 72, 71, 72, 67))
    song = Score(TICKS, (melody,), tempos=(Tempo(0, micros(140)), Tempo(4 * TICKS, micros(93))))
    if name == "drums":
        song = replace(song, tracks=(replace(melody, is_drum=True),))
    length = {"seconds": 20} if name == "performance" else {"bars": 6}
    if name == "event_words":
        song = replace(song, tempos=song.tempos[:1])
    piece = models[name].compose(song, seed=1, **length)
    assert piece.score.tempos[: len(song.tempos)] == song.resampled(piece.score.ticks_per_quarter).tempos
    if name != "multitrack":
        assert len(piece.score.tempos) == len(song.tempos)
    faster = models[name].compose(song, seed=1, tempo=210, **length)
    assert [t.microseconds_per_quarter for t in faster.score.tempos][:2] == (
        [micros(210), round(micros(93) * micros(210) / micros(140))][: len(song.tempos)]
    )


@pytest.mark.parametrize("name", [name for name in MUSIC if name not in ("multitrack", "performance")])
def test_a_primer_in_another_meter_is_refused_where_only_one_is_known(
    models: dict[str, Model], name: str
) -> None:
    kind = replace(make_melody((60, 62, 64, 65, 67, 65)), is_drum=name == "drums")
    waltz = Score(TICKS, (kind,), meters=(Meter(0, 5, 8),))
    with pytest.raises(ConfigError, match="the primer has the meter 5/8: this model knows"):
        models[name].compose(waltz, bars=8)


def test_a_primer_s_pickup_becomes_a_whole_bar_where_bars_are_whole(models: dict[str, Model]) -> None:
    """A quarter before the first bar line, then quarters: the pickup comes on the fourth beat."""
    pickup = Score(TICKS, (make_melody((67, 72, 74, 76, 77)),), meters=(Meter(0, 4, 4), Meter(TICKS, 4, 4)))
    for name in ("melody", "polyphony"):
        score = models[name].compose(pickup, bars=4, seed=1).score
        onsets = (score.all_notes()["start"] // score.ticks_per_quarter).tolist()
        assert onsets[:5] == [3, 4, 5, 6, 7]
    score = models["multitrack"].compose(pickup, bars=4, seed=1).score
    assert [meter.tick for meter in score.meters[:2]] == [0, score.ticks_per_quarter]
    irregular = replace(pickup, meters=(*pickup.meters, Meter(4 * TICKS, 4, 4)))
    with pytest.raises(
        ConfigError, match="bar 2 of the primer is irregular, and this model knows only whole bars"
    ):
        models["polyphony"].compose(irregular, bars=4)


def test_music_in_seconds_keeps_its_seconds(models: dict[str, Model]) -> None:
    """A performance at another tempo has the same notes at the same time, on other ticks."""
    song = Score(
        TICKS, (make_melody((60, 62, 64, 65)),), tempos=(Tempo(0, micros(97)),), meters=(Meter(0, 3, 4),)
    )
    score = models["performance"].compose(song, bars=4, seed=1).score
    assert (score.tempos[0].microseconds_per_quarter, score.meters) == (micros(97), (Meter(0, 3, 4),))
    onsets = ticks_to_seconds(score, score.all_notes()["start"][:4])
    assert onsets == pytest.approx([0, 60 / 97, 120 / 97, 180 / 97], abs=0.01)
    assert len(score.bars) == 4
    with pytest.raises(
        ConfigError, match="the primer changes its tempo or meter, and this model counts seconds"
    ):
        models["performance"].compose(SONG, bars=8)


# --- meters, instruments, keys ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "asked", "message"),
    [
        ("folk", {"meter": "7/8"}, "meter 7/8: this model knows 3/4, 4/4, 6/8; the shipped models that can: bands"),
        ("chorales", {"meter": "7/8"}, "meter 7/8: this model knows 2/2, 3/2, .*: bands, base, songs$"),
        ("folk", {"meter": "12/8"}, "meter 12/8: this model knows"),
        ("songs", {"instruments": "drums"}, "instruments drums: this model has no drums; it has .*: bands, base, "),
        ("songs", {"instruments": "128"}, "instruments drums: this model has no drums"),
        ("songs", {"instruments": "violin,viola,cello"}, "this model has no violin; it has .* quartets"),
        ("quartets", {"instruments": "guitar"}, r"no acoustic guitar \(nylon\); it has violin, viola, cello; .* folk"),
        ("chorales", {"instruments": "violin"}, "this model has no violin; it has choir aahs; "),
        ("songs", {"key": "D dorian"}, "key: no key 'D dorian'; allowed: a tonic and major or minor"),
        ("songs", {"key": "G# major"}, "no signature has 8 sharps or flats; give Ab major"),
        ("songs", {"key": "C", "scale": "D,E,G"}, "scale D,E,G has no C, the tonic of key C major; give one"),
        ("songs", {"chords": "C F G C", "bars": 2}, "bars 2: the chords are for 4 bars; give so many"),
        ("songs", {"cadence": True, "loop": True}, "cadence and loop contradict each other"),
    ],
)  # fmt: skip
def test_what_a_shipped_model_lacks_is_refused_with_what_would_help(
    model: str, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as told:
        ritornello.load(model).compose_many(**asked)
    assert "\n" not in str(told.value)


def test_a_voice_stands_for_the_other_programs_of_its_family() -> None:
    piece = ritornello.load("songs").compose(bars=2, instruments="soprano sax, piano", seed=1)
    assert programs(piece.score) == {64: 1, 0: 1}
    assert piece.remarks == (
        "soprano sax: composed as english horn of this model, and written as soprano sax",
    )
    assert {track.name for track in piece.score.tracks} == {"soprano sax", "acoustic grand piano"}
    assert min(track.notes["pitch"].min() for track in piece.score.tracks if track.program == 64) >= 56


def test_an_everyday_name_is_the_first_of_its_programs_that_the_model_knows() -> None:
    for model, name, program in (("bands", "sax", 65), ("folk", "guitar", 25), ("bands", "synth lead", 81)):
        assert programs(ritornello.load(model).compose(bars=1, instruments=name, seed=1).score) == {
            program: 1
        }


def test_drums_are_the_standard_kit() -> None:
    [track] = ritornello.load("bands").compose(bars=2, instruments="drums", seed=1).score.tracks
    assert (track.is_drum, track.program) == (True, 0)


@pytest.mark.parametrize("bars", [1, 2, 3])
def test_every_instrument_asked_for_plays_in_a_short_piece(bars: int) -> None:
    asked = {"instruments": ("overdriven guitar", "bass", "drums", "flute", "strings"), "bars": bars}
    for seed in range(4):
        piece = ritornello.load("bands").compose(seed=seed, **asked)
        assert is_kept(piece.score, asked) == []


def test_the_instruments_of_the_primer_stay_and_those_asked_for_are_added() -> None:
    tune = Score(
        TICKS, (replace(make_melody((72, 74, 76, 77)), program=72),)
    )  # a piccolo, which songs has not
    piece = ritornello.load("songs").compose(tune, bars=4, instruments="piccolo, piano", seed=1)
    assert programs(piece.score) == {72: 1, 0: 1}


def test_two_two_is_composed_as_four_four_and_written_as_two_two() -> None:
    piece = ritornello.load("folk").compose(bars=3, meter="2/2", seed=1)
    assert piece.score.meters == (Meter(0, 2, 2),)
    assert len(piece.score.bars) == 3
    tune = Score(TICKS, (make_melody((60, 62, 64, 65, 67, 65, 64, 62)),), meters=(Meter(0, 2, 2),))
    assert ritornello.load("folk").compose(tune, bars=3, seed=1).score.meters[0] == Meter(0, 2, 2)


@pytest.mark.parametrize("key", ["D major", "F# minor", "Es-Dur"])
def test_a_key_is_kept_written_and_come_home_to(key: str) -> None:
    fifths, minor, tonic = {"D major": (2, False, 2), "F# minor": (3, True, 6), "Es-Dur": (-3, False, 3)}[key]
    for model in ("songs", "bands"):
        piece = ritornello.load(model).compose(bars=4, key=key, seed=1)
        assert piece.score.keys == (Key(0, fifths, minor),)
        steps = {
            (pitch - tonic) % 12 for t in piece.score.tracks if not t.is_drum for pitch in t.notes["pitch"]
        }
        assert steps <= ({0, 2, 3, 5, 7, 8, 9, 10, 11} if minor else {0, 2, 4, 5, 7, 9, 11})
        last = [n for t in piece.score.tracks if not t.is_drum for n in t.notes.tolist()
                if n[0] >= piece.score.bars.edges[3]]  # fmt: skip
        assert {(pitch - tonic) % 12 for _, _, pitch, _ in last} <= ({0, 3, 7} if minor else {0, 4, 7})
        assert piece.violated == ()


def test_a_scale_is_written_with_its_signature_and_none_is_guessed() -> None:
    model = ritornello.load("piano")
    keys = {scale: model.compose(bars=1, scale=scale, seed=1).score.keys for scale in ("D dorian", "C blues")}
    assert keys == {"D dorian": (Key(0, 0, False),), "C blues": ()}
    assert model.compose(bars=1, seed=1).score.keys == ()


def test_chords_may_leave_the_key_that_is_asked_for() -> None:
    piece = ritornello.load("piano").compose(
        bars=4, key="C major", chords="C A7 Dm G7", strict_chords=True, seed=1
    )
    assert piece.violated == ()
    assert piece.score.keys == (Key(0, 0),)
    a7 = [pitch % 12 for start, _, pitch, _ in piece.score.bars[1].all_notes().tolist()]
    assert set(a7) <= {9, 1, 4, 7}


def test_models_that_know_keys_are_told_them(models: dict[str, Model]) -> None:
    jazz = models["jazz"].compose(bars=2, key="Eb major", seed=1)
    assert (jazz.score.keys, jazz.told) == ((Key(0, -3),), ("key",))
    assert models["frames"].compose(bars=2, key="E minor", seed=1).score.keys == (Key(0, 1, True),)
    tune = models["melody"].compose(bars=4, key="D major", seed=1).score
    assert {(pitch - 2) % 12 for pitch in tune.all_notes()["pitch"].tolist()} <= {0, 2, 4, 5, 7, 9, 11}
    with pytest.raises(
        ConfigError, match="key: a model of representation performance cannot be asked for it"
    ):
        models["performance"].compose(bars=2, key="D major")


def test_a_key_that_contradicts_the_primer_is_refused() -> None:
    tune = Score(TICKS, (make_melody((67, 69, 71)),), keys=(Key(0, 1),))
    model = ritornello.load("songs")
    with pytest.raises(ConfigError, match="key D major contradicts the primer, which is in G major"):
        model.compose(tune, bars=4, key="D major")
    assert model.compose(tune, bars=4, seed=1).score.keys == (Key(0, 1),)
    assert model.compose(tune, bars=4, seed=1, key="G major").score.keys == (Key(0, 1),)


def test_a_form_loops() -> None:
    piece = ritornello.load("folk").compose(
        form="AB", bars=4, loop=True, seed=1, best_of=1, tempo=123, meter="4/4"
    )
    assert is_kept(piece.score, {"tempo": 123, "meter": "4/4", "bars": 4}) == []
    end = next(text.tick for text in piece.score.texts if text.text == "loopEnd")
    assert end == piece.score.bars.edges[-1]


def test_a_silent_last_bar_is_written(models: dict[str, Model]) -> None:
    """Five bars were asked for and composed; the notes end before."""
    from ritornello.generation.asked import _lasting

    score = Score(TICKS, (Track(make_notes([(0, TICKS, 60, 80)])),), meters=(Meter(0, 3, 4),))
    assert len(_lasting(score, 5).bars) == 5
    assert _lasting(score, 1) == score


# --- all pairs of settings ----------------------------------------------------------------------------------------

VALUES: dict[str, Any] = {
    "temperature": 0.0, "top_p": 0.5, "top_k": 3, "min_p": 0.1, "surprise": 0.5, "beam_size": 2, "branch_factor": 2,
    "steps_per_iteration": 3, "tempo": 123.0, "meter": "3/4", "instruments": ("flute", "drums"), "infill": "2",
    "vary": 0.5, "accompany": True, "form": "AB", "loop": True, "cadence": True, "entrances": True, "guard": True,
    "roots": True, "pulse": True, "contrast": True, "voice_leading": True,
    "max_copy": 8, "step_limit": 7, "parallels": False, "polyphony": 2, "notes_per_bar": "1-9", "chord_size": 2,
    "span": 12, "lowest": "C3", "highest": "C6", "chords": "C|G7", "strict_chords": True, "key": "C major",
    "scale": "C,D,E,G,A", "bars": 2, "seconds": 5.0, "notes": 12, "density": (4.0,), "pitch_classes": (1.0,) * 12,
    "index": 1, "count": 2, "best_of": 2, "faithful": True, "precision": "int8",
    "perform": 0.9, "swing": 0.6, "swing_unit": "16",
}  # fmt: skip
"""A value of every setting of a composition that is not its default."""


def test_every_setting_has_a_value_here() -> None:
    assert VALUES.keys() == ComposeConfig.model_fields.keys() - {"seed", "sampling_method"}
    assert all(getattr(checked(ComposeConfig, {name: value}), name) for name, value in VALUES.items()
               if name not in ("strict_chords", "temperature", "parallels", "steps_per_iteration"))  # fmt: skip


def check_pair(model: Model, asked: dict[str, Any], primer: Score | None) -> bool:
    """Check that the settings are kept, or refused in a line; return whether they are kept."""
    length = {} if LENGTHS & asked.keys() else {"bars": 2}
    first, _ = composed(model, primer, seed=1, **length, **asked | {"count": 1})
    if first is None:
        return False
    pieces = [first] if "count" not in asked else model.compose_many(primer, seed=1, **length, **asked)
    for piece in pieces:
        assert piece.missed == {}, asked
        wrong = [] if primer else is_kept(piece.score, asked)
        for name, keeps in (("scale", keeps_scale), ("lowest", keeps_lowest), ("highest", keeps_highest)):
            if name in asked and primer is None and not (name == "scale" and "chords" in asked):
                wrong += [] if keeps(piece.score, asked) else [name]
        assert not [name for name in wrong if name not in piece.violated], asked
    assert len(pieces) == asked.get("count", 1)
    return True


LENGTHS = {"bars", "seconds", "notes", "form", "infill", "vary", "accompany", "chords"}


@pytest.mark.slow
@pytest.mark.parametrize("has_primer", [False, True])
def test_every_pair_of_settings_is_kept_or_refused(models: dict[str, Model], has_primer: bool) -> None:
    primer = (
        Score(TICKS, (make_melody((72, 74, 76, 77, 79, 77)),), meters=(Meter(0, 3, 4),))
        if has_primer
        else None
    )
    kept = [check_pair(models["multitrack"], {a: VALUES[a], b: VALUES[b]}, primer)
            for a, b in itertools.combinations(VALUES, 2)]  # fmt: skip
    assert sum(kept) > 0.4 * len(kept)


@pytest.mark.parametrize("name", list(VALUES))
def test_every_setting_is_kept_or_refused(models: dict[str, Model], name: str) -> None:
    for model in ("multitrack", "frames", "performance", "drums", "jazz"):
        check_pair(models[model], {name: VALUES[name]}, None)


def test_the_line_says_what_was_kept_and_what_was_only_told(models: dict[str, Model], tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from ritornello.cli import app

    path = models["improv"].bundle.path
    call = ["compose", str(path), "--chords", "C F", "--seed", "1", "-o", str(tmp_path / "a.mid")]
    assert "constraints: chords told to the model, not enforced" in CliRunner().invoke(app, call).stdout
    strict = CliRunner().invoke(app, [*call, "--strict-chords"]).stdout
    assert "constraints: chords kept" in strict
    assert "told" not in strict
