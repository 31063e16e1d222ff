/** Plays the record again, from its first note, with its silences; nothing of it goes to the session. */

import type { Record } from "./record";
import { Scheduler, type Sink } from "./scheduler";

const LEAD = 0.4; // seconds before the first note
const TAIL = 0.6; // and after the last

export class Replay {
  /** Called when it begins, and when it ends, by itself or by `stop`. */
  onchange: () => void = () => {};
  private readonly scheduler: Scheduler;
  private begun: number | null = null; // moment
  private first = 0; // times
  private last = 0;

  constructor(sink: Sink) {
    this.scheduler = new Scheduler(sink);
  }

  get active(): boolean {
    return this.begun !== null;
  }

  start(record: Record, moment: number): void {
    this.begun = moment;
    this.first = (record.notes[0]?.start ?? 0) - LEAD;
    this.last = record.end + TAIL;
    for (const note of record.notes) {
      this.scheduler.add(note, this.momentAt(note.start), this.momentAt(note.end ?? note.start));
    }
    this.onchange();
  }

  stop(moment: number): void {
    if (this.begun === null) return;
    this.begun = null;
    this.scheduler.clear(moment);
    this.scheduler.advance(moment, 1);
    this.onchange();
  }

  advance(moment: number, horizon: number): void {
    this.scheduler.advance(moment, horizon);
    if (this.active && this.timeAt(moment) > this.last) this.stop(moment);
  }

  /** The time of the record that is heard at a moment. */
  timeAt(moment: number): number {
    return this.first + moment - (this.begun ?? moment);
  }

  private momentAt(time: number): number {
    return (this.begun ?? 0) + time - this.first;
  }
}
