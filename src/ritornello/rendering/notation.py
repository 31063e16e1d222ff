"""Score -> engraved notation, as SVG or PDF: `notation` writes MusicXML, verovio engraves it, typst makes the PDF.

An SVG holds up to `PAGES_PER_SVG` pages, one below the other; further pages go to `NAME-2.svg` and so on. Title and
tempo are drawn here, because those of verovio need a browser.

Read in order: `notation.staves` (what is printed), then `engrave`, `_engraved`, `_page`, `write_notation`.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Literal

from ritornello.errors import ConfigError, MissingExtraError
from ritornello.notation.bars import make_timeline
from ritornello.notation.musicxml import joined_texts, readable_musicxml
from ritornello.notation.staves import Part, readable_parts
from ritornello.notation.text import printable
from ritornello.paths import write_bytes, write_text
from ritornello.rendering.heat import Heat
from ritornello.rendering.heat_notation import FOOT, SYSTEM_GAP, looks_of, scale_svg, with_heat
from ritornello.rendering.signs import header_tempo, with_plain_signs
from ritornello.score import Meter, Score

PAGES_PER_SVG = 8
MOST_STAVES = 32
MOST_MEASURES = 20_000
PAGE = (2100, 2970)  # tenths of a millimetre: A4
MARGIN = 150
HEADER = 240  # the height of title and tempo on the first page; later pages keep it free above and below
RUNNING = 110  # the part of it above the later pages, for the running title

# typst includes the first, browsers have one of the others
FONTS = "Libertinus Serif, Times New Roman, Times, serif"
_MOST_TITLE = 90  # characters

_SCALES = ((2, 85), (5, 75), (9, 65), (16, 60), (MOST_STAVES, 50))
"""Up to how many staves music is printed at which scale, in per cent of verovio's size (a staff of 7.2 mm)."""


_HIDDEN_NOTE = '<graceGrp><note visible="false" grace="unacc" dur="8" pname="b" oct="4"/></graceGrp>'


def write_notation(score: Score, path: Path | str) -> tuple[str, ...]:
    """Write the engraved score to `path`, an SVG or a PDF; return descriptions of what was left out.

    Raise ConfigError for a score without notes or with too many bars.
    """
    pages, remarks = engrave(score)
    write_pages(pages, Path(path), printable(score.title))
    return remarks


def write_pages(pages: Sequence[str], path: Path, title: str) -> None:
    """Write pages to an SVG, with further files where there are many, or to a PDF."""
    if path.suffix.lower() == ".pdf":
        write_bytes(path, pages_to_pdf(pages, title))
        return
    for number, at in enumerate(range(0, len(pages), PAGES_PER_SVG), start=1):
        target = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        write_text(target, stack_pages(pages[at : at + PAGES_PER_SVG]))


def render_score(score: Score, format: Literal["svg", "pdf"] = "svg") -> bytes:
    """Return all pages of the engraved score: one SVG (UTF-8) of A4 pages one below the other, or a PDF.

    Raise ConfigError for a score without notes or with too many bars, MissingExtraError without the extra `score`.
    """
    if format not in ("svg", "pdf"):
        raise ConfigError(f"format {format!r}: an engraved score is 'svg' or 'pdf'")
    pages, _ = engrave(score)
    return stack_pages(pages).encode() if format == "svg" else pages_to_pdf(pages, printable(score.title))


def engrave(score: Score, heat: Heat | None = None) -> tuple[list[str], tuple[str, ...]]:
    """Return the pages of the engraved score, each an SVG, and descriptions of what was left out.

    With `heat`, the colours of the notes tell its numbers, and those of the bars stand below.
    """
    if not score.note_count:
        raise ConfigError("the score has no notes: there is nothing to engrave")
    bars = len(score.bar_starts())
    if bars > MOST_MEASURES:  # checked before the staves, which take time
        raise ConfigError(f"the piece has {bars} bars; at most {MOST_MEASURES} are engraved")
    timeline, parts = readable_parts(score, make_timeline(score))
    parts, remarks = _chosen(parts)
    measures = len(timeline.bars) * sum(len(part.staves) for part in parts)
    if measures > MOST_MEASURES:
        raise ConfigError(
            f"the score has {measures} measures (bars times staves); at most {MOST_MEASURES} are engraved"
        )
    looks = looks_of(heat, score, timeline, parts) if heat else None
    pages = _engraved(readable_musicxml(score, timeline, parts, looks).decode(), parts, heat is not None)
    if heat:
        pages = with_heat(pages, heat)
    return [_page(score, number, page, heat) for number, page in enumerate(pages, start=1)], remarks


def _chosen(parts: list[Part]) -> tuple[list[Part], tuple[str, ...]]:
    """Return the parts with the most chords, up to `MOST_STAVES` staves, and a description of the others."""
    sizes = [sum(len(voice) for staff in part.staves for voice in staff.voices) for part in parts]
    chosen, room = set[int](), MOST_STAVES
    for place in sorted(range(len(parts)), key=lambda place: -sizes[place]):
        if len(parts[place].staves) <= room:
            chosen.add(place)
            room -= len(parts[place].staves)
    kept = [parts[place] for place in sorted(chosen)]
    count, total = (sum(len(part.staves) for part in some) for some in (kept, parts))
    remarks = (f"{total - count} of {total} staves, those with the fewest notes",) if count < total else ()
    return kept, remarks


