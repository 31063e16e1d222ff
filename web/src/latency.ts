/** What is measured, in a corner: from key to sound, and from the end of a call to the first note of the answer. */

import { element } from "./dom";
import type { Message } from "./messages";
import { onLanguage, texts } from "./texts";

const KEPT = 32;

export class Latency {
  private readonly keys: number[] = [];
  private answered: { p50: number; p95: number } | null = null;

  constructor() {
    onLanguage(() => this.show());
  }

  /** A key took this many seconds to be heard. */
  addKey(seconds: number): void {
    this.keys.push(seconds);
    if (this.keys.length > KEPT) this.keys.shift();
    this.show();
  }

  addAnswer({ answered }: Extract<Message, { type: "latency" }>): void {
    this.answered = answered;
    this.show();
  }

  /** The median from key to sound, in seconds; null before the first. */
  get key(): number | null {
    const sorted = [...this.keys].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? null;
  }

  private show(): void {
    const words = [];
    if (this.key !== null) words.push(texts.toSound(milliseconds(this.key)));
    if (this.answered) words.push(texts.toAnswer(milliseconds(this.answered.p50)));
    const place = element("latency");
    place.textContent = words.join(" · ");
    element("latency-in-settings").textContent = place.textContent;
    const slowest = this.answered ? texts.latencySlowest(milliseconds(this.answered.p95)) : "";
    place.title = texts.latencyMeaning + slowest;
  }
}

function milliseconds(seconds: number): string {
  return String(Math.round(1000 * seconds));
}
