/** Computer keys, several sources, the sustain pedal, taps. */

import { expect, test } from "vitest";
import { labelOf, pitchName, pitchOf, SEMITONES } from "../src/keys";
import { lowestFor, whitesFor } from "../src/piano-range";
import { Player } from "../src/player";
import { Tap } from "../src/tap";
import { NoteTracker } from "../src/tracker";

test("the computer keys are a chromatic row", () => {
  expect(Object.values(SEMITONES)).toEqual([...Array(18).keys()]);
  expect(pitchOf("KeyA", 4)).toBe(60);
  expect(pitchOf("KeyU", 3)).toBe(58);
  expect(pitchOf("KeyR", 4)).toBeNull();
});

test("a key says what is printed on it", () => {
  expect(labelOf("KeyA", new Map([["KeyA", "q"]]))).toBe("Q");
  expect(labelOf("KeyA", null)).toBe("A");
  expect(labelOf("Semicolon", null)).toBe(";");
});

test("the drawn piano grows with the width, and its keys are wide enough for a finger", () => {
  expect([300, 1024, 4000].map((width) => whitesFor(width, false))).toEqual([10, 36, 50]);
  for (const width of [320, 360, 390, 640, 844, 1024]) {
    expect(width / whitesFor(width, true), String(width)).toBeGreaterThanOrEqual(36);
  }
});

test("the drawn piano shows the octave that is played, and moves with it", () => {
  for (const whites of [8, 10, 23, 36, 50]) {
    for (let octave = 1; octave <= 7; octave++) {
      const lowest = lowestFor(whites, octave);
      const first = 12 * (octave + 1);
      expect(lowest).toBeGreaterThanOrEqual(12);
      expect(lowest).toBeLessThanOrEqual(first);
      expect(lowest + 12 * Math.floor((whites - 1) / 7)).toBeGreaterThanOrEqual(first + 12);
    }
  }
  expect([3, 4, 5].map((octave) => lowestFor(23, octave))).toEqual([36, 48, 60]);
});

test("pitches have names", () => {
  expect([0, 60, 70, 127].map(pitchName)).toEqual(["C-1", "C4", "B♭4", "G9"]);
});

function listen(player: Player): number[][] {
  const heard: number[][] = [];
  player.onmessage = (data) => heard.push(data);
  return heard;
}

test("a key that two sources hold is released by the last", () => {
  const player = new Player();
  const heard = listen(player);
  player.press(60, 80, "keys", 0);
  player.press(60, 90, "pointer 1", 0);
  player.release(60, "keys", 1);
  expect(heard).toHaveLength(2);
  player.release(60, "pointer 1", 2);
  expect(heard.at(-1)).toEqual([0x80, 60, 0]);
});

test("a MIDI input may end its notes by velocity 0, on any channel", () => {
  const player = new Player();
  const heard = listen(player);
  player.receive(new Uint8Array([0x93, 60, 100]), "midi a", 0);
  player.receive(new Uint8Array([0x93, 60, 0]), "midi a", 1);
  player.receive(new Uint8Array([0xb3, 64, 127]), "midi a", 1);
  expect(heard).toEqual([
    [0x93, 60, 100],
    [0x83, 60, 0],
    [0xb3, 64, 127],
  ]);
});

test("a source that is gone lets go of what it held, and only of that", () => {
  const player = new Player();
  player.press(60, 80, "midi a", 0);
  player.press(62, 80, "keys", 0);
  const heard = listen(player);
  player.releaseAll(1, "midi a");
  expect(heard).toEqual([[0x80, 60, 0]]);
  player.releaseAll(1);
  expect(heard[1]).toEqual([0x80, 62, 0]);
});

function track(...messages: number[][]): [string, number, number][] {
  const found: [string, number, number][] = [];
  const tracker = new NoteTracker<number>(
    (_channel, pitch, _velocity, moment) => {
      found.push(["begin", pitch, moment]);
      return pitch;
    },
    (pitch, moment) => found.push(["end", pitch, moment]),
  );
  messages.forEach((data, moment) => {
    tracker.receive(data, moment);
  });
  return found;
}

test("the pedal holds notes until it is up", () => {
  expect(track([0xb0, 64, 127], [0x90, 60, 80], [0x80, 60, 0], [0xb0, 64, 0])).toEqual([
    ["begin", 60, 1],
    ["end", 60, 3],
  ]);
});

test("a key that is struck again ends its note before", () => {
  expect(track([0x90, 60, 80], [0x90, 60, 90], [0x90, 60, 0])).toEqual([
    ["begin", 60, 0],
    ["end", 60, 1],
    ["begin", 60, 1],
    ["end", 60, 2],
  ]);
});

test("taps give a tempo, and a rest begins anew", () => {
  const tap = new Tap();
  expect(tap.add(0)).toBeNull();
  expect(tap.add(0.5)).toBe(120);
  expect(tap.add(1.0)).toBe(120);
  expect(tap.add(9)).toBeNull();
});
