/**
 * What the page and a session tell each other. Times are seconds on the session's clock.
 *
 * The Python side of it is `ritornello/live/events.py` and `config.py`.
 */

import type { Head, Row } from "./journal";

export type Side = "player" | "model";
export type TurnName = "idle" | "count-in" | "player" | "model" | "both";
export type Mode = "call-and-response" | "answer" | "trade" | "duet" | "continue";

/** A note of either side; `end` is null while its key is down. program: 0-127, 128 for the drum kit. */
export interface Note {
  number: number;
  side: Side;
  start: number;
  end: number | null;
  pitch: number;
  velocity: number;
  channel: number;
  program: number;
}

export interface Turn {
  turn: TurnName;
  start: number;
  end: number | null;
  number: number;
}

/** The beat from `bar_line` on. `steady` if a metronome keeps it, otherwise it was estimated. */
export interface Tempo {
  bar_line: number;
  quarters_per_minute: number;
  meter: [number, number];
  steady: boolean;
}

/** Key and chords of a turn: times and names, "" where there is none; one in parentheses is a guess. */
export interface Harmony {
  turn: TurnName;
  start: number;
  end: number;
  key: string;
  chords: [number, string][];
}

export interface Bookmark {
  number: number;
  name: string;
  at: number;
}

export interface Config {
  mode: Mode;
  call_seconds: number;
  response_seconds: number | null;
  call_bars: number;
  response_bars: number | null;
  pause: number | null; // null, as above: as the call asks for
  metronome: boolean;
  count_in: number;
  tempo: number;
  meter: string; // such as 3/4
  instrument: string | null;
  instruments: string[] | null;
  scale: string | null;
  temperature: number;
  surprise: number;
  /** The settings of constraints; null or their default if nothing is asked for. */
  [setting: string]: unknown;
}

/** What a field of the configuration may be. */
export interface Option {
  type: "boolean" | "integer" | "number" | "list" | "text";
  default: unknown;
  description: string;
  minimum: number | null;
  maximum: number | null;
  choices: (string | number)[] | null;
  /** The name of the constraint that it is a setting of. */
  constraint: string | null;
}

export interface Instrument {
  program: number;
  name: string;
}

export interface Model {
  name: string;
  title: string;
  description: string;
  /** The meters that it has, of the usual ones. */
  meters: string[];
  instruments: Instrument[];
}

export interface Welcome {
  type: "welcome";
  session: string;
  resumed: boolean;
  /** The number of the next entry, if the session has just gone on from a record. */
  recalled: number | null;
  now: number;
  model: string;
  models: Model[];
  config: Config;
  options: Record<string, Option>;
  notes: Note[];
  bookmarks: Bookmark[];
  turn: Turn;
  tempo: Tempo | null;
  /** Whether the last answer is repeated. */
  loop: boolean;
  /** General MIDI's names; the last is the drum kit. */
  instruments: string[];
  /** Which preset of the shipped SoundFont stands for each program. */
  presets: number[];
}

interface Percentiles {
  p50: number;
  p95: number;
  last?: number;
}

export type Message =
  | Welcome
  | { type: "pong"; time: number; now: number }
  | ({ type: "turn" } & Turn)
  | {
      type: "notes";
      notes: Note[];
      /** Until when they sound, by number, if pedals hold them. */
      held?: Readonly<{ [number: number]: number }>;
    }
  | { type: "cancel"; numbers: number[]; at: number }
  | ({ type: "tempo" } & Tempo)
  | { type: "config"; config: Config }
  | { type: "model" | "loading"; name: string }
  | ({ type: "bookmark" } & Bookmark)
  | {
      /** Entries of the record that are new, changed or dropped; `whole` if they are all that there are. */
      type: "journal";
      entries: Row[];
      dropped: number[];
      whole: boolean;
      now: number;
      /** How many `midi` messages of the page are accounted for. */
      heard: number;
      head: Head | null;
    }
  | { type: "history"; notes: Note[]; bookmarks: Bookmark[] }
  | { type: "loop"; is_on: boolean }
  | ({ type: "harmony" } & Harmony)
  | { type: "latency"; answered: Percentiles; step: Percentiles }
  | { type: "remark"; text: string }
  | { type: "error"; text: string; fields?: string[] }; // fields: those that it was refused to change

export type Request =
  | { type: "midi"; time: number; data: number[] }
  | { type: "start" | "stop" | "undo" | "redo" | "again" | "panic" }
  | { type: "loop"; on: boolean }
  | { type: "configure"; config: Partial<Config> }
  | { type: "model"; name: string }
  | { type: "bookmark"; name: string }
  | { type: "goto"; number: number }
  | { type: "latency"; seconds: number };

/** Whether a metronome runs: always in modes that count bars together. */
export function keepsBeat(config: Config): boolean {
  return config.metronome || config.mode === "trade" || config.mode === "duet";
}
