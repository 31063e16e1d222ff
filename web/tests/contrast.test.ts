/** Text can be read: WCAG 2.2, AA, in both schemes. */

import { expect, test } from "vitest";
import page from "../src/style/page.css?raw";

const GROUNDS = ["ground", "stage", "raised"];
const TEXTS = ["ink", "quiet", "player", "model", "error"];
const ENOUGH = 4.5;
const ENOUGH_FOR_CONTROLS = 3;

/** The colours of the dark scheme, then those of the light one. */
function schemes(): Map<string, string>[] {
  const [dark = "", light = ""] = page.split("@media (prefers-color-scheme: light)");
  return [dark, light].map(
    (text) =>
      new Map([...text.matchAll(/--(\w+): (#\w{6})/g)].map(([, name = "", colour = ""]) => [name, colour])),
  );
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

test.each([
  ["dark", schemes()[0]],
  ["light", schemes()[1]],
])("in the %s scheme", (_name, scheme = new Map()) => {
  for (const text of TEXTS) {
    for (const ground of GROUNDS) {
      const found = contrast(scheme.get(text) ?? "", scheme.get(ground) ?? "");
      expect(found, `${text} on ${ground}`).toBeGreaterThanOrEqual(ENOUGH);
    }
  }
  for (const ground of GROUNDS) {
    const found = contrast(scheme.get("control") ?? "", scheme.get(ground) ?? "");
    expect(found, `controls on ${ground}`).toBeGreaterThanOrEqual(ENOUGH_FOR_CONTROLS);
  }
});
