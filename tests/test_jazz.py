"""System C: the tokens of deepjazz, heard and played over any chords (reference: systems.md, section C)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from build import make_song
from fakes import small_network
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.bundle import Facts, save_bundle
from ritornello.errors import ConfigError
from ritornello.generation import Model, load
from ritornello.networks import count_parameters, make_network
from ritornello.notelist import notes_to_score
from ritornello.presets import make_config
from ritornello.representations import Conditions, make_representation
from ritornello.representations.jazz import Jazz, encoding, faithful
from ritornello.representations.jazz.analysis import FAITHFUL_HEARD, letters
from ritornello.representations.jazz.reading import Played
from ritornello.representations.jazz.vocabulary import parse_word
from ritornello.score import Key, Meter, Score, Text, Track, make_notes
from ritornello.theory import parse_chord, parse_chord_bars
from ritornello.theory.chord_scales import CHORD_SCALES, chord_scale
from ritornello.theory.intervals import bracket, bracket_middle, interval_name, parse_interval, plain_interval
from ritornello.theory.pitches import SCALES

TICKS = 480

SOLO = """
r:0.5 D5:0.5 F5:0.5 A5:0.5 G#5:0.5 A5:0.5 C6:1
B5:0.5 G#5:0.5 F5:0.5 D5:0.5 C#5:0.333 D5:0.333 F5:0.334 B4:1
C5:0.5 E5:0.5 G5:0.5 B5:0.5 A5:0.25 G5:0.25 F#5:0.25 G5:0.25 E5:1
D5:0.75 C5:0.25 A4:1 G4:2
"""
"""A solo of four bars over Dm7 G7b9 Cmaj7 C6, written for this test."""

CHORDS = ("Dm7", "G7b9", "Cmaj7", "C6")


def make_solo() -> Score:
    now, rows = 0.0, []
    for name, _, quarters in (word.partition(":") for word in SOLO.split()):
        if name != "r":
            pitch = int(notes_to_score(name).all_notes()["pitch"][0])
            rows.append((round(now * TICKS), round(float(quarters) * TICKS), pitch, 90))
        now += float(quarters)
    texts = tuple(Text(4 * TICKS * bar, "marker", name) for bar, name in enumerate(CHORDS))
    return Score(
        TICKS,
        (Track(make_notes(rows), 66, name="Tenor solo"),),
        meters=(Meter(0, 4, 4),),
        keys=(Key(0, 0),),
        texts=texts,
    )


def over(chord: str, line: list[tuple[int, float]]) -> list[str]:
    """Return the words of one bar: (pitch, quarters) over a chord."""
    now, rows = 0.0, []
    for pitch, quarters in line:
        rows.append((round(now * TICKS), round(quarters * TICKS), pitch, 80))
        now += quarters
    score = Score(
        TICKS,
        (
            Track(make_notes(rows), name="Melody"),
            Track(make_notes(), name="Chords", texts=(Text(0, "marker", chord),)),
        ),
    )
    return [word.name for word in encoding.read_bars(score, 48).bars[0].words]


@pytest.fixture(scope="module")
def jazz() -> Jazz:
    return Jazz.fit(
        [Jazz.collect_statistics(make_solo()), Jazz.collect_statistics(make_song())], {"least": 1}
    )


# --- the worked examples of systems.md, C1 ---------------------------------------------------------------------


def test_worked_example():
    words = over("C", [(76, 0.5), (77, 0.25), (79, 0.75)])
    assert words[:3] == ["C,0.500", "S,0.250,<d4,M-2>", "C,0.750,<P4,m-2>"]


def test_a_repeated_pitch():
    assert over("C", [(76, 0.25), (76, 0.25)])[1] == "C,0.250,<m3,m-3>"


def test_the_documented_bar():
    """S,0.250,<m2,P-4> C,0.250,<P4,m-2> A,0.250,<P4,m-2>: down a second, up a second, up a second."""
    words = over("C", [(76, 0.25), (74, 0.25), (76, 0.25), (78, 0.25)])
    assert words[1:4] == ["S,0.250,<m2,P-4>", "C,0.250,<P4,m-2>", "A,0.250,<P4,m-2>"]


@pytest.mark.parametrize(
    "name", ["C,0.333,<M2,d-4>", "S,0.250", "X,0.250,<m6,M2>", "C,0.500,<P4,m-2>", "H,1.000", "R,0.083"]
)
def test_words_are_read_and_written_as_in_the_source(name):
    assert parse_word(name).name == name


@pytest.mark.parametrize(
    "name", ["Q,0.250", "C", "C,x", "C,0.000", "R,0.250,<m3,m-3>", "C,0.250,<m3,m3>", "C,0.250,<>"]
)
def test_what_is_no_word_is_refused(name):
    with pytest.raises(ConfigError, match=r"no (token|bracket|interval)"):
        parse_word(name)


def test_brackets_are_a_minor_third_around_the_interval():
    assert [bracket(plain_interval(n)) for n in (0, 1, 2, -1, -2, 5)] == [
        "<m3,m-3>", "<d4,M-2>", "<P4,m-2>", "<M2,d-4>", "<m2,P-4>", "<m6,M2>",
    ]  # fmt: skip
    for semitones in range(-30, 31):
        interval = plain_interval(semitones)
        assert parse_interval(interval_name(interval)) == interval
        assert bracket_middle(bracket(interval)) == semitones


# --- hearing ---------------------------------------------------------------------------------------------------


def test_letters_of_a_major_and_a_minor_chord():
    assert letters(parse_chord("C")) == "CASACSACASXS"
    assert letters(parse_chord("Dm7")) == letters(parse_chord("Dm7"), FAITHFUL_HEARD)
    assert letters(parse_chord("C7"))[11] == "A"  # beside the seventh
    assert letters(parse_chord("C7"), FAITHFUL_HEARD)[5] == "S"


def test_every_quality_has_a_scale():
    assert all(scale in SCALES for scale in CHORD_SCALES.values())
    assert [chord_scale(q) for q in ("maj7", "m7", "7", "7alt", "m7b5")] == [
        "major", "dorian", "mixolydian", "altered", "locrian",
    ]  # fmt: skip


def test_the_solo_in_words(jazz: Jazz):
    names = [jazz.tokens.name(token) for token in jazz.encode(make_solo())]
    assert names[:5] == ["start", "meter 4/4", "key C", "tempo 120", "soloist 66"]
    assert names[5:9] == ["root 2", "quality m7", "R,0.500", "C,0.500"]
    assert names[9:13] == ["C,0.500,<d5,P1>", "C,0.500,<P5,A1>", "A,0.500,<M2,d-4>", "C,0.500,<d4,M-2>"]
    assert names[-1] == "end"


def test_each_bar_is_exactly_full(jazz: Jazz):
    for score in (make_solo(), make_song()):
        for bar in encoding.read_bars(score, 48).bars:
            assert sum(word.steps for word in bar.words) == 48


def test_a_note_over_the_bar_line_is_held():
    rows = [(0, 6 * TICKS, 64, 80), (6 * TICKS, TICKS, 65, 80)]
    bars = encoding.read_bars(Score(TICKS, (Track(make_notes(rows)),)), 48).bars
    assert [[word.name for word in bar.words] for bar in bars] == [
        [bars[0].words[0].name],
        ["H,2.000", bars[1].words[1].name, "R,1.000"],
    ]
    assert bars[1].words[1].bracket == "<d4,M-2>"


def test_chords_carry_on_and_the_first_comes_first():
    sheet = make_solo()
    late = tuple(Text(t.tick + 2 * TICKS, t.kind, t.text) for t in sheet.texts[:2])
    bars = encoding.read_bars(Score(TICKS, sheet.tracks, texts=late), 48).bars
    assert [[(at, c.name) for at, c in bar.chords] for bar in bars[:3]] == [
        [(0, "Dm7")], [(0, "Dm7"), (24, "G7b9")], [(0, "G7b9")],
    ]  # fmt: skip


# --- playing ---------------------------------------------------------------------------------------------------


def test_what_was_heard_is_played_with_its_intervals(jazz: Jazz):
    ids = jazz.encode(make_solo())
    again = jazz.decode(ids)
    before, after = make_solo().tracks[0].notes["pitch"], again.tracks[0].notes["pitch"]
    assert len(before) == len(after)
    assert np.array_equal(np.diff(before[:6]), np.diff(after[:6]))  # the first bar
    assert again.tracks[0].program == 66
    assert [text.text for text in again.tracks[1].texts] == list(CHORDS)
    assert (
        again.tracks[1].note_count if hasattr(again.tracks[1], "note_count") else len(again.tracks[1].notes)
    )
    assert jazz.encode(again).tolist() == ids.tolist()


def test_the_same_ids_always_sound_the_same(jazz: Jazz):
    ids = jazz.encode(make_song())
    assert jazz.decode(ids) == jazz.decode(ids)


def test_letters_hold_over_other_chords(jazz: Jazz):
    """Words heard over one chord, played over another: chord tones stay chord tones."""
    ids = jazz.encode(make_solo())
    dim = jazz.tokens.first["quality"] + jazz.settings.qualities.index("dim7")
    moved = np.where(jazz.tokens.is_kind(ids, "quality"), dim, ids).astype(np.int32)
    said = "".join(jazz.tokens.name(t)[0] for t in moved if jazz.tokens.kind[t] == "word")
    bars = encoding.read_bars(jazz.decode(moved), 48).bars
    heard = "".join(word.letter for bar in bars for word in bar.words)
    assert len(heard) == len(said)
    assert all(
        said[i] == letter or said[i] == "X" for i, letter in enumerate(heard)
    )  # dim7 leaves nothing outside


def test_unknown_words_are_spelled():
    small = Jazz.fit([], {})
    assert small.vocabulary.words == []
    ids = small.encode(make_solo())
    assert small.encode(small.decode(ids)).tolist() == ids.tolist()
    assert {"letter C", "0.500", "bracket <d5,P1>"} <= {small.tokens.name(token) for token in ids}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), bars=st.integers(1, 9))
def test_bars_over_planned_chords_are_full_and_do_not_repeat(seed: int, bars: int):
    jazz = FITTED
    random = np.random.default_rng(seed)
    wanted = parse_chord_bars("Dm7 G7 | Cmaj7/E | F#m7b5 B7b9 | Em7 A7alt")
    grammar = jazz.grammar(Conditions(bars=bars, chords=wanted))
    while not grammar.ended:
        grammar.advance(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
    made = grammar.bars_read
    assert len(made) == bars
    for number, bar in enumerate(made):
        assert sum(played.steps for played in bar.line) == 48
        assert [p.chord(grammar.key) for p in bar.chords] == list(wanted[number % len(wanted)])
        if number and any(played.letter in "CSAX" for played in bar.line):
            assert bar.ids != made[number - 1].ids


FITTED = Jazz.fit([Jazz.collect_statistics(make_solo()), Jazz.collect_statistics(make_song())], {"least": 1})


def test_planned_chords_sound(jazz: Jazz):
    random = np.random.default_rng(1)
    grammar, ids = jazz.grammar(Conditions(bars=4, chords=parse_chord_bars("Bb7 Eb7 Bb7 F7/A"))), []
    while not grammar.ended:
        ids.append(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
        grammar.advance(ids[-1])
    score = jazz.decode(np.array(ids))
    assert [(text.tick // 1920, text.text) for text in score.tracks[1].texts] == [
        (0, "Bb7"), (1, "Eb7"), (2, "Bb7"), (3, "F7/A"),
    ]  # fmt: skip
    basses = [
        int(score.tracks[1].notes["pitch"][score.tracks[1].notes["start"] == 1920 * bar].min()) % 12
        for bar in range(4)
    ]
    assert basses == [10, 3, 10, 9]


def test_a_bar_without_a_chord_is_refused(jazz: Jazz):
    with pytest.raises(ConfigError, match=r"N\.C\.: this model always plays over a chord"):
        jazz.grammar(Conditions(bars=2, chords=parse_chord_bars("C | N.C.")))


def test_a_quality_that_a_model_lacks_is_read_as_the_nearest(jazz: Jazz):
    config = jazz.config() | {"qualities": ["maj", "7", "m7", "7#11"]}
    older = make_representation("jazz", config)
    song = make_solo()
    texts = tuple(replace(text, text="C9#11" if n == 0 else "C") for n, text in enumerate(song.texts))
    [_, chords] = older.decode(older.encode(replace(song, texts=texts))).tracks
    assert [text.text for text in chords.texts] == ["C7#11", "C"]


def test_too_many_chords_for_a_bar(jazz: Jazz):
    grammar = jazz.grammar(Conditions(bars=1, chords=parse_chord_bars("| C D E F G A B C D |")))
    for _ in range(5):
        grammar.advance(int(np.flatnonzero(grammar.allowed_mask())[0]))
    grammar.advance(int(np.flatnonzero(grammar.allowed_mask())[0]))
    with pytest.raises(ConfigError, match="9 chords are too many"):
        grammar.allowed_mask()


# --- as the source does it -------------------------------------------------------------------------------------


def words(*names: str) -> list[Played]:
    return [Played(0, w.letter, w.steps, w.interval) for w in map(parse_word, names)]


def test_step_1_outsiders_become_chord_tones_but_not_the_first():
    line = words("A,0.250", "X,0.250,<m3,m-3>", "S,0.250,<m3,m-3>")
    assert [word.letter for word in faithful.without_outsiders(line)] == ["A", "C", "S"]


def test_step_2_rounds_up_even_what_is_exact_and_down_to_nothing():
    line = words(*["C,0.250", "C,0.167"] * 200)
    pruned = faithful.prune_durations(line, np.random.default_rng(0))
    assert {word.steps for word in pruned[::2]} == {3, 6}
    assert {word.steps for word in pruned[1::2]} == {0, 3}


def test_step_3_places_a_note_after_its_own_duration():
    rows = faithful.unparse(
        words("C,0.500", "C,0.250,<d4,M-2>"), [(0, parse_chord("C"))], np.random.default_rng(0)
    )
    assert [(start, steps) for start, steps, _ in rows] == [(6, 6), (9, 3)]
    assert all(pitch % 12 in (0, 4, 7) or abs(pitch - rows[0][2]) == 2 for _, _, pitch in rows)


def test_steps_4_and_5_drop_second_of_pairs_and_clean_up():
    rows = [(0, 3, 60), (3, 3, 60), (6, 3, 60), (9, 0, 62), (9, 3, 64)]
    pruned = faithful.prune_notes(rows)
    assert pruned == [(0, 3, 60), (6, 3, 60), (9, 0, 62), (9, 3, 64)]
    assert faithful.clean_up(pruned) == [(0, 3, 60), (6, 3, 60), (9, 3, 62)]


def test_the_faithful_mode_hears_no_rests_and_overflows_its_bars():
    strict = Jazz.fit([Jazz.collect_statistics(make_solo())], {"faithful": True, "least": 1})
    assert not any(word.letter in "RH" for word in strict.vocabulary.words)
    random = np.random.default_rng(3)
    grammar, ids = strict.grammar(Conditions(bars=6)), []
    while not grammar.ended:
        ids.append(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
        grammar.advance(ids[-1])
    lengths = [sum(played.steps for played in bar.line) for bar in grammar.bars_read]
    assert all(length > 49 for length in lengths)
    score = strict.decode(np.array(ids))
    assert score == strict.decode(np.array(ids))
    assert len(score.tracks[0].notes)


# --- configuration, networks, presets --------------------------------------------------------------------------


def test_options_are_checked():
    with pytest.raises(ConfigError, match=r"option surprise.*known: faithful, melody, least"):
        Jazz.fit([], {"surprise": 1})
    with pytest.raises(ConfigError, match="unknown chord qualities"):
        make_representation("jazz", {"words": [], "meters": [[4, 4]], "qualities": ["nice"]})


def test_the_melody_can_be_chosen():
    bass = Jazz.fit([Jazz.collect_statistics(make_song())], {"melody": "Bass"})
    decoded = bass.decode(bass.encode(make_song()))
    assert decoded.tracks[0].program == 32


@pytest.mark.parametrize(
    ("values", "config", "parameters"),
    [(78, {}, 41_678), (90, {}, 45_530), (78, {"hidden": 128, "layers": 2, "dropout": 0.2}, 247_630)],
)
def test_parameter_counts_of_the_sources(values, config, parameters):
    assert count_parameters(make_network("one_hot_lstm", config, (values,))) == parameters


def test_presets():
    config = make_config("jazz_solo", {})
    assert (config.representation, config.network, config.hidden, config.layers) == (
        "jazz",
        "one_hot_lstm",
        64,
        1,
    )
    assert (config.optimizer, config.learning_rate, config.schedule, config.window) == (
        "adam",
        0.01,
        "inverse",
        30,
    )
    deep = make_config("jazz_solo_deep", {})
    assert (deep.hidden, deep.layers, deep.dropout, deep.optimizer, deep.window) == (
        128,
        2,
        0.2,
        "rmsprop",
        20,
    )
    faithful = make_config("jazz_solo", {}, faithful=True)
    assert faithful.representation_options["faithful"]
    assert faithful.network_options == {"every_column": False}
    assert (faithful.hidden, faithful.schedule) == (config.hidden, config.schedule)


# --- composing -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    torch.manual_seed(1)
    network = make_network("one_hot_lstm", {}, tuple(column.size for column in FITTED.columns)).eval()
    path = tmp_path_factory.mktemp("solo") / "solo.rit"
    save_bundle(path, network, FITTED, Facts(name="solo"))
    return load(path)


@pytest.mark.parametrize("temperature", [0, 1])
def test_compose_over_a_chord_list(model: Model, temperature: float):
    piece = model.compose(
        chords="Dm7 G7 | Cmaj7 | A7alt", seed=1, temperature=temperature, instruments="tenor sax"
    )
    assert piece.score.tracks[0].program == 66
    assert [text.text for text in piece.score.tracks[1].texts] == ["Dm7", "G7", "Cmaj7", "A7alt"]
    assert [text.tick for text in piece.score.tracks[1].texts] == [0, 960, 1920, 3840]
    assert piece.score.meters == (Meter(0, 4, 4),)
    assert max(track.end for track in piece.score.tracks) <= 3 * 1920


def test_a_chord_list_goes_round(model: Model):
    piece = model.compose(chords="Dm7 G7", bars=5, seed=2)
    assert [text.text for text in piece.score.tracks[1].texts] == ["Dm7", "G7", "Dm7", "G7", "Dm7"]


def test_a_primer_goes_on_over_chords(model: Model):
    piece = model.compose(make_solo(), chords="Fmaj7", bars=6, seed=3)
    texts = [
        text for each in (piece.score, *piece.score.tracks) for text in each.texts if text.kind == "marker"
    ]
    assert [text.text for text in sorted(texts, key=lambda text: text.tick)] == [*CHORDS, "Fmaj7"]


def test_a_chord_that_does_not_parse_is_named(model: Model):
    with pytest.raises(ConfigError, match="'Gm7x': 'm7x', nearest is 'm7'"):
        model.compose(chords="Dm7 Gm7x")


def test_a_model_without_chords_refuses_them(tmp_path):
    other = make_representation("performance", {})
    save_bundle(tmp_path / "song.rit", small_network(other), other, Facts(name="song"))
    with pytest.raises(
        ConfigError, match="performance cannot play over given chords; train one with --preset jazz_solo"
    ):
        load(tmp_path / "song.rit").compose(chords="C")
