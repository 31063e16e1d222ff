"""Music notation: `Score` -> bars, note values, voices, staves and clefs, written as MusicXML.

Both ways to notes on paper go through here. The *exact* reading, for other programs, keeps every note; the *readable*
one, which is engraved, closes short gaps and has at most two voices a staff. They share the bars (`bars`), the grid on
which times are rounded (`quantise`), the note values (`rhythm`) and the writer (`musicxml`); they differ in `voices`.

Time is in *units*, `UNITS` to a quarter note, from the start of the piece or of a bar. They are so fine that 1024ths
and tuplets of 3, 5, 7, 9, 11 and 13 are whole numbers; what is written has only the divisions that the music needs.
"""
