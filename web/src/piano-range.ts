/** Which keys are drawn: as many octaves as the width allows. */

const OCTAVE_WIDTH = 200; // pixels, about
const FEWEST = 2;
const MOST = 7;
const HIGHEST_C = 9; // C9 is pitch 120

export function octavesFor(width: number): number {
  return Math.min(Math.max(Math.round(width / OCTAVE_WIDTH), FEWEST), MOST);
}

/** The lowest C: middle C is near the middle, moved if the computer keys' octave would be outside. */
export function lowestFor(octaves: number, keysOctave: number): number {
  const centred = 4 - Math.floor(octaves / 2);
  const shown = Math.min(Math.max(centred, keysOctave + 2 - octaves), keysOctave);
  return 12 * (Math.min(shown, HIGHEST_C - octaves) + 1);
}
