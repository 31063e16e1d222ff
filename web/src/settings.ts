/** What is remembered from one visit to the next, in this browser only. */

import type { Config } from "./messages";

const PLACE = "ritornello";

export interface Settings {
  config: Partial<Config>;
  model: string | null;
  volumes: { player: number; model: number; metronome: number };
  octave: number;
  mutedInputs: string[];
  output: string | null;
  soundHere: boolean;
  passThrough: boolean;
}

const DEFAULTS: Settings = {
  config: {},
  model: null,
  volumes: { player: 1, model: 1, metronome: 0.7 },
  octave: 4,
  mutedInputs: [],
  output: null,
  soundHere: true,
  passThrough: false,
};

export const settings: Settings = { ...DEFAULTS, ...stored() };

/** Changes some settings, and keeps them. */
export function remember(changes: Partial<Settings>): void {
  Object.assign(settings, changes);
  try {
    localStorage.setItem(PLACE, JSON.stringify(settings));
  } catch {
    // A browser may forbid it; then nothing is remembered.
  }
}

function stored(): Partial<Settings> {
  try {
    return JSON.parse(localStorage.getItem(PLACE) ?? "{}");
  } catch {
    return {};
  }
}
