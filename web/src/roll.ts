/**
 * The stage: a piano roll whose time flows past a now-line, drawn on a canvas.
 *
 * Left of the line is what was played, right of it, faint, what is planned. Turns are tinted in the colour of who
 * has them. Where motion is not wanted, the picture stands still and is turned like a page. Colours come from the style sheet, so dark and light need no code here.
 */

import { DRUMS } from "./channels";
import { labelsOf } from "./harmony";
import type { Note, Tempo, Turn } from "./messages";
import { beatsBetween } from "./metronome";
import { isSounding, type Record } from "./record";

const NOW_AT = 0.64; // share of the width left of the now-line
const PIXELS_A_SECOND = 96;
const FEWEST_SECONDS = 5;
const MOST_SECONDS = 18;
const LOW = 45; // pitches that are shown at least
const HIGH = 81;
const MARGIN = 3; // pitches above the highest note and below the lowest
const THICKEST = 15; // pixels
const PLANNED = 0.32; // opacity of what is not played yet
const TINT = 0.065; // opacity of a turn's colour
const RIBBON = 3; // pixels at the bottom, in the full colour of the turn
const SPARK = 30; // radius in pixels
const EASE = 0.12; // share of the way to a new range of pitches, at each picture
const BLACK = new Set([1, 3, 6, 8, 10]);

/** Colours as `#rrggbb`. */
type Palette = { [name in (typeof COLOURS)[number]]: string };
const COLOURS = ["player", "model", "ink", "line", "row", "quiet"] as const;

export class Roll {
  private readonly context: CanvasRenderingContext2D;
  private colours = readPalette();
  private width = 1;
  private height = 1;
  private low = LOW;
  private high = HIGH;
  private from = 0; // the time at the left edge

  constructor(private readonly canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser cannot draw");
    this.context = context;
    new ResizeObserver(() => this.resize()).observe(canvas);
    for (const preference of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(preference).addEventListener("change", () => {
        this.colours = readPalette();
      });
    }
  }

  /** Draws the record as it is at a time; `flowing`, or page by page. */
  draw(record: Record, time: number, flowing: boolean): void {
    this.from = this.origin(time, flowing);
    const to = this.from + this.seconds;
    const notes = record.notes.filter((note) => note.start < to && (note.end ?? to) > this.from);
    this.fit(notes, flowing);
    this.context.clearRect(0, 0, this.width, this.height);
    this.drawRows();
    for (const turn of record.turns) this.drawTurn(turn);
    this.drawBars(record.tempos, to);
    this.drawBookmarks(record);
    if (record.notes.length === 0 && !record.running) return; // an empty stage
    this.drawSparks(notes, time);
    this.drawNotes(notes, time, "past");
    this.drawNotes(notes, time, "planned");
    this.drawNow(record, time);
    this.drawHarmony(record, to);
  }

  /** Seconds that a way on the canvas stands for. */
  secondsAcross(pixels: number): number {
    return (pixels / this.width) * this.seconds;
  }

  private get seconds(): number {
    return Math.min(Math.max(this.width / PIXELS_A_SECOND, FEWEST_SECONDS), MOST_SECONDS);
  }

  private origin(time: number, flowing: boolean): number {
    const page = NOW_AT * this.seconds;
    return flowing ? time - page : Math.floor(time / page) * page - 0.1 * this.seconds;
  }

  private x(time: number): number {
    return ((time - this.from) / this.seconds) * this.width;
  }

  private y(pitch: number): number {
    return ((this.high - pitch) / (this.high - this.low)) * this.height;
  }

  private resize(): void {
    const ratio = devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.context.scale(ratio, ratio);
  }

  /** Moves the range of pitches so that the notes are in it. */
  private fit(notes: Note[], flowing: boolean): void {
    const pitches = notes.map((note) => note.pitch);
    const share = flowing ? EASE : 1;
    this.low += share * (Math.min(LOW, ...pitches.map((pitch) => pitch - MARGIN)) - this.low);
    this.high += share * (Math.max(HIGH, ...pitches.map((pitch) => pitch + MARGIN)) - this.high);
  }

  private drawRows(): void {
    const { context } = this;
    const thickness = this.height / (this.high - this.low);
    context.font = "10px system-ui, sans-serif";
    for (let pitch = Math.floor(this.low); pitch <= this.high + 1; pitch++) {
      context.fillStyle = this.colours.row;
      if (BLACK.has((pitch + 120) % 12)) context.fillRect(0, this.y(pitch + 0.5), this.width, thickness);
    }
    for (let c = 12 * Math.floor(this.low / 12); c <= this.high + 1; c += 12) {
      context.fillStyle = this.colours.line;
      context.fillRect(0, this.y(c - 0.5), this.width, 1);
      context.fillStyle = this.colours.quiet;
      context.fillText(`C${c / 12 - 1}`, 8, this.y(c - 0.5) - 4);
    }
  }

  private drawTurn(turn: Turn): void {
    const left = this.x(turn.start);
    const right = Math.min(turn.end === null ? this.width : this.x(turn.end), this.width);
    if (turn.turn === "idle" || right <= 0 || left >= this.width) return;
    this.context.fillStyle = this.tint(turn);
    this.context.globalAlpha = turn.turn === "count-in" ? 0.04 : TINT;
    this.context.fillRect(left, 0, right - left, this.height);
    this.context.globalAlpha = turn.turn === "count-in" ? 0.3 : 0.8;
    this.context.fillRect(left, this.height - RIBBON, right - left - 1, RIBBON);
    this.context.globalAlpha = 1;
  }