def _engraved(musicxml: str, parts: Sequence[Part], has_curve: bool = False) -> list[str]:
    """Return the music of each page, an SVG drawn by verovio, with room below each system if it `has_curve`."""
    is_drum = [part.is_drum for part in parts for _ in part.staves]
    try:
        import verovio
    except ImportError as error:
        raise MissingExtraError("verovio", "score") from error
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    scale = next(scale for most, scale in _SCALES if len(is_drum) <= most)
    options = _verovio_options(scale * 7 // 8 if has_curve else scale)
    height = PAGE[1] - HEADER - (FOOT if has_curve else 0)
    toolkit.setOptions(options | ({"spacingSystem": SYSTEM_GAP, "pageHeight": height} if has_curve else {}))
    if not toolkit.loadData(musicxml) or not toolkit.loadData(_adapted(toolkit.getMEI(), is_drum)):
        raise ConfigError("the score could not be engraved: verovio refused its MusicXML")
    pages = (toolkit.renderToSVG(number) for number in range(1, toolkit.getPageCount() + 1))
    return [with_plain_signs(re.sub(r"Times,\s*serif", FONTS, page)) for page in pages]


def _adapted(mei: str, is_drum: Sequence[bool]) -> str:
    """Return verovio's own reading of the MusicXML with what it does not take from there.

    Staves that rest for a whole system are hidden. A new key is not that of drum staves (`is_drum` of all staves).
    """

    def of_pitched_staves(found: re.Match[str]) -> str:
        signatures = re.findall(r"<keySig [^>]*/>", found[2])
        if "<staffGrp" in found[2] or not signatures:
            return found[0]
        pitched = (number for number, drum in enumerate(is_drum, start=1) if not drum)
        staves = "".join(
            f'<staffDef n="{number}">{_without_id(signatures[0])}</staffDef>' for number in pitched
        )
        return f"{found[1]}{found[2].replace(signatures[0], '')}<staffGrp>{staves}</staffGrp></scoreDef>"

    mei = mei.replace("<scoreDef ", '<scoreDef optimize="true" ', 1)
    mei = _with_whole_first_system(mei)
    if not any(is_drum) or all(is_drum):
        return mei
    return re.sub(r"(<scoreDef [^>]*>)(.*?)</scoreDef>", of_pitched_staves, mei, flags=re.DOTALL)


def _with_whole_first_system(mei: str) -> str:
    """Return `mei` with a hidden grace note in the first bar of staves that rest: verovio shows what has notes."""
    first, end, rest = mei.partition("</measure>")

    def with_note(staff: re.Match[str]) -> str:
        return (
            staff[0] if "<note " in staff[0] else staff[0].replace("</layer>", f"{_HIDDEN_NOTE}</layer>", 1)
        )

    return re.sub(r"<staff .*?</staff>", with_note, first, flags=re.DOTALL) + end + rest


def _without_id(element: str) -> str:
    return re.sub(r'xml:id="[^"]*" ', "", element)


def _verovio_options(scale: int) -> dict[str, object]:
    return {
        "pageWidth": PAGE[0],
        "pageHeight": PAGE[1] - HEADER,
        "pageMarginLeft": MARGIN * 100 // scale,  # margins are scaled with the music
        "pageMarginRight": MARGIN * 100 // scale,
        "pageMarginTop": 50,
        "pageMarginBottom": MARGIN,
        "scale": scale,
        "scaleToPageSize": True,
        "header": "none",
        "footer": "none",
        "breaks": "auto",
        "condense": "encoded",
        "condenseFirstPage": True,
        "condenseTempoPages": True,
        "justifyVertically": False,
        "lyricNoStartHyphen": True,
        "spacingSystem": 8,
        "systemDivider": "none",
        "svgViewBox": True,
        "svgRemoveXlink": True,
        "smuflTextFont": "none",
        "xmlIdSeed": 1,
    }


# Pages


def _page(score: Score, number: int, music: str, heat: Heat | None) -> str:
    """Return page `number`, from 1: the music below a header (first page) or a running title and the page number; with
    `heat`, above its scale."""
    title = printable(score.title)
    if len(title) > _MOST_TITLE:
        title = title[: _MOST_TITLE - 1].rstrip() + "…"
    if number == 1:
        top, header = HEADER, _header(score, title)
    else:
        top = RUNNING
        header = _text(PAGE[0] // 2, 84, 32, title, "middle")
        header += _text(PAGE[0] - MARGIN, 84, 32, str(number), "end")
    header += f'<g font-family="{FONTS}">{scale_svg(heat, MARGIN, PAGE[1] - 90)}</g>' if heat else ""
    background = f'<rect width="{PAGE[0]}" height="{PAGE[1]}" fill="#fff"/>'
    height = PAGE[1] - HEADER - (FOOT if heat else 0)
    return f"{_open_svg(PAGE[1])}{background}{header}{_nested(music, top, height)}</svg>\n"


def cropped(page: str) -> str:
    """Return a page that ends below its music, for showing on a screen."""
    scale = PAGE[0] / int(re.findall(r'class="definition-scale"[^>]*viewBox="0 0 (\d+)', page)[0])
    music = page.partition('class="page-margin" transform="translate(')[2]
    margin = int(music.partition(", ")[2].partition(")")[0])
    lowest = max(int(y) for y in re.findall(r"(?:translate\(-?\d+, |M-?\d+ )(-?\d+)", music))
    height = round(HEADER + (lowest + margin) * scale) + 100
    return page.replace(_open_svg(PAGE[1]), _open_svg(min(height, PAGE[1])), 1)


def table_page(title: str, rows: Sequence[Sequence[str]], places: Sequence[int]) -> str:
    """Return a page of text: a title, and rows of cells whose left edges are at `places`, in tenths of a millimetre."""
    background = f'<rect width="{PAGE[0]}" height="{PAGE[1]}" fill="#fff"/>'
    cells = [
        f'<text x="{MARGIN + x}" y="{250 + 52 * line}" font-family="{FONTS}" font-size="34">{escape(cell)}</text>'
        for line, row in enumerate(rows)
        for x, cell in zip(places, row, strict=False)
    ]
    head = _text(PAGE[0] // 2, 150, 56, title, "middle")
    return f"{_open_svg(PAGE[1])}{background}{head}{''.join(cells)}</svg>\n"


def _header(score: Score, title: str) -> str:
    """Return title, tempo and names of the first page, and the copyright at its foot."""
    composer, lyricist, rights = (joined_texts(score, kind) for kind in ("composer", "lyricist", "copyright"))
    names = _text(PAGE[0] - MARGIN, 226, 34, composer, "end") if composer else ""
    words = f"Words: {lyricist}" if lyricist else ""
    names += _text(PAGE[0] // 2, 226, 34, words, "middle") if words else ""
    foot = _text(PAGE[0] // 2, PAGE[1] - 60, 28, rights, "middle") if rights else ""
    return _text(PAGE[0] // 2, 160, 74, title, "middle") + _tempo(score) + names + foot


def _tempo(score: Score) -> str:
    """Return the tempo at the beginning."""
    tempo = score.first_tempo
    meter = next((m for m in score.meters[:1] if m.tick <= 0), Meter(0, 4, 4))
    return f'<g font-family="{FONTS}">{header_tempo(tempo.quarters_per_minute, meter, MARGIN, 226, 36)}</g>'


def _open_svg(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {PAGE[0]} {height}" '
        f'width="{PAGE[0] / 10:g}mm" height="{height / 10:g}mm">'
    )


def _nested(svg: str, top: int, height: int) -> str:
    """Return `svg` as an element of another SVG, with its size and position replaced."""
    attributes, rest = re.sub(r"^.*?<svg ", "", svg, count=1, flags=re.DOTALL).split(">", 1)
    attributes = re.sub(r'(?<![\w-])(width|height|x|y)="[^"]*"', "", attributes)
    if "viewBox" not in attributes:
        attributes += f' viewBox="0 0 {PAGE[0]} {height}"'
    return f'<svg x="0" y="{top}" width="{PAGE[0]}" height="{height}" {attributes}>{rest}'


def _text(x: int, y: int, size: int, text: str, anchor: str) -> str:
    width = max(1.0, len(text) * size * 0.5 / (PAGE[0] - 3 * MARGIN))  # a long title is set smaller
    return (
        f'<text x="{x}" y="{y}" font-family="{FONTS}" font-size="{size / width:.0f}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def stack_pages(pages: Sequence[str]) -> str:
    """Return one SVG with the pages one below the other."""
    if len(pages) == 1:
        return pages[0]
    inner = [_nested(page, PAGE[1] * place, PAGE[1]) for place, page in enumerate(pages)]
    return f"{_open_svg(PAGE[1] * len(pages))}{''.join(inner)}</svg>\n"


def pages_to_pdf(pages: Sequence[str], title: str) -> bytes:
    """Return a PDF of `pages`."""
    return bytes(typeset(pages, title, "pdf"))


def typeset(pages: Sequence[str], title: str, format: Literal["pdf", "png"]) -> Any:
    """Return `pages` typeset by typst: the bytes of a PDF, or of a PNG (a list of them for several pages)."""
    try:
        import typst
    except ImportError as error:
        raise MissingExtraError("typst", "score") from error
    size = f"width: {PAGE[0] / 10:g}mm, height: {PAGE[1] / 10:g}mm"
    lines = [
        f"#set page({size}, margin: 0mm)",
        f"#set document(title: {json.dumps(title, ensure_ascii=False)})",
    ]
    lines += [f'#image("{number}.svg", width: 100%)' for number in range(len(pages))]
    with tempfile.TemporaryDirectory() as folder:
        for number, page in enumerate(pages):
            (Path(folder) / f"{number}.svg").write_text(page, encoding="utf-8")
        source = Path(folder) / "score.typ"
        source.write_text("\n".join(lines), encoding="utf-8")
        return typst.compile(str(source), format=format)
