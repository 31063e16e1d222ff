"""Files may be paths, bytes or file objects wherever the public functions read or write one; with the same refusals."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from build import TICKS, make_melody, make_song

import ritornello
from ritornello.bundle.archive import MEMBERS
from ritornello.errors import BundleError, ConfigError, FileError, FormatError
from ritornello.formats import FORMATS, MIDI
from ritornello.formats.midi import midi_to_bytes
from ritornello.rendering import RENDERERS
from ritornello.score import Score

SONG = make_song(2)
ONE_OF_EACH_FORMAT = {f.name: suffix for suffix, f in reversed([*FORMATS.items()]) if f.writer}

AS: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "file": io.BytesIO,
    "buffered": lambda data: io.BufferedReader(Slow(data)),
    "slow": lambda data: Slow(data),
}


class Slow(io.RawIOBase):
    """A file object that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes) -> None:
        self.file = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.file.readinto(memoryview(buffer)[:7])


@pytest.mark.parametrize("kind", AS)
def test_midi_is_read_from_anything(kind: str) -> None:
    assert ritornello.read(AS[kind](midi_to_bytes(SONG))) == SONG


def test_a_file_object_is_read_from_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(b"head" + midi_to_bytes(SONG))
    with (tmp_path / "a.mid").open("rb") as file:
        file.seek(4)
        assert ritornello.read(file) == SONG


@pytest.mark.parametrize("suffix", ONE_OF_EACH_FORMAT.values(), ids=ONE_OF_EACH_FORMAT)
def test_every_format_goes_through_bytes_as_through_a_file(suffix: str, tmp_path: Path) -> None:
    file = io.BytesIO()
    ritornello.write(SONG, file, suffix.removeprefix("."))
    ritornello.write(SONG, tmp_path / f"a{suffix}")
    assert ritornello.read(file.getvalue(), suffix) == ritornello.read(tmp_path / f"a{suffix}")
    with (tmp_path / f"a{suffix}").open("rb") as named:
        assert ritornello.read(named) == ritornello.read(file.getvalue(), format=suffix)


@pytest.mark.parametrize("suffix", [*RENDERERS, ".mxl"])
def test_whatever_is_rendered_can_be_written_to_a_file_object(suffix: str, tmp_path: Path) -> None:
    beginnings = {".wav": b"RIFF", ".flac": b"fLaC", ".ogg": b"OggS", ".png": b"\x89PNG", ".pdf": b"%PDF"}
    beginnings |= {".svg": b"<svg", ".mxl": b"PK"}
    file = io.BytesIO()
    assert SONG.bars[0].write(file, suffix) == ()
    assert file.getvalue().startswith(beginnings.get(suffix, b""))
    with (tmp_path / f"named{suffix}").open("wb") as named:
        SONG.bars[0].write(named)  # its name says the format
    assert (tmp_path / f"named{suffix}").stat().st_size == pytest.approx(len(file.getvalue()), rel=0.05)


def test_a_format_goes_before_the_suffix_of_a_path(tmp_path: Path) -> None:
    SONG.write(tmp_path / "song.dat", "mid")
    assert ritornello.read(tmp_path / "song.dat", format="mid") == SONG
    assert [path.name for path in tmp_path.iterdir()] == ["song.dat"]


def test_musicxml_is_known_by_its_beginning() -> None:
    for suffix in ("musicxml", "mxl"):
        file = io.BytesIO()
        SONG.write(file, suffix)
        assert ritornello.read(file.getvalue()).title == SONG.title


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (b"", FileError, "the bytes: the file is empty"),
        (b"la la", FormatError, "the bytes: begins neither as MIDI nor as MusicXML; give its format, such as"),
        (b"MThd", FormatError, "the bytes: the MIDI header at byte 0 is cut off, the file has 4 bytes"),
        (io.BytesIO(b"<html>"), FormatError, "the file object: not a MusicXML file, or a damaged one"),
        (io.StringIO("MThd"), ConfigError, "the file object: opened as text; open it in binary mode"),
        (5, ConfigError, "5: allowed are a path, bytes and a binary file object"),
        ("a\0b.mid", FileError, "a b.mid: embedded null byte"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_one_line(
    source: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        ritornello.read(source)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_closed_or_full_file_object_is_a_file_error() -> None:
    closed = io.BytesIO()
    closed.close()
    for use in (lambda: ritornello.read(closed), lambda: SONG.write(closed, "mid")):
        with pytest.raises(FileError, match="closed file"):
            use()

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(FileError, match="the file object: cannot be written: no space left on device"):
        SONG.write(Full(), "wav")


def test_a_target_that_cannot_be_is_refused() -> None:
    with pytest.raises(FormatError, match="no suffix; known are"):
        SONG.write(io.BytesIO())
    with pytest.raises(FormatError, match=r"unknown suffix '\.midd', nearest is \.mid"):
        SONG.write(io.BytesIO(), "midd")
    with pytest.raises(ConfigError, match="opened as text"):
        SONG.write(io.StringIO(), "mid")


def test_limits_hold_for_bytes_and_file_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setattr("ritornello.formats.MIDI", replace(MIDI, most_bytes=10))
    for kind in AS.values():
        with pytest.raises(FileError, match="bytes, allowed are 10"):
            ritornello.read(kind(midi_to_bytes(SONG)))


# --- models ---------------------------------------------------------------------------------------------------


def test_a_model_is_loaded_from_bytes_and_file_objects() -> None:
    path = ritornello.shipped_bundles()["folk"]
    digest = ritornello.load("folk").bundle.digest
    with path.open("rb") as file:
        assert ritornello.load(file).bundle.digest == digest
    model = ritornello.load(path.read_bytes())
    assert model.bundle.digest == digest
    primer = io.BytesIO(midi_to_bytes(Score(TICKS, (make_melody(),))))
    piece = model.compose(primer, bars=8, seed=1)
    assert piece.score.note_count > 8
    file = io.BytesIO()
    assert piece.write(file, "mid") is file
    assert model.likelihood(file.getvalue()).notes > 8


def test_archives_are_counted_before_they_are_unpacked() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in MEMBERS:
            archive.writestr(name, bytes(MEMBERS["card.json"] + 1 if name == "card.json" else 1))
    for source in (file.getvalue(), io.BytesIO(file.getvalue())):
        with pytest.raises(BundleError, match=r"card\.json has 8388609 bytes, allowed are 8388608"):
            ritornello.load(source)
    with pytest.raises(BundleError, match=r"the bytes: not a bundle \(no zip file\)"):
        ritornello.load(b"no zip")