  /** The colour of who has the turn; of both, one above the other. */
  private tint({ turn }: Turn): string | CanvasGradient {
    if (turn === "count-in" || turn === "idle") return this.colours.ink;
    if (turn !== "both") return this.colours[turn];
    const both = this.context.createLinearGradient(0, 0, 0, this.height);
    both.addColorStop(0.2, this.colours.model);
    both.addColorStop(0.8, this.colours.player);
    return both;
  }

  private drawBars(tempos: readonly Tempo[], to: number): void {
    const { context } = this;
    context.fillStyle = this.colours.ink;
    tempos.forEach((tempo, i) => {
      const end = Math.min(tempos[i + 1]?.bar_line ?? to, to);
      for (const beat of beatsBetween(tempo, Math.max(tempo.bar_line, this.from), end)) {
        context.globalAlpha = beat.isBarLine ? 0.16 : 0.05;
        context.fillRect(Math.round(this.x(beat.time)), 0, 1, this.height);
      }
    });
    context.globalAlpha = 1;
  }

  private drawBookmarks(record: Record): void {
    const { context } = this;
    context.fillStyle = this.colours.quiet;
    context.font = "11px system-ui, sans-serif";
    for (const bookmark of record.bookmarks) {
      const x = this.x(bookmark.at);
      context.fillRect(x, 0, 1, this.height);
      context.fillText(bookmark.name, x + 6, this.height - 8);
    }
  }

  /** Key and chords at the foot of the roll, in the colour of whose they are. */
  private drawHarmony(record: Record, to: number): void {
    const { context } = this;
    for (const { time, text, turn, isKey } of labelsOf(record.harmonies, this.from, to)) {
      context.font = `${isKey ? 11 : 13}px system-ui, sans-serif`;
      context.fillStyle = turn === "player" || turn === "model" ? this.colours[turn] : this.colours.ink;
      context.fillText(text, this.x(time) + 4, this.height - (isKey ? 42 : 26));
    }
  }

  /** Draws the notes on one side of the now-line: a note that sounds is on both. */
  private drawNotes(notes: Note[], time: number, side: "past" | "planned"): void {
    const { context } = this;
    const now = this.x(time);
    context.save();
    context.beginPath();
    context.rect(side === "past" ? 0 : now, 0, side === "past" ? now : this.width - now, this.height);
    context.clip();
    for (const note of notes) this.drawNote(note, time, side === "past" ? 1 : PLANNED);
    context.restore();
  }

  private drawNote(note: Note, time: number, strength: number): void {
    const { context } = this;
    const left = this.x(note.start);
    const height = Math.min(Math.max((0.9 * this.height) / (this.high - this.low), 4), THICKEST);
    const length = note.program === DRUMS ? height : this.x(note.end ?? time) - left - 1; // a drum is a dot
    const sounds = isSounding(note, time) && strength === 1;
    context.fillStyle = this.colours[note.side];
    context.globalAlpha = strength * (sounds ? 1 : 0.5 + (0.4 * note.velocity) / 127);
    context.shadowColor = this.colours[note.side];
    context.shadowBlur = sounds ? 18 : 0;
    context.beginPath();
    context.roundRect(
      left,
      this.y(note.pitch) - height / 2,
      Math.max(length, 3),
      height,
      Math.min(height / 2, 4),
    );
    context.fill();
    context.shadowBlur = 0;
    if (strength === 1) return;
    context.globalAlpha = 1; // what is planned is faint, but its outline can be seen
    context.strokeStyle = this.colours[note.side];
    context.stroke();
  }

  private drawNow(record: Record, time: number): void {
    const { context } = this;
    const x = this.x(time);
    const { turn } = record.turnAt(time);
    context.fillStyle = turn === "player" || turn === "model" ? this.colours[turn] : this.colours.ink;
    context.globalAlpha = turn === "idle" ? 0.35 : 0.85;
    context.fillRect(x - 1, 0, 2, this.height);
    context.globalAlpha = 1;
  }

  /** The light where a note meets the now-line. */
  private drawSparks(notes: Note[], time: number): void {
    const { context } = this;
    const x = this.x(time);
    context.globalAlpha = 0.45;
    for (const note of notes.filter((other) => isSounding(other, time))) {
      const y = this.y(note.pitch);
      const light = context.createRadialGradient(x, y, 0, x, y, SPARK);
      light.addColorStop(0, this.colours[note.side]);
      light.addColorStop(1, `${this.colours[note.side]}00`);
      context.fillStyle = light;
      context.fillRect(x - SPARK, y - SPARK, 2 * SPARK, 2 * SPARK);
    }
    context.globalAlpha = 1;
  }
}

/** The colours of the style sheet; those of the system have names there, so an element has to say what they are. */
function readPalette(): Palette {
  const probe = document.createElement("i");
  probe.style.setProperty("forced-color-adjust", "none");
  document.body.append(probe);
  const entries = COLOURS.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, hexadecimal(getComputedStyle(probe).color)];
  });
  probe.remove();
  return Object.fromEntries(entries) as Palette;
}

/** `#rrggbb` for `rgb(r, g, b)`. */
function hexadecimal(colour: string): string {
  const parts = (colour.match(/\d+/g) ?? []).slice(0, 3);
  return `#${parts.map((part) => Number(part).toString(16).padStart(2, "0")).join("")}`;
}
