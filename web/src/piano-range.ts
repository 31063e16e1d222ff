/** Which keys are drawn: as many white keys as fit, from a C. */

const NARROWEST = 28; // pixels of a white key under a mouse, about
const NARROWEST_TOUCHED = 36; // and under a finger, at least
const FEWEST = 8;
const MOST = 50;
const HIGHEST_C = 9; // C9 is pitch 120

/** The number of white keys. */
export function whitesFor(width: number, isTouched: boolean): number {
  const fit = Math.floor(width / (isTouched ? NARROWEST_TOUCHED : NARROWEST));
  return Math.min(Math.max(fit, FEWEST), MOST);
}

/** The lowest pitch, a C: an octave of the player's is in the middle, or as near to it as the range of pitches allows. */
export function lowestFor(whites: number, octave: number): number {
  const octaves = Math.floor((whites - 1) / 7);
  const lowest = octave - Math.floor((octaves - 1) / 2);
  return 12 * (Math.min(Math.max(lowest, 0), HIGHEST_C - octaves) + 1);
}
