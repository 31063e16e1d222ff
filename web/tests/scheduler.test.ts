import { beforeEach, expect, test } from "vitest";
import type { Note } from "../src/messages";
import { Scheduler } from "../src/scheduler";
import { makeNote } from "./build";

let sent: [string, number, number][];
let scheduler: Scheduler;

beforeEach(() => {
  sent = [];
  scheduler = new Scheduler({
    noteOn: (note: Note, moment: number) => sent.push(["on", note.number, moment]),
    noteOff: (note: Note, moment: number) => sent.push(["off", note.number, moment]),
  });
});

test("a note is sent ahead, within the horizon, with its own moments", () => {
  scheduler.add(makeNote(), 1, 2);
  scheduler.advance(0.8, 0.1);
  expect(sent).toEqual([]);
  scheduler.advance(0.95, 0.1);
  scheduler.advance(1.95, 0.1);
  expect(sent).toEqual([
    ["on", 1, 1],
    ["off", 1, 2],
  ]);
  expect(scheduler.busy).toBe(false);
});

test("a late note starts at once and ends when it should", () => {
  scheduler.add(makeNote(), 1, 2);
  scheduler.advance(1.5, 0.1);
  scheduler.advance(2, 0.1);
  expect(sent).toEqual([
    ["on", 1, 1.5],
    ["off", 1, 2],
  ]);
});

test("a note that is over when it comes is still heard", () => {
  scheduler.add(makeNote(), 1, 2);
  scheduler.advance(3, 0.1);
  expect(sent[0]).toEqual(["on", 1, 3]);
  expect(sent[1]?.[2]).toBeGreaterThan(3.05);
});

test("what was not sent can be cancelled, what sounds ends", () => {
  scheduler.add(makeNote({ number: 1 }), 1, 5);
  scheduler.add(makeNote({ number: 2 }), 3, 5);
  scheduler.advance(1, 0.1);
  scheduler.cancel(1, 2);
  scheduler.cancel(2, 2);
  scheduler.advance(2, 0.1);
  scheduler.advance(9, 0.1);
  expect(sent).toEqual([
    ["on", 1, 1],
    ["off", 1, 2],
  ]);
});

test("every note that begins ends, whatever happens to it", () => {
  for (let number = 1; number <= 20; number++) {
    scheduler.add(makeNote({ number }), (number * 7) % 5, ((number * 7) % 5) + 1);
    scheduler.advance(number / 4, 0.1);
    if (number % 3 === 0) scheduler.cancel(number - 1, number / 4);
  }
  scheduler.clear(6);
  scheduler.advance(6, 60);
  const count = (kind: string) => sent.filter(([what]) => what === kind).length;
  expect(count("on")).toBe(count("off"));
  expect(scheduler.busy).toBe(false);
});

test("what ended while the page was asleep is not played when it wakes", () => {
  scheduler.add(makeNote({ number: 1 }), 1, 2);
  scheduler.add(makeNote({ number: 2 }), 3600, 3601);
  scheduler.advance(3600.5, 0.1);
  expect(sent).toEqual([["on", 2, 3600.5]]);
  expect(scheduler.busy).toBe(true);
});
