/** What is remembered from one visit to the next, in this browser only. */

import { HIGHEST_OCTAVE, LOWEST_OCTAVE } from "./keys";
import type { Config } from "./messages";

const PLACE = "ritornello";
const LOUDEST = 1.5; // of a volume, as the sliders go

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
  /** Whether letters of the computer keyboard play, and whether single keys are commands. */
  lettersPlay: boolean;
  lettersCommand: boolean;
  /** Whether what was played is read out by a screen reader. */
  readOut: boolean;
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
  lettersPlay: true,
  lettersCommand: true,
  readOut: false,
};

/** What each setting may be: anything may stand in the browser's store. */
const ALLOWED: { readonly [Name in keyof Settings]: (value: unknown) => boolean } = {
  language: isTextOrNull,
  config: isObject,
  base: isObject,
  model: isTextOrNull,
  volumes: (value) => isObject(value) && Object.keys(DEFAULTS.volumes).every((side) => isVolume(value[side])),
  octave: (value) =>
    Number.isInteger(value) && Number(value) >= LOWEST_OCTAVE && Number(value) <= HIGHEST_OCTAVE,
  mutedInputs: (value) => Array.isArray(value) && value.every((input) => typeof input === "string"),
  output: isTextOrNull,
  soundHere: isBoolean,
  passThrough: isBoolean,
  lettersPlay: isBoolean,
  lettersCommand: isBoolean,
  readOut: isBoolean,
};

const { kept, dropped } = readSettings(stored());

export const settings: Settings = { ...DEFAULTS, ...kept };

/** The names of stored settings that made no sense and were left out. */
export const droppedSettings: readonly string[] = dropped;

/** The settings in a stored text that may be what they are, and the names of the others. */
export function readSettings(text: string): { kept: Partial<Settings>; dropped: string[] } {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    found = null;
  }
  if (!isObject(found)) return { kept: {}, dropped: [PLACE] };
  const known = Object.entries(found).filter(([name]) => Object.hasOwn(ALLOWED, name));
  const isAllowed = ([name, value]: [string, unknown]) => ALLOWED[name as keyof Settings](value);
  return {
    kept: Object.fromEntries(known.filter(isAllowed)),
    dropped: known.filter((entry) => !isAllowed(entry)).map(([name]) => name),
  };
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === "string";
}

function isBoolean(value: unknown): boolean {
  return typeof value === "boolean";
}

function isVolume(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= LOUDEST;
}

function isObject(value: unknown): value is { [name: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

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

function stored(): string {
  try {
    return localStorage.getItem(PLACE) ?? "{}";
  } catch {
    return "{}"; // a browser may forbid it
  }
}
