"""`drums`: nine classes, one id a step, six bits of a counter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from build import TICKS, make_melody, make_song

from ritornello import formats
from ritornello.corpus.shards import build_corpus
from ritornello.errors import ConfigError, CorpusError
from ritornello.representations import Conditions
from ritornello.representations.drums import CLASSES, Drums, DrumsConfig
from ritornello.score import Score, Track, make_notes

KIT = Drums(DrumsConfig())
ONE = Drums(DrumsConfig(one_drum=True))

STEP = TICKS // 4


def beat(*hits: tuple[int, int], ticks: int = STEP) -> Score:
    """Return a piece of drum hits, (step, key)."""
    rows = [(step * ticks, 1, key, 80) for step, key in hits]
    return Score(TICKS, (Track(make_notes(rows), is_drum=True),))


def test_the_classes_are_nine_and_no_key_is_in_two() -> None:
    keys = [key for _, keys in CLASSES for key in keys]
    assert len(CLASSES) == 9
    assert len(set(keys)) == len(keys)
    assert KIT.vocabulary_size == 512 + 2
    assert ONE.vocabulary_size == 2 + 2


def test_an_id_is_the_sum_of_what_is_struck_and_the_last_bar_is_filled() -> None:
    ids = KIT.encode(beat((0, 36), (0, 42), (4, 38), (4, 38), (6, 51), (6, 53)))
    assert ids.tolist() == [512, 1 + 4, 0, 0, 0, 2, 0, 256, *[0] * 9, 513]
    assert KIT.tokens.name(5) == "bass+closed-hat"


def test_keys_of_a_class_are_written_as_its_first_and_unknown_ones_left_out() -> None:
    decoded = KIT.decode(KIT.encode(beat((0, 35), (1, 40), (2, 12), (3, 57))))
    assert decoded.tracks[0].notes["pitch"].tolist() == [36, 38, 49]
    assert decoded.tracks[0].is_drum


def test_the_place_in_the_bar_stays_and_long_rests_go_by_whole_bars() -> None:
    ids = KIT.encode(beat((37, 36), (37 + 16 * 5 + 3, 38)))
    assert np.flatnonzero(ids[1:-1]).tolist() == [
        5,
        24,
    ]  # 83 steps apart, in place 5 and place 8 of their bars


def test_the_counter_shows_six_bits_of_the_number_of_the_step_to_come() -> None:
    ids = np.array([512, *[0] * 70, 513])
    bits = KIT.inputs(ids)[:, 1:]
    numbers = bits @ (1 << np.arange(6))
    assert numbers.tolist() == [*range(64), *range(7), 6]
    assert bits[6].tolist() == [0, 1, 1, 0, 0, 0]  # 6, the least significant first


def test_one_drum_has_two_classes_on_eighths() -> None:
    ids = ONE.encode(beat((0, 36), (1, 38), (1, 75), (3, 12), ticks=TICKS // 2))
    assert ids.tolist() == [2, 1, 1, 0, 1, 0, 0, 0, 0, 3]
    assert ONE.decode(ids).tracks[0].notes["start"].tolist() == [0, TICKS // 2, 3 * TICKS // 2]


def test_notes_are_counted_not_ids() -> None:
    ids = KIT.encode(make_song())
    assert KIT.tokens.notes[ids].sum() == KIT.decode(ids).note_count
    assert KIT.tokens.notes[511] == 9


def test_a_piece_without_drums_is_empty() -> None:
    assert KIT.encode(Score(TICKS, (make_melody(),))).tolist() == [512, 513]
    with pytest.raises(CorpusError, match="it has no drums"):
        Drums.collect_statistics(Score(TICKS, (make_melody(),)))


def test_files_without_drums_are_left_out_of_a_corpus_with_the_reason(tmp_path: Path) -> None:
    for number in range(3):
        formats.write(
            beat(*((step, 36) for step in range(0, 32, number + 1))), tmp_path / f"beat-{number}.mid"
        )
    formats.write(Score(TICKS, (make_melody(),)), tmp_path / "melody.mid")
    corpus, found = build_corpus([tmp_path], tmp_path / "corpus", representation="drums")
    assert len(corpus.names()) == 3
    assert [report.reasons for report in found.reports if not report.is_used] == [("it has no drums",)]


def test_other_meters_are_refused() -> None:
    with pytest.raises(ConfigError, match="meter 3/4: this model knows only bars of 4/4"):
        KIT.grammar(Conditions(meter=(3, 4)))
