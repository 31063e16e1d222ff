/**
 * The record of a session as the server keeps it: a log of entries, each a row with its kind and its number.
 *
 * It is what the page stores, what it gives back to a server, and what its MIDI file is made of. The Python side, with
 * the meaning of each row, is `ritornello/live/session/stored.py`. `record.ts` has what is drawn.
 */

import { DRUM_CHANNEL, DRUMS } from "./channels";
import type { Config, Message, Side, TurnName } from "./messages";

export const FORMAT = "ritornello-jam";
export const VERSION = 1;
export const MOST_ENTRIES = 400_000; // as the server's limit
const LATEST = 1e7; // seconds, likewise
const LONGEST_SILENCE = 60; // seconds at the end of a record

export type NoteRow = ["note", number, Side, number, number | null, number, number, number, number];
export type ControlRow = ["control", number, number, number, number, number, number];
export type TurnRow = ["turn", number, TurnName, number, number | null, number];
export type TempoRow = ["tempo", number, number, number, [number, number], boolean];
export type ModelRow = ["model", number, string];
export type BookmarkRow = ["bookmark", number, number, string, number, number];
export type BackRow = ["back", number, number, number, number];
export type Row = NoteRow | ControlRow | TurnRow | TempoRow | ModelRow | BookmarkRow | BackRow;

/** What is needed to go on from the entries, and what a file tells of them. */
export interface Head {
  model: string;
  seed: number;
  config: Partial<Config>;
  /** The text that says how the music was made. */
  recipe: string;
  /** The key signature: fifths, and whether it is minor. */
  key: [number, boolean] | null;
}

/** A record as it is stored and sent. */
export interface Stored extends Omit<Head, "recipe" | "key"> {
  format: string;
  version: number;
  recipe?: string;
  key?: [number, boolean] | null;
  now: number;
  entries: Row[];
}

/** A message of the player that the session has not accounted for. */
export interface Played {
  time: number;
  data: number[];
}

/** The entries that a message changed. */
export interface Changes {
  rows: Row[];
  dropped: number[];
}

export class Journal {
  head: Head | null = null;
  rows = new Map<number, Row>();
  /** The session's time of the last message. */
  now = 0;
  /** How many entries are notes. */
  notes = 0;

  clear(): void {
    this.head = null;
    this.rows.clear();
    this.now = this.notes = 0;
  }

  /** Takes what the session tells; returns what is new in it. */
  take(message: Extract<Message, { type: "journal" }>): Changes {
    this.head = message.head ?? this.head;
    this.now = message.now;
    const rows = message.entries.filter((row) => !isEqual(this.rows.get(row[1]), row));
    let dropped = message.dropped;
    if (message.whole) {
      const told = new Set(message.entries.map(([, number]) => number));
      dropped = [...this.rows.keys()].filter((number) => !told.has(number));
    }
    for (const number of dropped) this.set(number, undefined);
    for (const row of rows) this.set(row[1], row);
    return { rows, dropped };
  }

  private set(number: number, row: Row | undefined): void {
    this.notes += Number(row?.[0] === "note") - Number(this.rows.get(number)?.[0] === "note");
    if (row) this.rows.set(number, row);
    else this.rows.delete(number);
  }

  /** The record as it stands, in order of the numbers; null before the session has told anything. */
  stored(): Stored | null {
    if (!this.head) return null;
    const entries = [...this.rows.values()].sort((a, b) => a[1] - b[1]);
    return { format: FORMAT, version: VERSION, ...this.head, now: this.now, entries };
  }
}

function isEqual(one: Row | undefined, other: Row): boolean {
  return one !== undefined && JSON.stringify(one) === JSON.stringify(other);
}

/** The number of the next entry of a record. */
export function nextNumber({ entries }: Stored): number {
  return (entries.at(-1)?.[1] ?? -1) + 1;
}

/**
 * A record with what the player played that the session has not accounted for, up to `time` on the session's clock.
 *
 * A short silence at its end is kept, so that the clock goes on; a longer one is not.
 */
export function withPlayed(
  stored: Stored,
  played: readonly Played[],
  time: number,
  program: (channel: number) => number,
): Stored {
  const entries = new Entries(stored.entries, program);
  for (const message of played) entries.receive(message);
  const end = endOf(entries.rows, time);
  const now = time - end < LONGEST_SILENCE ? Math.max(time, end) : end + 1;
  return { ...stored, now, entries: entries.rows };
}

/** The last time until `time` at which anything sounded or happened. */
function endOf(rows: readonly Row[], time: number): number {
  let end = 0;
  for (const row of rows) {
    if (row[0] === "note" && row[3] <= time) end = Math.max(end, Math.min(row[4] ?? row[3], time));
    else if (row[0] === "control") end = Math.max(end, row[2]);
    else if (row[0] === "back") end = Math.max(end, row[2]);
  }
  return end;
}

/** Entries that go on with channel messages of the player, as the session would write them. */
class Entries {
  readonly rows: Row[];
  private readonly down = new Map<number, number>(); // places in `rows` by channel and pitch
  private readonly programs = new Map<number, number>();
  private next: number;

