"""The built page in the package is whole."""

from __future__ import annotations

import re
from importlib.resources import files

import ritornello.live

PAGE = files(ritornello.live) / "page"
REFERENCE = re.compile(r"""(?:src|href)="(?!#)(?:\./)?([^"]+)\"""")


def test_all_that_the_page_refers_to_is_there() -> None:
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    references = set(REFERENCE.findall(text))
    assert len(references) >= 4
    for name in references:
        assert (PAGE / name).is_file(), name


def test_what_is_bundled_is_named_with_its_licence() -> None:
    text = (PAGE / "licences.txt").read_text(encoding="utf-8")
    for name in ("spessasynth_lib", "spessasynth_core", "stb-vorbis"):
        assert re.search(rf"^{name} [\d.]+ \(Apache-2.0\)$", text, re.MULTILINE), name
