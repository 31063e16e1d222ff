import { beforeEach, expect, test } from "vitest";
import { Record } from "../src/record";
import { makeNote, makeTempo } from "./build";

let record: Record;

beforeEach(() => {
  record = new Record();
});

test("the player's key and the session's account of it are one note", () => {
  record.press(1, 0, 60, 80, 0);
  const toSound = record.add([makeNote({ number: 7, side: "player", start: 1.01 })]);
  expect(record.notes.map((note) => note.number)).toEqual([7]);
  expect(toSound).toEqual([]);
});

test("both sides may hold one key", () => {
  record.press(1, 0, 60, 80, 0);
  record.add([makeNote({ start: 1 })]);
  expect([...(record.sounding(1.5).get(60) ?? [])].sort()).toEqual(["model", "player"]);
  expect([...(record.sounding(2.5).get(60) ?? [])]).toEqual(["player"]);
});

test("notes are kept by their start", () => {
  record.add([makeNote({ number: 2, start: 5 }), makeNote({ number: 3, start: 3 })]);
  record.press(4, 0, 60, 80, 0);
  expect(record.notes.map((note) => note.start)).toEqual([3, 4, 5]);
  expect(record.end).toBe(4);
});

test("cancelled notes go, or end if they sound", () => {
  record.add([makeNote({ number: 1, start: 1, end: 4 }), makeNote({ number: 2, start: 3, end: 4 })]);
  record.cancel([1, 2], 2);
  expect(record.notes).toEqual([makeNote({ number: 1, start: 1, end: 2 })]);
});

test("a turn counts from its start on, and cuts the one before", () => {
  record.setTurn({ turn: "player", start: 1, end: null, number: 1 });
  record.setTurn({ turn: "model", start: 4, end: 8, number: 1 });
  expect(record.turnAt(0).turn).toBe("idle");
  expect(record.turnAt(3.9)).toMatchObject({ turn: "player", end: 4 });
  expect(record.turnAt(4).turn).toBe("model");
  record.setTurn({ turn: "idle", start: 3, end: null, number: 0 });
  expect(record.running).toBe(false);
  expect(record.turnAt(5).turn).toBe("idle");
});

test("the tempo at a time is the last one before it", () => {
  record.setTempo(makeTempo({ bar_line: 2 }));
  record.setTempo(makeTempo({ bar_line: 6, quarters_per_minute: 90 }));
  expect(record.tempoAt(5)?.quarters_per_minute).toBe(120);
  expect(record.tempoAt(6)?.quarters_per_minute).toBe(90);
});

test("the session's account replaces what is known", () => {
  record.press(1, 0, 60, 80, 0);
  record.setTurn({ turn: "player", start: 0.5, end: 2, number: 1 });
  record.setTurn({ turn: "model", start: 7, end: 9, number: 1 });
  record.setTurn({ turn: "player", start: 9, end: null, number: 2 });
  record.replace([makeNote({ number: 4 })], []);
  expect(record.notes.map((note) => note.number)).toEqual([4]);
  expect(record.turns.map((turn) => turn.start)).toEqual([0.5, 9]);
});
