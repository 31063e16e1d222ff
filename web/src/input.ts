/**
 * Hands on the page: pointers on the drawn piano, computer keys as a piano and as shortcuts.
 *
 * Computer keys play wherever the focus is, but in a box for text. What a focused control does with a key itself is
 * left to it. One that was used with the mouse loses the focus, so the space bar is free again.
 */

import { WRITABLE } from "./dom";
import { HIGHEST_OCTAVE, LOWEST_OCTAVE, pitchOf } from "./keys";
import type { Player } from "./player";
import { present } from "./session";
import { remember, settings } from "./settings";

const ALWAYS = new Set(["Space", "Escape"]); // shortcuts that are no letters, and stay
const KEY_VELOCITY = 84;
const SOFTEST = 48; // with the pointer at the far end of a key; at its near end it is 112
const RANGE = 64;
const OCTAVE_SWIPE = 48; // pixels of a swipe that move the piano by an octave

export class Computer {
  /** Called when the octave of the computer keys changed. */
  onoctave: () => void = () => {};
  private readonly held = new Map<string, number>(); // pitch by key

  /** shortcuts: by key; one returns false if it leaves the key to the browser. */
  constructor(
    private readonly player: Player,
    private readonly shortcuts: { [code: string]: (event: KeyboardEvent) => unknown },
  ) {
    addEventListener("keydown", (event) => this.press(event));
    addEventListener("keyup", (event) => this.release(event));
    addEventListener("blur", () => this.letGo());
    freeFocusAfterPointer();
  }

  shiftOctave(by: number): void {
    const octave = Math.min(Math.max(settings.octave + by, LOWEST_OCTAVE), HIGHEST_OCTAVE);
    remember({ octave });
    this.onoctave();
  }

  private press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || needsKey(event)) return;
    const pitch = settings.lettersPlay ? pitchOf(event.code, settings.octave) : null;
    if (pitch !== null) {
      event.preventDefault();
      if (!event.repeat && !this.held.has(event.code)) this.play(event.code, pitch, event.timeStamp);
    } else if (!event.repeat) this.command(event);
  }

  private play(code: string, pitch: number, stamp: number): void {
    if (pitch > 127) return;
    this.held.set(code, pitch);
    this.player.press(pitch, KEY_VELOCITY, "keys", Math.min(stamp / 1000, present()));
  }

  private release(event: KeyboardEvent): void {
    const pitch = this.held.get(event.code);
    if (pitch === undefined) return;
    this.held.delete(event.code);
    this.player.release(pitch, "keys", Math.min(event.timeStamp / 1000, present()));
  }

  private command(event: KeyboardEvent): void {
    const shortcut = this.shortcuts[event.code];
    if (!shortcut || !(settings.lettersCommand || ALWAYS.has(event.code))) return;
    if (shortcut(event) !== false) event.preventDefault(); // otherwise the browser does what the key does there
  }

  private letGo(): void {
    this.held.clear();
    this.player.releaseAll(present());
  }
}

const PRESSED_BY_SPACE = "button, a, summary, [type=checkbox], [type=radio]:not(:checked)";

/** Whether the focused control has its own use for the key: selects find what is typed. */
function needsKey(event: KeyboardEvent): boolean {
  if (!(event.target instanceof Element)) return false;
  if (event.target.matches("select, [type=text]")) return event.code !== "Escape";
  if (event.code === "Space") return event.target.matches(PRESSED_BY_SPACE);
  return event.code === "Backspace" && event.target.matches("input[type=number]");
}

function freeFocusAfterPointer(): void {
  let byPointer = false;
  addEventListener("pointerdown", () => {
    byPointer = true;
  });
  addEventListener("keydown", () => {
    byPointer = false;
  });
  const free = () => {
    const focused = document.activeElement;
    if (byPointer && focused instanceof HTMLElement && !focused.matches(WRITABLE)) focused.blur();
  };
  addEventListener("click", (event) => {
    if (!(event.target instanceof HTMLSelectElement)) free(); // its list has only just opened
  });
  addEventListener("change", free);
}

/**
 * Boxes for numbers: a click selects the number, so that what is typed replaces it; Escape leaves it as it was.
 * `restore` puts what is in force into a box.
 */
export function easeNumbers(restore: (box: HTMLInputElement) => void): void {
  for (const box of document.querySelectorAll<HTMLInputElement>(".stepper input")) {
    let isFresh = false;
    box.onfocus = () => {
      isFresh = true;
    };
    box.onclick = () => {
      if (isFresh) box.select();
      isFresh = false;
    };
    box.addEventListener("keydown", (event) => {
      if (event.code !== "Escape") return;
      event.stopPropagation(); // it is for the box alone
      restore(box);
      box.blur();
    });
  }
}

/** Lets pointers (mouse, pen, fingers) play and slide over keys that carry a `data-pitch`. */
export function playByPointer(piano: HTMLElement, player: Player): void {
  const held = new Map<number, number>(); // pitch by pointer
  const move = (event: PointerEvent, down: boolean) => {
    const pitch = down ? pitchAt(event) : null;
    const before = held.get(event.pointerId);
    if (before === pitch?.pitch) return;
    const moment = Math.min(event.timeStamp / 1000, present());
    const source = `pointer ${event.pointerId}`;
    held.delete(event.pointerId);
    if (before !== undefined) player.release(before, source, moment);
    if (!pitch) return;
    held.set(event.pointerId, pitch.pitch);
    player.press(pitch.pitch, pitch.velocity, source, moment);
  };
  piano.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    piano.setPointerCapture(event.pointerId);
    move(event, true);
  });
  piano.addEventListener("pointermove", (event) => move(event, event.buttons > 0));
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"] as const) {
    piano.addEventListener(name, (event) => move(event, false));
  }
  addEventListener("blur", () => held.clear()); // the player has let go of all
}

/** Lets a finger swipe along the strip above the piano: the keys follow it, an octave at a time. */
export function swipeOctaves(strip: HTMLElement, shift: (by: number) => void): void {
  let from: number | null = null;
  strip.addEventListener("pointerdown", (event) => {
    strip.setPointerCapture(event.pointerId);
    from = event.clientX;
  });
  strip.addEventListener("pointermove", (event) => {
    if (from === null || Math.abs(event.clientX - from) < OCTAVE_SWIPE) return;
    shift(event.clientX < from ? 1 : -1);
    from = event.clientX;
  });
  strip.addEventListener("lostpointercapture", () => {
    from = null;
  });
}

function pitchAt(event: PointerEvent): { pitch: number; velocity: number } | null {
  const key = document.elementFromPoint(event.clientX, event.clientY);
  if (!(key instanceof HTMLElement) || !key.dataset.pitch) return null;
  const box = key.getBoundingClientRect();
  const depth = (event.clientY - box.top) / box.height;
  return { pitch: Number(key.dataset.pitch), velocity: Math.round(SOFTEST + RANGE * depth) };
}
