/**
 * What the page plays with. A server keeps the session today (`connection.ts`); a page without a server would
 * bring another implementation of this interface, and nothing else would change.
 *
 * Conventions: a *time* is seconds on the session's clock, a *moment* is `performance.now()` in seconds.
 */

import type { Played, Stored } from "./journal";
import type { Message, Request } from "./messages";

export type Reach = "there" | "lost" | "over";

export interface Session {
  /** Called with everything the session says. */
  onmessage: (message: Message) => void;
  /** Called when the session comes into reach, is lost (and will be tried again), or is over. */
  onreach: (reach: Reach) => void;
  /**
   * Called when a session has begun that knows nothing, or what a server before it knew, up to the entry with the number
   * `recalled`: returns the record to go on from, if there is one that is fuller.
   */
  onbegin: (recalled: number) => Promise<Stored | null>;
  /** What the player played that the session has not accounted for. */
  readonly unheard: readonly Played[];
  /** The name of the session that this page has, or had before it was loaded again. */
  readonly name: string | null;
  /** Leaves the session, and begins another. */
  beginAnew(): void;
  send(request: Request): void;
  timeAt(moment: number): number;
  momentAt(time: number): number;
  /** The whole session as a file: mid, wav, mp3, musicxml, pdf, png, zip. Rejects with a line for people. */
  download(suffix: string): Promise<Blob>;
  /** Goes on from a record. Rejects with a line for people; then the session is what it was. */
  giveBack(record: Stored): Promise<void>;
  /** Plays a MIDI file as the call. Rejects with a line for people. */
  playCall(file: Blob): Promise<void>;
}

/** The present moment. */
export function present(): number {
  return performance.now() / 1000;
}
