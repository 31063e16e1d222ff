/** A tempo from taps. */

const FORGET = 2; // seconds without a tap, after which counting starts anew
const KEPT = 6;

export class Tap {
  private moments: number[] = [];

  /** Takes a tap. Returns quarter notes a minute, from the second tap on. */
  add(moment: number): number | null {
    const last = this.moments.at(-1);
    if (last !== undefined && moment - last > FORGET) this.moments = [];
    this.moments = [...this.moments, moment].slice(-KEPT);
    const first = this.moments[0] ?? moment;
    const beats = this.moments.length - 1;
    return beats < 1 ? null : Math.round((60 * beats) / (moment - first));
  }
}
