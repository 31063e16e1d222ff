"""A piece as the words of its MIDI events: vocabulary, nearest words, grammar, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from build import make_melody, make_song

from ritornello.errors import ConfigError
from ritornello.formats.event_text import text_to_midi
from ritornello.formats.midi import parse_midi
from ritornello.generation.constraints.repetition import RepetitionGuard
from ritornello.representations import Conditions, make_representation
from ritornello.representations.event_words import EventWords
from ritornello.score import Meter, Score, Tempo, Track, make_notes


def score_of(words: str) -> Score:
    return parse_midi(text_to_midi(words))


def fit(*scores: Score, **options: object) -> EventWords:
    return EventWords.fit([EventWords.collect_statistics(score) for score in scores], options)


def words_of(representation: EventWords, score: Score) -> list[str]:
    return [representation.tokens.name(token) for token in representation.encode(score)[1:-1].tolist()]


SEED = "0_90_4f_64 120_80_4f_00 0_90_51_64 480_80_51_00"


def test_the_words_are_those_of_system_b() -> None:
    score = score_of(SEED)
    representation = fit(score, keep="notes")
    assert words_of(representation, score) == SEED.split()
    assert representation.vocabulary_size == 2 + 4


def test_the_words_of_system_a_have_hexadecimal_deltas() -> None:
    score = score_of(SEED)
    assert words_of(fit(score, keep="notes", spelling="hex"), score) == [
        "00_90_4f64",
        "78_80_4f00",
        "00_90_5164",
        "8360_80_5100",
    ]


def test_programs_and_controls_are_words_of_three_fields_too() -> None:
    words = words_of(fit(make_song()), make_song())
    assert words[:6] == ["0_c0_49", "0_c1_00", "0_c2_20", "0_c9_00", "0_b1_40_7f", "0_90_48_5a"]


def test_all_of_a_song_comes_back_but_texts() -> None:
    song, representation = make_song(), fit(make_song())
    decoded = representation.decode(representation.encode(song))
    assert [track.program for track in decoded.tracks] == [73, 0, 32, 0]
    for track, original in zip(decoded.tracks[:3], song.tracks, strict=False):
        assert np.array_equal(track.notes, original.notes)
        assert np.array_equal(track.controls, original.controls)
    assert decoded.tracks[3].is_drum
    assert (decoded.tempos, decoded.meters) == ((Tempo(0, 500_000),), (Meter(0, 4, 4),))
    assert decoded.ticks_per_quarter == song.ticks_per_quarter


def test_one_track_can_be_chosen() -> None:
    representation = fit(make_song(), keep="notes", track=3)
    decoded = representation.decode(representation.encode(make_song()))
    assert np.array_equal(decoded.tracks[0].notes, make_song().tracks[2].notes)
    assert len(decoded.tracks) == 1


def test_an_unknown_event_goes_to_the_nearest_in_time_and_loudness() -> None:
    representation = fit(score_of("0_90_40_40 240_80_40_00 0_90_40_60 480_80_40_00"), keep="notes")
    near = score_of("0_90_40_58 300_80_40_00")
    assert words_of(representation, near) == ["0_90_40_60", "240_80_40_00"]
    assert representation.substitutions(near) == (
        "0_90_40_58 is not in the vocabulary: 0_90_40_60 stands for it",
        "300_80_40_00 is not in the vocabulary: 240_80_40_00 stands for it",
    )


def test_an_unknown_pitch_is_left_out_and_told() -> None:
    representation = fit(score_of(SEED), keep="notes")
    assert words_of(representation, score_of("0_90_30_64 120_80_30_00")) == []
    assert representation.substitutions(score_of("0_90_30_64 120_80_30_00")) == (
        "0_90_30_64 is not in the vocabulary: left out",
    )


def test_small_shifts_in_time_are_made_up_for() -> None:
    representation = fit(score_of("0_90_40_40 100_80_40_00 20_90_40_40 110_80_40_00"), keep="notes")
    decoded = representation.decode(
        representation.encode(score_of("0_90_40_40 105_80_40_00 15_90_40_40 105_80_40_00"))
    )
    assert np.abs(decoded.tracks[0].notes["start"] - [0, 120]).max() <= 5


def test_the_vocabulary_can_be_limited_to_the_most_frequent() -> None:
    representation = fit(make_song(), most=30)
    assert 32 <= representation.vocabulary_size < 32 + 12  # and what it takes to end every note
    ids = representation.encode(make_song())
    assert np.array_equal(representation.encode(representation.decode(ids)), ids)


def test_the_grid_is_the_commonest_of_the_files_or_as_asked() -> None:
    song = make_song()
    assert fit(song, song, song.resampled(96)).summary()["ticks_per_quarter"] == 480
    assert fit(song, ticks_per_quarter=24).summary()["ticks_per_quarter"] == 24


def test_more_tracks_than_channels_share_the_last() -> None:
    tracks = tuple(Track(make_notes([(0, 480, 40 + n, 80)]), program=n) for n in range(20))
    score = Score(480, tracks)
    representation = fit(score)
    decoded = representation.decode(representation.encode(score))
    assert [len(track.notes) for track in decoded.tracks] == [1] * 14 + [6]


def test_notes_of_a_chord_can_always_be_ended() -> None:
    chord = score_of("0_90_40_40 0_90_43_40 96_80_40_00 0_80_43_00")
    representation = fit(chord, keep="notes")
    names = [representation.tokens.name(token) for token in range(2, representation.vocabulary_size)]
    assert sorted(set(names) - set(words_of(representation, chord))) == ["96_80_43_00"]
    assert representation.decode(representation.encode(chord)).note_count == 2


@pytest.mark.parametrize("seed", range(10))
def test_no_note_is_stuck_and_the_length_is_as_planned(seed: int) -> None:
    representation, random = fit(make_song(), keep="notes"), np.random.default_rng(seed)
    grammar = representation.grammar(Conditions(bars=3))
    ids: list[int] = []
    while not grammar.ended:
        ids.append(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
        grammar.advance(ids[-1])
    assert not (grammar.playable & representation.vocabulary.is_off).any()
    assert grammar.place[0] <= 2
    assert words_of(representation, representation.decode(np.array(ids))) == [
        representation.tokens.name(token) for token in ids[1:-1]
    ]


def test_orphans_of_any_ids_are_closed_or_left_out() -> None:
    score = score_of(SEED)
    representation = fit(score, keep="notes")
    names = {representation.tokens.name(token): token for token in range(representation.vocabulary_size)}
    ids = [names[word] for word in ("120_80_4f_00", "0_90_4f_64", "480_80_51_00")]
    (track,) = representation.decode(np.array(ids)).tracks
    assert track.notes.tolist() == [(120, 480, 0x4F, 100)]


def test_what_is_asked_for_and_not_known_is_refused() -> None:
    with pytest.raises(ConfigError, match="option keep"):
        fit(make_song(), keep="some")
    with pytest.raises(ConfigError, match="option trakc"):
        fit(make_song(), trakc=1)
    with pytest.raises(ConfigError, match="no event"):
        make_representation("event_words", {"words": ["0_90_40"[:4]]})
    with pytest.raises(ConfigError, match="stands twice"):
        make_representation("event_words", {"words": ["0_90_40_40", "0_90_40_40"]})


def test_a_melody_moves_as_far_as_its_words_are_known() -> None:
    low, high = make_melody(), make_melody(tuple(p + 1 for p in (60, 62, 64, 65, 67, 65, 64, 62)))
    representation = fit(Score(480, (low,)), Score(480, (high,)), keep="notes")
    assert representation.tokens.transposable(representation.encode(Score(480, (low,)))) == (0, 1)
    assert representation.tokens.transposable(representation.encode(Score(480, (high,)))) == (-1, 0)


def test_the_repetition_guard_knows_every_word_of_a_note() -> None:
    score = score_of("0_90_40_40 96_80_40_00 96_90_40_50 96_80_40_00 0_90_42_50 96_80_42_00")
    representation = fit(score, keep="notes")
    guard, grammar = RepetitionGuard(representation), representation.grammar()
    names = {representation.tokens.name(token): token for token in range(representation.vocabulary_size)}
    for token in [0] + [names["0_90_40_40"], names["96_80_40_00"]] * 8:
        grammar.advance(token)
        guard.advance(grammar)
    assert sorted(guard.banned(grammar, grammar.allowed_mask())) == sorted(
        [names["0_90_40_40"], names["96_90_40_50"]]
    )
