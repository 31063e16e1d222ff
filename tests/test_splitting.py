"""What is held out: by notes, of few files by bars, versions of one piece on one side, and told in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello import formats, train
from ritornello.corpus.pieces import key_of
from ritornello.corpus.scan import scan
from ritornello.corpus.shards import Corpus, build_corpus, open_corpus
from ritornello.corpus.splitting import Candidate, hold_out, notes_wanted, split_forecast
from ritornello.corpus.versions import families_of, sketch_of
from ritornello.errors import CorpusError
from ritornello.evaluation.pieces import find_pieces
from ritornello.generation import load
from ritornello.score import Score, Track, make_notes

TICKS = 480


def piece(number: int, bars: int, pitches: range = range(40, 80)) -> Score:
    """Return a piece of quarter notes drawn at random, four to a bar."""
    drawn = np.random.default_rng(number).choice(pitches, 4 * bars)
    return Score(TICKS, (Track(make_notes((TICKS * i, TICKS, int(p), 80) for i, p in enumerate(drawn))),))


def write(folder: Path, *scores: Score) -> Path:
    for number, score in enumerate(scores):
        formats.write(score, folder / f"{number}.mid")
    return folder


Build = Callable[..., Corpus]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    def build(*scores: Score, **settings: Any) -> Corpus:
        return build_corpus([write(tmp_path / "files", *scores)], tmp_path / "corpus", **settings)[0]

    return build


def held(corpus: Corpus) -> set[str]:
    """Return the names of the files that are held out, with their bars."""
    return {Path(corpus.names()[number]).name for number in corpus.pieces(validation=True)}


# ---- the choice ---------------------------------------------------------------------------------------------

CANDIDATES = st.lists(st.integers(1, 5000), min_size=1, max_size=40)


@given(CANDIDATES, st.integers(0, 5))
def test_a_tenth_of_the_notes_and_enough_of_them_are_held_out_or_bars(notes: list[int], seed: int) -> None:
    pieces = [Candidate(f"piece {number}", count, number) for number, count in enumerate(notes)]
    apart = hold_out(pieces, seed)
    if apart is None:
        return
    count, total = sum(notes[number] for number in apart), sum(notes)
    assert notes_wanted(total) <= count <= 0.3 * total
    assert len(notes) >= 6
    assert hold_out(pieces, seed) == apart
    order = np.random.default_rng(seed).permutation(len(pieces)).tolist()
    assert {order[number] for number in hold_out([pieces[n] for n in order], seed) or ()} == apart


def test_fourteen_files_of_which_one_is_a_jingle(build: Build) -> None:
    """As in a report: the piece held out was a jingle of 12 notes."""
    scores = [piece(number, 40) for number in range(13)]
    for seed in range(5):
        corpus = build(*scores, piece(13, 3), seed=seed)
        notes = corpus.count("notes", validation=True)
        assert notes >= 0.1 * 13 * 160
        assert corpus.split_text() == f"held out: {len(held(corpus))} of 14 files, {notes:,} of 2,092 notes"


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_of_few_files_bars_are_held_out(build: Build, tmp_path: Path, count: int) -> None:
    scores = [piece(number, 30 + number) for number in range(count)]
    corpus = build(*scores)
    whole, bars = 4 * sum(range(30, 30 + count)), sum(range(30, 30 + count))
    learned, apart = corpus.count("notes", validation=False), corpus.count("notes", validation=True)
    assert learned + apart == whole  # no note is on both sides, and none is lost
    assert max(0.1 * whole, min(200, 0.25 * whole)) <= apart <= 0.35 * whole
    assert corpus.split_text() == (
        f"held out: {apart // 4} of {bars} bars in {count} of {count} files, {apart} of {whole} notes"
    )
    assert split_forecast(scan([tmp_path / "files"]).used) == corpus.split_text()


def test_the_bars_held_out_are_those_that_are_not_repeated(build: Build) -> None:
    """A piece A B A: the end and the beginning are learned twice; so the middle tells more."""
    a, b = piece(1, 10), piece(2, 10)
    corpus = build(Score.joined(a, b, a))
    (name,) = held(corpus)
    first, last = map(int, name.split("bars ")[1].split("-"))
    assert 10 < first <= last <= 20
    assert corpus.split.known_notes == 0


def test_bars_that_occur_in_what_is_learned_are_told(build: Build) -> None:
    loop = piece(1, 2)
    corpus = build(Score.joined(*[loop] * 20))
    notes = corpus.count("notes", validation=True)
    assert corpus.split_text().endswith(
        f"{notes} of 160 notes; {notes} of them in bars that are learned from too"
    )


def test_a_share_that_is_given_is_one_of_pieces(build: Build) -> None:
    assert len(held(build(*(piece(number, 30) for number in range(14)), validation=0.35))) == 5


def test_pieces_are_held_out_by_their_keys_with_their_versions_and_no_others(build: Build) -> None:
    scores = [piece(number, 30) for number in range(6)]
    scores.append(transposed(scores[2], 3).bars[2:28])
    first = build(*scores)
    keys = {report.path.name: key_of(report.digest) for report in scan([first.path.parent / "files"]).used}
    corpus = build(*scores, held_out=[keys["2.mid"], f"{keys['4.mid']}@1-4", "0123456789"])
    assert held(corpus) == {"2.mid", "4.mid", "6.mid"}
    assert set(corpus.split.held_out) == {keys[name] for name in held(corpus)}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["0123456789"], "none of the 3 pieces here has a key among the 1 given"),
        ("all", "nothing is left to train on"),
    ],
)
def test_keys_of_no_piece_or_of_all_are_refused(build: Build, keys: Any, message: str) -> None:
    scores = [piece(number, 30) for number in range(3)]
    if keys == "all":
        keys = [key_of(report.digest) for report in scan([build(*scores).path.parent / "files"]).used]
    with pytest.raises(CorpusError, match=message):
        build(*scores, held_out=keys)


def test_one_piece_of_a_bar_is_refused_in_one_line(build: Build) -> None:
    with pytest.raises(CorpusError, match="1 of 1 files can be learned from, at least 2 are needed"):
        build(piece(0, 3))


def test_a_giant_among_tiny_files_is_cut(build: Build) -> None:
    corpus = build(piece(0, 400), *(piece(number, 3) for number in range(1, 8)))
    assert {name.split(",")[0] for name in held(corpus)} == {"0.mid"}
    assert 160 <= corpus.count("notes", validation=True) <= 240


# ---- versions -----------------------------------------------------------------------------------------------


def transposed(score: Score, semitones: int) -> Score:
    return score.transposed(semitones)


def test_versions_of_a_piece_are_found_in_any_key_length_and_company() -> None:
    original, other = piece(1, 40), piece(2, 40)
    accompanied = Score(TICKS, (*original.tracks, *piece(3, 40, range(30, 40)).tracks))
    versions = [original, transposed(original, 5), original.bars[10:30], accompanied, other]
    assert families_of([sketch_of(score) for score in versions]) == [0, 0, 0, 0, 4]


def test_versions_are_on_one_side_of_the_split(build: Build) -> None:
    for seed in range(4):
        others = [piece(number, 30) for number in range(2, 12)]
        twice = [piece(1, 30), transposed(piece(1, 30), 3).bars[2:28]]
        for settings in ({}, {"validation": 0.4}):
            names = held(build(*twice, *others, seed=seed, **settings))
            assert ("0.mid" in names) == ("1.mid" in names)


def test_of_two_versions_alone_the_bars_held_out_of_one_are_not_learned_from_the_other(build: Build) -> None:
    corpus = build(piece(1, 40), transposed(piece(1, 40), 3).bars[:38])
    assert len(held(corpus)) == 1
    assert all(name.endswith("0.mid") for name in {name.split(", bars")[0] for name in corpus.names()})
    assert any("1.mid: a version of a piece of which bars are held out" in line for line in corpus.left_out())


# ---- found again --------------------------------------------------------------------------------------------

SIZES: dict[str, Any] = {"hidden": 8, "layers": 1, "embedding": 8, "samples": 0, "batch": 2, "window": 16}


def test_the_bars_held_out_are_evaluated_again(tmp_path: Path) -> None:
    folder = write(tmp_path / "files", piece(1, 40))
    for _ in train(folder, tmp_path / "m.rit", steps=1, **SIZES):
        pass
    model = load(tmp_path / "m.rit")
    (found,) = find_pieces(model.bundle, [folder], held_out=True)
    first, last = model.bundle.card.training["held_out"][0].split("@")[1].split("-")
    assert found.bars == (int(first) - 1, int(last))
    again = model.likelihood(found.read())
    assert again.nats_per_note == pytest.approx(model.bundle.card.held_out["nats_per_note"], abs=0.01)
    corpus = open_corpus(tmp_path / "m.run" / "corpus")
    assert corpus.count("notes", validation=True) == again.notes == found.read().note_count
