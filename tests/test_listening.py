"""Blind comparison: the page tells nothing but the music, and the verdict is that of the ratings."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from build import TICKS, make_melody, make_song
from fakes import small_network

from ritornello import formats
from ritornello.bundle import Facts, save_bundle
from ritornello.errors import ConfigError
from ritornello.evaluation.listening import (
    FIELDS,
    Rating,
    interval,
    listening_page,
    pairs_of,
    read_ratings,
    verdict_of,
)
from ritornello.representations.multitrack import Multitrack
from ritornello.score import Score, Tempo, Text

LINES = ",".join(FIELDS)


def piece(pitch: int, quarters: int = 4, velocity: int = 80, title: str = "") -> Score:
    notes = make_melody(tuple(pitch + at % 5 for at in range(quarters)))
    notes.notes["velocity"] = velocity
    tempo = Tempo.from_quarters_per_minute(0, 60 + pitch)
    return Score(
        TICKS, (notes,), (tempo,), texts=(Text(0, "copyright", title),) if title else (), title=title
    )


def test_pairs_differ_in_the_notes_alone() -> None:
    real = [piece(40 + number, 12, title="known song") for number in range(40)]
    composed = [piece(80 + number, 12, velocity=99) for number in range(40)]
    pairs = pairs_of(real, composed, 2, np.random.default_rng(0))
    firsts = []
    for pair in pairs:
        one, other = pair.scores
        assert one.tempos == other.tempos
        assert (one.title, one.texts, other.texts) == ("", (), ())
        assert one.end == other.end == 8 * TICKS
        levels = {int(each) for score in pair.scores for each in score.tracks[0].notes["velocity"]}
        assert levels == {80}
        pitches = [int(score.tracks[0].notes["pitch"][0]) for score in pair.scores]
        assert pitches[pair.composed] - pitches[1 - pair.composed] == 40
        firsts.append(pitches[1 - pair.composed])
    assert firsts != sorted(firsts)
    assert 8 < sum(pair.composed for pair in pairs) < 32


def test_pairs_need_both_and_notes() -> None:
    with pytest.raises(ConfigError, match="2 real and 1 composed pieces"):
        pairs_of([piece(50), piece(52)], [piece(60)], 4, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="without notes"):
        pairs_of([piece(50)], [Score(TICKS)], 4, np.random.default_rng(0))


def test_the_page_has_sounds_of_one_length_and_hides_the_answers() -> None:
    pairs = pairs_of([piece(50, 6)], [piece(60, 4)], 2, np.random.default_rng(0))
    page = listening_page(pairs)
    assert "http" not in page
    assert "</script>" in page
    found = re.search(r"const page = (\{.*\});", page)
    assert found
    data = json.loads(found[1])
    [[one, other]] = data["sounds"]
    assert len(one) == len(other) > 1000
    assert base64.b64decode(one) != base64.b64decode(other)
    assert base64.b64decode(data["answers"]).decode() == "AB"[pairs[0].composed]
    assert listening_page(pairs) == page


def rating(chosen: str, liked: str = "both", known: bool = False) -> Rating:
    return Rating("page", 1, "A", chosen, liked, known)


def test_a_verdict_counts_what_was_right_and_leaves_out_what_was_known() -> None:
    found = verdict_of([rating("A", "B"), rating("A", "A"), rating("B"), rating("B", "A", known=True)])
    assert (found.right, found.rated, found.liked_composed, found.liked, found.known) == (2, 3, 1, 2, 1)
    assert found.text.splitlines() == [
        "told apart in 2 of 3 pairs: 67 % (95 % interval 21 to 94 %); a guess is 50 %",
        "the composed one liked better in 1 of 2: 50 % (95 % interval 9 to 91 %)",
        "left out: 1 pair with a piece that was known",
    ]
    assert verdict_of([]).text == "told apart in 0 of 0 pairs; a guess is 50 %"


def test_the_interval_is_that_of_wilson() -> None:
    assert interval(0, 0) == (0, 1)
    assert interval(81, 263) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    assert interval(0, 10)[0] == pytest.approx(0)
    assert interval(10, 10)[1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{LINES}\n", "no ratings"),
        ("a,b\n1,2\n", "no ratings"),
        (f"{LINES}\np,1,C,A,both,no\n", "line 2: composed is 'C'; allowed are A, B"),
        (f"{LINES}\np,1,A,B,both,no\np,x,A,A,A,yes\n", "line 3: pair is 'x'"),
        (f"{LINES}\np,1,A\n", "line 2: chosen is None"),
        (f"{LINES}\np,1,A,AB,both,no\n", "line 2: chosen is 'AB'"),
    ],
)
def test_other_files_are_no_ratings(text: str, told: str, tmp_path: Path, run: Any) -> None:
    (tmp_path / "r.csv").write_text(text)
    code, _, err = run("listen", "r.csv")
    assert code == 2
    assert told in err


def test_the_command_pairs_folders_and_reads_ratings(tmp_path: Path, run: Any) -> None:
    (tmp_path / "both").mkdir()
    for name, pitch in (("real", 50), ("composed", 60)):
        for number in range(2):
            formats.write(piece(pitch + number), tmp_path / "both" / name / f"{number}.mid")
    code, out, err = run("listen", "both", "--bars", "1", "--pairs", "1", "-o", "page.html")
    assert code == 0, err
    assert out.startswith("wrote page.html: 1 pair; ")
    assert "Real or composed?" in (tmp_path / "page.html").read_text()
    (tmp_path / "r.csv").write_text(f"{LINES}\np,1,A,A,both,no\np,2,B,A,B,no\n")
    assert read_ratings(Path("r.csv"))[1] == Rating("p", 2, "B", "A", "B", False)
    code, out, _ = run("listen", "r.csv", "r.csv")
    assert code == 0
    assert "r.csv: told apart in 1 of 2 pairs: 50 %" in out
    assert "together: told apart in 2 of 4 pairs" in out


def test_the_command_composes_like_real_pieces(tmp_path: Path, run: Any) -> None:
    representation = Multitrack.fit([Multitrack.collect_statistics(make_song())])
    save_bundle(tmp_path / "a.rit", small_network(representation), representation, Facts(name="a"))
    formats.write(make_song(2), tmp_path / "real" / "0.mid")
    code, _, err = run("listen", "a.rit", "real", "--bars", "1", "--pairs", "1")
    assert code == 0, err
    assert (tmp_path / "listen.html").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["empty"], "empty/real: no such folder"), (["songs"], "songs: no music to compare with")],
)
def test_what_cannot_be_compared_by_ear(arguments: list[str], told: str, tmp_path: Path, run: Any) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = run("listen", *arguments)
    assert code == 2
    assert told in err
    assert not (tmp_path / "listen.html").exists()