  constructor(
    rows: readonly Row[],
    private readonly program: (channel: number) => number,
  ) {
    this.rows = [...rows];
    this.next = (rows.at(-1)?.[1] ?? -1) + 1;
    for (const [place, row] of rows.entries()) {
      if (row[0] === "note" && row[2] === "player" && row[4] === null)
        this.down.set(128 * row[7] + row[5], place);
    }
  }

  receive({ time, data }: Played): void {
    const [status = 0, first = 0, second = 0] = data;
    const [kind, channel] = [status & 0xf0, status & 0x0f];
    if (kind === 0x80 || kind === 0x90) {
      this.release(128 * channel + first, time);
      if (kind === 0x90 && second > 0) this.press(time, channel, first, second);
    } else if (kind === 0xc0) this.programs.set(channel, first);
    else {
      const number = kind === 0xa0 || kind === 0xb0 ? first : 0;
      this.rows.push([
        "control",
        this.next++,
        time,
        channel,
        kind,
        number,
        controlValue(kind, first, second),
      ]);
      if (kind === 0xb0 && (first === 120 || first === 123))
        for (const key of [...this.down.keys()]) if (key >> 7 === channel) this.release(key, time);
    }
  }

  private press(time: number, channel: number, pitch: number, velocity: number): void {
    const program = channel === DRUM_CHANNEL ? DRUMS : (this.programs.get(channel) ?? this.program(channel));
    this.down.set(128 * channel + pitch, this.rows.length);
    this.rows.push(["note", this.next++, "player", time, null, pitch, velocity, channel, program]);
  }

  private release(key: number, time: number): void {
    const place = this.down.get(key);
    const row = place === undefined ? undefined : this.rows[place];
    if (place === undefined || row?.[0] !== "note") return;
    const [kind, number, side, start, , ...rest] = row;
    this.rows[place] = [kind, number, side, start, Math.max(start, time), ...rest];
    this.down.delete(key);
  }
}

/** Whether a value is a list of messages of the player. */
export function arePlayed(value: unknown): value is Played[] {
  return (
    Array.isArray(value) &&
    value.every(({ time, data }) => isTime(time) && Array.isArray(data) && data.every(within(0, 255)))
  );
}

/** The value of a control as in a record: 0-127, or -8192 to 8191 for a pitch bend. */
function controlValue(kind: number, first: number, second: number): number {
  if (kind === 0xe0) return first + 128 * second - 8192;
  return kind === 0xd0 ? first : second;
}

// --- what comes from a store or a file ---------------------------------------------------------------------

type Check = (value: unknown) => boolean;
const isTime: Check = (value) => typeof value === "number" && Math.abs(value) <= LATEST;
const isEnd: Check = (value) => value === null || isTime(value);
const isName: Check = (value) => typeof value === "string" && value.length <= 200;
const within =
  (low: number, high: number): Check =>
  (value) =>
    Number.isInteger(value) && Number(value) >= low && Number(value) <= high;
const oneOf =
  (...values: unknown[]): Check =>
  (value) =>
    values.includes(value);
const isMeter: Check = (value) => Array.isArray(value) && value.length === 2 && value.every(within(1, 255));
const isTempo: Check = (value) => typeof value === "number" && value >= 1 && value <= 1000;
const isNumber = within(0, 4 * MOST_ENTRIES);

/** What stands in a row after its kind and number. */
const SHAPES: { readonly [kind: string]: readonly Check[] } = {
  note: [
    oneOf("player", "model"),
    isTime,
    isEnd,
    within(0, 127),
    within(1, 127),
    within(0, 15),
    within(0, 128),
  ],
  control: [isTime, within(0, 15), oneOf(0xa0, 0xb0, 0xd0, 0xe0), within(0, 127), within(-8192, 8191)],
  turn: [
    oneOf("idle", "count-in", "player", "model", "both"),
    isTime,
    isEnd,
    within(0, Number.MAX_SAFE_INTEGER),
  ],
  tempo: [isTime, isTempo, isMeter, oneOf(true, false)],
  model: [isName],
  bookmark: [isNumber, isName, isTime, isNumber],
  back: [isTime, isTime, isNumber],
};

function isRow(value: unknown): value is Row {
  if (!Array.isArray(value) || !isNumber(value[1])) return false;
  const shape = Object.hasOwn(SHAPES, value[0]) ? SHAPES[value[0]] : undefined;
  return shape !== undefined && value.length === shape.length + 2 && shape.every((is, i) => is(value[i + 2]));
}

/** Whether a value is a record that can be stored, drawn and sent; the server checks that its parts fit together. */
export function isStored(value: unknown): value is Stored {
  if (typeof value !== "object" || value === null) return false;
  const { format, version, model, seed, config, now, entries } = value as Partial<Stored>;
  const isHead =
    format === FORMAT &&
    version === VERSION &&
    isName(model) &&
    within(0, Number.MAX_SAFE_INTEGER)(seed) &&
    typeof config === "object" &&
    config !== null &&
    isTime(now);
  if (!isHead || !Array.isArray(entries) || entries.length > MOST_ENTRIES) return false;
  return entries.every((row, i) => isRow(row) && row[1] > (entries[i - 1]?.[1] ?? -1));
}
