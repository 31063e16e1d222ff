"""The preset that suits a folder, what a representation loses of it, and the sustain pedal in tokens."""

from __future__ import annotations

import json
import random
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from build import TICKS
from typer.testing import CliRunner

from ritornello.cli.inspect import inspect
from ritornello.corpus.losses import Losses, measure_losses, sample
from ritornello.corpus.recommend import character_of, recommend
from ritornello.corpus.report import forecast
from ritornello.presets import PRESETS
from ritornello.representations import REPRESENTATIONS
from ritornello.score import (
    CONTROL_CHANGE,
    PITCH_BEND,
    Meter,
    Score,
    Tempo,
    Text,
    Track,
    make_controls,
    make_notes,
    sort_notes,
)
from ritornello.sustain import sustained

E = TICKS // 2


def line(first: int = 60, notes: int = 32, program: int = 0) -> Track:
    return Track(make_notes([(i * E, E, first + i % 5, 80) for i in range(notes)]), program)


def blocks(*steps: int, bars: int = 8) -> Track:
    steps = steps or (0, 4, 7)
    return Track(make_notes([(i * 4 * TICKS, 4 * TICKS, 48 + s, 80) for i in range(bars) for s in steps]))


def performed(ticks: int = TICKS, notes: int = 200, programs: tuple[int, ...] = (0,)) -> Score:
    """Return notes at random times under one tempo, as a transcribed recording has them."""
    dice = random.Random(1)

    def track(program: int) -> Track:
        rows = [
            (dice.randrange(60 * ticks), dice.randrange(1, ticks), dice.randrange(40, 80), 70)
            for _ in range(notes)
        ]
        return Track(make_notes(sorted(rows)), program)

    return Score(ticks, tuple(map(track, programs)), (Tempo(0, 500_000),))


def drums() -> Score:
    return Score(TICKS, (Track(make_notes([(i * E, 40, 36 + i % 3, 90) for i in range(32)]), 0, True),))


SEVENTHS = (Text(0, "chord", "Cm7"), Text(4 * TICKS, "chord", "F7"))
TRIADS = (Text(0, "chord", "Cm"), Text(4 * TICKS, "chord", "F"))
VOICES = tuple(line(pitch) for pitch in (72, 65, 58, 48))
WALTZ = (Meter(0, 3, 4),)

