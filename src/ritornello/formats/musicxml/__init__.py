"""MusicXML -> `Score`: notation as it is played. Writing is in `musicxml_writer`.

Read in order: `document` (bytes to elements), `instruments` (the part list), `measures` (a part to bars, with
`expression` and `harmony`), `reading` (the whole); `notated` makes a score of the bars.
"""

from ritornello.formats.musicxml.reading import parse_musicxml
from ritornello.formats.musicxml_writer import score_to_music21, score_to_musicxml, write_musicxml

__all__ = ["parse_musicxml", "score_to_music21", "score_to_musicxml", "write_musicxml"]
