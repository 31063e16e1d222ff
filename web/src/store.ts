/**
 * What the browser keeps of the sessions of this page, by IndexedDB: a head and the entries of each, by its name.
 *
 * Entries are written as they change. What cannot be kept or read is told in one line, and the page goes on.
 */

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { arePlayed, type Changes, isStored, type Played, type Row, type Stored } from "./journal";

const MOST_SESSIONS = 20;
const MOST_ROWS = 1_000_000; // of all sessions together
const WRITE_EVERY = 500; // milliseconds

/** What is known of a stored session without its entries. */
export interface Kept extends Omit<Stored, "entries"> {
  name: string;
  /** The session from whose record this one went on, which has nothing more then. */
  continues: string | null;
  /** When it was last written, in milliseconds since 1970. */
  saved: number;
  /** The number of its entries, and of the notes among them. */
  rows: number;
  notes: number;
  /** What the player played after these. */
  played: Played[];
}

interface Schema extends DBSchema {
  sessions: { key: string; value: Kept };
  entries: { key: [string, number]; value: Row };
}

export class Store {
  private readonly database: Promise<IDBPDatabase<Schema>>;
  private waiting = new Map<string, { head: Kept; rows: Map<number, Row | null> }>();
  private timer = 0;
  private isBroken = false;

  /** onfault: called once, with the reason, when the browser does not keep anything (any more). */
  constructor(private readonly onfault: (reason: string) => void) {
    this.database = openDB<Schema>("ritornello", 1, {
      upgrade: (database) => {
        database.createObjectStore("sessions", { keyPath: "name" });
        database.createObjectStore("entries");
      },
    });
    this.database.then(() => this.tidy()).catch((error: Error) => this.fail(error));
    addEventListener("pagehide", () => this.write());
    addEventListener("visibilitychange", () => this.write());
  }

  /** Writes changes of a session soon. */
  save(head: Kept, { rows, dropped }: Changes): void {
    const waiting = this.waiting.get(head.name) ?? { head, rows: new Map<number, Row | null>() };
    waiting.head = head;
    for (const number of dropped) waiting.rows.set(number, null);
    for (const row of rows) waiting.rows.set(row[1], row);
    this.waiting.set(head.name, waiting);
    if (!this.timer) this.timer = window.setTimeout(() => this.write(), WRITE_EVERY);
  }

  /** The stored sessions, the latest first. */
  async list(): Promise<Kept[]> {
    if (this.isBroken) return [];
    const found = (await (await this.database).getAll("sessions")).filter(isKept);
    const isContinued = (head: Kept) =>
      found.some((other) => other.continues === head.name && other.saved >= head.saved);
    return found.filter((head) => !isContinued(head)).sort((a, b) => b.saved - a.saved);
  }

  /** A session; null if there is none. Rejects, and removes it, if what is stored makes no sense. */
  async load(name: string): Promise<{ head: Kept; stored: Stored } | null> {
    if (this.isBroken) return null;
    await this.write();
    const database = await this.database;
    const head = await database.get("sessions", name);
    if (head === undefined) return null;
    const stored = { ...head, entries: await database.getAll("entries", rangeOf(name)) };
    if (isStored(stored) && isKept(head)) return { head, stored };
    await this.remove([name]);
    throw new Error(name);
  }

  private async write(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = 0;
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    if (waiting.length === 0 || this.isBroken) return;
    try {
      const transaction = (await this.database).transaction(["sessions", "entries"], "readwrite");
      const [sessions, entries] = [transaction.objectStore("sessions"), transaction.objectStore("entries")];
      for (const { head, rows } of waiting) {
        sessions.put(head);
        for (const [number, row] of rows)
          row ? entries.put(row, [head.name, number]) : entries.delete([head.name, number]);
      }
      await transaction.done;
    } catch (error) {
      this.fail(error as Error);
    }
  }

  /** Removes the oldest sessions above what is kept, and heads that make no sense. */
  private async tidy(): Promise<void> {
    const found = await (await this.database).getAll("sessions");
    const kept = await this.list();
    let rows = 0;
    const names = kept.filter((head, i) => {
      rows += head.rows;
      return i < MOST_SESSIONS && rows <= MOST_ROWS;
    });
    const stay = new Set(names.map(({ name }) => name));
    await this.remove(found.map(({ name }) => name).filter((name) => !stay.has(name)));
  }

  private async remove(names: readonly string[]): Promise<void> {
    const transaction = (await this.database).transaction(["sessions", "entries"], "readwrite");
    for (const name of names) {
      transaction.objectStore("sessions").delete(name);
      transaction.objectStore("entries").delete(rangeOf(name));
    }
    await transaction.done;
  }

  private fail(error: Error): void {
    if (!this.isBroken) this.onfault(error.message);
    this.isBroken = true;
  }
}

function rangeOf(name: string): IDBKeyRange {
  return IDBKeyRange.bound([name, 0], [name, Number.POSITIVE_INFINITY]);
}

function isKept({ saved, rows, notes, name, played }: Partial<Kept>): boolean {
  const areNumbers = [saved, rows, notes].every((value) => Number.isFinite(value));
  return typeof name === "string" && areNumbers && arePlayed(played);
}
