"""Melodies as Magenta's models see them: the vectors of the specification, extraction with reasons, the squash."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from build import TICKS, make_melody, make_song
from fakes import allowed_ids

from ritornello import formats
from ritornello.corpus.shards import build_corpus
from ritornello.errors import ConfigError, CorpusError
from ritornello.generation.constraints.repetition import RepetitionGuard
from ritornello.notelist import notes_to_score
from ritornello.representations.base import Conditions
from ritornello.representations.melody import Melody
from ritornello.representations.melody.encodings import ENCODINGS, Past
from ritornello.representations.melody.extraction import (
    NO_EVENT,
    NOTE_OFF,
    Rules,
    extract_melodies,
    key_scores,
    leading_melody,
    shifted,
    squash_shift,
)
from ritornello.representations.melody.grammar import MelodyGrammarState
from ritornello.score import Meter, Score, Tempo, Track, make_notes

EXAMPLE = [60, -2, 60, -2, 67, -2, 67, -2]
EIGHT_BARS = (60, 62, 64, 65, 67, 65, 64, 62) * 4


def melody(encoding: str, **options: object) -> Melody:
    return Melody.fit([], {"encoding": encoding, **options})


def past_of(events: list[int]) -> Past:
    past = Past()
    for event in events:
        past.advance(event)
    return past


def vector(encoding: str, events: list[int]) -> list[int]:
    """Return the numbers that the network reads after `events`, as a plain list."""
    numbers: list[int] = []
    row = ENCODINGS[encoding].row(past_of(events))
    for column, value in zip(ENCODINGS[encoding].columns, row, strict=True):
        if column.size <= 3:
            numbers.append(value - (column.size == 3))
        else:
            numbers += [int(value == i) for i in range(column.size - 1)]
    return numbers


def labels(encoding: str, events: list[int]) -> list[int]:
    return melody(encoding).ids_of(np.array(events, dtype=np.int16))[1:].tolist()


# ---- vectors of the specification ----------------------------------------------------------------------------


def test_basic_and_key_ids() -> None:
    basic, key = ENCODINGS["basic"], ENCODINGS["key"]
    assert [basic.class_of(e) for e in (NO_EVENT, NOTE_OFF, 48, 60, 83)] == [0, 1, 2, 14, 37]
    assert [key.class_of(e) for e in (48, 83, NO_EVENT, NOTE_OFF)] == [0, 35, 36, 37]
    past = past_of([60, 62, *[NO_EVENT] * 30])
    assert key.event(38, past) == NO_EVENT  # as 16 steps ago
    assert key.event(39, past) == 60  # as 32 steps ago
    assert (basic.labels, ENCODINGS["mono"].labels, ENCODINGS["lookback"].labels, key.labels) == (
        38,
        130,
        40,
        40,
    )


@pytest.mark.parametrize(("seconds", "step"), [(0.06, 0), (0.07, 1), (0.0625, 1)])
def test_quantisation_rounds_halves_up(seconds: float, step: int) -> None:
    # 120 quarters a minute, 4 steps a quarter: 8 steps a second.
    score = Score(1000, (Track(make_notes([(round(2000 * seconds), 500, 60, 80)])),))
    assert score.resampled(4).tracks[0].notes["start"].tolist() == [step]


def test_a_note_of_no_steps_gets_one() -> None:
    score = Score(480, (Track(make_notes([(0, 10, 60, 80), (480, 480, 62, 80)])),))
    assert leading_melody(score).tolist() == [60, -1, -2, -2, 62, -2, -2, -2]


def test_labels_of_the_worked_example() -> None:
    assert labels("basic", EXAMPLE) == [14, 0, 14, 0, 21, 0, 21, 0]
    assert labels("lookback", EXAMPLE)[1:] == [39, 14, 39, 21, 39, 21, 39]
    assert labels("key", EXAMPLE)[1:] == [39, 12, 39, 19, 39, 19, 39]


def test_lookback_inputs_of_the_worked_example() -> None:
    first, fourth = vector("lookback", EXAMPLE[:1]), vector("lookback", EXAMPLE[:4])
    assert len(first) == 121
    assert [i for i, x in enumerate(first) if x and i < 114] == [14, 38, 76]
    assert first[114:119] == [1, -1, -1, -1, -1]
    assert [i for i, x in enumerate(fourth) if x and i < 114] == [0, 38, 76]
    assert fourth[114:119] == [-1, -1, 1, -1, -1]
    assert first[119:] == fourth[119:] == [0, 0]


def test_key_inputs_of_the_worked_example() -> None:
    numbers = vector("key", EXAMPLE[:5])
    assert len(numbers) == 74
    assert [i for i, x in enumerate(numbers[:40]) if x] == [19, 36, 38, 39]
    assert numbers[42:49] == [1, -1, 1, -1, -1, -1, -1]
    assert {i for i in range(12) if numbers[50 + i]} == {0, 3, 5, 7, 8, 10}
    assert numbers[62:] == numbers[50:62]


def test_squash_of_the_worked_example() -> None:
    events = np.array(EXAMPLE, dtype=np.int16)
    assert key_scores(events[events >= 0]).tolist() == [4, 2, 2, 4, 0, 4, 0, 4, 4, 0, 4, 0]
    assert squash_shift(events, 48, 84, 0) == 0


# ---- labels and inputs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENCODINGS)
def test_labels_name_every_event_and_back(name: str) -> None:
    encoding, past = ENCODINGS[name], Past()
    random = np.random.default_rng(3)
    bar = random.choice([NO_EVENT, NO_EVENT, NOTE_OFF, 60, 64, 67], 16).tolist()
    for event in [*bar, *bar, *bar[:8], *random.choice([NO_EVENT, 62, 71], 40).tolist()]:
        assert encoding.event(encoding.label(event, past), past) == event
        past.advance(event)


def test_two_bars_win_over_one() -> None:
    bar = [60, *[NO_EVENT] * 15]
    assert labels("lookback", bar * 3)[::16] == [14, 38, 39]
    assert labels("lookback", [*bar, 62, *bar[1:], *bar[:1]])[32] == 39


def test_repeating_nothing_is_no_event() -> None:
    lookback = melody("lookback")
    assert lookback.events_of(np.array([lookback.start_id, 38, 39, 38])).tolist() == [NO_EVENT] * 3


def test_a_note_off_is_no_onset() -> None:
    assert vector("key", [60, NOTE_OFF])[36:39] == [0, 1, 0]


# ---- scores --------------------------------------------------------------------------------------------------


def test_squash_moves_into_c_and_the_range() -> None:
    events = np.array([86, 88, 90, 91, 93, 95, 97, 98], dtype=np.int16)  # D major, high
    shift = squash_shift(events, 48, 84, 0)
    assert shift == -26
    assert shifted(events, shift, 48, 84).tolist() == [60, 62, 64, 65, 67, 69, 71, 72]
    wide = np.array([40, 95, NOTE_OFF, 60], dtype=np.int16)
    assert shifted(wide, 0, 48, 84).tolist() == [52, 83, NOTE_OFF, 60]


def test_what_is_composed_goes_back_to_the_key_and_tempo_of_the_primer() -> None:
    basic = melody("basic")
    primer = Score(TICKS, (make_melody((62, 64, 66, 67, 69, 71, 73, 74)),), tempos=(Tempo(0, 400_000),))
    for_piece = basic.for_piece(primer, Conditions(instruments=(40,)))
    score = for_piece.decode(for_piece.primer(primer))
    assert np.array_equal(score.tracks[0].notes["pitch"], primer.tracks[0].notes["pitch"])
    assert score.tempos == (Tempo(0, 400_000),)
    assert score.tracks[0].program == 40
    assert np.array_equal(for_piece.encode(primer), basic.encode(primer))
    slower = for_piece.for_piece(primer, Conditions(quarters_per_minute=60))
    assert slower.decode([]).tempos == (Tempo(0, 1_000_000),)


def test_mono_is_not_transposed() -> None:
    score = Score(TICKS, (make_melody((100, 102, 30)),))
    assert melody("mono").decode(melody("mono").encode(score)).tracks[0].notes["pitch"].tolist() == [
        100,
        102,
        30,
    ]


def test_the_primer_list_of_magenta() -> None:
    score = notes_to_score("[60, -2, 62, -1, -2, 64]")
    assert leading_melody(score).tolist() == [60, -2, 62, -1, -2, 64]
    assert leading_melody(notes_to_score("[-2, -2, 60, -2, -2, -2]")).tolist() == [-2, -2, 60, -2, -2, -2]
    with pytest.raises(ConfigError, match="event 2, '200'"):
        notes_to_score("[60, 200]")
    with pytest.raises(ConfigError, match="no notes"):
        notes_to_score("[-2, -1]")


# ---- extraction ----------------------------------------------------------------------------------------------


def found(score: Score, **rules: object) -> tuple[list[list[int]], tuple[str, ...]]:
    result = extract_melodies(score, Rules.model_validate(rules))
    return [events.tolist() for events in result.melodies], result.reasons


def test_a_melody_of_eight_bars_is_found() -> None:
    melodies, reasons = found(Score(TICKS, (make_melody(EIGHT_BARS),)))
    assert [len(events) for events in melodies] == [128]
    assert melodies[0][:8] == [60, -2, -2, -2, 62, -2, -2, -2]
    assert reasons == ()


def test_everything_left_out_has_a_reason() -> None:
    few = make_melody((60, 62, 64, 62) * 8, name="few")
    clash = make_notes([(TICKS * i, TICKS, p, 80) for i, p in enumerate(EIGHT_BARS)] + [(4800, 99, 40, 80)])
    tracks = (make_melody(name="short"), few, Track(clash, name="clash"), Track(clash, is_drum=True))
    melodies, reasons = found(Score(TICKS, tracks))
    assert melodies == []
    assert len(reasons) == 4
    for part, reason in zip(
        ("part 1 (short)", "part 2 (few)", "part 3 (clash)", "part 4 (drums)"), sorted(reasons), strict=True
    ):
        assert reason.lower().startswith(part.split(" (")[0])
    text = " | ".join(sorted(reasons))
    assert "2.0 bars, at least 7" in text
    assert "3 different pitches, at least 5" in text
    assert "bar 3: two notes at once" in text
    assert "drums" in text


def test_polyphony_can_keep_one_of_the_notes() -> None:
    rows = [(TICKS * i, TICKS, p + o, 80) for i, p in enumerate(EIGHT_BARS) for o in (0, 12)]
    score = Score(TICKS, (Track(make_notes(rows)),))
    assert found(score, polyphony="highest")[0][0][0] == 72
    assert found(score, polyphony="lowest")[0][0][0] == 60


def test_a_silence_of_a_bar_ends_a_melody_and_the_next_begins_at_its_bar() -> None:
    first = [(TICKS * i, TICKS, p, 80) for i, p in enumerate(EIGHT_BARS)]
    second = [(start + 4 * TICKS * 9 + 2 * TICKS, *rest) for start, *rest in first]
    melodies, _ = found(Score(TICKS, (Track(make_notes(first + second)),)))
    assert [len(events) for events in melodies] == [128, 8 + 128]
    assert melodies[1][:9] == [NO_EVENT] * 8 + [60]


def test_a_new_note_ends_the_one_before() -> None:
    rows = [(TICKS * i, 3 * TICKS, p, 80) for i, p in enumerate(EIGHT_BARS)]
    assert NOTE_OFF not in found(Score(TICKS, (Track(make_notes(rows)),)))[0][0]


def test_long_melodies_are_cut() -> None:
    assert len(found(Score(TICKS, (make_melody(EIGHT_BARS * 5),)))[0][0]) == 512


def test_a_change_of_meter_cuts_and_a_tempo_only_if_asked() -> None:
    score = Score(
        TICKS,
        (make_melody(EIGHT_BARS * 2),),
        tempos=(Tempo(0, 500_000), Tempo(TICKS * 32, 400_000)),
        meters=(Meter(0, 4, 4),),
    )
    assert [len(events) for events in found(score)[0]] == [256]
    assert [len(events) for events in found(score, split_at_tempos=True)[0]] == [128, 128]
    waltz = Score(TICKS, score.tracks, meters=(Meter(0, 4, 4), Meter(TICKS * 32, 3, 4)))
    assert [len(events) for events in found(waltz)[0]] == [128, 128]


def test_bars_off_the_grid_are_refused_with_the_meter() -> None:
    score = Score(TICKS, (make_melody(EIGHT_BARS),), meters=(Meter(0, 5, 32),))
    assert found(score) == ([], ("bar 1: bars of 5/32 are not a whole number of steps",))


# ---- corpora -------------------------------------------------------------------------------------------------


def test_a_corpus_has_a_piece_a_melody_and_says_what_was_left_out(tmp_path: Path) -> None:
    for shift in range(4):
        tracks = (make_melody(tuple(p + shift * i % 5 for i, p in enumerate(EIGHT_BARS))), make_melody())
        formats.write(Score(TICKS, tracks), tmp_path / f"{shift}.mid")
    corpus, _ = build_corpus([tmp_path], tmp_path / "corpus", representation="melody", validation=0.25)
    assert len(corpus.index) == 4
    assert set(corpus.index["length"]) == {129}  # START and 128 events, no END to learn
    assert len(corpus.left_out()) == 4
    assert "at least 7 are asked for" in corpus.left_out()[0]


def test_files_without_a_melody_are_refused_with_the_reasons(tmp_path: Path) -> None:
    for number in range(2, 5):
        formats.write(make_song(number), tmp_path / f"{number}.mid")
    with pytest.raises(CorpusError, match=r"nothing is left to train on: .*mid: part 1"):
        build_corpus([tmp_path], tmp_path / "corpus", representation="melody")


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="representation melody: option encoding"):
        melody("basics")


# ---- repetition ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["lookback", "key"])
def test_a_pitch_repeated_too_often_cannot_come_back_as_a_bar_ago(encoding: str) -> None:
    representation = melody(encoding)
    grammar, guard = representation.grammar(), RepetitionGuard(representation)
    for token in [representation.start_id, *labels(encoding, [60, -2] * 16)]:
        grammar.advance(token)
        guard.advance(grammar)
    struck = {token for token in range(representation.end_id - 1) if strikes(grammar, token, 60)}
    assert len(struck) == 3  # the pitch, as 1 bar ago, as 2 bars ago
    assert struck <= set(guard.banned(grammar, grammar.allowed_mask()))
    assert not struck & set(np.flatnonzero(allowed_ids(grammar, [guard])[0]).tolist())


def strikes(grammar: MelodyGrammarState, token: int, pitch: int) -> bool:
    """Whether an id brings this note next."""
    after = grammar.fork()
    after.advance(token)
    return after.last_notes == ((0, pitch),)
