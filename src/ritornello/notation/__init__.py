"""Rules of music notation: pitch spelling, clefs, beams, names of parts.

Each module is a set of pure functions over plain values (pitches, ticks, meters): what a printed score shows, without
any file format or drawing. The writers of MusicXML and the engraving use them.
"""
