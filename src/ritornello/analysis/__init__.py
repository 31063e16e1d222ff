"""`Score` -> what a musician would write above it: keys, chords, phrases, sections, melody, bass and motifs."""
