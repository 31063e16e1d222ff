"""The openly licensed music that the models which come along are learned from, and which of it is held out.

    python tools/music.py ARCHIVES WORK

ARCHIVES is a folder with a zip archive for each of SETS. The MIDI files are written to WORK/music/SET, changed as
`prepared` says, and the keys of the held-out pieces to WORK/held-out.txt, a line each. These are the same for every
model, so that none is judged by music that it, or the model it began from, has learned.
"""

from __future__ import annotations

import argparse
import functools
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from ritornello import formats
from ritornello.corpus.pieces import key_of, pieces_of
from ritornello.corpus.pool import Failure, map_guarded
from ritornello.corpus.scan import FileReport, scan
from ritornello.corpus.splitting import split
from ritornello.corpus.versions import families_of
from ritornello.paths import replacing_folder
from ritornello.score import Score

OBOE, CHOIR = 68, 52

LEVEL = 80
"""The velocity of music that has none of its own. Sets have different constants, which would tell the set."""


@dataclass(frozen=True)
class MusicSet:
    """An archive. licence: of its music. source: where it is from, with the line that its licence wants quoted."""

    licence: str
    source: str
    every: int = 1  # one piece in so many is taken
    oboes_sing: bool = False  # the program that engraved it gives vocal parts the oboe's sound


CC0, CC_BY, BSD, FREE = "CC0-1.0", "CC-BY-4.0", "BSD-3-Clause", "public domain"

NIFC = (
    "Polish Music Heritage in Open Access. Copyright 2019-2022 The Fryderyk Chopin Institute (https://nifc.pl). "
    "Website: https://polishscores.org. Digital scores: https://github.com/pl-wnifc/humdrum-polish-scores. License: "
    "https://creativecommons.org/licenses/by/4.0. Changes: converted to MIDI, selected."
)
CHOPIN = (
    "First Editions of Fryderyk Chopin's Music. Copyright 2017-2021 The Fryderyk Chopin Institute (https://nifc.pl). "
    "Website: https://chopinscores.org. Digital scores: https://github.com/pl-wnifc/humdrum-chopin-first-editions. "
    "License: https://creativecommons.org/licenses/by/4.0. Changes: converted to MIDI, one edition a piece."
)
FREEDOOM = (
    "Freedoom (https://github.com/freedoom/freedoom), Copyright (c) 2001-2024 Contributors to the project."
)
MUTOPIA = (
    "Mutopia Project (https://www.mutopiaproject.org); typesetters of the CC BY pieces: LICENSE-Mutopia.txt."
)
MUTOPIA_LICENCE = "public domain, or CC BY 2.5 to 4.0 by the piece"

SETS = {
    "bands-open": MusicSet(
        f"{CC_BY} and {BSD}",
        "Music by Tanner Helland (https://github.com/tannerhelland/free-music), CC BY 4.0. Blasphemer, Copyright (c) "
        "2021 Contributors to the Blasphemer project, music by Jute Gyte.",
    ),
    "chopin-first-editions": MusicSet(CC_BY, CHOPIN),
    "chorales-js-fakes": MusicSet(
        CC_BY, "JS Fake Chorales by Omar Peracha (2021), https://github.com/omarperacha/js-fakes, CC BY 4.0."
    ),
    "drums-groove": MusicSet(
        CC_BY,
        "Groove MIDI Dataset 1.0.0 (J. Gillick, A. Roberts, J. Engel, D. Eck and D. Bamman, Learning to Groove with "
        "Inverse Sequence Transformations, ICML 2019), CC BY 4.0; its training and validation parts.",
    ),
    "freedoom-debian": MusicSet(BSD, f"{FREEDOOM} From the Debian packages freedoom and freedm 0.12.1."),
    "hymns-open": MusicSet(FREE, "Open Hymnal Project; Echoes of Grace (Darren Kulp)."),
    "leadsheets": MusicSet(
        FREE,
        "OpenEWLD (https://github.com/00sapo/OpenEWLD), works first published by 1930 and traditional tunes.",
    ),
    "lieder-openscore": MusicSet(
        CC0, "OpenScore Lieder Corpus (https://github.com/OpenScore/Lieder).", oboes_sing=True
    ),
    "multi-freedoom": MusicSet(BSD, FREEDOOM),
    "mutopia-ensembles": MusicSet(MUTOPIA_LICENCE, MUTOPIA),
    "mutopia-guitar": MusicSet(MUTOPIA_LICENCE, MUTOPIA),
    "mutopia-piano": MusicSet(MUTOPIA_LICENCE, MUTOPIA),
    "nifc-choir": MusicSet(CC_BY, NIFC),
    "nifc-choir-organ": MusicSet(CC_BY, NIFC),
    "nifc-instrumental": MusicSet(CC_BY, NIFC),
    "nifc-keyboard": MusicSet(CC_BY, NIFC),
    "nifc-orchestra": MusicSet(CC_BY, NIFC),
    "nifc-organ": MusicSet(CC_BY, NIFC),
    "nifc-voice-piano": MusicSet(CC_BY, NIFC),
    "nifc-voices-orchestra": MusicSet(CC_BY, NIFC, every=3),  # it has 42 % of all notes
    "orchestra-hauptstimme": MusicSet(
        CC0, "OpenScore Hauptstimme (https://github.com/MarkGotham/Hauptstimme)."
    ),
    "quartets-openscore": MusicSet(
        CC0, "OpenScore String Quartets (https://github.com/OpenScore/StringQuartets)."
    ),
}
"""Music whose licence lets models that are learned from it be published; of two sets with one piece, the first has it.

Left out: sets under non-commercial, share-alike and GPL licences.
"""

