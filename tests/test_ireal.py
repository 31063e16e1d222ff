"""Charts of iReal Pro, and chords for --chords from them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from ritornello.chord_symbols import chord_bars
from ritornello.cli.chords import read_chords
from ritornello.errors import ConfigError, FormatError
from ritornello.formats import ireal, piece_paths, read
from ritornello.score import Key, Meter, Score, Text

BLUES = "*A{T44C^7   |A-7 D7 |N1G7   | x  }|N2F-7,Bb13,E^7   |C6/G   Z"


def book(chart: str, key: str = "C", title: str = "A song") -> str:
    return f"irealbook://{title}=Doe John=Swing={key}=n={chart}"


def pro(chart: str, title: str = "A song", key: str = "G-", tempo: int = 140) -> str:
    """Return a link of the kind that is scrambled."""
    music = "1r34LbKcu7" + ireal._swapped(chart)
    return "irealb://" + quote(f"{title}=Doe John==Swing={key}=={music}=Jazz-Swing={tempo}=3")


def chords(score: Score) -> list[tuple[float, str]]:
    return [(t.tick / score.ticks_per_quarter, t.text) for t in score.texts if t.kind == "chord"]


def test_the_form_is_played_out() -> None:
    score = read(book(BLUES).encode(), "irealb")
    assert chords(score) == [
        (0, "Cmaj7"), (4, "Am7"), (6, "D7"), (8, "G7"), (12, "G7"), (16, "Cmaj7"), (20, "Am7"), (22, "D7"),
        (24, "Fm7"), (25, "Bb13"), (26, "Emaj7"), (28, "C6/G"),
    ]  # fmt: skip
    assert (score.title, score.meters) == ("A song", (Meter(0, 4, 4),))
    assert Text(0, "composer", "John Doe") in score.texts
    assert len(score.bar_starts()) == 8
    assert len(read(book(BLUES).encode(), "irealb", repeats=False).bar_starts()) == 6


def test_chords_sound_on_a_track_of_their_own() -> None:
    score = read(book("T34C   |G/B   Z").encode(), "irealb").resampled(480)
    (track,) = score.tracks
    assert track.name == "Chords"
    first = track.notes[track.notes["start"] == 0]
    assert sorted({pitch % 12 for pitch in first["pitch"].tolist()}) == [0, 4, 7]
    assert set(first["duration"].tolist()) == {3 * 480}
    assert track.notes[track.notes["start"] == 1440]["pitch"].min() % 12 == 11


def test_scrambled_links_have_key_and_tempo() -> None:
    chart = (
        "T44*A{C-7XyQ|F7XyQLZ"
        + "Bb^7XyQKcl  LZEb^7 D7b9 |G-6XyQ|nXyQ"
        + "|C-7   |F7   |Bb^7   |Eb^7   |Ah7   }"
    )
    score = read(pro(chart).encode(), "irealb")
    assert len(chart) > 50
    assert score.keys == (Key(0, -2, True),)
    assert score.tempos[0].quarters_per_minute == pytest.approx(140, abs=0.01)
    found = [name for _, name in chords(score)]
    assert found[:8] == ["Cm7", "F7", "Bbmaj7", "Bbmaj7", "Ebmaj7", "D7b9", "Gm6", "N.C."]


@pytest.mark.parametrize(
    ("chart", "names"),
    [
        ("T44C   |SF   |QG   <D.S. al Coda>|QA   Z", "C F G F A"),
        ("T44C   |F   <Fine>|G   <D.C. al Fine>Z", "C F G C F"),
        ("T44{C   <3x>}|G   Z", "C C C G"),
        ("T44C   |F   |r|G   Z", "C F C F G"),
        ("T44C7 W/Bb |(A7)F   Z", "C7 C7/Bb F"),
    ],
)
def test_jumps_repeats_and_signs(chart: str, names: str) -> None:
    assert [name for _, name in chords(read(book(chart).encode(), "irealb"))] == names.split()


def test_a_page_has_many_songs(tmp_path: Path) -> None:
    path = tmp_path / "charts.html"
    one, other = pro("T44C   |F   Z", "One"), book("T34A-   |D-   Z", title="Other").replace(" ", "%20")
    path.write_text(f'<html><a href="{one}">x</a> <a href="{other}">y</a> <a href="{one}">x</a></html>')
    assert [read(piece).title for piece in piece_paths(path)] == ["One", "Other"]
    assert read(f"{path}#2").meters == (Meter(0, 3, 4),)


def test_chords_of_a_chart_for_composing(tmp_path: Path) -> None:
    path = tmp_path / "charts.html"
    path.write_text(f'<a href="{pro("T34C   |C,F  |F   Z", tempo=100)}">x</a>')
    settings = {"chords": str(path)}
    read_chords(settings)
    assert settings == {"chords": "C | C F / | F", "meter": "3/4", "tempo": 100.0}
    settings = {"chords": book("T44C   |G7   Z"), "meter": "2/2"}
    read_chords(settings)
    assert settings == {"chords": "C | G7", "meter": "2/2"}
    settings = {"chords": "Dm7 G7"}
    read_chords(settings)
    assert settings == {"chords": "Dm7 G7"}


def test_chords_are_written_bar_by_bar() -> None:
    texts = (Text(960, "chord", "C"), Text(1440, "chord", "G7"), Text(5760, "chord", "N.C."))
    score = read(book("T44C   |C   |C   |C   Z").encode(), "irealb").resampled(480)
    assert chord_bars(Score(480, score.tracks, texts=texts)) == "N.C. / C G7 | % | % | N.C."
    with pytest.raises(ConfigError, match="no chord symbols"):
        chord_bars(Score(480))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "no chart of iReal Pro"),
        (book("T44|Z"), "without chords"),
        (book("C   |" * 30_000), "allowed are 100000"),
    ],
)
def test_what_is_no_chart_is_one_line(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(text.encode(), "irealb")


def test_unknown_chords_are_said() -> None:
    assert read(book("T44C   |G7777   |F   Z").encode(), "irealb").repairs == (
        "left out 1 chord symbol of unknown kind",
    )
