"""The laws of formats, for every member of `FORMATS`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from build import make_song

from ritornello.errors import FileError, FormatError
from ritornello.formats import FORMATS, Format, read, write

ONE_SUFFIX_EACH = {format.name: (suffix, format) for suffix, format in reversed(FORMATS.items())}
MEMBERS = pytest.mark.parametrize(("suffix", "format"), ONE_SUFFIX_EACH.values(), ids=ONE_SUFFIX_EACH)


@MEMBERS
def test_read_write_read_gives_the_same_score(suffix: str, format: Format, tmp_path: Path) -> None:
    write(make_song(), tmp_path / f"a{suffix}")
    once = read(tmp_path / f"a{suffix}")
    write(once, tmp_path / f"b{suffix}")
    assert read(tmp_path / f"b{suffix}") == once


@MEMBERS
def test_what_is_written_has_the_notes(suffix: str, format: Format, tmp_path: Path) -> None:
    song = make_song().resampled(24)
    pitched = [track for track in song.tracks if not track.is_drum]
    write(song, tmp_path / f"a{suffix}")
    found = read(tmp_path / f"a{suffix}").resampled(24)
    assert [t.program for t in found.tracks if not t.is_drum] == [t.program for t in pitched]
    for track, other in zip(pitched, found.tracks, strict=False):
        assert np.array_equal(track.notes[["start", "pitch"]], other.notes[["start", "pitch"]])
        assert other.name == track.name
    assert (found.tempos, found.meters, found.keys) == (song.tempos, song.meters, song.keys)
    assert found.title == song.title


@MEMBERS
@pytest.mark.parametrize("damage", [b"", b"MThd", b"<score-partwise><part", b"PK\x03\x04 no zip", bytes(64)])
def test_a_damaged_file_raises_our_error_naming_it(
    suffix: str, format: Format, damage: bytes, tmp_path: Path
) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(damage)
    with pytest.raises(FileError, match="damaged") as caught:
        read(path)
    assert "\n" not in str(caught.value)


@MEMBERS
def test_a_missing_file_raises_our_error_naming_it(suffix: str, format: Format, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="missing"):
        read(tmp_path / f"missing{suffix}")


def test_an_unknown_suffix_is_refused_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "a.mdi").write_text("x")
    for use in (lambda: read(tmp_path / "a.mdi"), lambda: write(make_song(), tmp_path / "b.mdi")):
        with pytest.raises(
            FormatError, match=r"unknown suffix '\.mdi', nearest is '\.midi?'; allowed are \.mid, "
        ):
            use()


def test_midi_is_known_by_its_content(tmp_path: Path) -> None:
    write(make_song(), tmp_path / "a.mid")
    (tmp_path / "a.mid").rename(tmp_path / "a")
    assert read(str(tmp_path / "a")) == make_song()
