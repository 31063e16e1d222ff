/** Which time the stage shows: the present while something happens, otherwise it stands still and can be scrolled. */

const EASE = 0.86; // what is left, at each picture, of the way back to the present

export class View {
  private held: number | null = null;
  private gap = 0;

  /** The time to show. `eased`, or jumping back to the present at once. */
  at(now: number, active: boolean, eased: boolean): number {
    if (!active) {
      this.held ??= now - this.gap;
      return this.held;
    }
    if (this.held !== null) this.gap = now - this.held;
    this.held = null;
    this.gap = eased && Math.abs(this.gap) > 0.005 ? this.gap * EASE : 0;
    return now - this.gap;
  }

  /** Scrolls through what was played, while the stage stands still. */
  scroll(seconds: number, last: number): void {
    if (this.held !== null) this.held = Math.min(Math.max(this.held + seconds, 0), Math.max(last, 0));
  }
}
