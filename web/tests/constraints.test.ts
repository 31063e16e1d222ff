import { expect, test } from "vitest";
import { labelOf, toText, toValue } from "../src/constraints";
import type { Option } from "../src/messages";

function makeOption(type: Option["type"], byDefault: unknown = null): Option {
  return {
    type,
    default: byDefault,
    description: "",
    minimum: null,
    maximum: null,
    choices: null,
    constraint: "x",
  };
}

test.each([
  ["text", "Dm7 G7 | Cmaj7"],
  ["integer", 3],
  ["number", 0.25],
  ["list", ["flute", "oboe"]],
  ["boolean", true],
  ["boolean", false],
  ["text", null],
] as const)("a value of type %s stands in its box as it is: %j", (type, value) => {
  const option = makeOption(type);
  expect(toValue(toText(value, option), option)).toEqual(value);
});

test("an empty box stands for the default", () => {
  expect(toValue("  ", makeOption("integer"))).toBeNull();
  expect(toValue("", makeOption("integer", 4))).toBe(4);
});

test("a setting is called by its name", () => {
  expect(labelOf("notes_per_bar")).toBe("Notes per bar");
});
