/** From the notes of a clip to a piece, and back. */

import type { MidiClip, NoteDescription } from "@ableton-extensions/sdk";
import { type Note, type Piece, Refusal } from "./service.js";

export const TICKS = 960;
const NEAR = 1e-3; // beats
const VELOCITY = 100; // of notes that come without

export type Meter = { numerator: number; denominator: number };

/** The part of a clip that sounds, in beats of the clip; `origin` is the bar line at or before `from`. */
export type Region = { from: number; to: number; origin: number; bar: number; bars: number };

/** Some properties come as bigint, although their type is number. */
const number = (value: number) => Number(value);

/**
 * Return what of a clip sounds. A loop may begin before the start marker. The end is that of the loop, which Live keeps
 * also for clips that do not loop; its end marker is the end of the content.
 */
export function soundingRegion(clip: MidiClip<"1.0.0">, meter: Meter): Region {
  const start = number(clip.startMarker);
  const from = clip.looping ? Math.min(number(clip.loopStart), start) : start;
  const to = number(clip.loopEnd);
  const bar = (4 * meter.numerator) / meter.denominator;
  const origin = Math.floor((from + NEAR) / bar) * bar;
  return { from, to, origin, bar, bars: Math.ceil((to - origin - NEAR) / bar) };
}

/** Return the bars, from 1, that a span of the clip touches, as "2-3"; those of the region at most. */
export function barsOf(region: Region, from: number, to: number): string {
  const first = Math.max(1, Math.floor((from - region.origin + NEAR) / region.bar) + 1);
  const last = Math.min(region.bars, Math.ceil((to - region.origin - NEAR) / region.bar));
  return first > last ? "" : first === last ? `${first}` : `${first}-${last}`;
}

/** Return the bars that have selected notes, or all. */
export function selectedBars(region: Region, notes: NoteDescription[]): string {
  const starts = notes.filter((note) => note.selected).map((note) => number(note.startTime));
  if (starts.length === 0) return barsOf(region, region.from, region.to);
  return barsOf(region, Math.min(...starts), Math.max(...starts) + 2 * NEAR);
}

/** Return the numbers in "2-3,5". */
export function parseBars(text: string): Set<number> {
  const bars = new Set<number>();
  for (const part of text.split(",")) {
    const [, first, last = first] = part.match(/^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/) ?? [];
    if (first === undefined || Number(last) - Number(first) > 10_000) {
      throw new Refusal(`"${text}" are no bars: write for instance 2-3 or 2,5-6.`);
    }
    for (let bar = Number(first); bar <= Number(last); bar++) bars.add(bar);
  }
  return bars;
}

/** Refuse bars that the clip does not fill: what is composed there would not sound. */
export function checkFilled(region: Region, bars: Iterable<number>): void {
  for (const bar of bars) {
    const start = region.origin + (bar - 1) * region.bar;
    if (bar < 1 || bar > region.bars) {
      throw new Refusal(`The clip has no bar ${bar}: it has ${region.bars}.`);
    }
    if (start < region.from - NEAR || start + region.bar > region.to + NEAR) {
      throw new Refusal(
        `The clip begins or ends inside bar ${bar}. Let it begin and end at bar lines, or choose other bars.`,
      );
    }
  }
}

const sounds = (region: Region, note: NoteDescription) =>
  !note.muted && number(note.startTime) >= region.from - NEAR && number(note.startTime) < region.to - NEAR;

function toNote(region: Region, note: NoteDescription): Note {
  const start = Math.max(0, Math.round((number(note.startTime) - region.origin) * TICKS));
  return {
    start,
    duration: Math.max(1, Math.round(number(note.duration) * TICKS)),
    pitch: number(note.pitch),
    velocity: Math.min(127, Math.max(1, Math.round(number(note.velocity ?? VELOCITY)))),
  };
}

export function toPiece(
  region: Region,
  notes: NoteDescription[],
  meter: Meter,
  bpm: number,
  track: { name: string; program: number; drums: boolean },
): Piece {
  const sounding = notes.filter((note) => sounds(region, note));
  if (sounding.length === 0) throw new Refusal("The clip has no notes that sound.");
  return {
    ticks_per_quarter: TICKS,
    tempos: [{ tick: 0, bpm }],
    meters: [{ tick: 0, ...meter }],
    tracks: [{ ...track, notes: sounding.map((note) => toNote(region, note)) }],
  };
}

/** Return composed notes in beats from the first bar line, `offset` beats later. */
export function toDescriptions(piece: Piece, notes: Note[], offset: number): NoteDescription[] {
  return notes.map((note) => ({
    pitch: note.pitch,
    startTime: offset + note.start / piece.ticks_per_quarter,
    duration: note.duration / piece.ticks_per_quarter,
    velocity: note.velocity,
  }));
}

/**
 * Return the notes of the clip once it is as composed. A note that is the same stays with all that Live knows of it,
 * and so do notes that begin in other bars than `bars` (default: all), muted ones, and those that do not sound.
 */
export function changed(
  region: Region,
  notes: NoteDescription[],
  composed: Piece,
  bars?: Set<number>,
): NoteDescription[] {
  const ticksOfBar = region.bar * TICKS;
  const isOpen = (note: Note) => !bars || bars.has(Math.floor(note.start / ticksOfBar) + 1);
  const key = (note: Note) => `${note.start} ${note.duration} ${note.pitch} ${note.velocity}`;
  const left = new Map<string, number>();
  const scale = TICKS / composed.ticks_per_quarter;
  const wanted = (composed.tracks[0]?.notes ?? []).map((note) => ({
    ...note,
    start: Math.round(note.start * scale),
    duration: Math.max(1, Math.round(note.duration * scale)),
  }));
  for (const note of wanted) left.set(key(note), (left.get(key(note)) ?? 0) + 1);
  const kept = notes.filter((each) => {
    if (!sounds(region, each)) return true;
    const note = toNote(region, each);
    const count = left.get(key(note)) ?? 0;
    if (count > 0) left.set(key(note), count - 1);
    return count > 0 || !isOpen(note);
  });
  const added = wanted.filter((note) => {
    const count = left.get(key(note)) ?? 0;
    if (count > 0) left.set(key(note), count - 1);
    return count > 0 && isOpen(note);
  });
  const inTicks = { ...composed, ticks_per_quarter: TICKS };
  return [...kept, ...toDescriptions(inTicks, added, region.origin)];
}
