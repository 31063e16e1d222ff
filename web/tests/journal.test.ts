import { beforeEach, expect, test } from "vitest";
import { type Head, isStored, Journal, type Row, type Stored, withPlayed } from "../src/journal";

const HEAD: Head = { model: "songs", seed: 1, config: {}, recipe: "{}", key: null };
const NOTE: Row = ["note", 2, "player", 1, null, 60, 90, 0, 0];
const program = () => 7;

let journal: Journal;

function tell(entries: Row[], dropped: number[] = [], whole = false, now = 2): ReturnType<Journal["take"]> {
  return journal.take({ type: "journal", entries, dropped, whole, now, heard: 0, head: HEAD });
}

function stored(): Stored {
  const found = journal.stored();
  if (!found) throw new Error("nothing was told");
  return found;
}

beforeEach(() => {
  journal = new Journal();
  tell([["model", 1, "songs"], NOTE]);
});

test("entries are added, replaced and dropped, and only what changed is told on", () => {
  const ended: Row = ["note", 2, "player", 1, 1.5, 60, 90, 0, 0];
  const planned: Row = ["note", 3, "model", 3, 4, 64, 80, 1, 0];
  expect(tell([ended, planned]).rows).toEqual([ended, planned]);
  expect(journal.notes).toBe(2);
  expect(tell([ended], [3])).toEqual({ rows: [], dropped: [3] });
  expect(journal.notes).toBe(1);
  expect(tell([ended], [], true)).toEqual({ rows: [], dropped: [1] });
  expect(stored().entries).toEqual([ended]);
});

test("what is not accounted for becomes entries, as the session would write them", () => {
  const played = [
    { time: 1.5, data: [0x80, 60, 0] },
    { time: 2, data: [0xb0, 64, 127] },
    { time: 2.5, data: [0x90, 62, 80] },
    { time: 3, data: [0x90, 62, 0] },
    { time: 3.5, data: [0x99, 36, 100] },
    { time: 4, data: [0xe0, 1, 63] },
    { time: 4.5, data: [0xb9, 123, 0] },
    { time: 5, data: [0xc0, 40] },
    { time: 5.5, data: [0x90, 65, 70] },
  ];
  const record = withPlayed(stored(), played, 6, program);
  expect(record.entries).toEqual([
    ["model", 1, "songs"],
    ["note", 2, "player", 1, 1.5, 60, 90, 0, 0],
    ["control", 3, 2, 0, 0xb0, 64, 127],
    ["note", 4, "player", 2.5, 3, 62, 80, 0, 7],
    ["note", 5, "player", 3.5, 4.5, 36, 100, 9, 128],
    ["control", 6, 4, 0, 0xe0, 0, 1 + 128 * 63 - 8192],
    ["control", 7, 4.5, 9, 0xb0, 123, 0],
    ["note", 8, "player", 5.5, null, 65, 70, 0, 40],
  ]);
  expect(record.now).toBe(6);
  expect(stored().entries, "the journal itself stays").toEqual([["model", 1, "songs"], NOTE]);
});

test("the clock goes on after a short silence, and an hour of sleep is left out", () => {
  tell([
    ["note", 2, "player", 1, 1.5, 60, 90, 0, 0],
    ["note", 3, "model", 900, 901, 60, 90, 0, 0],
  ]);
  expect(withPlayed(stored(), [], 30, program).now).toBe(30);
  expect(withPlayed(stored(), [], 800, program).now).toBe(2.5);
});

test.each<[string, (record: Stored) => unknown]>([
  ["nothing", () => null],
  ["a text", () => "record"],
  ["another format", (record) => ({ ...record, format: "song" })],
  ["a later version", (record) => ({ ...record, version: 2 })],
  ["no settings", (record) => ({ ...record, config: null })],
  ["a time that is none", (record) => ({ ...record, now: Number.NaN })],
  ["entries that are none", (record) => ({ ...record, entries: {} })],
  ["an unknown kind", (record) => ({ ...record, entries: [["constructor", 1]] })],
  ["a pitch that is none", (record) => ({ ...record, entries: [[...NOTE].with(5, 128)] })],
  ["a field too few", (record) => ({ ...record, entries: [NOTE.slice(0, -1)] })],
  ["numbers that do not rise", (record) => ({ ...record, entries: [NOTE, NOTE] })],
  ["too many entries", (record) => ({ ...record, entries: Array(400_001).fill(NOTE) })],
])("what is stored is checked: %s", (_, spoil) => {
  expect(isStored(stored())).toBe(true);
  expect(isStored(JSON.parse(JSON.stringify(stored())))).toBe(true);
  expect(isStored(spoil(stored()))).toBe(false);
});
