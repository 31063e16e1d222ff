import { expect, test } from "vitest";
import { OffsetEstimator } from "../src/clock";

test("the fastest exchange says what the offset is, and its error is at most half of its delay", () => {
  const clock = new OffsetEstimator();
  const offset = 100;
  for (const [there, back] of [
    [0.2, 0.01],
    [0.002, 0.003],
    [0.001, 0.4],
  ] as const) {
    clock.add(5, 5 + there + back, 5 + there + offset);
  }
  expect(Math.abs(clock.offset - offset)).toBeLessThanOrEqual(0.0025);
  expect(clock.delay).toBeCloseTo(0.005);
});

test("old exchanges are forgotten, since clocks drift", () => {
  const clock = new OffsetEstimator(3);
  clock.add(0, 0, 100);
  for (let i = 1; i <= 3; i++) clock.add(i, i + 0.01, i + 0.005 + 101);
  expect(clock.offset).toBeCloseTo(101);
});

test("before the first exchange nothing is added", () => {
  expect(new OffsetEstimator().offset).toBe(0);
});

test("a clock that has jumped is believed at once: the computer slept, and one of the two went on", () => {
  const clock = new OffsetEstimator();
  for (let i = 0; i < 16; i++) clock.add(i, i + 0.002, i + 0.001 + 100);
  clock.add(20, 20.3, 20.1 + 100);
  expect(clock.offset, "a slow exchange that agrees is no jump").toBeCloseTo(100);
  clock.add(22, 22.2, 22.1 + 3700);
  expect(clock.offset).toBeCloseTo(3700);
});
