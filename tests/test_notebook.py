"""What a notebook shows: complete in itself, escaped, of bounded size; and the notebook of the docs runs."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from build import TICKS, make_song
from PIL import Image

import ritornello
from ritornello.formats.text import prose_to_score
from ritornello.rendering import notebook
from ritornello.rendering.notebook import beginning, score_html
from ritornello.score import Meter, Score, Tempo, Track, make_notes

DOCS = Path(__file__).resolve().parent.parent / "docs"
MOST_CHARACTERS = 1_500_000


class Page(HTMLParser):
    """The elements and the text of a piece of HTML, every element closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def content(self, tag: str) -> bytes:
        """Return what is in the data URI of the only element `tag`."""
        ((_, attributes),) = [each for each in self.elements if each[0] == tag]
        kind, data = (attributes["src"] or "").split(";base64,")
        assert kind == {"img": "data:image/png", "audio": "data:audio/mpeg"}[tag]
        return base64.b64decode(data, validate=True)


def test_a_score_shows_title_facts_picture_and_player() -> None:
    page = Page(score_html(make_song()))
    assert page.text.startswith("A small song")
    assert (
        "0:06 · 71 notes · 120 quarter notes a minute · 4/4 · C major · flute, acoustic grand piano"
        in page.text
    )
    assert "shown and heard" not in page.text
    picture = Image.open(io.BytesIO(page.content("img")))
    assert picture.width == 900
    assert len(picture.convert("RGB").getcolors(1 << 20)) > 100  # something is drawn
    samples, rate = sound_of(page)
    assert len(samples) / rate == pytest.approx(make_song().seconds + 2, abs=0.3)
    assert np.abs(samples).max() > 0.1


def sound_of(page: Page) -> tuple[Any, int]:
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(page.content("audio")))
    return samples, int(rate)


def test_titles_and_names_from_files_are_escaped() -> None:
    bad = '<script>alert("x")</script>" onload="y'
    song = replace(make_song(), title=bad)
    song = replace(song, tracks=tuple(replace(track, name=bad) for track in song.tracks))
    page = Page(score_html(song, {bad: bad}))
    assert {tag for tag, _ in page.elements} == {"div", "img", "audio"}
    assert {name for _, attributes in page.elements for name in attributes} <= {
        "style",
        "alt",
        "src",
        "controls",
    }
    assert bad in page.text
    prose = Page(score_html(prose_to_score("a < b & <b>c</b>")))
    assert "a < b & <b>c</b>" in prose.text
    assert {tag for tag, _ in prose.elements} == {"div"}


def test_a_score_without_notes_says_so() -> None:
    assert "there is nothing to see" in Page(score_html(Score(TICKS))).text


def test_long_prose_is_cut() -> None:
    page = Page(score_html(prose_to_score("word " * 10_000)))
    assert len(page.text) < 2200


def notes_at(starts: Any, duration: int = TICKS) -> Track:
    return Track(make_notes([(int(start), duration, 60 + n % 12, 80) for n, start in enumerate(starts)]))


@pytest.mark.parametrize(
    "score",
    [
        Score(TICKS, (notes_at(range(0, 10**6, TICKS)),)),  # long
        Score(TICKS, (notes_at(range(50_000), 1),)),  # dense
        Score(TICKS, (notes_at([0, 10**9], 10**10),)),  # two notes, weeks of them
        Score(TICKS, (notes_at([10**11, 10**11 + 1]),)),  # silence first
        Score(TICKS, (notes_at(range(0, 10**5, 100)),), tempos=(Tempo(0, 1),)),  # all in a moment
        Score(TICKS, (notes_at(range(5)),), tempos=(Tempo(0, 10**9),)),  # hours a bar
        Score(1, (notes_at(range(0, 3000, 7)),), meters=(Meter(0, 1, 128),)),  # a bar a tick
        Score(TICKS, tuple(notes_at(range(20)) for _ in range(200))),  # two hundred parts
        Score(TICKS, (notes_at(range(2000), 100 * TICKS),)),  # all of them held
    ],
    ids=["long", "dense", "endless", "silence", "fast", "slow", "short-bars", "parts", "held"],
)  # fmt: skip
def test_what_is_shown_is_bounded(score: Score) -> None:
    part = beginning(score)
    assert 0 < part.note_count <= notebook.MOST_NOTES
    assert part.seconds <= notebook.SECONDS + 0.1
    html = score_html(score)
    assert len(html) < MOST_CHARACTERS
    page = Page(html)
    assert page.content("img").startswith(b"\x89PNG")
    assert len(sound_of(page)[0])
    assert ("shown and heard" in page.text) == (part.note_count < score.note_count)


def test_too_many_notes_at_once_are_not_shown() -> None:
    page = Page(score_html(Score(TICKS, (notes_at([0] * 3000),))))
    assert "3000 notes at once: more than the 2000 that are shown" in page.text
    assert "img" not in {tag for tag, _ in page.elements}


def test_a_composition_tells_what_was_asked() -> None:
    piece = ritornello.compose("folk", bars=4, seed=2, temperature=0.8)
    page = Page(piece._repr_html_())
    assert "model folk · seed 2 · temperature 0.8 · top_p 0.9 · bars 4" in page.text
    assert page.content("img").startswith(b"\x89PNG")
    assert len(sound_of(page)[0])


def test_a_model_shows_what_it_plays() -> None:
    model = ritornello.load("folk")
    page = Page(model._repr_html_())
    assert f"digest: {model.bundle.digest}" in page.text
    assert model.bundle.card.description in page.text
    assert page.content("img").startswith(b"\x89PNG")
    assert len(sound_of(page)[0])


# --- executed -------------------------------------------------------------------------------------------------


def executed(notebook: Any, folder: Path) -> list[Any]:
    """Return the outputs of a notebook's code cells, run with warnings as errors."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    strict = nbformat.v4.new_code_cell('import warnings; warnings.simplefilter("error")')
    notebook.cells.insert(0, strict)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"][1:]


def shown(outputs: Any) -> list[Any]:
    assert not [output for output in outputs if output.output_type == "stream"]
    return [output.data for output in outputs if output.output_type == "execute_result"]


@pytest.mark.slow
def test_a_notebook_shows_scores_pieces_and_models(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    make_song().write(tmp_path / "song.mid")
    cells = [
        'import ritornello; score = ritornello.read("song.mid"); score',
        'model = ritornello.load("folk"); model',
        "model.compose(bars=4, seed=1)",
    ]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    for outputs in executed(made, tmp_path):
        (data,) = shown(outputs)
        page = Page(data["text/html"])
        assert page.content("img").startswith(b"\x89PNG")
        assert len(sound_of(page)[0])


@pytest.mark.slow
def test_the_notebook_of_the_docs_runs(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(DOCS / "notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), "clear the outputs before committing"
    kinds = [set(data) for outputs in executed(notebook, tmp_path) for data in shown(outputs)]
    assert sum("text/html" in kind for kind in kinds) == 10
    assert "image/svg+xml" in kinds[-1]
