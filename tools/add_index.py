"""Give the bundles that come along an index of the music that they learned from, without training them again.

    python tools/add_index.py ARCHIVES WORK [NAME ...]

The music is read as `tools/make_bundles.py` does, encoded and decoded by the bundle's own representation, so that the
index has what the model saw. It has the pieces that were held out, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from make_bundles import make_parser, unpack

from ritornello import formats
from ritornello.bundle import add_index, load_bundle
from ritornello.corpus.scan import scan
from ritornello.data import BUNDLES as TARGET
from ritornello.originality import build_index, one_of
from ritornello.representations import REPRESENTATIONS, Representation
from ritornello.score import Score


def pieces(folder: Path, representation: Representation) -> Iterator[tuple[str, Score]]:
    """Yield each piece of a folder that can be learned from, as the representation gives it back."""
    for report in scan([folder], statistics=REPRESENTATIONS[representation.name].collect_statistics).used:
        yield report.path.stem, representation.decode(representation.encode(formats.read(report.path)))


def main() -> None:
    arguments = make_parser(__doc__).parse_args()
    for name in arguments.names:
        path = TARGET / f"{name}.rit"
        representation = load_bundle(path).representation
        named = list(pieces(unpack(name, arguments.archives, arguments.work), representation))
        every = one_of(sum(score.note_count for _, score in named))
        index = build_index(named[::every], is_whole=every == 1)
        before = path.stat().st_size
        add_index(path, index)
        added = path.stat().st_size - before
        print(
            f"{name}: {len(named)} pieces, {len(index.pitches)} notes, {added} bytes, whole: {index.is_whole}"
        )


if __name__ == "__main__":
    main()
