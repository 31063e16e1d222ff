/** What is remembered from one visit to the next, in this browser only. */

import type { Config } from "./messages";

const PLACE = "ritornello";

export interface Settings {
  /** The language of the page; null for the browser's. */
  language: string | null;
  /** What was chosen for the session, and what a session began with at that time. */
  config: Partial<Config>;
  base: Partial<Config>;
  model: string | null;
  volumes: { player: number; model: number; metronome: number };
  octave: number;
  mutedInputs: string[];
  output: string | null;
  soundHere: boolean;
  passThrough: boolean;
}

const DEFAULTS: Settings = {
  language: null,
  config: {},
  base: {},
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

/**
 * What was chosen at earlier visits, for a session that begins with this configuration. A field that now begins
 * otherwise than at that time was asked for elsewhere, on the command line; there, the choice is forgotten. So is that
 * for a field that there is no more.
 */
export function recallConfig(offered: Config): Partial<Config> {
  const chosen = Object.entries(settings.config).filter(([name]) => {
    return name in offered && JSON.stringify(settings.base[name]) === JSON.stringify(offered[name]);
  });
  remember({ config: Object.fromEntries(chosen), base: offered });
  return settings.config;
}

function stored(): Partial<Settings> {
  try {
    return JSON.parse(localStorage.getItem(PLACE) ?? "{}");
  } catch {
    return {};
  }
}
