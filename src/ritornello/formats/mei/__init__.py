"""MEI (music-encoding.org, common music notation, versions 2 to 5) -> `Score`.

Read in order: `staves` (the parts), `measures` (measures to bars), `reading` (the whole, and the order of playing).
"""

from ritornello.formats.mei.reading import parse_mei

__all__ = ["parse_mei"]
