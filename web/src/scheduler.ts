/**
 * Sends notes to where they sound, a short while ahead, each with its moment.
 *
 * Only what is due within the horizon is sent: that is out of reach, all else can still be cancelled. A note that
 * comes late starts at once and ends when it should, so it is shortened, but never lost.
 */

import type { Note } from "./messages";

export interface Sink {
  noteOn(note: Note, moment: number): void;
  noteOff(note: Note, moment: number): void;
}

const SHORTEST = 0.06; // seconds that even a late note is heard

interface Entry {
  note: Note;
  start: number; // moments
  end: number;
  on: boolean;
}

const STALE = 1; // seconds after its end at which a note is not played any more: the page was asleep

export class Scheduler {
  private entries = new Map<number, Entry>();

  constructor(private readonly sink: Sink) {}

  get busy(): boolean {
    return this.entries.size > 0;
  }

  /** Takes a note that starts and ends at these moments; one of the same number is replaced. */
  add(note: Note, start: number, end: number): void {
    const known = this.entries.get(note.number);
    this.entries.set(note.number, { note, start, end, on: known?.on ?? false });
  }

  /** Takes back a note, or ends it at a moment if it sounds. */
  cancel(number: number, moment: number): void {
    const entry = this.entries.get(number);
    if (entry?.on) entry.end = Math.min(entry.end, Math.max(moment, entry.start));
    else this.entries.delete(number);
  }

  /** Takes back all, and ends what sounds. */
  clear(moment: number): void {
    for (const number of [...this.entries.keys()]) this.cancel(number, moment);
  }

  /** Sends what is due before `moment + horizon`. */
  advance(moment: number, horizon: number): void {
    for (const entry of this.entries.values()) {
      if (!entry.on && entry.end < moment - STALE) this.entries.delete(entry.note.number);
      else if (!entry.on && entry.start < moment + horizon) this.begin(entry, moment);
      if (entry.on && entry.end < moment + horizon) this.finish(entry, moment);
    }
  }

  private begin(entry: Entry, moment: number): void {
    entry.start = Math.max(entry.start, moment);
    entry.end = Math.max(entry.end, entry.start + SHORTEST);
    entry.on = true;
    this.sink.noteOn(entry.note, entry.start);
  }

  private finish(entry: Entry, moment: number): void {
    this.sink.noteOff(entry.note, Math.max(entry.end, moment));
    this.entries.delete(entry.note.number);
  }
}
