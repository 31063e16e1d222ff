"""The preset that suits a folder, what a representation loses of it, and the sustain pedal in tokens."""

from __future__ import annotations

import random

import pytest
from build import TICKS

from ritornello.corpus.losses import lost
from ritornello.corpus.recommend import Character, character_of, recommend
from ritornello.representations import REPRESENTATIONS
from ritornello.score import CONTROL_CHANGE, PITCH_BEND, Score, Tempo, Text, Track, make_controls, make_notes
from ritornello.sustain import sustained

E = TICKS // 2


def line(first: int = 60, notes: int = 32, program: int = 0) -> Track:
    return Track(make_notes([(i * E, E, first + i % 5, 80) for i in range(notes)]), program)


def blocks(bars: int = 8) -> Track:
    return Track(make_notes([(i * 4 * TICKS, 4 * TICKS, p, 80) for i in range(bars) for p in (48, 52, 55)]))


def performed() -> Score:
    dice = random.Random(1)
    rows = [
        (dice.randrange(60 * TICKS), dice.randrange(50, 400), dice.randrange(40, 80), 70) for _ in range(200)
    ]
    return Score(TICKS, (Track(make_notes(rows)),), (Tempo(0, 500_000),))


def drums() -> Score:
    return Score(TICKS, (Track(make_notes([(i * E, 40, 36 + i % 3, 90) for i in range(32)]), 0, True),))


FOLDERS = {
    "drums_rnn": [drums()] * 4,
    "performance_rnn": [performed()] * 4,
    "jazz_solo": [Score(TICKS, (line(72), blocks()))] * 4,
    "frames": [Score(TICKS, tuple(line(pitch) for pitch in (72, 65, 58, 48)))] * 4,
    "attention_rnn": [Score(TICKS, (line(),))] * 4,
    None: [Score(TICKS, (line(72), line(60, program=40), blocks()))] * 4,
}


@pytest.mark.parametrize("expected", FOLDERS, ids=str)
def test_the_preset_that_suits_a_folder(expected: str | None) -> None:
    advice = recommend([character_of(score) for score in FOLDERS[expected]])
    assert (advice.preset or advice.representation) == expected
    assert (expected or "multitrack") in f"{advice.options} {advice.reason}"


def test_chord_symbols_make_a_lead_sheet_and_a_tempo_map_makes_a_beat() -> None:
    symbols = (Text(0, "chord", "Cm7"), Text(4 * TICKS, "chord", "F7"))
    assert recommend([character_of(Score(TICKS, (line(),), texts=symbols))]).preset == "jazz_solo"
    followed = performed()
    tempos = (Tempo(0, 500_000), Tempo(TICKS, 510_000))  # a tempo map that follows the player
    assert character_of(Score(TICKS, followed.tracks, tempos)).tempos == 2
    assert recommend([character_of(Score(TICKS, followed.tracks, tempos))]).preset is None


def test_a_folder_that_is_mixed_gets_the_default_and_is_told_so() -> None:
    pieces = [character_of(performed()), *(character_of(s) for s in FOLDERS[None])]
    advice = recommend(pieces)
    assert advice.options == ""
    assert "1 piece without a beat" in advice.reason
    assert isinstance(pieces[0], Character)
    assert pieces[0].off_grid > 0.35 > pieces[1].off_grid


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


def test_what_a_representation_loses_is_named() -> None:
    controls = make_controls([(0, PITCH_BEND, 0, 2000)])
    score = Score(
        TICKS,
        (Track(line().notes, 0, controls=controls), line(50, program=40)),
        (Tempo(0, 500_000), Tempo(9 * TICKS, 700_000)),
    )
    said = lost("frames", {}, [score])
    assert any("which instruments play, in 1 of 1 pieces" in text for text in said)
    assert any("pitch bends, in 1 of 1 pieces" in text for text in said)
    assert any("changes of tempo, in 1 of 1 pieces" in text for text in said)
    assert not any("notes, left out" in text for text in said)


def test_nothing_is_lost_of_what_is_on_the_grid_and_half_of_the_melody_of_two() -> None:
    plain = Score(TICKS, (Track(line().notes),), (Tempo(0, 500_000),))
    assert lost("multitrack", {}, [plain]) == ()
    two = Score(TICKS, (line(72), line(60), line(48), line(36)), (Tempo(0, 500_000),))
    assert any(text.startswith("75% of the notes") for text in lost("melody", {}, [two]))
