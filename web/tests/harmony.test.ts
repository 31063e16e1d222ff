import { expect, test } from "vitest";
import { beforeTime, labelsOf, withHarmony } from "../src/harmony";
import type { Harmony } from "../src/messages";

const heard: Harmony = {
  turn: "player",
  start: 0,
  end: 4,
  key: "D major",
  chords: [
    [0, "D"],
    [2, "A7"],
  ],
};
const planned: Harmony = {
  ...heard,
  turn: "model",
  start: 4,
  end: 8,
  chords: [
    [4, "(G)"],
    [6, ""],
  ],
};

test("a key is shown where it changes, a chord where it begins", () => {
  const labels = labelsOf(
    [heard, planned, { ...planned, start: 8, end: 9, key: "A minor", chords: [] }],
    1,
    9,
  );
  expect(labels.map(({ time, text, isKey }) => [time, text, isKey])).toEqual([
    [1, "D major", true],
    [2, "A7", false],
    [4, "(G)", false],
    [8, "A minor", true],
  ]);
});

test("a new account replaces what it overlaps", () => {
  const again: Harmony = { ...planned, start: 2, end: 6, chords: [[2, "Em"]] };
  const known = withHarmony(withHarmony([heard], planned), again);
  expect(known.map(({ start, end, chords }) => [start, end, chords.map(([, name]) => name)])).toEqual([
    [0, 2, ["D"]],
    [2, 6, ["Em"]],
  ]);
});

test("a turn that begins earlier cuts what was planned", () => {
  expect(beforeTime([heard, planned], 2).map(({ end, chords }) => [end, chords.length])).toEqual([[2, 1]]);
});
