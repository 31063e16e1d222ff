/** Things for tests, made by code. */

import type { Note, Tempo } from "../src/messages";

export function makeNote(changes: Partial<Note> = {}): Note {
  return {
    number: 1,
    side: "model",
    start: 1,
    end: 2,
    pitch: 60,
    velocity: 80,
    channel: 0,
    program: 0,
    ...changes,
  };
}

export function makeTempo(changes: Partial<Tempo> = {}): Tempo {
  return { bar_line: 10, quarters_per_minute: 120, meter: [4, 4], steady: true, ...changes };
}
