"""ABC (abcnotation.com, standard 2.1 and what is customary beside it) -> `Score`: each tune of a book is a piece.

Read in order: `book` (bytes to tunes), `fields` (keys, meters, tempos, voices), `tune` (the music).
"""

from ritornello.formats.abc.book import parse_abc, split_abc

__all__ = ["parse_abc", "split_abc"]
