/**
 * What was played and what is planned, as far as the page knows: the source of all that is drawn and replayed.
 *
 * The player's own notes are put in at once, under negative numbers; when the session tells its record (after
 * undo, a bookmark, a new connection), that one counts. Times are the session's.
 */

import { DRUMS } from "./channels";
import { beforeTime, withHarmony } from "./harmony";
import type { Bookmark, Harmony, Note, Side, Tempo, Turn } from "./messages";

const SAME = 0.03; // seconds between two accounts of one key press
const IDLE: Turn = { turn: "idle", start: 0, end: null, number: 0 };

export class Record {
  notes: Note[] = [];
  bookmarks: Bookmark[] = [];
  /** Turns as they were and will be, each cut where the next begins. */
  turns: Turn[] = [];
  tempos: Tempo[] = [];
  /** Key and chords, in time order. */
  harmonies: Harmony[] = [];
  private lastOwn = 0;

  /** Forgets everything, for a session that begins anew on another clock. */
  clear(): void {
    this.notes = [];
    this.bookmarks = [];
    this.turns = [];
    this.tempos = [];
    this.harmonies = [];
  }

  /** Forgets what is known and takes the session's account. */
  replace(notes: Note[], bookmarks: Bookmark[]): void {
    this.notes = [...notes].sort((a, b) => a.start - b.start);
    this.bookmarks = [...bookmarks];
    const last = this.notes.at(-1)?.start ?? 0;
    this.turns = this.turns.filter((turn, i) => turn.start <= last || i === this.turns.length - 1);
  }

  /** A key of the player went down. Returns the note, which `release` ends. */
  press(start: number, channel: number, pitch: number, velocity: number, program: number): Note {
    const number = --this.lastOwn;
    const note: Note = { number, side: "player", start, end: null, pitch, velocity, channel, program };
    this.insert(note);
    return note;
  }

  release(note: Note, end: number): void {
    note.end = Math.max(end, note.start);
  }

  /** Takes in notes that the session tells. Returns those that are to sound: not the player's own key presses. */
  add(notes: Note[]): Note[] {
    return notes.filter((note) => {
      const known = this.notes.findIndex((other) => isSame(other, note));
      const own = known >= 0 && (this.notes[known]?.number ?? 0) < 0;
      if (known >= 0) this.notes.splice(known, 1);
      this.insert(note);
      return !own;
    });
  }

  /** Planned notes that will not be played; those that sound already end at `at`. */
  cancel(numbers: number[], at: number): void {
    const gone = new Set(numbers);
    this.notes = this.notes.filter((note) => !gone.has(note.number) || note.start < at);
    for (const note of this.notes) {
      if (gone.has(note.number) && (note.end === null || note.end > at)) note.end = at;
    }
  }

  setTurn(turn: Turn): void {
    this.turns = this.turns.filter((other) => other.start < turn.start);
    const before = this.turns.at(-1);
    if (before && (before.end === null || before.end > turn.start)) before.end = turn.start;
    this.turns.push({ ...turn });
    this.harmonies = beforeTime(this.harmonies, turn.start);
  }

  setHarmony(harmony: Harmony): void {
    this.harmonies = withHarmony(this.harmonies, harmony);
  }

  /** Whether the model has answered, so that an answer can be given again. */
  get answered(): boolean {
    return this.turns.some(({ turn }) => turn === "model");
  }

  /** Whose turn it is at a time. */
  turnAt(time: number): Turn {
    return this.turns.findLast((turn) => turn.start <= time) ?? IDLE;
  }

  /** Whether the session runs, or is about to. */
  get running(): boolean {
    return (this.turns.at(-1) ?? IDLE).turn !== "idle";
  }

  setTempo(tempo: Tempo): void {
    this.tempos = [...this.tempos.filter((other) => other.bar_line < tempo.bar_line), tempo];
  }

  /** The tempo at a time, if there is one. */
  tempoAt(time: number): Tempo | null {
    return this.tempos.findLast((tempo) => tempo.bar_line <= time + 1e-6) ?? this.tempos[0] ?? null;
  }

  /** The end of the last note; 0 when nothing was played. */
  get end(): number {
    return this.notes.reduce((last, note) => Math.max(last, note.end ?? note.start), 0);
  }

  /** Who sounds each pitch at a time; the model's drums have none. */
  sounding(time: number): Map<number, Set<Side>> {
    const found = new Map<number, Set<Side>>();
    for (const note of this.notes) {
      if (!isSounding(note, time) || (note.side === "model" && note.program === DRUMS)) continue;
      const sides = found.get(note.pitch) ?? new Set<Side>();
      found.set(note.pitch, sides.add(note.side));
    }
    return found;
  }

  private insert(note: Note): void {
    const after = this.notes.findLastIndex((other) => other.start <= note.start);
    this.notes.splice(after + 1, 0, note);
  }
}

export function isSounding(note: Note, time: number): boolean {
  return note.start <= time && (note.end === null || time < note.end);
}

function isSame(one: Note, other: Note): boolean {
  if (one.number === other.number) return true;
  const ofPlayer = one.side === "player" && other.side === "player" && one.number < 0;
  return ofPlayer && one.pitch === other.pitch && Math.abs(one.start - other.start) < SAME;
}