TOGETHER = ("freedoom-debian", "multi-freedoom")
"""Two editions of one collection: pieces are held out of both as of one set."""


def prepared(name: str, archives: Path, work: Path) -> Path:
    """Return the folder with the music of a set, levelled and with voices that sing; it is made if it is not there."""
    target = work / "music" / name
    if target.exists():
        return target
    original = work / "original"
    with zipfile.ZipFile(archives / f"{name}.zip") as archive:
        archive.extractall(original)
    files = sorted((original / name).rglob("*.mid"))
    files = [file for file in files if zlib.crc32(file.name.encode()) % SETS[name].every == 0]
    with replacing_folder(target) as beside:
        write = functools.partial(_write, name, original / name, beside)
        for number, result in map_guarded(write, files):
            if isinstance(result, Failure):
                print(f"{files[number]}: left out: {result.message}")
    return target


def _write(name: str, folder: Path, target: Path, file: Path) -> None:
    score = _levelled(formats.read(file))
    if SETS[name].oboes_sing:
        score = _with_voices(score)
    formats.write(score, target / "-".join(file.relative_to(folder).parts))


def _levelled(score: Score) -> Score:
    """Return a score of one velocity throughout with LEVEL; others as they are."""
    velocities = np.concatenate([track.notes["velocity"] for track in score.tracks] or [np.zeros(0)])
    if not len(velocities) or (velocities != velocities[0]).any():
        return score
    tracks = []
    for track in score.tracks:
        notes = track.notes.copy()
        notes["velocity"] = LEVEL
        tracks.append(replace(track, notes=notes))
    return replace(score, tracks=tuple(tracks))


def _with_voices(score: Score) -> Score:
    tracks = (replace(track, program=CHOIR) if track.program == OBOE else track for track in score.tracks)
    return replace(score, tracks=tuple(tracks))


def held_out(music: Path) -> list[str]:
    """Return the keys of the pieces that no model learns from, sorted.

    They are a tenth of the pieces of each set, and all versions and transpositions of these in any set.
    """
    groups = [[name] for name in SETS if name not in TOGETHER] + [list(TOGETHER)]
    reports: list[FileReport] = []
    apart: set[int] = set()
    for group in groups:
        found = scan([music / name for name in group]).reports
        used = [len(reports) + number for number, report in enumerate(found) if report.is_used]
        reports += found
        apart |= {used[number] for number in split([reports[each].digest for each in used])[1]}
    return sorted(
        {key_of(name) for number in with_versions(reports, apart) for name, _ in pieces_of(reports[number])}
    )


def with_versions(reports: Sequence[FileReport], apart: set[int]) -> set[int]:
    """Return the numbers of these files and of all with versions, or the same notes in any key, of what is in them."""
    nothing = np.zeros(0, dtype=np.uint32)
    families = families_of([nothing if report.sketch is None else report.sketch for report in reports])
    marks = [{("family", families[n]), ("shape", report.shape or n)} for n, report in enumerate(reports)]
    while True:
        held = set(chain.from_iterable(marks[number] for number in apart))
        more = {number for number, own in enumerate(marks) if own & held}
        if more == apart:
            return apart
        apart = more


def held_out_of(work: Path, archives: Path) -> list[str]:
    """Return the keys in WORK/held-out.txt, which is written if it is not there."""
    path = work / "held-out.txt"
    if not path.exists():
        for name in SETS:
            prepared(name, archives, work)
        path.write_text("".join(f"{key}\n" for key in held_out(work / "music")), encoding="utf-8")
    return path.read_text(encoding="utf-8").split()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    print(f"{len(held_out_of(arguments.work, arguments.archives)):,} pieces are held out")


if __name__ == "__main__":
    main()