FOLDERS: dict[str, tuple[str | None, Score]] = {
    "drums alone": ("drums_rnn", drums()),
    "a performance": ("performance_rnn", performed()),
    "a performance on few ticks": ("performance_rnn", performed(24)),
    "a short performance": ("performance_rnn", performed(notes=25)),
    "a performance by a piano and another": ("performance_rnn", performed(programs=(0, 1))),
    "a performance by a band": (None, performed(programs=(0, 33, 65))),
    "a melody and triads": ("improv_rnn", Score(TICKS, (line(72), blocks()))),
    "a melody and sevenths": ("jazz_solo", Score(TICKS, (line(72), blocks(0, 4, 7, 10)))),
    "a melody and triads in three": ("jazz_solo", Score(TICKS, (line(72), blocks()), meters=WALTZ)),
    "a melody with symbols of triads": ("improv_rnn", Score(TICKS, (line(),), texts=TRIADS)),
    "a melody with symbols of sevenths": ("jazz_solo", Score(TICKS, (line(),), texts=SEVENTHS)),
    "a song with symbols": (None, Score(TICKS, (line(72), line(60, program=40), blocks()), texts=TRIADS)),
    "four parts": ("polyphony_rnn", Score(TICKS, VOICES)),
    "four voices on two staves": (
        "polyphony_rnn",
        Score(
            TICKS,
            tuple(
                Track(sort_notes(make_notes([*a.notes.tolist(), *b.notes.tolist()])))
                for a, b in (VOICES[:2], VOICES[2:])
            ),
        ),
    ),
    "four voices in one track": (
        "polyphony_rnn",
        Score(TICKS, (Track(sort_notes(make_notes([n for v in VOICES for n in v.notes.tolist()]))),)),
    ),
    "four parts of a band": (
        None,
        Score(TICKS, tuple(map(line, (72, 65, 58, 48), [32] * 4, (56, 24, 0, 33)))),
    ),
    "four parts and drums": (None, Score(TICKS, (*VOICES, *drums().tracks))),
    "a melody": ("attention_rnn", Score(TICKS, (line(),))),
    "three parts": (None, Score(TICKS, (line(72), line(60, program=40), blocks()))),
    "a piano": (None, Score(TICKS, (blocks(), blocks(12, 16)))),
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_preset_that_suits_a_folder(folder: str) -> None:
    expected, score = FOLDERS[folder]
    advice = recommend([character_of(score)] * 4)
    assert advice.preset == expected, advice.reason
    assert advice.options == (("--preset", expected) if expected else ())
    assert expected is None or expected in PRESETS.usable()


@pytest.mark.parametrize("value", [1 / 8, 1 / 5, 1 / 7, 1 / 3])
@pytest.mark.parametrize("late", [0, 37])
def test_a_piece_in_any_values_has_a_beat_also_if_it_is_late(value: float, late: int) -> None:
    rows = [(late + round(i * value * 480), 30, 60 + i % 7, 80) for i in range(200)]
    assert not character_of(Score(480, (Track(make_notes(rows)),), (Tempo(0, 500_000),))).has_no_beat


def test_a_tempo_map_that_follows_the_player_gives_a_beat() -> None:
    tempos = (Tempo(0, 500_000), Tempo(TICKS, 510_000))
    assert not character_of(replace(performed(), tempos=tempos)).has_no_beat
    assert character_of(performed()).has_no_beat


def test_a_folder_that_is_mixed_gets_the_default_and_is_told_so() -> None:
    advice = recommend([character_of(performed()), *[character_of(FOLDERS["three parts"][1])] * 3])
    assert advice.options == ()
    assert "1 of 4 pieces with one tempo throughout and onsets anywhere between its beats" in advice.reason


PEDAL = make_controls([(0, CONTROL_CHANGE, 64, 127), (4 * TICKS, CONTROL_CHANGE, 64, 0)])


def pedalled(pedal: bool = True) -> Score:
    rows = [
        (0, E // 2, 48, 80),
        (TICKS, E // 2, 60, 80),
        (2 * TICKS, E // 2, 60, 80),
        (5 * TICKS, E // 2, 64, 80),
    ]
    return Score(TICKS, (Track(make_notes(rows), controls=PEDAL if pedal else make_controls()),))


@pytest.mark.parametrize("name", ["multitrack", "polyphony"])
def test_notes_last_as_long_as_the_pedal_lets_them_sound(name: str) -> None:
    kind = REPRESENTATIONS[name]
    fitted = kind.fit([kind.collect_statistics(pedalled())], {})

    def lengths(score: Score) -> list[tuple[int, float]]:
        back = fitted.decode(fitted.encode(score))
        notes = sorted(back.all_notes().tolist())
        return [(pitch, duration / back.ticks_per_quarter) for _, duration, pitch, _ in notes]

    # held to the end of the pedal, to where the key is struck again, to the end of the pedal, and as played
    assert lengths(pedalled()) == [(48, 4), (60, 1), (60, 2), (64, 0.25)]
    assert lengths(pedalled(pedal=False)) == [(48, 0.25), (60, 0.25), (60, 0.25), (64, 0.25)]


def test_drums_and_a_pedal_that_is_up_change_nothing() -> None:
    up = make_controls([(0, CONTROL_CHANGE, 64, 63)])
    score = Score(
        TICKS, (Track(drums().tracks[0].notes, 0, True, controls=PEDAL), Track(line().notes, controls=up))
    )
    assert sustained(score) == score


def loss(name: str, *scores: Score) -> Losses:
    return measure_losses(name, {}, scores)


def test_what_a_representation_loses_is_counted_and_named() -> None:
    controls = make_controls([(0, PITCH_BEND, 0, 2000)])
    score = Score(
        TICKS,
        (Track(line().notes, 0, controls=controls), line(50, program=40)),
        (Tempo(0, 500_000), Tempo(9 * TICKS, 700_000)),
        WALTZ,
    )
    found = loss("polyphony", score)
    assert found.kept == 1
    assert found.facets == {"parts": 1, "instruments": 1, "meters": 1, "tempos": 1, "bends": 1, "pedal": 0}
    assert found.lines() == (
        "keeps all notes",
        "forgets which part plays a note, in 1 of 1 piece",
        "forgets which instruments play, in 1 of 1 piece",
        "forgets meters, in 1 of 1 piece",
        "forgets changes of tempo, in 1 of 1 piece",
        "forgets pitch bends, in 1 of 1 piece",
    )


def test_nothing_is_lost_of_what_is_on_the_grid_and_most_of_what_a_melody_is_not() -> None:
    plain = Score(TICKS, (Track(line().notes),), (Tempo(0, 500_000),))
    assert loss("multitrack", plain).lines() == ("keeps all notes",)
    four = loss("melody", Score(TICKS, (line(72), line(60), line(48), line(36)), (Tempo(0, 500_000),)))
    assert four.kept == pytest.approx(0.25, abs=0.01)


def test_onsets_beside_the_grid_and_loudness_and_lengths_are_measured() -> None:
    late = [(i * TICKS + TICKS // 16 * (i % 2), E, 60, 40 + 60 * (i % 2)) for i in range(32)]
    found = loss("polyphony", Score(TICKS, (Track(make_notes(late)),)))
    assert found.moved == pytest.approx(1 / 16)
    assert found.velocities == pytest.approx(30)  # from a mean of 70 to one degree for all
    assert "moves onsets to its grid, by up to 0.06 quarters" in found.lines()
    held = make_controls([(0, CONTROL_CHANGE, 64, 127), (5 * TICKS, CONTROL_CHANGE, 64, 0)])
    rows = [(i * TICKS, E, 60 + i, 80) for i in range(8)]
    pedal = loss("frames", Score(TICKS, (Track(make_notes(rows), controls=held),)))
    assert pedal.lengths == 5 / 8  # those under the pedal; frames keeps the lengths of the keys
    assert pedal.facets["pedal"] == 1


def test_notes_that_change_their_pitch_are_told_from_those_left_out() -> None:
    high = Score(TICKS, (Track(make_notes([(i * E, E, 90 + i % 4, 80) for i in range(32)])), blocks()))
    found = loss("improv", high)  # it has the pitches up to 83
    assert (found.kept, found.octaves, found.pitches) == (0, 1, 0)
    assert found.chords
    assert found.lines()[0] == "keeps 0% of the notes of the melody (100% in another octave)"
    kit = Score(TICKS, (Track(make_notes([(i * E, E, (36, 35)[i % 2], 80) for i in range(32)]), 0, True),))
    assert loss("drums", kit).pitches == 0.5  # both bass drums are written as the first


def test_pieces_that_cannot_be_encoded_are_counted_and_long_ones_are_cut() -> None:
    found = loss("drums", drums(), FOLDERS["a melody"][1])
    assert (found.pieces, found.unusable) == (1, 1)
    assert found.lines()[-1] == "cannot encode 1 more piece"
    assert loss("drums", FOLDERS["a melody"][1]).lines() == (
        "keeps none of these pieces: it can encode none",
    )
    assert loss("multitrack", Score(TICKS, (line(notes=20_100),))).kept == 1
    assert sample(range(13)) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert sample(range(3)) == [0, 1, 2]


def test_inspect_prints_a_command_that_a_shell_reads_and_figures_as_json(tmp_path: Path) -> None:
    folder = tmp_path / "my songs"
    folder.mkdir()
    for number in range(3):
        rows = [(i * E, E, 60 + i * (number + 2) % 5, 80) for i in range(32)]
        Score(TICKS, (Track(make_notes(rows)),)).write(folder / f"{number}.mid")
    app = typer.Typer()
    app.command()(inspect)
    text = CliRunner().invoke(app, [str(folder), "--processes", "1"]).stdout
    (command,) = [row for row in text.splitlines() if row.startswith("recommended: ")]
    assert shlex.split(command)[1:] == ["ritornello", "train", str(folder), "--preset", "attention_rnn"]
    assert "3 of 3 pieces with one melody, a note at a time, alone" in text
    assert (
        "what each representation keeps (3 of 3 pieces, encoded and decoded):\n  multitrack\n    keeps all"
        in text
    )
    found = json.loads(CliRunner().invoke(app, [str(folder), "--json", "--processes", "1"]).stdout)
    assert found["recommended"]["preset"] == "attention_rnn"
    assert found["losses"]["multitrack"]["kept"] == 1
    assert (found["harmony"]["pieces"], found["harmony"]["keys"]) == (3, 1)
    assert "changes of chord a bar, 1.0 keys a piece" in text
    assert found["losses"]["melody"]["pieces"] == 3
    assert found["losses"]["multitrack"]["words"] == ["keeps all notes"]
    assert [file["beat"] for file in found["files"]] == [True] * 3


def test_the_forecast_of_a_small_folder_promises_no_good_model() -> None:
    few, many = (forecast(notes, operations_per_second=1e12) for notes in (3_000, 40_000))
    assert few.epochs == 80
    assert few.minutes * 60 == pytest.approx(10 + 80 * 5_700 / 30_000)  # 25 s; measured: 18 s and the start
    assert "until nothing more can be learned of so few notes" in few.text
    assert "good model" not in few.text
    assert "for a good model: 20 passes" in many.text
