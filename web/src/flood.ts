/**
 * A guard against a MIDI input that sends more than anybody plays: a fault, or a cable that leads back to itself.
 *
 * The server would close the connection of a page that passes it all on.
 */

const RATE = 400; // messages a second in the long run: a cable has room for a thousand
const BURST = 800; // at once
const QUIET = 1; // seconds without a message, after which an input is heard again

interface Input {
  level: number; // messages that it may send now
  last: number; // moment of its last message
  isBlocked: boolean;
}

export type Verdict = "heard" | "blocked" | "begins" | "back"; // begins, back: the first of either kind

export class FloodGuard {
  private readonly inputs = new Map<string, Input>();

  /** What to do with a message of an input that comes at a moment; "begins" is the first that is not to be heard. */
  judge(name: string, moment: number): Verdict {
    const input = this.inputs.get(name) ?? { level: BURST, last: moment, isBlocked: false };
    this.inputs.set(name, input);
    const since = Math.max(moment - input.last, 0);
    input.level = Math.min(BURST, input.level + RATE * since);
    input.last = moment;
    if (input.isBlocked) {
      if (since < QUIET) return "blocked";
      input.isBlocked = false;
      return "back";
    }
    input.level -= 1;
    if (input.level >= 0) return "heard";
    input.isBlocked = true;
    return "begins";
  }
}
