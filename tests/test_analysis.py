"""What a musician would write above a score: keys, chords, phrases, sections, melody, bass and motifs."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import typer
from build import TICKS
from typer.testing import CliRunner

from ritornello.analysis import (
    analyse,
    find_bass,
    find_melody,
    find_motifs,
    find_phrases,
    find_sections,
)
from ritornello.analysis.beats import BAR, BEAT, HALF, WITHIN, find_beats
from ritornello.analysis.chords import NONE, QUALITIES, find_chords
from ritornello.analysis.keys import find_keys
from ritornello.analysis.paths import best_path
from ritornello.analysis.sections import bar_similarity
from ritornello.cli.analyse import analyse as command
from ritornello.corpus.report import Harmony, summarise_harmony
from ritornello.errors import ConfigError
from ritornello.notation.harmony import with_chord_symbols
from ritornello.score import Meter, Score, Track, make_notes
from ritornello.theory import CHORDS, parse_chord


def played(symbols: str, beats: int = 4, broken: bool = False) -> Score:
    """Return chords of so many quarters each, a bass note below; struck together, or an eighth at a time."""
    rows = []
    for place, symbol in enumerate(symbols.split()):
        chord, start, length = parse_chord(symbol), place * beats * TICKS, beats * TICKS
        tones = sorted(48 + (chord.root + step) % 12 for step in CHORDS[chord.quality])
        rows.append((start, length, 36 + chord.bass, 64))
        if broken:
            eighths = range(0, length, TICKS // 2)
            rows += [(start + at, TICKS // 2, tones[i % len(tones)], 64) for i, at in enumerate(eighths)]
        else:
            rows += [(start, length, tone, 64) for tone in tones]
    return Score(TICKS, (Track(make_notes(rows)),))


def names(score: Score) -> str:
    return " ".join("-" if chord is None else chord.name for _, chord in find_chords(score).named())


PROGRESSION = "C Am Dm G7 C/E F Bdim E7 Am C"


def test_struck_chords_are_found_with_quality_and_bass():
    assert names(played(PROGRESSION)) == PROGRESSION


def test_broken_chords_are_found_where_they_change():
    struck, broken = (find_chords(played("C Am Dm G C/E F A7 Dm", broken=each)) for each in (False, True))
    assert (broken.start.tolist(), broken.root.tolist()) == (struck.start.tolist(), struck.root.tolist())
    assert broken.bass.tolist() == struck.bass.tolist()


@pytest.mark.parametrize("quality", QUALITIES)
def test_every_quality_is_found(quality: str):
    """On F, as the bass; of the augmented and the diminished seventh any tone could be the root."""
    symbol = parse_chord(f"F{quality}")
    chords = find_chords(played(f"F{quality}"))
    assert (chords.root.tolist(), QUALITIES[chords.quality[0]], chords.bass.tolist()) == ([5], quality, [5])
    assert chords.named()[0][1] == symbol


def test_chords_lie_end_to_end_and_neighbours_differ():
    chords = find_chords(played(PROGRESSION))
    assert chords.start[0] == 0
    assert chords.end[-1] == 10 * 4 * TICKS
    assert (chords.start[1:] == chords.end[:-1]).all()
    assert all(
        a[1:] != b[1:] for a, b in pairwise(zip(chords.start, chords.root, chords.quality, strict=True))
    )


def test_a_passing_note_is_no_chord():
    score = played("C C C C", beats=1)
    passing = Track(make_notes([(TICKS, TICKS // 2, 74, 64), (TICKS + TICKS // 2, TICKS // 2, 76, 64)]))
    assert names(Score(TICKS, (*score.tracks, passing))) == "C"


def test_a_chord_moved_up_is_the_same_higher():
    low = find_chords(played(PROGRESSION))
    high = find_chords(played(PROGRESSION).transposed(5))
    assert ((low.root + 5) % 12 == high.root).all()
    assert (low.quality == high.quality).all()
    assert ((low.bass + 5) % 12 == high.bass).all()


@pytest.mark.parametrize(
    "score",
    [Score(TICKS), Score(TICKS, (Track(make_notes([(0, TICKS, 36, 64)]), is_drum=True),))],
    ids=["empty", "drums"],
)
def test_without_pitch_there_is_no_chord_and_no_key(score: Score):
    chords = find_chords(score)
    assert (chords.root.tolist(), chords.quality.tolist(), chords.bass.tolist()) == ([NONE], [NONE], [NONE])
    assert find_keys(score) == ()


def test_a_long_silence_has_no_chord():
    score = played("C")
    late = Track(make_notes([(32 * TICKS, 4 * TICKS, pitch, 64) for pitch in (43, 59, 62, 67)]))
    assert names(Score(TICKS, (*score.tracks, late))) == "C - G"


def test_a_piece_of_too_many_beats_is_refused():
    late = Track(make_notes([(250_004 * TICKS, TICKS, 60, 64)]))
    with pytest.raises(ConfigError, match="250,008 beats: analysis allows 250,000"):
        analyse(Score(TICKS, (late,)))


def test_a_modulation_is_a_new_key():
    keys = find_keys(played("C F G7 C C F G7 C E A B7 E E A B7 E Cm Fm G7 Cm Cm Fm G7 Cm"))
    assert [(span.tonic, span.minor) for span in keys] == [(0, False), (4, False), (0, True)]
    assert [span.start for span in keys] == [0, 8 * 4 * TICKS, 16 * 4 * TICKS]
    assert (keys[1].key.fifths, keys[2].key.fifths, keys[2].key.minor) == (4, -3, True)


def test_one_chord_of_another_key_is_no_modulation():
    keys = find_keys(played("C F D7 G C F G7 C"))
    assert [(span.tonic, span.minor) for span in keys] == [(0, False)]


@pytest.mark.parametrize(
    ("meter", "levels"),
    [
        ((4, 4), [BAR, BEAT, HALF, BEAT]),
        ((3, 4), [BAR, BEAT, BEAT]),
        ((2, 2), [BAR, WITHIN, HALF, WITHIN]),
        ((6, 8), [BAR, HALF]),
        ((3, 8), [BAR, BEAT, BEAT]),
    ],
)
def test_beats_follow_the_meter(meter: tuple[int, int], levels: list[int]):
    score = Score(TICKS, (Track(make_notes([(0, 1, 60, 64)])),), meters=(Meter(0, *meter),))
    beats = find_beats(score)
    assert beats.level.tolist() == levels
    assert beats.edges[-1] == meter[0] * 4 * TICKS // meter[1]


def test_a_pickup_counts_from_its_end():
    score = played("C C")
    beats = find_beats(Score(TICKS, score.tracks, meters=(Meter(0, 4, 4), Meter(TICKS, 4, 4))))
    assert beats.level.tolist()[:5] == [BEAT, BAR, BEAT, HALF, BEAT]
    assert beats.bar.tolist()[:3] == [0, 1, 1]


def test_the_best_path_is_the_best_of_all():
    rng = np.random.default_rng(0)
    gains, costs = rng.normal(size=(6, 3)), rng.uniform(0, 2, size=6)
    paths = np.array(np.meshgrid(*[range(3)] * 6)).reshape(6, -1).T
    sums = gains[np.arange(6), paths].sum(axis=1) - ((paths[:, 1:] != paths[:, :-1]) * costs[1:]).sum(axis=1)
    assert best_path(gains, costs).tolist() == paths[sums.argmax()].tolist()


def melody(*notes: tuple[float, float, int]) -> Track:
    """Return a track of (start, length in quarters, pitch)."""
    return Track(make_notes([(int(s * TICKS), int(d * TICKS), p, 64) for s, d, p in notes]), name="Voice")


TUNE = [(0, 1, 60), (1, 1, 62), (2, 1, 64), (3, 1, 62), (4, 1, 65), (5, 1, 64), (6, 2, 60)]


def repeated(parts: str) -> Score:
    """Return a tune of two bars for each letter; another letter is another tune."""
    tunes = {"A": TUNE, "B": [(at, length, 139 - pitch) for at, length, pitch in reversed(TUNE)]}
    return Score(
        TICKS,
        (
            melody(
                *((8 * n + at, length, pitch) for n, p in enumerate(parts) for at, length, pitch in tunes[p])
            ),
        ),
    )


def test_a_phrase_ends_with_a_long_note_or_a_rest():
    rows = [(8 * n + at, length, pitch) for n in range(4) for at, length, pitch in TUNE]
    phrases = find_phrases(Score(TICKS, (melody(*rows),)))
    assert [phrase.start // TICKS for phrase in phrases] == [0, 8, 16, 24]
    short = [(at, min(length, 1), pitch) for at, length, pitch in rows]  # a rest instead of the long note
    assert [(p.start // TICKS, p.end // TICKS) for p in find_phrases(Score(TICKS, (melody(*short),)))] == [
        (0, 7), (8, 15), (16, 23), (24, 31),
    ]  # fmt: skip


@pytest.mark.parametrize("parts", ["AAAABBBBAAAA", "AAAABBBB"])
def test_what_comes_back_has_the_same_letter(parts: str):
    score = repeated(parts)
    letters = "".join(s.letter * (s.stop_bar - s.first_bar) for s in find_sections(score))
    assert letters == "".join(2 * letter for letter in parts)
    assert [s.start for s in find_sections(score)] == [s.first_bar * 4 * TICKS for s in find_sections(score)]


def test_bars_are_as_alike_as_their_notes():
    same = bar_similarity(repeated("AA"), find_beats(repeated("AA")))
    assert same[0, 2] == pytest.approx(1)
    assert same[0, 1] < 0.5
    assert np.allclose(same, same.T)


def test_a_motif_that_moves_within_the_key_comes_back():
    """C D E C, D E F D, E F G E: other intervals in semitones, the same steps of the scale."""
    rows = []
    for n, degree in enumerate((0, 1, 2, 4)):
        scale = (60, 62, 64, 65, 67, 69, 71, 72)
        rows += [(4 * n + at, 0.5, scale[degree + step]) for at, step in ((0, 0), (0.5, 1), (1, 2), (1.5, 0))]
        rows.append((4 * n + 2, 2, 48 + 12 * (n % 2)))
    [motif, *_] = find_motifs(Score(TICKS, (melody(*rows),)))
    assert motif.steps[:3] == (1, 1, -2)
    assert motif.quarters[:3] == (Fraction(1, 2),) * 3
    assert motif.places == tuple(4 * n * TICKS for n in range(4))


def test_a_repeated_note_is_no_motif():
    assert find_motifs(Score(TICKS, (melody(*((n, 1, 60) for n in range(32))),))) == ()


def test_melody_and_bass_are_the_outer_lines():
    chords = played("C F G C")
    score = Score(TICKS, (chords.tracks[0], melody(*((n, 1, 72 + n % 3) for n in range(16)))))
    tune, bass = find_melody(score), find_bass(score)
    assert tune is not None
    assert bass is not None
    assert (tune.track, len(tune.notes)) == (1, 16)
    assert (bass.track, bass.notes["pitch"].tolist()) == (0, [36, 41, 43, 36])


def test_a_track_named_lead_that_hardly_plays_is_no_melody():
    busy = Track(make_notes([(n * TICKS, TICKS, 72 + n % 5, 64) for n in range(40)]), name="Flute")
    blip = Track(make_notes([(0, TICKS, 60, 64)]), name="Lead")
    found = find_melody(Score(TICKS, (blip, busy)))
    assert found is not None
    assert found.track == 1


@pytest.mark.parametrize(
    "score", [Score(TICKS), repeated("ABAB"), played(PROGRESSION)], ids=["empty", "tune", "chords"]
)
def test_the_whole_is_its_parts(score: Score):
    found = analyse(score)
    assert found.keys == find_keys(score)
    assert found.chords.named() == find_chords(score).named()
    assert found.phrases == find_phrases(score)
    assert found.sections == find_sections(score)
    assert found.motifs == find_motifs(score)
    assert (found.melody is None) == (score.note_count == 0)


def test_chord_symbols_are_written_with_the_names_of_the_key():
    score = played("Bb Eb F7 Bb")
    written = with_chord_symbols(score)
    assert [(text.tick, text.kind, text.text) for text in written.texts] == [
        (bar * 4 * TICKS, "chord", name) for bar, name in enumerate(("Bb", "Eb", "F7", "Bb"))
    ]
    assert with_chord_symbols(written) == written  # what is written stays
    assert with_chord_symbols(Score(TICKS)) == Score(TICKS)


def told(*arguments: object) -> str:
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    assert done.exit_code == 0
    return done.stdout


def test_the_command_prints_keys_sections_and_chords_by_bars(tmp_path: Path):
    played("C Am F G7 C C F G7 C").write(tmp_path / "song.mid")
    lines = [line.split() for line in told(tmp_path / "song.mid").splitlines()]
    assert ["keys", "C", "major", "1-9"] in lines
    assert ["1", "|", "C", "|", "Am", "|", "F", "|", "G7", "|"] in lines
    assert ["5", "|", "C", "|", "%", "|", "F", "|", "G7", "|"] in lines
    assert ["9", "|", "C", "|"] in lines


def test_a_pickup_is_bar_0_and_stands_alone(tmp_path: Path):
    score = played("G C C C C F", beats=4)
    Score(TICKS, score.tracks, meters=(Meter(0, 1, 4), Meter(TICKS, 4, 4))).write(tmp_path / "song.mid")
    facts = json.loads(told(tmp_path / "song.mid", "--json"))
    assert facts["sections"][0]["bar"] == 0
    rows = [line.split()[0] for line in told(tmp_path / "song.mid").splitlines() if " | " in line]
    assert rows == ["0", "1", "5"]


def test_the_command_writes_facts_for_machines(tmp_path: Path):
    played("C F G7 C").write(tmp_path / "song.mid")
    facts = json.loads(told(tmp_path / "song.mid", "--json"))
    assert [(each["chord"], each["bar"], each["last_bar"]) for each in facts["chords"]] == [
        ("C", 1, 1), ("F", 2, 2), ("G7", 3, 3), ("C", 4, 4),
    ]  # fmt: skip
    assert [each["key"] for each in facts["keys"]] == ["C major"]
    assert (facts["melody"]["track"], facts["bass"]["notes"]) == (1, 4)


@pytest.mark.parametrize(
    ("tracks", "line"),
    [
        ((Track(make_notes([(0, TICKS, 36, 64)] * 9), is_drum=True),), "only drums play: no keys, chords"),
        ((melody(*TUNE),), "one note sounds at a time: the chords are a guess"),
        ((), "no notes: there is nothing to tell"),
    ],
)
def test_the_command_says_what_it_cannot_tell(tracks: tuple[Track, ...], line: str, tmp_path: Path):
    Score(TICKS, tracks).write(tmp_path / "song.mid")
    assert line in told(tmp_path / "song.mid")


def test_the_harmony_of_pieces_is_counted_by_bars():
    pieces = [played("C G7 C C"), played("Am E7 Am Am Dm E7 Am Am"), Score(TICKS)]
    assert summarise_harmony(pieces) == Harmony(pieces=2, minor=8 / 12, keys=1, changes=7 / 12)
    assert summarise_harmony([Score(TICKS)]) is None
