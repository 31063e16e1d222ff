/**
 * Keeps the record of the session, in this page and in the browser's store, so that neither a crash of the server nor a
 * reload of the page loses a note; and gives it back to a server that does not know it.
 */

import { toast } from "./dom";
import { type Changes, isStored, Journal, nextNumber, type Stored, withPlayed } from "./journal";
import type { Message } from "./messages";
import { midiOf } from "./midi";
import { present, type Session } from "./session";
import { type Kept, Store } from "./store";
import { texts } from "./texts";

const LARGEST = 24_000_000; // bytes of a record as a file, as the server's limit
const SAVE_EVERY = 1000; // milliseconds, of what the session does not account for

export class Keeper {
  private readonly journal = new Journal();
  private readonly store = new Store((reason) => toast(texts.notKept(reason), "error"));
  private programs: readonly string[] = [];
  private name: string | null; // of the session whose record this is
  private continues: string | null = null; // the session from whose record it went on
  private next: Stored | null = null; // the record that the next session goes on from

  /** program: that the player sounds like on a channel. */
  constructor(
    private readonly session: Session,
    private readonly program: (channel: number) => number,
  ) {
    this.name = session.name;
    session.onbegin = (recalled) => this.recall(recalled);
    setInterval(() => session.unheard.length > 0 && this.save(), SAVE_EVERY);
  }

  /** Takes what the session tells of its record. */
  take(message: Message): void {
    if (message.type === "welcome") {
      this.programs = message.instruments;
      if (message.session === this.name) return;
      this.continues = message.resumed ? this.name : null;
      this.name = message.session;
      this.journal.clear();
    } else if (message.type === "journal") this.save(this.journal.take(message));
  }

  /** The record as it is now; null if nothing was told yet. */
  record(): Stored | null {
    const { session } = this;
    const stored = this.journal.stored();
    return stored && withPlayed(stored, session.unheard, session.timeAt(present()), this.program);
  }

  /** The record as a MIDI file. Throws a line for people. */
  midi(): Blob {
    const record = this.record();
    if (!record || this.journal.notes === 0) throw new Error(texts.nothingPlayed);
    return new Blob([midiOf(record, this.programs)], { type: "audio/midi" });
  }

  /** The record as a file to go on from. Throws a line for people. */
  file(): Blob {
    const record = this.record();
    if (!record || this.journal.notes === 0) throw new Error(texts.nothingPlayed);
    return new Blob([JSON.stringify(record)], { type: "application/json" });
  }

  /** The other sessions that the browser keeps, the latest first. */
  async earlier(): Promise<Kept[]> {
    return (await this.store.list()).filter((kept) => kept.notes > 0 && kept.name !== this.name);
  }

  /** Begins a session that goes on from one of these. Rejects with a line for people. */
  async goOn(kept: Kept): Promise<void> {
    const record = await this.load(kept.name);
    if (record) this.begin(record, kept.name);
  }

  /** Begins a session that goes on from a file. Rejects with a line for people. */
  async open(file: File): Promise<void> {
    if (file.size > LARGEST) throw new Error(texts.recordTooLarge(file.name));
    const record = await file
      .text()
      .then(JSON.parse)
      .catch(() => null);
    if (!isStored(record)) throw new Error(texts.noRecord(file.name));
    this.begin(record, null);
  }

  /** Begins a session that goes on from a record, which is that of a kept session or of none. */
  private begin(record: Stored, name: string | null): void {
    this.save();
    this.journal.clear();
    this.name = name;
    this.next = record;
    this.session.beginAnew();
  }

  /** What a session that has just begun goes on from; null if it knows more, as it is `recalled` up to that entry. */
  private async recall(recalled: number): Promise<Stored | null> {
    this.save();
    const next = this.next;
    this.next = null;
    if (next) return next;
    const own = await this.own();
    return own && nextNumber(own) >= recalled ? own : null;
  }

  private async own(): Promise<Stored | null> {
    if (this.journal.notes > 0 || this.session.unheard.length > 0) return this.record();
    return this.name === null ? null : this.load(this.name).catch((error: Error) => this.complain(error));
  }

  private complain(error: Error): null {
    toast(error.message, "error");
    return null;
  }

  private async load(name: string): Promise<Stored | null> {
    const kept = await this.store.load(name).catch(() => {
      throw new Error(texts.keptBroken);
    });
    if (!kept || kept.head.notes + kept.head.played.length === 0) return null;
    const { played } = kept.head;
    const time = played.reduce((last, each) => Math.max(last, each.time), kept.stored.now);
    return withPlayed(kept.stored, played, time, this.program);
  }

  /** Stores changes, and what the session has not accounted for. */
  private save(changes: Changes = { rows: [], dropped: [] }): void {
    const stored = this.journal.head && this.journal.stored();
    if (!stored || this.name === null) return;
    const { entries, ...head } = stored;
    const { notes } = this.journal;
    const played = [...this.session.unheard];
    const { name, continues } = this;
    this.store.save(
      { ...head, name, continues, saved: Date.now(), rows: entries.length, notes, played },
      changes,
    );
  }
}
