"""Piano rolls: pixels of the right colour where the notes are, and pages of the right shape."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from build import make_song
from numpy.typing import NDArray
from PIL import Image

from ritornello.errors import ConfigError
from ritornello.rendering import pianoroll
from ritornello.rendering.layout import LEFT, MOST_SYSTEMS, make_layout
from ritornello.rendering.pianoroll import DRUM_COLOUR, PALETTE, render_pianoroll, write_pianoroll
from ritornello.score import Key, Meter, Score, Tempo, Text, Track, make_notes

TICKS = 480
Pixels = NDArray[np.int64]


def score_of(*tracks: Track, **fields: object) -> Score:
    return Score(TICKS, tracks=tracks, **fields)  # type: ignore[arg-type]


def track_of(*rows: tuple[int, int, int, int], **fields: object) -> Track:
    return Track(make_notes(rows), **fields)  # type: ignore[arg-type]


def pixels(image: Image.Image) -> Pixels:
    return np.asarray(image, dtype=np.int64)


def places(image: Image.Image, colour: tuple[int, int, int], below: int = 100) -> Pixels:
    """Return (row, column) of the pixels of a colour, those of the header left out."""
    near = np.abs(pixels(image) - np.array(colour)).max(axis=2) < 12
    found = np.argwhere(near)
    return found[found[:, 0] > below]


def test_notes_are_drawn_where_they_are() -> None:
    loud = [(0, 960, 60, 127), (1920, 960, 72, 127)]
    score = score_of(track_of(*loud))
    image, layout = render_pianoroll(score, 1000), make_layout(score, 1000)
    found = places(image, PALETTE[0])
    first = found[found[:, 1] < 500]
    second = found[found[:, 1] > 500]
    assert first[:, 0].mean() - second[:, 0].mean() == pytest.approx(12 * layout.row, abs=1.5)
    wide = (1000 - LEFT - 28) / 4  # the piece is two bars long, a note half a bar
    assert np.ptp(first[:, 1]) == pytest.approx(wide, abs=4)
    assert first[:, 1].min() == pytest.approx(LEFT, abs=3)
    assert second[:, 1].min() == pytest.approx(LEFT + 2 * wide, abs=3)


def test_each_track_has_its_colour_and_drums_a_lane_below() -> None:
    tracks = [track_of((i * 480, 480, 60 + i, 127), program=i) for i in range(4)]
    image = render_pianoroll(score_of(*tracks, track_of((0, 10, 36, 127), is_drum=True)))
    rows = [places(image, PALETTE[i])[:, 0] for i in range(4)]
    assert all(len(row) > 50 for row in rows)
    drums = places(image, DRUM_COLOUR)
    assert drums[:, 0].max() > max(row.max() for row in rows)


def test_softer_notes_are_paler() -> None:
    def darkness(velocity: int) -> int:
        image = render_pianoroll(score_of(track_of((0, 1920, 60, velocity))), 800)
        blue = pixels(image)[100:, LEFT + 100 : -60]
        return int((blue.max(axis=2) - blue.min(axis=2)).max())

    assert darkness(127) > darkness(64) + 20 > darkness(1) + 40


def test_a_long_piece_wraps_and_a_very_long_one_stays_within_limits() -> None:
    def height(bars: int) -> int:
        return render_pianoroll(score_of(track_of((0, 480, 60, 90), (bars * 1920 - 480, 480, 64, 90)))).height

    one, six, many, more = height(4), height(100), height(5_000), height(10_000)
    assert one < six < many
    assert many == more < MOST_SYSTEMS * one


def test_systems_break_at_bar_lines_and_cover_the_piece() -> None:
    score = make_song(60)
    layout = make_layout(score, 1600)
    assert len(layout.edges) > 2
    assert set(layout.edges.tolist()) <= set(layout.bars.tolist())
    assert layout.edges[0] == 0
    assert layout.edges[-1] == score.bars.edges[-1] >= score.end


def test_width_is_as_asked_and_the_same_score_gives_the_same_picture(tmp_path: Path) -> None:
    write_pianoroll(make_song(), tmp_path / "a.png", width=900)
    write_pianoroll(make_song(), tmp_path / "b.png", width=900)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.size[0] == 900
        assert image.format == "PNG"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "score",
    [
        score_of(track_of((0, 1, 0, 1))),
        score_of(track_of((0, 1, 127, 127)), title="T" * 3000),
        score_of(track_of((10**9, 100, 60, 90))),
        score_of(track_of((0, 0, 36, 90), is_drum=True)),
        score_of(*(track_of((i, 100, 60, 90), program=i % 128) for i in range(300))),
        score_of(track_of(*((i, 1, i % 128, 90) for i in range(256)), is_drum=True)),
        score_of(track_of((0, 9000, 60, 90)), meters=(Meter(0, 1, 64), Meter(7, 255, 1))),
        score_of(track_of((0, 480, 60, 90)), title="緋のエチュード \0\n\x07"),
    ],
)
def test_odd_scores_are_drawn(score: Score) -> None:
    image = render_pianoroll(score, 700)
    assert image.width == 700
    assert 100 < image.height < 12_000


def test_instruments_are_numbered_if_there_are_several_of_a_kind() -> None:
    tracks = [track_of((0, 480, 60, 90), program=40) for _ in range(2)]
    score = score_of(*tracks, track_of((0, 480, 60, 90), program=42))
    names = [name for name, _ in pianoroll._legend(score, pianoroll.track_colours(score))]
    assert names == ["Violin I", "Violin II", "Cello"]


def test_no_notes_and_widths_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no notes"):
        write_pianoroll(replace(make_song(), tracks=()), tmp_path / "x.png")
    with pytest.raises(ConfigError, match="10 pixels wide: allowed are 400 to 6000"):
        write_pianoroll(make_song(), tmp_path / "x.png", width=10)
    assert not list(tmp_path.iterdir())


def chordal(*tracks: Track) -> Score:
    """Return four bars of block chords, with `tracks` after them."""
    triads = ((48, 52, 55), (45, 48, 52), (53, 57, 60), (43, 47, 50))
    rows = [(bar * 1920, 1920, pitch, 127) for bar, triad in enumerate(triads) for pitch in triad]
    return score_of(track_of(*rows), *tracks)


@pytest.mark.parametrize("melody_is_first", [False, True])
def test_the_melody_is_drawn_above_its_accompaniment(melody_is_first: bool) -> None:
    tune = track_of(*((i * 480, 480, 60 + i % 3, 127) for i in range(16)))
    under = track_of(*((i * 240, 240, 60 + pitch, 127) for i in range(32) for pitch in range(-5, 3)))
    tracks = (tune, under) if melody_is_first else (under, tune)
    found = places(render_pianoroll(score_of(*tracks), 1000), PALETTE[0 if melody_is_first else 1])
    silent = replace(
        under, notes=under.notes[under.notes["pitch"] < 58]
    )  # the same rows, nothing over the tune
    alone = places(
        render_pianoroll(score_of(*(silent if t is under else t for t in tracks)), 1000),
        PALETTE[tracks.index(tune)],
    )
    assert len(found) > 0.7 * len(alone) > 1000  # all but the blended edges


def texts_of(
    score: Score, width: int, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[float, float, str, int]]:
    """Return (left, middle, text, size) of all texts of a piano roll, header first."""
    written: list[tuple[float, float, str, int]] = []
    original = pianoroll.Pen.text

    def text(
        pen: pianoroll.Pen, x: float, y: float, text: str, size: int, *rest: object, **more: object
    ) -> None:
        written.append((x, y, text, size))
        original(pen, x, y, text, size, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(pianoroll.Pen, "text", text)
    render_pianoroll(score, width)
    return written


def test_chord_symbols_of_the_score_stand_above_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = (Text(0, "chord", "Cmaj7/E"), Text(960, "chord", "Dbø"), Text(1920, "marker", "F7"))
    written = texts_of(replace(chordal(), texts=texts), 1000, monkeypatch)
    chords = {text: x for x, _, text, size in written if size == pianoroll.CHORD_SIZE}
    assert list(chords) == ["Cmaj7/E", "Dbø"]  # markers are only asked where no chords are written
    assert chords["Dbø"] - chords["Cmaj7/E"] == pytest.approx((1000 - LEFT - 28) / 8, abs=1)


def test_chords_are_found_where_several_notes_sound_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    flats = replace(chordal().transposed(-2), keys=(Key(0, -2),))
    written = texts_of(flats, 1000, monkeypatch)
    assert [text for *_, text, size in written if size == pianoroll.CHORD_SIZE] == ["Bb", "Gm", "Eb", "F"]
    noise = score_of(track_of(*((i * 240, 240, 40 + 7 * i * i % 31, 90) for i in range(64))))
    written = texts_of(noise, 1000, monkeypatch)
    assert not [text for *_, text, size in written if size == pianoroll.CHORD_SIZE]


def test_local_keys_stand_beside_the_bars_where_they_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    low, high = chordal(), chordal().transposed(4)
    score = low.joined(low, high, high)
    written = texts_of(score, 1000, monkeypatch)
    assert [text for *_, text, size in written if size == 10 and "major" in text] == ["C major", "E major"]


def test_texts_do_not_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = tuple(Text(120 * i, "chord", "F#m7b5/E") for i in range(64))
    written = texts_of(replace(chordal(), texts=texts), 700, monkeypatch)
    lefts = sorted(x for x, _, _, size in written if size == pianoroll.CHORD_SIZE)
    width = pianoroll.text_width("F#m7b5/E", pianoroll.CHORD_SIZE)
    assert len(lefts) > 4
    assert all(right - left > width for left, right in pairwise(lefts))
    assert lefts[-1] + width < 700


def test_the_tempo_in_the_header_is_that_of_the_beginning() -> None:
    slower = Tempo.from_quarters_per_minute(960, 40)
    score = replace(chordal(), tempos=(Tempo.from_quarters_per_minute(0, 138), slower))
    assert pianoroll._facts(score, 1000).startswith("138 quarters a minute")
    assert pianoroll._facts(replace(score, tempos=(slower,)), 1000).startswith("120 quarters a minute")


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ((), "C major (estimated)"),
        ((Key(0, 0),), "C major"),
        ((Key(0, -3, minor=True),), "C minor"),
        ((Key(0, 2), Key(1920, 2), Key(3840, -1)), "D major, F major"),
        (tuple(Key(480 * i, i) for i in range(5)), "C major, G major, D major …"),
    ],
)
def test_the_key_is_in_the_header(keys: tuple[Key, ...], shown: str) -> None:
    score = replace(chordal(), keys=keys)
    assert shown in pianoroll._facts(score, 1000).split(pianoroll.FACTS)
    assert pianoroll._facts(score, 200) == pianoroll.FACTS.join(
        pianoroll._facts(score, 1000).split("   ·   ")[:2]
    )


def test_a_signature_without_a_mode_is_that_of_a_minor_key_if_the_notes_are() -> None:
    rows = [
        (i * 480, 480, pitch, 90) for i, pitch in enumerate((57, 60, 64, 68, 69, 71, 72, 71, 69, 68, 69, 69))
    ]
    assert "A minor" in pianoroll._facts(score_of(track_of(*rows), keys=(Key(0, 0),)), 1000)


def test_drums_alone_have_no_key() -> None:
    assert "major" not in pianoroll._facts(score_of(track_of((0, 10, 36, 90), is_drum=True)), 1000)


@pytest.mark.parametrize(
    ("meters", "numbers"),
    [
        ((Meter(0, 4, 4),), ["1", "2", "3", "4"]),
        ((Meter(0, 4, 4), Meter(480, 4, 4)), ["1", "2", "3", "4"]),  # a pickup has no number
        ((Meter(0, 1, 4), Meter(480, 4, 4)), ["1", "2", "3", "4"]),  # as most MIDI files write it
        ((Meter(0, 4, 4), Meter(1920, 3, 4)), ["1", "2", "3", "4", "5"]),
    ],
)
def test_bars_are_numbered_from_the_first_whole_one(
    meters: tuple[Meter, ...], numbers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    score = replace(chordal(), meters=meters)
    written = texts_of(score, 1000, monkeypatch)
    assert [text for _, y, text, size in written if size == 10 and y == 12 and text.isdigit()] == numbers
