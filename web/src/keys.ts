/**
 * The computer keyboard as a piano: two rows of keys, by their place and not by their letter, so AZERTY works too.
 *
 * The white keys lie on the middle row of letters, the black ones above the gaps, as on a piano.
 */

/** Semitones above the C that the leftmost key plays. */
export const SEMITONES: Readonly<{ [code: string]: number }> = {
  KeyA: 0,
  KeyW: 1,
  KeyS: 2,
  KeyE: 3,
  KeyD: 4,
  KeyF: 5,
  KeyT: 6,
  KeyG: 7,
  KeyY: 8,
  KeyH: 9,
  KeyU: 10,
  KeyJ: 11,
  KeyK: 12,
  KeyO: 13,
  KeyL: 14,
  KeyP: 15,
  Semicolon: 16,
  Quote: 17,
};

export const LOWEST_OCTAVE = 1; // as in C1
export const HIGHEST_OCTAVE = 7;
const PUNCTUATION: Readonly<{ [code: string]: string }> = { Semicolon: ";", Quote: "'" };

/** The pitch of a key at an octave, null if the key plays none. */
export function pitchOf(code: string, octave: number): number | null {
  const semitones = SEMITONES[code];
  return semitones === undefined ? null : 12 * (octave + 1) + semitones;
}

const NAMES = ["C", "C#", "D", "E♭", "E", "F", "F#", "G", "A♭", "A", "B♭", "B"];

/** The name of a pitch, such as C4 for 60. */
export function pitchName(pitch: number): string {
  return `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
}

/** What is printed on a key, as far as the browser tells; otherwise as on a US keyboard. */
export function labelOf(code: string, layout: ReadonlyMap<string, string> | null): string {
  return (layout?.get(code) ?? PUNCTUATION[code] ?? code.replace("Key", "")).toUpperCase();
}

interface WithLayout {
  keyboard?: { getLayoutMap(): Promise<ReadonlyMap<string, string>> };
}

/** The letters of this computer's keyboard by key, where the browser tells them. */
export async function readLayout(): Promise<ReadonlyMap<string, string> | null> {
  return (navigator as WithLayout).keyboard?.getLayoutMap().catch(() => null) ?? null;
}
