/** The drawn piano: as many keys as the width allows, lit by who plays them. */

import { element, make } from "./dom";
import { labelOf, pitchName, pitchOf, readLayout, SEMITONES } from "./keys";
import type { Side } from "./messages";
import { lowestFor, whitesFor } from "./piano-range";
import { settings } from "./settings";
import { onLanguage, texts } from "./texts";

const BLACK = new Set([1, 3, 6, 8, 10]);
const HIGHEST = 127;
const TOUCHED = "(pointer: coarse), (max-width: 640px)"; // as in piano.css
const WHITES_BELOW = [0, 1, 1, 2, 2, 3, 4, 4, 5, 5, 6, 6]; // white keys left of each key of an octave

export class Piano {
  private readonly keys = new Map<number, HTMLElement>();
  private readonly lit = new Map<number, string>();
  private layout: ReadonlyMap<string, string> | null = null;

  constructor(private readonly element: HTMLElement) {
    new ResizeObserver(() => this.draw()).observe(element);
    onLanguage(() => this.draw());
    readLayout().then((layout) => {
      this.layout = layout;
      this.draw();
    });
  }

  /** Draws the keys anew, after the width or the octave has changed. */
  draw(): void {
    const whites = whitesFor(this.element.clientWidth, matchMedia(TOUCHED).matches);
    const lowest = lowestFor(whites, settings.octave);
    this.keys.clear();
    this.lit.clear();
    const labels = settings.lettersPlay ? this.labels() : new Map<number, string>();
    let drawn = 0;
    let highest = lowest;
    for (let pitch = lowest; pitch <= HIGHEST; pitch++) {
      const isWhite = !BLACK.has(pitch % 12);
      if (isWhite && drawn === whites) break;
      this.keys.set(pitch, makeKey(pitch, lowest, labels.get(pitch)));
      if (!isWhite) continue;
      drawn++;
      highest = pitch;
    }
    this.keys.delete(highest + 1); // a black key beyond the edge
    const range = [pitchName(lowest), pitchName(highest)] as const;
    this.element.style.setProperty("--whites", String(drawn));
    this.element.ariaLabel = texts.pianoRange(...range);
    element("piano-range").textContent = texts.range(...range);
    this.element.replaceChildren(...this.keys.values());
  }

  /** Lights the keys that sound, by who plays them. */
  light(sounding: ReadonlyMap<number, ReadonlySet<Side>>): void {
    for (const [pitch, key] of this.keys) {
      const by = [...(sounding.get(pitch) ?? [])].sort().join(" ");
      if (by === (this.lit.get(pitch) ?? "")) continue;
      this.lit.set(pitch, by);
      key.dataset.by = by;
    }
  }

  private labels(): Map<number, string> {
    const codes = Object.keys(SEMITONES);
    return new Map(
      codes.map((code) => [pitchOf(code, settings.octave) ?? -1, labelOf(code, this.layout)] as const),
    );
  }
}

function makeKey(pitch: number, lowest: number, label: string | undefined): HTMLElement {
  const step = pitch % 12;
  const colour = BLACK.has(step) ? "black" : "white";
  const key = make("div", "", { class: `key ${colour}`, "data-pitch": String(pitch) });
  const whites = 7 * Math.floor((pitch - lowest) / 12) + (WHITES_BELOW[step] ?? 0);
  key.style.setProperty("--at", String(whites));
  if (label) key.append(make("kbd", label));
  if (step === 0) key.append(make("small", pitchName(pitch)));
  return key;
}
