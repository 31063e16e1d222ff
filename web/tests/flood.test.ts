import { expect, test } from "vitest";
import { FloodGuard } from "../src/flood";

test("what hands, wheels and clocks send is heard", () => {
  const guard = new FloodGuard();
  const verdicts = [...Array(6000).keys()].map((i) => guard.judge("keys", i / 300));
  expect(new Set(verdicts)).toEqual(new Set(["heard"]));
});

test("an input that floods is left out until it is quiet, and the others are heard", () => {
  const guard = new FloodGuard();
  const verdicts = [...Array(4000).keys()].map((i) => guard.judge("broken", i / 4000));
  expect(verdicts.filter((verdict) => verdict === "begins")).toHaveLength(1);
  expect(verdicts.filter((verdict) => verdict === "heard").length).toBeLessThan(1000);
  expect(verdicts.at(-1)).toBe("blocked");
  expect(guard.judge("keys", 1)).toBe("heard");
  expect(guard.judge("broken", 1.5)).toBe("blocked");
  expect(guard.judge("broken", 2.6)).toBe("back");
  expect(guard.judge("broken", 2.7)).toBe("heard");
});

test("a clock that jumps back blocks nobody", () => {
  const guard = new FloodGuard();
  guard.judge("keys", 1000);
  expect(guard.judge("keys", 1)).toBe("heard");
  expect(guard.judge("keys", 2)).toBe("heard");
});
