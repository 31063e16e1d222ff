"""The laws of formats, for every member of `FORMATS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from build import make_song

from ritornello.errors import FormatError
from ritornello.formats import FORMATS, read, write
from ritornello.testing.formats import LAWS, it_is_registered

ONE_SUFFIX_EACH = {format.name: format.suffixes[0] for format in FORMATS.values()}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("suffix", ONE_SUFFIX_EACH.values(), ids=ONE_SUFFIX_EACH)
def test_a_format_keeps_the_laws(suffix: str, law: Callable[[str], None]) -> None:
    law(suffix)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_suffix_is_registered(suffix: str) -> None:
    it_is_registered(suffix)


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
